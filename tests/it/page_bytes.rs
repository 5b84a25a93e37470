//! A page of a search or a history is bounded in bytes as well as in resources: it ends earlier, and `next` goes on without a gap or a repeat.

use vigie::fhir::search::Handling;
use vigie::interaction::{self, Search};
use vigie::json::{Value, json};
use vigie::store::History;

use crate::support::{App, Kept};

const BYTES: usize = 4_000;

fn flag(n: usize, bytes: usize) -> Value {
    json!({"resourceType": "Flag", "id": format!("f{n:02}"), "status": "active",
        "code": {"text": "x".repeat(bytes)}, "subject": {"reference": "Patient/p"},
        "period": {"start": format!("2026-03-{:02}", 28 - n)}})
}

async fn stage(kept: Kept) -> Option<App> {
    let mut app = App::bare_on(kept).await?;
    app.put(&json!({"resourceType": "Patient", "id": "p", "name": [{"text": "x".repeat(500)}]}))
        .await
        .unwrap();
    // Some fill a third of a page, one is larger than any page, some are small.
    let sizes = [1_200, 1_200, 1_200, 1_200, 9_000, 10, 10, 10, 1_200, 3_000, 10];
    for (n, bytes) in sizes.into_iter().enumerate() {
        app.put(&flag(n, bytes)).await.unwrap();
    }
    app.context.settings.page_bytes = BYTES;
    Some(app)
}

fn next(bundle: &Value) -> Option<Vec<(String, String)>> {
    let link = bundle["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next")?;
    let (_, query) = link["url"].as_str().unwrap().split_once('?').unwrap();
    let pair =
        |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.replace("%2C", ",")));
    Some(query.split('&').filter_map(pair).collect())
}

