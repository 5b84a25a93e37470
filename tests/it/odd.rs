//! Whatever a response says at whatever place, it is stored, or kept with a Task that has a person read it: no response is thrown
//! away for what it says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vigie::interaction::{self, Echo};
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem};

use crate::support::{App, Course, Kept};

const RESPONSE: &str = "QuestionnaireResponse";

/// Places of a response, as JSON pointers.
const PLACES: &[&str] = &[
    "/id",
    "/meta/profile",
    "/implicitRules",
    "/language",
    "/contained",
    "/extension",
    "/identifier",
    "/identifier/system",
    "/identifier/value",
    "/basedOn",
    "/basedOn/0",
    "/basedOn/0/reference",
    "/partOf/0/reference",
    "/questionnaire",
    "/_questionnaire",
    "/status",
    "/subject",
    "/subject/reference",
    "/subject/type",
    "/subject/identifier",
    "/subject/identifier/value",
    "/encounter/reference",
    "/authored",
    "/author/reference",
    "/source",
    "/source/reference",
    "/item",
    "/item/0/linkId",
    "/item/0/answer/0/valueReference/reference",
    "/resourceType",
];

/// Text that varies, so that nothing compresses it.
fn long(count: usize) -> String {
    let mut state = 1_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + u8::try_from(state >> 58).unwrap())
    };
    (0..count).map(next).collect()
}

fn values() -> Vec<Value> {
    let mut values = vec![json!(null), json!(true), json!(-1), json!(1.5), json!([]), json!({}), json!([[]])];
    values.extend([
        json!([null]),
        json!({"a": {"b": [1]}}),
        json!({"reference": "Patient/"}),
        json!(long(9_000)),
    ]);
    values.push(json!(format!("Patient/{}", "a".repeat(65))));
    values.push(json!(format!("Patient?identifier={}|{}", long(5_000), long(5_000))));
    let texts = [
        "",
        " ",
        "\u{0}",
        "a\u{0}b",
        "\u{1}\u{1f}",
        "a\r\nb",
        "|",
        "||",
        "a|b|c",
        "|1.0.0",
        "a,b",
        ",",
        "\\",
        "$",
        "#",
        "%00",
        "\u{ffff}",
        "\u{1f600}",
        "Patient/",
        "Patient/a b",
        "Patient/é_1",
        "Patient/test-folfox#x",
        "Patient/test-folfox?a=b",
        "/Patient/test-folfox",
        "Patient/test-folfox/_history/",
        "Patient/test-folfox,Patient/x",
        "patient/test-folfox",
        "Patient?",
        "Patient?identifier=",
        "Patient?identifier=|",
        "Patient?identifier=a|",
        "Patient?identifier=%00|%00",
        "Patient?colour=blue",
        "Patient?name=%zz",
        "Patient?_has:Flag:patient:_id=x",
        "https://other.example/fhir/Patient/test-folfox",
        "https://vigie.test/fhir/Patient/a b",
        "urn:uuid:12",
        "http://",
        "CarePlan/x",
        "Nothing/1",
        "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire",
        "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire||1.0.0",
        "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|9.9.9",
    ];
    values.extend(texts.map(|text| json!(text)));
    values
}

/// Puts a value at a place, making what is above it.
fn put(value: &mut Value, pointer: &str, new: Value) {
    let Some((first, rest)) = pointer.trim_start_matches('/').split_once('/') else {
        let name = pointer.trim_start_matches('/');
        match value {
            Value::Array(elements) => elements[name.parse::<usize>().unwrap()] = new,
            _ => value[name] = new,
        }
        return;
    };
    let inner = match first.parse::<usize>() {
        Ok(index) => {
            if !value.is_array() {
                *value = json!([{}]);
            }
            value.get_mut(index).unwrap()
        }
        Err(_) => {
            if value.get(first).is_none() {
                value[first] = json!({});
            }
            value.get_mut(first).unwrap()
        }
    };
    put(inner, rest, new);
}

/// The base64 of kept bytes, where the problem says that they are kept, and that a Task asks a person to read them.
async fn kept(app: &App, problem: &Problem) -> Result<Vec<u8>, String> {
    let text = problem.issues.iter().map(|issue| issue.diagnostics.as_str()).collect::<Vec<_>>().join("\n");
    kept_at(app, &text).await
}

async fn kept_at(app: &App, text: &str) -> Result<Vec<u8>, String> {
    let Some(place) = text.find("kept as Binary/") else { return Err(format!("nothing is kept: {text}")) };
    let place: String =
        text[place + 8..].chars().take_while(|c| c.is_ascii_alphanumeric() || "/-".contains(*c)).collect();
    let tasks = app.search("Task", &[("focus", &place)]).await;
    if tasks.is_empty() {
        return Err(format!("{place} is kept, and no Task says so"));
    }
    let binary = app.read(&place).await;
    STANDARD.decode(binary["data"].as_str().unwrap_or_default()).map_err(|fault| fault.to_string())
}

