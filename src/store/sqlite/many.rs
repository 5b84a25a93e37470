//! Many rows with one statement: to begin and end a statement costs as much as a row.

use rusqlite::types::ToSql;
use rusqlite::{CachedStatement, Connection};

use crate::problem::Problem;

/// Rows that one statement inserts: beyond this, more of them cost as much each.
const ROWS_MAX: usize = 16;

/// The values of one row after the other, in a statement that takes several.
pub(super) struct Values<'a, 'c> {
    statement: &'a mut CachedStatement<'c>,
    bound: usize,
}

impl Values<'_, '_> {
    /// Binds the next value.
    pub(super) fn put(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.bound += 1;
        self.statement.raw_bind_parameter(self.bound, value)
    }
}

/// Inserts rows; `into` is what stands between `INSERT` and `VALUES`, with the columns in parentheses. How many there are
/// now that were not there before.
pub(super) fn many<T>(
    conn: &Connection,
    into: &str,
    rows: &[T],
    bind: impl Fn(&mut Values<'_, '_>, &T) -> rusqlite::Result<()>,
) -> Result<usize, Problem> {
    let mut row = String::from("(?");
    into.bytes().filter(|byte| *byte == b',').for_each(|_| row.push_str(", ?"));
    row.push(')');
    let mut sql = format!("/* many */ INSERT {into} VALUES ");
    let (begin, mut rows_in_sql) = (sql.len(), 0);
    let mut inserted = 0;
    for chunk in rows.chunks(ROWS_MAX) {
        if rows_in_sql != chunk.len() {
            rows_in_sql = chunk.len();
            sql.truncate(begin);
            for n in 0..chunk.len() {
                sql.push_str(if n == 0 { "" } else { ", " });
                sql.push_str(&row);
            }
        }
        let mut statement = conn.prepare_cached(&sql)?;
        let mut values = Values { statement: &mut statement, bound: 0 };
        for row in chunk {
            bind(&mut values, row)?;
        }
        inserted += statement.raw_execute()?;
    }
    Ok(inserted)
}
