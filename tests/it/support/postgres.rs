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
            say_not_run(VARIABLE);
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

    /// The name of the schema.
    pub(super) fn schema(&self) -> &str {
        &self.schema
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

impl Drop for Database {
    /// Nothing is left in the server, also when a test fails. What cannot be reached any more is said.
    fn drop(&mut self) {
        let (server, schema) = (self.server.clone(), self.schema.clone());
        // On a thread of its own: the test's runtime may be ending.
        let dropping = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let (client, connection) = tokio_postgres::connect(&server, NoTls).await?;
                tokio::spawn(connection);
                client.batch_execute(&format!("SET lock_timeout = '20s'; DROP SCHEMA {schema} CASCADE")).await
            })
        });
        if let Ok(Err(fault)) = dropping.join() {
            say(&format!("the schema {} is left behind: {fault}", self.schema));
        }
    }
}

/// Says so on the terminal itself: what a test prints is shown only when it fails.
pub(super) fn say_not_run(variable: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    say(&format!("NOT RUN: {test} needs {variable}; tests/run starts a PostgreSQL and sets it"));
}

fn say(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
