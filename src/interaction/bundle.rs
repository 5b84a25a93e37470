//! Batch and transaction (FHIR R4, `RESTful` API, 3.1.0.11): several interactions in one request. In a batch each stands
//! on its own; a transaction is decided piece by piece over a [`Staged`](crate::store::Staged) store and then committed
//! as one unit, or not at all.

mod answer;
mod entry;
mod names;
mod perform;
mod plan;
mod refusal;
mod transaction;

use crate::json::{Value, json};

use super::Context;
use super::incoming;
use super::submit;
use crate::fhir::{self, element};
use crate::problem::{Category, Issue, Problem};

pub use answer::{Echo, status_line};
use entry::Entry;
use names::Names;

/// So many entries are taken in one request.
const ENTRIES_MAX: usize = 2_000;

/// Does what a Bundle of type `batch` or `transaction` asks; the answer has one entry for each, in the same order.
///
/// # Errors
/// `Malformed` when the Bundle or one of its requests cannot be read. Of a transaction, the problems of every refused entry,
/// each with its place, in the category of the first; nothing is then stored, apart from responses that were themselves
/// refused: those are kept, as always. An entry that refers to a refused one falls with it and is not judged.
pub async fn bundle(ctx: &Context, body: &[u8], echo: Echo) -> Result<Vec<u8>, Problem> {
    let bundle = incoming::of_type("Bundle", fhir::parse(body)?)?;
    let entries = element::list(&bundle, "entry").len();
    if entries > ENTRIES_MAX {
        let text = format!("the Bundle has {entries} entries; at most {ENTRIES_MAX} are taken at once");
        return Err(Problem::new(Category::TooLarge, "too-costly", text).at("Bundle.entry"));
    }
    let (kind, answers) = match element::str_at(&bundle, "type") {
        Some("batch") => ("batch-response", batch(ctx, &bundle, echo).await),
        Some("transaction") => {
            ("transaction-response", transaction::run(ctx, read(ctx, &bundle).await?, echo).await?)
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
    let (mut issues, mut lost): (Vec<Issue>, Vec<usize>) = (Vec::new(), Vec::new());
    for (n, raw) in element::list(bundle, "entry").enumerate() {
        match Entry::read(raw, &ctx.settings.base_url) {
            Ok(entry) => {
                lost.extend(entry.is_response().then_some(n));
                entries.push(entry);
            }
            Err(problem) => {
                let problem = refusal::unread(ctx, raw, problem.at(&place(n))).await?;
                issues.extend(refusal::within(problem, submit::RESPONSE, n).issues);
            }
        }
    }
    if issues.is_empty() {
        return Ok(entries);
    }
    issues.extend(lost.into_iter().map(refusal::not_kept));
    Err(Problem::with(Category::Malformed, issues))
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
            Err(problem) => Err(refusal::unread(ctx, raw, problem).await.unwrap_or_else(|fault| fault)),
        };
        answers.push(match done {
            Ok(done) => done.entry(&ctx.settings.base_url, echo),
            Err(problem) => answer::refusal(&problem),
        });
    }
    answers
}

/// Where an entry is.
fn place(n: usize) -> String {
    format!("Bundle.entry[{n}]")
}
