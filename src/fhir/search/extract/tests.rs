//! What is indexed, resource by resource.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::json::json;

fn check(resource: &Value, expected: &[&str]) {
    let mut found: Vec<_> = index(resource).iter().map(show).collect();
    found.sort();
    assert_eq!(found, expected);
}

fn show(entry: &Entry) -> String {
    let value = match &entry.found {
        Found::Token { system, code } => format!("{system}|{code}"),
        Found::Canonical { url, version } => format!("{url}|{version}"),
        Found::Date { low, high } => format!("{low}..{high}"),
        Found::Reference(text) | Found::Text(text) | Found::Uri(text) | Found::Display(text) => text.clone(),
        Found::Identifier { system, value } => format!("#{system}|{value}"),
        Found::Quantity(amount) => format!("{}|{}", amount.code, amount.base.clone().unwrap_or_default().0),
        Found::Part { group, part, found } => {
            let inner = Entry { parameter: entry.parameter, found: (**found).clone() };
            format!("{group}.{part}:{}", show(&inner).split_once('=').unwrap().1)
        }
    };
    format!("{}={value}", entry.parameter.name)
}

#[test]
fn a_task_is_found_by_what_the_team_asks_for() {
    let task = json!({
        "resourceType": "Task", "status": "requested", "intent": "order", "priority": "urgent",
        "code": {"coding": [{"system": "urn:codes", "code": "appel"}]},
        "for": {"reference": "Patient/p1/_history/3"},
        "owner": {"reference": "https://dpi.example/fhir/Practitioner/7"},
        "focus": {"reference": "QuestionnaireResponse/q1"},
        "authoredOn": "1970-01-01T00:00:01Z"
    });
    check(
        &task,
        &[
            "authored-on=1000000..2000000",
            "code=urn:codes|appel",
            "focus=QuestionnaireResponse/q1",
            "intent=http://hl7.org/fhir/task-intent|order",
            "owner=https://dpi.example/fhir/Practitioner/7",
            "patient=Patient/p1",
            "priority=http://hl7.org/fhir/request-priority|urgent",
            "status=http://hl7.org/fhir/task-status|requested",
            "subject=Patient/p1",
        ],
    );
}

#[test]
fn a_patient_parameter_takes_patients_only() {
    let flag = json!({"resourceType": "Flag", "subject": {"reference": "Group/g"}});
    check(&flag, &["subject=Group/g"]);
}

#[test]
fn a_canonical_is_split_and_repeats_are_dropped() {
    let response = json!({
        "resourceType": "QuestionnaireResponse", "questionnaire": "https://q.example/a|1.0.0",
        "basedOn": [{"reference": "CarePlan/c"}, {"reference": "CarePlan/c"}]
    });
    check(&response, &["based-on=CarePlan/c", "questionnaire=https://q.example/a|1.0.0"]);
}

#[test]
fn a_name_is_found_by_each_of_its_parts() {
    let patient = json!({"resourceType": "Patient", "active": true,
        "name": [{"family": "PAT-TROIS", "given": ["DOMINIQUE", "ANNE"]}]});
    check(
        &patient,
        &[
            "active=|true",
            "deceased=|false",
            "family=PAT-TROIS",
            "given=ANNE",
            "given=DOMINIQUE",
            "name=ANNE",
            "name=DOMINIQUE",
            "name=PAT-TROIS",
        ],
    );
}

#[test]
fn a_measured_value_is_found_in_its_unit_and_in_base_units() {
    let observation = json!({"resourceType": "Observation",
        "code": {"coding": [{"system": "urn:c", "code": "poids", "display": "Poids"}]},
        "valueQuantity": {"value": 71.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}});
    check(&observation, &["code=Poids", "code=urn:c|poids", "value-quantity=kg|g1"]);
}

#[test]
fn the_parts_of_an_element_are_kept_together() {
    let component = |code: &str, value: u8| json!({"code": {"coding": [{"code": code}]}, "valueQuantity": {"value": value, "code": "mm[Hg]"}});
    let observation = json!({"resourceType": "Observation",
        "component": [component("sys", 120), component("dia", 80), {"code": {"coding": [{"code": "x"}]}}]});
    check(
        &observation,
        &[
            "combo-code-value-quantity=0.0:|sys",
            "combo-code-value-quantity=0.1:mm[Hg]|",
            "combo-code-value-quantity=1.0:|dia",
            "combo-code-value-quantity=1.1:mm[Hg]|",
            "component-code-value-quantity=0.0:|sys",
            "component-code-value-quantity=0.1:mm[Hg]|",
            "component-code-value-quantity=1.0:|dia",
            "component-code-value-quantity=1.1:mm[Hg]|",
            "component-code=|dia",
            "component-code=|sys",
            "component-code=|x",
            "component-value-quantity=mm[Hg]|",
            "component-value-quantity=mm[Hg]|",
        ],
    );
}

#[test]
fn a_reference_by_identifier_is_found_by_it() {
    let task = json!({"resourceType": "Task", "for": {"identifier": {"system": "urn:s", "value": "1"}}});
    check(&task, &["subject=#urn:s|1"]);
}

