//! One group in one transaction and two round trips: the lock with all that is to be known, then all that is written.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all, try_join_all};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use super::decide::{Current, Decision, Fate, Feed, World};
use super::delivery;
use super::listen::CHANNEL;
use super::prepared::{indexable, key};
use super::problem::{is_lost, is_passing, unreachable};
use super::statement::{BEGIN, COMMIT, ROLLBACK, Statements};
use super::write;
use super::writer::{Piece, Task};
use crate::fhir::search as parameters;
use crate::problem::Problem;
use crate::store::{Guard, Violation, body};
use crate::store::{damage, row};

/// How long the database may take for one of the two round trips.
const PATIENCE: Duration = Duration::from_secs(20);

/// A writing connection.
pub(super) struct Session {
    client: Client,
    statements: Statements,
    /// Who writes: the number of this row of `writer`.
    writer: i64,
}

/// Why a group was not committed, or is not known to be.
pub(super) enum Fault {
    /// The connection was lost before the commit was asked for: nothing is written.
    Lost,
    /// The connection was lost after that: these are the answers if it was committed.
    Doubt(Vec<Fate>),
    /// The same transaction may succeed when it is run again; nothing is written.
    Passing(Problem),
    /// The database refused something in it; nothing is written.
    Failed(Problem),
}

/// What became of a group that was committed.
pub(super) struct Outcome {
    pub(super) fates: Vec<Fate>,
    /// Deliveries may have become due.
    pub(super) wakes: bool,
}

type Answering<'a> = BoxFuture<'a, Result<Vec<Row>, Error>>;
type Parameter<'a> = &'a (dyn ToSql + Sync);

impl Session {
    pub(super) async fn new(client: Client, writer: i64) -> Result<Self, Error> {
        Ok(Self { statements: Statements::prepare(&client).await?, client, writer })
    }

    /// Runs the group as this turn of the writer.
    pub(super) async fn run(
        &self,
        types: &HashMap<String, i64>,
        group: &[Piece],
        turn: i64,
    ) -> Result<Outcome, Fault> {
        let reading = tokio::time::timeout(PATIENCE, self.read(types, group)).await;
        let world = match reading {
            Err(_) => return Err(Fault::Lost),
            Ok(Err(fault)) => return Err(self.undone(fault).await),
            Ok(Ok(world)) => world,
        };
        let mut decision = Decision::new(world, types);
        let fates: Vec<_> =
            group.iter().enumerate().map(|(place, piece)| decision.take(place, piece)).collect();
        let changes = decision.changes;
        let wakes = changes.wakes;
        if changes.is_empty() {
            self.roll_back().await.map_err(|_| Fault::Lost)?;
            return Ok(Outcome { fates, wakes: false });
        }
        match tokio::time::timeout(PATIENCE, self.write(&changes, turn)).await {
            Ok(Ok(())) => Ok(Outcome { fates, wakes }),
            Ok(Err(fault)) if !is_lost(&fault) => Err(self.undone(Stop::Database(fault)).await),
            Ok(Err(_)) | Err(_) => Err(Fault::Doubt(fates)),
        }
    }

    /// Whether that turn of this writer was committed. Waits until no older connection can commit any more.
    /// Fails with `Busy` when it cannot be told now.
    pub(super) async fn has_turned(&self, turn: i64) -> Result<bool, Problem> {
        let statements = &self.statements;
        let answers = tokio::time::timeout(
            PATIENCE,
            join_all([
                self.simple(BEGIN),
                self.query(&statements.lock, Vec::new()),
                self.query(&statements.turn, vec![&self.writer]),
                self.simple(ROLLBACK),
            ]),
        );
        let answers = answers.await.map_err(|_| unreachable())?;
        let rows = answers.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(rows[2].first().is_some_and(|row| row.get::<_, i64>(0) >= turn))
    }

    async fn roll_back(&self) -> Result<(), Error> {
        self.client.batch_execute(ROLLBACK).await
    }

