//! What nobody takes in time is told to somebody else: a nurse who is absent must not be the end of an alert.
//!
//! Every open Task of an alert is looked at again and again. Past its times it gets the role that comes next, becomes more
//! pressing where its level asks for that, and says so in a note; a Provenance proves it. Levels, times and roles are
//! proposals, as all delays are (`restriction.period.end` and the input *prise-en-compte-avant* carry those of a Task).
//!
//! | level | when | then |
//! |---|---|---|
//! | rouge | nobody has taken it by the time that it asks for | IPA |
//! | rouge | open when it should be done | oncologist and physician on call; the patient is told again, unless somebody acts |
//! | orange, technique | open when it should be done | IPA |
//! | orange, technique | open four hours later | oncologist |
//! | rouge | raised while the unit is closed, and nobody has taken it | physician on call, at once |
//! | jaune | open when it should be done | it becomes orange: IPA, `asap` |
//!
//! - Where a site says when its unit is open ([`Opening`]), the times of orange and technique are opening time, and at most a day;
//!   without it, and for rouge and jaune, they are hours.
//! - However old: what nobody closes is looked at as long as it is open.
//! - Nothing is remembered: what is late follows from the Task, in any process; one that was away finds it at its first look.
//! - Once, however many replicas look: a step is done when the Task has its role, and a unit expects the version it was decided with.
//! - A Task never closes by this, and never becomes less pressing; an amendment keeps what was added.
//! - The call after a silence has its own clock (`interaction::tell_silences`).

mod holidays;
mod opening;
mod repeat;

use jiff::{SignedDuration, Timestamp};

use super::dispatch::held::OPEN;
use super::library::Pages;
use super::{Context, incoming, library, read};
use crate::clock::{Ids, SeededIds};
use crate::fhir::datetime::{PartialDateTime, instant};
use crate::fhir::element::{self, code_of, has_coding, list, str_at};
use crate::fhir::meta;
use crate::json::{Value, json};
use crate::judgement::Priority;
use crate::problem::Problem;
use crate::store::{Committed, Expect, Stored, Unit, Write};
use crate::terminology::{ALERT_LEVEL, Level, PERFORMER_ROLE, TASK_INPUT};

pub use holidays::Holidays;
pub use opening::Opening;

/// How far back [`escalate_lately`] looks: far longer than any delay.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(14 * 24);
/// So many Tasks are written by one look at most: what is raised meanwhile is not to wait for all that became late in an outage.
pub(super) const AT_ONCE: usize = 500;
/// From the time at which an orange Task should be done to the oncologist.
const TO_ONCOLOGIST: SignedDuration = SignedDuration::from_hours(4);
/// The longest that opening time makes an alert wait.
const CLOSED_MAX: SignedDuration = SignedDuration::from_hours(24);

/// One step of an alert that is late.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    roles: &'static [(&'static str, &'static str)],
    /// In French, to the team.
    why: &'static str,
    priority: Priority,
    /// The level that it has from then on.
    level: Level,
    /// The patient is told again what was said.
    repeats: bool,
}

/// Why a Task is orange that was jaune; the IPA knows by it.
const BECAME_ORANGE: &str = "Alerte jaune non traitée dans le délai : elle devient orange, IPA informé.";

const IPA: (&str, &str) = ("ipa", "Infirmier en pratique avancée");
const ONCOLOGIST: (&str, &str) = ("oncologue", "Oncologue");
const ON_CALL: (&str, &str) = ("medecin-garde", "Médecin de garde");

/// Tells the next role of every alert that is late, the newest first, but not of more than can be told at once: the next call goes
/// on; how many Tasks were written.
///
/// # Errors
/// Those of the store: what was written stays, and the rest is found again by the next call. What is wrong with one Task is logged,
/// and the others are looked at.
pub async fn escalate(ctx: &Context) -> Result<usize, Problem> {
    let now = incoming::now(ctx);
    look(ctx, &[], None, now).await
}

/// The same of what is most pressing, however old, and of what was raised in the last two weeks: what a look costs does not grow
/// with the other Tasks that nobody ever closes, as long as [`escalate`] is called now and then.
///
/// # Errors
/// As [`escalate`].
pub async fn escalate_lately(ctx: &Context) -> Result<usize, Problem> {
    let now = incoming::now(ctx);
    let since = instant(now.checked_sub(LOOK_BACK).unwrap_or(Timestamp::UNIX_EPOCH));
    // Apart from the others, and before them: however many of these are late, they do not wait.
    let stat = Priority::Stat.code();
    let pressing = look(ctx, &[("priority", stat)], None, now).await?;
    let lately = look(ctx, &[("authored-on", &format!("ge{since}"))], Some(stat), now).await?;
    Ok(pressing + lately)
}

