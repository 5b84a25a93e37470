//! Patch (FHIR R4, `RESTful` API, 3.1.0.5): parts of a resource are changed, and the result goes the way of an update.

mod fhirpath;
mod json;
mod whole;

use crate::json::Value;

use super::update::{self, Before, Wanted};
use super::{Answer, Context, conditional, read};
use crate::fhir::{self, element};
use crate::problem::{Category, Problem};

/// Bytes beyond which a patch makes no resource longer: as much as a body has by default.
const WHOLE_MAX: usize = 5 * 1024 * 1024;

/// What is to be changed.
#[derive(Debug, Clone)]
pub enum Patch {
    /// The operations of JSON Patch (RFC 6902).
    Json(Value),
    /// The `Parameters` of a FHIRPath Patch (<https://hl7.org/fhir/R4/fhirpatch.html>).
    FhirPath(Value),
}

impl Patch {
    /// A JSON Patch as it came.
    ///
    /// # Errors
    /// `Malformed`, as for a resource.
    pub fn json(bytes: &[u8]) -> Result<Self, Problem> {
        // The door for JSON takes objects only: duplicates, depth and members are looked at in one around the array.
        let mut around = b"{\"patch\":".to_vec();
        around.extend_from_slice(bytes);
        around.push(b'}');
        let mut around = fhir::parse(&around)?;
        if around.as_object().is_some_and(|members| members.len() > 1) {
            let text = "The JSON cannot be read: something follows the array of operations";
            return Err(Problem::new(Category::Malformed, "structure", text));
        }
        Ok(Self::Json(around["patch"].take()))
    }

    /// # Errors
    /// `Malformed` for an operation that cannot be read, `Invalid` for one that does not fit the resource.
    fn apply(&self, ctx: &Context, resource: &mut Value) -> Result<(), Problem> {
        match self {
            Self::Json(operations) => json::apply(resource, operations),
            Self::FhirPath(parameters) => fhirpath::apply(resource, parameters, ctx.clock.now()),
        }
    }
}

/// Changes parts of the current version. What comes of it is checked and stored like an update: a response is judged anew,
/// a report may become final, a definition is published.
///
/// # Errors
/// `NotFound` and `Gone` as a read; `TooLarge` when it would be longer than what can be sent; `Malformed` or `Invalid` with the operation that cannot be applied; those of an update.
pub async fn patch(
    ctx: &Context,
    rtype: &str,
    id: &str,
    patch: &Patch,
    if_match: Option<u64>,
) -> Result<Answer, Problem> {
    let mut last = Problem::internal("no round of writing was allowed");
    for _ in 0..ctx.settings.rounds_max {
        let current = read::read(ctx, rtype, id).await?;
        let version = current.version;
        conditional::check_version(&format!("{rtype}/{id}"), if_match, Some(version))?;
        let mut resource: Value = serde_json::from_slice(&current.body)
            .map_err(|_| Problem::internal(format!("{rtype}/{id} is stored damaged")))?;
        patch.apply(ctx, &mut resource)?;
        if element::resource_type(&resource) != Some(rtype) || element::id(&resource) != Some(id) {
            let text = "a patch changes neither resourceType nor id";
            return Err(Problem::new(Category::Invalid, "business-rule", text));
        }
        let wanted = Wanted { if_match: Some(version), is_patch: true, ..Wanted::default() };
        let body = resource.to_string();
        if body.len() > WHOLE_MAX.max(current.body.len()) {
            let text =
                format!("the resource would have more than {WHOLE_MAX} bytes: no patch makes it that long");
            return Err(Problem::new(Category::TooLarge, "too-long", text));
        }
        let changed = update::update_by(ctx, rtype, id, body.as_bytes().into(), wanted).await;
        match changed {
            Err(problem) if problem.category == Category::PreconditionFailed => last = problem,
            done => return done,
        }
        // Somebody wrote in between: the patch is applied to what they wrote, unless the client named its version.
        if Before::read(ctx, rtype, id, Wanted::default()).await?.next() == version + 1 {
            return Err(last);
        }
    }
    Err(last)
}

/// Patches the one resource that a search finds.
///
/// # Errors
/// `NotFound` when it finds none, `PreconditionFailed` when it finds several, and those of [`patch()`].
pub async fn patch_where(
    ctx: &Context,
    rtype: &str,
    params: &[(String, String)],
    wanted: &Patch,
    if_match: Option<u64>,
) -> Result<Answer, Problem> {
    read::writable(rtype)?;
    let mut rounds = conditional::Rounds::new(ctx, rtype, params);
    loop {
        let found = rounds.matches().await?;
        let done = match found.as_slice() {
            [] => {
                let text = format!("no {rtype} meets the condition");
                return Err(Problem::new(Category::NotFound, "not-found", text));
            }
            [one] => {
                conditional::check_version(&format!("{rtype}/{}", one.id), if_match, Some(one.version))?;
                patch(ctx, rtype, &one.id, wanted, Some(one.version)).await
            }
            _ => return Err(conditional::several(rtype, "written")),
        };
        if let Some(answer) = rounds.settled(&found, done).await? {
            return Ok(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_patch_is_one_value_and_nothing_behind_it() {
        let check = |bytes: &[u8], words: &str| {
            let said = Patch::json(bytes).err().map(|problem| problem.to_string()).unwrap_or_default();
            assert!(if words.is_empty() { said.is_empty() } else { said.contains(words) }, "{said}");
        };
        check(br#"[{"op":"remove","path":"/a"}]"#, "");
        check(br#"[],"other":[]"#, "something follows");
        check(br#"[],"patch":[]"#, "twice");
        check(b"[]}", "trailing characters");
        check(b"", "expected value");
    }
}
