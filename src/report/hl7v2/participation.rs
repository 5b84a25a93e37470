//! Who sends a document, who gets it and who may be answered: the segment PRT, taken over from HL7 v2.9
//! (CI-SIS *Transmission d'un document CDA R2 en HL7v2*, "La demande de traitement").

use crate::hl7v2::{Segment, Value};

/// OID of the namespace of professionals.
const PS_ID_NAT: &str = "1.2.250.1.71.4.2.1";
/// OID of the namespace of structures.
const STRUCTURE_ID_NAT: &str = "1.2.250.1.71.4.2.2";

/// A professional.
#[derive(Clone, PartialEq, Eq)]
pub struct Person {
    /// National identifier with its prefix: `8` and the RPPS number.
    pub id: String,
    /// Name of practice.
    pub family: String,
    /// Given name of practice.
    pub given: String,
}

/// Who asks for the treatment of the document.
#[derive(Clone, PartialEq, Eq)]
pub enum Sender {
    /// A professional.
    Person(Person),
    /// A system, by its own identifier.
    Device(String),
}

/// The establishment of the sender.
#[derive(Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// Its FINESS number, nine characters.
    pub finess: String,
    /// `FINEG` when that is the number of a geographic entity, which the VIHF needs; `FINEJ` of a legal one.
    pub kind: String,
}

/// Who gets a copy by MSSanté.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Address in the trusted space.
    pub address: String,
    /// The professional, where it is one.
    pub person: Option<Person>,
    /// It is the patient.
    pub is_patient: bool,
}

/// Who asks: `SB`.
pub(super) fn sender(sender: &Sender, organization: &Organization) -> Segment {
    let number = Value::from(organization.name.as_str())
        .with_subcomponents(6, ["ASIP-SANTE-ST", STRUCTURE_ID_NAT, "ISO"])
        .with(7, organization.kind.as_str())
        .with(10, organization.finess.as_str());
    let segment = participation("SB", "Send by");
    match sender {
        Sender::Person(one) => segment.with(5, person(one)),
        Sender::Device(id) => segment.with(10, id.as_str()),
    }
    .with(8, number)
}

/// Who gets a copy: `RCT`.
pub(super) fn recipient(recipient: &Recipient) -> Segment {
    let segment = participation("RCT", "Result Copies To");
    let segment = match &recipient.person {
        Some(one) => segment.with(5, person(one)),
        None => segment,
    };
    segment.with(15, address(&recipient.address))
}

/// Who may be answered: `REPLY`.
pub(super) fn reply_to(mail: &str) -> Segment {
    participation("REPLY", "Reply To").with(15, address(mail))
}

fn participation(code: &str, label: &str) -> Segment {
    Segment::new("PRT").with(2, "UC").with(4, Value::components([code, label, "participation"]))
}

fn person(person: &Person) -> Value {
    Value::components([&person.id, &person.family, &person.given])
        .with_subcomponents(9, ["ASIP-SANTE-PS", PS_ID_NAT, "ISO"])
        .with(10, "D")
        .with(13, "IDNPS")
}

fn address(mail: &str) -> Value {
    Value::default().with(3, "X.400").with(4, mail)
}
