//! What is told of a transaction that is refused: every refused entry, each fault at its place in the Bundle
//! (FHIR R4, `RESTful` API, 3.1.0.11.2).

use std::collections::BTreeMap;

use crate::json::Value;

use super::entry::Entry;
use super::place;
use crate::fhir::reference::{self, ReferenceForm};
use crate::interaction::Context;
use crate::interaction::submit::{self, RESPONSE};
use crate::problem::{Category, Problem, Severity};

/// The refused entries of a transaction.
#[derive(Default)]
pub(super) struct Refusals {
    /// By their place, with the resource as it was tried.
    entries: BTreeMap<usize, (Option<Value>, Problem)>,
    /// What they would have written, as `Type/id`.
    names: Vec<String>,
    /// Of which types.
    types: Vec<String>,
}

impl Refusals {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether that entry was refused.
    pub(super) fn holds(&self, n: usize) -> bool {
        self.entries.contains_key(&n)
    }

    /// Adds one; `name` is what it would have written.
    pub(super) fn add(&mut self, n: usize, entry: Entry, name: Option<String>, problem: Problem) {
        self.names.extend(name);
        self.types.push(entry.rtype);
        self.entries.entry(n).or_insert((entry.resource, problem));
    }

    /// Whether the resource refers to what was refused, or may: nothing can be said of it then.
    pub(super) fn are_named_by(&self, resource: &Value) -> bool {
        !self.is_empty()
            && any_reference(resource, &|text| match reference::parse(text) {
                ReferenceForm::Local { rtype, id, .. } => self.names.contains(&format!("{rtype}/{id}")),
                ReferenceForm::Conditional { rtype, .. } => self.types.iter().any(|refused| refused == rtype),
                _ => false,
            })
    }

    /// The problem of the whole transaction, in the category of the first refused entry. A response that was itself refused
    /// is kept like any other.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn told(self, ctx: &Context, sent: &[Entry]) -> Result<Problem, Problem> {
        let mut whole: Option<Problem> = None;
        for (n, (tried, problem)) in self.entries {
            let problem = kept(ctx, &sent[n], tried, problem).await?;
            let problem = within(problem, &sent[n].rtype, n);
            match &mut whole {
                None => whole = Some(problem),
                Some(whole) => whole.issues.extend(problem.issues),
            }
        }
        whole.ok_or_else(|| Problem::internal("a transaction was refused without a reason"))
    }
}

/// Whether a `Reference` somewhere in the resource is such a one.
pub(super) fn any_reference(value: &Value, test: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Object(members) => members.iter().any(|(name, member)| match member {
            Value::String(text) => name == "reference" && test(text),
            _ => any_reference(member, test),
        }),
        Value::Array(elements) => elements.iter().any(|element| any_reference(element, test)),
        _ => false,
    }
}

/// The same problem with its places as seen from the Bundle: those in the resource below it, others at the entry.
pub(super) fn within(mut problem: Problem, rtype: &str, n: usize) -> Problem {
    let place = place(n);
    for issue in &mut problem.issues {
        let inner = issue.expression.take().unwrap_or_default();
        let rest = inner.strip_prefix(rtype).filter(|rest| rest.is_empty() || rest.starts_with('.'));
        issue.expression = Some(match rest {
            Some(rest) => format!("{place}.resource{rest}"),
            None => place.clone(),
        });
    }
    problem
}

async fn kept(
    ctx: &Context,
    sent: &Entry,
    tried: Option<Value>,
    problem: Problem,
) -> Result<Problem, Problem> {
    let faulty = matches!(problem.category, Category::Malformed | Category::Invalid | Category::Conflict);
    let (Some(bytes), Some(response)) = (&sent.resource, tried) else { return Ok(untold(problem)) };
    if sent.rtype != RESPONSE || !faulty || !sent.sends_a_resource() {
        return Ok(untold(problem));
    }
    submit::keep_refused(ctx, bytes.to_string().as_bytes().into(), response, untold(problem)).await
}

/// The same problem without what was told of keeping a response: that went with the rest of the transaction.
pub(super) fn untold(mut problem: Problem) -> Problem {
    problem.issues.retain(|issue| issue.severity > Severity::Information);
    problem
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Issue;

    #[test]
    fn a_place_in_a_resource_becomes_a_place_in_the_bundle() {
        let check = |inner: Option<&str>, expected: &str| {
            let issue = Issue::error("value", "x");
            let issue = match inner {
                Some(inner) => issue.at(inner),
                None => issue,
            };
            let problem = within(Problem::with(Category::Invalid, vec![issue]), "Flag", 3);
            assert_eq!(problem.issues[0].expression.as_deref(), Some(expected));
        };
        check(Some("Flag.subject"), "Bundle.entry[3].resource.subject");
        check(Some("Flag"), "Bundle.entry[3].resource");
        check(Some("Flags.x"), "Bundle.entry[3]");
        check(None, "Bundle.entry[3]");
    }
}
