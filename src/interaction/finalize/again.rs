//! Another edition of a report that was signed before: what was signed stays as it was, and its document is made anew about
//! the identity that the patient has now.
//!
//! - `issued`, and with it the time of the signature in every header, stays: nobody signed again. Alerts, actions, grades and
//!   the names of author and establishment are read as they were then; patient and addressees as they are now.
//! - The edition replaces the one before, in this service and in the CDA. A destination that had that one is sent a
//!   replacement; one that it was held back from is sent a first document.

use std::collections::BTreeSet;

use crate::json::Value;
use jiff::Timestamp;

use super::{document, edition, sources};
use crate::clock::SeededIds;
use crate::fhir::{element, meta};
use crate::interaction::Context;
use crate::problem::{Category, Problem};
use crate::store::{Expect, Unit, Write};

/// What became of it.
pub(in crate::interaction) enum Again {
    /// All that is to be written, but for what the caller adds.
    Made {
        /// The unit.
        unit: Unit,
        /// The new description, as `DocumentReference/id`.
        reference: String,
    },
    /// No document can be made, for these reasons.
    Hindered(Problem),
}

/// Makes the document of a stored, final report anew, for the destinations that had one of it before and for these.
///
/// # Errors
/// Those of the store.
pub(in crate::interaction) async fn again(
    ctx: &Context,
    report: &Value,
    held_from: &BTreeSet<String>,
    at: Timestamp,
) -> Result<Again, Problem> {
    let (Some(id), Some(current)) = (element::id(report), meta::version(report)) else {
        return Err(Problem::internal("a stored report has no id or version"));
    };
    let version = current + 1;
    let signed = signed(ctx, report).await?;
    let gathered = match sources::gather(ctx, report.clone(), Some(signed)).await {
        Ok(gathered) => gathered,
        Err(problem) if problem.category == Category::Invalid => return Ok(Again::Hindered(problem)),
        Err(problem) => return Err(problem),
    };
    let mut destinations = ctx.settings.destinations.clone();
    destinations.retain(|one| {
        held_from.contains(&one.name) || gathered.holdings.held.iter().any(|held| held.is_at(one))
    });
    let ids = SeededIds::new(at, format!("{id}|{version}"));
    let made = match document::make(&gathered, &ctx.settings, &destinations, &ids, at).await {
        Ok(made) => made,
        Err(problem) => return Ok(Again::Hindered(problem)),
    };
    let mut unit = Unit::new("release", at);
    let next = meta::stamp(made.report.clone(), id, version, at);
    unit.writes.push(Write::new(&next, Expect::Version(current))?);
    let reference = element::local_reference(&made.reference).unwrap_or_default();
    edition(&mut unit, made, &gathered)?;
    Ok(Again::Made { unit, reference })
}

/// When the feed says that the report was signed: the instant of its first version that was issued then. All that was read for
/// it is earlier.
async fn signed(ctx: &Context, report: &Value) -> Result<Timestamp, Problem> {
    let mut first = report.clone();
    while let (Some(id), Some(version)) = (element::id(&first), meta::version(&first)) {
        if version <= 1 {
            break;
        }
        let before = match ctx.store.vread("DiagnosticReport", id, version - 1).await? {
            Some(stored) if !stored.deleted => stored.resource()?,
            _ => break,
        };
        if before["issued"] != report["issued"] || !super::is_final(&before) {
            break;
        }
        first = before;
    }
    meta::last_updated(&first).ok_or_else(|| Problem::internal("a stored report has no meta.lastUpdated"))
}
