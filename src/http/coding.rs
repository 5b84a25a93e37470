//! Content codings (RFC 9110, 8.4): gzip, brotli and zstd, both ways; what is unpacked stays within the limit of a body.

use std::io::{Read, Write};

use actix_web::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap};
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::exchange::text;
use super::media;
use crate::problem::{Category, Problem};

/// Shorter answers are sent as they are.
const SIZE_MIN: usize = 1_024;
/// The fastest levels: an answer waits for them.
const GZIP_LEVEL: Compression = Compression::fast();
const ZSTD_LEVEL: i32 = 1;
/// 8 MiB, the most that a content coding may use (RFC 9659, 3): a frame that promises more would take that much memory.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// With a window of 256 KiB as fast as gzip at its fastest, and an eighth smaller for one resource, two thirds for a page.
const BROTLI_QUALITY: i32 = 3;
const BROTLI_WINDOW_BITS: i32 = 18;
/// What the decoder reads at once.
const BROTLI_BUFFER: usize = 4_096;

/// A coding that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

/// In the order of what is packed smallest in the least time.
const ALL: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

impl Coding {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    fn of(name: &str) -> Option<Self> {
        match name {
            "zstd" => Some(Self::Zstd),
            "br" => Some(Self::Brotli),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            _ => None,
        }
    }
}

/// The body as it was before its coding.
///
/// # Errors
/// `UnsupportedMediaType` for another coding, `TooLarge` when more than `limit` bytes come out, `Malformed` when it
/// cannot be unpacked.
pub(super) fn decode(headers: &HeaderMap, body: Vec<u8>, limit: usize) -> Result<Vec<u8>, Problem> {
    let given = text(headers, &CONTENT_ENCODING)?.map(|given| given.trim().to_ascii_lowercase());
    let coding = match given.as_deref() {
        None | Some("" | "identity") => return Ok(body),
        Some(name) => Coding::of(name).ok_or_else(|| {
            let text = format!("Content-Encoding '{name}' is not read here; gzip, br and zstd are");
            Problem::new(Category::UnsupportedMediaType, "not-supported", text)
        })?,
    };
    let broken = |_| {
        let text = format!("the body is not whole {}", coding.name());
        Problem::new(Category::Malformed, "structure", text)
    };
    // Never more than one byte over the limit is unpacked, whatever the body promises.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut unpacked = Vec::new();
    match coding {
        Coding::Gzip => MultiGzDecoder::new(&body[..]).take(most).read_to_end(&mut unpacked),
        Coding::Brotli => {
            brotli::Decompressor::new(&body[..], BROTLI_BUFFER).take(most).read_to_end(&mut unpacked)
        }
        Coding::Zstd => zstd::stream::read::Decoder::new(&body[..]).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            decoder.take(most).read_to_end(&mut unpacked)
        }),
    }
    .map_err(broken)?;
    if unpacked.len() > limit {
        let text = format!("the unpacked body has more than {limit} bytes, the most that is read here");
        return Err(Problem::new(Category::TooLarge, "too-long", text));
    }
    Ok(unpacked)
}

/// The coding that the client likes best among those known here; `None` for the body as it is.
pub(super) fn choose(headers: &HeaderMap, size: usize) -> Option<Coding> {
    if size < SIZE_MIN {
        return None;
    }
    let accepted = text(headers, &ACCEPT_ENCODING).ok()??;
    let weight = |coding: Coding| {
        let weights = accepted.split(',').filter_map(|part| {
            let (name, rest) = part.split_once(';').unwrap_or((part, ""));
            let mut parts = rest.split(';').filter_map(|part| part.split_once('='));
            let said = parts.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
            let weight = said.map_or(1000, |(_, q)| media::weight(q));
            let name = name.trim().to_ascii_lowercase();
            (Coding::of(&name) == Some(coding) || name == "*").then_some((name != "*", weight))
        });
        // What is named goes before the star.
        weights.max_by_key(|(named, _)| *named).map_or(0, |(_, weight)| weight)
    };
    let mut best = (0, None);
    for coding in ALL {
        let weight = weight(coding);
        if weight > best.0 {
            best = (weight, Some(coding));
        }
    }
    best.1
}

