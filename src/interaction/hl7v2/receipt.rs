//! Business receipts `ZAM^Z01`, `Z02` and `Z03`: what the DMP, a mail server or a reader made of a document that was
//! delivered (CI-SIS *Transmission d'un document CDA R2 en HL7v2* 2.1.3, "Les messages d'accusés métier").
//!
//! A receipt becomes a `Provenance` of the document: what was said, by whom, when, and about which delivery; and an
//! `AuditEvent`, which nobody can change and which the proof rests on. One that says no becomes a Task too: the technical acknowledgment was a yes, and only a person can mend what came after it.

use crate::json::{Value, json};

use super::commit::{Ended, Rounds, commit, sound};
use super::request;
use crate::audit;
use crate::fhir::datetime::instant;
use crate::fhir::element;
use crate::fhir::meta;
use crate::hl7v2::{Fault, Header, Message, Part, Segment, delivery_id};
use crate::interaction::{Context, incoming, library};
use crate::problem::{Category, Problem};
use crate::store::{DeliveryFilter, DeliveryRecord, Expect, Unit, Write};
use crate::terminology::DELIVERY;

/// Kind of delivery that receipts are about.
pub(super) const KIND: &str = "mllp";
/// The three receipts, as the guide's table `AckMetierZAM` names them.
pub(super) const SYSTEM: &str = "https://vigie.example/fhir/CodeSystem/business-receipt";
/// Whether a receipt says yes.
const OUTCOME: &str = "https://vigie.example/fhir/CodeSystem/receipt-outcome";
/// Role of the mailbox that a receipt is about, beside the one who sent the receipt.
pub(super) const ROLE: &str = "https://vigie.example/fhir/CodeSystem/receipt-party";

/// What an event acknowledges, and how that is shown.
pub(super) fn acknowledgment(event: &str) -> Option<(&'static str, &'static str)> {
    match event {
        "Z01" => Some(("ACK_RECEPTION_DMP", "Accusé de réception DMP")),
        "Z02" => Some(("ACK_RECEPTION_MSS", "Accusé de réception MSSanté")),
        "Z03" => Some(READ),
        _ => None,
    }
}

const READ: (&str, &str) = ("ACK_LECTURE_MSS", "Accusé de lecture");

/// What a message says.
struct Receipt {
    /// `ACK_RECEPTION_DMP`, `ACK_RECEPTION_MSS` or `ACK_LECTURE_MSS`.
    code: &'static str,
    display: &'static str,
    /// Of the message, or of the document.
    about: String,
    accepted: bool,
    /// Code and label of the reason, when it says no.
    reason: Option<(String, String)>,
    /// The mailbox.
    mailbox: Option<String>,
}

/// Takes a receipt.
///
/// # Errors
/// `Invalid` with the place of what cannot be read, `NotFound` at OBX-4 when no delivery of ours is meant.
pub(super) async fn take(ctx: &Context, message: &Message, header: &Header) -> Result<(), Problem> {
    let receipt = Receipt::read(message, header)?;
    let record = delivery(ctx, &receipt.about).await?;
    let mut rounds = Rounds::new(ctx);
    loop {
        rounds.begin()?;
        if rounds.is_over(round(ctx, message, header, &receipt, &record).await?) {
            tracing::info!(
                delivery = %record.delivery.id,
                receipt = receipt.code,
                accepted = receipt.accepted,
                "a business receipt was taken"
            );
            return Ok(());
        }
    }
}

async fn round(
    ctx: &Context,
    message: &Message,
    header: &Header,
    receipt: &Receipt,
    record: &DeliveryRecord,
) -> Result<Ended, Problem> {
    let mut unit = Unit::new("receipt", incoming::now(ctx));
    let event = event(receipt, record, header, &ctx.ids.next(), unit.at);
    sound(&event)?;
    let holder = element::local_reference(&event).unwrap_or_default();
    unit.writes.push(Write::new(&event, Expect::New)?);
    let audited = audit::of_answer(&record.delivery, &receipt.answer(header, unit.at), &ctx.ids.next());
    unit.writes.push(Write::new(&audited, Expect::New)?);
    if !receipt.accepted {
        unit.writes.extend(task(ctx, receipt, record, &unit).await?);
    }
    commit(ctx, unit, message, header, &holder).await
}

