//! What an operator reads: one line for each answer, complete once the service has stopped, and what is counted.

use std::fs::{self, File};

use futures_util::future::join_all;
use vigie::json::Value;

use crate::process::Service;

const ANSWERS: usize = 300;

/// The log of a service that answered that often and was told to stop right after.
async fn logged(json: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let database = format!("sqlite:{}", folder.path().join("store.sqlite").display());
    let variables = [("VIGIE_LOG_LEVEL", "info"), ("VIGIE_LOG_JSON", json)];
    let service = Service::start_logging(&database, &variables, File::create(&path).unwrap().into());
    answered(&service).await;
    assert!(service.terminate().success());
    fs::read_to_string(&path).unwrap()
}

/// Asks that often, ten times at once.
async fn answered(service: &Service) {
    let one = |n: usize| async move {
        let id = format!("answer-{n}-");
        let answer = service.ask("GET", "/Patient/nobody", &[("x-request-id", &id)], Vec::new()).await;
        assert_eq!(answer.status(), 404);
        assert_eq!(answer.headers()["x-request-id"], id);
    };
    for n in (0..ANSWERS).step_by(10) {
        join_all((n..n + 10).map(one)).await;
    }
}

/// The lines about answers, one for each.
fn of_answers(log: &str) -> Vec<&str> {
    let lines: Vec<_> = log.lines().filter(|line| line.contains("a request was answered")).collect();
    for n in 0..ANSWERS {
        let id = format!("answer-{n}-");
        assert_eq!(lines.iter().filter(|line| line.contains(&id)).count(), 1, "{id}");
    }
    lines
}

#[tokio::test]
async fn every_answer_has_its_line_once_the_service_has_stopped() {
    let log = logged("false").await;
    for line in of_answers(&log) {
        let (head, rest) = line.split_once(": a request was answered status=404 seconds=").unwrap();
        let (moment, span) = head.split_once("  INFO request{request_id=").unwrap();
        assert!(moment.parse::<jiff::Timestamp>().is_ok() && moment.len() == 27, "{line}");
        assert!(span.ends_with(" method=GET route=\"/{type}/{id}\"}"), "{line}");
        assert!(rest.parse::<f64>().is_ok(), "{line}");
    }
    assert!(log.ends_with('\n') && log.contains("INFO told to stop\n"), "{log}");
}

#[tokio::test]
async fn every_line_of_a_log_in_json_is_an_object_with_its_spans() {
    let log = logged("true").await;
    for line in of_answers(&log) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((line["status"].as_i64(), line["level"].as_str()), (Some(404), Some("INFO")), "{line}");
        assert!(line["seconds"].as_f64().is_some(), "{line}");
        let (span, spans) = (&line["span"], line["spans"].as_array().unwrap());
        assert!(span["request_id"].as_str().unwrap().starts_with("answer-"), "{line}");
        assert_eq!(spans.first(), Some(span), "{line}");
    }
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
}

#[tokio::test]
async fn every_answer_is_counted_by_method_route_and_status() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    answered(&service).await;
    assert_eq!(service.ask("BREW", "/Patient/nobody", &[], Vec::new()).await.status(), 405);
    let metrics = service.ask("GET", "/metrics", &[], Vec::new()).await.text().await.unwrap();
    let check = |line: &str| assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    check(&format!(
        r#"vigie_http_requests_total{{method="GET",route="/{{type}}/{{id}}",status="404"}} {ANSWERS}"#
    ));
    check(r#"vigie_http_requests_total{method="other",route="unmatched",status="405"} 1"#);
    check(&format!(r#"vigie_http_request_seconds_count{{route="/{{type}}/{{id}}"}} {ANSWERS}"#));
}
