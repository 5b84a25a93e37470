//! What SQLite's result codes mean to a client (<https://www.sqlite.org/rescode.html>).

use rusqlite::ErrorCode;

use crate::problem::{Category, Problem};

impl From<rusqlite::Error> for Problem {
    /// The message names tables and columns at most, never a value.
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::new(
                Category::StorageFull,
                "no-store",
                "no space is left to store anything; nothing of this request was written",
            ),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::new(
                Category::Busy,
                "lock-error",
                "the database is in use by another program; try again later",
            ),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::new(
                Category::Damaged,
                "exception",
                "the database file is damaged, or is not a database: restore it from a backup",
            ),
            None if is_unread(&error) => Self::new(
                Category::Damaged,
                "exception",
                format!(
                    "the database holds what was never written to it, and is to be restored from a backup: {error}"
                ),
            ),
            Some(ErrorCode::OperationInterrupted) => {
                Self::new(Category::Busy, "timeout", "the search took too long")
            }
            _ => Self::internal(format!("the database failed: {error}")),
        }
    }
}

/// A row is not as every row was written.
const fn is_unread(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    matches!(
        error,
        Error::InvalidColumnType(..)
            | Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::Utf8Error(..)
            | Error::QueryReturnedNoRows
    )
}
