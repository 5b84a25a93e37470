//! A period for the tests of this room: the official test identity over as many weeks as are asked for.

use crate::json::{Value, json};
use jiff::ToSpan;
use jiff::civil::Date;

use super::{AUTHOR, PATIENT, author, read_of};
use crate::report::Report;
use crate::report::element::own_url;
use crate::terminology::{
    ALERT_LEVEL, ALERT_RULE, DATA_ABSENT_REASON, PERFORMER_ROLE, SYMPTOM, SYMPTOM_GRADE, TASK_CODE,
};

const SYMPTOMS: [(&str, &str); 14] = [
    ("fatigue", "Fatigue"),
    ("nausee", "Nausées"),
    ("vomissement", "Vomissements"),
    ("diarrhee", "Diarrhée"),
    ("constip", "Constipation"),
    ("neuropathie", "Fourmillements des mains et des pieds"),
    ("bouche", "Bouche douloureuse"),
    ("appetit", "Perte d'appétit"),
    ("douleur", "Douleur"),
    ("sommeil", "Troubles du sommeil"),
    ("moral", "Moral et anxiété"),
    ("peau", "Peau : rougeur, boutons, démangeaisons"),
    ("souffle", "Essoufflement"),
    ("saigne", "Saignements"),
];

/// The day of that week's response.
fn day(week: usize) -> Date {
    let first: Date = "2025-03-10".parse().unwrap();
    first.saturating_add((i64::try_from(week).unwrap() * 7).days())
}

/// A grade that rises with the cycles and falls between them.
fn grade(symptom: usize, week: usize) -> u64 {
    let wave = (week * (symptom + 2) + symptom * symptom) % 9;
    match (symptom, wave) {
        (12.., _) | (_, 0..=3) => 0,
        (_, 4 | 5) => 1,
        (0 | 5, _) => 2,
        (3, 8) if week % 4 == 3 => 3,
        (1, 8) if week == 19 => 4,
        (_, 6) => 2,
        _ => 1,
    }
}

/// Whether that week has no response.
const fn silent(week: usize) -> bool {
    week % 11 == 5 || week == 30 || week == 31
}

/// The resources of so many weeks.
pub(crate) fn resources(weeks: usize) -> Vec<Value> {
    let mut all = vec![author()];
    for week in (0..weeks).filter(|week| !silent(*week)) {
        answered(week, &mut all);
        alerted(week, &mut all);
    }
    let treated = |name: &str, start: Date, end: Option<Date>| {
        let mut period = json!({"start": start.to_string()});
        if let Some(end) = end {
            period["end"] = json!(end.to_string());
        }
        json!({"detail": {"code": {"text": name}, "scheduledPeriod": period}})
    };
    let switched = (weeks > 12).then(|| day(12));
    let mut activity = vec![treated("FOLFOX", day(0), switched)];
    activity.extend(switched.map(|since| treated("FOLFIRI", since, None)));
    all.push(json!({"resourceType": "CarePlan", "id": "cp", "status": "active", "period": {"start": day(0).to_string()},
        "title": "Surveillance à domicile sous chimiothérapie", "activity": activity}));
    if weeks > 8 {
        all.push(json!({"resourceType": "DiagnosticReport", "id": "signed", "status": "final",
            "issued": format!("{}T14:20:00Z", day(7)),
            "extension": [{"url": own_url("treatment-change"), "valueString": "Dose d'oxaliplatine réduite de 20 %."}],
            "resultsInterpreter": [{"reference": format!("Practitioner/{AUTHOR}")}]}));
    }
    all
}

