//! Versions that were read lately, packed as they are stored: what was committed at a place in commit order never changes.
//!
//! Which version is the current one is not remembered: the file is asked at each read.

use std::sync::Arc;

use rusqlite::Connection;

use super::read;
use crate::problem::Problem;
use crate::store::lately::Lately;
use crate::store::version::{REMEMBERED_MAX, Version};

/// A bounded memory of versions, by their place in commit order.
pub(super) struct Versions(Lately<i64, Version>);

impl Default for Versions {
    fn default() -> Self {
        Self(Lately::within(REMEMBERED_MAX, Version::bytes))
    }
}

impl Versions {
    /// The version at that place, from here or from the file.
    ///
    /// # Errors
    /// Those of the file; `Internal` when there is none.
    pub(super) fn at(&self, conn: &Connection, seq: i64) -> Result<Arc<Version>, Problem> {
        if let Some(found) = self.0.find(&seq) {
            return Ok(found);
        }
        let read = Arc::new(read::at(conn, seq)?);
        self.0.put(seq, Arc::clone(&read));
        Ok(read)
    }
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
}
