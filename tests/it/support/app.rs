//! The service without HTTP: interactions over the embedded store, the shipped definitions loaded.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use vigie::clock::{Clock, FixedClock, SeededIds};
use vigie::interaction::{self, Answer, Context, Destination, DestinationKind, Library, Settings};
use vigie::problem::Problem;
use vigie::report::Issuer;
use vigie::store::sqlite;

use super::template;

const FILE: &str = "vigie.sqlite";

/// The service, its clock, and the folder it lives in.
pub(crate) struct App {
    pub(crate) context: Context,
    pub(crate) clock: Arc<FixedClock>,
    folder: tempfile::TempDir,
}

impl App {
    /// A service with the shipped definitions and two destinations.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        template::copy_to(&folder.path().join(FILE)).await;
        Self::open(folder)
    }

    /// A service that knows nothing yet.
    pub(crate) fn bare() -> Self {
        Self::open(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Ends the service; returns the file of its store.
    pub(super) fn into_file(self) -> Vec<u8> {
        let Self { context, folder, .. } = self;
        // The last owner closes the file, and with it the log beside it.
        drop(context);
        std::fs::read(folder.path().join(FILE)).expect("the file of the store")
    }

    fn open(folder: tempfile::TempDir) -> Self {
        let store = sqlite::open(folder.path().join(FILE), &sqlite::Options::default()).expect("a store");
        let clock = Arc::new(FixedClock::new(moment("2026-03-01T08:00:00Z")));
        let base_url = "https://vigie.test/fhir".to_owned();
        let context = Context {
            store: Arc::new(store),
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
                telephone: Some("01 00 00 00 00".to_owned()),
                destinations: vec![
                    Destination { name: "dpi".to_owned(), kind: DestinationKind::Fhir },
                    Destination { name: "dmp".to_owned(), kind: DestinationKind::Mhd },
                ],
                page_default: 50,
                page_max: 500,
                rounds_max: 100,
            },
        };
        Self { context, clock, folder }
    }

    /// Stores a resource under its own id.
    pub(crate) async fn put(&self, resource: &Value) -> Result<Answer, Problem> {
        let text = |name: &str| resource[name].as_str().expect("a type and an id").to_owned();
        let bytes = serde_json::to_vec(resource).expect("JSON");
        interaction::update(&self.context, &text("resourceType"), &text("id"), &bytes, None).await
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
