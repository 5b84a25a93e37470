//! A transaction: planned, decided in order over a staged store, committed once; planned anew when somebody else wrote.

use std::collections::HashMap;
use std::sync::Arc;

use crate::json::Value;
use jiff::Timestamp;

use super::answer::{Done, Echo};
use super::entry::{Entry, Method, Target};
use super::perform;
use super::plan::{Fate, Plan};
use super::refusal::{any_reference, untold};
use crate::fhir::element;
use crate::fhir::reference::{self, ReferenceForm};
use crate::interaction::submit::{self, RESPONSE};
use crate::interaction::{
    Answer, Context, Kind, create, delete, finalize, incoming, library, patch, patient, read, update,
};
use crate::problem::{Category, Problem};
use crate::store::{Committed, Guard, Staged, Store, Violation};

/// In which order types are written: what judging or publishing looks at comes first.
const ORDER: &[&str] = &[
    "CodeSystem",
    "ValueSet",
    "Questionnaire",
    "ActivityDefinition",
    "PlanDefinition",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Patient",
    "Consent",
    "CarePlan",
    "Binary",
];

/// What one round came to.
enum Round {
    Done(Vec<Done>),
    /// Somebody wrote meanwhile.
    Again,
    /// This entry was here already, under this id.
    Here(usize, String),
}

/// Claims of identifiers that earlier rounds met: space, key, holder, digest.
type Claims = Vec<Guard>;

/// Does all of it, or nothing.
pub(super) async fn run(ctx: &Context, entries: Vec<Entry>, echo: Echo) -> Result<Vec<Value>, Problem> {
    let (mut here, mut claims) = (HashMap::new(), Claims::new());
    for _ in 0..ctx.settings.rounds_max {
        match round(ctx, &entries, &here, &mut claims).await? {
            Round::Done(done) => {
                return Ok(done.iter().map(|done| done.entry(&ctx.settings.base_url, echo)).collect());
            }
            Round::Again => {}
            Round::Here(n, id) => {
                here.insert(n, id);
            }
        }
    }
    Err(Problem::new(Category::Busy, "throttled", "too many writes of the same resources at once; try again"))
}

async fn round(
    ctx: &Context,
    entries: &[Entry],
    here: &HashMap<usize, String>,
    claims: &mut Claims,
) -> Result<Round, Problem> {
    let mut plan = Plan::make(ctx, entries, here).await?;
    let at = incoming::now(ctx);
    let staged = Arc::new(Staged::new(Arc::clone(&ctx.store), "transaction", at, plan.expected(entries)));
    plan.guards.iter().for_each(|guard| staged.guard(guard.clone()));
    claims.iter().for_each(|claim| staged.claimed(claim));
    let defines = entries.iter().any(|entry| library::is_definition(&entry.rtype));
    let inner = ctx.over(Arc::clone(&staged) as Arc<dyn Store>, defines);
    let mut order: Vec<usize> = (0..entries.len()).filter(|n| entries[*n].method != Method::Get).collect();
    order.sort_by_key(|n| (rank(&entries[*n]), *n));
    let mut done: Vec<Option<Done>> = entries.iter().map(|_| None).collect();
    let mut refusals = std::mem::take(&mut plan.refusals);
    for n in order {
        let mut entry = entries[n].clone();
        if let Some(resource) = &mut entry.resource {
            plan.names.resolve(resource, entry.full_url.as_deref());
        }
        let falls = |resource: &Value| refusals.are_named_by(resource);
        if refusals.holds(n) || entry.resource.as_ref().is_some_and(falls) {
            continue;
        }
        match one(&inner, &entry, &plan.fates[n]).await {
            Ok(answer) => {
                if let Some(problem) = plan.created_beside(n, &answer) {
                    refusals.add(n, entry, None, problem);
                    continue;
                }
                if plan.fates[n].new_id().is_some_and(|id| *id != answer.id) {
                    return Ok(Round::Here(n, answer.id));
                }
                done[n] = Some(Done::One(answer));
            }
            Err(problem) if is_ours(&problem) => return Err(untold(problem)),
            Err(problem) => refusals.add(n, entry, plan.name_of(n, entries), problem),
        }
    }
    for (n, problem) in plan.met_by_others(&staged, entries).await? {
        refusals.add(n, entries[n].clone(), None, problem);
    }
    if !refusals.is_empty() {
        return Err(refusals.told(ctx, entries).await?);
    }
    let written_at = match commit(ctx, &staged, claims).await? {
        Ok(written_at) => written_at,
        Err(again) => return Ok(again),
    };
    let mut all = Vec::new();
    let mut room = perform::Room::default();
    for (n, done) in done.into_iter().enumerate() {
        all.push(match done {
            Some(done) => written_at.into_iter().fold(done, |done, instant| done.dated(at, instant)),
            // What is written is written: a read that finds nothing cannot undo it.
            None => room.perform(ctx, &entries[n]).await.unwrap_or_else(Done::Refused),
        });
    }
    Ok(Round::Done(all))
}

