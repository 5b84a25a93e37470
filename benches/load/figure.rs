//! Figures: medians, percentiles, and what a process has used so far.

use std::fs;

/// The value in the middle; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value below which that part of the others lies; 0 of nothing.
pub(crate) fn percentile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return 0.0;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a list")]
    let place = ((sorted.len() - 1) as f64 * part).round() as usize;
    sorted[place]
}

/// Seconds on a processor of this thread, to the nanosecond.
pub(crate) fn thread_seconds() -> f64 {
    // The figure is brought up to date when the thread gives way.
    std::thread::yield_now();
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says what a thread used");
    text.split(' ').next().and_then(|first| first.parse::<f64>().ok()).expect("nanoseconds come first") / 1e9
}

/// Seconds on a processor of a whole process, in steps of 10 ms; `self` is this one.
pub(crate) fn process_seconds(pid: &str) -> f64 {
    let (user, kernel) = user_and_kernel_seconds(pid);
    user + kernel
}

/// The same in two: in the program itself, and in the kernel for it.
pub(crate) fn user_and_kernel_seconds(pid: &str) -> (f64, f64) {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).expect("Linux says what a process used");
    let after_name = text.rsplit(") ").next().unwrap_or_default();
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks = |n: usize| fields.get(n).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) / 100.0, ticks(12) / 100.0)
}

/// Seconds in which processors of the machine had nothing to do, all of them together.
pub(crate) fn idle_seconds() -> f64 {
    let text = fs::read_to_string("/proc/stat").expect("Linux says what its processors did");
    let idle = text.lines().next().and_then(|line| line.split_whitespace().nth(4)?.parse::<f64>().ok());
    idle.unwrap_or(0.0) / 100.0
}

/// One line of `/proc/PID/status` that is in KiB, in MiB.
pub(crate) fn memory(pid: &str, line: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let found = text.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
    found.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
