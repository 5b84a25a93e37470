//! Submitting a `QuestionnaireResponse` (Structured Data Capture): create and amend.
//!
//! Three steps, each in its file: [`gather`] reads what the decision needs, [`decide`] is pure, [`write`] commits all of it
//! or nothing. A response that is refused is never thrown away: [`keep`] stores its bytes and what was wrong, and the rules
//! run on every answer that could be read.
//!
//! What makes it safe to repeat, and safe with several at once:
//! - the identifier of a response is claimed in the same transaction (`Guard::Key`), with a digest of what was sent: the
//!   same content again is answered with the first result; other content, and the same after a withdrawal, is refused,
//!   and kept;
//! - a response without identifier that says when it was authored is claimed by its content;
//! - a decision stands on the patient's stream (`Guard::Stream`), and on those of all records that were merged with this one:
//!   if anything about the person was written meanwhile, it is gathered and decided anew; submissions of one patient in one
//!   process take [`turn`]s, so that this is rare.

mod careplan;
pub(crate) mod decide;
mod earlier;
mod following;
mod gather;
pub(crate) mod history;
mod identity;
mod keep;
pub(crate) mod moment;
mod treatment;
mod turn;
mod write;

pub(crate) use following::Following;
pub(crate) use gather::{gather, instantiated, known};
pub(crate) use identity::doubts as identity_doubts;
pub(crate) use moment::doubt as moment_doubt;

use crate::json::{Value, json};
use jiff::Timestamp;

use super::incoming::{self, check_id};
use super::read as reading;
use super::update::{Before, Wanted};
use super::{Answer, Context, content, create, meaning};
use crate::fhir::search::Query;
use crate::fhir::{self, Document, Reading, element, structure};
use crate::problem::{Category, Issue, Problem};
use crate::rules::Explained;

/// The resource type of this door.
pub(crate) const RESPONSE: &str = "QuestionnaireResponse";

/// A response on its way in.
pub(crate) struct Arrival<'a> {
    /// As it came.
    pub(crate) document: Document<'a>,
    /// As it was read.
    pub(crate) response: Value,
    /// Faults known before anything was gathered.
    pub(crate) issues: Vec<Issue>,
    /// The id it has or will have.
    pub(crate) id: String,
    /// The id of its bytes, should it be refused.
    pub(crate) kept_id: String,
    /// When it came.
    pub(crate) received: Timestamp,
    /// `If-None-Exist`.
    pub(crate) condition: Option<Query>,
    /// Sent to its own address, and how.
    pub(crate) update: Option<Wanted<'a>>,
}

impl<'a> Arrival<'a> {
    /// A response that is looked at and not stored.
    pub(crate) fn unsent(ctx: &Context, response: Value, issues: Vec<Issue>) -> Arrival<'a> {
        Arrival {
            document: Document { bytes: &[], format: fhir::Format::Json },
            response,
            issues,
            id: String::new(),
            kept_id: String::new(),
            received: incoming::now(ctx),
            condition: None,
            update: None,
        }
    }

    /// Has the response for a round. Each decides about a copy; the answers, which none changes, are shared by all.
    fn stand_ready(&mut self) -> Result<(), Problem> {
        if self.response.is_null() {
            self.response = incoming::of_type(RESPONSE, self.document.read()?.resource)?;
        }
        if let Some(items) = self.response.get_mut("item") {
            *items = items.take().shared();
        }
        Ok(())
    }

    /// Lets go of a response that was accepted, which is what its bytes say: should there be another round, they are read
    /// once more.
    fn let_go(&mut self) {
        self.response = Value::Null;
    }
}

/// How one round ended.
pub(crate) enum Round {
    /// Done: stored, found, or refused and kept.
    Answered(Result<Answer, Problem>),
    /// Something about the patient was written meanwhile.
    Again,
    /// The identifier names another response with other content.
    Taken {
        /// That response, as `QuestionnaireResponse/id`.
        holder: String,
        /// Whether it said the same, and was withdrawn or deleted since.
        is_gone: bool,
    },
}

