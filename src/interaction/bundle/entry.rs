//! One entry of a batch or transaction, read: method, address, conditions, resource (FHIR R4, `Bundle.entry.request`).

use crate::json::Value;

use crate::fhir::{element, reference, search};
use crate::interaction::read;
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

/// Of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `Type`, or `Type?…`: for a write, the condition.
    Type(Vec<(String, String)>),
    /// `Type/id`.
    One(String),
    /// `Type/id/_history/version`.
    Version(String, u64),
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
}

impl Entry {
    /// # Errors
    /// `Malformed` with the place below the entry.
    pub(super) fn read(raw: &Value, base: &str) -> Result<Self, Problem> {
        let text = |path: &str| element::str_at(raw, path);
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
        })
    }
}

impl Entry {
    /// Whether it writes the resource that it carries.
    pub(super) const fn sends_a_resource(&self) -> bool {
        matches!(self.method, Method::Post | Method::Put)
    }
}

fn path_of(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// The type and what of it an address names; absolute addresses of this server are fine.
fn address(url: &str, base: &str) -> Result<(String, Target), Problem> {
    let relative = url.strip_prefix(base).unwrap_or(url).trim_start_matches('/');
    let (path, query) = relative.split_once('?').unwrap_or((relative, ""));
    let params = search::pairs(query)?;
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
        [rtype, one] if query.is_empty() => (rtype.to_owned(), Target::One(id(one)?)),
        [rtype, one, "_history"] => (rtype.to_owned(), Target::History(Some(id(one)?), params)),
        [rtype, one, "_history", version] => {
            let version =
                version.parse().map_err(|_| malformed("the version in request.url is no number"))?;
            (rtype.to_owned(), Target::Version(id(one)?, version))
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
        for url in [
            "Nothing/1",
            "",
            "Patient/a b",
            "Patient/1/x",
            "https://other/fhir/Patient/1",
            "Patient/1/_history/x",
        ] {
            assert_eq!(address(url, "https://h/fhir").unwrap_err().category, Category::Malformed, "{url}");
        }
    }
}
