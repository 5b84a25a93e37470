//! Who writes: a few lanes, each with a connection of its own, behind one bounded queue.
//!
//! A lane commits at once when nothing waits, and groups what has queued up meanwhile. Nobody is answered before
//! the commit of the whole group has returned. When the connection is lost before that, the database is asked
//! whether the group was committed, by the turn of the lane that is part of the transaction: it is never guessed,
//! and never written twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::connection::Address;
use super::decide::Fate;
use super::group::{Fault, Session};
use super::prepared::Prepared;
use super::problem::{unknown, unreachable};
use crate::problem::Problem;
use crate::store::queue::{busy, gone};
use crate::store::{Committed, Order, Settlement};

/// Bytes of one group, about.
const GROUP_BYTES: usize = 16 * 1024 * 1024;
/// How often a transaction is run again when it may succeed then.
const TRIES: usize = 4;
/// How often, and with what pauses, a database that went away before it answered is asked what became of a group.
const QUESTIONS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Something to be done under the lock.
pub(super) enum Task {
    Commit(Box<Prepared>),
    Settle {
        settlements: Vec<Settlement>,
        /// Each is passed over when its resource was ever stored.
        writes: Vec<Prepared>,
    },
    Order {
        id: String,
        order: Order,
        at: Timestamp,
    },
    /// Nothing: shows that it could be done.
    Probe,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Answer {
    Committed(Committed),
    Done,
}

/// A task, and who waits for it.
pub(super) struct Piece {
    pub(super) task: Task,
    reply: oneshot::Sender<Result<Answer, Problem>>,
}

impl Piece {
    fn answer(self, answer: Result<Answer, Problem>) {
        // Who asked may have gone away; what was committed stays.
        let _ = self.reply.send(answer);
    }

    fn size(&self) -> usize {
        match &self.task {
            Task::Commit(prepared) => prepared.size(),
            Task::Settle { settlements, writes } => {
                500 * settlements.len() + writes.iter().map(Prepared::size).sum::<usize>()
            }
            _ => 500,
        }
    }
}

/// The sending end of the queue in front of the lanes.
pub(super) struct Writer {
    queue: mpsc::Sender<Piece>,
    lanes: Vec<JoinHandle<()>>,
}

/// What all lanes share.
pub(super) struct Shared {
    pub(super) address: Address,
    pub(super) types: HashMap<String, i64>,
    pub(super) wake: watch::Sender<u64>,
    pub(super) group_max: usize,
}

impl Writer {
    /// Starts one lane for each session.
    pub(super) fn start(shared: &Arc<Shared>, sessions: Vec<(i64, Session)>, queue_max: usize) -> Self {
        let (queue, waiting) = mpsc::channel(queue_max.max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        let lane = |(writer, session)| {
            let lane = Lane { shared: Arc::clone(shared), session: Some(session), writer, turn: 0 };
            tokio::spawn(lane.work(Arc::clone(&waiting)))
        };
        Self { queue, lanes: sessions.into_iter().map(lane).collect() }
    }

    /// Queues a task; fails with `Busy` at once when the queue is full.
    pub(super) async fn run(&self, task: Task) -> Result<Answer, Problem> {
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(Piece { task, reply }) {
            Ok(()) => answer.await.map_err(|_| gone())?,
            Err(TrySendError::Full(_)) => Err(busy()),
            Err(TrySendError::Closed(_)) => Err(gone()),
        }
    }

    /// Takes nothing more, and waits until all that was queued is written.
    pub(super) async fn close(self) {
        drop(self.queue);
        for lane in self.lanes {
            // A panic of the lane has been reported by the panic hook.
            let _ = lane.await;
        }
    }
}

struct Lane {
    shared: Arc<Shared>,
    session: Option<Session>,
    writer: i64,
    turn: i64,
}

impl Lane {
    async fn work(mut self, queue: Arc<Mutex<mpsc::Receiver<Piece>>>) {
        let mut later: Vec<Piece> = Vec::new();
        loop {
            let mut group = std::mem::take(&mut later);
            if !self.fill(&mut group, &queue).await {
                return;
            }
            metrics::histogram!("vigie_store_group_size")
                .record(u32::try_from(group.len()).unwrap_or(u32::MAX));
            later = self.commit(group).await;
        }
    }

