//! The loaded code systems and value sets: membership and display, from what is in memory only
//! (<https://hl7.org/fhir/R4/valueset.html>, composition).
//!
//! Everything is worked out at load. A value set that filters, or that takes a whole code system which is
//! not here, is *unknown*, never empty: `None` and `Some(false)` are different answers.

mod compose;
mod hierarchy;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::json::Value;

pub use hierarchy::NoOrder;

/// One concept of a value set.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Concept {
    /// The code system.
    pub system: String,
    /// The code.
    pub code: String,
    /// The display, where one is known.
    pub display: Option<String>,
}

/// Code systems and value sets, by canonical address. A clone shares them.
#[derive(Default, Clone)]
pub struct Terminology {
    systems: Arc<HashMap<String, CodeSystem>>,
    sets: Arc<HashMap<String, Option<Expansion>>>,
}

#[derive(Default)]
struct CodeSystem {
    /// Whether every code is listed (`content` = `complete`).
    complete: bool,
    /// The codes just above each, when the resource says that its hierarchy means `is-a`.
    parents: Option<HashMap<String, Vec<String>>>,
    /// In the order of the resource.
    codes: Vec<String>,
    displays: HashMap<String, Option<String>>,
}

struct Expansion {
    concepts: Vec<Concept>,
    members: HashSet<(String, String)>,
}

impl std::fmt::Debug for Terminology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Terminology({} systems, {} value sets)", self.systems.len(), self.sets.len())
    }
}

impl Terminology {
    /// Loads the `CodeSystem` and `ValueSet` resources of a list;
    /// others are passed over. Of two with the same canonical the later one counts;
    /// an address without version means the one loaded last.
    #[must_use]
    pub fn load(resources: &[Value]) -> Self {
        let mut systems = HashMap::new();
        let mut definitions = HashMap::new();
        for resource in resources {
            let Some(url) = resource.get("url").and_then(Value::as_str) else { continue };
            match resource.get("resourceType").and_then(Value::as_str) {
                Some("CodeSystem") => {
                    systems.insert(url.to_owned(), CodeSystem::read(resource));
                }
                Some("ValueSet") => {
                    if let Some(version) = resource.get("version").and_then(Value::as_str) {
                        definitions.insert(format!("{url}|{version}"), resource);
                    }
                    definitions.insert(url.to_owned(), resource);
                }
                _ => {}
            }
        }
        let sets = compose::all(&definitions, &systems);
        Self { systems: Arc::new(systems), sets: Arc::new(sets) }
    }

    /// Whether a value set (`url` or `url|version`) holds a code; `None` when that cannot be known here.
    #[must_use]
    pub fn contains(&self, value_set: &str, system: &str, code: &str) -> Option<bool> {
        let expansion = self.expansion(value_set)?;
        Some(expansion.members.contains(&(system.to_owned(), code.to_owned())))
    }

    /// The concepts of a value set, in its order; `None` when they cannot all be known here.
    #[must_use]
    pub fn expand(&self, value_set: &str) -> Option<&[Concept]> {
        self.expansion(value_set).map(|expansion| expansion.concepts.as_slice())
    }

    /// Whether a value set is loaded, expandable or not.
    #[must_use]
    pub fn knows(&self, value_set: &str) -> bool {
        self.sets.contains_key(value_set)
    }

    /// Whether a code system has a code; `None` when the system is not here, or not whole and without it.
    #[must_use]
    pub fn has_code(&self, system: &str, code: &str) -> Option<bool> {
        let system = self.systems.get(system)?;
        match system.displays.contains_key(code) {
            true => Some(true),
            false => system.complete.then_some(false),
        }
    }

    /// The display of a code.
    #[must_use]
    pub fn display(&self, system: &str, code: &str) -> Option<&str> {
        self.systems.get(system)?.displays.get(code)?.as_deref()
    }

    fn expansion(&self, value_set: &str) -> Option<&Expansion> {
        self.sets.get(value_set)?.as_ref()
    }
}

impl CodeSystem {
    fn read(resource: &Value) -> Self {
        let mut system = Self {
            complete: resource.get("content").and_then(Value::as_str) == Some("complete"),
            parents: hierarchy::parents(resource),
            ..Self::default()
        };
        system.add(resource);
        system
    }

