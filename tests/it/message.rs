//! What the patient reads: the message of the level first, and beneath it what must not wait for the call.

use vigie::json::Value;

use crate::support::{App, Course};

/// The texts of the one message that the patient is to read.
async fn texts(app: &App, course: &Course) -> Vec<String> {
    let open = [("subject", course.patient()), ("status", "in-progress".to_owned())];
    let open: Vec<(&str, &str)> = open.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut found = app.search("Communication", &open).await;
    assert_eq!(found.len(), 1);
    let payload = found.remove(0)["payload"].take();
    let text = |part: &Value| part["contentString"].as_str().unwrap().to_owned();
    payload.as_array().unwrap().iter().map(text).collect()
}

#[tokio::test]
async fn a_patient_on_tablets_is_told_of_the_next_one_however_severe_the_diarrhoea() {
    for (week, first) in [("3", "L'équipe vous appelle"), ("4", "Appelez tout de suite")] {
        let app = App::new().await;
        let course = Course::start(&app, "capecitabine").await;
        app.at("2026-03-23T09:13:00+01:00");
        app.submit(&course.week(week)).await.unwrap();
        let texts = texts(&app, &course).await;
        assert!(texts[0].starts_with(first), "week {week}: {texts:#?}");
        let tablets = "Appelez-nous avant de prendre le prochain comprimé.";
        assert_eq!(texts.iter().filter(|text| *text == tablets).count(), 1, "week {week}: {texts:#?}");
    }
}
