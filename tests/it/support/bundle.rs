//! Bundles, as tests send them.

use vigie::interaction::{self, Echo};
use vigie::json::{Value, json};
use vigie::problem::Problem;

use super::App;

/// A Bundle of that type.
pub(crate) fn bundle(kind: &str, entries: Vec<Value>) -> Value {
    json!({"resourceType": "Bundle", "type": kind, "entry": entries})
}

/// An entry with a resource.
pub(crate) fn entry(method: &str, url: &str, resource: Value) -> Value {
    json!({"resource": resource, "request": {"method": method, "url": url}})
}

/// The same under that `fullUrl`.
pub(crate) fn at(full_url: &str, mut entry: Value) -> Value {
    entry["fullUrl"] = json!(full_url);
    entry
}

/// A patient with that number.
pub(crate) fn patient(value: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "https://test.example", "value": value}]})
}

/// Sends a Bundle; all of the answer.
pub(crate) async fn send(app: &App, bundle: &Value) -> Result<Value, Problem> {
    let answer =
        interaction::bundle(&app.context, bundle.to_string().as_bytes(), Echo::Representation).await?;
    Ok(serde_json::from_slice(&answer).unwrap())
}

/// Sends these as a transaction.
pub(crate) async fn transaction(app: &App, entries: Vec<Value>) -> Result<Value, Problem> {
    send(app, &bundle("transaction", entries)).await
}

/// The status of each entry of an answer.
pub(crate) fn statuses(answer: &Value) -> Vec<&str> {
    let entries = answer["entry"].as_array().unwrap();
    entries.iter().map(|entry| entry["response"]["status"].as_str().unwrap()).collect()
}
