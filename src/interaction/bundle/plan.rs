//! Before a transaction writes: which id each entry will have, and what entries call each other.

use std::collections::{HashMap, HashSet};

use super::entry::{Entry, Method, Target};
use super::names::Names;
use super::refusal::Refusals;
use super::transaction::is_ours;
use super::{perform, place};
use crate::fhir::element;
use crate::fhir::search::Query;
use crate::interaction::{Answer, Context, conditional};
use crate::problem::{Category, Problem};
use crate::store::{Guard, Staged, Store, Stored};

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
    /// Entries that cannot be done, whatever the others do.
    pub(super) refusals: Refusals,
    /// What entries call each other.
    pub(super) names: Names,
    /// What the transaction deletes.
    gone: HashSet<String>,
}

/// What entries were seen to have, each of which only one may have.
#[derive(Default)]
struct Seen<'e> {
    written: HashSet<String>,
    conditions: HashSet<(&'e String, &'e Option<String>)>,
}

impl Fate {
    /// The id of what it creates.
    pub(super) const fn new_id(&self) -> Option<&String> {
        match self {
            Self::New(id, _) => Some(id),
            _ => None,
        }
    }
}

impl Plan {
    /// Resolves every condition against what is stored now. `settled` entries were found to be here already.
    ///
    /// Refused are entries that write the same resource as another one or have its address (`Malformed`), and conditions
    /// that are met by several (`PreconditionFailed`).
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn make(
        ctx: &Context,
        entries: &[Entry],
        settled: &HashMap<usize, String>,
    ) -> Result<Self, Problem> {
        let mut plan = Self {
            fates: entries.iter().map(|_| Fate::Reads).collect(),
            guards: Vec::new(),
            refusals: Refusals::default(),
            names: Names::new(&ctx.settings.base_url),
            gone: HashSet::new(),
        };
        let mut seen = Seen::default();
        // What is deleted goes first: a condition does not meet it any more.
        let (deletions, others): (Vec<_>, Vec<_>) =
            (0..entries.len()).partition(|n| entries[*n].method == Method::Delete);
        for n in deletions.into_iter().chain(others) {
            let entry = &entries[n];
            let fate = match settled.get(&n) {
                Some(id) => Ok(Fate::Found(id.clone())),
                None => plan.fate(ctx, entry).await,
            };
            match fate.and_then(|fate| plan.checked(entry, fate, &mut seen)) {
                Ok(fate) => plan.fates[n] = fate,
                Err(problem) if is_ours(&problem) => return Err(problem),
                Err(problem) => plan.refusals.add(n, entry.clone(), None, problem),
            }
        }
        Ok(plan)
    }

