//! Messages to a platform by MLLP: kept connections, every fault of the menu at its step, TLS, and receipts that count for
//! nothing but the message that they name.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vigie::connector::{Connector, MllpEndpoint, MllpPlatform, Retries, Tls};
use vigie::hl7v2::control_id;
use vigie::outbox::{Act, Delivery, Outcome, Receipt};
use vigie::sandbox::{MllpFault, Platform, Standing, platform};

use crate::support::transmission::{OID, mdm};

const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const FIRST: &str = "019cd321-9e12-7a3b-8c4d-000000000001";
const SECOND: &str = "019cd321-9e12-7a3b-8c4d-000000000002";
const PATIENCE: Duration = Duration::from_millis(400);

fn delivery(id: &str, payload: Vec<u8>) -> Delivery {
    Delivery {
        id: id.to_owned(),
        destination: "pfi".to_owned(),
        kind: "mllp".to_owned(),
        patient: "Patient/p".to_owned(),
        subject: "DocumentReference/d".to_owned(),
        act: Act::Provide,
        content_type: "x-application/hl7-v2+er7".to_owned(),
        payload,
        created_at: "2026-03-09T14:20:02Z".parse().unwrap(),
    }
}

fn first() -> Delivery {
    delivery(FIRST, mdm(&control_id(FIRST).unwrap()).render().unwrap())
}

fn endpoint(address: SocketAddr) -> MllpEndpoint {
    MllpEndpoint {
        host: address.ip().to_string(),
        port: address.port(),
        tls: None,
        timeout: PATIENCE,
        connections: 1,
        retries: Retries::default(),
    }
}

async fn stage() -> (Platform, MllpPlatform) {
    let peer = platform::start(ANYWHERE).await.unwrap();
    let connector = MllpPlatform::new(endpoint(peer.address()));
    (peer, connector)
}

fn is_accepted(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Accepted(Receipt { status, reference: Some(_) }) if status == "AA")
}

#[tokio::test]
async fn a_platform_takes_what_vigie_renders_and_keeps_it_once() {
    let (peer, connector) = stage().await;
    for _ in 0..3 {
        let outcome = connector.send(&first()).await;
        assert!(is_accepted(&outcome), "{outcome:?}");
    }
    let arrived = peer.arrived();
    assert_eq!(arrived.len(), 3);
    assert!(arrived.iter().all(|one| one.bytes == first().payload), "a repeat has the same bytes");
    assert_eq!(peer.documents(), [(OID.to_owned(), Standing::Current)].into());
    peer.stop().await;
}

#[tokio::test]
async fn every_fault_at_its_step_is_told_apart_and_the_repeat_is_recognised() {
    // The fault; whether it is a refusal; whether the platform kept the message all the same.
    let menu = [
        (MllpFault::Refuse, false, false),
        (MllpFault::Reset, false, false),
        (MllpFault::Silent(PATIENCE * 3), false, false),
        (MllpFault::Slow(PATIENCE * 3), false, false),
        (MllpFault::Half, false, true),
        (MllpFault::AnswerLost, false, true),
        (MllpFault::Nak("AE"), true, false),
        (MllpFault::Nak("AR"), false, false),
        (MllpFault::Nak("CE"), true, false),
        (MllpFault::Nak("CR"), false, false),
        (MllpFault::OtherMessage, false, false),
        (MllpFault::Gibberish, false, false),
    ];
    for (fault, refused, kept) in menu {
        let (peer, connector) = stage().await;
        peer.misbehave(fault, 1);
        let outcome = connector.send(&first()).await;
        assert_eq!(matches!(outcome, Outcome::Refused { .. }), refused, "{fault:?}: {outcome:?}");
        assert_eq!(matches!(outcome, Outcome::Unreachable { .. }), !refused, "{fault:?}: {outcome:?}");
        assert_eq!(peer.documents().len(), usize::from(kept), "{fault:?}");
        let again = connector.send(&first()).await;
        assert!(is_accepted(&again), "{fault:?}: {again:?}");
        assert_eq!(peer.documents().len(), 1, "{fault:?}: kept once");
        peer.stop().await;
    }
}

#[tokio::test]
async fn a_fault_on_a_kept_connection_costs_nothing_that_was_sent() {
    for fault in [MllpFault::Reset, MllpFault::AnswerLost] {
        let (peer, connector) = stage().await;
        assert!(is_accepted(&connector.send(&first()).await));
        peer.misbehave(fault, 1);
        // The connection ends before any answer: the message is repeated at once over a new one.
        let outcome = connector.send(&first()).await;
        assert!(is_accepted(&outcome), "{fault:?}: {outcome:?}");
        assert_eq!(peer.documents().len(), 1);
        peer.stop().await;
    }
}

#[tokio::test]
async fn a_second_acknowledgment_of_the_message_before_is_no_receipt() {
    let (peer, connector) = stage().await;
    peer.misbehave(MllpFault::Duplicate, 1);
    assert!(is_accepted(&connector.send(&first()).await));
    peer.misbehave(MllpFault::Nak("AE"), 1);
    let mut second = mdm(&control_id(SECOND).unwrap());
    second.payload.unique_id = "2.25.2".to_owned();
    let outcome = connector.send(&delivery(SECOND, second.render().unwrap())).await;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    peer.stop().await;
}

