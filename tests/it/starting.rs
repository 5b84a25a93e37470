//! Before the store can be used, because it is migrated or a replica migrates it, the service says that it is alive and not ready.

use std::net::TcpListener;
use std::time::Duration;

use rusqlite::Connection;
use vigie::json::Value;

use crate::process::Service;
use crate::support::postgres::Database;

/// The advisory lock under which replicas migrate one after the other.
const MIGRATING: i64 = 0x5667_6965;

/// What is answered, once anything is.
async fn ask(client: &reqwest::Client, url: &str) -> (u16, Option<String>, String) {
    for _ in 0..300 {
        if let Ok(answer) = client.get(url).send().await {
            let wait = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
            return (answer.status().as_u16(), wait, answer.text().await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{url} answers nothing");
}

/// An address that was free a moment ago.
fn address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_file_is_opened_the_service_is_alive_and_not_ready() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vigie.sqlite");
    drop(Service::start(&file));
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (address, database) = (address(), format!("sqlite:{}", file.display()));
    let listen = address.clone();
    let starting = tokio::task::spawn_blocking(move || {
        let origins = ("VIGIE_CORS_ORIGINS", "[\"https://console.example\"]");
        Service::start_on(&database, &[("VIGIE_LISTEN", listen.as_str()), origins])
    });
    let client = reqwest::Client::new();
    assert_eq!(ask(&client, &format!("http://{address}/livez")).await.0, 200);
    // A page of another origin is told, too, and not that the service cannot be reached.
    let get = client.get(format!("http://{address}/Task")).header("origin", "https://console.example");
    let answer = get.send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://console.example");
    assert!(answer.headers()["access-control-expose-headers"].to_str().unwrap().contains("retry-after"));
    let (status, wait, text) = ask(&client, &format!("http://{address}/readyz")).await;
    assert_eq!((status, wait.as_deref()), (503, Some("5")));
    assert!(text.contains("its database is opened"), "{text}");
    other.execute_batch("COMMIT").unwrap();
    let service = starting.await.unwrap();
    assert_eq!(service.get("/metadata").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_migrated_the_service_is_alive_and_not_ready() {
    let Some(database) = Database::new().await else { return };
    let other = database.connect().await;
    other.execute("SELECT pg_advisory_lock($1)", &[&MIGRATING]).await.unwrap();
    let address = address();
    let (url, listen) = (database.url().to_owned(), address.clone());
    let starting =
        tokio::task::spawn_blocking(move || Service::start_on(&url, &[("VIGIE_LISTEN", listen.as_str())]));
    let client = reqwest::Client::new();
    let (status, _, text) = ask(&client, &format!("http://{address}/livez")).await;
    assert_eq!((status, text.as_str()), (200, "alive"));
    for path in ["/readyz", "/Patient", "/metadata"] {
        let (status, wait, text) = ask(&client, &format!("http://{address}{path}")).await;
        assert_eq!((status, wait.as_deref()), (503, Some("5")), "{path}");
        let outcome: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(outcome["issue"][0]["code"], "transient", "{path}");
        assert!(
            outcome["issue"][0]["diagnostics"].as_str().unwrap().contains("its database is opened"),
            "{path}"
        );
    }
    let response =
        client.post(format!("http://{address}/QuestionnaireResponse")).body("{}").send().await.unwrap();
    assert_eq!(response.status().as_u16(), 503, "nothing is acknowledged that is not kept");
    other.execute("SELECT pg_advisory_unlock($1)", &[&MIGRATING]).await.unwrap();
    let service = starting.await.unwrap();
    assert_eq!(service.get("/metadata").await.0, 200);
    // The connections that were told to wait are served like any other.
    assert_eq!(ask(&client, &format!("http://{address}/readyz")).await.0, 200);
}
