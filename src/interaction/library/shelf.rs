//! Compiled definitions side by side, and which of them a canonical or a `CarePlan` means.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::json::Value;

use super::canonical::{Canonical, compare_versions};
use super::edition::{Edition, Form, Plan};
use crate::problem::Problem;
use crate::terminology::Terminology;

/// Editions by url.
type Editions<T> = BTreeMap<String, Vec<Arc<Edition<T>>>>;

/// Compiled definitions and the terminology they were compiled with. A clone shares them.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    pub(super) terminology: Option<Arc<Terminology>>,
    pub(super) forms: Editions<crate::questionnaire::Questionnaire>,
    pub(super) plans: Editions<crate::rules::Protocol>,
}

impl Shelf {
    /// Code systems and value sets.
    pub(crate) fn terminology(&self) -> Arc<Terminology> {
        self.terminology.clone().unwrap_or_default()
    }

    /// The questionnaire that a canonical means: that version, or the newest active one.
    pub(crate) fn form(&self, canonical: &str) -> Option<Arc<Form>> {
        let canonical = Canonical::parse(canonical);
        choose(self.forms.get(canonical.url)?, canonical.version)
    }

    /// The protocol that a canonical means: that version unless it is a draft, or the newest active one.
    pub(crate) fn plan(&self, canonical: &str) -> Option<Arc<Plan>> {
        let canonical = Canonical::parse(canonical);
        choose(self.plans.get(canonical.url)?, canonical.version).filter(|plan| plan.status() != "draft")
    }

    /// The protocols that judge responses to a questionnaire, by url: of each the newest active edition.
    pub(crate) fn plans_for(&self, url: &str, form: Option<&Form>) -> Vec<Arc<Plan>> {
        let newest = self.plans.values().filter_map(|editions| {
            let fitting = editions.iter().filter(|plan| plan.status() == "active" && judges(plan, url, form));
            fitting.max_by(|one, other| compare(one, other)).cloned()
        });
        newest.collect()
    }

    /// This shelf with definitions that were handed in; each takes the place of one with the same canonical.
    ///
    /// # Errors
    /// `Invalid` with every fault.
    pub(crate) fn with(&self, definitions: Vec<Value>) -> Result<Self, Problem> {
        let more = super::folder::compile_with(definitions, &self.terminology())?;
        let mut shelf = self.clone();
        lay_over(&mut shelf.forms, more.forms);
        lay_over(&mut shelf.plans, more.plans);
        Ok(shelf)
    }

    /// How many definitions stand here.
    pub(super) fn len(&self) -> usize {
        self.forms.values().map(Vec::len).sum::<usize>() + self.plans.values().map(Vec::len).sum::<usize>()
    }

    /// Whether terminology, active protocols, and these urls have been read.
    pub(super) fn holds(&self, questionnaires: &[&str], plans: &[&str]) -> bool {
        self.terminology.is_some()
            && questionnaires.iter().all(|canonical| self.forms.contains_key(Canonical::parse(canonical).url))
            && plans.iter().all(|canonical| self.plans.contains_key(Canonical::parse(canonical).url))
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.forms.values().flatten()).entries(self.plans.values().flatten()).finish()
    }
}

/// Whether a protocol names this questionnaire. A questionnaire that is not known in the version asked for is judged by
/// the protocol of any version: what can be read of its answers must still alert.
pub(crate) fn judges(plan: &Plan, url: &str, form: Option<&Form>) -> bool {
    plan.compiled.questionnaires().iter().map(|named| Canonical::parse(named)).any(|named| {
        named.url == url && form.is_none_or(|form| named.version.is_none() || named.version == form.version())
    })
}

fn lay_over<T>(editions: &mut Editions<T>, more: Editions<T>) {
    for (url, newer) in more {
        let kept = editions.entry(url).or_default();
        kept.retain(|old| newer.iter().all(|new| new.version() != old.version()));
        kept.extend(newer);
    }
}

fn choose<T>(editions: &[Arc<Edition<T>>], version: Option<&str>) -> Option<Arc<Edition<T>>> {
    match version {
        Some(version) => editions.iter().find(|edition| edition.version() == Some(version)).cloned(),
        None => editions
            .iter()
            .filter(|edition| edition.status() == "active")
            .max_by(|a, b| compare(a, b))
            .cloned(),
    }
}

fn compare<T>(one: &Edition<T>, other: &Edition<T>) -> std::cmp::Ordering {
    compare_versions(one.version().unwrap_or_default(), other.version().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn without_a_version_the_newest_active_edition_is_taken() {
        let edition = |version: &str, status: &str| {
            Arc::new(Edition {
                source: json!({"url": "u", "version": version, "status": status}),
                compiled: (),
            })
        };
        let editions = [
            edition("1.9.0", "active"),
            edition("1.10.0", "active"),
            edition("2.0.0", "draft"),
            edition("0.1.0", "retired"),
        ];
        let check = |version, expected: Option<&str>| {
            assert_eq!(choose(&editions, version).as_deref().and_then(Edition::version), expected);
        };
        check(None, Some("1.10.0"));
        check(Some("0.1.0"), Some("0.1.0"));
        check(Some("3.0.0"), None);
    }
}
