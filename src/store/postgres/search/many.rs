//! Searches that differ in their values only, as one statement: a row for each of them, and beside it what it finds.

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use super::{Bound, Search, Types, found, with_bodies};
use crate::fhir::search::{Query, Total, open_cursor};
use crate::problem::Problem;
use crate::store::Page;
use crate::store::postgres::reads::place;
use crate::store::search::{Hints, Order, Plan};

/// One of them: planned without asking the database anything.
pub(in crate::store::postgres) struct Many {
    pub(super) search: Search,
    query: Query,
    order: Order,
}

impl Many {
    /// Every value is taken for a rare one: what is found is the same, whatever it is. Nothing when the search wants more than
    /// one statement (a total, or a count of what would have to be sorted) or bounds its page by bytes.
    ///
    /// # Errors
    /// `Malformed` when the cursor is not of this query.
    pub(in crate::store::postgres) fn of(query: &Query, types: &Types) -> Result<Option<Self>, Problem> {
        let plan = Plan::choose(query, Hints::None, &mut |_| Ok(true))?;
        if plan.is_unbounded() || query.total != Total::None || query.bytes_max != usize::MAX {
            return Ok(None);
        }
        let after = open_cursor(query, plan.order.keys().len())?;
        let select = plan.select(query, after.as_deref(), query.count + 1);
        let search = Search::worded(&select, types, |n| format!("w.p{n}"));
        let search = with_bodies(search, &plan.order, usize::MAX);
        Ok(Some(Self { search, query: query.clone(), order: plan.order }))
    }

    /// What was found, as a page.
    ///
    /// # Errors
    /// `Internal` when a stored body cannot be read.
    pub(in crate::store::postgres) fn page(&self, rows: Vec<Row>) -> Result<Page, Problem> {
        found(&self.query, &self.order, rows)
    }

    /// The statement of all that are worded alike.
    pub(in crate::store::postgres) fn text(&self) -> String {
        let (mut arrays, mut names) = (Vec::new(), String::new());
        for (n, value) in (1..).zip(&self.search.values) {
            let kind = match value {
                Bound::Number(_) => "bigint",
                Bound::Text(_) => "text",
            };
            arrays.push(format!("${n}::{kind}[]"));
            names.push_str(&format!("p{n}, "));
        }
        // The matches of each are worked out for its row alone, so that they stay in their order.
        format!(
            "/* look */ SELECT f.*, w.n AS asked FROM unnest({}) WITH ORDINALITY AS w ({names}n) CROSS JOIN LATERAL ({}) AS f",
            arrays.join(", "),
            self.search.text
        )
    }

    /// What each of these finds, in order, of which all are worded like the first.
    pub(in crate::store::postgres) async fn rows(
        client: &Client,
        statement: &Statement,
        alike: &[&Self],
    ) -> Result<Vec<Vec<Row>>, Error> {
        let columns: Vec<Column<'_>> = match alike {
            [first, ..] => (0..first.search.values.len()).map(|n| Column::of(alike, n)).collect(),
            [] => return Ok(Vec::new()),
        };
        let values: Vec<_> = columns.iter().map(Column::value).collect();
        let mut all: Vec<Vec<Row>> = alike.iter().map(|_| Vec::new()).collect();
        for row in client.query(statement, &values).await? {
            // Its place stands behind everything else.
            if let Some(found) = all.get_mut(place(&row, row.len() - 1)) {
                found.push(row);
            }
        }
        Ok(all)
    }
}

/// The nth value of each.
enum Column<'m> {
    Numbers(Vec<i64>),
    Texts(Vec<&'m str>),
}

impl<'m> Column<'m> {
    fn of(alike: &[&'m Many], n: usize) -> Self {
        let all = alike.iter().filter_map(|many| many.search.values.get(n));
        match alike.first().and_then(|first| first.search.values.get(n)) {
            Some(Bound::Number(_)) => Self::Numbers(
                all.map(|value| if let Bound::Number(number) = value { *number } else { 0 }).collect(),
            ),
            _ => Self::Texts(
                all.map(|value| if let Bound::Text(text) = value { text.as_str() } else { "" }).collect(),
            ),
        }
    }

    fn value(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Texts(texts) => texts,
        }
    }
}
