//! One named, all-or-nothing transaction: what must hold, what is written, what is to be delivered.

use std::fmt;

use crate::json::Value;
use jiff::Timestamp;

use super::row::Row;
use super::{Made, body, feed};
use crate::fhir::compact::Text;
use crate::fhir::element;
use crate::fhir::search::{self, Entry, Query};
use crate::outbox::{Delivery, Progress, State, Stop};
use crate::problem::Problem;

/// One transaction of an interaction.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Its name in metrics and in the rows it wrote: `submit`, `update`, `finalize`, …
    pub name: &'static str,
    /// When it was decided.
    pub at: Timestamp,
    /// What must hold inside the transaction, or nothing is written.
    pub guards: Vec<Guard>,
    /// Resource versions to write, in order.
    pub writes: Vec<Write>,
    /// Deliveries that are stopped, before any is created.
    pub stops: Vec<Halt>,
    /// Deliveries to create, in order.
    pub deliveries: Vec<Delivery>,
    /// Bumps these streams: those of patients, as `Patient/id`, or of other things that decisions stand on.
    pub streams: Vec<String>,
}

impl Unit {
    /// A unit that does nothing yet.
    #[must_use]
    pub const fn new(name: &'static str, at: Timestamp) -> Self {
        Self {
            name,
            at,
            guards: Vec::new(),
            writes: Vec::new(),
            stops: Vec::new(),
            deliveries: Vec::new(),
            streams: Vec::new(),
        }
    }

    /// The instant that it would have in the feed.
    pub(super) fn proposed(&self) -> Timestamp {
        let latest = self.writes.iter().map(|write| write.last_updated).max();
        latest.map_or(self.at, |latest| latest.max(self.at))
    }
}

/// A delivery that a unit stops, because nobody needs it any more. The unit is refused unless the delivery waits, after
/// exactly the attempts that it was decided with: what is being sent, or was sent meanwhile, is not stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Halt {
    /// Its id.
    pub id: String,
    /// How many attempts there were.
    pub attempts: u32,
    /// Who stops it, why and when.
    pub stop: Stop,
}

impl Halt {
    /// Whether it stands as it was decided with.
    pub(super) fn suits(&self, progress: &Progress) -> bool {
        progress.state == State::Pending && progress.attempts == self.attempts
    }
}

/// What must hold inside the transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Guard {
    /// No current resource matches (`If-None-Exist`).
    NoneMatches(Query),
    /// The key is free; the unit claims it (idempotency).
    Key {
        /// What the key is about: an endpoint or an identifier system.
        space: String,
        /// The key.
        key: String,
        /// What the first claim created, as `Type/id`.
        holder: String,
        /// Digest of the request, to tell a repeat from a reuse.
        digest: Vec<u8>,
    },
    /// The patient's stream stands where it was read.
    Stream {
        /// The patient.
        patient: String,
        /// As [`super::Store::stream`] said.
        sequence: u64,
    },
    /// That resource has not changed since it was read; 0 when it must not exist.
    Version {
        /// Resource type.
        rtype: String,
        /// Logical id.
        id: String,
        /// Version that was read.
        version: u64,
    },
}

/// The first claim on a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What it created, as `Type/id`.
    pub holder: String,
    /// Digest of the request.
    pub digest: Vec<u8>,
}

/// What a write expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing was ever stored under that id.
    New,
    /// This version is the current one.
    Version(u64),
    /// Whatever precedes the version that is written: nothing before 1, else the version before.
    Previous,
}

/// One resource version to write: serialised, compressed and indexed on the caller's thread.
#[derive(Clone)]
pub struct Write {
    pub(super) rtype: String,
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) last_updated: Timestamp,
    pub(super) expect: Expect,
    pub(super) deleted: bool,
    pub(super) made: Made,
    pub(super) body: body::Packed,
    /// Where the text of `meta.lastUpdated` begins in the body; 0 without a body.
    pub(super) dated_place: usize,
    pub(super) entries: Vec<Entry>,
}

