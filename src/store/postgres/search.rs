//! Running a query: the plan and the text of every SQL store, made PostgreSQL's; one round trip fetches a page
//! with its bodies.

use std::collections::HashMap;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

pub(super) use many::Many;

use super::prepared::key;
use super::read;
use crate::fhir::search::{Key, Query, SortKey, Total, open_cursor, seal_cursor};
use crate::problem::Problem;
use crate::store::Page;
use crate::store::search::{
    Bound, ESTIMATE_MAX, Hints, Order, Plan, SORTED_MAX, Statement, too_many_to_sort,
};

/// The numbers of the resource types, by name.
pub(super) type Types = HashMap<String, i64>;

/// How a statement of every SQL store asks for the number of a type, up to its `?`.
const TYPE: &str = "(SELECT code FROM resource_type WHERE name = ";

/// Where a search is run: a connection, and what every one of this database knows.
#[derive(Clone, Copy)]
pub(super) struct Place<'c> {
    pub(super) client: &'c Client,
    pub(super) types: &'c Types,
}

/// A statement in PostgreSQL's words, with its values.
pub(super) struct Search {
    text: String,
    values: Vec<Bound>,
}

impl Search {
    /// `$1`, `$2`, … for each `?`; types by their number, so that the planner knows how many resources are of each.
    fn of(statement: &Statement, types: &Types) -> Self {
        Self::worded(statement, types, |n| format!("${n}"))
    }

    /// The same with another name for each value.
    fn worded(statement: &Statement, types: &Types, name: fn(usize) -> String) -> Self {
        let worded = statement.text().replace("r.keys ->>", "r.keys::json ->>");
        let worded = worded.replace("COLLATE BINARY", "COLLATE \"C\"");
        let mut parts = worded.split('?');
        let mut text = parts.next().unwrap_or_default().to_owned();
        let mut values = Vec::new();
        for (part, value) in parts.zip(statement.values()) {
            if let (Bound::Text(name), Some(before), Some(after)) =
                (value, text.strip_suffix(TYPE), part.strip_prefix(')'))
            {
                let number = types.get(name).copied().unwrap_or(-1);
                text = format!("{before}{number}{after}");
                continue;
            }
            values.push(match value {
                Bound::Number(number) => Bound::Number(*number),
                Bound::Text(text) => Bound::Text(key(text).into_owned()),
            });
            text.push_str(&name(values.len()));
            text.push_str(part);
        }
        Self { text, values }
    }

    fn within(self, before: &str, after: &str) -> Self {
        Self { text: format!("{before}{}{after}", self.text), values: self.values }
    }

    async fn rows(&self, client: &Client) -> Result<Vec<Row>, Error> {
        let values: Vec<(&(dyn ToSql + Sync), Type)> = self
            .values
            .iter()
            .map(|value| match value {
                Bound::Number(number) => (number as &(dyn ToSql + Sync), Type::INT8),
                Bound::Text(text) => (text as &(dyn ToSql + Sync), Type::TEXT),
            })
            .collect();
        client.query_typed(&self.text, &values).await
    }

    /// The ids of what it finds.
    pub(super) async fn ids(&self, client: &Client) -> Result<Vec<String>, Error> {
        Ok(self.rows(client).await?.iter().map(|row| row.get("id")).collect())
    }

    async fn count(&self, client: &Client) -> Result<u64, Error> {
        let rows = self.rows(client).await?;
        Ok(rows.first().map_or(0, |row| u64::try_from(row.get::<_, i64>(0)).unwrap_or(0)))
    }
}

/// One page of a client's search. Its text is not kept prepared: clients make up any number of them.
pub(super) async fn page(place: Place<'_>, query: &Query) -> Result<Page, Problem> {
    let plan = choose(place, query).await?;
    if plan.is_unbounded() {
        few_enough(place, query, &plan).await?;
    }
    let after = open_cursor(query, plan.order.keys().len())?;
    let select = plan.select(query, after.as_deref(), query.count + 1);
    let search = with_bodies(Search::of(&select, place.types), &plan.order, query.bytes_max);
    let page = found(query, &plan.order, search.rows(place.client).await?)?;
    let limit = match query.total {
        Total::None => return Ok(page),
        Total::Estimate => Some(ESTIMATE_MAX),
        Total::Accurate => None,
    };
    let total = count(place, query, &plan, limit).await?;
    Ok(Page { total: Some(total), ..page })
}

