//! Searches at random over resources at random: the store, the comparison in memory and a plain oracle answer them alike, page by page.

use std::cmp::Ordering;

use vigie::fhir::search::{Candidate, Query, can_tell, index, matches, parse};
use vigie::json::Value;
use vigie::store::{Stored, Write};

use super::oracle::{Oracle, name_of};
use super::random::{Dice, TYPES, id, resource as random, search};
use super::support::{Held, at, resource, unit};

/// Searches for each seed.
const SEARCHES: usize = 120;

#[tokio::test]
async fn searches_at_random_find_what_a_plain_oracle_finds() {
    for seed in 1..=4 {
        let mut dice = Dice::new(seed);
        let Some(held) = Held::new().await else { return };
        let oracle = filled(&held, &mut dice).await;
        let (mut matched, mut differences) = (0, Vec::new());
        for _ in 0..SEARCHES {
            let (rtype, _) = TYPES[dice.below(TYPES.len())];
            let (criteria, sort) = search(&mut dice, rtype);
            let found = asked(&held, &oracle, &mut dice, (rtype, &criteria, sort), &mut differences).await;
            matched += usize::from(found > 0);
        }
        assert!(differences.is_empty(), "seed {seed}:\n{}", differences.join("\n"));
        assert!(matched > SEARCHES / 3, "seed {seed}: most find nothing, which proves little: {matched}");
    }
}

/// Creates, changes and deletes at random; the oracle knows what is left.
async fn filled(held: &Held, dice: &mut Dice) -> Oracle {
    let mut oracle = Oracle::default();
    for (rtype, count) in TYPES {
        for n in 0..*count {
            held.put(resource(rtype, &id(rtype, n), 1, random(dice, rtype))).await;
        }
    }
    for (rtype, count) in TYPES {
        for n in 0..*count {
            let id = id(rtype, n);
            let mut version = 1;
            if dice.once_in(3) {
                version += 1;
                held.put(resource(rtype, &id, version, random(dice, rtype))).await;
            }
            if dice.once_in(8) {
                let gone = Write::deletion(rtype, &id, version, at(9)).unwrap();
                held.store.commit(unit(vec![gone])).await.unwrap();
                continue;
            }
            let stored = held.store.read(rtype, &id).await.unwrap().unwrap();
            oracle.resources.push(serde_json::from_slice(stored.body().unwrap()).unwrap());
        }
    }
    oracle
}

/// Asks the same of all, and tells where they differ; how many there are.
async fn asked(
    held: &Held,
    oracle: &Oracle,
    dice: &mut Dice,
    (rtype, criteria, sort): (&str, &[(String, String)], &str),
    differences: &mut Vec<String>,
) -> usize {
    let mut wanted: Vec<String> = oracle.found(rtype, criteria).into_iter().map(name_of).collect();
    wanted.sort();
    let mut params = criteria.to_vec();
    if !sort.is_empty() {
        params.push(("_sort".to_owned(), sort.to_owned()));
    }
    params.push(("_count".to_owned(), (1 + dice.below(9)).to_string()));
    params.push(("_total".to_owned(), "accurate".to_owned()));
    let query = parse(rtype, &params).unwrap_or_else(|problem| panic!("{rtype}?{params:?}: {problem}"));
    let mut differs = |what: &str, found: &dyn std::fmt::Debug| {
        differences.push(format!("{rtype}?{params:?}\n  {what}: {found:?}, and not {wanted:?}"));
    };
    let (walked, total) = walked(held, query.clone()).await;
    let mut names: Vec<String> = walked.iter().map(name_of).collect();
    let in_order = |one: &Value, other: &Value| Oracle::order(rtype, sort, one, other) != Ordering::Greater;
    if !sort.is_empty() && !walked.is_sorted_by(in_order) {
        differs("order", &names);
    }
    names.sort();
    if names != wanted {
        differs("found", &names);
    }
    if total != Some(wanted.len() as u64) {
        differs("total", &total);
    }
    if can_tell(&query) {
        let of_type = oracle.resources.iter().filter(|one| one["resourceType"] == rtype);
        let mut met: Vec<String> = of_type.filter(|one| meets(&query, one)).map(name_of).collect();
        met.sort();
        if met != wanted {
            differs("in memory", &met);
        }
    }
    wanted.len()
}

/// Every match, page by page, and the total of the first page.
async fn walked(held: &Held, mut query: Query) -> (Vec<Value>, Option<u64>) {
    let (mut all, mut total) = (Vec::new(), None);
    loop {
        let page = held.store.search(&query).await.unwrap();
        assert!(page.resources.len() <= query.count);
        total = total.or(page.total);
        all.extend(
            page.resources
                .iter()
                .map(|stored: &Stored| serde_json::from_slice::<Value>(stored.body().unwrap()).unwrap()),
        );
        match page.next {
            Some(next) => query.after = Some(next),
            None => return (all, total),
        }
    }
}

fn meets(query: &Query, resource: &Value) -> bool {
    let entries = index(resource);
    let updated: jiff::Timestamp = resource["meta"]["lastUpdated"].as_str().unwrap().parse().unwrap();
    let candidate = Candidate {
        rtype: &query.rtype,
        id: resource["id"].as_str().unwrap(),
        last_updated: updated.as_microsecond(),
        entries: &entries,
    };
    matches(query, &candidate)
}
