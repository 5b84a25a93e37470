//! Forward-only migrations, embedded and checksummed; one replica at a time applies them.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Transaction};

use super::reindex;
use crate::fhir::SERVED;
use crate::problem::Problem;
use crate::store::readings::Pending;

/// In order; a number is never used again.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_foundation.sql"),
    include_str!("migrations/0002_destination.sql"),
    include_str!("migrations/0003_reindex.sql"),
    include_str!("migrations/0004_made.sql"),
    include_str!("migrations/0005_act.sql"),
    include_str!("migrations/0006_order.sql"),
    include_str!("migrations/0007_answered.sql"),
];
/// `Vgie`: the advisory lock under which replicas migrate one after the other.
const LOCK: i64 = 0x5667_6965;

/// Brings the database up to this version, and returns the numbers of the resource types and what is to be indexed anew.
///
/// # Errors
/// `Internal` when the database is of a later version, or was made by migrations that are not these.
pub(super) async fn migrate(client: &mut Client) -> Result<(HashMap<String, i64>, Pending), Problem> {
    // In one transaction: a replica that is killed meanwhile leaves nothing by half.
    let transaction = client.transaction().await?;
    // Another replica may be migrating, and a large table takes its time.
    transaction
        .batch_execute(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
             SET LOCAL idle_in_transaction_session_timeout = 0",
        )
        .await?;
    transaction.execute("/* migrate */ SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    transaction
        .batch_execute(
            "/* migrate */ CREATE TABLE IF NOT EXISTS migration (number BIGINT PRIMARY KEY, checksum TEXT NOT NULL)",
        )
        .await?;
    apply(&transaction).await?;
    let types = types(&transaction).await?;
    let pending = reindex::prepare(&transaction).await?;
    transaction.commit().await?;
    Ok((types, pending))
}

async fn apply(transaction: &Transaction<'_>) -> Result<(), Problem> {
    let rows = transaction.query("/* migrate */ SELECT checksum FROM migration ORDER BY number", &[]).await?;
    let known: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if known.len() > MIGRATIONS.len() {
        let diagnostics = format!(
            "the database is of a later version ({} migrations, {} known): start the version that made it",
            known.len(),
            MIGRATIONS.len()
        );
        return Err(Problem::internal(diagnostics));
    }
    for (number, sql) in (1_i64..).zip(MIGRATIONS) {
        let place = usize::try_from(number - 1).unwrap_or(usize::MAX);
        match known.get(place) {
            Some(checksum) if *checksum == digest(sql) => {}
            Some(_) => {
                return Err(Problem::internal(format!(
                    "the database was made by another migration {number}"
                )));
            }
            None => {
                transaction.batch_execute(sql).await?;
                let insert = "/* migrate */ INSERT INTO migration (number, checksum) VALUES ($1, $2)";
                transaction.execute(insert, &[&number, &digest(sql)]).await?;
            }
        }
    }
    Ok(())
}

async fn types(transaction: &Transaction<'_>) -> Result<HashMap<String, i64>, Problem> {
    let insert = "/* types */ INSERT INTO resource_type (code, name)
         SELECT (SELECT coalesce(max(code), 0) + 1 FROM resource_type), $1::text
         WHERE NOT EXISTS (SELECT 1 FROM resource_type WHERE name = $1)";
    let insert = transaction.prepare(insert).await?;
    for name in SERVED {
        transaction.execute(&insert, &[name]).await?;
    }
    let rows = transaction.query("/* types */ SELECT name, code FROM resource_type", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

fn digest(sql: &str) -> String {
    use std::fmt::Write as _;
    Sha256::digest(sql).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first eight digits of each merged migration: a line is added with it and never changed.
    const MERGED: &[&str] =
        &["d5f3dc65", "cb219121", "7ae97094", "35407901", "ed5998fb", "a6c582cb", "398abe78"];

    #[test]
    fn a_merged_migration_never_changes() {
        let digests: Vec<_> = MIGRATIONS.iter().map(|sql| digest(sql)[..8].to_owned()).collect();
        assert_eq!(digests, MERGED);
    }
}
