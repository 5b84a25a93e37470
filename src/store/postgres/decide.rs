//! What becomes of each piece of a group, decided from what the database said under the lock. Pure.
//!
//! The pieces are taken one after the other, as if each were alone: what one writes, the next one finds. A piece
//! that is refused leaves nothing.

use std::borrow::Cow;
use std::collections::HashMap;

use super::changes::{Changes, Touched};
use super::delivery;
use super::prepared::{Indexed, Prepared};
use super::writer::{Answer, Piece, Task};
use crate::fhir::search::{Criterion, Modifier, Query, Test};
use crate::outbox::{self, Event, Stop};
use crate::problem::Problem;
use crate::store::digest::digest;
use crate::store::row::{Row, is_token, param};
use crate::store::{Committed, Expect, Guard, Order, Settlement, Violation, Write, feed};

/// Where the numbers and the feed stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Feed {
    pub(super) seq: i64,
    pub(super) rid: i64,
    pub(super) unit: i64,
    pub(super) delivery: i64,
    pub(super) latest: Option<i64>,
}

/// The current version of a resource.
#[derive(Debug, Clone)]
pub(super) struct Current<'a> {
    pub(super) rid: i64,
    pub(super) version: u64,
    /// What it is found by; none once it is deleted. `Damaged` where that cannot be read any more: nothing can take its place.
    pub(super) row: Result<Option<Cow<'a, Row>>, Problem>,
}

/// What the database holds of all that the group is about.
pub(super) struct World<'a> {
    pub(super) feed: Feed,
    pub(super) currents: HashMap<(String, String), Current<'a>>,
    pub(super) streams: HashMap<String, u64>,
    pub(super) claims: HashMap<(String, String), Violation>,
    /// By place of the piece and of its guard.
    pub(super) matches: HashMap<(usize, usize), Vec<String>>,
    pub(super) deliveries: HashMap<String, delivery::Known>,
}

/// What becomes of a piece, if the group is committed.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is answered so.
    Answered(Result<Answer, Problem>),
    /// It cannot be decided before the group is committed.
    Later,
}

/// Decides a group; the changes are to be written in the same transaction in which the world was read.
pub(super) struct Decision<'a> {
    world: World<'a>,
    types: &'a HashMap<String, i64>,
    pub(super) changes: Changes<'a>,
}

impl<'a> Decision<'a> {
    pub(super) fn new(world: World<'a>, types: &'a HashMap<String, i64>) -> Self {
        let changes = Changes::new(world.feed);
        Self { world, types, changes }
    }

    pub(super) fn take(&mut self, place: usize, piece: &'a Piece) -> Fate {
        let answer = match &piece.task {
            Task::Commit(prepared) => {
                if self.must_wait(prepared) {
                    return Fate::Later;
                }
                self.commit(place, prepared).map(Answer::Committed)
            }
            Task::Settle { settlements, writes } => self
                .settle(settlements)
                .and_then(|()| self.unless_there(place, writes))
                .map(|()| Answer::Done),
            Task::Order { id, order, at } => self.order(id, order, *at).map(|()| Answer::Done),
            Task::Probe => Ok(Answer::Done),
        };
        Fate::Answered(answer)
    }

    /// A condition was looked up before what this group writes.
    fn must_wait(&self, prepared: &Prepared) -> bool {
        prepared.has_conditions()
            && prepared.unit.guards.iter().any(|guard| match guard {
                Guard::NoneMatches(query) => self.changes.touched().any(|touched| may_match(query, touched)),
                _ => false,
            })
    }

