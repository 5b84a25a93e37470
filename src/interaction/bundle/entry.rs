//! One entry of a batch or transaction, read: method, address, conditions, resource (FHIR R4, `Bundle.entry.request`).

use crate::json::Value;

use crate::fhir::{element, reference, search};
use crate::interaction::{Answer, MEMBERS, read};
use crate::problem::{Category, Problem};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// The conditions of a request, and the methods that have them.
const CONDITIONS: [(&str, &[Method]); 4] = [
    ("request.ifNoneMatch", &[Method::Get]),
    ("request.ifModifiedSince", &[Method::Get]),
    ("request.ifMatch", &[Method::Put, Method::Patch, Method::Delete]),
    ("request.ifNoneExist", &[Method::Post]),
];

/// Of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `Type`, or `Type?…`: for a write, the condition.
    Type(Vec<(String, String)>),
    /// `Type/id`.
    One(String),
    /// `Type/id/_history/version`.
    Version(String, u64),
    /// `Type/id?…` or a version of it: the part of it that is asked for.
    Part(String, Option<u64>, Vec<(String, String)>),
    /// `Patient/id/Type?…`: that type in the compartment of the patient of that id.
    Member(String, Vec<(String, String)>),
    /// `Patient/id/$everything?…`.
    Everything(String, Vec<(String, String)>),
    /// `_history`, `Type/_history`, `Type/id/_history`.
    History(Option<String>, Vec<(String, String)>),
}

/// An entry.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) full_url: Option<String>,
    pub(super) resource: Option<Value>,
    pub(super) method: Method,
    /// Empty for the history of everything.
    pub(super) rtype: String,
    pub(super) target: Target,
    pub(super) if_match: Option<u64>,
    pub(super) if_none_exist: Option<String>,
    /// What the client has already (`ifNoneMatch`, `ifModifiedSince`): of a read of one resource.
    pub(super) known: Known,
}

/// What a client has of what it reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// Versions as text, or `*`.
    tags: Option<Vec<String>>,
    since: Option<jiff::Timestamp>,
}

impl Known {
    fn read(raw: &Value) -> Self {
        let tag = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
        let text = |name: &str| element::str_at(raw, name);
        Self {
            tags: text("request.ifNoneMatch").map(|tags| tags.split(',').map(tag).collect()),
            since: text("request.ifModifiedSince").and_then(|since| since.parse().ok()),
        }
    }

    /// Whether that is what is read; as in HTTP, tags say more than a date.
    pub(super) fn holds(&self, answer: &Answer) -> bool {
        match &self.tags {
            Some(tags) => tags.iter().any(|tag| tag == "*" || *tag == answer.version.to_string()),
            None => self.since.is_some_and(|since| answer.last_updated <= since),
        }
    }
}

impl Entry {
    /// # Errors
    /// `Malformed` with the place below the entry.
    pub(super) fn read(raw: &Value, base: &str) -> Result<Self, Problem> {
        let text = |path: &str| element::str_at(raw, path);
        refuse_no_text(raw)?;
        refuse_modified(raw)?;
        let method = match text("request.method") {
            Some("GET" | "HEAD") => Method::Get,
            Some("POST") => Method::Post,
            Some("PUT") => Method::Put,
            Some("PATCH") => Method::Patch,
            Some("DELETE") => Method::Delete,
            _ => return Err(malformed("request.method is none of GET, HEAD, POST, PUT, PATCH, DELETE")),
        };
        let url = text("request.url").ok_or_else(|| malformed("request.url is missing"))?;
        let (rtype, target) = address(url, base)?;
        if !rtype.is_empty() && method != Method::Get {
            read::writable(&rtype).map_err(|problem| Problem { category: Category::Malformed, ..problem })?;
        }
        let fits = match method {
            Method::Get => true,
            Method::Post => matches!(&target, Target::Type(params) if params.is_empty()),
            Method::Put | Method::Patch | Method::Delete => match &target {
                Target::One(_) => true,
                Target::Type(params) => !params.is_empty(),
                _ => false,
            },
        };
        if !fits {
            return Err(malformed(format!("this method does not go with the address '{}'", path_of(url))));
        }
        let resource = raw.get("resource").cloned();
        if matches!(method, Method::Post | Method::Put | Method::Patch) && resource.is_none() {
            return Err(malformed("the entry has no resource"));
        }
        refuse_misplaced(raw, method)?;
        let if_match = match text("request.ifMatch") {
            Some(tag) => {
                let version = tag.trim().trim_start_matches("W/").trim_matches('"').parse();
                Some(
                    version
                        .map_err(|_| malformed("request.ifMatch is not a version; W/\"3\" would be right"))?,
                )
            }
            None => None,
        };
        Ok(Self {
            full_url: text("fullUrl").map(str::to_owned),
            resource,
            method,
            rtype,
            target,
            if_match,
            if_none_exist: text("request.ifNoneExist").map(str::to_owned),
            known: Known::read(raw),
        })
    }
}

