//! Where a document stands at a destination, from its deliveries and from what came back about them. Pure.

use jiff::Timestamp;

use crate::interaction::hl7v2::BusinessReceipt;
use crate::outbox::{Act, Outcome, State};
use crate::store::DeliveryRecord;

/// Where it stands, in the order in which a document goes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Not sent yet, or sent in vain: it goes on by itself.
    Pending,
    /// Sent, and it is not known what became of it.
    Sent,
    /// A relay has it; who is behind has not answered.
    Acknowledged,
    /// The destination has it.
    Accepted,
    /// The destination refused it.
    Rejected,
    /// A person stopped it.
    Stopped,
    /// The destination has it, and a later version in its place.
    Replaced,
    /// The destination withdrew it.
    Withdrawn,
}

impl Standing {
    /// Code of `CodeSystem/proof-state`.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Stopped => "stopped",
            Self::Replaced => "replaced",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// As people read it.
    pub(super) const fn french(self) -> &'static str {
        match self {
            Self::Pending => "en attente",
            Self::Sent => "envoyé",
            Self::Acknowledged => "acquitté",
            Self::Accepted => "accepté",
            Self::Rejected => "refusé",
            Self::Stopped => "arrêté",
            Self::Replaced => "remplacé",
            Self::Withdrawn => "supprimé",
        }
    }
}

/// Where something stands, since when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) standing: Standing,
    pub(super) since: Timestamp,
    /// Code and reason, as the destination or the person gave it.
    pub(super) reason: Option<String>,
}

impl Found {
    const fn new(standing: Standing, since: Timestamp) -> Self {
        Self { standing, since, reason: None }
    }
}

/// Where a document stands at one destination, by its deliveries there, oldest first. `replaced_at` is when the
/// destination took a later version; `receipts` what came back about one delivery, oldest first.
///
/// None without a delivery.
pub(super) fn of_document(
    deliveries: &[&DeliveryRecord],
    replaced_at: Option<Timestamp>,
    receipts: impl Fn(&DeliveryRecord) -> Vec<BusinessReceipt>,
) -> Option<Found> {
    let of = |wanted: fn(Act) -> bool| {
        deliveries.iter().copied().filter(move |record| wanted(record.delivery.act))
    };
    if let Some(at) =
        of(|act| act == Act::Withdraw).collect::<Vec<_>>().iter().rev().find_map(|record| accepted_at(record))
    {
        return Some(Found::new(Standing::Withdrawn, at));
    }
    if let Some(at) = replaced_at {
        return Some(Found::new(Standing::Replaced, at));
    }
    // A later delivery of the same document follows one that did not arrive, or that it took the place of.
    let given: Vec<&DeliveryRecord> = of(Act::gives).collect();
    let last = given.iter().rev().find(|record| accepted_at(record).is_some()).or(given.last())?;
    Some(of_delivery(last, &receipts(last)))
}

/// Where one delivery stands.
pub(super) fn of_delivery(record: &DeliveryRecord, receipts: &[BusinessReceipt]) -> Found {
    // The registry behind a relay decides; a mailbox does when there is no registry.
    let decisive = receipts.iter().rev().find(|one| one.is_of_registry()).or(receipts.last());
    if let Some(receipt) = decisive {
        let standing = if receipt.accepted { Standing::Accepted } else { Standing::Rejected };
        return Found { standing, since: receipt.recorded, reason: receipt.reason.clone() };
    }
    if let Some(at) = accepted_at(record) {
        let is_relay = record.delivery.kind == "mllp";
        return Found::new(if is_relay { Standing::Acknowledged } else { Standing::Accepted }, at);
    }
    if let Some(stop) = record.progress.stop.as_ref().filter(|_| record.progress.state == State::Stopped) {
        let reason = Some(format!("{} : {}", stop.by, stop.reason));
        return Found { standing: Standing::Stopped, since: stop.at, reason };
    }
    match record.attempts.last().map(|attempt| (attempt.ended_at, &attempt.outcome)) {
        Some((since, Outcome::Refused { reason })) => {
            Found { standing: Standing::Rejected, since, reason: Some(reason.clone()) }
        }
        Some((since, Outcome::Unreachable { reason } | Outcome::Held { reason })) => {
            Found { standing: Standing::Pending, since, reason: Some(reason.clone()) }
        }
        Some((since, Outcome::Expired)) => Found::new(Standing::Sent, since),
        Some((since, Outcome::Accepted(_))) => Found::new(Standing::Accepted, since),
        None => Found::new(Standing::Pending, record.delivery.created_at),
    }
}