/// Looks at the open Tasks that meet this, `but` for those of a priority.
async fn look(
    ctx: &Context,
    which: &[(&str, &str)],
    but: Option<&str>,
    now: Timestamp,
) -> Result<usize, Problem> {
    if !ctx.settings.escalates {
        return Ok(0);
    }
    let open: Vec<(&str, &str)> = [("status", OPEN)].into_iter().chain(which.iter().copied()).collect();
    let mut pages = Pages::of(library::whole("Task", &open)?);
    let mut written = 0;
    while let Some(page) = pages.next(ctx.store.as_ref()).await? {
        for stored in &page {
            let Some(task) = read::legible(stored) else { continue };
            if but.is_some_and(|priority| task["priority"] == priority) {
                continue;
            }
            for step in steps(&task, now, ctx.settings.opening.as_ref()) {
                if !is_done(&task, &step) {
                    written += told(stored, write(ctx, &task, stored.version, &step, now).await)?;
                    // The rest is for the next look: each step is a version of its own.
                    break;
                }
            }
            if written >= AT_ONCE {
                return Ok(written);
            }
        }
    }
    Ok(written)
}

/// How many were written of one Task. What is wrong with this one alone is logged: the alerts after it are not to wait for it.
///
/// # Errors
/// Those of a store that takes nothing now.
fn told(stored: &Stored, written: Result<usize, Problem>) -> Result<usize, Problem> {
    match written {
        Err(problem) if !problem.is_passing() => {
            tracing::error!(task = stored.id, %problem, "a late alert could not be told to the next role");
            Ok(0)
        }
        written => written,
    }
}

/// The steps that are due by now, first things first.
fn steps(task: &Value, now: Timestamp, opening: Option<&Opening>) -> Vec<Step> {
    let moment = |text: &str| PartialDateTime::parse(text)?.lower();
    let asked = list(task, "input").find(|one| has_coding(&one["type"], TASK_INPUT, "prise-en-compte-avant"));
    let take_by = asked.and_then(|one| moment(one["valueDateTime"].as_str()?));
    let handle_by = str_at(task, "restriction.period.end").and_then(moment);
    let level = code_of(&task["reasonCode"], ALERT_LEVEL).and_then(|code| code.parse::<Level>().ok());
    let (Some(take_by), Some(handle_by), Some(level)) = (take_by, handle_by, level) else {
        return Vec::new();
    };
    let raised = str_at(task, "restriction.period.start").and_then(moment).unwrap_or(handle_by);
    let is_late = |by: Timestamp| now >= in_opening_time(by, raised, opening);
    let is_taken = matches!(task["status"].as_str(), Some("accepted" | "in-progress"));
    let step = |roles, why, priority, level| Step { roles, why, priority, level, repeats: false };
    let mut due = Vec::new();
    match level {
        Level::Rouge => {
            if opening.is_some_and(|opening| !opening.holds(raised)) && !is_taken {
                let why = "Alerte rouge hors des heures d'ouverture du service : médecin de garde informé.";
                due.push(step(&[ON_CALL][..], why, Priority::Stat, level));
            }
            if now >= take_by && !is_taken {
                let why =
                    "Alerte rouge que personne n'a prise en compte dans le délai : à prendre tout de suite.";
                due.push(step(&[IPA][..], why, Priority::Stat, level));
            }
            if now >= handle_by {
                let why = "Alerte rouge non traitée dans le délai : oncologue et médecin de garde informés.";
                let told = step(&[ONCOLOGIST, ON_CALL][..], why, Priority::Stat, level);
                due.push(Step { repeats: true, ..told });
            }
        }
        Level::Orange | Level::Technique => {
            if is_late(handle_by) && !says(task, BECAME_ORANGE) {
                let why = "Alerte non traitée dans le délai : IPA informé.";
                due.push(step(&[IPA], why, Priority::Asap, level));
            }
            if handle_by.checked_add(TO_ONCOLOGIST).is_ok_and(is_late) {
                let why = "Alerte toujours non traitée : oncologue informé.";
                due.push(step(&[ONCOLOGIST], why, Priority::Asap, level));
            }
        }
        Level::Jaune if now >= handle_by => {
            due.push(step(&[IPA], BECAME_ORANGE, Priority::Asap, Level::Orange));
        }
        Level::Jaune | Level::Silence | Level::Vert => {}
    }
    due
}

/// When an alert that was raised then is late that should be done by this hour: as much opening time later, at most a day, and
/// never before that hour.
fn in_opening_time(by: Timestamp, raised: Timestamp, opening: Option<&Opening>) -> Timestamp {
    let Some(opening) = opening else { return by };
    let open = opening.after(raised, by.duration_since(raised));
    let longest = raised.checked_add(CLOSED_MAX).unwrap_or(Timestamp::MAX);
    open.min(longest).max(by)
}