/// Receives a new response.
///
/// # Errors
/// `Malformed` or `Invalid` when it is refused, and `Conflict` when its identifier is taken by other content; the bytes are
/// kept, and an issue says where. `Busy` when it could not be decided for too many writes about the same patient.
pub(crate) async fn submit(
    ctx: &Context,
    id: String,
    document: Document<'_>,
    condition: Option<Query>,
) -> Result<Answer, Problem> {
    if let Some(answer) = create::found(ctx, condition.as_ref()).await? {
        return Ok(answer);
    }
    let (response, issues) = read(ctx, document, None).await?;
    let arrival = Arrival {
        document,
        response,
        issues,
        id,
        kept_id: ctx.ids.next(),
        received: incoming::now(ctx),
        condition,
        update: None,
    };
    settle(ctx, arrival).await
}

/// Receives the next version of a response, or a new one with the client's id. It is judged anew; what the earlier version
/// became is amended or ended, never doubled.
///
/// # Errors
/// As [`submit`], and `PreconditionFailed` when the version is not the one of `If-Match`.
pub(crate) async fn amend(
    ctx: &Context,
    id: &str,
    document: Document<'_>,
    wanted: Wanted<'_>,
) -> Result<Answer, Problem> {
    let (response, mut issues) = read(ctx, document, Some(id)).await?;
    if let Err(mut problem) = check_id(&response, id) {
        if !fhir::reference::is_id(id) {
            problem.issues.append(&mut issues);
            return Err(keep_refused(ctx, document, response, problem).await?);
        }
        issues.extend(problem.issues);
    }
    issues.extend(incoming::subsetted(&response).filter(|_| !wanted.is_patch));
    let arrival = Arrival {
        document,
        response,
        issues,
        id: id.to_owned(),
        kept_id: ctx.ids.next(),
        received: incoming::now(ctx),
        condition: None,
        update: Some(wanted),
    };
    settle(ctx, arrival).await
}

/// Keeps a response that was refused for what is wrong with it elsewhere, with the alerts that what could be read of it
/// calls for; returns the problem with where it is kept.
///
/// # Errors
/// Those of the store.
pub(crate) async fn keep_refused(
    ctx: &Context,
    document: Document<'_>,
    response: Value,
    problem: Problem,
) -> Result<Problem, Problem> {
    let category = problem.category;
    let arrival =
        Arrival { document, kept_id: ctx.ids.next(), ..Arrival::unsent(ctx, response, problem.issues) };
    match settle(ctx, arrival).await {
        Err(told) if matches!(told.category, Category::Invalid | Category::Conflict | Category::Damaged) => {
            Ok(Problem { category, ..told })
        }
        Err(other) => Err(other),
        Ok(_) => Err(Problem::internal("a refused response was taken")),
    }
}

/// Keeps a response that was sent as something that is not read here (415), if its bytes are a response all the same: the
/// rules run on what can be read of it, and a person is told, as of any refused one. The problem comes back, with where it
/// is kept if it is.
///
/// # Errors
/// Those of the store.
pub async fn keep_mistyped(ctx: &Context, bytes: &[u8], problem: Problem) -> Result<Problem, Problem> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let format = if first == Some(&b'<') { fhir::Format::Xml } else { fhir::Format::Json };
    let document = Document { bytes, format };
    let Ok(Reading { resource, issues }) = document.read() else { return Ok(problem) };
    let Ok(response) = incoming::of_type(RESPONSE, resource) else { return Ok(problem) };
    let mut known = problem;
    known.issues.extend(issues);
    known.issues.extend(structure::check(&response));
    known.issues.extend(meaning::unknown_rules(&response));
    keep_refused(ctx, document, response, known).await
}

/// Keeps what was sent as a response with a request that is refused, whatever can be read of it: what is wrong with the request
/// is no reason to forget the answers. The problem comes back, with where they are kept.
///
/// # Errors
/// Those of the store.
pub(crate) async fn keep_asked_wrongly(
    ctx: &Context,
    document: Document<'_>,
    mut problem: Problem,
) -> Result<Problem, Problem> {
    let meant = document.read().and_then(|Reading { resource, issues }| as_response(resource, issues));
    match meant {
        Ok((response, issues)) => {
            problem.issues.extend(issues);
            keep_refused(ctx, document, response, problem).await
        }
        // What is plainly something else was never a response.
        Err(other) if other.category == Category::Malformed && document.read().is_ok() => Ok(problem),
        Err(unreadable) => {
            problem.issues.extend(unreadable.issues);
            keep::unreadable(ctx, document, problem).await
        }
    }
}

