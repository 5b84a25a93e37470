//! Messages of the CI-SIS about the official test identity: a first document, its replacement, its deletion.

use vigie::hl7v2::Party;
use vigie::report::hl7v2::{
    Act, Flags, Kind, Listing, Organization, Patient, PatientNumber, Payload, Person, Sender, Transmission,
    Visit,
};

#[path = "../../../src/report/hl7v2/example.rs"]
mod example;

pub(crate) use example::OID;

/// A first document, by MDM, for the DMP, with a receipt.
pub(crate) fn mdm(control_id: &str) -> Transmission {
    example::first(Kind::Mdm, control_id, b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>")
}

/// The document that replaces the first one.
pub(crate) fn replacement(control_id: &str) -> Transmission {
    let mut next = mdm(control_id);
    next.act = Act::Replacement { parent: OID.to_owned() };
    next.payload.unique_id = "2.25.2".to_owned();
    next
}

/// The deletion of the replacement.
pub(crate) fn deletion(control_id: &str) -> Transmission {
    let mut next = replacement(control_id);
    next.act = Act::Deletion;
    next
}
