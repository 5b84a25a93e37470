//! The Task about a destination that does not answer, as people read it. Pure.

use crate::json::{Value, json};
use jiff::{SignedDuration, Timestamp};

use crate::fhir::datetime::instant;
use crate::fhir::{element, meta};
use crate::outbox::Outcome;
use crate::store::{DeliveryRecord, Expect, Overdue};
use crate::terminology::{DELIVERY, PERFORMER_ROLE, TASK_CODE, UNANSWERED};

/// Until when such a Task should be done.
const HANDLE_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Deliveries that a Task names, oldest first.
const NAMED_MAX: usize = 20;
/// Longest quotation of what the last attempt met.
const TEXT_MAX: usize = 300;

/// What a Task is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The destination answers nothing.
    Away,
    /// It answers others, but not these deliveries.
    Stuck,
}

impl Kind {
    /// In the name of the Task: `code/outage/destination`.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Stuck => "stuck",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Away => "Destination qui ne répond pas",
            Self::Stuck => "Envois sans réponse de leur destination",
        }
    }
}

/// A Task that is not done with.
pub(super) struct Told {
    pub(super) kind: Kind,
    pub(super) destination: String,
    /// The outage that it is about.
    pub(super) outage: i64,
    /// The deliveries that it names.
    pub(super) deliveries: Vec<String>,
    pub(super) written_at: Timestamp,
    version: u64,
    task: Value,
}

/// What there is to say now.
pub(super) struct Now<'a> {
    pub(super) kind: Kind,
    pub(super) overdue: &'a Overdue,
    /// What waits without an answer, oldest first; at least one.
    pub(super) heads: Vec<&'a DeliveryRecord>,
}

impl Told {
    /// None for a Task that is not one of these.
    pub(super) fn of(task: Value, version: u64, written_at: Timestamp) -> Option<Self> {
        let name = element::list(&task, "identifier").find(|one| one["system"] == UNANSWERED)?;
        let mut parts = element::str_at(name, "value")?.splitn(3, '/');
        let kind = match parts.next()? {
            "away" => Kind::Away,
            "stuck" => Kind::Stuck,
            _ => return None,
        };
        let outage = parts.next()?.parse().ok()?;
        let destination = parts.next()?.to_owned();
        let named = element::list(&task, "input").map(|one| &one["valueIdentifier"]);
        let named = named.filter(|one| one["system"] == DELIVERY).filter_map(|one| one["value"].as_str());
        let deliveries = named.map(str::to_owned).collect();
        Some(Self { kind, destination, outage, deliveries, written_at, version, task })
    }

    /// As it ends.
    pub(super) fn ended(&self, at: Timestamp, why: &str) -> (Value, Expect) {
        let mut task = self.task.clone();
        task["status"] = json!("completed");
        task["statusReason"] = json!({ "text": why });
        if let Some(period) = task.get_mut("executionPeriod") {
            period["end"] = json!(instant(at));
        }
        self.next(task, at)
    }

    /// With what there is to say now; nothing when it says so already. What people wrote in it stays.
    pub(super) fn again(&self, now: &Now<'_>, at: Timestamp) -> Option<(Value, Expect)> {
        let since = element::str_at(&self.task, "executionPeriod.start");
        let since = since.and_then(|text| text.parse().ok()).unwrap_or_else(|| now.since());
        let mut task = self.task.clone();
        task["description"] = json!(now.description(since, at));
        task["input"] = now.inputs();
        (task != self.task).then(|| self.next(task, at))
    }

    fn next(&self, mut task: Value, at: Timestamp) -> (Value, Expect) {
        task["lastModified"] = json!(instant(at));
        let id = element::id(&self.task).unwrap_or_default().to_owned();
        (meta::stamp(task, &id, self.version + 1, at), Expect::Version(self.version))
    }
}

