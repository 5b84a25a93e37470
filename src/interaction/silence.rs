//! A missing answer is an alert of level *silence* (rule R91): a patient who is too ill to answer must not look like one who is well.
//!
//! Every patient with an active plan of care that asks for answers ([`mod@expected`]) is looked at again and again. A missing
//! answer becomes a Flag, one Task with the call that is due, and their Provenance; the Task is more pressing, and for the
//! oncologist too, when the patient is still not heard of days later; both end by themselves when an answer comes or none is
//! expected any more (the plan is not active, the patient died).
//!
//! - Nothing is remembered: what is missing follows from what is stored, at any moment and in any process. A process that
//!   was away finds it at its first look.
//! - Once, however many replicas look: the ids follow from patient and day, and a unit expects what it was decided with.
//! - A Task that a person closed is not written again; the answer of the next week that is missing is another Task.
//! - A response that was refused counts: the patient was heard, and a Task about it exists. One still in progress does not.
//!
//! What the Task says and by when is the `ActivityDefinition` `relance-silence` or `relance-silence-precoce`, which a hospital
//! publishes anew to change it.

mod expected;
mod told;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::dispatch::held::OPEN;
use super::library::{self, Canonical, Pages};
use super::submit::{history, moment};
use super::{Context, incoming, merged, read};
use crate::fhir::datetime::PartialDateTime;
use crate::fhir::element::{self, code_of, list, str_at};
use crate::fhir::{meta, search::Query};
use crate::json::Value;
use crate::judgement::{Activity, ActivityKind, Priority};
use crate::problem::{Category, Problem};
use crate::rules;
use crate::store::{Committed, Expect, Guard, Unit, Write};
use crate::terminology::{ALERT_LEVEL, BASE, Level, SILENCE, TREATMENT_CLASS};
use expected::{Delays, Expected, Missed};
use told::{Silence, Told};

/// Alerts of a patient that are looked at, newest first: more than one response raises.
const ALERTS: usize = 50;
/// Answers that are looked at, newest first, by when they were written and by when they came.
const ANSWERS: usize = 5;

/// When answers are missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// How often a patient answers whose plan does not say it.
    pub every: SignedDuration,
    /// How long after the day of a missing answer the oncologist is told.
    pub inform_after: SignedDuration,
}

/// Looks at every patient who is expected to answer; how many units were written.
///
/// # Errors
/// Those of the store. What cannot be decided about one patient is logged, and the others are looked at.
pub async fn tell_silences(ctx: &Context) -> Result<usize, Problem> {
    let Some(rhythm) = ctx.settings.rhythm else { return Ok(0) };
    let watch = Watch::of(ctx, rhythm).await?;
    let (mut known, mut written) = (BTreeSet::new(), 0);
    let mut plans = Pages::of(library::whole("CarePlan", &[("status", "active")])?);
    while let Some(page) = plans.next(ctx.store.as_ref()).await? {
        for stored in &page {
            if let Some(patient) = read::legible(stored).and_then(|plan| incoming::patient(&plan)) {
                written += watch.each(&patient, &mut known).await?;
            }
        }
    }
    // Those who are told of, and whose plan ended.
    let system = format!("{SILENCE}|");
    let mut tasks = Pages::of(library::whole("Task", &[("identifier", &system), ("status", OPEN)])?);
    while let Some(page) = tasks.next(ctx.store.as_ref()).await? {
        for stored in &page {
            let told = read::legible(stored).and_then(|task| Told::of(task, stored.version));
            if let Some(patient) = told.as_ref().and_then(Told::patient) {
                written += watch.each(patient, &mut known).await?;
            }
        }
    }
    Ok(written)
}

/// What one look at all patients shares.
struct Watch<'a> {
    ctx: &'a Context,
    rhythm: Rhythm,
    late: Activity,
    early: Activity,
}

/// What is known of one patient.
struct Scene {
    /// The record that is followed, and where its stream stood before anything else was read.
    patient: String,
    stream: u64,
    /// That record and all that ended in it, as a search names them.
    records: String,
    is_followed: bool,
    /// When the patient was heard last, and by which response.
    heard: Option<(Timestamp, Option<String>)>,
    /// What was heard last asked for action.
    is_worrying: bool,
}

