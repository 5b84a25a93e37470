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

/// The ATC classification, as FHIR and as its OID name it.
const ATC: &[&str] = &["http://www.whocc.no/atc", "urn:oid:2.16.840.1.113883.6.73"];
/// ATC groups whose drugs the rules may look for: antineoplastic and immunomodulating agents, and corticosteroids.
const ATC_LOOKED_FOR: &[&str] = &["L", "H02"];
/// What an activity is, or what it refers to, that gives no drug.
const NO_DRUG: &[&str] = &[
    "Appointment",
    "CommunicationRequest",
    "DeviceRequest",
    "NutritionOrder",
    "ServiceRequest",
    "Task",
    "VisionPrescription",
];

/// Treatments that the rules would pass over though the plan names them.
pub(super) fn doubts(careplans: &[Value]) -> Vec<Issue> {
    let mut doubts = Vec::new();
    for careplan in careplans {
        let of_oncology = careplan.get("instantiatesCanonical").is_some()
            || element::list(careplan, "activity").any(|activity| !classes(activity).is_empty());
        for (n, activity) in element::list(careplan, "activity").enumerate() {
            let classes = classes(activity);
            let id = element::id(careplan).unwrap_or_default();
            let place = format!("CarePlan/{id}, activity[{n}]");
            doubts.extend(classes.iter().filter_map(|class| doubt(class, &classes, &place)));
            if of_oncology && classes.is_empty() && may_be_drug(activity) {
                doubts.push(without_class(&place));
            }
        }
    }
    doubts
}

fn classes(activity: &Value) -> Vec<&str> {
    let codings = element::codings(&activity["detail"]["code"]);
    codings.into_iter().filter(|(system, _)| *system == TREATMENT_CLASS).map(|(_, code)| code).collect()
}

/// Whether an activity may give a drug that the rules look for. It does not when it says what else it is (its kind, the type of
/// what it refers to), that it is not to be done, or an ATC code of another group.
fn may_be_drug(activity: &Value) -> bool {
    if let Some((rtype, _)) =
        element::str_at(activity, "reference.reference").and_then(|to| to.split_once('/'))
    {
        return !NO_DRUG.contains(&rtype);
    }
    if let Some(rtype) = element::str_at(activity, "reference.type") {
        return !NO_DRUG.contains(&rtype);
    }
    let Some(detail) = activity.get("detail") else { return activity.get("reference").is_some() };
    let given_up = matches!(element::str_at(detail, "status"), Some("cancelled" | "entered-in-error"));
    if given_up || detail["doNotPerform"] == true {
        return false;
    }
    let product = detail.get("productCodeableConcept");
    let codings =
        element::codings(&detail["code"]).into_iter().chain(product.into_iter().flat_map(element::codings));
    let atc: Vec<&str> = codings.filter(|(system, _)| ATC.contains(system)).map(|(_, code)| code).collect();
    if !atc.is_empty() {
        return atc.iter().any(|code| ATC_LOOKED_FOR.iter().any(|group| code.starts_with(group)));
    }
    let has_product = product.is_some() || detail.get("productReference").is_some();
    has_product || !element::str_at(detail, "kind").is_some_and(|kind| NO_DRUG.contains(&kind))
}

fn without_class(place: &str) -> Issue {
    let diagnostics = format!(
        "{place}: the activity has no treatment class, and the rules pass it over; give it its classes ({TREATMENT_CLASS}), or say by \
         its kind or its ATC code that it is none of these treatments"
    );
    Issue::error("code-invalid", diagnostics).at(RESPONSE).text(
        "Une activité du plan de soins n'a pas de classe de traitement : les règles n'en tiennent pas compte. Vérifier le traitement \
         et compléter le plan.",
    )
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
    let issue =
        Issue::error("code-invalid", format!("{place}.detail.code: the treatment class '{class}' {what}"));
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
                {"detail": {"kind": "Appointment", "code": {"text": "Soutien"}}}, {"detail": {"code": {"coding": codings}}}]});
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
    }

    #[test]
    fn an_activity_without_class_is_doubtful_unless_it_is_plainly_no_such_treatment() {
        let check = |activity: Value, expected: bool| {
            let beside = json!({"detail": {"kind": "MedicationRequest", "code": {"coding": [
                {"system": TREATMENT_CLASS, "code": "cytotoxique"}]}}});
            let plan = json!({"resourceType": "CarePlan", "id": "c", "activity": [beside, activity]});
            let found = doubts(&[plan]);
            assert_eq!(found.len(), usize::from(expected), "{activity}: {found:?}");
            let alone = json!({"resourceType": "CarePlan", "id": "c", "activity": [activity]});
            assert_eq!(doubts(std::slice::from_ref(&alone)).len(), 0, "another kind of plan: {activity}");
            let mut followed = alone;
            followed["instantiatesCanonical"] = json!(["http://p|1"]);
            assert_eq!(doubts(&[followed]).len(), usize::from(expected), "{activity}");
        };
        let coded = |system: &str, code: &str| json!({"coding": [{"system": system, "code": code}]});
        check(json!({"detail": {"kind": "MedicationRequest", "code": {"text": "Pembrolizumab"}}}), true);
        check(json!({"detail": {"code": {"text": "Pembrolizumab"}}}), true);
        check(
            json!({"detail": {"kind": "MedicationRequest", "code": coded("http://regimen", "folfox")}}),
            true,
        );
        check(
            json!({"detail": {"kind": "ServiceRequest", "productReference": {"reference": "Medication/1"}}}),
            true,
        );
        check(json!({"detail": {"kind": "MedicationRequest", "code": coded(ATC[0], "L01FF02")}}), true);
        check(json!({"detail": {"kind": "MedicationRequest", "code": coded(ATC[1], "H02AB06")}}), true);
        check(json!({"reference": {"reference": "MedicationRequest/1"}}), true);
        check(json!({"reference": {"display": "Cure 3"}}), true);
        check(json!({"detail": {"kind": "MedicationRequest", "code": coded(ATC[0], "A04AA01")}}), false);
        check(json!({"detail": {"productCodeableConcept": coded(ATC[0], "A04AA01")}}), false);
        check(json!({"detail": {"kind": "ServiceRequest", "code": {"text": "Bilan sanguin"}}}), false);
        check(json!({"detail": {"kind": "Appointment", "code": {"text": "Consultation"}}}), false);
        check(json!({"detail": {"status": "cancelled", "code": {"text": "Pembrolizumab"}}}), false);
        check(json!({"detail": {"doNotPerform": true, "code": {"text": "Pembrolizumab"}}}), false);
        check(json!({"reference": {"reference": "Appointment/1"}}), false);
        check(json!({"reference": {"type": "NutritionOrder", "identifier": {"value": "1"}}}), false);
        check(json!({"progress": [{"text": "Bien toléré"}]}), false);
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
