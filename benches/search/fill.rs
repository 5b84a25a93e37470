//! Filling: one thread makes the units, the store commits them as it commits those of clients.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::{Mutex, mpsc};
use vigie::clock::{Ids, SystemIds};
use vigie::store::{Committed, Store, Unit};

use crate::population::{Population, WEEKS};
use crate::template::{Filling, Template, Templates};

/// Units that wait to be committed side by side, as the answers of so many clients would.
const CLIENTS: usize = 64;
/// Windows of a filling.
const WINDOWS: usize = 20;
/// Resources of a window at least: many groups of what is committed together.
const WINDOW_MIN: usize = 5_000;

/// One part of a filling.
pub(crate) struct Window {
    /// Resources in the store at its end.
    pub(crate) reached: usize,
    pub(crate) resources: f64,
    pub(crate) seconds: f64,
    /// On a processor, of the thread that writes.
    pub(crate) writer_seconds: f64,
    /// Bytes that this process had written.
    pub(crate) written: f64,
}

/// Writes so many resources, the weeks of all patients one after the other.
pub(crate) async fn fill(
    store: &Arc<dyn Store>,
    templates: &Arc<Templates>,
    population: &Population,
    size: usize,
) -> Vec<Window> {
    let (sender, units) = mpsc::channel(2 * CLIENTS);
    let (all, whom) = (Arc::clone(templates), Population { ..*population });
    let maker = std::thread::spawn(move || make(&all, &whom, &sender));
    let units = Mutex::new(units);
    let progress = Mutex::new(Progress::new(size));
    let client = || async {
        loop {
            let next = units.lock().await.recv().await;
            let Some(unit) = next else { return };
            let resources = unit.writes.len();
            let committed = store.commit(unit).await.expect("room in the queue");
            assert!(matches!(committed, Committed::Written(_)), "every unit is new");
            progress.lock().await.add(resources);
        }
    };
    join_all((0..CLIENTS).map(|_| client())).await;
    maker.join().expect("no panic while units are made");
    progress.into_inner().windows
}

/// Everybody is there before the first week.
fn make(templates: &Templates, population: &Population, sender: &mpsc::Sender<Unit>) {
    for patient in population.order(0) {
        let template = &templates.people[population.course(patient)];
        if !send(template, population, (patient, 0), sender) {
            return;
        }
    }
    for week in 0..WEEKS {
        for patient in population.order(week + 1) {
            let weeks = &templates.weeks[population.course(patient)];
            if !send(&weeks[week % weeks.len()], population, (patient, week), sender) {
                return;
            }
        }
    }
}

fn send(
    template: &Template,
    population: &Population,
    (patient, week): (usize, usize),
    sender: &mpsc::Sender<Unit>,
) -> bool {
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
    let unit = Unit { writes: template.writes(&filling), ..Unit::new("bench", at) };
    sender.blocking_send(unit).is_ok()
}

/// Where the filling is, and the windows behind it.
struct Progress {
    every: usize,
    done: usize,
    windows: Vec<Window>,
    start: Marks,
    begun: usize,
}

struct Marks {
    at: Instant,
    writer_seconds: f64,
    written: f64,
}

impl Progress {
    fn new(size: usize) -> Self {
        Self {
            every: (size / WINDOWS).max(WINDOW_MIN),
            done: 0,
            windows: Vec::new(),
            start: Marks::now(),
            begun: 0,
        }
    }

    fn add(&mut self, resources: usize) {
        self.done += resources;
        if self.done - self.begun < self.every {
            return;
        }
        let now = Marks::now();
        self.windows.push(Window {
            reached: self.done,
            resources: (self.done - self.begun) as f64,
            seconds: (now.at - self.start.at).as_secs_f64(),
            writer_seconds: now.writer_seconds - self.start.writer_seconds,
            written: now.written - self.start.written,
        });
        (self.start, self.begun) = (now, self.done);
    }
}

impl Marks {
    fn now() -> Self {
        Self { at: Instant::now(), writer_seconds: writer_seconds(), written: written() }
    }
}

/// Seconds on a processor of the store's writer; 0 where the store has no such thread.
fn writer_seconds() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux lists threads");
    let used = tasks.filter_map(|task| {
        let path = task.ok()?.path();
        let name = fs::read_to_string(path.join("comm")).ok()?;
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        (name.trim() == "store-writer").then(|| text.split(' ').next()?.parse::<f64>().ok())?
    });
    used.sum::<f64>() / 1e9
}

/// Bytes that this process had written to storage.
fn written() -> f64 {
    let text = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let found = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    found.and_then(|bytes| bytes.parse().ok()).unwrap_or(0.0)
}
