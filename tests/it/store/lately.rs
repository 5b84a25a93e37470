//! What a process remembers of versions that it read from PostgreSQL, and what it asks again each time.

use vigie::json::json;
use vigie::problem::Category;

use super::support::{Held, resource};

async fn family(held: &Held) -> String {
    let stored = held.store.read("Patient", "p").await.unwrap().expect("it is there");
    let read: vigie::json::Value = serde_json::from_slice(stored.body().unwrap()).unwrap();
    format!("{} {}", stored.version, read["name"][0]["family"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_read_once_and_that_it_is_current_each_time() {
    let Some(held) = Held::new().await else { return };
    let other = held.replicas(2).await.remove(1);
    let patient = |version: u64, family: &str| {
        resource("Patient", "p", version, json!({"name": [{"family": family}], "birthDate": "1979-03"}))
    };
    held.put(patient(1, "TEST-UN")).await;
    assert_eq!(family(&held).await, "1 TEST-UN");
    // Written by another replica, which tells nobody.
    let write = vigie::store::Write::new(&patient(2, "TEST-DEUX"), vigie::store::Expect::Previous).unwrap();
    other.commit(super::support::unit(vec![write])).await.unwrap();
    assert_eq!(family(&held).await, "2 TEST-DEUX");
    let client = held.place.0.connect().await;
    client.batch_execute("DELETE FROM version WHERE version = 2").await.unwrap();
    assert_eq!(family(&held).await, "2 TEST-DEUX", "it is not asked for again");
    let refused = other.read("Patient", "p").await.unwrap_err();
    assert_eq!(refused.category, Category::Internal, "who never read it cannot tell it");
    // As after the database was put back to an earlier state, where the same place was given to another version.
    client.batch_execute("UPDATE resource SET last_updated = last_updated + 1").await.unwrap();
    let refused = held.store.read("Patient", "p").await.unwrap_err();
    assert_eq!(refused.category, Category::Internal, "what was remembered is another");
}
