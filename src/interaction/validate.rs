//! `[type]/$validate` and `[type]/[id]/$validate` (FHIR R4, operation `Resource-validate`): all that a write would be told, and
//! nothing stored. It is the write itself, decided over a store whose commits are only collected and then let go.

use std::collections::HashSet;
use std::sync::Arc;

use crate::json::Value;

use super::library;
use super::operation::Parts;
use super::submit::{self, decide};
use super::update::{Before, Wanted};
use super::{Context, create, delete, incoming, meaning, read, update};
use crate::fhir::{Document, Reading, element, structure};
use crate::problem::{Category, Issue, Problem, Severity};
use crate::rules::Explained;
use crate::store::{Staged, Store};

/// Everything that a create of this resource, or an update of the one with that id, would be told; nothing is stored. The
/// body is the resource, or `Parameters` with one named `resource`, and `mode` (`create`, `update`, `delete`) where another
/// write is meant than the address says.
///
/// # Errors
/// `Malformed` when the body cannot be read at all, is of another type, or asks for what is not done here; `NotFound` for a
/// type that is not served. A resource with faults is no error here.
pub async fn validate(
    ctx: &Context,
    rtype: &str,
    id: Option<&str>,
    body: impl Into<Document<'_>>,
) -> Result<Vec<Issue>, Problem> {
    read::writable(rtype)?;
    let Reading { resource, mut issues } = body.into().read()?;
    let Asked { mode, profiles } = Asked::read(&resource, id)?;
    issues.extend(profiles.into_iter().map(not_judged));
    if let (Mode::Delete, Some(id)) = (mode, id) {
        return told(issues, tried(ctx, rtype, Trial::Delete(id)).await);
    }
    let mut parts = Parts::read(resource, "resource", &["resource", "mode", "profile"])?;
    let resource = incoming::of_type(rtype, parts.one("resource")?)?;
    let id = id.filter(|_| mode == Mode::Update);
    if rtype == submit::RESPONSE {
        return response(ctx, id, resource, issues).await;
    }
    let bytes = resource.to_string();
    told(issues, tried(ctx, rtype, id.map_or(Trial::Create(&bytes), |id| Trial::Update(id, &bytes))).await)
}

/// Which write is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Create,
    Update,
    Delete,
}

/// What `Parameters` say besides the resource.
struct Asked {
    mode: Mode,
    profiles: Vec<String>,
}

impl Asked {
    fn read(body: &Value, id: Option<&str>) -> Result<Self, Problem> {
        let mut asked =
            Self { mode: if id.is_some() { Mode::Update } else { Mode::Create }, profiles: Vec::new() };
        if element::resource_type(body) != Some("Parameters") {
            return Ok(asked);
        }
        meaning::plain_parameters(body)?;
        for (n, parameter) in element::list(body, "parameter").enumerate() {
            let text = |names: &[&str]| names.iter().find_map(|name| element::str_at(parameter, name));
            match (element::str_at(parameter, "name"), text(&["valueCode", "valueUri", "valueCanonical"])) {
                (Some("profile"), Some(profile)) => asked.profiles.push(profile.to_owned()),
                (Some("mode"), found) => {
                    asked.mode = match (found, id) {
                        (Some("create"), _) => Mode::Create,
                        (Some("update"), Some(_)) => Mode::Update,
                        (Some("delete"), Some(_)) => Mode::Delete,
                        (found, _) => return Err(wrong_mode(found, n)),
                    }
                }
                _ => {}
            }
        }
        Ok(asked)
    }
}

fn wrong_mode(found: Option<&str>, n: usize) -> Problem {
    let found = found.unwrap_or("nothing");
    let text = format!(
        "mode is {found}; create can be asked everywhere, update and delete of an address with an id, and no other mode here"
    );
    Problem::new(Category::Malformed, "not-supported", text)
        .at(&format!("Parameters.parameter[{n}].valueCode"))
}

fn not_judged(profile: String) -> Issue {
    let text = format!(
        "the resource was not held against {profile}: R4 and the rules of this service were looked at"
    );
    Issue { severity: Severity::Warning, ..Issue::error("not-supported", text) }
}

/// A write that is let go.
enum Trial<'a> {
    Create(&'a str),
    Update(&'a str, &'a str),
    Delete(&'a str),
}

async fn tried(ctx: &Context, rtype: &str, trial: Trial<'_>) -> Result<Vec<Issue>, Problem> {
    let staged: Arc<dyn Store> =
        Arc::new(Staged::new(Arc::clone(&ctx.store), "validate", incoming::now(ctx), HashSet::new()));
    let trying = ctx.over(staged, library::is_definition(rtype));
    Ok(match trial {
        Trial::Create(bytes) => create::create(&trying, rtype, bytes.as_bytes(), None).await?.outcome,
        Trial::Update(id, bytes) => update::update(&trying, rtype, id, bytes.as_bytes(), None).await?.outcome,
        Trial::Delete(id) => {
            delete::delete(&trying, rtype, id, None).await?;
            Vec::new()
        }
    })
}

/// What the client would be told of its resource; what is wrong with us stays an error.
fn told(mut issues: Vec<Issue>, tried: Result<Vec<Issue>, Problem>) -> Result<Vec<Issue>, Problem> {
    match tried {
        Ok(found) => issues.extend(found),
        Err(problem) => match problem.category {
            Category::Malformed
            | Category::Invalid
            | Category::NotFound
            | Category::Gone
            | Category::Conflict
            | Category::PreconditionFailed
            | Category::NotSupported => issues.extend(problem.issues),
            _ => return Err(problem),
        },
    }
    Ok(issues)
}

/// A response with faults is kept by its submission: here it is only judged.
async fn response(
    ctx: &Context,
    id: Option<&str>,
    response: Value,
    mut issues: Vec<Issue>,
) -> Result<Vec<Issue>, Problem> {
    issues.extend(structure::check(&response));
    let mut before = Before::nothing();
    if let Some(id) = id {
        issues.extend(incoming::check_id(&response, id).err().into_iter().flat_map(|problem| problem.issues));
        before = Before::read(ctx, submit::RESPONSE, id, Wanted::default()).await?;
    }
    let mut arrival = submit::Arrival::unsent(ctx, response, issues);
    id.unwrap_or_default().clone_into(&mut arrival.id);
    let gathered = submit::gather(ctx, &arrival, &before).await?;
    Ok(decide::judge(&gathered.situation, Explained::Telling).issues)
}
