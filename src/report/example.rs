//! A report for the tests of this room: the official test identity over four weeks.

pub(crate) mod period;

use crate::json::{Value, json};

use super::codes::{BIRTH_GIVEN_NAMES, BIRTH_PLACE, IDENTITY_RELIABILITY, INSEE_CODE};
use super::element::own_url;
use super::{Document, Edition, Issuer, Replaced, Report, Sources};
use crate::terminology::{
    ALERT_LEVEL, ALERT_RULE, BASE, DATA_ABSENT_REASON, INS_TEST, PERFORMER_ROLE, PS_ID_NAT, SYMPTOM,
    TASK_CODE,
};

const PATIENT: &str = "018f0000-0000-7000-8000-000000000001";
const REPORT: &str = "018f0000-0000-7000-8000-000000000002";
const AUTHOR: &str = "018f0000-0000-7000-8000-000000000003";
const WEEKS: [&str; 4] = ["2026-02-16", "2026-02-23", "2026-03-02", "2026-03-09"];

pub(crate) fn issuer() -> Issuer {
    Issuer::public_hospital(
        "CHU de test",
        Some("010000001"),
        "1.2.250.1.999.1",
        "https://vigie.chu.example/fhir",
    )
    .of_test_identities()
}

pub(crate) fn edition() -> Edition {
    Edition {
        document_id: "018f0000-0000-7000-8000-0000000000d1".into(),
        cda_id: "018f0000-0000-7000-8000-0000000000c1".into(),
        pdf_id: "018f0000-0000-7000-8000-0000000000b1".into(),
        submission_id: "018f0000-0000-7000-8000-0000000000e1".into(),
        at: "2026-03-09T14:20:01Z".parse().unwrap(),
    }
}

pub(crate) fn document() -> Document {
    document_of(&report())
}

/// What stands for the pages where a test looks at none of them.
pub(crate) const PAGES: &[u8] =
    b"%PDF-1.4\n<pdfaid:part>1</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>\n%%EOF\n";

pub(crate) fn document_of(report: &Report) -> Document {
    Document::new(report, edition(), &issuer(), PAGES.to_vec()).unwrap_or_else(|problem| panic!("{problem}"))
}

pub(crate) fn replaced() -> Replaced {
    Replaced {
        document_id: "018f0000-0000-7000-8000-0000000000d0".into(),
        version: 1,
        at: "2026-03-09T13:00:00Z".parse().unwrap(),
    }
}

pub(crate) fn report() -> Report {
    with_sources(|sources| Report::from_resources(sources).unwrap_or_else(|problem| panic!("{problem}")))
}

pub(crate) fn with_sources<T>(read: impl FnOnce(&Sources<'_>) -> T) -> T {
    read_of(&diagnostic_report(), &resources(), read)
}

/// The test identity and its author with that report.
fn read_of<T>(report: &Value, resources: &[Value], read: impl FnOnce(&Sources<'_>) -> T) -> T {
    let (patient, author, role, issuer) = (patient(), author(), role(), issuer());
    read(&Sources {
        patient: &patient,
        report,
        author: &author,
        author_role: Some(&role),
        custodian: None,
        resources,
        replaces: None,
        issuer: &issuer,
    })
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": PATIENT,
        "extension": [
            {"url": IDENTITY_RELIABILITY, "extension": [{"url": "identityStatus", "valueCoding": {"code": "VALI"}}]},
            {"url": BIRTH_PLACE, "valueAddress": {"extension": [{"url": INSEE_CODE, "valueCoding": {"code": "51215"}}]}},
        ],
        "identifier": [
            {"use": "official", "system": INS_TEST, "value": "279035121518989"},
            {"system": "https://chu.example/ipp", "value": "IPP-0042"},
        ],
        "name": [{"use": "official", "family": "PAT-TROIS", "given": ["DOMINIQUE"],
            "extension": [{"url": BIRTH_GIVEN_NAMES, "valueString": "DOMINIQUE MARIE-LOUISE"}]}],
        "gender": "female", "birthDate": "1979-03-28",
    })
}

