//! Held documents go out by themselves once the identity is qualified: nobody has to sign again.
//!
//! Whatever makes an identity qualified (a `PUT`, a patch, a transaction, `ADT` by MLLP, a merge) writes a Patient. A
//! [`Follower`] reads the feed of Patients, finds the open Tasks of held documents about those, and writes in one unit the new
//! edition of the signed report, its deliveries, and the end of the Tasks.
//!
//! - Exactly once, whatever dies and however many replicas follow: the unit expects the versions of report, document, Tasks and
//!   Patient that it was decided with, so that one of them is written and the others find the Task ended.
//! - Nothing is lost: what is followed is remembered in the process alone, and a new process looks at every held document.
//! - What cannot be made is told on the Task, once, and tried again when the Patient changes or a process looks at everything.
//!
//! An identity may also lose its qualification, or end in another one, while a delivery waits: then the delivery is held when
//! it is to leave (`interaction::second_look`), and its document goes out from here like any other that is held. What went out
//! before that is looked at too ([`mod@sent`]): a person is told who has a document under an identity that is no longer
//! the patient's.

mod sent;
mod undelivered;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::json::Value;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::dispatch::{Demand, held};
use super::finalize::{Again, again, is_final};
use super::{Context, incoming, merged, read, tell_outages};
use crate::fhir::datetime::instant;
use crate::fhir::element;
use crate::identity::{Qualification, Traits, qualify};
use crate::problem::{Category, Issue, Problem};
use crate::store::{Committed, History, Stored, Unit, Violation};

/// Versions of Patients read at once.
const PAGE: usize = 200;

/// How far back a new process looks for identities that changed: far longer than every process is away at once, and short
/// enough to be read at a start.
const LOOK_BACK: SignedDuration = SignedDuration::from_hours(72);

/// How far back a wake is looked behind: clocks of replicas differ.
const WOKEN_BACK: SignedDuration = SignedDuration::from_mins(2);

/// How often every held document is looked at, whatever the feed says, in looks at the feed.
const EVERYTHING_EVERY: u32 = 600;
/// How often it is looked for destinations that do not answer, in looks at the feed.
const OUTAGES_EVERY: u32 = 30;

/// How far one process has followed the feed of Patients. A new one looks at every held document first.
#[derive(Debug, Default)]
pub struct Follower {
    /// Where it goes on.
    cursor: Option<String>,
    /// It has looked at what changed before it was there.
    has_looked_back: bool,
    /// Deliveries may have been held since then.
    held_since: Option<Timestamp>,
}

impl Follower {
    /// Deliveries moved: one may have been held, whose identity is qualified all the same (a merge).
    fn woken(&mut self, ctx: &Context) {
        let since = incoming::now(ctx).checked_sub(WOKEN_BACK).ok();
        self.held_since = self.held_since.min(since).or(since);
    }
}

/// Releases what can go now, and follows the feed to its end; answers how many documents went out.
///
/// # Errors
/// Those of the store: the next step begins where this one did.
pub async fn release(ctx: &Context, follower: &mut Follower) -> Result<usize, Problem> {
    let Some(mut cursor) = follower.cursor.clone() else {
        // The end of the feed first: what changes while everything is looked at is seen then.
        let end = end(ctx).await?;
        let released = documents(ctx, held::open(ctx, &[]).await?).await?;
        if !follower.has_looked_back {
            look_back(ctx).await?;
            follower.has_looked_back = true;
        }
        follower.cursor = end;
        return Ok(released);
    };
    let mut released = 0;
    if let Some(since) = follower.held_since.take() {
        let since = format!("ge{}", instant(since));
        released += documents(ctx, held::open(ctx, &[("_lastUpdated", since.as_str())]).await?).await?;
    }
    loop {
        let mut changes = patients(PAGE);
        changes.after = Some(cursor.clone());
        let page = ctx.store.history(&changes).await?;
        for version in &page.versions {
            identity_of(ctx, version).await?;
        }
        let changed: BTreeSet<String> =
            page.versions.iter().map(|stored| format!("{}/{}", stored.rtype, stored.id)).collect();
        for patient in changed {
            for record in merged::with_ended(ctx, &patient).await? {
                released += documents(ctx, held::open(ctx, &[("patient", &record)]).await?).await?;
            }
        }
        cursor = page.last.unwrap_or(cursor);
        follower.cursor = Some(cursor.clone());
        if !page.more {
            return Ok(released);
        }
    }
}

/// Looks at the Patients of the last days: what the last process did not come to before it died.
async fn look_back(ctx: &Context) -> Result<(), Problem> {
    let mut changes = patients(PAGE);
    changes.since = incoming::now(ctx).checked_sub(LOOK_BACK).ok();
    loop {
        let page = ctx.store.history(&changes).await?;
        for version in &page.versions {
            identity_of(ctx, version).await?;
        }
        changes.after = page.last.or(changes.after);
        if !page.more {
            return Ok(());
        }
    }
}

