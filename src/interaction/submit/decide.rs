//! The decision about one response: pure, so that `submit`, `$validate`, `$evaluate` and the command line cannot differ.

use std::borrow::Cow;
use std::slice;
use std::sync::Arc;

use crate::json::Value;
use jiff::Timestamp;

use super::following::{self, Following};
use super::{RESPONSE, moment};
use crate::clock::Ids;
use crate::fhir::element;
use crate::interaction::incoming;
use crate::interaction::library::{Form, Plan};
use crate::judgement::{Evaluation, Readings};
use crate::pathway::{self, Derived};
use crate::problem::{Issue, Severity};
use crate::questionnaire;
use crate::rules::{self, Explained};
use crate::terminology::{Level, Terminology};

/// All that a decision looks at.
pub(crate) struct Situation {
    /// The response, its references literal and its questionnaire with version.
    pub(crate) response: Value,
    /// When it came.
    pub(crate) received: Timestamp,
    /// When it was answered, as far as its own word can be trusted.
    pub(crate) moment: Timestamp,
    /// Reference to who it is about, as everything derived carries it; none when nobody here is meant.
    pub(crate) subject: Option<Value>,
    /// The patient, if known.
    pub(crate) patient: Option<Value>,
    /// The active plan of care that the protocol was taken from, or else the newest one.
    pub(crate) careplan: Option<Value>,
    /// Every plan of care that says what the patient is, or lately was, treated with.
    pub(crate) careplans: Vec<Value>,
    /// Its questionnaire, if it is known.
    pub(crate) form: Option<Arc<Form>>,
    /// That by which answers are found: its questionnaire, or the version of it that the protocol looks at where the one that it
    /// names is not known here.
    pub(crate) layout: Option<Arc<Form>>,
    /// The protocol that judges it, if there is one.
    pub(crate) plan: Option<Arc<Plan>>,
    /// Code systems and value sets.
    pub(crate) terminology: Arc<Terminology>,
    /// Earlier answered responses to the same questionnaire, newest first.
    pub(crate) history: Vec<Value>,
    /// Later responses, which were judged without this one.
    pub(crate) following: Following,
    /// What earlier versions of this response became.
    pub(crate) existing: Vec<Value>,
    /// What was found wrong with the response already.
    pub(crate) issues: Vec<Issue>,
    /// What is no fault of the response and yet keeps it from being judged as it should be.
    pub(crate) doubts: Vec<Issue>,
    /// Telephone of the service, as patients read it.
    pub(crate) telephone: Option<String>,
}

/// What is thought of a response.
pub(crate) struct Judgement {
    /// Every issue, warnings too.
    pub(crate) issues: Vec<Issue>,
    /// Whether the response is stored as such.
    pub(crate) accepted: bool,
    /// What each rule did with what could be read of it.
    pub(crate) evaluation: Evaluation,
    /// The response without the answers that could not be read, where there are any, and without a moment to come.
    readable: Option<Value>,
}

impl Judgement {
    /// The issues alone.
    pub(crate) fn into_issues(self) -> Vec<Issue> {
        self.issues
    }
}

/// Where what is derived comes from.
pub(crate) struct Origin<'a> {
    /// `QuestionnaireResponse/id`, or `Binary/id` of a refused one.
    pub(crate) reference: &'a str,
    /// Its version.
    pub(crate) version: u64,
}

/// Validates and judges a response; no fault of one part keeps the other from being looked at.
pub(crate) fn judge(situation: &Situation, explained: Explained) -> Judgement {
    let mut issues = situation.issues.clone();
    let mut readable = moment::judged(&situation.response, situation.received, situation.moment);
    let mut readings = Readings::default();
    if let Some(form) = &situation.form {
        let response = readable.as_ref().unwrap_or(&situation.response);
        let validation = form.compiled.validate(response, &context(situation));
        issues.extend(validation.issues);
        let owned = match validation.readable {
            Cow::Owned(answers) => Some(answers),
            Cow::Borrowed(_) => None,
        };
        readings = validation.readings;
        readable = owned.or(readable);
    } else if let Some(layout) = &situation.layout {
        let response = readable.as_ref().unwrap_or(&situation.response);
        let placed = match layout.compiled.placed(slice::from_ref(response)) {
            Cow::Owned(mut one) => one.pop(),
            Cow::Borrowed(_) => None,
        };
        readable = placed.or(readable);
    }
    without_repeats(&mut issues);
    let accepted = !incoming::hinders(&issues);
    let response = readable.as_ref().unwrap_or(&situation.response);
    // A refused response changes no history.
    let changed = if accepted { following::doubts(situation, response) } else { Vec::new() };
    let read = Read { response, readings: &readings };
    let evaluation = evaluate(situation, &read, (&issues, changed), explained);
    Judgement { issues, accepted, evaluation, readable }
}

