//! The message that changes from whom a document is hidden: *demande de remplacement / mise à jour des métadonnées* (CI-SIS
//! *Transmission d'un document CDA R2 en HL7v2* 2.1.3): `MDM^T10`, ORC-1 `RO`, OBX-11 `C`, and `MODIF_CONF_CODE` `Y`.
//!
//! The guide has no message for metadata alone, and its one example replaces the document besides. Here the document is the
//! same, so TXA-12 and TXA-13 name the same: nothing else has changed, and nobody is mailed it again. Whether a platform
//! takes that is to be asked of its owner; one that does not gets a Task instead (`hl7v2.visibility`).

use jiff::Timestamp;

use super::Visibility;
use crate::hl7v2::{Message, Segment, Value, timestamp};
use crate::problem::Problem;
use crate::report::french;
use crate::report::hl7v2::{Flags, Listing, Route};
use crate::report::withdrawal::{Sent, damaged, header};

/// Names of the flags that hide, and the codes that they stand for.
const HIDING: [(&str, &str); 3] = [
    ("MASQUE_PS", "MASQUE_PS"),
    ("INVISIBLE_PATIENT", "INVISIBLE_PATIENT"),
    ("INVISIBLE_REP_LEGAUX", "INVISIBLE_REPRESENTANTS_LEGAUX"),
];

/// The message that tells of the document of `sent` that it is hidden so from now on.
///
/// # Errors
/// Internal, if what was sent is no message.
pub fn message(
    sent: &Sent<'_>,
    route: &Route,
    visibility: &Visibility,
    control_id: &str,
    at: Timestamp,
) -> Result<Vec<u8>, Problem> {
    let before = read(sent)?;
    let is_mdm = before.header().map_err(|_| damaged("HL7 v2 message"))?.code == "MDM";
    let flags = Flags {
        confidentiality_changed: true,
        to_professionals: false,
        to_patient: false,
        reading_receipt: false,
        ..flags(&before, visibility)
    };
    let now = timestamp(at, french::in_paris(at).time_zone());
    let mut segments = Vec::with_capacity(before.segments().len());
    let mut document_seen = false;
    for segment in flagged(&before, flags) {
        segments.push(match segment.name() {
            "MSH" => header(segment, route, control_id, &now, is_mdm.then_some("T10")),
            "EVN" => segment.with(2, now.as_str()),
            "ORC" => segment.with(1, "RO"),
            "TXA" => {
                let own = segment.field(12).text();
                segment.with(13, own)
            }
            "OBX" if !document_seen => {
                document_seen = true;
                segment.with(11, "C")
            }
            _ => segment,
        });
    }
    if document_seen { Ok(Message::new(segments).encode()) } else { Err(damaged("message with a document")) }
}

/// The message of `sent`, which nobody has begun to send, hidden so from the start, under another control id.
///
/// # Errors
/// Internal, if that is no message.
pub(super) fn unsent(
    sent: &Sent<'_>,
    listing: Listing,
    visibility: &Visibility,
    control_id: &str,
) -> Result<Vec<u8>, Problem> {
    let before = read(sent)?;
    let flags = flags(&before, visibility).narrowed().fitted(listing);
    let segments = flagged(&before, flags).into_iter().map(|segment| match segment.name() {
        "MSH" => segment.with(10, control_id),
        _ => segment,
    });
    Ok(Message::new(segments.collect()).encode())
}

/// The message of `sent` as it would be about a document that is hidden from these: what a later withdrawal is made from, so
/// that nobody is mailed of what is hidden from him.
///
/// # Errors
/// Internal, if that is no message.
pub fn relabelled(sent: &Sent<'_>, masks: &[String]) -> Result<Vec<u8>, Problem> {
    let before = read(sent)?;
    let visibility = Visibility::default().changed(masks, &[], None);
    // What was listed stays so: only the mails of the examples are in question, and those were sent.
    let flags = flags(&before, &visibility).narrowed().fitted(Listing::TableAndExamples);
    Ok(Message::new(flagged(&before, flags)).encode())
}

