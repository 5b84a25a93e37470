//! Canonical addresses `url|version` (FHIR R4, `canonical`), and which of two versions is newer.

use std::cmp::Ordering;

use crate::json::Value;

/// `url` or `url|version`; a fragment is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Canonical<'a> {
    pub(crate) url: &'a str,
    pub(crate) version: Option<&'a str>,
}

impl<'a> Canonical<'a> {
    /// Reads a canonical.
    pub(crate) fn parse(text: &'a str) -> Self {
        let text = text.split_once('#').map_or(text, |(text, _)| text);
        match text.split_once('|') {
            Some((url, version)) if !version.is_empty() => Self { url, version: Some(version) },
            Some((url, _)) => Self { url, version: None },
            None => Self { url: text, version: None },
        }
    }

    /// The canonical under which a definition is known.
    pub(crate) fn of(definition: &'a Value) -> Option<Self> {
        let text = |name: &str| definition.get(name).and_then(Value::as_str);
        Some(Self { url: text("url")?, version: text("version") })
    }
}

impl std::fmt::Display for Canonical<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.url)?;
        self.version.map_or(Ok(()), |version| write!(f, "|{version}"))
    }
}

/// Whether a resource type is a definition: known by its canonical, immutable once active.
pub(crate) fn is_definition(rtype: &str) -> bool {
    matches!(rtype, "ActivityDefinition" | "CodeSystem" | "PlanDefinition" | "Questionnaire" | "ValueSet")
}

/// Compares versions part by part, numbers as numbers: 1.10.0 is newer than 1.9.2, and 1.0 is newer than 1.0-draft.
pub(crate) fn compare_versions(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one.split(['.', '-']), other.split(['.', '-']));
    loop {
        let ordering = match (left.next(), right.next()) {
            (None, None) => return one.cmp(other),
            (None, Some(part)) => {
                if number(part).is_some() {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (Some(part), None) => {
                if number(part).is_some() {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (Some(left), Some(right)) => match (number(left), number(right)) {
                (Some(left), Some(right)) => left.cmp(&right),
                (Some(_), None) => Ordering::Greater,
                (None, Some(_)) => Ordering::Less,
                (None, None) => left.cmp(right),
            },
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
    }
}

fn number(part: &str) -> Option<u64> {
    part.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_is_read_with_and_without_its_version() {
        let check = |text: &str, url: &str, version: Option<&str>| {
            assert_eq!(Canonical::parse(text), Canonical { url, version }, "{text}");
        };
        check("http://a/Q|1.0.0", "http://a/Q", Some("1.0.0"));
        check("http://a/Q", "http://a/Q", None);
        check("http://a/Q|", "http://a/Q", None);
        check("http://a/Q|1#part", "http://a/Q", Some("1"));
    }

    #[test]
    fn versions_are_compared_as_people_count() {
        let check = |older: &str, newer: &str| {
            assert_eq!(compare_versions(older, newer), Ordering::Less, "{older} {newer}");
            assert_eq!(compare_versions(newer, older), Ordering::Greater, "{newer} {older}");
        };
        check("1.9.2", "1.10.0");
        check("1.0", "1.0.1");
        check("1.0.0-draft", "1.0.0");
        check("1.0.0-alpha", "1.0.0-beta");
        check("1.0.0-beta", "1.0.0-2");
        assert_eq!(compare_versions("2.1", "2.1"), Ordering::Equal);
    }
}
