//! Time and ids are handed in: the only room that asks the machine for either.

use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Now, in UTC.
    fn now(&self) -> Timestamp;
}

/// Hands out resource ids: time-ordered UUIDs of version 7 (RFC 9562, 5.7) in lower case.
pub trait Ids: Send + Sync {
    /// The next id; never the same twice from one source.
    fn next(&self) -> String;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands where it was put.
#[derive(Debug)]
pub struct FixedClock(Mutex<Timestamp>);

impl FixedClock {
    /// A clock that says `now` until it is set.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self(Mutex::new(now))
    }

    /// Puts the clock to `now`.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A clock that runs on from the moment it was put to.
///
/// The demo lives through six weeks with it: time goes by within a week, and jumps from week to week.
#[derive(Debug)]
pub struct RunningClock(Mutex<(Timestamp, Timestamp)>);

impl RunningClock {
    /// A clock that says `now` at this moment and runs on.
    #[must_use]
    pub fn starting_at(now: Timestamp) -> Self {
        Self(Mutex::new((now, SystemClock.now())))
    }

    /// Puts the clock to `now`.
    pub fn set(&self, now: Timestamp) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = (now, SystemClock.now());
    }
}

impl Clock for RunningClock {
    fn now(&self) -> Timestamp {
        let (set_to, set_at) = *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        set_to + SystemClock.now().duration_since(set_at)
    }
}

/// Ids from the machine's entropy and clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemIds;

impl Ids for SystemIds {
    fn next(&self) -> String {
        format(SystemClock.now(), ENTROPY.with_borrow_mut(Entropy::next))
    }
}

thread_local! {
    static ENTROPY: RefCell<Entropy> = const { RefCell::new(Entropy { bytes: [[0; 16]; 64], left: 0 }) };
}

/// Entropy of the machine, asked for 64 ids together: asking takes longer than making an id of it.
struct Entropy {
    bytes: [[u8; 16]; 64],
    /// How many of them have not been handed out.
    left: usize,
}

impl Entropy {
    fn next(&mut self) -> [u8; 16] {
        if self.left == 0 {
            if getrandom::fill(self.bytes.as_flattened_mut()).is_err() {
                // Without entropy the process must not invent ids that could collide.
                std::process::abort();
            }
            self.left = self.bytes.len();
        }
        self.left -= 1;
        self.bytes[self.left]
    }
}

/// Ids that follow from a time and a seed: the same seed gives the same ids, on every machine.
///
/// A submission draws one id and seeds all derived ids with it, so that the pure part is repeatable.
#[derive(Debug)]
pub struct SeededIds {
    at: Timestamp,
    seed: Vec<u8>,
    drawn: AtomicU64,
}

impl SeededIds {
    /// A source that starts anew for this time and seed.
    #[must_use]
    pub fn new(at: Timestamp, seed: impl Into<Vec<u8>>) -> Self {
        Self { at, seed: seed.into(), drawn: AtomicU64::new(0) }
    }
}

impl Ids for SeededIds {
    fn next(&self) -> String {
        let n = self.drawn.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::new().chain_update(&self.seed).chain_update(n.to_be_bytes()).finalize();
        let mut entropy = [0; 16];
        entropy.copy_from_slice(&digest[..16]);
        format(self.at, entropy)
    }
}

fn format(at: Timestamp, entropy: [u8; 16]) -> String {
    let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
    let mut bytes = entropy;
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut text = uuid::Uuid::encode_buffer();
    uuid::Uuid::from_bytes(bytes).hyphenated().encode_lower(&mut text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_machine_are_all_different() {
        let draw = || (0..1_000).map(|_| SystemIds.next()).collect::<Vec<_>>();
        let other = std::thread::spawn(draw);
        let mut all = draw();
        all.extend(other.join().unwrap());
        // What follows the time: nothing of an earlier batch comes again.
        let mut tails: Vec<_> = all.iter().map(|id| id[19..].to_owned()).collect();
        tails.sort_unstable();
        tails.dedup();
        assert_eq!(tails.len(), 2_000);
        assert!(all.iter().all(|id| uuid::Uuid::parse_str(id).is_ok_and(|id| id.get_version_num() == 7)));
    }

    #[test]
    fn seeded_ids_repeat_and_do_not_collide() {
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        let draw = || {
            let ids = SeededIds::new(at, "seed");
            [ids.next(), ids.next()]
        };
        assert_eq!(draw(), draw());
        assert_ne!(draw()[0], draw()[1]);
        assert!(draw()[0].starts_with("018bcfe5-6800-7"), "{}", draw()[0]);
    }
}