    /// Adds what waits; false when nothing ever will.
    async fn fill(&self, group: &mut Vec<Piece>, queue: &Mutex<mpsc::Receiver<Piece>>) -> bool {
        let mut queue = queue.lock().await;
        if group.is_empty() {
            let Some(first) = queue.recv().await else { return false };
            group.push(first);
        }
        let mut size: usize = group.iter().map(Piece::size).sum();
        while group.len() < self.shared.group_max && size < GROUP_BYTES {
            let Ok(piece) = queue.try_recv() else { break };
            size += piece.size();
            group.push(piece);
        }
        true
    }

    /// Commits and answers; what could not be decided yet is returned.
    async fn commit(&mut self, group: Vec<Piece>) -> Vec<Piece> {
        match self.attempt(&group).await {
            Ok(fates) => answer(group, fates),
            Err(Fault::Failed(problem)) if group.len() > 1 => {
                tracing::warn!(%problem, works = group.len(), "a group failed and is run one by one");
                let mut later = Vec::new();
                for piece in group {
                    later.extend(Box::pin(self.commit(vec![piece])).await);
                }
                later
            }
            Err(fault) => {
                let problem = match fault {
                    Fault::Failed(problem) | Fault::Passing(problem) => problem,
                    Fault::Lost => unreachable(),
                    Fault::Doubt(_) => unknown(),
                };
                tracing::error!(%problem, works = group.len(), "a group could not be committed");
                group.into_iter().for_each(|piece| piece.answer(Err(problem.clone())));
                Vec::new()
            }
        }
    }

    /// Runs the group until it is known to be committed, or known not to be.
    async fn attempt(&mut self, group: &[Piece]) -> Result<Vec<Fate>, Fault> {
        let mut tries = 1;
        loop {
            let fault = match self.once(group).await {
                Ok(fates) => return Ok(fates),
                Err(Fault::Doubt(fates)) => match self.was_committed().await {
                    Some(true) => {
                        self.shared.wake.send_modify(|n| *n += 1);
                        return Ok(fates);
                    }
                    Some(false) => Fault::Lost,
                    None => return Err(Fault::Doubt(fates)),
                },
                Err(fault) => fault,
            };
            tries += 1;
            if tries > TRIES || matches!(fault, Fault::Failed(_)) {
                return Err(fault);
            }
        }
    }

    async fn once(&mut self, group: &[Piece]) -> Result<Vec<Fate>, Fault> {
        let session = match self.session.take() {
            Some(session) => session,
            None => self.connect().await.ok_or(Fault::Lost)?,
        };
        self.turn += 1;
        let outcome = session.run(&self.shared.types, group, self.turn).await;
        if !matches!(outcome, Err(Fault::Lost | Fault::Doubt(_))) {
            self.session = Some(session);
        }
        let outcome = outcome?;
        if outcome.wakes {
            self.shared.wake.send_modify(|n| *n += 1);
        }
        Ok(outcome.fates)
    }

    async fn connect(&self) -> Option<Session> {
        let connected = async {
            let client = self.shared.address.connect_writer().await?;
            Session::new(client, self.writer).await
        };
        match connected.await {
            Ok(session) => Some(session),
            Err(fault) => {
                tracing::warn!(%fault, "the database cannot be reached for writing");
                None
            }
        }
    }

    /// Whether the last turn was committed; `None` when the database does not come back to tell.
    async fn was_committed(&mut self) -> Option<bool> {
        for _ in 0..QUESTIONS {
            if let Some(session) = self.connect().await
                && let Ok(committed) = session.has_turned(self.turn).await
            {
                tracing::warn!(committed, "a connection was lost before the answer to a commit");
                self.session = Some(session);
                return Some(committed);
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }
}

fn answer(group: Vec<Piece>, fates: Vec<Fate>) -> Vec<Piece> {
    let mut later = Vec::new();
    for (piece, fate) in group.into_iter().zip(fates) {
        match fate {
            Fate::Answered(answer) => piece.answer(answer),
            Fate::Later => later.push(piece),
        }
    }
    later
}
