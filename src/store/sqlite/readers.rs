//! A few threads that read, each with a connection of its own, behind one bounded queue; and a few connections for
//! reads by key, which take less time than handing them to another thread and waking the one that asked.
//!
//! A thread is started when all others are at work, and the one that worked last is given the next job: what it needs is in
//! its caches, and a service that few ask at the same time holds the memory of one thread (5 MiB each).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SendError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::problem::Problem;
use crate::store::queue::{busy, gone};

type Job = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Readers {
    crew: Arc<Mutex<Crew>>,
    queue_max: usize,
    /// Connections that nobody reads with now.
    idle: Mutex<Vec<Connection>>,
}

/// The threads and what is to be done.
#[derive(Default)]
struct Crew {
    /// Jobs that no thread is free for.
    waiting: VecDeque<Job>,
    /// Threads that wait for a job; the one that worked last is the last.
    free: Vec<SyncSender<Turn>>,
    /// Connections of threads that were not needed yet.
    spare: Vec<Connection>,
    threads: Vec<JoinHandle<()>>,
    closed: bool,
}

/// A job, and the sending end of the channel that it comes by: while a thread waits, only `free` has it.
struct Turn {
    job: Job,
    back: SyncSender<Turn>,
}

impl Readers {
    /// `idle` are the connections for reads by key.
    pub(super) fn start(
        connections: Vec<Connection>,
        idle: Vec<Connection>,
        queue_max: usize,
    ) -> Result<Self, Problem> {
        let crew = Arc::new(Mutex::new(Crew { spare: connections, ..Crew::default() }));
        // One at once: that no thread can be started is told before anybody asks.
        one_more(&crew, &mut lock(&crew))?;
        Ok(Self { crew, queue_max, idle: Mutex::new(idle) })
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
        lock(&self.idle)
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
        self.hand_over(job)?;
        answer.await.map_err(|_| gone())?
    }

