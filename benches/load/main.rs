//! Drives durable submissions over HTTP into the release binary and sets each figure against yardsticks of the same run:
//! the bare store committing the same units, and actix-web echoing the same bodies. Method and figures: `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark asks the machine for time and files")]
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
#![expect(clippy::panic, reason = "a benchmark that cannot go on stops")]

mod bare;
mod client;
#[allow(dead_code, reason = "shared with the other benchmarks")]
mod content;
mod count;
mod database;
mod drive;
mod echo;
#[allow(dead_code, reason = "shared with the other benchmark")]
mod figure;
mod measure;
mod process;
mod scene;

use std::path::{Path, PathBuf};

use database::Databases;
use figure::median;
use measure::{Bench, Grown, Reads, Round};
use process::Service;
use scene::Scene;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What may be asked for: `cargo bench --bench load -- --connections 64 --rounds 3`.
struct Arguments {
    connections: Vec<usize>,
    rounds: usize,
    seconds: f64,
    patients: usize,
    /// A PostgreSQL server to keep everything in, instead of SQLite files.
    server: Option<String>,
    /// Instructions are counted instead of time being taken.
    instructions: bool,
    /// This is the counted bare store of such a run.
    child: bool,
    /// Nothing but reads by id against the echo.
    only_reads: bool,
    /// Which binary is the service.
    program: PathBuf,
    /// A store that the benchmark of searches filled and kept: a file, or a database of the server.
    grown: Option<String>,
    /// Where files are kept.
    folder: PathBuf,
}

fn arguments() -> Arguments {
    let mut read = Arguments {
        connections: vec![1, 16, 64, 256],
        rounds: 3,
        seconds: 3.0,
        patients: 600,
        server: std::env::var("VIGIE_BENCH_DATABASE").ok().filter(|url| url.starts_with("postgres")),
        instructions: false,
        child: false,
        only_reads: false,
        program: Service::PROGRAM.into(),
        grown: None,
        folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("load"),
    };
    // cargo adds --bench.
    let mut given = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(name) = given.next() {
        match name.as_str() {
            "--instructions" => read.instructions = true,
            "--only-reads" => read.only_reads = true,
            _ => {}
        }
        if matches!(name.as_str(), "--instructions" | "--only-reads") {
            continue;
        }
        let value = given.next().unwrap_or_default();
        let number = || value.parse().unwrap_or_else(|_| panic!("{name} takes a number, not '{value}'"));
        match name.as_str() {
            "--connections" | count::CHILD => {
                read.child = name == count::CHILD;
                read.connections = value.split(',').map(|part| part.parse().expect("a number")).collect();
            }
            "--database" => read.server = Some(value),
            "--program" => read.program = value.into(),
            "--grown" => read.grown = Some(value),
            "--folder" => read.folder = value.into(),
            "--rounds" => read.rounds = number(),
            "--patients" => read.patients = number(),
            "--seconds" => read.seconds = value.parse().expect("seconds"),
            _ => panic!(
                "{name}: --connections, --database, --program, --rounds, --seconds, --patients, --grown, --folder, \
                 --instructions and --only-reads are known"
            ),
        }
    }
    read
}

fn main() {
    let arguments = arguments();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(run(&arguments));
}

async fn run(arguments: &Arguments) {
    let folder = &arguments.folder;
    if arguments.child {
        let databases = Databases::new(&folder.join("child"), arguments.server.clone());
        return count::commit(&databases, arguments.connections[0], arguments.patients).await;
    }
    let databases = Databases::new(folder, arguments.server.clone());
    let scene = Scene::build(&databases, arguments.patients).await;
    let bytes: usize = scene.bodies.iter().map(Vec::len).sum();
    println!(
        "{}: {} responses of {} patients, {:.1} KB each; each becomes {:.1} resources in one transaction\n\
         in process, one after the other, without HTTP: {:.2} ms of processor time each\n",
        databases.kind(),
        scene.bodies.len(),
        arguments.patients,
        bytes as f64 / scene.bodies.len() as f64 / 1e3,
        scene.resources as f64 / scene.bodies.len() as f64,
        scene.in_process_ms,
    );
    let program = arguments.program.clone();
    let bench = Bench::new(&scene, &databases, program, echo::start(), arguments.seconds);
    if arguments.instructions {
        for &connections in &arguments.connections {
            count::compare(&bench, &databases, connections, arguments.patients).await;
        }
        return;
    }
    if let Some(of) = &arguments.grown {
        let databases = databases.grown(of).await;
        Scene::join(&databases, arguments.patients).await;
        let program = arguments.program.clone();
        let grown = Bench::new(&scene, &databases, program, echo::start(), arguments.seconds);
        return beside(&bench, &grown, arguments).await;
    }
    if arguments.only_reads {
        return reads(&bench, arguments.rounds).await;
    }
    starts(&bench, arguments.rounds).await;
    submissions(&bench, arguments).await;
    half_load(&bench, arguments).await;
    equal(&bench, arguments.rounds).await;
    reads(&bench, arguments.rounds).await;
}

async fn starts(bench: &Bench<'_>, rounds: usize) {
    let mut starts = Vec::new();
    for _ in 0..rounds.max(3) {
        starts.push(bench.start().await);
    }
    let of = |figure: fn(&measure::Start) -> f64| median(&starts.iter().map(figure).collect::<Vec<_>>());
    println!(
        "start to ready: {:.0} ms on an empty store (all shipped content checked and stored), {:.0} ms on a full one; idle: {:.1} MiB resident\n",
        of(|start| start.empty_ms),
        of(|start| start.full_ms),
        of(|start| start.idle_mib),
    );
}