impl Receipt {
    fn read(message: &Message, header: &Header) -> Result<Self, Problem> {
        let (code, display) = acknowledgment(&header.event).unwrap_or(READ);
        let refused =
            |code, place: &str, what: &str| Err(Problem::new(Category::Invalid, code, what).at(place));
        let Some(status) = message.segment("OBX") else {
            return refused("structure", "OBX", "a receipt has its status in OBX");
        };
        if status.field(3).text() != code {
            return refused("code-invalid", "OBX-3.1", "the status is not the one of this event");
        }
        let about = status.field(4).text();
        if about.is_empty() {
            return refused("required", "OBX-4", "a receipt says which message it is about");
        }
        let accepted = match status.field(5).text().as_str() {
            "Y" => true,
            "N" => false,
            _ => return refused("code-invalid", "OBX-5.1", "the status is Y or N (table 0136)"),
        };
        let reason = message.all("ERR").map(Fault::read).find_map(|fault| {
            let (code, label, _) = fault.application?;
            Some((code, label))
        });
        Ok(Self { code, display, about, accepted, reason, mailbox: mailbox(message) })
    }

    /// What the event of the receipt says: codes, no label.
    fn answer<'a>(&'a self, header: &'a Header, at: jiff::Timestamp) -> audit::Answer<'a> {
        audit::Answer {
            event: &header.event,
            control_id: &header.control_id,
            sender: &header.sender.application,
            accepted: self.accepted,
            code: self.reason.as_ref().map(|(code, _)| code.as_str()).filter(|code| !code.is_empty()),
            at,
        }
    }

    /// `DMPClosed : DMP fermé`, or that no reason was given.
    fn why(&self) -> String {
        match &self.reason {
            Some((code, label)) if label.is_empty() => code.clone(),
            Some((code, label)) => format!("{code} : {label}"),
            None => "sans motif".to_owned(),
        }
    }
}

/// The address in the second OBX of a receipt about mail.
fn mailbox(message: &Message) -> Option<String> {
    let of = |obx: &Segment| matches!(obx.field(3).text().as_str(), "DESTINATAIRE_MSS" | "LECTEUR_MSS");
    let address = message.all("OBX").find(|obx| of(obx)).map(|obx| Part::text(obx.field(5).component(4)))?;
    Some(address).filter(|address| !address.is_empty())
}

/// The delivery that is meant: by the control id of its message, or by the OID of its document.
async fn delivery(ctx: &Context, about: &str) -> Result<DeliveryRecord, Problem> {
    let by_message =
        delivery_id(about).map(|id| DeliveryFilter { id: Some(id), ..DeliveryFilter::default() });
    let by_document =
        document(about).map(|subject| DeliveryFilter { subject: Some(subject), ..DeliveryFilter::default() });
    for filter in by_message.into_iter().chain(by_document) {
        let records = ctx.store.deliveries(&filter).await?;
        if let Some(record) = records.into_iter().find(|record| record.delivery.kind == KIND) {
            return Ok(record);
        }
    }
    let what = "no message or document of this number was sent from here";
    Err(Problem::new(Category::NotFound, "not-found", what).at("OBX-4"))
}

/// The `DocumentReference` of an OID made from a UUID (ITU-T X.667).
fn document(about: &str) -> Option<String> {
    let number: u128 = about.trim_start_matches("urn:oid:").strip_prefix("2.25.")?.parse().ok()?;
    Some(format!("DocumentReference/{}", uuid::Uuid::from_u128(number).hyphenated()))
}

fn event(
    receipt: &Receipt,
    record: &DeliveryRecord,
    header: &Header,
    id: &str,
    at: jiff::Timestamp,
) -> Value {
    let delivery = &record.delivery;
    let party = |code: &str, name: &str| json!({"type": {"coding": [{"system": ROLE, "code": code}]}, "who": {"display": name}});
    let sender = [header.sender.application.as_str(), header.sender.facility.as_str()].join("|");
    let mut agents = vec![party("sender", &sender)];
    agents.extend(receipt.mailbox.as_deref().map(|mailbox| party("mailbox", mailbox)));
    let mut reasons = vec![json!({"coding": [{
        "system": OUTCOME, "code": if receipt.accepted { "accepted" } else { "rejected" }}]})];
    if !receipt.accepted {
        let mut reason = json!({"text": receipt.why()});
        if let Some((code, _)) = receipt.reason.as_ref().filter(|(code, _)| !code.is_empty()) {
            reason["coding"] = json!([{"code": code}]);
        }
        reasons.push(reason);
    }
    let source = |identifier: Value| json!({"role": "source", "what": {"identifier": identifier}});
    let event = json!({
        "resourceType": "Provenance",
        "target": [{"reference": delivery.subject}],
        "recorded": instant(at),
        "activity": {"coding": [{"system": SYSTEM, "code": receipt.code, "display": receipt.display}]},
        "reason": reasons,
        "agent": agents,
        "entity": [
            source(json!({"system": DELIVERY, "value": delivery.id})),
            source(json!({"value": header.control_id})),
        ],
    });
    meta::stamp(event, id, 1, at)
}

