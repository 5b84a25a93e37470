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
/// The first of those who are asked about before anything is told.
const OTHERS: usize = 1_000_000;
/// Questions to one store before the next store is asked.
const TURN: usize = 10;
/// A kind is asked no longer than that, and once at least.
const PATIENCE: Duration = Duration::from_secs(30);

/// Codes that weekly responses give.
const CODES: [&str; 4] = ["fatigue", "nausee", "douleur", "8310-5"];

/// Asks everything of stores that are otherwise idle, one question after the other and one store after the other, ten questions
/// each, so that what else the machine does meets all of them. Before, untold, all kinds are asked about others, until the caches
/// are as full as those of a service that has run for a day; and a tenth more of each kind. What each store told.
pub(crate) async fn measure(
    stores: &[(Arc<dyn Store>, Population)],
    samples: usize,
    only: &str,
) -> Vec<Vec<Asked>> {
    let stores: Vec<(Context, &Population)> =
        stores.iter().map(|(store, population)| (context(Arc::clone(store)), population)).collect();
    let mut told: Vec<Vec<Asked>> = stores.iter().map(|_| Vec::new()).collect();
    for (name, make) in KINDS.iter().filter(|(name, _)| *name != COUNTED) {
        for (ctx, population) in &stores {
            let others = (OTHERS..OTHERS + samples).map(|n| make(population, n));
            Asked::of(name).ask(ctx, others, None).await;
        }
    }
    let own = Cost::of_asking();
    for (name, make) in KINDS.iter().filter(|(name, _)| name.starts_with(only)) {
        let (samples, turn) =
            if *name == COUNTED { (samples.min(COUNTED_SAMPLES), 1) } else { (samples, TURN) };
        let warming = (samples / 10).max(1);
        let mut asked: Vec<Asked> = stores.iter().map(|_| Asked::of(name)).collect();
        for ((ctx, population), asked) in stores.iter().zip(&mut asked) {
            asked.ask(ctx, (0..warming).map(|n| make(population, n)), None).await;
        }
        let begun = Instant::now();
        for first in (warming..warming + samples).step_by(turn) {
            if begun.elapsed() > PATIENCE && first > warming {
                break;
            }
            for ((ctx, population), asked) in stores.iter().zip(&mut asked) {
                asked.ask(ctx, (first..first + turn).map(|n| make(population, n)), Some(&own)).await;
            }
        }
        told.iter_mut().zip(asked).for_each(|(told, asked)| told.push(asked));
    }
    told
}

impl Asked {
    fn of(name: &'static str) -> Self {
        Self { name, microseconds: Vec::new(), found: Vec::new(), cost: Cost::default() }
    }

    /// Told, when it is known what the counting itself costs.
    async fn ask(&mut self, ctx: &Context, asks: impl Iterator<Item = Ask>, own: Option<&Cost>) {
        let asks: Vec<Ask> = asks.collect();
        let (before, already, more) = (Cost::now(), self.found.len(), asks.len());
        for ask in asks {
            let start = Instant::now();
            let found = answer(ctx, ask).await;
            if own.is_some() {
                self.microseconds.push(start.elapsed().as_secs_f64() * 1e6);
                self.found.push(found as f64);
            }
        }
        if let Some(own) = own {
            let cost = Cost::now().since(&before, 1).less(own);
            self.cost = self.cost.with(already, &cost, more);
        }
    }
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
