//! Peers to try deliveries on: a hospital record ([`dpi`]), a document recipient ([`mhd`]), an intermediation platform
//! ([`platform`]) and a *dossier médical partagé* ([`dmp`]), real servers on the network
//! that keep what they get in memory, and an engine that picks files up from a [`folder`], for `vigie sandbox` and for the tests.
//!
//! They judge strictly what Vigie sends, recognise a repeat, and misbehave on demand ([`Fault`]). They are no models of a
//! real record: they forget everything when they stop, and they ask nobody who he is.

mod constraint;
pub mod dmp;
pub mod dpi;
mod fault;
pub mod folder;
pub mod mhd;
mod peer;
pub mod platform;
mod serve;
mod shelf;
pub mod throwaway;

pub use fault::Fault;
pub use folder::{FolderEngine, FolderFault};
pub use peer::{Handle, Received};
pub use platform::{Arrived, DmpAnswer, MllpFault, Platform, Standing};

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use crate::json::Value;

    use super::*;
    use crate::connector::{Connector, Endpoint, TransactionServer, client};
    use crate::outbox::{Act, Delivery, Outcome};
    use crate::report::{example, provide_document_bundle, transaction_bundle};

    const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    fn delivery(kind: &str, payload: &Value) -> Delivery {
        Delivery {
            id: "0192-delivery".into(),
            destination: kind.into(),
            kind: kind.into(),
            patient: "Patient/p".into(),
            subject: "DocumentReference/d".into(),
            act: Act::Provide,
            content_type: "application/fhir+json".into(),
            payload: payload.to_string().into_bytes(),
            created_at: "2026-03-09T14:20:02Z".parse().unwrap(),
        }
    }

    fn endpoint(url: String) -> Endpoint {
        Endpoint { url, bearer: None, timeout: Duration::from_millis(400) }
    }

    fn to_record() -> Delivery {
        let (report, document, issuer) = (example::report(), example::document(), example::issuer());
        let bundle =
            example::with_sources(|sources| transaction_bundle::render(&report, &document, &issuer, sources));
        delivery("fhir", &bundle.unwrap())
    }

    fn to_recipient() -> Delivery {
        let bundle =
            provide_document_bundle::render(&example::report(), &example::document(), &example::issuer());
        delivery("mhd", &bundle.unwrap())
    }

    #[tokio::test]
    async fn a_record_keeps_the_report_once_however_often_it_is_sent() {
        let peer = dpi::start(ANYWHERE).unwrap();
        let connector = TransactionServer::new(client().unwrap(), endpoint(peer.url()));
        for _ in 0..3 {
            let outcome = connector.send(&to_record()).await;
            assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        }
        let count = |rtype: &str| peer.resources(rtype).len();
        assert_eq!(
            [count("DiagnosticReport"), count("DocumentReference"), count("Binary"), count("Patient")],
            [1, 1, 2, 1],
            "the document is there as PDF and as CDA"
        );
        assert_eq!(count("Observation"), 24);
        assert_eq!(peer.resources("DiagnosticReport")[0]["meta"]["versionId"], "1");
        let received = peer.received();
        assert_eq!(received.len(), 3);
        assert_eq!(received[0].bytes, to_record().payload);
        assert_eq!(received[0].request_id.as_deref(), Some("0192-delivery"));
        peer.stop().await;
    }

    #[tokio::test]
    async fn an_answer_that_is_lost_is_repeated_without_a_second_copy() {
        let peer = dpi::start(ANYWHERE).unwrap();
        let connector = TransactionServer::new(client().unwrap(), endpoint(peer.url()));
        peer.misbehave(Fault::AnswerLost, 1);
        let first = connector.send(&to_record()).await;
        assert!(matches!(first, Outcome::Unreachable { .. }), "{first:?}");
        let second = connector.send(&to_record()).await;
        assert!(matches!(second, Outcome::Accepted(_)), "{second:?}");
        assert_eq!(peer.resources("DocumentReference").len(), 1);
        peer.stop().await;
    }

    #[tokio::test]
    async fn every_fault_is_told_apart() {
        let peer = dpi::start(ANYWHERE).unwrap();
        let connector = TransactionServer::new(client().unwrap(), endpoint(peer.url()));
        for (fault, refused) in [
            (Fault::Status(422), true),
            (Fault::Status(503), false),
            (Fault::Silence(Duration::from_secs(2)), false),
            (Fault::Gibberish, true),
        ] {
            peer.misbehave(fault, 1);
            let outcome = connector.send(&to_record()).await;
            assert_eq!(matches!(outcome, Outcome::Refused { .. }), refused, "{fault:?}: {outcome:?}");
            assert!(peer.resources("Binary").is_empty(), "{fault:?} kept something");
        }
        peer.stop().await;
    }

    #[tokio::test]
    async fn a_record_refuses_a_patient_it_does_not_know() {
        let peer = dpi::start(ANYWHERE).unwrap();
        peer.serve_known_patients_only();
        let connector = TransactionServer::new(client().unwrap(), endpoint(peer.url()));
        let outcome = connector.send(&to_record()).await;
        assert!(matches!(&outcome, Outcome::Refused { reason } if reason.contains("412")), "{outcome:?}");
        peer.admit(crate::json::json!({"resourceType": "Patient",
            "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "279035121518989"}]}));
        assert!(matches!(connector.send(&to_record()).await, Outcome::Accepted(_)));
        peer.stop().await;
    }

    #[tokio::test]
    async fn a_recipient_accepts_what_vigie_renders_and_recognises_a_repeat() {
        let peer = mhd::start(ANYWHERE).unwrap();
        let connector = TransactionServer::new(client().unwrap(), endpoint(peer.url()));
        for _ in 0..2 {
            let outcome = connector.send(&to_recipient()).await;
            assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
        }
        assert_eq!([peer.resources("List").len(), peer.resources("DocumentReference").len()], [1, 1]);
        peer.stop().await;
    }

    #[tokio::test]
    async fn what_arrived_can_be_looked_at_over_http() {
        let peer = mhd::start(ANYWHERE).unwrap();
        let connector = TransactionServer::new(client().unwrap(), endpoint(peer.url()));
        connector.send(&to_recipient()).await;
        let unique = example::document().unique_id().to_owned();
        let url = format!("{}/DocumentReference?identifier=urn:ietf:rfc:3986|{unique}", peer.url());
        let get = |url: String| async move {
            let body = client().unwrap().get(url).send().await.unwrap().bytes().await.unwrap();
            crate::fhir::parse(&body).unwrap()
        };
        assert_eq!(get(url).await["total"].to_string(), "1");
        assert_eq!(get(format!("{}/metadata", peer.url())).await["resourceType"], "CapabilityStatement");
        assert_eq!(get(format!("{}/Binary/none", peer.url())).await["resourceType"], "OperationOutcome");
        peer.stop().await;
    }
}