fn answered(week: usize, all: &mut Vec<Value>) {
    let at = format!("{}T08:10:00+01:00", day(week));
    let status = if week == 20 { "in-progress" } else { "completed" };
    all.push(json!({"resourceType": "QuestionnaireResponse", "id": format!("r{week}"), "status": status, "authored": at}));
    let observed = |what: &str, display: &str, value: (&str, Value)| {
        let mut one = json!({"resourceType": "Observation", "id": format!("{what}-{week}"), "status": "final",
            "code": {"coding": [{"system": SYMPTOM, "code": what, "display": display}]}, "effectiveDateTime": at});
        one[value.0] = value.1;
        one
    };
    for (place, (symptom, display)) in SYMPTOMS.iter().enumerate() {
        if (place, week % 13) == (9, 4) {
            let reason = json!({"coding": [{"system": DATA_ABSENT_REASON, "code": "asked-declined"}]});
            all.push(observed(symptom, display, ("dataAbsentReason", reason)));
            continue;
        }
        let grade = grade(place, week);
        let mut one = observed(symptom, display, ("valueInteger", json!(grade)));
        one["extension"] = json!([{"url": own_url("symptom-grade"),
            "valueCoding": {"system": SYMPTOM_GRADE, "code": grade.to_string()}}]);
        all.push(one);
    }
    let quantity = |value: String, unit: &str, code: &str| {
        let text = format!(r#"{{"value": {value}, "unit": "{unit}", "code": "{code}"}}"#);
        serde_json::from_str(&text).unwrap()
    };
    let tenths = (week * 7) % 20;
    let heat = quantity(format!("{}.{}", 36 + tenths / 10, tenths % 10), "°C", "Cel");
    all.push(observed("temperature", "Température", ("valueQuantity", heat)));
    let weight = quantity(format!("{}.{}", 68 - week / 9, (week * 3) % 10), "kg", "kg");
    all.push(observed("poids", "Poids", ("valueQuantity", weight)));
    all.push(observed("selles", "Selles par jour", ("valueInteger", json!(1 + (week % 4)))));
}

/// The level of that week's response.
const fn level(week: usize) -> &'static str {
    match week % 8 {
        7 if week.is_multiple_of(3) => "rouge",
        7 | 3 => "orange",
        1 | 5 => "jaune",
        6 if week % 3 == 1 => "technique",
        _ => "vert",
    }
}

fn alerted(week: usize, all: &mut Vec<Value>) {
    let at = format!("{}T07:12:00Z", day(week));
    let level = level(week);
    all.push(json!({"resourceType": "DiagnosticReport", "id": format!("d{week}"), "status": "preliminary",
        "extension": [{"url": own_url("source-response"), "valueReference": {"reference": format!("QuestionnaireResponse/r{week}")}}],
        "effectivePeriod": {"end": at}, "conclusionCode": [{"coding": [{"system": ALERT_LEVEL, "code": level}]}]}));
    all.push(json!({"resourceType": "Communication", "id": format!("c{week}"), "status": "completed", "sent": at, "payload": [
        {"contentString": "Buvez au moins 2 litres par jour par petites gorgées. Riz, pâtes, carottes, banane ; évitez lait, crudités, café, alcool."},
        {"contentString": if level == "vert" { "Merci pour vos réponses. Rien ne demande d'action aujourd'hui." }
            else { "Votre équipe vous appelle dans la journée. Si la fièvre dépasse 38,5 °C, appelez le 15 sans attendre." }}]}));
    if level == "vert" {
        return;
    }
    let rules: &[(&str, &str, &str, &str)] = match level {
        "rouge" => &[
            ("R01", "Fièvre avec frissons sous chimiothérapie", "Température la plus haute", "38,9 °C"),
            ("R23", "Diarrhée sévère", "Combien de selles de plus que d'habitude ?", "7 ou plus par jour"),
            ("R32", "Nausées en aggravation", "Nausées", "Je mange nettement moins (grade 2)"),
        ],
        "orange" => &[
            ("R23", "Diarrhée qui dure plus de 24 heures", "Diarrhée", "4 à 6 selles de plus (grade 2)"),
            (
                "R41",
                "Fourmillements gênants sous oxaliplatine",
                "Fourmillements",
                "Gêne pour boutonner (grade 2)",
            ),
        ],
        "technique" => &[(
            "R90",
            "Réponse lue en partie",
            "Précisions",
            "https://exemple.test/une-tres-longue-adresse-sans-espace-qui-ne-tient-dans-aucune-colonne/anticonstitutionnellement",
        )],
        _ => &[("R32", "Nausées en aggravation", "Nausées", "Sans gêne pour manger (grade 1)")],
    };
    for (place, (rule, title, question, answer)) in rules.iter().enumerate() {
        let id = format!("f{week}-{place}");
        let trace = json!({"url": own_url("rule-trace"), "extension": [
            {"url": "action", "valueString": rule}, {"url": "rule", "valueCode": rule},
            {"url": "result", "valueCode": "fired"}, {"url": "title", "valueString": title},
            {"url": "threshold", "valueString": "grade 2, ou un grade de plus"},
            {"url": "evidence", "extension": [{"url": "text", "valueString": question},
                {"url": "answer", "valueString": answer}, {"url": "previous", "valueString": "Aucune"}]}]});
        all.push(json!({"resourceType": "Flag", "id": id, "status": "active", "period": {"start": at},
            "extension": [{"url": own_url("rule-action"), "valueString": rule}],
            "code": {"text": title, "coding": [{"system": ALERT_LEVEL, "code": level}, {"system": ALERT_RULE, "code": rule}]}}));
        all.push(json!({"resourceType": "Provenance", "id": format!("p{id}"), "recorded": at,
            "target": [{"reference": format!("Flag/{id}")}], "extension": [trace]}));
    }
    all.push(task(week, level, &at));
}

