//! What a report is made from: what was observed, alerted, done and said about a patient, and why. For the report of a
//! response the weeks before it; for that of a period its own days.

use std::collections::{BTreeMap, BTreeSet};

use crate::json::Value;
use jiff::{SignedDuration, Timestamp};

use super::submit::moment;
use super::{Context, incoming, library, read};
use crate::fhir::datetime::{PartialDateTime, instant};
use crate::fhir::{element, meta, reference};
use crate::problem::Problem;
use crate::report::period::{self, Days, Scope};

/// How far back the report of a response looks: the trend of six weeks.
const WINDOW: SignedDuration = SignedDuration::from_hours(6 * 7 * 24);

/// References in one search: addresses have a length.
const CHUNK: usize = 40;

/// What dates a resource of each type, and how its patient is searched for.
const DATED: &[(&str, &str, &[&str])] = &[
    ("Observation", "subject", &["effectiveDateTime", "effectivePeriod.start", "issued"]),
    ("Flag", "subject", &["period.start"]),
    ("Task", "patient", &["authoredOn"]),
    ("Communication", "subject", &["sent"]),
];

/// What dates a report: the moment that it speaks of, else the one that it was issued at.
const REPORTED: &[&str] = &["effectivePeriod.end", "effectiveDateTime", "issued"];

/// What a report is about, if that can be reported today.
///
/// # Errors
/// `Invalid` with every fault of its period.
pub(crate) fn scope(ctx: &Context, report: &Value) -> Result<Scope, Problem> {
    let scope = Scope::of(report)?;
    if let Some(days) = scope.days() {
        checked(ctx, days, "DiagnosticReport.effectivePeriod")?;
    }
    Ok(scope)
}

/// Those days, if they can be reported today.
///
/// # Errors
/// `Invalid` with every fault, at `place`.
pub(crate) fn checked(ctx: &Context, days: Days, place: &str) -> Result<Days, Problem> {
    days.checked(period::today(incoming::now(ctx)), ctx.settings.report_weeks_max, place)
}

/// Everything that the report of this patient (`Patient/id`) is made from.
///
/// # Errors
/// As [`scope`].
pub(crate) async fn about(ctx: &Context, report: &Value, patient: &str) -> Result<Vec<Value>, Problem> {
    match scope(ctx, report)? {
        Scope::Response => of_response(ctx, report, patient).await,
        Scope::Period(days) => of_period(ctx, days, patient).await,
    }
}

/// From [`WINDOW`] before the end of the report until now.
async fn of_response(ctx: &Context, report: &Value, patient: &str) -> Result<Vec<Value>, Problem> {
    let end = ["effectivePeriod.end", "effectiveDateTime"].into_iter().find_map(|name| moment(report, name));
    let end = end.unwrap_or_else(|| incoming::now(ctx));
    let start = end.checked_sub(WINDOW).unwrap_or(end);
    let mut resources = dated(ctx, patient, (start, Timestamp::MAX)).await?;
    let reports = since(ctx, "DiagnosticReport", "subject", patient, start).await?;
    resources.extend(reasons(ctx, resources.iter().chain(&reports)).await?);
    // Those that are over too: a report that was signed before is told with the plan that was active then.
    resources.extend(all(ctx, "CarePlan", &[("subject", patient)]).await?);
    Ok(resources)
}

/// What belongs to those days and to no other: with the responses, the reports of each, and every plan of care that was
/// followed within them.
pub(crate) async fn of_period(ctx: &Context, days: Days, patient: &str) -> Result<Vec<Value>, Problem> {
    let (start, end) = days.bounds();
    let mut resources = dated(ctx, patient, (start, end)).await?;
    let within =
        |resource: &Value, names: &[&str]| at(resource, names).is_some_and(|at| at >= start && at < end);
    let mut reports = since(ctx, "DiagnosticReport", "subject", patient, start).await?;
    reports.retain(|report| within(report, REPORTED));
    let mut responses = since(ctx, "QuestionnaireResponse", "subject", patient, start).await?;
    for response in &mut responses {
        moment::settle(ctx, response).await?;
    }
    responses.retain(|response| within(response, &["authored"]));
    resources.extend(reasons(ctx, resources.iter().chain(&reports)).await?);
    let mut plans = all(ctx, "CarePlan", &[("subject", patient)]).await?;
    plans.retain(|plan| {
        let followed =
            matches!(element::str_at(plan, "status"), Some("active" | "on-hold" | "completed" | "revoked"));
        let (from, until) = (moment(plan, "period.start"), upper(plan, "period.end"));
        followed && from.is_none_or(|from| from < end) && until.is_none_or(|until| until >= start)
    });
    resources.extend(responses.into_iter().chain(reports).chain(plans));
    Ok(resources)
}

