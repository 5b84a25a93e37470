//! Attachments: their size as declared and as held, and what their item allows (`mimeType`, `maxSize`).

use crate::json::Value;
use rust_decimal::Decimal;

use super::extension::text;
use super::finding::{ATTACHMENT_SIZE, ATTACHMENT_SIZE_INCONSISTENT, ATTACHMENT_TYPE, Finding};
use super::limits::Limits;

/// Bytes in the megabyte of `maxSize`.
const MEGABYTE: u32 = 1_000_000;

/// Bytes that a base64 text stands for.
fn decoded_length(data: &str) -> usize {
    let digits = data.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').count();
    digits / 4 * 3 + (digits % 4 * 3) / 4
}

/// What is wrong with an attachment by itself.
pub(crate) fn form(value: &Value, findings: &mut Vec<Finding>) {
    let declared = value.get("size").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    let held = text(value, "data").map(decoded_length);
    if let (Some(declared), Some(held)) = (declared, held)
        && declared != held
    {
        let english = format!("size says {declared} bytes, data holds {held}");
        findings.push(Finding::new(
            ATTACHMENT_SIZE_INCONSISTENT,
            english,
            "la taille annoncée du fichier est fausse",
        ));
    }
}

/// What of the limits of its item an attachment breaks.
pub(crate) fn limits(limits: &Limits, value: &Value, findings: &mut Vec<Finding>) {
    let found = text(value, "contentType");
    if !limits.mime_types.is_empty()
        && !limits.mime_types.iter().any(|allowed| found.is_some_and(|f| mime_fits(allowed, f)))
    {
        let allowed = limits.mime_types.join(", ");
        let english = format!("contentType {} is not one of: {allowed}", found.unwrap_or("(none)"));
        findings.push(Finding::new(
            ATTACHMENT_TYPE,
            english,
            format!("le fichier doit être de type {allowed}"),
        ));
    }
    let held = text(value, "data").map(decoded_length);
    let size = held.or_else(|| value.get("size")?.as_u64().and_then(|size| usize::try_from(size).ok()));
    if let (Some(size), Some(most)) = (size, limits.size_max)
        && Decimal::from(size) > most * Decimal::from(MEGABYTE)
    {
        let english = format!("has {size} bytes, at most {most} MB are allowed");
        findings.push(Finding::new(ATTACHMENT_SIZE, english, format!("le fichier dépasse {most} Mo")));
    }
}

fn mime_fits(allowed: &str, found: &str) -> bool {
    let found = found.split(';').next().unwrap_or_default().trim();
    allowed.strip_suffix("/*").map_or(allowed == found, |family| found.split('/').next() == Some(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_lengths_are_reckoned_without_decoding() {
        for (data, length) in [("", 0), ("QQ==", 1), ("QUI=", 2), ("QUJD", 3), ("QUJD\nQQ==", 4)] {
            assert_eq!(decoded_length(data), length, "{data}");
        }
    }

    #[test]
    fn a_family_of_media_types_is_allowed_by_its_star() {
        assert!(mime_fits("image/*", "image/png") && mime_fits("image/png", "image/png; q=1"));
        assert!(!mime_fits("image/png", "image/jpeg"));
    }
}
