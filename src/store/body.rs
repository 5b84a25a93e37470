//! Compact stored form of bodies and payloads: zstd, with the version of the dictionary beside the bytes.
//!
//! The dictionary holds what resources have in common; with it a body takes about a third of what it takes without,
//! and less time. One that was shipped never changes: bodies that were stored with it need it.

use std::cell::RefCell;
use std::io;
use std::sync::OnceLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::DecoderDictionary;
use zstd::zstd_safe::{CParameter, ParamSwitch, compress_bound};

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

/// Level 1, the fastest one, is where these begin.
const LEVEL: i32 = 1;

/// What differs from that level. Most of a resource stands in the dictionary in long pieces, and what lies between them is of no
/// other resource: so the matches that are looked for are long ones, four bytes are passed over where there is none, and the
/// table of the dictionary is large enough that nearly each of its places is found. Codes of literals would be left out with
/// that. Four bytes of checksum tell that what was stored is what is read. Against the level as it is: 28 % fewer instructions for
/// the 43 bodies of a submission, and 14 % fewer bytes with
/// the dictionary that came with it.
const PARAMETERS: [CParameter; 5] = [
    CParameter::MinMatch(7),
    CParameter::TargetLength(4),
    CParameter::HashLog(15),
    CParameter::LiteralCompressionMode(ParamSwitch::Enable),
    CParameter::ChecksumFlag(true),
];

/// The dictionaries by version, from 1; made by `tests/tools/dictionary.py`.
const DICTIONARIES: [&[u8]; 2] = [include_bytes!("dictionary/1.zdict"), include_bytes!("dictionary/2.zdict")];

/// The version that bodies are packed with.
const CURRENT: usize = DICTIONARIES.len();