/// Everything of the types of [`DATED`] from the first moment until before the second.
async fn dated(
    ctx: &Context,
    patient: &str,
    (start, end): (Timestamp, Timestamp),
) -> Result<Vec<Value>, Problem> {
    let mut resources = Vec::new();
    for (rtype, parameter, dates) in DATED {
        for resource in since(ctx, rtype, parameter, patient, start).await? {
            if is_of_care(&resource) && at(&resource, dates).is_some_and(|at| at >= start && at < end) {
                resources.push(resource);
            }
        }
    }
    Ok(resources)
}

/// Whether it is about care: a Task about a document or a record is not.
fn is_of_care(resource: &Value) -> bool {
    let focus = element::str_at(resource, "focus.reference").unwrap_or_default();
    element::resource_type(resource) != Some("Task")
        || !(focus.starts_with("DocumentReference/") || focus.starts_with("Patient/"))
}

/// What was stored from that moment on. Nothing is stored before it happened: what is older in the store is older for the
/// patient too.
async fn since(
    ctx: &Context,
    rtype: &str,
    parameter: &str,
    patient: &str,
    start: Timestamp,
) -> Result<Vec<Value>, Problem> {
    let since = format!("ge{}", instant(start));
    all(ctx, rtype, &[(parameter, patient), ("_lastUpdated", since.as_str())]).await
}

/// The traces of what explains these resources, each once, in order of time.
async fn reasons<'a>(
    ctx: &Context,
    resources: impl Iterator<Item = &'a Value>,
) -> Result<Vec<Value>, Problem> {
    let explained: Vec<String> = resources
        .filter(|one| matches!(element::resource_type(one), Some("Flag" | "Task" | "DiagnosticReport")))
        .filter_map(element::local_reference)
        .collect();
    let mut found = BTreeMap::new();
    for chunk in explained.chunks(CHUNK) {
        for provenance in all(ctx, "Provenance", &[("target", &chunk.join(","))]).await? {
            let key = (
                element::str_at(&provenance, "recorded").unwrap_or_default().to_owned(),
                element::id(&provenance).unwrap_or_default().to_owned(),
            );
            found.insert(key, provenance);
        }
    }
    Ok(found.into_values().collect())
}

/// Who prescribed the monitoring, the patient's own physicians, and who signed the reports among the resources: each
/// professional, and the role that names it.
///
/// # Errors
/// Those of the store.
pub(crate) async fn people(
    ctx: &Context,
    patient: &Value,
    resources: &[Value],
) -> Result<Vec<Value>, Problem> {
    let of_type =
        |rtype: &'static str| resources.iter().filter(move |one| element::resource_type(one) == Some(rtype));
    let named = |person: &'_ Value| element::str_at(person, "reference").map(str::to_owned);
    let authors = of_type("CarePlan").filter_map(|plan| plan.get("author")).filter_map(named);
    let signed = of_type("DiagnosticReport").flat_map(|report| {
        element::list(report, "resultsInterpreter").chain(element::list(report, "performer"))
    });
    let own = element::list(patient, "generalPractitioner").filter_map(named);
    let references: BTreeSet<String> = authors.chain(signed.filter_map(named)).chain(own).collect();
    let mut found = Vec::new();
    for reference in references {
        let Some(named) = resolve(ctx, &reference).await? else { continue };
        if element::resource_type(&named) == Some("PractitionerRole") {
            found.extend(follow(ctx, &named, "practitioner").await?);
        }
        found.push(named);
    }
    found.retain(|one| matches!(element::resource_type(one), Some("Practitioner" | "PractitionerRole")));
    Ok(found)
}

/// The resource that an element of a resource refers to, if it is here.
pub(crate) async fn follow(ctx: &Context, resource: &Value, name: &str) -> Result<Option<Value>, Problem> {
    match element::str_at(resource, &format!("{name}.reference")) {
        Some(reference) => resolve(ctx, reference).await,
        None => Ok(None),
    }
}

/// The resource that a reference names, if it is here.
pub(crate) async fn resolve(ctx: &Context, reference: &str) -> Result<Option<Value>, Problem> {
    match reference::parse(reference) {
        reference::ReferenceForm::Local { rtype, id, .. } => read::current(ctx, rtype, id).await,
        _ => Ok(None),
    }
}

/// Every match of a search.
pub(crate) async fn all(ctx: &Context, rtype: &str, params: &[(&str, &str)]) -> Result<Vec<Value>, Problem> {
    library::read_all(ctx.store.as_ref(), rtype, params)
        .await?
        .iter()
        .map(|stored| stored.resource())
        .collect()
}

/// The first of these dates that there is, else when the resource was stored.
fn at(resource: &Value, names: &[&str]) -> Option<Timestamp> {
    names.iter().find_map(|name| moment(resource, name)).or_else(|| meta::last_updated(resource))
}

/// The first moment that a date of a resource may mean.
pub(crate) fn moment(resource: &Value, name: &str) -> Option<Timestamp> {
    PartialDateTime::parse(element::str_at(resource, name)?)?.lower()
}

/// The last one.
fn upper(resource: &Value, name: &str) -> Option<Timestamp> {
    PartialDateTime::parse(element::str_at(resource, name)?)?.bounds().map(|(_, upper)| upper)
}
