//! How each search parameter is read now, so that a store knows what it has to index anew, and which searches must wait
//! until that is done.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::digest::digest;
use super::row::{identifier_param, param, text_param};
use crate::fhir::SERVED;
use crate::fhir::search::{Criterion, INDEX_VERSION, Modifier, Parameter, Query, SortKey, Test, parameters};
use crate::problem::{Category, Problem};

/// The reading of each parameter, and of the list of each type, by the number under which values are kept.
pub(super) fn readings() -> BTreeMap<i64, i64> {
    let mut all = BTreeMap::new();
    for rtype in SERVED {
        let parameters = parameters(rtype);
        let names: Vec<_> = parameters.iter().map(|parameter| parameter.name).collect();
        all.insert(list_of(rtype), digest(&names.join(" ")));
        for parameter in parameters.iter().filter(|parameter| parameter.rtype != "Resource") {
            all.insert(param(parameter), reading(parameter));
        }
    }
    all
}

/// One number for all readings.
pub(super) fn whole(readings: &BTreeMap<i64, i64>) -> i64 {
    let text: Vec<_> = readings.iter().map(|(number, reading)| format!("{number}={reading}")).collect();
    digest(&text.join(" "))
}

fn reading(parameter: &Parameter) -> i64 {
    let Parameter { kind, expression, targets, column, .. } = parameter;
    // Only these two have rows of their own.
    let with_rows = |code: &&&str| matches!(**code, "text" | "identifier");
    let modifiers: Vec<_> = parameter.modifiers.iter().filter(with_rows).collect();
    let parts: Vec<_> = parameter.components.iter().map(|part| part.name).collect();
    digest(&format!("{INDEX_VERSION} {kind:?} {expression} {targets:?} {column:?} {modifiers:?} {parts:?}"))
}

/// The number of a type's list of parameters, on which the bits of `present` depend.
fn list_of(rtype: &str) -> i64 {
    digest(&format!("{rtype}.*")) & 0x7fff_ffff
}

/// Every number under which rows of these parameters are kept: what is shown with a code, and the identifiers in
/// references, have numbers of their own.
pub(super) fn kept_under(changed: &HashSet<i64>) -> Vec<i64> {
    let mut all: Vec<i64> = changed.iter().copied().collect();
    for parameter in SERVED.iter().flat_map(|rtype| parameters(rtype)) {
        if changed.contains(&param(parameter)) {
            all.extend([text_param(parameter), identifier_param(parameter)]);
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// The parameters that are not indexed yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending {
    changed: Arc<RwLock<HashSet<i64>>>,
    stopped: Arc<AtomicBool>,
}

impl Pending {
    pub(super) fn of(changed: HashSet<i64>) -> Self {
        Self { changed: Arc::new(RwLock::new(changed)), stopped: Arc::default() }
    }

    pub(super) fn changed(&self) -> HashSet<i64> {
        self.changed.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Refuses a search that would miss resources.
    ///
    /// # Errors
    /// `Busy` while a parameter of the query is being indexed; `Internal` when that has ended before its end.
    pub(super) fn check(&self, query: &Query) -> Result<(), Problem> {
        let pending = self.changed.read().unwrap_or_else(PoisonError::into_inner);
        match waits_for(query, &pending) {
            None => Ok(()),
            Some(name) if self.stopped.load(Ordering::Relaxed) => Err(Problem::internal(format!(
                "what is stored could not be indexed by {name}: the log says why; it is tried again at the next start"
            ))),
            Some(name) => {
                let text = format!("what is stored is being indexed by {name}: try again later");
                Err(Problem::new(Category::Busy, "transient", text))
            }
        }
    }

    /// All are.
    pub(super) fn clear(&self) {
        self.changed.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Nobody goes on with it before the next start: to wait would be to wait for ever.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// The name of a parameter that a query needs and that is not indexed yet.
fn waits_for(query: &Query, pending: &HashSet<i64>) -> Option<&'static str> {
    if pending.is_empty() {
        return None;
    }
    let sorted = query.sort.iter().find_map(|sort| match sort.key {
        SortKey::Parameter(parameter) => unready(parameter, pending),
        key => parameters(&query.rtype)
            .iter()
            .filter(|parameter| parameter.sort_key() == Some(key))
            .find_map(|parameter| unready(parameter, pending)),
    });
    sorted.or_else(|| query.criteria.iter().find_map(|one| criterion(&query.rtype, one, pending)))
}

fn criterion(rtype: &str, criterion: &Criterion, pending: &HashSet<i64>) -> Option<&'static str> {
    let missing = matches!(criterion.modifier, Modifier::Missing(_)) && pending.contains(&list_of(rtype));
    if missing {
        return Some(criterion.parameter.name);
    }
    let inner = |test: &Test| match test {
        Test::Member { by, .. } => by.iter().find_map(|parameter| unready(parameter, pending)),
        Test::Contained(inner) => self::criterion(rtype, inner, pending),
        Test::Chain { rtype, criterion: inner } => self::criterion(rtype, inner, pending),
        Test::Referrer { rtype, by, criterion: inner, .. } => {
            unready(by, pending).or_else(|| self::criterion(rtype, inner, pending))
        }
        _ => None,
    };
    unready(criterion.parameter, pending).or_else(|| criterion.any.iter().find_map(inner))
}

fn unready(parameter: &'static Parameter, pending: &HashSet<i64>) -> Option<&'static str> {
    let kept = parameter.stored().into_iter().chain(parameter.parts());
    let mut all = kept.flat_map(|one| one.stored()).chain([parameter]);
    all.any(|one| pending.contains(&param(one))).then_some(parameter.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::search::parse_text;

    #[test]
    fn a_search_waits_for_what_it_compares_only() {
        let number = |rtype: &str, name: &str| {
            param(parameters(rtype).iter().find(|parameter| parameter.name == name).unwrap())
        };
        let pending = HashSet::from([number("Observation", "code"), list_of("Task")]);
        let check = |rtype: &str, text: &str, expected: Option<&str>| {
            assert_eq!(waits_for(&parse_text(rtype, text).unwrap(), &pending), expected, "{rtype}?{text}");
        };
        check("Observation", "code=x", Some("code"));
        check("Observation", "combo-code=x", Some("combo-code"));
        check("Observation", "code-value-quantity=x$1", Some("code-value-quantity"));
        check("Observation", "patient=x&_sort=code", Some("code"));
        check("Observation", "patient=x&status=final", None);
        check("Patient", "_has:Observation:patient:code=x", Some("code"));
        check("Patient", "name=x", None);
        check("Task", "owner:missing=true", Some("owner"));
        check("Task", "owner=Practitioner/n", None);
    }
}