/// The body in this coding; `None` when it cannot be packed, and is sent as it is.
pub(super) fn encode(coding: Coding, body: &[u8]) -> Option<Vec<u8>> {
    match coding {
        Coding::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL).ok(),
        Coding::Brotli => {
            let wanted = BrotliEncoderParams {
                quality: BROTLI_QUALITY,
                lgwin: BROTLI_WINDOW_BITS,
                size_hint: body.len(),
                ..BrotliEncoderParams::default()
            };
            let mut packed = Vec::new();
            brotli::BrotliCompress(&mut &body[..], &mut packed, &wanted).ok()?;
            Some(packed)
        }
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), GZIP_LEVEL);
            encoder.write_all(body).ok()?;
            encoder.finish().ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn coded(name: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
        headers
    }

    #[test]
    fn what_is_packed_here_is_unpacked_here() {
        let body = b"{\"resourceType\":\"Patient\"}".repeat(100);
        for coding in ALL {
            let packed = encode(coding, &body).unwrap();
            assert!(packed.len() < body.len());
            assert_eq!(decode(&coded(coding.name()), packed, body.len()), Ok(body.clone()));
        }
        assert_eq!(decode(&HeaderMap::new(), body.clone(), 10), Ok(body));
    }

    #[test]
    fn a_zstd_frame_takes_no_more_memory_than_a_content_coding_may() {
        let body = b"{\"resourceType\":\"Patient\"}".repeat(100);
        for (window, fits) in [(ZSTD_WINDOW_LOG_MAX, true), (ZSTD_WINDOW_LOG_MAX + 1, false)] {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL).unwrap();
            encoder.window_log(window).unwrap();
            // Its length is not known beforehand: the window stands in the frame.
            encoder.write_all(&body).unwrap();
            let unpacked = decode(&coded("zstd"), encoder.finish().unwrap(), body.len());
            assert_eq!(unpacked.is_ok(), fits, "{window}");
        }
    }

    #[test]
    fn a_bomb_goes_off_at_the_limit() {
        let zeros = vec![0; 10_000_000];
        for coding in ALL {
            let packed = encode(coding, &zeros).unwrap();
            assert!(packed.len() < 100_000);
            let refused = decode(&coded(coding.name()), packed, 1_000).unwrap_err();
            assert_eq!(refused.category, Category::TooLarge);
        }
    }

    #[test]
    fn another_coding_or_a_broken_body_is_refused_by_name() {
        let refused = |name, body: &[u8]| decode(&coded(name), body.to_vec(), 100).unwrap_err().category;
        assert_eq!(refused("deflate", b""), Category::UnsupportedMediaType);
        assert_eq!(refused("gzip, gzip", b""), Category::UnsupportedMediaType);
        for coding in ALL {
            let packed = encode(coding, &[7; 50]).unwrap();
            assert_eq!(refused(coding.name(), &packed[..packed.len() - 3]), Category::Malformed);
            assert_eq!(refused(coding.name(), b"plain"), Category::Malformed);
        }
    }

    #[test]
    fn the_client_chooses_the_coding() {
        let check = |accepted: &'static str, expected: Option<Coding>| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accepted));
            assert_eq!(choose(&headers, 5_000), expected, "{accepted}");
            assert_eq!(choose(&headers, 100), None, "{accepted}");
        };
        check("gzip, deflate, br, zstd", Some(Coding::Zstd));
        check("gzip, deflate", Some(Coding::Gzip));
        check("gzip, deflate, br", Some(Coding::Brotli));
        check("br;q=0.5, gzip;q=0.9", Some(Coding::Gzip));
        check("zstd;q=0.5, gzip;q=0.9", Some(Coding::Gzip));
        check("zstd;q=0, *", Some(Coding::Brotli));
        check("zstd;q=0, br;q=0, *", Some(Coding::Gzip));
        check("*;q=0, gzip", Some(Coding::Gzip));
        check("identity", None);
        check("deflate", None);
        assert_eq!(choose(&HeaderMap::new(), 5_000), None);
    }
}
