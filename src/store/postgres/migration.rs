//! Forward-only migrations, embedded and checksummed; one replica at a time applies them.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Transaction};

use super::reindex;
use crate::fhir::SERVED;
use crate::problem::Problem;
use crate::store::readings::Pending;
use crate::store::row::link_params;

/// In order; a number is never used again.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_foundation.sql"),
    include_str!("migrations/0002_destination.sql"),
    include_str!("migrations/0003_reindex.sql"),
    include_str!("migrations/0004_made.sql"),
    include_str!("migrations/0005_act.sql"),
    include_str!("migrations/0006_order.sql"),
    include_str!("migrations/0007_answered.sql"),
    include_str!("migrations/0008_runs.sql"),
    include_str!("migrations/0009_shown.sql"),
    include_str!("migrations/0010_ended.sql"),
];
/// The first version that has all that the statements use, as `server_version_num` tells it.
const OLDEST: i32 = 140_000;
/// `Vgie`: the advisory lock under which replicas migrate one after the other.
const LOCK: i64 = 0x5667_6965;

/// Brings the database up to this version, and returns the numbers of the resource types and what is to be indexed anew.
///
/// # Errors
/// `Internal` when the database is of a later version, or was made by migrations that are not these; or the server is too old.
pub(super) async fn migrate(client: &mut Client) -> Result<(HashMap<String, i64>, Pending), Problem> {
    is_new_enough(client).await?;
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

/// Refuses a server that does not understand the statements of searches.
async fn is_new_enough(client: &Client) -> Result<(), Problem> {
    let version = "/* is_new_enough */ SELECT current_setting('server_version_num')::int, version()";
    let row = client.query_one(version, &[]).await?;
    if row.get::<_, i32>(0) >= OLDEST {
        return Ok(());
    }
    Err(Problem::internal(format!(
        "PostgreSQL {} or later is needed: {}",
        OLDEST / 10_000,
        row.get::<_, &str>(1)
    )))
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
    if known.len() < MIGRATIONS.len() {
        tell_links(transaction).await?;
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

/// Which parameters are references, which migrations cannot know: as a table that lasts as long as the transaction. What
/// large tables are grouped and sorted in does not go to the disk piece by piece.
async fn tell_links(transaction: &Transaction<'_>) -> Result<(), Problem> {
    transaction
        .batch_execute(
            "/* tell_links */ CREATE TEMPORARY TABLE link_param (param BIGINT PRIMARY KEY) ON COMMIT DROP;
             SET LOCAL work_mem = '64MB'; SET LOCAL maintenance_work_mem = '128MB'",
        )
        .await?;
    let insert = "/* tell_links */ INSERT INTO link_param SELECT * FROM unnest($1::bigint[])";
    transaction.execute(insert, &[&link_params()]).await?;
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
pub(super) mod tests {
    use super::*;
    use crate::store::postgres::connection::Address;

    /// The first eight digits of each merged migration: a line is added with it and never changed.
    const MERGED: &[&str] = &[
        "d5f3dc65", "cb219121", "7ae97094", "35407901", "ed5998fb", "a6c582cb", "398abe78", "71c31c58",
        "018789e2", "a037bc59",
    ];

    #[test]
    fn a_merged_migration_never_changes() {
        let digests: Vec<_> = MIGRATIONS.iter().map(|sql| digest(sql)[..8].to_owned()).collect();
        assert_eq!(digests, MERGED);
    }
    /// As the first so many migrations left it, and of this connection alone; nothing without a database.
    #[expect(clippy::disallowed_methods, reason = "a test asks where its database is")]
    pub(in crate::store::postgres) async fn older(count: usize) -> Option<Client> {
        use std::io::Write as _;
        let Ok(url) = std::env::var("VIGIE_TEST_POSTGRES_URL") else {
            // On the terminal itself: what a test prints is shown only when it fails.
            let _ = writeln!(
                std::io::stderr(),
                "NOT RUN: the migrations of PostgreSQL need VIGIE_TEST_POSTGRES_URL"
            );
            return None;
        };
        let (client, _) = Address::parse(&url).unwrap().connect().await.unwrap();
        client.batch_execute("SET search_path = pg_temp").await.unwrap();
        client
            .batch_execute("CREATE TABLE migration (number BIGINT PRIMARY KEY, checksum TEXT NOT NULL)")
            .await
            .unwrap();
        for (number, sql) in (1_i64..).zip(&MIGRATIONS[..count]) {
            client.batch_execute(sql).await.unwrap();
            let insert = "INSERT INTO migration (number, checksum) VALUES ($1, $2)";
            client.execute(insert, &[&number, &digest(sql)]).await.unwrap();
        }
        Some(client)
    }

    #[tokio::test]
    async fn what_is_there_comes_to_runs_as_it_is() {
        let Some(mut client) = older(7).await else { return };
        let link = *link_params().iter().min().unwrap();
        // Whole blocks, their first and last places, every third, and one alone.
        let numbers =
            (0..=63).chain([64, 127, 128, 191]).chain((192..320).step_by(3)).chain([383, 1_000_063]);
        for (n, rid) in numbers.enumerate() {
            let rid = i64::from(rid);
            for (param, code, system) in
                [(7, "a", 0), (7, "a", i64::MIN), (7, ["b", "c"][n % 2], 5), (link, "Patient/p", 0)]
            {
                let insert = "INSERT INTO token (param, code, rid, system) VALUES ($1, $2, $3, $4)";
                client.execute(insert, &[&param, &code, &rid, &system]).await.unwrap();
            }
        }
        client.batch_execute("INSERT INTO indexed (param, reading) VALUES (7, 1)").await.unwrap();
        let known = rows(&client, "SELECT param, code, rid, system FROM token ORDER BY 1, 2, 3, 4").await;
        migrate(&mut client).await.unwrap();
        let kept = "SELECT param, code, rid, system FROM token UNION ALL SELECT param, code, rid, 0 FROM link
                    ORDER BY 1, 2, 3, 4";
        assert_eq!(rows(&client, kept).await, known);
        let mut counted = Vec::new();
        // As one that is written now would be: with the bits of its first and of its last place, and none beyond.
        let wrong =
            "token_run WHERE (bits >> low) & (bits >> last) & 1 = 0 OR bits & ~(-1::bigint << low) <> 0
           OR (last < 63 AND bits >> last NOT IN (0, 1))";
        for table in [wrong, "link_run", "place"] {
            let count = format!("SELECT count(*) FROM {table}");
            counted.push(client.query_one(&count, &[]).await.unwrap().get::<_, i64>(0));
        }
        assert_eq!(counted, [0, 7, crate::store::row::BLOCK]);
    }

    async fn rows(client: &Client, select: &str) -> Vec<(i64, String, i64, i64)> {
        let rows = client.query(select, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
    }
}
