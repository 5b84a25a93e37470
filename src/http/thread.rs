//! The priority of the threads that serve.
//!
//! There are as many of them as processors, and beside them one that writes to the embedded store. Sharing alike they overtake it,
//! until every client waits for its commit and they stand still. Who answers gives way to who commits: what has been
//! decided is on disk sooner, and more is committed in the same time (`benches/README.md`).

/// Adds to the nice value of the thread that calls, which is at most 19 (Linux, where it belongs to one thread; `setpriority(2)`).
/// Elsewhere nothing happens. What cannot be had is told in the log, and served without.
#[cfg(target_os = "linux")]
pub(super) fn give_way(nice: u8) {
    if nice == 0 {
        return;
    }
    if let Err(fault) = rustix::process::nice(i32::from(nice)) {
        tracing::warn!(nice, %fault, "a thread that serves keeps its priority");
    }
}

/// The nice value belongs to the whole process here.
#[cfg(not(target_os = "linux"))]
pub(super) const fn give_way(_nice: u8) {}
