//! Bodies that come slowly: read as long as they may take, then told (408), and the connection ends.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Service;

/// Begins a request and goes on with one byte at a time; the answer up to the end of the connection. It is never so fast that the
/// whole body comes before its time is over, however fast the machine is.
async fn dripped(service: &Service, path: &str) -> String {
    let address = service.at("").trim_start_matches("http://").to_owned();
    let stream = TcpStream::connect(&address).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/fhir+json\r\ncontent-length: 100\r\n\r\n{{"
    );
    to.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let dripping = async {
        for _ in 0..90 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            if to.write_all(b" ").await.is_err() {
                break;
            }
        }
        // What is not told by now was not going to be.
        drop(to);
    };
    let (_, read) = tokio::join!(dripping, from.read_to_end(&mut answer));
    // Whoever still writes to a connection that ended may lose its last bytes, and never its answer's first.
    drop(read);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_body_that_drips_in_for_too_long_is_refused_and_its_connection_ends() {
    let folder = tempfile::tempdir().unwrap();
    let service =
        Service::start_with(&folder.path().join("store.sqlite"), &[("VIGIE_LIMITS_BODY_SECONDS", "1")]);
    for (path, says) in [
        ("/QuestionnaireResponse", "nothing of this response is kept"),
        ("/", "nothing of what the Bundle holds is kept"),
        ("/Patient", "within 1 s"),
    ] {
        let answer = dripped(&service, path).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{path}: {answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
        assert!(answer.contains("OperationOutcome") && answer.contains(says), "{path}: {answer}");
    }
    let metrics = service.ask("GET", "/metrics", &[], vec![]).await.text().await.unwrap();
    assert!(metrics.contains("vigie_responses_not_kept_total{reason=\"too-slow\"} 1"), "{metrics}");
}
