//! What each kind of criterion matches (R4 3.1.1.4).

use vigie::json::{Value, json};

use super::support::{Held, resource};

async fn check(held: &Held, rtype: &str, text: &str, expected: &[&str]) {
    let mut found = held.ids(rtype, text).await;
    found.sort();
    assert_eq!(found, expected, "{rtype}?{text}");
}

async fn tasks() -> Option<Held> {
    let held = Held::new().await?;
    let task = |id: &str, more| resource("Task", id, 1, more);
    held.put(task(
        "a",
        json!({"status": "requested", "intent": "order", "priority": "stat", "authoredOn": "2026-03-29T10:00:00+02:00",
            "identifier": [{"system": "urn:s", "value": "1"}, {"value": "2"}],
            "code": {"coding": [{"system": "urn:codes", "code": "appel"}, {"system": "urn:other", "code": "call"}]},
            "for": {"reference": "Patient/p"}, "owner": {"reference": "Practitioner/n"},
            "basedOn": [{"reference": "CarePlan/c"}, {"reference": "https://dpi.example/fhir/CarePlan/x/_history/2"}],
            "executionPeriod": {"start": "2026-04-01"}}),
    ))
    .await;
    held.put(task(
        "b",
        json!({"status": "completed", "intent": "plan", "authoredOn": "2026-03",
            "identifier": [{"system": "urn:t", "value": "1"}],
            "code": {"coding": [{"code": "appel"}]},
            "for": {"reference": "Group/p"}, "owner": {"reference": "Organization/n"},
            "executionPeriod": {"start": "2026-01-01", "end": "2026-02-28"}}),
    ))
    .await;
    held.put(task("c", json!({"status": "on-hold", "intent": "order"}))).await;
    Some(held)
}

#[tokio::test]
async fn tokens() {
    let Some(held) = tasks().await else { return };
    for (text, expected) in [
        ("identifier=1", vec!["a", "b"]),
        ("identifier=urn:s|1", vec!["a"]),
        ("identifier=|2", vec!["a"]),
        ("identifier=|1", vec![]),
        ("identifier=urn:s|", vec!["a"]),
        ("identifier=urn:s|1,urn:t|1", vec!["a", "b"]),
        ("identifier=1&identifier=2", vec!["a"]),
        ("code=appel", vec!["a", "b"]),
        ("code=urn:codes|appel", vec!["a"]),
        ("code=|appel", vec!["b"]),
        ("code=APPEL", vec![]),
        ("code:not=call", vec!["b", "c"]),
        ("code:missing=true", vec!["c"]),
        ("status=requested", vec!["a"]),
        ("status=requested,completed", vec!["a", "b"]),
        ("status=requested,http://hl7.org/fhir/task-status|requested", vec!["a"]),
        ("status=http://hl7.org/fhir/task-status|requested", vec!["a"]),
        ("status=urn:other|requested", vec![]),
        ("status:not=requested", vec!["b", "c"]),
        ("status=requested&code=urn:other|call&intent=order", vec!["a"]),
        ("priority=stat", vec!["a"]),
        ("priority=unknown", vec![]),
        ("priority:missing=true", vec!["b", "c"]),
        ("priority:not=stat", vec!["b", "c"]),
        ("status=requested&priority=stat,urgent", vec!["a"]),
        ("status=requested&priority=urgent,routine,unknown", vec![]),
        ("status=requested,completed&priority=stat&_sort=-authored-on", vec!["a"]),
        ("owner=Practitioner/n&status=requested&priority=stat,stat", vec!["a"]),
        ("owner=Practitioner/n&priority=stat&_sort=-priority,-authored-on", vec!["a"]),
        ("_id=a,c,x", vec!["a", "c"]),
        ("_id=a&status=completed", vec![]),
    ] {
        check(&held, "Task", text, &expected).await;
    }
}

