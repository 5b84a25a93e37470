//! A few threads that read, each with a connection of its own, behind one bounded queue; and a few connections for
//! reads by key, which take less time than handing them to another thread and waking the one that asked.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::problem::Problem;
use crate::store::queue::{busy, gone};

type Job = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Readers {
    queue: Option<SyncSender<Job>>,
    threads: Vec<JoinHandle<()>>,
    /// Connections that nobody reads with now.
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// `idle` are the connections for reads by key.
    pub(super) fn start(
        connections: Vec<Connection>,
        idle: Vec<Connection>,
        queue_max: usize,
    ) -> Result<Self, Problem> {
        let (sender, receiver) = sync_channel(queue_max);
        let receiver = Arc::new(Mutex::new(receiver));
        let start = |conn: Connection| {
            let receiver = Arc::clone(&receiver);
            std::thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || read_all(&conn, &receiver))
                .map_err(|e| Problem::internal(format!("a reader thread cannot start: {e}")))
        };
        let threads = connections.into_iter().map(start).collect::<Result<_, _>>()?;
        Ok(Self { queue: Some(sender), threads, idle: Mutex::new(idle) })
    }

    /// Runs one statement on the thread that asks; on one of the threads when no connection is idle. One statement sees one
    /// state of the database by itself: to begin and end a transaction around it would take as long again.
    pub(super) async fn by_key<T, F>(&self, run: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Problem> + Send + 'static,
    {
        let conn = self.idle().pop();
        let Some(conn) = conn else { return self.queued(run).await };
        let answer = run(&conn);
        self.idle().push(conn);
        answer
    }

    /// The same for several statements, which see one state of the database.
    pub(super) async fn look<T, F>(&self, run: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Problem> + Send + 'static,
    {
        self.by_key(move |conn| in_snapshot(conn, run)).await
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs on the next free thread, seeing one state of the database; `Busy` at once when the queue is full.
    pub(super) async fn read<T, F>(&self, run: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Problem> + Send + 'static,
    {
        self.queued(move |conn| in_snapshot(conn, run)).await
    }

    async fn queued<T, F>(&self, run: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Problem> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            // Who asked may have gone away.
            let _ = reply.send(run(conn));
        });
        match self.queue.as_ref().ok_or_else(gone)?.try_send(job) {
            Ok(()) => answer.await.map_err(|_| gone())?,
            Err(TrySendError::Full(_)) => Err(busy()),
            Err(TrySendError::Disconnected(_)) => Err(gone()),
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        // The log is emptied by who closes the file last, which is the writer.
        self.idle().clear();
        for thread in self.threads.drain(..) {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

/// Both ends are prepared once: to parse them each time took a third of a read.
fn in_snapshot<T>(
    conn: &Connection,
    run: impl FnOnce(&Connection) -> Result<T, Problem>,
) -> Result<T, Problem> {
    conn.prepare_cached("/* in_snapshot */ BEGIN")?.execute([])?;
    let answer = run(conn);
    // Nothing was written: however the reading ended, its state is let go of.
    conn.prepare_cached("/* in_snapshot */ COMMIT")?.execute([])?;
    answer
}

fn read_all(conn: &Connection, queue: &Mutex<Receiver<Job>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(job) => job(conn),
            Err(_) => return,
        }
    }
}
