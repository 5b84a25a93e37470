//! Update (FHIR R4, `RESTful` API, 3.1.0.4): a new version, a resource with the client's id, or nothing when nothing changed.

use crate::json::Value;

use super::incoming::{self, Incoming};
use super::rounds::Rounds;
use super::{
    Answer, Context, Kind, bundle, conditional, content, create, finalize, patient, publish, read, submit,
    task, visibility, withdraw,
};
use crate::fhir::search::Query;
use crate::fhir::{Document, Reading, element, meta};
use crate::problem::{Category, Issue, Problem};
use crate::store::{Body, Committed, Expect, Guard, Made, Stored, Unit, Violation, Write};

/// Stores a new version. A `QuestionnaireResponse` is amended (judged anew), a `DiagnosticReport` with a final status is
/// finalised (document and deliveries made) or withdrawn, a definition is published. A body that says what is stored already changes
/// nothing.
///
/// # Errors
/// `Malformed`, `Invalid` with every fault, `PreconditionFailed` when the version is not the one of `If-Match`,
/// `Conflict` when a definition in use would change.
pub async fn update(
    ctx: &Context,
    rtype: &str,
    id: &str,
    body: impl Into<Document<'_>>,
    if_match: Option<u64>,
) -> Result<Answer, Problem> {
    let body = body.into();
    let done = update_by(ctx, rtype, id, body, Wanted { if_match, ..Wanted::default() }).await;
    let done = if rtype == submit::RESPONSE { submit::keep_unmet(ctx, body, done).await } else { done };
    kept(ctx, rtype, body, done).await
}

/// The same end of a write; where it is refused, with where the responses are kept that came in its body.
async fn kept(
    ctx: &Context,
    rtype: &str,
    body: Document<'_>,
    done: Result<Answer, Problem>,
) -> Result<Answer, Problem> {
    match done {
        Err(problem) => Err(bundle::keep_in_body(ctx, rtype, body, problem).await?),
        done => done,
    }
}

/// The same, asked for by this method.
///
/// # Errors
/// As [`update`].
pub(crate) async fn update_by(
    ctx: &Context,
    rtype: &str,
    id: &str,
    body: Document<'_>,
    wanted: Wanted<'_>,
) -> Result<Answer, Problem> {
    read::writable(rtype)?;
    if rtype == "QuestionnaireResponse" {
        return submit::amend(ctx, id, body, wanted).await;
    }
    let incoming = match incoming::read(rtype, body) {
        Err(problem) => return Err(submit::keep_misplaced(ctx, body, problem).await?),
        Ok(incoming) => incoming,
    };
    incoming::check_id(&incoming.resource, id)?;
    if let Some(issue) = incoming::subsetted(&incoming.resource).filter(|_| !wanted.is_patch) {
        return Err(Problem::with(Category::Invalid, vec![issue]));
    }
    if finalize::is_final(&incoming.resource) {
        return finalize::stored_report(ctx, id, incoming, wanted).await;
    }
    if withdraw::is_withdrawn(&incoming.resource) {
        return withdraw::report(ctx, id, incoming, wanted).await;
    }
    plain(ctx, rtype, id, incoming, wanted).await
}

/// How an update is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wanted<'a> {
    /// `If-Match`.
    pub(crate) if_match: Option<u64>,
    /// By `PATCH`, and not by `PUT`.
    pub(crate) is_patch: bool,
    /// Only while nothing matches this, and only where nothing is: the condition of an update that brings its own id.
    pub(crate) none_matches: Option<&'a Query>,
}

/// Updates the one resource that a search finds, in the version that was found; when it finds none, creates it, under the id of
/// the body if that has one and nothing is there.
///
/// # Errors
/// `Malformed` when the search has no criterion or the body has another id than the match, `PreconditionFailed` when it
/// finds several, `Conflict` when it finds none and the body has the id of a record that there is, and those of [`update`].
pub async fn update_where<'a>(
    ctx: &Context,
    rtype: &str,
    params: &[(String, String)],
    body: impl Into<Document<'a>>,
    if_match: Option<u64>,
) -> Result<Answer, Problem> {
    let body = body.into();
    let done = match read::writable(rtype) {
        Ok(()) => meeting(ctx, rtype, params, body, if_match).await,
        Err(problem) => Err(problem),
    };
    let done = match done {
        // What the request says of the place is no reason to forget the answers.
        Err(problem)
            if rtype == submit::RESPONSE
                && matches!(problem.category, Category::Malformed | Category::Conflict)
                && !submit::is_kept(&problem) =>
        {
            Err(submit::keep_asked_wrongly(ctx, body, problem).await?)
        }
        done if rtype == submit::RESPONSE => submit::keep_unmet(ctx, body, done).await,
        done => done,
    };
    kept(ctx, rtype, body, done).await
}

