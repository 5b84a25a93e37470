//! What a unit writes, and what keeps it from being written.

use std::collections::HashSet;
use std::sync::Arc;

use vigie::json::json;
use vigie::store::{Committed, Expect, Guard, Staged, Store, Unit, Violation, Write};

use super::support::{Held, at, new, query, resource, unit};

#[tokio::test]
async fn a_resource_is_read_back_byte_for_byte() {
    let Some(held) = Held::new().await else { return };
    let patient = resource(
        "Patient",
        "p",
        1,
        json!({"multipleBirthInteger": 1, "text": "é 1.10", "n": [1.10, "\u{1f600}"]}),
    );
    held.put(patient.clone()).await;
    let stored = held.store.read("Patient", "p").await.unwrap().unwrap();
    assert_eq!(stored.body().unwrap(), serde_json::to_vec(&patient).unwrap());
    assert_eq!((stored.version, stored.last_updated, stored.deleted), (1, at(1), false));
    assert_eq!(held.store.read("Patient", "q").await, Ok(None));
    assert_eq!(held.store.read("Flag", "p").await, Ok(None));
    assert_eq!(held.store.read("Nothing", "p").await, Ok(None));
}

#[tokio::test]
async fn each_version_stays_readable() {
    let Some(held) = Held::new().await else { return };
    for version in 1..=3 {
        held.put(resource("Patient", "p", version, json!({"active": version == 2}))).await;
    }
    for version in 1..=3 {
        let stored = held.store.vread("Patient", "p", version).await.unwrap().unwrap();
        assert_eq!(stored.version, version);
        assert_eq!(String::from_utf8(stored.into_body().unwrap()).unwrap().contains("true"), version == 2);
    }
    assert_eq!(held.store.vread("Patient", "p", 4).await, Ok(None));
    assert_eq!(held.store.read("Patient", "p").await.unwrap().unwrap().version, 3);
}

#[tokio::test]
async fn a_deleted_resource_leaves_a_marker_and_every_search() {
    let Some(held) = Held::new().await else { return };
    held.put(resource("Patient", "p", 1, json!({"name": [{"family": "PAT-TROIS"}]}))).await;
    let deletion = Write::deletion("Patient", "p", 1, at(2)).unwrap();
    assert!(matches!(held.store.commit(unit(vec![deletion])).await, Ok(Committed::Written(_))));
    let stored = held.store.read("Patient", "p").await.unwrap().unwrap();
    assert!(stored.deleted && stored.size() == 0 && stored.version == 2);
    for text in ["", "_id=p", "family=pat", "_lastUpdated=ge1970", "_sort=_lastUpdated"] {
        assert!(held.ids("Patient", text).await.is_empty(), "{text}");
    }
    held.put(resource("Patient", "p", 3, json!({"name": [{"family": "PAT-TROIS"}]}))).await;
    assert_eq!(held.ids("Patient", "family=pat").await, ["p"]);
}

