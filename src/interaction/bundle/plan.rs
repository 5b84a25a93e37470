//! Before a transaction writes: which id each entry will have, and references between entries made literal.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::entry::{Entry, Method, Target};
use super::{perform, place};
use crate::fhir::search::Query;
use crate::fhir::{element, reference};
use crate::interaction::{Context, conditional};
use crate::problem::{Category, Problem};
use crate::store::Guard;

/// Elements other than `Reference.reference` that may hold the address of another entry: of type uri, url, oid, uuid.
const ADDRESSES: &[&str] = &["url", "uri", "valueUri", "valueUrl", "valueOid", "valueUuid"];

/// What is to become of an entry that writes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// It only reads.
    Reads,
    /// Created under this id, under the condition.
    New(String, Option<Query>),
    /// Its condition has this match already: nothing is written.
    Found(String),
    /// Written, patched or deleted here.
    At(String),
    /// Its condition has no match, and nothing is to be done.
    Nothing,
}

/// All that is decided beforehand.
pub(super) struct Plan {
    /// One for each entry.
    pub(super) fates: Vec<Fate>,
    /// What must still hold at the end.
    pub(super) guards: Vec<Guard>,
    /// `Type/id` by the address that other entries may use.
    names: HashMap<String, String>,
}

impl Plan {
    /// Resolves every condition against what is stored now. `settled` entries were found to be here already.
    ///
    /// # Errors
    /// `Malformed` when two entries write the same resource or have the same address, `PreconditionFailed` when a condition
    /// is met by several.
    pub(super) async fn make(
        ctx: &Context,
        entries: &[Entry],
        settled: &HashMap<usize, String>,
    ) -> Result<Self, Problem> {
        let mut plan = Self { fates: Vec::new(), guards: Vec::new(), names: HashMap::new() };
        let mut written = HashSet::new();
        let mut conditions = HashSet::new();
        for (n, entry) in entries.iter().enumerate() {
            let fate = match settled.get(&n) {
                Some(id) => Fate::Found(id.clone()),
                None => plan.fate(ctx, entry).await.map_err(|problem| problem.at(&place(n)))?,
            };
            let twice = |what: &str| {
                let text = format!("two entries of the transaction {what}");
                Err(Problem::new(Category::Malformed, "duplicate", text).at(&place(n)))
            };
            if let Fate::New(id, _) | Fate::Found(id) | Fate::At(id) = &fate {
                let name = format!("{}/{id}", entry.rtype);
                if !matches!(fate, Fate::Found(_)) && !written.insert(name.clone()) {
                    return twice("write the same resource");
                }
                if entry.if_none_exist.is_some() && !conditions.insert((&entry.rtype, &entry.if_none_exist)) {
                    return twice("have the same ifNoneExist");
                }
                if let Some(full_url) = &entry.full_url {
                    if plan.names.get(full_url).is_some_and(|known| *known != name) {
                        return twice("have the same fullUrl");
                    }
                    plan.name(full_url, name);
                }
            }
            plan.fates.push(fate);
        }
        Ok(plan)
    }

    /// What is going to be written.
    pub(super) fn expected(&self, entries: &[Entry]) -> HashSet<(String, String)> {
        let writes = entries.iter().zip(&self.fates).filter_map(|(entry, fate)| match (entry.method, fate) {
            (Method::Post | Method::Put, Fate::New(id, _) | Fate::At(id)) => {
                Some((entry.rtype.clone(), id.clone()))
            }
            _ => None,
        });
        writes.collect()
    }

    async fn fate(&mut self, ctx: &Context, entry: &Entry) -> Result<Fate, Problem> {
        Ok(match (entry.method, &entry.target) {
            (Method::Get, _) => Fate::Reads,
            (Method::Post, _) => self.create(ctx, entry).await?,
            (_, Target::One(id)) => Fate::At(id.clone()),
            (_, Target::Type(params)) => {
                let query = conditional::query(&entry.rtype, params)?;
                let found = conditional::matches(ctx, &entry.rtype, params).await?;
                let own = entry.resource.as_ref().and_then(element::id).map(str::to_owned);
                match (found.as_slice(), entry.method) {
                    ([one], _) => Fate::At(one.id.clone()),
                    ([], Method::Put) => {
                        self.guards.push(Guard::NoneMatches(query));
                        Fate::At(own.unwrap_or_else(|| ctx.ids.next()))
                    }
                    ([], Method::Delete) => Fate::Nothing,
                    ([], _) => {
                        let text = format!("no {} meets the condition", entry.rtype);
                        return Err(Problem::new(Category::NotFound, "not-found", text));
                    }
                    _ => return Err(conditional::several(&entry.rtype, "written")),
                }
            }
            _ => return Err(Problem::internal("an entry was read that cannot be done")),
        })
    }

    async fn create(&mut self, ctx: &Context, entry: &Entry) -> Result<Fate, Problem> {
        let Some(query) = perform::condition(entry)? else { return Ok(Fate::New(ctx.ids.next(), None)) };
        let found = ctx.store.search(&query).await?.resources;
        match found.as_slice() {
            [] => Ok(Fate::New(ctx.ids.next(), Some(query))),
            [one] => {
                let (rtype, id, version) = (one.rtype.clone(), one.id.clone(), one.version);
                self.guards.push(Guard::Version { rtype, id, version });
                Ok(Fate::Found(one.id.clone()))
            }
            _ => Err(conditional::several(&entry.rtype, "created")),
        }
    }

    /// Makes an address known: as it is written, and without the base that it has in the Bundle.
    fn name(&mut self, full_url: &str, name: String) {
        if let reference::ReferenceForm::Absolute { rtype: Some(rtype), id: Some(id), .. } =
            reference::parse(full_url)
        {
            self.names.insert(format!("{rtype}/{id}"), name.clone());
        }
        self.names.insert(full_url.to_owned(), name);
    }

    /// Puts what entries will be named in place of their addresses in the Bundle.
    pub(super) fn resolve(&self, resource: &mut Value) {
        match resource {
            Value::Object(members) => {
                for (key, member) in members {
                    match member {
                        Value::String(text) if key == "reference" || ADDRESSES.contains(&key.as_str()) => {
                            let (plain, fragment) = text.split_once('#').unwrap_or((text, ""));
                            let literal = key == "reference" || plain.starts_with("urn:");
                            if let Some(name) =
                                self.names.get(plain).filter(|_| literal && fragment.is_empty())
                            {
                                name.clone_into(text);
                            }
                        }
                        // The links of a narrative.
                        Value::String(text) if key == "div" => {
                            for (address, name) in &self.names {
                                if address.starts_with("urn:") {
                                    *text = text.replace(&format!("\"{address}\""), &format!("\"{name}\""));
                                }
                            }
                        }
                        _ => self.resolve(member),
                    }
                }
            }
            Value::Array(elements) => elements.iter_mut().for_each(|element| self.resolve(element)),
            _ => {}
        }
    }
}
