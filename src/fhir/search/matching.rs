//! Whether one resource meets a query, in memory: for resources that are about to be written and that no index holds yet.

use std::cmp::Ordering;

use super::{Column, Criterion, Entry, Found, Modifier, Prefix, Query, Test, fold};

/// What of a resource is compared.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Resource type.
    pub rtype: &'a str,
    /// Logical id.
    pub id: &'a str,
    /// `meta.lastUpdated`, in microseconds since 1970.
    pub last_updated: i64,
    /// What it is found by, as [`super::index`] says.
    pub entries: &'a [Entry],
}

/// Whether [`matches()`] can tell: of chains, measured values, composites and the modifiers that look at more than
/// the value itself it cannot.
#[must_use]
pub fn can_tell(query: &Query) -> bool {
    let simple = |test: &Test| {
        matches!(
            test,
            Test::Token { .. }
                | Test::Among(_)
                | Test::Reference(_)
                | Test::Canonical { .. }
                | Test::Date { .. }
                | Test::Text(_)
                | Test::Uri(_)
        )
    };
    let plain = |modifier: Modifier| {
        !matches!(
            modifier,
            Modifier::Text
                | Modifier::Identifier
                | Modifier::Above
                | Modifier::Below
                | Modifier::In
                | Modifier::NotIn
        )
    };
    query.criteria.iter().all(|criterion| plain(criterion.modifier) && criterion.any.iter().all(simple))
}

/// Whether every criterion of the query holds; ask [`can_tell`] first.
#[must_use]
pub fn matches(query: &Query, candidate: &Candidate<'_>) -> bool {
    query.rtype == candidate.rtype && query.criteria.iter().all(|criterion| holds(criterion, candidate))
}

fn holds(criterion: &Criterion, candidate: &Candidate<'_>) -> bool {
    let parameter = criterion.parameter;
    let found: Vec<Entry> = match parameter.column {
        Some(Column::Id) => {
            let found = Found::Token { system: String::new(), code: candidate.id.to_owned() };
            vec![Entry { parameter, found }]
        }
        Some(Column::LastUpdated) => {
            let found = Found::Date { low: candidate.last_updated, high: candidate.last_updated + 1 };
            vec![Entry { parameter, found }]
        }
        _ => {
            // What other parameters hold together is found under their names.
            let stored = parameter.stored();
            let own = candidate.entries.iter().filter(|entry| stored.contains(&entry.parameter));
            own.cloned().collect()
        }
    };
    let any = || criterion.any.iter().any(|test| found.iter().any(|one| meets(criterion, test, one)));
    match criterion.modifier {
        Modifier::Missing(missing) => found.is_empty() == missing,
        Modifier::Not => !any(),
        _ => any(),
    }
}

fn meets(criterion: &Criterion, test: &Test, entry: &Entry) -> bool {
    match (test, &entry.found) {
        (Test::Token { system, code }, Found::Token { system: own_system, code: own }) => {
            let bound = own_system.is_empty().then_some(entry.parameter.system()).flatten();
            let own_system = bound.unwrap_or(own_system);
            system.as_deref().is_none_or(|system| system == own_system)
                && code.as_ref().is_none_or(|code| code == own)
        }
        (Test::Among(systems), Found::Token { system: own_system, code: own }) => {
            let bound = own_system.is_empty().then_some(entry.parameter.system()).flatten();
            let own_system = bound.unwrap_or(own_system);
            systems.iter().any(|(system, codes)| system == own_system && codes.contains(own))
        }
        (Test::Reference(targets), Found::Reference(own)) => targets.contains(own),
        (Test::Canonical { url, version }, Found::Canonical { url: own, version: own_version }) => {
            url == own && version.as_ref().is_none_or(|version| version == own_version)
        }
        (Test::Uri(uri), Found::Uri(own)) => uri == own,
        (Test::Text(text), Found::Text(own)) => match criterion.modifier {
            Modifier::Exact => text == own,
            Modifier::Contains => fold(own).contains(&fold(text)),
            _ => fold(own).starts_with(&fold(text)),
        },
        (Test::Date { prefix, low, high }, Found::Date { low: own_low, high: own_high }) => {
            compared(*prefix, (*low, *high), (*own_low, *own_high))
        }
        _ => false,
    }
}

