//! What the service made of one response, read back over HTTP and said in a few lines.

use crate::json::Value;

use super::client::Client;
use crate::problem::Problem;

/// One rule that fired or could not be evaluated.
pub(super) struct Rule {
    pub(super) action: String,
    pub(super) level: String,
    pub(super) fired: bool,
    pub(super) lines: Vec<String>,
}

/// One task of the care team.
pub(super) struct Task {
    pub(super) code: String,
    pub(super) priority: String,
    pub(super) handle_by: Option<jiff::Timestamp>,
    pub(super) roles: Vec<String>,
    pub(super) line: String,
}

/// What became of one response.
pub(super) struct Told {
    pub(super) level: String,
    pub(super) rules: Vec<Rule>,
    pub(super) tasks: Vec<Task>,
    pub(super) report: Option<String>,
}

/// The levels from the calmest to the most urgent.
const LEVELS: [&str; 5] = ["vert", "jaune", "technique", "orange", "rouge"];

impl Told {
    /// Reads back what was derived from a response.
    pub(super) async fn read(client: &Client, response: &str) -> Result<Self, Problem> {
        let found = client
            .search(&format!("Provenance?entity=QuestionnaireResponse/{response}&_sort=-_lastUpdated"))
            .await?;
        let traced = found.iter().find(|provenance| provenance["extension"].is_array());
        let mut told = Self { level: "vert".to_owned(), rules: Vec::new(), tasks: Vec::new(), report: None };
        let Some(provenance) = traced else { return Ok(told) };
        told.rules = extensions(provenance).filter_map(rule).collect();
        let fired = told.rules.iter().filter(|rule| rule.fired).map(|rule| rule.level.as_str());
        told.level = fired.max_by_key(|level| rank(level)).unwrap_or("vert").to_owned();
        for reference in
            provenance["target"].as_array().into_iter().flatten().filter_map(|t| t["reference"].as_str())
        {
            if reference.starts_with("Task/") {
                told.tasks.push(task(&client.read(reference).await?));
            } else if reference.starts_with("DiagnosticReport/") {
                told.report = Some(reference.to_owned());
            }
        }
        Ok(told)
    }
}

fn rank(level: &str) -> usize {
    LEVELS.iter().position(|known| *known == level).unwrap_or(0)
}

fn extensions(of: &Value) -> impl Iterator<Item = &Value> {
    of["extension"].as_array().into_iter().flatten()
}

/// The text of a part of a complex extension.
fn part<'a>(of: &'a Value, url: &str) -> Option<&'a str> {
    let found = extensions(of).find(|extension| extension["url"] == url)?;
    found.as_object()?.iter().find(|(key, _)| key.starts_with("value"))?.1.as_str()
}

fn rule(trace: &Value) -> Option<Rule> {
    if !trace["url"].as_str()?.ends_with("/rule-trace") {
        return None;
    }
    let result = part(trace, "result")?;
    let level = part(trace, "level")?.to_owned();
    let action = part(trace, "action")?.to_owned();
    let mut lines = vec![format!("{level} · {action} · {}", part(trace, "title").unwrap_or_default())];
    if result != "fired" {
        let reason = part(trace, "reason").unwrap_or_default();
        return Some(Rule {
            lines: vec![format!("non évaluable · {action} · {reason}")],
            action,
            level,
            fired: false,
        });
    }
    for evidence in extensions(trace).filter(|extension| extension["url"] == "evidence") {
        let answer = part(evidence, "answer").unwrap_or("sans réponse");
        let previous =
            part(evidence, "previous").map(|text| format!(" (avant : {text})")).unwrap_or_default();
        lines.push(format!("{} → {answer}{previous}", part(evidence, "text").unwrap_or_default()));
    }
    if let Some(threshold) = part(trace, "threshold") {
        lines.push(format!("seuil : {threshold}"));
    }
    Some(Rule { action, level, fired: true, lines })
}

/// A Task, and what is said of it.
pub(super) fn task(task: &Value) -> Task {
    let text = |pointer: &str| task.pointer(pointer).and_then(Value::as_str).unwrap_or("?").to_owned();
    let code = text("/code/coding/0/code");
    let roles: Vec<String> = task["performerType"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|role| role.pointer("/coding/0/code")?.as_str().map(str::to_owned))
        .collect();
    let line = format!(
        "{code} · {} · {} · avant le {} · {}",
        text("/priority"),
        roles.join(", "),
        text("/restriction/period/end"),
        text("/status"),
    );
    let handle_by = text("/restriction/period/end").parse().ok();
    Task { code, priority: text("/priority"), handle_by, roles, line }
}