    /// Nothing of the group is written; the session is usable again, or lost.
    async fn undone(&self, stop: Stop) -> Fault {
        let rolled_back = tokio::time::timeout(PATIENCE, self.roll_back()).await;
        match stop {
            Stop::Database(error) if is_lost(&error) => Fault::Lost,
            _ if !matches!(rolled_back, Ok(Ok(()))) => Fault::Lost,
            Stop::Database(error) if error.code().is_some_and(is_passing) => Fault::Passing(error.into()),
            Stop::Database(error) => Fault::Failed(error.into()),
            Stop::Problem(problem) => Fault::Failed(problem),
        }
    }

    /// Takes the lock and reads all that the group is about. The requests go out at once and are answered in order.
    async fn read(&self, types: &HashMap<String, i64>, group: &[Piece]) -> Result<World<'static>, Stop> {
        let asked = Asked::by(types, group);
        let statements = &self.statements;
        let resource_ids: Vec<_> = asked.resources.iter().map(|(_, _, id)| *id).collect();
        let resource_types: Vec<_> = asked.resources.iter().map(|(code, _, _)| *code).collect();
        let spaces: Vec<_> = asked.claims.iter().map(|(space, _)| *space).collect();
        let keys: Vec<_> = asked.claims.iter().map(|(_, claim)| key(claim)).collect();
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        let answers = join_all([
            self.simple(BEGIN),
            self.query(&statements.lock, Vec::new()),
            self.query_if(
                !resource_ids.is_empty(),
                &statements.current,
                vec![&resource_types, &resource_ids],
            ),
            self.query_if(!asked.streams.is_empty(), &statements.streams, vec![&asked.streams]),
            self.query_if(!keys.is_empty(), &statements.claims, vec![&spaces, &keys]),
            self.query_if(
                !asked.deliveries.is_empty(),
                &statements.locked_deliveries,
                vec![&asked.deliveries],
            ),
        ]);
        let mut answers = answers.await.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let (_, feed, currents, streams, claims, deliveries) =
            (next(), next(), next(), next(), next(), next());
        let feed = feed.first().ok_or_else(|| Problem::internal("the feed has lost its row"))?;
        let mut world = World {
            feed: Feed {
                seq: feed.get(0),
                rid: feed.get(1),
                unit: feed.get(2),
                delivery: feed.get(3),
                latest: feed.get(4),
            },
            currents: HashMap::new(),
            streams: streams.iter().map(|row| (row.get(0), count(row.get(1)))).collect(),
            claims: HashMap::new(),
            matches: self.matches(group).await?,
            deliveries: HashMap::new(),
        };
        for row in &currents {
            let (_, rtype, id) = asked.resources[place(row)];
            world.currents.insert((rtype.to_owned(), id.to_owned()), current((rtype, id), row));
        }
        for row in &claims {
            let (space, key) = asked.claims[place(row)];
            let claim = Violation::Key { holder: row.get(1), digest: row.get(2) };
            world.claims.insert((space.to_owned(), key.to_owned()), claim);
        }
        for row in &deliveries {
            let known = delivery::known(row)?;
            world.deliveries.insert(known.delivery.id.clone(), known);
        }
        Ok(world)
    }

    /// What the conditions of the group find. In any order: the lock is held.
    async fn matches(&self, group: &[Piece]) -> Result<HashMap<(usize, usize), Vec<String>>, Error> {
        let searches = group.iter().enumerate().flat_map(|(place, piece)| {
            let searches = match &piece.task {
                Task::Commit(prepared) => prepared.searches.as_slice(),
                _ => &[],
            };
            let searches = searches.iter().enumerate();
            searches.filter_map(move |(n, search)| search.as_ref().map(|search| ((place, n), search)))
        });
        let found =
            searches.map(|(place, search)| async move { Ok((place, search.ids(&self.client).await?)) });
        Ok(try_join_all(found).await?.into_iter().collect())
    }

    /// Writes everything and commits. The requests go out at once; nothing is committed unless all succeed.
    async fn write(&self, changes: &super::changes::Changes<'_>, turn: i64) -> Result<(), Error> {
        let rows = write::Rows::of(changes);
        let mut requests = rows.requests(&self.statements);
        let feed = changes.feed;
        let head: Vec<Parameter<'_>> =
            vec![&feed.seq, &feed.rid, &feed.unit, &feed.delivery, &feed.latest, &self.writer, &turn];
        requests.insert(0, (&self.statements.write, [head, rows.foundation()].concat()));
        let mut all: Vec<Answering<'_>> =
            requests.into_iter().map(|(statement, values)| self.query(statement, values)).collect();
        if changes.wakes {
            all.push(self.query(&self.statements.wake, vec![&CHANNEL]));
        }
        all.push(self.simple(COMMIT));
        join_all(all).await.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
    }

    fn simple<'a>(&'a self, text: &'a str) -> Answering<'a> {
        Box::pin(async move { self.client.batch_execute(text).await.map(|()| Vec::new()) })
    }

    fn query<'a>(&'a self, statement: &'a Statement, values: Vec<Parameter<'a>>) -> Answering<'a> {
        Box::pin(async move { self.client.query(statement, &values).await })
    }

    fn query_if<'a>(
        &'a self,
        wanted: bool,
        statement: &'a Statement,
        values: Vec<Parameter<'a>>,
    ) -> Answering<'a> {
        if wanted { self.query(statement, values) } else { Box::pin(async { Ok(Vec::new()) }) }
    }
}

