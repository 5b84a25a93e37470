//! A store that holds the shipped definitions, made once for all tests of a run and copied for each.

use tempfile::TempDir;
use tokio::sync::OnceCell;
use vigie::interaction;

use super::app::{App, Kept, Place};
use super::example::profiles;
use super::postgres::Database;

/// The file of an embedded store in its folder.
pub(crate) const FILE: &str = "vigie.sqlite";

static EMBEDDED: OnceCell<Vec<u8>> = OnceCell::const_new();
/// Tables, each with its rows as JSON.
static SHARED: OnceCell<Vec<(String, String)>> = OnceCell::const_new();

/// Puts a copy into the folder.
pub(super) async fn copy_to(folder: &TempDir) {
    let bytes = EMBEDDED.get_or_init(|| async {
        match loaded(Kept::Embedded).await {
            Place::Folder(folder) => std::fs::read(folder.path().join(FILE)).expect("the file of the store"),
            Place::Schema(_) => unreachable!("it was made in a folder"),
        }
    });
    std::fs::write(folder.path().join(FILE), bytes.await).expect("a copy of the store");
}

/// Puts a copy into tables that a store has just made.
pub(super) async fn fill(database: &Database) {
    let tables = SHARED.get_or_init(|| async {
        match loaded(Kept::Shared).await {
            Place::Schema(database) => rows(&database).await,
            Place::Folder(_) => unreachable!("it was made in a schema"),
        }
    });
    let client = database.connect().await;
    for (table, rows) in tables.await {
        client.batch_execute(&format!("TRUNCATE {table}")).await.expect("an empty table");
        // With its schema: the name of the table `text` alone would be the type.
        let row = format!("{}.{table}", database.schema());
        let insert =
            format!("INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{row}, $1::text::json)");
        client.execute(&insert, &[rows]).await.expect("a full table");
    }
}

async fn loaded(kept: Kept) -> Place {
    let app = App::bare_on(kept).await.expect("a store");
    interaction::load(&app.context, profiles()).await.expect("the shipped definitions load");
    app.into_place()
}

/// All but what the store has written of itself when it was opened.
async fn rows(database: &Database) -> Vec<(String, String)> {
    let client = database.connect().await;
    let select = "SELECT table_name::text FROM information_schema.tables
         WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name NOT IN ('migration', 'writer')";
    let mut tables = Vec::new();
    for row in client.query(select, &[]).await.expect("the tables") {
        let table: String = row.get(0);
        let select = format!("SELECT coalesce(json_agg(t), '[]')::text FROM {table} t");
        let rows = client.query_one(&select, &[]).await.expect("the rows").get(0);
        tables.push((table, rows));
    }
    tables
}
