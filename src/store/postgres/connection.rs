//! Connecting: what a session is set to, and TLS when it is asked for.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Pool, PoolConfig, PoolError, RecyclingMethod, Runtime, TimeoutType,
    Timeouts,
};
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::problem::unreachable;
use super::tls::Wanted;
use crate::problem::{Category, Problem};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long sent bytes may stay unacknowledged before the connection counts as lost.
const UNACKNOWLEDGED: Duration = Duration::from_secs(15);

/// Every session. Plans must not hang on what the planner believes about tables that grow fast: each statement
/// of ours has an index that suits it, and no plan without one is ever right. Nor is one that reads all matches and sorts
/// them where an index has the first page in order, which is what pages that are dear to fetch would suggest. To start
/// another process takes longer than any of our statements should.
const SESSION: &str = "SET enable_seqscan = off; SET random_page_cost = 1.1; SET jit = off; \
                       SET max_parallel_workers_per_gather = 0; SET statement_timeout = '30s'; \
                       SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '5s'; SET timezone = 'UTC'";
/// Sessions that write look up a few keys in large tables: never by reading one as a whole.
const WRITER: &str = "SET enable_hashjoin = off; SET enable_mergejoin = off";

/// Sessions that ask the same few statements again and again, for many clients at once: they are planned once, not for each
/// array of keys, which would take longer than to answer them; and by an index for each key, as those of writers.
const LANE: &str = "SET plan_cache_mode = force_generic_plan";

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
        let (url, mode, roots) = without_tls(url);
        let wanted = Wanted::parse(mode.as_deref(), roots.as_deref()).map_err(refusal)?;
        let mut config: Config = url.parse().map_err(|fault: Error| {
            let reason =
                std::error::Error::source(&fault).map_or_else(String::new, |source| format!(": {source}"));
            refusal(format!("the address of the database cannot be read ({fault}{reason})"))
        })?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(UNACKNOWLEDGED);
        config.application_name("vigie").ssl_mode(wanted.driver_mode());
        Ok(Self { config, tls: wanted.connector().map_err(refusal)? })
    }

    /// Where it is, without who asks and by what password.
    pub(super) fn place(&self) -> String {
        let port = |n: usize| self.config.get_ports().get(n).or(self.config.get_ports().first());
        let place = |(n, host): (usize, &Host)| {
            let host = match host {
                Host::Tcp(name) => name.clone(),
                Host::Unix(folder) => folder.display().to_string(),
            };
            port(n).map_or(host.clone(), |port| format!("{host}:{port}"))
        };
        let hosts: Vec<String> = self.config.get_hosts().iter().enumerate().map(place).collect();
        hosts.join(", ")
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

    /// A connection for what many clients ask in one statement.
    pub(super) async fn connect_lane(&self) -> Result<Client, Error> {
        let (client, _) = self.connect().await?;
        client.batch_execute(&format!("{WRITER}; {LANE}")).await?;
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

/// The address without what it says about TLS, which the driver knows only in part: `sslmode` and `sslrootcert`.
fn without_tls(url: &str) -> (String, Option<String>, Option<String>) {
    let (mut mode, mut roots) = (None, None);
    let Some((address, query)) = url.split_once('?') else { return (url.to_owned(), None, None) };
    let others: Vec<&str> = query
        .split('&')
        .filter(|part| match part.split_once('=') {
            Some(("sslmode", value)) => {
                mode = Some(decoded(value));
                false
            }
            Some(("sslrootcert", value)) => {
                roots = Some(decoded(value));
                false
            }
            _ => true,
        })
        .collect();
    let mark = if others.is_empty() { "" } else { "?" };
    (format!("{address}{mark}{}", others.join("&")), mode, roots)
}

/// Percent-encoded bytes as they are meant (RFC 3986, 2.1).
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
        match fault {
            PoolError::Timeout(TimeoutType::Wait) => crate::store::queue::busy(),
            _ => unreachable(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_that_is_not_there_is_told_with_its_place_and_the_reason() {
        let address = "postgres://vigie:s3cret@127.0.0.1:1/x";
        let problem = super::super::open(address, &super::super::Options::default()).await.err().unwrap();
        let said = problem.to_string();
        assert!(
            said.contains("the database at 127.0.0.1:1 cannot be reached: ") && said.contains("refused"),
            "{said}"
        );
        assert!(!said.contains("s3cret"), "{said}");
    }

    #[test]
    fn an_address_that_cannot_be_read_is_refused_without_being_repeated() {
        for (url, reason) in [
            ("postgres://vigie:s3cret@host:port/x", "cannot be read"),
            ("postgres://vigie:s3cret@host/x?colour=red", "cannot be read"),
            ("postgres://vigie:s3cret@host/x?sslmode=maybe", "sslmode is"),
            (
                "postgres://vigie:s3cret@host/x?sslrootcert=/nowhere.pem&sslmode=verify-ca",
                "sslrootcert /nowhere.pem",
            ),
        ] {
            let problem = Address::parse(url).err().unwrap().to_string();
            assert!(problem.contains(reason) && !problem.contains("s3cret"), "{problem}");
        }
        assert!(Address::parse("postgres://vigie@127.0.0.1:5432/vigie?options=-csearch_path%3Dv").is_ok());
    }

    #[test]
    fn what_an_address_says_about_tls_is_read_apart() {
        let check = |url: &str, expected: (&str, Option<&str>, Option<&str>)| {
            let (address, mode, roots) = without_tls(url);
            assert_eq!((address.as_str(), mode.as_deref(), roots.as_deref()), expected);
        };
        check("postgres://h/d", ("postgres://h/d", None, None));
        check("postgres://h/d?sslmode=require", ("postgres://h/d", Some("require"), None));
        check(
            "postgres://h/d?a=b&sslmode=verify-ca&sslrootcert=%2Fetc%2Fca%C3%A9.pem&c=d",
            ("postgres://h/d?a=b&c=d", Some("verify-ca"), Some("/etc/caé.pem")),
        );
        assert_eq!(decoded("100%"), "100%");
    }
}
