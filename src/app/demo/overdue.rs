//! How the story ends: ten days on nobody has answered again, and nobody has taken what is asked for. Nothing is posted: the
//! service finds both by itself.

use jiff::SignedDuration;

use super::super::say;
use super::client::Client;
use super::course::Course;
use super::story::Stage;
use super::told::task;
use crate::interaction;
use crate::json::Value;
use crate::problem::Problem;

/// Longer than a week and every delay, shorter than two weeks: one answer of each patient is missing.
const ON: SignedDuration = SignedDuration::from_hours(10 * 24);

/// Times the service looks: each step of a late alert is one.
const LOOKS_MAX: usize = 10;

/// Lets ten days go by, and tells what the service made of them.
pub(super) async fn tell(
    stage: &Stage<'_>,
    client: &Client,
    courses: &[Course],
    differences: &mut Vec<String>,
) -> Result<(), Problem> {
    let weeks = courses.iter().flat_map(|course| &course.expected.weeks);
    let Some(last) = weeks.map(|week| week.received).max() else { return Ok(()) };
    let now = last + ON;
    stage.clock.set(now);
    say(&format!("\n{} · nobody answered again, and nobody took a Task", now.strftime("%Y-%m-%d")));
    // What the service does once a minute.
    let mut looks = 0;
    while interaction::escalate(stage.context).await? > 0 && looks < LOOKS_MAX {
        looks += 1;
    }
    interaction::tell_silences(stage.context).await?;
    for course in courses {
        let patient = &course.expected.patient;
        let found = client.search(&format!("Task?patient={patient}&status=requested&_count=200")).await?;
        let (silences, alerts): (Vec<_>, Vec<_>) = found.iter().partition(|task| level(task) == "silence");
        if silences.len() != 1 {
            differences.push(format!(
                "{}: {} Tasks about silence, expected one",
                course.name,
                silences.len()
            ));
        }
        say(&format!("  {}", course.name));
        for silence in silences {
            say(&format!("    silence · {}", silence["description"].as_str().unwrap_or_default()));
            say(&format!("    Task · {}", task(silence).line));
        }
        for late in alerts {
            let told = task(late);
            if level(late) == "rouge" && !told.roles.iter().any(|role| role == "medecin-garde") {
                differences
                    .push(format!("{}: the physician on call is not told of {}", course.name, told.code));
            }
            let notes = late["note"].as_array().into_iter().flatten();
            if let Some(note) = notes.rev().find_map(|note| note["text"].as_str()) {
                say(&format!("    {} · {note}", level(late)));
                say(&format!("    Task · {}", told.line));
            }
        }
    }
    Ok(())
}

/// Why a Task was made.
fn level(task: &Value) -> &str {
    task.pointer("/reasonCode/coding/0/code").and_then(Value::as_str).unwrap_or_default()
}