async fn submissions(bench: &Bench<'_>, arguments: &Arguments) {
    println!(
        "durable submissions (medians of {} rounds; each round: bare store, service, echo)",
        arguments.rounds
    );
    println!(
        "{:>5} {:>7} {:>15} {:>9} {:>9} {:>9} {:>17} {:>17} {:>9} {:>9} {:>9}",
        "conn",
        "÷ bare",
        "(each round)",
        "POST/s",
        "bare/s",
        "echo/s",
        "p50 / p99 ms",
        "bare p50 / p99",
        "CPU ms",
        "bare CPU",
        "RSS MiB"
    );
    for &connections in &arguments.connections {
        let mut rounds = Vec::new();
        for _ in 0..arguments.rounds {
            rounds.push(bench.round(connections, 0.0, 0.0).await);
        }
        let of = |figure: fn(&Round) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
        let ratios: Vec<f64> = rounds.iter().map(Round::ratio).collect();
        let each = ratios.iter().map(|ratio| format!("{ratio:.2}")).collect::<Vec<_>>().join(" ");
        println!(
            "{connections:>5} {:>7.2} {each:>15} {:>9.0} {:>9.0} {:>9.0} {:>17} {:>17} {:>9.2} {:>9.2} {:>9.0}",
            median(&ratios),
            of(|round| round.service.rate()),
            of(|round| round.bare.rate()),
            of(|round| round.echo.rate()),
            format!(
                "{:.1} / {:.1}",
                of(|round| round.service.took(0.5)),
                of(|round| round.service.took(0.99))
            ),
            format!("{:.1} / {:.1}", of(|round| round.bare.took(0.5)), of(|round| round.bare.took(0.99))),
            of(|round| round.service_ms),
            of(|round| round.bare_ms),
            of(|round| round.highest_mib),
        );
    }
    println!();
}

/// What a service loses where a store has grown.
async fn beside(bench: &Bench<'_>, grown: &Bench<'_>, arguments: &Arguments) {
    println!(
        "submissions where much is stored ÷ where nothing is (medians of {} rounds, by turns)",
        arguments.rounds
    );
    println!(
        "{:>5} {:>8} {:>20} {:>17} {:>17} {:>17} {:>10} {:>20}",
        "conn", "service", "(each round)", "grown POST/s", "empty POST/s", "CPU ms", "bare", "(each round)"
    );
    for &connections in &arguments.connections {
        let mut rounds = Vec::new();
        for _ in 0..arguments.rounds {
            rounds.push(bench.beside(grown, connections).await);
        }
        let of = |figure: fn(&Grown) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
        let each = |figure: fn(&Grown) -> f64| {
            rounds.iter().map(|round| format!("{:.2}", figure(round))).collect::<Vec<_>>().join(" ")
        };
        let service = |round: &Grown| round.grown_rate / round.rate;
        let bare = |round: &Grown| round.grown_bare_rate / round.bare_rate;
        println!(
            "{connections:>5} {:>8.2} {:>20} {:>17.0} {:>17.0} {:>17} {:>10.2} {:>20}",
            of(service),
            each(service),
            of(|round| round.grown_rate),
            of(|round| round.rate),
            format!("{:.2}, {:.2}", of(|round| round.grown_service_ms), of(|round| round.service_ms)),
            of(bare),
            each(bare),
        );
    }
}

/// Latency when half of what is possible is asked for, against the store's own at half of what it can do.
async fn half_load(bench: &Bench<'_>, arguments: &Arguments) {
    let mut ratios = Vec::new();
    for _ in 0..arguments.rounds {
        let full = bench.round(64, 0.0, 0.0).await;
        let half = bench.round(64, full.service.rate() / 2.0, full.bare.rate() / 2.0).await;
        ratios.push((half.service.took(0.99), half.bare.took(0.99)));
    }
    let of = |figure: fn(&(f64, f64)) -> f64| median(&ratios.iter().map(figure).collect::<Vec<_>>());
    println!(
        "half load, 64 connections: p99 {:.1} ms, bare store {:.1} ms: {:.1} times\n",
        of(|round| round.0),
        of(|round| round.1),
        of(|round| round.0 / round.1),
    );
}

/// Clients that repeat themselves all at once: one response is created, the others are answered with it.
async fn equal(bench: &Bench<'_>, rounds: usize) {
    let mut figures = Vec::new();
    for _ in 0..rounds {
        figures.push(bench.equal(64).await);
    }
    let of = |figure: fn(&(f64, f64)) -> f64| median(&figures.iter().map(figure).collect::<Vec<_>>());
    println!(
        "64 equal submissions at once: all answered after {:.0} ms, {:.0} ms of processor time\n",
        of(|round| round.0),
        of(|round| round.1),
    );
}

async fn reads(bench: &Bench<'_>, rounds: usize) {
    let mut figures = Vec::new();
    for _ in 0..rounds {
        figures.push(bench.reads(64).await);
    }
    let of = |figure: fn(&Reads) -> f64| median(&figures.iter().map(figure).collect::<Vec<_>>());
    println!(
        "reads by id, 64 connections: {:.2} of the echo ({:.0}/s, echo {:.0}/s), {:.1} us of processor time for a read, {:.1} of \
         them in the kernel; {:.2} of the processors stood still meanwhile",
        of(|round| round.rate / round.echo_rate),
        of(|round| round.rate),
        of(|round| round.echo_rate),
        of(|round| round.microseconds),
        of(|round| round.kernel_microseconds),
        of(|round| round.idle),
    );
}
