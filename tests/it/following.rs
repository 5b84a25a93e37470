//! Histories as a client follows them: the Bundle, its links, and a poller that misses nothing while others write.

use std::collections::BTreeSet;

use vigie::json::{Value, json};

use crate::process::Service;

fn started() -> (Service, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Service::start(&folder.path().join("store.sqlite")), folder)
}

fn link(bundle: &Value, relation: &str) -> Option<String> {
    let links = bundle["link"].as_array().unwrap();
    let found = links.iter().find(|link| link["relation"] == relation)?;
    let url = found["url"].as_str().unwrap();
    Some(url[url.match_indices('/').nth(2).unwrap().0..].to_owned())
}

fn versions(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().map(Vec::as_slice).unwrap_or_default();
    let place = |entry: &Value| {
        let location = entry["response"]["location"].as_str().unwrap();
        location.rsplitn(5, '/').take(4).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("/")
    };
    entries.iter().map(place).collect()
}

/// What was asked and answered, as `METHOD address status`.
fn asked(bundle: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let entry = |entry: &Value| {
        let (request, response) = (&entry["request"], &entry["response"]);
        format!("{} {} {}", text(&request["method"]), text(&request["url"]), text(&response["status"]))
    };
    bundle["entry"].as_array().unwrap().iter().map(entry).collect()
}

fn patient(id: &str, active: bool) -> Value {
    json!({"resourceType": "Patient", "id": id, "active": active})
}

#[tokio::test]
async fn each_entry_says_what_was_asked_and_answered() {
    let (service, _folder) = started();
    service.put(&patient("a", true)).await;
    service.put(&patient("a", false)).await;
    assert_eq!(service.send("DELETE", "/Patient/a", vec![]).await.unwrap().0, 204);
    service.put(&patient("b", true)).await;
    let (status, bundle) = service.get("/Patient/a/_history").await;
    assert_eq!((status, &bundle["type"]), (200, &json!("history")));
    assert_eq!(vigie::fhir::structure::check(&bundle), [], "{bundle:#}");
    assert_eq!(versions(&bundle), ["Patient/a/_history/3", "Patient/a/_history/2", "Patient/a/_history/1"]);
    assert_eq!(asked(&bundle), ["DELETE Patient/a 204", "PUT Patient/a 200", "PUT Patient/a 201"]);
    assert!(bundle["entry"][0].get("resource").is_none());
    assert_eq!(bundle["entry"][1]["resource"]["active"], false);
    assert_eq!(service.get("/Patient/nobody/_history").await.0, 404);
    assert_eq!(service.get("/Patient/a/_history?colour=blue").await.0, 400);
    assert_eq!(service.get("/Patient/_history").await.1["entry"].as_array().unwrap().len(), 4);
    assert_eq!(service.get("/Patient/a/_history?_at=2001").await.1.get("entry"), None);
}

#[tokio::test]
async fn each_version_keeps_the_method_that_made_it() {
    let (service, _folder) = started();
    let mut body = patient("a", true);
    body.as_object_mut().unwrap().remove("id");
    let (_, created) = service.send("POST", "/Patient", body.to_string().into_bytes()).await.unwrap();
    let id = created["id"].as_str().unwrap();
    let patch = json!([{"op": "replace", "path": "/active", "value": false}]).to_string().into_bytes();
    let path = format!("/Patient/{id}");
    let (status, _) = service.send_as("PATCH", &path, "application/json-patch+json", patch).await.unwrap();
    assert_eq!(status, 200);
    assert_eq!(service.send("DELETE", &path, vec![]).await.unwrap().0, 204);
    service.put(&patient(id, true)).await;
    let transaction = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": patient(id, false), "request": {"method": "PUT", "url": format!("Patient/{id}")}}]});
    assert_eq!(service.send("POST", "/", transaction.to_string().into_bytes()).await.unwrap().0, 200);
    let (_, bundle) = service.get(&format!("{path}/_history")).await;
    let own = format!("Patient/{id}");
    let expected = [
        format!("PUT {own} 200"),
        format!("PUT {own} 201"),
        format!("DELETE {own} 204"),
        format!("PATCH {own} 200"),
        "POST Patient 201".to_owned(),
    ];
    assert_eq!(asked(&bundle), expected);
    assert_eq!(vigie::fhir::structure::check(&bundle), [], "{bundle:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poller_sees_every_version_once_while_others_write() {
    let (service, _folder) = started();
    let start = service.get("/_history?_sort=_lastUpdated&_count=500").await.1;
    let mut next = link(&start, "next").or_else(|| link(&start, "monitor"));
    while let Some(more) = &next {
        let page = service.get(more).await.1;
        if page.get("entry").is_none() {
            break;
        }
        next = link(&page, "next").or_else(|| link(&page, "monitor"));
    }
    let writes = (0..8).map(|writer| {
        let service = &service;
        async move {
            for n in 0..15 {
                service.put(&patient(&format!("w{writer}"), n % 2 == 0)).await;
            }
        }
    });
    let poll = async {
        let mut seen = Vec::new();
        let mut place = next.unwrap();
        while seen.len() < 8 * 15 {
            let page = service.get(&place).await.1;
            seen.extend(versions(&page));
            place = link(&page, "next").or_else(|| link(&page, "monitor")).unwrap();
        }
        (seen, service.get(&place).await.1)
    };
    let (_, (seen, after)) = tokio::join!(futures_util::future::join_all(writes), poll);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 8 * 15);
    assert_eq!(seen.len(), 8 * 15);
    assert!(after.get("entry").is_none());
}