/// Sends a response in one of the ways there are; what is lost is told.
async fn sent(app: &App, way: usize, response: &Value) -> Result<(), String> {
    let (ctx, bytes) = (&app.context, response.to_string().into_bytes());
    let problem = match way {
        0 => match interaction::create(ctx, RESPONSE, &bytes, None).await {
            Ok(answer) => return found(app, &answer.id).await,
            Err(problem) => problem,
        },
        1 => {
            let id = response["id"].as_str().unwrap_or("put").to_owned();
            match interaction::update(ctx, RESPONSE, &id, &bytes, None).await {
                Ok(answer) => return found(app, &answer.id).await,
                Err(problem) => problem,
            }
        }
        _ => return in_bundle(app, if way == 2 { "batch" } else { "transaction" }, response).await,
    };
    if problem.category == Category::Internal {
        return Err(format!("nobody thought of it: {problem}"));
    }
    let kept = kept(app, &problem).await?;
    if kept == bytes { Ok(()) } else { Err("other bytes were kept".to_owned()) }
}

async fn in_bundle(app: &App, kind: &str, response: &Value) -> Result<(), String> {
    let entry = json!({"resource": response, "request": {"method": "POST", "url": RESPONSE}});
    let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [entry]}).to_string();
    match interaction::bundle(&app.context, bundle.as_bytes(), Echo::Representation).await {
        Ok(answer) => {
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            let entry = &answer["entry"][0];
            match entry["resource"]["id"].as_str() {
                Some(id) => found(app, id).await,
                None => kept_at(app, &entry["response"]["outcome"].to_string()).await.map(drop),
            }
        }
        Err(problem) => kept(app, &problem).await.map(drop),
    }
}

async fn found(app: &App, id: &str) -> Result<(), String> {
    let stored = interaction::read(&app.context, RESPONSE, id).await;
    stored.map(drop).map_err(|problem| format!("acknowledged and not there: {problem}"))
}

#[tokio::test]
async fn whatever_a_response_says_it_is_stored_or_kept_with_a_task() {
    for store in Kept::EACH {
        let Some(app) = App::on(store).await else { continue };
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        let whole = course.week("1");
        let mut lost = Vec::new();
        for (n, place) in PLACES.iter().enumerate() {
            // All of them where what is said is looked for, a fifth of them elsewhere.
            let all = ["/id", "/questionnaire", "/subject/reference"].contains(place);
            for (m, value) in values().into_iter().enumerate().filter(|(m, _)| all || (n + m) % 5 == 0) {
                let mut response = whole.clone();
                response["identifier"]["value"] = json!(format!("odd-{n}-{m}"));
                put(&mut response, place, value);
                // Every way takes its part of the values, at each place another one.
                let way = (n + m) / 5 % 4;
                if let Err(how) = sent(&app, way, &response).await {
                    let said = response.pointer(place).unwrap_or(&Value::Null).to_string();
                    let said: String = said.chars().take(60).collect();
                    lost.push(format!("{store:?} {place} = {said} (way {way}): {how}"));
                }
            }
        }
        assert!(lost.is_empty(), "{} lost:\n{}", lost.len(), lost.join("\n"));
    }
}

/// What is asked wrongly around a whole response.
#[tokio::test]
async fn a_response_in_a_request_that_is_refused_is_kept_with_a_task() {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    let mut number = 0;
    let mut response = |id: Option<&str>| {
        number += 1;
        let mut response = course.week("1");
        response["identifier"]["value"] = json!(format!("asked-wrongly-{number}"));
        if let Some(id) = id {
            response["id"] = json!(id);
        }
        response
    };
    let ctx = &app.context;
    let refused = async |problem: Problem, category: Category| {
        assert_eq!(problem.category, category, "{problem}");
        kept(&app, &problem).await.unwrap();
    };
    let bytes = response(None).to_string();
    let answer = interaction::create(ctx, RESPONSE, bytes.as_bytes(), Some("colour=blue")).await;
    refused(answer.unwrap_err(), Category::Malformed).await;
    let params = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    let bytes = response(None).to_string();
    let answer =
        interaction::update_where(ctx, RESPONSE, &params("colour", "blue"), bytes.as_bytes(), None).await;
    refused(answer.unwrap_err(), Category::Malformed).await;
    let first = app.submit(&response(None)).await.unwrap();
    let bytes = response(Some("another")).to_string();
    let answer =
        interaction::update_where(ctx, RESPONSE, &params("_id", &first.id), bytes.as_bytes(), None).await;
    refused(answer.unwrap_err(), Category::Malformed).await;

    let requests = [
        json!({"method": "PUT", "url": format!("{RESPONSE}/{}", "a".repeat(65))}),
        json!({"method": "POST", "url": format!("{RESPONSE}/a")}),
        json!({"method": "POST", "url": RESPONSE, "ifNoneExist": "colour=blue"}),
        json!({"method": "PUT", "url": format!("{RESPONSE}/a"), "ifMatch": "new"}),
        json!({"method": "SEND", "url": RESPONSE}),
        json!({"method": "POST"}),
        json!("POST"),
    ];
    for kind in ["batch", "transaction"] {
        for request in &requests {
            let entry = json!({"resource": response(None), "request": request});
            let bundle = json!({"resourceType": "Bundle", "type": kind, "entry": [entry]}).to_string();
            let text = match interaction::bundle(ctx, bundle.as_bytes(), Echo::Representation).await {
                Ok(answer) => String::from_utf8(answer).unwrap(),
                Err(problem) => problem.to_string(),
            };
            kept_at(&app, &text).await.unwrap_or_else(|how| panic!("{kind} {request}: {how}"));
        }
    }
}

