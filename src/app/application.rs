//! One running service: store, definitions, deliveries and server, built the same way by `serve`, by the
//! demo and by the tests.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::json::Value;
use actix_web::dev::ServerHandle;
use jiff::SignedDuration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::last_look::LastLook;
use super::{folder, peers, stationery, telemetry};
use crate::clock::{Clock, Ids};
use crate::config::{self, Settings};
use crate::delivery;
use crate::fhir::search;
use crate::http::{self, BodyLimits, Door, Serving, Stage, State};
use crate::identity::Environment;
use crate::interaction::{self, Context, Library};
use crate::mllp::{self, Listener};
use crate::outbox::Backoff;
use crate::problem::{Category, Problem};
use crate::report::{Issuer, PatientClass};
use crate::store::{Store, postgres, sqlite};

/// Compiled definitions kept in memory.
const LIBRARY_CAPACITY: usize = 256;

/// Connections to a shared store for each reader: they wait for the network where a reader of a file computes.
const READERS_SHARED: usize = 4;

/// What is handed in instead of asked from the machine.
#[derive(Clone)]
pub struct Surroundings {
    /// Says what time it is.
    pub clock: Arc<dyn Clock>,
    /// Hands out ids.
    pub ids: Arc<dyn Ids>,
}

/// A service that is bound and ready to run.
pub struct Application {
    url: String,
    context: Arc<Context>,
    serving: JoinHandle<io::Result<()>>,
    server: ServerHandle,
    listener: Option<Listener>,
    courier: delivery::Courier,
    poll: Duration,
    /// How long a delivery may go without an answer before a person is told.
    patience: Duration,
    stop: watch::Sender<bool>,
}

/// Pause between two looks at alerts that nobody takes in time.
const LATE: Duration = Duration::from_mins(1);

/// Pause between two looks whether the definitions can be found again.
const INDEXED_AGAIN: Duration = Duration::from_millis(100);

impl Application {
    /// Binds the address, opens the store, loads the definitions. Until that is done the server says that it is not ready
    /// ([`Door`]). Runs within an actix system.
    ///
    /// # Errors
    /// What cannot be opened, compiled or bound.
    pub async fn build(settings: &Settings, surroundings: Surroundings) -> Result<Self, Problem> {
        let socket = TcpListener::bind(settings.listen)
            .map_err(|fault| Problem::internal(format!("cannot listen on {}: {fault}", settings.listen)))?;
        let address = socket
            .local_addr()
            .map_err(|fault| Problem::internal(format!("the socket has no address: {fault}")))?;
        let url = format!("http://{address}");
        let ids = Arc::clone(&surroundings.ids);
        let door = Arc::new(Door::new(move || ids.next(), settings.cors.origins.clone()));
        let threads =
            Serving { workers: settings.limits.workers, shutdown_seconds: settings.limits.shutdown_seconds };
        let server = http::serve(Arc::clone(&door), socket, threads)?;
        let handle = server.handle();
        let serving = actix_web::rt::spawn(server);
        // It begins with its first turn, and then has threads of its own: this one may be busy with the store as long as it takes.
        tokio::task::yield_now().await;
        let inside = match Inside::prepare(settings, surroundings, &url, &door).await {
            Ok(inside) => inside,
            Err(problem) => {
                handle.stop(false).await;
                return Err(problem);
            }
        };
        let Inside { context, courier, listener } = inside;
        door.open(State {
            context: Arc::clone(&context),
            metrics: telemetry::metrics(),
            body: BodyLimits {
                bytes: settings.limits.body_bytes,
                time: Duration::from_secs(settings.limits.body_seconds),
            },
        });
        let poll = Duration::from_millis(settings.delivery.poll_ms);
        let patience = Duration::from_secs(settings.delivery.unreachable_minutes * 60);
        let stop = watch::channel(false).0;
        Ok(Self { url, context, serving, server: handle, listener, courier, poll, patience, stop })
    }

