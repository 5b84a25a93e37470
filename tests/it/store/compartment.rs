//! What is in a patient's compartment: by one of several references, each resource once, page by page (R4 3.1.1.2).

use vigie::fhir::search::{Criterion, Modifier, Parameter, Query, Test, Total, parameters};
use vigie::json::{Value, json};

use super::support::{Held, query, resource};

/// The search that a compartment makes, with what is asked of it besides.
fn member(rtype: &str, names: &[&str], text: &str) -> Query {
    let parameter =
        |name: &str| -> &'static Parameter { parameters(rtype).iter().find(|one| one.name == name).unwrap() };
    let by = names.iter().map(|name| parameter(name)).collect();
    let test = Test::Member { target: "Patient/p".to_owned(), by };
    let mut query = query(rtype, text);
    query.criteria.push(Criterion { parameter: parameter("_id"), modifier: Modifier::None, any: vec![test] });
    query
}

fn message(n: usize, more: Value) -> Value {
    let mut message = resource("Communication", &format!("c{n:02}"), 1, more);
    message["status"] = json!(if n.is_multiple_of(2) { "completed" } else { "in-progress" });
    message["sent"] = json!(format!("2026-01-{:02}T10:00:00Z", n + 1));
    message
}

/// Messages about the patient, from the patient, to the patient, of all three kinds at once, and of somebody else.
async fn messages() -> Option<Held> {
    let held = Held::new().await?;
    let (own, other) = (json!({"reference": "Patient/p"}), json!({"reference": "Patient/q"}));
    for n in 0..20 {
        let more = match n % 5 {
            0 => json!({"subject": own}),
            1 => json!({"subject": other, "sender": own}),
            2 => json!({"subject": other, "recipient": [other, own]}),
            3 => json!({"subject": own, "sender": own, "recipient": [own]}),
            _ => json!({"subject": other, "recipient": [other]}),
        };
        held.put(message(n, more)).await;
    }
    Some(held)
}

const NAMES: [&str; 3] = ["subject", "sender", "recipient"];

async fn walk(held: &Held, mut query: Query) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let page = held.store.search(&query).await.unwrap();
        assert!(page.resources.len() <= query.count);
        ids.extend(page.resources.into_iter().map(|stored| stored.id));
        match page.next {
            Some(next) => query.after = Some(next),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn each_member_is_found_once_by_whatever_reference_and_in_any_order() {
    let Some(held) = messages().await else { return };
    let expected = |wanted: fn(usize) -> bool| -> Vec<String> {
        (0..20).filter(|n| n % 5 != 4 && wanted(*n)).map(|n| format!("c{n:02}")).collect()
    };
    let check = async |text: &str, expected: Vec<String>| {
        assert_eq!(walk(&held, member("Communication", &NAMES, text)).await, expected, "{text}");
    };
    let all = expected(|_| true);
    check("_sort=sent&_count=3", all.clone()).await;
    check("_sort=_lastUpdated&_count=50", all.clone()).await;
    check("_sort=-_id&_count=7", all.iter().rev().cloned().collect()).await;
    check("_count=4", all.iter().rev().cloned().collect()).await;
    check("status=completed&_sort=sent&_count=2", expected(|n| n % 2 == 0)).await;
    check("sent=ge2026-01-11&_sort=sent", expected(|n| n >= 10)).await;
}

#[tokio::test]
async fn members_are_counted_once() {
    let Some(held) = messages().await else { return };
    let mut query = member("Communication", &NAMES, "_count=2");
    for total in [Total::Accurate, Total::Estimate] {
        query.total = total;
        assert_eq!(held.store.search(&query).await.unwrap().total, Some(16), "{total:?}");
    }
}

#[tokio::test]
async fn what_is_no_longer_about_the_patient_leaves_the_compartment() {
    let Some(held) = messages().await else { return };
    let other = json!({"subject": {"reference": "Patient/q"}, "status": "completed"});
    held.put(resource("Communication", "c03", 2, other)).await;
    let found = walk(&held, member("Communication", &NAMES, "_sort=_id")).await;
    assert_eq!((found.len(), found.contains(&"c03".to_owned())), (15, false));
}