impl Write {
    /// The final resource, with `id`, `meta.versionId` (a whole number) and `meta.lastUpdated`.
    ///
    /// # Errors
    /// `Internal` when one of these is missing: the caller sets them.
    pub fn new(resource: &Value, expect: Expect) -> Result<Self, Problem> {
        Self::with_body(resource, expect).map(|(write, _)| write)
    }

    /// The same, and its bytes, of which an answer can be made once the commit has decided the instant.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_body(resource: &Value, expect: Expect) -> Result<(Self, Body), Problem> {
        let text = Text::of(resource);
        let write = Self::of(resource, &text, search::index(resource), (expect, stamped(resource)?))?;
        let dated_place = write.dated_place;
        Ok((write, Body { bytes: text.bytes, dated_place }))
    }

    /// Of a resource that is written and indexed already, with what its `meta` says.
    fn of(
        resource: &Value,
        text: &Text,
        entries: Vec<Entry>,
        (expect, (version, last_updated)): (Expect, (u64, Timestamp)),
    ) -> Result<Self, Problem> {
        let own =
            |name: &str| element::child(resource, name).and_then(Value::as_str).ok_or_else(|| lacks(name));
        Ok(Self {
            rtype: own("resourceType")?.to_owned(),
            id: own("id")?.to_owned(),
            version,
            last_updated,
            expect,
            deleted: false,
            made: if expect == Expect::New { Made::Post } else { Made::Put },
            body: body::pack(&text.bytes)?,
            dated_place: text.dated_place.ok_or_else(|| lacks("meta.lastUpdated"))?,
            entries,
        })
    }

    /// The same with what made it, where that is not a `POST` for what is new and a `PUT` for the rest.
    #[must_use]
    pub const fn made(mut self, made: Made) -> Self {
        self.made = made;
        self
    }

    /// What it is found by, as rows of the tables; taken out of it.
    pub(super) fn row(&mut self) -> Row {
        Row::new(&self.rtype, std::mem::take(&mut self.entries))
    }

    /// A deletion marker: the version after `current`, without a body.
    ///
    /// # Errors
    /// `Internal` when the compressor fails.
    pub fn deletion(rtype: &str, id: &str, current: u64, at: Timestamp) -> Result<Self, Problem> {
        Ok(Self {
            rtype: rtype.to_owned(),
            id: id.to_owned(),
            version: current + 1,
            last_updated: at,
            expect: Expect::Version(current),
            deleted: true,
            made: Made::Delete,
            body: body::pack(&[])?,
            dated_place: 0,
            entries: Vec::new(),
        })
    }
}

/// Version and instant of a resource that is to be stored.
fn stamped(resource: &Value) -> Result<(u64, Timestamp), Problem> {
    let meta = |name: &str| {
        let found = element::child(resource, "meta").and_then(|meta| element::child(meta, name));
        found.and_then(Value::as_str).ok_or_else(|| lacks(&format!("meta.{name}")))
    };
    let version = meta("versionId")?
        .parse()
        .map_err(|_| Problem::internal("meta.versionId of a resource to be stored is not a whole number"))?;
    let last_updated = meta("lastUpdated")?
        .parse()
        .map_err(|_| Problem::internal("meta.lastUpdated of a resource to be stored is not an instant"))?;
    Ok((version, last_updated))
}

fn lacks(name: &str) -> Problem {
    Problem::internal(format!("a resource to be stored lacks {name}"))
}

/// Makes the writes of resources one after the other, of which many say the same: the 34 Observations of a response differ in
/// few members.
#[derive(Default)]
pub struct Series {
    text: Text,
    /// The one before, and its text.
    before: (Value, Text),
    writes: Vec<Write>,
}

impl Series {
    /// Adds one, as [`Write::new`] makes it.
    ///
    /// # Errors
    /// As [`Write::new`].
    pub fn add(&mut self, resource: Value, expect: Expect) -> Result<(), Problem> {
        let Self { text, before, writes } = self;
        text.write_after(&resource, (&before.0, &before.1));
        let (entries, stamped) = match writes.last() {
            Some(last) => {
                let entries = search::index_after(&resource, text, (&before.1, &last.entries));
                // Nearly always the very same `meta`: an instant is read once.
                let metas = element::child(&resource, "meta").zip(element::child(&before.0, "meta"));
                let same = metas.is_some_and(|(own, known)| own.is_held_with(known));
                (entries, if same { (last.version, last.last_updated) } else { stamped(&resource)? })
            }
            None => (search::index(&resource), stamped(&resource)?),
        };
        writes.push(Write::of(&resource, text, entries, (expect, stamped))?);
        before.0 = resource;
        std::mem::swap(text, &mut before.1);
        Ok(())
    }

