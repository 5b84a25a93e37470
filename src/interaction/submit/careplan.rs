//! The plans of care that a response is judged with: not only the active ones, because what a treatment does to a body
//! outlasts the plan (cytotoxic drugs for weeks, checkpoint inhibitors for a year).

use std::sync::LazyLock;

use crate::json::Value;

use crate::fhir::search::Query;
use crate::fhir::{element, meta};
use crate::interaction::{Context, library, read};
use crate::problem::Problem;
use crate::store::Page;

/// Statuses of plans whose treatments were given, or may have been; drafts and mistakes are not.
const GIVEN: &str = "active,on-hold,completed,revoked,unknown";

/// The search for every plan of a patient whose treatments may still matter. When they ended is for the rules to look at.
///
/// # Errors
/// None that a literal reference can cause.
pub(super) fn query(patient: &str) -> Result<Query, Problem> {
    static OF_ONE: LazyLock<Option<Query>> = LazyLock::new(|| read_query("Patient/x").ok());
    OF_ONE.as_ref().and_then(|one| one.about(patient)).map_or_else(|| read_query(patient), Ok)
}

fn read_query(patients: &str) -> Result<Query, Problem> {
    library::whole("CarePlan", &[("subject", patients), ("status", GIVEN)])
}

/// What that search finds, from its first page on: the plans followed now first, then the newest.
pub(super) async fn of(ctx: &Context, query: Query, first: Page) -> Result<Vec<Value>, Problem> {
    let stored = library::read_rest(ctx.store.as_ref(), query, first).await?;
    let mut careplans = stored.iter().map(|stored| stored.resource()).collect::<Result<Vec<_>, _>>()?;
    sort(&mut careplans);
    Ok(careplans)
}

/// Those that can be read, where something that is stored is damaged.
pub(super) fn legible(page: Page) -> Vec<Value> {
    let mut careplans: Vec<Value> = page.resources.iter().filter_map(read::legible).collect();
    sort(&mut careplans);
    careplans
}

/// Whether the patient is followed by this plan today.
pub(super) fn is_followed(careplan: &Value) -> bool {
    element::str_at(careplan, "status") == Some("active")
}

fn sort(careplans: &mut [Value]) {
    careplans.sort_by_cached_key(|careplan| {
        let newest =
            std::cmp::Reverse((meta::last_updated(careplan), element::id(careplan).map(str::to_owned)));
        (!is_followed(careplan), newest)
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_search_that_is_not_read_anew_is_the_same() {
        for patient in ["Patient/a", "Patient/x", "Patient/a,Patient/b", "Patient/a/_history/1", "Patient/"] {
            assert!(query(patient).ok() == read_query(patient).ok(), "{patient}");
        }
    }

    #[test]
    fn plans_followed_now_come_first_then_the_newest() {
        let plan = |id: &str, status: &str, at: &str| json!({"resourceType": "CarePlan", "id": id, "status": status, "meta": {"lastUpdated": at}});
        let mut plans = [
            plan("ended", "completed", "2026-03-01T00:00:00Z"),
            plan("old", "active", "2026-01-01T00:00:00Z"),
            plan("new", "active", "2026-02-01T00:00:00Z"),
        ];
        sort(&mut plans);
        assert_eq!(plans.iter().filter_map(element::id).collect::<Vec<_>>(), ["new", "old", "ended"]);
    }
}
