//! Final reports to a Document Recipient by both transactions of IHE MHD: Provide Document Bundle, ITI-65, and Simplified
//! Publish, ITI-105 (`PDSm` 3.1.1), and what of them is found here by who asks (ITI-67).

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use vigie::clock::{Clock, FixedClock, SeededIds};
use vigie::connector::{self, Connector, Connectors, Endpoint, TransactionServer};
use vigie::delivery::{Courier, Limits};
use vigie::interaction::{self, Context, Destination, DestinationKind, Publication};
use vigie::json::{Value, json};
use vigie::outbox::Backoff;
use vigie::sandbox::{Fault, Handle, mhd};

use crate::process::Service;
use crate::support::{App, Course, Place, body};

/// A service with a Document Recipient, and a final report of the first week of a patient whose identity is qualified.
struct Stage {
    context: Arc<Context>,
    clock: Arc<FixedClock>,
    recipient: Handle,
    courier: Courier,
    _place: Place,
}

impl Stage {
    async fn new(publication: Publication) -> (Self, Value) {
        let mut app = App::new().await;
        app.context.settings.destinations =
            vec![Destination::new("recipient", DestinationKind::Mhd(publication))];
        let week = Course::start(&app, "pembrolizumab").await.week("1");
        app.at(week["authored"].as_str().unwrap());
        app.submit(&week).await.unwrap();
        let mut report = app.search("DiagnosticReport", &[]).await.remove(0);
        report["status"] = json!("final");
        report["conclusion"] = json!("Bonne tolérance. Poursuite du traitement.");
        report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
        let clock = Arc::clone(&app.clock);
        let (context, place) = app.into_context();
        let recipient = mhd::start(([127, 0, 0, 1], 0).into()).unwrap();
        let courier = courier(&context, &clock, recipient.url());
        let stage = Self { context, clock, recipient, courier, _place: place };
        let report = stage.put(&report).await;
        (stage, report)
    }

    async fn put(&self, report: &Value) -> Value {
        let id = report["id"].as_str().unwrap();
        let bytes = serde_json::to_vec(report).unwrap();
        let answer = interaction::update(&self.context, "DiagnosticReport", id, &bytes, None).await;
        body(&answer.unwrap_or_else(|problem| panic!("{problem}")))
    }

    /// One round of the outbox, an hour later.
    async fn round(&self) {
        self.clock.set(self.clock.now() + SignedDuration::from_hours(1));
        self.courier.step().await.unwrap();
    }

    async fn correct(&self, report: &Value) {
        let mut corrected = report.clone();
        corrected["status"] = json!("corrected");
        corrected["conclusion"] = json!("Bonne tolérance. Dose réduite.");
        self.clock.set(self.clock.now() + SignedDuration::from_mins(5));
        self.put(&corrected).await;
    }

    async fn search(&self, rtype: &str, asked: &str) -> Value {
        let params = vigie::fhir::search::pairs(asked).unwrap();
        let found = interaction::search(&self.context, rtype, &params).await;
        let found = found.unwrap_or_else(|problem| panic!("{asked}: {problem}"));
        serde_json::from_slice(&found.body).unwrap()
    }
}

fn courier(context: &Context, clock: &Arc<FixedClock>, url: String) -> Courier {
    let endpoint = Endpoint { url, bearer: None, timeout: Duration::from_secs(5) };
    let connector: Arc<dyn Connector> =
        Arc::new(TransactionServer::new(connector::client().unwrap(), endpoint));
    let connectors: Connectors = [("recipient".to_owned(), connector)].into();
    let limits = Limits {
        lease_seconds: 30,
        in_flight_max: 8,
        poll: Duration::from_millis(20),
        backoff: Backoff { first_ms: 1_000, ceiling_ms: 60_000 },
    };
    let ids = Arc::new(SeededIds::new(clock.now(), "courier"));
    Courier::new(Arc::clone(&context.store), connectors, Arc::clone(clock) as Arc<dyn Clock>, ids, limits)
}

const EACH: [(Publication, &str); 2] =
    [(Publication::Bundle, "ITI-65"), (Publication::Simplified, "ITI-105")];

