//! The links of a searchset: the search again, as it was understood, and its next page.

use super::CURSOR;
use crate::interaction::Context;

pub(super) fn to(ctx: &Context, path: &str, params: &[(String, String)], cursor: Option<&str>) -> String {
    link(&ctx.settings.base_url, path, params, cursor)
}

pub(in crate::interaction) fn link(
    base: &str,
    path: &str,
    params: &[(String, String)],
    cursor: Option<&str>,
) -> String {
    let kept = params.iter().filter(|(name, _)| name != CURSOR || cursor.is_none());
    let mut pairs: Vec<String> =
        kept.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.extend(cursor.map(|cursor| format!("{CURSOR}={}", encode(cursor))));
    let mut link = format!("{base}/{path}");
    if !pairs.is_empty() {
        link.push('?');
        link.push_str(&pairs.join("&"));
    }
    link
}

/// Percent-encodes all but what RFC 3986 lets stand in a query without a meaning of its own.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/,$".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_repeats_the_search_with_another_cursor() {
        let params = [("subject", "Patient/1"), ("identifier", "a|b c"), (CURSOR, "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(
            link("https://h/fhir", "Task", &params, Some("y=")),
            "https://h/fhir/Task?subject=Patient/1&identifier=a%7Cb%20c&_cursor=y%3D"
        );
        assert_eq!(link("https://h/fhir", "Task", &[], None), "https://h/fhir/Task");
    }
}
