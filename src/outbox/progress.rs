//! The state machine of a delivery: which event leads from which state to which.

use jiff::Timestamp;

use super::{Outcome, State};
use crate::problem::{Category, Problem};

/// Where a delivery stands, and what it needs to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The state.
    pub state: State,
    /// Attempts so far, the running one included.
    pub attempts: u32,
    /// Failures since it was created or sent again: what the backoff counts.
    pub failures: u32,
    /// Next attempt (pending), or end of the lease (leased).
    pub due_at: Timestamp,
    /// Start of the running attempt and who runs it.
    pub lease: Option<(String, Timestamp)>,
    /// A receiver has said yes at least once, even if a person had stopped the delivery meanwhile.
    pub accepted: bool,
    /// Who stopped it, and why.
    pub stop: Option<Stop>,
}

/// Who stopped a delivery, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The person or account that asked.
    pub by: String,
    /// In their words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Who stops a delivery that must not leave as it is: this service.
pub const HELD_BY: &str = "vigie";

/// What can happen to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A worker takes it until then.
    Lease {
        /// Name of the worker, unique for each process.
        owner: String,
        /// Now.
        at: Timestamp,
        /// When the lease ends by itself.
        until: Timestamp,
    },
    /// Its lease has ended without an answer.
    Expire {
        /// Now.
        at: Timestamp,
    },
    /// The attempt of that number has ended.
    Answer {
        /// Number of the attempt.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
        /// When to try again, if need be.
        retry_at: Timestamp,
    },
    /// A person stops it.
    Stop(Stop),
    /// A person has it sent again, now.
    Resend {
        /// Now.
        at: Timestamp,
    },
}

impl Progress {
    /// A new delivery, due at once.
    #[must_use]
    pub const fn new(created_at: Timestamp) -> Self {
        Self {
            state: State::Pending,
            attempts: 0,
            failures: 0,
            due_at: created_at,
            lease: None,
            accepted: false,
            stop: None,
        }
    }
}

/// The progress after the event.
///
/// A late answer is never thrown away: a yes counts whoever holds the lease by now (on a stopped delivery it
/// is kept as `accepted`, so that a resend sends nothing twice); a no or a silence of an attempt that is no
/// longer the running one changes nothing. Stopping twice keeps the first reason. Sending again what is
/// already being sent changes nothing, and what waits becomes due at once.
///
/// # Errors
/// `Conflict` when the state does not admit the event; the progress is then unchanged.
pub fn settle(progress: &Progress, event: Event) -> Result<Progress, Problem> {
    let mut next = progress.clone();
    match (progress.state, event) {
        (State::Pending, Event::Lease { owner, at, until }) if progress.due_at <= at => {
            next.state = State::Leased;
            next.attempts += 1;
            next.lease = Some((owner, at));
            next.due_at = until;
        }
        (State::Leased, Event::Expire { at }) if progress.due_at <= at => {
            wait(&mut next, at);
        }
        (state, Event::Answer { outcome: Outcome::Accepted(_), .. }) => {
            next.accepted = true;
            if state != State::Stopped {
                next.state = State::Delivered;
                next.lease = None;
            }
        }
        (State::Leased, Event::Answer { attempt, outcome: Outcome::Held { reason }, retry_at })
            if attempt == progress.attempts =>
        {
            next.state = State::Stopped;
            next.lease = None;
            next.stop = Some(Stop { by: HELD_BY.to_owned(), reason, at: retry_at });
        }
        (State::Leased, Event::Answer { attempt, retry_at, .. }) if attempt == progress.attempts => {
            wait(&mut next, retry_at);
        }
        (_, Event::Answer { .. })
        | (State::Stopped, Event::Stop(_))
        | (State::Leased, Event::Resend { .. }) => {}
        (State::Pending | State::Leased, Event::Stop(stop)) => {
            next.state = State::Stopped;
            next.lease = None;
            next.stop = Some(stop);
        }
        (State::Pending | State::Stopped, Event::Resend { at }) => resend(&mut next, at),
        (state, event) => return Err(conflict(state, &event)),
    }
    Ok(next)
}

fn wait(next: &mut Progress, until: Timestamp) {
    next.state = State::Pending;
    next.failures = next.failures.saturating_add(1);
    next.lease = None;
    next.due_at = until;
}

fn resend(next: &mut Progress, at: Timestamp) {
    next.state = if next.accepted { State::Delivered } else { State::Pending };
    next.failures = 0;
    next.due_at = at;
    next.stop = None;
}