/// Keeps a response that was sent where resources of another type are taken. The problem comes back, with where it is kept; that of
/// anything else as it is.
///
/// # Errors
/// Those of the store.
pub(crate) async fn keep_misplaced(
    ctx: &Context,
    document: Document<'_>,
    problem: Problem,
) -> Result<Problem, Problem> {
    let is_response = problem.category == Category::Malformed
        && document.read().is_ok_and(|read| element::resource_type(&read.resource) == Some(RESPONSE));
    if is_response { keep_asked_wrongly(ctx, document, problem).await } else { Ok(problem) }
}

/// Keeps a response that came within something else, which is refused; `sent` is as it came, `meant` with its references read from
/// where it stood. What is plainly something else was never a response: its problem comes back as it is.
///
/// # Errors
/// Those of the store.
pub(crate) async fn keep_within(
    ctx: &Context,
    sent: &Value,
    meant: Value,
    mut problem: Problem,
) -> Result<Problem, Problem> {
    let Ok((response, issues)) = as_response(meant, Vec::new()) else { return Ok(problem) };
    problem.issues.extend(issues);
    keep_refused(ctx, sent.to_string().as_bytes().into(), response, problem).await
}

/// Keeps bytes that hold a response which nobody can find in them.
///
/// # Errors
/// Those of the store.
pub(crate) async fn keep_whole(
    ctx: &Context,
    document: Document<'_>,
    problem: Problem,
) -> Result<Problem, Problem> {
    keep::unreadable(ctx, document, problem).await
}

/// What is here already of what this response says, as `QuestionnaireResponse/id`: the one that it repeats, or the one under its own
/// id that says the same. Nothing of it can be lost.
///
/// # Errors
/// Those of the store.
pub(crate) async fn received_as(ctx: &Context, response: &Value) -> Result<Option<String>, Problem> {
    let arrival = Arrival::unsent(ctx, response.clone(), Vec::new());
    let digest = content::content_digest(response);
    let first = write::first(ctx, &arrival, &Before::nothing(), &digest).await?;
    if let Some(Round::Answered(Ok(answer))) = first {
        return Ok(Some(format!("{RESPONSE}/{}", answer.id)));
    }
    let Some(id) = element::id(response).filter(|id| fhir::reference::is_id(id)) else { return Ok(None) };
    let current = reading::current(ctx, RESPONSE, id).await?;
    let same = current.is_some_and(|current| content::same_content(&current, response));
    Ok(same.then(|| format!("{RESPONSE}/{id}")))
}

/// The same end of a write of a response, but where a condition of the request did not hold (412) the response is kept, unless what
/// it says is here already: who redoes a change sends it again, and who does not has said it all the same.
///
/// # Errors
/// What the write ended with, and those of the store.
pub(crate) async fn keep_unmet(
    ctx: &Context,
    document: Document<'_>,
    done: Result<Answer, Problem>,
) -> Result<Answer, Problem> {
    let unmet = |problem: &Problem| problem.category == Category::PreconditionFailed && !is_kept(problem);
    match done {
        Err(problem) if unmet(&problem) => {
            let repeats = match document.read() {
                Ok(read) => received_as(ctx, &read.resource).await?.is_some(),
                Err(_) => false,
            };
            Err(if repeats { problem } else { keep_asked_wrongly(ctx, document, problem).await? })
        }
        done => done,
    }
}

/// Whether the problem says where the response is kept.
pub(crate) fn is_kept(problem: &Problem) -> bool {
    problem.issues.iter().any(says_kept)
}

/// Whether the issue says where a response is kept.
pub(crate) fn says_kept(issue: &Issue) -> bool {
    issue.diagnostics.starts_with(keep::TOLD)
}

/// What was sent where responses are taken: one that names no type of FHIR was meant as one. With every fault of its structure.
///
/// # Errors
/// `Malformed` for a resource of another type.
fn as_response(mut resource: Value, mut issues: Vec<Issue>) -> Result<(Value, Vec<Issue>), Problem> {
    match element::resource_type(&resource) {
        Some(RESPONSE) => {}
        Some(other) if fhir::schema::r4().is_resource(other) => {
            return Err(incoming::other_type(RESPONSE, Some(other)));
        }
        found => {
            issues.extend(incoming::other_type(RESPONSE, found).issues);
            resource["resourceType"] = RESPONSE.into();
        }
    }
    issues.extend(structure::check(&resource));
    // Its modifiers are told by the Questionnaire's own look at it, which judges what they stand on as it is written.
    issues.extend(meaning::unknown_rules(&resource));
    Ok((resource, issues))
}