/// Whether the Task says it already: by its note, as roles may have been there from the beginning.
fn is_done(task: &Value, step: &Step) -> bool {
    says(task, step.why)
}

fn says(task: &Value, why: &str) -> bool {
    list(task, "note").any(|note| note["text"] == why)
}

/// The Task after a step.
fn after(task: &Value, step: &Step, now: Timestamp) -> Value {
    let mut next = task.clone();
    let roles = step.roles.iter().filter(|(code, _)| {
        !list(task, "performerType").any(|known| has_coding(known, PERFORMER_ROLE, code))
    });
    let roles = roles.map(
        |(code, display)| json!({"coding": [{"system": PERFORMER_ROLE, "code": *code, "display": *display}]}),
    );
    next["performerType"] = list(task, "performerType").cloned().chain(roles).collect();
    let note = json!({"time": instant(now), "text": step.why});
    next["note"] = list(task, "note").cloned().chain([note]).collect();
    let before = task["priority"].as_str().and_then(Priority::from_code);
    next["priority"] = json!(before.unwrap_or(step.priority).max(step.priority).code());
    for coding in next["reasonCode"]["coding"].as_array_mut().into_iter().flatten() {
        if coding["system"] == ALERT_LEVEL {
            coding["code"] = json!(step.level.code());
            coding["display"] = json!(step.level.display());
        }
    }
    next["lastModified"] = json!(instant(now));
    next
}

