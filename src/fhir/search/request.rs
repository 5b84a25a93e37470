//! A search with what is to be done with its matches: what comes with them, and how much of each
//! (R4 3.1.1.5, "managing returned resources"; `Prefer: handling`, 3.1.1.6).

use super::{Kind, Parameter, Query, Total, parameters, parse};
use crate::fhir::{SERVED, is_served};
use crate::problem::{Category, Issue, Problem, Severity};

/// Includes of one request.
const INCLUDES_MAX: usize = 20;

/// A search as a client asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which resources, in which order.
    pub query: Query,
    /// What comes with them.
    pub includes: Vec<Include>,
    /// How much of each.
    pub summary: Summary,
    /// Only these elements, with those that are mandatory; empty for all.
    pub elements: Vec<String>,
    /// What was ignored under `handling=lenient`.
    pub ignored: Vec<Issue>,
}

/// Resources that come with the matches.
#[derive(Debug, Clone, PartialEq)]
pub struct Include {
    /// The type that refers.
    pub rtype: String,
    /// By which of its references; several for `*`.
    pub by: Vec<&'static Parameter>,
    /// Only targets of that type.
    pub target: Option<String>,
    /// From what was included too.
    pub iterate: bool,
    /// Those that refer to a match (`_revinclude`), not those that a match refers to.
    pub reverse: bool,
}

/// `_summary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// Everything.
    False,
    /// Summary elements.
    True,
    /// Narrative, id, meta and mandatory elements.
    Text,
    /// Everything but the narrative.
    Data,
    /// How many, and none of them.
    Count,
}

/// What to do with a parameter that is not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handling {
    /// Refuse.
    Strict,
    /// Ignore, and say so.
    Lenient,
}

/// Reads the decoded parameters of a search.
///
/// # Errors
/// As [`super::parse`].
pub fn request(rtype: &str, params: &[(String, String)], handling: Handling) -> Result<Request, Problem> {
    let mut request = Request {
        query: parse::begin(rtype)?,
        includes: Vec::new(),
        summary: Summary::False,
        elements: Vec::new(),
        ignored: Vec::new(),
    };
    let mut issues = Vec::new();
    for (name, value) in params {
        match request.read(name, value) {
            Ok(()) => {}
            Err(fault) if fault.unknown && handling == Handling::Lenient => {
                let issue = Issue::error("not-supported", fault.diagnostics).at(name.as_str());
                request.ignored.push(Issue { severity: Severity::Warning, ..issue });
            }
            Err(fault) => issues.push(Issue::error("invalid", fault.diagnostics).at(name.as_str())),
        }
    }
    issues.extend(parse::too_many(&request.query));
    if request.includes.len() > INCLUDES_MAX {
        issues.push(Issue::error("too-costly", format!("at most {INCLUDES_MAX} includes are read")));
    }
    if request.summary == Summary::Count || request.query.count == 0 {
        request.query.count = 0;
        if request.query.total == Total::None {
            request.query.total = Total::Accurate;
        }
    }
    if issues.is_empty() { Ok(request) } else { Err(Problem::with(Category::Malformed, issues)) }
}

impl Request {
    fn read(&mut self, name: &str, value: &str) -> Result<(), parse::Fault> {
        let (plain, modifier) = name.split_once(':').unwrap_or((name, ""));
        match (plain, modifier) {
            ("_include" | "_revinclude", "" | "iterate" | "recurse") => {
                let include =
                    include(&self.query.rtype, value, plain == "_revinclude", !modifier.is_empty())?;
                self.includes.push(include);
            }
            ("_summary", "") => {
                self.summary = match value {
                    "false" => Summary::False,
                    "true" => Summary::True,
                    "text" => Summary::Text,
                    "data" => Summary::Data,
                    "count" => Summary::Count,
                    _ => return Err("_summary is true, text, data, count or false".to_owned().into()),
                }
            }
            ("_elements", "") => {
                let elements: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
                let known = |name: &&String| !knows(&self.query.rtype, name);
                if let Some(unknown) = elements.iter().find(known) {
                    return Err(format!("{} has no element {unknown:?} at its root", self.query.rtype).into());
                }
                self.elements.extend(elements);
            }
            _ => return parse::read(&mut self.query, name, value),
        }
        Ok(())
    }
}