/// One person's tasks with no, one, two and three codes: what the resource tells by its least and greatest code, and what is
/// looked up, is the same.
#[tokio::test]
async fn codes_of_the_resources_of_one_person() {
    let Some(held) = Held::new().await else { return };
    let (short, long) = ("l".repeat(99), "l".repeat(101));
    let codes: [(&str, &[(&str, &str)]); 9] = [
        ("a", &[]),
        ("b", &[("", "m")]),
        ("c", &[("urn:s", "m")]),
        ("d", &[("urn:s", "a"), ("urn:s", "z")]),
        ("e", &[("urn:s", "a"), ("urn:t", "m"), ("urn:s", "z")]),
        ("f", &[("urn:s", "M"), ("urn:s", "\u{e9}")]),
        ("g", &[("", "m\"\\'\t")]),
        ("h", &[("", &short)]),
        ("i", &[("", &long)]),
    ];
    for (id, codes) in codes {
        let coding = |(system, code): &(&str, &str)| match *system {
            "" => json!({"code": code}),
            system => json!({"system": system, "code": code}),
        };
        let coding: Vec<_> = codes.iter().map(coding).collect();
        let more = json!({"status": "requested", "intent": "order", "for": {"reference": "Patient/p"},
            "code": {"text": "t", "coding": coding}});
        held.put(resource("Task", id, 1, more)).await;
    }
    let longer = "l".repeat(100);
    for (code, expected) in [
        ("m", vec!["b", "c", "e"]),
        ("|m", vec!["b"]),
        ("urn:s|m", vec!["c"]),
        ("urn:t|m", vec!["e"]),
        ("a", vec!["d", "e"]),
        ("urn:t|a", vec![]),
        ("z", vec!["d", "e"]),
        ("b", vec![]),
        ("M", vec!["f"]),
        ("\u{e9}", vec!["f"]),
        ("e", vec![]),
        ("m\"\\\\'\t", vec!["g"]),
        (&short, vec!["h"]),
        (&longer, vec![]),
        (&long, vec!["i"]),
        ("m,z", vec!["b", "c", "d", "e"]),
    ] {
        check(&held, "Task", &format!("patient=p&code={code}"), &expected).await;
    }
    check(&held, "Task", "patient=p&code:not=m", &["a", "d", "f", "g", "h", "i"]).await;
    check(&held, "Task", "patient=p&code:not=urn:s|m", &["a", "b", "d", "e", "f", "g", "h", "i"]).await;
    let (form, other) = ("https://q.example/w", "https://q.example/v");
    for (id, questionnaire) in [("a", form), ("b", "https://q.example/w|1"), ("c", other)] {
        let more = json!({"status": "completed", "subject": {"reference": "Patient/p"}, "questionnaire": questionnaire});
        held.put(resource("QuestionnaireResponse", id, 1, more)).await;
    }
    for (questionnaire, expected) in [
        (form, vec!["a", "b"]),
        ("https://q.example/w|1", vec!["b"]),
        ("https://q.example/w|2", vec![]),
        (other, vec!["c"]),
        ("https://q.example/x", vec![]),
    ] {
        let text = format!("patient=p&questionnaire={questionnaire}");
        check(&held, "QuestionnaireResponse", &text, &expected).await;
    }
}

#[tokio::test]
async fn references() {
    let Some(held) = tasks().await else { return };
    for (text, expected) in [
        ("patient=p", vec!["a"]),
        ("patient=Patient/p", vec!["a"]),
        ("patient:missing=true", vec!["b", "c"]),
        ("subject=Group/p", vec!["b"]),
        ("subject=Patient/p,Group/p", vec!["a", "b"]),
        ("subject:Patient=p", vec!["a"]),
        ("owner=n", vec!["a", "b"]),
        ("owner=Organization/n", vec!["b"]),
        ("owner=n&status=completed", vec!["b"]),
        ("owner:missing=true", vec!["c"]),
        ("based-on=CarePlan/c", vec!["a"]),
        ("based-on=https://dpi.example/fhir/CarePlan/x", vec!["a"]),
        ("based-on:CarePlan=c", vec!["a"]),
        ("based-on=CarePlan/x", vec![]),
        ("based-on:missing=false", vec!["a"]),
    ] {
        check(&held, "Task", text, &expected).await;
    }
}