/// Why the world could not be read.
enum Stop {
    Database(Error),
    Problem(Problem),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Everything that a group is about, each once.
struct Asked<'a> {
    resources: Vec<(i64, &'a str, &'a str)>,
    streams: Vec<&'a str>,
    claims: Vec<(&'a str, &'a str)>,
    deliveries: Vec<&'a str>,
}

impl<'a> Asked<'a> {
    fn by(types: &HashMap<String, i64>, group: &'a [Piece]) -> Self {
        let mut resources: BTreeSet<(i64, &str, &str)> = BTreeSet::new();
        let (mut streams, mut claims, mut deliveries) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for piece in group {
            match &piece.task {
                Task::Commit(prepared) => {
                    let unit = &prepared.unit;
                    let mut resource = |rtype: &'a str, id: &'a str| {
                        if let Some(code) = types.get(rtype) {
                            resources.insert((*code, rtype, id));
                        }
                    };
                    unit.writes.iter().for_each(|write| resource(&write.rtype, &write.id));
                    for guard in &unit.guards {
                        match guard {
                            Guard::Version { rtype, id, .. } => resource(rtype, id),
                            Guard::Stream { patient, .. } => streams.extend([patient.as_str()]),
                            Guard::Key { space, key, .. } => claims.extend([(space.as_str(), key.as_str())]),
                            Guard::NoneMatches(_) => {}
                        }
                    }
                    streams.extend(unit.streams.iter().map(String::as_str));
                    deliveries.extend(unit.stops.iter().map(|halt| halt.id.as_str()));
                }
                Task::Settle { settlements, writes } => {
                    deliveries.extend(settlements.iter().map(|one| one.id.as_str()));
                    for write in writes.iter().flat_map(|prepared| &prepared.unit.writes) {
                        if let Some(code) = types.get(&write.rtype) {
                            resources.insert((*code, &write.rtype, &write.id));
                        }
                    }
                }
                Task::Order { id, .. } => deliveries.extend([id.as_str()]),
                Task::Probe => {}
            }
        }
        Self {
            resources: resources.into_iter().collect(),
            streams: streams.into_iter().collect(),
            claims: claims.into_iter().collect(),
            deliveries: deliveries.into_iter().collect(),
        }
    }
}

/// The place of a row's question, which its ordinality says.
fn place(row: &Row) -> usize {
    usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or(usize::MAX)
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// What it is found by is recomputed, which costs less than keeping it twice.
fn current((rtype, id): (&str, &str), row: &Row) -> Current<'static> {
    let deleted = row.get::<_, i16>(3) != 0;
    let version = count(row.get(2));
    let found_by = || {
        let size = usize::try_from(row.get::<_, i64>(5)).unwrap_or(0);
        let body = body::unpack(row.get(4), row.get(6), size).ok();
        let resource = body.and_then(|body| serde_json::from_slice(&body).ok());
        let resource = resource.ok_or_else(|| damage(rtype, id, version))?;
        Ok::<_, Problem>(Cow::Owned(indexable(row::Row::new(rtype, parameters::index(&resource)))))
    };
    let found_by = if deleted { Ok(None) } else { found_by().map(Some) };
    Current { rid: row.get(1), version, row: found_by }
}
