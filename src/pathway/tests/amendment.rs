//! Amendments: nothing twice, nothing lowered, nothing ended without a trace.

use super::*;

fn set(resources: &mut [Value], rtype: &str, name: &str, value: &str) {
    for resource in resources.iter_mut().filter(|resource| resource["resourceType"] == rtype) {
        resource[name] = json!(value);
    }
}

fn changes(derived: &Derived, rtype: &str) -> Vec<(Change, String)> {
    let of_type = derived.resources.iter().filter(|one| one.body["resourceType"] == rtype);
    of_type.map(|one| (one.change, one.body["status"].as_str().unwrap_or_default().to_owned())).collect()
}

fn update(status: &str) -> (Change, String) {
    (Change::Update, status.to_owned())
}

#[test]
fn the_same_alerts_again_change_only_the_report_and_its_trace() {
    let rules = [fired("R32-orange", Level::Orange)];
    let again = amended(&rules, &stored(&first(&rules)));
    let types: Vec<&str> =
        again.resources.iter().filter_map(|one| one.body["resourceType"].as_str()).collect();
    assert_eq!(types, ["DiagnosticReport", "Provenance"]);
    assert_eq!(again.resources[0].change, Change::Update);
    let entities = list(&again.resources[1].body, "entity");
    let roles: Vec<(&str, &str)> =
        entities.map(|one| (str_at(one, "role").unwrap(), str_at(one, "what.reference").unwrap())).collect();
    assert_eq!(
        roles,
        [
            ("source", "QuestionnaireResponse/r1/_history/2"),
            ("revision", "QuestionnaireResponse/r1/_history/1"),
            ("source", "QuestionnaireResponse/r0"),
        ]
    );
}

#[test]
fn an_alert_that_no_longer_fires_ends_with_its_task_and_a_trace() {
    let before = stored(&first(&[fired("R32-orange", Level::Orange)]));
    let quiet = rule("R32-orange", Level::Orange, None, Truth::False);
    let after = amended(&[quiet], &before);
    assert_eq!(changes(&after, "Flag"), [update("inactive")]);
    assert_eq!(str_at(one(&after, "Flag"), "period.end"), Some("2026-03-02T10:00:00.000Z"));
    assert_eq!(changes(&after, "Task"), [update("cancelled")]);
    assert_eq!(str_at(one(&after, "Task"), "statusReason.text"), Some("remplacée par la réponse modifiée"));
    let traces: Vec<&Value> = after.of_type("Provenance").collect();
    assert_eq!(traces.len(), 2);
    let ended: Vec<&str> =
        list(traces[1], "target").filter_map(|target| str_at(target, "reference")).collect();
    assert_eq!(ended.len(), 2);
    assert!(ended[0].starts_with("Flag/") && ended[1].starts_with("Task/"), "{ended:?}");
}

#[test]
fn a_rouge_task_never_closes_by_itself() {
    let before = stored(&first(&[fired("R40", Level::Rouge)]));
    let quiet = [rule("R40", Level::Rouge, None, Truth::False)];
    let after = amended(&quiet, &before);
    assert_eq!(changes(&after, "Task"), [update("requested"), update("requested")]);
    assert!(
        after
            .of_type("Task")
            .all(|task| str_at(task, "note.text").unwrap().contains("à clore par une personne"))
    );
    let mut held = before;
    for written in &after.resources {
        held.retain(|known| known["id"] != written.body["id"]);
        held.push(written.body.clone());
    }
    assert_eq!(changes(&amended(&quiet, &held), "Task"), [], "the note is made once");
}

#[test]
fn an_alert_that_cannot_be_told_this_time_stays() {
    let before = stored(&first(&[fired("R32-orange", Level::Orange)]));
    let unknown = rule("R32-orange", Level::Orange, None, Truth::NotEvaluable("x".to_owned()));
    let after = amended(&[unknown], &before);
    assert_eq!(changes(&after, "Flag"), []);
    assert_eq!(changes(&after, "Task"), []);
}

