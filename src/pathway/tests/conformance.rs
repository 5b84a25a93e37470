//! Every derived resource conforms to base R4, whatever the case.

use super::*;
use crate::fhir::structure;
use crate::problem::Severity;
use crate::terminology::SYMPTOM;

/// The level of an example is free here; every kind of outcome, text and activity is in it.
fn rules() -> Vec<Outcome> {
    let activities = vec![
        activity(ActivityKind::Task, "appel-telephonique", "Appeler <vite> & bien", 1),
        activity(ActivityKind::CommunicationRequest, "conseil", "Appelez le 15", 1),
        activity(ActivityKind::CommunicationRequest, "conseil", "Asseyez-vous", 1),
    ];
    let mut rouge = asking(fired("R40", Level::Rouge), activities);
    Arc::make_mut(&mut rouge.evidence[0]).answer = None;
    let mut words = rule("R87", Level::Jaune, None, Truth::True);
    let said = Arc::make_mut(&mut words.evidence[0]);
    said.free_text = true;
    said.answer = Some("« J'ai mal » <b>".to_owned());
    vec![
        rouge,
        words,
        fired("R32-orange", Level::Orange),
        fired("R90", Level::Technique),
        rule("R20", Level::Rouge, None, Truth::False),
        rule("R21", Level::Orange, None, Truth::NotRun),
        rule("R22", Level::Jaune, None, Truth::NotEvaluable("une réponse manque".to_owned())),
    ]
}

fn conforms(derived: &Derived) {
    assert!(!derived.resources.is_empty());
    for one in &derived.resources {
        let errors: Vec<_> = structure::check(&one.body)
            .into_iter()
            .filter(|issue| issue.severity >= Severity::Error)
            .collect();
        assert!(errors.is_empty(), "{one:?}: {errors:#?}");
    }
}

#[test]
fn a_resource_that_does_not_conform_would_be_seen() {
    assert!(structure::has_error(&structure::check(&json!({ "resourceType": "Flag", "status": "active" }))));
}

#[test]
fn every_resource_conforms_new_amended_refused_and_unfinished() {
    let subject = patient();
    let observation = json!({
        "code": { "coding": [{ "system": SYMPTOM, "code": "nausee" }], "text": "Nausées" },
        "valueCodeableConcept": { "coding": [{ "system": "https://example.org", "code": "2", "display": "Moins" }] },
    });
    let extracts = || {
        vec![Extract {
            link_id: "base.nausee".to_owned(),
            instance: 1,
            grade: Some(2),
            observation: observation.clone(),
        }]
    };
    let rules = evaluation(&rules());
    let owner = json!({ "reference": "PractitionerRole/n1" });
    let mut given = input(&rules, &subject);
    given.owner = Some(&owner);
    given.answered_by = Some(&subject);
    given.telephone = Some("01 00 00 00 00");
    given.authored = Some("2026-02-27");
    let new = derive(&given, extracts(), &ids("first"));
    conforms(&new);
    let existing = stored(&new);
    let quiet = rules.outcomes.iter().map(|rule| Outcome { result: Truth::False, ..rule.clone() });
    let quiet = Evaluation::of(quiet.collect());
    for rules in [&rules, &quiet] {
        let mut again = input(rules, &subject);
        again.source_version = Some(2);
        again.received = "2026-03-02T10:00:00Z".parse().unwrap();
        again.existing = &existing;
        conforms(&derive(&again, Vec::new(), &ids("again")));
    }
    given.withdrawn = true;
    given.existing = &existing;
    conforms(&derive(&given, extracts(), &ids("again")));
    given.withdrawn = false;
    given.existing = &[];
    given.in_progress = true;
    conforms(&derive(&given, extracts(), &ids("first")));
    given.in_progress = false;
    given.source = "Binary/b1";
    conforms(&derive(&given, extracts(), &ids("first")));
}
