//! How fast a store is filled, part by part, and how far the filling is.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Windows of a filling.
const WINDOWS: usize = 20;
/// Resources of a window at least: many groups of what is committed together.
const WINDOW_MIN: usize = 10_000;

/// One part of a filling.
pub(crate) struct Window {
    /// Units in the store at its end.
    pub(crate) reached: usize,
    pub(crate) resources: f64,
    pub(crate) seconds: f64,
    /// On a processor, of the thread that writes.
    pub(crate) writer_seconds: f64,
    /// Bytes that this process had written.
    pub(crate) written: f64,
}

/// Where the filling is, and the windows behind it.
pub(crate) struct Windows {
    every: usize,
    total: usize,
    /// Units in the store.
    units: usize,
    /// Units that this filling began with.
    before: usize,
    resources: usize,
    start: Marks,
    done: Vec<Window>,
}

struct Marks {
    at: Instant,
    writer_seconds: f64,
    written: f64,
}

impl Windows {
    /// Of a filling up to so many resources in so many units.
    pub(crate) fn new(size: usize, total: usize) -> Self {
        Self {
            every: (size / WINDOWS).max(WINDOW_MIN),
            total,
            units: 0,
            before: usize::MAX,
            resources: 0,
            start: Marks::now(),
            done: Vec::new(),
        }
    }

    /// All of it is one window, however much it is.
    pub(crate) fn whole(total: usize) -> Self {
        Self { every: usize::MAX, ..Self::new(0, total) }
    }

    /// A part begins where so many units are there.
    pub(crate) fn begin(&mut self, units: usize) {
        self.before = self.before.min(units);
        (self.units, self.resources, self.start) = (units, 0, Marks::now());
    }

    /// One unit more.
    pub(crate) fn add(&mut self, resources: usize) {
        self.units += 1;
        self.resources += resources;
        if self.resources >= self.every {
            self.close();
        }
    }

    fn close(&mut self) {
        let now = Marks::now();
        self.done.push(Window {
            reached: self.units,
            resources: self.resources as f64,
            seconds: (now.at - self.start.at).as_secs_f64(),
            writer_seconds: now.writer_seconds - self.start.writer_seconds,
            written: now.written - self.start.written,
        });
        (self.start, self.resources) = (now, 0);
    }

    /// Says on the terminal how far it is, and when it will be done.
    pub(crate) fn tell(&self, elapsed: Duration) {
        let done = self.units.saturating_sub(self.before).max(1) as f64;
        let left = (self.total - self.units) as f64 * elapsed.as_secs_f64() / done;
        let part = self.units as f64 / self.total as f64 * 100.0;
        // A line that cannot be written is no reason to stop.
        let _ = writeln!(
            std::io::stderr(),
            "{part:5.1} % of {} units after {:.0} s, {left:.0} s to go",
            self.total,
            elapsed.as_secs_f64()
        );
    }

    pub(crate) fn all(mut self) -> Vec<Window> {
        if self.every == usize::MAX {
            self.close();
        }
        self.done
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
