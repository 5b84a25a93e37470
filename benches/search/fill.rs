//! Filling: threads make the units, the store commits them in order, as it commits those of clients. What is there of an earlier
//! filling is gone on with.
//!
//! Most of it is there to be searched only, and is written in larger groups. The last part is written as the service writes, 64
//! units side by side, by turns with the first part of a store where the same people are and no week yet: how the two compare
//! tells what ingest loses as a store grows, and what else the machine does meets both.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::Poll;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use vigie::clock::{Ids, SystemIds};
use vigie::problem::Problem;
use vigie::store::{Committed, Pending, Store, Unit};

use crate::place::{Mode, Place};
use crate::population::{Population, WEEKS};
use crate::template::{Filling, Template, Templates};
use crate::window::{Window, Windows};

/// Units that wait to be committed side by side, as the answers of so many clients would.
const CLIENTS: usize = 64;
/// In bulk.
const CLIENTS_BULK: usize = 512;
/// Threads that make units.
const MAKERS: usize = 2;
/// Units that each of them may be ahead.
const AHEAD: usize = 128;
/// Resources of a turn: many groups of what is committed together.
const TURN: usize = 10_000;
/// Turns. What the first of them took is not told: neither store has its pages in memory then.
const TURNS: usize = 9;
/// Counts the units of a filling: it is moved on by each of them, in the same transaction.
const STREAM: &str = "bench/filled";
/// How often it is told how far the filling is.
const PROGRESS: Duration = Duration::from_secs(15);

/// What the filling of one size told.
pub(crate) struct Filled {
    /// Of what was written in large groups.
    pub(crate) windows: Vec<Window>,
    /// Beginning and end, by turns; none where the store was full, or is too small to have an end.
    pub(crate) turns: Vec<(Window, Window)>,
}

/// Writes so many resources, the weeks of all patients one after the other. `beginning` is a place for the store that the end is
/// compared with.
pub(crate) async fn fill(
    place: &Place,
    beginning: &Place,
    templates: &Arc<Templates>,
    population: &Population,
    size: usize,
) -> Filled {
    let total = population.patients * (WEEKS + 1);
    let turn = (TURN as f64 / templates.resources_a_response()).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
    let turn = turn as usize;
    let people = population.patients;
    let end = if total > people + 2 * turn * TURNS { total - turn * TURNS } else { total };
    let mut windows = Windows::new(size, total);
    let start = Instant::now();
    let store = place.open(Mode::Bulk).await;
    let done = done(store.as_ref()).await;
    if done < end {
        windows.begin(done);
        let makers = makers(templates, population, done, end);
        write(store.as_ref(), &makers, CLIENTS_BULK, &mut windows, start).await;
    }
    drop(store);
    let mut turns = Vec::new();
    if end < total && done < total {
        turns = by_turns(place, beginning, templates, population, turn).await;
    }
    Filled { windows: windows.all(), turns }
}

/// Units that are there.
async fn done(store: &dyn Store) -> usize {
    usize::try_from(store.stream(STREAM).await.expect("a stream")).expect("a count")
}

async fn by_turns(
    place: &Place,
    beginning: &Place,
    templates: &Arc<Templates>,
    population: &Population,
    turn: usize,
) -> Vec<(Window, Window)> {
    let total = population.patients * (WEEKS + 1);
    beginning.remove().await;
    let store = beginning.open(Mode::Bulk).await;
    let people = makers(templates, population, 0, population.patients);
    write(store.as_ref(), &people, CLIENTS_BULK, &mut Windows::new(0, total), Instant::now()).await;
    drop(store);
    let stores = [beginning.open(Mode::Service).await, place.open(Mode::Service).await];
    let mut turns = Vec::new();
    for n in 0..TURNS {
        let mut both = Vec::new();
        for store in &stores {
            let done = done(store.as_ref()).await;
            let end = (done + turn).min(total);
            let makers = makers(templates, population, done, end);
            let mut windows = Windows::whole(total);
            windows.begin(done);
            write(store.as_ref(), &makers, CLIENTS, &mut windows, Instant::now()).await;
            both.extend(windows.all());
        }
        if let (true, Ok([first, last])) = (n > 0, <[Window; 2]>::try_from(both)) {
            turns.push((first, last));
        }
    }
    drop(stores);
    beginning.remove().await;
    turns
}

fn written(committed: Result<Committed, Problem>, resources: usize, windows: &mut Windows) {
    let committed = committed.expect("a unit is written");
    assert!(matches!(committed, Committed::Written(_)), "every unit is new");
    windows.add(resources);
}