impl Entry {
    /// Whether it writes the resource that it carries.
    pub(super) const fn sends_a_resource(&self) -> bool {
        matches!(self.method, Method::Post | Method::Put)
    }
}

/// What is there and is no text would be passed over in silence: a condition above all.
fn refuse_no_text(raw: &Value) -> Result<(), Problem> {
    let names =
        ["fullUrl", "request.method", "request.url"].into_iter().chain(CONDITIONS.map(|(name, _)| name));
    for name in names {
        let there = name.split('.').try_fold(raw, |value, name| value.get(name));
        // Not by the name of an element, which would find the first of a list.
        if there.is_some_and(|there| there.as_str().is_none_or(str::is_empty)) {
            return Err(malformed(format!("{name} is a text that is not empty")));
        }
    }
    match element::str_at(raw, "request.ifModifiedSince").map(str::parse::<jiff::Timestamp>) {
        Some(Err(_)) => {
            Err(malformed("request.ifModifiedSince is no instant; 2026-01-12T09:30:00Z would be right"))
        }
        _ => Ok(()),
    }
}

/// Refuses what may turn round the meaning of an entry or its request, and is not known here (FHIR R4, 2.4.2).
fn refuse_modified(raw: &Value) -> Result<(), Problem> {
    for place in ["modifierExtension", "request.modifierExtension"] {
        if place.split('.').try_fold(raw, |value, name| value.get(name)).is_some() {
            let text = format!("{place} may change the meaning of this entry, and none is known here");
            return Err(Problem::new(Category::Malformed, "extension", text));
        }
    }
    Ok(())
}

/// Refuses a condition that a method does not have: done without it, it would do what the client meant to spare.
fn refuse_misplaced(raw: &Value, method: Method) -> Result<(), Problem> {
    for (name, methods) in CONDITIONS {
        if element::str_at(raw, name).is_some() && !methods.contains(&method) {
            return Err(malformed(format!("{name} does not go with this method, and is not passed over")));
        }
    }
    Ok(())
}