/// From whom the message of `sent` says that its document is hidden, in the order of the guide.
///
/// # Errors
/// Internal, if that is no message.
pub fn told(sent: &Sent<'_>) -> Result<Vec<&'static str>, Problem> {
    let message = read(sent)?;
    Ok(HIDING.iter().filter(|(name, _)| is_set(&message, name)).map(|(_, code)| *code).collect())
}

fn read(sent: &Sent<'_>) -> Result<Message, Problem> {
    Message::parse(sent.payload).map_err(|_| damaged("HL7 v2 message"))
}

fn is_set(message: &Message, name: &str) -> bool {
    message.all("OBX").any(|obx| obx.field(3).text() == name && obx.field(5).text() == "Y")
}

/// The flags of a message, but for those that hide.
fn flags(message: &Message, visibility: &Visibility) -> Flags {
    let set = |name: &str| is_set(message, name);
    let hidden = |at: usize| HIDING.get(at).is_some_and(|(_, code)| visibility.hides(code));
    Flags {
        hidden_from_professionals: hidden(0),
        hidden_from_patient: hidden(1),
        hidden_from_representatives: hidden(2),
        secret: set("CONNEXION_SECRETE"),
        confidentiality_changed: set("MODIF_CONF_CODE"),
        to_dmp: set("DESTDMP"),
        to_professionals: set("DESTMSSANTEPS"),
        to_patient: set("DESTMSSANTEPAT"),
        receipt: set("ACK_RECEPTION"),
        reading_receipt: set("ACK_LECTURE_MSS"),
        no_reply_from_patient: false,
    }
}

/// The segments of a message with these flags, without the mails, and those who get them, that the flags no longer ask for.
fn flagged(message: &Message, flags: Flags) -> Vec<Segment> {
    let mails = flags.to_professionals || flags.to_patient;
    let goes = |segment: &&Segment| match segment.name() {
        "PRT" => match segment.field(4).text().as_str() {
            "RCT" if segment.field(15).component(4).text().ends_with("@patient.mssante.fr") => {
                flags.to_patient
            }
            "RCT" => flags.to_professionals,
            "REPLY" => mails,
            _ => true,
        },
        "NTE" => flags.to_patient,
        "OBX" => match segment.field(3).text().as_str() {
            "CORPSMAIL_PS" => flags.to_professionals,
            "CORPSMAIL_PATIENT" => flags.to_patient,
            _ => true,
        },
        _ => true,
    };
    let mut set_id = 0;
    let mut segments = Vec::new();
    for segment in message.segments().iter().filter(goes) {
        let mut segment = segment.clone();
        if segment.name() == "OBX" {
            set_id += 1;
            let name = segment.field(3).text();
            if let Some((_, _, set)) = flags.listed().iter().find(|(known, ..)| *known == name) {
                let value = Value::components([if *set { "Y" } else { "N" }, "", "expandedYes-NoIndicator"]);
                segment = segment.with(5, value);
            }
            segment = segment.with(1, set_id.to_string());
        }
        segments.push(segment);
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::hl7v2::{Act, Kind, route::tests::route};
    use crate::report::{Document, example};

    fn hidden(codes: &[&str]) -> Visibility {
        Visibility { masks: super::super::masks(codes.iter().copied()), archived: false }
    }

    fn first(document: &Document, route: &Route) -> Vec<u8> {
        let at = "2026-03-09T14:20:02Z".parse().unwrap();
        route.transmission(&document.header, &document.cda, "Abcdefghij0123456789", at).render().unwrap()
    }

    fn mailing() -> Route {
        let mut route = route();
        route.flags =
            Flags { to_professionals: true, to_patient: true, no_reply_from_patient: true, ..route.flags };
        route.copies_to = vec!["a@b.mssante.fr".to_owned()];
        route.reply_to = Some("r@b.mssante.fr".to_owned());
        route.mail = [Some("un".to_owned()), Some("deux".to_owned())];
        route
    }

    /// It is what would be rendered of a document that replaces itself, hidden so, and mailed to nobody.
    #[test]
    fn it_is_the_replacement_that_would_be_rendered_of_the_document_itself() {
        let document = example::document();
        let later: Timestamp = "2026-07-01T08:00:00Z".parse().unwrap();
        for kind in [Kind::Mdm, Kind::Oru] {
            for route in [Route { kind, ..route() }, Route { kind, ..mailing() }] {
                let payload = first(&document, &route);
                let id = &document.edition.document_id;
                let sent =
                    Sent { document_id: id, content_type: "x-application/hl7-v2+er7", payload: &payload };
                let visibility = hidden(&["INVISIBLE_PATIENT"]);
                let made = message(&sent, &route, &visibility, "Zbcdefghij0123456789", later).unwrap();
                let mut header = document.header.clone();
                header.visibility = visibility.masks.clone();
                let quiet = Route { kind, ..super::tests::route() };
                let mut expected = quiet.transmission(&header, &document.cda, "Zbcdefghij0123456789", later);
                expected.act = Act::Replacement { parent: "2.25.1".to_owned() };
                expected.flags.confidentiality_changed = true;
                let expected = String::from_utf8(expected.render().unwrap()).unwrap();
                let own = format!("|{}|2.25.1|", document.header.id);
                let expected = expected.replace(&own, &format!("|{0}|{0}|", document.header.id));
                assert_eq!(String::from_utf8(made).unwrap(), expected, "{kind:?}");
            }
        }
    }

    #[test]
    fn what_is_not_sent_yet_is_what_would_have_been_rendered_hidden() {
        let document = example::document();
        let route = mailing();
        let payload = first(&document, &route);
        let id = &document.edition.document_id;
        let sent = Sent { document_id: id, content_type: "x-application/hl7-v2+er7", payload: &payload };
        let at = "2026-03-09T14:20:02Z".parse().unwrap();
        for codes in [&["INVISIBLE_PATIENT"][..], &["MASQUE_PS"], &["INVISIBLE_REPRESENTANTS_LEGAUX"], &[]] {
            let visibility = hidden(codes);
            let made = unsent(&sent, route.listing, &visibility, "Zbcdefghij0123456789").unwrap();
            let mut header = document.header.clone();
            header.visibility = visibility.masks;
            let mut expected = route.transmission(&header, &document.cda, "Zbcdefghij0123456789", at);
            // Without a mail its text is nobody's.
            let Flags { to_professionals, to_patient, .. } = expected.flags;
            expected.mail[0].take_if(|_| !to_professionals);
            expected.mail[1].take_if(|_| !to_patient);
            let expected = String::from_utf8(expected.render().unwrap()).unwrap();
            let made = String::from_utf8(made).unwrap();
            assert_eq!(made, expected, "{codes:?}");
            let sent = Sent { payload: made.as_bytes(), ..sent };
            assert_eq!(told(&sent).unwrap(), codes);
        }
    }
}
