//! Reads a request body up to a limit of bytes and of time; what is over the bytes is read away, so that the client gets its answer.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::{Stream, StreamExt};

use crate::problem::{Category, Problem};

/// How much of an oversized body is read away before the connection is given up.
const DRAIN_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How long nothing may come: who has gone without a word would hold what was read for ever.
const SILENCE: Duration = Duration::from_secs(60);

/// What a body may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes that are read.
    pub bytes: usize,
    /// Until the last of them has come: who sends a byte now and then would hold a connection for ever.
    pub time: Duration,
}

/// The whole body.
///
/// # Errors
/// `TooLarge` over the limit of bytes, `RequestTimeout` when it does not come in time, `Malformed` when the client stops half way.
pub(super) async fn read(payload: Payload, limits: Limits) -> Result<Bytes, Problem> {
    in_time(payload, limits, SILENCE).await
}

async fn in_time(
    payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    limits: Limits,
    silence: Duration,
) -> Result<Bytes, Problem> {
    tokio::time::timeout(limits.time, within(payload, limits.bytes, silence)).await.unwrap_or_else(|_| {
        let text = format!("the body did not arrive whole within {} s", limits.time.as_secs());
        Err(Problem::new(Category::RequestTimeout, "timeout", text))
    })
}

async fn within(
    mut payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    limit: usize,
    silence: Duration,
) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    let mut seen = 0_usize;
    let silent = |_| {
        let text = format!("the body did not arrive whole: nothing came for {} s", silence.as_secs());
        Problem::new(Category::RequestTimeout, "timeout", text)
    };
    while let Some(chunk) = tokio::time::timeout(silence, payload.next()).await.map_err(silent)? {
        let chunk = chunk.map_err(|_| {
            let text = "the body did not arrive whole: the connection ended, or a chunk is broken";
            Problem::new(Category::Malformed, "incomplete", text)
        })?;
        seen = seen.saturating_add(chunk.len());
        if seen <= limit {
            body.extend_from_slice(&chunk);
        } else if seen > DRAIN_BYTES_MAX {
            break;
        } else {
            body = BytesMut::new();
        }
    }
    if seen > limit {
        let text = format!("the body has more than {limit} bytes, the most that is read here");
        return Err(Problem::new(Category::TooLarge, "too-long", text));
    }
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_body_that_stops_coming_or_comes_too_slowly_is_given_up() {
        let byte = |_| async { Some((Ok(Bytes::from_static(b" ")), ())) };
        let (short, long) = (Duration::from_millis(20), Duration::from_secs(600));
        let refused = async |limits: Limits, silence: Duration, is_silent: bool| {
            let begun = stream::iter([Ok(Bytes::from_static(b"{"))]);
            let problem = if is_silent {
                in_time(begun.chain(stream::pending()), limits, silence).await
            } else {
                // Without end, and never silent.
                let dripping = Box::pin(stream::unfold((), byte).then(async |byte| {
                    tokio::task::yield_now().await;
                    byte
                }));
                in_time(dripping, limits, silence).await
            };
            let problem = problem.unwrap_err();
            assert_eq!((problem.category, problem.issues[0].code), (Category::RequestTimeout, "timeout"));
        };
        refused(Limits { bytes: 100, time: long }, short, true).await;
        refused(Limits { bytes: 100, time: short }, long, true).await;
        refused(Limits { bytes: 100, time: short }, long, false).await;
        let whole = stream::iter([Ok(Bytes::from_static(b"{")), Ok(Bytes::from_static(b"}"))]);
        assert_eq!(in_time(whole, Limits { bytes: 100, time: long }, long).await.unwrap(), "{}");
    }
}
