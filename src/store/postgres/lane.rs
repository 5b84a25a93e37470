//! Questions of many clients, asked together: what has queued up while one group is under way goes out as the next.
//!
//! A round trip costs the database and this side several times what finding one resource does. Nobody waits for others: a
//! lane that is free asks at once for what there is, be it one question.
//!
//! A way to another thread and back costs more than the question, where the question is small. So a thread that serves
//! clients on a runtime of its own (each worker of the server does) has its own lane, with its own connection, which runs
//! where the questions come from: nothing is handed over, and nobody is woken. All others share the lanes of the store's threads.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::{Handle, Id, RuntimeFlavor};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_postgres::{Client, Error, Statement};

use super::READING;
use super::connection::Address;
use super::problem::{is_lost, unreachable};
use crate::problem::{Category, Problem};
use crate::store::queue::{busy, gone};

/// Groups of one kind that may be under way at once: while the database works on one, the next gathers.
const LANES: usize = 2;
/// Threads that have a lane of their own, which is a connection each.
const NEAR_MAX: usize = 8;
/// Statements that a connection keeps prepared: far more than there are.
const PREPARED_MAX: usize = 64;

/// Something that is asked often, and many at once.
pub(super) trait Question: Send + Sync + Sized + 'static {
    type Answer: Send + 'static;
    /// Questions of one group.
    const GROUP_MAX: usize;
    /// Whether it is so small that a thread which asks on a runtime of its own has a lane of its own. What the server is long
    /// busy with is better asked for all threads together.
    const NEAR: bool;

    /// Answers all of them, in their order.
    fn ask(
        connection: &mut Connection,
        group: &[Self],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, Error>> + Send;
}

/// A connection of a lane, with what is prepared on it.
pub(super) struct Connection {
    pub(super) client: Client,
    statements: HashMap<String, Statement>,
}

impl Connection {
    async fn open(address: &Address) -> Result<Self, Error> {
        Ok(Self { client: address.connect_lane().await?, statements: HashMap::new() })
    }

