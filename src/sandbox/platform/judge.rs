//! The guide as a judge reads it, from the message alone: structure, fixed values, coherence, and the document itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hl7v2::{Header, Message, Part, Segment};
use crate::problem::Issue;

/// The metadata in their order.
const METADATA: [&str; 10] = [
    "MASQUE_PS",
    "INVISIBLE_PATIENT",
    "INVISIBLE_REP_LEGAUX",
    "CONNEXION_SECRETE",
    "MODIF_CONF_CODE",
    "DESTDMP",
    "DESTMSSANTEPS",
    "DESTMSSANTEPAT",
    "ACK_RECEPTION",
    "ACK_LECTURE_MSS",
];

/// The combinations that the guide lists for MSSanté, flag by flag: `Y`, `N`, or `*` for either.
const LISTED: [&str; 3] = ["NNN***YY**", "NYN***YN**", "*N*N*NNY**"];

/// Event of an MDM, ORC-1 and OBX-11 that belong together.
const ACTS: [(&str, &str, &str); 3] = [("T02", "NW", "F"), ("T10", "RO", "C"), ("T04", "CA", "D")];

/// What is wrong with a message, each with its place.
#[must_use]
pub fn judge(message: &Message, header: &Header) -> Vec<Issue> {
    let mut found = Findings(Vec::new());
    let mdm = header.code == "MDM";
    envelope(message, header, &mut found);
    if !structure(message, mdm) {
        found.add("structure", "MSH", "the segments are not those of the guide, in its order");
        return found.0;
    }
    patient(message, &mut found);
    order(message, header, &mut found);
    document(message, mdm, &mut found);
    if mdm {
        transcription(message, header, &mut found);
    }
    metadata(message, mdm, &mut found);
    found.0
}

struct Findings(Vec<Issue>);

impl Findings {
    fn add(&mut self, code: &'static str, place: &str, what: &str) {
        self.0.push(Issue::error(code, what).at(place));
    }

    fn need(&mut self, holds: bool, place: &str, what: &str) {
        if !holds {
            self.add("value", place, what);
        }
    }
}

fn envelope(message: &Message, header: &Header, found: &mut Findings) {
    let kind = (header.code.as_str(), header.event.as_str(), header.structure.as_str());
    let known = matches!(kind, ("MDM", "T02" | "T10" | "T04", "MDM_T02") | ("ORU", "R01", "ORU_R01"));
    if !known {
        found.add(
            "not-supported",
            "MSH-9",
            "MDM^T02, T10 and T04 of structure MDM_T02 are taken, and ORU^R01^ORU_R01",
        );
    }
    let version = if header.code == "MDM" { "2.6" } else { "2.5" };
    if header.version != version {
        found.add("not-supported", "MSH-12", "an MDM is of version 2.6, an ORU of 2.5");
    }
    let Some(msh) = message.segment("MSH") else { return };
    for field in [3, 4, 5, 6, 7] {
        let place = format!("MSH-{field}");
        found.need(!msh.field(field).is_empty(), &place, "applications, facilities and time are required");
    }
    found.need(msh.field(17).text() == "FRA", "MSH-17", "the country is FRA");
    let charset = msh.field(18).text();
    found.need(matches!(charset.as_str(), "UNICODE UTF-8" | "8859/15"), "MSH-18", "UNICODE UTF-8 or 8859/15");
    let profile = (msh.field(21).text(), msh.field(21).component(2).text());
    found.need(
        profile == ("2.1".to_owned(), "CISIS_CDA_HL7_V2".to_owned()),
        "MSH-21",
        "2.1^CISIS_CDA_HL7_V2",
    );
}

/// MDM: MSH EVN PID PV1 ORC [TQ1] OBR TXA {OBX [PRT] [NTE]}. ORU: MSH PID [PV1] ORC OBR {OBX [PRT] [NTE]}.
fn structure(message: &Message, mdm: bool) -> bool {
    let mut names = message.segments().iter().map(Segment::name).peekable();
    let head: &[(&str, bool)] = if mdm {
        &[
            ("MSH", true),
            ("EVN", true),
            ("PID", true),
            ("PV1", true),
            ("ORC", true),
            ("TQ1", false),
            ("OBR", true),
            ("TXA", true),
        ]
    } else {
        &[("MSH", true), ("PID", true), ("PV1", false), ("ORC", true), ("OBR", true)]
    };
    for (name, required) in head {
        if names.next_if_eq(name).is_none() && *required {
            return false;
        }
    }
    let mut observations = 0;
    while names.next_if_eq(&"OBX").is_some() {
        observations += 1;
        while names.next_if_eq(&"PRT").is_some() {}
        while names.next_if_eq(&"NTE").is_some() {}
    }
    observations > 0 && names.next().is_none()
}

