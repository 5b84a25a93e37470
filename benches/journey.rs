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

use content::{json_below, read, root};
use vigie::fhir::{self, structure};
use vigie::interaction::{self, Library, Question};
use vigie::json::Value;
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
            questionnaire: Some(&self.questionnaire),
            previous: question.previous.first(),
            history: &question.previous,
            careplans: &question.careplans,
            patient: question.patient.as_ref(),
            in_progress: false,
            unreadable: &[],
            received: question.received_at,
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

fn main() {
    let scene = Scene::new();
    assert!(scene.validate(), "the example is valid");
    let resources = scene.decide()["entry"].as_array().map_or(0, Vec::len);
    println!("one response of {:.1} KB; it becomes {resources} resources\n", scene.bytes.len() as f64 / 1e3);
    let pieces: [(&str, &dyn Fn()); 9] = [
        ("vigie::json::Value (yardstick)", &|| {
            drop(black_box(serde_json::from_slice::<Value>(&scene.bytes)))
        }),
        ("fhir::parse", &|| drop(black_box(fhir::parse(&scene.bytes)))),
        ("structure::check", &|| drop(black_box(structure::check(&scene.question.response)))),
        ("questionnaire: validate", &|| {
            black_box(scene.validate());
        }),
        ("rules: evaluate, five weeks behind", &|| {
            black_box(scene.evaluate());
        }),
        ("questionnaire: extract", &|| {
            black_box(scene.extract());
        }),
        ("structure, validate, rules, pathway", &|| drop(black_box(scene.decide()))),
        ("of which: letting the question go", &|| drop(black_box(scene.copy()))),
        ("serde_json: write what it becomes", &{
            let bundle = scene.decide();
            move || drop(black_box(serde_json::to_vec(&bundle)))
        }),
    ];
    let mut seconds = vec![Vec::new(); pieces.len()];
    for _ in 0..WINDOWS {
        for ((_, work), seconds) in pieces.iter().zip(&mut seconds) {
            scene.prepare();
            seconds.push(window(TIMES, work));
        }
    }
    let medians: Vec<f64> = seconds.iter().map(|seconds| figure::median(seconds)).collect();
    println!("{:<36} {:>9} {:>10}", "processor time", "ratio", "µs");
    for ((name, _), median) in pieces.iter().zip(&medians) {
        println!("{name:<36} {:>9.2} {:>10.1}", median / medians[0], median * 1e6);
    }
    println!("{:<36} {:>9.2}\n", "validate + evaluate ÷ Value", (medians[3] + medians[4]) / medians[0]);
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
