//! Reads by id, many in one statement.

use std::sync::Arc;

use tokio_postgres::{Error, Row};

use super::lane::{Connection, Question};
use super::read::{Placed, packed};
use crate::problem::Problem;

/// A row for each resource that is there: its place among those asked for, then the columns of [`super::read::stored`].
pub(super) const RESOURCES: &str =
    "/* reads */ SELECT w.n, v.version, v.last_updated, v.deleted, v.dictionary, v.size, v.body, v.dated_place, v.made
    FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS w (rtype, id, n)
    JOIN resource r ON r.rtype = w.rtype AND r.id = w.id
    JOIN version v ON v.seq = r.seq";

/// The same for reads of one resource each, and at last the place of the version in commit order and its instant. Of a version that is known
/// already the columns are null: neither looked for nor sent.
pub(super) const CURRENT: &str =
    "/* reads */ SELECT w.n, v.version, v.last_updated, v.deleted, v.dictionary, v.size, v.body, v.dated_place, v.made, r.seq, r.last_updated
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS w (rtype, id, seq, at, n)
    JOIN resource r ON r.rtype = w.rtype AND r.id = w.id
    LEFT JOIN version v ON v.seq = CASE WHEN r.seq = w.seq AND r.last_updated = w.at THEN NULL ELSE r.seq END";

/// One resource: the number of its type, and its id.
pub(super) struct Wanted {
    pub(super) rtype: i64,
    pub(super) id: String,
    /// The version that was read of it lately. That it is still the current one is for the database to say; by its instant too, so
    /// that a place that was given again, to a database that was put back to an earlier state, is not taken for the same.
    pub(super) known: Option<Arc<Placed>>,
}

impl Wanted {
    /// The version in its row, or the one that was known.
    ///
    /// # Errors
    /// `Internal` when the row has none, and none was known.
    pub(super) fn version(known: Option<Arc<Placed>>, row: &Row) -> Result<Arc<Placed>, Problem> {
        let read = packed(row, 1).map(|version| Arc::new(Placed { seq: row.get(9), version }));
        let is_current =
            |known: &Arc<Placed>| (known.seq, known.version.last_updated) == (row.get(9), row.get(10));
        read.or(known.filter(is_current)).ok_or_else(|| Problem::internal("a resource has lost its version"))
    }
}

impl Question for Wanted {
    /// The row of the current version, as [`CURRENT`] has it.
    type Answer = Option<Row>;
    const GROUP_MAX: usize = 128;
    const NEAR: bool = true;

    async fn ask(connection: &mut Connection, group: &[Self]) -> Result<Vec<Option<Row>>, Error> {
        let statement = connection.prepared(CURRENT).await?;
        let types: Vec<i64> = group.iter().map(|wanted| wanted.rtype).collect();
        let ids: Vec<&str> = group.iter().map(|wanted| wanted.id.as_str()).collect();
        let known = |wanted: &Self| {
            wanted.known.as_ref().map_or((0, 0), |known| (known.seq, known.version.last_updated))
        };
        let (seqs, instants): (Vec<i64>, Vec<i64>) = group.iter().map(known).unzip();
        let rows = connection.client.query(&statement, &[&types, &ids, &seqs, &instants]).await?;
        Ok(placed(group.len(), rows))
    }
}

/// Each row at the place of its question, which its first column says.
pub(super) fn placed(count: usize, rows: Vec<Row>) -> Vec<Option<Row>> {
    let mut all: Vec<Option<Row>> = std::iter::repeat_with(|| None).take(count).collect();
    for row in rows {
        if let Some(found) = all.get_mut(place(&row, 0)) {
            *found = Some(row);
        }
    }
    all
}

/// The place of a row's question, which its ordinality in that column says.
pub(super) fn place(row: &Row, column: usize) -> usize {
    usize::try_from(row.get::<_, i64>(column) - 1).unwrap_or(usize::MAX)
}
