//! The connections of a platform: blocks in, acknowledgments out, and every fault of the menu at its step.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Arrived, Desk, MllpFault, Standing, judge, receipt};
use crate::clock::{Clock, SystemClock};
use crate::hl7v2::{Event, Frames, Header, Message, Segment, Value, acknowledge, framed};
use crate::problem::{Category, Problem};
use crate::sandbox::peer::locked;

/// Largest message taken.
const FRAME_BYTES_MAX: usize = 32 << 20;

/// Serves until it is stopped; connections end with it.
pub(super) async fn serve(socket: TcpListener, desk: Arc<Desk>, mut stopping: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&desk)));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = stopping.changed() => break,
        }
    }
    connections.shutdown().await;
}

async fn connection(mut stream: TcpStream, desk: Arc<Desk>) {
    if desk.faults.next_if(|fault| fault == MllpFault::Refuse).is_some() {
        return;
    }
    let mut frames = Frames::new(FRAME_BYTES_MAX);
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(size) => frames.push(&chunk[..size]),
        }
        while let Some(event) = frames.next_event() {
            let Event::Frame(bytes) = event else { continue };
            let fault = desk.faults.next_if(|fault| fault != MllpFault::Refuse);
            let Some(answer) = answer(&desk, &bytes, fault).await else { return };
            let sent = stream.write_all(&answer).await;
            if sent.is_err() || matches!(fault, Some(MllpFault::Half)) {
                return;
            }
        }
    }
}

/// The bytes of the answer; none when the connection ends without one.
async fn answer(desk: &Arc<Desk>, bytes: &[u8], fault: Option<MllpFault>) -> Option<Vec<u8>> {
    let header =
        Message::parse(bytes).and_then(|message| message.header()).unwrap_or_else(|_| Header::glimpse(bytes));
    match fault {
        Some(MllpFault::Slow(pause)) => tokio::time::sleep(pause).await,
        Some(MllpFault::Silent(pause)) => {
            tokio::time::sleep(pause).await;
            note(desk, &header, bytes, "");
            return None;
        }
        Some(MllpFault::Reset) => {
            note(desk, &header, bytes, "");
            return None;
        }
        Some(MllpFault::Gibberish) => {
            note(desk, &header, bytes, "");
            return Some(framed(b"<html>Bienvenue</html>"));
        }
        Some(MllpFault::OtherMessage) => {
            note(desk, &header, bytes, "");
            let other = Header { control_id: "another".to_owned(), ..header };
            return Some(framed(&written(&other, Ok(())).encode()));
        }
        Some(MllpFault::Nak(code)) => {
            note(desk, &header, bytes, code);
            return Some(framed(&nak(&header, code).encode()));
        }
        _ => {}
    }
    let outcome = take(desk, bytes);
    let acknowledgment = written(&header, outcome.as_ref().map(|_| ()));
    let code = acknowledgment.segment("MSA").map(|msa| msa.field(1).text()).unwrap_or_default();
    note(desk, &header, bytes, if fault == Some(MllpFault::AnswerLost) { "" } else { &code });
    if let Ok(message) = outcome {
        receipt::owed(desk, message, &header);
    }
    let block = framed(&acknowledgment.encode());
    match fault {
        Some(MllpFault::AnswerLost) => None,
        Some(MllpFault::Half) => Some(block[..block.len() / 2].to_vec()),
        Some(MllpFault::Duplicate) => Some([block.clone(), block].concat()),
        _ => Some(block),
    }
}

/// Judges and keeps a message, or finds that it was kept before.
fn take(desk: &Desk, bytes: &[u8]) -> Result<Message, Problem> {
    let message = Message::parse(bytes)?;
    let header = message.header()?;
    let mut accepted = locked(&desk.accepted);
    if let Some(before) = accepted.get(&header.control_id) {
        let same = before == bytes;
        let other = || {
            Problem::new(Category::Conflict, "duplicate", "another message had this control id").at("MSH-10")
        };
        return if same { Ok(message) } else { Err(other()) };
    }
    let issues = judge(&message, &header);
    if !issues.is_empty() {
        return Err(Problem::with(Category::Invalid, issues));
    }
    keep(desk, &message, &header)?;
    accepted.insert(header.control_id, bytes.to_vec());
    Ok(message)
}

/// An ORU names its document in the CDA only, which this platform does not read: it is accepted and not filed.
fn keep(desk: &Desk, message: &Message, header: &Header) -> Result<(), Problem> {
    let Some(txa) = message.segment("TXA") else { return Ok(()) };
    let (id, parent) = (txa.field(12).text(), txa.field(13).text());
    let mut documents = locked(&desk.documents);
    let stale = |what| Problem::new(Category::Conflict, "business-rule", what);
    match header.event.as_str() {
        "T10" => match documents.get_mut(&parent) {
            Some(standing @ Standing::Current) => *standing = Standing::Replaced,
            _ => return Err(stale("what is replaced is not the current version here").at("TXA-13")),
        },
        "T04" => match documents.get_mut(&id) {
            Some(standing @ Standing::Current) => {
                *standing = Standing::Deleted;
                return Ok(());
            }
            _ => return Err(stale("what is deleted is not the current version here").at("TXA-12")),
        },
        _ => {}
    }
    documents.insert(id, Standing::Current);
    Ok(())
}

fn written(header: &Header, outcome: Result<(), &Problem>) -> Message {
    let now = SystemClock.now();
    let id = format!("PFI{}", now.as_microsecond());
    let message = acknowledge(header, outcome, &id, now, &TimeZone::UTC);
    let stale =
        outcome.is_err_and(|problem| problem.issues.iter().any(|issue| issue.code == "business-rule"));
    if !stale {
        return message;
    }
    // Table 0533 of the guide, 900: not the current version.
    let table = Value::components(["900", "Version du document incorrecte", "HL70533"]);
    let segments = message.segments().iter().map(|one| match one.name() {
        "ERR" => one.clone().with(5, table.clone()),
        _ => one.clone(),
    });
    Message::new(segments.collect())
}

fn nak(header: &Header, code: &str) -> Message {
    let accepted = written(header, Ok(()));
    let segments = accepted.segments().iter().map(|one| match one.name() {
        "MSA" => Segment::new("MSA").with(1, code).with(2, header.control_id.as_str()),
        _ => one.clone(),
    });
    Message::new(segments.collect())
}

fn note(desk: &Desk, header: &Header, bytes: &[u8], answer: &str) {
    locked(&desk.arrived).push(Arrived {
        control_id: header.control_id.clone(),
        kind: header.kind(),
        bytes: bytes.to_vec(),
        answer: answer.to_owned(),
    });
}

/// How long the service may take to acknowledge a receipt.
pub(super) const RECEIPT_PATIENCE: Duration = Duration::from_secs(10);
