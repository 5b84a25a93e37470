//! What tests say of peers: who signs, what is sent to a platform, and how each peer of the sandbox is reached.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use vigie::clock::{Clock, SystemIds};
use vigie::connector::{
    self, DocumentRepository, Endpoint, MllpEndpoint, MllpPlatform, Retries, TransactionServer,
};
use vigie::delivery::Limits;
use vigie::hl7v2::Party;
use vigie::outbox::Backoff;
use vigie::report::hl7v2::{Changes, Flags, Kind, Listing, Route};
use vigie::report::provide_and_register::{Sender, Submitter};
use vigie::signature::{Algorithm, SealKey};
use vigie::xds::vihf::{Mode, Options, Product};

/// A free port of this machine.
pub(crate) const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// The seal of the tests.
pub(crate) fn seal() -> SealKey {
    let read =
        |name: &str| std::fs::read(format!("{}/tests/cases/xds/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    SealKey::from_pem(&read("seal.key.pem"), &read("seal.pem")).unwrap()
}

/// Who submits to the DMP.
pub(crate) fn submitter(sender: Sender) -> Submitter {
    Submitter {
        key: Arc::new(seal()),
        algorithm: Algorithm::RsaSha256,
        sender,
        authentication: None,
        responsible: "810001234567".to_owned(),
        software: "Vigie".to_owned(),
        model: "Télésurveillance".to_owned(),
    }
}

/// What is sent to a platform that feeds the DMP.
pub(crate) fn route(kind: Kind, receipt: bool) -> Route {
    let party = |application: &str| Party { application: application.to_owned(), facility: "CHU".to_owned() };
    Route {
        kind,
        from: party("VIGIE"),
        to: party("PFI"),
        ipp_authority: "CHU".to_owned(),
        structure: "FINEG".to_owned(),
        flags: Flags { to_dmp: true, receipt, ..Flags::default() },
        listing: Listing::Table,
        copies_to: Vec::new(),
        reply_to: None,
        mail: [None, None],
        visibility: Changes::Message,
    }
}

/// A DMP whose services are below this address, trusting the seal of the tests.
pub(crate) fn repository(services: &str, timeout: Duration, clock: &Arc<dyn Clock>) -> DocumentRepository {
    DocumentRepository {
        client: connector::client().unwrap(),
        repository: format!("{services}/repository"),
        registry: format!("{services}/registry"),
        timeout,
        seal: Arc::new(seal()),
        product: Product {
            name: "Vigie".into(),
            version: "0.1.0".into(),
            installation: None,
            homologation: "TEST-000000".into(),
        },
        options: Options {
            version: "3.0".into(),
            mode: Mode::Indirect,
            algorithm: Algorithm::RsaSha256,
            issuer: None,
        },
        clock: Arc::clone(clock),
        ids: Arc::new(SystemIds),
    }
}

/// A platform in clear.
pub(crate) fn platform(address: SocketAddr, timeout: Duration, connections: usize) -> MllpPlatform {
    MllpPlatform::new(MllpEndpoint {
        host: address.ip().to_string(),
        port: address.port(),
        tls: None,
        timeout,
        connections,
        retries: Retries::default(),
    })
}

/// A FHIR server at its base address.
pub(crate) fn server(url: String, timeout: Duration) -> TransactionServer {
    TransactionServer::new(connector::client().unwrap(), Endpoint { url, bearer: None, timeout })
}

/// Limits of a courier whose clock the test puts.
pub(crate) fn limits(lease_seconds: u32, ceiling_ms: u64) -> Limits {
    Limits {
        lease_seconds,
        in_flight_max: 8,
        poll: Duration::from_millis(20),
        backoff: Backoff { first_ms: 1_000, ceiling_ms },
    }
}
