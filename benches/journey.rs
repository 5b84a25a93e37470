//! The pure part of the journey, in processor time and as ratios to plain `serde_json` parsing of the same body: reading,
//! structure, validation, rules and the whole decision. Method and figures: `benches/README.md`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads files")]

#[allow(dead_code, reason = "shared with the other benchmarks")]
#[path = "load/content.rs"]
mod content;
#[allow(dead_code, reason = "shared with the other benchmarks")]
#[path = "load/figure.rs"]
mod figure;

use std::cell::RefCell;
use std::fs;
use std::hint::black_box;
use std::process::Command;

use content::{json_below, read, root};
use vigie::fhir::{self, structure};
use vigie::interaction::{self, Library, Question};
use vigie::json::{self, Value};
use vigie::questionnaire::{self, Questionnaire};
use vigie::rules::{self, Protocol};
use vigie::terminology::Terminology;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Repetitions of a piece of work that are timed together.
const TIMES: usize = 20;
/// Windows of which the median is taken; the pieces take turns, so that a busy moment hits them all.
const WINDOWS: usize = 15;

/// What every piece of work looks at: the sixth week of a patient with five answered weeks behind.
struct Scene {
    bytes: Vec<u8>,
    questionnaire: Value,
    form: Questionnaire,
    protocol: Protocol,
    terminology: Terminology,
    library: Library,
    question: Question,
    /// Copies of the question for the pieces that use one up, made before their window.
    copies: RefCell<Vec<Question>>,
}

impl Scene {
    fn new() -> Self {
        let profiles = json_below(&root().join("profiles"));
        let of_type = |rtype: &str| -> Vec<Value> {
            profiles.iter().filter(|resource| resource["resourceType"] == rtype).cloned().collect()
        };
        let mut terms = of_type("CodeSystem");
        terms.extend(of_type("ValueSet"));
        let terminology = Terminology::load(&terms);
        let weekly = |rtype: &str| {
            let mut found = of_type(rtype);
            found.retain(|one| {
                one["url"].as_str().is_some_and(|url| url.ends_with("surveillance-hebdomadaire"))
            });
            found.remove(0)
        };
        let questionnaire = weekly("Questionnaire");
        let form = questionnaire::compile(&questionnaire, &terminology).expect("it compiles");
        let protocol =
            rules::compile(&weekly("PlanDefinition"), &of_type("ActivityDefinition")).expect("it compiles");
        let folfox = |file: &str| root().join(format!("examples/fhir/folfox/{file}.json"));
        let bytes = fs::read(folfox("week-6")).expect("an example");
        let question = Question {
            response: fhir::parse(&bytes).expect("JSON"),
            previous: (1..=5).rev().map(|week| read(&folfox(&format!("week-{week}")))).collect(),
            patient: Some(read(&folfox("patient"))),
            careplans: vec![read(&folfox("careplan"))],
            received_at: "2026-04-06T08:00:00Z".parse().expect("an instant"),
        };
        let library = Library::from_resources(profiles).expect("the shipped definitions compile");
        Self {
            bytes,
            questionnaire,
            form,
            protocol,
            terminology,
            library,
            question,
            copies: RefCell::default(),
        }
    }

    fn validate(&self) -> bool {
        let context = questionnaire::Context {
            patient: self.question.patient.as_ref(),
            careplans: &self.question.careplans,
            now: self.question.received_at,
            terminology: &self.terminology,
        };
        self.form.validate(&self.question.response, &context).is_valid()
    }

    fn evaluate(&self) -> usize {
        let question = &self.question;
        let evaluation = self.protocol.evaluate(&rules::Facts {
            response: &question.response,
            readings: None,
            questionnaire: Some(&self.questionnaire),
            previous: question.previous.first(),
            history: &question.previous,
            careplans: &question.careplans,
            patient: question.patient.as_ref(),
            in_progress: false,
            unreadable: &[],
            received: question.received_at,
            explained: rules::Explained::Telling,
        });
        evaluation.outcomes.len()
    }

    fn extract(&self) -> usize {
        self.form.extract(&self.question.response).len()
    }

    fn decide(&self) -> Value {
        interaction::evaluate_with(&self.library, self.copy()).expect("a folder's library")
    }

    fn copy(&self) -> Question {
        self.copies.borrow_mut().pop().unwrap_or_else(|| self.question.clone())
    }

