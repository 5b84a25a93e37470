//! `Patient/{id}/$period-report`: drafts the report of a period, so that nobody has to assemble it. The draft is a preliminary
//! `DiagnosticReport` with everything that was found; its conclusion, its change of treatment and its signature are left
//! open. Who signs it completes it and sets it final, as any other report.
//!
//! Asking again for the same period finds the same draft, brings what was found up to date, and leaves what people wrote
//! in it; a report that was signed is answered as it stands.

use crate::json::{Map, Value, json};
use jiff::Timestamp;

use super::finalize::is_final;
use super::update::{Before, Wanted};
use super::{Answer, Context, Kind, create, incoming, material, meaning, merged, read};
use crate::fhir::search::{self, Query};
use crate::fhir::{Document, Reading, datetime, element, meta};
use crate::problem::{Category, Issue, Problem};
use crate::report::period::Days;
use crate::report::{Findings, narrative};
use crate::store::{Committed, Expect, Guard, Unit, Violation, Write};
use crate::terminology::{BASE, LOINC};

/// What the operation takes.
const PARAMETERS: &[&str] = &["start", "end"];

/// Statuses of a report that somebody took back: the period may be drafted anew.
const TAKEN_BACK: &str = "entered-in-error,cancelled";

/// What is written here anew each time; everything else of a draft belongs to the people who complete it.
const FOUND: &[&str] = &["text", "basedOn", "result"];

/// Drafts the report of a patient's period, from the day `start` to the day `end`, both included.
///
/// # Errors
/// `NotFound`, `Gone` for the patient; `Malformed` for a body that is not read; `Invalid` with every fault of the period.
pub async fn period_report(
    ctx: &Context,
    patient: &str,
    body: impl Into<Document<'_>>,
) -> Result<Answer, Problem> {
    let Reading { resource, issues } = body.into().read()?;
    if incoming::hinders(&issues) {
        return Err(Problem::with(Category::Invalid, issues));
    }
    read::read(ctx, "Patient", patient).await?;
    let [start, end] = ends(&resource)?;
    let days = Days::read(Some(&start), Some(&end), "Parameters")?;
    let days = material::checked(ctx, days, "Parameters")?;
    let subject = format!("Patient/{patient}");
    let query = same_period(&subject, days)?;
    for _ in 0..ctx.settings.rounds_max {
        if let Some(answer) = round(ctx, &subject, days, &query).await? {
            return Ok(answer);
        }
    }
    Err(Problem::new(Category::Busy, "throttled", "the same period is being reported; try again"))
}

/// The first and the last day, as they were written.
fn ends(parameters: &Value) -> Result<[String; 2], Problem> {
    let parameters = incoming::of_type("Parameters", parameters.clone())?;
    let parts: Vec<&Value> = element::list(&parameters, "parameter").collect();
    let mut issues = meaning::unknown_in_parameters(&parameters);
    for (n, part) in parts.iter().enumerate() {
        if !element::str_at(part, "name").is_some_and(|name| PARAMETERS.contains(&name)) {
            let text = format!("unknown parameter; there are {}", PARAMETERS.join(", "));
            issues.push(Issue::error("not-supported", text).at(format!("Parameters.parameter[{n}]")));
        }
    }
    let ends = ["start", "end"].map(|name| {
        let mut given = parts.iter().filter(|part| element::str_at(part, "name") == Some(name));
        let value = given.next().and_then(|part| element::str_at(part, "valueDate")).unwrap_or_default();
        if value.is_empty() || given.next().is_some() {
            let text = format!("parameter '{name}' must be given once, as a valueDate");
            issues.push(Issue::error("required", text).at("Parameters.parameter"));
        }
        value.to_owned()
    });
    if issues.is_empty() { Ok(ends) } else { Err(Problem::with(Category::Invalid, issues)) }
}

/// What says for which patient and period a report was drafted.
fn identifier(subject: &str, days: Days) -> (String, String) {
    (format!("{BASE}/NamingSystem/period-report"), format!("{subject}/{}/{}", days.first, days.last))
}

/// The reports of that period that nobody took back.
fn same_period(subject: &str, days: Days) -> Result<Query, Problem> {
    let (system, value) = identifier(subject, days);
    let params = [("identifier", format!("{system}|{value}")), ("status:not", TAKEN_BACK.to_owned())];
    let params: Vec<(String, String)> =
        params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    search::parse("DiagnosticReport", &params)
}

