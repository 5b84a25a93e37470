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