impl<'a> Watch<'a> {
    async fn of(ctx: &'a Context, rhythm: Rhythm) -> Result<Self, Problem> {
        let late = activity(ctx, "relance-silence", 72, Priority::Urgent).await?;
        let early = activity(ctx, "relance-silence-precoce", 24, Priority::Asap).await?;
        Ok(Self { ctx, rhythm, late, early })
    }

    fn delays(&self) -> Delays {
        let delay = |activity: &Activity| activity.handle_within.unwrap_or(SignedDuration::from_hours(72));
        Delays { late: delay(&self.late), early: delay(&self.early) }
    }

    /// One patient, unless that one was looked at.
    async fn each(&self, patient: &str, known: &mut BTreeSet<String>) -> Result<usize, Problem> {
        if !known.insert(patient.to_owned()) {
            return Ok(0);
        }
        match self.one(patient, known).await {
            Err(problem) if matches!(problem.category, Category::Conflict | Category::NotFound) => {
                tracing::warn!(patient, %problem, "whether answers are missing cannot be told");
                Ok(0)
            }
            // Of one patient alone: if it is the whole store, the next page is not read either.
            Err(problem) if !problem.is_passing() => {
                tracing::error!(patient, %problem, "whether answers are missing cannot be told");
                Ok(0)
            }
            answered => answered,
        }
    }

    async fn one(&self, patient: &str, known: &mut BTreeSet<String>) -> Result<usize, Problem> {
        let Some(scene) = self.scene(patient).await? else { return Ok(0) };
        if scene.patient != patient && !known.insert(scene.patient.clone()) {
            return Ok(0);
        }
        let now = incoming::now(self.ctx);
        let missed = if scene.is_followed { self.missed(&scene, now).await? } else { None };
        let (mut written, mut is_told) = (0, false);
        for told in self.told(&scene).await? {
            match &missed {
                // Still the same silence, a week on or not.
                Some((missed, _)) if missed.base == told.base => {
                    is_told = true;
                    if let Some(next) = told.informed(self.rhythm.inform_after, now) {
                        written += self.write(&scene, vec![next], now).await?;
                    }
                }
                _ => written += self.end(&scene, &told, now).await?,
            }
        }
        if let Some((missed, plan)) = missed.filter(|_| !is_told) {
            written += self.begin(&scene, missed, &plan, now).await?;
        }
        Ok(written)
    }

    async fn scene(&self, patient: &str) -> Result<Option<Scene>, Problem> {
        let ctx = self.ctx;
        let Some(id) = patient.strip_prefix("Patient/") else { return Ok(None) };
        let Some(found) = read::current(ctx, "Patient", id).await? else { return Ok(None) };
        let found = merged::survivor(ctx, found).await?;
        let Some(patient) = element::local_reference(&found) else { return Ok(None) };
        let stream = ctx.store.stream(&patient).await?;
        let records = merged::with_ended(ctx, &patient).await?.join(",");
        let has_died = found["deceasedBoolean"] == true || found.get("deceasedDateTime").is_some();
        let is_followed = !has_died && found["active"] != false;
        let alerts = self.latest("Flag", ALERTS, &records, &[("_sort", "-date")]).await?;
        let heard = self.heard(&records, &alerts).await?;
        let is_worrying =
            heard.as_ref().is_some_and(|(at, _)| alerts.iter().any(|flag| is_urgent(flag, *at)));
        Ok(Some(Scene { patient, stream, records, is_followed, heard, is_worrying }))
    }

    /// The newest of a type about a patient. What is damaged is not there: a silence too many is told, and none too few.
    async fn latest(
        &self,
        rtype: &str,
        count: usize,
        records: &str,
        more: &[(&str, &str)],
    ) -> Result<Vec<Value>, Problem> {
        let mut params = vec![("subject", records)];
        params.extend(more);
        let query = Query { count, ..library::whole(rtype, &params)? };
        let page = self.ctx.store.search(&query).await?;
        Ok(page.resources.iter().filter_map(read::legible).collect())
    }