/// The matches, one more than a page takes if there are more, as a page without a total.
fn found(query: &Query, order: &Order, mut rows: Vec<Row>) -> Result<Page, Problem> {
    let whole = match query.bytes_max {
        usize::MAX => rows.len(),
        _ => rows.iter().take_while(|row| row.get::<_, Option<&[u8]>>(read::BODY).is_some()).count(),
    };
    let fits = whole.min(query.count);
    let more = rows.len() > fits;
    rows.truncate(fits);
    let next = rows.last().filter(|_| more).map(|last| seal_cursor(query, &keys(last, order)));
    let stored = |row: &Row| read::stored(row, 0, &query.rtype, row.get("id"));
    let resources = rows.iter().map(stored).collect::<Result<_, _>>()?;
    Ok(Page { resources, total: None, next })
}

/// What finds the ids of matches, at most so many.
pub(super) async fn matching(place: Place<'_>, query: &Query, limit: usize) -> Result<Search, Problem> {
    Ok(Search::of(&choose(place, query).await?.select(query, None, limit), place.types))
}

async fn count(
    place: Place<'_>,
    query: &Query,
    plan: &Plan<'_>,
    limit: Option<usize>,
) -> Result<u64, Problem> {
    let counted = plan.count(query, limit);
    Ok(Search::of(&counted, place.types).within("", " AS found").count(place.client).await?)
}

/// Refuses to sort by a value that no index has in order when very many match.
async fn few_enough(place: Place<'_>, query: &Query, plan: &Plan<'_>) -> Result<(), Problem> {
    if count(place, query, plan, Some(SORTED_MAX + 1)).await? <= SORTED_MAX as u64 {
        return Ok(());
    }
    Err(too_many_to_sort())
}

/// The matches with their bodies, still in order; bodies beyond so many bytes stay where they are, but for the first.
fn with_bodies(select: Search, order: &Order, bytes_max: usize) -> Search {
    let mut columns = read::COLUMNS.replace("v.last_updated", "v.last_updated AS instant");
    if bytes_max != usize::MAX {
        let over = order.clause_of("m");
        let body = format!(
            "CASE WHEN sum(v.size) OVER ({over} ROWS UNBOUNDED PRECEDING) <= {bytes_max} \
             OR row_number() OVER ({over}) = 1 THEN v.body END AS body"
        );
        columns = columns.replace("v.body", &body);
    }
    let before = format!("SELECT {columns}, m.* FROM (");
    select.within(&before, &format!(") AS m JOIN version v ON v.seq = m.seq{}", order.clause()))
}

fn keys(row: &Row, order: &Order) -> Vec<Key> {
    let number = |column: &str| Key::Number(row.get(column));
    let key = |(n, key): (usize, Option<SortKey>)| match key {
        Some(SortKey::LastUpdated) => number("last_updated"),
        Some(SortKey::Date) => number("dated_at"),
        Some(SortKey::Urgency) => number("urgency"),
        Some(SortKey::Parameter(_)) => sorted(row, &format!("k{n}")),
        None => number("rid"),
    };
    order.keys().iter().map(|sorted| sorted.key).enumerate().map(key).collect()
}

/// A number or a text, as the column says.
fn sorted(row: &Row, column: &str) -> Key {
    if let Ok(number) = row.try_get::<_, Option<i64>>(column) {
        return number.map_or(Key::Absent, Key::Number);
    }
    row.get::<_, Option<String>>(column).map_or(Key::Absent, Key::Text)
}

/// The plan. It asks how rare some values are: each question that it puts is answered, and it is made again with
/// the answers.
async fn choose<'a>(place: Place<'_>, query: &'a Query) -> Result<Plan<'a>, Problem> {
    let mut known: HashMap<String, bool> = HashMap::new();
    loop {
        let mut question = None;
        let plan = Plan::choose(query, Hints::None, &mut |source| {
            let label = format!("{} {:?}", source.text(), source.values());
            if let Some(rare) = known.get(&label) {
                return Ok(*rare);
            }
            question.get_or_insert_with(|| (label, source.clone()));
            Ok(false)
        })?;
        let Some((label, source)) = question else { return Ok(plan) };
        let limit = format!(" LIMIT {}) AS found", Plan::RARE_MAX + 1);
        let asked = Search::of(&source, place.types).within("/* is_rare */ SELECT count(*) FROM (", &limit);
        known.insert(label, asked.count(place.client).await? <= Plan::RARE_MAX);
    }
}

mod many;
#[cfg(test)]
mod tests;