#[tokio::test]
async fn a_final_report_and_its_correction_arrive_and_only_the_correction_stays_current() {
    for (publication, transaction) in EACH {
        let (stage, report) = Stage::new(publication).await;
        stage.correct(&report).await;
        // Both are due at once: the second one waits for the first.
        stage.round().await;
        stage.round().await;
        let statuses: Vec<u16> = stage.recipient.received().iter().map(|one| one.status).collect();
        assert_eq!(statuses, if transaction == "ITI-65" { [200, 200] } else { [201, 201] });
        let described = stage.recipient.resources("DocumentReference");
        let standing: Vec<&str> = described.iter().map(|one| one["status"].as_str().unwrap()).collect();
        assert_eq!(standing, ["superseded", "current"], "{transaction}");
        let bytes: Vec<&str> =
            described.iter().map(|one| one["content"][0]["attachment"]["url"].as_str().unwrap()).collect();
        assert!(bytes.iter().all(|url| url.starts_with("Binary/")), "{bytes:?}");
        let events = stage.search("AuditEvent", &format!("subtype={transaction}&outcome=0")).await;
        assert_eq!(events["entry"].as_array().map(Vec::len), Some(2), "{transaction}");
        stage.recipient.stop().await;
    }
}

/// The rows of a proof: destination, state as people read it, and whether there is a reason.
fn rows(proof: &interaction::Proof) -> Vec<(String, String, String, bool)> {
    let told: Value = serde_json::from_slice(&proof.parameters().unwrap()).unwrap();
    assert_eq!(vigie::fhir::structure::check(&told), []);
    let rows = told["parameter"].as_array().into_iter().flatten().filter(|one| one["name"] == "row");
    rows.map(|row| {
        let part = |name: &str| row["part"].as_array().unwrap().iter().find(|part| part["name"] == name);
        let text = |name: &str, element: &str| {
            part(name).and_then(|part| part[element].as_str()).unwrap_or_default().to_owned()
        };
        let state = part("state").unwrap()["valueCoding"]["display"].as_str().unwrap().to_owned();
        let document = part("document").unwrap()["valueReference"]["reference"].as_str().unwrap().to_owned();
        (document, text("destination", "valueString"), state, part("reason").is_some())
    })
    .collect()
}

#[tokio::test]
async fn the_proof_of_a_document_tells_each_step_at_its_destination() {
    let (stage, report) = Stage::new(Publication::Bundle).await;
    let first = stage.search("DocumentReference", "").await["entry"][0]["resource"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let patient = report["subject"]["reference"].as_str().unwrap().trim_start_matches("Patient/").to_owned();
    let state = async || {
        let proof =
            interaction::proof_of_document(&stage.context, &first).await.unwrap_or_else(|p| panic!("{p}"));
        let mut rows = rows(&proof);
        assert_eq!(rows.len(), 1);
        let (document, destination, state, has_reason) = rows.remove(0);
        assert_eq!((document, destination.as_str()), (format!("DocumentReference/{first}"), "recipient"));
        (state, has_reason)
    };
    assert_eq!(state().await, ("en attente".to_owned(), false));
    stage.recipient.misbehave(Fault::Status(422), 1);
    stage.round().await;
    assert_eq!(state().await, ("refusé".to_owned(), true));
    stage.round().await;
    assert_eq!(state().await, ("accepté".to_owned(), false));
    stage.correct(&report).await;
    assert_eq!(state().await.0, "accepté", "the correction is not there yet");
    stage.round().await;
    assert_eq!(state().await.0, "remplacé");
    let proof =
        interaction::proof_of_patient(&stage.context, &patient).await.unwrap_or_else(|p| panic!("{p}"));
    let mut states: Vec<String> = rows(&proof).into_iter().map(|(_, _, state, _)| state).collect();
    states.sort();
    assert_eq!(states, ["accepté", "remplacé"]);
    let table = proof.csv();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(lines[0].starts_with("document,destination,type,état"), "{table}");
    assert!(lines.iter().any(|line| line.contains(&first) && line.contains(",mhd,remplacé,")), "{table}");
    assert!(table.contains("List/") && table.contains("urn:oid:2.25."), "ids of the receiver: {table}");
    assert!(interaction::proof_of_document(&stage.context, "none").await.is_err());
    stage.recipient.stop().await;
}

#[tokio::test]
async fn the_proof_is_given_as_parameters_xml_or_a_table() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    service.put(&json!({"resourceType": "Patient", "id": "p", "active": true})).await;
    let kind = async |path: &str, accept: &str| {
        let answer = service.ask("GET", path, &[("accept", accept)], vec![]).await;
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), kind.split(';').next().unwrap().to_owned())
    };
    let said = |status: u16, kind: &str| (status, kind.to_owned());
    assert_eq!(kind("/Patient/p/$proof", "*/*").await, said(200, "application/fhir+json"));
    assert_eq!(kind("/Patient/p/$proof", "application/fhir+xml").await, said(200, "application/fhir+xml"));
    assert_eq!(kind("/Patient/p/$proof", "text/csv").await, said(200, "text/csv"));
    assert_eq!(kind("/Patient/p/$proof?_format=csv", "*/*").await, said(200, "text/csv"));
    assert_eq!(kind("/Patient/p", "text/csv").await.0, 406);
    assert_eq!(kind("/DocumentReference/none/$proof", "*/*").await.0, 404);
}