/// A plan of care is no response, and what it names may be odd: the responses it is for are judged all the same.
#[tokio::test]
async fn a_plan_of_care_that_names_an_odd_protocol_loses_no_response() {
    for store in Kept::EACH {
        let Some(app) = App::on(store).await else { continue };
        let course = Course::start(&app, "folfox").await;
        app.at("2026-03-02T09:13:00+01:00");
        let plan = crate::support::example("folfox/careplan.json");
        let long = long(3_000);
        for (n, odd) in
            ["|", "#", ",", "|1", "http://p,http://q", "http://p||1", "a\\", "$", &long].iter().enumerate()
        {
            let mut plan = plan.clone();
            plan["instantiatesCanonical"] = json!([odd]);
            if app.put(&plan).await.is_err() {
                continue;
            }
            let mut response = course.week("1");
            response["identifier"]["value"] = json!(format!("odd-plan-{n}"));
            sent(&app, 0, &response).await.unwrap_or_else(|how| panic!("{store:?} {odd}: {how}"));
        }
    }
}

/// PostgreSQL keeps no U+0000 in a text: whatever is asked with one is refused or finds nothing, on both stores, and is no fault of
/// ours.
#[tokio::test]
async fn a_text_with_a_zero_is_refused_or_not_found() {
    for store in Kept::EACH {
        let Some(app) = App::on(store).await else { continue };
        let ctx = &app.context;
        let params = |name: &str| vec![(name.to_owned(), "a\0b".to_owned())];
        let mut asked: Vec<(String, Result<(), Problem>)> = Vec::new();
        for filter in ["id", "destination", "patient", "subject", "before", "state"] {
            asked.push((filter.to_owned(), interaction::deliveries(ctx, &params(filter)).await.map(drop)));
        }
        for (id, by, reason) in [("a\0b", "x", "y"), ("a", "x\0", "y"), ("a", "x", "\0y")] {
            asked.push((
                format!("stop {id:?} {by:?}"),
                interaction::stop(ctx, id, by, reason).await.map(drop),
            ));
        }
        asked.push(("resend".to_owned(), interaction::resend(ctx, "a\0b").await.map(drop)));
        asked.push(("read".to_owned(), interaction::read(ctx, "Patient", "a\0b").await.map(drop)));
        asked.push(("vread".to_owned(), interaction::vread(ctx, "Patient", "a\0b", 1).await.map(drop)));
        asked.push(("delete".to_owned(), interaction::delete(ctx, "Patient", "a\0b", None).await.map(drop)));
        asked.push((
            "history".to_owned(),
            interaction::history(ctx, Some("Patient"), Some("a\0b"), &[]).await.map(drop),
        ));
        asked.push(("proof".to_owned(), interaction::proof_of_patient(ctx, "a\0b").await.map(drop)));
        asked.push(("proof".to_owned(), interaction::proof_of_document(ctx, "a\0b").await.map(drop)));
        for name in [
            "_id",
            "identifier",
            "name",
            "name:contains",
            "name:exact",
            "birthdate",
            "general-practitioner.name",
            "link",
            "_text",
            "_tag",
            "_profile",
            "_cursor",
            "_sort",
        ] {
            asked.push((name.to_owned(), interaction::search(ctx, "Patient", &params(name)).await.map(drop)));
            asked.push((
                format!("delete {name}"),
                interaction::delete_where(ctx, "Patient", &params(name), None).await.map(drop),
            ));
        }
        for name in
            ["value-quantity", "code:text", "code", "date", "subject:identifier", "code-value-quantity"]
        {
            asked.push((
                name.to_owned(),
                interaction::search(ctx, "Observation", &params(name)).await.map(drop),
            ));
        }
        for name in ["url", "url:below", "version"] {
            asked.push((
                name.to_owned(),
                interaction::search(ctx, "Questionnaire", &params(name)).await.map(drop),
            ));
        }
        for (what, answer) in asked {
            let category = answer.err().map(|problem| problem.category);
            assert!(category != Some(Category::Internal), "{store:?} {what}");
        }
    }
}
