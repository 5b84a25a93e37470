//! The PostgreSQL that the tests may use: each of them gets a schema of its own in it.

use std::io::Write as _;

use tokio_postgres::NoTls;
use vigie::clock::{Ids, SystemIds};

/// Set by `tests/run`, which starts a PostgreSQL of its own.
const VARIABLE: &str = "VIGIE_TEST_POSTGRES_URL";

/// An empty schema.
pub(crate) struct Database {
    server: String,
    url: String,
    schema: String,
}

impl Database {
    /// `None` when there is no PostgreSQL to test with; the terminal then says which test was not run.
    pub(crate) async fn new() -> Option<Self> {
        let Ok(server) = std::env::var(VARIABLE) else {
            not_run();
            return None;
        };
        let schema = format!("vigie_{}", SystemIds.next().replace('-', ""));
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{schema}");
        let database = Self { server, url, schema };
        database.execute(&format!("CREATE SCHEMA {}", database.schema)).await;
        Some(database)
    }

    /// Where a store finds it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The same through another host and port.
    pub(crate) fn url_through(&self, port: u16) -> String {
        let (_, rest) = self.url.split_once('@').expect("user@host:port/…");
        let (_, path) = rest.split_once('/').expect("host:port/…");
        let (user, _) = self.url.split_once('@').expect("user@host:port/…");
        format!("{user}@127.0.0.1:{port}/{path}")
    }

    /// Host and port of the server itself.
    pub(crate) fn address(&self) -> String {
        let (_, rest) = self.server.split_once('@').expect("user@host:port/…");
        rest.split(['/', '?']).next().expect("host:port").to_owned()
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client
    }

    async fn execute(&self, text: &str) {
        self.connect().await.batch_execute(text).await.expect("the schema");
    }
}

/// Says so on the terminal itself: what a test prints is shown only when it fails.
fn not_run() {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("NOT RUN: {test} needs {VARIABLE}; tests/run starts a PostgreSQL and sets it\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
