//! A search with what is to be done with its matches: what comes with them, and how much of each
//! (R4 3.1.1.5, "managing returned resources"; `Prefer: handling`, 3.1.1.6).

use super::parse::{CURSOR, Fault};
use super::{Kind, Parameter, Query, Total, parameters, parse};
use crate::fhir::subset::element_of;
use crate::fhir::{SERVED, is_served};
use crate::problem::{Category, Issue, Problem};

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
    /// What was ignored.
    pub ignored: Vec<Ignored>,
}

/// A parameter that was passed over: without a value, or not known and so wanted by `handling=lenient`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ignored {
    /// Its place among the parameters of the request.
    pub place: usize,
    /// What is said about it.
    pub issue: Issue,
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
    let (mut issues, mut request_ignored) = (Vec::new(), Vec::new());
    let mut ignore = |place: usize, code: &'static str, text: String| {
        let issue = Issue::warning(code, text).at(params[place].0.as_str());
        request_ignored.push(Ignored { place, issue });
    };
    for (place, (name, value)) in params.iter().enumerate() {
        // R4 3.1.1.4: "Empty parameters are not an error - they are just ignored by the server".
        if value.is_empty() && name != CURSOR {
            ignore(place, "value", format!("{name} has no value: it is passed over"));
            continue;
        }
        // Under `handling=lenient` the first one counts.
        let read = match parse::repeated(params, place, parse::ONCE) {
            Some(text) => Err(Fault::unknown(text)),
            None => request.read(name, value),
        };
        match read {
            Ok(()) => {}
            Err(fault) if fault.unknown && handling == Handling::Lenient => {
                ignore(place, "not-supported", fault.diagnostics);
            }
            Err(fault) => issues.push(Issue::error("invalid", fault.diagnostics).at(name.as_str())),
        }
    }
    request.ignored = request_ignored;
    issues.extend(parse::too_many(&request.query));
    let includes = params.iter().filter(|(name, _)| is_include(name)).count();
    if includes > INCLUDES_MAX {
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
    fn read(&mut self, name: &str, value: &str) -> Result<(), Fault> {
        let (plain, modifier) = name.split_once(':').unwrap_or((name, ""));
        match (plain, modifier) {
            ("_include" | "_revinclude", "" | "iterate" | "recurse") => {
                let wanted = Wanted { reverse: plain == "_revinclude", iterate: !modifier.is_empty() };
                self.includes.extend(wanted.read(&self.query.rtype, value)?);
            }
            ("_summary", "") => self.summary = summary(value)?,
            ("_elements", "") => self.elements.extend(elements(&self.query.rtype, value)?),
            _ => return parse::read(&mut self.query, name, value),
        }
        Ok(())
    }
}

/// Which part of a resource a read asks for (R4 3.1.0.1.10): a summary, and elements, all where there are none.
///
/// # Errors
/// `Malformed` for another parameter, and for a value that says no part.
pub fn part(rtype: &str, params: &[(String, String)]) -> Result<(Summary, Vec<String>), Problem> {
    let (mut part, mut issues) = ((Summary::False, Vec::new()), Vec::new());
    for (place, (name, value)) in params.iter().enumerate() {
        if let Some(text) = parse::repeated(params, place, parse::ONCE) {
            issues.push(Issue::error("invalid", text).at(name.as_str()));
            continue;
        }
        let read = match name.as_str() {
            "_summary" | "_elements" if value.is_empty() => Ok(()),
            "_summary" if value == "count" => Err("a read has nothing to count".to_owned()),
            "_summary" => summary(value).map(|summary| part.0 = summary),
            "_elements" => elements(rtype, value).map(|elements| part.1.extend(elements)),
            _ => Err(format!(
                "a read takes _format, _pretty, _summary and _elements, and no parameter '{name}'"
            )),
        };
        issues.extend(read.err().map(|text| Issue::error("invalid", text).at(name.as_str())));
    }
    if issues.is_empty() { Ok(part) } else { Err(Problem::with(Category::Malformed, issues)) }
}

