//! Bundles: the few kinds that are made and read here (<https://hl7.org/fhir/R4/bundle.html>).

use crate::json::{Map, Value, json};
use jiff::Timestamp;

use super::{datetime, element};

/// One entry of a search result.
#[derive(Debug)]
pub struct Match {
    /// The absolute address of the resource.
    pub full_url: String,
    /// The resource.
    pub resource: Value,
    /// Why it is there.
    pub mode: Mode,
}

/// Why an entry is in a search result (`search.mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It matches.
    Match,
    /// It came with a match.
    Include,
    /// What the server has to say about the search.
    Outcome,
}

impl Mode {
    const fn code(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Include => "include",
            Self::Outcome => "outcome",
        }
    }
}

/// A page of search results; `links` are (relation, url) pairs such as `self` and `next`.
#[must_use]
pub fn searchset(matches: Vec<Match>, links: &[(&str, String)], total: Option<u64>) -> Value {
    let mut bundle = start("searchset");
    if let Some(total) = total {
        bundle.insert("total", total.into());
    }
    let links: Vec<Value> =
        links.iter().map(|(relation, url)| json!({ "relation": relation, "url": url })).collect();
    put_list(&mut bundle, "link", links);
    let entries = matches.into_iter().map(|found| {
        let full_url = (found.mode != Mode::Outcome).then_some(found.full_url);
        let mut entry = entry(full_url, found.resource);
        entry.insert("search", json!({ "mode": found.mode.code() }));
        Value::Object(entry)
    });
    put_list(&mut bundle, "entry", entries.collect());
    Value::Object(bundle)
}

/// One entry of a transaction.
#[derive(Debug)]
pub struct Action {
    /// The entry's address within the Bundle: `urn:uuid:…`, or where the resource already lives.
    pub full_url: Option<String>,
    /// The resource, absent for a DELETE.
    pub resource: Option<Value>,
    /// `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// `Patient`, `Patient/1`, or conditional.
    pub url: String,
    /// `If-None-Exist` of a conditional create.
    pub if_none_exist: Option<String>,
}

impl Action {
    /// Puts a resource under its own type and id; `None` when it lacks either.
    #[must_use]
    pub fn put(resource: Value, full_url: Option<String>) -> Option<Self> {
        let url = element::local_reference(&resource)?;
        Some(Self { full_url, resource: Some(resource), method: "PUT", url, if_none_exist: None })
    }
}

/// A transaction, in the order given.
#[must_use]
pub fn transaction(actions: Vec<Action>) -> Value {
    let mut bundle = start("transaction");
    let entries = actions.into_iter().map(|action| {
        let mut entry = Map::new();
        if let Some(full_url) = action.full_url {
            entry.insert("fullUrl", full_url.into());
        }
        if let Some(resource) = action.resource {
            entry.insert("resource", resource);
        }
        let mut request = Map::new();
        request.insert("method", action.method.into());
        request.insert("url", action.url.into());
        if let Some(query) = action.if_none_exist {
            request.insert("ifNoneExist", query.into());
        }
        entry.insert("request", Value::Object(request));
        Value::Object(entry)
    });
    put_list(&mut bundle, "entry", entries.collect());
    Value::Object(bundle)
}

/// A collection; each entry's `fullUrl` is the base followed by type and id, where the resource has an id.
#[must_use]
pub fn collection(base: &str, resources: Vec<Value>, at: Option<Timestamp>) -> Value {
    let mut bundle = start("collection");
    if let Some(at) = at {
        bundle.insert("timestamp", datetime::instant(at).into());
    }
    let entries = resources.into_iter().map(|resource| {
        let full_url = element::local_reference(&resource).map(|reference| format!("{base}/{reference}"));
        Value::Object(entry(full_url, resource))
    });
    put_list(&mut bundle, "entry", entries.collect());
    Value::Object(bundle)
}

/// The resources of a Bundle, in order.
pub fn resources(bundle: &Value) -> impl Iterator<Item = &Value> {
    element::list(bundle, "entry").filter_map(|entry| entry.get("resource"))
}

fn start(kind: &'static str) -> Map {
    let mut bundle = Map::new();
    bundle.insert("resourceType", "Bundle".into());
    bundle.insert("type", kind.into());
    bundle
}

/// An entry; the resource is moved into it, where `json!` would copy it.
fn entry(full_url: Option<String>, resource: Value) -> Map {
    let mut entry = Map::with_capacity(3);
    if let Some(full_url) = full_url {
        entry.insert("fullUrl", full_url.into());
    }
    entry.insert("resource", resource);
    entry
}

/// FHIR has no empty lists.
fn put_list(bundle: &mut Map, name: &'static str, list: Vec<Value>) {
    if !list.is_empty() {
        bundle.insert(name, list.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_search_has_no_entry_list() {
        let bundle = searchset(Vec::new(), &[("self", "https://h/Flag".into())], Some(0));
        assert_eq!(
            bundle,
            json!({ "resourceType": "Bundle", "type": "searchset", "total": 0, "link": [{ "relation": "self", "url": "https://h/Flag" }] })
        );
    }

    #[test]
    fn a_transaction_puts_resources_under_their_ids() {
        let action = Action::put(json!({ "resourceType": "Flag", "id": "1" }), None).unwrap();
        let bundle = transaction(vec![action]);
        assert_eq!(bundle["entry"][0]["request"], json!({ "method": "PUT", "url": "Flag/1" }));
        assert!(Action::put(json!({ "resourceType": "Flag" }), None).is_none());
    }

    #[test]
    fn a_collection_gives_each_resource_its_address() {
        let bundle = collection("https://h", vec![json!({ "resourceType": "Flag", "id": "1" })], None);
        assert_eq!(bundle["entry"][0]["fullUrl"], "https://h/Flag/1");
        assert_eq!(resources(&bundle).count(), 1);
    }
}
