//! Waits until the deliveries about a patient have their receipts, and says each in a line.

use std::time::Duration;

use crate::json::Value;

use super::client::Client;
use crate::problem::Problem;

const LOOKS_MAX: u32 = 150;
const PAUSE: Duration = Duration::from_millis(200);

/// A line for each delivery; one that is not delivered in 30 seconds is a difference, and so is another number of them.
pub(super) async fn wait(
    client: &Client,
    patient: &str,
    expected: usize,
    differences: &mut Vec<String>,
    name: &str,
) -> Result<Vec<String>, Problem> {
    let mut listed = Vec::new();
    for _ in 0..LOOKS_MAX {
        let answer = client.read(&format!("$deliveries?patient={patient}")).await?;
        listed = answer["parameter"].as_array().cloned().unwrap_or_default();
        if listed.len() >= expected && listed.iter().all(|one| text(one, "state") == "delivered") {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    if listed.len() != expected {
        differences.push(format!("{name}: {} deliveries, expected {expected}", listed.len()));
    }
    for one in listed.iter().filter(|one| text(one, "state") != "delivered") {
        differences.push(format!(
            "{name}: the delivery to {} is {}",
            text(one, "destination"),
            text(one, "state")
        ));
    }
    Ok(listed.iter().map(line).collect())
}

fn line(delivery: &Value) -> String {
    let attempts: Vec<&Value> = parts(delivery).filter(|part| part["name"] == "attempt").collect();
    let said = attempts.last().map_or_else(String::new, |attempt| {
        let receipt = parts(attempt).find(|part| part["name"] == "receipt").unwrap_or(attempt);
        let words = ["status", "reference", "reason"].map(|name| text(receipt, name));
        words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ")
    });
    format!(
        "{} → {} · {} · {} · attempts: {} · receipt: {}",
        text(delivery, "subject"),
        text(delivery, "destination"),
        text(delivery, "act"),
        text(delivery, "state"),
        attempts.len(),
        if said.is_empty() { "none" } else { &said },
    )
}

fn parts(of: &Value) -> impl Iterator<Item = &Value> {
    of["part"].as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

/// The text of a part, whatever its type.
fn text(of: &Value, name: &str) -> String {
    let part = parts(of).find(|part| part["name"] == name);
    let value = part.and_then(|part| part.as_object()?.iter().find(|(key, _)| key.starts_with("value")));
    match value.map(|(_, value)| value) {
        Some(Value::String(text)) => text.to_string(),
        Some(other) => other["reference"].as_str().map_or_else(|| other.to_string(), str::to_owned),
        None => String::new(),
    }
}
