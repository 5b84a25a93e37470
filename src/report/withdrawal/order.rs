//! IHE ITI-57 Update Document Set: the document gets the status `Deleted` (CI-SIS), in the name of those who submitted it.

use jiff::Timestamp;

use super::{Sent, damaged};
use crate::problem::Problem;
use crate::report::Professional;
use crate::report::provide_and_register::{Submitter, claims};
use crate::xds::vihf::Claims;
use crate::xds::{Order, RIM, Status, SubmissionSet, ebrim, hl7};

/// The order that deletes the document of `sent`, as media type and bytes. `set_id` (the id of the submission set) and
/// `boundary` are UUIDs.
///
/// Only the author of a document may delete it in the DMP. So the order is made in the name of those who submitted it. When
/// that was a professional, and another one withdraws, the automaton of the same structure does it: nobody is said to have
/// logged in who has not. Whether the DMP takes the structure for the author then is not public.
///
/// # Errors
/// Internal, if what was sent is no order; `Invalid` with every fault of the metadata.
pub fn order(
    sent: &Sent<'_>,
    submitter: &Submitter,
    by: &Professional,
    (set_id, boundary): (&str, &str),
    at: Timestamp,
) -> Result<(String, Vec<u8>), Problem> {
    let (set, claims) = on_behalf(sent, submitter, by, set_id, at)?;
    Order::status(set, &sent.oid()?, (Status::Approved, Status::Deleted), claims, boundary)
}

/// The submission set and the claims of an order that follows the one of `sent`, in the name of whoever may give it.
///
/// # Errors
/// Internal, if what was sent is no order.
pub(in crate::report) fn on_behalf(
    sent: &Sent<'_>,
    submitter: &Submitter,
    by: &Professional,
    set_id: &str,
    at: Timestamp,
) -> Result<(SubmissionSet, Claims), Problem> {
    let damaged = || damaged("order to a repository");
    let (order, metadata, _) = Order::read(sent.content_type, sent.payload).map_err(|_| damaged())?;
    let list = metadata.first(RIM, "RegistryObjectList").ok_or_else(damaged)?;
    let submitted = ebrim::submission(list).map_err(|_| damaged())?.set;
    let (mut claims, mut author) = (order.claims, submitted.author.clone());
    if !claims::of_automaton(&claims) {
        if by.id.as_ref().is_some_and(|id| id.value() == claims.name_id) {
            claims.authenticated_at = claims.authenticated_at.map(|_| at);
        } else {
            let structure = author.institutions.first().and_then(|one| one.split('^').next());
            claims = claims::by_automaton(claims, submitter, structure.unwrap_or_default());
            let source = &submitted.source_id;
            author.person = hl7::device(source, source, &submitter.software, &submitter.model);
            author.roles = Vec::new();
            author.specialties = Vec::new();
        }
    }
    let set = SubmissionSet {
        unique_id: super::oid(set_id)?,
        submission_time: at.strftime("%Y%m%d%H%M%S").to_string(),
        author,
        ..submitted
    };
    Ok((set, claims))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{ProfessionalId, ProfessionalKind};
    use crate::report::example;
    use crate::report::provide_and_register::Sender;
    use crate::report::provide_and_register::tests::{order as provided, submitter};
    use crate::xds::Transaction;

    const UUID: &str = "018f0000-0000-7000-8000-0000000000f7";

    fn check(sender: Sender, by_author: bool) -> (Order, SubmissionSet) {
        let document = example::document();
        let (content_type, payload) = provided(&document, sender);
        let id = &document.edition.document_id;
        let sent = Sent { document_id: id, content_type: &content_type, payload: &payload };
        let mut by = example::report().author;
        if !by_author {
            by.id = ProfessionalId::new(ProfessionalKind::Rpps, "10009876543");
            assert!(by.id.is_some() && by.id != example::report().author.id);
        }
        let at = "2026-07-01T08:00:00Z".parse().unwrap();
        let (content_type, payload) =
            order(&sent, &submitter(sender), &by, (UUID, UUID), at).unwrap_or_else(|one| panic!("{one}"));
        let (order, metadata, documents) = Order::read(&content_type, &payload).unwrap();
        assert!(documents.is_empty());
        assert_eq!(order.about(), Some(document.header.id.as_str()));
        let Transaction::Status { to, .. } = &order.transaction else { panic!("another transaction") };
        assert_eq!(to, Status::Deleted.urn());
        let set = ebrim::submission(metadata.first(RIM, "RegistryObjectList").unwrap()).unwrap().set;
        assert_eq!(set.submission_time, "20260701080000");
        assert_ne!(set.unique_id, document.header.submission.id);
        assert_eq!(set.patient_id, order.claims.patient_id);
        (order, set)
    }

    #[test]
    fn it_goes_out_in_the_name_of_who_submitted_the_document() {
        let (order, set) = check(Sender::Automaton, false);
        assert_eq!(order.claims.roles[0].code, "AUTOMATE");
        assert!(set.author.person.contains("^Vigie^"));
        let (order, set) = check(Sender::Author, true);
        assert_eq!(order.claims.name_id, "810001234567");
        assert_eq!(order.claims.authenticated_at, None, "how they log in was not told");
        assert!(set.author.person.contains("ONCOLOGUE-TEST"));
    }

    #[test]
    fn nobody_is_said_to_have_logged_in_who_has_not() {
        let (order, set) = check(Sender::Author, false);
        assert_eq!(
            (order.claims.authentication.as_str(), order.claims.authenticated_at),
            ("unspecified", None)
        );
        assert_eq!(order.claims.roles[0].code, "AUTOMATE");
        assert!(set.author.person.contains("^Vigie^") && set.author.specialties.is_empty());
    }
}