fn conflict(state: State, event: &Event) -> Problem {
    let asked = match event {
        Event::Lease { .. } => "be leased now",
        Event::Expire { .. } => "lose a lease now",
        Event::Answer { .. } => "be answered",
        Event::Stop(_) => "be stopped",
        Event::Resend { .. } => "be sent again",
    };
    let diagnostics = format!("a delivery that is {} cannot {asked}", state.code());
    Problem::new(Category::Conflict, "conflict", diagnostics)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Receipt;
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn lease(at: i64) -> Event {
        Event::Lease { owner: "a".to_owned(), at: second(at), until: second(at + 30) }
    }

    fn accepted() -> Outcome {
        Outcome::Accepted(Receipt { status: "201".to_owned(), reference: None })
    }

    fn refused() -> Outcome {
        Outcome::Refused { reason: "422".to_owned() }
    }

    fn answer(attempt: u32, outcome: Outcome) -> Event {
        Event::Answer { attempt, outcome, retry_at: second(900) }
    }

    fn stop() -> Event {
        Event::Stop(Stop { by: "Practitioner/1".to_owned(), reason: "wrong peer".to_owned(), at: second(5) })
    }

    fn check(events: Vec<Event>, state: State, attempts: u32) -> Progress {
        let start = Progress::new(second(0));
        let end = events.into_iter().fold(start, |progress, event| settle(&progress, event).unwrap());
        assert_eq!((end.state, end.attempts), (state, attempts));
        end
    }

    #[test]
    fn a_yes_delivers() {
        check(vec![lease(0), answer(1, accepted())], State::Delivered, 1);
    }

    #[test]
    fn a_refusal_waits_and_is_tried_again() {
        let waiting = check(vec![lease(0), answer(1, refused())], State::Pending, 1);
        assert_eq!((waiting.due_at, waiting.failures), (second(900), 1));
        assert!(settle(&waiting, lease(899)).is_err());
        assert!(settle(&waiting, lease(900)).is_ok());
    }

    #[test]
    fn what_is_held_back_stops_and_only_its_own_attempt_can_say_so() {
        let held = || Outcome::Held { reason: "merged".to_owned() };
        let stopped = check(vec![lease(0), answer(1, held())], State::Stopped, 1);
        assert_eq!((stopped.stop.unwrap().by.as_str(), stopped.failures), (HELD_BY, 0));
        let late = vec![lease(0), Event::Expire { at: second(30) }, lease(30), answer(1, held())];
        check(late, State::Leased, 2);
        check(vec![lease(0), answer(1, accepted()), answer(1, held())], State::Delivered, 1);
    }

    #[test]
    fn a_lease_that_expires_returns_to_pending() {
        check(vec![lease(0), Event::Expire { at: second(30) }], State::Pending, 1);
        let leased = check(vec![lease(0)], State::Leased, 1);
        assert!(settle(&leased, Event::Expire { at: second(29) }).is_err());
    }

    #[test]
    fn a_late_no_of_an_earlier_attempt_changes_nothing() {
        let events = vec![lease(0), Event::Expire { at: second(30) }, lease(30), answer(1, refused())];
        check(events, State::Leased, 2);
    }

    #[test]
    fn a_late_yes_counts() {
        let events = vec![lease(0), Event::Expire { at: second(30) }, lease(30), answer(1, accepted())];
        check(events, State::Delivered, 2);
    }

    #[test]
    fn a_yes_after_a_stop_is_kept_and_a_resend_sends_nothing_twice() {
        let stopped = check(vec![lease(0), stop(), answer(1, accepted())], State::Stopped, 1);
        let resent = settle(&stopped, Event::Resend { at: second(9) }).unwrap();
        assert_eq!(resent.state, State::Delivered);
    }

    #[test]
    fn a_resend_makes_a_stopped_delivery_due_at_once() {
        let events = vec![lease(0), answer(1, refused()), stop(), Event::Resend { at: second(9) }];
        let resent = check(events, State::Pending, 1);
        assert_eq!((resent.due_at, resent.failures, resent.stop), (second(9), 0, None));
    }

    #[test]
    fn a_delivered_one_can_neither_be_stopped_nor_sent_again() {
        let delivered = check(vec![lease(0), answer(1, accepted())], State::Delivered, 1);
        assert!(settle(&delivered, stop()).is_err());
        assert!(settle(&delivered, Event::Resend { at: second(9) }).is_err());
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            (0..2_000_i64).prop_map(lease),
            (0..2_000_i64).prop_map(|at| Event::Expire { at: second(at) }),
            (0..4_u32).prop_map(|attempt| answer(attempt, accepted())),
            (0..4_u32).prop_map(|attempt| answer(attempt, refused())),
            Just(stop()),
            (0..2_000_i64).prop_map(|at| Event::Resend { at: second(at) }),
        ]
    }

    proptest! {
        #[test]
        fn no_order_of_events_breaks_the_promises(events in proptest::collection::vec(event(), 1..40)) {
            let mut progress = Progress::new(second(0));
            for event in events {
                let resend = matches!(event, Event::Resend { .. });
                let Ok(next) = settle(&progress, event) else { continue };
                if progress.state == State::Delivered {
                    prop_assert_eq!(next.state, State::Delivered);
                }
                if progress.state == State::Stopped && next.state != State::Stopped {
                    prop_assert!(resend);
                }
                prop_assert!(next.attempts >= progress.attempts);
                prop_assert!(next.accepted || !progress.accepted);
                prop_assert_eq!(next.lease.is_some(), next.state == State::Leased);
                prop_assert_eq!(next.stop.is_some(), next.state == State::Stopped);
                progress = next;
            }
        }
    }
}