#[tokio::test]
async fn dates() {
    let Some(held) = tasks().await else { return };
    for (text, expected) in [
        ("authored-on=2026-03-29", vec!["a"]),
        ("authored-on=2026-03", vec!["a", "b"]),
        ("authored-on=2026-03-29T08:00:00Z", vec!["a"]),
        ("authored-on=2026-03-29T10:00+02:00", vec!["a"]),
        ("authored-on=ne2026-03-29", vec!["b"]),
        ("authored-on=ge2026-03-29", vec!["a", "b"]),
        ("authored-on=gt2026-03-29", vec!["b"]),
        ("authored-on=lt2026-03-29", vec!["b"]),
        ("authored-on=le2026-03", vec!["a", "b"]),
        ("authored-on=sa2026-02", vec!["a", "b"]),
        ("authored-on=sa2026-03-01", vec!["a"]),
        ("authored-on=eb2026-04", vec!["a", "b"]),
        ("authored-on=eb2026-03-30", vec!["a"]),
        ("authored-on=ap2026-03-30", vec!["a", "b"]),
        ("authored-on=ap2027", vec!["a", "b"]),
        ("authored-on=ge2026-03-29&authored-on=le2026-03-29", vec!["a", "b"]),
        ("authored-on=2025,2026", vec!["a", "b"]),
        ("authored-on:missing=true", vec!["c"]),
        ("period=2026", vec!["b"]),
        ("period=ge2026-03", vec!["a"]),
        ("period=gt2030", vec!["a"]),
        ("period=sa2026-02", vec!["a"]),
        ("period=eb2026-03", vec!["b"]),
        ("period:missing=true", vec!["c"]),
        ("_lastUpdated=1970-01-01T00:00:01Z", vec!["a", "b", "c"]),
        ("_lastUpdated=gt1970-01-01T00:00:01Z", vec![]),
        ("_lastUpdated=ge1970-01-01T00:00:01Z&_lastUpdated=lt1970-01-01T00:00:02Z", vec!["a", "b", "c"]),
        ("_lastUpdated=ne1970-01-01T00:00:01Z", vec![]),
    ] {
        check(&held, "Task", text, &expected).await;
    }
}

#[tokio::test]
async fn strings() {
    let Some(held) = Held::new().await else { return };
    let patient = |id: &str, name| resource("Patient", id, 1, json!({"name": [name]}));
    held.put(patient("a", json!({"family": "PAT-TROIS", "given": ["DOMINIQUE"]}))).await;
    held.put(patient("b", json!({"family": "Été", "given": ["Œdipe"]}))).await;
    for (text, expected) in [
        ("family=pat", vec!["a"]),
        ("family=trois", vec![]),
        ("family:contains=trois", vec!["a"]),
        ("family=ete", vec!["b"]),
        ("family=ÉTÉ", vec!["b"]),
        ("family:exact=Été", vec!["b"]),
        ("family:exact=ete", vec![]),
        ("name=dom", vec!["a"]),
        ("name=oedipe", vec!["b"]),
        ("name=pat,ete", vec!["a", "b"]),
        ("family=%25", vec![]),
        ("name:missing=false", vec!["a", "b"]),
    ] {
        check(&held, "Patient", text, &expected).await;
    }
}

#[tokio::test]
async fn canonicals_and_addresses() {
    let Some(held) = Held::new().await else { return };
    for (id, canonical) in
        [("a", "https://q.example/w|1.0.0"), ("b", "https://q.example/w|1.1.0"), ("c", "https://q.example/w")]
    {
        held.put(resource("QuestionnaireResponse", id, 1, json!({"questionnaire": canonical}))).await;
    }
    for (text, expected) in [
        ("questionnaire=https://q.example/w", vec!["a", "b", "c"]),
        ("questionnaire=https://q.example/w|1.0.0", vec!["a"]),
        ("questionnaire=https://q.example", vec![]),
    ] {
        check(&held, "QuestionnaireResponse", text, &expected).await;
    }
    held.put(resource("Questionnaire", "q", 1, json!({"url": "https://q.example/w", "version": "1.0.0"})))
        .await;
    check(&held, "Questionnaire", "url=https://q.example/w&version=1.0.0", &["q"]).await;
    check(&held, "Questionnaire", "url=https://q.example/W", &[]).await;
}

#[tokio::test]
async fn an_update_is_found_by_its_new_values_only() {
    let Some(held) = Held::new().await else { return };
    let task = |version, status: &str, code: &str, day: u8| {
        let more = json!({"status": status, "code": {"coding": [{"code": code}]}, "for": {"reference": "Patient/p"},
            "executionPeriod": {"start": format!("2026-01-0{day}")}, "authoredOn": format!("2026-01-0{day}"),
            "focus": {"reference": "Flag/f"}});
        resource("Task", "t", version, more)
    };
    held.put(task(1, "requested", "old", 1)).await;
    held.put(task(2, "completed", "new", 2)).await;
    for (text, found) in [
        ("status=requested", false),
        ("status=completed", true),
        ("code=old", false),
        ("code=new", true),
        ("period=sa2026-01-01", true),
        ("authored-on=2026-01-01", false),
        ("authored-on=2026-01-02", true),
        ("focus=Flag/f", true),
        ("patient=p", true),
    ] {
        let expected: &[&str] = if found { &["t"] } else { &[] };
        check(&held, "Task", text, expected).await;
    }
}