thread_local! {
    // Making one of these costs more than packing a body.
    static PACKER: RefCell<Option<Packer>> = const { RefCell::new(None) };
    static UNPACKERS: RefCell<[Option<Decompressor<'static>>; CURRENT + 1]> =
        const { RefCell::new([const { None }; CURRENT + 1]) };
}

pub(super) fn pack(bytes: &[u8]) -> Result<Packed, Problem> {
    let packed = PACKER.with_borrow_mut(|packer| match packer {
        Some(packer) => packer.pack(bytes),
        None => packer.insert(Packer::new()?).pack(bytes),
    });
    let bytes_packed =
        packed.map_err(|e| Problem::internal(format!("a body could not be compressed: {e}")))?;
    Ok(Packed { dictionary: CURRENT as i64, bytes: bytes_packed, size: bytes.len() })
}

pub(super) fn unpack(dictionary: i64, bytes: &[u8], size: usize) -> Result<Vec<u8>, Problem> {
    let version =
        usize::try_from(dictionary).ok().filter(|version| *version <= CURRENT).ok_or_else(|| {
            Problem::internal(format!(
                "a body needs dictionary {dictionary}, which this version does not have"
            ))
        })?;
    let body = UNPACKERS.with_borrow_mut(|unpackers| match &mut unpackers[version] {
        Some(unpacker) => unpacker.decompress(bytes, size),
        none => none.insert(unpacker(version)?).decompress(bytes, size),
    });
    let body = body.map_err(|e| Problem::internal(format!("a stored body cannot be read: {e}")))?;
    if body.len() == size { Ok(body) } else { Err(Problem::internal("a stored body has lost bytes")) }
}

/// Packs with the current dictionary, which it digests for itself: one that is digested for all takes no parameters.
struct Packer {
    compressor: Compressor<'static>,
    /// What is packed comes here first: it needs room for the worst, and takes a sixth of it.
    room: Vec<u8>,
}

impl Packer {
    /// Longer bodies are rare, and their room is not kept.
    const ROOM_MAX: usize = 65_536;

    fn new() -> io::Result<Self> {
        let mut compressor = Compressor::with_dictionary(LEVEL, DICTIONARIES[CURRENT - 1])?;
        PARAMETERS.into_iter().try_for_each(|parameter| compressor.set_parameter(parameter))?;
        Ok(Self { compressor, room: Vec::new() })
    }

    fn pack(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let most = compress_bound(bytes.len());
        if most > Self::ROOM_MAX {
            return self.compressor.compress(bytes);
        }
        self.room.clear();
        self.room.reserve(most);
        self.compressor.compress_to_buffer(bytes, &mut self.room)?;
        Ok(self.room.clone())
    }
}

/// Reads what was packed with that version.
fn unpacker(version: usize) -> io::Result<Decompressor<'static>> {
    static DECODERS: [OnceLock<DecoderDictionary<'static>>; CURRENT] = [const { OnceLock::new() }; CURRENT];
    match version.checked_sub(1) {
        None => Decompressor::new(),
        Some(n) => Decompressor::with_prepared_dictionary(
            DECODERS[n].get_or_init(|| DecoderDictionary::copy(DICTIONARIES[n])),
        ),
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// The first bytes of the digest of each shipped dictionary: a line is added with it and never changed.
    const SHIPPED: &[[u8; 4]] = &[[0x21, 0x82, 0xd7, 0x50], [0xaf, 0x3a, 0x41, 0x17]];

    #[test]
    fn a_body_comes_back_byte_for_byte() {
        let mixed: Vec<u8> = (0..60_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
        for body in [&b""[..], b"{}", &[7; 100_000], &mixed, b"{}", &mixed[..900]] {
            let packed = pack(body).unwrap();
            assert_eq!(unpack(packed.dictionary, &packed.bytes, packed.size).unwrap(), body);
        }
    }

    #[test]
    fn whatever_bit_is_turned_the_body_is_the_same_or_none() {
        let body =
            br#"{"resourceType":"Observation","status":"final","valueQuantity":{"value":38.6,"unit":"Cel"}}"#;
        let packed = pack(body).unwrap();
        for bit in 0..packed.bytes.len() * 8 {
            let mut bytes = packed.bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let read = unpack(packed.dictionary, &bytes, packed.size);
            assert!(read.is_err() || read.is_ok_and(|read| read == body), "bit {bit}");
        }
    }

    #[test]
    fn a_body_of_before_the_dictionary_is_still_read() {
        let packed = zstd::bulk::compress(b"{\"resourceType\":\"Flag\"}", LEVEL).unwrap();
        assert_eq!(unpack(0, &packed, 23).unwrap(), b"{\"resourceType\":\"Flag\"}");
    }

    #[test]
    fn a_body_of_each_dictionary_is_still_read() {
        for (n, dictionary) in DICTIONARIES.iter().enumerate() {
            let body =
                b"{\"resourceType\":\"Observation\",\"status\":\"final\",\"code\":{\"text\":\"Fatigue\"}}";
            let packed = Compressor::with_dictionary(LEVEL, dictionary).unwrap().compress(body).unwrap();
            assert_eq!(unpack(n as i64 + 1, &packed, body.len()).unwrap(), body);
            // Another dictionary is not taken for it.
            let other = (n as i64 + 1) % CURRENT as i64 + 1;
            assert!(unpack(other, &packed, body.len()).is_err(), "{n}");
        }
    }

    #[test]
    fn the_dictionary_knows_what_resources_have_in_common() {
        let example = include_bytes!("../../examples/fhir/folfox/week-2.json");
        let body = serde_json::from_slice::<crate::json::Value>(example).unwrap().to_string();
        let plain = zstd::bulk::compress(body.as_bytes(), LEVEL).unwrap();
        let packed = pack(body.as_bytes()).unwrap().bytes;
        assert!(packed.len() * 2 < plain.len(), "{} against {}", packed.len(), plain.len());
    }

    #[test]
    fn a_shipped_dictionary_never_changes() {
        let digests: Vec<[u8; 4]> = DICTIONARIES
            .iter()
            .map(|dictionary| Sha256::digest(dictionary)[..4].try_into().unwrap())
            .collect();
        assert_eq!(digests, SHIPPED);
    }

    #[test]
    fn a_body_that_lost_bytes_is_a_problem() {
        let packed = pack(b"twelve bytes").unwrap();
        assert!(unpack(packed.dictionary, &packed.bytes, 13).is_err());
        assert!(unpack(packed.dictionary, &packed.bytes[..4], 12).is_err());
        assert!(unpack(9, &packed.bytes, 12).is_err());
        assert!(unpack(-1, &packed.bytes, 12).is_err());
    }
}
