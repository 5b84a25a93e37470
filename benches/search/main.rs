//! Fills a store with 10 thousand, 1 million and 5 million resources through its own commits, and tells at each size how
//! long the searches take that people and engines repeat, and how fast it was filled. Method and figures: `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark asks the machine for time and files")]
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
#![expect(clippy::panic, reason = "a benchmark that cannot go on stops")]

#[allow(dead_code, reason = "shared with the other benchmark")]
#[path = "../load/bare.rs"]
mod bare;
#[allow(dead_code, reason = "shared with the other benchmark")]
#[path = "../load/database.rs"]
mod database;
#[allow(dead_code, reason = "shared with the other benchmark")]
#[path = "../load/drive.rs"]
mod drive;
#[allow(dead_code, reason = "shared with the other benchmark")]
#[path = "../load/figure.rs"]
mod figure;
mod fill;
mod population;
mod queries;
#[allow(dead_code, reason = "shared with the other benchmark")]
#[path = "../load/scene.rs"]
mod scene;
mod template;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use figure::{median, percentile};
use fill::Window;
use population::Population;
use queries::Asked;
use template::Templates;
use vigie::store::Store;
use vigie::store::{postgres, sqlite};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What may be asked for: `cargo bench --bench search -- --sizes 10000,1000000 --samples 200`.
struct Arguments {
    sizes: Vec<usize>,
    samples: usize,
    /// An empty PostgreSQL database instead of SQLite files; then one size a run.
    database: Option<String>,
    /// Files of an earlier run are used again, and stay.
    keep: bool,
}

fn arguments() -> Arguments {
    let sizes = vec![10_000, 1_000_000, 5_000_000];
    let mut read = Arguments { sizes, samples: 300, database: None, keep: false };
    // cargo adds --bench.
    let mut given = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = given.next() {
        let mut value = || given.next().unwrap_or_else(|| panic!("{name} takes a value"));
        match name.as_str() {
            "--sizes" => {
                read.sizes = value().split(',').map(|part| part.parse().expect("a number")).collect();
            }
            "--samples" => read.samples = value().parse().expect("a number"),
            "--database" => read.database = Some(value()),
            "--keep" => read.keep = true,
            _ => panic!("{name}: --sizes, --samples, --database and --keep are known"),
        }
    }
    assert!(read.database.is_none() || read.sizes.len() == 1, "one size for one database");
    read
}

/// What one size told.
struct Told {
    size: usize,
    windows: Vec<Window>,
    asked: Vec<Asked>,
}

fn main() {
    let arguments = arguments();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&arguments));
}

async fn run(arguments: &Arguments) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("search");
    let templates = Arc::new(Templates::record(&folder.join("templates")).await);
    println!("{:.1} resources a response\n", templates.resources_a_response());
    let mut told = Vec::new();
    for &size in &arguments.sizes {
        let path = folder.join(format!("{size}.sqlite"));
        let kept = arguments.keep && path.exists();
        if !kept {
            remove(&path);
        }
        let store: Arc<dyn Store> = match &arguments.database {
            Some(url) => {
                Arc::new(postgres::open(url, &postgres::Options::default()).await.expect("a database"))
            }
            None => Arc::new(sqlite::open(&path, &sqlite::Options::default()).expect("a store")),
        };
        let population = Population::of(size, &templates);
        let windows = match kept {
            true => Vec::new(),
            false => fill::fill(&store, &templates, &population, size).await,
        };
        warm(&path);
        let start = Instant::now();
        let asked = queries::measure(&store, &population, arguments.samples).await;
        println!(
            "{size} resources, {} patients: {:.0} MB, asked for {:.0} s\n",
            population.patients,
            fs::metadata(&path).map_or(0.0, |file| file.len() as f64 / 1e6),
            start.elapsed().as_secs_f64()
        );
        drop(store);
        if !arguments.keep {
            remove(&path);
        }
        told.push(Told { size, windows, asked });
    }
    tell_rates(&told);
    tell_times(&told);
}

/// Reads the file once: what is measured is the store, not the disk that an idle machine would have read it from.
fn warm(path: &Path) {
    // A database elsewhere has no file here.
    if let Ok(mut file) = fs::File::open(path) {
        let _ = std::io::copy(&mut file, &mut std::io::sink());
    }
}

fn remove(path: &Path) {
    for ending in ["sqlite", "sqlite-wal", "sqlite-shm", "sqlite.lock"] {
        // A file that is not there is as good as removed.
        let _ = fs::remove_file(path.with_extension(ending));
    }
}

fn tell_rates(told: &[Told]) {
    for one in told.iter().filter(|one| !one.windows.is_empty()) {
        println!(
            "filling with {}: resources/s, processor µs of the writer and KB written for each",
            one.size
        );
        for window in &one.windows {
            println!(
                "{:>10} {:>8.0}/s {:>7.1} µs {:>6.2} KB",
                window.reached,
                window.resources / window.seconds,
                window.writer_seconds * 1e6 / window.resources,
                window.written / 1e3 / window.resources
            );
        }
        let rate = |window: &Window| window.resources / window.seconds;
        let part = one.windows.len().div_ceil(5);
        let first = median(&one.windows[..part].iter().map(rate).collect::<Vec<_>>());
        let last = median(&one.windows[one.windows.len() - part..].iter().map(rate).collect::<Vec<_>>());
        println!("last fifth ÷ first fifth: {:.2}\n", last / first);
    }
}

fn tell_times(told: &[Told]) {
    let Some(first) = told.first() else { return };
    print!("{:<44} {:>6}", "p50 / p99 µs", "found");
    told.iter().for_each(|one| print!(" {:>17}", one.size));
    println!(" {:>6}", "ratio");
    for (n, asked) in first.asked.iter().enumerate() {
        let last = told.last().map_or(asked, |one| &one.asked[n]);
        print!("{:<44} {:>6.0}", asked.name, median(&last.found));
        for one in told {
            let took = &one.asked[n].microseconds;
            print!(" {:>17}", format!("{:.0} / {:.0}", median(took), percentile(took, 0.99)));
        }
        println!(" {:>6.2}", median(&last.microseconds) / median(&asked.microseconds));
    }
}
