//! Opening the file: one writing process, WAL, full durability.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{Options, migration};
use crate::fhir::SERVED;
use crate::problem::{Category, Problem};

/// `Vgie`: tells our files from others.
const APPLICATION_ID: i32 = 0x5667_6965;

/// KiB of pages that the writer keeps, negative as SQLite wants it: with less, the places where rows go in a file of
/// hundreds of megabytes are read again and again.
const WRITER_CACHE: i64 = -65_536;

/// Held as long as the store is open; the system lets go of it however the process ends.
pub(super) struct Lock(#[expect(dead_code, reason = "held, never read")] File);

/// # Errors
/// `Conflict` when another process has the file open, `Internal` when the folder cannot be written.
pub(super) fn lock(path: &Path) -> Result<Lock, Problem> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = File::create(&name).map_err(|e| {
        Problem::internal(format!(
            "{} cannot be created: {e}; its folder must be there and writable",
            name.display()
        ))
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(std::fs::TryLockError::WouldBlock) => {
            let diagnostics =
                format!("{} is open in another process: two may not write one file", path.display());
            Err(Problem::new(Category::Conflict, "conflict", diagnostics))
        }
        Err(std::fs::TryLockError::Error(e)) => {
            Err(Problem::internal(format!("{} cannot be locked: {e}", name.display())))
        }
    }
}

pub(super) fn writer(path: &Path, options: &Options) -> Result<Connection, Problem> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    conn.pragma_update(None, "page_size", 8_192)?;
    let known: i32 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 =
        conn.query_row("/* writer */ SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if known != APPLICATION_ID && tables > 0 {
        return Err(Problem::internal(format!("{} is a database of another program", path.display())));
    }
    conn.pragma_update(None, "application_id", APPLICATION_ID)?;
    conn.pragma_update(None, "cache_size", WRITER_CACHE)?;
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update(None, "wal_autocheckpoint", options.checkpoint_pages)?;
    conn.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    if let Some(pages_max) = options.pages_max {
        conn.pragma_update(None, "max_page_count", pages_max)?;
    }
    migration::migrate(&conn)?;
    for name in SERVED {
        conn.execute("/* writer */ INSERT OR IGNORE INTO resource_type (name) VALUES (?1)", [name])?;
    }
    Ok(conn)
}

pub(super) fn reader(path: &Path) -> Result<Connection, Problem> {
    let conn = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, Problem> {
    let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.pragma_update(None, "cache_size", -16_384)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    conn.set_prepared_statement_cache_capacity(256);
    // Without it, a statement whose value was compared with the condition of a partial index is planned anew each time it
    // is bound, which took longer than running it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(conn)
}

#[cfg(test)]
mod tests {
    use rusqlite::{OptionalExtension as _, StatementStatus};

    use super::*;

    #[test]
    fn a_statement_is_planned_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite");
        let conn = writer(&path, &Options::default()).unwrap();
        let read =
            "SELECT v.seq FROM resource r JOIN version v ON v.seq = r.seq WHERE r.rtype = ?1 AND r.id = ?2";
        for n in 0..3 {
            let found: Option<i64> =
                conn.prepare_cached(read).unwrap().query_row((n, "a"), |row| row.get(0)).optional().unwrap();
            assert_eq!(found, None);
        }
        assert_eq!(conn.prepare_cached(read).unwrap().get_status(StatementStatus::RePrepare), 0);
    }
}
