//! Where a size is kept: an SQLite file, or a database of its own on a PostgreSQL server.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_postgres::NoTls;
use vigie::store::{Store, postgres, sqlite};

/// How the store is opened.
#[derive(Clone, Copy)]
pub(crate) enum Mode {
    /// As the service opens it.
    Service,
    /// For what is only there to be searched: many units in one commit, and few rounds of moving pages into the file. The rows
    /// are the same.
    Bulk,
}

/// Units of one commit, in bulk.
const BULK_GROUP: usize = 256;
/// Pages of the log in bulk, 8 KB each: pages that many units touch are moved into the file once.
const BULK_PAGES: u32 = 64_000;

/// Reads every table and index into the memory of the server, as far as it goes (`pg_prewarm` comes with PostgreSQL).
const PREWARM: &str = "CREATE EXTENSION IF NOT EXISTS pg_prewarm; \
     SELECT pg_prewarm(oid) FROM pg_class WHERE relkind IN ('r', 'i', 't') AND relpersistence = 'p'";

/// The store of one size.
pub(crate) enum Place {
    File(PathBuf),
    /// The server as `postgres://user@host:port/database`, and the name of the database for this size.
    Database(String, String),
}

impl Place {
    pub(crate) fn of(folder: &Path, server: Option<&str>, name: &str) -> Self {
        match server {
            Some(server) => Self::Database(server.to_owned(), format!("vigie_bench_search_{name}")),
            None => Self::File(folder.join(format!("{name}.sqlite"))),
        }
    }

    pub(crate) async fn open(&self, mode: Mode) -> Arc<dyn Store> {
        match self {
            Self::File(path) => {
                let usual = sqlite::Options::default();
                let options = match mode {
                    Mode::Service => usual,
                    Mode::Bulk => {
                        sqlite::Options { group_max: BULK_GROUP, checkpoint_pages: BULK_PAGES, ..usual }
                    }
                };
                Arc::new(sqlite::open(path, &options).expect("a store"))
            }
            Self::Database(server, name) => {
                if !self.exists().await {
                    execute(server, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
                }
                let usual = postgres::Options::default();
                let options = match mode {
                    Mode::Service => usual,
                    // One lane: units are committed in the order in which they were made.
                    Mode::Bulk => postgres::Options { writers: 1, group_max: BULK_GROUP, ..usual },
                };
                Arc::new(postgres::open(&url(server, name), &options).await.expect("a store"))
            }
        }
    }

    pub(crate) async fn exists(&self) -> bool {
        match self {
            Self::File(path) => path.exists(),
            Self::Database(server, name) => {
                let text = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
                number(server, &text).await > 0
            }
        }
    }

    pub(crate) async fn remove(&self) {
        match self {
            Self::File(path) => {
                for ending in ["sqlite", "sqlite-wal", "sqlite-shm", "sqlite.lock"] {
                    // A file that is not there is as good as removed.
                    let _ = fs::remove_file(path.with_extension(ending));
                }
            }
            Self::Database(server, name) => {
                execute(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            }
        }
    }

    /// Brings it to where a store is that has been there for a while: the file read once, so that what is measured is the
    /// store and not the disk; the statistics of the tables made, as the server does by itself after some time.
    pub(crate) async fn settle(&self) {
        match self {
            Self::File(path) => {
                if let Ok(mut file) = fs::File::open(path) {
                    let _ = std::io::copy(&mut file, &mut std::io::sink());
                }
            }
            Self::Database(server, name) => {
                let url = url(server, name);
                execute(&url, "VACUUM (ANALYZE)").await;
                execute(&url, PREWARM).await;
            }
        }
    }

    pub(crate) async fn megabytes(&self) -> f64 {
        match self {
            Self::File(path) => fs::metadata(path).map_or(0.0, |file| file.len() as f64 / 1e6),
            Self::Database(server, name) => {
                number(server, &format!("SELECT pg_database_size('{name}')")).await as f64 / 1e6
            }
        }
    }
}

/// The address of another database of the same server.
fn url(server: &str, name: &str) -> String {
    let (address, query) = server.split_once('?').map_or((server, None), |(all, query)| (all, Some(query)));
    let at = address.rfind('/').expect("postgres://user@host:port/database");
    let query = query.map_or(String::new(), |query| format!("?{query}"));
    format!("{}/{name}{query}", &address[..at])
}

async fn execute(url: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a PostgreSQL server");
    let connection = tokio::spawn(connection);
    client.batch_execute(statement).await.unwrap_or_else(|fault| panic!("{statement}: {fault}"));
    connection.abort();
}

async fn number(url: &str, statement: &str) -> i64 {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a PostgreSQL server");
    let connection = tokio::spawn(connection);
    let row = client.query_one(statement, &[]).await.unwrap_or_else(|fault| panic!("{statement}: {fault}"));
    connection.abort();
    row.get(0)
}
