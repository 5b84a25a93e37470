//! Business receipts: `ZAM^Z01` about the DMP and `ZAM^Z02` about each mailbox, over connections of their own
//! (CI-SIS *Transmission d'un document CDA R2 en HL7v2*, "Les messages d'accusés métier").

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::wire::RECEIPT_PATIENCE;
use super::{Desk, DmpAnswer};
use crate::clock::{Clock, SystemClock};
use crate::hl7v2::{Acknowledgment, Event, Frames, Header, Message, Segment, Value, framed, timestamp};
use crate::sandbox::peer::locked;

/// Sends the receipts that a message asks for, if anybody wants them.
pub(super) fn owed(desk: &Arc<Desk>, message: Message, header: &Header) {
    let Some(address) = *locked(&desk.receipts_to) else { return };
    let asked =
        |name: &str| message.all("OBX").any(|obx| obx.field(3).text() == name && obx.field(5).text() == "Y");
    if !asked("ACK_RECEPTION") {
        return;
    }
    let mut receipts = Vec::new();
    if asked("DESTDMP") {
        receipts.push(of_dmp(header, &locked(&desk.dmp)));
    }
    if asked("DESTMSSANTEPS") || asked("DESTMSSANTEPAT") {
        let copies = message.all("PRT").filter(|prt| prt.field(4).text() == "RCT");
        receipts.extend(copies.map(|prt| of_mailbox(header, &prt.field(15).component(4).text())));
    }
    let desk = Arc::clone(desk);
    tokio::spawn(async move {
        for receipt in receipts {
            let sending = tokio::time::timeout(RECEIPT_PATIENCE, send(address, &receipt));
            let told = sending.await.unwrap_or_else(|_| "no acknowledgment".to_owned());
            locked(&desk.told).push(told);
        }
    });
}

/// MSA-1 of the answer, or why there is none.
async fn send(address: SocketAddr, receipt: &Message) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(&framed(&receipt.encode())).await?;
        let (mut frames, mut chunk) = (Frames::new(1 << 20), [0; 4096]);
        loop {
            let size = stream.read(&mut chunk).await?;
            frames.push(&chunk[..size]);
            if let Some(Event::Frame(bytes)) = frames.next_event() {
                return Ok(bytes);
            }
            if size == 0 {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
            }
        }
    };
    match exchange.await {
        Ok(bytes) => Message::parse(&bytes)
            .and_then(|message| Acknowledgment::read(&message))
            .map_or_else(|problem| problem.to_string(), |answer| answer.written),
        Err(fault) => fault.to_string(),
    }
}

fn of_dmp(original: &Header, answer: &DmpAnswer) -> Message {
    let accepted = *answer == DmpAnswer::Accepted;
    let mut segments = head(original, "Z01");
    segments.push(status(original, ("ACK_RECEPTION_DMP", "Accusé de réception DMP"), accepted));
    if let DmpAnswer::Rejected(code, label) = answer {
        let error = Segment::new("ERR")
            .with(3, Value::components(["207", "Application internal error", "HL70357"]))
            .with(4, "E")
            .with(5, Value::components([code, label, "DMPERRORCODE"]));
        segments.push(error);
    }
    Message::new(segments)
}

fn of_mailbox(original: &Header, mail: &str) -> Message {
    let mut segments = head(original, "Z02");
    segments.push(status(original, ("ACK_RECEPTION_MSS", "Accusé de réception MSSanté"), true));
    let recipient = Segment::new("OBX")
        .with(1, "2")
        .with(2, "XTN")
        .with(3, Value::components(["DESTINATAIRE_MSS", "Destinataire MSSanté", "AckMetierZAM"]))
        .with(5, Value::default().with(3, "X.400").with(4, mail))
        .with(11, "F");
    segments.push(recipient);
    Message::new(segments)
}

fn head(original: &Header, event: &str) -> Vec<Segment> {
    let now = SystemClock.now();
    let time = timestamp(now, &TimeZone::UTC);
    let [application, facility] = (&original.receiver).into();
    let [receiver, receiving_facility] = (&original.sender).into();
    let msh = Segment::new("MSH")
        .with(3, application)
        .with(4, facility)
        .with(5, receiver)
        .with(6, receiving_facility)
        .with(7, time.as_str())
        .with(9, Value::components(["ZAM", event, "ZAM_Z01"]))
        .with(10, format!("{event}{}", now.as_microsecond()))
        .with(11, original.processing.as_str())
        .with(12, "2.6")
        .with(17, "FRA")
        .with(18, "UNICODE UTF-8")
        .with(21, Value::components(["2.1", "CISIS_CDA_HL7_V2"]));
    vec![msh, Segment::new("EVN").with(2, time)]
}

fn status(original: &Header, (code, label): (&str, &str), accepted: bool) -> Segment {
    Segment::new("OBX")
        .with(1, "1")
        .with(2, "CWE")
        .with(3, Value::components([code, label, "AckMetierZAM"]))
        .with(4, original.control_id.as_str())
        .with(5, Value::components([if accepted { "Y" } else { "N" }, "", "expandedYes-NoIndicator"]))
        .with(11, "F")
}
