//! Create (FHIR R4, `RESTful` API, 3.1.0.8), plain and conditional.

use crate::json::Value;
use jiff::Timestamp;

use super::incoming::{self, Incoming};
use super::rounds::Rounds;
use super::{
    Answer, Context, Kind, bundle, conditional, finalize, patient, publish, read, reference, submit, update,
};
use crate::fhir::search::Query;
use crate::fhir::{Document, meta};
use crate::problem::{Category, Issue, Problem};
use crate::store::{Committed, Expect, Guard, Unit, Violation, Write};

/// Stores a new resource; a `QuestionnaireResponse` is submitted: validated, judged by the rules and stored with all
/// that follows from it. A create whose condition already has its match stores nothing and answers with the match.
///
/// # Errors
/// `Malformed`, `Invalid` with every fault, `PreconditionFailed` when `If-None-Exist` matches more than one,
/// `Conflict` when an identifier or a canonical is taken by other content.
pub async fn create(
    ctx: &Context,
    rtype: &str,
    body: impl Into<Document<'_>>,
    if_none_exist: Option<&str>,
) -> Result<Answer, Problem> {
    let body = body.into();
    match create_where(ctx, rtype, body, if_none_exist).await {
        Err(problem) => Err(bundle::keep_in_body(ctx, rtype, body, problem).await?),
        done => done,
    }
}

async fn create_where(
    ctx: &Context,
    rtype: &str,
    body: Document<'_>,
    if_none_exist: Option<&str>,
) -> Result<Answer, Problem> {
    read::writable(rtype)?;
    let condition = match if_none_exist.map(|query| conditional::query_text(ctx, rtype, query)).transpose() {
        Err(problem) if rtype == submit::RESPONSE => {
            return Err(submit::keep_asked_wrongly(ctx, body, problem).await?);
        }
        condition => condition?,
    };
    let done = create_as(ctx, rtype, ctx.ids.next(), body, condition).await;
    if rtype == submit::RESPONSE { submit::keep_unmet(ctx, body, done).await } else { done }
}

/// The same under an id that was chosen before.
///
/// # Errors
/// As [`create`].
pub(crate) async fn create_as(
    ctx: &Context,
    rtype: &str,
    id: String,
    body: Document<'_>,
    condition: Option<Query>,
) -> Result<Answer, Problem> {
    if rtype == "QuestionnaireResponse" {
        return submit::submit(ctx, id, body, condition).await;
    }
    let incoming = match incoming::read(rtype, body) {
        Err(problem) => return Err(submit::keep_misplaced(ctx, body, problem).await?),
        Ok(incoming) => incoming,
    };
    if let Some(answer) = found(ctx, condition.as_ref()).await? {
        return Ok(answer);
    }
    if finalize::is_final(&incoming.resource) {
        return finalize::new_report(ctx, id, incoming, condition).await;
    }
    plain(ctx, rtype, id, incoming, condition).await
}

async fn plain(
    ctx: &Context,
    rtype: &str,
    id: String,
    incoming: Incoming,
    condition: Option<Query>,
) -> Result<Answer, Problem> {
    let (resource, warnings) = referenced(ctx, incoming).await?;
    update::allowed(ctx, None, &resource).await?;
    let mut rounds = Rounds::new(ctx);
    loop {
        rounds.begin()?;
        let at = incoming::now(ctx);
        let resource = meta::stamp(resource.clone(), &id, 1, at);
        let mut unit = Unit::new("create", at);
        unit.guards.extend(condition.clone().map(Guard::NoneMatches));
        unit.guards.extend(publish::guard(ctx, &resource, None).await?);
        unit.streams.extend(stream(&resource));
        unit.writes.push(Write::new(&resource, Expect::New)?);
        let told = patient::guard(ctx, None, &resource, &[], &mut unit).await;
        let told = told.map_err(|problem| problem.at("Patient.identifier"))?;
        match ctx.store.commit(unit).await? {
            Committed::Written(at) => {
                let outcome = warnings.into_iter().chain(told).collect();
                return answer(Kind::Created, resource, at, outcome);
            }
            Committed::Refused(Violation::Exists(ids)) => return existing(ctx, rtype, &ids).await,
            // Another record was written that this one was looked at with.
            Committed::Refused(violation) if violation.is_of_another(&id) => rounds.again(violation),
            Committed::Refused(violation) => return Err(refused(&violation)),
        }
    }
}

