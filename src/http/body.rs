//! Reads a request body up to a limit; what is over it is read away, so that the client gets its answer.

use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;

use crate::problem::{Category, Problem};

/// How much of an oversized body is read away before the connection is given up.
const DRAIN_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The whole body.
///
/// # Errors
/// `TooLarge` over `limit` bytes, `Malformed` when the client stops half way.
pub(super) async fn read(mut payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    let mut body = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(chunk) = payload.next().await {
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
