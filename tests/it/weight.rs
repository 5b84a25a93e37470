//! A weight says something beside earlier ones only (R50 to R53): by when it was answered, in which unit, in whose record.

use vigie::json::{Value, json};
use vigie::problem::Category;

use crate::merged;
use crate::support::{App, Course, Kept};

fn kg(value: f64) -> Value {
    json!({"value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"})
}

/// The quiet first week, on this day, with this weight.
fn week(course: &Course, day: &str, weight: &Value) -> Value {
    let mut response = course.week("1");
    response["identifier"]["value"] = json!(day);
    response["authored"] = json!(format!("{day}T09:00:00+01:00"));
    let groups = response["item"].as_array_mut().unwrap();
    let base = groups.iter_mut().find(|group| group["linkId"] == "base").unwrap();
    let items = base["item"].as_array_mut().unwrap();
    let asked = items.iter_mut().find(|item| item["linkId"] == "base.poids").unwrap();
    asked["answer"] = json!([{"valueQuantity": weight}]);
    response
}

async fn answer(app: &App, response: &Value, received: &str) -> String {
    app.at(&format!("{received}T09:13:00+01:00"));
    app.submit(response).await.unwrap_or_else(|problem| panic!("{problem}")).id
}

/// The rules about weights, and of what could not be read, in the active Flags of a record.
async fn told(app: &App, patient: &str) -> Vec<String> {
    let flags = app.search("Flag", &[("subject", patient), ("status", "active")]).await;
    let codings = flags.iter().flat_map(|flag| flag["code"]["coding"].as_array().unwrap());
    let mut codes: Vec<String> = codings.map(|coding| coding["code"].as_str().unwrap().to_owned()).collect();
    codes.retain(|code| code.starts_with("R5") || code == "R90");
    codes.sort();
    codes
}

async fn start() -> (App, Course) {
    let app = App::new().await;
    let course = Course::start(&app, "folfox").await;
    (app, course)
}

#[tokio::test]
async fn a_first_weight_says_nothing_and_a_great_loss_after_it_calls_and_asks_to_confirm() {
    let (app, course) = start().await;
    answer(&app, &week(&course, "2026-03-02", &kg(78.0)), "2026-03-02").await;
    assert_eq!(told(&app, &course.patient()).await, [""; 0]);
    let id = answer(&app, &week(&course, "2026-03-09", &kg(70.2)), "2026-03-09").await;
    assert_eq!(told(&app, &course.patient()).await, ["R51", "R53"]);
    let of = |all: Vec<Value>| -> Vec<Value> {
        all.into_iter()
            .filter(|one| one.to_string().contains(&format!("QuestionnaireResponse/{id}")))
            .collect()
    };
    let tasks = of(app.search("Task", &[]).await);
    for code in ["appel-telephonique", "relecture-humaine"] {
        assert!(tasks.iter().any(|task| task["code"]["coding"][0]["code"] == code), "{code}: {tasks:#?}");
    }
    let said = of(app.search("Communication", &[]).await)[0]["payload"].to_string();
    let (call, weigh) = (said.find("appelle aujourd'hui"), said.find("Pesez-vous de nouveau"));
    assert!(call.is_some() && call < weigh, "{said}");
}

#[tokio::test]
async fn a_weight_of_another_week_counts_by_when_it_was_answered_or_came() {
    for is_dated in [true, false] {
        for (answered, expected) in [("2026-04-02", vec!["R50"]), ("2026-04-03", vec![])] {
            let (app, course) = start().await;
            let mut first = week(&course, "2026-03-02", &kg(78.0));
            if !is_dated {
                first.as_object_mut().unwrap().remove("authored");
            }
            answer(&app, &first, "2026-03-02").await;
            answer(&app, &week(&course, answered, &kg(74.1)), answered).await;
            assert_eq!(told(&app, &course.patient()).await, expected, "{answered}, dated: {is_dated}");
        }
    }
}

#[tokio::test]
async fn the_week_as_it_was_amended_counts() {
    for (mended, expected) in [(74.0, vec![]), (78.0, vec!["R50"])] {
        let (app, course) = start().await;
        let id = answer(&app, &week(&course, "2026-03-02", &kg(152.0 - mended)), "2026-03-02").await;
        let mut amended = week(&course, "2026-03-02", &kg(mended));
        (amended["id"], amended["status"]) = (json!(id), json!("amended"));
        app.at("2026-03-03T09:00:00+01:00");
        app.put(&amended).await.unwrap();
        answer(&app, &week(&course, "2026-03-09", &kg(74.1)), "2026-03-09").await;
        assert_eq!(told(&app, &course.patient()).await, expected, "{mended}");
    }
}

#[tokio::test]
async fn what_nobody_can_weigh_in_kilograms_is_never_silent() {
    let of = |code: &str, unit: &str, value: f64| json!({"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": code});
    for weight in [of("[lb_av]", "lb", 163.0), of("g", "g", 74100.0), kg(24.9), kg(300.1)] {
        let (app, course) = start().await;
        answer(&app, &week(&course, "2026-03-02", &kg(78.0)), "2026-03-02").await;
        app.at("2026-03-09T09:13:00+01:00");
        let refused = app.submit(&week(&course, "2026-03-09", &weight)).await.unwrap_err();
        assert_eq!(refused.category, Category::Invalid, "{weight}: {refused}");
        assert_eq!(told(&app, &course.patient()).await, ["R90"], "{weight}");
        // Nor is it what the next one is compared with.
        answer(&app, &week(&course, "2026-03-16", &kg(74.1)), "2026-03-16").await;
        assert!(told(&app, &course.patient()).await.contains(&"R50".to_owned()), "{weight}");
    }
    // A unit that is only spelled out is the one that was asked for.
    let (app, course) = start().await;
    answer(&app, &week(&course, "2026-03-02", &kg(78.0)), "2026-03-02").await;
    answer(&app, &week(&course, "2026-03-09", &json!({"value": 74.1, "unit": "kg"})), "2026-03-09").await;
    assert_eq!(told(&app, &course.patient()).await, ["R50"]);
}

#[tokio::test]
async fn the_weights_of_both_records_of_a_person_count() {
    for kept in Kept::EACH {
        for (joined, expected) in [(false, vec![]), (true, vec!["R50".to_owned()])] {
            let Some((app, course)) = merged::stage(kept).await else { continue };
            if joined {
                merged::merge(&app).await;
            }
            // 78 kg in the record that ended.
            let mut response = week(&course, "2026-03-16", &kg(74.1));
            response["subject"] = json!({"reference": merged::STAYS});
            for name in ["source", "basedOn"] {
                response.as_object_mut().unwrap().remove(name);
            }
            answer(&app, &response, "2026-03-16").await;
            let mut found = told(&app, merged::STAYS).await;
            found.retain(|code| code.starts_with("R50"));
            assert_eq!(found, expected, "{kept:?}, {joined}");
        }
    }
}
