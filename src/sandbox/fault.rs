//! How a peer misbehaves on demand: one fault at a time, for so many requests.

use std::sync::Mutex;
use std::time::Duration;

/// What a peer does instead of answering well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status and an `OperationOutcome`, and keeps nothing.
    Status(u16),
    /// Says nothing for so long, then answers well.
    Slow(Duration),
    /// Says nothing for so long, then closes; keeps nothing.
    Silence(Duration),
    /// Keeps what it got, then breaks off in the middle of the answer.
    AnswerLost,
    /// Keeps nothing and answers 200 with something that is no FHIR.
    Gibberish,
}

impl Fault {
    /// The faults by name, as the command line takes them.
    pub const NAMES: &[&str] = &["refuse", "unavailable", "slow", "silent", "answer-lost", "gibberish"];

    /// The fault of that name; `pause` is how long the peer says nothing.
    #[must_use]
    pub fn parse(name: &str, pause: Duration) -> Option<Self> {
        Some(match name {
            "refuse" => Self::Status(422),
            "unavailable" => Self::Status(503),
            "slow" => Self::Slow(pause),
            "silent" => Self::Silence(pause),
            "answer-lost" => Self::AnswerLost,
            "gibberish" => Self::Gibberish,
            _ => return None,
        })
    }
}

/// What is still to come.
#[derive(Debug)]
pub(super) struct Faults<F = Fault>(Mutex<Option<Coming<F>>>);

/// A fault, how many requests are served well before it, and how many it then spoils.
#[derive(Debug, Clone, Copy)]
struct Coming<F> {
    fault: F,
    after: usize,
    times: usize,
}

impl<F> Default for Faults<F> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<F: Copy> Faults<F> {
    /// From now on this fault, for so many requests.
    pub(super) fn set(&self, fault: Option<F>, times: usize) {
        self.set_after(0, fault, times);
    }

    /// The same, once so many requests where it could happen have been served well.
    pub(super) fn set_after(&self, after: usize, fault: Option<F>, times: usize) {
        *super::peer::locked(&self.0) =
            fault.filter(|_| times > 0).map(|fault| Coming { fault, after, times });
    }

    /// The fault of this request, if there is one left.
    pub(super) fn next(&self) -> Option<F> {
        self.next_if(|_| true)
    }

    /// The same, if it is one that happens here.
    pub(super) fn next_if(&self, here: impl FnOnce(F) -> bool) -> Option<F> {
        let mut left = super::peer::locked(&self.0);
        let coming = left.as_mut().filter(|coming| here(coming.fault))?;
        if coming.after > 0 {
            coming.after -= 1;
            return None;
        }
        let fault = coming.fault;
        coming.times -= 1;
        if coming.times == 0 {
            *left = None;
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lasts_as_many_requests_as_was_asked() {
        let faults: Faults = Faults::default();
        faults.set(Some(Fault::Gibberish), 2);
        assert_eq!(
            [faults.next(), faults.next(), faults.next()],
            [Some(Fault::Gibberish), Some(Fault::Gibberish), None]
        );
        faults.set(Some(Fault::Gibberish), 0);
        assert_eq!(faults.next(), None);
        faults.set_after(1, Some(Fault::Gibberish), 1);
        assert_eq!([faults.next(), faults.next(), faults.next()], [None, Some(Fault::Gibberish), None]);
    }

    #[test]
    fn every_fault_has_its_name() {
        for name in Fault::NAMES {
            assert!(Fault::parse(name, Duration::ZERO).is_some(), "{name}");
        }
        assert_eq!(Fault::parse("fire", Duration::ZERO), None);
    }
}
