//! TLS between the service and PostgreSQL, in the modes of libpq: encrypted whoever the server is, or only to a server
//! that the given authority vouches for, under the name that was asked for.

use std::path::Path;
use std::process::Command;

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
    let mut cluster = Cluster::made(&["ssl=on", "ssl_cert_file=../made.crt", "ssl_key_file=../made.key"])?;
    let folder = tempfile::tempdir().unwrap();
    authority(folder.path(), "right");
    authority(folder.path(), "wrong");
    certificate(folder.path(), "right", host);
    for file in ["made.crt", "made.key"] {
        cluster.put(file, &std::fs::read(folder.path().join(file)).unwrap());
    }
    cluster.run().await;
    Some((cluster, folder))
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_for_another_host_is_refused_where_the_name_counts() {
    let Some((cluster, folder)) = encrypted("DNS:database.example").await else { return };
    let right = format!("sslrootcert={}", folder.path().join("right.crt").display());
    assert_eq!(tried(&cluster, &format!("sslmode=verify-ca&{right}")).await, Ok(true));
    assert_eq!(tried(&cluster, &format!("sslmode=verify-full&{right}")).await, Err(Category::Busy));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_refused_where_it_is_required() {
    let Some(cluster) = Cluster::start(&[]).await else { return };
    assert_eq!(tried(&cluster, "sslmode=prefer").await, Ok(false));
    assert_eq!(tried(&cluster, "sslmode=require").await, Err(Category::Busy));
}
