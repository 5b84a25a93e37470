//! Deliveries: leased in order, repeated until a yes, stopped and sent again by a person.

use vigie::json::json;
use vigie::outbox::{Backoff, Outcome, Receipt, State, Stop};
use vigie::problem::Category;
use vigie::store::{
    Committed, DeliveryFilter, DeliveryRecord, Halt, LeaseRequest, Leased, Order, Settlement, Unit, Violation,
};

use super::support::{Held, at, delivery, new, unit};

const BACKOFF: Backoff = Backoff { first_ms: 1_000, ceiling_ms: 60_000 };

async fn with(deliveries: &[(&str, &str, &str)]) -> Option<Held> {
    let held = Held::new().await?;
    for (id, destination, patient) in deliveries {
        let unit = Unit { deliveries: vec![delivery(id, destination, patient)], ..unit(vec![]) };
        assert!(matches!(held.store.commit(unit).await, Ok(Committed::Written(_))));
    }
    Some(held)
}

async fn lease(held: &Held, second: i64) -> Vec<Leased> {
    let request = LeaseRequest {
        now: at(second),
        lease_seconds: 30,
        limit: 100,
        under_way: vec![],
        owner: "w".to_owned(),
    };
    held.store.lease(request).await.unwrap()
}

fn ids(leased: &[Leased]) -> Vec<&str> {
    leased.iter().map(|leased| leased.delivery.id.as_str()).collect()
}

async fn settle(held: &Held, leased: &Leased, outcome: Outcome, second: i64) {
    let settlement = Settlement::new(leased, outcome, at(second), &BACKOFF, 0);
    assert_eq!(held.store.settle(vec![settlement]).await, Ok(()));
}

fn accepted() -> Outcome {
    Outcome::Accepted(Receipt { status: "201 Created".to_owned(), reference: Some("Bundle/9".to_owned()) })
}

fn refused() -> Outcome {
    Outcome::Refused { reason: "422 unknown patient".to_owned() }
}

async fn record(held: &Held, id: &str) -> DeliveryRecord {
    let filter = DeliveryFilter { id: Some(id.to_owned()), payload: true, ..DeliveryFilter::default() };
    held.store.deliveries(&filter).await.unwrap().remove(0)
}

fn stop() -> Order {
    Order::Stop { by: "Practitioner/1".to_owned(), reason: "wrong patient".to_owned() }
}

#[tokio::test]
async fn only_the_first_of_a_destination_and_patient_is_leased() {
    let Some(held) =
        with(&[("a", "dpi", "p"), ("b", "dpi", "p"), ("c", "dmp", "p"), ("d", "dpi", "q")]).await
    else {
        return;
    };
    let leased = lease(&held, 1).await;
    assert_eq!(ids(&leased), ["a", "c", "d"]);
    assert!(lease(&held, 2).await.is_empty(), "a leased one still comes first");
    settle(&held, &leased[0], accepted(), 3).await;
    assert_eq!(ids(&lease(&held, 4).await), ["b"]);
}

#[tokio::test]
async fn a_unit_stops_what_waits_as_it_was_decided_and_nothing_else() {
    let Some(held) = with(&[("a", "dpi", "p"), ("b", "dpi", "p")]).await else { return };
    let halting = |id: &str, attempts: u32, next: &str| {
        let stop = Stop { by: "vigie".to_owned(), reason: "nobody needs it".to_owned(), at: at(9) };
        let deliveries = vec![delivery(next, "dpi", "p")];
        Unit { stops: vec![Halt { id: id.to_owned(), attempts, stop }], deliveries, ..unit(vec![]) }
    };
    let moved = |id: &str| Ok(Committed::Refused(Violation::Delivery { id: id.to_owned() }));
    // What is being sent is not stopped, and nothing of the unit is written.
    let leased = lease(&held, 1).await;
    assert_eq!(held.store.commit(halting("a", 1, "c")).await, moved("a"));
    // Nor what was tried once more since.
    settle(&held, &leased[0], refused(), 2).await;
    assert_eq!(held.store.commit(halting("a", 0, "c")).await, moved("a"));
    assert_eq!(held.store.deliveries(&DeliveryFilter::default()).await.unwrap().len(), 2);

    assert!(matches!(held.store.commit(halting("a", 1, "c")).await, Ok(Committed::Written(_))));
    let stopped = record(&held, "a").await.progress;
    assert_eq!((stopped.state, stopped.stop.unwrap().reason.as_str()), (State::Stopped, "nobody needs it"));
    assert_eq!(held.store.commit(halting("a", 1, "d")).await, moved("a"), "once");
    let next = lease(&held, 100).await;
    assert_eq!(ids(&next), ["b"], "what stood behind it is first now");
    settle(&held, &next[0], accepted(), 101).await;
    assert_eq!(ids(&lease(&held, 102).await), ["c"]);
}

