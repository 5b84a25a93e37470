//! Connecting: what a session is set to, and TLS when it is asked for.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Pool, PoolConfig, RecyclingMethod, Runtime, Timeouts,
};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::problem::unreachable;
use crate::problem::{Category, Problem};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long sent bytes may stay unacknowledged before the connection counts as lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);

/// Every session. Plans must not hang on what the planner believes about tables that grow fast: each statement
/// of ours has an index that suits it, and no plan without one is ever right.
const SESSION: &str = "SET enable_seqscan = off; SET jit = off; SET statement_timeout = '30s'; \
                       SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '5s'; \
                       SET timezone = 'UTC'";
/// Sessions that write look up a few keys in large tables: never by reading one as a whole.
const WRITER: &str = "SET enable_hashjoin = off; SET enable_mergejoin = off";

/// How to reach the database.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Address {
    /// # Errors
    /// `Malformed` when the address cannot be read, or asks for TLS that cannot be had. The message never
    /// repeats the address: it may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self, Problem> {
        let mut config: Config = url.parse().map_err(|fault: Error| {
            let reason =
                std::error::Error::source(&fault).map_or_else(String::new, |source| format!(": {source}"));
            refusal(format!("the address of the database cannot be read ({fault}{reason})"))
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(UNACKNOWLEDGED);
        config.application_name("vigie");
        let tls = match config.get_ssl_mode() {
            SslMode::Require => Some(tls()?),
            _ => None,
        };
        Ok(Self { config, tls })
    }

    /// A connection for reading.
    pub(super) async fn connect(&self) -> Result<(Client, JoinHandle<()>), Error> {
        let (client, task) = match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                (client, tokio::spawn(ended(connection)))
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                (client, tokio::spawn(ended(connection)))
            }
        };
        client.batch_execute(SESSION).await?;
        Ok((client, task))
    }

    /// A connection for writing: what it commits is on disk, whatever the server's default is.
    pub(super) async fn connect_writer(&self) -> Result<Client, Error> {
        let (client, _) = self.connect().await?;
        client.batch_execute(WRITER).await?;
        let row = client.query_one("SHOW synchronous_commit", &[]).await?;
        if matches!(row.get(0), "off" | "local") {
            client.batch_execute("SET synchronous_commit = on").await?;
        }
        Ok(client)
    }

    /// A connection that calls back for each notification on the channel, and ends with the connection.
    pub(super) async fn listen(&self, channel: &str, notified: impl FnMut() + Send) -> Result<(), Error> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                super::listen::until_lost(client, connection, channel, notified).await
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                super::listen::until_lost(client, connection, channel, notified).await
            }
        }
    }

    /// Connections for reading, opened as they are needed.
    pub(super) fn pool(&self, size: usize) -> Result<Pool, Problem> {
        let manager = Manager::from_connect(
            self.config.clone(),
            self.clone(),
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let timeouts = Timeouts { wait: Some(CONNECT), create: Some(CONNECT), recycle: Some(CONNECT) };
        let config = PoolConfig { timeouts, ..PoolConfig::new(size) };
        Pool::builder(manager)
            .config(config)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|e| Problem::internal(format!("the pool of connections cannot be made: {e}")))
    }
}

impl Connect for Address {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        Box::pin(self.connect())
    }
}

/// The end of a connection shows in whatever was using it.
async fn ended(connection: impl Future<Output = Result<(), Error>> + Send) {
    if let Err(fault) = connection.await {
        tracing::debug!(%fault, "a connection to the database has ended");
    }
}

fn tls() -> Result<MakeRustlsConnect, Problem> {
    // Another room may have installed the same provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match MakeRustlsConnect::with_native_certs() {
        Ok((tls, _)) => Ok(tls),
        Err(_) => Err(refusal(
            "sslmode=require is asked for, and this machine has no root certificates to check the server with"
                .to_owned(),
        )),
    }
}

fn refusal(diagnostics: String) -> Problem {
    Problem::new(Category::Malformed, "value", diagnostics)
}

/// A connection of the pool; `Busy` when none can be had.
pub(super) async fn pooled(pool: &Pool, queue_max: usize) -> Result<deadpool_postgres::Object, Problem> {
    if pool.status().waiting >= queue_max {
        return Err(crate::store::queue::busy());
    }
    pool.get().await.map_err(|fault| {
        tracing::warn!(%fault, "no connection to the database can be had");
        unreachable()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_read_is_refused_without_being_repeated() {
        for url in ["postgres://vigie:s3cret@host:port/x", "postgres://vigie:s3cret@host/x?sslmode=maybe"] {
            let problem = Address::parse(url).err().unwrap().to_string();
            assert!(problem.contains("cannot be read") && !problem.contains("s3cret"), "{problem}");
        }
        assert!(Address::parse("postgres://vigie@127.0.0.1:5432/vigie?options=-csearch_path%3Dv").is_ok());
    }
}