fn path_of(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// The type and what of it an address names; absolute addresses of this server are fine.
fn address(url: &str, base: &str) -> Result<(String, Target), Problem> {
    let relative = url.strip_prefix(base).unwrap_or(url).trim_start_matches('/');
    let (path, query) = relative.split_once('?').unwrap_or((relative, ""));
    let mut params = search::pairs(query)?;
    // How an answer is written is for the whole Bundle to say.
    params.retain(|(name, _)| name != "_format" && name != "_pretty");
    let segments: Vec<&str> = path.split('/').collect();
    if let Some(rtype) = segments.first().filter(|first| **first != "_history") {
        read::served(rtype).map_err(|problem| Problem { category: Category::Malformed, ..problem })?;
    }
    let id = |id: &str| {
        if reference::is_id(id) {
            Ok(id.to_owned())
        } else {
            Err(malformed("the id in request.url is no id"))
        }
    };
    Ok(match segments[..] {
        ["_history"] => (String::new(), Target::History(None, params)),
        [rtype] => (rtype.to_owned(), Target::Type(params)),
        [rtype, "_history"] => (rtype.to_owned(), Target::History(None, params)),
        ["Patient", one, "$everything"] => ("Patient".to_owned(), Target::Everything(id(one)?, params)),
        [.., last] if last.starts_with('$') => {
            let text =
                format!("{last} is no operation that a Bundle can ask for: send it as a request of its own");
            return Err(malformed(text));
        }
        [rtype, one] if params.is_empty() => (rtype.to_owned(), Target::One(id(one)?)),
        [rtype, one] => (rtype.to_owned(), Target::Part(id(one)?, None, params)),
        ["Patient", one, member] if MEMBERS.iter().any(|(name, _)| *name == member) => {
            (member.to_owned(), Target::Member(id(one)?, params))
        }
        [rtype, one, "_history"] => (rtype.to_owned(), Target::History(Some(id(one)?), params)),
        [rtype, one, "_history", version] => {
            let version =
                version.parse().map_err(|_| malformed("the version in request.url is no number"))?;
            let one = id(one)?;
            let target = match params.is_empty() {
                true => Target::Version(one, version),
                false => Target::Part(one, Some(version), params),
            };
            (rtype.to_owned(), target)
        }
        _ => return Err(malformed("request.url names nothing that a Bundle can ask for")),
    })
}

fn malformed(text: impl Into<String>) -> Problem {
    Problem::new(Category::Malformed, "value", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_cannot_be_read_or_does_not_belong_there_is_refused() {
        let check = |method: &str, url: &str, name: &str, value: crate::json::Value, right: bool| {
            let mut raw = crate::json::json!({"resource": {"resourceType": "Patient"}, "request": {"method": method, "url": url}});
            raw["request"][name] = value.clone();
            assert_eq!(Entry::read(&raw, "https://h/fhir").is_ok(), right, "{method} {name} {value}");
        };
        let text = |text: &str| crate::json::Value::from(text.to_owned());
        check("POST", "Patient", "ifNoneExist", text("identifier=a|b"), true);
        check("PUT", "Patient/1", "ifMatch", text("W/\"3\""), true);
        check("GET", "Patient/1", "ifNoneMatch", text("W/\"3\""), true);
        check("GET", "Patient/1", "ifModifiedSince", text("2026-01-12T09:30:00Z"), true);
        check("GET", "Patient/1", "ifModifiedSince", text("yesterday"), false);
        for value in [
            crate::json::json!(null),
            crate::json::json!(3),
            crate::json::json!(["a=b"]),
            crate::json::json!({}),
            text(""),
        ] {
            check("POST", "Patient", "ifNoneExist", value.clone(), false);
            check("PUT", "Patient/1", "ifMatch", value.clone(), false);
            check("GET", "Patient/1", "ifModifiedSince", value, false);
        }
        check("PUT", "Patient/1", "ifMatch", text("new"), false);
        check("PUT", "Patient/1", "ifMatch", text("*"), false);
        check("PUT", "Patient/1", "ifNoneExist", text("identifier=a|b"), false);
        check("PUT", "Patient/1", "ifNoneMatch", text("*"), false);
        check("DELETE", "Patient/1", "ifModifiedSince", text("2026-01-12T09:30:00Z"), false);
        check("POST", "Patient", "ifMatch", text("W/\"3\""), false);
    }

    #[test]
    fn an_address_names_a_type_a_resource_a_version_or_a_history() {
        let check = |url: &str, rtype: &str, expected: Target| {
            assert_eq!(address(url, "https://h/fhir"), Ok((rtype.to_owned(), expected)), "{url}");
        };
        let params = vec![("name".to_owned(), "é x".to_owned())];
        check("Patient", "Patient", Target::Type(vec![]));
        check("Patient?name=%C3%A9+x", "Patient", Target::Type(params.clone()));
        check("https://h/fhir/Patient/1", "Patient", Target::One("1".to_owned()));
        check("/Patient/1/_history/2", "Patient", Target::Version("1".to_owned(), 2));
        check("Patient/1/_history?name=%C3%A9%20x", "Patient", Target::History(Some("1".to_owned()), params));
        check("_history", "", Target::History(None, vec![]));
        check("Patient/1?_format=xml&_pretty=true", "Patient", Target::One("1".to_owned()));
        let params = vec![("_summary".to_owned(), "text".to_owned())];
        check("Patient/1?_summary=text", "Patient", Target::Part("1".to_owned(), None, params.clone()));
        check(
            "Patient/1/_history/2?_summary=text",
            "Patient",
            Target::Part("1".to_owned(), Some(2), params.clone()),
        );
        check("Patient/1/Task?_summary=text", "Task", Target::Member("1".to_owned(), params));
        check("Patient/1/$everything", "Patient", Target::Everything("1".to_owned(), vec![]));
        for url in [
            "Nothing/1",
            "",
            "Patient/a b",
            "Patient/1/x",
            "Patient/1/Organization",
            "Task/1/Observation",
            "Patient/$validate",
            "Patient/1/$proof",
            "$deliveries",
            "https://other/fhir/Patient/1",
            "Patient/1/_history/x",
        ] {
            assert_eq!(address(url, "https://h/fhir").unwrap_err().category, Category::Malformed, "{url}");
        }
    }
}
