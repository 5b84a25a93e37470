//! The forms of `Reference.reference` (<https://hl7.org/fhir/R4/references.html>).

use super::{primitive, schema};

/// What a literal reference is made of; borrowed from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceForm<'a> {
    /// `Patient/1` or `Patient/1/_history/2`.
    Local {
        /// The resource type, one of R4.
        rtype: &'a str,
        /// The logical id.
        id: &'a str,
        /// The version, where the reference names one.
        version: Option<&'a str>,
    },
    /// `https://…`, to another server; type and id where the address is `RESTful`.
    Absolute {
        /// The whole address.
        url: &'a str,
        /// The part before type and id, without the slash; empty where the address is not `RESTful`.
        base: &'a str,
        /// The resource type, where the address is `RESTful`.
        rtype: Option<&'a str>,
        /// The logical id, where the address is `RESTful`.
        id: Option<&'a str>,
    },
    /// `urn:uuid:…` or `urn:oid:…`, to an entry of the same Bundle.
    Urn(&'a str),
    /// `#id`, to a contained resource; an empty id means the container itself.
    Contained(&'a str),
    /// `Patient?identifier=…`, to be resolved by a search.
    Conditional {
        /// The resource type, one of R4.
        rtype: &'a str,
        /// What follows the question mark.
        query: &'a str,
    },
    /// None of these.
    Invalid,
}

impl<'a> ReferenceForm<'a> {
    /// The type that the reference names by itself.
    #[must_use]
    pub const fn rtype(&self) -> Option<&'a str> {
        match *self {
            Self::Local { rtype, .. } | Self::Conditional { rtype, .. } => Some(rtype),
            Self::Absolute { rtype, .. } => rtype,
            Self::Urn(_) | Self::Contained(_) | Self::Invalid => None,
        }
    }
}

/// Reads a literal reference; total: whatever fits no form is `Invalid`.
#[must_use]
pub fn parse(text: &str) -> ReferenceForm<'_> {
    // Nearly all are `Patient/1`.
    if let Some((rtype, id, version)) = local(text) {
        return ReferenceForm::Local { rtype, id, version };
    }
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return ReferenceForm::Invalid;
    }
    if let Some(id) = text.strip_prefix('#') {
        return if id.is_empty() || is_id(id) {
            ReferenceForm::Contained(id)
        } else {
            ReferenceForm::Invalid
        };
    }
    if text.starts_with("urn:") {
        return if primitive::is_urn(text) { ReferenceForm::Urn(text) } else { ReferenceForm::Invalid };
    }
    // The value of a search may hold an address: `Patient?identifier=https://…|1`.
    let searched = text.split_once('?').filter(|(before, _)| !before.contains("://"));
    if text.contains("://") && searched.is_none() {
        return absolute(text);
    }
    if let Some((rtype, query)) = searched {
        return if schema::r4().is_resource(rtype) && query.contains('=') {
            ReferenceForm::Conditional { rtype, query }
        } else {
            ReferenceForm::Invalid
        };
    }
    ReferenceForm::Invalid
}

/// What follows the address of a server, where `text` begins with it: `Patient/1` of `https://…/Patient/1`.
#[must_use]
pub fn without_base<'t>(text: &'t str, base: &str) -> Option<&'t str> {
    text.strip_prefix(base)?.strip_prefix('/')
}

/// `[A-Za-z0-9\-\.]{1,64}`: the form of a logical id.
#[must_use]
pub fn is_id(text: &str) -> bool {
    // All of them, however early a wrong one stands: nearly none is wrong.
    (1..=64).contains(&text.len()) && text.bytes().fold(true, |all, byte| all & ID_BYTES[usize::from(byte)])
}

/// The bytes that an id may have: a submission looks at some ten thousand.
const ID_BYTES: [bool; 256] = {
    let mut bytes = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        bytes[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        byte += 1;
    }
    bytes
};

fn local(text: &str) -> Option<(&str, &str, Option<&str>)> {
    let (rtype, rest) = text.split_at(text.bytes().position(|byte| byte == b'/')?);
    if !schema::r4().is_resource(rtype) {
        return None;
    }
    let rest = &rest[1..];
    if is_id(rest) {
        return Some((rtype, rest, None));
    }
    let (id, version) = rest.split_once("/_history/")?;
    (is_id(id) && is_id(version)).then_some((rtype, id, Some(version)))
}

