//! Running a query: the plan and the text of every SQL store, made PostgreSQL's; one round trip fetches a page
//! with its bodies.

use std::collections::HashMap;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use super::prepared::key;
use super::read;
use crate::fhir::search::{Key, Query, SortKey, Total, open_cursor, seal_cursor};
use crate::problem::{Category, Problem};
use crate::store::Page;
use crate::store::search::{Bound, ESTIMATE_MAX, Hints, Order, Plan, SORTED_MAX, Statement};

/// A statement in PostgreSQL's words, with its values.
pub(super) struct Search {
    text: String,
    values: Vec<Bound>,
}

impl Search {
    /// `$1`, `$2`, … for each `?`.
    fn of(statement: &Statement) -> Self {
        let mut parts = statement.text().split('?');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for (n, part) in parts.enumerate() {
            text.push_str(&format!("${}{part}", n + 1));
        }
        let bound = |value: &Bound| match value {
            Bound::Number(number) => Bound::Number(*number),
            Bound::Text(text) => Bound::Text(key(text).into_owned()),
        };
        Self { text, values: statement.values().iter().map(bound).collect() }
    }

    /// The same in other words around it.
    fn within(statement: &Statement, before: &str, after: &str) -> Self {
        let Self { text, values } = Self::of(statement);
        Self { text: format!("{before}{text}{after}"), values }
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

pub(super) async fn page(client: &Client, query: &Query) -> Result<Page, Problem> {
    let plan = choose(client, query).await?;
    if plan.order.sorts_all() {
        few_enough(client, query, &plan).await?;
    }
    let after = open_cursor(query, plan.order.keys().len())?;
    let select = plan.select(query, after.as_deref(), query.count + 1);
    let mut rows = with_bodies(&select, &plan.order).rows(client).await?;
    let more = rows.len() > query.count;
    rows.truncate(query.count);
    let next = rows.last().filter(|_| more).map(|last| seal_cursor(query, &keys(last, &plan.order)));
    let stored = |row: &Row| read::stored(row, 0, &query.rtype, row.get("id"));
    let resources = rows.iter().map(stored).collect::<Result<_, _>>()?;
    let limit = match query.total {
        Total::None => return Ok(Page { resources, total: None, next }),
        Total::Estimate => Some(ESTIMATE_MAX),
        Total::Accurate => None,
    };
    let total = count(client, query, &plan, limit).await?;
    Ok(Page { resources, total: Some(total), next })
}

/// What finds the ids of matches, at most so many.
pub(super) async fn matching(client: &Client, query: &Query, limit: usize) -> Result<Search, Problem> {
    Ok(Search::of(&choose(client, query).await?.select(query, None, limit)))
}

async fn count(
    client: &Client,
    query: &Query,
    plan: &Plan<'_>,
    limit: Option<usize>,
) -> Result<u64, Problem> {
    Ok(Search::within(&plan.count(query, limit), "", " AS found").count(client).await?)
}

/// Refuses to sort by a value that no index has in order when very many match.
async fn few_enough(client: &Client, query: &Query, plan: &Plan<'_>) -> Result<(), Problem> {
    if count(client, query, plan, Some(SORTED_MAX + 1)).await? <= SORTED_MAX as u64 {
        return Ok(());
    }
    let text =
        format!("more than {SORTED_MAX} match: narrow the search, or sort by its date or _lastUpdated");
    Err(Problem::new(Category::Malformed, "too-costly", text).at("_sort"))
}

/// The matches with their bodies, still in order.
fn with_bodies(select: &Statement, order: &Order) -> Search {
    let columns = read::COLUMNS.replace("v.last_updated", "v.last_updated AS instant");
    let before = format!("SELECT {columns}, m.* FROM (");
    Search::within(select, &before, &format!(") AS m JOIN version v ON v.seq = m.seq{}", order.clause()))
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
async fn choose<'a>(client: &Client, query: &'a Query) -> Result<Plan<'a>, Problem> {
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
        let asked = Search::within(&source, "/* is_rare */ SELECT count(*) FROM (", &limit);
        known.insert(label, asked.count(client).await? <= Plan::RARE_MAX);
    }
}
