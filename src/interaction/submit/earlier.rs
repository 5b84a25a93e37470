//! What the store holds about a patient that a response is judged with: earlier responses, and what an earlier version of
//! the same response became.

use std::sync::LazyLock;

use crate::json::{Picks, Value};
use jiff::Timestamp;

use super::{RESPONSE, history, moment};
use crate::fhir::search::{self, Query, Test};
use crate::fhir::{element, meta};
use crate::interaction::{Context, library, read};
use crate::problem::Problem;
use crate::questionnaire::Questionnaire;
use crate::store::{Page, Stored};

/// How many earlier responses a judgement looks at: a year of weeks, and some more.
const HISTORY_MAX: usize = 60;

/// The types that a response becomes and that its next version amends or ends.
const DERIVED: &[(&str, &str)] = &[
    ("Observation", "subject"),
    ("Flag", "subject"),
    ("Task", "patient"),
    ("Communication", "subject"),
    ("DiagnosticReport", "subject"),
];

/// The search for the answered responses of a patient to a questionnaire in any version, newest first.
///
/// # Errors
/// None that a literal reference can cause: whatever stands for an address is looked for as it is.
pub(super) fn query(patient: &str, url: &str) -> Result<Query, Problem> {
    static OF_ONE: LazyLock<Option<Query>> = LazyLock::new(|| read_query("Patient/x", "urn:x").ok());
    match OF_ONE.as_ref().filter(|_| !url.is_empty()).and_then(|one| one.about(patient)) {
        Some(mut query) => {
            query.criteria[1].any = vec![Test::Canonical { url: url.to_owned(), version: None }];
            Ok(query)
        }
        None => read_query(patient, url),
    }
}

