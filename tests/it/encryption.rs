//! TLS between the service and PostgreSQL, in the modes of libpq: encrypted whoever the server is, or only to a server
//! that the given authority vouches for, under the name that was asked for.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use vigie::problem::Category;
use vigie::store::Store;
use vigie::store::postgres::{self, Options};

use crate::support::cluster::Cluster;

/// Runs `openssl` in that folder.
fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    let output = output.expect("openssl, which PostgreSQL's package brings along");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority with that name.
fn authority(folder: &Path, name: &str) {
    openssl(
        folder,
        &format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} -keyout {name}.key \
             -out {name}.crt"
        ),
    );
}

/// A certificate for that host, signed by that authority.
fn certificate(folder: &Path, authority: &str, host: &str) {
    openssl(
        folder,
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=server -keyout made.key -out made.csr",
    );
    std::fs::write(folder.join("made.ext"), format!("subjectAltName={host}\n")).unwrap();
    openssl(
        folder,
        &format!(
            "x509 -req -days 2 -in made.csr -CA {authority}.crt -CAkey {authority}.key -CAcreateserial -extfile \
             made.ext -out made.crt"
        ),
    );
}

/// A server with a certificate for `127.0.0.1`, and the folder of both authorities.
async fn encrypted(host: &str) -> Option<(Cluster, tempfile::TempDir)> {
    started(host, &["ssl=on", "ssl_cert_file=../made.crt", "ssl_key_file=../made.key"]).await
}

/// The same with these settings; `hba.conf` lets the account `guarded` in by password and TLS only.
async fn started(host: &str, settings: &[&str]) -> Option<(Cluster, tempfile::TempDir)> {
    let mut cluster = Cluster::made(settings)?;
    let folder = tempfile::tempdir().unwrap();
    authority(folder.path(), "right");
    authority(folder.path(), "wrong");
    certificate(folder.path(), "right", host);
    for file in ["made.crt", "made.key"] {
        cluster.put(file, &std::fs::read(folder.path().join(file)).unwrap());
    }
    let accounts = "host all vigie 127.0.0.1/32 trust\nhostssl all guarded 127.0.0.1/32 scram-sha-256\n";
    cluster.put("hba.conf", accounts.as_bytes());
    cluster.run().await;
    Some((cluster, folder))
}

/// What became of one address, as it is said.
async fn said(cluster: &Cluster, query: &str) -> String {
    let url = format!("{}?{query}", cluster.url());
    postgres::open(&url, &Options::default())
        .await
        .err()
        .map(|problem| problem.to_string())
        .unwrap_or_default()
}

