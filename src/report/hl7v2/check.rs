//! What the guide forbids, found before anything is sent. Every fault has its place in the message.

use super::{Act, Sender, Transmission};
use crate::problem::{Category, Issue, Problem};

/// MSH-10 in v2.5.
const CONTROL_ID_MAX: usize = 20;

/// Refuses with everything that is wrong.
pub(super) fn check(t: &Transmission) -> Result<(), Problem> {
    let mut issues = Vec::new();
    let mut need = |holds: bool, place: &str, what: &str| {
        if !holds {
            issues.push(Issue::error("business-rule", what).at(place));
        }
    };
    header(t, &mut need);
    patient(t, &mut need);
    document(t, &mut need);
    flags(t, &mut need);
    if issues.is_empty() { Ok(()) } else { Err(Problem::with(Category::Invalid, issues)) }
}

type Need<'a> = dyn FnMut(bool, &str, &str) + 'a;

fn header(t: &Transmission, need: &mut Need<'_>) {
    for (text, place) in [
        (&t.from.application, "MSH-3"),
        (&t.from.facility, "MSH-4"),
        (&t.to.application, "MSH-5"),
        (&t.to.facility, "MSH-6"),
    ] {
        need(!text.is_empty(), place, "sending and receiving application and facility are all named");
    }
    let fits = (1..=CONTROL_ID_MAX).contains(&t.control_id.len());
    need(fits, "MSH-10", "the control id has 1 to 20 characters");
    need(matches!(t.processing.as_str(), "P" | "T" | "D"), "MSH-11", "the processing id is P, T or D");
}

fn patient(t: &Transmission, need: &mut Need<'_>) {
    let patient = &t.patient;
    need(!patient.numbers.is_empty(), "PID-3", "the patient has a number");
    for number in &patient.numbers {
        need(
            is_oid(&number.oid),
            "PID-3.4",
            "the authority of a patient's number has an OID, as the CDA document needs",
        );
        need(!number.value.is_empty(), "PID-3.1", "a number of the patient is empty");
    }
    let ins = patient.numbers.iter().find(|number| number.kind == "INS");
    need(
        ins.is_none() || patient.status == "VALI",
        "PID-32",
        "an INS is sent for a qualified identity only: validated (VALI), with matching traits",
    );
    need(
        ins.is_none() || patient.birth_place.is_some(),
        "PID-11",
        "an INS goes with all strict traits: the INSEE code of the place of birth is missing",
    );
    need(
        t.processing != "P" || ins.is_none_or(|ins| !is_test(&ins.oid)),
        "PID-3.4",
        "a test or demonstration INS does not travel in production (MSH-11 P)",
    );
    need(
        !patient.birth_name.is_empty() && !patient.first_name.is_empty(),
        "PID-5",
        "the traits of birth are missing",
    );
    need(
        matches!(t.visit.class.as_str(), "E" | "I" | "O" | "R" | "N"),
        "PV1-2",
        "the class is E, I, O, R or N",
    );
    need(
        t.visit.class == "N" || t.visit.number.is_some(),
        "PV1-19",
        "a visit of class E, I, O or R has its number",
    );
}

fn document(t: &Transmission, need: &mut Need<'_>) {
    let payload = &t.payload;
    need(is_oid(&payload.unique_id), "TXA-12", "the document is named by an OID without extension");
    if let Act::Replacement { parent } = &t.act {
        need(is_oid(parent), "TXA-13", "a replacement names the OID of the document that it replaces");
        need(*parent != payload.unique_id, "TXA-13", "a document does not replace itself");
    }
    need(!payload.bytes.is_empty(), "OBX-5.5", "there is no document");
    need(!payload.code[0].is_empty(), "OBX-3.1", "the type of document is missing");
    need(
        matches!(payload.code[2].as_str(), "LN" | "TRE_A05"),
        "OBX-3.3",
        "the type of document is coded in LN or TRE_A05",
    );
}

fn flags(t: &Transmission, need: &mut Need<'_>) {
    let flags = &t.flags;
    need(
        flags.are_listed(t.listing),
        "OBX-3",
        "this combination of DMP and MSSanté flags is not in the guide's table: the platform would answer with an error",
    );
    need(
        !flags.to_dmp || t.patient.numbers.iter().any(|number| number.kind == "INS"),
        "PID-3",
        "a document goes to the DMP with a qualified INS only",
    );
    need(
        !flags.to_dmp || t.payload.confidentiality == "N",
        "OBX-3",
        "a document of restricted confidentiality (R, V) is not shared in the DMP",
    );
    let named = match &t.sender {
        Sender::Person(person) => person.id.len() > 1 && !person.family.is_empty(),
        Sender::Device(id) => !id.is_empty(),
    };
    need(
        named,
        "PRT-5",
        "who asks is named: a professional by the national identifier, or a system by its own",
    );
    need(
        t.organization.finess.len() == 9,
        "PRT-8.10",
        "the establishment has its FINESS number of nine characters",
    );
    let professionals = t.recipients.iter().filter(|recipient| !recipient.is_patient).count();
    let patients = t.recipients.len() - professionals;
    need(
        flags.to_professionals == (professionals > 0),
        "PRT-15",
        "DESTMSSANTEPS and the addresses of professionals go together",
    );
    need(
        flags.to_patient == (patients > 0),
        "PRT-15",
        "DESTMSSANTEPAT and the address of the patient go together",
    );
}

fn is_test(oid: &str) -> bool {
    matches!(oid, "1.2.250.1.213.1.4.10" | "1.2.250.1.213.1.4.11")
}

fn is_oid(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|arc| {
            !arc.is_empty()
                && arc.bytes().all(|byte| byte.is_ascii_digit())
                && (arc == "0" || !arc.starts_with('0'))
        })
}