fn knows(rtype: &str, name: &str) -> bool {
    crate::fhir::schema::r4()
        .definition(rtype)
        .is_some_and(|definition| definition.elements.iter().any(|element| element.name == name))
}

/// `Type:parameter`, `Type:parameter:Target`, `Type:*`.
fn include(matched: &str, value: &str, reverse: bool, iterate: bool) -> Result<Include, String> {
    let mut words = value.splitn(3, ':');
    let (Some(rtype), Some(name)) = (words.next(), words.next()) else {
        return Err("an include is written Type:reference or Type:reference:Target".to_owned());
    };
    if !is_served(rtype) {
        return Err(format!("{rtype} is not served here: {}", SERVED.join(", ")));
    }
    if !reverse && !iterate && rtype != matched {
        return Err(format!("_include starts from {matched}; from what was included with _include:iterate"));
    }
    let target = words.next().map(str::to_owned);
    let fits = |parameter: &&'static Parameter| {
        matches!(parameter.kind, Kind::Reference | Kind::Canonical)
            && (name == "*" || parameter.name == name)
            && target.as_deref().is_none_or(|target| parameter.refers_to(target))
            && (!reverse || parameter.kind == Kind::Canonical || iterate || parameter.refers_to(matched))
    };
    let by: Vec<_> = parameters(rtype).iter().filter(fits).collect();
    if by.is_empty() {
        let names: Vec<_> = references(rtype).map(|parameter| parameter.name).collect();
        return Err(format!("{value} leads nowhere; references of {rtype}: {}", names.join(", ")));
    }
    Ok(Include { rtype: rtype.to_owned(), by, target, iterate, reverse })
}

/// The parameters of a type that refer to other resources.
pub fn references(rtype: &str) -> impl Iterator<Item = &'static Parameter> {
    parameters(rtype).iter().filter(|parameter| matches!(parameter.kind, Kind::Reference | Kind::Canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, handling: Handling) -> Result<Request, Problem> {
        let pairs: Vec<_> = text
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        request("Task", &pairs, handling)
    }

    #[test]
    fn what_is_unknown_is_refused_or_ignored_as_the_client_prefers() {
        assert!(read("nom=x", Handling::Strict).is_err());
        let lenient = read("nom=x&status:above=y&code=appel", Handling::Lenient).unwrap();
        assert_eq!((lenient.ignored.len(), lenient.query.criteria.len()), (2, 1));
        assert!(read("authored-on=never", Handling::Lenient).is_err());
    }

    #[test]
    fn an_include_names_a_reference_of_its_type() {
        let one = |text: &str| read(text, Handling::Strict).map(|mut request| request.includes.remove(0));
        assert_eq!(one("_include=Task:focus").unwrap().by[0].name, "focus");
        assert_eq!(one("_include=Task:subject:Patient").unwrap().target.as_deref(), Some("Patient"));
        assert!(one("_include=Task:*").unwrap().by.len() > 5);
        assert!(one("_revinclude=Provenance:target").unwrap().reverse);
        for wrong in
            ["_include=Task", "_include=Task:status", "_include=Flag:subject", "_include=Encounter:x"]
        {
            assert!(one(wrong).is_err(), "{wrong}");
        }
        assert!(one("_include:iterate=QuestionnaireResponse:questionnaire").unwrap().iterate);
    }

    #[test]
    fn a_count_of_zero_counts() {
        for text in ["_count=0", "_summary=count"] {
            let query = read(text, Handling::Strict).unwrap().query;
            assert_eq!((query.count, query.total), (0, Total::Accurate));
        }
    }

    #[test]
    fn elements_are_those_of_the_type() {
        assert_eq!(read("_elements=status,for", Handling::Strict).unwrap().elements, ["status", "for"]);
        assert!(read("_elements=nom", Handling::Strict).is_err());
    }
}
