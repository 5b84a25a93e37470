//! Messages of the CI-SIS about the official test identity: a first document, its replacement, its deletion.

use jiff::tz::TimeZone;
use vigie::hl7v2::Party;
use vigie::report::hl7v2::{
    Act, Flags, Kind, Listing, Organization, Patient, PatientNumber, Payload, Person, Sender, Transmission,
    Visit,
};

/// OID of the first document.
pub(crate) fn oid() -> String {
    "2.25.329800735698586629295641978511506172918".to_owned()
}

/// A first document, by MDM, for the DMP, with a receipt.
pub(crate) fn mdm(control_id: &str) -> Transmission {
    Transmission {
        kind: Kind::Mdm,
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
            unique_id: oid(),
            code: ["85208-7", "Compte rendu de télémédecine", "LN"].map(str::to_owned),
            confidentiality: "N".to_owned(),
            bytes: b"<ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>".to_vec(),
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

/// The document that replaces the first one.
pub(crate) fn replacement(control_id: &str) -> Transmission {
    let mut next = mdm(control_id);
    next.act = Act::Replacement { parent: oid() };
    next.payload.unique_id = "2.25.2".to_owned();
    next
}

/// The deletion of the replacement.
pub(crate) fn deletion(control_id: &str) -> Transmission {
    let mut next = replacement(control_id);
    next.act = Act::Deletion;
    next
}
