//! What surrounds the responses that are compared: treatments and the week before.

use crate::json::{Value, json};
use jiff::Timestamp;

use crate::judgement::Evaluation;
use crate::questionnaire::Context;
use crate::rules::{Explained, Facts, Protocol};
use crate::terminology::Terminology;

/// When all of it happens: any moment does, as long as it is always the same.
const NOW: Timestamp = Timestamp::constant(1_767_603_600, 0);
/// Words of plans of care that say how things stand, and are no treatment.
const STATUSES: &[&str] = &[
    "active",
    "on-hold",
    "completed",
    "revoked",
    "draft",
    "entered-in-error",
    "unknown",
    "in-progress",
    "scheduled",
    "not-started",
    "stopped",
    "cancelled",
];

/// What a patient is treated with, and how the week before was.
pub(super) struct Scene {
    pub(super) name: String,
    careplans: Vec<Value>,
    pub(super) previous: Option<Value>,
}

impl Scene {
    /// With every treatment that the rules look for, with none, with another, with each.
    pub(super) fn all(protocol: &Protocol) -> Vec<Self> {
        let sought = protocol.sought_in_careplans();
        let (systems, codes): (Vec<&str>, Vec<&str>) =
            sought.iter().map(String::as_str).partition(|text| text.contains(':'));
        let codes: Vec<&str> = codes.into_iter().filter(|code| !STATUSES.contains(code)).collect();
        let scene = |name: String, codes: &[&str]| Self {
            name,
            careplans: vec![careplan(&systems, codes)],
            previous: None,
        };
        if codes.is_empty() {
            return vec![Self {
                name: "without plan of care".to_owned(),
                careplans: Vec::new(),
                previous: None,
            }];
        }
        let mut scenes = vec![
            scene(format!("treated with {}", codes.join(", ")), &codes),
            Self { name: "without plan of care".to_owned(), careplans: Vec::new(), previous: None },
            scene("with another treatment than the rules look for".to_owned(), &["other"]),
        ];
        scenes.extend(codes.iter().map(|code| scene(format!("treated with {code}"), &[code])));
        scenes
    }

    /// The same after this week.
    pub(super) fn after(&self, week: &str, previous: &Value) -> Self {
        let mut previous = previous.clone();
        previous["authored"] = Value::from((NOW - jiff::SignedDuration::from_hours(168)).to_string());
        Self {
            name: format!("{}, {week}", self.name),
            careplans: self.careplans.clone(),
            previous: Some(previous),
        }
    }

    /// What a protocol says of a response here.
    pub(super) fn judge(&self, protocol: &Protocol, response: &Value) -> Evaluation {
        protocol.evaluate(&Facts {
            response,
            readings: None,
            questionnaire: None,
            previous: self.previous.as_ref(),
            history: self.previous.as_slice(),
            careplans: &self.careplans,
            patient: None,
            in_progress: false,
            unreadable: &[],
            received: NOW,
            explained: Explained::Telling,
        })
    }
}

/// What the conditions of a questionnaire see besides the answers.
pub(super) const fn context(terminology: &Terminology) -> Context<'_> {
    Context { patient: None, careplans: &[], now: NOW, terminology }
}

fn careplan(systems: &[&str], codes: &[&str]) -> Value {
    let each = |code: &&str| -> Vec<Value> {
        systems
            .iter()
            .map(|system| json!({ "system": system.to_string(), "code": code.to_string() }))
            .collect()
    };
    let coding: Vec<Value> = codes.iter().flat_map(each).collect();
    json!({
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "activity": [{ "detail": { "status": "in-progress", "code": { "coding": coding } } }],
    })
}
