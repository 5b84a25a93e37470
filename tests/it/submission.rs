//! Submitting responses: what is stored, what is repeated, what is refused and kept (issue 2, points 3 to 5).

use std::sync::Arc;

use vigie::interaction::{self, Kind, Library, Question, evaluate_with};
use vigie::json::{Value, json};
use vigie::problem::{Category, Problem, Severity};

use crate::support::{App, Course, body, example, profiles};

/// What a response becomes, and what is kept of a refused one.
const DERIVED: &[&str] = &[
    "QuestionnaireResponse",
    "Observation",
    "Flag",
    "Task",
    "Communication",
    "DiagnosticReport",
    "Provenance",
    "Binary",
];

async fn folfox() -> (App, Course) {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    (app, course)
}

fn levels(resources: &[Value]) -> Vec<&str> {
    let level = |resource: &Value| -> Option<&str> {
        let codings =
            resource["code"]["coding"].as_array().or_else(|| resource["reasonCode"]["coding"].as_array());
        let system = "https://vigie.example/fhir/CodeSystem/alert-level";
        codings?.iter().find(|coding| coding["system"] == system)?["code"].as_str().map(|code| match code {
            "rouge" => "rouge",
            "orange" => "orange",
            "technique" => "technique",
            "jaune" => "jaune",
            _ => "other",
        })
    };
    let mut levels: Vec<&str> = resources.iter().filter_map(level).collect();
    levels.sort_unstable();
    levels.dedup();
    levels
}

fn set(response: &mut Value, link_id: &str, answer: Value) {
    fn find<'a>(items: &'a mut Value, link_id: &str) -> Option<&'a mut Value> {
        for item in items.as_array_mut()? {
            if item["linkId"] == link_id {
                return Some(item);
            }
            if let Some(found) = item.get_mut("item").and_then(|inner| find(inner, link_id)) {
                return Some(found);
            }
        }
        None
    }
    let items = response.get_mut("item").expect("items");
    find(items, link_id).unwrap_or_else(|| panic!("no {link_id}"))["answer"] = json!([answer]);
}

fn kept(problem: &Problem) -> String {
    let told = problem
        .issues
        .iter()
        .find(|issue| issue.severity == Severity::Information)
        .expect("where it is kept");
    let reference =
        told.diagnostics.split_whitespace().find(|word| word.starts_with("Binary/")).expect("Binary/id");
    reference.trim_end_matches([',', '.', ';']).to_owned()
}

#[tokio::test]
async fn a_response_is_stored_with_everything_it_becomes() {
    let (app, course) = folfox().await;
    let answer = app.submit(&course.week("1")).await.unwrap();
    assert_eq!((answer.kind, answer.version), (Kind::Created, 1));
    let stored = body(&answer);
    assert_eq!(stored["subject"]["reference"], course.patient());
    assert_eq!(app.read(&format!("QuestionnaireResponse/{}", answer.id)).await, stored);
    let reports =
        app.search("DiagnosticReport", &[("subject", &course.patient()), ("status", "preliminary")]).await;
    assert_eq!(reports.len(), 1);
    assert!(app.search("Observation", &[("subject", &course.patient())]).await.len() > 10);
    assert!(!app.search("Provenance", &[]).await.is_empty());
}