/// Every resource in `examples/fhir` and `profiles`.
#[expect(clippy::disallowed_methods, reason = "a test reads the examples itself")]
fn resources() -> Vec<Value> {
    fn walk(folder: &std::path::Path, found: &mut Vec<Value>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "json") {
                let resource: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
                found.extend(Some(resource).filter(|resource| resource.get("resourceType").is_some()));
            }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(&root.join("examples/fhir"), &mut found);
    walk(&root.join("profiles"), &mut found);
    found
}

#[test]
fn looking_only_where_a_parameter_begins_finds_what_asking_all_of_them_finds() {
    let mut seen = 0;
    for resource in resources() {
        let rtype = resource["resourceType"].as_str().unwrap();
        let mut all = Vec::new();
        for parameter in crate::fhir::search::parameters(rtype).iter().filter(|one| one.is_indexed()) {
            of_parameter(parameter, &resource, &mut all);
        }
        seen += all.len();
        assert!(index(&resource) == all, "{rtype}/{}", resource["id"]);
    }
    assert!(seen > 1_500, "{seen}");
}

#[test]
fn walking_a_plain_expression_finds_what_its_evaluation_finds() {
    let mut compared = 0;
    for resource in resources() {
        let rtype = resource["resourceType"].as_str().unwrap();
        for path in crate::fhir::search::parameters(rtype).iter().flat_map(|parameter| parameter.paths) {
            // What a reference leads to is not at hand for an evaluation.
            if path.text.contains("resolve()") {
                continue;
            }
            let expression = crate::fhirpath::compile(&path.text).unwrap();
            let now = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
            let scope = crate::fhirpath::Scope::new(crate::fhir::schema::r4(), now);
            let focus = crate::fhirpath::Collection::from_value(&resource);
            let evaluated: Vec<Value> =
                expression.evaluate(&focus, &scope).unwrap().iter().map(|item| item.to_value()).collect();
            let mut walked = Vec::new();
            path.visit(&resource, &mut |value| walked.push(value.clone()));
            assert_eq!(walked, evaluated, "{} in {rtype}/{}", path.text, resource["id"]);
            compared += walked.len();
        }
    }
    assert!(compared > 1_500, "{compared}");
}

/// A resource of these members, the type first.
fn of_members(rtype: &str, members: &[&(&'static str, Value)]) -> Value {
    let mut resource = json!({"resourceType": rtype});
    for (name, value) in members {
        resource[*name] = value.clone();
    }
    resource
}

/// Members that Observations and Flags have, each in several forms; what is chosen of them stands in any order.
fn members() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let coded =
        |code: &str| json!({"coding": [{"system": "s", "code": code, "display": code}], "text": "Un texte"});
    let of = |name: &'static str, forms: Vec<Value>| {
        proptest::option::of(select(forms)).prop_map(move |form| (name, form))
    };
    let all = (
        of("status", vec![json!("final"), json!("amended")]),
        of(
            "basedOn",
            vec![
                json!([{"reference": "CarePlan/a"}]),
                json!([{"reference": "CarePlan/a"}, {"reference": "CarePlan/b"}]),
            ],
        ),
        of(
            "subject",
            vec![
                json!({"reference": "Patient/a"}),
                json!({"reference": "Group/b", "identifier": {"value": "1"}}),
            ],
        ),
        of("effectiveDateTime", vec![json!("2026-01-05"), json!("2026-01-06T08:00:00Z")]),
        of("effectivePeriod", vec![json!({"start": "2026-01-05"})]),
        of("code", vec![coded("a"), coded("b"), json!({"text": "sans code"})]),
        of("valueCodeableConcept", vec![coded("1"), coded("2")]),
        of(
            "valueQuantity",
            vec![
                json!({"value": 3, "system": "http://unitsofmeasure.org", "code": "kg"}),
                json!({"value": 4}),
            ],
        ),
        of(
            "component",
            vec![json!([{"code": coded("c"), "valueQuantity": {"value": 1}}, {"code": coded("d")}])],
        ),
        of("meta", vec![json!({"versionId": "1"}), json!({"versionId": "2", "tag": [{"code": "t"}]})]),
    );
    let all = all.prop_map(|(a, b, c, d, e, f, g, h, i, j)| vec![a, b, c, d, e, f, g, h, i, j]);
    all.prop_shuffle()
        .prop_map(|all| all.into_iter().filter_map(|(name, form)| Some((name, form?))).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn what_follows_a_resource_is_found_by_the_same_as_alone(
        one in members(),
        mut other in members(),
        alike in 0..10_usize,
        of_its_own in 0..4_usize,
        types in select(vec![["Observation"; 2], ["Observation"; 2], ["Flag"; 2], ["Flag", "Observation"]]),
    ) {
        // As far as wanted they begin alike.
        let alike = alike.min(one.len());
        other.retain(|(name, _)| !one[..alike].iter().any(|(known, _)| known == name));
        // Often the first one has more members.
        other.truncate(of_its_own);
        let other: Vec<_> = one[..alike].iter().chain(&other).collect();
        let one = of_members(types[0], &one.iter().collect::<Vec<_>>());
        let other = of_members(types[1], &other);
        let (before, entries) = (Text::of(&one), index(&one));
        let found = index_after(&other, &Text::of(&other), (&before, &entries));
        prop_assert_eq!(found.iter().map(show).collect::<Vec<_>>(), index(&other).iter().map(show).collect::<Vec<_>>());
        prop_assert!(found == index(&other));
    }
}