/// When the receiver said yes.
pub(super) fn accepted_at(record: &DeliveryRecord) -> Option<Timestamp> {
    let is_yes = |outcome: &Outcome| matches!(outcome, Outcome::Accepted(_));
    record.attempts.iter().find(|attempt| is_yes(&attempt.outcome)).map(|attempt| attempt.ended_at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::{Attempt, Delivery, Progress, Receipt, Stop};

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn record(kind: &str, act: Act, outcomes: &[Outcome]) -> DeliveryRecord {
        let attempt = |(n, outcome): (u32, &Outcome)| Attempt {
            number: n,
            started_at: second(10 * i64::from(n)),
            ended_at: second(10 * i64::from(n) + 1),
            outcome: outcome.clone(),
        };
        DeliveryRecord {
            delivery: Delivery {
                id: "d".to_owned(),
                destination: "x".to_owned(),
                kind: kind.to_owned(),
                patient: "Patient/p".to_owned(),
                subject: "DocumentReference/r".to_owned(),
                act,
                content_type: String::new(),
                payload: Vec::new(),
                created_at: second(0),
            },
            payload_bytes: 0,
            progress: Progress::new(second(0)),
            attempts: (1..).zip(outcomes).map(attempt).collect(),
        }
    }

    fn yes() -> Outcome {
        Outcome::Accepted(Receipt { status: "AA".to_owned(), reference: None })
    }

    fn no() -> Outcome {
        Outcome::Refused { reason: "422".to_owned() }
    }

    fn silence() -> Outcome {
        Outcome::Unreachable { reason: "no connection".to_owned() }
    }

    fn receipt(code: &str, accepted: bool) -> BusinessReceipt {
        BusinessReceipt {
            code: code.to_owned(),
            display: String::new(),
            accepted,
            recorded: second(99),
            reason: (!accepted).then(|| "DMPClosed : DMP fermé".to_owned()),
            mailbox: None,
        }
    }

    #[test]
    fn a_delivery_stands_where_its_last_answer_puts_it() {
        let check =
            |record: &DeliveryRecord, receipts: &[BusinessReceipt], standing, since, reason: Option<&str>| {
                let found = of_delivery(record, receipts);
                assert_eq!(
                    (found.standing, found.since, found.reason.as_deref()),
                    (standing, second(since), reason)
                );
            };
        check(&record("xds", Act::Provide, &[]), &[], Standing::Pending, 0, None);
        check(&record("xds", Act::Provide, &[silence()]), &[], Standing::Pending, 11, Some("no connection"));
        check(&record("xds", Act::Provide, &[Outcome::Expired]), &[], Standing::Sent, 11, None);
        check(&record("xds", Act::Provide, &[silence(), no()]), &[], Standing::Rejected, 21, Some("422"));
        check(&record("xds", Act::Provide, &[no(), yes()]), &[], Standing::Accepted, 21, None);
        let relayed = record("mllp", Act::Provide, &[yes()]);
        check(&relayed, &[], Standing::Acknowledged, 11, None);
        check(&relayed, &[receipt("ACK_RECEPTION_DMP", true)], Standing::Accepted, 99, None);
        let refused = [receipt("ACK_RECEPTION_DMP", false), receipt("ACK_RECEPTION_MSS", true)];
        check(&relayed, &refused, Standing::Rejected, 99, Some("DMPClosed : DMP fermé"));
        let mut stopped = record("fhir", Act::Provide, &[no()]);
        stopped.progress.state = State::Stopped;
        stopped.progress.stop =
            Some(Stop { by: "Practitioner/1".to_owned(), reason: "doublon".to_owned(), at: second(50) });
        check(&stopped, &[], Standing::Stopped, 50, Some("Practitioner/1 : doublon"));
    }

    #[test]
    fn a_withdrawal_outweighs_a_replacement_and_both_what_was_provided() {
        let provided = record("xds", Act::Provide, &[yes()]);
        let asked = record("xds", Act::Withdraw, &[no()]);
        let withdrawn = record("xds", Act::Withdraw, &[no(), yes()]);
        let check = |records: &[&DeliveryRecord], replaced_at: Option<i64>, standing| {
            let found = of_document(records, replaced_at.map(second), |_| Vec::new()).unwrap();
            assert_eq!(found.standing, standing);
        };
        check(&[&provided], None, Standing::Accepted);
        check(&[&provided], Some(60), Standing::Replaced);
        check(&[&provided, &asked], None, Standing::Accepted);
        check(&[&provided, &withdrawn], Some(60), Standing::Withdrawn);
        let hidden = record("xds", Act::Visibility, &[no()]);
        check(&[&provided, &hidden], None, Standing::Accepted);
        check(&[&provided, &hidden, &withdrawn], None, Standing::Withdrawn);
        assert_eq!(of_document(&[], None, |_| Vec::new()), None);
    }
}
