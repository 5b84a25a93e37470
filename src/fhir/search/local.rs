//! References of a query that name resources of this server by its own address (R4 3.1.1.4.12: `[url]` and `[type]/[id]` of
//! the same server are the same reference): they are compared as they are stored, without it.

use super::{Criterion, Query, Test};
use crate::fhir::is_served;
use crate::fhir::reference::{self, ReferenceForm};

/// Has each reference that begins with the address of this server name its resource by type and id alone. Addresses of
/// definitions stay as they are: a canonical is a text.
///
/// What is written is stored so; but a reference to a type that is not kept here is stored as it came, and both are looked for.
pub fn localise(query: &mut Query, base: &str) {
    query.criteria.iter_mut().for_each(|criterion| of(criterion, base));
}

fn of(criterion: &mut Criterion, base: &str) {
    criterion.any.iter_mut().for_each(|test| of_test(test, base));
}

fn of_test(test: &mut Test, base: &str) {
    match test {
        Test::Reference(targets) => {
            *targets = targets.iter().flat_map(|target| stored(target, base)).collect();
        }
        Test::Composite(parts) => parts.iter_mut().for_each(|part| of_test(part, base)),
        Test::Chain { criterion, .. } | Test::Referrer { criterion, .. } | Test::Contained(criterion) => {
            of(criterion, base);
        }
        Test::Token { .. }
        | Test::ValueSet(_)
        | Test::Among(_)
        | Test::Canonical { .. }
        | Test::Date { .. }
        | Test::Text(_)
        | Test::Uri(_)
        | Test::Quantity { .. }
        | Test::Member { .. } => {}
    }
}

/// How a reference may be stored.
fn stored(target: &str, base: &str) -> Vec<String> {
    let own = reference::without_base(target, base).unwrap_or(target);
    match reference::parse(own) {
        ReferenceForm::Local { rtype, id, .. } if is_served(rtype) => vec![format!("{rtype}/{id}")],
        ReferenceForm::Local { rtype, id, .. } => {
            vec![format!("{rtype}/{id}"), format!("{base}/{rtype}/{id}")]
        }
        _ => vec![target.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_text;
    use super::*;

    const BASE: &str = "https://vigie.test/fhir";

    fn check(rtype: &str, text: &str, expected: &str) {
        let mut query = parse_text(rtype, text).unwrap();
        localise(&mut query, BASE);
        assert!(query == parse_text(rtype, expected).unwrap(), "{rtype}?{text}");
    }

    #[test]
    fn an_own_address_is_the_reference_without_it() {
        for (own, expected) in [
            (format!("patient={BASE}/Patient/1"), "patient=Patient/1"),
            (format!("patient={BASE}/Patient/1/_history/2"), "patient=Patient/1"),
            (format!("subject:Patient={BASE}/Patient/1,Patient/2"), "subject=Patient/1,Patient/2"),
            (format!("focus:CarePlan.subject={BASE}/Patient/1"), "focus:CarePlan.subject=Patient/1"),
            (
                format!("_has:Provenance:target:agent={BASE}/Practitioner/1"),
                "_has:Provenance:target:agent=Practitioner/1",
            ),
            ("patient=https://other.test/fhir/Patient/1".into(), "patient=https://other.test/fhir/Patient/1"),
            (format!("patient={BASE}2/Patient/1"), &format!("patient={BASE}2/Patient/1")),
        ] {
            check("Task", &own, expected);
        }
    }

    #[test]
    fn a_canonical_stays_a_text() {
        let text = format!("questionnaire={BASE}/Questionnaire/1");
        check("QuestionnaireResponse", &text, &text);
        let text = format!("url={BASE}/Questionnaire/1");
        check("Questionnaire", &text, &text);
    }

    #[test]
    fn what_is_not_kept_here_may_be_stored_either_way() {
        for given in ["Encounter/1".to_owned(), format!("{BASE}/Encounter/1")] {
            assert_eq!(stored(&given, BASE), ["Encounter/1".to_owned(), format!("{BASE}/Encounter/1")]);
        }
    }
}
