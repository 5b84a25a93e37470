//! What comes with the matches: `_include`, `_revinclude` and `:iterate` (R4 3.1.1.5.4).

use std::collections::HashSet;

use crate::json::Value;

use crate::fhir::reference::{self, ReferenceForm};
use crate::fhir::search::{self, Criterion, Found, Include, Kind, Modifier, Parameter, Query, Request, Test};
use crate::fhir::{element, is_served};
use crate::interaction::Context;
use crate::problem::{Issue, Problem};
use crate::store::{Look, Stored};

/// Resources that come with one page.
const INCLUDED_MAX: usize = 1_000;
/// Resources that are read at once.
const READ_MAX: usize = 100;
/// Steps of `:iterate`.
const ROUNDS_MAX: usize = 5;
/// References that one query looks for side by side.
const REFERENCES_MAX: usize = 16;

/// Resources to be read, each once: no more than one above what may come with a page.
#[derive(Default)]
struct Wanted {
    names: Vec<(String, String)>,
    known: HashSet<(String, String)>,
}

impl Wanted {
    fn add(&mut self, rtype: &str, id: &str) {
        let name = (rtype.to_owned(), id.to_owned());
        if self.names.len() <= INCLUDED_MAX && self.known.insert(name.clone()) {
            self.names.push(name);
        }
    }
}

/// Follows the includes of one page.
struct Gathering<'a> {
    ctx: &'a Context,
    seen: HashSet<String>,
    found: Vec<Value>,
    /// Bytes that may still come.
    left: usize,
    full: bool,
    /// What cannot be read any more.
    said: Vec<Issue>,
}

/// The resources that come with these matches, each once and none of the matches; and what is to be said about it.
pub(super) async fn included(
    ctx: &Context,
    request: &Request,
    matches: &[Value],
) -> Result<(Vec<Value>, Vec<Issue>), Problem> {
    if request.includes.is_empty() || matches.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let seen = matches.iter().filter_map(element::local_reference).collect();
    let mut gathering = Gathering::new(ctx, seen);
    let mut done = 0;
    for round in 0..ROUNDS_MAX {
        let first = round == 0;
        let frontier: Vec<Value> = if first { matches.to_vec() } else { gathering.found[done..].to_vec() };
        done = gathering.found.len();
        for include in request.includes.iter().filter(|include| first || include.iterate) {
            gathering.follow(include, &frontier).await?;
        }
        // What one include of the first round brought is a start for those that iterate.
        if gathering.found.len() == done || gathering.full {
            break;
        }
    }
    if gathering.full {
        let bytes = ctx.settings.page_bytes;
        let text = format!(
            "more than {INCLUDED_MAX} resources, or {bytes} bytes, come with this page: the rest is left out"
        );
        gathering.said.push(Issue::warning("too-costly", text));
    }
    Ok((gathering.found, gathering.said))
}

/// Those of these types that the resources refer to, each once.
pub(super) async fn referred(
    ctx: &Context,
    resources: &[Value],
    targets: &[&str],
) -> Result<(Vec<Value>, Vec<Issue>), Problem> {
    let seen = resources.iter().filter_map(element::local_reference).collect();
    let mut gathering = Gathering::new(ctx, seen);
    let mut wanted = Wanted::default();
    for resource in resources {
        let rtype = element::resource_type(resource).unwrap_or_default();
        for parameter in search::references(rtype).filter(|parameter| parameter.kind == Kind::Reference) {
            for target in targets {
                gathering.forward(parameter, Some(target), resource, &mut wanted).await?;
            }
        }
    }
    gathering.read(wanted).await?;
    Ok((gathering.found, gathering.said))
}

impl<'a> Gathering<'a> {
    fn new(ctx: &'a Context, seen: HashSet<String>) -> Self {
        Self { ctx, seen, found: Vec::new(), left: ctx.settings.page_bytes, full: false, said: Vec::new() }
    }

    async fn follow(&mut self, include: &Include, frontier: &[Value]) -> Result<(), Problem> {
        for parameter in &include.by {
            if include.reverse {
                self.backward(include, parameter, frontier).await?;
                continue;
            }
            let of_type = |one: &&Value| element::resource_type(one) == Some(include.rtype.as_str());
            let mut wanted = Wanted::default();
            for resource in frontier.iter().filter(of_type) {
                self.forward(parameter, include.target.as_deref(), resource, &mut wanted).await?;
            }
            self.read(wanted).await?;
        }
        Ok(())
    }