#[tokio::test]
async fn what_is_held_is_stopped_with_its_reason_and_what_says_so() {
    let Some(held) = with(&[("a", "dpi", "p"), ("b", "dpi", "p")]).await else { return };
    let leased = lease(&held, 1).await;
    let outcome = Outcome::Held { reason: "merged".to_owned() };
    let mut settlement = Settlement::new(&leased[0], outcome.clone(), at(2), &BACKOFF, 0);
    settlement.writes.push(new("Task", "t", json!({"status": "requested"})));
    for _ in 0..2 {
        assert_eq!(held.store.settle(vec![settlement.clone()]).await, Ok(()));
    }
    let record = record(&held, "a").await;
    assert_eq!((record.progress.state, record.attempts.len()), (State::Stopped, 1));
    assert_eq!(record.attempts[0].outcome, outcome);
    assert!(held.store.read("Task", "t").await.unwrap().is_some());
    assert_eq!(ids(&lease(&held, 3).await), ["b"]);
}

#[tokio::test]
async fn each_destination_has_places_of_its_own() {
    let slow: Vec<(String, &str, String)> =
        (0..5).map(|n| (format!("slow-{n}"), "slow", format!("p{n}"))).collect();
    let all: Vec<(&str, &str, &str)> =
        slow.iter().map(|(id, to, patient)| (id.as_str(), *to, patient.as_str())).collect();
    let Some(held) = with(&[&all[..], &[("a", "dpi", "p"), ("b", "dmp", "p")]].concat()).await else {
        return;
    };
    let request = |under_way: &[(&str, usize)]| LeaseRequest {
        now: at(1),
        lease_seconds: 30,
        limit: 3,
        under_way: under_way.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect(),
        owner: "w".to_owned(),
    };
    let leased = held.store.lease(request(&[("slow", 2)])).await.unwrap();
    let mut leased = ids(&leased);
    leased.sort_unstable();
    assert_eq!(
        leased,
        ["a", "b", "slow-0"],
        "one more place for the slow one, and the others have their own"
    );
    assert!(held.store.lease(request(&[("slow", 3)])).await.unwrap().is_empty());
    assert!(held.store.lease(request(&[("slow", 9)])).await.unwrap().is_empty());
    assert_eq!(ids(&held.store.lease(request(&[])).await.unwrap()), ["slow-1", "slow-2", "slow-3"]);
}

#[tokio::test]
async fn a_failure_is_tried_again_later_and_holds_back_what_follows() {
    let Some(held) = with(&[("a", "dpi", "p"), ("b", "dpi", "p")]).await else { return };
    let first = lease(&held, 0).await;
    settle(&held, &first[0], Outcome::Unreachable { reason: "no route".to_owned() }, 0).await;
    assert!(lease(&held, 0).await.is_empty());
    let second = lease(&held, 1).await;
    assert_eq!((ids(&second), second[0].attempt, second[0].failures), (vec!["a"], 2, 1));
    assert_eq!(
        (&first[0].before, &second[0].before),
        (&None, &Some(Outcome::Unreachable { reason: "no route".to_owned() }))
    );
    settle(&held, &second[0], refused(), 1).await;
    assert!(lease(&held, 60).await.is_empty(), "a refusal waits the ceiling");
    assert_eq!(ids(&lease(&held, 61).await), ["a"]);
}

#[tokio::test]
async fn the_same_bytes_are_sent_each_time_and_every_attempt_is_on_record() {
    let Some(held) = with(&[("a", "dpi", "p")]).await else { return };
    let first = lease(&held, 0).await;
    settle(&held, &first[0], refused(), 0).await;
    let second = lease(&held, 60).await;
    assert_eq!(first[0].delivery, second[0].delivery);
    settle(&held, &second[0], accepted(), 61).await;
    settle(&held, &second[0], accepted(), 99).await;
    let record = record(&held, "a").await;
    assert_eq!(record.delivery, delivery("a", "dpi", "p"));
    assert_eq!((record.progress.state, record.payload_bytes), (State::Delivered, 12));
    let seen: Vec<_> = record.attempts.iter().map(|a| (a.number, a.ended_at, a.outcome.clone())).collect();
    assert_eq!(seen, [(1, at(0), refused()), (2, at(61), accepted())]);
    assert!(lease(&held, 10_000).await.is_empty(), "what was delivered is never sent again");
}

