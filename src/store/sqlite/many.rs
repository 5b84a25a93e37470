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
    let columns = into.matches(',').count() + 1;
    let mut inserted = 0;
    for chunk in rows.chunks(ROWS_MAX) {
        let row = format!("({})", vec!["?"; columns].join(", "));
        let values = vec![row.as_str(); chunk.len()].join(", ");
        let mut statement = conn.prepare_cached(&format!("/* many */ INSERT {into} VALUES {values}"))?;
        let mut values = Values { statement: &mut statement, bound: 0 };
        for row in chunk {
            bind(&mut values, row)?;
        }
        inserted += statement.raw_execute()?;
    }
    Ok(inserted)
}