#[tokio::test]
async fn a_repeat_is_the_same_bytes_and_is_kept_once() {
    for (publication, transaction) in EACH {
        let (stage, _) = Stage::new(publication).await;
        for fault in [Fault::AnswerLost, Fault::Status(503), Fault::Gibberish] {
            stage.recipient.misbehave(fault, 1);
            stage.round().await;
        }
        stage.round().await;
        let received = stage.recipient.received();
        assert_eq!(received.len(), 4, "{transaction}");
        assert!(
            received.iter().all(|one| one.bytes == received[0].bytes),
            "{transaction}: the bytes changed"
        );
        assert_eq!(stage.recipient.resources("DocumentReference").len(), 1, "{transaction}");
        let delivered = stage.search("AuditEvent", "outcome=0").await;
        assert_eq!(delivered["entry"].as_array().map(Vec::len), Some(1), "{transaction}");
        stage.recipient.stop().await;
    }
}

/// What MHD 4.2.3 and `PDSm` 3.1.1 have a responder search by: each with a value that finds the document, and one that does
/// not.
const ITI_67: &[(&str, &str, &str)] = &[
    ("author.family", "ONCOLOGUE", "PERSONNE"),
    ("author.given", "test", "personne"),
    ("category", "10", "11"),
    (
        "category",
        "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument|10",
        "urn:x|10",
    ),
    ("creation", "ge2026-01-01", "lt2026-01-01"),
    ("date", "ge2026-01-01", "lt2026-01-01"),
    ("facility", "SA01", "SA05"),
    ("format", "urn:ihe:iti:xds-sd:pdf:2008", "urn:ihe:iti:xds-sd:text:2008"),
    ("isArchived:missing", "true", "false"),
    ("period", "2026", "1999"),
    ("period-end", "ge2026-01-01", "lt2026-01-01"),
    ("period-start", "ge2026-01-01", "lt2026-01-01"),
    ("event:missing", "true", "false"),
    ("relatesto:missing", "true", "false"),
    ("security-label", "N", "V"),
    ("setting", "ETABLISSEMENT", "AMBULATOIRE"),
    ("type", "http://loinc.org|85208-7", "http://loinc.org|11488-4"),
    ("contenttype", "text/xml", "application/pdf"),
];

#[tokio::test]
async fn a_document_is_found_by_every_parameter_that_mhd_and_pdsm_know() {
    let (stage, _) = Stage::new(Publication::Bundle).await;
    let found = stage.search("DocumentReference", "").await["entry"][0]["resource"].clone();
    let text = |pointer: &str| found.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let patient = text("/subject/reference");
    let known = found["contained"][0]["identifier"][0].clone();
    let ins = format!("{}|{}", known["system"].as_str().unwrap(), known["value"].as_str().unwrap());
    let count = async |asked: &str| {
        let bundle = stage.search("DocumentReference", asked).await;
        assert_eq!(bundle["type"], "searchset");
        assert!(
            bundle["entry"]
                .as_array()
                .is_none_or(|all| all.iter().all(|one| one["search"]["mode"] == "match"))
        );
        bundle["total"].as_u64().unwrap_or_else(|| panic!("{asked}: no total"))
    };
    for whom in [format!("patient={patient}"), format!("patient.identifier={ins}")] {
        assert_eq!(count(&format!("{whom}&status=current")).await, 1, "{whom}");
        assert_eq!(count(&format!("{whom}&status=superseded")).await, 0, "{whom}");
        for (name, value, other) in ITI_67 {
            assert_eq!(count(&format!("{whom}&status=current&{name}={value}")).await, 1, "{name}={value}");
            assert_eq!(count(&format!("{whom}&status=current&{name}={other}")).await, 0, "{name}={other}");
        }
        for name in ["/masterIdentifier/value", "/identifier/0/value"] {
            let asked = format!("{whom}&status=current&identifier=urn:ietf:rfc:3986|{}", text(name));
            assert_eq!(count(&asked).await, 1, "{asked}");
        }
        let related = format!("{whom}&status=current&related={}", text("/context/related/0/reference"));
        assert_eq!(count(&related).await, 1, "{related}");
    }
    stage.recipient.stop().await;
}

