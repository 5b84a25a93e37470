//! Versions that were read lately, packed as they are stored: what was committed at a place in commit order never changes.
//!
//! Which version is the current one is not remembered: the file is asked at each read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::read::{self, Raw};
use crate::problem::Problem;

/// Bytes of packed versions: some three thousand responses, or all that the patients of a day have.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a version takes beside its body.
const BESIDE: usize = size_of::<Raw>() + 64;

/// A bounded memory of versions, by their place in commit order.
pub(super) struct Versions {
    kept: Mutex<Kept>,
    bytes_max: usize,
}

/// What is asked for again moves to the young; when these have half of the room, they become the old, and the old go.
#[derive(Default)]
struct Kept {
    young: HashMap<i64, Arc<Raw>>,
    old: HashMap<i64, Arc<Raw>>,
    /// Of the young.
    bytes: usize,
}

impl Default for Versions {
    fn default() -> Self {
        Self::within(BYTES_MAX)
    }
}

impl Versions {
    fn within(bytes_max: usize) -> Self {
        Self { kept: Mutex::default(), bytes_max }
    }

    /// The version at that place, from here or from the file.
    ///
    /// # Errors
    /// Those of the file; `Internal` when there is none.
    pub(super) fn at(&self, conn: &Connection, seq: i64) -> Result<Arc<Raw>, Problem> {
        if let Some(found) = self.with_kept(|kept| kept.find(seq, self.bytes_max)) {
            return Ok(found);
        }
        let read = Arc::new(read::at(conn, seq)?);
        // One that is large would take the place of many.
        if size(&read) <= self.bytes_max / 16 {
            self.with_kept(|kept| kept.put(seq, Arc::clone(&read), self.bytes_max));
        }
        Ok(read)
    }

    fn with_kept<T>(&self, run: impl FnOnce(&mut Kept) -> T) -> T {
        run(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Kept {
    fn find(&mut self, seq: i64, bytes_max: usize) -> Option<Arc<Raw>> {
        if let Some(found) = self.young.get(&seq) {
            return Some(Arc::clone(found));
        }
        let found = self.old.remove(&seq)?;
        self.put(seq, Arc::clone(&found), bytes_max);
        Some(found)
    }

    fn put(&mut self, seq: i64, version: Arc<Raw>, bytes_max: usize) {
        let size = size(&version);
        // Two threads may have read it at the same time.
        if self.young.insert(seq, version).is_none() {
            self.bytes += size;
        }
        if self.bytes > bytes_max / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
    }
}

fn size(version: &Raw) -> usize {
    version.packed_size() + BESIDE
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with so many versions, each with that many bytes of body.
    fn file(count: i64, bytes: i64) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE version (seq INTEGER PRIMARY KEY, version, last_updated, deleted, dictionary, size, body,
               dated_place, made)",
        )
        .unwrap();
        for seq in 0..count {
            conn.execute("INSERT INTO version VALUES (?1, ?1, 0, 0, 0, 0, zeroblob(?2), 0, 0)", (seq, bytes))
                .unwrap();
        }
        conn
    }

    fn forget(conn: &Connection) {
        conn.execute("DELETE FROM version", []).unwrap();
    }

    #[test]
    fn what_was_read_is_not_read_again() {
        let (conn, versions) = (file(3, 10), Versions::default());
        assert!(versions.at(&conn, 3).is_err());
        let first = versions.at(&conn, 1).unwrap();
        forget(&conn);
        assert!(Arc::ptr_eq(&versions.at(&conn, 1).unwrap(), &first));
        assert!(versions.at(&conn, 2).is_err());
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_asked_for_stays() {
        let bytes_max = 100 * (1_000 + BESIDE);
        let (conn, versions) = (file(1_000, 1_000), Versions::within(bytes_max));
        for seq in 0..1_000 {
            versions.at(&conn, seq).unwrap();
            versions.at(&conn, 0).unwrap();
            let bytes: usize = versions
                .with_kept(|kept| kept.young.values().chain(kept.old.values()).map(|one| size(one)).sum());
            assert!(bytes <= bytes_max + 1_000 + BESIDE, "{bytes} after {seq}");
        }
        forget(&conn);
        let still = |seq| versions.at(&conn, seq).is_ok();
        assert!(still(0) && still(999) && still(960) && !still(500));
    }

    #[test]
    fn one_that_is_large_pushes_nothing_out() {
        let bytes_max = 16 * 1_000;
        let (conn, versions) = (file(2, 1_000), Versions::within(bytes_max));
        versions.at(&conn, 0).unwrap();
        forget(&conn);
        assert!(versions.at(&conn, 0).is_err());
    }
}
