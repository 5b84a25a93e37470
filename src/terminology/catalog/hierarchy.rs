//! Which codes lie above or below another (<https://hl7.org/fhir/R4/codesystem.html>, `hierarchyMeaning`): told only by
//! a code system that is here as a whole and says that its hierarchy means `is-a`.

use std::collections::{HashMap, HashSet};

use crate::json::Value;

use super::{CodeSystem, Terminology};

/// Why it cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoOrder {
    /// The code system is not loaded.
    UnknownSystem,
    /// Not all of its codes are here.
    Incomplete,
    /// It has no hierarchy, or does not say that it means `is-a`.
    Flat,
    /// It has no such code.
    UnknownCode,
}

impl std::fmt::Display for NoOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UnknownSystem => "the code system is not loaded here",
            Self::Incomplete => "not all codes of the code system are here (content is not complete)",
            Self::Flat => "the code system has no hierarchy whose meaning is is-a (hierarchyMeaning)",
            Self::UnknownCode => "the code system has no such code",
        })
    }
}

impl Terminology {
    /// A code and all that it subsumes, in the order of the code system.
    ///
    /// # Errors
    /// [`NoOrder`] when that cannot be told.
    pub fn below(&self, system: &str, code: &str) -> Result<Vec<String>, NoOrder> {
        let (system, parents) = self.ordered(system, code)?;
        let is_below = |one: &&String| lineage(parents, one).contains(code);
        Ok(system.codes.iter().filter(is_below).cloned().collect())
    }

    /// A code and all that subsume it, in the order of the code system.
    ///
    /// # Errors
    /// [`NoOrder`] when that cannot be told.
    pub fn above(&self, system: &str, code: &str) -> Result<Vec<String>, NoOrder> {
        let (system, parents) = self.ordered(system, code)?;
        let lineage = lineage(parents, code);
        Ok(system.codes.iter().filter(|one| lineage.contains(one.as_str())).cloned().collect())
    }

    fn ordered(&self, system: &str, code: &str) -> Result<(&CodeSystem, &Parents), NoOrder> {
        let system = self.systems.get(system).ok_or(NoOrder::UnknownSystem)?;
        if !system.complete {
            return Err(NoOrder::Incomplete);
        }
        let parents = system.parents.as_ref().ok_or(NoOrder::Flat)?;
        if system.displays.contains_key(code) { Ok((system, parents)) } else { Err(NoOrder::UnknownCode) }
    }
}

type Parents = HashMap<String, Vec<String>>;

/// A code and everything above it; a circle ends where it began.
fn lineage<'a>(parents: &'a Parents, code: &'a str) -> HashSet<&'a str> {
    let mut found = HashSet::from([code]);
    let mut open = vec![code];
    while let Some(code) = open.pop() {
        for parent in parents.get(code).into_iter().flatten() {
            if found.insert(parent) {
                open.push(parent);
            }
        }
    }
    found
}

/// The codes just above each code, by nesting and by the property `parent`; nothing where they do not mean `is-a`, or
/// where there are none.
pub(super) fn parents(resource: &Value) -> Option<Parents> {
    let meaning = resource.get("hierarchyMeaning").and_then(Value::as_str);
    let mut parents = Parents::new();
    if meaning == Some("is-a") {
        nested(resource, None, &mut parents);
    }
    (!parents.is_empty()).then_some(parents)
}

fn nested(parent: &Value, above: Option<&str>, parents: &mut Parents) {
    for concept in parent.get("concept").and_then(Value::as_array).into_iter().flatten() {
        let Some(code) = concept.get("code").and_then(Value::as_str) else { continue };
        let named = concept.get("property").and_then(Value::as_array).into_iter().flatten();
        let named = named
            .filter(|property| property.get("code").and_then(Value::as_str) == Some("parent"))
            .filter_map(|property| property.get("valueCode").and_then(Value::as_str));
        for above in above.into_iter().chain(named) {
            parents.entry(code.to_owned()).or_default().push(above.to_owned());
        }
        nested(concept, Some(code), parents);
    }
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;

    fn loaded(content: &str, meaning: Option<&str>) -> Terminology {
        let mut system = json!({ "resourceType": "CodeSystem", "url": "s", "content": content, "concept": [
            { "code": "toxicity", "concept": [
                { "code": "skin", "concept": [{ "code": "rash" }] }, { "code": "gut" }
            ]},
            { "code": "itch", "property": [{ "code": "parent", "valueCode": "skin" }] },
            { "code": "other" }
        ]});
        if let Some(meaning) = meaning {
            system["hierarchyMeaning"] = json!(meaning);
        }
        Terminology::load(&[system])
    }

    #[test]
    fn codes_are_above_and_below_one_another_by_nesting_and_by_parents() {
        let loaded = loaded("complete", Some("is-a"));
        assert_eq!(loaded.below("s", "skin").unwrap(), ["skin", "rash", "itch"]);
        assert_eq!(loaded.below("s", "rash").unwrap(), ["rash"]);
        assert_eq!(loaded.above("s", "itch").unwrap(), ["toxicity", "skin", "itch"]);
        assert_eq!(loaded.above("s", "other").unwrap(), ["other"]);
    }

    #[test]
    fn where_the_order_is_not_known_the_reason_is_told() {
        let check = |loaded: &Terminology, system: &str, code: &str, why: NoOrder| {
            assert_eq!(loaded.below(system, code), Err(why));
            assert_eq!(loaded.above(system, code), Err(why));
        };
        check(&loaded("complete", Some("is-a")), "t", "skin", NoOrder::UnknownSystem);
        check(&loaded("complete", Some("is-a")), "s", "bone", NoOrder::UnknownCode);
        check(&loaded("fragment", Some("is-a")), "s", "skin", NoOrder::Incomplete);
        check(&loaded("complete", Some("part-of")), "s", "skin", NoOrder::Flat);
        check(&loaded("complete", None), "s", "skin", NoOrder::Flat);
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let parent = |code: &str| json!([{ "code": "parent", "valueCode": code }]);
        let system = json!({ "resourceType": "CodeSystem", "url": "s", "content": "complete", "hierarchyMeaning": "is-a",
            "concept": [{ "code": "a", "property": parent("b") }, { "code": "b", "property": parent("a") }]});
        assert_eq!(Terminology::load(&[system]).below("s", "a").unwrap(), ["a", "b"]);
    }
}
