//! The segments that both messages have: header, patient, visit, order, document, metadata
//! (HL7 v2.5 and v2.6, chapters 2, 3, 4 and 7; PAM.fr 2.11).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::participation::{recipient, reply_to, sender};
use super::{Kind, PROFILE, Patient, PatientNumber, Transmission};
use crate::hl7v2::{Segment, Value, timestamp};

/// MSH of a message of this type and version.
pub(super) fn header(t: &Transmission, kind: [&str; 3], version: &str) -> Segment {
    let ([application, facility], [receiver, receiving_facility]) =
        (<[Value; 2]>::from(&t.from), <[Value; 2]>::from(&t.to));
    Segment::new("MSH")
        .with(3, application)
        .with(4, facility)
        .with(5, receiver)
        .with(6, receiving_facility)
        .with(7, now(t))
        .with(9, Value::components(kind))
        .with(10, t.control_id.as_str())
        .with(11, t.processing.as_str())
        .with(12, version)
        .with(17, "FRA")
        .with(18, "UNICODE UTF-8")
        .with(21, Value::components(PROFILE))
}

/// The moment of the message.
pub(super) fn now(t: &Transmission) -> String {
    timestamp(t.at, &t.zone)
}

/// PID: the numbers are those of the document.
pub(super) fn patient(patient: &Patient) -> Segment {
    let numbers = patient.numbers.iter().map(number).fold(Value::default(), Value::and);
    let birth = |name: &str, names: &str, kind: &str| {
        Value::components([name, &patient.first_name, names]).with(7, kind)
    };
    let mut names = birth(&patient.birth_name, &patient.given_names, "L");
    if let Some(used) = &patient.used_name {
        names = names.and(birth(used, "", "D"));
    }
    let mut segment = Segment::new("PID")
        .with(3, numbers)
        .with(5, names)
        .with(7, patient.birth_date.as_str())
        .with(8, patient.sex)
        .with(31, "N")
        .with(32, patient.status);
    if let Some(place) = &patient.birth_place {
        segment = segment.with(11, Value::default().with(7, "BDL").with(9, place.as_str()));
    }
    match &patient.account {
        Some(account) => segment.with(18, number(account).with(5, "AN")),
        None => segment,
    }
}

fn number(number: &PatientNumber) -> Value {
    Value::from(number.value.as_str())
        .with_subcomponents(4, [number.authority.as_str(), number.oid.as_str(), "ISO"])
        .with(5, number.kind)
}

/// PV1.
pub(super) fn visit(t: &Transmission) -> Segment {
    let segment = Segment::new("PV1").with(1, "1").with(2, t.visit.class.as_str());
    match &t.visit.number {
        Some(stay) => segment.with(19, number(stay).with(5, "VN")),
        None => segment,
    }
}

/// ORC and OBR: what is asked, and for which type of document.
pub(super) fn order(t: &Transmission) -> [Segment; 2] {
    let (_, control, _) = t.act.codes();
    [Segment::new("ORC").with(1, control), Segment::new("OBR").with(1, "1").with(4, code(t))]
}

fn code(t: &Transmission) -> Value {
    Value::components(&t.payload.code)
}

/// OBX of the document, its PRT, then one OBX for each flag in the order of the guide.
pub(super) fn observations(t: &Transmission) -> Vec<Segment> {
    let (_, _, status) = t.act.codes();
    let (text, coded) = match t.kind {
        Kind::Mdm => ("text", "CWE"),
        Kind::Oru => ("TEXT", "CE"),
    };
    let document = Value::components(["", text, "XML", "Base64", &STANDARD.encode(&t.payload.bytes)]);
    let mut segments = vec![observation(1, "ED", code(t), document, status)];
    segments.push(sender(&t.sender, &t.organization));
    segments.extend(t.recipients.iter().map(recipient));
    segments.extend(t.reply_to.as_deref().map(reply_to));
    let mut set_id = 1;
    for (name, label, set) in t.flags.listed() {
        set_id += 1;
        let value = Value::components([if set { "Y" } else { "N" }, "", "expandedYes-NoIndicator"]);
        segments.push(observation(set_id, coded, metadata(name, label), value, "F"));
        if name == "DESTMSSANTEPAT" && set && t.flags.no_reply_from_patient {
            segments.push(Segment::new("NTE").with(1, "1").with(4, "FIN"));
        }
    }
    let mails = [
        ("CORPSMAIL_PS", "Corps du mail pour un PS"),
        ("CORPSMAIL_PATIENT", "Corps du mail pour le patient"),
    ];
    for ((name, label), mail) in mails.into_iter().zip(&t.mail) {
        if let Some(mail) = mail {
            set_id += 1;
            let body = Value::components(["", text, "", "Base64", &STANDARD.encode(mail)]);
            segments.push(observation(set_id, "ED", metadata(name, label), body, "F"));
        }
    }
    segments
}

fn metadata(name: &str, label: &str) -> Value {
    Value::components([name, label, "MetaDMPMSS"])
}

fn observation(set_id: usize, kind: &str, code: Value, value: Value, status: &str) -> Segment {
    Segment::new("OBX")
        .with(1, set_id.to_string())
        .with(2, kind)
        .with(3, code)
        .with(5, value)
        .with(11, status)
}
