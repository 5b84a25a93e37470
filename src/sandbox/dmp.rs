//! A *dossier médical partagé* to try on: repository and registry (ITI-41, ITI-18, ITI-57) that verify signatures, VIHF,
//! metadata, sizes and digests, and refuse as a registry does: an unknown patient, a closed DMP, a taken id, the replacement
//! of what is not there.
//!
//! It is no model of the DMP's own rules, which are not public. It speaks mutual TLS where it is given certificates
//! ([`start_secured`]), and plain HTTP otherwise, where who it talks to is told by the seals alone.

mod registry;
mod submission;
mod tls;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

use super::fault::{Fault, Faults};
use super::peer::locked;
use crate::clock::Clock;
use crate::problem::Problem;
use crate::xds::{DocumentEntry, Status};
use registry::{Registry, Service};
use tls::Door;
pub use tls::{Mutual, start_secured};

const BODY_BYTES_MAX: usize = 32 << 20;

struct Desk {
    registry: Mutex<Registry>,
    faults: Faults,
    received: Mutex<Vec<Vec<u8>>>,
    clock: Arc<dyn Clock>,
}

/// A running DMP.
pub struct Dmp {
    address: SocketAddr,
    server: ServerHandle,
    door: Option<Door>,
    desk: Arc<Desk>,
}

impl fmt::Debug for Dmp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DMP sandbox at {}", self.address)
    }
}

/// Starts a DMP; port 0 takes a free one. Must be called in a tokio runtime. The clock says whether a VIHF is of now.
///
/// # Errors
/// Internal, when the address cannot be listened on.
pub fn start(address: SocketAddr, clock: Arc<dyn Clock>) -> Result<Dmp, Problem> {
    let desk = Arc::new(Desk {
        registry: Mutex::new(Registry::default()),
        faults: Faults::default(),
        received: Mutex::new(Vec::new()),
        clock,
    });
    let shared = web::Data::from(Arc::clone(&desk));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
            .route("/services/repository", web::post().to(repository))
            .route("/services/registry", web::post().to(of_registry))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(2)
    .bind(address)
    .map_err(|error| Problem::internal(format!("DMP sandbox cannot listen on {address}: {error}")))?;
    let address = server.addrs().first().copied().unwrap_or(address);
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(Dmp { address, server: handle, door: None, desk })
}

impl Dmp {
    /// Address of its services, to which `/repository` and `/registry` are added.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.door.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/services", self.address)
    }

    /// Why each client was refused before it could say anything, as TLS has it.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.door.as_ref().map(Door::refused).unwrap_or_default()
    }

    /// Ends it; what is being answered is answered first.
    pub async fn stop(self) {
        if let Some(door) = self.door {
            door.close().await;
        }
        self.server.stop(true).await;
    }

    /// The bytes of every request so far, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Vec<u8>> {
        locked(&self.desk.received).clone()
    }

    /// Every entry, signatures left out, in the order in which they came.
    #[must_use]
    pub fn entries(&self) -> Vec<DocumentEntry> {
        locked(&self.desk.registry).entries().to_vec()
    }

    /// The bytes of the document of that unique id.
    #[must_use]
    pub fn document(&self, unique_id: &str) -> Option<Vec<u8>> {
        locked(&self.desk.registry).document(unique_id).map(<[u8]>::to_vec)
    }

    /// The status of the document of that unique id.
    #[must_use]
    pub fn status(&self, unique_id: &str) -> Option<Status> {
        self.entries().iter().find(|entry| entry.unique_id == unique_id).and_then(|entry| entry.status)
    }

    /// Misbehaves like this for so many requests.
    pub fn misbehave(&self, fault: Fault, times: usize) {
        self.desk.faults.set(Some(fault), times);
    }

    /// Serves so many requests well, and then misbehaves like this for one.
    pub fn misbehave_after(&self, served: usize, fault: Fault) {
        self.desk.faults.set_after(served, Some(fault), 1);
    }

    /// Closes the DMP of that patient (a `CX`), or opens it again.
    pub fn close(&self, patient_id: &str, closed: bool) {
        locked(&self.desk.registry).close(patient_id, closed);
    }

    /// From now on only these patients (each a `CX`) have a DMP; before, everybody has.
    pub fn know_only(&self, patient_ids: &[&str]) {
        locked(&self.desk.registry).know_only(patient_ids);
    }

    /// From now on only this certificate (DER) may sign; before, everybody's may.
    pub fn trust_only(&self, certificate: &[u8]) {
        locked(&self.desk.registry).trust_only(certificate);
    }
}

async fn repository(desk: web::Data<Desk>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    serve(&desk, Service::Repository, &request, &body).await
}

