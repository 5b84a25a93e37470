//! `MDM^T04`, or `ORU^R01` with OBX-11 `D`: the message of the document again, which now asks for its deletion
//! (CI-SIS *Transmission d'un document CDA R2 en HL7v2* 2.1.3, *Évènements déclenchants*).

use jiff::Timestamp;

use super::{Sent, damaged};
use crate::hl7v2::{Message, Segment, Value, timestamp};
use crate::problem::Problem;
use crate::report::french;
use crate::report::hl7v2::Route;

/// The message that withdraws the document of `sent`. The parties are those of today's configuration; patient, document,
/// flags and recipients are those that the platform was told.
///
/// # Errors
/// Internal, if what was sent is no message.
pub fn message(sent: &Sent<'_>, route: &Route, control_id: &str, at: Timestamp) -> Result<Vec<u8>, Problem> {
    let before = Message::parse(sent.payload).map_err(|_| damaged("HL7 v2 message"))?;
    let is_mdm = before.header().map_err(|_| damaged("HL7 v2 message"))?.code == "MDM";
    let now = timestamp(at, french::in_paris(at).time_zone());
    let mut document_seen = false;
    let mut segments = Vec::with_capacity(before.segments().len());
    for segment in before.segments().iter().cloned() {
        segments.push(match segment.name() {
            "MSH" => header(segment, route, control_id, &now, is_mdm.then_some("T04")),
            "EVN" => segment.with(2, now.as_str()),
            "ORC" => segment.with(1, "CA"),
            // What it replaced is nothing to a withdrawal.
            "TXA" => segment.with(13, ""),
            "OBX" if !document_seen => {
                document_seen = true;
                segment.with(11, "D")
            }
            _ => segment,
        });
    }
    if document_seen { Ok(Message::new(segments).encode()) } else { Err(damaged("message with a document")) }
}

/// The header of a message that follows another one: today's parties, its own time and control id, and its event if it is
/// an `MDM`.
pub(in crate::report) fn header(
    msh: Segment,
    route: &Route,
    control_id: &str,
    now: &str,
    event: Option<&str>,
) -> Segment {
    let ([application, facility], [receiver, receiving_facility]) =
        (<[Value; 2]>::from(&route.from), <[Value; 2]>::from(&route.to));
    let msh = msh
        .with(3, application)
        .with(4, facility)
        .with(5, receiver)
        .with(6, receiving_facility)
        .with(7, now)
        .with(10, control_id);
    match event {
        Some(event) => msh.with(9, Value::components(["MDM", event, "MDM_T02"])),
        None => msh,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::header::Header;
    use crate::report::hl7v2::{Act, Kind, route::tests::route};
    use crate::report::{Document, example};

    fn document() -> Document {
        let mut report = example::report();
        report.version = 2;
        report.replaces = Some(example::replaced());
        example::document_of(&report)
    }

    /// What the transmission of that act would have been at that moment.
    fn rendered(
        header: &Header,
        cda: &[u8],
        kind: Kind,
        act: Option<Act>,
        id: &str,
        at: Timestamp,
    ) -> Vec<u8> {
        let route = Route { kind, ..route() };
        let mut transmission = route.transmission(header, cda, id, at);
        transmission.act = act.unwrap_or(transmission.act);
        transmission.render().unwrap()
    }

    #[test]
    fn it_is_the_deletion_that_would_be_rendered_of_the_document_itself() {
        let document = document();
        let (first, later) =
            ("2026-03-09T14:20:02Z".parse().unwrap(), "2026-07-01T08:00:00Z".parse().unwrap());
        for kind in [Kind::Mdm, Kind::Oru] {
            let sent = rendered(&document.header, &document.cda, kind, None, "Abcdefghij0123456789", first);
            let id = &document.edition.document_id;
            let sent = Sent { document_id: id, content_type: "x-application/hl7-v2+er7", payload: &sent };
            let made = message(&sent, &route(), "Zbcdefghij0123456789", later).unwrap();
            let expected = rendered(
                &document.header,
                &document.cda,
                kind,
                Some(Act::Deletion),
                "Zbcdefghij0123456789",
                later,
            );
            assert_eq!(String::from_utf8(made), String::from_utf8(expected), "{kind:?}");
        }
    }

    #[test]
    fn what_is_no_message_is_not_turned_into_one() {
        let sent = Sent { document_id: "d", content_type: "text/plain", payload: b"hello" };
        let at = "2026-03-09T14:20:02Z".parse().unwrap();
        assert!(message(&sent, &route(), "Zbcdefghij0123456789", at).is_err());
    }
}
