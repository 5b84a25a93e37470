//! Settings from a TOML file and the environment, read once, with all faults reported at once.
//!
//! Every key of the file has an environment variable: `VIGIE_` and the path in upper case joined by `_`
//! (`limits.body_bytes` is `VIGIE_LIMITS_BODY_BYTES`); the environment wins. Lists (`destinations`) take a
//! TOML array of inline tables in their variable. Secrets never print: see [`Secret`].

mod destination;
mod escalation;
mod folder;
mod identity;
mod issuer;
mod keys;
mod mllp;
mod read;
mod routing;
mod xds;

use std::fmt;
use std::net::SocketAddr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Value;
use validator::{Validate, ValidationError};

pub use destination::{Destination, DestinationKind, MhdTransaction, WithdrawnAs};
pub use escalation::{Escalation, Holidays, Opening};
pub use folder::{Conflict, Folder, FolderFile};
pub use identity::{SameIns, Stance};
pub use issuer::{Environment, Issuer};
pub use mllp::{Authority, Changes, Listing, MessageKind, Mllp, Transmission};
pub use read::read;
pub use routing::{Identity, ReportKind, ReportStatus, Takes};
pub use xds::Xds;

/// A value that must not be shown: its `Debug` prints dots.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

/// What is no text is refused without being repeated.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer) {
            Ok(Value::String(text)) => Ok(Self(text)),
            _ => Err(D::Error::custom("a secret must be a text in quotation marks")),
        }
    }
}

impl Secret {
    /// The value itself, for the one place that sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// A validator keeps the values that it refuses: not this one.
impl serde::Serialize for Secret {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("…")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"…\"")
    }
}

/// Everything that a site can set.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Settings {
    /// Address and port to listen on. Loopback only, because nothing authenticates callers yet.
    #[validate(custom(function = loopback))]
    pub listen: SocketAddr,
    /// Where everything is kept: `sqlite:PATH`, or `postgres://USER@HOST/DATABASE`, which may hold a password.
    #[validate(custom(function = database))]
    pub database: Secret,
    /// The address under which clients reach the service, without a slash at the end; made from `listen` when empty.
    #[validate(custom(function = http_url_or_empty))]
    pub base_url: String,
    /// Folder of the shipped FHIR definitions.
    #[validate(length(min = 1, message = "must name a folder"))]
    pub profiles: String,
    /// Logging.
    #[validate(nested)]
    pub log: Log,
    /// Limits on what a client may ask.
    #[validate(nested)]
    pub limits: Limits,
    /// What pages of other origins may do.
    #[validate(nested)]
    pub cors: Cors,
    /// The embedded store.
    #[validate(nested)]
    pub store: Store,
    /// The outbox.
    #[validate(nested)]
    pub delivery: Delivery,
    /// Who issues documents.
    #[validate(nested)]
    pub issuer: Issuer,
    /// Who is who.
    pub identity: Stance,
    /// Answers that do not come.
    #[validate(nested)]
    pub silence: Silence,
    /// Alerts that nobody takes in time.
    pub escalation: Escalation,
    /// HL7 v2 messages that other systems send.
    #[validate(nested)]
    pub mllp: Mllp,
    /// Where finalised reports go.
    #[validate(nested)]
    pub destinations: Vec<Destination>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            database: Secret("sqlite:vigie.sqlite".to_owned()),
            base_url: String::new(),
            profiles: "profiles".to_owned(),
            log: Log::default(),
            limits: Limits::default(),
            cors: Cors::default(),
            store: Store::default(),
            delivery: Delivery::default(),
            issuer: Issuer::default(),
            identity: Stance::default(),
            silence: Silence::default(),
            escalation: Escalation::default(),
            mllp: Mllp::default(),
            destinations: Vec::new(),
        }
    }
}

/// Logging.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[validate(custom(function = log_level))]
    pub level: String,
    /// One JSON object a line instead of text.
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), json: false }
    }
}

/// Limits on what a client may ask.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Limits {
    /// Largest body read, in bytes.
    #[validate(range(min = 1_024, max = 104_857_600))]
    pub body_bytes: usize,
    /// How long the whole of a body may take to come, in seconds.
    #[validate(range(min = 1, max = 3_600))]
    pub body_seconds: u64,
    /// Threads that serve requests; 0 means one a core.
    #[validate(range(max = 256))]
    pub workers: usize,
    /// Most weeks that the report of a period covers.
    #[validate(range(min = 1, max = 260))]
    pub report_weeks: u32,
    /// How long running requests may take to end at shutdown, in seconds.
    #[validate(range(min = 1, max = 600))]
    pub shutdown_seconds: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 5_242_880, body_seconds: 300, workers: 0, report_weeks: 53, shutdown_seconds: 20 }
    }
}