#[test]
fn priority_only_rises_and_a_started_task_keeps_its_status() {
    let mut before = stored(&first(&[fired("R32-orange", Level::Orange)]));
    set(&mut before, "Task", "status", "in-progress");
    let rules = [rule("R32-orange", Level::Orange, None, Truth::False), fired("R40", Level::Rouge)];
    let after = amended(&rules, &before);
    let call =
        after.of_type("Task").find(|task| str_at(task, "code.coding.code") == Some("appel-telephonique"));
    let call = call.unwrap();
    assert_eq!((str_at(call, "status"), str_at(call, "priority")), (Some("in-progress"), Some("stat")));
    assert_eq!(str_at(call, "restriction.period.end"), Some("2026-03-02T11:00:00.000Z"));
    let lower =
        amended(&[fired("R32-orange", Level::Orange)], &stored(&first(&[fired("R40", Level::Rouge)])));
    let call =
        lower.of_type("Task").find(|task| str_at(task, "code.coding.code") == Some("appel-telephonique"));
    assert_eq!(str_at(call.unwrap(), "priority"), Some("stat"));
    assert_eq!(str_at(call.unwrap(), "restriction.period.end"), Some("2026-03-02T10:00:00.000Z"));
}

#[test]
fn what_others_put_on_an_open_task_stays() {
    let rules = [fired("R32-orange", Level::Orange), fired("R41", Level::Orange)];
    let mut before = stored(&first(&rules));
    let escalated = json!({ "text": "Oncologue de garde" });
    let note = json!({ "type": { "text": "Note" }, "valueString": "rappeler après 14 h" });
    let task = before.iter_mut().find(|known| known["resourceType"] == "Task").unwrap();
    task["performerType"].as_array_mut().unwrap().push(escalated.clone());
    task["input"].as_array_mut().unwrap().push(note.clone());
    let flags = list(task, "input").filter(|one| one.get("valueReference").is_some()).count();
    let unknown = rule("R41", Level::Orange, None, Truth::NotEvaluable("x".to_owned()));
    let after = amended(&[fired("R32-orange", Level::Orange), unknown], &before);
    let task = one(&after, "Task");
    assert!(list(task, "performerType").any(|one| *one == escalated));
    assert!(list(task, "input").any(|one| *one == note));
    assert_eq!(list(task, "input").filter(|one| one.get("valueReference").is_some()).count(), flags);
}

#[test]
fn a_completed_task_is_left_and_asked_again_only_when_there_is_something_new() {
    let mut before = stored(&first(&[fired("R32-orange", Level::Orange)]));
    set(&mut before, "Task", "status", "completed");
    let same = amended(&[fired("R32-orange", Level::Orange)], &before);
    assert_eq!(changes(&same, "Task"), []);
    let higher = amended(&[fired("R32-orange", Level::Orange), fired("R40", Level::Rouge)], &before);
    assert!(changes(&higher, "Task").iter().all(|(change, _)| *change == Change::New));
    assert_eq!(codes(&higher).len(), 2);
    let beside = amended(&[fired("R32-orange", Level::Orange), fired("R46", Level::Orange)], &before);
    assert_eq!(changes(&beside, "Task"), [(Change::New, "requested".to_owned())]);
    let mut worse = fired("R32-orange", Level::Orange);
    Arc::make_mut(&mut worse.evidence[0]).answer = Some("pire encore".to_owned());
    let worse = amended(&[worse], &before);
    assert_eq!(changes(&worse, "Task"), [(Change::New, "requested".to_owned())]);
}