impl Now<'_> {
    /// The Task under that id.
    pub(super) fn first(&self, id: &str, outage: i64, at: Timestamp) -> Value {
        let end = at.checked_add(HANDLE_WITHIN).unwrap_or(at);
        let destination = &self.overdue.destination;
        let task = json!({
            "resourceType": "Task",
            "identifier": [{"system": UNANSWERED, "value": format!("{}/{outage}/{destination}", self.kind.code())}],
            "status": "requested",
            "intent": "order",
            "priority": "urgent",
            "code": {
                "coding": [{"system": TASK_CODE, "code": "relecture-humaine", "display": "Relecture humaine"}],
                "text": self.kind.title(),
            },
            "description": self.description(self.since(), at),
            "executionPeriod": {"start": instant(self.since())},
            "authoredOn": instant(at),
            "lastModified": instant(at),
            "performerType": [{"coding": [{"system": PERFORMER_ROLE, "code": "idec"}]}],
            "restriction": {"period": {"start": instant(at), "end": instant(end)}},
            "input": self.inputs(),
        });
        meta::stamp(task, id, 1, at)
    }

    /// Since when nothing was answered: the last answer, or what has waited longest.
    fn since(&self) -> Timestamp {
        let waits = self.heads[0].delivery.created_at;
        match (self.kind, self.overdue.answered_at) {
            (Kind::Away, Some(answered)) => answered.max(waits),
            _ => waits,
        }
    }

    fn description(&self, since: Timestamp, at: Timestamp) -> String {
        let destination = &self.overdue.destination;
        let hours = at.duration_since(since).as_hours().max(1);
        let last = format!("dernier essai : {}", quoted(self.heads[0]));
        match self.kind {
            Kind::Away => format!(
                "La destination « {destination} » ne répond pas depuis {hours} heures au moins ({last}). {} Les essais continuent \
                 d'eux-mêmes, et cette tâche se ferme quand elle répond : vérifier que le destinataire est en service et joignable. \
                 Tout ce qui attend : $deliveries?destination={destination}&state=pending.",
                self.waiting(),
            ),
            Kind::Stuck => format!(
                "La destination « {destination} » répond, mais {} sans réponse depuis {hours} heures au moins ({last}). Les essais \
                 continuent d'eux-mêmes : chercher chez le destinataire pourquoi ces envois échouent, ou les arrêter avec un motif \
                 ($delivery-stop).",
                counted(self.heads.len(), "un envoi reste", "envois restent"),
            ),
        }
    }

    fn waiting(&self) -> String {
        let all = self.overdue.waiting;
        let patients = counted(self.heads.len(), "un patient", "patients");
        if all >= Overdue::WAITING_MAX {
            return format!("Plus de {} envois attendent, de {patients} au moins.", Overdue::WAITING_MAX - 1);
        }
        format!("{} ; en retard : {patients}.", counted(all, "Un envoi attend", "envois attendent"))
    }

    /// The deliveries, their documents and their patients.
    fn inputs(&self) -> Value {
        let input = |text: &str, element: &str, value: Value| json!({"type": {"text": text}, element: value});
        let mut inputs = Vec::new();
        for head in self.heads.iter().take(NAMED_MAX) {
            let delivery = &head.delivery;
            let id = json!({"system": DELIVERY, "value": delivery.id});
            inputs.push(input("Envoi en attente", "valueIdentifier", id));
            inputs.push(input("Document", "valueReference", json!({"reference": delivery.subject})));
            inputs.push(input("Patient", "valueReference", json!({"reference": delivery.patient})));
        }
        inputs.into()
    }
}

fn counted(n: usize, one: &str, many: &str) -> String {
    if n == 1 { one.to_owned() } else { format!("{n} {many}") }
}

/// What the last attempt met.
fn quoted(head: &DeliveryRecord) -> String {
    match head.attempts.last().map(|attempt| &attempt.outcome) {
        Some(Outcome::Unreachable { reason }) => reason.chars().take(TEXT_MAX).collect(),
        _ => "sans réponse".to_owned(),
    }
}