#[tokio::test]
async fn what_the_guide_forbids_is_refused_by_the_platform_with_its_place() {
    let (peer, connector) = stage().await;
    let text = String::from_utf8(first().payload).unwrap();
    let check = async |from: &str, to: &str, expected: &str| {
        assert!(text.contains(from), "{from}");
        let outcome = connector.send(&delivery(FIRST, text.replacen(from, to, 1).into_bytes())).await;
        assert_eq!(outcome, Outcome::Refused { reason: format!("acknowledged with AE: {expected}") });
    };
    check("|2.6|", "|2.5|", "203 at MSH-12").await;
    check("|NW", "|RO", "102 at ORC-1").await;
    check("|VALI", "|PROV", "102 at PID-32").await;
    check("&ISO^INS", "&ISO^NH", "102 at PID-3[1].5").await;
    check("^text^XML", "^TEXT^XML", "102 at OBX-5[1].2").await;
    check("EVN|", "ZZZ|", "100 at MSH").await;
    check("INVISIBLE_PATIENT^", "INVISIBLE^", "101 at OBX[2]-3").await;
    assert!(peer.documents().is_empty());
    peer.stop().await;
}

#[tokio::test]
async fn replacement_and_deletion_follow_the_first_document() {
    let (peer, connector) = stage().await;
    let second = crate::support::transmission::replacement(&control_id(SECOND).unwrap());
    let early = connector.send(&delivery(SECOND, second.render().unwrap())).await;
    let expected = Outcome::Refused { reason: "acknowledged with AE: 207 900 at TXA-13".to_owned() };
    assert_eq!(early, expected, "there is nothing to replace yet");
    assert!(is_accepted(&connector.send(&first()).await));
    assert!(is_accepted(&connector.send(&delivery(SECOND, second.render().unwrap())).await));
    let third = "019cd321-9e12-7a3b-8c4d-000000000003";
    let deletion = crate::support::transmission::deletion(&control_id(third).unwrap());
    assert!(is_accepted(&connector.send(&delivery(third, deletion.render().unwrap())).await));
    let standing: Vec<Standing> = peer.documents().into_values().collect();
    assert_eq!(standing, [Standing::Deleted, Standing::Replaced]);
    peer.stop().await;
}

#[tokio::test]
async fn one_message_at_a_time_goes_over_one_connection() {
    let socket = TcpListener::bind(ANYWHERE).await.unwrap();
    let connector = Arc::new(MllpPlatform::new(endpoint(socket.local_addr().unwrap())));
    let peer = tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        for _ in 0..3 {
            let request = block(&mut stream).await;
            assert_eq!(request.iter().filter(|byte| **byte == 0x0b).count(), 1, "one block at a time");
            stream.write_all(&acknowledgment(&request)).await.unwrap();
        }
        let further = tokio::time::timeout(PATIENCE / 4, socket.accept()).await;
        assert!(further.is_err(), "there is one connection");
    });
    let mut sending = tokio::task::JoinSet::new();
    for n in 1..=3 {
        let connector = Arc::clone(&connector);
        let id = format!("019cd321-9e12-7a3b-8c4d-00000000000{n}");
        let payload = mdm(&control_id(&id).unwrap()).render().unwrap();
        sending.spawn(async move { connector.send(&delivery(&id, payload)).await });
    }
    assert!(sending.join_all().await.iter().all(|outcome| matches!(outcome, Outcome::Accepted(_))));
    peer.await.unwrap();
}