#[test]
fn a_final_report_is_never_touched_and_gets_one_addendum() {
    let rules = [fired("R32-orange", Level::Orange)];
    let mut before = stored(&first(&rules));
    set(&mut before, "DiagnosticReport", "status", "final");
    let after = amended(&rules, &before);
    let addendum = one(&after, "DiagnosticReport").clone();
    let held = before.iter().find(|known| known["resourceType"] == "DiagnosticReport").unwrap();
    assert_ne!(addendum["id"], held["id"]);
    assert_eq!(str_at(&addendum, "status"), Some("preliminary"));
    let of = |report: &Value| {
        let mut all = list(report, "extension").filter_map(|one| str_at(one, "valueReference.reference"));
        all.find(|reference| reference.starts_with("DiagnosticReport/")).map(str::to_owned)
    };
    assert_eq!(of(&addendum), Some(format!("DiagnosticReport/{}", held["id"].as_str().unwrap())));
    before.push(addendum.clone());
    let third = amended(&[fired("R40", Level::Rouge)], &before);
    assert_eq!(one(&third, "DiagnosticReport")["id"], addendum["id"]);
    assert_eq!(of(one(&third, "DiagnosticReport")), of(&addendum));
}

#[test]
fn an_alert_ended_by_an_amendment_comes_back_and_one_ended_by_a_person_does_not() {
    let rules = [fired("R32-orange", Level::Orange)];
    let quiet = [rule("R32-orange", Level::Orange, None, Truth::False)];
    let before = stored(&first(&rules));
    let ended = one(&amended(&quiet, &before), "Flag").clone();
    let back = amended(&rules, std::slice::from_ref(&ended));
    assert_eq!(changes(&back, "Flag"), [update("active")]);
    assert_eq!(one(&back, "Flag")["id"], ended["id"]);
    assert_eq!(str_at(one(&back, "Flag"), "period.end"), None);
    let mut by_person = before;
    set(&mut by_person, "Flag", "status", "inactive");
    assert_eq!(changes(&amended(&rules, &by_person), "Flag"), []);
}

#[test]
fn an_amendment_changes_what_the_patient_reads_in_place() {
    let before = stored(&first(&[fired("R32-jaune", Level::Jaune)]));
    let after = amended(&[fired("R32-orange", Level::Orange)], &before);
    assert_eq!(changes(&after, "Communication"), [update("in-progress")]);
    let text = str_at(one(&after, "Communication"), "payload.contentString").unwrap();
    assert!(text.starts_with("L'équipe vous appelle"), "{text}");
}

/// A rule of level jaune about free words.
fn words(answer: &str) -> Outcome {
    let mut words = fired("R87", Level::Jaune);
    let evidence = Arc::make_mut(&mut words.evidence[0]);
    evidence.free_text = true;
    evidence.answer = Some(answer.to_owned());
    words
}

/// A rule of level orange about an attachment.
fn photograph(content: &str) -> Outcome {
    let mut seen = fired("R32-orange", Level::Orange);
    let evidence = Arc::make_mut(&mut seen.evidence[0]);
    (evidence.answer, evidence.beyond) = (Some("Photo de la plaie".to_owned()), Some(content.to_owned()));
    seen
}

/// What could not be read.
fn unread(reason: &str) -> Outcome {
    let mut unread = fired("R90", Level::Technique);
    unread.evidence.clear();
    Arc::make_mut(&mut unread.action).message = format!("Illisible, manquant ou à vérifier : {reason}.");
    unread
}

/// Everything as it is after a derivation that followed another one.
fn after(mut held: Vec<Value>, derived: &Derived) -> Vec<Value> {
    held.retain(|known| derived.resources.iter().all(|one| one.body["id"] != known["id"]));
    held.extend(stored(derived));
    held
}

