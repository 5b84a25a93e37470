//! What the reports are made of: the FOLFOX example, its six weeks lived again and again.

use jiff::{SignedDuration, Timestamp, ToSpan};
use vigie::interaction::{self, Library, Question};
use vigie::json::{Value, json};
use vigie::report::{Issuer, Report, Sources};

use crate::content::{json_below, read, root};

/// Weeks of the example.
const COURSE: usize = 6;

pub(crate) struct Scene {
    pub(crate) issuer: Issuer,
    library: Library,
    patient: Value,
    careplan: Value,
    author: Value,
    role: Value,
    course: Vec<Value>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let example = |file: &str| read(&root().join(format!("examples/fhir/{file}.json")));
        Self {
            issuer: Issuer::public_hospital(
                "CENTRE-TEST",
                Some("010000001"),
                "1.2.250.1.999.1",
                "https://vigie.test",
            )
            .of_test_identities(),
            library: Library::from_resources(json_below(&root().join("profiles"))).expect("they compile"),
            patient: example("folfox/patient"),
            careplan: example("folfox/careplan"),
            author: example("organization/practitioner-oncologue"),
            role: example("organization/practitioner-role-oncologue"),
            course: (1..=COURSE).map(|week| example(&format!("folfox/week-{week}"))).collect(),
        }
    }

    /// The report of the sixth week, with those before it.
    pub(crate) fn weekly(&self) -> Report {
        let resources = self.lived(COURSE);
        let is_report = |one: &&Value| one["resourceType"] == "DiagnosticReport";
        let mut last = resources.iter().rfind(is_report).expect("a report").clone();
        last["status"] = json!("final");
        last["conclusion"] = json!("Tolérance correcte. Poursuite du traitement.");
        self.report(&last, &resources)
    }

    /// The report of so many weeks.
    pub(crate) fn period(&self, weeks: usize) -> Report {
        let last = moment(weeks).checked_sub(SignedDuration::from_hours(24)).expect("a day before");
        let report = json!({
            "resourceType": "DiagnosticReport", "id": "018f0000-0000-7000-8000-000000000009", "status": "final",
            "subject": {"reference": "Patient/test-folfox"}, "issued": last.to_string(),
            "effectivePeriod": {"start": moment(0).to_string(), "end": last.to_string()},
            "conclusion": "Tolérance correcte sur la période.\nPoursuite du traitement.",
        });
        self.report(&report, &self.lived(weeks))
    }

    fn report(&self, report: &Value, resources: &[Value]) -> Report {
        let sources = Sources {
            patient: &self.patient,
            report,
            author: &self.author,
            author_role: Some(&self.role),
            custodian: None,
            resources,
            replaces: None,
            issuer: &self.issuer,
        };
        Report::from_resources(&sources).expect("a report that can be signed")
    }

    /// Everything that so many weeks became.
    fn lived(&self, weeks: usize) -> Vec<Value> {
        let mut all = vec![self.careplan.clone(), self.author.clone()];
        let mut previous: Vec<Value> = Vec::new();
        for week in 0..weeks {
            let mut response = self.course[week % COURSE].clone();
            response["id"] = json!(format!("week-{week}"));
            response["authored"] = json!(moment(week).to_string());
            let question = Question {
                response: response.clone(),
                previous: previous.iter().rev().take(COURSE).cloned().collect(),
                patient: Some(self.patient.clone()),
                careplans: vec![self.careplan.clone()],
                received_at: moment(week),
            };
            let bundle = interaction::evaluate_with(&self.library, question).expect("a folder's library");
            let entries = bundle["entry"].as_array().expect("entries");
            all.extend(entries.iter().map(|entry| entry["resource"].clone()));
            previous.push(response);
        }
        all
    }
}

/// When the response of that week was given.
fn moment(week: usize) -> Timestamp {
    let first: Timestamp = "2026-03-02T08:12:00Z".parse().expect("a moment");
    let days = i64::try_from(week).expect("a small count") * 7;
    first.checked_add((days * 24).hours()).expect("within the calendar")
}

/// The same report of somebody else, with other grades, so that nothing that was set before can be taken again.
pub(crate) fn another(report: &Report, turn: usize) -> Report {
    let mut other = report.clone();
    other.subject.birth_name = format!("PAT-{turn}");
    other.conclusion.push(format!("Compte rendu numéro {turn}."));
    for series in &mut other.findings.trend.series {
        let places = series.grades.len().max(1);
        series.grades.rotate_left(turn % places);
    }
    for alert in &mut other.findings.alerts {
        alert.title.push_str(&format!(" ({turn})"));
    }
    for episode in other.findings.overview.iter_mut().flat_map(|overview| &mut overview.episodes) {
        for alert in &mut episode.alerts {
            alert.title.push_str(&format!(" ({turn})"));
        }
    }
    other
}