    /// The fate, if no other entry has the same resource, condition or address.
    fn checked<'e>(&mut self, entry: &'e Entry, fate: Fate, seen: &mut Seen<'e>) -> Result<Fate, Problem> {
        let twice = |what: &str| {
            let text = format!("two entries of the transaction {what}");
            Err(Problem::new(Category::Malformed, "duplicate", text))
        };
        let (Fate::New(id, _) | Fate::Found(id) | Fate::At(id)) = &fate else { return Ok(fate) };
        let name = format!("{}/{id}", entry.rtype);
        if !matches!(fate, Fate::Found(_)) && !seen.written.insert(name.clone()) {
            return twice("write the same resource");
        }
        if entry.if_none_exist.is_some() && !seen.conditions.insert((&entry.rtype, &entry.if_none_exist)) {
            return twice("have the same ifNoneExist");
        }
        if entry.method == Method::Delete {
            self.gone.insert(name.clone());
        }
        match &entry.full_url {
            Some(full_url) if !self.names.add(full_url, &name) => twice("have the same fullUrl"),
            _ => Ok(fate),
        }
    }

    /// `Type/id` of what an entry writes.
    pub(super) fn name_of(&self, n: usize, entries: &[Entry]) -> Option<String> {
        match &self.fates[n] {
            Fate::New(id, _) | Fate::At(id) => Some(format!("{}/{id}", entries[n].rtype)),
            _ => None,
        }
    }

    /// What is wrong when an entry was answered with what another one creates, instead of its own.
    pub(super) fn created_beside(&self, n: usize, answer: &Answer) -> Option<Problem> {
        if self.fates[n].new_id().is_none_or(|own| *own == answer.id) {
            return None;
        }
        let twin = |m: &usize| *m != n && self.fates[*m].new_id() == Some(&answer.id);
        (0..self.fates.len()).find(twin).map(depends_on_order)
    }

    /// Conditional creates whose condition is met, in the end, by what another entry creates, and what is wrong with them.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn met_by_others(
        &self,
        staged: &Staged,
        entries: &[Entry],
    ) -> Result<Vec<(usize, Problem)>, Problem> {
        let mut met = Vec::new();
        for (n, fate) in self.fates.iter().enumerate() {
            let Fate::New(own, Some(query)) = fate else { continue };
            let found = match staged.search(query).await {
                Ok(page) => page.resources,
                Err(problem) if is_ours(&problem) => return Err(problem),
                Err(problem) => {
                    met.push((n, problem));
                    continue;
                }
            };
            let creates = |m: &usize, id: &String| {
                entries[*m].rtype == query.rtype && self.fates[*m].new_id() == Some(id)
            };
            let twin = found
                .iter()
                .filter(|found| found.id != *own)
                .find_map(|found| (0..entries.len()).find(|m| creates(m, &found.id)));
            met.extend(twin.map(|twin| (n, depends_on_order(twin))));
        }
        Ok(met)
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

    /// What these entries call what is here already, whatever becomes of the transaction.
    pub(super) fn standing(&self, base: &str, entries: &[Entry]) -> Names {
        let mut names = Names::new(base);
        for (entry, fate) in entries.iter().zip(&self.fates) {
            if let (Some(full_url), Fate::Found(id) | Fate::At(id)) = (&entry.full_url, fate) {
                names.add(full_url, &format!("{}/{id}", entry.rtype));
            }
        }
        names
    }

    async fn fate(&mut self, ctx: &Context, entry: &Entry) -> Result<Fate, Problem> {
        Ok(match (entry.method, &entry.target) {
            (Method::Get, _) => Fate::Reads,
            (Method::Post, _) => self.create(ctx, entry).await?,
            (_, Target::One(id)) => Fate::At(id.clone()),
            (_, Target::Type(params)) => {
                let query = conditional::query(ctx, &entry.rtype, params)?;
                let found = conditional::matches(ctx, &entry.rtype, params).await?;
                let own = entry.resource.as_ref().and_then(element::id).map(str::to_owned);
                match (found.as_slice(), entry.method) {
                    ([one], _) => {
                        // Another version may not meet the condition any more.
                        self.guards.push(version(one));
                        Fate::At(one.id.clone())
                    }
                    ([], Method::Put) => {
                        self.guards.push(Guard::NoneMatches(query));
                        match own {
                            Some(own) => Fate::At(self.vacant(ctx, &entry.rtype, own).await?),
                            None => Fate::At(ctx.ids.next()),
                        }
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

    /// That id, where nothing is yet, and nothing shall be at the end.
    async fn vacant(&mut self, ctx: &Context, rtype: &str, id: String) -> Result<String, Problem> {
        let stored = ctx.store.read(rtype, &id).await?;
        if stored.as_ref().is_some_and(|stored| !stored.deleted) {
            return Err(conditional::id_is_taken(rtype, &id));
        }
        let version = stored.map_or(0, |stored| stored.version);
        self.guards.push(Guard::Version { rtype: rtype.to_owned(), id: id.clone(), version });
        Ok(id)
    }

    async fn create(&mut self, ctx: &Context, entry: &Entry) -> Result<Fate, Problem> {
        let Some(query) = perform::condition(ctx, entry)? else { return Ok(Fate::New(ctx.ids.next(), None)) };
        let wider = Query { count: query.count + self.gone.len(), ..query.clone() };
        let mut found = ctx.store.search(&wider).await?.resources;
        found.retain(|one| !self.gone.contains(&format!("{}/{}", one.rtype, one.id)));
        match found.as_slice() {
            [] => Ok(Fate::New(ctx.ids.next(), Some(query))),
            [one] => {
                self.guards.push(version(one));
                Ok(Fate::Found(one.id.clone()))
            }
            _ => Err(conditional::several(&entry.rtype, "created")),
        }
    }
}

/// That resource stays in the version that was found.
fn version(found: &Stored) -> Guard {
    Guard::Version { rtype: found.rtype.clone(), id: found.id.clone(), version: found.version }
}

/// A condition that another entry of the same transaction meets.
fn depends_on_order(twin: usize) -> Problem {
    let text = format!(
        "what {} creates meets the ifNoneExist of this entry: what comes of the two would depend on their order",
        place(twin)
    );
    Problem::new(Category::Malformed, "duplicate", text)
}