/// What a version of a Patient means for what was sent before.
async fn identity_of(ctx: &Context, version: &Stored) -> Result<(), Problem> {
    if !sent::changes_identity(ctx, version).await? {
        return Ok(());
    }
    match sent::tell(ctx, version).await {
        // Merged in a circle, or damaged: no process can tell who is who, and the others wait behind.
        Err(problem) if matches!(problem.category, Category::Conflict | Category::Damaged) => {
            tracing::warn!(patient = %version.id, %problem, "what was sent about a patient could not be looked at");
            Ok(())
        }
        told => told,
    }
}

/// Ends the Tasks of deliveries that did not arrive and now did, or were stopped; answers how many.
///
/// # Errors
/// Those of the store.
pub async fn close_arrived(ctx: &Context) -> Result<usize, Problem> {
    undelivered::close(ctx).await
}

/// Follows until `stop` turns true. `patience` is how long a delivery may go without an answer before a person is told.
pub async fn follow(ctx: &Context, pause: Duration, patience: Duration, mut stop: watch::Receiver<bool>) {
    let mut follower = Follower::default();
    let mut looks = 0;
    let mut wakes = ctx.store.wakes();
    wakes.mark_changed();
    while !*stop.borrow() {
        if looks == EVERYTHING_EVERY {
            (follower.cursor, looks) = (None, 0);
            wakes.mark_changed();
        }
        // What arrives or is stopped is told to those who wait for deliveries.
        if wakes.has_changed().unwrap_or(false) {
            wakes.mark_unchanged();
            follower.woken(ctx);
            if let Err(problem) = close_arrived(ctx).await {
                tracing::warn!(%problem, "Tasks of deliveries could not be looked at");
                wakes.mark_changed();
            }
        }
        if looks % OUTAGES_EVERY == 0
            && let Err(problem) = tell_outages(ctx, patience).await
        {
            tracing::warn!(%problem, "destinations that do not answer could not be looked at");
        }
        looks += 1;
        match release(ctx, &mut follower).await {
            Ok(0) => {}
            Ok(documents) => tracing::info!(documents, "held documents were released"),
            Err(problem) => tracing::warn!(%problem, "held documents could not be looked at"),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

fn patients(count: usize) -> History {
    History { rtype: Some("Patient".to_owned()), oldest_first: true, ..History::new(count) }
}

/// Where the feed of Patients ends now.
async fn end(ctx: &Context) -> Result<Option<String>, Problem> {
    let mut latest = patients(PAGE);
    latest.since = Some(ctx.clock.now());
    let mut last = None;
    loop {
        let page = ctx.store.history(&latest).await?;
        last = page.last.or(last);
        latest.after.clone_from(&last);
        if !page.more {
            return Ok(last);
        }
    }
}

/// Each document of these Tasks.
async fn documents(ctx: &Context, tasks: Vec<Value>) -> Result<usize, Problem> {
    let mut by_document = BTreeMap::<String, Vec<Value>>::new();
    for task in tasks {
        if let Some(document) = element::str_at(&task, "focus.reference") {
            by_document.entry(document.to_owned()).or_default().push(task);
        }
    }
    let mut released = 0;
    for (document, tasks) in by_document {
        released += usize::from(one(ctx, &document, tasks).await?);
    }
    Ok(released)
}

/// Decides about one document until nobody writes in between; whether it went out by this.
async fn one(ctx: &Context, document: &str, mut tasks: Vec<Value>) -> Result<bool, Problem> {
    for _ in 0..ctx.settings.rounds_max {
        let decision = match decide(ctx, document, &tasks).await {
            // The documents of others do not wait for it.
            Err(damage) if damage.category == Category::Damaged => {
                tracing::error!(document, %damage, "a held document cannot be decided about");
                told(&tasks, DAMAGED, incoming::now(ctx))?
            }
            decision => decision?,
        };
        let (unit, goes) = match decision {
            Decision::Wait => return Ok(false),
            Decision::Write { unit, goes } => (unit, goes),
        };
        match ctx.store.commit(unit).await? {
            Committed::Written(_) => return Ok(goes),
            Committed::Refused(Violation::Version { .. } | Violation::Delivery { .. }) => {
                tasks = held::open(ctx, &[("focus", document)]).await?;
                if tasks.is_empty() {
                    return Ok(false);
                }
            }
            Committed::Refused(violation) => return Err(super::create::refused(&violation)),
        }
    }
    Err(Problem::new(Category::Busy, "throttled", "others write about the same held document"))
}

enum Decision {
    /// Nothing is to be done now.
    Wait,
    /// This is to be written, and with it the document goes out, or does not.
    Write { unit: Unit, goes: bool },
}

async fn decide(ctx: &Context, document: &str, tasks: &[Value]) -> Result<Decision, Problem> {
    let at = incoming::now(ctx);
    let Some(report) = report(ctx, document).await? else {
        let why = "Le document a été remplacé ou retiré : il ne sera pas envoyé.";
        return end_all(tasks, why, at).map(|unit| Decision::Write { unit, goes: false });
    };
    let patient = match patient(ctx, &report).await {
        Ok(Some(patient)) => patient,
        Ok(None) => return Ok(Decision::Wait),
        // No process can tell who is who: a person is told, and the documents of others do not wait for it.
        Err(problem) if problem.category == Category::Conflict => {
            return told(tasks, merged::IN_A_CIRCLE, at);
        }
        Err(problem) => return Err(problem),
    };
    let environment = ctx.settings.issuer.environment;
    let qualified = matches!(qualify(&Traits::of(&patient), environment), Qualification::Qualified(_));
    // What was held because it carried an INS goes without one where any identity is taken.
    if !qualified && !tasks.iter().filter_map(held::destination).any(|name| takes_any(ctx, name)) {
        return Ok(Decision::Wait);
    }
    let held_from = tasks.iter().filter_map(held::destination).map(str::to_owned).collect();
    match again(ctx, &report, &held_from, at).await? {
        Again::Made { mut unit, reference } => {
            for task in tasks {
                let name = held::destination(task).unwrap_or_default();
                let ended = if unit.deliveries.iter().any(|one| one.destination == name) {
                    held::released(task, &reference, at)?
                } else if !qualified && !takes_any(ctx, name) {
                    held::ended(task, NEXT_IS_HELD, at)?
                } else {
                    held::ended(task, "Cette destination ne reçoit plus ce compte rendu.", at)?
                };
                unit.writes.push(ended);
            }
            Ok(Decision::Write { unit, goes: true })
        }
        Again::Hindered(problem) => hindered(tasks, &problem, at),
    }
}

/// What ends the Task of an edition whose next one is held in its place.
const NEXT_IS_HELD: &str = "Une édition plus récente du document est retenue à sa place.";

/// What is told where what is held cannot be read any more.
const DAMAGED: &str = "Ce que le service a enregistré du compte rendu ou du patient est endommagé : le document ne part pas. Le remettre \
                       par un autre moyen et prévenir l'exploitant, qui a peut-être une sauvegarde.";

/// Whether that destination takes an identity that is not qualified.
fn takes_any(ctx: &Context, name: &str) -> bool {
    ctx.settings.destinations.iter().any(|one| one.name == name && one.takes.identity == Demand::Any)
}

/// The report of a document that is the current one.
async fn report(ctx: &Context, document: &str) -> Result<Option<Value>, Problem> {
    let Some(described) = resolve(ctx, document).await? else { return Ok(None) };
    if described["status"] != "current" {
        return Ok(None);
    }
    let related = element::list(&described["context"], "related");
    let mut named = related.filter_map(|one| element::str_at(one, "reference"));
    match named.find(|reference| reference.starts_with("DiagnosticReport/")) {
        Some(reference) => Ok(resolve(ctx, reference).await?.filter(is_final)),
        None => Ok(None),
    }
}

/// The patient, in the record that the one of the report was merged into.
async fn patient(ctx: &Context, report: &Value) -> Result<Option<Value>, Problem> {
    let Some(reference) = incoming::patient(report) else { return Ok(None) };
    match resolve(ctx, &reference).await? {
        Some(patient) => merged::survivor(ctx, patient).await.map(Some),
        None => Ok(None),
    }
}

async fn resolve(ctx: &Context, reference: &str) -> Result<Option<Value>, Problem> {
    match reference.split_once('/') {
        Some((rtype, id)) => read::current(ctx, rtype, id).await,
        None => Ok(None),
    }
}

fn end_all(tasks: &[Value], why: &str, at: Timestamp) -> Result<Unit, Problem> {
    let mut unit = Unit::new("release", at);
    for task in tasks {
        unit.writes.push(held::ended(task, why, at)?);
    }
    Ok(unit)
}

/// Says on each Task why the document cannot be made, unless it says so already.
fn hindered(tasks: &[Value], problem: &Problem, at: Timestamp) -> Result<Decision, Problem> {
    let said = |issue: &Issue| match issue.text {
        Some(_) => issue.in_french().into_owned(),
        None => format!("{} [pour l'intégrateur : {}]", issue.in_french(), issue.diagnostics),
    };
    let reasons: Vec<String> = problem.issues.iter().map(said).collect();
    let why = format!(
        "L'identité est qualifiée, mais le document ne peut pas être établi : {}. Corriger, puis signer à nouveau.",
        reasons.join(" ; ")
    );
    told(tasks, &why, at)
}

fn told(tasks: &[Value], why: &str, at: Timestamp) -> Result<Decision, Problem> {
    let mut unit = Unit::new("release", at);
    for task in tasks {
        unit.writes.extend(held::hindered(task, why, at)?);
    }
    Ok(if unit.writes.is_empty() { Decision::Wait } else { Decision::Write { unit, goes: false } })
}