    /// When the patient answered last: as the response says it, and never after it came.
    async fn heard(
        &self,
        records: &str,
        alerts: &[Value],
    ) -> Result<Option<(Timestamp, Option<String>)>, Problem> {
        let mut heard = None;
        for order in ["-authored", "-_lastUpdated"] {
            let answered = [("status", "completed,amended"), ("_sort", order)];
            for mut response in self.latest("QuestionnaireResponse", ANSWERS, records, &answered).await? {
                let Some(stored) = meta::last_updated(&response) else { continue };
                moment::settle(self.ctx, &mut response).await?;
                let at = history::at(&response).map_or(stored, |at| at.min(stored));
                heard = heard.max(Some((at, element::local_reference(&response))));
            }
        }
        let refused =
            alerts.iter().filter(|flag| source(flag).is_some_and(|from| from.starts_with("Binary/")));
        let refused = refused.filter_map(start).max();
        Ok(match (heard, refused) {
            (Some((at, _)), Some(refused)) if refused > at => Some((refused, None)),
            (None, Some(refused)) => Some((refused, None)),
            (heard, _) => heard,
        })
    }

    /// The answer that is missing, of the plan that expected it first, and that plan.
    async fn missed(&self, scene: &Scene, now: Timestamp) -> Result<Option<(Missed, Value)>, Problem> {
        let mut first: Option<(Missed, Value)> = None;
        let active = [("subject", scene.records.as_str()), ("status", "active")];
        for stored in library::read_all(self.ctx.store.as_ref(), "CarePlan", &active).await? {
            let Some(plan) = read::legible(&stored) else { continue };
            let Some(questionnaires) = self.asked(&plan).await? else { continue };
            let expected = Expected::of(&plan, &questionnaires, self.rhythm.every);
            let heard = scene.heard.as_ref().map(|(at, _)| *at);
            let missed = expected.and_then(|one| one.missed(heard, scene.is_worrying, &self.delays(), now));
            if let Some(missed) =
                missed.filter(|one| first.as_ref().is_none_or(|(known, _)| one.due < known.due))
            {
                first = Some((missed, plan));
            }
        }
        Ok(first)
    }

    /// The questionnaires that a plan asks for, by address; `None` for a plan of something else. One that names no protocol is of
    /// this service when it says of what class a treatment is: its responses are judged by the protocol of their questionnaire.
    async fn asked(&self, plan: &Value) -> Result<Option<Vec<String>>, Problem> {
        let named: Vec<&str> = list(plan, "instantiatesCanonical").filter_map(Value::as_str).collect();
        if named.is_empty() {
            let is_treated = |one: &Value| code_of(&one["detail"]["code"], TREATMENT_CLASS).is_some();
            return Ok(list(plan, "activity").any(is_treated).then(Vec::new));
        }
        let shelf = self.ctx.library.shelf(self.ctx.store.as_ref(), &[], &named).await?;
        let protocols: Vec<_> = named.iter().filter_map(|canonical| shelf.plan(canonical)).collect();
        let questionnaires = protocols.iter().flat_map(|protocol| protocol.compiled.questionnaires());
        let questionnaires = questionnaires.map(|named| Canonical::parse(named).url.to_owned()).collect();
        Ok((!protocols.is_empty()).then_some(questionnaires))
    }

    /// The Tasks about this patient that are not done with.
    async fn told(&self, scene: &Scene) -> Result<Vec<Told>, Problem> {
        let system = format!("{SILENCE}|");
        let open = [("patient", scene.records.as_str()), ("identifier", system.as_str()), ("status", OPEN)];
        let mut told = Vec::new();
        for stored in library::read_all(self.ctx.store.as_ref(), "Task", &open).await? {
            told.extend(read::legible(&stored).and_then(|task| Told::of(task, stored.version)));
        }
        Ok(told)
    }

