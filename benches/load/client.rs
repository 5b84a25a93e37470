//! A client that costs little: one keep-alive connection, requests rendered beforehand, answers read and not parsed.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::drive::Lane;

/// A POST of a body.
pub(crate) fn post(path: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/fhir+json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

/// A GET.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").into_bytes()
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket takes TCP_NODELAY");
        Self { stream, buffer: vec![0; 64 * 1024] }
    }

    /// Sends and reads the whole answer.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Answer {
        self.stream.write_all(request).await.expect("the server reads");
        let mut filled = 0;
        loop {
            if filled == self.buffer.len() {
                self.buffer.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).await.expect("the server answers");
            assert!(read > 0, "the server closed a connection that was to be kept");
            filled += read;
            let Some(head) = self.buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            let text = std::str::from_utf8(&self.buffer[..head]).expect("headers are ASCII");
            let header = |name: &str| {
                let line = |line: &'_ str| -> Option<String> {
                    let (found, value) = line.split_once(':')?;
                    found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
                };
                text.lines().find_map(line)
            };
            let length: usize = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            if filled >= head + 4 + length {
                let status = text.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0);
                return Answer { status, location: header("location") };
            }
        }
    }
}

/// A connection that works through rendered requests.
pub(crate) struct Connection {
    client: Client,
    requests: Rc<Vec<Vec<u8>>>,
    /// Where what was created is noted down.
    created: Option<Rc<RefCell<Vec<String>>>>,
}

impl Lane for Connection {
    async fn one(&mut self, number: usize) -> bool {
        let answer = self.client.exchange(&self.requests[number % self.requests.len()]).await;
        if let (Some(created), Some(location)) = (&self.created, answer.location) {
            created.borrow_mut().push(location);
        }
        (200..300).contains(&answer.status)
    }
}

/// So many connections to one server.
pub(crate) async fn connections(
    address: SocketAddr,
    count: usize,
    requests: &Rc<Vec<Vec<u8>>>,
    created: Option<&Rc<RefCell<Vec<String>>>>,
) -> Vec<Connection> {
    let mut all = Vec::new();
    for _ in 0..count {
        let client = Client::connect(address).await;
        all.push(Connection { client, requests: Rc::clone(requests), created: created.cloned() });
    }
    all
}
