//! Criteria that ask the terminology: `:in`, `:not-in`, and `:above`, `:below` on codes (R4 3.1.1.4.10). Before a store
//! sees them they become the codes that they stand for.

use super::{Criterion, Kind, Modifier, Query, Test};
use crate::fhir::schema::r4;
use crate::problem::{Category, Issue, Problem};
use crate::terminology::Terminology;

/// Codes that one criterion may stand for.
const CODES_MAX: usize = 1_000;

/// Whether [`resolve`] has something to do.
#[must_use]
pub fn asks_terminology(query: &Query) -> bool {
    query.criteria.iter().any(asks)
}

fn asks(criterion: &Criterion) -> bool {
    let inner = |test: &Test| match test {
        Test::Chain { criterion, .. } | Test::Referrer { criterion, .. } | Test::Contained(criterion) => {
            asks(criterion)
        }
        _ => false,
    };
    is_own(criterion) || criterion.any.iter().any(inner)
}

fn is_own(criterion: &Criterion) -> bool {
    match criterion.modifier {
        Modifier::In | Modifier::NotIn => true,
        Modifier::Above | Modifier::Below => criterion.parameter.kind == Kind::Token,
        _ => false,
    }
}

/// The value sets that a query names, to be replaced by their canonicals where they are named otherwise.
pub fn value_sets(query: &mut Query) -> Vec<&mut String> {
    fn named<'q>(criterion: &'q mut Criterion, all: &mut Vec<&'q mut String>) {
        for test in &mut criterion.any {
            match test {
                Test::ValueSet(name) => all.push(name),
                Test::Chain { criterion, .. }
                | Test::Referrer { criterion, .. }
                | Test::Contained(criterion) => {
                    named(criterion, all);
                }
                _ => {}
            }
        }
    }
    let mut all = Vec::new();
    query.criteria.iter_mut().for_each(|criterion| named(criterion, &mut all));
    all
}

/// Puts the codes in place that value sets and places in a hierarchy stand for.
///
/// # Errors
/// `Malformed` with one issue for each criterion whose codes cannot be told, and why: a value set or code system that
/// is not loaded, cannot be listed, or has no hierarchy.
pub fn resolve(query: &mut Query, terminology: &Terminology) -> Result<(), Problem> {
    let mut issues = Vec::new();
    for criterion in &mut query.criteria {
        if let Err((code, text)) = of(criterion, terminology) {
            let place = format!("{}:{}", criterion.parameter.name, criterion.modifier.code());
            issues.push(Issue::error(code, text).at(place.trim_end_matches(':')));
        }
    }
    if issues.is_empty() { Ok(()) } else { Err(Problem::with(Category::Malformed, issues)) }
}

/// The code of an issue, and what it says.
type Fault = (&'static str, String);

fn of(criterion: &mut Criterion, terminology: &Terminology) -> Result<(), Fault> {
    for test in &mut criterion.any {
        if let Test::Chain { criterion, .. } | Test::Referrer { criterion, .. } | Test::Contained(criterion) =
            test
        {
            of(criterion, terminology)?;
        }
    }
    if !is_own(criterion) {
        return Ok(());
    }
    let modifier = criterion.modifier;
    for test in &mut criterion.any {
        let systems = match test {
            Test::ValueSet(name) => listed(name, terminology)?,
            Test::Token { system, code } => {
                let system = system.as_deref().filter(|system| !system.is_empty());
                let system = system.or(criterion.parameter.system());
                vec![ordered(system, code.as_deref(), modifier, terminology)?]
            }
            _ => continue,
        };
        if systems.iter().map(|(_, codes)| codes.len()).sum::<usize>() > CODES_MAX {
            return Err(("too-costly", format!("that stands for more than {CODES_MAX} codes")));
        }
        *test = Test::Among(systems);
    }
    criterion.modifier = if modifier == Modifier::NotIn { Modifier::Not } else { Modifier::None };
    Ok(())
}

fn listed(name: &str, terminology: &Terminology) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let mut systems: Vec<(String, Vec<String>)> = Vec::new();
    let mut put = |system: &str, code: &str| match systems.iter_mut().find(|(known, _)| known == system) {
        Some((_, codes)) => codes.push(code.to_owned()),
        None => systems.push((system.to_owned(), vec![code.to_owned()])),
    };
    if let Some(concepts) = terminology.expand(name) {
        concepts.iter().for_each(|concept| put(&concept.system, &concept.code));
    } else if terminology.knows(name) {
        let why = "it filters, takes a code system that is not here as a whole, or imports one that does";
        return Err(("not-supported", format!("the codes of the value set {name} cannot be listed: {why}")));
    } else {
        // The value sets that R4 binds its own codes to are part of the schema.
        let own = name.strip_prefix("http://hl7.org/fhir/ValueSet/").unwrap_or_default();
        let own = own.strip_suffix("|4.0.1").unwrap_or(own);
        r4().codes(own).for_each(|(system, code)| put(system, code));
        if systems.is_empty() {
            let right = "load it as a ValueSet resource, and name it by its canonical address";
            return Err(("not-found", format!("the value set {name} is not known here: {right}")));
        }
    }
    Ok(systems)
}

