//! The service without HTTP: interactions over either store, the shipped definitions loaded.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use vigie::clock::{Clock, FixedClock, SeededIds, SystemIds};
use vigie::connector::{Connector, Connectors};
use vigie::delivery::{Courier, Limits};
use vigie::interaction::{
    self, Answer, Authority, Context, Destination, DestinationKind, Library, Publication, Settings,
};
use vigie::json::Value;
use vigie::outbox::{Backoff, Outcome, Receipt};
use vigie::problem::Problem;
use vigie::report::{Issuer, Stationery};
use vigie::store::{LeaseRequest, Settlement, Store, postgres, sqlite};

use super::postgres::Database;
use super::template;

/// Which store [`App::new`] takes: `tests/run` passes the tests of the service over both.
const VARIABLE: &str = "VIGIE_TEST_STORE";

/// Where a service keeps everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// SQLite, in a temporary folder.
    Embedded,
    /// PostgreSQL, in a schema of its own.
    Shared,
}

impl Kept {
    pub(crate) const EACH: [Self; 2] = [Self::Embedded, Self::Shared];

    /// An empty store and the place that it is in, which goes with its value; `None` when there is no PostgreSQL to
    /// test with, which [`Database::new`] then says.
    pub(crate) async fn open(self) -> Option<(Arc<dyn Store>, Place)> {
        Some(match self {
            Self::Embedded => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                (embedded(&folder), Place::Folder(folder))
            }
            Self::Shared => {
                let database = Database::new().await?;
                let options = postgres::Options { readers: 4, ..postgres::Options::default() };
                let store = postgres::open(database.url(), &options).await.expect("a store");
                (Arc::new(store), Place::Schema(database))
            }
        })
    }

    /// As the variable says; the embedded one without it.
    fn asked() -> Self {
        match std::env::var(VARIABLE).as_deref() {
            Err(_) | Ok("sqlite") => Self::Embedded,
            Ok("postgres") => Self::Shared,
            Ok(other) => panic!("{VARIABLE} is sqlite or postgres, not '{other}'"),
        }
    }
}

/// What holds a store; nothing is left of it when the value goes.
pub(crate) enum Place {
    Folder(TempDir),
    Schema(Database),
}

fn embedded(folder: &TempDir) -> Arc<dyn Store> {
    Arc::new(sqlite::open(folder.path().join(template::FILE), &sqlite::Options::default()).expect("a store"))
}

/// The service, its clock, and the place of its store.
pub(crate) struct App {
    pub(crate) context: Context,
    pub(crate) clock: Arc<FixedClock>,
    place: Place,
}

impl App {
    /// A service with the shipped definitions and two destinations.
    pub(crate) async fn new() -> Self {
        Self::on(Kept::asked())
            .await
            .unwrap_or_else(|| panic!("{VARIABLE} asks for a PostgreSQL to test with"))
    }

    /// The same over this store; `None` when that cannot be tested here.
    pub(crate) async fn on(kept: Kept) -> Option<Self> {
        if kept == Kept::Embedded {
            let folder = tempfile::tempdir().expect("a temporary folder");
            template::copy_to(&folder).await;
            return Some(Self::over(embedded(&folder), Place::Folder(folder)));
        }
        let (store, place) = kept.open().await?;
        if let Place::Schema(database) = &place {
            template::fill(database).await;
        }
        Some(Self::over(store, place))
    }

    /// A service that knows nothing yet.
    pub(crate) async fn bare() -> Self {
        Self::bare_on(Kept::asked())
            .await
            .unwrap_or_else(|| panic!("{VARIABLE} asks for a PostgreSQL to test with"))
    }

    pub(crate) async fn bare_on(kept: Kept) -> Option<Self> {
        let (store, place) = kept.open().await?;
        Some(Self::over(store, place))
    }

    /// Has everything that waits delivered, by nobody: each attempt is settled with a yes.
    pub(crate) async fn delivered(&self) {
        let (now, store) = (self.clock.now(), &self.context.store);
        loop {
            let request = LeaseRequest {
                now,
                lease_seconds: 60,
                limit: 100,
                under_way: vec![],
                owner: "nobody".to_owned(),
            };
            let leased = store.lease(request).await.unwrap();
            if leased.is_empty() {
                return;
            }
            let yes = Outcome::Accepted(Receipt { status: "200 OK".to_owned(), reference: None });
            let backoff = Backoff { first_ms: 1_000, ceiling_ms: 60_000 };
            let settled = leased.iter().map(|one| Settlement::new(one, yes.clone(), now, &backoff, 0));
            store.settle(settled.collect()).await.unwrap();
        }
    }

    /// Sends what waits for this destination by this connector, with short pauses.
    pub(crate) fn courier(&self, destination: &str, connector: Arc<dyn Connector>) -> Courier {
        let connectors: Connectors = [(destination.to_owned(), connector)].into();
        let limits = Limits {
            lease_seconds: 30,
            in_flight_max: 50,
            poll: Duration::from_millis(20),
            backoff: Backoff { first_ms: 1_000, ceiling_ms: 60_000 },
        };
        let (store, clock) = (Arc::clone(&self.context.store), Arc::clone(&self.clock) as Arc<dyn Clock>);
        Courier::new(store, connectors, clock, Arc::new(SystemIds), limits)
    }