/// One try: nothing when another writer was first.
async fn round(ctx: &Context, subject: &str, days: Days, query: &Query) -> Result<Option<Answer>, Problem> {
    let known = ctx.store.search(query).await?.resources.into_iter().next();
    let id = known.as_ref().map_or_else(|| ctx.ids.next(), |stored| stored.id.clone());
    let before = Before::read(ctx, "DiagnosticReport", &id, Wanted::default()).await?;
    if let (Some(current), Some(stored)) = (&before.resource, &known)
        && is_final(current)
    {
        let outcome = vec![signed()];
        return Ok(Some(Answer { outcome, ..read::of(Kind::Found, stored.clone())? }));
    }
    let at = incoming::now(ctx);
    let drafted = draft(ctx, before.resource.as_ref(), (subject, days), at).await?;
    if let (Some(current), Some(stored)) = (&before.resource, &known)
        && found_in(current) == found_in(&drafted)
    {
        return read::of(Kind::Found, stored.clone()).map(Some);
    }
    let report = meta::stamp(drafted, &id, before.next(), at);
    let mut unit = Unit::new("period-report", at);
    if before.resource.is_none() {
        unit.guards.push(Guard::NoneMatches(query.clone()));
        unit.writes.push(Write::new(&report, Expect::New)?);
    } else {
        unit.writes.push(before.write(&report)?);
    }
    match ctx.store.commit(unit).await? {
        Committed::Written(at) => create::answer(before.kind(), report, at, Vec::new()).map(Some),
        Committed::Refused(Violation::Exists(_) | Violation::Version { .. }) => Ok(None),
        Committed::Refused(violation) => Err(create::refused(&violation)),
    }
}

fn signed() -> Issue {
    let text =
        "the report of this period was signed: it is answered as it stands, and a correction replaces it";
    Issue {
        severity: crate::problem::Severity::Information,
        ..Issue::error("informational", text).text("Le compte rendu de cette période est déjà signé.")
    }
}

/// What was found, of a report.
fn found_in(report: &Value) -> Map {
    let members = report.as_object().into_iter().flat_map(Map::members);
    let found = members.filter(|(name, _)| FOUND.contains(&&***name));
    found.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The draft: what `current` says, with what is found now.
async fn draft(
    ctx: &Context,
    current: Option<&Value>,
    (subject, days): (&str, Days),
    at: Timestamp,
) -> Result<Value, Problem> {
    let records = merged::family(ctx, subject).await?.join(",");
    let mut resources = material::of_period(ctx, days, &records).await?;
    let patient = material::resolve(ctx, subject).await?.unwrap_or_default();
    resources.extend(material::people(ctx, &patient, &resources).await?);
    let mut report = current.cloned().unwrap_or_else(|| blank(subject, days));
    let findings = Findings::read(&report, &resources, at)?;
    let members =
        |rtype: &'static str| resources.iter().filter(move |one| element::resource_type(one) == Some(rtype));
    let referred = |resource: &Value| Some(json!({ "reference": element::local_reference(resource)? }));
    let mut observed: Vec<&Value> = members("Observation")
        .filter(|one| !matches!(element::str_at(one, "status"), Some("entered-in-error" | "cancelled")))
        .collect();
    observed
        .sort_by_key(|one| (material::moment(one, "effectiveDateTime"), element::id(one).map(str::to_owned)));
    put(&mut report, "basedOn", members("CarePlan").filter_map(referred).collect());
    put(&mut report, "result", observed.into_iter().filter_map(referred).collect());
    report["text"] = json!({"status": "generated", "div": narrative::draft(&findings)});
    report["issued"] = json!(datetime::instant(at));
    Ok(report)
}

/// A list, or nothing where it would be empty.
fn put(report: &mut Value, name: &str, list: Vec<Value>) {
    if list.is_empty() {
        report.as_object_mut().map(|members| members.remove(name));
    } else {
        report[name] = list.into();
    }
}

/// A report of which only patient and period are known.
fn blank(subject: &str, days: Days) -> Value {
    let (system, value) = identifier(subject, days);
    let section = "http://terminology.hl7.org/CodeSystem/v2-0074";
    json!({
        "resourceType": "DiagnosticReport",
        "language": "fr-FR",
        "identifier": [{"system": system, "value": value}],
        "status": "preliminary",
        "category": [{"coding": [{"system": section, "code": "OTH", "display": "Other"}]}],
        "code": {
            "coding": [{"system": LOINC, "code": "85208-7"}],
            "text": "Télésurveillance en oncologie : compte rendu de période",
        },
        "subject": {"reference": subject},
        "effectivePeriod": {"start": days.first.to_string(), "end": days.last.to_string()},
    })
}
