//! Where a run keeps what is stored: SQLite files in a folder, or databases of one PostgreSQL server.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_postgres::NoTls;
use vigie::store::{Store, postgres, sqlite};

/// The name of the database with the definitions and the patients and no response yet.
const BASE: &str = "base";

/// The kind of store, and the place for its databases.
pub(crate) struct Databases {
    folder: PathBuf,
    /// `postgres://user@host:port/database`, when it is no file.
    server: Option<String>,
}

impl Databases {
    /// In an empty folder.
    pub(crate) fn new(folder: &Path, server: Option<String>) -> Self {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).expect("a folder for the run");
        Self { folder: folder.to_owned(), server }
    }

    /// What to say of the store.
    pub(crate) const fn kind(&self) -> &'static str {
        if self.server.is_some() { "PostgreSQL" } else { "SQLite" }
    }

    /// Where files of the run may be put.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The PostgreSQL server, if there is one.
    pub(crate) fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// The file that a service on that database logs to.
    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("service.log")
    }

    /// An empty database of that name, as `VIGIE_DATABASE` takes it.
    pub(crate) async fn fresh(&self, name: &str) -> String {
        self.made(name, None).await
    }

    /// The one that everything begins with, empty.
    pub(crate) async fn base(&self) -> String {
        self.fresh(BASE).await
    }

    /// A copy of the base, which nobody has open.
    pub(crate) async fn copy(&self, name: &str) -> String {
        self.made(name, Some(BASE)).await
    }

    async fn made(&self, name: &str, of: Option<&str>) -> String {
        match &self.server {
            Some(server) => on_server(server, name, of).await,
            None => format!("sqlite:{}", self.file(name, of).display()),
        }
    }

    fn file(&self, name: &str, of: Option<&str>) -> PathBuf {
        let path = self.folder.join(format!("{name}.sqlite"));
        for ending in ["sqlite", "sqlite-wal", "sqlite-shm"] {
            let _ = fs::remove_file(path.with_extension(ending));
        }
        if let Some(of) = of {
            fs::copy(self.folder.join(format!("{of}.sqlite")), &path).expect("a copy of the store");
        }
        path
    }
}

async fn on_server(server: &str, name: &str, of: Option<&str>) -> String {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.expect("a PostgreSQL server");
    let connection = tokio::spawn(connection);
    let template = of.map_or("template0".to_owned(), |of| format!("vigie_bench_{of}"));
    let statements = [
        format!("DROP DATABASE IF EXISTS vigie_bench_{name} WITH (FORCE)"),
        format!("CREATE DATABASE vigie_bench_{name} TEMPLATE {template}"),
    ];
    for statement in statements {
        client.batch_execute(&statement).await.unwrap_or_else(|fault| panic!("{statement}: {fault}"));
    }
    connection.abort();
    let (address, query) = server.split_once('?').map_or((server, None), |(all, query)| (all, Some(query)));
    let at = address.rfind('/').expect("postgres://user@host:port/database");
    let query = query.map_or(String::new(), |query| format!("?{query}"));
    format!("{}/vigie_bench_{name}{query}", &address[..at])
}

/// Opens a store as the service does.
pub(crate) async fn open(database: &str) -> Arc<dyn Store> {
    match database.strip_prefix("sqlite:") {
        Some(path) => Arc::new(sqlite::open(path, &sqlite::Options::default()).expect("a store")),
        None => Arc::new(postgres::open(database, &postgres::Options::default()).await.expect("a store")),
    }
}