/// Commits the units in order, so many side by side.
async fn write(
    store: &dyn Store,
    makers: &[Receiver<Unit>],
    clients: usize,
    windows: &mut Windows,
    start: Instant,
) {
    let mut waiting: VecDeque<(usize, Pending<'_, Committed>)> = VecDeque::with_capacity(clients);
    let mut told = Instant::now();
    for n in 0.. {
        let unit = makers[n % makers.len()].recv().ok();
        let ended = unit.is_none();
        if let Some(unit) = unit {
            let resources = unit.writes.len();
            let mut commit = store.commit(unit);
            // Asked once now, so that it has its place in the queue before the next one. Where nothing waits for a disk it
            // may be answered by then.
            match poll_fn(|cx| Poll::Ready(commit.as_mut().poll(cx))).await {
                Poll::Ready(committed) => written(committed, resources, windows),
                Poll::Pending => waiting.push_back((resources, commit)),
            }
        }
        while waiting.len() >= clients || ended {
            let Some((resources, commit)) = waiting.pop_front() else { return };
            written(commit.await, resources, windows);
        }
        if told.elapsed() > PROGRESS {
            told = Instant::now();
            windows.tell(start.elapsed());
        }
    }
}

/// Threads that make the units from `first` to before `end`: the nth comes from the nth of them, and round again.
fn makers(
    templates: &Arc<Templates>,
    population: &Population,
    first: usize,
    end: usize,
) -> Vec<Receiver<Unit>> {
    let start = |maker: usize| {
        let (sender, units) = sync_channel(AHEAD);
        let (templates, population) = (Arc::clone(templates), Population { ..*population });
        std::thread::spawn(move || make(&templates, &population, (first + maker, end), &sender));
        units
    };
    (0..MAKERS).map(start).collect()
}

/// Everybody is there before the first week.
fn make(
    templates: &Templates,
    population: &Population,
    (first, end): (usize, usize),
    sender: &SyncSender<Unit>,
) {
    let everybody = population.order(0).map(|patient| (patient, None));
    let weeks =
        (0..WEEKS).flat_map(|week| population.order(week + 1).map(move |patient| (patient, Some(week))));
    let own = everybody.chain(weeks).take(end).skip(first).step_by(MAKERS);
    for (patient, week) in own {
        let course = population.course(patient);
        let template = match week {
            None => &templates.people[course],
            Some(week) => &templates.weeks[course][week % templates.weeks[course].len()],
        };
        let unit = unit(template, population, patient, week.unwrap_or(0));
        if sender.send(unit).is_err() {
            return;
        }
    }
}

/// One week more than was filled, of so many patients; how many resources that were.
pub(crate) async fn one_more_week(
    store: &dyn Store,
    templates: &Templates,
    population: &Population,
    units: usize,
) -> usize {
    let mut waiting: VecDeque<Pending<'_, Committed>> = VecDeque::with_capacity(CLIENTS);
    let mut resources = 0;
    let weeks = (WEEKS..).flat_map(|week| population.order(week + 1).map(move |patient| (patient, week)));
    for (patient, week) in weeks.take(units) {
        let course = population.course(patient);
        let template = &templates.weeks[course][week % templates.weeks[course].len()];
        let unit = unit(template, population, patient, week);
        resources += unit.writes.len();
        let mut commit = store.commit(unit);
        // Asked once now, so that it has its place in the queue before the next one.
        if poll_fn(|cx| Poll::Ready(commit.as_mut().poll(cx))).await.is_pending() {
            waiting.push_back(commit);
        }
        if waiting.len() >= CLIENTS
            && let Some(first) = waiting.pop_front()
        {
            first.await.expect("a unit is written");
        }
    }
    for commit in waiting {
        commit.await.expect("a unit is written");
    }
    resources
}

fn unit(template: &Template, population: &Population, patient: usize, week: usize) -> Unit {
    let key = Population::patient(patient);
    let day = Population::day(patient, week);
    let at = day
        .at(9, 0, 0, 0)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_or(Timestamp::UNIX_EPOCH, |at| at.timestamp());
    let ids: Vec<String> = (0..template.size()).map(|_| SystemIds.next()).collect();
    let filling = Filling {
        ids: &ids,
        number: patient,
        patient: &key,
        day: &day.to_string(),
        owner: &population.nurse(patient),
        status: Population::status(patient, week),
    };
    let streams = vec![STREAM.to_owned()];
    Unit { writes: template.writes(&filling), streams, ..Unit::new("bench", at) }
}