#[tokio::test]
async fn what_says_how_an_attempt_ended_is_written_with_it_and_once() {
    let Some(held) = with(&[("a", "dpi", "p"), ("b", "dpi", "q")]).await else { return };
    let leased = lease(&held, 0).await;
    let told = |n: usize, outcome, writes: &[&str]| {
        let mut settlement = Settlement::new(&leased[n], outcome, at(5), &BACKOFF, 0);
        settlement.writes = writes.iter().map(|id| new("Task", id, json!({"status": "requested"}))).collect();
        settlement
    };
    let both = vec![told(0, accepted(), &["t1", "t2"]), told(1, refused(), &["t3"])];
    assert_eq!(held.store.settle(both.clone()).await, Ok(()));
    assert_eq!(held.store.settle(both).await, Ok(()), "settling again is no fault");
    assert_eq!(held.store.settle(vec![told(1, refused(), &["t3", "t4"])]).await, Ok(()));
    assert_eq!(held.ids("Task", "_sort=_id").await, ["t1", "t2", "t3", "t4"]);
    assert_eq!(held.ids("Task", "status=requested&_sort=_id").await.len(), 4, "they can be found");
    for id in ["t1", "t3"] {
        assert_eq!(held.store.read("Task", id).await.unwrap().unwrap().version, 1, "{id} was written again");
    }
    let unknown = Settlement { id: "absent".to_owned(), ..told(0, accepted(), &["t5"]) };
    assert!(held.store.settle(vec![unknown]).await.is_err());
    assert_eq!(held.store.read("Task", "t5").await, Ok(None), "nothing of a settlement that fails is kept");
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_with_the_interruption_on_record() {
    let Some(held) = with(&[("a", "dpi", "p")]).await else { return };
    let first = lease(&held, 0).await;
    assert!(lease(&held, 29).await.is_empty());
    let second = lease(&held, 30).await;
    assert_eq!((second[0].attempt, &second[0].before), (2, &Some(Outcome::Expired)));
    assert_eq!(record(&held, "a").await.attempts[0].outcome, Outcome::Expired);
    // The first worker was only slow: its yes counts and replaces what was assumed.
    settle(&held, &first[0], accepted(), 31).await;
    let record = record(&held, "a").await;
    assert_eq!((record.progress.state, record.attempts[0].outcome.clone()), (State::Delivered, accepted()));
}

#[tokio::test]
async fn a_stopped_delivery_lets_the_next_pass_until_it_is_sent_again() {
    let Some(held) = with(&[("a", "dpi", "p"), ("b", "dpi", "p"), ("c", "dpi", "p")]).await else { return };
    let stopped = held.store.order("a", stop(), at(1)).await.unwrap();
    assert_eq!(stopped.progress.state, State::Stopped);
    assert_eq!(stopped.progress.stop.unwrap().reason, "wrong patient");
    let b = lease(&held, 2).await;
    assert_eq!(ids(&b), ["b"]);
    let resent = held.store.order("a", Order::Resend, at(3)).await.unwrap();
    assert_eq!((resent.progress.state, resent.progress.stop), (State::Pending, None));
    assert!(lease(&held, 4).await.is_empty(), "never two at once");
    settle(&held, &b[0], accepted(), 5).await;
    assert_eq!(ids(&lease(&held, 6).await), ["a"]);
}

#[tokio::test]
async fn an_order_that_cannot_be_is_refused() {
    let Some(held) = with(&[("a", "dpi", "p")]).await else { return };
    let leased = lease(&held, 0).await;
    settle(&held, &leased[0], accepted(), 1).await;
    for (id, order, category) in [
        ("a", stop(), Category::Conflict),
        ("a", Order::Resend, Category::Conflict),
        ("x", stop(), Category::NotFound),
    ] {
        assert_eq!(held.store.order(id, order, at(2)).await.unwrap_err().category, category);
    }
}

#[tokio::test]
async fn a_commit_with_deliveries_wakes_who_waits() {
    let Some(held) = Held::new().await else { return };
    let mut wakes = held.store.wakes();
    wakes.mark_unchanged();
    assert!(matches!(held.store.commit(unit(vec![])).await, Ok(Committed::Written(_))));
    assert!(!wakes.has_changed().unwrap());
    let unit = Unit { deliveries: vec![delivery("a", "dpi", "p")], ..unit(vec![]) };
    assert!(matches!(held.store.commit(unit).await, Ok(Committed::Written(_))));
    tokio::time::timeout(std::time::Duration::from_secs(5), wakes.changed()).await.unwrap().unwrap();
}

#[tokio::test]
async fn deliveries_are_listed_newest_first_by_what_a_person_asks() {
    let Some(held) = with(&[("a", "dpi", "p"), ("b", "dmp", "p"), ("c", "dpi", "q")]).await else { return };
    held.store.order("b", stop(), at(1)).await.unwrap();
    let all = DeliveryFilter::default();
    let text = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (all.clone(), vec!["c", "b", "a"]),
        (DeliveryFilter { destination: text("dpi"), ..all.clone() }, vec!["c", "a"]),
        (DeliveryFilter { patient: text("p"), ..all.clone() }, vec!["b", "a"]),
        (DeliveryFilter { subject: text("DocumentReference/c"), ..all.clone() }, vec!["c"]),
        (DeliveryFilter { state: Some(State::Stopped), ..all.clone() }, vec!["b"]),
        (DeliveryFilter { limit: 1, before: text("c"), ..all.clone() }, vec!["b"]),
        (DeliveryFilter { id: text("x"), ..all }, vec![]),
    ] {
        let found = held.store.deliveries(&filter).await.unwrap();
        let ids: Vec<_> = found.iter().map(|record| record.delivery.id.as_str()).collect();
        assert_eq!(ids, expected, "{filter:?}");
        assert!(found.iter().all(|record| record.delivery.payload.is_empty() && record.payload_bytes == 12));
    }
}

