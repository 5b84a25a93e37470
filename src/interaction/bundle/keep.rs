//! The responses of a Bundle that is refused: a patient's answers are never thrown away for what is wrong beside them. Each is kept as
//! one that came alone is; bytes in which none can be found any more are kept whole, if they hold one.

use std::collections::{BTreeSet, HashMap};

use crate::json::Value;

use super::ENTRIES_MAX;
use super::entry::Entry;
use super::names::Names;
use super::plan::Plan;
use crate::fhir::{Document, Format, Reading, element};
use crate::interaction::Context;
use crate::interaction::submit::{self, RESPONSE};
use crate::problem::{Category, Issue, Problem, Severity};

/// The problem of a body that cannot be read, with where it is kept if it holds a response.
///
/// # Errors
/// Those of the store.
pub(super) async fn unreadable(
    ctx: &Context,
    document: Document<'_>,
    problem: Problem,
) -> Result<Problem, Problem> {
    if speaks_of_a_response(document.bytes) {
        return submit::keep_whole(ctx, document, problem).await;
    }
    Ok(problem)
}

/// Keeps the responses of a Bundle that was sent as something that is not read here (415), or in a request that is refused before
/// its body is looked at. The problem comes back, with where they are.
///
/// # Errors
/// Those of the store.
pub async fn keep_mistyped_bundle(ctx: &Context, bytes: &[u8], problem: Problem) -> Result<Problem, Problem> {
    if submit::is_kept(&problem) {
        return Ok(problem);
    }
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let format = if first == Some(&b'<') { Format::Xml } else { Format::Json };
    let document = Document { bytes, format };
    match document.read() {
        Ok(Reading { resource, .. }) => all(ctx, document, &resource, problem).await,
        Err(_) => Ok(problem),
    }
}

/// The problem of a write that is refused, with where the responses are kept that came in its body though it is none: in a Bundle, in
/// `Parameters`, or at the door of another type.
///
/// # Errors
/// Those of the store.
pub(in crate::interaction) async fn in_body(
    ctx: &Context,
    rtype: &str,
    document: Document<'_>,
    problem: Problem,
) -> Result<Problem, Problem> {
    // What passes is sent once more: nothing of it is judged, and nothing kept.
    if problem.is_passing() || submit::is_kept(&problem) || !speaks_of_a_response(document.bytes) {
        return Ok(problem);
    }
    match document.read() {
        // One at its own door is kept there, where what it says is not here already.
        Ok(Reading { resource, .. }) if rtype != RESPONSE || members(&resource).is_some() => {
            all(ctx, document, &resource, problem).await
        }
        _ => Ok(problem),
    }
}

/// The same of an entry of a batch whose request cannot be read.
///
/// # Errors
/// Those of the store.
pub(super) async fn in_entry(ctx: &Context, raw: &Value, problem: Problem) -> Result<Problem, Problem> {
    match raw.get("resource").filter(|sent| !only_reads(raw) && members(sent).is_some()) {
        Some(sent) => all(ctx, sent.to_string().as_bytes().into(), sent, problem).await,
        None => Ok(problem),
    }
}

/// The problem of a Bundle that is refused, with where each response in it, and in any Bundle in it, is kept.
///
/// # Errors
/// Those of the store.
pub(super) async fn all(
    ctx: &Context,
    document: Document<'_>,
    sent: &Value,
    mut problem: Problem,
) -> Result<Problem, Problem> {
    if element::resource_type(sent) == Some(RESPONSE) {
        return submit::keep_asked_wrongly(ctx, document, problem).await;
    }
    let mut groups = Vec::new();
    gather(sent, "", &mut groups);
    if groups.iter().map(|group| group.entries.len()).sum::<usize>() > ENTRIES_MAX {
        // More than are judged in one request.
        let any = groups.iter().flat_map(|group| &group.entries).any(|raw| brings_a_response(raw));
        return if any { submit::keep_whole(ctx, document, problem).await } else { Ok(problem) };
    }
    let places = |test: &dyn Fn(&Issue) -> bool| -> BTreeSet<usize> {
        problem.issues.iter().filter(|issue| test(issue)).filter_map(entry_of).collect()
    };
    let mut kept = places(&submit::says_kept);
    let mut wrong = places(&|issue| issue.severity >= Severity::Error);
    for Group { place, entries } in groups {
        // What is told of entries is told of those of the outermost Bundle, which comes first.
        let (kept, wrong) = (std::mem::take(&mut kept), std::mem::take(&mut wrong));
        let left = |n: &usize| !kept.contains(n) && brings_a_response(entries[*n]);
        let left: Vec<usize> = (0..entries.len()).filter(left).collect();
        if left.is_empty() {
            continue;
        }
        let names = standing(ctx, &entries, &wrong).await?;
        for n in left {
            problem.issues.push(one(ctx, entries[n], &names).await?.at(format!("{place}[{n}]")));
        }
    }
    Ok(problem)
}

