//! One connection: blocks in, acknowledgments out, one after the other.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::{Limits, answer};
use crate::hl7v2::{Event, Frames, framed};
use crate::interaction::Context;

const CHUNK: usize = 16 * 1024;

/// Serves until the peer ends it, says nothing for too long, or the service stops. A message that has begun to be
/// answered is answered.
pub(super) async fn serve(
    mut stream: TcpStream,
    context: Arc<Context>,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    // Answers are small and must not wait; a system that refuses this option still works.
    let _ = stream.set_nodelay(true);
    let mut frames = Frames::new(limits.frame_bytes);
    let mut chunk = vec![0; CHUNK];
    while !*stop.borrow() {
        let read = tokio::select! {
            read = tokio::time::timeout(limits.idle, stream.read(&mut chunk)) => read,
            _ = stop.changed() => return,
        };
        match read {
            Ok(Ok(size)) if size > 0 => frames.push(&chunk[..size]),
            // The peer has ended, broken off, or gone silent.
            _ => return,
        }
        while let Some(event) = frames.next_event() {
            let answer = match event {
                Event::Frame(bytes) => answer::to(&context, &bytes).await,
                Event::TooLarge => answer::too_large(&context, limits.frame_bytes),
                Event::Garbage(size) => {
                    tracing::debug!(size, "bytes outside of MLLP blocks were passed over");
                    continue;
                }
            };
            if stream.write_all(&framed(&answer)).await.is_err() {
                return;
            }
        }
    }
}