fn task(week: usize, level: &str, at: &str) -> Value {
    let open = week % 16 == 15;
    let (code, display) = match level {
        "jaune" => ("echange-application", "Échange via l'application"),
        _ => ("appel-telephonique", "Appel téléphonique"),
    };
    let mut task = json!({"resourceType": "Task", "id": format!("t{week}"), "status": if open { "requested" } else { "completed" },
        "priority": "asap", "code": {"coding": [{"system": TASK_CODE, "code": code, "display": display}]},
        "performerType": [{"coding": [{"system": PERFORMER_ROLE, "code": "ipa"}]}],
        "authoredOn": at, "restriction": {"period": {"end": format!("{}T17:00:00Z", day(week))}},
        "reasonReference": {"reference": format!("Flag/f{week}-0")}});
    if !open {
        task["lastModified"] = json!(format!("{}T10:30:00Z", day(week)));
        task["owner"] = json!({"display": "Essai IPA-TEST"});
        task["businessStatus"] =
            json!({"text": "Patiente jointe, conseils donnés, bilan sanguin demandé pour le lendemain"});
    }
    task
}

/// The `DiagnosticReport` of so many weeks.
pub(crate) fn diagnostic_report(weeks: usize) -> Value {
    let last = day(weeks).saturating_sub(1.day());
    json!({
        "resourceType": "DiagnosticReport", "id": "018f0000-0000-7000-8000-000000000009", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "85208-7"}]},
        "subject": {"reference": format!("Patient/{PATIENT}")},
        "effectivePeriod": {"start": day(0).to_string(), "end": last.to_string()},
        "issued": format!("{last}T14:20:00Z"),
        "resultsInterpreter": [{"reference": format!("Practitioner/{AUTHOR}")}],
        "conclusion": "Tolérance correcte de la chimiothérapie sur la période, toxicité digestive de grade 2 à 3 contrôlée.\n\
            Réponse tumorale à réévaluer par scanner ; poursuite de la surveillance hebdomadaire.",
        "extension": [{"url": own_url("treatment-change"), "valueString": "Arrêt de l'oxaliplatine au cycle 9, maintien du 5-FU."}],
    })
}

/// The report of so many weeks.
pub(crate) fn report(weeks: usize) -> Report {
    read_of(&diagnostic_report(weeks), &resources(weeks), |sources| {
        Report::from_resources(sources).unwrap_or_else(|problem| panic!("{problem}"))
    })
}