fn author() -> Value {
    json!({"resourceType": "Practitioner", "id": AUTHOR,
        "identifier": [{"system": PS_ID_NAT, "value": "810001234567"}],
        "name": [{"prefix": ["Dr"], "given": ["Essai"], "family": "ONCOLOGUE-TEST"}]})
}

fn role() -> Value {
    json!({"resourceType": "PractitionerRole", "id": "role",
        "specialty": [{"coding": [{
            "system": "https://mos.esante.gouv.fr/NOS/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale",
            "code": "SM36", "display": "Oncologie, opt médicale (SM)"}]}]})
}

pub(crate) fn diagnostic_report() -> Value {
    json!({
        "resourceType": "DiagnosticReport", "id": REPORT, "meta": {"versionId": "2"}, "status": "final",
        "extension": [{"url": own_url("source-response"), "valueReference": {"reference": "QuestionnaireResponse/r3"}}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85208-7"}]},
        "subject": {"reference": format!("Patient/{PATIENT}")},
        "effectivePeriod": {"start": "2026-02-16", "end": "2026-03-09"},
        "issued": "2026-03-09T14:20:00Z",
        "performer": [{"reference": format!("Practitioner/{AUTHOR}")}],
        "result": observations().iter().map(|one| json!({"reference": format!("Observation/{}", one["id"].as_str().unwrap())}))
            .collect::<Vec<_>>(),
        "conclusion": "Toxicité digestive de grade 2 sous FOLFOX, fièvre isolée à 38,6 °C le 2 mars, NFS de contrôle \
            rassurante.\nMaintien du traitement, dose d'oxaliplatine réduite de 20 % au prochain cycle, \
            consultation avancée au 12 mars.",
        "conclusionCode": [{"coding": [{"system": ALERT_LEVEL, "code": "orange"}]}],
    })
}

fn resources() -> Vec<Value> {
    let mut resources = observations();
    resources.extend(alert(
        "f1",
        "orange",
        "R12",
        "Fièvre à domicile sous chimiothérapie",
        "2026-03-02T08:12:00Z",
    ));
    resources.extend(alert("f2", "jaune", "R32", "Nausées en aggravation", "2026-03-02T08:12:00Z"));
    resources.push(task());
    resources.push(json!({"resourceType": "Task", "id": "t2", "status": "requested", "priority": "routine",
        "code": {"coding": [{"system": TASK_CODE, "code": "echange-application", "display": "Échange via l'application"}]},
        "performerType": [{"coding": [{"system": PERFORMER_ROLE, "code": "idec"}]}],
        "authoredOn": "2026-03-09T09:00:00+01:00", "restriction": {"period": {"end": "2026-03-11T18:00:00+01:00"}}}));
    resources.push(json!({"resourceType": "Communication", "id": "c1", "status": "completed", "sent": "2026-03-02T08:12:30Z",
        "payload": [{"contentString": "Votre équipe vous appelle dans la journée. Si la fièvre dépasse 38,5 °C, ou en cas de \
            frissons ou de malaise, appelez le 15 sans attendre."}]}));
    resources.push(json!({"resourceType": "CarePlan", "id": "cp", "status": "active",
        "title": "Surveillance hebdomadaire", "description": "FOLFOX, cycle 4",
        "activity": [{"detail": {"code": {"text": "FOLFOX"}, "scheduledPeriod": {"start": "2026-01-05"}}}]}));
    resources
}

fn task() -> Value {
    json!({"resourceType": "Task", "id": "t1", "status": "completed", "priority": "asap",
        "code": {"coding": [{"system": TASK_CODE, "code": "appel-telephonique", "display": "Appel téléphonique"}]},
        "performerType": [{"coding": [{"system": PERFORMER_ROLE, "code": "ipa"}]}],
        "authoredOn": "2026-03-02T09:12:30+01:00", "lastModified": "2026-03-02T11:30:00+01:00",
        "restriction": {"period": {"end": "2026-03-02T18:00:00+01:00"}},
        "reasonReference": {"reference": "Flag/f1"},
        "owner": {"display": "Essai IPA-TEST"}, "businessStatus": {"text": "Patiente jointe, NFS demandée"},
        "note": [{"text": "Pas de frissons ; revue à 18 h : 37,4 °C."}]})
}

fn alert(id: &str, level: &str, rule: &str, title: &str, at: &str) -> [Value; 2] {
    let evidence = if rule == "R12" {
        ("Température la plus haute", "38,6 °C", "37,1 °C", "≥ 38,3 °C, ou ≥ 38,0 °C pendant une heure")
    } else {
        (
            "Nausées",
            "Je mange nettement moins (grade 2)",
            "Sans gêne pour manger (grade 1)",
            "grade 2, ou un grade de plus",
        )
    };
    let trace = json!({"url": own_url("rule-trace"), "extension": [
        {"url": "action", "valueString": format!("{rule}-{level}")}, {"url": "rule", "valueCode": rule},
        {"url": "result", "valueCode": "fired"}, {"url": "title", "valueString": title},
        {"url": "threshold", "valueString": evidence.3},
        {"url": "source", "valueString": "Protocole de service, version 1.0.0"},
        {"url": "evidence", "extension": [{"url": "text", "valueString": evidence.0},
            {"url": "answer", "valueString": evidence.1}, {"url": "previous", "valueString": evidence.2}]},
    ]});
    let unclear = json!({"url": own_url("rule-trace"), "extension": [
        {"url": "rule", "valueCode": "R40"}, {"url": "result", "valueCode": "not-evaluable"},
        {"url": "title", "valueString": "Saturation en oxygène"}, {"url": "reason", "valueString": "mesure non faite"}]});
    [
        json!({"resourceType": "Flag", "id": id, "status": "active", "period": {"start": at},
            "extension": [{"url": own_url("rule-action"), "valueString": format!("{rule}-{level}")}],
            "code": {"text": title, "coding": [
                {"system": ALERT_LEVEL, "code": level}, {"system": ALERT_RULE, "code": rule}]}}),
        json!({"resourceType": "Provenance", "id": format!("p{id}"), "recorded": at,
            "target": [{"reference": format!("Flag/{id}")}], "extension": [trace, unclear]}),
    ]
}

fn observations() -> Vec<Value> {
    let graded = [
        ("fatigue", "Fatigue", [Some(1), Some(1), Some(2), Some(2)]),
        ("nausee", "Nausées", [Some(0), Some(1), Some(2), Some(1)]),
        ("diarrhee", "Diarrhée", [Some(0), None, Some(3), Some(1)]),
        ("neuropathie", "Fourmillements des mains et des pieds", [Some(1), Some(1), Some(1), Some(1)]),
        ("douleur", "Douleur", [Some(0), Some(0), Some(0), None]),
    ];
    let mut observations = Vec::new();
    for (symptom, display, grades) in graded {
        for (week, grade) in WEEKS.iter().zip(grades) {
            let mut one = observation(symptom, display, week, observations.len());
            match grade {
                Some(grade) => {
                    let system = format!("{BASE}/CodeSystem/base-{symptom}");
                    one["valueCodeableConcept"] =
                        json!({"coding": [{"system": system, "code": grade.to_string()}]});
                }
                None => {
                    one["dataAbsentReason"] =
                        json!({"coding": [{"system": DATA_ABSENT_REASON, "code": "asked-declined"}]})
                }
            }
            observations.push(one);
        }
    }
    for (week, value) in WEEKS.iter().zip(["36.8", "37.1", "38.6", "37.0"]) {
        let mut one = observation("temperature", "Température", week, observations.len());
        one["valueQuantity"] = serde_json::from_str(&format!(
            r#"{{"value": {value}, "unit": "°C", "system": "http://unitsofmeasure.org", "code": "Cel"}}"#
        ))
        .unwrap();
        observations.push(one);
    }
    observations
}

fn observation(symptom: &str, display: &str, week: &str, n: usize) -> Value {
    json!({
        "resourceType": "Observation", "id": format!("018f0000-0000-7000-8000-1{n:011}"), "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}]}],
        "code": {"coding": [{"system": SYMPTOM, "code": symptom, "display": display}]},
        "subject": {"reference": format!("Patient/{PATIENT}")},
        "effectiveDateTime": format!("{week}T08:10:00+01:00"),
        "derivedFrom": [{"reference": format!("QuestionnaireResponse/{week}")}],
    })
}
