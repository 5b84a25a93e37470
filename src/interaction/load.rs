//! Loading the definitions that come with the service: the same as publishing each, and repeatable.

use crate::json::Value;

use super::library::{self, Canonical, DEFINITIONS};
use super::{Context, content, create, incoming};
use crate::fhir::{element, meta, reference};
use crate::problem::{Category, Issue, Problem};
use crate::store::{Committed, Expect, Guard, Unit, Violation, Write};

/// What a load did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// `url|version` of those stored now.
    pub created: Vec<String>,
    /// `url|version` of those that were here with the same content.
    pub unchanged: Vec<String>,
}

/// Publishes definitions, idempotently by `url|version`, all in one transaction. Resources that are no definitions served
/// here (such as `StructureDefinition`) are checked and passed over. What is here already with the same content was checked
/// when it was stored. Afterwards the questionnaires and protocols are compiled: no submission waits for them.
///
/// # Errors
/// `Invalid` with every fault of every resource; nothing is stored then. `Conflict` when a `url|version` is here with
/// other content.
pub async fn load(ctx: &Context, resources: Vec<Value>) -> Result<LoadReport, Problem> {
    let is_definition =
        |resource: &&Value| element::resource_type(resource).is_some_and(library::is_definition);
    let definitions: Vec<&Value> = resources.iter().filter(is_definition).collect();
    let report = store(ctx, &resources, &definitions).await?;
    let canonicals = |rtype: &str| -> Vec<String> {
        let of_type = definitions.iter().filter(|one| element::resource_type(one) == Some(rtype));
        of_type.filter_map(|definition| element::str_at(definition, "url")).map(str::to_owned).collect()
    };
    let (questionnaires, plans) = (canonicals("Questionnaire"), canonicals("PlanDefinition"));
    // What is compiled next takes their place in memory.
    drop(resources);
    let questionnaires: Vec<&str> = questionnaires.iter().map(String::as_str).collect();
    let plans: Vec<&str> = plans.iter().map(String::as_str).collect();
    ctx.library.shelf(ctx.store.as_ref(), &questionnaires, &plans).await?;
    Ok(report)
}

/// Whether definitions can be looked for by their address, as [`load`] does first.
///
/// # Errors
/// `Busy` while what is stored is being indexed by it.
pub async fn loadable(ctx: &Context) -> Result<(), Problem> {
    let nothing = Canonical { url: "urn:vigie:none", version: None };
    stored(ctx, "Questionnaire", nothing).await.map(drop)
}

/// Stores what is not here yet, once all of it has been compiled.
async fn store(ctx: &Context, resources: &[Value], definitions: &[&Value]) -> Result<LoadReport, Problem> {
    let mut compiled = false;
    for _ in 0..ctx.settings.rounds_max {
        let sequence = ctx.store.stream(DEFINITIONS).await?;
        let mut unit = Unit::new("load", incoming::now(ctx));
        unit.guards.push(Guard::Stream { patient: DEFINITIONS.to_owned(), sequence });
        unit.streams.push(DEFINITIONS.to_owned());
        let report = prepare(ctx, definitions, &mut unit).await?;
        if unit.writes.is_empty() {
            return Ok(report);
        }
        if !std::mem::replace(&mut compiled, true) {
            library::compile_all(resources.to_vec())?;
        }
        match ctx.store.commit(unit).await? {
            Committed::Written(_) => return Ok(report),
            // Another replica loads at the same moment: look again.
            Committed::Refused(Violation::Stream { .. } | Violation::Version { .. }) => {}
            Committed::Refused(violation) => return Err(create::refused(&violation)),
        }
    }
    Err(Problem::new(Category::Busy, "throttled", "definitions are being published; try again"))
}

async fn prepare(ctx: &Context, definitions: &[&Value], unit: &mut Unit) -> Result<LoadReport, Problem> {
    let mut report = LoadReport::default();
    let mut issues = Vec::new();
    for definition in definitions {
        let (Some(rtype), Some(canonical)) = (element::resource_type(definition), Canonical::of(definition))
        else {
            continue;
        };
        match stored(ctx, rtype, canonical).await? {
            Some(stored) if content::same_content(&stored, definition) => {
                report.unchanged.push(canonical.to_string())
            }
            Some(_) => issues.push(Issue::error(
                "conflict",
                format!("{canonical} is stored with other content: publish a change as a new version"),
            )),
            None => {
                let id = free_id(ctx, rtype, definition).await?;
                unit.writes
                    .push(Write::new(&meta::stamp((*definition).clone(), &id, 1, unit.at), Expect::New)?);
                report.created.push(canonical.to_string());
            }
        }
    }
    if issues.is_empty() { Ok(report) } else { Err(Problem::with(Category::Conflict, issues)) }
}

async fn stored(ctx: &Context, rtype: &str, canonical: Canonical<'_>) -> Result<Option<Value>, Problem> {
    for stored in library::of_url(ctx.store.as_ref(), rtype, canonical.url).await? {
        let definition = stored.resource()?;
        if Canonical::of(&definition) == Some(canonical) {
            return Ok(Some(definition));
        }
    }
    Ok(None)
}

/// The id of its file, unless an earlier version has it: that one stays what its id names.
async fn free_id(ctx: &Context, rtype: &str, definition: &Value) -> Result<String, Problem> {
    let version = definition["version"].as_str().unwrap_or_default();
    let candidates = element::id(definition).map(|id| [id.to_owned(), format!("{id}-{version}")]);
    for id in candidates.into_iter().flatten().filter(|id| reference::is_id(id)) {
        if ctx.store.read(rtype, &id).await?.is_none() {
            return Ok(id);
        }
    }
    Ok(ctx.ids.next())
}
