//! Identifiers: the token form of search, and the national health identity INS.

use crate::json::Value;

use super::element;
use crate::terminology;

/// A business identifier: a system (perhaps none) and a value.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Identifier {
    /// The namespace; empty when the identifier has none.
    pub system: String,
    /// The value within the namespace.
    pub value: String,
}

/// Prints the system only: values can be a patient's INS.
impl std::fmt::Debug for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}|…", self.system)
    }
}

impl Identifier {
    /// From an `Identifier` element; `None` without a value.
    #[must_use]
    pub fn of(element: &Value) -> Option<Self> {
        let value = element.get("value")?.as_str()?.to_owned();
        let system = element.get("system").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Self { system, value })
    }

    /// From the token form `system|value`; `|value` and `value` have no system. `None` without a value.
    #[must_use]
    pub fn parse(token: &str) -> Option<Self> {
        let (system, value) = token.split_once('|').unwrap_or(("", token));
        (!value.is_empty()).then(|| Self { system: system.to_owned(), value: value.to_owned() })
    }

    /// The token form `system|value`.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{}|{}", self.system, self.value)
    }

    /// Whether the namespace is one of the INS (real, test or demonstration).
    #[must_use]
    pub fn is_ins(&self) -> bool {
        terminology::INS_SYSTEMS.contains(&self.system.as_str())
    }
}

/// The first identifier of a resource in this system.
#[must_use]
pub fn find(resource: &Value, system: &str) -> Option<Identifier> {
    element::list(resource, "identifier").filter_map(Identifier::of).find(|found| found.system == system)
}

/// The INS of a Patient: the first identifier in an INS namespace whose key is right.
///
/// `FR Core` gives the billing number (type `NH`) the same namespace; it is passed over.
#[must_use]
pub fn ins(patient: &Value) -> Option<Identifier> {
    all_ins(patient).next()
}

/// Every INS of a Patient, each once and in order: the one in force, and those that it had.
#[must_use]
pub fn every_ins(patient: &Value) -> Vec<Identifier> {
    let mut all: Vec<Identifier> = all_ins(patient).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn all_ins(patient: &Value) -> impl Iterator<Item = Identifier> {
    element::list(patient, "identifier")
        .filter(|identifier| {
            identifier
                .get("type")
                .is_none_or(|kind| element::codings(kind).iter().all(|(_, code)| *code != "NH"))
        })
        .filter_map(Identifier::of)
        .filter(|found| found.is_ins() && is_ins_value(&found.value))
}

/// Whether a value has the form of an INS: 13 signs and the key `97 − (number mod 97)`.
///
/// In Corsica the department is `2A` or `2B`; the key is then reckoned with 19 or 18.
#[must_use]
pub fn is_ins_value(value: &str) -> bool {
    if value.len() != 15 || !value.is_ascii() {
        return false;
    }
    let (number, key) = value.split_at(13);
    let number = match &number[5..7] {
        "2A" => format!("{}19{}", &number[..5], &number[7..]),
        "2B" => format!("{}18{}", &number[..5], &number[7..]),
        _ => number.to_owned(),
    };
    if !number.bytes().chain(key.bytes()).all(|b| b.is_ascii_digit()) {
        return false;
    }
    matches!((number.parse::<u64>(), key.parse::<u64>()), (Ok(number), Ok(key)) if key == 97 - number % 97)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn check(value: &str, expected: bool) {
        assert_eq!(is_ins_value(value), expected, "{value}");
    }

    #[test]
    fn the_key_of_the_official_test_identity_is_right() {
        check("279035121518989", true);
        check("279035121518988", false);
    }

    #[test]
    fn corsica_counts_as_19_and_18() {
        for (letters, digits) in [("2A", "19"), ("2B", "18")] {
            let number: u64 = format!("10001{digits}000001").parse().unwrap();
            check(&format!("10001{letters}000001{:02}", 97 - number % 97), true);
        }
    }

    #[test]
    fn other_lengths_and_signs_are_refused() {
        for value in
            ["", "27903512151898", "2790351215189890", "27903512151898A", "2790351215é989", "+79035121518989"]
        {
            check(value, false);
        }
    }

    #[test]
    fn the_ins_is_found_beside_a_billing_number_and_a_local_one() {
        let value = "279035121518989";
        let patient = json!({ "identifier": [
            { "system": "urn:oid:1.2.250.1.213.1.4.8", "type": { "coding": [{ "code": "NH" }] }, "value": value },
            { "system": "https://chu.example/ipp", "value": "42" },
            { "system": terminology::INS_TEST, "value": value },
        ]});
        assert_eq!(
            ins(&patient).map(|found| found.token()),
            Some(format!("{}|{value}", terminology::INS_TEST))
        );
        assert_eq!(find(&patient, "https://chu.example/ipp").map(|found| found.value), Some("42".into()));
    }

    #[test]
    fn the_debug_form_does_not_show_the_value() {
        let shown = format!("{:?}", Identifier::parse("s|279035121518989"));
        assert!(!shown.contains("279035121518989"), "{shown}");
    }

    #[test]
    fn tokens_are_read_with_and_without_a_system() {
        assert_eq!(Identifier::parse("s|v").map(|i| i.token()), Some("s|v".into()));
        assert_eq!(Identifier::parse("v").map(|i| i.token()), Some("|v".into()));
        assert_eq!(Identifier::parse("s|"), None);
    }
}
