//! The door while the house is made ready: a socket is bound at once, so that two processes never believe to have the same
//! address, and before the store can be used (a migration of a large database takes minutes) everything is told so.
//!
//! Until then `/livez` says that the process is alive, so that nobody ends it in the middle of a migration; `/readyz` and all
//! else are 503 with `Retry-After` and the reason, so that no balancer sends anybody here.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse};

use super::{State, finish, handle, route, status};
use crate::problem::{Category, Problem};

/// How long who is told to wait should wait, in seconds.
const WAIT_SECONDS: &str = "5";

/// What a process does before it can serve, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The database is opened, and brought to the form that this version reads.
    Store,
    /// What definitions are found by is indexed anew.
    Index,
    /// The shipped definitions are published and compiled.
    Definitions,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Store, Self::Index, Self::Definitions];

    const fn text(self) -> &'static str {
        match self {
            Self::Store => "its database is opened, and brought to the form that this version reads",
            Self::Index => "what definitions are found by is indexed anew",
            Self::Definitions => "the definitions are loaded",
        }
    }
}

/// Leads to the service, once there is one.
pub struct Door {
    ids: Box<dyn Fn() -> String + Send + Sync>,
    origins: Vec<String>,
    state: OnceLock<State>,
    stage: AtomicUsize,
}

impl Door {
    /// A closed one; `ids` makes those of requests, and pages of these `origins` may ask.
    #[must_use]
    pub fn new(ids: impl Fn() -> String + Send + Sync + 'static, origins: Vec<String>) -> Self {
        Self { ids: Box::new(ids), origins, state: OnceLock::new(), stage: AtomicUsize::new(0) }
    }

    /// Says what is being done.
    pub fn tell(&self, stage: Stage) {
        self.stage.store(stage as usize, Ordering::Relaxed);
    }

    /// Opens it: from now on everything is served. The second time changes nothing.
    pub fn open(&self, state: State) {
        let _ = self.state.set(state);
    }

    /// The origins whose pages may ask.
    pub(super) fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The service, if the door is open.
    pub(super) fn state(&self) -> Option<&State> {
        self.state.get()
    }

    /// The answer before that.
    pub(super) fn waiting(&self, request: &HttpRequest) -> HttpResponse {
        let path = route::plain(request.path());
        let id = handle::request_id(request, || (self.ids)());
        let response = match (request.method().as_str(), path.as_ref()) {
            ("GET" | "HEAD", "/livez") => handle::plain("alive"),
            ("OPTIONS", _) => handle::options(request),
            _ => self.refusal(&path, &id),
        };
        let mut response = finish::finish(request, &self.origins, &path, response);
        if let Ok(value) = HeaderValue::try_from(id) {
            response.headers_mut().insert(handle::REQUEST_ID, value);
        }
        response
    }

    fn refusal(&self, path: &str, id: &str) -> HttpResponse {
        let stage = Stage::ALL.get(self.stage.load(Ordering::Relaxed)).unwrap_or(&Stage::Definitions);
        let text = format!("the service starts: {}; try again", stage.text());
        let problem = Problem::new(Category::Busy, "transient", text);
        let mut response = status::answer(&problem, path, id);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(WAIT_SECONDS));
        response
    }
}
