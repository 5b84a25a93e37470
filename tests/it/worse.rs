//! Worse answers never give a lower level: a protocol in which they would is not activated, by no way in.

use vigie::json::{Value, json};

use crate::process::Service;

const BASE: &str = "https://vigie.example/fhir/CodeSystem";

fn questionnaire() -> Value {
    let option = |n: i64| {
        let ordinal =
            json!({"url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": n});
        json!({"valueCoding": {"system": "https://example.org/grade", "code": n.to_string()}, "extension": [ordinal]})
    };
    let options: Vec<Value> = (0..4).map(option).collect();
    json!({"resourceType": "Questionnaire", "id": "few", "url": "https://example.org/few", "version": "1", "status": "active",
        "item": [{"linkId": "nausee", "type": "choice", "text": "Nausées", "answerOption": options}]})
}

/// A protocol that calls at grade 2, and at grade 3 only with the right comparison.
fn protocol(id: &str, comparison: &str) -> Value {
    let grade = "%resource.item.where(linkId = 'nausee').answer.value.code.toInteger()";
    let code =
        |system: &str, code: &str| json!({"coding": [{"system": format!("{BASE}/{system}"), "code": code}]});
    json!({"resourceType": "PlanDefinition", "id": id, "url": format!("https://example.org/{id}"), "version": "1", "status": "active",
        "relatedArtifact": [{"type": "depends-on", "resource": "https://example.org/few|1"}],
        "action": [{"id": "R32-nausee", "title": "Nausées",
            "code": [code("alert-rule", "R32"), code("alert-level", "orange"), code("symptom", "nausee")],
            "condition": [{"kind": "applicability", "expression": {
                "language": "text/fhirpath", "expression": format!("{grade} {comparison} 2")}}]}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protocol_in_which_a_worse_answer_gives_a_lower_level_is_not_activated() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    service.put(&questionnaire()).await;
    service.put(&protocol("right", ">=")).await;
    let refused = |(status, outcome): (u16, Value)| {
        assert_eq!(status, 422, "{outcome:#}");
        let issue = &outcome["issue"][0];
        assert_eq!(issue["code"], "business-rule", "{outcome:#}");
        assert_eq!(issue["expression"][0], "PlanDefinition.action[0].condition[0].expression.expression");
        let said = issue["diagnostics"].as_str().unwrap();
        for part in ["orange with 'nausee' 2; vert with 'nausee' 3", "R32-nausee fires"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    let mut wrong = protocol("wrong", "=");
    let bytes = |resource: &Value| resource.to_string().into_bytes();
    refused(service.send("PUT", "/PlanDefinition/wrong", bytes(&wrong)).await.unwrap());
    refused(service.send("POST", "/PlanDefinition", bytes(&wrong)).await.unwrap());

    // Asked beforehand, it says the same; of the right one, nothing.
    let (status, outcome) = service.send("POST", "/PlanDefinition/$validate", bytes(&wrong)).await.unwrap();
    assert_eq!(status, 200, "{outcome:#}");
    refused((422, outcome));
    let (_, outcome) =
        service.send("POST", "/PlanDefinition/$validate", bytes(&protocol("other", ">="))).await.unwrap();
    assert!(
        outcome["issue"].as_array().unwrap().iter().all(|issue| issue["severity"] != "error"),
        "{outcome:#}"
    );

    wrong["status"] = json!("draft");
    service.put(&wrong).await;
    let activate = json!([{"op": "replace", "path": "/status", "value": "active"}]).to_string().into_bytes();
    let way = "application/json-patch+json";
    refused(service.send_as("PATCH", "/PlanDefinition/wrong", way, activate).await.unwrap());

    wrong["status"] = json!("active");
    let entry = json!({"resource": wrong, "request": {"method": "PUT", "url": "PlanDefinition/wrong"}});
    let mut bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry]});
    let (status, outcome) = service.send("POST", "/", bytes(&bundle)).await.unwrap();
    assert!(status == 422 && outcome.to_string().contains("R32-nausee fires"), "{status} {outcome:#}");
    bundle["type"] = json!("batch");
    let (status, answer) = service.send("POST", "/", bytes(&bundle)).await.unwrap();
    assert!(status == 200 && answer.to_string().contains("R32-nausee fires"), "{status} {answer:#}");
    let (_, stored) = service.send("GET", "/PlanDefinition/wrong", Vec::new()).await.unwrap();
    assert_eq!(stored["status"], "draft");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_questionnaire_that_comes_after_its_protocol_is_looked_at_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    service.put(&protocol("wrong", "=")).await;
    let body = questionnaire().to_string().into_bytes();
    let (status, outcome) = service.send("PUT", "/Questionnaire/few", body).await.unwrap();
    assert!(status == 422 && outcome.to_string().contains("R32-nausee fires"), "{status} {outcome:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protocol_and_its_questionnaire_in_one_transaction_are_looked_at_together() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let entry = |path: &str, resource: Value| json!({"resource": resource, "request": {"method": "PUT", "url": path}});
    let both = |id: &str, comparison: &str| {
        let plan = entry(&format!("PlanDefinition/{id}"), protocol(id, comparison));
        json!({"resourceType": "Bundle", "type": "transaction", "entry": [plan, entry("Questionnaire/few", questionnaire())]})
    };
    let body = both("wrong", "=").to_string().into_bytes();
    let (status, outcome) = service.send("POST", "/", body).await.unwrap();
    assert!(status == 422 && outcome.to_string().contains("R32-nausee fires"), "{status} {outcome:#}");
    let (status, answer) =
        service.send("POST", "/", both("right", ">=").to_string().into_bytes()).await.unwrap();
    assert_eq!(status, 200, "{answer:#}");
}
