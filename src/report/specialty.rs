//! Profession and specialty of a professional as headers of documents code them (`JDV_J01`, such as `G15_10/SM36`).

use crate::json::Value;

use crate::fhir::element::{codings, list};
use crate::terminology::PERFORMER_ROLE;
use crate::terminology::nos::{Code, ValueSet};

/// The roles of our own code system, for staff that no directory describes; the directory's own codes win.
const ROLES: &[(&str, &str)] =
    &[("oncologue", "G15_10/SM36"), ("medecin-garde", "G15_10"), ("ipa", "G15_60/SI02"), ("idec", "G15_60")];

/// The most precise code that `PractitionerRole.code`, `specialty` and `Practitioner.qualification` amount to; none when
/// they name no known profession.
pub(super) fn of(practitioner: &Value, role: Option<&Value>) -> Option<Code> {
    let of_role = |element| role.into_iter().flat_map(move |role| list(role, element));
    let qualifications = list(practitioner, "qualification").filter_map(|one| one.get("code"));
    let concepts: Vec<&Value> = of_role("code").chain(of_role("specialty")).chain(qualifications).collect();
    let all: Vec<(&str, &str)> = concepts.into_iter().flat_map(codings).collect();
    let whole = all.iter().map(|(_, code)| (*code).to_owned());
    let specialties: Vec<&str> = in_table(&all, "R38").chain(in_table(&all, "R04")).collect();
    let professions: Vec<String> = in_table(&all, "G15").map(|code| format!("G15_{code}")).collect();
    let implied = |specialty: &str| match specialty.get(..2) {
        Some("SM") => Some("G15_10"),
        Some("SI") => Some("G15_60"),
        _ => None,
    };
    let joined = specialties.iter().flat_map(|specialty| {
        let of_specialty = implied(specialty).map(str::to_owned);
        professions
            .iter()
            .cloned()
            .chain(of_specialty)
            .map(move |profession| format!("{profession}/{specialty}"))
    });
    let of_our_own = all
        .iter()
        .filter(|(system, _)| *system == PERFORMER_ROLE)
        .filter_map(|(_, code)| ROLES.iter().find(|(role, _)| role == code))
        .map(|(_, code)| (*code).to_owned());
    whole
        .filter(|code| code.starts_with("G15_"))
        .chain(joined)
        .chain(professions.iter().cloned())
        .chain(of_our_own)
        .find_map(|code| Code::of(ValueSet::AuthorSpecialty, &code))
}

/// The codes of that table of the nomenclature, whichever way its address is written.
fn in_table<'a>(codings: &'a [(&'a str, &'a str)], table: &'a str) -> impl Iterator<Item = &'a str> {
    let names = [format!("TRE_{table}"), format!("TRE-{table}")];
    codings
        .iter()
        .filter(move |(system, _)| names.iter().any(|name| system.contains(name.as_str())))
        .map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    const PROFESSION: &str =
        "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante";
    const SPECIALTY: &str =
        "https://mos.esante.gouv.fr/NOS/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale";

    #[test]
    fn the_directory_s_codes_become_one() {
        let check = |codings: &[(&str, &str)], expected: Option<&str>| {
            let codings: Vec<Value> =
                codings.iter().map(|(system, code)| json!({"system": system, "code": code})).collect();
            let role = json!({"code": [{"coding": codings}]});
            let found = of(&json!({}), Some(&role));
            assert_eq!(found.as_ref().map(|code| code.code.as_str()), expected, "{role}");
        };
        check(&[(PROFESSION, "10"), (SPECIALTY, "SM36")], Some("G15_10/SM36"));
        check(&[(SPECIALTY, "SM36")], Some("G15_10/SM36"));
        check(&[(SPECIALTY, "SI02")], Some("G15_60/SI02"));
        check(&[(PROFESSION, "10")], Some("G15_10"));
        check(&[(PROFESSION, "10"), (SPECIALTY, "SM999")], Some("G15_10"));
        check(&[("urn:oid:1.2.250.1.213.1.1.4.5", "G15_21")], Some("G15_21"));
        check(&[(PERFORMER_ROLE, "ipa")], Some("G15_60/SI02"));
        check(&[(PERFORMER_ROLE, "oncologue"), (PROFESSION, "10")], Some("G15_10"));
        check(&[(PERFORMER_ROLE, "secretaire")], None);
        check(&[], None);
    }

    #[test]
    fn every_role_of_ours_has_a_code_of_the_table() {
        for (role, code) in ROLES {
            assert!(Code::of(ValueSet::AuthorSpecialty, code).is_some(), "{role}");
        }
    }

    #[test]
    fn a_qualification_counts_when_there_is_no_role() {
        let practitioner =
            json!({"qualification": [{"code": {"coding": [{"system": SPECIALTY, "code": "SM26"}]}}]});
        assert_eq!(of(&practitioner, None).map(|code| code.code), Some("G15_10/SM26".to_owned()));
    }
}