/// Commits everything; tells at which instant, if there was anything, or that another round is needed.
async fn commit(
    ctx: &Context,
    staged: &Staged,
    claims: &mut Claims,
) -> Result<Result<Option<Timestamp>, Round>, Problem> {
    let unit = staged.unit();
    if unit.writes.is_empty() {
        return Ok(Ok(None));
    }
    let keys: Vec<Guard> =
        unit.guards.iter().filter(|guard| matches!(guard, Guard::Key { .. })).cloned().collect();
    match ctx.store.commit(unit).await? {
        Committed::Written(at) => Ok(Ok(Some(at))),
        Committed::Refused(Violation::Key { holder, digest }) => {
            claims.push(claim(&keys, holder, digest)?);
            Ok(Err(Round::Again))
        }
        Committed::Refused(_) => Ok(Err(Round::Again)),
    }
}

/// The claim that was met: the one with the same content, or the only one.
fn claim(keys: &[Guard], holder: String, digest: Vec<u8>) -> Result<Guard, Problem> {
    let same = keys.iter().find(|guard| matches!(guard, Guard::Key { digest: own, .. } if *own == digest));
    match (same, keys) {
        (Some(Guard::Key { space, key, .. }), _) | (None, [Guard::Key { space, key, .. }]) => {
            Ok(Guard::Key { space: space.clone(), key: key.clone(), holder, digest })
        }
        _ => {
            let text = format!(
                "the identifier of a response in the transaction names {holder}, whose content differs"
            );
            Err(Problem::new(Category::Conflict, "duplicate", text))
        }
    }
}

/// DELETE, POST, PUT, PATCH, then what refers by conditions, so that these see all the rest (3.1.0.11.2); then what is judged
/// by all the rest: responses by the time they were authored, and reports that become final.
fn rank(entry: &Entry) -> (u8, usize, Option<jiff::Timestamp>) {
    let place = ORDER.iter().position(|rtype| *rtype == entry.rtype).unwrap_or(ORDER.len());
    match (entry.method, &entry.resource) {
        // What refers goes before what it refers to.
        (Method::Delete, _) => (0, ORDER.len() - place, None),
        (Method::Patch, _) => (3, place, None),
        (_, Some(resource)) if entry.rtype == RESPONSE => (5, 0, submit::history::moment(resource)),
        (_, Some(resource)) if finalize::is_final(resource) => (6, 0, None),
        (_, Some(resource)) if any_reference(resource, &is_conditional) => (4, place, None),
        // A record that ends does so before another one takes its numbers.
        (_, Some(resource)) if entry.rtype == "Patient" && !patient::is_followed(resource) => {
            (0, ORDER.len(), None)
        }
        (Method::Post, _) => (1, place, None),
        _ => (2, place, None),
    }
}

fn is_conditional(text: &str) -> bool {
    matches!(reference::parse(text), ReferenceForm::Conditional { .. })
}

async fn one(ctx: &Context, entry: &Entry, fate: &Fate) -> Result<Answer, Problem> {
    let rtype = entry.rtype.as_str();
    let resource = entry.resource.clone().unwrap_or_default();
    match (entry.method, fate) {
        (_, Fate::Found(id)) => {
            let stored = ctx.store.read(rtype, id).await?.filter(|stored| !stored.deleted);
            let stored = stored.ok_or_else(|| Problem::not_found(format_args!("{rtype}/{id}")))?;
            read::of(Kind::Found, stored)
        }
        (Method::Post, Fate::New(id, condition)) => {
            create::create_as(
                ctx,
                rtype,
                id.clone(),
                resource.to_string().as_bytes().into(),
                condition.clone(),
            )
            .await
        }
        (Method::Put, Fate::At(id)) => {
            let mut body = resource;
            // A conditional update takes its id from the match.
            if element::id(&body).is_none() && matches!(entry.target, Target::Type(_)) {
                body["id"] = id.clone().into();
            }
            update::update(ctx, rtype, id, body.to_string().as_bytes(), entry.if_match).await
        }
        (Method::Patch, Fate::At(id)) => {
            patch::patch(ctx, rtype, id, &perform::patch_of(entry)?, entry.if_match).await
        }
        (Method::Delete, Fate::At(id)) => delete::delete(ctx, rtype, id, entry.if_match).await,
        (Method::Delete, _) => Ok(delete::absent(ctx, rtype, "", 0)),
        _ => Err(Problem::internal("an entry was planned that cannot be done")),
    }
}

/// Nothing that the entry says: the store or the code.
pub(super) const fn is_ours(problem: &Problem) -> bool {
    matches!(
        problem.category,
        Category::Busy | Category::StorageFull | Category::Damaged | Category::Internal
    )
}