    /// Concepts nest; so does this, no deeper than the document.
    fn add(&mut self, parent: &Value) {
        for concept in parent.get("concept").and_then(Value::as_array).into_iter().flatten() {
            if let Some(code) = concept.get("code").and_then(Value::as_str) {
                let display = concept.get("display").and_then(Value::as_str).map(str::to_owned);
                if self.displays.insert(code.to_owned(), display).is_none() {
                    self.codes.push(code.to_owned());
                }
            }
            self.add(concept);
        }
    }
}

impl Expansion {
    fn new(concepts: Vec<Concept>) -> Self {
        let members = concepts.iter().map(|c| (c.system.clone(), c.code.clone())).collect();
        Self { concepts, members }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn system() -> Value {
        json!({ "resourceType": "CodeSystem", "url": "s", "content": "complete", "concept": [
            { "code": "a", "display": "A", "concept": [{ "code": "b", "display": "B" }] }, { "code": "c" }
        ]})
    }

    fn check(compose: Value, expected: Option<&[&str]>) {
        let imported = json!({ "resourceType": "ValueSet", "url": "i", "version": "1",
            "compose": { "include": [{ "system": "s", "concept": [{ "code": "b" }, { "code": "c" }] }] } });
        let set = json!({ "resourceType": "ValueSet", "url": "v", "compose": compose });
        let terminology = Terminology::load(&[system(), set, imported]);
        let codes =
            terminology.expand("v").map(|all| all.iter().map(|c| c.code.as_str()).collect::<Vec<_>>());
        assert_eq!(codes.as_deref(), expected);
    }

    #[test]
    fn a_whole_system_is_expanded_with_its_hierarchy() {
        check(json!({ "include": [{ "system": "s" }] }), Some(&["a", "b", "c"]));
    }

    #[test]
    fn excluded_codes_are_left_out() {
        let compose = json!({ "include": [{ "system": "s" }], "exclude": [{ "system": "s", "concept": [{ "code": "b" }] }] });
        check(compose, Some(&["a", "c"]));
    }

    #[test]
    fn imports_intersect_with_the_system_and_with_one_another() {
        check(json!({ "include": [{ "valueSet": ["i|1"] }] }), Some(&["b", "c"]));
        check(
            json!({ "include": [{ "system": "s", "concept": [{ "code": "a" }, { "code": "b" }], "valueSet": ["i"] }] }),
            Some(&["b"]),
        );
    }

    #[test]
    fn what_cannot_be_listed_is_unknown_rather_than_empty() {
        check(json!({ "include": [{ "system": "elsewhere" }] }), None);
        check(
            json!({ "include": [{ "system": "s", "filter": [{ "property": "p", "op": "=", "value": "v" }] }] }),
            None,
        );
        check(json!({ "include": [{ "valueSet": ["nowhere"] }] }), None);
        check(json!({ "include": [{ "valueSet": ["v"] }] }), None);
        check(json!({ "include": [{ "system": "s" }], "exclude": [{ "system": "elsewhere" }] }), None);
    }

    #[test]
    fn codes_listed_from_an_absent_system_are_known() {
        let compose =
            json!({ "include": [{ "system": "elsewhere", "concept": [{ "code": "x", "display": "X" }] }] });
        check(compose, Some(&["x"]));
    }

    #[test]
    fn a_ready_expansion_is_taken_as_it_is_without_abstract_concepts() {
        let set = json!({ "resourceType": "ValueSet", "url": "v", "expansion": { "contains": [
            { "system": "s", "code": "g", "abstract": true, "contains": [{ "system": "s", "code": "h", "display": "H" }] }
        ]}});
        let terminology = Terminology::load(&[set]);
        assert_eq!(terminology.contains("v", "s", "h"), Some(true));
        assert_eq!(terminology.contains("v", "s", "g"), Some(false));
        assert_eq!(terminology.contains("w", "s", "h"), None);
    }

    #[test]
    fn displays_come_from_the_code_system() {
        let terminology = Terminology::load(&[system()]);
        assert_eq!(terminology.display("s", "b"), Some("B"));
        assert_eq!(terminology.has_code("s", "z"), Some(false));
        assert_eq!(terminology.has_code("t", "z"), None);
    }
}
