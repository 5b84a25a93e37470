//! The tables behind the check: which slots and codes an object has, how often, in what form and scheme.

use super::super::hl7;
use super::super::scheme::{
    ENTRY_CLASS, ENTRY_CONFIDENTIALITY, ENTRY_EVENT, ENTRY_FACILITY, ENTRY_FORMAT, ENTRY_PRACTICE,
    ENTRY_TYPE, SET_CONTENT_TYPE,
};

/// What a slot must be.
pub(super) struct SlotRule {
    pub(super) name: &'static str,
    pub(super) min: usize,
    pub(super) max: usize,
    pub(super) form: fn(&str) -> bool,
    pub(super) what: &'static str,
}

const fn slot(
    name: &'static str,
    min: usize,
    max: usize,
    form: fn(&str) -> bool,
    what: &'static str,
) -> SlotRule {
    SlotRule { name, min, max, form, what }
}

const TIME: &str = "is a time in UTC, YYYYMMDDhhmmss";

pub(super) const ENTRY_SLOTS: &[SlotRule] = &[
    slot("creationTime", 1, 1, hl7::is_time, TIME),
    slot("hash", 1, 1, is_sha1, "is a SHA-1 in hexadecimal"),
    slot("size", 1, 1, is_size, "is a number of bytes"),
    slot("languageCode", 1, 1, is_language, "is a language such as fr-FR"),
    slot("legalAuthenticator", 1, 1, hl7::is_xcn, "is an XCN"),
    slot("serviceStartTime", 1, 1, hl7::is_time, TIME),
    slot("serviceStopTime", 0, 1, hl7::is_time, TIME),
    slot("sourcePatientId", 1, 1, hl7::is_cx, "is number^^^&oid&ISO^type"),
    slot("URI", 0, 1, is_file, "is the name of a file"),
];

pub(super) const SET_SLOTS: &[SlotRule] = &[slot("submissionTime", 1, 1, hl7::is_time, TIME)];

/// What a code must be.
pub(super) struct CodeRule {
    pub(super) name: &'static str,
    pub(super) scheme: &'static str,
    pub(super) min: usize,
    pub(super) max: usize,
    /// None listed: any.
    pub(super) coding_schemes: &'static [&'static str],
}

const fn code(
    name: &'static str,
    scheme: &'static str,
    min: usize,
    max: usize,
    coding_schemes: &'static [&'static str],
) -> CodeRule {
    CodeRule { name, scheme, min, max, coding_schemes }
}

const LOINC: &str = "2.16.840.1.113883.6.1";

/// `URN` and `ASTM` are those of the signature of a submission set.
pub(super) const ENTRY_CODES: &[CodeRule] = &[
    code("classCode", ENTRY_CLASS, 1, 1, &["1.2.250.1.213.1.1.4.1", "URN"]),
    code("typeCode", ENTRY_TYPE, 1, 1, &[LOINC, "1.2.250.1.213.1.1.4.12", "ASTM"]),
    code("formatCode", ENTRY_FORMAT, 1, 1, &[]),
    code("confidentialityCode", ENTRY_CONFIDENTIALITY, 1, 4, &[]),
    code("healthcareFacilityTypeCode", ENTRY_FACILITY, 1, 1, &["1.2.250.1.71.4.2.4"]),
    code("practiceSettingCode", ENTRY_PRACTICE, 1, 1, &["1.2.250.1.213.1.1.4.9"]),
    code("eventCodeList", ENTRY_EVENT, 0, usize::MAX, &[]),
];

pub(super) const SET_CODES: &[CodeRule] =
    &[code("contentTypeCode", SET_CONTENT_TYPE, 1, 1, &["1.2.250.1.213.2.2"])];

pub(super) const LEVELS: [&str; 3] = ["N", "R", "V"];

const V3: &str = "2.16.840.1.113883.5.25";
const VISIBILITY: &str = "1.2.250.1.213.1.1.4.13";

/// `JDV_J08`: the codes of confidentiality, each with its scheme.
pub(super) const CONFIDENTIALITY: &[(&str, &str)] = &[
    ("N", V3),
    ("R", V3),
    ("V", V3),
    ("MASQUE_PS", VISIBILITY),
    ("INVISIBLE_PATIENT", VISIBILITY),
    ("INVISIBLE_REPRESENTANTS_LEGAUX", VISIBILITY),
];

fn is_sha1(hash: &str) -> bool {
    hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_size(size: &str) -> bool {
    size.parse::<u64>().is_ok_and(|size| size > 0)
}

/// Two letters, or two and a region; `art` is that of a signature.
fn is_language(language: &str) -> bool {
    let letters =
        |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    match language.split_once('-') {
        Some((language, region)) => letters(language, 2) && letters(region, 2),
        None => letters(language, 2) || language == "art",
    }
}

fn is_file(uri: &str) -> bool {
    !uri.is_empty()
        && uri.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
