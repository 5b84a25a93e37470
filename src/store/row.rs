//! What a write puts into tables beside its body: the same for every SQL store.

use sha2::{Digest, Sha256};

use crate::fhir::search::{Column, Entry, Found, Kind, Parameter, fold, parameters};

/// Rank of a resource without priority: after `routine`.
pub(super) const URGENCY_NONE: i64 = 4;
/// Main date of a resource without one: before all others.
pub(super) const DATE_NONE: i64 = i64::MIN;

/// The single values of a resource, and everything else it is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// One bit for each parameter of the type that has a value, in the order of the type's table.
    pub(super) present: i64,
    pub(super) urgency: i64,
    pub(super) dated_at: i64,
    pub(super) dated_to: i64,
    pub(super) subject: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) status: Option<String>,
    /// Parameter, code, digest of the system (of the version for canonicals).
    pub(super) tokens: Vec<(i64, String, i64)>,
    /// Parameter, folded text, text as written.
    pub(super) texts: Vec<(i64, String, String)>,
    /// Parameter, first microsecond, first microsecond after.
    pub(super) spans: Vec<(i64, i64, i64)>,
}

impl Row {
    pub(super) fn new(rtype: &str, entries: &[Entry]) -> Self {
        let mut row = Self {
            present: 0,
            urgency: URGENCY_NONE,
            dated_at: DATE_NONE,
            dated_to: DATE_NONE,
            subject: None,
            owner: None,
            status: None,
            tokens: Vec::new(),
            texts: Vec::new(),
            spans: Vec::new(),
        };
        // The entries of one parameter stand together, and its number costs a digest.
        for entries in entries.chunk_by(|one, next| std::ptr::eq(one.parameter, next.parameter)) {
            let Some(Entry { parameter, .. }) = entries.first() else { continue };
            row.present |= present_bit(rtype, parameter);
            match parameter.column {
                Some(column) => entries.iter().for_each(|entry| row.put(column, &entry.found)),
                None => {
                    let number = param(parameter);
                    entries.iter().for_each(|entry| row.add(number, &entry.found));
                }
            }
        }
        row
    }

    fn put(&mut self, column: Column, found: &Found) {
        match (column, found) {
            (Column::Subject, Found::Reference(target)) => self.subject = Some(target.clone()),
            (Column::Owner, Found::Reference(target)) => self.owner = Some(target.clone()),
            (Column::Status, Found::Token { code, .. }) => self.status = Some(code.clone()),
            (Column::Urgency, Found::Token { code, .. }) => self.urgency = urgency(code),
            (Column::Date, Found::Date { low, high }) => (self.dated_at, self.dated_to) = (*low, *high),
            _ => {}
        }
    }

    fn add(&mut self, param: i64, found: &Found) {
        match found {
            Found::Token { system, code } => self.tokens.push((param, code.clone(), digest(system))),
            Found::Canonical { url, version } => self.tokens.push((param, url.clone(), digest(version))),
            Found::Reference(text) | Found::Uri(text) => self.tokens.push((param, text.clone(), 0)),
            Found::Text(text) => self.texts.push((param, fold(text), text.clone())),
            Found::Date { low, high } => self.spans.push((param, *low, *high)),
        }
    }
}

/// Rank of a `request-priority`.
pub(super) fn urgency(code: &str) -> i64 {
    match code {
        "stat" => 0,
        "asap" => 1,
        "urgent" => 2,
        "routine" => 3,
        _ => URGENCY_NONE,
    }
}

/// The bit of a parameter in `present`; 0 for those of every type.
pub(super) fn present_bit(rtype: &str, parameter: &Parameter) -> i64 {
    let position = parameters(rtype).iter().position(|known| known.name == parameter.name);
    position.map_or(0, |position| 1 << position)
}

/// The number under which a parameter's values are kept: 31 bits of a digest, so that no table of names is needed.
pub(super) fn param(parameter: &Parameter) -> i64 {
    let name = format!("{}.{}", parameter.rtype, parameter.name);
    digest(&name) & 0x7fff_ffff
}

/// Eight bytes of a digest in place of a long address; 0 for an empty one.
pub(super) fn digest(text: &str) -> i64 {
    if text.is_empty() {
        return 0;
    }
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&Sha256::digest(text)[..8]);
    i64::from_be_bytes(bytes)
}

/// Whether a parameter's values are compared through `tokens`.
pub(super) const fn is_token(kind: Kind) -> bool {
    matches!(kind, Kind::Token | Kind::Reference | Kind::Canonical | Kind::Uri)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::fhir::SERVED;

    #[test]
    fn no_two_parameters_share_a_number_and_each_has_its_bit() {
        let mut seen = HashSet::new();
        for rtype in SERVED {
            assert!(parameters(rtype).len() < 63, "{rtype}");
            assert!(parameters(rtype)[2..].iter().all(|parameter| seen.insert(param(parameter))), "{rtype}");
        }
    }

    #[test]
    fn the_most_urgent_comes_first() {
        let ranks: Vec<_> = ["stat", "asap", "urgent", "routine", ""].map(urgency).into();
        assert!(ranks.is_sorted());
    }
}
