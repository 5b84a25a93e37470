//! The measurements: what is done in a round, always side by side with its yardsticks.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use crate::bare;
use crate::client::{connections, get, post};
use crate::count;
use crate::database::{self, Databases};
use crate::drive::{Done, Limits, drive};
use crate::figure::{idle_seconds, process_seconds};
use crate::process::Service;
use crate::scene::Scene;

/// What all measurements share.
pub(crate) struct Bench<'a> {
    scene: &'a Scene,
    databases: &'a Databases,
    program: PathBuf,
    echo: SocketAddr,
    window: Duration,
    requests: Rc<Vec<Vec<u8>>>,
}

/// The copies that the service and the bare store write to.
const SERVICE: &str = "service";
const BARE: &str = "bare";

/// Submissions before instructions are counted: one of each course.
const WARMED: usize = 4;

/// Reads of which instructions are counted.
const READS: usize = 2_000;

/// One start on an empty store, and one on a full one.
pub(crate) struct Start {
    pub(crate) empty_ms: f64,
    pub(crate) full_ms: f64,
    pub(crate) idle_mib: f64,
}

/// Bare store, service and echo, one after the other.
pub(crate) struct Round {
    pub(crate) bare: Done,
    pub(crate) service: Done,
    pub(crate) echo: Done,
    /// Processor time of one submission, in milliseconds.
    pub(crate) service_ms: f64,
    /// Of one bare commit, producers included.
    pub(crate) bare_ms: f64,
    pub(crate) highest_mib: f64,
}

/// Submissions a second on a store with nobody else, and on one that was filled before.
pub(crate) struct Grown {
    pub(crate) rate: f64,
    pub(crate) grown_rate: f64,
    /// Processor time of one submission, in milliseconds.
    pub(crate) service_ms: f64,
    pub(crate) grown_service_ms: f64,
    pub(crate) bare_rate: f64,
    pub(crate) grown_bare_rate: f64,
}

/// Reads by id, then the echo.
pub(crate) struct Reads {
    /// A second.
    pub(crate) rate: f64,
    pub(crate) echo_rate: f64,
    /// Processor time of the service for one read, the kernel's included.
    pub(crate) microseconds: f64,
    pub(crate) kernel_microseconds: f64,
    /// Processors of the machine that had nothing to do during the reads.
    pub(crate) idle: f64,
}

impl Round {
    /// Durable submissions over HTTP to the bare store.
    pub(crate) fn ratio(&self) -> f64 {
        self.service.rate() / self.bare.rate()
    }
}

impl<'a> Bench<'a> {
    /// `program` is the service.
    pub(crate) fn new(
        scene: &'a Scene,
        databases: &'a Databases,
        program: PathBuf,
        echo: SocketAddr,
        seconds: f64,
    ) -> Self {
        let requests = scene.bodies.iter().map(|body| post("/QuestionnaireResponse", body)).collect();
        let window = Duration::from_secs_f64(seconds);
        Self { scene, databases, program, echo, window, requests: Rc::new(requests) }
    }

    pub(crate) async fn start(&self) -> Start {
        let empty = self.databases.fresh("start").await;
        let empty_ms = Service::start(&self.program, &empty, &self.databases.log()).await.started_ms;
        let service = Service::start(&self.program, &empty, &self.databases.log()).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        Start { empty_ms, full_ms: service.started_ms, idle_mib: service.memory().0 }
    }

    /// With a rate, so many are begun a second; else as many as there can be.
    pub(crate) async fn round(&self, count: usize, rate: f64, bare_rate: f64) -> Round {
        let (bare, bare_ms) = self.bare(count, bare_rate).await;
        let (done, service_ms, highest_mib) = self.submit(count, rate).await;
        let lanes = connections(self.echo, count, &self.requests, None).await;
        let echo =
            drive(lanes, Limits { window: self.window / 3, end: usize::MAX, ..self.limits(0.0) }).await;
        Round { bare, service: done, echo, service_ms, bare_ms, highest_mib }
    }

    /// Submissions, milliseconds of processor time of each, and the most memory that the service had.
    async fn submit(&self, count: usize, rate: f64) -> (Done, f64, f64) {
        let service = self.service().await;
        let lanes = connections(service.address, count, &self.requests, None).await;
        let before = service.seconds();
        let done = drive(lanes, self.limits(rate)).await;
        assert_eq!(done.badly, 0, "every submission is answered with 201");
        let service_ms = (service.seconds() - before) * 1e3 / done.well as f64;
        (done, service_ms, service.memory().1)
    }

    /// Service and bare store, here and where more is stored, by turns.
    pub(crate) async fn beside(&self, grown: &Self, count: usize) -> Grown {
        let (service, service_ms, _) = self.submit(count, 0.0).await;
        let (grown_service, grown_service_ms, _) = grown.submit(count, 0.0).await;
        grown.databases.remove(SERVICE).await;
        let (bare, _) = self.bare(count, 0.0).await;
        let (grown_bare, _) = grown.bare(count, 0.0).await;
        grown.databases.remove(BARE).await;
        Grown {
            rate: service.rate(),
            grown_rate: grown_service.rate(),
            service_ms,
            grown_service_ms,
            bare_rate: bare.rate(),
            grown_bare_rate: grown_bare.rate(),
        }
    }