    fn commit(&mut self, place: usize, prepared: &'a Prepared) -> Result<Committed, Problem> {
        let unit = &prepared.unit;
        for (n, guard) in unit.guards.iter().enumerate() {
            if let Err(violation) = self.check(guard, (place, n)) {
                return Ok(Committed::Refused(violation));
            }
        }
        for halt in &unit.stops {
            let known = self.world.deliveries.get(&halt.id);
            if !known.is_some_and(|known| halt.suits(&known.progress)) {
                return Ok(Committed::Refused(Violation::Delivery { id: halt.id.clone() }));
            }
        }
        if let Err(violation) = self.expected(&unit.writes)? {
            return Ok(Committed::Refused(violation));
        }
        let at =
            feed::instant(self.world.feed.latest, self.changes.feed.latest, unit.proposed().as_microsecond());
        let instant = crate::store::version::timestamp(at)?;
        let number = self.changes.unit(unit.name, unit.at.as_microsecond(), at);
        for guard in &unit.guards {
            if let Guard::Key { space, key, holder, digest } = guard {
                self.changes.claims.push((space, key, holder, digest, number));
                let claim = Violation::Key { holder: holder.clone(), digest: digest.clone() };
                self.world.claims.insert((space.clone(), key.clone()), claim);
            }
        }
        for (write, indexed) in unit.writes.iter().zip(&prepared.rows) {
            self.write(write, indexed, (number, at))?;
        }
        for halt in &unit.stops {
            self.apply(&halt.id, Event::Stop(halt.stop.clone()))?;
        }
        for (delivery, payload) in unit.deliveries.iter().zip(&prepared.payloads) {
            self.changes.delivery(delivery, payload);
        }
        for stream in &unit.streams {
            let sequence = self.world.streams.entry(stream.clone()).or_insert(0);
            *sequence += 1;
            self.changes.streams.insert(stream, i64::try_from(*sequence).unwrap_or(i64::MAX));
        }
        Ok(Committed::Written(instant))
    }

    /// Writes those of which no resource was ever stored.
    fn unless_there(&mut self, place: usize, units: &'a [Prepared]) -> Result<(), Problem> {
        for prepared in units {
            let is_there = prepared.unit.writes.iter().any(|write| self.version(&write.rtype, &write.id) > 0);
            if !is_there && matches!(self.commit(place, prepared)?, Committed::Refused(_)) {
                return Err(Problem::internal("what follows from a settlement was refused"));
            }
        }
        Ok(())
    }

    fn check(&self, guard: &Guard, place: (usize, usize)) -> Result<(), Violation> {
        match guard {
            Guard::NoneMatches(_) => match self.world.matches.get(&place) {
                Some(found) if !found.is_empty() => Err(Violation::Exists(found.clone())),
                _ => Ok(()),
            },
            Guard::Key { space, key, .. } => {
                let claim = self.world.claims.get(&(space.clone(), key.clone()));
                claim.map_or(Ok(()), |claim| Err(claim.clone()))
            }
            Guard::Stream { patient, sequence } => {
                let found = self.world.streams.get(patient).copied().unwrap_or(0);
                if found == *sequence { Ok(()) } else { Err(Violation::Stream { found }) }
            }
            Guard::Version { rtype, id, version } => {
                let found = self.version(rtype, id);
                if found == *version { Ok(()) } else { Err(version_violation(rtype, id, found)) }
            }
        }
    }

    fn version(&self, rtype: &str, id: &str) -> u64 {
        let current = self.world.currents.get(&(rtype.to_owned(), id.to_owned()));
        current.map_or(0, |current| current.version)
    }

    /// Whether each write finds what it expects, the writes of the unit before it included.
    fn expected(&self, writes: &[Write]) -> Result<Result<(), Violation>, Problem> {
        let mut written: HashMap<(&str, &str), u64> = HashMap::new();
        for write in writes {
            if !self.types.contains_key(&write.rtype) {
                return Err(Problem::internal(format!("resources of type {} are not stored", write.rtype)));
            }
            let key = (write.rtype.as_str(), write.id.as_str());
            if let Some(Current { row: Err(damage), .. }) =
                self.world.currents.get(&(write.rtype.clone(), write.id.clone()))
            {
                return Err(damage.clone());
            }
            let found = written.get(&key).copied().unwrap_or_else(|| self.version(key.0, key.1));
            let expected = match write.expect {
                Expect::New => 0,
                Expect::Version(version) => version,
                Expect::Previous => write.version.saturating_sub(1),
            };
            if found != expected || write.version != found + 1 {
                return Ok(Err(version_violation(&write.rtype, &write.id, found)));
            }
            written.insert(key, write.version);
        }
        Ok(Ok(()))
    }