fn summary(value: &str) -> Result<Summary, String> {
    match value {
        "false" => Ok(Summary::False),
        "true" => Ok(Summary::True),
        "text" => Ok(Summary::Text),
        "data" => Ok(Summary::Data),
        "count" => Ok(Summary::Count),
        _ => Err("_summary is true, text, data, count or false".to_owned()),
    }
}

/// Elements at the root of a type, by their name; a choice by its name in JSON, too: `valueQuantity` asks for `value`.
fn elements(rtype: &str, value: &str) -> Result<Vec<String>, String> {
    let one = |name: &str| {
        let element = element_of(rtype, name.trim());
        if knows(rtype, element) {
            Ok(element.to_owned())
        } else {
            Err(format!("{rtype} has no element {name:?} at its root"))
        }
    };
    value.split(',').map(one).collect()
}

fn knows(rtype: &str, name: &str) -> bool {
    crate::fhir::schema::r4()
        .definition(rtype)
        .is_some_and(|definition| definition.elements.iter().any(|element| element.name == name))
}

fn is_include(name: &str) -> bool {
    matches!(name.split(':').next(), Some("_include" | "_revinclude"))
}

/// Which way an include goes.
#[derive(Clone, Copy)]
struct Wanted {
    reverse: bool,
    iterate: bool,
}

