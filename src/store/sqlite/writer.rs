//! The one thread that writes: it commits at once when nothing waits, and groups what has queued up meanwhile.
//!
//! One piece of work that is refused does not spoil the group: it is refused before it has written anything, or else the
//! group is begun anew, each piece in a savepoint of its own. A savepoint for every piece would copy each page that it
//! touches first, which took a fifth of a submission.
//! Nobody is answered before the commit of the whole group has returned.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::place::Place;
use super::read::latest;
use crate::problem::Problem;
use crate::store::queue::{busy, gone};

/// What a piece of work leaves: its answer, and whether its writes are kept.
pub(super) struct Done<T> {
    pub(super) answer: T,
    pub(super) keep: bool,
}

/// The sending end of the queue in front of the thread.
pub(super) struct Writer {
    queue: Option<SyncSender<Box<dyn Work>>>,
    thread: Option<JoinHandle<()>>,
}

trait Work: Send {
    /// Runs inside the group's transaction, before which the feed stood there; whether its writes are kept. Runs again, on the
    /// same state, when the transaction had to be begun anew.
    fn run(&mut self, conn: &Connection, visible: Option<i64>) -> bool;
    /// Answers, once the fate of the group is known.
    fn finish(self: Box<Self>, group: Result<(), Problem>);
    /// Deliveries may have become due.
    fn wakes(&self) -> bool;
    /// Why it failed.
    fn failure(&self) -> Problem;
}

struct Piece<T, F> {
    run: F,
    outcome: Option<Result<T, Problem>>,
    reply: oneshot::Sender<Result<T, Problem>>,
    wakes: bool,
}

impl<T: Send, F: FnMut(&Connection, Option<i64>) -> Result<Done<T>, Problem> + Send> Work for Piece<T, F> {
    fn run(&mut self, conn: &Connection, visible: Option<i64>) -> bool {
        let (outcome, keep) = match (self.run)(conn, visible) {
            Ok(done) => (Ok(done.answer), done.keep),
            Err(problem) => (Err(problem), false),
        };
        self.outcome = Some(outcome);
        keep
    }

    fn finish(self: Box<Self>, group: Result<(), Problem>) {
        let Self { run, outcome, reply, .. } = *self;
        // Before the answer: what it shares with who asked is then taken apart there, not by the one thread that writes.
        drop(run);
        let answer = group.and_then(|()| outcome.unwrap_or_else(|| Err(gone())));
        // Who asked may have gone away; what was committed stays.
        let _ = reply.send(answer);
    }

    fn wakes(&self) -> bool {
        self.wakes
    }

    fn failure(&self) -> Problem {
        match &self.outcome {
            Some(Err(problem)) => problem.clone(),
            _ => Problem::internal("the database ended a transaction by itself"),
        }
    }
}

impl Writer {
    pub(super) fn start(
        conn: Connection,
        place: Place,
        queue_max: usize,
        group_max: usize,
        wake: watch::Sender<u64>,
    ) -> Result<Self, Problem> {
        let (sender, receiver) = sync_channel(queue_max);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_all(&conn, &place, &receiver, group_max, &wake))
            .map_err(|e| Problem::internal(format!("the writer thread cannot start: {e}")))?;
        Ok(Self { queue: Some(sender), thread: Some(thread) })
    }

    /// Queues a piece of work; fails with `Busy` at once when the queue is full.
    pub(super) async fn write<T, F>(&self, wakes: bool, run: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnMut(&Connection, Option<i64>) -> Result<Done<T>, Problem> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let piece = Box::new(Piece { run, outcome: None, reply, wakes });
        match self.queue.as_ref().ok_or_else(gone)?.try_send(piece) {
            Ok(()) => answer.await.map_err(|_| gone())?,
            Err(TrySendError::Full(_)) => Err(busy()),
            Err(TrySendError::Disconnected(_)) => Err(gone()),
        }
    }
}

/// Work for the same thread, from a thread that waits; to be dropped before the writer.
pub(super) struct Handle(SyncSender<Box<dyn Work>>);

impl Writer {
    pub(super) fn handle(&self) -> Result<Handle, Problem> {
        self.queue.clone().map(Handle).ok_or_else(gone)
    }
}

impl Handle {
    /// Waits for its place in the queue, and for the commit.
    pub(super) fn run<T, F>(&self, run: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnMut(&Connection, Option<i64>) -> Result<Done<T>, Problem> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let piece = Box::new(Piece { run, outcome: None, reply, wakes: false });
        self.0.send(piece).map_err(|_| gone())?;
        answer.blocking_recv().map_err(|_| gone())?
    }
}

impl Drop for Writer {
    /// Writes what has been queued, then closes the file.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn write_all(
    conn: &Connection,
    place: &Place,
    queue: &Receiver<Box<dyn Work>>,
    group_max: usize,
    wake: &watch::Sender<u64>,
) {
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        group.extend(queue.try_iter().take(group_max - 1));
        let outcome = place.check().and_then(|()| write_group(conn, &mut group));
        if let Err(problem) = &outcome {
            tracing::error!(%problem, works = group.len(), "a group could not be committed");
        }
        metrics::histogram!("vigie_store_group_size").record(u32::try_from(group.len()).unwrap_or(u32::MAX));
        let wakes = outcome.is_ok() && group.iter().any(|work| work.wakes());
        for work in group {
            work.finish(outcome.clone());
        }
        if wakes {
            wake.send_modify(|n| *n += 1);
        }
    }
}

