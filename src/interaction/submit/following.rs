//! Whether a response changes what later ones should have said. One that comes late, is amended or is withdrawn is part of the
//! history of responses that were judged without it, or with what it was: these are judged again with it as it was then and as
//! it is now, and where one of them raises an alert only now, of which nobody was told, the response that changed it becomes
//! *technique*, so that a person looks at both. Nothing that was derived from the later one is touched: it says what was known
//! when it came.

use std::borrow::Cow;

use std::sync::Arc;

use crate::json::{Value, json};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::decide::Situation;
use super::gather::{self, Around};
use super::{RESPONSE, earlier, history, moment};
use crate::fhir::datetime::instant;
use crate::fhir::element::{self, code_of};
use crate::fhir::meta;
use crate::interaction::library::{self, Form, Plan};
use crate::interaction::{Context, incoming};
use crate::judgement::{Evaluation, Outcome};
use crate::problem::{Issue, Problem};
use crate::rules::{self, Explained};
use crate::store::Stored;
use crate::terminology::{ALERT_LEVEL, BASE, Level, SYMPTOM};

/// How many later responses are looked at again: the next one, and the newest.
const FOLLOWING_MAX: usize = 13;
/// How many versions of the response are looked through for the one that a later one was judged with.
const VERSIONS_MAX: usize = 50;
/// So many alerts are named; how many more there are is said.
const NAMED_MAX: usize = 5;

/// The later responses, and the history that they are looked at again with.
#[derive(Default)]
pub(crate) struct Following {
    /// Every answered response but the one that is judged.
    others: Vec<Value>,
    later: Vec<Later>,
}

/// A response that was judged already, and was answered after the one that is judged now.
struct Later {
    response: Value,
    received: Timestamp,
    form: Option<Arc<Form>>,
    plan: Arc<Plan>,
    /// The response that is judged now, as it was when this one was judged; none before it came.
    was: Option<Value>,
    /// The alerts that it raised.
    told: Vec<Told>,
}

/// An alert that somebody was told of.
struct Told {
    action: String,
    level: Level,
    symptom: Option<String>,
}

impl Told {
    fn of(flag: &Value) -> Option<Self> {
        let code = flag.get("code")?;
        Some(Self {
            action: extension(flag, "rule-action")
                .and_then(|one| element::str_at(one, "valueString"))?
                .to_owned(),
            level: code_of(code, ALERT_LEVEL)?.parse().ok()?,
            symptom: code_of(code, SYMPTOM).map(str::to_owned),
        })
    }

    /// Whether this alert says as much as that rule: it is the same, or one about the same symptom that gives way to it.
    fn covers(&self, rule: &Outcome, fires: impl Fn(&str) -> bool) -> bool {
        let symptom = rule.action.symptom.as_ref().map(|symptom| symptom.code.as_str());
        let gives_way = || {
            symptom.is_some()
                && self.symptom.as_deref() == symptom
                && self.level >= rule.action.level
                && !fires(&self.action)
        };
        self.action == rule.action.id || gives_way()
    }
}

fn extension<'a>(flag: &'a Value, name: &str) -> Option<&'a Value> {
    let url = format!("{BASE}/StructureDefinition/{name}");
    element::list(flag, "extension").find(|one| one["url"] == url.as_str())
}

/// From when on the history of others is changed by a response: from the earlier of the moments that it says and, as
/// `before`, said.
///
/// # Errors
/// Those of the store.
pub(super) async fn since(
    ctx: &Context,
    now: Timestamp,
    before: Option<&Value>,
) -> Result<Timestamp, Problem> {
    let Some(before) = before else { return Ok(now) };
    let mut before = before.clone();
    moment::settle(ctx, &mut before).await?;
    Ok(history::at(&before).map_or(now, |at| at.min(now)))
}

/// Reads what is needed to look at the later ones again, out of every answered response that was found; `before` is the stored
/// version of the response that is judged.
///
/// # Errors
/// Those of the store.
pub(super) async fn gather(
    ctx: &Context,
    found: Vec<Stored>,
    before: Option<&Value>,
    since: Timestamp,
    around: &Around,
) -> Result<Following, Problem> {
    let mut following = Following::default();
    let own = before.and_then(element::id);
    for stored in found.iter().filter(|stored| own != Some(stored.id.as_str())) {
        following.others.push(settled(ctx, stored).await?);
    }
    let later = following.others.iter().filter_map(|one| Some((history::at(one)?, one)));
    let mut later: Vec<(Timestamp, &Value)> = later.filter(|(at, _)| *at > since).collect();
    later.sort_by_key(|(at, one)| (*at, element::id(one)));
    let newest = later.len().saturating_sub(FOLLOWING_MAX - 1).max(1);
    let chosen = later.iter().enumerate().filter(|(n, _)| *n == 0 || *n >= newest);
    let mut judged = Vec::new();
    for (_, (_, response)) in chosen {
        let mut response = (*response).clone();
        let known = gather::definitions(ctx, &mut response, around).await?;
        let (Some(plan), Some(received)) = (known.plan, meta::last_updated(&response)) else { continue };
        let was = match before {
            Some(before) => version_at(ctx, before, received).await?,
            None => None,
        };
        let told = told(ctx, &response).await?;
        judged.push(Later { response, received, form: known.form, plan, was, told });
    }
    following.later = judged;
    Ok(following)
}