/// The same, of what may be written.
async fn meeting(
    ctx: &Context,
    rtype: &str,
    params: &[(String, String)],
    body: Document<'_>,
    if_match: Option<u64>,
) -> Result<Answer, Problem> {
    let condition = conditional::query(ctx, rtype, params)?;
    let mut resource = match body.read() {
        Ok(Reading { resource, issues }) if issues.is_empty() => resource,
        // Refused with every fault, and kept if it was meant to be a response.
        _ => return create::create_as(ctx, rtype, ctx.ids.next(), body, None).await,
    };
    let own = element::id(&resource).map(str::to_owned);
    let mut rounds = conditional::Rounds::new(ctx, rtype, params);
    loop {
        let found = rounds.matches().await?;
        let done = match (found.as_slice(), &own) {
            ([], None) => {
                conditional::check_version(rtype, if_match, None)?;
                create::create_as(ctx, rtype, ctx.ids.next(), body, Some(condition.clone())).await
            }
            ([], Some(id)) => {
                let wanted = Wanted { if_match, none_matches: Some(&condition), ..Wanted::default() };
                update_by(ctx, rtype, id, body, wanted).await
            }
            ([one], own) if own.as_ref().is_none_or(|own| *own == one.id) => {
                conditional::check_version(&format!("{rtype}/{}", one.id), if_match, Some(one.version))?;
                resource["id"] = one.id.clone().into();
                let wanted = Wanted { if_match: Some(one.version), ..Wanted::default() };
                update_by(ctx, rtype, &one.id, resource.to_string().as_bytes().into(), wanted).await
            }
            ([one], _) => {
                let text = format!("the condition is met by {rtype}/{}, and the body has another id", one.id);
                return Err(Problem::new(Category::Malformed, "value", text).at(&format!("{rtype}.id")));
            }
            _ => return Err(conditional::several(rtype, "written")),
        };
        if let Some(answer) = rounds.settled(&found, done).await? {
            return Ok(answer);
        }
    }
}

/// Stores a new version of what needs nothing done beside it.
///
/// # Errors
/// As [`update`].
pub(super) async fn plain(
    ctx: &Context,
    rtype: &str,
    id: &str,
    incoming: Incoming,
    wanted: Wanted<'_>,
) -> Result<Answer, Problem> {
    let (resource, warnings) = create::referenced(ctx, incoming).await?;
    let mut rounds = Rounds::new(ctx);
    loop {
        rounds.begin()?;
        let before = Before::read(ctx, rtype, id, wanted).await?;
        if let Some(answer) = before.unchanged(&resource, &warnings) {
            return Ok(answer);
        }
        allowed(ctx, before.resource.as_ref(), &resource).await?;
        let at = incoming::now(ctx);
        let resource = meta::stamp(resource.clone(), id, before.next(), at);
        let mut unit = Unit::new("update", at);
        unit.guards.extend(before.condition());
        unit.guards.extend(publish::guard(ctx, &resource, before.resource.as_ref()).await?);
        unit.streams.extend(create::stream(&resource));
        unit.writes.push(before.write(&resource)?);
        let told = patient::guard(ctx, before.resource.as_ref(), &resource, &[], &mut unit).await;
        let told = told.map_err(|problem| problem.at("Patient.identifier"))?;
        match ctx.store.commit(unit).await? {
            Committed::Written(at) => {
                let outcome = warnings.into_iter().chain(told).collect();
                return create::answer(before.kind(), resource, at, outcome);
            }
            Committed::Refused(violation @ (Violation::Version { .. } | Violation::Stream { .. })) => {
                rounds.again(violation);
            }
            Committed::Refused(violation) => return Err(create::refused(&violation)),
        }
    }
}

/// Refuses what a write may not do to what stands there: give it to another patient, take back a final report, or close a
/// Task without a person and an outcome.
///
/// # Errors
/// `Invalid` with every fault.
pub(crate) async fn allowed(ctx: &Context, before: Option<&Value>, after: &Value) -> Result<(), Problem> {
    if let Some(before) = before {
        same_patient(before, after)?;
        not_taken_back(before, after)?;
        withdraw::refuse_revival(ctx, before).await?;
        visibility::refuse_other_ways(before, after)?;
    }
    if element::resource_type(after) == Some("Task") {
        let shelf = ctx.library.shelf(ctx.store.as_ref(), &[], &[]).await?;
        task::check(before, after, &shelf.terminology())?;
    }
    Ok(())
}

