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
