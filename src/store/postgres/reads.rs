//! Reads by id, many in one question: what has queued up while a question is under way goes out together as the next one.
//!
//! A round trip costs the database and this side several times what finding one resource does. Nobody waits for others:
//! a lane that is free asks at once for what there is, be it one resource.

use std::sync::Arc;

use deadpool_postgres::{Object, Pool};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio_postgres::{Error, Row};

use super::problem::unreachable;
use super::{READING, connection};
use crate::problem::{Category, Problem};
use crate::store::queue::{busy, gone};

/// Questions that may be under way at once: while the database works on one, the next gathers.
const LANES: usize = 2;
/// Resources of one question.
const GROUP_MAX: usize = 128;

/// A row for each resource that is there: its place among those asked for, then the columns of [`super::read::stored`].
pub(super) const RESOURCES: &str =
    "/* reads */ SELECT w.n, v.version, v.last_updated, v.deleted, v.dictionary, v.size, v.body, v.dated_place, v.made
    FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS w (rtype, id, n)
    JOIN resource r ON r.rtype = w.rtype AND r.id = w.id
    JOIN version v ON v.seq = r.seq";

/// The queue in front of the lanes; they end with it.
pub(super) struct Reads {
    queue: mpsc::Sender<Ask>,
}

/// One resource, and who waits for it.
struct Ask {
    rtype: i64,
    id: String,
    reply: oneshot::Sender<Result<Option<Row>, Problem>>,
}

impl Reads {
    /// Starts the lanes, on the runtime that this is called on.
    pub(super) fn start(pool: &Pool, queue_max: usize) -> Self {
        let (queue, waiting) = mpsc::channel(queue_max.max(1));
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..LANES {
            let lane = Lane { pool: pool.clone(), queue_max };
            tokio::spawn(lane.work(Arc::clone(&waiting)));
        }
        Self { queue }
    }

    /// The row of the current version, as [`RESOURCES`] has it; `Busy` at once when the queue is full.
    pub(super) async fn current(&self, rtype: i64, id: &str) -> Result<Option<Row>, Problem> {
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(Ask { rtype, id: id.to_owned(), reply }) {
            Ok(()) => answer.await.map_err(|_| gone())?,
            Err(TrySendError::Full(_)) => Err(busy()),
            Err(TrySendError::Closed(_)) => Err(gone()),
        }
    }
}

struct Lane {
    pool: Pool,
    queue_max: usize,
}

impl Lane {
    async fn work(self, queue: Arc<Mutex<mpsc::Receiver<Ask>>>) {
        loop {
            let mut group = Vec::new();
            if queue.lock().await.recv_many(&mut group, GROUP_MAX).await == 0 {
                return;
            }
            // Who has gone away meanwhile is asked nothing for.
            group.retain(|ask| !ask.reply.is_closed());
            match self.rows(&group).await {
                Ok(rows) => answer(group, rows),
                // What the database refuses of one of them, it need not refuse of the others.
                Err(problem) if group.len() > 1 && problem.category == Category::Internal => {
                    for ask in group {
                        let row = self.rows(std::slice::from_ref(&ask)).await;
                        let _ = ask.reply.send(row.map(|mut rows| rows.pop().flatten()));
                    }
                }
                Err(problem) => group.into_iter().for_each(|ask| {
                    let _ = ask.reply.send(Err(problem.clone()));
                }),
            }
        }
    }

    /// What the database has of each, in the order of the questions; asked once more when the connection had been lost meanwhile.
    async fn rows(&self, group: &[Ask]) -> Result<Vec<Option<Row>>, Problem> {
        let reading = async {
            let mut last = unreachable();
            for _ in 0..2 {
                let object = connection::pooled(&self.pool, self.queue_max).await?;
                match found(&object, group).await {
                    Err(fault) if object.is_closed() => last = fault.into(),
                    answer => return answer.map_err(Problem::from),
                }
            }
            Err(last)
        };
        tokio::time::timeout(READING, reading).await.unwrap_or_else(|_| Err(unreachable()))
    }
}

async fn found(client: &Object, group: &[Ask]) -> Result<Vec<Option<Row>>, Error> {
    let (types, ids): (Vec<i64>, Vec<&str>) = group.iter().map(|ask| (ask.rtype, ask.id.as_str())).unzip();
    let statement = client.prepare_cached(RESOURCES).await?;
    let mut all: Vec<Option<Row>> = group.iter().map(|_| None).collect();
    for row in client.query(&statement, &[&types, &ids]).await? {
        let place = usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or(usize::MAX);
        if let Some(found) = all.get_mut(place) {
            *found = Some(row);
        }
    }
    Ok(all)
}

fn answer(group: Vec<Ask>, rows: Vec<Option<Row>>) {
    for (ask, row) in group.into_iter().zip(rows) {
        // Who asked may have gone away.
        let _ = ask.reply.send(Ok(row));
    }
}
