//! Week by week: post, read back what it became, print it, compare it with what is expected.

use std::collections::BTreeSet;
use std::path::Path;

use crate::json::{Value, json};
use indicatif::{ProgressBar, ProgressDrawTarget};
use jiff::SignedDuration;

use super::super::say;
use super::client::{Client, refused};
use super::course::{Course, ExpectedWeek, courses, team};
use super::deliveries;
use super::overdue;
use super::told::Told;
use crate::clock::RunningClock;
use crate::interaction::Context;
use crate::problem::Problem;

/// The demo's clock runs on while it works.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(60);

/// A hospital record, a document receiver, the DMP, a platform and a folder.
const DESTINATIONS: usize = 5;

/// Where the story plays.
pub(super) struct Stage<'a> {
    pub(super) url: &'a str,
    pub(super) context: &'a Context,
    pub(super) clock: &'a RunningClock,
    pub(super) examples: &'a Path,
    pub(super) folder: &'a Path,
}

/// Tells the whole story; gives the differences between what happened and what was expected.
pub(super) async fn tell(stage: &Stage<'_>) -> Result<Vec<String>, Problem> {
    let client = Client::new(stage.url)?;
    let courses = courses(stage.examples)?;
    if let Some(first) =
        courses.iter().flat_map(|course| &course.expected.weeks).map(|week| week.received).min()
    {
        stage.clock.set(first);
    }
    for resource in team(stage.examples)? {
        client.put(&resource).await?;
    }
    let weeks = courses.iter().map(|course| course.expected.weeks.len()).sum::<usize>();
    let progress = ProgressBar::with_draw_target(Some(weeks as u64), ProgressDrawTarget::stderr());
    let mut differences = Vec::new();
    for course in &courses {
        say(&format!("\n{} · {}", course.name, course.expected.patient));
        for resource in &course.resources {
            client.put(resource).await?;
        }
        let mut last = None;
        for week in &course.expected.weeks {
            stage.clock.set(week.received);
            last = Some(one_week(&client, course, week, &mut differences).await?);
            progress.inc(1);
        }
        if let Some(report) = last.and_then(|told| told.report) {
            let signed = finalize(stage, &client, course, &report, &mut differences).await?;
            if course.name == courses[0].name {
                let corrected = correct(&client, course, signed, &mut differences).await?;
                hide(&client, course, &mut differences).await?;
                withdraw(&client, course, &corrected, &mut differences).await?;
            }
        }
        draft(&client, course).await?;
    }
    progress.finish_and_clear();
    overdue::tell(stage, &client, &courses, &mut differences).await?;
    say(&format!("\nTasks by priority   {}/Task?status=requested&_sort=priority", stage.url));
    say(&format!("Alerts              {}/Flag?status=active", stage.url));
    say(&format!("Deliveries          {}/$deliveries", stage.url));
    for course in &courses {
        say(&format!("Proof               {}/{}/$proof?_format=csv", stage.url, course.expected.patient));
    }
    Ok(differences)
}

async fn one_week(
    client: &Client,
    course: &Course,
    week: &ExpectedWeek,
    differences: &mut Vec<String>,
) -> Result<Told, Problem> {
    let id = submit(client, course, &week.file).await?;
    let told = Told::read(client, &id).await?;
    say(&format!(
        "  {} · reçu {} · {}",
        week.file.trim_end_matches(".json"),
        week.received,
        told.level.to_uppercase()
    ));
    for rule in &told.rules {
        for (n, line) in rule.lines.iter().enumerate() {
            say(&format!("    {}{line}", if n == 0 { "" } else { "    " }));
        }
    }
    for task in &told.tasks {
        say(&format!("    Task · {}", task.line));
    }
    if let Some(report) = &told.report {
        say(&format!("    {report} (preliminary) · QuestionnaireResponse/{id}"));
    }
    compare(course, week, &told, differences);
    Ok(told)
}

