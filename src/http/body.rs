//! Reads a request body up to a limit; what is over it is read away, so that the client gets its answer.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::{Stream, StreamExt};

use crate::problem::{Category, Problem};

/// How much of an oversized body is read away before the connection is given up.
const DRAIN_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How long nothing may come: who has gone without a word would hold what was read for ever.
const SILENCE: Duration = Duration::from_secs(60);

/// The whole body.
///
/// # Errors
/// `TooLarge` over `limit` bytes, `Malformed` when the client stops half way.
pub(super) async fn read(payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    within(payload, limit, SILENCE).await
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
        Problem::new(Category::Malformed, "timeout", text)
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
    async fn a_body_that_stops_coming_is_given_up() {
        let begun = stream::iter([Ok(Bytes::from_static(b"{"))]);
        let silence = Duration::from_millis(20);
        let problem = within(begun.chain(stream::pending()), 100, silence).await.unwrap_err();
        assert_eq!((problem.category, problem.issues[0].code), (Category::Malformed, "timeout"));
        let whole = stream::iter([Ok(Bytes::from_static(b"{")), Ok(Bytes::from_static(b"}"))]);
        assert_eq!(within(whole, 100, silence).await.unwrap(), "{}");
    }
}