#[tokio::test]
async fn an_acknowledgment_in_pieces_with_garbage_around_it_is_read() {
    let socket = TcpListener::bind(ANYWHERE).await.unwrap();
    let connector = MllpPlatform::new(endpoint(socket.local_addr().unwrap()));
    let peer = tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.unwrap();
        let request = block(&mut stream).await;
        stream.write_all(b"\r\nwelcome\r\n").await.unwrap();
        for piece in acknowledgment(&request).chunks(7) {
            stream.write_all(piece).await.unwrap();
            stream.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    let outcome = connector.send(&first()).await;
    assert!(matches!(outcome, Outcome::Accepted(_)), "{outcome:?}");
    peer.await.unwrap();
}

#[tokio::test]
async fn nobody_there_and_a_payload_that_is_no_message() {
    let socket = TcpListener::bind(ANYWHERE).await.unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let connector = MllpPlatform::new(endpoint(address));
    assert!(matches!(connector.send(&first()).await, Outcome::Unreachable { .. }));
    let outcome = connector.send(&delivery(FIRST, b"{}".to_vec())).await;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
}

/// Where a platform of another make listens, when one is there (`tests/hl7v2`).
const PEER: &str = "VIGIE_TEST_MLLP_PEER";

#[tokio::test]
async fn a_peer_of_another_make_acknowledges_as_well_as_ours() {
    let ours = platform::start(ANYWHERE).await.unwrap();
    let address = match std::env::var(PEER) {
        Ok(address) => address.parse().unwrap(),
        Err(_) => ours.address(),
    };
    let connector = MllpPlatform::new(MllpEndpoint { timeout: Duration::from_secs(20), ..endpoint(address) });
    for n in 0..50 {
        let id = format!("019cd321-9e12-7a3b-8c4d-0000000001{n:02}");
        let mut message = mdm(&control_id(&id).unwrap());
        message.payload.unique_id = format!("2.25.{}", n + 1);
        message.patient.first_name = "DOMINIQUE|É^&~\\\r\n".to_owned();
        let outcome = connector.send(&delivery(&id, message.render().unwrap())).await;
        assert!(matches!(&outcome, Outcome::Accepted(receipt) if receipt.status == "AA"), "{outcome:?}");
    }
    ours.stop().await;
}

#[tokio::test]
async fn the_sandbox_of_the_command_line_misbehaves_as_it_is_told() {
    use std::io::{BufRead, BufReader};
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(["sandbox", "mllp", "--listen", "127.0.0.1:0", "--fault", "ae", "--times", "2"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit("mllp://").next().unwrap().parse().unwrap();
    let connector = MllpPlatform::new(MllpEndpoint { timeout: Duration::from_secs(20), ..endpoint(address) });
    let mut refused = Vec::new();
    for _ in 0..3 {
        refused.push(matches!(connector.send(&first()).await, Outcome::Refused { .. }));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(refused, [true, true, false]);
    let wrong = std::process::Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(["sandbox", "mllp", "--listen", "127.0.0.1:0", "--fault", "fire"])
        .output()
        .unwrap();
    assert!(!wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("gibberish"));
}

mod secured {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::server::WebPkiClientVerifier;
    use rustls::{RootCertStore, ServerConfig};
    use tokio_rustls::TlsAcceptor;

    use super::*;

    fn file(name: &str) -> Vec<u8> {
        std::fs::read(format!("{}/tests/cases/tls/{name}.pem", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    fn certificates(name: &str) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(&file(name)).collect::<Result<_, _>>().unwrap()
    }

    /// A platform that asks who calls, acknowledges one message, and ends.
    async fn peer() -> (SocketAddr, tokio::task::JoinHandle<bool>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut roots = RootCertStore::empty();
        roots.add(certificates("authority").remove(0)).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                certificates("server"),
                PrivateKeyDer::from_pem_slice(&file("server-key")).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let socket = TcpListener::bind(ANYWHERE).await.unwrap();
        let address = socket.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let (stream, _) = socket.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { return false };
            let request = block(&mut stream).await;
            stream.write_all(&acknowledgment(&request)).await.is_ok() && stream.flush().await.is_ok()
        });
        (address, serving)
    }

    async fn check(authority: &str, own: bool, name: &str, accepted: bool) {
        let (address, serving) = peer().await;
        let (chain, key) = (file("client"), file("client-key"));
        let tls = Tls::new(&file(authority), own.then_some((chain.as_slice(), key.as_slice()))).unwrap();
        let endpoint = MllpEndpoint { host: name.to_owned(), tls: Some(tls), ..endpoint(address) };
        let outcome = MllpPlatform::new(endpoint).send(&first()).await;
        let found = matches!(outcome, Outcome::Accepted(_));
        assert_eq!(found, accepted, "authority {authority}, own certificate {own}, {name}: {outcome:?}");
        assert_eq!(serving.await.unwrap(), accepted);
    }

    #[tokio::test]
    async fn both_sides_show_a_certificate_of_the_hospitals_authority() {
        check("authority", true, "127.0.0.1", true).await;
        check("authority", true, "localhost", true).await;
        check("authority", false, "127.0.0.1", false).await;
        check("stranger", true, "127.0.0.1", false).await;
    }
}

/// One block, as it came.
async fn block(stream: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\x1c\r") {
        let mut chunk = [0; 1024];
        let size = stream.read(&mut chunk).await.unwrap_or(0);
        if size == 0 {
            break;
        }
        bytes.extend_from_slice(&chunk[..size]);
    }
    bytes
}

/// `AA` for the message in a block.
fn acknowledgment(block: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(block);
    let id = text.split('|').nth(9).unwrap_or_default();
    format!("\x0bMSH|^~\\&|PFI|CHU|VIGIE|CHU|2026||ACK|1|T|2.6\rMSA|AA|{id}\r\x1c\r").into_bytes()
}

#[tokio::test]
async fn a_test_peer_speaks_as_the_tests_think_it_does() {
    let socket = TcpListener::bind(ANYWHERE).await.unwrap();
    let mut stream = TcpStream::connect(socket.local_addr().unwrap()).await.unwrap();
    let (mut other, _) = socket.accept().await.unwrap();
    stream.write_all(b"\x0bMSH|^~\\&|A|B|C|D|E||F|77\x1c\r").await.unwrap();
    let request = block(&mut other).await;
    assert!(String::from_utf8(acknowledgment(&request)).unwrap().contains("MSA|AA|77"));
}