/// What was written about a patient is never about another one.
///
/// # Errors
/// `Invalid`.
pub(crate) fn same_patient(before: &Value, after: &Value) -> Result<(), Problem> {
    let (first, now) = (incoming::patient(before), incoming::patient(after));
    if first.is_none() || first == now {
        return Ok(());
    }
    let rtype = element::resource_type(after).unwrap_or("Resource");
    let diagnostics = format!(
        "this {rtype} is about another patient than its earlier version; what is about somebody else is a new resource, \
         and the wrong one is set entered-in-error"
    );
    Err(Problem::new(Category::Invalid, "business-rule", diagnostics).at(rtype))
}

/// The document of a final report was made and sent: only a correction replaces it, and only a withdrawal takes it back.
fn not_taken_back(before: &Value, after: &Value) -> Result<(), Problem> {
    if !finalize::is_final(before) || finalize::is_final(after) {
        return Ok(());
    }
    Err(withdraw::not_taken_back(element::str_at(after, "status")))
}

/// What stands where an update will write.
pub(crate) struct Before {
    /// The current version, a deletion marker included.
    stored: Option<Stored>,
    /// The current resource, unless it is deleted.
    pub(crate) resource: Option<Value>,
    /// What made the version that is going to be written.
    made: Made,
    /// What nothing may match when it is written.
    none_matches: Option<Query>,
}

impl Before {
    /// A place where nothing was ever stored.
    pub(crate) const fn nothing() -> Self {
        Self { stored: None, resource: None, made: Made::Post, none_matches: None }
    }

    /// Reads it, and compares its version with the one of `If-Match`.
    ///
    /// # Errors
    /// `PreconditionFailed`; `Conflict` where something is that was to be new.
    pub(crate) async fn read(
        ctx: &Context,
        rtype: &str,
        id: &str,
        wanted: Wanted<'_>,
    ) -> Result<Self, Problem> {
        let Wanted { if_match, is_patch, none_matches } = wanted;
        let stored = ctx.store.read(rtype, id).await?;
        let current = stored.as_ref().filter(|stored| !stored.deleted);
        conditional::check_version(&format!("{rtype}/{id}"), if_match, current.map(|stored| stored.version))?;
        if none_matches.is_some() && current.is_some() {
            return Err(conditional::id_is_taken(rtype, id));
        }
        let resource = current.map(|stored| stored.resource()).transpose()?;
        let made = match (&resource, is_patch) {
            (None, _) => Made::PutNew,
            (Some(_), false) => Made::Put,
            (Some(_), true) => Made::Patch,
        };
        Ok(Self { stored, resource, made, none_matches: none_matches.cloned() })
    }

    /// What must still hold when it is written.
    pub(crate) fn condition(&self) -> Option<Guard> {
        self.none_matches.clone().map(Guard::NoneMatches)
    }

    /// The answer when the current version says the same.
    pub(crate) fn unchanged(&self, resource: &Value, warnings: &[Issue]) -> Option<Answer> {
        let current = self.resource.as_ref().filter(|current| content::same_content(current, resource))?;
        let stored = self.stored.clone().filter(|_| current.is_object())?;
        Some(Answer { outcome: warnings.to_vec(), ..read::of(Kind::Unchanged, stored).ok()? })
    }

    /// The version to write.
    pub(crate) fn next(&self) -> u64 {
        self.stored.as_ref().map_or(1, |stored| stored.version + 1)
    }

    /// The write of the next version.
    ///
    /// # Errors
    /// As [`Write::new`].
    pub(crate) fn write(&self, resource: &Value) -> Result<Write, Problem> {
        self.write_with_body(resource).map(|(write, _)| write)
    }

    /// The same, and its bytes.
    ///
    /// # Errors
    /// As [`Write::new`].
    pub(crate) fn write_with_body(&self, resource: &Value) -> Result<(Write, Body), Problem> {
        let expect = self.stored.as_ref().map_or(Expect::New, |stored| Expect::Version(stored.version));
        let (write, body) = Write::with_body(resource, expect)?;
        Ok((write.made(self.made), body))
    }

    /// What writing is, seen by the client.
    pub(crate) const fn kind(&self) -> Kind {
        if self.resource.is_some() { Kind::Updated } else { Kind::Created }
    }
}