    /// A silence that was never told; a Task that a person closed is not written again.
    async fn begin(
        &self,
        scene: &Scene,
        missed: Missed,
        plan: &Value,
        now: Timestamp,
    ) -> Result<usize, Problem> {
        let Some(reference) = element::local_reference(plan) else { return Ok(0) };
        let silence = Silence {
            patient: &scene.patient,
            plan: &reference,
            protocol: list(plan, "instantiatesCanonical").find_map(Value::as_str),
            last: scene.heard.as_ref().and_then(|(_, response)| response.as_deref()),
            missed,
        };
        let id = silence.task_id();
        if self.ctx.store.read("Task", &id).await?.is_some() {
            return Ok(0);
        }
        let activity = if missed.early.is_some() { &self.early } else { &self.late };
        let new = silence.resources(activity, now).map(|resource| (resource, Expect::New));
        let written = self.write(scene, new.into(), now).await?;
        if written > 0 {
            tracing::warn!(task = id, "a patient did not answer");
            metrics::counter!("vigie_silences_total").increment(1);
        }
        Ok(written)
    }

    /// The patient answered, or is not expected to any more.
    async fn end(&self, scene: &Scene, told: &Told, now: Timestamp) -> Result<usize, Problem> {
        let heard = scene.heard.as_ref().is_some_and(|(at, _)| *at > told.base);
        let why = if heard {
            "Le patient a répondu."
        } else {
            "Aucune réponse n'est plus attendue à cette date."
        };
        let mut writes = vec![told.ended(why, now)];
        if let Some(id) = told.flag().and_then(|flag| flag.strip_prefix("Flag/"))
            && let Some(stored) = self.ctx.store.read("Flag", id).await?.filter(|stored| !stored.deleted)
        {
            writes.extend(told::ended_flag(stored.resource()?, stored.version, now));
        }
        self.write(scene, writes, now).await
    }

    /// All in one unit; 0 when the patient answered, or somebody wrote, in between: the next look sees it.
    async fn write(
        &self,
        scene: &Scene,
        all: Vec<(Value, Expect)>,
        now: Timestamp,
    ) -> Result<usize, Problem> {
        let mut unit = Unit::new("silence", now);
        unit.guards.push(Guard::Stream { patient: scene.patient.clone(), sequence: scene.stream });
        for (resource, expect) in all {
            unit.writes.push(Write::new(&resource, expect)?);
        }
        Ok(usize::from(matches!(self.ctx.store.commit(unit).await?, Committed::Written(_))))
    }
}

/// What is to be done about a silence, as published; the shipped delays where a site has none that can be read.
async fn activity(ctx: &Context, name: &str, hours: i64, priority: Priority) -> Result<Activity, Problem> {
    let url = format!("{BASE}/ActivityDefinition/{name}");
    let published = library::newest_activity(ctx.store.as_ref(), &url).await?;
    let compiled = published.map(|definition| rules::activity(&definition));
    if let Some(Err(problem)) = &compiled {
        tracing::warn!(url, %problem, "what is to be done about a silence cannot be read; the proposed delays hold");
    }
    Ok(compiled.and_then(Result::ok).unwrap_or_else(|| Activity {
        kind: ActivityKind::Task,
        code: "relance".to_owned(),
        display: Some("Relance".to_owned()),
        priority: Some(priority),
        performers: vec!["idec".to_owned()],
        text: String::new(),
        handle_within: Some(SignedDuration::from_hours(hours)),
        acknowledge_within: None,
    }))
}

/// Where an alert comes from.
fn source(flag: &Value) -> Option<&str> {
    let from = |one: &&Value| str_at(one, "url").is_some_and(|url| url.ends_with("/source-response"));
    str_at(list(flag, "extension").find(from)?, "valueReference.reference")
}

fn start(flag: &Value) -> Option<Timestamp> {
    PartialDateTime::parse(str_at(flag, "period.start")?)?.lower()
}

/// An alert since that time that asks for action the same day, whether it was dealt with or not.
fn is_urgent(flag: &Value, since: Timestamp) -> bool {
    let level = code_of(&flag["code"], ALERT_LEVEL).and_then(|code| code.parse::<Level>().ok());
    let is_withdrawn = flag["status"] == "entered-in-error"
        || list(flag, "extension")
            .any(|one| str_at(one, "url").is_some_and(|url| url.ends_with("/superseded")));
    level.is_some_and(|level| level >= Level::Technique)
        && !is_withdrawn
        && start(flag).is_some_and(|start| start >= since)
}
