//! The shipped parameters, and those of a site.

use crate::json::json;

use super::super::{Column, parameters};
use super::*;

#[test]
fn every_shipped_parameter_compiles() {
    let all: Vec<Value> = shipped::FILES.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let registry = build(&all).unwrap();
    for resource in &all {
        let url = resource["url"].as_str().unwrap();
        assert!(
            registry.values().flat_map(|of_type| of_type.parameters).any(|known| known.url == url),
            "{url}"
        );
    }
}

#[test]
fn every_file_of_the_folder_is_shipped() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/SearchParameter");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, shipped::FILES.len());
}

#[test]
fn every_served_type_has_parameters_with_names_of_their_own() {
    for rtype in SERVED {
        let parameters = parameters(rtype);
        assert!(parameters.len() >= 2, "{rtype}");
        for (n, parameter) in parameters.iter().enumerate() {
            assert_eq!(parameter.rtype, if n < 2 { "Resource" } else { *rtype }, "{}", parameter.name);
        }
    }
}

#[test]
fn a_column_holds_one_value_of_one_kind() {
    for parameter in SERVED.iter().flat_map(|rtype| parameters(rtype)) {
        let kind = match parameter.column {
            Some(Column::Subject | Column::Owner) => Kind::Reference,
            Some(Column::Id | Column::Status | Column::Urgency) => Kind::Token,
            Some(Column::LastUpdated | Column::Date) => Kind::Date,
            None => continue,
        };
        assert_eq!(parameter.kind, kind, "{parameter:?}");
    }
}

#[test]
fn nearly_every_expression_is_walked() {
    let slow: Vec<String> = SERVED
        .iter()
        .flat_map(|rtype| parameters(rtype))
        .filter(|parameter| !parameter.paths.iter().all(Path::is_direct))
        .map(|parameter| format!("{parameter:?}"))
        .collect();
    assert_eq!(
        slow,
        [
            "DocumentReference.author.family",
            "DocumentReference.author.given",
            "DocumentReference.isArchived",
            "Patient.deceased"
        ]
    );
}

#[test]
fn what_others_hold_together_is_not_kept_again() {
    let union = |rtype: &str, name: &str| {
        parameters(rtype).iter().find(|parameter| parameter.name == name).unwrap().union
    };
    assert_eq!(union("Observation", "combo-code"), ["code", "component-code"]);
    assert_eq!(union("Observation", "combo-value-quantity"), ["component-value-quantity", "value-quantity"]);
    assert_eq!(union("CodeSystem", "url"), ["system"]);
    assert!(union("Observation", "code").is_empty());
}

#[test]
fn a_parameter_of_the_site_is_data() {
    let mut own = json!({"resourceType": "SearchParameter", "url": "https://h/SearchParameter/x", "status": "active",
        "code": "outcome", "base": ["Task"], "type": "token", "modifier": ["not"],
        "expression": "Task.output.where(type.coding.code='outcome').value.ofType(CodeableConcept)"});
    let registry = build(&[own.clone()]).unwrap();
    assert_eq!(registry["Task"].parameters[0].name, "outcome");
    assert_eq!(registry["Task"].parameters[0].modifiers, ["not"]);
    own["expression"] = json!("Task.output.where(");
    let problem = build(&[own]).unwrap_err();
    assert!(problem.to_string().contains("line 1"), "{problem}");
}