/// A stored response as others are judged with it; copies of it share its answers.
async fn settled(ctx: &Context, stored: &Stored) -> Result<Value, Problem> {
    let mut response = stored.resource()?;
    moment::settle(ctx, &mut response).await?;
    if let Some(items) = response.get_mut("item") {
        *items = items.take().shared();
    }
    Ok(response)
}

/// The version that a response had at a moment.
async fn version_at(ctx: &Context, current: &Value, at: Timestamp) -> Result<Option<Value>, Problem> {
    let id = element::id(current).unwrap_or_default();
    for version in (1..=meta::version(current).unwrap_or_default()).rev().take(VERSIONS_MAX) {
        let stored = ctx.store.vread(RESPONSE, id, version).await?;
        if let Some(stored) = stored.filter(|stored| stored.last_updated <= at) {
            return if stored.deleted { Ok(None) } else { settled(ctx, &stored).await.map(Some) };
        }
    }
    Ok(None)
}

/// The alerts that a response raised and no amendment took back.
async fn told(ctx: &Context, response: &Value) -> Result<Vec<Told>, Problem> {
    let mut told = Vec::new();
    let reference = element::local_reference(response).unwrap_or_default();
    let Some(patient) = incoming::patient(response) else { return Ok(told) };
    for stored in library::read_all(ctx.store.as_ref(), "Flag", &[("subject", patient.as_str())]).await? {
        let flag = stored.resource()?;
        if earlier::comes_from(&flag, &reference) && extension(&flag, "superseded").is_none() {
            told.extend(Told::of(&flag));
        }
    }
    Ok(told)
}

/// What a person should know: the later responses that raise more with the response as it is judged now, which is an accepted
/// one.
pub(super) fn doubts(situation: &Situation, judged: &Value) -> Vec<Issue> {
    let Following { others, later } = &situation.following;
    if later.is_empty() {
        return Vec::new();
    }
    let mut own = judged.clone();
    own["meta"] = json!({ "lastUpdated": instant(situation.received) });
    let with = |one: Option<Value>| others.iter().cloned().chain(one).collect::<Vec<_>>();
    let now = with(Some(own));
    later.iter().filter_map(|later| doubt(situation, later, (with(later.was.clone()), now.clone()))).collect()
}

fn doubt(situation: &Situation, later: &Later, (then, now): (Vec<Value>, Vec<Value>)) -> Option<Issue> {
    let at = history::at(&later.response)?;
    let (then, now) = (again(situation, later, at, then), again(situation, later, at, now));
    let fires =
        |evaluation: &Evaluation, action: &str| evaluation.alerts().any(|(_, rule)| rule.action.id == action);
    let is_told = |rule: &Outcome| later.told.iter().any(|told| told.covers(rule, |id| fires(&now, id)));
    let more = now.alerts().map(|(_, rule)| rule);
    let more: Vec<&Outcome> = more.filter(|rule| !fires(&then, &rule.action.id) && !is_told(rule)).collect();
    (!more.is_empty()).then(|| would_say_more(later, at, &more))
}

/// A later response, judged again with these others.
fn again(situation: &Situation, later: &Later, at: Timestamp, others: Vec<Value>) -> Evaluation {
    let history = history::earlier(others, element::id(&later.response), at);
    let history = match &later.form {
        Some(form) => form.compiled.placed(&history),
        None => Cow::Borrowed(history.as_slice()),
    };
    later.plan.compiled.evaluate(&rules::Facts {
        response: &later.response,
        // It was accepted: nothing in it was to be chosen.
        readings: None,
        questionnaire: later.form.as_ref().map(|form| form.compiled.source()),
        previous: history.first(),
        history: &history,
        careplans: &situation.careplans,
        patient: situation.patient.as_ref(),
        in_progress: false,
        unreadable: &[],
        received: later.received,
        explained: Explained::Telling,
    })
}

fn would_say_more(later: &Later, at: Timestamp, more: &[&Outcome]) -> Issue {
    let named = |rule: &&Outcome| {
        let action = &rule.action;
        format!("{} ({}, {})", action.title, action.rule, action.level.code())
    };
    let mut named: Vec<String> = more.iter().take(NAMED_MAX).map(named).collect();
    if more.len() > NAMED_MAX {
        named.push(format!("et {} autres", more.len() - NAMED_MAX));
    }
    let id = element::id(&later.response).unwrap_or_default();
    let rules: Vec<&str> = more.iter().map(|rule| rule.action.rule.as_str()).collect();
    let english = format!(
        "{RESPONSE}/{id} was judged before this one came or changed; with it these rules fire too: {}",
        rules.join(", ")
    );
    let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
    let day = at.to_zoned(zone).strftime("%d/%m/%Y");
    Issue::error("business-rule", english).at(RESPONSE).text(format!(
        "La réponse du {day} a été analysée avant que celle-ci n'arrive ou ne change ; avec elle s'ajouterait : {} ; la relire",
        named.join(", ")
    ))
}