    /// The statement, prepared once.
    pub(super) async fn prepared(&mut self, text: &str) -> Result<Statement, Error> {
        if let Some(known) = self.statements.get(text) {
            return Ok(known.clone());
        }
        if self.statements.len() >= PREPARED_MAX {
            self.statements.clear();
        }
        let statement = self.client.prepare(text).await?;
        self.statements.insert(text.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// The queues in front of the lanes of one kind; these end with them.
pub(super) struct Lanes<Q: Question> {
    address: Address,
    queue_max: usize,
    /// Of those on the store's own threads.
    shared: Queue<Q>,
    /// Of those on runtimes of one thread that ask.
    near: RwLock<HashMap<Id, Queue<Q>>>,
}

type Queue<Q> = mpsc::Sender<Ask<Q>>;
type Reply<Q> = oneshot::Sender<Result<<Q as Question>::Answer, Problem>>;

/// A question, and who waits for the answer.
struct Ask<Q: Question> {
    question: Q,
    reply: Reply<Q>,
}

impl<Q: Question> Lanes<Q> {
    /// Starts the shared lanes, on the runtime that this is called on. Each connects with its first question.
    pub(super) fn start(address: &Address, queue_max: usize) -> Self {
        let shared = queue(address, queue_max, LANES, &Handle::current());
        Self { address: address.clone(), queue_max, shared, near: RwLock::default() }
    }

    /// The answer; `Busy` at once when the queue is full.
    pub(super) async fn ask(&self, question: Q) -> Result<Q::Answer, Problem> {
        let (reply, answer) = oneshot::channel();
        match self.queue().try_send(Ask { question, reply }) {
            Ok(()) => answer.await.map_err(|_| gone())?,
            Err(TrySendError::Full(_)) => Err(busy()),
            Err(TrySendError::Closed(_)) => Err(gone()),
        }
    }

    /// Where who asks now is to queue.
    fn queue(&self) -> Queue<Q> {
        let own =
            Handle::try_current().ok().filter(|own| own.runtime_flavor() == RuntimeFlavor::CurrentThread);
        let Some(own) = own.filter(|_| Q::NEAR) else { return self.shared.clone() };
        let known = self.near.read().unwrap_or_else(PoisonError::into_inner).get(&own.id()).cloned();
        known.filter(|known| !known.is_closed()).unwrap_or_else(|| self.begin(&own))
    }

    /// A new lane on that runtime, unless enough have one. A lane ends with its runtime.
    fn begin(&self, own: &Handle) -> Queue<Q> {
        let mut near = self.near.write().unwrap_or_else(PoisonError::into_inner);
        near.retain(|_, queue| !queue.is_closed());
        if near.len() >= NEAR_MAX {
            return self.shared.clone();
        }
        near.entry(own.id()).or_insert_with(|| queue(&self.address, self.queue_max, 1, own)).clone()
    }
}

/// So many lanes on that runtime, and the queue in front of them.
fn queue<Q: Question>(address: &Address, queue_max: usize, lanes: usize, runtime: &Handle) -> Queue<Q> {
    let (queue, waiting) = mpsc::channel(queue_max.max(1));
    let waiting = Arc::new(Mutex::new(waiting));
    for _ in 0..lanes {
        let lane = Lane { address: address.clone(), connection: None };
        runtime.spawn(lane.work(Arc::clone(&waiting)));
    }
    queue
}

struct Lane {
    address: Address,
    connection: Option<Connection>,
}

impl Lane {
    async fn work<Q: Question>(mut self, queue: Arc<Mutex<mpsc::Receiver<Ask<Q>>>>) {
        loop {
            let mut group = Vec::new();
            if queue.lock().await.recv_many(&mut group, Q::GROUP_MAX).await == 0 {
                return;
            }
            // Who has gone away meanwhile is asked nothing for.
            group.retain(|ask| !ask.reply.is_closed());
            if group.is_empty() {
                continue;
            }
            let (questions, replies) = group.into_iter().map(|ask| (ask.question, ask.reply)).unzip();
            self.settle(questions, replies).await;
        }
    }

    /// Answers everybody.
    async fn settle<Q: Question>(&mut self, questions: Vec<Q>, replies: Vec<Reply<Q>>) {
        match self.answers(&questions).await {
            // Who asked may have gone away.
            Ok(answers) => replies.into_iter().zip(answers).for_each(|(reply, answer)| {
                let _ = reply.send(Ok(answer));
            }),
            // What the database refuses of one of them, it need not refuse of the others.
            Err(problem)
                if questions.len() > 1
                    && matches!(
                        problem.category,
                        Category::Internal | Category::Damaged | Category::Malformed
                    ) =>
            {
                for (question, reply) in questions.iter().zip(replies) {
                    let answer = self.answers(std::slice::from_ref(question)).await;
                    let _ = reply.send(answer.and_then(|mut answers| answers.pop().ok_or_else(gone)));
                }
            }
            Err(problem) => replies.into_iter().for_each(|reply| {
                let _ = reply.send(Err(problem.clone()));
            }),
        }
    }

    /// Asks, and once more when the connection had been lost meanwhile.
    async fn answers<Q: Question>(&mut self, group: &[Q]) -> Result<Vec<Q::Answer>, Problem> {
        let asking = async {
            let mut last = unreachable();
            for _ in 0..2 {
                let mut connection = self.connected().await?;
                match Q::ask(&mut connection, group).await {
                    Err(fault) if is_lost(&fault) || connection.client.is_closed() => last = fault.into(),
                    answers => {
                        self.connection = Some(connection);
                        return answers.map_err(Problem::from);
                    }
                }
            }
            Err(last)
        };
        // A connection that has not answered by then is not used again.
        tokio::time::timeout(READING, asking).await.unwrap_or_else(|_| Err(unreachable()))
    }

    async fn connected(&mut self) -> Result<Connection, Problem> {
        match self.connection.take() {
            Some(connection) if !connection.client.is_closed() => Ok(connection),
            _ => Connection::open(&self.address).await.map_err(|fault| {
                tracing::warn!(%fault, "the database cannot be reached for reading");
                fault.into()
            }),
        }
    }
}
