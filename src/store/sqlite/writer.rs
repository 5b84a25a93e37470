//! The one thread that writes: it commits at once when nothing waits, and groups what has queued up meanwhile.
//!
//! Each piece of work runs in a savepoint of its own, so that one that is refused does not spoil the group.
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
    /// Runs inside the group's transaction, before which the feed stood there; whether its writes are kept.
    fn run(&mut self, conn: &Connection, visible: Option<i64>) -> bool;
    /// Answers, once the fate of the group is known.
    fn finish(self: Box<Self>, group: Result<(), Problem>);
    /// Deliveries may have become due.
    fn wakes(&self) -> bool;
    /// Why it failed.
    fn failure(&self) -> Problem;
}

struct Piece<T, F> {
    run: Option<F>,
    outcome: Option<Result<T, Problem>>,
    reply: oneshot::Sender<Result<T, Problem>>,
    wakes: bool,
}

impl<T: Send, F: FnOnce(&Connection, Option<i64>) -> Result<Done<T>, Problem> + Send> Work for Piece<T, F> {
    fn run(&mut self, conn: &Connection, visible: Option<i64>) -> bool {
        let Some(run) = self.run.take() else { return false };
        let (outcome, keep) = match run(conn, visible) {
            Ok(done) => (Ok(done.answer), done.keep),
            Err(problem) => (Err(problem), false),
        };
        self.outcome = Some(outcome);
        keep
    }

    fn finish(self: Box<Self>, group: Result<(), Problem>) {
        let Self { outcome, reply, .. } = *self;
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
        F: FnOnce(&Connection, Option<i64>) -> Result<Done<T>, Problem> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let piece = Box::new(Piece { run: Some(run), outcome: None, reply, wakes });
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
        F: FnOnce(&Connection, Option<i64>) -> Result<Done<T>, Problem> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let piece = Box::new(Piece { run: Some(run), outcome: None, reply, wakes: false });
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
    conn.execute_batch("/* write_group */ BEGIN IMMEDIATE")?;
    let outcome = run_group(conn, group).and_then(|kept| {
        conn.execute_batch(if kept { "/* write_group */ COMMIT" } else { "/* write_group */ ROLLBACK" })?;
        Ok(())
    });
    if outcome.is_err() && !conn.is_autocommit() {
        conn.execute_batch("/* write_group */ ROLLBACK")?;
    }
    outcome
}

/// Whether anything is to be kept.
fn run_group(conn: &Connection, group: &mut [Box<dyn Work>]) -> Result<bool, Problem> {
    let visible = latest(conn)?;
    if let [only] = group {
        let kept = only.run(conn, visible);
        return still_open(conn, only.as_ref()).map(|()| kept);
    }
    let mut kept_any = false;
    for work in group {
        conn.execute_batch("/* run_group */ SAVEPOINT work")?;
        let kept = work.run(conn, visible);
        still_open(conn, work.as_ref())?;
        kept_any |= kept;
        if kept {
            conn.execute_batch("/* run_group */ RELEASE work")?;
        } else {
            conn.execute_batch("/* run_group */ ROLLBACK TO work; RELEASE work")?;
        }
    }
    Ok(kept_any)
}

/// A full disk and the like end the whole transaction by themselves: then nobody's work was written.
fn still_open(conn: &Connection, work: &dyn Work) -> Result<(), Problem> {
    if conn.is_autocommit() { Err(work.failure()) } else { Ok(()) }
}
