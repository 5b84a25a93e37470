//! What was acknowledged is there after a restart.

use vigie::json::json;
use vigie::store::{Committed, LeaseRequest, Unit};

use super::support::{Held, at, delivery, new, unit};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_restart() {
    let Some(held) = Held::new().await else { return };
    for n in 0..50 {
        let unit = Unit {
            streams: vec!["p".to_owned()],
            deliveries: vec![delivery(&format!("d{n}"), "dpi", "p")],
            ..unit(vec![new("Patient", &format!("p{n}"), json!({"active": true}))])
        };
        assert!(matches!(held.store.commit(unit).await, Ok(Committed::Written(_))));
    }
    let held = held.reopen().await;
    assert_eq!(held.page("Patient", "active=true&_total=accurate").await.total, Some(50));
    assert_eq!(held.store.stream("p").await, Ok(50));
    let request =
        LeaseRequest { now: at(1), lease_seconds: 30, limit: 9, under_way: vec![], owner: "w".to_owned() };
    assert_eq!(held.store.lease(request).await.unwrap()[0].delivery, delivery("d0", "dpi", "p"));
}