async fn of_registry(desk: web::Data<Desk>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    serve(&desk, Service::Registry, &request, &body).await
}

async fn serve(desk: &Desk, service: Service, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    locked(&desk.received).push(body.to_vec());
    let fault = desk.faults.next();
    match fault {
        Some(Fault::Slow(pause)) => tokio::time::sleep(pause).await,
        Some(Fault::Silence(pause)) => {
            tokio::time::sleep(pause).await;
            return broken_off();
        }
        Some(Fault::Status(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            return HttpResponse::build(status).body("this peer was told to answer so");
        }
        Some(Fault::Gibberish) => return HttpResponse::Ok().body("<html>Bienvenue</html>"),
        Some(Fault::AnswerLost) | None => {}
    }
    let media = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let answer = locked(&desk.registry).answer(service, media, body, desk.clock.now());
    if fault == Some(Fault::AnswerLost) {
        return broken_off();
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status)
        .insert_header((CONTENT_TYPE, "application/soap+xml; charset=UTF-8"))
        .body(answer.bytes)
}

/// A promise of a body that never comes: the connection breaks off.
fn broken_off() -> HttpResponse {
    let body = futures_util::stream::iter([
        Ok(web::Bytes::from_static(b"<soap:Envelope")),
        Err(std::io::Error::other("broken off on demand")),
    ]);
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/soap+xml")).streaming(body)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::clock::{FixedClock, SystemIds};
    use crate::connector::{Connector, DocumentRepository, client};
    use crate::outbox::{Act, Delivery, Outcome};
    use crate::report::{Document, Edition, example, provide_and_register};
    use crate::signature::{Algorithm, example as seal};
    use crate::xds::vihf::{self, Mode, Options, Product};
    use crate::xds::{Code, Order, SubmissionSet, hl7};

    const PATIENT: &str = "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH";

    fn clock() -> Arc<FixedClock> {
        Arc::new(FixedClock::new("2026-03-09T14:20:03Z".parse().unwrap()))
    }

    fn peer() -> Dmp {
        start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), clock()).unwrap()
    }

    fn connector(peer: &Dmp, mode: Mode, algorithm: Algorithm) -> DocumentRepository {
        DocumentRepository {
            client: client().unwrap(),
            repository: format!("{}/repository", peer.url()),
            registry: format!("{}/registry", peer.url()),
            timeout: Duration::from_millis(900),
            seal: Arc::new(seal::key()),
            product: Product {
                name: "Vigie".into(),
                version: "0.1.0".into(),
                installation: None,
                homologation: "TEST-000000".into(),
            },
            options: Options { version: "3.0".into(), mode, algorithm, issuer: None },
            clock: clock(),
            ids: Arc::new(SystemIds),
        }
    }

    fn delivery((content_type, payload): (String, Vec<u8>)) -> Delivery {
        Delivery {
            id: "0192-delivery".into(),
            destination: "dmp".into(),
            kind: "xds".into(),
            patient: "Patient/p".into(),
            subject: "DocumentReference/d".into(),
            act: Act::Provide,
            content_type,
            payload,
            created_at: "2026-03-09T14:20:02Z".parse().unwrap(),
        }
    }

    fn first() -> (Document, Delivery) {
        let document = example::document();
        let order = provide_and_register::tests::order(&document, provide_and_register::Sender::Author);
        (document, delivery(order))
    }

    /// The next version of the same report.
    fn second() -> (Document, Delivery) {
        let mut report = example::report();
        report.version = 2;
        report.replaces = Some(crate::report::Replaced {
            document_id: example::edition().document_id,
            ..example::replaced()
        });
        let edition = Edition {
            document_id: "018f0000-0000-7000-8000-0000000000d2".into(),
            submission_id: "018f0000-0000-7000-8000-0000000000e2".into(),
            ..example::edition()
        };
        let document = Document::new(&report, edition, &example::issuer(), example::PAGES.to_vec())
            .unwrap_or_else(|problem| panic!("{problem}"));
        let id = "018f0000-0000-7000-8000-0000000000f2";
        let submitter = provide_and_register::tests::submitter(provide_and_register::Sender::Author);
        let order =
            provide_and_register::render(&document, &submitter, document.header.replaces.as_deref(), id, id);
        (document, delivery(order.unwrap_or_else(|problem| panic!("{problem}"))))
    }

    fn is_yes(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Accepted(_))
    }

    fn reason(outcome: Outcome) -> (bool, String) {
        match outcome {
            Outcome::Refused { reason } => (true, reason),
            Outcome::Unreachable { reason } => (false, reason),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_report_arrives_signed_and_whole_in_each_mode_and_algorithm() {
        for mode in Mode::ALL {
            for algorithm in Algorithm::ALL {
                let peer = peer();
                peer.trust_only(seal::key().certificate().der());
                let (document, delivery) = first();
                let outcome = connector(&peer, mode, algorithm).send(&delivery).await;
                let Outcome::Accepted(receipt) = &outcome else { panic!("{outcome:?}") };
                assert!(receipt.reference.as_ref().unwrap().starts_with("urn:oid:2.25."), "{receipt:?}");
                assert_eq!(peer.document(&document.header.id), Some(document.cda.clone()));
                assert_eq!(peer.entries().len(), 1);
                peer.stop().await;
            }
        }
    }

    #[tokio::test]
    async fn a_replacement_finds_the_entry_and_deprecates_it() {
        let peer = peer();
        let connector = connector(&peer, Mode::Indirect, Algorithm::RsaSha256);
        let (one, first) = first();
        let (two, second) = second();
        let (refused, why) = reason(connector.send(&second).await);
        assert!(refused && why.contains("does not know"), "{why}");
        assert!(is_yes(&connector.send(&first).await));
        assert!(is_yes(&connector.send(&second).await));
        assert_eq!(peer.status(&one.header.id), Some(Status::Deprecated));
        assert_eq!(peer.status(&two.header.id), Some(Status::Approved));
        // Again, as after a lost answer: it is there, and nothing changes.
        assert!(is_yes(&connector.send(&second).await));
        assert_eq!(peer.entries().len(), 2);
        peer.stop().await;
    }

    #[tokio::test]
    async fn a_lost_answer_is_repeated_without_a_second_copy_and_with_the_same_document() {
        let peer = peer();
        let connector = connector(&peer, Mode::Indirect, Algorithm::RsaSha256);
        let (document, delivery) = first();
        peer.misbehave(Fault::AnswerLost, 1);
        assert!(!reason(connector.send(&delivery).await).0);
        let outcome = connector.send(&delivery).await;
        let Outcome::Accepted(receipt) = &outcome else { panic!("{outcome:?}") };
        assert_eq!(receipt.status, "was there already");
        assert_eq!(peer.entries().len(), 1);
        for request in peer.received().iter().take(2) {
            assert!(request.windows(document.cda.len()).any(|window| window == document.cda), "other bytes");
        }
        peer.stop().await;
    }

    #[tokio::test]
    async fn each_refusal_tells_its_reason_in_french_and_never_the_patient() {
        let peer = peer();
        let connector = connector(&peer, Mode::Indirect, Algorithm::RsaSha256);
        let (_, delivery) = first();
        peer.close(PATIENT, true);
        let (refused, why) = reason(connector.send(&delivery).await);
        assert!(refused && why.contains("DMPClosed: le DMP du patient est fermé"), "{why}");
        peer.close(PATIENT, false);
        peer.know_only(&[]);
        let (refused, why) = reason(connector.send(&delivery).await);
        assert!(refused && why.contains("XDSUnknownPatientId") && !why.contains("279035"), "{why}");
        peer.know_only(&[PATIENT]);
        peer.trust_only(b"another certificate");
        let (refused, why) = reason(connector.send(&delivery).await);
        assert!(refused && why.contains("le VIHF est refusé"), "{why}");
        assert!(peer.entries().is_empty());
        peer.stop().await;
    }

    #[tokio::test]
    async fn every_fault_is_told_apart_and_keeps_nothing() {
        let peer = peer();
        let connector = connector(&peer, Mode::Indirect, Algorithm::RsaSha256);
        let (_, delivery) = first();
        for (fault, refused) in [
            (Fault::Status(400), true),
            (Fault::Status(503), false),
            (Fault::Silence(Duration::from_millis(20)), false),
            (Fault::Silence(Duration::from_secs(2)), false),
            (Fault::Gibberish, true),
        ] {
            peer.misbehave(fault, 1);
            assert_eq!(reason(connector.send(&delivery).await).0, refused, "{fault:?}");
            assert!(peer.entries().is_empty(), "{fault:?}");
        }
        peer.misbehave(Fault::Slow(Duration::from_millis(50)), 1);
        assert!(is_yes(&connector.send(&delivery).await));
        peer.stop().await;
    }

    fn set(n: u8) -> SubmissionSet {
        SubmissionSet {
            id: "SubmissionSet01".into(),
            unique_id: format!("2.25.4711{n}"),
            source_id: "1.2.250.1.999.1".into(),
            patient_id: PATIENT.into(),
            submission_time: "20260309142002".into(),
            author: crate::xds::example::author(),
            content_type: Code::new("07", "1.2.250.1.213.2.2", "Consultation Soins Externes"),
            title: None,
            comments: None,
        }
    }

    #[tokio::test]
    async fn a_document_is_hidden_shown_archived_and_deleted() {
        let peer = peer();
        let connector = connector(&peer, Mode::Indirect, Algorithm::RsaSha256);
        let (document, first) = first();
        assert!(is_yes(&connector.send(&first).await));
        let id = document.header.id;
        let mask = Code::new("INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13", "Non visible par le patient");
        for (n, masks) in [(1, vec![mask]), (2, vec![])] {
            let count = masks.len();
            let order = Order::visibility(set(n), &id, masks, vihf::example::claims(), "b").unwrap();
            let outcome = connector.send(&delivery(order)).await;
            assert!(is_yes(&outcome), "{outcome:?}");
            assert_eq!(peer.entries()[0].confidentiality.len(), 1 + count);
        }
        let archive = (Status::Approved, Status::Archived);
        let order = Order::status(set(3), &id, archive, vihf::example::claims(), "b").unwrap();
        assert!(is_yes(&connector.send(&delivery(order)).await));
        assert_eq!(peer.status(&id), Some(Status::Archived));
        let back = (Status::Archived, Status::Approved);
        let order = Order::status(set(4), &id, back, vihf::example::claims(), "b").unwrap();
        assert!(is_yes(&connector.send(&delivery(order)).await));
        let deletion = (Status::Approved, Status::Deleted);
        let order = Order::status(set(5), &id, deletion, vihf::example::claims(), "b").unwrap();
        peer.misbehave(Fault::Slow(Duration::ZERO), 1);
        for _ in 0..2 {
            let outcome = connector.send(&delivery(order.clone())).await;
            assert!(is_yes(&outcome), "{outcome:?}");
            assert_eq!(peer.status(&id), Some(Status::Deleted));
        }
        peer.stop().await;
    }

    /// What a registry must see for itself: each change is made after all checks of ours.
    #[tokio::test]
    async fn tampering_on_the_way_is_found() {
        let peer = peer();
        let key = seal::key();
        let (document, first) = first();
        let (order, metadata, documents) = Order::read(&first.content_type, &first.payload).unwrap();
        let options = Options {
            version: "3.0".into(),
            mode: Mode::Indirect,
            algorithm: Algorithm::RsaSha256,
            issuer: None,
        };
        let product = vihf::example::product();
        let post = async |change: &dyn Fn(Vec<u8>) -> Vec<u8>, patient_id: &str| {
            let mut claims = order.claims.clone();
            claims.patient_id = patient_id.to_owned();
            let now = clock().now();
            let assertion = vihf::assertion(&claims, &product, &options, "1", now, &key).unwrap();
            let request = crate::xds::Request { to: peer.url(), id: "018f-1".into(), assertion };
            let named = order.documents.iter().cloned().zip(documents.clone()).collect();
            let message = request.provide_and_register(metadata.clone(), named).unwrap();
            let response = client()
                .unwrap()
                .post(format!("{}/repository", peer.url()))
                .header("content-type", message.content_type)
                .body(change(message.bytes))
                .send()
                .await
                .unwrap();
            String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap()
        };
        let replaced = |from: &'static [u8], to: &'static [u8]| {
            move |bytes: Vec<u8>| {
                let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
                [&bytes[..at], to, &bytes[at + from.len()..]].concat()
            }
        };
        let check = |answer: String, expected: &str| {
            assert!(answer.contains(expected), "{expected}: {answer}");
            assert!(peer.entries().is_empty(), "{expected}");
        };
        check(post(&replaced(b"<ClinicalDocument ", b"<ClinicalDocument  "), PATIENT).await, "hash or size");
        check(post(&replaced(b"VIHF_Version", b"VIHF_version"), PATIENT).await, "InvalidSecurityToken");
        let other = hl7::cx("279035121518989", "1.2.250.1.213.1.4.11", "NH");
        check(post(&|bytes| bytes, &other).await, "XDSPatientIdDoesNotMatch");
        check(post(&replaced(b"cid:0.2", b"cid:0.9"), PATIENT).await, "XDSMissingDocument");
        check(
            post(&replaced(b"AA==</ds:DigestValue>", b"AAA=</ds:DigestValue>"), PATIENT).await,
            "hash or size",
        );
        let untouched = post(&|bytes| bytes, PATIENT).await;
        assert!(untouched.contains("StatusType:Success"), "{untouched}");
        assert_eq!(peer.document(&document.header.id), Some(document.cda));
        peer.stop().await;
    }
}