/// What holds resources, side by side: the entries of a Bundle, or the parameters of `Parameters`.
struct Group<'a> {
    place: String,
    entries: Vec<&'a Value>,
}

/// That of a resource, and of every resource in it that holds some, the outermost first.
fn gather<'a>(sent: &'a Value, place: &str, groups: &mut Vec<Group<'a>>) {
    let Some((rtype, name)) = members(sent) else { return };
    let place = if place.is_empty() { format!("{rtype}.{name}") } else { format!("{place}.{name}") };
    let entries: Vec<&Value> = element::list(sent, name).collect();
    groups.push(Group { place: place.clone(), entries: entries.clone() });
    for (n, raw) in entries.into_iter().enumerate().filter(|(_, raw)| !only_reads(raw)) {
        if let Some(within) = raw.get("resource") {
            gather(within, &format!("{place}[{n}].resource"), groups);
        }
    }
}

/// The type of a resource that holds others, and the element that they are in.
fn members(resource: &Value) -> Option<(&'static str, &'static str)> {
    match element::resource_type(resource)? {
        "Bundle" => Some(("Bundle", "entry")),
        "Parameters" => Some(("Parameters", "parameter")),
        _ => None,
    }
}

/// The problem of an entry whose request cannot be read, with where its response is kept if it has one.
///
/// # Errors
/// Those of the store.
pub(super) async fn asked_wrongly(ctx: &Context, raw: &Value, problem: Problem) -> Result<Problem, Problem> {
    match raw.get("resource").filter(|_| brings_a_response(raw)) {
        Some(sent) => {
            let meant = meant(raw, sent, &Names::new(&ctx.settings.base_url));
            submit::keep_within(ctx, sent, meant, problem).await
        }
        None => Ok(problem),
    }
}

/// Keeps the response of one entry; says where.
async fn one(ctx: &Context, raw: &Value, names: &Names) -> Result<Issue, Problem> {
    let sent = &raw["resource"];
    let meant = meant(raw, sent, names);
    if let Some(known) = submit::received_as(ctx, &meant).await? {
        return Ok(told(format!("nothing is lost: this response was received before, as {known}")));
    }
    let refused = Issue::error(
        "processing",
        "what this response came in was refused as a whole: what is wrong may be beside it",
    )
    .text(
        "Réponse reçue dans un envoi groupé qui a été refusé en entier : elle n'est pas forcément en cause.",
    );
    let problem = Problem::with(Category::Invalid, vec![refused]);
    let kept = submit::keep_within(ctx, sent, meant, problem).await?;
    let Some(issue) = kept.issues.into_iter().find(submit::says_kept) else {
        return Err(Problem::internal("a response of a refused Bundle was not kept"));
    };
    let more = "it is no QuestionnaireResponse here: send it again when what refuses the whole is mended";
    Ok(Issue { diagnostics: format!("{}; {more}", issue.diagnostics), ..issue })
}

/// A resource of an entry with its references read from where it stands.
fn meant(raw: &Value, sent: &Value, names: &Names) -> Value {
    let mut meant = sent.clone();
    names.resolve(&mut meant, element::str_at(raw, "fullUrl"));
    meant
}

