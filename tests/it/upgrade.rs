//! Clients that offer another protocol with their first request, as Java's own does: answered in this one, whole.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Service;

#[tokio::test]
async fn an_offer_of_another_protocol_is_passed_over_and_the_end_of_the_connection_told() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let address = service.at("").trim_start_matches("http://").to_owned();
    let patient = r#"{"resourceType":"Patient"}"#;
    for (line, body, status) in
        [("GET /metadata", "", 200), ("POST /Patient", patient, 201), ("GET /nope", "", 404)]
    {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: {address}\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\n\
             http2-settings: AAMAAABkAAQAAP__\r\ncontent-type: application/fhir+json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.to_lowercase().contains("connection: close") && !head.contains("upgrade"), "{head}");
        assert!(body.starts_with('{') && body.ends_with('}'), "{body}");
    }
}