/// The same for any of these questionnaires.
///
/// # Errors
/// As [`query`].
pub(super) fn query_any(patients: &str, urls: &[&str]) -> Result<Query, Problem> {
    // No response has an empty address, and no search looks for one.
    let of_one = |url: &&str| if url.is_empty() { "urn:none".to_owned() } else { search::escape(url) };
    let url = urls.iter().map(of_one).collect::<Vec<_>>().join(",");
    let params = [
        ("subject", patients),
        ("questionnaire", url.as_str()),
        ("status", "completed,amended"),
        ("_sort", "-authored"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut query = search::parse(RESPONSE, &params)?;
    query.count = HISTORY_MAX + 1;
    Ok(query)
}

fn read_query(patients: &str, url: &str) -> Result<Query, Problem> {
    query_any(patients, &[url])
}

/// The answered responses around the one that is judged.
#[derive(Default)]
pub(super) struct Responses {
    /// Those before it, newest first.
    pub(super) earlier: Vec<Value>,
    /// All of them as they are stored, itself included, if there are any after it.
    pub(super) all: Vec<Stored>,
}

/// Which response is judged, and when it was answered.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    /// Its id, if it is stored already.
    pub(super) id: Option<&'a str>,
    /// The moment that counts.
    pub(super) at: Timestamp,
    /// From when on others are after it, or after what it was.
    pub(super) since: Timestamp,
}

/// Of what the search finds, from its first page on, the responses that were authored before it, newest first: at most
/// [`HISTORY_MAX`]. Of all but the first, only the items that are picked are read, unless they answer another version than this
/// form: there the same questions may stand elsewhere.
pub(super) async fn responses(
    ctx: &Context,
    mut query: Query,
    first: Page,
    Own { id: own, at: before, since }: Own<'_>,
    (picks, form): (Option<&Picks>, Option<&Questionnaire>),
) -> Result<Responses, Problem> {
    let (mut page, mut is_late) = (first, false);
    let (mut stored, mut found) = (Vec::new(), Vec::new());
    loop {
        // The first that the search finds is nearly always the first of all.
        let is_whole = |n: usize| n == 0 && stored.is_empty();
        let read = |(n, one)| {
            let picked = read::picked(one, picks.filter(|_| !is_whole(n)))?;
            let is_of_form = form.is_some_and(|form| form.is_answered_by(&picked));
            if is_of_form || is_whole(n) { Ok(picked) } else { one.resource() }
        };
        let mut parsed: Vec<Value> = page.resources.iter().enumerate().map(read).collect::<Result<_, _>>()?;
        for one in &mut parsed {
            moment::settle(ctx, one).await?;
        }
        stored.append(&mut page.resources);
        let is_after = |one: &Value| element::id(one) != own && history::at(one).is_some_and(|at| at > since);
        is_late |= parsed.iter().any(is_after);
        // A late response looks past the ones that were authored after it.
        found.extend(history::earlier(parsed, own, before));
        if found.len() >= HISTORY_MAX || page.next.is_none() {
            let mut earlier = history::earlier(found, own, before);
            earlier.truncate(HISTORY_MAX);
            if let Some(previous) = earlier.first_mut() {
                whole(previous, &stored)?;
                moment::settle(ctx, previous).await?;
            }
            return Ok(Responses { earlier, all: if is_late { stored } else { Vec::new() } });
        }
        query.after = page.next;
        page = ctx.store.search(&query).await?;
    }
}

/// Reads a response as a whole, unless it was; the first of those that are stored was.
fn whole(response: &mut Value, stored: &[Stored]) -> Result<(), Problem> {
    let place = stored.iter().position(|one| element::id(response) == Some(one.id.as_str()));
    match place {
        Some(0) => {}
        Some(place) => *response = stored[place].resource()?,
        None => return Err(Problem::internal("a stored response has the id of another one")),
    }
    Ok(())
}

/// Current versions of what the earlier versions of a response became.
///
/// What comes from a response names it (`derivedFrom`, `focus`, `about`, `source-response`), and is not older than its
/// first version: only what was written since is looked at.
pub(super) async fn became(ctx: &Context, response: &Value, patient: &str) -> Result<Vec<Value>, Problem> {
    let Some(reference) = element::local_reference(response) else { return Ok(Vec::new()) };
    let id = element::id(response).unwrap_or_default();
    let since = match ctx.store.vread(RESPONSE, id, 1).await? {
        Some(first) => Some(first.last_updated),
        None => meta::last_updated(response),
    };
    let since = since.map(|since| format!("ge{}", crate::fhir::datetime::instant(since)));
    let mut existing = Vec::new();
    for (rtype, parameter) in DERIVED {
        let mut params = vec![(*parameter, patient)];
        params.extend(since.as_deref().map(|since| ("_lastUpdated", since)));
        for stored in library::read_all(ctx.store.as_ref(), rtype, &params).await? {
            let resource = stored.resource()?;
            if comes_from(&resource, &reference) {
                existing.push(resource);
            }
        }
    }
    Ok(existing)
}

/// Whether a derived resource names this response as where it comes from.
pub(super) fn comes_from(resource: &Value, response: &str) -> bool {
    let names = |reference: &Value| {
        let text = reference.get("reference").and_then(Value::as_str).unwrap_or_default();
        text == response || text.strip_prefix(response).is_some_and(|rest| rest.starts_with("/_history/"))
    };
    match element::resource_type(resource) {
        Some("Observation") => element::list(resource, "derivedFrom").any(names),
        Some("Task") => resource.get("focus").is_some_and(names),
        Some("Communication") => element::list(resource, "about").any(names),
        _ => element::list(resource, "extension")
            .filter(|extension| {
                element::str_at(extension, "url").is_some_and(|url| url.ends_with("/source-response"))
            })
            .filter_map(|extension| extension.get("valueReference"))
            .any(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_search_that_is_not_read_anew_is_the_same() {
        for patient in ["Patient/a", "Patient/a,Patient/b", "a b"] {
            for url in
                ["https://q.example/w", "https://q.example/w|1", "a,b", "a\\,b", "$", ",", "", "é \"q\""]
            {
                assert!(query(patient, url).ok() == read_query(patient, url).ok(), "{patient} {url}");
            }
        }
    }

    #[test]
    fn the_response_before_is_whole_wherever_the_search_found_it() {
        let stored = |id: &str| Stored {
            rtype: RESPONSE.to_owned(),
            id: id.to_owned(),
            version: 1,
            last_updated: Timestamp::UNIX_EPOCH,
            deleted: false,
            made: crate::store::Made::Post,
            body: Some(format!(r#"{{"id":"{id}","item":[{{"linkId":"base"}}]}}"#).into_bytes()),
        };
        let all = [stored("a"), stored("b")];
        let found = |id: &str| {
            let mut response = json!({"id": id});
            whole(&mut response, &all).map(|()| response.to_string())
        };
        // The first was read whole.
        assert_eq!(found("a").unwrap(), r#"{"id":"a"}"#);
        assert_eq!(found("b").unwrap(), r#"{"id":"b","item":[{"linkId":"base"}]}"#);
        assert!(found("c").is_err());
    }

    #[test]
    fn each_type_names_its_response_in_its_own_place() {
        let reference = json!({"reference": "QuestionnaireResponse/a"});
        let check = |resource: Value, expected: bool| {
            assert_eq!(comes_from(&resource, "QuestionnaireResponse/a"), expected, "{resource}");
        };
        check(json!({"resourceType": "Observation", "derivedFrom": [reference]}), true);
        check(
            json!({"resourceType": "Task", "focus": {"reference": "QuestionnaireResponse/a/_history/2"}}),
            true,
        );
        check(json!({"resourceType": "Task", "focus": {"reference": "QuestionnaireResponse/ab"}}), false);
        check(json!({"resourceType": "Communication", "about": [reference]}), true);
        check(
            json!({"resourceType": "Flag", "extension": [{"url": "x/source-response", "valueReference": reference}]}),
            true,
        );
        check(
            json!({"resourceType": "Flag", "extension": [{"url": "x/other", "valueReference": reference}]}),
            false,
        );
    }
}