/// Whether the store opens, reads, and is encrypted; or how it is refused.
async fn tried(cluster: &Cluster, query: &str) -> Result<bool, Category> {
    let url = format!("{}?{query}", cluster.url());
    let store = postgres::open(&url, &Options::default()).await.map_err(|problem| problem.category)?;
    store.ready().await.map_err(|problem| problem.category)?;
    let select = "SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
         WHERE a.application_name = 'vigie'";
    Ok(cluster.connect().await.unwrap().query_one(select, &[]).await.unwrap().get(0))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_believed_as_far_as_the_mode_says() {
    let Some((cluster, folder)) = encrypted("IP:127.0.0.1").await else { return };
    let root = |name: &str| format!("sslrootcert={}", folder.path().join(name).display());
    let (right, wrong) = (root("right.crt"), root("wrong.crt"));
    for (query, expected) in [
        ("sslmode=disable".to_owned(), Ok(false)),
        ("sslmode=prefer".to_owned(), Ok(true)),
        ("sslmode=require".to_owned(), Ok(true)),
        (format!("sslmode=require&{wrong}"), Err(Category::Busy)),
        (format!("sslmode=verify-ca&{right}"), Ok(true)),
        (format!("sslmode=verify-ca&{wrong}"), Err(Category::Busy)),
        (format!("sslmode=verify-full&{right}"), Ok(true)),
        (format!("sslmode=verify-full&{wrong}"), Err(Category::Busy)),
        ("sslmode=verify-full".to_owned(), Err(Category::Busy)),
        (format!("sslmode=verify-full&{}", root("nothing.crt")), Err(Category::Malformed)),
        // The server's own certificate stands for an authority.
        (format!("sslmode=verify-full&{}", root("made.crt")), Ok(true)),
    ] {
        assert_eq!(tried(&cluster, &query).await, expected, "{query}");
    }
    let wrong = said(&cluster, &format!("sslmode=verify-full&{wrong}")).await;
    assert!(wrong.contains("sslmode") && wrong.contains("UnknownIssuer"), "{wrong}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_host_is_refused_where_the_name_counts() {
    let Some((cluster, folder)) = encrypted("DNS:database.example").await else { return };
    let right = format!("sslrootcert={}", folder.path().join("right.crt").display());
    assert_eq!(tried(&cluster, &format!("sslmode=verify-ca&{right}")).await, Ok(true));
    assert_eq!(tried(&cluster, &format!("sslmode=verify-full&{right}")).await, Err(Category::Busy));
    let named = said(&cluster, &format!("sslmode=verify-full&{right}")).await;
    assert!(named.contains("sslmode") && named.contains("database.example"), "{named}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_refused_where_it_is_required() {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    assert_eq!(tried(&cluster, "sslmode=prefer").await, Ok(false));
    assert_eq!(tried(&cluster, "sslmode=require").await, Err(Category::Busy));
    assert!(said(&cluster, "sslmode=require").await.contains("not encrypted as sslmode asks for"));
}

const SECRET: &str = "s3cret-of-the-test";

/// The real binary over that address, with everything that it logs; whether it serves, and all that it printed.
fn served(address: &str) -> (bool, String) {
    let mut service = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .arg("serve")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("VIGIE_LISTEN", "127.0.0.1:0")
        .env("VIGIE_DATABASE", address)
        .env("VIGIE_LOG_LEVEL", "trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Read on a thread of its own: a pipe that is full would stop the service.
    let mut errors = service.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = errors.read_to_string(&mut text);
        text
    });
    let mut line = String::new();
    BufReader::new(service.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let serves = line.contains("listens on");
    if let Some(url) = line.trim().strip_prefix("vigie listens on http://") {
        // It has used the database, and hears signals.
        let host = url.split('/').next().unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        stream.write_all(format!("GET /readyz HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
        let _ = Command::new("kill").args(["-TERM", &service.id().to_string()]).status();
    }
    assert_eq!(service.wait().unwrap().success(), serves);
    (serves, line + &reading.join().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_travels_encrypted_and_is_never_printed() {
    let settings = ["ssl=on", "ssl_cert_file=../made.crt", "ssl_key_file=../made.key", "hba_file=hba.conf"];
    let Some((cluster, folder)) = started("IP:127.0.0.1", &settings).await else { return };
    let client = cluster.connect().await.unwrap();
    client
        .batch_execute(&format!(
            "SET password_encryption = 'scram-sha-256'; CREATE ROLE guarded SUPERUSER LOGIN PASSWORD '{SECRET}'"
        ))
        .await
        .unwrap();
    let root = |name: &str| format!("sslrootcert={}", folder.path().join(name).display());
    let address = |password: &str, query: &str| {
        format!("{}?{query}", cluster.url().replace("vigie@", &format!("guarded:{password}@")))
    };
    for (password, query, reason) in [
        (SECRET, "sslmode=require".to_owned(), None),
        (SECRET, format!("sslmode=verify-full&{}", root("right.crt")), None),
        (SECRET, format!("sslmode=verify-full&{}", root("wrong.crt")), Some("UnknownIssuer")),
        // The server takes this account over TLS only.
        (SECRET, "sslmode=disable".to_owned(), Some("no pg_hba.conf entry")),
        ("another-s3cret", "sslmode=require".to_owned(), Some("password authentication failed")),
    ] {
        let address = address(password, &query);
        let (serves, printed) = tokio::task::spawn_blocking(move || served(&address)).await.unwrap();
        assert_eq!(serves, reason.is_none(), "{query}: {printed}");
        assert!(printed.contains(reason.unwrap_or("listens on")), "{query}: {printed}");
        assert!(!printed.contains("s3cret"), "{query}: the password is printed");
    }
}
