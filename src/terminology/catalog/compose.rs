//! Works out which concepts a `ValueSet` holds: `compose` with includes, imports and excludes, or a ready
//! `expansion`.

use std::collections::{HashMap, HashSet};

use crate::json::Value;

use super::{CodeSystem, Concept, Expansion};

type Systems = HashMap<String, CodeSystem>;
type Definitions<'a> = HashMap<String, &'a Value>;

/// Every value set, under each of its addresses.
pub(super) fn all(definitions: &Definitions<'_>, systems: &Systems) -> HashMap<String, Option<Expansion>> {
    let mut work = Work { definitions, systems, done: HashMap::new(), open: HashSet::new() };
    for url in definitions.keys() {
        work.resolve(url);
    }
    work.done.into_iter().map(|(url, concepts)| (url, concepts.map(Expansion::new))).collect()
}

struct Work<'a> {
    definitions: &'a Definitions<'a>,
    systems: &'a Systems,
    done: HashMap<String, Option<Vec<Concept>>>,
    /// Being worked out: a value set that imports itself cannot be known.
    open: HashSet<String>,
}

impl Work<'_> {
    fn resolve(&mut self, url: &str) -> Option<Vec<Concept>> {
        if let Some(done) = self.done.get(url) {
            return done.clone();
        }
        let definition = *self.definitions.get(url)?;
        if !self.open.insert(url.to_owned()) {
            return None;
        }
        let concepts = self.concepts(definition);
        self.open.remove(url);
        self.done.insert(url.to_owned(), concepts.clone());
        concepts
    }

    fn concepts(&mut self, definition: &Value) -> Option<Vec<Concept>> {
        if let Some(expansion) = definition.get("expansion") {
            let mut concepts = Vec::new();
            expanded(expansion, &mut concepts);
            return Some(concepts);
        }
        let compose = definition.get("compose")?;
        let mut concepts: Vec<Concept> = Vec::new();
        let mut seen = HashSet::new();
        for include in list(compose, "include") {
            let more = self.part(include)?;
            concepts.extend(more.into_iter().filter(|c| seen.insert((c.system.clone(), c.code.clone()))));
        }
        for exclude in list(compose, "exclude") {
            let out: HashSet<_> = self.part(exclude)?.into_iter().map(|c| (c.system, c.code)).collect();
            concepts.retain(|c| !out.contains(&(c.system.clone(), c.code.clone())));
        }
        Some(concepts)
    }

    /// One include or exclude: the system's codes and every imported value set, intersected.
    fn part(&mut self, part: &Value) -> Option<Vec<Concept>> {
        let mut concepts = match part.get("system").and_then(Value::as_str) {
            Some(system) => Some(self.of_system(system, part)?),
            None => None,
        };
        for import in list(part, "valueSet") {
            let imported = self.resolve(import.as_str()?)?;
            concepts = Some(match concepts {
                None => imported,
                Some(own) => {
                    let there: HashSet<_> = imported.into_iter().map(|c| (c.system, c.code)).collect();
                    own.into_iter().filter(|c| there.contains(&(c.system.clone(), c.code.clone()))).collect()
                }
            });
        }
        concepts
    }

    fn of_system(&self, system: &str, part: &Value) -> Option<Vec<Concept>> {
        if part.get("filter").is_some() {
            return None;
        }
        let known = self.systems.get(system);
        let concept = |code: &str, display: Option<&str>| Concept {
            system: system.to_owned(),
            code: code.to_owned(),
            display: display
                .map(str::to_owned)
                .or_else(|| known.and_then(|known| known.displays.get(code).cloned().flatten())),
        };
        if part.get("concept").is_some() {
            return Some(
                list(part, "concept")
                    .filter_map(|c| {
                        Some(concept(c.get("code")?.as_str()?, c.get("display").and_then(Value::as_str)))
                    })
                    .collect(),
            );
        }
        let known = known.filter(|known| known.complete)?;
        Some(known.codes.iter().map(|code| concept(code, None)).collect())
    }
}

fn expanded(parent: &Value, concepts: &mut Vec<Concept>) {
    for entry in list(parent, "contains") {
        let is = |name| entry.get(name).and_then(Value::as_bool).unwrap_or(false);
        let text = |name| entry.get(name).and_then(Value::as_str);
        if let (Some(system), Some(code), false, false) =
            (text("system"), text("code"), is("abstract"), is("inactive"))
        {
            let display = text("display").map(str::to_owned);
            concepts.push(Concept { system: system.to_owned(), code: code.to_owned(), display });
        }
        expanded(entry, concepts);
    }
}

fn list<'a>(parent: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    parent.get(name).and_then(Value::as_array).into_iter().flatten()
}