#[test]
fn a_closed_task_about_other_words_or_another_reason_does_not_answer_new_ones() {
    let check = |before: Outcome, now: Outcome, asked: bool| {
        for status in ["completed", "rejected", "cancelled"] {
            let mut held = stored(&first(std::slice::from_ref(&before)));
            set(&mut held, "Task", "status", status);
            let tasks = changes(&amended(std::slice::from_ref(&now), &held), "Task");
            let expected = [(Change::New, "requested".to_owned())];
            assert_eq!(tasks, if asked { &expected[..] } else { &[] }, "{status}");
        }
    };
    check(words("J'ai des fourmis"), words("J'ai des fourmis"), false);
    check(words("J'ai des fourmis"), words("J'ai mal à la poitrine"), true);
    check(photograph("data=AAAA"), photograph("data=AAAA"), false);
    check(photograph("data=AAAA"), photograph("data=BBBB"), true);
    check(unread("poids"), unread("poids"), false);
    check(unread("poids"), unread("température"), true);
    check(unread("poids ; température"), unread("température"), true);
}

#[test]
fn an_open_task_about_words_says_by_a_new_version_that_they_are_others() {
    let held = stored(&first(&[words("J'ai des fourmis")]));
    assert_eq!(changes(&amended(&[words("J'ai des fourmis")], &held), "Task"), []);
    let changed = amended(&[words("J'ai mal à la poitrine")], &held);
    assert_eq!(changes(&changed, "Task"), [update("requested")]);
    assert!(!one(&changed, "Task").to_string().contains("poitrine"));
    let held = stored(&first(&[photograph("data=AAAA")]));
    assert_eq!(changes(&amended(&[photograph("data=AAAA")], &held), "Task"), []);
    assert_eq!(changes(&amended(&[photograph("data=BBBB")], &held), "Task"), [update("requested")]);
}

#[test]
fn an_alert_that_had_ended_is_asked_for_again_whatever_was_closed_before() {
    let rules = [fired("R32-orange", Level::Orange)];
    let quiet = [rule("R32-orange", Level::Orange, None, Truth::False)];
    let mut held = stored(&first(&rules));
    set(&mut held, "Task", "status", "completed");
    let ended = amended(&quiet, &held);
    let held = after(held, &ended);
    let back = amended(&rules, &held);
    assert_eq!(changes(&back, "Task"), [(Change::New, "requested".to_owned())]);
    // And what nobody could do the second time is asked for a third time.
    let mut held = after(held, &back);
    let again = held.iter_mut().find(|known| known["id"] == one(&back, "Task")["id"]).unwrap();
    again["status"] = json!("failed");
    let derive_third = |held: &[Value]| {
        let (evaluation, subject) = (evaluation(&rules), patient());
        let mut third = input(&evaluation, &subject);
        third.received = "2026-03-02T11:00:00Z".parse().unwrap();
        third.existing = held;
        changes(&derive(&third, Vec::new(), &ids("third")), "Task")
    };
    assert_eq!(derive_third(&held), [(Change::New, "requested".to_owned())]);
    let again = held.iter_mut().find(|known| known["id"] == one(&back, "Task")["id"]).unwrap();
    again["status"] = json!("completed");
    assert_eq!(derive_third(&held), []);
}

#[test]
fn an_alert_that_a_person_ended_comes_back_with_other_words() {
    let mut held = stored(&first(&[words("J'ai des fourmis")]));
    set(&mut held, "Task", "status", "completed");
    set(&mut held, "Flag", "status", "inactive");
    assert_eq!(changes(&amended(&[words("J'ai des fourmis")], &held), "Flag"), []);
    let again = amended(&[words("J'ai mal à la poitrine")], &held);
    assert_eq!(changes(&again, "Flag"), [update("active")]);
    assert_eq!(changes(&again, "Task"), [(Change::New, "requested".to_owned())]);
}

/// A rule of level orange that says this to the patient.
fn saying(truth: Truth, text: &str) -> Outcome {
    let rule = rule("R32-orange", Level::Orange, None, truth);
    asking(rule, vec![activity(ActivityKind::CommunicationRequest, "conseil", text, 1)])
}

