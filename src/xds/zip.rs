//! A ZIP archive of stored files (PKWARE APPNOTE 6.3): no compression, so that the bytes depend on the files alone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::problem::Problem;

/// The archive of these files, all of that time (in UTC, to two seconds).
///
/// # Errors
/// Internal beyond what a ZIP without extensions holds: 65,535 files, 4 GiB.
pub(super) fn archive(files: &[(&str, &[u8])], at: Timestamp) -> Result<Vec<u8>, Problem> {
    let stamp = stamp(at);
    let mut bytes = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in files {
        let offset = number(bytes.len())?;
        let mut common = Vec::new();
        // Version 1.0, names in UTF-8, stored.
        for half in [10_u16, 0x0800, 0] {
            common.extend(half.to_le_bytes());
        }
        common.extend(stamp);
        common.extend(crc32(content).to_le_bytes());
        common.extend(number(content.len())?.to_le_bytes());
        common.extend(number(content.len())?.to_le_bytes());
        common.extend(short(name.len())?.to_le_bytes());
        common.extend([0, 0]);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&common);
        bytes.extend(name.as_bytes());
        bytes.extend(*content);
        // Made by version 2.0 on FAT; no comment, first disk, no attributes.
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, count) = (number(bytes.len())?, short(files.len())?.to_le_bytes());
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\x00\x00\x00\x00");
    bytes.extend(count);
    bytes.extend(count);
    bytes.extend(number(directory.len())?.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    Ok(bytes)
}

fn number(length: usize) -> Result<u32, Problem> {
    u32::try_from(length).map_err(|_| Problem::internal("an archive of more than 4 GiB"))
}

fn short(length: usize) -> Result<u16, Problem> {
    u16::try_from(length).map_err(|_| Problem::internal("an archive of more than 65,535 files"))
}

/// Time and date as DOS has them: from 1980 on.
fn stamp(at: Timestamp) -> [u8; 4] {
    let at = at.to_zoned(TimeZone::UTC).datetime();
    let unsigned = |value: i8| u16::try_from(value).unwrap_or(0);
    let time = unsigned(at.hour()) << 11 | unsigned(at.minute()) << 5 | (unsigned(at.second()) / 2);
    let year = u16::try_from(at.year() - 1980).unwrap_or(0).min(127);
    let date = year << 9 | unsigned(at.month()) << 5 | unsigned(at.day());
    let ([a, b], [c, d]) = (time.to_le_bytes(), date.to_le_bytes());
    [a, b, c, d]
}

/// CRC-32 of ISO 3309.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_polynomial_is_right() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn an_archive_has_its_three_records() {
        let at = "2026-03-09T14:20:03Z".parse().unwrap();
        let bytes = archive(&[("A.TXT", b"abc"), ("B/C.TXT", b"")], at).unwrap();
        assert_eq!(bytes.len(), 30 + 5 + 3 + 30 + 7 + 46 + 5 + 46 + 7 + 22);
        assert_eq!(&bytes[bytes.len() - 12..bytes.len() - 10], b"\x02\x00");
        // 14:20:02 and 2026-03-09.
        assert_eq!(&bytes[10..14], &[0x81, 0x72, 0x69, 0x5c]);
    }
}
