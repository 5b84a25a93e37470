//! Compact stored form of bodies and payloads: zstd, with the version of the dictionary beside the bytes.

use crate::problem::Problem;

/// Bytes as they are stored.
#[derive(Clone)]
pub(super) struct Packed {
    /// Version of the dictionary they need; 0 for none.
    pub(super) dictionary: i64,
    /// The compressed bytes.
    pub(super) bytes: Vec<u8>,
    /// Size once unpacked.
    pub(super) size: usize,
}

/// Level 1: the fastest, and within a few percent of the higher ones on resources.
const LEVEL: i32 = 1;

pub(super) fn pack(bytes: &[u8]) -> Result<Packed, Problem> {
    let packed = zstd::bulk::compress(bytes, LEVEL)
        .map_err(|e| Problem::internal(format!("a body could not be compressed: {e}")))?;
    Ok(Packed { dictionary: 0, bytes: packed, size: bytes.len() })
}

pub(super) fn unpack(dictionary: i64, bytes: &[u8], size: usize) -> Result<Vec<u8>, Problem> {
    if dictionary != 0 {
        let diagnostics = format!("a body needs dictionary {dictionary}, which this version does not have");
        return Err(Problem::internal(diagnostics));
    }
    let body = zstd::bulk::decompress(bytes, size)
        .map_err(|e| Problem::internal(format!("a stored body cannot be read: {e}")))?;
    if body.len() == size { Ok(body) } else { Err(Problem::internal("a stored body has lost bytes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_comes_back_byte_for_byte() {
        for body in [&b""[..], b"{}", &[7; 100_000]] {
            let packed = pack(body).unwrap();
            assert_eq!(unpack(packed.dictionary, &packed.bytes, packed.size).unwrap(), body);
        }
    }

    #[test]
    fn a_body_that_lost_bytes_is_a_problem() {
        let packed = pack(b"twelve bytes").unwrap();
        assert!(unpack(0, &packed.bytes, 13).is_err());
        assert!(unpack(0, &packed.bytes[..4], 12).is_err());
        assert!(unpack(9, &packed.bytes, 12).is_err());
    }
}