/// Posts the response; an amended one is put over the one that it amends. Gives the id.
async fn submit(client: &Client, course: &Course, file: &str) -> Result<String, Problem> {
    let mut response = course.response(file)?;
    let (method, path) = if response["status"] == "amended" {
        let part = |name: &str| response["identifier"][name].as_str().unwrap_or_default().to_owned();
        let query = format!("QuestionnaireResponse?identifier={}|{}", part("system"), part("value"));
        let found = client.search(&query).await?;
        let id = found.first().and_then(|known| known["id"].as_str()).unwrap_or_default().to_owned();
        response["id"] = json!(id);
        ("PUT", format!("QuestionnaireResponse/{id}"))
    } else {
        ("POST", "QuestionnaireResponse".to_owned())
    };
    match client.send(method, &path, &response).await? {
        (200 | 201, stored) => Ok(stored["id"].as_str().unwrap_or_default().to_owned()),
        (status, body) => Err(refused(method, &path, status, &body)),
    }
}

fn compare(course: &Course, week: &ExpectedWeek, told: &Told, differences: &mut Vec<String>) {
    let place = format!("{}/{}", course.name, week.file);
    if told.level != week.level {
        differences.push(format!("{place}: level {}, expected {}", told.level, week.level));
    }
    let fired: BTreeSet<&str> =
        told.rules.iter().filter(|rule| rule.fired).map(|rule| rule.action.as_str()).collect();
    let expected: BTreeSet<&str> = week.fired.iter().map(String::as_str).collect();
    for missing in expected.difference(&fired) {
        differences.push(format!("{place}: {missing} did not fire"));
    }
    for extra in fired.difference(&expected) {
        differences.push(format!("{place}: {extra} fired, unexpected"));
    }
    let codes: BTreeSet<&str> = told.tasks.iter().map(|task| task.code.as_str()).collect();
    let wanted: BTreeSet<&str> = week.tasks.iter().map(|task| task.code.as_str()).collect();
    if codes != wanted {
        differences.push(format!("{place}: tasks {codes:?}, expected {wanted:?}"));
    }
    for task in &week.tasks {
        let Some(found) = told.tasks.iter().find(|found| found.code == task.code) else { continue };
        let due = task.from.unwrap_or(week.received) + SignedDuration::from_hours(task.within_hours);
        let late = found.handle_by.is_none_or(|by| by.duration_since(due).abs() > CLOCK_TOLERANCE);
        if found.priority != task.priority || late {
            differences.push(format!(
                "{place}: {} is {} by {:?}, expected {} by {due}",
                task.code, found.priority, found.handle_by, task.priority
            ));
        }
    }
}

/// The oncologist signs the last week's report; the document goes to every destination.
async fn finalize(
    stage: &Stage<'_>,
    client: &Client,
    course: &Course,
    report: &str,
    differences: &mut Vec<String>,
) -> Result<Value, Problem> {
    let mut body = client.read(report).await?;
    body["status"] = json!("final");
    body["conclusion"] =
        json!("Six semaines relues. Poursuite du traitement, surveillance hebdomadaire maintenue.");
    body["resultsInterpreter"] = json!([{ "reference": "PractitionerRole/oncologue-test" }]);
    let signed = match client.send("PUT", report, &body).await? {
        (200, stored) => stored,
        (status, answer) => return Err(refused("PUT", report, status, &answer)),
    };
    let pdf = save_pdf(client, &signed, &stage.folder.join(format!("{}.pdf", course.name))).await?;
    say(&format!("  {report} (final) · {pdf}"));
    tell_deliveries(client, course, DESTINATIONS, differences).await?;
    Ok(signed)
}

/// The oncologist corrects the report: a new version takes the place of the document everywhere.
async fn correct(
    client: &Client,
    course: &Course,
    mut report: Value,
    differences: &mut Vec<String>,
) -> Result<String, Problem> {
    report["status"] = json!("corrected");
    report["conclusion"] = json!("Démonstration : dose réduite au prochain cycle.");
    let stored = client.put(&report).await?;
    let reference = format!("DiagnosticReport/{}", stored["id"].as_str().unwrap_or_default());
    say(&format!("  {reference} (corrected)"));
    tell_deliveries(client, course, 2 * DESTINATIONS, differences).await?;
    Ok(reference)
}