/// What the response becomes, where earlier versions of it became what exists. Of a refused one that is about nobody here,
/// the Tasks alone.
pub(crate) fn derive(
    situation: &Situation,
    existing: &[Value],
    judgement: &Judgement,
    origin: &Origin<'_>,
    ids: &dyn Ids,
) -> Derived {
    let refused = !judgement.accepted;
    let readable = judgement.readable.as_ref().unwrap_or(&situation.response);
    let extracts = match &situation.form {
        Some(form) if !refused => form.compiled.extract(readable),
        _ => Vec::new(),
    };
    let plan = situation.plan.as_ref().map(|plan| plan.canonical());
    let careplan = situation.careplan.as_ref().and_then(element::local_reference);
    let previous = situation.history.first().and_then(element::local_reference);
    let response = &situation.response;
    let input = pathway::Input {
        source: origin.reference,
        source_version: Some(origin.version),
        previous: previous.as_deref(),
        subject: situation.subject.as_ref().unwrap_or(&Value::Null),
        answered_by: ["source", "author"].into_iter().find_map(|name| response.get(name)),
        care_plan: careplan.as_deref(),
        owner: None,
        plan: plan.as_deref(),
        authored: element::str_at(readable, "authored"),
        received: situation.received,
        // A refused response alerts and is read by a person; it gives no measurement and no report.
        in_progress: refused || is_unfinished(response),
        withdrawn: is_withdrawn(response) && !refused,
        fully_read: is_fully_read(response, judgement),
        evaluation: &judgement.evaluation,
        issues: &judgement.issues,
        telephone: situation.telephone.as_deref(),
        existing,
    };
    match situation.subject {
        Some(_) => pathway::derive(&input, extracts, ids),
        None if refused => pathway::derive_unattributed(&input, ids),
        None => Derived::default(),
    }
}

/// What bytes become of which nothing can be read, and of which nothing else is known: a Task of level *technique*.
pub(crate) fn derive_unread(
    issues: &[Issue],
    received: Timestamp,
    origin: &Origin<'_>,
    ids: &dyn Ids,
) -> Derived {
    let evaluation = technique(issues);
    let input = pathway::Input {
        source: origin.reference,
        source_version: Some(origin.version),
        previous: None,
        subject: &Value::Null,
        answered_by: None,
        care_plan: None,
        owner: None,
        plan: None,
        authored: None,
        received,
        in_progress: true,
        withdrawn: false,
        fully_read: false,
        evaluation: &evaluation,
        issues,
        telephone: None,
        existing: &[],
    };
    pathway::derive_unattributed(&input, ids)
}

/// Whether every answer could be read and every rule decided, but for what the person may still say.
fn is_fully_read(response: &Value, judgement: &Judgement) -> bool {
    let is_open = element::str_at(response, "status") == Some("in-progress");
    let is_decided = is_open || judgement.evaluation.not_evaluable().next().is_none();
    is_decided && !judgement.issues.iter().any(|issue| issue.severity >= Severity::Error)
}

/// Whether the person has not finished answering.
pub(crate) fn is_unfinished(response: &Value) -> bool {
    matches!(element::str_at(response, "status"), Some("in-progress" | "stopped"))
}

/// Whether somebody said that the response should never have been.
pub(crate) fn is_withdrawn(response: &Value) -> bool {
    element::str_at(response, "status") == Some("entered-in-error")
}

fn context(situation: &Situation) -> questionnaire::Context<'_> {
    questionnaire::Context {
        patient: situation.patient.as_ref(),
        careplans: &situation.careplans,
        now: situation.moment,
        terminology: &situation.terminology,
    }
}

/// What of a response is judged.
struct Read<'a> {
    response: &'a Value,
    readings: &'a Readings,
}

fn evaluate(
    situation: &Situation,
    read: &Read<'_>,
    (issues, changed): (&[Issue], Vec<Issue>),
    explained: Explained,
) -> Evaluation {
    if is_withdrawn(&situation.response) {
        return withdrawn(situation, changed);
    }
    let mut unreadable: Vec<Issue> =
        issues.iter().filter(|issue| issue.severity >= Severity::Error).cloned().collect();
    unreadable.extend(situation.doubts.iter().cloned().chain(changed));
    let Some(plan) = &situation.plan else {
        unreadable.push(without_protocol());
        return technique(&unreadable);
    };
    let history = match &situation.layout {
        Some(form) => form.compiled.placed(&situation.history),
        None => Cow::Borrowed(situation.history.as_slice()),
    };
    plan.compiled.evaluate(&rules::Facts {
        response: read.response,
        readings: Some(read.readings),
        questionnaire: situation.layout.as_ref().map(|form| form.compiled.source()),
        previous: history.first(),
        history: &history,
        careplans: &situation.careplans,
        patient: situation.patient.as_ref(),
        // Nobody goes on with a stopped one: what it does not say stays unsaid.
        in_progress: element::str_at(&situation.response, "status") == Some("in-progress"),
        unreadable: &unreadable,
        received: situation.received,
        explained,
    })
}

/// What an earlier version set off ends, and a person looks at why.
fn withdrawn(situation: &Situation, mut changed: Vec<Issue>) -> Evaluation {
    if situation.existing.is_empty() {
        return Evaluation::of(Vec::new());
    }
    let withdrawn =
        Issue::error("business-rule", "the response was marked entered-in-error after it had been judged");
    changed.insert(
        0,
        withdrawn
            .at(format!("{RESPONSE}.status"))
            .text("Réponse annulée par son émetteur après analyse : vérifier les suites données."),
    );
    technique(&changed)
}

fn without_protocol() -> Issue {
    Issue::error("not-found", "no active protocol judges responses to this questionnaire")
        .at(format!("{RESPONSE}.questionnaire"))
        .text("Aucun protocole actif n'analyse ce questionnaire : réponse à lire par un soignant.")
}

fn technique(issues: &[Issue]) -> Evaluation {
    Evaluation { level: Level::Technique, outcomes: rules::technique(issues).into_iter().collect() }
}

/// Two rooms may find the same fault: each place tells each kind of fault once.
fn without_repeats(issues: &mut Vec<Issue>) {
    let mut seen = std::collections::HashSet::new();
    issues.retain(|issue| {
        seen.insert((issue.expression.clone(), issue.code, issue.detail, issue.diagnostics.clone()))
    });
}