fn absolute(url: &str) -> ReferenceForm<'_> {
    let Some((scheme, rest)) = url.split_once("://") else { return ReferenceForm::Invalid };
    let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !scheme_ok || rest.is_empty() {
        return ReferenceForm::Invalid;
    }
    let path = url.split_once("/_history/").map_or(url, |(path, _)| path);
    let mut parts = path.rsplitn(3, '/');
    let (id, rtype, base) = (parts.next(), parts.next(), parts.next());
    match (base, rtype, id) {
        (Some(base), Some(rtype), Some(id)) if is_id(id) && schema::r4().is_resource(rtype) => {
            ReferenceForm::Absolute { url, base, rtype: Some(rtype), id: Some(id) }
        }
        _ => ReferenceForm::Absolute { url, base: "", rtype: None, id: None },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_search_may_look_for_an_address() {
        check(
            "Patient?identifier=https://h/ipp|1",
            ReferenceForm::Conditional { rtype: "Patient", query: "identifier=https://h/ipp|1" },
        );
        assert!(matches!(parse("https://h/Patient?identifier=1"), ReferenceForm::Absolute { .. }));
    }

    fn check(text: &str, expected: ReferenceForm<'_>) {
        assert_eq!(parse(text), expected, "{text}");
    }

    #[test]
    fn a_relative_reference_names_type_id_and_perhaps_version() {
        check("Patient/1", ReferenceForm::Local { rtype: "Patient", id: "1", version: None });
        check("Patient/1/_history/2", ReferenceForm::Local { rtype: "Patient", id: "1", version: Some("2") });
    }

    #[test]
    fn an_absolute_reference_is_read_as_restful_where_it_is() {
        let url = "https://dpi.example/fhir/Patient/1";
        check(
            url,
            ReferenceForm::Absolute {
                url,
                base: "https://dpi.example/fhir",
                rtype: Some("Patient"),
                id: Some("1"),
            },
        );
        let url = "https://dpi.example/fhir/Patient/1/_history/7";
        check(
            url,
            ReferenceForm::Absolute {
                url,
                base: "https://dpi.example/fhir",
                rtype: Some("Patient"),
                id: Some("1"),
            },
        );
        let url = "https://example.org/letter.pdf";
        check(url, ReferenceForm::Absolute { url, base: "", rtype: None, id: None });
    }

    #[test]
    fn the_other_forms_are_told_apart() {
        check("#p1", ReferenceForm::Contained("p1"));
        check("#", ReferenceForm::Contained(""));
        let urn = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0";
        check(urn, ReferenceForm::Urn(urn));
        check(
            "Patient?identifier=a|b",
            ReferenceForm::Conditional { rtype: "Patient", query: "identifier=a|b" },
        );
    }

    #[test]
    fn what_fits_no_form_is_invalid() {
        for text in [
            "",
            "Patient",
            "Patient/",
            "patient/1",
            "Patient/a b",
            "Patient/1/2",
            "Patient/1/_history/",
            "#a b",
            "Nothing/1",
            "1",
            "urn:",
            "urn:uuid:12",
            "Patient?",
            "/Patient/1",
        ] {
            check(text, ReferenceForm::Invalid);
        }
    }

    /// The parts between slashes, as the form is stated.
    fn by_parts(text: &str) -> Option<(&str, &str, Option<&str>)> {
        let is_part = |part: &str| {
            (1..=64).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        };
        let parts: Vec<&str> = text.split('/').collect();
        let (rtype, id, version) = match parts.as_slice() {
            [rtype, id] => (*rtype, *id, None),
            [rtype, id, "_history", version] if is_part(version) => (*rtype, *id, Some(*version)),
            _ => return None,
        };
        (schema::r4().is_resource(rtype) && is_part(id)).then_some((rtype, id, version))
    }

    proptest! {
        #[test]
        fn a_local_reference_is_read_as_its_parts(
            text in "(Patient|Resource|Task)?/?[a-z0-9.é_-]{0,3}(/_history)?/?[A-Za-z0-9./-]{0,66}"
        ) {
            prop_assert_eq!(local(&text), by_parts(&text));
        }
    }
}
