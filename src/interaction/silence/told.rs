//! What a missing answer becomes: Flag, Task and Provenance, as people read them. Pure.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::expected::{Early, Missed};
use crate::clock::{Ids, SeededIds};
use crate::fhir::datetime::instant;
use crate::fhir::element::{self, list, str_at};
use crate::fhir::meta;
use crate::interaction::provenance;
use crate::json::{Value, json};
use crate::judgement::{Activity, Priority};
use crate::store::Expect;
use crate::terminology::{
    ALERT_LEVEL, ALERT_RULE, FLAG_CATEGORY, Level, PERFORMER_ROLE, SILENCE, TASK_CODE, TASK_INPUT,
};

/// The rule that this service applies itself.
const RULE: &str = "R91";
/// Who is told when nobody could be reached.
const INFORMED: &str = "oncologue";

/// Whom it is about, and what was expected.
pub(super) struct Silence<'a> {
    /// `Patient/id`.
    pub(super) patient: &'a str,
    /// `CarePlan/id`.
    pub(super) plan: &'a str,
    /// The protocol that the plan names.
    pub(super) protocol: Option<&'a str>,
    /// The last answer, as `QuestionnaireResponse/id`.
    pub(super) last: Option<&'a str>,
    pub(super) missed: Missed,
}

/// A Task about a silence that is not done with.
pub(super) struct Told {
    pub(super) task: Value,
    pub(super) version: u64,
    /// From when the silence was reckoned.
    pub(super) base: Timestamp,
    /// When the answer was expected.
    pub(super) expected: Timestamp,
}

impl Silence<'_> {
    /// Id of the Task: the same for whoever finds the same answer missing.
    pub(super) fn task_id(&self) -> String {
        self.ids().next()
    }

    fn ids(&self) -> SeededIds {
        let Missed { base, expected, .. } = self.missed;
        let seed =
            format!("silence|{}|{}|{}", self.patient, base.as_microsecond(), expected.as_microsecond());
        SeededIds::new(expected, seed)
    }

    /// Task, Flag and Provenance, all new.
    pub(super) fn resources(&self, activity: &Activity, at: Timestamp) -> [Value; 3] {
        let ids = self.ids();
        let [task, flag, provenance] = [ids.next(), ids.next(), ids.next()];
        let targets = [format!("Flag/{flag}"), format!("Task/{task}")];
        [
            meta::stamp(self.task(activity, &targets[0], at), &task, 1, at),
            meta::stamp(self.flag(at), &flag, 1, at),
            meta::stamp(self.provenance(&targets, at), &provenance, 1, at),
        ]
    }

    fn task(&self, activity: &Activity, flag: &str, at: Timestamp) -> Value {
        let Missed { base, expected, due, .. } = self.missed;
        let handle_by = due.max(at);
        let display = activity.display.as_deref().unwrap_or("Relance");
        let input = |code: &str, display: &str, element: &str, value: Value| json!({"type": {"coding": [{"system": TASK_INPUT, "code": code, "display": display}], "text": display}, element: value});
        let name = format!("{}/{}", base.as_microsecond(), expected.as_microsecond());
        let role = |code: &String| json!({"coding": [{"system": PERFORMER_ROLE, "code": code}]});
        json!({
            "resourceType": "Task",
            "identifier": [{"system": SILENCE, "value": name}],
            "basedOn": [{"reference": self.plan}],
            "status": "requested",
            "intent": "order",
            "priority": activity.priority.unwrap_or(Priority::Urgent).code(),
            "code": {
                "coding": [{"system": TASK_CODE, "code": activity.code, "display": display}],
                "text": "Appeler le patient qui n'a pas répondu",
            },
            "description": self.description(&activity.text),
            "focus": {"reference": self.plan},
            "for": {"reference": self.patient},
            "authoredOn": instant(at),
            "lastModified": instant(at),
            "performerType": activity.performers.iter().map(role).collect::<Value>(),
            "reasonCode": {"coding": [level()], "text": "Aucune réponse"},
            "reasonReference": {"reference": flag},
            "restriction": {"period": {"start": instant(at), "end": instant(handle_by)}},
            "input": [
                input("alerte", "Alerte", "valueReference", json!({"reference": flag})),
                input("prise-en-compte-avant", "À prendre en compte avant", "valueDateTime", json!(instant(handle_by))),
            ],
        })
    }

    fn flag(&self, at: Timestamp) -> Value {
        json!({
            "resourceType": "Flag",
            "status": "active",
            "category": [{"coding": [{"system": FLAG_CATEGORY, "code": "clinical"}]}],
            "code": {
                "coding": [level(), {"system": ALERT_RULE, "code": RULE, "display": "Aucune réponse"}],
                "text": format!("Aucune réponse : {}", self.since()),
            },
            "subject": {"reference": self.patient},
            "period": {"start": instant(at)},
        })
    }

    /// Why: what was expected and when, and what came last.
    fn provenance(&self, targets: &[String], at: Timestamp) -> Value {
        let why = format!("{} Appel dû le {}.", self.since(), instant(self.missed.due));
        let mut made = provenance::of_software(targets, ("CREATE", "create"), &why, at);
        made["reason"][0]["coding"] =
            json!([{"system": ALERT_RULE, "code": RULE, "display": "Aucune réponse"}]);
        let entities = [Some(self.plan), self.last].into_iter().flatten();
        made["entity"] =
            entities.map(|what| json!({"role": "source", "what": {"reference": what}})).collect();
        if let Some(protocol) = self.protocol {
            made["policy"] = json!([protocol]);
        }
        made
    }

    fn since(&self) -> String {
        let Missed { base, expected, early, .. } = self.missed;
        let last = match self.last {
            Some(_) => format!("dernière réponse le {}", day(base)),
            None => format!("aucune depuis le début du suivi le {}", day(base)),
        };
        let why = match early {
            Some(Early::Worrying) => ", et elle demandait une action rapide",
            Some(Early::Nadir) => " ; semaine du nadir",
            None => "",
        };
        format!("questionnaire attendu le {}, {last}{why}.", day(expected))
    }

    fn description(&self, text: &str) -> String {
        let since = format!("Questionnaire sans réponse : {}", self.since());
        if text.is_empty() { since } else { format!("{since} {text}") }
    }
}

