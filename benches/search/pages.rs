//! Which tables and indexes a commit writes pages of: what it costs to write does not follow from rows, but from the pages that
//! these touch, and those grow in number with the store. Counted in the write-ahead log, so that other work on the machine
//! changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use vigie::store::sqlite;

use crate::fill;
use crate::population::Population;
use crate::template::Templates;

/// Units that are committed, side by side as the service does, and counted.
const UNITS: usize = 960;

/// Writes one more week of some patients without ever emptying the log, and says what of each table a commit wrote.
pub(crate) async fn tell(path: &Path, templates: &Templates, population: &Population) {
    let options = sqlite::Options { checkpoint_pages: i32::MAX.unsigned_abs(), ..sqlite::Options::default() };
    let store = sqlite::open(path, &options).expect("a store");
    let began = reads();
    let resources = fill::one_more_week(&store, templates, population, UNITS).await;
    let reads = reads() - began;
    let commits = commits(&fs::read(path.with_extension("sqlite-wal")).expect("a log"));
    let names = names(path);
    drop(store);

    let mut tables: BTreeMap<&str, (usize, HashSet<u32>)> = BTreeMap::new();
    for commit in &commits {
        for page in commit {
            let name = names.get(page).map_or("(free)", String::as_str);
            let (count, distinct) = tables.entry(name).or_default();
            *count += 1;
            distinct.insert(*page);
        }
    }
    let (units, groups) = (UNITS as f64, commits.len() as f64);
    println!(
        "{:.1} responses a commit, {:.1} resources each; {:.1} reads of the file for each response",
        units / groups,
        resources as f64 / units,
        reads / units
    );
    println!("{:<28} {:>9} {:>11} {:>21}", "pages", "a commit", "a response", "in all, a response");
    let mut sorted: Vec<_> = tables.into_iter().collect();
    sorted.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let all = sorted.iter().map(|(_, (count, _))| *count).sum::<usize>() as f64;
    let distinct = sorted.iter().map(|(_, (_, distinct))| distinct.len()).sum::<usize>() as f64;
    println!("{:<28} {:>9.0} {:>11.2} {:>21.2}", "all", all / groups, all / units, distinct / units);
    for (name, (count, distinct)) in sorted {
        let (count, distinct) = (count as f64, distinct.len() as f64);
        println!("{name:<28} {:>9.1} {:>11.2} {:>21.2}", count / groups, count / units, distinct / units);
    }
    println!();
}

/// The pages of each commit in a write-ahead log (<https://sqlite.org/fileformat2.html#walformat>).
fn commits(log: &[u8]) -> Vec<HashSet<u32>> {
    const HEADER: usize = 32;
    const FRAME: usize = 24;
    let number = |at: usize| u32::from_be_bytes([log[at], log[at + 1], log[at + 2], log[at + 3]]);
    let page = number(8) as usize;
    let salt = &log[16..24];
    let (mut all, mut pages, mut at) = (Vec::new(), HashSet::new(), HEADER);
    while at + FRAME + page <= log.len() && log[at + 8..at + 16] == *salt {
        pages.insert(number(at));
        // The size of the file stands in the last frame of a commit only.
        if number(at + 4) > 0 {
            all.push(std::mem::take(&mut pages));
        }
        at += FRAME + page;
    }
    all
}

/// Which table or index each page belongs to.
fn names(path: &Path) -> HashMap<u32, String> {
    let conn = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a file");
    let mut select = conn.prepare("SELECT pageno, name FROM dbstat").expect("a table of pages");
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    select.query_map([], read).expect("pages").map(|row| row.expect("a page")).collect()
}

/// Calls by which the thread that writes has read the file: pages that were not in its cache.
fn reads() -> f64 {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux lists threads");
    let of = |path: std::path::PathBuf| {
        let name = fs::read_to_string(path.join("comm")).ok()?;
        let io = fs::read_to_string(path.join("io")).ok()?;
        let reads = io.lines().find_map(|line| line.strip_prefix("syscr: "))?;
        (name.trim() == "store-writer").then(|| reads.trim().parse::<f64>().ok())?
    };
    tasks.filter_map(|task| of(task.ok()?.path())).sum()
}