    /// Adds all of them that there are; for most pages one way to the store is enough.
    async fn read(&mut self, wanted: Wanted) -> Result<(), Problem> {
        for some in wanted.names.chunks(READ_MAX) {
            if self.full {
                break;
            }
            let look = Look { resources: some.to_vec(), ..Look::default() };
            let seen = self.ctx.store.look(look).await?;
            for stored in seen.resources.iter().flatten().filter(|stored| !stored.deleted) {
                self.add(stored)?;
            }
        }
        Ok(())
    }

    async fn forward(
        &mut self,
        parameter: &'static Parameter,
        target: Option<&str>,
        resource: &Value,
        wanted: &mut Wanted,
    ) -> Result<(), Problem> {
        for found in search::values(parameter, resource) {
            match found {
                Found::Reference(text) => {
                    let Some((rtype, id)) = self.local(&text) else { continue };
                    let fits = target.is_none_or(|target| target == rtype) && is_served(rtype);
                    if fits && !self.full && !self.seen.contains(&format!("{rtype}/{id}")) {
                        wanted.add(rtype, id);
                    }
                }
                Found::Canonical { url, version } => {
                    let version = Some(version).filter(|version| !version.is_empty());
                    for rtype in parameter.targets.iter().filter(|rtype| is_served(rtype)) {
                        if target.is_none_or(|target| target == *rtype) {
                            self.defined(rtype, &url, version.as_deref()).await?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Type and id of a reference to a resource of this server.
    fn local<'t>(&self, text: &'t str) -> Option<(&'t str, &'t str)> {
        let own = reference::without_base(text, &self.ctx.settings.base_url);
        match reference::parse(own.unwrap_or(text)) {
            ReferenceForm::Local { rtype, id, .. } => Some((rtype, id)),
            _ => None,
        }
    }

    async fn defined(&mut self, rtype: &str, url: &str, version: Option<&str>) -> Result<(), Problem> {
        let mut params = vec![("url".to_owned(), escaped(url))];
        params.extend(version.map(|version| ("version".to_owned(), escaped(version))));
        let query = search::parse(rtype, &params)?;
        self.search(query).await
    }

    /// Those of the include's type that refer to these resources.
    async fn backward(
        &mut self,
        include: &Include,
        parameter: &'static Parameter,
        frontier: &[Value],
    ) -> Result<(), Problem> {
        let fits = |one: &&Value| {
            let rtype = element::resource_type(one).unwrap_or_default();
            parameter.refers_to(rtype) && include.target.as_deref().is_none_or(|target| target == rtype)
        };
        let tests: Vec<Test> = match parameter.kind {
            Kind::Canonical => frontier.iter().filter(fits).filter_map(canonical).collect(),
            _ => frontier
                .iter()
                .filter(fits)
                .filter_map(element::local_reference)
                .map(|reference| Test::Reference(vec![reference]))
                .collect(),
        };
        for some in tests.chunks(REFERENCES_MAX) {
            let criterion = Criterion { parameter, modifier: Modifier::None, any: some.to_vec() };
            self.search(Query { criteria: vec![criterion], ..Query::new(include.rtype.as_str()) }).await?;
        }
        Ok(())
    }

    /// Adds every match, page by page.
    async fn search(&mut self, mut query: Query) -> Result<(), Problem> {
        query.count = self.ctx.settings.page_max;
        query.bytes_max = self.ctx.settings.page_bytes;
        while !self.full {
            let page = self.ctx.store.search(&query).await?;
            for stored in &page.resources {
                self.add(stored)?;
            }
            match page.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        Ok(())
    }

    fn add(&mut self, stored: &Stored) -> Result<(), Problem> {
        let reference = format!("{}/{}", stored.rtype, stored.id);
        if self.seen.contains(&reference) {
            return Ok(());
        }
        let none = self.found.is_empty();
        if self.found.len() >= INCLUDED_MAX || (!none && stored.size() > self.left) {
            self.full = true;
        } else {
            self.left = self.left.saturating_sub(stored.size());
            self.seen.insert(reference);
            self.found.extend(super::legible(std::slice::from_ref(stored), &mut self.said));
        }
        Ok(())
    }
}

/// A definition by its canonical, of any version that a reference names or none.
fn canonical(definition: &Value) -> Option<Test> {
    Some(Test::Canonical { url: definition["url"].as_str()?.to_owned(), version: None })
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, ',' | '|' | '$' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_separates_values_is_escaped() {
        assert_eq!(escaped(r"https://q.example/a|b,c"), r"https://q.example/a\|b\,c");
    }
}