/// A Task for a receipt that says no, unless one about the same is open.
async fn task(
    ctx: &Context,
    receipt: &Receipt,
    record: &DeliveryRecord,
    unit: &Unit,
) -> Result<Option<Write>, Problem> {
    let mailbox = receipt.mailbox.as_deref().unwrap_or("son destinataire");
    let what = match receipt.code {
        "ACK_RECEPTION_DMP" => "Le DMP n'a pas pris le compte rendu".to_owned(),
        "ACK_RECEPTION_MSS" => format!("La messagerie sécurisée n'a pas remis le compte rendu à {mailbox}"),
        _ => format!("Le compte rendu n'a pas été intégré par {mailbox}"),
    };
    let why = format!(
        "{what} ({}). L'hôpital l'avait accepté : corriger, ou transmettre autrement.",
        receipt.why()
    );
    let name =
        format!("{}/{}/{}", record.delivery.id, receipt.code, receipt.mailbox.as_deref().unwrap_or_default());
    let token = format!("{}|{name}", request::system());
    let known =
        library::read_all(ctx.store.as_ref(), "Task", &[("identifier", &token), ("status", "requested")])
            .await?;
    if !known.is_empty() {
        return Ok(None);
    }
    let (patient, document) = (record.delivery.patient.as_str(), record.delivery.subject.as_str());
    let task = request::refused(&ctx.ids.next(), &name, (patient, document), &why, unit.at);
    Write::new(&task, Expect::New).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: &str, lines: &str) -> Result<Receipt, Problem> {
        let text = format!(
            "MSH|^~\\&|PFI|CHU|VIGIE|CHU|2026||ZAM^{event}^ZAM_Z01|017|T|2.6|||||FRA|UNICODE UTF-8\r{lines}"
        );
        let message = Message::parse(text.as_bytes()).unwrap();
        let header = message.header().unwrap();
        Receipt::read(&message, &header)
    }

    #[test]
    fn the_national_examples_are_read() {
        let no = "OBX|1|CWE|ACK_RECEPTION_DMP^Accusé de réception DMP^AckMetierZAM|015|N^^HL70136||||||F|\r\
                  ERR|||207^Application internal error^HL70357|E|DMPClosed^DMP fermé^DMPERRORCODE\r";
        let receipt = read("Z01", no).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!((receipt.accepted, receipt.about.as_str()), (false, "015"));
        assert_eq!(receipt.why(), "DMPClosed : DMP fermé");
        let yes = "OBX|1|CWE|ACK_LECTURE_MSS^Accusé de lecture^AckMetierZAM|015|Y^^HL70136||||||F|\r\
                   OBX|2|XTN|LECTEUR_MSS^Lecteur^AckMetierZAM|801234567897|^^X.400^essai@test.mssante.fr||||||F|\r";
        let receipt = read("Z03", yes).unwrap_or_else(|problem| panic!("{problem}"));
        assert!(receipt.accepted);
        assert_eq!(receipt.mailbox.as_deref(), Some("essai@test.mssante.fr"));
    }

    #[test]
    fn what_is_no_receipt_is_refused_with_its_place() {
        let check = |lines: &str, place: &str| {
            let problem = read("Z01", lines).err().expect("it was read");
            assert_eq!(problem.issues[0].expression.as_deref(), Some(place));
        };
        check("", "OBX");
        check("OBX|1|CWE|ACK_LECTURE_MSS|015|Y\r", "OBX-3.1");
        check("OBX|1|CWE|ACK_RECEPTION_DMP||Y\r", "OBX-4");
        check("OBX|1|CWE|ACK_RECEPTION_DMP|015|PEUT-ETRE\r", "OBX-5.1");
    }

    #[test]
    fn a_document_is_meant_by_its_oid_too() {
        let expected = "DocumentReference/f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        assert_eq!(document("2.25.329800735698586629295641978511506172918").as_deref(), Some(expected));
        assert_eq!(document("1.2.250.1"), None);
    }
}