    /// Where it listens for HL7 v2 by MLLP, if it does.
    #[must_use]
    pub fn mllp(&self) -> Option<std::net::SocketAddr> {
        self.listener.as_ref().map(Listener::address)
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What its interactions use.
    #[must_use]
    pub const fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Serves until `stop` ends; then lets running requests and deliveries end.
    ///
    /// # Errors
    /// `Internal` when the server fails.
    pub async fn run_until(self, stop: impl Future<Output = ()>) -> Result<(), Problem> {
        let Self { context, mut serving, server, listener, courier, poll, patience, stop: stopping, .. } =
            self;
        let sending = actix_web::rt::spawn(courier.run(stopping.subscribe()));
        let (followed, until) = (Arc::clone(&context), stopping.subscribe());
        let releasing =
            actix_web::rt::spawn(async move { interaction::follow(&followed, poll, patience, until).await });
        let (watched, until) = (Arc::clone(&context), stopping.subscribe());
        let watching = actix_web::rt::spawn(async move { interaction::watch(&watched, LATE, until).await });
        let upkeep = actix_web::rt::spawn(telemetry::upkeep(telemetry::metrics()));
        let listening =
            listener.map(|listener| actix_web::rt::spawn(listener.run(context, stopping.subscribe())));
        let early = tokio::select! {
            ended = &mut serving => Some(ended),
            () = stop => None,
        };
        let ended = match early {
            Some(ended) => ended,
            None => {
                server.stop(true).await;
                serving.await
            }
        };
        upkeep.abort();
        // What it writes is whole or not there, and found again by the next process.
        watching.abort();
        let _ = stopping.send(true);
        let _ = sending.await;
        let _ = releasing.await;
        if let Some(listening) = listening {
            let _ = listening.await;
        }
        match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(fault)) => Err(Problem::internal(format!("the server failed: {fault}"))),
            Err(fault) => Err(Problem::internal(format!("the server panicked: {fault}"))),
        }
    }
}

/// What is behind the door.
struct Inside {
    context: Arc<Context>,
    courier: delivery::Courier,
    listener: Option<Listener>,
}

impl Inside {
    async fn prepare(
        settings: &Settings,
        surroundings: Surroundings,
        url: &str,
        door: &Door,
    ) -> Result<Self, Problem> {
        let base_url = if settings.base_url.is_empty() { url } else { &settings.base_url };
        let profiles = Path::new(&settings.profiles);
        if !profiles.is_dir() {
            return Err(without_profiles(profiles));
        }
        let resources: Vec<Value> = folder::read(profiles)?.into_iter().map(|file| file.resource).collect();
        // Before the store is opened: it compares how everything was indexed with how it is read now.
        let resources = search::install(resources)?;
        let decided = for_interactions(settings, base_url.to_owned())?;
        door.tell(Stage::Store);
        let store = open(settings).await?;
        let context = Arc::new(Context {
            store: Arc::clone(&store),
            clock: Arc::clone(&surroundings.clock),
            ids: Arc::clone(&surroundings.ids),
            library: Library::new(LIBRARY_CAPACITY),
            settings: decided,
        });
        door.tell(Stage::Index);
        indexed(&context).await?;
        door.tell(Stage::Definitions);
        load(&context, resources).await?;
        let courier = delivery::Courier::new(
            store,
            peers::connectors(settings, &surroundings)?,
            surroundings.clock,
            surroundings.ids,
            for_delivery(&settings.delivery),
        )
        .looking(Arc::new(LastLook::new(Arc::clone(&context))));
        Ok(Self { context, courier, listener: listen(&settings.mllp).await? })
    }
}

async fn open(settings: &Settings) -> Result<Arc<dyn Store>, Problem> {
    let database = settings.database.reveal();
    // `config` admits no third form.
    let Some(path) = database.strip_prefix("sqlite:") else {
        let options = postgres::Options {
            readers: settings.store.readers * READERS_SHARED,
            queue_max: settings.store.queue,
            ..postgres::Options::default()
        };
        return Ok(Arc::new(postgres::open(database, &options).await?));
    };
    let options = sqlite::Options {
        readers: settings.store.readers,
        queue_max: settings.store.queue,
        ..sqlite::Options::default()
    };
    Ok(Arc::new(sqlite::open(path, &options)?))
}

async fn listen(settings: &config::Mllp) -> Result<Option<Listener>, Problem> {
    let Some(address) = settings.listen else { return Ok(None) };
    let limits = mllp::Limits {
        frame_bytes: settings.message_bytes,
        connections_max: settings.connections,
        idle: Duration::from_secs(settings.idle_seconds),
    };
    Listener::bind(address, limits).await.map(Some)
}

fn without_profiles(profiles: &Path) -> Problem {
    let text = format!(
        "{} is no folder: the shipped definitions are read from it; start where it is, or say where it is (profiles, VIGIE_PROFILES)",
        profiles.display()
    );
    Problem::new(Category::Invalid, "not-found", text)
}