    async fn service(&self) -> Service {
        Service::start(&self.program, &self.databases.copy(SERVICE).await, &self.databases.log()).await
    }

    async fn bare(&self, count: usize, rate: f64) -> (Done, f64) {
        let store = database::open(&self.databases.copy(BARE).await).await;
        let lanes = bare::producers(&store, count, &self.scene.units);
        let before = process_seconds("self");
        let done = drive(lanes, self.limits(rate)).await;
        assert_eq!(done.badly, 0, "every unit is written");
        let milliseconds = (process_seconds("self") - before) * 1e3 / done.well as f64;
        (done, milliseconds)
    }

    /// The same submission on so many connections at once: milliseconds until the last is answered, and milliseconds of
    /// processor time for all of them.
    pub(crate) async fn equal(&self, count: usize) -> (f64, f64) {
        let service = self.service().await;
        let same = Rc::new(vec![self.requests[0].clone()]);
        let lanes = connections(service.address, count, &same, None).await;
        let before = service.seconds();
        let done = drive(lanes, Limits { end: count, ..self.limits(0.0) }).await;
        assert_eq!(done.badly, 0, "the first is answered with 201, the others with 200");
        (done.took(1.0), (service.seconds() - before) * 1e3)
    }

    /// Millions of instructions that the service takes for a submission and for a read by id, of which there are so many at
    /// once.
    pub(crate) async fn counted(&self, count: usize) -> (f64, f64) {
        let folder = self.databases.folder();
        let command = count::command(folder, "service", &self.program);
        let database = self.databases.copy(SERVICE).await;
        let service = Service::start_by(command, &database, &self.databases.log()).await;
        // What is made once, such as compiled definitions, is there before anything is counted.
        let long = Limits { window: Duration::from_secs(3_600), ..self.limits(0.0) };
        let first = connections(service.address, 1, &self.requests, None).await;
        drive(first, Limits { end: WARMED, ..long }).await;
        let created = Rc::new(RefCell::new(Vec::new()));
        let lanes = connections(service.address, count, &self.requests, Some(&created)).await;
        count::switch(service.id(), true);
        let done = drive(lanes, Limits { first: WARMED, ..long }).await;
        count::switch(service.id(), false);
        assert_eq!(done.badly, 0, "every submission is answered with 201");
        let submission = count::millions(folder, "service", service.id(), "submission") / done.well as f64;
        let gets = Rc::new(gets(&created.borrow()));
        let lanes = connections(service.address, count, &gets, None).await;
        count::switch(service.id(), true);
        let done = drive(lanes, Limits { end: READS, ..long }).await;
        count::switch(service.id(), false);
        assert_eq!(done.badly, 0, "every read is answered with 200");
        (submission, count::millions(folder, "service", service.id(), "read") / done.well as f64)
    }

    /// Reads of what was submitted, and echoes of the same bodies.
    pub(crate) async fn reads(&self, count: usize) -> Reads {
        let service = self.service().await;
        let created = Rc::new(RefCell::new(Vec::new()));
        let lanes = connections(service.address, count, &self.requests, Some(&created)).await;
        drive(lanes, self.limits(0.0)).await;
        let gets = Rc::new(gets(&created.borrow()));
        let again = Limits { window: self.window / 3, end: usize::MAX, ..self.limits(0.0) };
        let lanes = connections(service.address, count, &gets, None).await;
        let (user, kernel) = service.user_and_kernel_seconds();
        let idle = idle_seconds();
        let reads = drive(lanes, again).await;
        assert_eq!(reads.badly, 0, "every read is answered with 200");
        let idle = (idle_seconds() - idle) / reads.seconds;
        let (user_then, kernel_then) = service.user_and_kernel_seconds();
        drop(service);
        let lanes = connections(self.echo, count, &self.requests, None).await;
        let kernel_microseconds = (kernel_then - kernel) * 1e6 / reads.well as f64;
        Reads {
            rate: reads.rate(),
            echo_rate: drive(lanes, again).await.rate(),
            microseconds: (user_then - user) * 1e6 / reads.well as f64 + kernel_microseconds,
            kernel_microseconds,
            idle,
        }
    }

    fn limits(&self, rate: f64) -> Limits {
        Limits { first: 0, end: self.requests.len(), window: self.window, rate }
    }
}

/// Requests that read what was created at these addresses.
fn gets(created: &[String]) -> Vec<Vec<u8>> {
    let path = |location: &String| {
        let path = location.split("/_history").next().unwrap_or_default();
        path.find("/QuestionnaireResponse").map_or_else(String::new, |at| path[at..].to_owned())
    };
    created.iter().map(path).map(|path| get(&path)).collect()
}
