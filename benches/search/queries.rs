//! The searches that people and engines repeat, each asked many times for another patient, nurse or moment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::ToSpan as _;
use vigie::fhir::search::{self, Key, Query, seal_cursor};
use vigie::interaction::{self, Context};
use vigie::store::Store;

use crate::cost::Cost;
use crate::population::{Population, WEEKS};
use crate::scene::context;

/// One kind of search.
pub(crate) struct Asked {
    pub(crate) name: &'static str,
    pub(crate) microseconds: Vec<f64>,
    /// Matches of each.
    pub(crate) found: Vec<f64>,
    /// What one of them takes, where this process does the reading: told by counting, not by the clock.
    pub(crate) cost: Cost,
}

/// What is asked of the store.
enum Ask {
    Read(&'static str, String),
    Page(Query),
    /// Through the interaction: what comes with the matches is not the store's to find.
    Searchset(&'static str, String),
}

/// What makes the nth search of its kind.
type Make = fn(&Population, usize) -> Ask;

/// Who is asked for: another patient each time, all over the store.
fn patient(population: &Population, n: usize) -> usize {
    n * 7_919 % population.patients
}

fn key(population: &Population, n: usize) -> String {
    Population::patient(patient(population, n))
}

fn page(rtype: &str, text: &str, count: usize) -> Ask {
    Ask::Page(Query { count, ..search::parse_text(rtype, text).expect("a search") })
}

/// A day in the middle of the histories.
fn day(n: usize) -> jiff::civil::Date {
    Population::day(n, WEEKS / 2 + n % 5)
}

const KINDS: &[(&str, Make)] = &[
    ("Patient/{id}", |all, n| Ask::Read("Patient", key(all, n))),
    ("Patient?identifier", |all, n| page("Patient", &format!("identifier={}", key(all, n)), 20)),
    ("Observation?patient&status, newest 20", |all, n| {
        page("Observation", &format!("patient={}&status=final&_sort=-date", key(all, n)), 20)
    }),
    ("Observation?patient&code&date", |all, n| {
        page("Observation", &format!("patient={}&code=fatigue&date=ge{}", key(all, n), day(n)), 20)
    }),
    ("Task?status, worklist by priority and date", |_, _| {
        page("Task", "status=requested&_sort=-priority,authored-on", 20)
    }),
    ("Task?status&priority", |_, _| page("Task", "status=requested&priority=stat,asap,urgent", 20)),
    ("Task?status, urgent and newest first", |_, _| {
        page("Task", "status=requested&_sort=-priority,-authored-on", 20)
    }),
    ("Task?owner&status", |all, n| {
        page("Task", &format!("owner=Practitioner/{}&status=requested", all.nurse(n)), 20)
    }),
    ("Task?owner", |all, n| page("Task", &format!("owner=Practitioner/{}", all.nurse(n)), 20)),
    ("Task?_lastUpdated, a page of the feed", |_, n| {
        page("Task", &format!("_lastUpdated=ge{}&_sort=_lastUpdated", day(n)), 50)
    }),
    ("Observation?_sort=-date, a page in the middle", |_, n| {
        let mut query =
            Query { count: 50, ..search::parse_text("Observation", "_sort=-date").expect("a search") };
        let at = day(n).to_zoned(jiff::tz::TimeZone::UTC).expect("a day").timestamp().as_microsecond();
        query.after = Some(seal_cursor(&query, &[Key::Number(at), Key::Number(i64::MAX)]));
        Ask::Page(query)
    }),
    ("Observation?code&date, one day", |_, n| {
        page("Observation", &format!("code={}&date={}", CODES[n % CODES.len()], day(n)), 20)
    }),
    ("Observation?code&date, four weeks", |_, n| {
        let (code, from) = (CODES[n % CODES.len()], day(n));
        let to = from.saturating_add(4.weeks());
        page("Observation", &format!("code={code}&date=ge{from}&date=lt{to}"), 20)
    }),
    ("Observation?code", |_, n| page("Observation", &format!("code={}", CODES[n % CODES.len()]), 20)),
    ("QuestionnaireResponse?patient&questionnaire", |all, n| {
        let form = "https://vigie.example/fhir/Questionnaire/surveillance-hebdomadaire";
        let text = format!("patient={}&questionnaire={form}&_sort=-authored", key(all, n));
        page("QuestionnaireResponse", &text, 20)
    }),
    ("Task?patient.identifier (chain)", |all, n| {
        page("Task", &format!("patient.identifier={}", key(all, n)), 20)
    }),
    ("Patient?_has:Observation:patient:code", |_, n| {
        page("Patient", &format!("_has:Observation:patient:code={}", CODES[n % CODES.len()]), 20)
    }),
    ("Patient?_has:Task:patient:_id", |_, n| {
        page("Patient", &format!("_has:Task:patient:identifier=x{n}"), 20)
    }),
    ("Task?patient&_sort=status,-authored-on", |all, n| {
        page("Task", &format!("patient={}&_sort=status,-authored-on", key(all, n)), 20)
    }),
    ("Task?patient&_sort=code,-priority", |all, n| {
        page("Task", &format!("patient={}&_sort=code,-priority", key(all, n)), 20)
    }),
    ("Observation?status&_total=estimate", |_, _| page("Observation", "status=final&_total=estimate", 20)),
    ("Observation?patient&_total=accurate", |all, n| {
        page("Observation", &format!("patient={}&_total=accurate", key(all, n)), 20)
    }),
    ("Task?patient&_include=Task:subject,focus", |all, n| {
        let text = format!("patient={}&_include=Task:subject&_include=Task:focus&_count=10", key(all, n));
        Ask::Searchset("Task", text)
    }),
    ("Patient?_id&_revinclude=Flag:patient", |all, n| {
        Ask::Searchset("Patient", format!("_id={}&_revinclude=Flag:patient", key(all, n)))
    }),
    (COUNTED, |_, _| page("Observation", "status=final&_total=accurate", 1)),
];

/// Grows with what is counted, as it must: told apart, and asked less often.
const COUNTED: &str = "Observation?status&_total=accurate (grows)";
const COUNTED_SAMPLES: usize = 20;
/// A kind is asked no longer than that, and once at least.
const PATIENCE: Duration = Duration::from_secs(30);

/// Codes that weekly responses give.
const CODES: [&str; 4] = ["fatigue", "nausee", "douleur", "8310-5"];

/// Asks everything, one after the other on a store that is otherwise idle; a tenth more to begin with, untold.
pub(crate) async fn measure(store: &Arc<dyn Store>, population: &Population, samples: usize) -> Vec<Asked> {
    let ctx = context(Arc::clone(store));
    let mut all = Vec::new();
    for (name, make) in KINDS {
        let mut asked = Asked { name, microseconds: Vec::new(), found: Vec::new(), cost: Cost::default() };
        let mut before = Cost::now();
        let samples = if *name == COUNTED { samples.min(COUNTED_SAMPLES) } else { samples };
        let begun = Instant::now();
        for n in 0..samples + samples / 10 {
            if begun.elapsed() > PATIENCE && !asked.microseconds.is_empty() {
                break;
            }
            if n == samples / 10 {
                before = Cost::now();
            }
            let ask = make(population, n);
            let start = Instant::now();
            let found = answer(&ctx, ask).await;
            if n >= samples / 10 {
                asked.microseconds.push(start.elapsed().as_secs_f64() * 1e6);
                asked.found.push(found as f64);
            }
        }
        asked.cost = Cost::now().since(&before, asked.found.len());
        all.push(asked);
    }
    all
}

/// How many were found; none where the store gave up, which is said: the others are still to be asked.
async fn answer(ctx: &Context, ask: Ask) -> usize {
    let found = match ask {
        Ask::Read(rtype, id) => ctx.store.read(rtype, &id).await.map(|found| usize::from(found.is_some())),
        Ask::Page(query) => ctx.store.search(&query).await.map(|page| page.resources.len()),
        Ask::Searchset(rtype, text) => {
            let params = search::pairs(&text).expect("parameters");
            let answer = interaction::search(ctx, rtype, &params).await;
            answer.map(|answer| String::from_utf8_lossy(&answer.body).matches("\"fullUrl\"").count())
        }
    };
    found.unwrap_or_else(|problem| {
        println!("{problem}");
        0
    })
}
