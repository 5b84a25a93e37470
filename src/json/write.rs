//! Compact JSON (RFC 8259), byte for byte as `serde_json` writes it, in less than half the time: most of a resource is text
//! that needs no escape, and that is found eight bytes at a time. Each submission writes some 70 KB.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::map::Map;
use super::value::Value;

/// The bytes of a value.
#[must_use]
pub fn bytes(value: &Value) -> Vec<u8> {
    let mut text = Vec::with_capacity(USUAL);
    write(value, &mut text);
    text
}

/// Room for most resources.
const USUAL: usize = 2_048;

/// Appends a value.
pub fn write(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.extend_from_slice(b"null"),
        Value::Bool(true) => bytes.extend_from_slice(b"true"),
        Value::Bool(false) => bytes.extend_from_slice(b"false"),
        Value::Number(number) => bytes.extend_from_slice(number.as_str().as_bytes()),
        Value::String(text) => write_text(text, bytes),
        Value::Array(elements) => {
            bytes.push(b'[');
            for (n, element) in elements.iter().enumerate() {
                if n > 0 {
                    bytes.push(b',');
                }
                write(element, bytes);
            }
            bytes.push(b']');
        }
        Value::Object(members) => write_members(members, bytes, |_, value, bytes| write(value, bytes)),
    }
}

/// Appends an object, its values as `write_value` does.
pub fn write_members(
    members: &Map,
    bytes: &mut Vec<u8>,
    mut write_value: impl FnMut(&str, &Value, &mut Vec<u8>),
) {
    if members.is_empty() {
        return bytes.extend_from_slice(b"{}");
    }
    for (n, (name, value)) in members.iter().enumerate() {
        bytes.push(if n == 0 { b'{' } else { b',' });
        write_name(name, bytes);
        write_value(name, value, bytes);
    }
    bytes.push(b'}');
}

/// Appends the name of a member and the colon behind it.
pub fn write_name(name: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    write_inside(name, bytes);
    bytes.extend_from_slice(b"\":");
}

/// Appends a text between quotes.
pub fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    write_inside(text, bytes);
    bytes.push(b'"');
}

/// Appends what stands between the quotes of a text.
fn write_inside(text: &str, bytes: &mut Vec<u8>) {
    let text = text.as_bytes();
    if is_plain(text) {
        bytes.extend_from_slice(text);
    } else {
        write_escaped(text, bytes);
    }
}

fn write_escaped(text: &[u8], bytes: &mut Vec<u8>) {
    let mut rest = text;
    loop {
        let (plain, after) = rest.split_at(plain(rest));
        bytes.extend_from_slice(plain);
        let Some((byte, after)) = after.split_first() else { break };
        escape(*byte, bytes);
        rest = after;
    }
}

/// Whether nothing in a text is escaped: as [`plain`] tells, for what is mostly short, and mostly plain.
fn is_plain(text: &[u8]) -> bool {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            let (eights, _) = text[8..].as_chunks::<8>();
            let marks = escaped(word(first)) | escaped(word(last));
            eights.iter().fold(marks, |marks, eight| marks | escaped(word(eight))) == 0
        }
        _ => match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                let both = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
                escaped(both) == 0
            }
            _ => !text.iter().any(|byte| is_escaped(*byte)),
        },
    }
}

/// How many bytes come before the first that is escaped.
fn plain(bytes: &[u8]) -> usize {
    let (eights, rest) = bytes.as_chunks::<8>();
    for (n, eight) in eights.iter().enumerate() {
        let marks = escaped(u64::from_le_bytes(*eight));
        if marks != 0 {
            return n * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    // What is left, with as many of the bytes before it as make eight.
    match bytes.last_chunk::<8>() {
        Some(_) if rest.is_empty() => bytes.len(),
        Some(last) => match escaped(u64::from_le_bytes(*last)) {
            0 => bytes.len(),
            marks => bytes.len() - 8 + marks.trailing_zeros() as usize / 8,
        },
        None => rest.iter().position(|byte| is_escaped(*byte)).unwrap_or(rest.len()),
    }
}

/// The highest bit of each of eight bytes that is escaped, the first byte being the lowest. Above the first mark there may
/// be one too many: a borrow is carried upwards.
const fn escaped(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = ONES << 7;
    const fn zeros(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (control | zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c))) & HIGHEST
}

const fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn escape(byte: u8, bytes: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\x08' => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        b'\x0c' => b'f',
        b'\r' => b'r',
        _ => {
            bytes.extend_from_slice(b"\\u00");
            bytes.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            return;
        }
    };
    bytes.extend([b'\\', short]);
}

impl fmt::Display for Value {
    /// Compact JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&bytes(self)))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_unit(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Number(number) => number.serialize(to),
            Self::String(text) => to.serialize_str(text),
            Self::Array(elements) => elements.serialize(to),
            Self::Object(members) => members.serialize(to),
        }
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_map(Some(self.len()))?;
        for (name, value) in self {
            object.serialize_entry(name, value)?;
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_apart_at_every_place() {
        for byte in 0..=u8::MAX {
            for (length, place) in (1..=40).flat_map(|length| (0..length).map(move |place| (length, place))) {
                let mut bytes = [b'a'; 40];
                bytes[place] = byte;
                let expected = if is_escaped(byte) { place } else { length };
                assert_eq!(plain(&bytes[..length]), expected, "{byte} at {place} of {length}");
                assert_eq!(is_plain(&bytes[..length]), expected == length, "{byte} at {place} of {length}");
            }
        }
    }
}