#[tokio::test]
async fn quantities_and_composites() {
    let Some(held) = Held::new().await else { return };
    let ucum =
        |value: f64, code: &str| json!({"value": value, "system": "http://unitsofmeasure.org", "code": code});
    let coded = |code: &str| json!({"coding": [{"system": "https://c.example", "code": code}]});
    held.put(resource("Observation", "a", 1, json!({"code": coded("w"), "valueQuantity": ucum(1.5, "g")})))
        .await;
    held.put(resource(
        "Observation",
        "b",
        1,
        json!({"code": coded("bp"), "component": [
            {"code": coded("sys"), "valueQuantity": ucum(120.0, "mm[Hg]")},
            {"code": coded("dia"), "valueQuantity": ucum(80.0, "mm[Hg]")}]}),
    ))
    .await;
    held.put(resource("Observation", "c", 1, json!({"code": coded("w"), "valueString": "Élevée"}))).await;
    let unit = "http://unitsofmeasure.org";
    for (text, expected) in [
        (format!("value-quantity=1500|{unit}|mg"), vec!["a"]),
        (format!("value-quantity=gt1500|{unit}|mg"), vec![]),
        (format!("value-quantity=ge1500|{unit}|mg"), vec!["a"]),
        (format!("value-quantity=1500|{unit}|mL"), vec![]),
        ("value-quantity:missing=true".to_owned(), vec!["b", "c"]),
        ("combo-value-quantity:missing=true".to_owned(), vec!["c"]),
        ("combo-value-quantity=gt100".to_owned(), vec!["b"]),
        ("combo-code=sys".to_owned(), vec!["b"]),
        ("component-code-value-quantity=sys$gt100".to_owned(), vec!["b"]),
        ("component-code-value-quantity=dia$gt100".to_owned(), vec![]),
        ("component-code-value-quantity=https://c.example|dia$lt100".to_owned(), vec!["b"]),
        ("combo-code-value-quantity=dia$80,w$1.5".to_owned(), vec!["a", "b"]),
        ("code-value-quantity=w$1.5".to_owned(), vec!["a"]),
        ("code-value-quantity=bp$120".to_owned(), vec![]),
        ("code-value-string=w$elev".to_owned(), vec!["c"]),
        ("value-string:exact=Élevée".to_owned(), vec!["c"]),
    ] {
        check(&held, "Observation", &text, &expected).await;
    }
}

#[tokio::test]
async fn addresses_above_and_below_and_identifiers_of_references() {
    let Some(held) = Held::new().await else { return };
    for (id, url) in
        [("a", "https://q.example/x"), ("b", "https://q.example/x/y"), ("c", "https://q.example/xy")]
    {
        held.put(resource("Questionnaire", id, 1, json!({"url": url}))).await;
    }
    check(&held, "Questionnaire", "url:below=https://q.example/x", &["a", "b"]).await;
    check(&held, "Questionnaire", "url:above=https://q.example/x/y/z", &["a", "b"]).await;
    let subject =
        json!({"reference": "Patient/p", "identifier": {"system": "https://i.example", "value": "1"}});
    held.put(resource("Task", "t", 1, json!({"for": subject, "code": {"text": "Appel"}}))).await;
    check(&held, "Task", "subject:identifier=https://i.example|1", &["t"]).await;
    check(&held, "Task", "subject:identifier=1", &["t"]).await;
    check(&held, "Task", "subject:identifier=|1", &[]).await;
    check(&held, "Task", "code:text=app", &["t"]).await;
    held.put(resource("Task", "t", 2, json!({"code": {"text": "Visite"}}))).await;
    check(&held, "Task", "subject:identifier=1", &[]).await;
    check(&held, "Task", "code:text=app", &[]).await;
}