#[tokio::test]
async fn what_is_found_can_be_fetched_and_a_query_without_status_is_warned_about() {
    let (stage, report) = Stage::new(Publication::Bundle).await;
    stage.correct(&report).await;
    let patient = report["subject"]["reference"].as_str().unwrap();
    let bundle = stage.search("DocumentReference", &format!("patient={patient}&status=current")).await;
    let described = &bundle["entry"][0]["resource"];
    let (base, url) =
        (&stage.context.settings.base_url, described["content"][0]["attachment"]["url"].as_str().unwrap());
    assert!(url.starts_with(&format!("{base}/Binary/")), "{url}");
    assert_eq!(
        bundle["entry"][0]["fullUrl"],
        format!("{base}/DocumentReference/{}", described["id"].as_str().unwrap())
    );
    let bundle = stage.search("DocumentReference", &format!("patient={patient}")).await;
    let entries = bundle["entry"].as_array().unwrap();
    let modes: Vec<&str> = entries.iter().map(|one| one["search"]["mode"].as_str().unwrap()).collect();
    assert_eq!((modes, &bundle["total"]), (vec!["match", "match", "outcome"], &json!(2)));
    assert_eq!(entries[2]["resource"]["issue"][0]["severity"], "warning");
    stage.recipient.stop().await;
}

#[tokio::test]
async fn a_binary_is_given_as_its_bytes_to_who_does_not_ask_for_fhir() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let binary =
        json!({"resourceType": "Binary", "id": "b", "contentType": "text/xml", "data": "PGE+w6k8L2E+"});
    service.put(&binary).await;
    let asked = async |path: &str, headers: &[(&str, &str)]| service.ask("GET", path, headers, vec![]).await;
    for headers in [&[][..], &[("accept", "*/*")], &[("accept", "text/xml, application/fhir+json;q=0.1")]] {
        for path in ["/Binary/b", "/Binary/b/_history/1"] {
            let answer = asked(path, headers).await;
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["content-type"]),
                (200, &"text/xml".parse().unwrap())
            );
            assert_eq!(answer.headers()["etag"], "W/\"1\"");
            assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
            assert_eq!(answer.text().await.unwrap(), "<a>é</a>");
        }
    }
    for (path, accept, kind) in [
        ("/Binary/b", "application/fhir+json", "application/fhir+json; charset=utf-8"),
        ("/Binary/b", "application/fhir+xml", "application/fhir+xml; charset=utf-8"),
        ("/Binary/b?_format=json", "text/xml", "application/fhir+json; charset=utf-8"),
    ] {
        let answer = asked(path, &[("accept", accept)]).await;
        assert_eq!(answer.headers()["content-type"], kind, "{path} {accept}");
    }
    assert_eq!(asked("/Binary/b", &[("accept", "image/png")]).await.status(), 406);
    assert_eq!(asked("/Binary/b", &[("if-none-match", "W/\"1\"")]).await.status(), 304);
    assert_eq!(asked("/Binary/none", &[("accept", "application/pdf")]).await.status(), 404);
}

#[tokio::test]
async fn an_event_is_read_and_searched_and_never_written_by_a_client() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let event = json!({"resourceType": "AuditEvent", "id": "e", "type": {"code": "x"}, "recorded": "2026-01-05T08:00:00Z",
        "agent": [{"requestor": false}], "source": {"observer": {"display": "x"}}});
    let sent = async |method: &str, path: &str, body: &Value| {
        let answer = service.send(method, path, body.to_string().into_bytes()).await.unwrap();
        (answer.0, answer.1["issue"][0]["diagnostics"].as_str().unwrap_or_default().to_owned())
    };
    for (method, path) in [
        ("PUT", "/AuditEvent/e"),
        ("POST", "/AuditEvent"),
        ("DELETE", "/AuditEvent/e"),
        ("PATCH", "/AuditEvent/e"),
    ] {
        let (status, said) = sent(method, path, &event).await;
        assert_eq!(status, 405, "{method} {path}: {said}");
        assert!(said.contains("GET") && !said.contains("PUT"), "{said}");
    }
    for (method, url) in [("POST", "AuditEvent"), ("PUT", "AuditEvent/e"), ("DELETE", "AuditEvent/e")] {
        for kind in ["transaction", "batch"] {
            let bundle = json!({"resourceType": "Bundle", "type": kind,
                "entry": [{"resource": event, "request": {"method": method, "url": url}}]});
            let (status, answer) = service.send("POST", "/", bundle.to_string().into_bytes()).await.unwrap();
            let inner = answer["entry"][0]["response"]["status"].as_str().unwrap_or_default();
            assert!(status >= 400 || inner.starts_with('4'), "{kind} {method} {url}: {status} {answer:#}");
        }
    }
    let (status, found) = service.get("/AuditEvent?type=x").await;
    assert_eq!((status, found["entry"].is_null()), (200, true), "nothing was written");
    assert_eq!(service.get("/AuditEvent/e").await.0, 404);
}