fn write_group(conn: &Connection, group: &mut [Box<dyn Work>]) -> Result<(), Problem> {
    if in_transaction(conn, |visible| run_group(conn, group, visible))? == Ran::Spoilt {
        in_transaction(conn, |visible| run_carefully(conn, group, visible))?;
    }
    Ok(())
}

/// What a group leaves in its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ran {
    /// Something to be kept.
    Kept,
    /// Nothing.
    Nothing,
    /// Something that must not be kept, with what may be.
    Spoilt,
}

/// Commits what is to be kept; `run` is told where the feed stood before.
fn in_transaction(
    conn: &Connection,
    run: impl FnOnce(Option<i64>) -> Result<Ran, Problem>,
) -> Result<Ran, Problem> {
    conn.execute_batch("/* write_group */ BEGIN IMMEDIATE")?;
    let outcome = latest(conn).and_then(run).and_then(|ran| {
        let end = if ran == Ran::Kept { "COMMIT" } else { "ROLLBACK" };
        conn.execute_batch(&format!("/* write_group */ {end}"))?;
        Ok(ran)
    });
    if outcome.is_err() && !conn.is_autocommit() {
        conn.execute_batch("/* write_group */ ROLLBACK")?;
    }
    outcome
}

/// One after the other, as long as nothing has to be taken back.
fn run_group(conn: &Connection, group: &mut [Box<dyn Work>], visible: Option<i64>) -> Result<Ran, Problem> {
    let mut ran = Ran::Nothing;
    let alone = group.len() == 1;
    for work in group {
        let before = conn.total_changes();
        let kept = work.run(conn, visible);
        still_open(conn, work.as_ref())?;
        if kept {
            ran = Ran::Kept;
        } else if !alone && conn.total_changes() != before {
            return Ok(Ran::Spoilt);
        }
    }
    Ok(ran)
}

/// Each so that it can be taken back alone.
fn run_carefully(
    conn: &Connection,
    group: &mut [Box<dyn Work>],
    visible: Option<i64>,
) -> Result<Ran, Problem> {
    let mut ran = Ran::Nothing;
    for work in group {
        conn.execute_batch("/* run_carefully */ SAVEPOINT work")?;
        let kept = work.run(conn, visible);
        still_open(conn, work.as_ref())?;
        if kept {
            ran = Ran::Kept;
            conn.execute_batch("/* run_carefully */ RELEASE work")?;
        } else {
            conn.execute_batch("/* run_carefully */ ROLLBACK TO work; RELEASE work")?;
        }
    }
    Ok(ran)
}

/// A full disk and the like end the whole transaction by themselves: then nobody's work was written.
fn still_open(conn: &Connection, work: &dyn Work) -> Result<(), Problem> {
    if conn.is_autocommit() { Err(work.failure()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::store::sqlite::migration;

    /// Writes a row, or none, and says whether that is to be kept.
    struct Row {
        name: &'static str,
        writes: bool,
        keeps: bool,
        runs: Arc<AtomicUsize>,
    }

    impl Work for Row {
        fn run(&mut self, conn: &Connection, _: Option<i64>) -> bool {
            self.runs.fetch_add(1, Ordering::Relaxed);
            if self.writes {
                conn.execute("INSERT INTO stream VALUES (?1, 1)", [self.name]).unwrap();
            }
            self.keeps
        }

        fn finish(self: Box<Self>, _: Result<(), Problem>) {}

        fn wakes(&self) -> bool {
            false
        }

        fn failure(&self) -> Problem {
            gone()
        }
    }

    /// What is there after a group of works that write and keep so, and how often the first of them ran.
    fn check(group: &[(&'static str, bool, bool)], expected: &str, runs: usize) {
        let conn = Connection::open_in_memory().unwrap();
        migration::migrate(&conn).unwrap();
        let ran = Arc::new(AtomicUsize::new(0));
        let mut works: Vec<Box<dyn Work>> = Vec::new();
        for (n, &(name, writes, keeps)) in group.iter().enumerate() {
            let runs = if n == 0 { Arc::clone(&ran) } else { Arc::default() };
            works.push(Box::new(Row { name, writes, keeps, runs }));
        }
        write_group(&conn, &mut works).unwrap();
        let select = "SELECT coalesce(group_concat(patient ORDER BY patient), '') FROM stream";
        let found: String = conn.query_row(select, [], |row| row.get(0)).unwrap();
        assert_eq!((found.as_str(), ran.load(Ordering::Relaxed)), (expected, runs), "{group:?}");
        assert!(conn.is_autocommit());
    }

    #[test]
    fn what_is_refused_leaves_nothing_and_spoils_nothing() {
        let (kept, refused, undone) = ((true, true), (false, false), (true, false));
        let work = |name, (writes, keeps)| (name, writes, keeps);
        check(&[work("a", kept), work("b", kept)], "a,b", 1);
        check(&[work("a", kept), work("b", refused), work("c", kept)], "a,c", 1);
        // Only what has written before it was refused makes the group begin anew.
        check(&[work("a", kept), work("b", undone), work("c", kept)], "a,c", 2);
        check(&[work("a", undone)], "", 1);
        check(&[work("a", refused), work("b", refused)], "", 1);
    }
}
