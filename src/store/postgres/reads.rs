//! Reads by id, many in one statement.

use tokio_postgres::{Error, Row};

use super::lane::{Connection, Question};

/// A row for each resource that is there: its place among those asked for, then the columns of [`super::read::stored`].
pub(super) const RESOURCES: &str =
    "/* reads */ SELECT w.n, v.version, v.last_updated, v.deleted, v.dictionary, v.size, v.body, v.dated_place, v.made
    FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS w (rtype, id, n)
    JOIN resource r ON r.rtype = w.rtype AND r.id = w.id
    JOIN version v ON v.seq = r.seq";

/// One resource: the number of its type, and its id.
pub(super) struct Wanted {
    pub(super) rtype: i64,
    pub(super) id: String,
}

impl Question for Wanted {
    /// The row of the current version, as [`RESOURCES`] has it.
    type Answer = Option<Row>;
    const GROUP_MAX: usize = 128;

    async fn ask(connection: &mut Connection, group: &[Self]) -> Result<Vec<Option<Row>>, Error> {
        let statement = connection.prepared(RESOURCES).await?;
        let (types, ids): (Vec<i64>, Vec<&str>) =
            group.iter().map(|wanted| (wanted.rtype, wanted.id.as_str())).unzip();
        Ok(placed(group.len(), connection.client.query(&statement, &[&types, &ids]).await?))
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
