//! Reports: pages (PDF/A) against the bare typst compile of the same source, the clinical document and its metadata
//! against reading the same bytes, and memory. Method and figures: `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads files")]

#[allow(dead_code, reason = "shared with the other benchmarks")]
#[path = "../load/content.rs"]
mod content;
#[allow(dead_code, reason = "shared with the other benchmarks")]
#[path = "../load/figure.rs"]
mod figure;
mod scene;

use std::hint::black_box;

use scene::Scene;
use vigie::report::{
    Document, Edition, Header, Report, Stationery, cda, document_reference, narrative, pdf,
    provide_and_register, provide_document_bundle,
};
use vigie::xml;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Windows of which the median is taken; the pieces take turns, so that a busy moment hits them all.
const WINDOWS: usize = 9;

/// Reports that are timed together: the processor time of a process is told in steps of 10 ms.
const REPORTS: usize = 10;

/// Repetitions of a small piece of work that are timed together.
const TIMES: usize = 50;

fn main() {
    let scene = Scene::new();
    let resident = || figure::memory("self", "VmRSS");
    let before = resident();
    let stationery = Stationery::shipped();
    let weekly = scene.weekly();
    if let Some(reports) = soak_of(std::env::args()) {
        return soak(&weekly, &stationery, reports);
    }
    let started = figure::process_seconds("self");
    let pages = pdf::render(&weekly, &stationery).expect("pages");
    println!("the first report of a process: {:.0} ms", (figure::process_seconds("self") - started) * 1e3);
    println!("resident: {before:.0} MiB before it, {:.0} MiB after it\n", resident());

    println!(
        "{:<22} {:>6} {:>8} {:>12} {:>12} {:>7}",
        "on paper", "pages", "KB", "compile, ms", "PDF/A, ms", "ratio"
    );
    paper("weekly, six weeks", &weekly, &stationery);
    for weeks in [4, 26, 52] {
        paper(&format!("period of {weeks} weeks"), &scene.period(weeks), &stationery);
    }
    let highest = figure::memory("self", "VmHWM");
    println!("resident: {:.0} MiB after all of these, {highest:.0} MiB at its highest\n", resident());
    document(&scene, &weekly, pages);
}

/// The number after `--soak`.
fn soak_of(mut arguments: impl Iterator<Item = String>) -> Option<usize> {
    arguments.find(|one| one == "--soak")?;
    arguments.next()?.parse().ok()
}

/// Whether a process that makes reports for days keeps more and more: resident memory after each tenth of them.
fn soak(report: &Report, stationery: &Stationery, reports: usize) {
    for turn in 1..=reports {
        black_box(pdf::render(&scene::another(report, turn), stationery).expect("pages"));
        if turn % (reports / 10).max(1) == 0 {
            println!("resident after {turn} reports: {:.0} MiB", figure::memory("self", "VmRSS"));
        }
    }
}

/// Pages warm, each of another patient with other grades: typst keeps what did not change, and nothing here does not.
fn paper(name: &str, report: &Report, stationery: &Stationery) {
    let mut turn = 0;
    let mut next = || {
        turn += 1;
        scene::another(report, turn)
    };
    let (mut compile, mut whole, mut bytes) = (Vec::new(), Vec::new(), 0);
    let pages = pdf::pages(&next(), stationery).expect("pages");
    for _ in 0..WINDOWS {
        let some: Vec<Report> = (0..REPORTS).map(|_| next()).collect();
        compile.push(used(&some, |one| drop(black_box(pdf::pages(one, stationery)))));
        let some: Vec<Report> = (0..REPORTS).map(|_| next()).collect();
        whole.push(used(&some, |one| bytes = pdf::render(one, stationery).map_or(0, |pages| pages.len())));
    }
    let (compile, whole) = (figure::median(&compile), figure::median(&whole));
    println!(
        "{name:<22} {pages:>6} {:>8} {:>12.1} {:>12.1} {:>7.2}",
        bytes / 1000,
        compile * 1e3,
        whole * 1e3,
        whole / compile
    );
}

/// Processor seconds of the whole process for one of these reports: typst sets pages on several threads.
#[expect(clippy::cast_precision_loss, reason = "a small count")]
fn used(some: &[Report], work: impl FnMut(&Report)) -> f64 {
    let before = figure::process_seconds("self");
    some.iter().for_each(work);
    (figure::process_seconds("self") - before) / some.len() as f64
}

/// CDA and metadata, against reading the same bytes.
fn document(scene: &Scene, report: &Report, pages: Vec<u8>) {
    let edition = |n: u8| Edition {
        document_id: format!("018f0000-0000-7000-8000-0000000000d{n}"),
        cda_id: format!("018f0000-0000-7000-8000-0000000000c{n}"),
        pdf_id: format!("018f0000-0000-7000-8000-0000000000b{n}"),
        submission_id: format!("018f0000-0000-7000-8000-0000000000e{n}"),
        at: report.issued,
    };
    let issuer = &scene.issuer;
    let document = Document::new(report, edition(1), issuer, pages.clone()).expect("a document");
    let bytes = document.cda.clone();
    let limits = xml::Limits::default();
    let pieces: [(&str, &dyn Fn()); 7] = [
        ("xml::read of the CDA (yardstick)", &|| drop(black_box(xml::read(&bytes, &limits)))),
        ("header and CDA render", &|| {
            let header = Header::new(report, &document.edition, issuer).expect("a header");
            black_box(cda::render(&header, &pages));
        }),
        ("cda::check", &|| drop(black_box(cda::check(&bytes, issuer.environment)))),
        ("XDS DocumentEntry, with SHA-1", &|| {
            drop(black_box(provide_and_register::document_entry(&document)));
        }),
        ("DocumentReference", &|| drop(black_box(document_reference::render(report, &document, issuer)))),
        ("ITI-65 Bundle, with Base64", &|| {
            drop(black_box(provide_document_bundle::render(report, &document, issuer)));
        }),
        ("narrative", &|| drop(black_box(narrative::render(report)))),
    ];
    let mut seconds = vec![Vec::new(); pieces.len()];
    for _ in 0..WINDOWS {
        for ((_, work), seconds) in pieces.iter().zip(&mut seconds) {
            let before = figure::thread_seconds();
            for _ in 0..TIMES {
                work();
            }
            #[expect(clippy::cast_precision_loss, reason = "a small count")]
            seconds.push((figure::thread_seconds() - before) / TIMES as f64);
        }
    }
    let medians: Vec<f64> = seconds.iter().map(|seconds| figure::median(seconds)).collect();
    println!("{:<34} {:>7} {:>9}", format!("a CDA of {} KB", bytes.len() / 1000), "ratio", "µs");
    for ((name, _), median) in pieces.iter().zip(&medians) {
        println!("{name:<34} {:>7.2} {:>9.0}", median / medians[0], median * 1e6);
    }
}
