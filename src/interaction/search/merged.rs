//! Searches that name a patient find what belongs to the records that were merged into theirs, too (FHIR R4, `Patient.link`).
//!
//! One more search for each patient that is named. Parameters of Patient itself are left alone, and so are `_has`, `_include` and
//! `_revinclude`: those speak of resources, not of a person. A record that ended finds its own only.

use crate::fhir::search::{Criterion, Modifier, Query, Test};
use crate::interaction::Context;
use crate::interaction::merged::with_ended;
use crate::problem::Problem;

/// Most patients that a chain (`patient.identifier`) may lead to for their ended records to be looked for: one that leads
/// to many asks about names and days, which those records have themselves.
const CHAINED_MAX: usize = 16;

/// Has each criterion that names patients name their ended records, too.
///
/// # Errors
/// Those of the store.
pub(super) async fn widen(ctx: &Context, query: &mut Query) -> Result<(), Problem> {
    if query.rtype == "Patient" {
        return Ok(());
    }
    for criterion in &mut query.criteria {
        if criterion.modifier != Modifier::None {
            continue;
        }
        let mut more = Vec::new();
        for test in &criterion.any {
            more.extend(ended(ctx, test).await?);
        }
        criterion.any.extend(more);
    }
    Ok(())
}

/// The same test about the records that ended.
async fn ended(ctx: &Context, test: &Test) -> Result<Vec<Test>, Problem> {
    let mut more = Vec::new();
    match test {
        Test::Reference(targets) => {
            for patient in targets.iter().filter(|target| target.starts_with("Patient/")) {
                let ended: Vec<String> = with_ended(ctx, patient).await?.into_iter().skip(1).collect();
                more.extend((!ended.is_empty()).then_some(Test::Reference(ended)));
            }
        }
        Test::Member { target, by } if target.starts_with("Patient/") => {
            let ended = with_ended(ctx, target).await?.into_iter().skip(1);
            more.extend(ended.map(|target| Test::Member { target, by: by.clone() }));
        }
        Test::Chain { rtype, criterion } if rtype == "Patient" => {
            for patient in chained(ctx, criterion).await? {
                let ended: Vec<String> = with_ended(ctx, &patient).await?.into_iter().skip(1).collect();
                more.extend((!ended.is_empty()).then_some(Test::Reference(ended)));
            }
        }
        _ => {}
    }
    Ok(more)
}

/// The patients that a chain leads to, if they are few.
async fn chained(ctx: &Context, criterion: &Criterion) -> Result<Vec<String>, Problem> {
    let mut query = Query { criteria: vec![criterion.clone()], ..Query::new("Patient") };
    query.count = CHAINED_MAX;
    super::concepts::resolve(ctx, &mut query).await?;
    let page = ctx.store.search(&query).await?;
    if page.next.is_some() {
        return Ok(Vec::new());
    }
    let found = page.resources.iter().map(|stored| stored.resource()).collect::<Result<Vec<_>, _>>()?;
    Ok(found.iter().filter_map(crate::fhir::element::local_reference).collect())
}
