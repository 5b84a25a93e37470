//! Fills a store with 10 thousand, 1 million and 5 million resources through its own commits, and tells at each size how
//! long the searches take that people and engines repeat, and how fast it was filled. Method and figures: `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark asks the machine for time and files")]
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
#![expect(clippy::panic, reason = "a benchmark that cannot go on stops")]

#[allow(dead_code, reason = "shared with the other benchmark")]
#[path = "../load/bare.rs"]
mod bare;
#[allow(dead_code, reason = "shared with the other benchmarks")]
#[path = "../load/content.rs"]
mod content;
mod cost;
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
mod pages;
mod place;
mod population;
mod queries;
#[allow(dead_code, reason = "shared with the other benchmark")]
#[path = "../load/scene.rs"]
mod scene;
mod template;
mod window;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use cost::Cost;
use figure::{median, percentile};
use fill::Filled;
use place::{Mode, Place};
use population::Population;
use queries::Asked;
use template::Templates;
use window::Window;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What may be asked for: `cargo bench --bench search -- --sizes 10000,1000000 --samples 200`.
struct Arguments {
    sizes: Vec<usize>,
    samples: usize,
    /// A PostgreSQL server instead of SQLite files; each size is a database of its own on it.
    server: Option<String>,
    /// What an earlier run left is used, or gone on with, and stays.
    keep: bool,
    /// Only fill.
    fill: bool,
    /// Only the searches whose names begin so.
    only: String,
    /// Tell which tables' pages a commit writes; one more week of some patients is there afterwards.
    pages: bool,
    /// Where files are kept; in memory (`/dev/shm`), nothing takes the pages of a large file back while it is asked.
    folder: PathBuf,
}

fn arguments() -> Arguments {
    let sizes = vec![10_000, 1_000_000, 5_000_000];
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("search");
    let mut read = Arguments {
        sizes,
        samples: 300,
        server: None,
        keep: false,
        fill: false,
        only: String::new(),
        pages: false,
        folder,
    };
    // cargo adds --bench.
    let mut given = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = given.next() {
        let mut value = || given.next().unwrap_or_else(|| panic!("{name} takes a value"));
        match name.as_str() {
            "--sizes" => {
                read.sizes = value().split(',').map(|part| part.parse().expect("a number")).collect();
            }
            "--samples" => read.samples = value().parse().expect("a number"),
            "--database" => read.server = Some(value()),
            "--keep" => read.keep = true,
            "--fill" => (read.keep, read.fill) = (true, true),
            "--pages" => read.pages = true,
            "--only" => read.only = value(),
            "--folder" => read.folder = value().into(),
            _ => panic!(
                "{name}: --sizes, --samples, --database, --keep, --fill, --only, --pages and --folder are known"
            ),
        }
    }
    read
}

/// What one size told.
struct Told {
    size: usize,
    filled: Filled,
    asked: Vec<Asked>,
}

fn main() {
    let arguments = arguments();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&arguments));
}

async fn run(arguments: &Arguments) {
    let folder = &arguments.folder;
    let templates = Arc::new(Templates::record(&folder.join("templates")).await);
    println!("{:.1} resources a response\n", templates.resources_a_response());
    let at = |name: &str| Place::of(folder, arguments.server.as_deref(), name);
    let (mut told, mut places, mut stores) = (Vec::new(), Vec::new(), Vec::new());
    for &size in &arguments.sizes {
        let place = at(&size.to_string());
        if !arguments.keep {
            place.remove().await;
        }
        let population = Population::of(size, &templates);
        let start = Instant::now();
        let filled = fill::fill(&place, &at("beginning"), &templates, &population, size).await;
        println!(
            "{size} resources, {} patients: {:.0} MB, filled in {:.0} s",
            population.patients,
            place.megabytes().await,
            start.elapsed().as_secs_f64()
        );
        if let (true, Place::File(path)) = (arguments.pages, &place) {
            pages::tell(path, &templates, &population).await;
        }
        if !arguments.fill {
            place.settle().await;
            stores.push((place.open(Mode::Service).await, population));
        }
        places.push(place);
        told.push(Told { size, filled, asked: Vec::new() });
    }
    let start = Instant::now();
    let asked = queries::measure(&stores, arguments.samples, &arguments.only).await;
    println!("asked for {:.0} s\n", start.elapsed().as_secs_f64());
    told.iter_mut().zip(asked).for_each(|(told, asked)| told.asked = asked);
    drop(stores);
    for place in places.iter().filter(|_| !arguments.keep) {
        place.remove().await;
    }
    tell_rates(&told);
    tell_times(&told);
}

fn tell_rates(told: &[Told]) {
    for one in told.iter().filter(|one| !one.filled.windows.is_empty()) {
        println!(
            "filling with {} in large groups: units there, resources/s, processor µs of the writer and KB written for each",
            one.size
        );
        one.filled.windows.iter().for_each(tell_window);
        println!();
    }
    for one in told.iter().filter(|one| !one.filled.turns.is_empty()) {
        println!("writing as the service does, by turns at the beginning and at the end of {}", one.size);
        one.filled.turns.iter().flat_map(|(first, last)| [first, last]).for_each(tell_window);
        let ratio = |figure: fn(&Window) -> f64| {
            let each: Vec<f64> =
                one.filled.turns.iter().map(|(first, last)| figure(last) / figure(first)).collect();
            let listed = each.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ");
            format!("{:.2} ({listed})", median(&each))
        };
        println!("end ÷ beginning: {} in wall time", ratio(|window| window.resources / window.seconds));
        // A server writes in processes of its own.
        if one.filled.turns.iter().all(|(first, last)| first.writer_seconds.min(last.writer_seconds) > 0.0) {
            let told = ratio(|window| window.resources / window.writer_seconds);
            println!("{told} in processor time of the writer");
        }
        println!();
    }
}

fn tell_window(window: &Window) {
    println!(
        "{:>10} {:>8.0}/s {:>7.1} µs {:>6.2} KB",
        window.reached,
        window.resources / window.seconds,
        window.writer_seconds * 1e6 / window.resources,
        window.written / 1e3 / window.resources,
    );
}

/// From so many bytes a search on, it is the disk that was measured.
const FROM_DISK_MAX: f64 = 4_096.0;

fn tell_times(told: &[Told]) {
    let Some(first) = told.first().filter(|first| !first.asked.is_empty()) else { return };
    println!(
        "for each size: p50 / p99 µs, processor µs, reads of the file; at last the ratios of p50 and of processor time"
    );
    print!("{:<44} {:>6}", "", "found");
    told.iter().for_each(|one| print!(" {:>28}", one.size));
    println!();
    for (n, asked) in first.asked.iter().enumerate() {
        let last = told.last().map_or(asked, |one| &one.asked[n]);
        print!("{:<44} {:>6.0}", asked.name, median(&last.found));
        for one in told {
            let took = &one.asked[n].microseconds;
            let Cost { processor, reads, .. } = one.asked[n].cost;
            let times = format!("{:.0} / {:.0}", median(took), percentile(took, 0.99));
            print!(" {times:>15} {:>6.0} {reads:>5.0}", processor / 1e3);
        }
        let times = median(&last.microseconds) / median(&asked.microseconds);
        println!(" {times:>6.2} {:>6.2}", last.cost.processor / asked.cost.processor);
    }
    for one in told {
        for asked in one.asked.iter().filter(|asked| asked.cost.from_disk > FROM_DISK_MAX) {
            let kilobytes = asked.cost.from_disk / 1e3;
            println!("{} at {}: {kilobytes:.0} KB a search came from the disk", asked.name, one.size);
        }
    }
}