fn ordered(
    system: Option<&str>,
    code: Option<&str>,
    modifier: Modifier,
    terminology: &Terminology,
) -> Result<(String, Vec<String>), Fault> {
    let (Some(system), Some(code)) = (system, code) else {
        let text = format!(
            ":{} is written system|code: a code is above or below another within its code system",
            modifier.code()
        );
        return Err(("invalid", text));
    };
    let codes = match modifier {
        Modifier::Above => terminology.above(system, code),
        _ => terminology.below(system, code),
    };
    let codes = codes.map_err(|why| {
        ("not-supported", format!("what is {} {system}|{code} cannot be told: {why}", modifier.code()))
    })?;
    Ok((system.to_owned(), codes))
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::super::parse_text;
    use super::*;

    fn terminology() -> Terminology {
        let system = json!({ "resourceType": "CodeSystem", "url": "urn:s", "content": "complete",
            "hierarchyMeaning": "is-a", "concept": [{ "code": "a", "concept": [{ "code": "b" }] }, { "code": "c" }] });
        let set = json!({ "resourceType": "ValueSet", "url": "https://v.example/v", "version": "1",
            "compose": { "include": [{ "system": "urn:s", "concept": [{ "code": "a" }, { "code": "c" }] }] } });
        let open = json!({ "resourceType": "ValueSet", "url": "https://v.example/open",
            "compose": { "include": [{ "system": "urn:elsewhere" }] } });
        Terminology::load(&[system, set, open])
    }

    fn resolved(text: &str) -> Result<Criterion, String> {
        let mut query = parse_text("Observation", text).unwrap();
        assert!(asks_terminology(&query), "{text}");
        resolve(&mut query, &terminology()).map_err(|problem| problem.to_string())?;
        assert!(!asks_terminology(&query), "{text}");
        Ok(query.criteria.remove(0))
    }

    #[test]
    fn a_value_set_and_a_place_in_a_hierarchy_become_codes() {
        let check = |text: &str, modifier: Modifier, codes: &[&str]| {
            let criterion = resolved(text).unwrap();
            let [Test::Among(systems)] = criterion.any.as_slice() else { unreachable!("{text}") };
            assert_eq!((criterion.modifier, systems[0].0.as_str()), (modifier, "urn:s"), "{text}");
            assert_eq!(systems[0].1, codes, "{text}");
        };
        check("code:in=https://v.example/v", Modifier::None, &["a", "c"]);
        check("code:in=https://v.example/v|1", Modifier::None, &["a", "c"]);
        check("code:not-in=https://v.example/v", Modifier::Not, &["a", "c"]);
        check("code:below=urn:s|a", Modifier::None, &["a", "b"]);
        check("code:above=urn:s|b", Modifier::None, &["a", "b"]);
    }

    #[test]
    fn what_the_standard_binds_is_known() {
        let criterion = resolved("status:in=http://hl7.org/fhir/ValueSet/observation-status").unwrap();
        let [Test::Among(systems)] = criterion.any.as_slice() else { unreachable!() };
        assert_eq!(systems[0].0, "http://hl7.org/fhir/observation-status");
        assert!(systems[0].1.contains(&"final".to_owned()));
    }

    #[test]
    fn what_cannot_be_told_says_why() {
        for (text, why) in [
            ("code:in=https://v.example/none", "is not known here"),
            ("code:in=https://v.example/open", "cannot be listed"),
            ("code:below=a", "is written system|code"),
            ("code:below=urn:elsewhere|a", "is not loaded"),
            ("code:above=urn:s|z", "has no such code"),
        ] {
            let fault = resolved(text).unwrap_err();
            assert!(fault.contains(why), "{text}: {fault}");
        }
    }
}
