//! The file of the embedded store: what a crash leaves of it, who may open it, and what a full disk does.

use std::sync::Arc;

use vigie::json::json;
use vigie::problem::Category;
use vigie::store::sqlite::{self, Options};
use vigie::store::{Committed, Store};

use super::support::{Held, new, unit};

/// A copy of the files while the store is open is what a crash leaves.
#[tokio::test]
async fn a_crash_leaves_what_was_acknowledged_and_nothing_by_half() {
    let Some(held) = Held::new().await else { return };
    for n in 0..20 {
        let writes =
            vec![new("Patient", &format!("p{n}"), json!({})), new("Flag", &format!("f{n}"), json!({}))];
        assert!(matches!(held.store.commit(unit(writes)).await, Ok(Committed::Written(_))));
    }
    let crashed = tempfile::tempdir().unwrap();
    for end in ["", "-wal"] {
        let from = format!("{}{end}", held.place.path().display());
        std::fs::copy(from, crashed.path().join(format!("vigie.db{end}"))).unwrap();
    }
    // The log is cut in the middle of a later transaction.
    let log = crashed.path().join("vigie.db-wal");
    let mut bytes = std::fs::File::options().append(true).open(log).unwrap();
    std::io::Write::write_all(&mut bytes, &[7; 5_000]).unwrap();
    let store = sqlite::open(crashed.path().join("vigie.db"), &Options::default()).unwrap();
    for rtype in ["Patient", "Flag"] {
        let query = super::support::query(rtype, "_total=accurate");
        assert_eq!(store.search(&query).await.unwrap().total, Some(20));
    }
}

#[tokio::test]
async fn two_processes_may_not_write_one_file() {
    let Some(held) = Held::new().await else { return };
    let problem = sqlite::open(held.place.path(), &Options::default()).unwrap_err();
    assert_eq!(problem.category, Category::Conflict);
    assert!(problem.to_string().contains("another process"), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_no_space_is_left_nothing_is_acknowledged_and_reading_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { pages_max: Some(45), ..Options::default() };
    let store: Arc<dyn Store> = Arc::new(sqlite::open(folder.path().join("vigie.db"), &options).unwrap());
    let tasks = (0..100).map(|n| {
        let store = Arc::clone(&store);
        // Digits without a pattern do not compress away.
        let data: String = (0..400)
            .map(|k| format!("{:x}", (n * 977 + k * 131_071_u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        let unit = unit(vec![new("Binary", &format!("b{n}"), json!({"data": data}))]);
        tokio::spawn(async move { store.commit(unit).await })
    });
    let (mut written, mut full) = (0, 0);
    for task in tasks.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(Committed::Written(_)) => written += 1,
            Err(problem) if problem.category == Category::StorageFull => full += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(full > 0 && written + full == 100, "{written} written, {full} refused");
    let query = super::support::query("Binary", "_total=accurate");
    assert_eq!(store.search(&query).await.unwrap().total, Some(written));
    drop(store);
    let store = sqlite::open(folder.path().join("vigie.db"), &Options::default()).unwrap();
    let unit = unit(vec![new("Binary", "later", json!({"data": "AAAA"}))]);
    assert!(matches!(store.commit(unit).await, Ok(Committed::Written(_))), "it goes on once there is space");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the test makes the file that is to be refused")]
fn a_damaged_or_foreign_file_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vigie.db");
    std::fs::write(&path, vec![42; 20_000]).unwrap();
    let problem = sqlite::open(&path, &Options::default()).unwrap_err();
    assert!(problem.to_string().contains("damaged"), "{problem}");
    let missing = folder.path().join("no/such/folder/vigie.db");
    assert!(sqlite::open(missing, &Options::default()).is_err());
}

#[tokio::test]
async fn nothing_is_acknowledged_into_a_file_that_was_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (folder.path().join("vigie.sqlite"), folder.path().join("elsewhere.sqlite"));
    let store = sqlite::open(&path, &Options::default()).unwrap();
    assert!(matches!(
        store.commit(unit(vec![new("Patient", "a", json!({}))])).await,
        Ok(Committed::Written(_))
    ));
    std::fs::rename(&path, &elsewhere).unwrap();
    assert!(store.commit(unit(vec![new("Patient", "b", json!({}))])).await.is_err());
    assert!(store.ready().await.is_err());
    std::fs::rename(&elsewhere, &path).unwrap();
    assert!(matches!(
        store.commit(unit(vec![new("Patient", "b", json!({}))])).await,
        Ok(Committed::Written(_))
    ));
    assert_eq!(store.ready().await, Ok(()));
}
