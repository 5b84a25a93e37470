//! Whatever is amended into whatever: the same bytes, nothing twice, nothing lowered.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::judgement::Priority;

const ACTIONS: [(&str, Level); 6] = [
    ("R87", Level::Jaune),
    ("R32-jaune", Level::Jaune),
    ("R32-orange", Level::Orange),
    ("R41", Level::Orange),
    ("R40", Level::Rouge),
    ("R90", Level::Technique),
];

/// What each rule does with one version of the response.
fn version() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0_u8..4, ACTIONS.len())
}

fn outcomes(version: &[u8]) -> Vec<Outcome> {
    let results = [Truth::False, Truth::True, Truth::NotEvaluable("x".to_owned()), Truth::True];
    let ruled = ACTIONS.iter().zip(version);
    ruled
        .map(|((id, level), result)| rule(id, *level, Some(id), results[usize::from(*result)].clone()))
        .collect()
}

/// The resources after a derivation, as a server would hold them.
fn apply(held: &mut BTreeMap<String, Value>, derived: &Derived) {
    for written in &derived.resources {
        let reference = crate::fhir::element::local_reference(&written.body).unwrap();
        let known = held.insert(reference.clone(), written.body.clone());
        assert_eq!(known.is_some(), written.change == Change::Update, "{reference}");
    }
}

fn derived(version: &[u8], number: usize, held: &BTreeMap<String, Value>, backwards: bool) -> Derived {
    let (rules, subject) = (evaluation(&outcomes(version)), patient());
    let mut existing: Vec<Value> = held.values().cloned().collect();
    if backwards {
        existing.reverse();
    }
    let mut given = input(&rules, &subject);
    given.source_version = Some(number as u64 + 1);
    given.received = given.received.checked_add(jiff::SignedDuration::from_hours(number as i64)).unwrap();
    given.existing = &existing;
    derive(&given, Vec::new(), &ids(&format!("version {number}")))
}

/// Code, whether it is open, priority and level of each Task.
fn tasks(held: &BTreeMap<String, Value>) -> BTreeMap<String, (String, bool, Priority, String)> {
    let of_type = held.iter().filter(|(_, resource)| resource["resourceType"] == "Task");
    let told = of_type.map(|(reference, task)| {
        let text = |path| str_at(task, path).unwrap_or_default().to_owned();
        let priority = Priority::from_code(&text("priority")).unwrap();
        (
            reference.clone(),
            (
                text("code.coding.code"),
                text("status") == "requested",
                priority,
                text("reasonCode.coding.code"),
            ),
        )
    });
    told.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn amendments_never_double_never_lower_and_repeat_to_the_byte(
        versions in proptest::collection::vec(version(), 1..5),
    ) {
        let mut held = BTreeMap::new();
        for (number, version) in versions.iter().enumerate() {
            let now = derived(version, number, &held, false);
            let bytes = |derived: &Derived| serde_json::to_vec(&stored(derived)).unwrap();
            prop_assert_eq!(bytes(&now), bytes(&derived(version, number, &held, false)));
            prop_assert_eq!(bytes(&now), bytes(&derived(version, number, &held, true)), "the order found matters");
            let before = tasks(&held);
            apply(&mut held, &now);
            let after = tasks(&held);
            for (reference, (_, _, priority, level)) in &before {
                let (_, open, priority_now, _) = &after[reference];
                prop_assert!(priority_now >= priority, "{}", reference);
                prop_assert!(level != "rouge" || *open, "a rouge Task closed by itself");
            }
            let mut open: Vec<&String> = after.values().filter(|task| task.1).map(|task| &task.0).collect();
            let all = open.len();
            open.sort();
            open.dedup();
            prop_assert_eq!(all, open.len(), "one open Task for each code");
            let mut active: BTreeMap<String, usize> = BTreeMap::new();
            for flag in held.values().filter(|flag| flag["resourceType"] == "Flag") {
                let action = element::extension_value(flag, element::RULE_ACTION, "valueString").unwrap();
                prop_assert!(active.insert(action.to_owned(), 1).is_none(), "two Flags of {}", action);
                let rule = ACTIONS.iter().position(|(id, _)| *id == action).unwrap();
                let fires = version[rule] % 2 == 1;
                prop_assert!(!fires || flag["status"] == "active");
                prop_assert!(version[rule] != 0 || flag["status"] == "inactive");
            }
            let reports = held.values().filter(|one| one["resourceType"] == "DiagnosticReport").count();
            prop_assert_eq!(reports, 1);
        }
    }
}