fn patient(message: &Message, found: &mut Findings) {
    let (Some(pid), visit) = (message.segment("PID"), message.segment("PV1")) else { return };
    let status = pid.field(32).text();
    found.need(!pid.field(3).is_empty(), "PID-3", "the patient has a number");
    found.need(!pid.field(5).is_empty(), "PID-5", "the patient has a name");
    for number in pid.field(3).repetitions() {
        let authority = number.component(4);
        found.need(!number.text().is_empty(), "PID-3.1", "a number is empty");
        found.need(
            authority.subcomponent(3).text() == "ISO",
            "PID-3.4.3",
            "authorities are named by their OID",
        );
        let ins = authority.subcomponent(2).text().starts_with("1.2.250.1.213.1.4.");
        found.need(
            ins == (number.component(5).text() == "INS"),
            "PID-3.5",
            "an INS has the type INS, and nothing else has",
        );
        found.need(!ins || status == "VALI", "PID-32", "an INS travels with a validated identity");
    }
    let Some(visit) = visit else { return };
    let class = visit.field(2).text();
    found.need(!class.is_empty(), "PV1-2", "the class is required");
    let numbered = !visit.field(19).is_empty();
    found.need(
        numbered || !matches!(class.as_str(), "E" | "I" | "O" | "R"),
        "PV1-19",
        "such a visit has its number",
    );
}

fn order(message: &Message, header: &Header, found: &mut Findings) {
    let text =
        |name: &str, field| message.segment(name).map(|one| one.field(field).text()).unwrap_or_default();
    let (control, status) = (text("ORC", 1), text("OBX", 11));
    let coherent = ACTS.iter().any(|(event, order, result)| {
        *order == control && *result == status && (header.code == "ORU" || *event == header.event)
    });
    found.need(coherent, "ORC-1", "event, ORC-1 and OBX-11 do not agree");
    let same = message.segment("OBR").map(|one| one.field(4).raw())
        == message.segment("OBX").map(|one| one.field(3).raw());
    found.need(same, "OBR-4", "OBR-4 and OBX-3 of the document are the same");
}

fn document(message: &Message, mdm: bool, found: &mut Findings) {
    let Some(obx) = message.segment("OBX") else { return };
    let value = obx.field(5);
    let word = |component| value.component(component).text();
    let text = if mdm { "text" } else { "TEXT" };
    found.need(obx.field(2).text() == "ED", "OBX-2", "the document is of type ED");
    found.need(word(2) == text, "OBX-5.2", "the type is text in an MDM and TEXT in an ORU");
    found.need(word(3) == "XML" && word(4) == "Base64", "OBX-5.3", "the document is XML in Base64");
    let bytes = STANDARD.decode(word(5)).unwrap_or_default();
    let xml = String::from_utf8_lossy(&bytes);
    found.need(xml.contains("<ClinicalDocument"), "OBX-5.5", "the document is no CDA");
    let table = obx.field(3).component(3).text();
    found.need(
        matches!(table.as_str(), "LN" | "TRE_A05"),
        "OBX-3.3",
        "types of documents are coded in LN or TRE_A05",
    );
}

fn transcription(message: &Message, header: &Header, found: &mut Findings) {
    let Some(txa) = message.segment("TXA") else { return };
    let text = |field| txa.field(field).text();
    let code = message.segment("OBX").map(|obx| obx.field(3).text()).unwrap_or_default();
    found.need(text(1) == "1", "TXA-1", "the set id is 1");
    found.need(text(2) == code, "TXA-2", "the type is that of the document");
    found.need(text(3) == "TEXT", "TXA-3", "the presentation is TEXT");
    found.need(!text(12).is_empty(), "TXA-12", "the document has its id");
    found.need(
        header.event != "T10" || !text(13).is_empty(),
        "TXA-13",
        "a replacement names what it replaces",
    );
    found.need(text(17) == "AU", "TXA-17", "the status is AU");
}

fn metadata(message: &Message, mdm: bool, found: &mut Findings) {
    let coded = if mdm { "CWE" } else { "CE" };
    let rows: Vec<&Segment> = message.all("OBX").skip(1).collect();
    let names: Vec<String> = rows.iter().take(METADATA.len()).map(|obx| obx.field(3).text()).collect();
    if names != METADATA {
        found.add("required", "OBX[2]-3", "the ten metadata come in the order of the guide");
        return;
    }
    for (at, obx) in rows.iter().enumerate() {
        let place = format!("OBX[{}]", at + 2);
        found.need(obx.field(1).text() == (at + 2).to_string(), &place, "set ids are consecutive");
        found.need(obx.field(3).component(3).text() == "MetaDMPMSS", &place, "the table is MetaDMPMSS");
        found.need(obx.field(11).text() == "F", &place, "the status of metadata is F");
        let mail = at >= METADATA.len();
        let value = obx.field(5).text();
        let valued = mail || matches!(value.as_str(), "Y" | "N");
        found.need(
            valued && obx.field(2).text() == if mail { "ED" } else { coded },
            &place,
            "the value is Y or N, of the type of the message",
        );
    }
    combination(message, &rows, found);
}

fn combination(message: &Message, rows: &[&Segment], found: &mut Findings) {
    let values: String = rows.iter().take(METADATA.len()).map(|obx| obx.field(5).text()).collect();
    let set = |at: usize| values.as_bytes().get(at) == Some(&b'Y');
    let listed =
        |row: &&str| row.bytes().zip(values.bytes()).all(|(sign, value)| sign == b'*' || sign == value);
    if (set(6) || set(7)) && !LISTED.iter().any(listed) {
        found.add("code-invalid", "OBX[2]-5", "this combination is not in the table of the guide");
    }
    let takes_part = |code: &str| message.all("PRT").any(|prt| Part::text(prt.field(4)) == code);
    found.need(!set(5) || takes_part("SB"), "PRT-4", "who feeds the DMP is named");
    found.need(!(set(6) || set(7)) || takes_part("RCT"), "PRT-4", "who gets a copy is named");
}
