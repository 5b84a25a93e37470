//! What the plans of care say of the treatment, as far as the rules read it (`CodeSystem/treatment-class`): who is not told to
//! have chemotherapy or immunotherapy is judged as somebody who has neither, and the same fever then counts for less.

use crate::json::Value;

use super::RESPONSE;
use crate::fhir::element;
use crate::problem::Issue;
use crate::terminology::TREATMENT_CLASS;

const CYTOTOXIC: &str = "cytotoxique";
const CHECKPOINT: &str = "inhibiteur-checkpoint";

/// Every class, and the one that must stand beside it, because that is what the rules look for.
const CLASSES: &[(&str, Option<&str>)] = &[
    (CYTOTOXIC, None),
    (CHECKPOINT, None),
    ("fluorouracile", Some(CYTOTOXIC)),
    ("capecitabine", Some(CYTOTOXIC)),
    ("irinotecan", Some(CYTOTOXIC)),
    ("oxaliplatine", Some(CYTOTOXIC)),
    ("cisplatine", Some(CYTOTOXIC)),
    ("carboplatine", Some(CYTOTOXIC)),
    ("taxane", Some(CYTOTOXIC)),
    ("vinca-alcaloide", Some(CYTOTOXIC)),
    ("anthracycline", Some(CYTOTOXIC)),
    ("anti-egfr", None),
    ("anti-ctla4", Some(CHECKPOINT)),
    ("anti-pd1", Some(CHECKPOINT)),
    ("corticoide", None),
    ("voie-orale", None),
];

/// Treatments that the rules would pass over though the plan names them.
pub(super) fn doubts(careplans: &[Value]) -> Vec<Issue> {
    let mut doubts = Vec::new();
    for careplan in careplans {
        for (n, activity) in element::list(careplan, "activity").enumerate() {
            let codings = element::codings(&activity["detail"]["code"]);
            let classes: Vec<&str> = codings
                .into_iter()
                .filter(|(system, _)| *system == TREATMENT_CLASS)
                .map(|(_, code)| code)
                .collect();
            let id = element::id(careplan).unwrap_or_default();
            let place = format!("CarePlan/{id}, activity[{n}].detail.code");
            doubts.extend(classes.iter().filter_map(|class| doubt(class, &classes, &place)));
        }
    }
    doubts
}

fn doubt(class: &str, classes: &[&str], place: &str) -> Option<Issue> {
    let (what, text) = match CLASSES.iter().find(|(known, _)| *known == class) {
        None => {
            let known: Vec<&str> = CLASSES.iter().map(|(known, _)| *known).collect();
            (
                format!("is not known; the classes are {}", known.join(", ")),
                format!(
                    "La classe de traitement « {class} » du plan de soins n'est pas connue : les règles n'en tiennent pas compte. \
                     Vérifier le traitement et corriger le plan."
                ),
            )
        }
        Some((_, Some(beside))) if !classes.contains(beside) => (
            format!("stands without '{beside}', which the rules look for"),
            format!(
                "Le plan de soins nomme « {class} » sans la classe « {beside} » : les règles n'en tiennent pas compte. \
                 Vérifier le traitement et corriger le plan."
            ),
        ),
        Some(_) => return None,
    };
    let issue = Issue::error("code-invalid", format!("{place}: the treatment class '{class}' {what}"));
    Some(issue.at(RESPONSE).text(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_treatment_that_the_rules_would_pass_over_is_doubtful() {
        let check = |classes: &[&str], expected: &[&str]| {
            let coding = |class: &&str| json!({"system": TREATMENT_CLASS, "code": class});
            let codings: Vec<Value> = classes.iter().map(coding).collect();
            let plan = json!({"resourceType": "CarePlan", "id": "c", "activity": [
                {"detail": {"code": {"text": "Soutien"}}}, {"detail": {"code": {"coding": codings}}}]});
            let doubts = doubts(&[plan]);
            assert_eq!(doubts.len(), expected.len(), "{classes:?}");
            for (doubt, words) in doubts.iter().zip(expected) {
                assert!(doubt.diagnostics.starts_with("CarePlan/c, activity[1].detail.code: "));
                assert!(doubt.diagnostics.contains(words), "{}", doubt.diagnostics);
            }
        };
        check(&["cytotoxique", "fluorouracile", "oxaliplatine"], &[]);
        check(&["inhibiteur-checkpoint", "anti-pd1", "cytotoxique", "carboplatine"], &[]);
        check(&["corticoide", "voie-orale", "anti-egfr"], &[]);
        check(&["oxaliplatine"], &["'oxaliplatine' stands without 'cytotoxique'"]);
        check(&["cytotoxique", "anti-pd1"], &["'anti-pd1' stands without 'inhibiteur-checkpoint'"]);
        check(&["cytotoxiques"], &["'cytotoxiques' is not known; the classes are cytotoxique, "]);
        check(&[], &[]);
    }

    #[test]
    fn every_class_of_the_code_system_is_placed() {
        let system = include_str!("../../../profiles/CodeSystem/treatment-class.json");
        let system: Value = serde_json::from_str(system).unwrap();
        let codes: Vec<&str> =
            element::list(&system, "concept").filter_map(|one| one["code"].as_str()).collect();
        assert_eq!(codes, CLASSES.iter().map(|(class, _)| *class).collect::<Vec<_>>());
    }
}