    fn write(
        &mut self,
        write: &'a Write,
        indexed: &'a Indexed,
        (unit, at): (i64, i64),
    ) -> Result<(), Problem> {
        let rtype = self.types.get(&write.rtype).copied().unwrap_or_default();
        let key = (write.rtype.clone(), write.id.clone());
        let before = self.world.currents.remove(&key);
        let is_new = before.is_none();
        let rid = before.as_ref().map_or_else(|| self.changes.next_rid(), |before| before.rid);
        let old = before.map(|before| before.row).transpose()?.flatten();
        let row_now = (!write.deleted).then_some(Cow::Borrowed(&indexed.row));
        self.world.currents.insert(key, Current { rid, version: write.version, row: Ok(row_now) });
        self.changes.version(Touched { rtype, rid, seq: 0, at, write, indexed, old, is_new }, unit)
    }

    fn settle(&mut self, settlements: &'a [Settlement]) -> Result<(), Problem> {
        if let Some(unknown) = settlements.iter().find(|one| !self.world.deliveries.contains_key(&one.id)) {
            return Err(Problem::not_found(format!("delivery {}", unknown.id)));
        }
        for settlement in settlements {
            let event = Event::Answer {
                attempt: settlement.attempt.number,
                outcome: settlement.attempt.outcome.clone(),
                retry_at: settlement.retry_at,
            };
            self.apply(&settlement.id, event)?;
            if let Some(known) = self.world.deliveries.get(&settlement.id) {
                self.changes.attempt(known.seq, &settlement.attempt);
            }
        }
        Ok(())
    }

    fn order(&mut self, id: &str, order: &Order, at: jiff::Timestamp) -> Result<(), Problem> {
        let event = match order {
            Order::Stop { by, reason } => Event::Stop(Stop { by: by.clone(), reason: reason.clone(), at }),
            Order::Resend => Event::Resend { at },
        };
        self.apply(id, event)
    }

    fn apply(&mut self, id: &str, event: Event) -> Result<(), Problem> {
        let Some(known) = self.world.deliveries.get_mut(id) else {
            return Err(Problem::not_found(format!("delivery {id}")));
        };
        let progress = outbox::settle(&known.progress, event)?;
        if progress != known.progress {
            if progress.state.is_open() != known.progress.state.is_open() {
                self.changes.pair(&known.delivery.destination, &known.delivery.patient);
            }
            known.progress = progress.clone();
            self.changes.progress.insert(known.seq, progress);
        }
        self.changes.wakes = true;
        Ok(())
    }
}

fn version_violation(rtype: &str, id: &str, found: u64) -> Violation {
    Violation::Version { rtype: rtype.to_owned(), id: id.to_owned(), found }
}

/// Whether the query could find it. Certain when not; that costs a conditional create its place in the group, so
/// that identifiers, by which most conditions go, are compared.
fn may_match(query: &Query, touched: &Touched<'_>) -> bool {
    let looks_beyond = |test: &Test| matches!(test, Test::Chain { .. } | Test::Referrer { .. });
    if query.criteria.iter().any(|criterion| criterion.any.iter().any(looks_beyond)) {
        return true;
    }
    query.rtype == touched.write.rtype
        && query.criteria.iter().all(|criterion| criterion_may_match(criterion, touched))
}

fn criterion_may_match(criterion: &Criterion, touched: &Touched<'_>) -> bool {
    let parameter = criterion.parameter;
    if parameter.column.is_some() || criterion.modifier != Modifier::None || !is_token(parameter.kind) {
        return true;
    }
    let numbers: Vec<i64> = parameter.stored().into_iter().map(param).collect();
    criterion.any.iter().any(|test| match test {
        Test::Token { system, code: Some(code) } => {
            let code = super::prepared::key(code);
            touched.indexed.row.tokens.iter().any(|(number, held, held_system)| {
                numbers.contains(number)
                    && *held == *code
                    && system.as_ref().is_none_or(|system| digest(system) == *held_system)
            })
        }
        _ => true,
    })
}
