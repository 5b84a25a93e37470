//! Mutual TLS between the connector and a DMP of the sandbox, with keys made for the test: who is not vouched for is not served,
//! whom we do not trust is sent nothing, and each refusal says which certificate and why (issue 4, points 4 and 10).

use std::sync::Arc;
use std::time::Duration;

use vigie::clock::{Clock, FixedClock, SystemClock};
use vigie::connector::{self, Connector, Identity};
use vigie::outbox::{Act, Delivery, Outcome};
use vigie::sandbox::dmp;
use vigie::sandbox::throwaway::{Authority, KeyAndCertificate};

use crate::support::peer::{self as support, ANYWHERE};

/// A DMP behind mutual TLS, and what of it a client needs.
struct Secured {
    authority: Authority,
    peer: dmp::Dmp,
}

impl Secured {
    fn new(from_to: Option<(&str, &str)>, names: &[&str]) -> Self {
        let mut authority = Authority::new("AUTORITE D'ESSAI", SystemClock.now()).unwrap();
        let client_authority = authority.certificate().to_owned();
        if let Some((from, until)) = from_to {
            authority = authority.at(from.parse().unwrap(), until.parse().unwrap());
        }
        let server = authority.server(names).unwrap();
        let mutual = dmp::Mutual {
            certificate: server.certificate.into_bytes(),
            key: server.key.into_bytes(),
            clients: client_authority.into_bytes(),
        };
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::new("2026-03-09T14:20:03Z".parse().unwrap()));
        Self { authority, peer: dmp::start_secured(ANYWHERE, clock, &mutual).unwrap() }
    }

    /// What comes of one attempt with that certificate, trusting that authority.
    async fn tried(&self, own: &KeyAndCertificate, authorities: &str) -> Outcome {
        let identity = Identity {
            certificate: own.certificate.clone().into_bytes(),
            key: own.key.clone().into_bytes(),
            authorities: authorities.as_bytes().to_vec(),
        };
        self.sent(connector::mutual_client(&identity).unwrap()).await
    }

    async fn sent(&self, client: reqwest::Client) -> Outcome {
        let clock: Arc<dyn Clock> = Arc::new(FixedClock::new("2026-03-09T14:20:03Z".parse().unwrap()));
        let mut repository = support::repository(&self.peer.url(), Duration::from_secs(5), &clock);
        repository.client = client;
        repository.send(&order()).await
    }
}

/// An order that asks the registry for an entry first.
fn order() -> Delivery {
    let bytes = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/xds/order.mime")).unwrap();
    let boundary = String::from_utf8_lossy(&bytes);
    let boundary = boundary.lines().next().unwrap().trim().trim_start_matches("--").to_owned();
    Delivery {
        id: "0192-delivery".into(),
        destination: "dmp".into(),
        kind: "xds".into(),
        patient: "Patient/p".into(),
        subject: "DocumentReference/d".into(),
        act: Act::Provide,
        content_type: format!(
            "multipart/related; type=\"application/json\"; start=\"<order>\"; boundary=\"{boundary}\""
        ),
        payload: bytes,
        created_at: "2026-03-09T14:20:02Z".parse().unwrap(),
    }
}

fn refused(outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_dmp_lets_in_whom_its_authority_vouches_for_and_each_refusal_says_why() {
    let secured = Secured::new(None, &["localhost", "127.0.0.1"]);
    let (client, trusted) =
        (secured.authority.client("VIGIE").unwrap(), secured.authority.certificate().to_owned());
    let outcome = secured.tried(&client, &trusted).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    assert_eq!(secured.peer.entries().len(), 1);

    // No certificate, one of another authority, one that has expired.
    let without = reqwest::Client::builder()
        .tls_certs_only(reqwest::Certificate::from_pem_bundle(trusted.as_bytes()).unwrap())
        .build()
        .unwrap();
    assert_eq!(refused(secured.sent(without).await), "TLS: the peer asks for a client certificate");
    let stranger = Authority::new("AUTRE AUTORITE", SystemClock.now()).unwrap();
    let told = refused(secured.tried(&stranger.client("VIGIE").unwrap(), &trusted).await);
    assert!(told.contains("does not trust the authority of our certificate"), "{told}");
    let Secured { authority, peer } = secured;
    let authority =
        authority.at("2020-01-01T00:00:00Z".parse().unwrap(), "2020-02-01T00:00:00Z".parse().unwrap());
    let secured = Secured { authority, peer };
    let told = refused(secured.tried(&secured.authority.client("VIGIE").unwrap(), &trusted).await);
    assert_eq!(told, "TLS: our certificate has expired");
    // The peer of another authority.
    let told = refused(secured.tried(&client, stranger.certificate()).await);
    assert_eq!(told, "TLS: the peer's certificate is of no authority that is trusted here");
    assert_eq!(secured.peer.entries().len(), 1, "nothing of a refused client has arrived");
    assert!(secured.peer.refused().len() >= 3, "{:?}", secured.peer.refused());
    // In clear nobody is served.
    let plain = secured.peer.url().replace("https", "http");
    let answer = connector::client().unwrap().post(format!("{plain}/repository")).body("x").send().await;
    assert!(answer.is_err());
    secured.peer.stop().await;
}

#[tokio::test]
async fn a_dmp_under_another_name_or_with_an_old_certificate_is_not_sent_anything() {
    for (from_to, names, expected) in [
        (None, &["dmp.example"][..], "TLS: the peer's certificate is for another name"),
        (
            Some(("2020-01-01T00:00:00Z", "2020-02-01T00:00:00Z")),
            &["127.0.0.1"],
            "TLS: the peer's certificate has expired",
        ),
        (
            Some(("2999-01-01T00:00:00Z", "2999-02-01T00:00:00Z")),
            &["127.0.0.1"],
            "TLS: the peer's certificate is not valid yet",
        ),
    ] {
        let secured = Secured::new(from_to, names);
        let own = Authority::new("AUTORITE", SystemClock.now()).unwrap().client("VIGIE").unwrap();
        let told = refused(secured.tried(&own, secured.authority.certificate()).await);
        assert_eq!(told, expected);
        assert!(secured.peer.received().is_empty());
        secured.peer.stop().await;
    }
}