    /// The service alone, and the place of its store.
    pub(crate) fn into_context(self) -> (Arc<Context>, Place) {
        let Self { context, place, .. } = self;
        (Arc::new(context), place)
    }

    /// Another process over the same store.
    pub(crate) fn replica(&self, name: &str) -> Context {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Context {
            store: Arc::clone(&self.context.store),
            ids: Arc::new(SeededIds::new(clock.now(), name)),
            clock,
            library: Library::new(16),
            settings: self.context.settings.clone(),
        }
    }

    /// Ends the service; returns the place of its store.
    pub(crate) fn into_place(self) -> Place {
        let Self { context, place, .. } = self;
        // The last owner closes the store, and with it the log beside its file.
        drop(context);
        place
    }

    /// The service over what an earlier one left there.
    pub(crate) async fn again(place: Place) -> Self {
        let store: Arc<dyn Store> = match &place {
            Place::Folder(folder) => embedded(folder),
            Place::Schema(database) => {
                let options = postgres::Options { readers: 4, ..postgres::Options::default() };
                Arc::new(postgres::open(database.url(), &options).await.expect("a store"))
            }
        };
        Self::over(store, place)
    }

    fn over(store: Arc<dyn Store>, place: Place) -> Self {
        let clock = Arc::new(FixedClock::new(moment("2026-03-01T08:00:00Z")));
        let base_url = "https://vigie.test/fhir".to_owned();
        let context = Context {
            store,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ids: Arc::new(SeededIds::new(moment("2026-03-01T08:00:00Z"), "tests")),
            library: Library::new(64),
            settings: Settings {
                issuer: Issuer::public_hospital(
                    "CENTRE-TEST",
                    Some("010000001"),
                    "1.2.250.1.999.1",
                    &base_url,
                )
                .of_test_identities(),
                base_url,
                stationery: Arc::new(Stationery::shipped()),
                telephone: Some("01 00 00 00 00".to_owned()),
                destinations: vec![
                    Destination::new("dpi", DestinationKind::Fhir),
                    Destination::new("dmp", DestinationKind::Mhd(Publication::Bundle)),
                ],
                authorities: vec![Authority {
                    namespace: "CHU".to_owned(),
                    oid: "1.2.250.1.999.2".to_owned(),
                    system: "https://chu.example/ipp".to_owned(),
                }],
                known_patients_only: false,
                same_ins: interaction::SameIns::Tell,
                escalates: true,
                opening: None,
                rhythm: Some(interaction::Rhythm {
                    every: SignedDuration::from_hours(7 * 24),
                    inform_after: SignedDuration::from_hours(120),
                }),
                page_default: 50,
                page_max: 500,
                page_bytes: 16 * 1024 * 1024,
                report_weeks_max: 53,
                rounds_max: 100,
            },
        };
        Self { context, clock, place }
    }

    /// Stores a resource under its own id.
    pub(crate) async fn put(&self, resource: &Value) -> Result<Answer, Problem> {
        let text = |name: &str| resource[name].as_str().expect("a type and an id").to_owned();
        let bytes = serde_json::to_vec(resource).expect("JSON");
        interaction::update(&self.context, &text("resourceType"), &text("id"), &bytes, None).await
    }

    /// Drafts the report of a period.
    pub(crate) async fn period_report(
        &self,
        patient: &str,
        start: &str,
        end: &str,
    ) -> Result<Answer, Problem> {
        let part = |name: &str, day: &str| vigie::json::json!({"name": name, "valueDate": day});
        let body = vigie::json::json!({"resourceType": "Parameters", "parameter": [part("start", start), part("end", end)]});
        interaction::period_report(&self.context, patient, body.to_string().as_bytes()).await
    }

    /// Submits a response.
    pub(crate) async fn submit(&self, response: &Value) -> Result<Answer, Problem> {
        let bytes = serde_json::to_vec(response).expect("JSON");
        interaction::create(&self.context, "QuestionnaireResponse", &bytes, None).await
    }

    /// The current version.
    pub(crate) async fn read(&self, reference: &str) -> Value {
        let (rtype, id) = reference.split_once('/').expect("Type/id");
        let answer = interaction::read(&self.context, rtype, id).await.expect(reference);
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    /// Every match of a search, at most 500.
    pub(crate) async fn search(&self, rtype: &str, params: &[(&str, &str)]) -> Vec<Value> {
        let mut params: Vec<(String, String)> =
            params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        params.push(("_count".to_owned(), "500".to_owned()));
        let page = interaction::search(&self.context, rtype, &params).await.expect("a search");
        let bundle: Value = serde_json::from_slice(&page.body).expect("JSON");
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        entries.into_iter().map(|entry| entry["resource"].clone()).collect()
    }

    /// How many resources of each of these types there are.
    pub(crate) async fn count(&self, rtypes: &[&str]) -> Vec<usize> {
        let mut counts = Vec::new();
        for rtype in rtypes {
            counts.push(self.search(rtype, &[]).await.len());
        }
        counts
    }

    /// Puts the clock.
    pub(crate) fn at(&self, time: &str) {
        self.clock.set(moment(time));
    }
}

/// An instant, in any offset.
pub(crate) fn moment(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// The JSON of an answer.
pub(crate) fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).expect("JSON")
}