    /// The writes, in order.
    #[must_use]
    pub fn into_writes(self) -> Vec<Write> {
        self.writes
    }
}

impl fmt::Debug for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.writes).finish()
    }
}

/// The bytes of a resource that is about to be written.
pub struct Body {
    bytes: Vec<u8>,
    dated_place: usize,
}

impl Body {
    /// As they are stored by a commit at that instant.
    #[must_use]
    pub fn at(self, last_updated: Timestamp) -> Vec<u8> {
        feed::dated(self.bytes, self.dated_place, last_updated)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.bytes.len())
    }
}

impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Write({}/{}/_history/{})", self.rtype, self.id, self.version)
    }
}

/// What became of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// All of it is durable. `meta.lastUpdated` of all that it wrote is this instant: the proposed one, or a later
    /// one when something that is already visible has an instant as late.
    Written(Timestamp),
    /// Nothing of it was written.
    Refused(Violation),
}

/// The first thing that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// These match a [`Guard::NoneMatches`] (at most two are named).
    Exists(Vec<String>),
    /// The key is claimed.
    Key {
        /// What the first claim created, as `Type/id`.
        holder: String,
        /// Digest of the first request.
        digest: Vec<u8>,
    },
    /// The patient's stream has moved on: gather and decide again.
    Stream {
        /// Where it stands.
        found: u64,
    },
    /// A resource is not in the version that was expected.
    Version {
        /// Resource type.
        rtype: String,
        /// Logical id.
        id: String,
        /// Its current version; 0 when it never existed.
        found: u64,
    },
    /// A delivery of a [`Halt`] moved on meanwhile.
    Delivery {
        /// Its id.
        id: String,
    },
}

impl Violation {
    /// Whether it is the version of a resource of that type that was not expected.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        matches!(self, Self::Version { rtype, .. } if rtype == name)
    }

    /// Whether a stream, or a resource with another id than this, is not where it was expected.
    #[must_use]
    pub fn is_of_another(&self, own: &str) -> bool {
        match self {
            Self::Stream { .. } => true,
            Self::Version { id, .. } => id != own,
            Self::Exists(_) | Self::Key { .. } | Self::Delivery { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::meta;
    use crate::json::json;

    #[test]
    fn what_follows_in_a_series_is_as_it_would_be_alone() {
        let at: Timestamp = "2026-01-05T08:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-01-06T08:00:00Z".parse().unwrap();
        let (stamp, other) = (meta::Stamp::new(at), meta::Stamp::new(later));
        let subject = json!({"reference": "Patient/p"}).shared();
        let observation = |id: &str, code: &str| json!({"resourceType": "Observation", "id": id, "status": "final", "subject": subject, "code": {"text": code}});
        let all = [
            stamp.first(observation("a", "Fatigue"), "a"),
            stamp.first(observation("b", "Douleur"), "b"),
            other.first(observation("c", "Douleur"), "c"),
            meta::stamp(observation("c", "Douleur"), "c", 7, later),
            meta::stamp(observation("d", "Douleur"), "d", 8, at),
            stamp.first(json!({"resourceType": "Flag", "id": "e", "subject": subject}), "e"),
        ];
        let mut series = Series::default();
        all.iter().for_each(|one| series.add(one.clone(), Expect::New).unwrap());
        for (found, one) in series.into_writes().iter().zip(&all) {
            let alone = Write::new(one, Expect::New).unwrap();
            assert_eq!((found.version, found.last_updated), (alone.version, alone.last_updated), "{one}");
            assert_eq!((&found.rtype, &found.id), (&alone.rtype, &alone.id));
            assert_eq!(
                (&found.body.bytes, found.dated_place),
                (&alone.body.bytes, alone.dated_place),
                "{one}"
            );
            assert!(found.entries == alone.entries, "{one}");
        }
    }
}
