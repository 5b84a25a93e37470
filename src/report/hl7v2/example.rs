//! A message about the official test identity, for the tests of this room and for those of the whole service, which read this
//! file too: what it names comes from the module around it.

use jiff::tz::TimeZone;

use super::{
    Act, Flags, Kind, Listing, Organization, Party, Patient, PatientNumber, Payload, Person, Sender,
    Transmission, Visit,
};

/// OID of the document.
pub(crate) const OID: &str = "2.25.329800735698586629295641978511506172918";

/// A first document for the DMP, with a receipt.
pub(crate) fn first(kind: Kind, control_id: &str, document: &[u8]) -> Transmission {
    Transmission {
        kind,
        act: Act::First,
        control_id: control_id.to_owned(),
        at: "2026-03-09T14:20:02Z".parse().expect("an instant"),
        zone: TimeZone::get("Europe/Paris").expect("the zone of France"),
        from: Party { application: "VIGIE".to_owned(), facility: "CHU".to_owned() },
        to: Party { application: "PFI".to_owned(), facility: "CHU".to_owned() },
        processing: "T".to_owned(),
        patient: Patient {
            numbers: vec![
                PatientNumber::ins("279035121518989", "1.2.250.1.213.1.4.10"),
                PatientNumber::local("IPP-0042", "CHU", "1.2.250.1.999.2"),
            ],
            birth_name: "PAT-TROIS".to_owned(),
            first_name: "DOMINIQUE".to_owned(),
            given_names: "DOMINIQUE MARIE-LOUISE".to_owned(),
            used_name: None,
            birth_date: "19790328".to_owned(),
            sex: "F",
            birth_place: Some("51215".to_owned()),
            status: "VALI",
            account: None,
        },
        visit: Visit { class: "N".to_owned(), number: None },
        payload: Payload {
            unique_id: OID.to_owned(),
            code: ["85208-7", "Compte rendu de télémédecine", "LN"].map(str::to_owned),
            confidentiality: "N".to_owned(),
            bytes: document.to_vec(),
        },
        sender: Sender::Person(Person {
            id: "810001234567".to_owned(),
            family: "ONCOLOGUE-TEST".to_owned(),
            given: "Essai".to_owned(),
        }),
        organization: Organization {
            name: "CHU de test".to_owned(),
            finess: "010000001".to_owned(),
            kind: "FINEG".to_owned(),
        },
        recipients: Vec::new(),
        reply_to: None,
        flags: Flags { to_dmp: true, receipt: true, ..Flags::default() },
        listing: Listing::Table,
        mail: [None, None],
    }
}