/// A value from `low` to before `high` against a span, as R4 3.1.1.4.6 says.
fn compared(prefix: Prefix, (start, end): (i64, i64), (low, high): (i64, i64)) -> bool {
    let begins = low.cmp(&start) != Ordering::Less;
    let ends = high.cmp(&end) != Ordering::Greater;
    match prefix {
        Prefix::Eq => begins && ends,
        Prefix::Ne => !(begins && ends),
        Prefix::Gt => high > end,
        Prefix::Lt => low < start,
        Prefix::Ge => high > end || begins,
        Prefix::Le => low < start || ends,
        Prefix::Sa => low >= end,
        Prefix::Eb => high <= start,
        Prefix::Ap => {
            let width = end.saturating_sub(start);
            low < end.saturating_add(width) && high > start.saturating_sub(width)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::super::{index, parse_text};
    use super::*;

    #[test]
    fn a_resource_meets_the_queries_that_would_find_it() {
        let task = json!({
            "resourceType": "Task", "id": "t", "status": "requested", "priority": "urgent",
            "identifier": [{"system": "https://s", "value": "1"}],
            "for": {"reference": "Patient/p"}, "authoredOn": "2026-01-12T10:00:00Z"
        });
        let entries = index(&task);
        let candidate = Candidate { rtype: "Task", id: "t", last_updated: 1_000_000, entries: &entries };
        let check = |text: &str, expected: bool| {
            assert_eq!(matches(&parse_text("Task", text).unwrap(), &candidate), expected, "{text}");
        };
        check("", true);
        check("_id=t", true);
        check("_id=u", false);
        check("identifier=https://s|1", true);
        check("identifier=1", true);
        check("identifier=https://other|1", false);
        check("patient=Patient/p&status=requested,completed", true);
        check("patient=p", true);
        check("patient=q", false);
        check("status:not=completed", true);
        check("status:not=requested", false);
        check("owner:missing=true", true);
        check("authored-on=2026-01-12", true);
        check("authored-on=gt2026-01-12T12:00:00Z", false);
        check("_lastUpdated=lt1971", true);
    }

    #[test]
    fn what_several_parameters_hold_together_is_compared_with_each() {
        let coded = |code: &str| json!({"coding": [{"system": "https://c", "code": code}]});
        let observation = json!({"resourceType": "Observation", "id": "o", "status": "final", "code": coded("panel"),
            "component": [{"code": coded("systolic"), "valueCodeableConcept": coded("high")}]});
        let entries = index(&observation);
        let candidate = Candidate { rtype: "Observation", id: "o", last_updated: 0, entries: &entries };
        for (text, expected) in [
            ("combo-code=https://c|panel", true),
            ("combo-code=systolic", true),
            ("combo-code=high", false),
            ("combo-code:not=systolic", false),
            ("combo-value-concept=high", true),
            ("combo-value-concept:missing=true", false),
            ("combo-value-quantity:missing=true", true),
        ] {
            assert_eq!(matches(&parse_text("Observation", text).unwrap(), &candidate), expected, "{text}");
        }
    }

    #[test]
    fn texts_and_canonicals() {
        let form = json!({"resourceType": "Questionnaire", "id": "q", "url": "https://u", "version": "1", "title": "Éveil", "status": "active"});
        let entries = index(&form);
        let candidate = Candidate { rtype: "Questionnaire", id: "q", last_updated: 0, entries: &entries };
        for (text, expected) in [
            ("url=https://u&version=1", true),
            ("title=eve", true),
            ("title:exact=éveil", false),
            ("title:contains=veil", true),
        ] {
            assert_eq!(matches(&parse_text("Questionnaire", text).unwrap(), &candidate), expected, "{text}");
        }
        assert!(!matches(&parse_text("Patient", "").unwrap(), &candidate));
    }
}