    fn prepare(&self) {
        self.copies.borrow_mut().resize(TIMES, self.question.clone());
    }
}

/// A piece of work with its name.
type Piece<'p> = (&'static str, Box<dyn Fn() + 'p>);

fn pieces(scene: &Scene) -> [Piece<'_>; 9] {
    fn piece<'p, T>(name: &'static str, work: impl Fn() -> T + 'p) -> Piece<'p> {
        (name, Box::new(move || drop(black_box(work()))))
    }
    let bundle = scene.decide();
    [
        piece("serde_json::Value (yardstick)", || serde_json::from_slice::<serde_json::Value>(&scene.bytes)),
        piece("fhir::parse", || fhir::parse(&scene.bytes)),
        piece("structure::check", || structure::check(&scene.question.response)),
        piece("questionnaire: validate", || scene.validate()),
        piece("rules: evaluate, five weeks behind", || scene.evaluate()),
        piece("questionnaire: extract", || scene.extract()),
        piece("structure, validate, rules, pathway", || scene.decide()),
        piece("of which: letting the question go", || scene.copy()),
        piece("writing what it becomes", move || json::bytes(&bundle)),
    ]
}

/// The argument that counts instructions instead of time, and the one of the children that are counted.
const INSTRUCTIONS: &str = "--instructions";
const CHILD: &str = "--counted-child";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == CHILD) {
        let number = |n: usize| arguments[at + n].parse::<usize>().expect("a number");
        return repeat(number(1), number(2));
    }
    let scene = Scene::new();
    assert!(scene.validate(), "the example is valid");
    let resources = scene.decide()["entry"].as_array().map_or(0, Vec::len);
    println!("one response of {:.1} KB; it becomes {resources} resources\n", scene.bytes.len() as f64 / 1e3);
    let pieces = pieces(&scene);
    let (what, unit, scale, costs) = if arguments.iter().any(|argument| argument == INSTRUCTIONS) {
        ("instructions", "thousands", 1e-3, (0..pieces.len()).map(instructions).collect())
    } else {
        ("processor time", "µs", 1e6, processor_seconds(&scene, &pieces))
    };
    println!("{what:<36} {:>9} {unit:>10}", "ratio");
    for ((name, _), cost) in pieces.iter().zip(&costs) {
        println!("{name:<36} {:>9.2} {:>10.1}", cost / costs[0], cost * scale);
    }
    println!("{:<36} {:>9.2}\n", "validate + evaluate ÷ Value", (costs[3] + costs[4]) / costs[0]);
}

/// The median of each piece, in processor seconds.
fn processor_seconds(scene: &Scene, pieces: &[Piece<'_>]) -> Vec<f64> {
    let mut seconds = vec![Vec::new(); pieces.len()];
    for _ in 0..WINDOWS {
        for ((_, work), seconds) in pieces.iter().zip(&mut seconds) {
            scene.prepare();
            seconds.push(window(TIMES, work));
        }
    }
    seconds.iter().map(|seconds| figure::median(seconds)).collect()
}

/// Processor seconds of one piece of work.
fn window(times: usize, work: &dyn Fn()) -> f64 {
    let before = figure::thread_seconds();
    for _ in 0..times {
        work();
    }
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let times = times as f64;
    (figure::thread_seconds() - before) / times
}

/// Instructions of one piece of work: of a child that does it so many times more often than another one.
fn instructions(piece: usize) -> f64 {
    let counted = |times: usize| {
        let program = std::env::current_exe().expect("a program has a path");
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program);
        let done = valgrind.args([CHILD, &piece.to_string(), &times.to_string()]).output();
        let told = String::from_utf8(done.expect("valgrind is installed").stderr).expect("a text");
        let line = told.lines().find_map(|line| line.split_once("Collected :")).expect("callgrind tells it");
        line.1.trim().parse::<f64>().expect("a number")
    };
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let times = (TIMES - 1) as f64;
    (counted(TIMES) - counted(1)) / times
}

/// Does one piece so many times, after as much preparation as for any other number.
fn repeat(piece: usize, times: usize) {
    let scene = Scene::new();
    let pieces = pieces(&scene);
    scene.prepare();
    (0..times).for_each(|_| (pieces[piece].1)());
    // Copies that are left over are not let go, which would be counted.
    std::process::exit(0);
}