fn ids(bundle: &Value, mode: &str) -> Vec<String> {
    let entries = bundle["entry"].as_array().cloned().unwrap_or_default().into_iter();
    let of_mode = entries.filter(|entry| entry["search"]["mode"] == mode);
    of_mode.map(|entry| entry["resource"]["id"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The matches on each page.
async fn pages(app: &App, params: &[(&str, &str)]) -> Vec<Vec<String>> {
    let mut params: Vec<(String, String)> =
        params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut pages = Vec::new();
    loop {
        let search = Search { rtype: "Flag", params: &params, handling: Handling::Strict, patient: None };
        let answer = interaction::search_with(&app.context, search).await.unwrap();
        let bundle: Value = serde_json::from_slice(&answer.body).unwrap();
        let matches: Vec<&Value> = bundle["entry"].as_array().unwrap().iter().collect();
        let bytes: usize = matches.iter().map(|entry| entry["resource"].to_string().len()).sum();
        assert!(matches.len() == 1 || bytes <= BYTES, "{bytes} bytes in {}", matches.len());
        pages.push(ids(&bundle, "match"));
        assert!(pages.len() < 20, "it goes on for ever");
        match next(&bundle) {
            Some(after) => params = after,
            None => return pages,
        }
    }
}

#[tokio::test]
async fn a_page_ends_before_it_is_too_large_and_the_next_one_goes_on_there() {
    for kept in Kept::EACH {
        let Some(app) = stage(kept).await else { continue };
        let all: Vec<String> = (0..11).map(|n| format!("f{n:02}")).collect();
        for sort in ["_id", "-_id", "date", "-date", "_lastUpdated", "code,_id", "-code,date"] {
            let found = pages(&app, &[("_sort", sort), ("_count", "100")]).await;
            assert!(found.len() > 3, "{kept:?} {sort}: {found:?}");
            assert!(
                found.contains(&vec!["f04".to_owned()]),
                "{kept:?} {sort}: the large one alone: {found:?}"
            );
            let mut flat = found.concat();
            if sort == "_id" {
                assert_eq!(flat, all, "{kept:?}");
            }
            flat.sort();
            assert_eq!(flat, all, "{kept:?} {sort}: each once");
        }
        // Where resources are fewer than bytes allow, they bound the page; and no bound changes what there is in all.
        let found = pages(&app, &[("_sort", "_id"), ("_count", "1")]).await;
        assert_eq!(found.concat(), all, "{kept:?}");
        let params = [("_total".to_owned(), "accurate".to_owned()), ("_count".to_owned(), "100".to_owned())];
        let answer = interaction::search(&app.context, "Flag", &params).await.unwrap();
        let bundle: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(bundle["total"], 11, "{kept:?}");
    }
}

#[tokio::test]
async fn what_comes_with_a_page_is_bounded_and_says_what_is_left_out() {
    for kept in Kept::EACH {
        let Some(app) = stage(kept).await else { continue };
        let params =
            [("_id".to_owned(), "p".to_owned()), ("_revinclude".to_owned(), "Flag:patient".to_owned())];
        let answer = interaction::search(&app.context, "Patient", &params).await.unwrap();
        let bundle: Value = serde_json::from_slice(&answer.body).unwrap();
        let with = ids(&bundle, "include").len();
        assert!((1..11).contains(&with), "{kept:?}: {with}");
        let said =
            bundle["entry"].as_array().unwrap().iter().find(|entry| entry["search"]["mode"] == "outcome");
        assert_eq!(said.unwrap()["resource"]["issue"][0]["code"], "too-costly", "{kept:?}");
    }
}

#[tokio::test]
async fn everything_goes_on_where_a_page_was_full() {
    for kept in Kept::EACH {
        let Some(app) = stage(kept).await else { continue };
        let (mut params, mut found) = (vec![("_count".to_owned(), "100".to_owned())], Vec::new());
        for page in 0.. {
            assert!(page < 20, "it goes on for ever");
            let answer = interaction::everything(&app.context, "p", &params).await.unwrap();
            let bundle: Value = serde_json::from_slice(&answer.body).unwrap();
            found.extend(ids(&bundle, "match"));
            match next(&bundle) {
                Some(after) => params = after,
                None => break,
            }
        }
        found.sort();
        let mut all: Vec<String> = (0..11).map(|n| format!("f{n:02}")).collect();
        all.push("p".to_owned());
        assert_eq!(found, all, "{kept:?}");
    }
}

/// The versions on each page of a history, as `id/version`; after each page a resource is deleted and stored anew.
async fn history_while_others_write(app: &App, id: Option<&str>, sort: &str) -> Vec<Vec<String>> {
    let mut params = vec![("_sort".to_owned(), sort.to_owned()), ("_count".to_owned(), "100".to_owned())];
    let mut pages = Vec::new();
    loop {
        let answer = interaction::history(&app.context, Some("Flag"), id, &params).await.unwrap();
        let bundle: Value = serde_json::from_slice(&answer.body).unwrap();
        let entries = bundle["entry"].as_array().unwrap();
        let bytes: usize =
            entries.iter().map(|entry| entry.get("resource").map_or(0, |one| one.to_string().len())).sum();
        assert!(entries.len() == 1 || bytes <= BYTES, "{bytes} bytes in {}", entries.len());
        let version = |entry: &Value| {
            let (_, place) = entry["response"]["location"].as_str().unwrap().split_once("/Flag/").unwrap();
            place.replace("/_history", "")
        };
        pages.push(entries.iter().map(version).collect());
        assert!(pages.len() < 40, "it goes on for ever");
        let Some(after) = next(&bundle) else { return pages };
        params = after;
        if pages.len() < 4 {
            interaction::delete(&app.context, "Flag", "f01", None).await.unwrap();
            app.put(&flag(1, 1_200)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_history_goes_on_where_a_page_was_full_whatever_is_deleted_meanwhile() {
    for kept in Kept::EACH {
        let Some(app) = stage(kept).await else { continue };
        for n in 0..6 {
            app.put(&flag(1, 1_200 + n)).await.unwrap();
        }
        for id in [Some("f01"), None] {
            let whole =
                History { rtype: Some("Flag".into()), id: id.map(str::to_owned), ..History::new(1_000) };
            let all = async || -> Vec<String> {
                let versions = app.context.store.history(&whole).await.unwrap().versions;
                versions.iter().map(|stored| format!("{}/{}", stored.id, stored.version)).collect()
            };
            let before = all().await;
            let newest = history_while_others_write(&app, id, "-_lastUpdated").await;
            assert_eq!(newest.concat(), before, "{kept:?} {id:?}: as it stood when it was begun");
            assert!(newest.len() > 2 && newest.len() < before.len(), "{kept:?}: {newest:?}");
            let oldest = history_while_others_write(&app, id, "_lastUpdated").await;
            let mut after = all().await;
            after.reverse();
            assert_eq!(oldest.concat(), after, "{kept:?} {id:?}: with all that came meanwhile");
        }
    }
}