#[tokio::test]
async fn since_a_day_is_what_begins_or_goes_on_after_it_whatever_ends_before_it_begins() {
    let Some(held) = Held::new().await else { return };
    for (id, start, end) in [
        ("ended", "2026-01-01", "2026-03-31"),
        ("goes-on", "2026-01-01", "2026-04-02"),
        ("begins", "2026-04-01", "2026-04-01"),
        // In the zone of who wrote it the same day: in universal time it begins four hours and a half after its end.
        ("turned", "2026-03-31T23:30:00-05:00", "2026-03-31"),
    ] {
        let period = json!({"start": start, "end": end});
        let more = json!({"subject": {"reference": "Patient/p"}, "effectivePeriod": period});
        held.put(resource("Observation", id, 1, more)).await;
    }
    for (prefix, expected) in [
        ("ge", vec!["begins", "goes-on", "turned"]),
        ("gt", vec!["goes-on"]),
        ("sa", vec![]),
        ("le", vec!["begins", "ended", "goes-on", "turned"]),
        ("eb", vec!["ended", "turned"]),
    ] {
        for person in ["", "&patient=p"] {
            check(&held, "Observation", &format!("date={prefix}2026-04-01{person}"), &expected).await;
        }
    }
}

fn shown(texts: &[(&str, &str)], text: &str) -> Value {
    let coding = |(code, display): &(&str, &str)| json!({"code": code, "display": display});
    let codings: Vec<Value> = texts.iter().map(coding).collect();
    json!({"code": {"coding": codings, "text": text}})
}

#[tokio::test]
async fn each_resource_is_found_by_what_its_own_codes_are_shown_with() {
    let Some(held) = Held::new().await else { return };
    let without = json!({"code": {"text": "Sans code"}});
    let first = [
        shown(&[("b", "Bras"), ("a", "Appel")], "Rappeler"),
        shown(&[("a", "Appel"), ("b", "Bras")], "Rappeler"),
        // The same code, shown in another way, with nothing, and twice.
        shown(&[("a", "Autre")], ""),
        json!({"code": {"coding": [{"code": "a"}]}}),
        shown(&[("a", "Appel"), ("a", "Encore")], "Rappeler"),
        without.clone(),
    ];
    for (n, code) in (1..).zip(first) {
        held.put(resource("Task", &format!("t{n}"), 1, code)).await;
    }
    for (text, expected) in [
        ("appel", vec!["t1", "t2", "t5"]),
        ("bras", vec!["t1", "t2"]),
        ("RAPPELER", vec!["t1", "t2", "t5"]),
        ("autre", vec!["t3"]),
        ("encore", vec!["t5"]),
        ("sans", vec!["t6"]),
        ("a", vec!["t1", "t2", "t3", "t5"]),
        ("x", vec![]),
    ] {
        check(&held, "Task", &format!("code:text={text}"), &expected).await;
    }
    // Shown in another way, with nothing, without a code, and gone.
    let second = [
        ("t1", shown(&[("a", "Neuf"), ("b", "Bras")], "Rappeler")),
        ("t2", json!({"code": {"coding": [{"code": "a"}, {"code": "b"}]}})),
        ("t5", without),
        ("t6", shown(&[("a", "Appel")], "")),
    ];
    for (id, code) in second {
        held.put(resource("Task", id, 2, code)).await;
    }
    for (text, expected) in [
        ("appel", vec!["t6"]),
        ("neuf", vec!["t1"]),
        ("bras", vec!["t1"]),
        ("rappeler", vec!["t1"]),
        ("encore", vec![]),
        ("sans", vec!["t5"]),
    ] {
        check(&held, "Task", &format!("code:text={text}"), &expected).await;
    }
    check(&held, "Task", "code=a", &["t1", "t2", "t3", "t4", "t6"]).await;
}

#[tokio::test]
async fn chains_and_has() {
    let Some(held) = tasks().await else { return };
    held.put(resource("Patient", "p", 1, json!({"name": [{"family": "PAT-TROIS"}], "gender": "female"})))
        .await;
    held.put(resource("Patient", "q", 1, json!({"name": [{"family": "PAT-UN"}]}))).await;
    held.put(resource(
        "Provenance",
        "v",
        1,
        json!({"target": [{"reference": "Task/a"}], "recorded": "2026-01-01"}),
    ))
    .await;
    for (rtype, text, expected) in [
        ("Task", "patient.name=pat", vec!["a"]),
        ("Task", "patient.gender=male", vec![]),
        ("Task", "subject:Patient.gender=female&status=requested", vec!["a"]),
        ("Provenance", "target:Task.status=requested", vec!["v"]),
        ("Provenance", "target:Task.status=completed", vec![]),
        ("Patient", "_has:Task:patient:status=requested", vec!["p"]),
        ("Patient", "_has:Task:patient:code=call&name=pat", vec!["p"]),
        ("Patient", "_has:Task:patient:status=completed", vec![]),
        ("Task", "_has:Provenance:target:recorded=2026", vec!["a"]),
    ] {
        check(&held, rtype, text, &expected).await;
    }
}