/// What entries call what is here whatever becomes of them. What is `wrong` says nothing: a response about a patient whose record is
/// refused beside it is about nobody, until a person looks.
async fn standing(ctx: &Context, raw: &[&Value], wrong: &BTreeSet<usize>) -> Result<Names, Problem> {
    let base = &ctx.settings.base_url;
    let right = raw.iter().enumerate().filter(|(n, _)| !wrong.contains(n));
    let entries: Vec<Entry> = right.filter_map(|(_, raw)| Entry::read(raw, base).ok()).collect();
    Ok(Plan::make(ctx, &entries, &HashMap::new()).await?.standing(base, &entries))
}

/// Whether an entry has a response that it would write, or that nobody said what to do with.
fn brings_a_response(raw: &Value) -> bool {
    let Some(resource) = raw.get("resource") else { return false };
    let is_meant_so = element::str_at(raw, "request.url")
        .is_some_and(|url| url.split(['/', '?']).any(|part| part == RESPONSE))
        && element::resource_type(resource).is_none_or(|rtype| !crate::fhir::schema::r4().is_resource(rtype));
    !only_reads(raw) && (element::resource_type(resource) == Some(RESPONSE) || is_meant_so)
}

/// Whether an entry asks for what writes no resource that it has.
fn only_reads(raw: &Value) -> bool {
    matches!(element::str_at(raw, "request.method"), Some("GET" | "HEAD" | "DELETE" | "PATCH"))
}

/// Whether bytes that cannot be read name the type; those of UTF-16 have a zero beside each letter.
fn speaks_of_a_response(bytes: &[u8]) -> bool {
    let name = RESPONSE.as_bytes();
    let is_wide = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    if is_wide {
        let narrow: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
        return narrow.windows(name.len()).any(|part| part == name);
    }
    bytes.windows(name.len()).any(|part| part == name)
}

/// The entry that an issue is about.
fn entry_of(issue: &Issue) -> Option<usize> {
    let rest = issue.expression.as_deref()?.strip_prefix("Bundle.entry[")?;
    rest.split_once(']')?.0.parse().ok()
}

fn told(text: String) -> Issue {
    Issue { severity: Severity::Information, ..Issue::error("informational", text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn an_entry_brings_a_response_where_it_is_not_only_read() {
        let check = |method: Option<&str>, url: &str, rtype: Option<&str>, expected: bool| {
            let mut raw = json!({"resource": {}, "request": {"url": url}});
            if let Some(rtype) = rtype {
                raw["resource"]["resourceType"] = json!(rtype);
            }
            if let Some(method) = method {
                raw["request"]["method"] = json!(method);
            }
            assert_eq!(brings_a_response(&raw), expected, "{raw}");
        };
        check(Some("POST"), RESPONSE, Some(RESPONSE), true);
        check(Some("POST"), "Patient", Some(RESPONSE), true);
        check(None, "", Some(RESPONSE), true);
        check(Some("PUT"), "QuestionnaireResponse/1", None, true);
        check(Some("PUT"), "QuestionnaireResponse?identifier=a", Some("Reponse"), true);
        check(Some("PUT"), "QuestionnaireResponse/1", Some("Patient"), false);
        check(Some("PATCH"), "QuestionnaireResponse/1", Some(RESPONSE), false);
        check(Some("DELETE"), "QuestionnaireResponse/1", Some(RESPONSE), false);
        assert!(!brings_a_response(&json!({"request": {"method": "POST", "url": RESPONSE}})));
    }

    #[test]
    fn a_body_that_cannot_be_read_speaks_of_a_response_or_not() {
        let check = |bytes: &[u8], expected: bool| assert_eq!(speaks_of_a_response(bytes), expected);
        check(b"{\"resourceType\":\"QuestionnaireResponse\"", true);
        check(b"<QuestionnaireResponse", true);
        check(b"{\"resourceType\":\"Questionnaire\"", false);
        check(b"", false);
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(RESPONSE.bytes().flat_map(|b| [b, 0])).collect();
        check(&wide, true);
    }
}