    /// Gives a job to the thread that worked last of those that wait, or else has it wait and starts another one.
    fn hand_over(&self, mut job: Job) -> Result<(), Problem> {
        let mut crew = lock(&self.crew);
        if crew.closed {
            return Err(gone());
        }
        while let Some(free) = crew.free.pop() {
            match free.send(Turn { job, back: free.clone() }) {
                Ok(()) => return Ok(()),
                // That thread is no more.
                Err(SendError(turn)) => job = turn.job,
            }
        }
        if crew.waiting.len() >= self.queue_max {
            return Err(busy());
        }
        crew.waiting.push_back(job);
        if let Err(problem) = one_more(&self.crew, &mut crew) {
            tracing::warn!(%problem, threads = crew.threads.len(), "fewer threads read than may");
        }
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        let threads = {
            let mut crew = lock(&self.crew);
            crew.closed = true;
            crew.free.clear();
            crew.spare.clear();
            std::mem::take(&mut crew.threads)
        };
        // The log is emptied by who closes the file last, which is the writer.
        self.idle().clear();
        for thread in threads {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a thread, when there is a connection for one more.
fn one_more(shared: &Arc<Mutex<Crew>>, crew: &mut Crew) -> Result<(), Problem> {
    let Some(conn) = crew.spare.pop() else { return Ok(()) };
    let shared = Arc::clone(shared);
    let thread = std::thread::Builder::new()
        .name("store-reader".to_owned())
        .spawn(move || read_all(&conn, &shared))
        .map_err(|e| Problem::internal(format!("a reader thread cannot start: {e}")))?;
    crew.threads.push(thread);
    Ok(())
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

fn read_all(conn: &Connection, crew: &Mutex<Crew>) {
    let (mut own, turns) = sync_channel(1);
    loop {
        let next = {
            let mut crew = lock(crew);
            let next = crew.waiting.pop_front();
            if next.is_none() {
                if crew.closed {
                    return;
                }
                crew.free.push(own.clone());
            }
            next
        };
        match next {
            Some(job) => work(conn, job),
            None => {
                // Whoever has the other end, it is not this thread: when they let go of it, there is no more to do.
                drop(own);
                let Ok(Turn { job, back }) = turns.recv() else { return };
                own = back;
                work(conn, job);
            }
        }
    }
}

/// Does it. A job that panics answers nobody; the thread and its connection are there for the next one.
fn work(conn: &Connection, job: Job) {
    let panicked = catch_unwind(AssertUnwindSafe(|| job(conn))).is_err();
    if panicked
        && !conn.is_autocommit()
        && let Err(fault) = conn.execute_batch("ROLLBACK")
    {
        tracing::error!(%fault, "what a reading left open cannot be ended");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::task::{Context, Waker};
    use std::thread::ThreadId;

    use super::*;
    use crate::problem::Category;

    fn readers(threads: usize, queue_max: usize) -> Readers {
        let connections = (0..threads).map(|_| Connection::open_in_memory().unwrap()).collect();
        Readers::start(connections, Vec::new(), queue_max).unwrap()
    }

    async fn who(readers: &Readers) -> ThreadId {
        readers.read(|_| Ok(std::thread::current().id())).await.unwrap()
    }

    /// Waits until that many threads wait for a job: a thread lines up after its answer was sent.
    async fn until_free(readers: &Readers, threads: usize) {
        while lock(&readers.crew).free.len() != threads {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn who_asks_one_after_the_other_is_served_by_one_thread() {
        let readers = readers(4, 8);
        until_free(&readers, 1).await;
        let first = who(&readers).await;
        for _ in 0..8 {
            until_free(&readers, 1).await;
            assert_eq!(who(&readers).await, first);
        }
        assert_eq!(lock(&readers.crew).threads.len(), 1);
    }

    #[tokio::test]
    async fn threads_are_started_while_all_are_at_work_and_no_more_than_may() {
        let readers = readers(2, 2);
        until_free(&readers, 1).await;
        let (begun, starts) = channel();
        let ask = || {
            let begun = begun.clone();
            let (go, wait) = channel::<()>();
            let read = readers.read(move |_| {
                begun.send(()).unwrap();
                Ok(wait.recv().is_err())
            });
            (go, read)
        };
        let ((go_one, one), (go_two, two), (go_three, three)) = (ask(), ask(), ask());
        let mut together = Box::pin(async { tokio::join!(one, two, three) });
        // Each is handed over when it is polled for the first time.
        assert!(together.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        (0..2).for_each(|_| starts.recv().unwrap());
        assert!(starts.try_recv().is_err(), "two threads are all there may be");
        assert_eq!(lock(&readers.crew).waiting.len(), 1);
        drop((go_one, go_two, go_three));
        let (one, two, three) = together.await;
        assert_eq!((one.unwrap(), two.unwrap(), three.unwrap()), (true, true, true));
        assert_eq!(lock(&readers.crew).threads.len(), 2);
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once() {
        let readers = readers(1, 1);
        until_free(&readers, 1).await;
        let (go, wait) = channel::<()>();
        let mut one = Box::pin(readers.read(move |_| Ok(wait.recv().is_err())));
        let mut two = Box::pin(readers.read(|_| Ok(true)));
        let mut nobody = Context::from_waker(Waker::noop());
        assert!(one.as_mut().poll(&mut nobody).is_pending());
        assert!(two.as_mut().poll(&mut nobody).is_pending());
        assert_eq!(readers.read(|_| Ok(())).await.unwrap_err().category, Category::Busy);
        drop(go);
        assert!(one.await.unwrap() && two.await.unwrap());
    }

    #[tokio::test]
    async fn a_reading_that_panics_takes_neither_its_thread_nor_the_next_one_with_it() {
        let readers = readers(1, 1);
        assert!(readers.read(|_| Ok("no number".parse::<u8>().unwrap())).await.is_err());
        let open = readers.read(|conn| Ok(conn.query_row("SELECT 1", [], |row| row.get::<_, i64>(0))?)).await;
        assert_eq!(open.unwrap(), 1);
    }
}
