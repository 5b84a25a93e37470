//! What the database's errors mean to a client (PostgreSQL, appendix A), and whether a transaction may be repeated.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::problem::{Category, Problem};

impl From<Error> for Problem {
    /// The message names tables and columns at most, never a value.
    fn from(error: Error) -> Self {
        if let Some(reason) = unencrypted(&error) {
            return Self::new(Category::Busy, "security", reason);
        }
        if is_lost(&error) {
            return unreachable();
        }
        match error.code() {
            Some(code) if *code == SqlState::DISK_FULL || is_limited(&error) => Self::new(
                Category::StorageFull,
                "no-store",
                "no space is left to store anything; nothing of this request was written",
            ),
            Some(code) if is_passing(code) => Self::new(
                Category::Busy,
                "lock-error",
                "the database is busy with other requests; try again later",
            ),
            Some(code) if *code == SqlState::QUERY_CANCELED => {
                Self::new(Category::Busy, "timeout", "the database took too long")
            }
            Some(code) if *code == SqlState::CHARACTER_NOT_IN_REPERTOIRE => Self::new(
                Category::Malformed,
                "value",
                "a text of the request holds U+0000, which is no character that is kept or looked for here",
            ),
            Some(code) if matches!(*code, SqlState::DATA_CORRUPTED | SqlState::INDEX_CORRUPTED) => {
                let what = error.as_db_error().map_or("", |fault| fault.message());
                let text = format!("the database is damaged, and is to be restored from a backup: {what}");
                Self::new(Category::Damaged, "exception", text)
            }
            Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
                Self::new(Category::Busy, "transient", "the database takes no writes now; try again later")
            }
            _ => match error.as_db_error() {
                Some(fault) => Self::internal(format!(
                    "the database failed: {} ({})",
                    fault.message(),
                    fault.code().code()
                )),
                None => Self::internal(format!("the database failed: {error}")),
            },
        }
    }
}

/// A table may not grow: PostgreSQL has a code of its own for a full disk, and none for a quota or a limit on files. Its
/// messages are translated, the name of the routine that reports is not: one page, or many of them since PostgreSQL 16.
fn is_limited(error: &Error) -> bool {
    error.as_db_error().is_some_and(|fault| matches!(fault.routine(), Some("mdextend" | "mdzeroextend")))
}

/// Why there is no TLS as it was asked for: what is wrong with the certificate, or that the server offers none. The driver tells
/// this kind of fault by its words alone.
fn unencrypted(error: &Error) -> Option<String> {
    if error.code().is_some() || !error.to_string().contains("TLS handshake") {
        return None;
    }
    let cause = innermost(error);
    Some(format!(
        "the connection to the database is not encrypted as sslmode asks for, and is not used: {cause}"
    ))
}

fn innermost(error: &Error) -> &dyn std::error::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}

/// Why the service cannot begin: a database that cannot be reached is told with where it was looked for, and what was said there.
pub(super) fn at_start(fault: Error, place: &str) -> Problem {
    let cause = innermost(&fault).to_string();
    match Problem::from(fault) {
        lost if lost == unreachable() => {
            let text = format!("the database at {place} cannot be reached: {cause}");
            Problem::new(Category::Busy, "transient", text)
        }
        problem => problem,
    }
}

/// The database cannot be asked; nothing was begun.
pub(super) fn unreachable() -> Problem {
    Problem::new(
        Category::Busy,
        "transient",
        "the database cannot be reached; nothing of this request was written, try again later",
    )
}

/// The connection ended before the answer, and the database has not come back to tell.
pub(super) fn unknown() -> Problem {
    Problem::new(
        Category::Busy,
        "transient",
        "the database went away before it answered, so it is not known whether this was written: \
         ask again before you repeat it, or repeat it with the same identifier",
    )
}

/// The connection is gone, or about to go.
pub(super) fn is_lost(error: &Error) -> bool {
    match error.code() {
        None => error.as_db_error().is_none(),
        // Class 57P: the server shuts down, crashes or starts; class 08: the connection failed.
        Some(code) => {
            code.code().starts_with("57P")
                || code.code().starts_with("08")
                || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                || *code == SqlState::TOO_MANY_CONNECTIONS
        }
    }
}

/// The same transaction may succeed when it is run again.
pub(super) fn is_passing(code: &SqlState) -> bool {
    *code == SqlState::T_R_SERIALIZATION_FAILURE
        || *code == SqlState::T_R_DEADLOCK_DETECTED
        || *code == SqlState::LOCK_NOT_AVAILABLE
}