#[test]
fn what_became_unreadable_lowers_neither_level_nor_message() {
    let before = stored(&first(&[saying(Truth::True, "Nous vous appelons.")]));
    for unknown in [Truth::NotEvaluable("x".to_owned()), Truth::NotRun] {
        let rules = [saying(unknown, "Nous vous appelons."), unread("température")];
        let after = amended(&rules, &before);
        let report = one(&after, "DiagnosticReport");
        assert_eq!(str_at(report, "conclusionCode.coding.code"), Some("orange"));
        let conclusion = str_at(report, "conclusion").unwrap();
        assert!(conclusion.contains("1 alerte maintenue"), "{conclusion}");
        assert!(str_at(report, "text.div").unwrap().contains("Alertes maintenues"));
        let said: Vec<&Value> = after.of_type("Communication").collect();
        assert!(said.iter().all(|one| one["priority"] == "asap"), "{said:?}");
        assert!(said.iter().all(|one| one.to_string().contains("Nous vous appelons.")), "{said:?}");
    }
}

#[test]
fn without_a_protocol_the_alerts_stay_and_the_level_with_them() {
    let before = stored(&first(&[fired("R32-orange", Level::Orange)]));
    let (evaluation, subject) = (evaluation(&[unread("protocole")]), patient());
    let mut without = input(&evaluation, &subject);
    without.plan = None;
    without.existing = &before;
    let derived = derive(&without, Vec::new(), &ids("again"));
    assert!(changes(&derived, "Flag").iter().all(|change| *change == (Change::New, "active".to_owned())));
    assert!(changes(&derived, "Task").iter().all(|change| *change == (Change::New, "requested".to_owned())));
    assert_eq!(str_at(one(&derived, "DiagnosticReport"), "conclusionCode.coding.code"), Some("orange"));
    assert!(derived.of_type("Communication").all(|said| said["priority"] == "asap"));
    // What should never have been ends all the same.
    without.withdrawn = true;
    let withdrawn = derive(&without, Vec::new(), &ids("again"));
    assert!(changes(&withdrawn, "Flag").contains(&update("inactive")));
}

#[test]
fn an_open_task_goes_on_naming_an_alert_that_could_not_be_evaluated_again() {
    let before = stored(&first(&[fired("R32-orange", Level::Orange), fired("R41", Level::Orange)]));
    let unknown = rule("R41", Level::Orange, None, Truth::NotEvaluable("x".to_owned()));
    let after = amended(&[fired("R32-orange", Level::Orange), unknown], &before);
    let description = str_at(one(&after, "Task"), "description").unwrap();
    assert!(description.contains("- Titre R41 (orange) ; maintenue"), "{description}");
}

#[test]
fn what_a_withdrawal_cancels_is_asked_again_when_the_response_holds_again() {
    let rules = [fired("R32-orange", Level::Orange)];
    let before = stored(&first(&rules));
    let (technique, subject) = (evaluation(&[unread("réponse annulée")]), patient());
    let mut gone = input(&technique, &subject);
    gone.withdrawn = true;
    gone.existing = &before;
    let withdrawn = derive(&gone, Vec::new(), &ids("withdrawn"));
    let cancelled = withdrawn.of_type("Task").find(|task| task["status"] == "cancelled").unwrap();
    assert_eq!(str_at(cancelled, "statusReason.text"), Some("la réponse a été annulée par son émetteur"));
    let now = stored(&withdrawn);
    let is_replaced = |known: &&Value| now.iter().all(|new| new["id"] != known["id"]);
    let held: Vec<Value> = before.iter().filter(is_replaced).chain(&now).cloned().collect();
    let again = amended(&rules, &held);
    let asked = again.of_type("Task").filter(|task| task["status"] == "requested");
    let codes: Vec<_> = asked.filter_map(|task| str_at(task, "code.coding.code")).collect();
    assert_eq!(codes, ["appel-telephonique"], "{:?}", changes(&again, "Task"));
}