impl Wanted {
    /// `Type:parameter`, `Type:parameter:Target`, `Type:*`; or `*`, every reference from or to what is found.
    fn read(self, matched: &str, value: &str) -> Result<Vec<Include>, Fault> {
        if value == "*" {
            return self.every(matched);
        }
        let Self { reverse, iterate } = self;
        let mut words = value.splitn(3, ':');
        let (Some(rtype), Some(name)) = (words.next(), words.next()) else {
            let text = "an include is written Type:reference, Type:reference:Target, Type:* or *";
            return Err(text.to_owned().into());
        };
        if !is_served(rtype) {
            return Err(Fault::unknown(format!("{rtype} is not served here: {}", SERVED.join(", "))));
        }
        if !reverse && !iterate && rtype != matched {
            let text =
                format!("_include starts from {matched}; from what was included with _include:iterate");
            return Err(text.into());
        }
        let target = words.next().map(str::to_owned);
        let fits = |parameter: &&'static Parameter| {
            (name == "*" || parameter.name == name)
                && target.as_deref().is_none_or(|target| parameter.refers_to(target))
                && (!reverse || parameter.kind == Kind::Canonical || iterate || parameter.refers_to(matched))
        };
        let by: Vec<_> = references(rtype).filter(fits).collect();
        if by.is_empty() {
            let names: Vec<_> = references(rtype).map(|parameter| parameter.name).collect();
            let text = format!("{value} leads nowhere; references of {rtype}: {}", names.join(", "));
            return Err(Fault::unknown(text));
        }
        Ok(vec![Include { rtype: rtype.to_owned(), by, target, iterate, reverse }])
    }

    /// `*`: of the matched type; of every type that refers to it; of every type for what was included.
    fn every(self, matched: &str) -> Result<Vec<Include>, Fault> {
        let Self { reverse, iterate } = self;
        if reverse && iterate {
            let text = "_revinclude:iterate names the type that refers: Type:reference or Type:*";
            return Err(text.to_owned().into());
        }
        let from = |rtype: &&&str| reverse || iterate || **rtype == matched;
        let includes = SERVED.iter().filter(from).map(|rtype| {
            let fits = |parameter: &&'static Parameter| !reverse || parameter.refers_to(matched);
            let by: Vec<_> = references(rtype).filter(fits).collect();
            Include { rtype: (*rtype).to_owned(), by, target: None, iterate, reverse }
        });
        // A type without references, or to which nothing refers, has nothing that comes with it.
        Ok(includes.filter(|include| !include.by.is_empty()).collect())
    }
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
        for unknown in [
            "_include=Task:nom",
            "_revinclude=Encounter:subject",
            "_sort=nom",
            "patient.nom=x",
            "status.name=x",
            "_has:Encounter:subject:status=x",
            "_has:Task:nom:status=x",
        ] {
            assert!(read(unknown, Handling::Strict).is_err(), "{unknown}");
            assert_eq!(read(unknown, Handling::Lenient).unwrap().ignored.len(), 1, "{unknown}");
        }
    }

    #[test]
    fn a_parameter_without_a_value_is_passed_over_and_said_to_be() {
        for handling in [Handling::Strict, Handling::Lenient] {
            let request =
                read("status=requested&patient=&_sort=&_count=&_include=&code:in=&nom=", handling).unwrap();
            assert_eq!(request.query, parse::parse_text("Task", "status=requested").unwrap());
            assert_eq!(request.ignored.iter().map(|one| one.place).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
        }
        for wrong in ["code=a,", "patient=,", "_cursor="] {
            let request = read(wrong, Handling::Strict);
            assert!(request.is_err() || wrong == "_cursor=", "{wrong}");
        }
        assert_eq!(
            read("_cursor=", Handling::Strict).unwrap().query.after.as_deref(),
            Some(""),
            "refused by the store"
        );
    }

    #[test]
    fn what_is_said_once_is_refused_twice_and_the_first_counts_where_that_is_passed_over() {
        for twice in [
            "_count=2&_count=500",
            "_sort=status&_sort=_id",
            "_total=none&_total=accurate",
            "_summary=text&_summary=count",
        ] {
            let problem = read(twice, Handling::Strict).unwrap_err();
            assert!(problem.to_string().contains("given twice"), "{problem}");
            let lenient = read(twice, Handling::Lenient).unwrap();
            assert_eq!(lenient.ignored.iter().map(|one| one.place).collect::<Vec<_>>(), [1], "{twice}");
            let first = read(twice.split('&').next().unwrap(), Handling::Strict).unwrap();
            assert_eq!((lenient.query, lenient.summary), (first.query, first.summary));
        }
        assert!(read("_count=&_count=5", Handling::Strict).is_ok());
        assert_eq!(read("_elements=status&_elements=for", Handling::Strict).unwrap().elements.len(), 2);
    }

    #[test]
    fn a_star_is_every_reference() {
        let all = |text: &str| read(text, Handling::Strict).unwrap().includes;
        let [forward] = &all("_include=*")[..] else { panic!("one type is matched") };
        assert_eq!(forward, &all("_include=Task:*")[0]);
        let back = all("_revinclude=*");
        assert!(back.iter().all(|one| one.reverse && one.by.iter().all(|by| by.refers_to("Task"))));
        assert!(back.iter().any(|one| one.rtype == "Provenance") && back.len() > 2);
        assert!(all("_include:iterate=*").len() > 10);
        assert!(read("_revinclude:iterate=*", Handling::Strict).is_err());
        let many = vec!["_revinclude=*"; INCLUDES_MAX + 1].join("&");
        assert!(read(&many, Handling::Strict).is_err());
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
        let check = |text: &str, expected: Option<(Summary, &[&str])>| {
            let pairs: Vec<_> = text
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let part = part("Observation", &pairs).ok();
            let expected = expected
                .map(|(summary, names)| (summary, names.iter().map(|name| (*name).to_owned()).collect()));
            assert_eq!(part, expected, "{text}");
        };
        check("", Some((Summary::False, &[])));
        check("_elements=", Some((Summary::False, &[])));
        check("_summary=text&_elements=status,valueQuantity", Some((Summary::Text, &["status", "value"])));
        check("_elements=value[x]", None);
        check("_elements=valueless", None);
        check("_summary=count", None);
        check("_summary=all", None);
        check("_summary=text&_summary=data", None);
        check("status=final", None);
    }
}