impl Told {
    /// `None` for a Task that is not one of these.
    pub(super) fn of(task: Value, version: u64) -> Option<Self> {
        let name = list(&task, "identifier").find(|one| one["system"] == SILENCE)?;
        let (base, expected) = str_at(name, "value")?.split_once('/')?;
        let moment = |text: &str| Timestamp::from_microsecond(text.parse().ok()?).ok();
        let (base, expected) = (moment(base)?, moment(expected)?);
        Some(Self { task, version, base, expected })
    }

    /// `Patient/id`.
    pub(super) fn patient(&self) -> Option<&str> {
        str_at(&self.task, "for.reference")
    }

    /// `Flag/id`.
    pub(super) fn flag(&self) -> Option<&str> {
        str_at(&self.task, "reasonReference.reference")
    }

    /// As it ends because nothing is missing any more.
    pub(super) fn ended(&self, why: &str, at: Timestamp) -> (Value, Expect) {
        let mut task = self.task.clone();
        task["status"] = json!("cancelled");
        task["statusReason"] = json!({"text": why});
        self.next(task, at)
    }

    /// With the oncologist among those who should act, and more pressing; nothing when that was done, or not yet due.
    pub(super) fn informed(&self, after: SignedDuration, at: Timestamp) -> Option<(Value, Expect)> {
        let is_known =
            list(&self.task, "performerType").any(|role| element::has_coding(role, PERFORMER_ROLE, INFORMED));
        if is_known || at.duration_since(self.expected) < after {
            return None;
        }
        let mut task = self.task.clone();
        let mut add = |name: &str, one: Value| {
            let all: Value = list(&self.task, name).cloned().chain([one]).collect();
            task[name] = all;
        };
        let role = json!({"system": PERFORMER_ROLE, "code": INFORMED, "display": "Oncologue"});
        add("performerType", json!({"coding": [role]}));
        let text = format!(
            "Toujours sans réponse {} jours après la date attendue : l'oncologue est informé ; appeler l'aidant si le patient y consent.",
            at.duration_since(self.expected).as_hours() / 24
        );
        add("note", json!({"time": instant(at), "text": text}));
        let before = self.task["priority"].as_str().and_then(Priority::from_code);
        task["priority"] = json!(before.unwrap_or(Priority::Urgent).max(Priority::Asap).code());
        Some(self.next(task, at))
    }

    fn next(&self, mut task: Value, at: Timestamp) -> (Value, Expect) {
        task["lastModified"] = json!(instant(at));
        let id = element::id(&self.task).unwrap_or_default().to_owned();
        (meta::stamp(task, &id, self.version + 1, at), Expect::Version(self.version))
    }
}

/// An active Flag as it ends; `None` where a person ended it.
pub(super) fn ended_flag(mut flag: Value, version: u64, at: Timestamp) -> Option<(Value, Expect)> {
    if flag["status"] != "active" {
        return None;
    }
    let id = element::id(&flag)?.to_owned();
    flag["status"] = json!("inactive");
    flag["period"]["end"] = json!(instant(at));
    Some((meta::stamp(flag, &id, version + 1, at), Expect::Version(version)))
}

fn level() -> Value {
    let level = Level::Silence;
    json!({"system": ALERT_LEVEL, "code": level.code(), "display": level.display()})
}

/// The day, as it is written in France.
fn day(at: Timestamp) -> String {
    let paris = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
    at.to_zoned(paris).strftime("%d/%m/%Y").to_string()
}
