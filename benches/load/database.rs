//! Where a run keeps what is stored: SQLite files in a folder, or databases of one PostgreSQL server.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_postgres::NoTls;
use vigie::store::{Store, postgres, sqlite};

/// The name of the database with the definitions and the patients and no response yet.
const BASE: &str = "base";

/// The same in a store that was filled before.
const GROWN: &str = "grown";

/// The kind of store, and the place for its databases.
pub(crate) struct Databases {
    folder: PathBuf,
    /// `postgres://user@host:port/database`, when it is no file.
    server: Option<String>,
    /// What copies are made of.
    base: &'static str,
}

impl Databases {
    /// In an empty folder.
    pub(crate) fn new(folder: &Path, server: Option<String>) -> Self {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).expect("a folder for the run");
        Self { folder: folder.to_owned(), server, base: BASE }
    }

    /// The same place, where everything begins with a copy of a store that the benchmark of searches has filled: the path of a
    /// file, or the name of a database on the server.
    pub(crate) async fn grown(&self, of: &str) -> Self {
        match &self.server {
            Some(server) => {
                on_server(server, GROWN, Some(of)).await;
            }
            None => {
                let path = self.file(GROWN, None);
                fs::copy(of, path).expect("a store that was filled and kept");
            }
        }
        Self { folder: self.folder.clone(), server: self.server.clone(), base: GROWN }
    }

    /// What copies are made of, which nobody may have open then.
    pub(crate) fn origin(&self) -> String {
        match &self.server {
            Some(server) => beside(server, self.base),
            None => format!("sqlite:{}", self.path(self.base).display()),
        }
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
        self.made(name, Some(self.base)).await
    }

    /// A copy that is not needed any more: those of a large store fill a disk.
    pub(crate) async fn remove(&self, name: &str) {
        match &self.server {
            Some(server) => {
                execute(server, &[format!("DROP DATABASE vigie_bench_{name} WITH (FORCE)")]).await
            }
            None => drop(self.file(name, None)),
        }
    }

    async fn made(&self, name: &str, of: Option<&str>) -> String {
        match &self.server {
            Some(server) => {
                let of = of.map(|of| format!("vigie_bench_{of}"));
                on_server(server, name, of.as_deref()).await
            }
            None => format!("sqlite:{}", self.file(name, of).display()),
        }
    }

    fn file(&self, name: &str, of: Option<&str>) -> PathBuf {
        let path = self.path(name);
        for ending in ["sqlite", "sqlite-wal", "sqlite-shm"] {
            let _ = fs::remove_file(path.with_extension(ending));
        }
        if let Some(of) = of {
            fs::copy(self.path(of), &path).expect("a copy of the store");
        }
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.sqlite"))
    }
}

async fn on_server(server: &str, name: &str, of: Option<&str>) -> String {
    let template = of.unwrap_or("template0");
    // Pages of a large one would all go through the log.
    let strategy = if name == GROWN || template.ends_with(GROWN) { " STRATEGY = FILE_COPY" } else { "" };
    let statements = [
        format!("DROP DATABASE IF EXISTS vigie_bench_{name} WITH (FORCE)"),
        format!("CREATE DATABASE vigie_bench_{name} TEMPLATE {template}{strategy}"),
    ];
    execute(server, &statements).await;
    beside(server, name)
}

async fn execute(server: &str, statements: &[String]) {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.expect("a PostgreSQL server");
    let connection = tokio::spawn(connection);
    for statement in statements {
        client.batch_execute(statement).await.unwrap_or_else(|fault| panic!("{statement}: {fault}"));
    }
    connection.abort();
}

/// The address of a database of the run on the same server.
fn beside(server: &str, name: &str) -> String {
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
