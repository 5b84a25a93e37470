//! How confidential a report is, and from whom it is hidden: `meta.security` of the `DiagnosticReport`, in the codes of
//! `JDV_J08` (HL7 v3 confidentiality, and `TRE_A07`).

use crate::json::Value;

use crate::fhir::element::{at, list, str_at};
use crate::terminology::nos::{Code, ValueSet};

/// The levels, the most confidential first.
const LEVELS: [&str; 3] = ["V", "R", "N"];

/// The most confidential level that is said (`N` if none is), and each kind of reader from whom the document is hidden.
pub(super) fn read(report: &Value) -> (Code, Vec<Code>) {
    let security = at(report, "meta").into_iter().flat_map(|meta| list(meta, "security"));
    let said: Vec<Code> =
        security.filter_map(|coding| Code::of(ValueSet::Confidentiality, str_at(coding, "code")?)).collect();
    let level = LEVELS.iter().find(|level| said.iter().any(|code| code.code == **level)).unwrap_or(&"N");
    let mut visibility: Vec<Code> =
        said.into_iter().filter(|code| !LEVELS.contains(&code.code.as_str())).collect();
    visibility.sort_by(|one, other| one.code.cmp(&other.code));
    visibility.dedup();
    (normal(level), visibility)
}

fn normal(level: &str) -> Code {
    Code::of(ValueSet::Confidentiality, level)
        .unwrap_or_else(|| Code::new("N", "2.16.840.1.113883.5.25", "Normal"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn the_highest_level_counts_and_every_mask() {
        let check = |codes: &[&str], level: &str, masks: &[&str]| {
            let security: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
            let (found, visibility) = read(&json!({"meta": {"security": security}}));
            let hidden: Vec<&str> = visibility.iter().map(|code| code.code.as_str()).collect();
            assert_eq!((found.code.as_str(), hidden.as_slice()), (level, masks), "{codes:?}");
        };
        check(&[], "N", &[]);
        check(&["N"], "N", &[]);
        check(&["N", "V", "R"], "V", &[]);
        check(&["MASQUE_PS"], "N", &["MASQUE_PS"]);
        check(
            &["R", "MASQUE_PS", "INVISIBLE_PATIENT", "MASQUE_PS"],
            "R",
            &["INVISIBLE_PATIENT", "MASQUE_PS"],
        );
        check(&["HTEST"], "N", &[]);
    }
}