/// Reads the bytes, which were sent to this id if there is one; structural faults are no reason to stop, because answers may be readable all the same.
async fn read(
    ctx: &Context,
    document: Document<'_>,
    id: Option<&str>,
) -> Result<(Value, Vec<Issue>), Problem> {
    match document.read() {
        Ok(Reading { resource, issues }) => as_response(resource, issues),
        Err(problem) if matches!(problem.category, Category::Malformed | Category::Invalid) => {
            Err(match stand_in(ctx, id).await? {
                Some(response) => keep_refused(ctx, document, response, problem).await?,
                None => keep::unreadable(ctx, document, problem).await?,
            })
        }
        Err(problem) => Err(problem),
    }
}

/// What is known of a response of which nothing can be read: whom the stored version under its id is about. It says of itself
/// that it is not finished, so that none of the answers that cannot be read counts as missing.
async fn stand_in(ctx: &Context, id: Option<&str>) -> Result<Option<Value>, Problem> {
    let Some(id) = id.filter(|id| fhir::reference::is_id(id)) else { return Ok(None) };
    let stored = ctx.store.read(RESPONSE, id).await?.filter(|stored| !stored.deleted);
    let Some(current) = stored.as_ref().and_then(reading::legible) else { return Ok(None) };
    let mut known = json!({ "resourceType": RESPONSE, "id": id, "status": "in-progress" });
    for name in ["questionnaire", "subject"] {
        if let Some(value) = current.get(name) {
            known[name] = value.clone();
        }
    }
    Ok(incoming::patient(&current).map(|_| known))
}

async fn settle(ctx: &Context, mut arrival: Arrival<'_>) -> Result<Answer, Problem> {
    let digest = content::content_digest(&arrival.response);
    let mut category = Category::Invalid;
    let (_turn, waited) = turn::of(&arrival.response).await;
    let mut was_beaten = waited;
    for _ in 0..ctx.settings.rounds_max {
        arrival.stand_ready()?;
        let before = match arrival.update {
            Some(wanted) => match Before::read(ctx, RESPONSE, &arrival.id, wanted).await {
                // What it would take the place of cannot be told: it is kept and judged beside it.
                Err(damage) if damage.category == Category::Damaged => {
                    if category != Category::Damaged {
                        arrival.issues.extend(gather::alone::told(damage));
                    }
                    category = Category::Damaged;
                    Before::nothing()
                }
                before => before?,
            },
            None => Before::nothing(),
        };
        match round(ctx, &mut arrival, &before, &digest, category, was_beaten).await {
            Ok(Round::Answered(answer)) => return answer,
            Ok(Round::Again) => was_beaten = true,
            Ok(Round::Taken { holder, is_gone }) => {
                category = Category::Conflict;
                arrival.issues.push(write::taken(&holder, is_gone));
            }
            Err(problem) if problem.is_passing() => return Err(problem),
            // What nobody thought of is no reason to forget a response either.
            Err(unforeseen) => return Err(keep::unreadable(ctx, arrival.document, unforeseen).await?),
        }
    }
    Err(Problem::new(
        Category::Busy,
        "throttled",
        "too many writes about the same patient at once; try again",
    ))
}

/// One round: what it stands on is read, it is decided, and written.
async fn round(
    ctx: &Context,
    arrival: &mut Arrival<'_>,
    before: &Before,
    digest: &str,
    category: Category,
    was_beaten: bool,
) -> Result<Round, Problem> {
    // Who came first may have sent the same: that is known without judging it once more. What is refused is kept and told as
    // refused, whoever came first.
    if was_beaten
        && arrival.update.is_none()
        && !incoming::hinders(&arrival.issues)
        && let Some(first) = write::first(ctx, arrival, before, digest).await?
    {
        return Ok(first);
    }
    let (gathered, category) = match gather(ctx, arrival, before).await {
        // Sent again once the store is whole, it is taken.
        Err(damage) if damage.category == Category::Damaged => {
            (gather::alone::gather(ctx, arrival, damage).await?, Category::Damaged)
        }
        gathered => (gathered?, category),
    };
    if let Some(answer) = before.unchanged(&gathered.situation.response, &[]) {
        return Ok(Round::Answered(Ok(answer)));
    }
    let judgement = decide::judge(&gathered.situation, Explained::Telling);
    if judgement.accepted {
        write::accept(ctx, arrival, before, gathered, judgement, digest).await
    } else {
        keep::refuse(ctx, arrival, &gathered, &judgement, category).await
    }
}