/// One step, with its Provenance, in one unit; 0 when somebody wrote in between: the next look sees it.
async fn write(
    ctx: &Context,
    task: &Value,
    version: u64,
    step: &Step,
    now: Timestamp,
) -> Result<usize, Problem> {
    let Some(id) = element::id(task) else { return Ok(0) };
    let said = if step.repeats { repeat::message(ctx, task, now).await? } else { None };
    let (said, place) = said.unzip();
    let targets: Vec<String> = [format!("Task/{id}")].into_iter().chain(place).collect();
    let made = super::provenance::of_software(&targets, ("UPDATE", "revise"), step.why, now);
    let proof = SeededIds::new(now, format!("escalation|{id}|{version}")).next();
    let mut unit = Unit::new("escalate", now);
    let next = meta::stamp(after(task, step, now), id, version + 1, now);
    unit.writes.push(Write::new(&next, Expect::Version(version))?);
    unit.writes.push(Write::new(&meta::stamp(made, &proof, 1, now), Expect::New)?);
    unit.writes.extend(said);
    let written = matches!(ctx.store.commit(unit).await?, Committed::Written(_));
    if written {
        tracing::warn!(task = id, level = step.level.code(), "an alert is late");
        metrics::counter!("vigie_escalations_total", "level" => step.level.code()).increment(1);
    }
    Ok(usize::from(written))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::structure;
    use crate::problem::Category;

    /// A Task of 9 March at 8, to be taken within 30 minutes and done within the hour.
    fn task(level: &str, status: &str) -> Value {
        let kind = json!({"coding": [{"system": TASK_INPUT, "code": "prise-en-compte-avant"}]});
        json!({
            "resourceType": "Task", "id": "t", "status": status, "intent": "order", "priority": "routine",
            "reasonCode": {"coding": [{"system": ALERT_LEVEL, "code": level, "display": "-"}]},
            "performerType": [{"coding": [{"system": PERFORMER_ROLE, "code": "ipa"}]}],
            "restriction": {"period": {"start": "2026-03-09T08:00:00Z", "end": "2026-03-09T09:00:00Z"}},
            "input": [{"type": kind, "valueDateTime": "2026-03-09T08:30:00Z"}],
        })
    }

    #[test]
    fn what_is_wrong_with_one_task_is_no_reason_to_leave_the_others() {
        let stored = Stored {
            rtype: "Task".to_owned(),
            id: "t".to_owned(),
            version: 1,
            last_updated: Timestamp::UNIX_EPOCH,
            deleted: false,
            made: crate::store::Made::Post,
            body: Some(b"{".to_vec()),
        };
        assert_eq!(read::legible(&stored), None);
        let fails = |category| told(&stored, Err(Problem::new(category, "processing", "x"))).map_err(|_| ());
        assert_eq!(fails(Category::Internal), Ok(0));
        assert_eq!(fails(Category::Conflict), Ok(0));
        assert_eq!(fails(Category::Busy), Err(()));
        assert_eq!(fails(Category::StorageFull), Err(()));
        assert_eq!(told(&stored, Ok(1)).map_err(|_| ()), Ok(1));
    }

    #[test]
    fn each_level_has_its_times_and_roles() {
        let check = |level: &str, status: &str, time: &str, expected: &[&[&str]]| {
            let now = format!("2026-03-09T{time}Z").parse().unwrap();
            let due = steps(&task(level, status), now, None);
            let roles: Vec<Vec<&str>> =
                due.iter().map(|step| step.roles.iter().map(|(code, _)| *code).collect()).collect();
            assert_eq!(roles, expected, "{level} {status} {time}");
        };
        check("rouge", "requested", "08:29:59", &[]);
        check("rouge", "requested", "08:30:00", &[&["ipa"]]);
        check("rouge", "accepted", "08:59:59", &[]);
        check("rouge", "in-progress", "09:00:00", &[&["oncologue", "medecin-garde"]]);
        check("rouge", "requested", "09:00:00", &[&["ipa"], &["oncologue", "medecin-garde"]]);
        for level in ["orange", "technique"] {
            check(level, "requested", "08:59:59", &[]);
            check(level, "accepted", "09:00:00", &[&["ipa"]]);
            check(level, "requested", "13:00:00", &[&["ipa"], &["oncologue"]]);
        }
        check("jaune", "requested", "08:59:59", &[]);
        check("jaune", "requested", "09:00:00", &[&["ipa"]]);
        check("silence", "requested", "23:00:00", &[]);
    }

    #[test]
    fn at_night_an_orange_alert_waits_for_the_morning_and_a_rouge_one_for_nobody() {
        use jiff::civil::{Weekday, time};
        let days = (Weekday::Monday, Weekday::Friday);
        let check = |level: &str, open: (i8, i8), time_: &str, expected: &[&[&str]]| {
            let (from, to) = (time(open.0, 0, 0, 0), time(open.1, 0, 0, 0));
            let opening = Opening { days, from, to, closed: Holidays::France };
            // Raised on Monday at nine in Paris, to be taken by half past nine, and done by ten.
            let due = steps(&task(level, "requested"), time_.parse().unwrap(), Some(&opening));
            let roles: Vec<Vec<&str>> =
                due.iter().map(|step| step.roles.iter().map(|(code, _)| *code).collect()).collect();
            assert_eq!(roles, expected, "{level} {open:?} {time_}");
        };
        check("orange", (8, 18), "2026-03-09T10:00:00+01:00", &[&["ipa"]]);
        check("orange", (13, 18), "2026-03-09T13:59:59+01:00", &[]);
        check("orange", (13, 18), "2026-03-09T14:00:00+01:00", &[&["ipa"]]);
        check("orange", (13, 18), "2026-03-09T18:00:00+01:00", &[&["ipa"], &["oncologue"]]);
        // At most a day, however little it is open.
        check("technique", (7, 8), "2026-03-10T07:59:59+01:00", &[]);
        check("technique", (7, 8), "2026-03-10T08:00:00+01:00", &[&["ipa"]]);
        check("technique", (7, 8), "2026-03-10T09:00:00+01:00", &[&["ipa"], &["oncologue"]]);
        check("rouge", (8, 18), "2026-03-09T09:00:00+01:00", &[]);
        check("rouge", (10, 18), "2026-03-09T09:00:00+01:00", &[&["medecin-garde"]]);
        check("rouge", (10, 18), "2026-03-09T09:30:00+01:00", &[&["medecin-garde"], &["ipa"]]);
        check("jaune", (13, 18), "2026-03-09T10:00:00+01:00", &[&["ipa"]]);
    }

    #[test]
    fn a_step_adds_and_never_takes_away() {
        let now: Timestamp = "2026-03-09T09:00:00Z".parse().unwrap();
        let mut before = task("jaune", "requested");
        before["note"] = json!([{"text": "Appelée deux fois."}]);
        let step = steps(&before, now, None).remove(0);
        assert!(!is_done(&before, &step));
        let late = after(&before, &step, now);
        assert_eq!(structure::check(&late), []);
        assert!(is_done(&late, &step));
        assert_eq!(late["reasonCode"]["coding"][0]["code"], "orange");
        assert_eq!((&late["priority"], &late["status"]), (&json!("asap"), &json!("requested")));
        assert_eq!(late["note"].as_array().unwrap().len(), 2);
        assert_eq!(late["performerType"].as_array().unwrap().len(), 1, "the role was there");
        // Jaune no longer: four hours later it is for the oncologist.
        let later: Timestamp = "2026-03-09T13:00:00Z".parse().unwrap();
        let open = steps(&late, later, None);
        assert_eq!(open.iter().map(|step| step.roles).collect::<Vec<_>>(), [&[ONCOLOGIST]]);
        let mut stat = task("rouge", "requested");
        stat["priority"] = json!("stat");
        assert_eq!(after(&stat, &step, now)["priority"], "stat");
    }
}
