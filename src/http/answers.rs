//! Which statuses each interaction answers with. `openapi.yaml` is tested against this table, and every answer that
//! is not in it is logged as an error of ours.

use super::route::Interaction;

/// What reading a body may be answered with, beyond the rest.
const BODY: &[u16] = &[408, 413, 415];

/// The statuses of an interaction, in order.
#[must_use]
pub fn statuses(interaction: Interaction) -> Vec<u16> {
    // Whatever is asked: a query that cannot be read, and a fault of ours.
    let mut all = vec![400, 500];
    if interaction == Interaction::Options {
        return vec![204, 400, 500];
    }
    all.extend_from_slice(own(interaction));
    all.extend(interaction.is_fhir().then_some(406));
    // Without a store, or while it is being opened.
    let stored = interaction != Interaction::Live;
    all.extend(stored.then_some(503));
    if takes_body(interaction) {
        all.extend_from_slice(BODY);
    }
    // Without documents no report can become final.
    let finalises = matches!(
        interaction,
        Interaction::Bundle
            | Interaction::Create
            | Interaction::Update
            | Interaction::UpdateWhere
            | Interaction::Patch
            | Interaction::PatchWhere
    );
    all.extend((finalises && !cfg!(feature = "pdf")).then_some(405));
    all.sort_unstable();
    all
}

/// Whether an interaction may answer with that status.
pub(super) fn describes(interaction: Interaction, status: u16) -> bool {
    own(interaction).contains(&status) || statuses(interaction).contains(&status)
}

/// Whether a body is read.
#[must_use]
pub const fn takes_body(interaction: Interaction) -> bool {
    matches!(
        interaction,
        Interaction::Bundle
            | Interaction::Create
            | Interaction::Update
            | Interaction::SearchForm
            | Interaction::UpdateWhere
            | Interaction::Patch
            | Interaction::PatchWhere
            | Interaction::Validate
            | Interaction::Evaluate
            | Interaction::PeriodReport
            | Interaction::Visibility
            | Interaction::DeliveryStop
            | Interaction::DeliveryResend
    )
}

const fn own(interaction: Interaction) -> &'static [u16] {
    match interaction {
        Interaction::Capabilities
        | Interaction::Live
        | Interaction::Ready
        | Interaction::Metrics
        | Interaction::OpenApi
        | Interaction::SearchType
        | Interaction::SearchForm
        | Interaction::Deliveries => &[200],
        Interaction::Read | Interaction::Vread => &[200, 304, 404, 410],
        Interaction::History => &[200, 404],
        Interaction::Bundle => &[200, 404, 409, 410, 412, 422, 507],
        Interaction::Options => &[204],
        Interaction::Delete => &[200, 204, 404, 409, 412, 507],
        Interaction::Patch | Interaction::PatchWhere => &[200, 404, 409, 410, 412, 422, 507],
        Interaction::DeleteWhere => &[200, 204, 409, 412, 507],
        Interaction::UpdateWhere => &[200, 201, 409, 412, 422, 507],
        Interaction::SearchCompartment | Interaction::Everything | Interaction::Proof => &[200, 404, 410],
        Interaction::Evaluate | Interaction::Validate => &[200, 422],
        Interaction::PeriodReport => &[200, 201, 404, 409, 410, 422, 507],
        Interaction::Visibility => &[200, 404, 409, 410, 422, 507],
        Interaction::Create => &[200, 201, 409, 412, 422, 507],
        // 404: what stands for the id is no id but the name of something that is not here.
        Interaction::Update => &[200, 201, 404, 409, 412, 422, 507],
        Interaction::DeliveryStop | Interaction::DeliveryResend => &[200, 404, 409, 422, 507],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_described_or_not() {
        let check = |interaction, status, expected| {
            assert_eq!(describes(interaction, status), expected, "{interaction:?} {status}");
        };
        check(Interaction::Read, 200, true);
        check(Interaction::Read, 503, true);
        check(Interaction::Read, 201, false);
        check(Interaction::Options, 204, true);
        check(Interaction::Options, 406, false);
    }

    #[test]
    fn a_read_and_a_create_have_their_statuses() {
        assert_eq!(statuses(Interaction::Live), [200, 400, 500]);
        assert_eq!(statuses(Interaction::Read), [200, 304, 400, 404, 406, 410, 500, 503]);
        assert_eq!(
            statuses(Interaction::Create),
            [200, 201, 400, 406, 408, 409, 412, 413, 415, 422, 500, 503, 507]
        );
    }
}
