//! Batch and transaction (FHIR R4, `RESTful` API, 3.1.0.11): several interactions in one request. In a batch each stands
//! on its own; a transaction is decided piece by piece over a [`Staged`](crate::store::Staged) store and then committed
//! as one unit, or not at all.

mod answer;
mod entry;
mod keep;
mod names;
mod perform;
mod plan;
mod refusal;
mod transaction;

use crate::json::{Value, json};

use super::Context;
use super::{incoming, meaning, submit};
use crate::fhir::{Document, Reading, element};
use crate::problem::{Category, Issue, Problem};

pub use answer::{Echo, status_line};
use entry::Entry;
pub(in crate::interaction) use keep::in_body as keep_in_body;
pub use keep::keep_mistyped_bundle;
use names::Names;

/// So many entries are taken in one request.
const ENTRIES_MAX: usize = 2_000;

/// Does what a Bundle of type `batch` or `transaction` asks; the answer has one entry for each, in the same order.
///
/// # Errors
/// `Malformed` when the Bundle or one of its requests cannot be read. Of a transaction, the problems of every refused entry,
/// each with its place, in the category of the first; nothing is then stored, apart from the responses that came in it: they
/// are kept, as any that is refused. An entry that refers to a refused one falls with it.
pub async fn bundle(ctx: &Context, body: impl Into<Document<'_>>, echo: Echo) -> Result<Vec<u8>, Problem> {
    let document = body.into();
    let (sent, done) = match document.read() {
        Ok(Reading { resource, issues }) if issues.is_empty() => {
            let done = perform_all(ctx, &resource, echo).await;
            (resource, done)
        }
        Ok(Reading { resource, issues }) => (resource, Err(Problem::with(Category::Invalid, issues))),
        Err(problem) => return Err(keep::unreadable(ctx, document, problem).await?),
    };
    match done {
        Err(problem) if !problem.is_passing() => Err(keep::all(ctx, document, &sent, problem).await?),
        done => done,
    }
}

async fn perform_all(ctx: &Context, bundle: &Value, echo: Echo) -> Result<Vec<u8>, Problem> {
    if element::resource_type(bundle) != Some("Bundle") {
        return Err(incoming::other_type("Bundle", element::resource_type(bundle)));
    }
    let rules = meaning::unknown_rules(bundle);
    if !rules.is_empty() {
        return Err(Problem::with(Category::Invalid, rules));
    }
    let entries = element::list(bundle, "entry").len();
    if entries > ENTRIES_MAX {
        let text = format!("the Bundle has {entries} entries; at most {ENTRIES_MAX} are taken at once");
        return Err(Problem::new(Category::TooLarge, "too-costly", text).at("Bundle.entry"));
    }
    let (kind, answers) = match element::str_at(bundle, "type") {
        Some("batch") => ("batch-response", batch(ctx, bundle, echo).await),
        Some("transaction") => {
            ("transaction-response", transaction::run(ctx, read(ctx, bundle).await?, echo).await?)
        }
        _ => {
            let text = "a Bundle that is sent here is a batch or a transaction";
            return Err(Problem::new(Category::Malformed, "value", text).at("Bundle.type"));
        }
    };
    let mut answer = json!({ "resourceType": "Bundle", "type": kind });
    if !answers.is_empty() {
        answer["entry"] = answers.into();
    }
    serde_json::to_vec(&answer).map_err(|fault| Problem::internal(fault.to_string()))
}

/// Every entry, or every fault of all of them.
async fn read(ctx: &Context, bundle: &Value) -> Result<Vec<Entry>, Problem> {
    let mut entries = Vec::new();
    let mut issues: Vec<Issue> = Vec::new();
    for (n, raw) in element::list(bundle, "entry").enumerate() {
        match Entry::read(raw, &ctx.settings.base_url) {
            Ok(entry) => entries.push(entry),
            Err(problem) => {
                let problem = keep::asked_wrongly(ctx, raw, problem.at(&place(n))).await?;
                issues.extend(refusal::within(problem, submit::RESPONSE, n).issues);
            }
        }
    }
    if issues.is_empty() { Ok(entries) } else { Err(Problem::with(Category::Malformed, issues)) }
}

async fn batch(ctx: &Context, bundle: &Value, echo: Echo) -> Vec<Value> {
    let mut answers = Vec::new();
    let mut room = perform::Room::default();
    // Entries of a batch know nothing of each other; what is relative to another server is so here, too.
    let names = Names::new(&ctx.settings.base_url);
    for raw in element::list(bundle, "entry") {
        let done = match Entry::read(raw, &ctx.settings.base_url) {
            Ok(mut entry) => {
                if let Some(resource) = &mut entry.resource {
                    names.resolve(resource, entry.full_url.as_deref());
                }
                room.perform(ctx, &entry).await
            }
            Err(problem) => Err(unread(ctx, raw, problem).await.unwrap_or_else(|fault| fault)),
        };
        answers.push(match done {
            Ok(done) => done.entry(&ctx.settings.base_url, echo),
            Err(problem) => answer::refusal(&problem),
        });
    }
    answers
}

/// The problem of an entry of a batch that cannot be read, with where the responses in it are kept.
async fn unread(ctx: &Context, raw: &Value, problem: Problem) -> Result<Problem, Problem> {
    let problem = keep::asked_wrongly(ctx, raw, problem).await?;
    keep::in_entry(ctx, raw, problem).await
}

/// Where an entry is.
fn place(n: usize) -> String {
    format!("Bundle.entry[{n}]")
}