/// What pages of other origins may do.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[serde(default)]
pub struct Cors {
    /// Origins whose pages may ask, such as `https://console.hospital.example`; none by default.
    #[validate(custom(function = origins))]
    pub origins: Vec<String>,
}

/// The embedded store.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Store {
    /// Commits that may wait for the writer; one more is answered with 503.
    #[validate(range(min = 1, max = 100_000))]
    pub queue: usize,
    /// Connections that read.
    #[validate(range(min = 1, max = 64))]
    pub readers: usize,
}

impl Default for Store {
    fn default() -> Self {
        Self { queue: 1_024, readers: 4 }
    }
}

/// The outbox.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Delivery {
    /// How long a leased delivery belongs to the process that sends it, in seconds.
    #[validate(range(min = 5, max = 3_600))]
    pub lease_seconds: u32,
    /// First pause after a failed attempt, in milliseconds; doubles with each further one.
    #[validate(range(min = 10, max = 600_000))]
    pub backoff_ms: u64,
    /// Longest pause, in milliseconds.
    #[validate(range(min = 1_000, max = 86_400_000))]
    pub backoff_ms_max: u64,
    /// Deliveries in flight at once to one destination.
    #[validate(range(min = 1, max = 256))]
    pub in_flight_max: usize,
    /// How long a delivery may go without an answer that counts before a person is told by a Task, in minutes.
    #[validate(range(min = 1, max = 43_200))]
    pub unreachable_minutes: u64,
    /// How often to look for due deliveries when nothing wakes the loop, in milliseconds.
    #[validate(range(min = 50, max = 60_000))]
    pub poll_ms: u64,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            lease_seconds: 60,
            backoff_ms: 1_000,
            backoff_ms_max: 900_000,
            in_flight_max: 8,
            unreachable_minutes: 240,
            poll_ms: 1_000,
        }
    }
}

/// Answers that do not come.
#[derive(Debug, Clone, Copy, Deserialize, Validate)]
#[serde(default)]
pub struct Silence {
    /// Days from one answer to the next of a patient whose plan of care does not say it; 0 where another system watches for
    /// missing answers.
    #[validate(range(max = 366))]
    pub days: u32,
    /// Hours after the day of a missing answer at which the oncologist is told.
    #[validate(range(min = 1, max = 8_784))]
    pub inform_hours: u32,
}

impl Default for Silence {
    fn default() -> Self {
        Self { days: 7, inform_hours: 120 }
    }
}

fn refuse(message: String) -> ValidationError {
    ValidationError::new("value").with_message(message.into())
}

fn loopback(listen: &SocketAddr) -> Result<(), ValidationError> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    Err(refuse(format!(
        "{listen} is beyond loopback, and no authentication is configured; listen on 127.0.0.1 or [::1]"
    )))
}

/// The address is not repeated: it may hold a password.
fn database(url: &Secret) -> Result<(), ValidationError> {
    let shared = ["postgres://", "postgresql://"].iter().any(|scheme| url.reveal().starts_with(scheme));
    match url.reveal().strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(()),
        None if shared => Ok(()),
        _ => Err(refuse("write sqlite:PATH or postgres://USER@HOST/DATABASE".to_owned())),
    }
}

fn http_url_or_empty(url: &str) -> Result<(), ValidationError> {
    if url.is_empty() { Ok(()) } else { http_url(url) }
}

fn http_url(url: &str) -> Result<(), ValidationError> {
    match reqwest::Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => Ok(()),
        _ => Err(refuse(
            "must be an absolute http or https URL, such as https://vigie.hospital.example/fhir".to_owned(),
        )),
    }
}

fn origins(origins: &[String]) -> Result<(), ValidationError> {
    for origin in origins {
        let parsed = reqwest::Url::parse(origin);
        if !parsed.is_ok_and(|url| url.origin().ascii_serialization() == *origin) {
            let example = "https://console.hospital.example";
            return Err(refuse(format!(
                "'{origin}' is not an origin; one is written {example}, without a slash"
            )));
        }
    }
    Ok(())
}

fn log_level(level: &str) -> Result<(), ValidationError> {
    if ["error", "warn", "info", "debug", "trace"].contains(&level) {
        return Ok(());
    }
    Err(refuse(format!("'{level}' is not a level; write error, warn, info, debug or trace")))
}

fn token(name: &str) -> Result<(), ValidationError> {
    let fits = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if fits { Ok(()) } else { Err(refuse("takes 1 to 64 letters, digits, '-' and '_'".to_owned())) }
}