/// Waits while the store is indexing anew what definitions are found by: the work goes on in this process, so that to give up
/// would be to begin it again and again.
async fn indexed(context: &Context) -> Result<(), Problem> {
    let mut told = false;
    loop {
        match interaction::loadable(context).await {
            Err(problem) if problem.category == Category::Busy => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(%problem, "the service begins when its definitions can be found again");
                }
                tokio::time::sleep(INDEXED_AGAIN).await;
            }
            answer => return answer,
        }
    }
}

/// Publishes the shipped definitions; those that are there already stay.
async fn load(context: &Context, resources: Vec<Value>) -> Result<(), Problem> {
    let report = interaction::load(context, resources).await?;
    tracing::info!(
        created = report.created.len(),
        unchanged = report.unchanged.len(),
        "the definitions are loaded"
    );
    Ok(())
}

/// # Errors
/// `Malformed`, with every configured code that is none.
fn for_interactions(settings: &Settings, base_url: String) -> Result<interaction::Settings, Problem> {
    let issuer = &settings.issuer;
    let mut issued =
        Issuer::public_hospital(&issuer.name, Some(&issuer.finess), &issuer.source_oid, &base_url);
    issued.facility_type.code.clone_from(&issuer.facility_type);
    issued.facility_type.display.clone_from(&issuer.facility_type_display);
    issued.practice_setting.code.clone_from(&issuer.practice_setting);
    issued.practice_setting.display.clone_from(&issuer.practice_setting_display);
    issued.encounter.clone_from(&issuer.encounter);
    let class = PatientClass::ALL.into_iter().find(|class| class.code() == issuer.patient_class);
    issued.patient_class = class.unwrap_or_default();
    issued.ipp_oid = Some(issuer.ipp_oid.clone()).filter(|oid| !oid.is_empty());
    issued.environment = match issuer.environment {
        config::Environment::Production => Environment::Production,
        config::Environment::Test => Environment::Test,
    };
    let faults = issued.check();
    if !faults.is_empty() {
        return Err(Problem::with(Category::Malformed, faults));
    }
    let authorities = settings.mllp.authorities.iter().map(|authority| interaction::Authority {
        namespace: authority.namespace.clone(),
        oid: authority.oid.clone(),
        system: Some(authority.system.clone())
            .filter(|system| !system.is_empty())
            .unwrap_or_else(|| format!("urn:oid:{}", authority.oid)),
    });
    Ok(interaction::Settings {
        base_url,
        issuer: issued,
        stationery: stationery::read(&issuer.stationery)?,
        telephone: Some(issuer.phone.clone()).filter(|phone| !phone.is_empty()),
        destinations: peers::destinations(settings)?,
        authorities: authorities.collect(),
        known_patients_only: settings.mllp.known_patients_only,
        same_ins: match settings.identity.same_ins {
            config::SameIns::Tell => interaction::SameIns::Tell,
            config::SameIns::Refuse => interaction::SameIns::Refuse,
        },
        rhythm: (settings.silence.days > 0).then(|| interaction::Rhythm {
            every: SignedDuration::from_hours(24 * i64::from(settings.silence.days)),
            inform_after: SignedDuration::from_hours(settings.silence.inform_hours.into()),
        }),
        escalates: settings.escalation.watch,
        opening: settings.escalation.opens.map(|config::Opening { days, from, to }| interaction::Opening {
            days,
            from,
            to,
            closed: match settings.escalation.holidays {
                config::Holidays::None => interaction::Holidays::None,
                config::Holidays::France => interaction::Holidays::France,
                config::Holidays::AlsaceMoselle => interaction::Holidays::AlsaceMoselle,
            },
        }),
        page_default: 50,
        page_max: 1_000,
        page_bytes: 16 * 1024 * 1024,
        report_weeks_max: settings.limits.report_weeks,
        rounds_max: 16,
    })
}

const fn for_delivery(settings: &config::Delivery) -> delivery::Limits {
    delivery::Limits {
        lease_seconds: settings.lease_seconds,
        in_flight_max: settings.in_flight_max,
        poll: Duration::from_millis(settings.poll_ms),
        backoff: Backoff { first_ms: settings.backoff_ms, ceiling_ms: settings.backoff_ms_max },
    }
}