/// The oncologist hides the document from the patient until it was announced: whoever has it is told.
async fn hide(client: &Client, course: &Course, differences: &mut Vec<String>) -> Result<(), Problem> {
    let query = format!("DocumentReference?patient={}&status=current", course.expected.patient);
    let found = client.search(&query).await?;
    let id = found.first().and_then(|one| one["id"].as_str()).unwrap_or_default();
    let asked = json!({"resourceType": "Parameters", "parameter": [
        {"name": "hide", "valueCode": "INVISIBLE_PATIENT"},
        {"name": "by", "valueReference": {"reference": "PractitionerRole/oncologue-test"}},
        {"name": "reason", "valueString": "Démonstration : annonce au patient prévue lundi."}]});
    let path = format!("DocumentReference/{id}/$visibility");
    match client.send("POST", &path, &asked).await? {
        (200, _) => {}
        (status, body) => return Err(refused("POST", &path, status, &body)),
    }
    say(&format!("  DocumentReference/{id} (hidden from the patient)"));
    tell_deliveries(client, course, 3 * DESTINATIONS, differences).await
}

/// The oncologist takes the report back: whoever has the document is told.
async fn withdraw(
    client: &Client,
    course: &Course,
    report: &str,
    differences: &mut Vec<String>,
) -> Result<(), Problem> {
    let mut report = client.read(report).await?;
    report["status"] = json!("entered-in-error");
    let reason = json!({
        "url": "http://hl7.org/fhir/StructureDefinition/event-statusReason",
        "valueCodeableConcept": {"text": "Démonstration : compte rendu rédigé pour un autre patient."},
    });
    match report["extension"].as_array_mut() {
        Some(extensions) => extensions.push(reason),
        None => report["extension"] = json!([reason]),
    }
    client.put(&report).await?;
    say(&format!("  DiagnosticReport/{} (withdrawn)", report["id"].as_str().unwrap_or_default()));
    tell_deliveries(client, course, 4 * DESTINATIONS, differences).await
}

/// Drafts the report of all weeks, for whoever signs it.
async fn draft(client: &Client, course: &Course) -> Result<(), Problem> {
    let days = course.expected.weeks.iter().map(|week| week.received.strftime("%Y-%m-%d").to_string());
    let (Some(start), Some(end)) = (days.clone().min(), days.max()) else { return Ok(()) };
    let asked = json!({"resourceType": "Parameters", "parameter": [
        {"name": "start", "valueDate": start}, {"name": "end", "valueDate": end}]});
    let path = format!("{}/$period-report", course.expected.patient);
    let (status, report) = client.send("POST", &path, &asked).await?;
    if !matches!(status, 200 | 201) {
        return Err(refused("POST", &path, status, &report));
    }
    let id = report["id"].as_str().unwrap_or_default();
    say(&format!("  DiagnosticReport/{id} (period {start} to {end}, drafted)"));
    Ok(())
}

async fn tell_deliveries(
    client: &Client,
    course: &Course,
    expected: usize,
    differences: &mut Vec<String>,
) -> Result<(), Problem> {
    let patient = &course.expected.patient;
    // The newest come first; those before were told.
    let lines = deliveries::wait(client, patient, expected, differences, &course.name).await?;
    for line in lines.into_iter().take(DESTINATIONS) {
        say(&format!("    {line}"));
    }
    Ok(())
}

/// Writes the PDF of a signed report beside the store; gives its path and size.
async fn save_pdf(client: &Client, report: &Value, path: &Path) -> Result<String, Problem> {
    use base64::Engine;
    let url = report["presentedForm"][0]["url"].as_str().unwrap_or_default();
    let place = url.rfind("Binary/").map(|at| &url[at..]);
    let Some(place) = place else { return Err(Problem::internal("the final report names no Binary")) };
    let binary = client.read(place).await?;
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(binary["data"].as_str().unwrap_or_default())
        .map_err(|fault| Problem::internal(format!("{place} is not base64: {fault}")))?;
    if bytes.is_empty() {
        return Err(Problem::internal(format!("{place} has no data")));
    }
    #[expect(clippy::disallowed_methods, reason = "files are written in app only: here")]
    std::fs::write(path, &bytes)
        .map_err(|fault| Problem::internal(format!("{}: {fault}", path.display())))?;
    Ok(format!("{} ({} bytes)", path.display(), bytes.len()))
}