/// The resource with literal references.
///
/// # Errors
/// `Invalid` when a reference leads nowhere.
pub(crate) async fn referenced(ctx: &Context, incoming: Incoming) -> Result<(Value, Vec<Issue>), Problem> {
    let Incoming { mut resource, mut warnings } = incoming;
    warnings.extend(reference::resolve(ctx, &mut resource).await?);
    if incoming::hinders(&warnings) {
        return Err(Problem::with(Category::Invalid, warnings));
    }
    Ok((resource, warnings))
}

/// The answer of a create whose condition has matches; `None` when it has none.
///
/// # Errors
/// `PreconditionFailed` when there are several.
pub(crate) async fn found(ctx: &Context, condition: Option<&Query>) -> Result<Option<Answer>, Problem> {
    let Some(query) = condition else { return Ok(None) };
    let page = ctx.store.search(query).await?;
    let ids: Vec<String> = page.resources.iter().map(|stored| stored.id.clone()).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    existing(ctx, &query.rtype, &ids).await.map(Some)
}

/// The answer of a create when these ids match its condition.
///
/// # Errors
/// `PreconditionFailed` when there are several.
pub(crate) async fn existing(ctx: &Context, rtype: &str, ids: &[String]) -> Result<Answer, Problem> {
    let [id] = ids else {
        let diagnostics = format!("If-None-Exist matches more than one {rtype}: nothing was created");
        return Err(Problem::new(Category::PreconditionFailed, "multiple-matches", diagnostics));
    };
    let id = id.rsplit('/').next().unwrap_or(id);
    let stored =
        ctx.store.read(rtype, id).await?.ok_or_else(|| Problem::not_found(format!("{rtype}/{id}")))?;
    read::of(Kind::Found, stored)
}

/// What was written at that instant, as an answer.
///
/// # Errors
/// `Internal`, which a resource that was stamped cannot cause.
pub(crate) fn answer(
    kind: Kind,
    resource: Value,
    last_updated: Timestamp,
    outcome: Vec<Issue>,
) -> Result<Answer, Problem> {
    let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
    let (Some(version), id) = (meta::version(&resource), text("id")) else {
        return Err(Problem::internal("an answer without version"));
    };
    let rtype = text("resourceType");
    let resource = meta::stamp(resource, &id, version, last_updated);
    let body = serde_json::to_vec(&resource).map_err(|fault| Problem::internal(fault.to_string()))?;
    Ok(Answer { kind, rtype, id, version, last_updated, body, outcome })
}

/// What is told when a guard did not hold and nothing more can be done about it.
pub(crate) fn refused(violation: &Violation) -> Problem {
    match violation {
        Violation::Exists(ids) => Problem::new(
            Category::PreconditionFailed,
            "conflict",
            format!("the condition of the request is met by {}", ids.join(", ")),
        ),
        Violation::Key { holder, .. } => {
            Problem::new(Category::Conflict, "duplicate", format!("{holder} has that identifier already"))
        }
        Violation::Stream { .. } => Problem::new(
            Category::Busy,
            "throttled",
            "too many writes about the same subject at once; try again",
        ),
        Violation::Delivery { id } => Problem::new(
            Category::Conflict,
            "conflict",
            format!("the delivery {id} moved on while this was decided; try again"),
        ),
        Violation::Version { rtype, id, found } => Problem::new(
            Category::Conflict,
            "conflict",
            format!("{rtype}/{id} was written by somebody else meanwhile and is at version {found}"),
        ),
    }
}

/// The stream that a resource belongs to: of definitions, or of what judging a patient's response looks at.
pub(crate) fn stream(resource: &Value) -> Option<String> {
    match resource["resourceType"].as_str()? {
        rtype if super::library::is_definition(rtype) => Some(super::library::DEFINITIONS.to_owned()),
        "Patient" | "CarePlan" | "QuestionnaireResponse" => incoming::patient(resource),
        _ => None,
    }
}