#[tokio::test]
async fn many_resources_of_one_unit_are_each_found_by_all_that_they_say() {
    let Some(held) = Held::new().await else { return };
    let observation = |n: usize| {
        let codings: Vec<_> = (0..n).map(|k| json!({"system": "urn:s", "code": format!("c{k}")})).collect();
        let quantity = json!({"value": n, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"});
        let more = json!({"status": "final", "code": {"coding": codings, "text": format!("Poids {n}")},
            "subject": {"reference": "Patient/p"}, "valueQuantity": quantity});
        new("Observation", &format!("o{n:02}"), more)
    };
    let unit = unit((1..=20).map(observation).collect());
    assert!(matches!(held.store.commit(unit).await, Ok(Committed::Written(_))));
    let from = |first: usize| -> Vec<String> { (first..=20).rev().map(|n| format!("o{n:02}")).collect() };
    for k in [0, 1, 7, 15, 16, 19] {
        let search = format!("code=urn:s|c{k}&_count=50");
        assert_eq!(held.ids("Observation", &search).await, from(k + 1), "{k}");
    }
    assert_eq!(held.ids("Observation", "code:text=poids%2017").await, ["o17"]);
    assert_eq!(
        held.ids("Observation", "value-quantity=gt18500|http://unitsofmeasure.org|g").await,
        ["o20", "o19"]
    );
}

#[tokio::test]
async fn a_resource_that_one_unit_writes_twice_is_found_by_its_last_version() {
    let Some(held) = Held::new().await else { return };
    let version = |version: u64, family: &str| {
        let patient = resource("Patient", "p", version, json!({"name": [{"family": family}]}));
        let expect = if version == 1 { Expect::New } else { Expect::Version(version - 1) };
        Write::new(&patient, expect).unwrap()
    };
    let other = new("Patient", "q", json!({"name": [{"family": "AUTRE"}]}));
    let unit = unit(vec![version(1, "PREMIER"), other, version(2, "SECOND")]);
    assert!(matches!(held.store.commit(unit).await, Ok(Committed::Written(_))));
    for (search, expected) in
        [("family=premier", &[][..]), ("family=second", &["p"]), ("family=autre", &["q"])]
    {
        assert_eq!(held.ids("Patient", search).await, expected, "{search}");
    }
    assert_eq!(held.store.vread("Patient", "p", 1).await.unwrap().unwrap().version, 1);
}

async fn refused(held: &Held, unit: Unit, expected: Violation) {
    let before = held.page("Patient", "_total=accurate").await.total;
    assert_eq!(held.store.commit(unit).await, Ok(Committed::Refused(expected)));
    assert_eq!(held.page("Patient", "_total=accurate").await.total, before, "nothing was written");
}

#[tokio::test]
async fn a_write_that_expects_another_version_refuses_the_whole_unit() {
    let Some(held) = Held::new().await else { return };
    held.put(resource("Patient", "p", 1, json!({}))).await;
    let found = |found| Violation::Version { rtype: "Patient".to_owned(), id: "p".to_owned(), found };
    let other = || new("Patient", "other", json!({}));
    refused(&held, unit(vec![other(), new("Patient", "p", json!({}))]), found(1)).await;
    let stale = Write::new(&resource("Patient", "p", 3, json!({})), Expect::Version(2)).unwrap();
    refused(&held, unit(vec![other(), stale]), found(1)).await;
    let gap = Write::new(&resource("Patient", "p", 3, json!({})), Expect::Version(1)).unwrap();
    refused(&held, unit(vec![other(), gap]), found(1)).await;
    let guard = Guard::Version { rtype: "Patient".to_owned(), id: "p".to_owned(), version: 0 };
    refused(&held, Unit { guards: vec![guard], ..unit(vec![other()]) }, found(1)).await;
}

#[tokio::test]
async fn a_unit_can_demand_that_nothing_matches() {
    let Some(held) = Held::new().await else { return };
    let create = |id: &str| {
        let guard = Guard::NoneMatches(query("Patient", "identifier=urn:s|1"));
        let write = new("Patient", id, json!({"identifier": [{"system": "urn:s", "value": "1"}]}));
        Unit { guards: vec![guard], ..unit(vec![write]) }
    };
    assert!(matches!(held.store.commit(create("a")).await, Ok(Committed::Written(_))));
    refused(&held, create("b"), Violation::Exists(vec!["a".to_owned()])).await;
}

#[tokio::test]
async fn a_claimed_key_names_its_holder_and_a_refused_unit_claims_nothing() {
    let Some(held) = Held::new().await else { return };
    let create = |id: &str, expect| {
        let key = Guard::Key {
            space: "submit".to_owned(),
            key: "k".to_owned(),
            holder: format!("Patient/{id}"),
            digest: vec![1, 2],
        };
        let write = Write::new(&resource("Patient", id, 1, json!({})), expect).unwrap();
        Unit { guards: vec![key], ..unit(vec![write]) }
    };
    let missing = Violation::Version { rtype: "Patient".to_owned(), id: "a".to_owned(), found: 0 };
    refused(&held, create("a", Expect::Version(7)), missing).await;
    assert_eq!(held.store.claim("submit", "k").await, Ok(None));
    assert!(matches!(held.store.commit(create("a", Expect::New)).await, Ok(Committed::Written(_))));
    let holder = Violation::Key { holder: "Patient/a".to_owned(), digest: vec![1, 2] };
    refused(&held, create("b", Expect::New), holder).await;
    let claim = held.store.claim("submit", "k").await.unwrap().unwrap();
    assert_eq!((claim.holder.as_str(), claim.digest.as_slice()), ("Patient/a", &[1, 2][..]));
    assert_eq!(held.store.claim("other", "k").await, Ok(None));
}

#[tokio::test]
async fn the_stream_of_a_patient_counts_its_units() {
    let Some(held) = Held::new().await else { return };
    let named = |id: &str, sequence| Unit {
        guards: vec![Guard::Stream { patient: "p".to_owned(), sequence }],
        streams: vec!["p".to_owned()],
        ..unit(vec![new("Patient", id, json!({}))])
    };
    assert_eq!(held.store.stream("p").await, Ok(0));
    assert!(matches!(held.store.commit(named("a", 0)).await, Ok(Committed::Written(_))));
    refused(&held, named("b", 0), Violation::Stream { found: 1 }).await;
    assert!(matches!(held.store.commit(named("b", 1)).await, Ok(Committed::Written(_))));
    assert_eq!(held.store.stream("p").await, Ok(2));
    assert_eq!(held.store.stream("q").await, Ok(0));
}

#[tokio::test]
async fn a_type_that_is_not_served_is_not_stored() {
    let Some(held) = Held::new().await else { return };
    let write = new("Encounter", "e", json!({}));
    assert!(held.store.commit(unit(vec![write])).await.is_err());
    assert_eq!(held.store.ready().await, Ok(()));
}

#[tokio::test]
async fn a_condition_is_compared_with_the_few_staged_resources_that_may_meet_it() {
    const MANY: usize = 300;
    let Some(held) = Held::new().await else { return };
    let staged = Staged::new(Arc::clone(&held.store), "test", at(0), HashSet::new());
    let condition = |n: usize| query("Patient", &format!("identifier=urn:s|n{n}&active=true,false"));
    for n in 0..MANY {
        let more = json!({"active": true, "identifier": [{"system": "urn:s", "value": format!("n{n}")}]});
        let write = Write::new(&resource("Patient", &format!("p{n}"), 1, more), Expect::New).unwrap();
        let mut unit = unit(vec![write]);
        unit.guards.push(Guard::NoneMatches(condition(n)));
        assert!(matches!(staged.commit(unit).await, Ok(Committed::Written(_))));
    }
    for n in 0..MANY {
        let page = staged.search(&condition(n)).await.unwrap();
        let ids: Vec<String> = page.resources.into_iter().map(|stored| stored.id).collect();
        assert_eq!(ids, [format!("p{n}")]);
    }
    assert_eq!(staged.compared(), MANY as u64, "each with itself, and with no other");
    // What it says now counts, and what cannot be looked up is compared with all.
    let more = json!({"active": false, "birthDate": "1960-01-01"});
    let write = Write::new(&resource("Patient", "p7", 2, more), Expect::Version(1)).unwrap();
    assert!(matches!(staged.commit(unit(vec![write])).await, Ok(Committed::Written(_))));
    for (text, expected) in [
        ("identifier=urn:s|n7", 0),
        ("identifier=n8,n9,n7", 2),
        ("identifier=urn:s|", MANY - 1),
        ("identifier:not=urn:s|n8", MANY - 1),
        ("birthdate=1960", 1),
        ("_id=p7,p8,q", 2),
        ("active=false", 1),
        ("", MANY),
    ] {
        let query = query("Patient", text);
        assert_eq!(staged.search(&query).await.unwrap().resources.len(), expected, "{text}");
    }
}