#[tokio::test]
async fn what_has_waited_long_is_told_by_destination_with_its_last_attempt() {
    let deliveries =
        [("a", "dpi", "p"), ("b", "dpi", "q"), ("c", "dpi", "p"), ("d", "dmp", "p"), ("e", "new", "p")];
    let Some(held) = with(&deliveries).await else { return };
    assert_eq!(held.store.overdue(at(-1), 9).await.unwrap(), []);
    let silent = || Outcome::Unreachable { reason: "no connection".to_owned() };
    for leased in lease(&held, 10).await.iter().filter(|leased| leased.delivery.destination != "new") {
        let outcome = if leased.delivery.destination == "dmp" { refused() } else { silent() };
        settle(&held, leased, outcome, 11).await;
    }
    let told = |limit: usize| {
        let held = &held;
        async move {
            let all = held.store.overdue(at(0), limit).await.unwrap();
            let told = all.into_iter().map(|one| {
                let heads = one.heads.into_iter().map(|head| {
                    assert!(head.delivery.payload.is_empty());
                    (head.delivery.id, head.attempts.last().map(|last| last.outcome.clone()))
                });
                (one.destination, one.waiting, one.answered_at, heads.collect::<Vec<_>>())
            });
            told.collect::<Vec<_>>()
        }
    };
    let one = |id: &str, outcome: Option<Outcome>| (id.to_owned(), outcome);
    let expected = [
        ("dmp".to_owned(), 1, Some(at(11)), vec![one("d", Some(refused()))]),
        ("dpi".to_owned(), 3, None, vec![one("a", Some(silent())), one("b", Some(silent()))]),
        ("new".to_owned(), 1, None, vec![one("e", None)]),
    ];
    assert_eq!(told(9).await, expected);
    assert_eq!(told(1).await[1].3.len(), 1, "no more than asked for, and the oldest");
}

#[tokio::test]
async fn a_destination_answers_since_its_last_long_silence() {
    let all: Vec<(String, String)> = (0..5).map(|n| (format!("a{n}"), format!("p{n}"))).collect();
    let mut deliveries: Vec<_> =
        all.iter().map(|(id, patient)| (id.as_str(), "dpi", patient.as_str())).collect();
    deliveries.push(("w", "dpi", "q"));
    let Some(held) = with(&deliveries).await else { return };
    let leased = lease(&held, 1).await;
    // The second comes within the minute of the first; the fifth after more than a quarter of an hour.
    for (leased, (second, expected)) in leased.iter().zip([
        (10, (10, 10)),
        (69, (10, 10)),
        (700, (700, 10)),
        (1_500, (1_500, 10)),
        (2_401, (2_401, 2_401)),
    ]) {
        settle(&held, leased, accepted(), second).await;
        let found = held.store.overdue(at(0), 9).await.unwrap().remove(0);
        assert_eq!((found.answered_at, found.answering_since), (Some(at(expected.0)), Some(at(expected.1))));
    }
}
