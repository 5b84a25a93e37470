//! What searches take besides time: how often a page was read from the file, how much of that came from the disk, and processor
//! time. Other work on the machine changes none of it.

use std::fs;

/// Counts of this process; of one search, when they are the difference of two.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Calls that read: pages that were not in a reader's cache.
    pub(crate) reads: f64,
    /// Bytes that were not in memory either.
    pub(crate) from_disk: f64,
    /// Nanoseconds on a processor, of all threads.
    pub(crate) processor: f64,
}

impl Cost {
    pub(crate) fn now() -> Self {
        let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
        let of = |name: &str| {
            let found = io.lines().find_map(|line| line.strip_prefix(name));
            found.and_then(|text| text.trim().parse().ok()).unwrap_or(0.0)
        };
        Self { reads: of("syscr: "), from_disk: of("read_bytes: "), processor: processor() }
    }

    /// What it takes to count.
    pub(crate) fn of_asking() -> Self {
        let before = Self::now();
        Self::now().since(&before, 1)
    }

    /// The mean of so many searches, with so many more that took that together.
    pub(crate) fn with(&self, count: usize, more: &Self, added: usize) -> Self {
        let all = (count + added).max(1) as f64;
        let mean = |one: f64, two: f64| (one * count as f64 + two) / all;
        self.each(more, mean)
    }

    /// Without what the counting took.
    pub(crate) fn less(&self, own: &Self) -> Self {
        self.each(own, |all, own| (all - own).max(0.0))
    }

    fn each(&self, other: &Self, figure: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            reads: figure(self.reads, other.reads),
            from_disk: figure(self.from_disk, other.from_disk),
            processor: figure(self.processor, other.processor),
        }
    }

    /// What has been added since, for each of so many.
    pub(crate) fn since(&self, before: &Self, count: usize) -> Self {
        let each = |now: f64, then: f64| (now - then) / count.max(1) as f64;
        Self {
            reads: each(self.reads, before.reads),
            from_disk: each(self.from_disk, before.from_disk),
            processor: each(self.processor, before.processor),
        }
    }
}

fn processor() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux lists threads");
    let of = |path: std::path::PathBuf| {
        let text = fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.filter_map(|task| of(task.ok()?.path())).sum()
}