#[tokio::test]
async fn the_same_response_posted_again_creates_nothing_and_gets_the_first_answer() {
    let (app, course) = folfox().await;
    let first = app.submit(&course.week("2")).await.unwrap();
    let before = app.count(DERIVED).await;
    app.at("2026-03-10T09:00:00+01:00");
    let again = app.submit(&course.week("2")).await.unwrap();
    assert_eq!((again.kind, again.id, again.body), (Kind::Found, first.id, first.body));
    assert_eq!(app.count(DERIVED).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixty_four_equal_responses_at_once_one_is_created() {
    let (app, course) = folfox().await;
    let app = Arc::new(app);
    let response = Arc::new(course.week("2"));
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let (app, response) = (Arc::clone(&app), Arc::clone(&response));
            tokio::spawn(async move { app.submit(&response).await.unwrap() })
        })
        .collect();
    let mut created = 0;
    let mut ids = Vec::new();
    for task in tasks {
        let answer = task.await.unwrap();
        created += usize::from(answer.kind == Kind::Created);
        ids.push(answer.id);
    }
    ids.dedup();
    assert_eq!((created, ids.len()), (1, 1));
    assert_eq!(app.count(&["QuestionnaireResponse", "DiagnosticReport"]).await, [1, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn different_responses_of_one_patient_at_once_see_each_other_in_order() {
    let (app, course) = folfox().await;
    let app = Arc::new(app);
    let tasks: Vec<_> = ["1", "2", "3", "4"]
        .map(|week| {
            let (app, response) = (Arc::clone(&app), course.week(week));
            tokio::spawn(async move { app.submit(&response).await.unwrap() })
        })
        .into_iter()
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().kind, Kind::Created);
    }
    assert_eq!(app.count(&["QuestionnaireResponse", "DiagnosticReport"]).await, [4, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_responses_of_one_patient_come_at_once_none_is_sent_away() {
    let (app, course) = folfox().await;
    let app = Arc::new(app);
    // More than a decision may be begun anew.
    let count = app.context.settings.rounds_max + 8;
    let tasks: Vec<_> = (0..count)
        .map(|n| {
            let (app, mut response) = (Arc::clone(&app), course.week("1"));
            response["identifier"]["value"] = json!(format!("at-once-{n}"));
            tokio::spawn(async move { app.submit(&response).await.unwrap() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().kind, Kind::Created);
    }
    assert_eq!(app.count(&["QuestionnaireResponse"]).await, [count]);
}

#[tokio::test]
async fn an_identifier_with_other_content_is_refused_and_the_bytes_are_kept_and_judged() {
    let (app, course) = folfox().await;
    let first = app.submit(&course.week("1")).await.unwrap();
    let mut other = course.week("1");
    set(&mut other, "alerte.thorax", json!({"valueBoolean": true}));
    let problem = app.submit(&other).await.unwrap_err();
    assert_eq!(problem.category, Category::Conflict);
    assert!(
        problem.to_string().contains(&format!("PUT the new content to QuestionnaireResponse/{}", first.id))
    );
    assert_eq!(app.count(&["QuestionnaireResponse"]).await, [1]);
    assert!(levels(&app.search("Flag", &[]).await).contains(&"rouge"), "the red answer alerts all the same");
    app.read(&kept(&problem)).await;
}

#[tokio::test]
async fn a_refused_response_is_kept_and_its_readable_answers_still_alert() {
    let (app, course) = folfox().await;
    let mut response = course.week("1");
    set(&mut response, "alerte.thorax", json!({"valueBoolean": true}));
    set(&mut response, "base.fatigue", json!({"valueString": "beaucoup"}));
    let problem = app.submit(&response).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    assert_eq!(app.count(&["QuestionnaireResponse", "Observation", "DiagnosticReport"]).await, [0, 0, 0]);
    let flags = app.search("Flag", &[("subject", &course.patient())]).await;
    assert_eq!(levels(&flags), ["rouge", "technique"]);
    let tasks = app.search("Task", &[("patient", &course.patient())]).await;
    assert!(!tasks.is_empty());
    let binary = kept(&problem);
    assert!(tasks.iter().all(|task| task["focus"]["reference"] == binary.as_str()), "{binary}");
    let stored = app.read(&binary).await;
    assert_eq!(stored["contentType"], "application/fhir+json");
    let outcome = app.read(&format!("{binary}-outcome")).await;
    assert_eq!(outcome["securityContext"]["reference"], course.patient());

    let before = app.count(DERIVED).await;
    let again = app.submit(&response).await.unwrap_err();
    assert_eq!(kept(&again), binary);
    assert_eq!(app.count(DERIVED).await, before, "the same refused bytes are kept once");
}

#[tokio::test]
async fn an_unknown_questionnaire_version_is_refused_kept_and_judged() {
    let (app, course) = folfox().await;
    let mut response = course.week("1");
    response["questionnaire"] =
        json!("https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|9.9.9");
    set(&mut response, "alerte.thorax", json!({"valueBoolean": true}));
    let problem = app.submit(&response).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    assert!(problem.issues.iter().any(|issue| issue.detail == Some("questionnaireNotFound")));
    assert_eq!(levels(&app.search("Flag", &[]).await), ["rouge", "technique"]);
}

#[tokio::test]
async fn a_response_about_nobody_known_is_kept_and_a_person_is_told() {
    let (app, course) = folfox().await;
    let mut response = course.week("1");
    response["subject"] = json!({"reference": "Patient/nobody"});
    let problem = app.submit(&response).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    app.read(&kept(&problem)).await;
    assert_eq!(app.count(&["Flag", "Task"]).await, [0, 1]);
}

#[tokio::test]
async fn bytes_that_cannot_be_read_are_kept_as_they_came() {
    let (app, _) = folfox().await;
    let bytes = br#"{"resourceType": "QuestionnaireResponse", "status": "comp"#;
    let problem = interaction::create(&app.context, "QuestionnaireResponse", bytes, None)
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(problem.category, Category::Malformed);
    let binary = app.read(&kept(&problem)).await;
    assert_eq!(binary["contentType"], "application/octet-stream");
    assert_eq!(app.count(&["Binary"]).await, [2]);
    let again = interaction::create(&app.context, "QuestionnaireResponse", bytes, None)
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(kept(&again), kept(&problem));
    assert_eq!(app.count(&["Binary"]).await, [2]);
}

#[tokio::test]
async fn an_unreadable_amendment_of_a_known_response_is_kept_and_a_person_is_told() {
    let (app, course) = folfox().await;
    let first = app.submit(&course.week("1")).await.unwrap();
    let before = app.search("Task", &[("patient", &course.patient())]).await.len();
    let bytes = br#"{"resourceType": "QuestionnaireResponse", "status": "amen"#;
    let amend = async |id: &str| {
        let amended = interaction::update(&app.context, "QuestionnaireResponse", id, bytes, None).await;
        amended.map(|_| ()).unwrap_err()
    };
    let problem = amend(&first.id).await;
    assert_eq!(problem.category, Category::Malformed);
    let errors: Vec<_> = problem.issues.iter().filter(|issue| issue.severity >= Severity::Error).collect();
    assert_eq!(errors.len(), 1, "only what is known to be wrong: {problem}");
    let binary = kept(&problem);
    assert_eq!(app.read(&binary).await["contentType"], "application/octet-stream");
    assert_eq!(app.read(&binary).await["securityContext"]["reference"], course.patient());
    let tasks = app.search("Task", &[("patient", &course.patient())]).await;
    let new: Vec<&Value> =
        tasks.iter().filter(|task| task["focus"]["reference"] == binary.as_str()).collect();
    assert_eq!((new.len(), tasks.len()), (1, before + 1));
    let flags = app.search("Flag", &[("subject", &course.patient())]).await;
    assert!(levels(&flags).contains(&"technique"), "{:?}", levels(&flags));
    assert_eq!(app.read(&format!("QuestionnaireResponse/{}", first.id)).await, body(&first), "it stands");
    assert_eq!(kept(&amend(&first.id).await), binary, "the same bytes again change nothing");
    assert_eq!(app.search("Task", &[("patient", &course.patient())]).await.len(), before + 1);
    // Nobody is known under another id: the bytes are kept, and that is told.
    assert!(amend("new").await.to_string().contains("a Task without patient"));
}

#[tokio::test]
async fn a_response_that_was_sent_as_something_else_is_kept_and_its_answers_alert() {
    let (app, course) = folfox().await;
    let mut response = course.week("1");
    set(&mut response, "alerte.thorax", json!({"valueBoolean": true}));
    let mistyped = || Problem::new(Category::UnsupportedMediaType, "not-supported", "text/plain is not read");
    for bytes in [response.to_string().into_bytes(), vigie::fhir::xml::write(&response).unwrap()] {
        let problem = interaction::keep_mistyped(&app.context, &bytes, mistyped()).await.unwrap();
        assert_eq!(problem.category, Category::UnsupportedMediaType);
        let binary = app.read(&kept(&problem)).await;
        assert!(binary["contentType"].as_str().unwrap().starts_with("application/fhir+"));
        assert!(levels(&app.search("Flag", &[]).await).contains(&"rouge"));
    }
    assert_eq!(app.count(&["QuestionnaireResponse", "Binary"]).await, [0, 4]);
    for bytes in [&b"hello"[..], b"{\"resourceType\": \"Patient\"}", b"{\"resourceType\""] {
        let problem = interaction::keep_mistyped(&app.context, bytes, mistyped()).await.unwrap();
        assert_eq!(problem, mistyped(), "it is no response");
    }
    assert_eq!(app.count(&["Binary"]).await, [4]);
}

#[tokio::test]
async fn the_newest_active_version_is_recorded_on_a_response_that_names_none() {
    let (app, course) = folfox().await;
    let mut response = course.week("1");
    response["questionnaire"] = json!("https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire");
    let stored = body(&app.submit(&response).await.unwrap());
    assert_eq!(
        stored["questionnaire"],
        "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire|1.0.0"
    );
}

#[tokio::test]
async fn a_subject_may_be_named_by_search_or_by_identifier() {
    let (app, course) = folfox().await;
    let patient = example("folfox/patient.json");
    let (system, value) = (&patient["identifier"][0]["system"], &patient["identifier"][0]["value"]);
    let search = format!("Patient?identifier={}|{}", system.as_str().unwrap(), value.as_str().unwrap());
    let forms = [
        json!({"reference": search}),
        json!({"identifier": {"system": system, "value": value}}),
        json!({"reference": "https://vigie.test/fhir/Patient/test-folfox"}),
    ];
    for (n, subject) in forms.into_iter().enumerate() {
        let mut response = course.week("1");
        response["identifier"]["value"] = json!(format!("by-form-{n}"));
        response["subject"] = subject;
        let stored = body(&app.submit(&response).await.unwrap());
        assert_eq!(stored["subject"]["reference"], course.patient());
        if n < 2 {
            assert_eq!(stored["subject"]["identifier"]["value"], *value);
        }
    }
    let mut response = course.week("1");
    response["subject"] = json!({"identifier": {"system": system, "value": "nobody"}});
    assert_eq!(app.submit(&response).await.unwrap_err().category, Category::Invalid);
}

#[tokio::test]
async fn without_protocol_the_response_is_stored_and_a_person_is_told() {
    let app = App::bare().await;
    let definitions =
        crate::support::profiles().into_iter().filter(|one| one["resourceType"] != "PlanDefinition");
    interaction::load(&app.context, definitions.collect()).await.unwrap();
    for file in ["organization/organization.json", "folfox/patient.json"] {
        app.put(&example(file)).await.unwrap();
    }
    let mut response = example("folfox/week-1.json");
    for name in ["id", "basedOn"] {
        response.as_object_mut().unwrap().remove(name);
    }
    let answer = app.submit(&response).await.unwrap();
    assert_eq!(answer.kind, Kind::Created);
    assert_eq!(levels(&app.search("Flag", &[]).await), ["technique"]);
    assert!(!app.search("Task", &[]).await.is_empty());
}

#[tokio::test]
async fn a_conditional_create_finds_what_is_there() {
    let (app, course) = folfox().await;
    let response = course.week("1");
    let bytes = serde_json::to_vec(&response).unwrap();
    let condition = "identifier=https://centre-test.example/reponse|test-folfox-1";
    let create = || interaction::create(&app.context, "QuestionnaireResponse", &bytes, Some(condition));
    assert_eq!(create().await.unwrap().kind, Kind::Created);
    assert_eq!(create().await.unwrap().kind, Kind::Found);
    let of_everyone =
        interaction::create(&app.context, "QuestionnaireResponse", &bytes, Some("nothing=1")).await;
    assert_eq!(of_everyone.map(|_| ()).unwrap_err().category, Category::Malformed);
}

#[tokio::test]
async fn a_condition_that_says_nothing_is_refused_though_the_same_response_was_just_taken() {
    let (app, course) = folfox().await;
    let bytes = serde_json::to_vec(&course.week("1")).unwrap();
    let create = |condition| interaction::create(&app.context, "QuestionnaireResponse", &bytes, condition);
    // Both are about one patient: the second waits until the first is written.
    let (first, second) = tokio::join!(create(None), create(Some("nothing=1")));
    assert_eq!(first.unwrap().kind, Kind::Created);
    assert_eq!(second.map(|_| ()).unwrap_err().category, Category::Malformed);
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let (app, course) = folfox().await;
    let before = app.count(DERIVED).await;
    let mut response = course.week("2");
    let bytes = serde_json::to_vec(&response).unwrap();
    assert!(
        !interaction::validate(&app.context, "QuestionnaireResponse", None, &bytes)
            .await
            .unwrap()
            .iter()
            .any(|i| i.severity >= Severity::Error)
    );
    let told: Value =
        serde_json::from_slice(&interaction::evaluate(&app.context, &bytes).await.unwrap()).unwrap();
    assert_eq!(told["parameter"][0], json!({"name": "level", "valueCode": "rouge"}));
    set(&mut response, "base.fatigue", json!({"valueString": "beaucoup"}));
    let issues = interaction::validate(
        &app.context,
        "QuestionnaireResponse",
        None,
        &serde_json::to_vec(&response).unwrap(),
    )
    .await
    .unwrap();
    assert!(issues.iter().any(|issue| issue.severity == Severity::Error));
    assert_eq!(app.count(DERIVED).await, before);
}

#[tokio::test]
async fn a_structural_fault_hides_no_red_answer() {
    let (app, course) = folfox().await;
    let mut response = course.week("1");
    response["colour"] = json!("red");
    response["item"][0]["answer"] = json!({"valueBoolean": "perhaps"});
    set(&mut response, "alerte.thorax", json!({"valueBoolean": true}));
    let problem = app.submit(&response).await.unwrap_err();
    assert_eq!(problem.category, Category::Invalid);
    assert!(problem.to_string().contains("QuestionnaireResponse.colour"), "{problem}");
    assert_eq!(levels(&app.search("Flag", &[]).await), ["rouge", "technique"]);
}

#[tokio::test]
async fn a_repeat_without_identifier_is_known_by_its_content_and_moment() {
    let (app, course) = folfox().await;
    let mut response = course.week("1");
    response.as_object_mut().unwrap().remove("identifier");
    let first = app.submit(&response).await.unwrap();
    let again = app.submit(&response).await.unwrap();
    assert_eq!((again.kind, again.id), (Kind::Found, first.id));
    response["authored"] = json!("2026-03-02T09:12:01+01:00");
    assert_eq!(app.submit(&response).await.unwrap().kind, Kind::Created);
}

#[tokio::test]
async fn a_late_response_is_judged_with_what_was_authored_before_it() {
    let (app, course) = folfox().await;
    for week in ["1", "3"] {
        app.submit(&course.week(week)).await.unwrap();
    }
    let late = app.submit(&course.week("2")).await.unwrap();
    let provenances =
        app.search("Provenance", &[("entity", &format!("QuestionnaireResponse/{}", late.id))]).await;
    let entities = provenances[0]["entity"].to_string();
    let first = app.search("QuestionnaireResponse", &[("identifier", "test-folfox-1")]).await.remove(0);
    let third = app.search("QuestionnaireResponse", &[("identifier", "test-folfox-3")]).await.remove(0);
    assert!(entities.contains(first["id"].as_str().unwrap()), "{entities}");
    assert!(!entities.contains(third["id"].as_str().unwrap()), "{entities}");
}

#[tokio::test]
async fn what_another_patient_wrote_is_doubted_wherever_it_is_judged() {
    let (app, course) = folfox().await;
    app.put(&json!({"resourceType": "Patient", "id": "autre"})).await.unwrap();
    let mut response = course.week("1");
    let library = Library::from_resources(profiles()).unwrap();
    let offline = |response: &Value| {
        let question = Question {
            response: response.clone(),
            previous: Vec::new(),
            patient: Some(example("folfox/patient.json")),
            careplans: vec![example("folfox/careplan.json")],
            received_at: "2026-03-02T09:13:00+01:00".parse().unwrap(),
        };
        evaluate_with(&library, question).unwrap().to_string()
    };
    assert!(!offline(&response).contains("autre patient"));
    response["author"] = json!({"reference": "Patient/autre"});
    assert!(offline(&response).contains("La réponse a été saisie par un autre patient"));
    app.submit(&response).await.unwrap();
    let flags = app.search("Flag", &[("subject", &course.patient())]).await;
    assert!(levels(&flags).contains(&"technique"), "{flags:?}");
    response.as_object_mut().unwrap().remove("author");
    response["subject"] = json!({"reference": "Patient/autre"});
    assert!(offline(&response).contains("un autre patient que le dossier fourni"));
}
