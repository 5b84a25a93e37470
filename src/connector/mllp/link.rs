//! One connection: a message out, its acknowledgment in, whatever else the peer says passed over.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::MllpEndpoint;
use crate::hl7v2::{Acknowledgment, Event, Frames, Message, framed};

/// Largest acknowledgment read; no receipt needs more.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Answers to other messages that are passed over before the peer is taken for confused.
const STRANGERS_MAX: usize = 16;
const CHUNK: usize = 8 * 1024;

/// In clear or encrypted, it makes no difference here.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// An open connection.
pub(super) struct Link {
    stream: Box<dyn Stream>,
    frames: Frames,
}

/// Why there is no acknowledgment.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection ended before a single byte of an answer.
    Unanswered(String),
    /// Something came, and it was no acknowledgment of the message.
    HalfAnswered(String),
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    /// A reason without addresses of patients or secrets.
    pub(super) async fn open(endpoint: &MllpEndpoint) -> Result<Self, String> {
        let tcp = TcpStream::connect((endpoint.host.as_str(), endpoint.port))
            .await
            .map_err(|fault| format!("no connection: {}", told(&fault)))?;
        // Small answers must not wait for one another; a system that refuses this option still works.
        let _ = tcp.set_nodelay(true);
        let stream: Box<dyn Stream> = match &endpoint.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let secured = tls.secure(&endpoint.host, tcp).await;
                Box::new(secured.map_err(|fault| format!("no TLS connection: {}", told(&fault)))?)
            }
        };
        Ok(Self { stream, frames: Frames::new(ANSWER_BYTES_MAX) })
    }

    /// Sends the message and waits for the acknowledgment that names it. The caller limits the time.
    ///
    /// # Errors
    /// See [`Broken`]; the connection is then not used again.
    pub(super) async fn exchange(
        &mut self,
        message: &[u8],
        control_id: &str,
    ) -> Result<Acknowledgment, Broken> {
        self.stale().await.map_err(|fault| Broken::Unanswered(told(&fault)))?;
        let sent = async {
            self.stream.write_all(&framed(message)).await?;
            self.stream.flush().await
        };
        sent.await
            .map_err(|fault| Broken::Unanswered(format!("the connection broke off: {}", told(&fault))))?;
        let (mut strangers, mut answered) = (0, false);
        loop {
            while let Some(event) = self.frames.next_event() {
                answered = true;
                match acknowledgment(event)? {
                    Some(answer) if answer.of == control_id => return Ok(answer),
                    Some(_) => strangers += 1,
                    None => {}
                }
                if strangers > STRANGERS_MAX {
                    let reason = "the peer acknowledges other messages only".to_owned();
                    return Err(Broken::HalfAnswered(reason));
                }
            }
            let end = match self.read().await {
                Ok(0) => "the connection was closed".to_owned(),
                Ok(_) => continue,
                Err(fault) => format!("the connection broke off: {}", told(&fault)),
            };
            return Err(match (answered || self.frames.is_within(), strangers) {
                (false, _) => Broken::Unanswered(format!("{end} before an acknowledgment")),
                (true, 0) => Broken::HalfAnswered(format!("{end} within the acknowledgment")),
                (true, _) => {
                    Broken::HalfAnswered(format!("{end} after acknowledgments of other messages only"))
                }
            });
        }
    }

    /// Takes what came since the last exchange: answers of then, or the end of the connection.
    async fn stale(&mut self) -> io::Result<()> {
        while let Ok(read) = tokio::time::timeout(std::time::Duration::ZERO, self.read()).await {
            if read? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the peer had closed the connection",
                ));
            }
        }
        while self.frames.next_event().is_some() {}
        Ok(())
    }

    async fn read(&mut self) -> io::Result<usize> {
        let mut chunk = [0; CHUNK];
        let size = self.stream.read(&mut chunk).await?;
        self.frames.push(&chunk[..size]);
        Ok(size)
    }
}

/// The acknowledgment in a block; none in garbage around blocks.
fn acknowledgment(event: Event) -> Result<Option<Acknowledgment>, Broken> {
    let refused = |why: String| Broken::HalfAnswered(format!("the answer is no acknowledgment: {why}"));
    match event {
        Event::Garbage(_) => Ok(None),
        Event::TooLarge => Err(refused("it is too large".to_owned())),
        Event::Frame(bytes) => {
            let read = Message::parse(&bytes).and_then(|message| Acknowledgment::read(&message));
            read.map(Some).map_err(|problem| refused(problem.to_string()))
        }
    }
}

/// The kind of a fault; its text may name hosts and files, which the reader of an attempt needs.
fn told(fault: &io::Error) -> String {
    fault.to_string().chars().take(200).collect()
}
