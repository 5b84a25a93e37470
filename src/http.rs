//! The RESTful door (FHIR R4, <https://hl7.org/fhir/R4/http.html>): bytes, headers and caller in; status,
//! `Location`, `ETag` and body out. Knows actix-web and the interactions, and nothing below them.

pub mod answers;
mod body;
pub mod capability;
mod coding;
mod cors;
mod door;
mod exchange;
mod finish;
mod handle;
mod media;
mod meter;
mod native;
mod operation;
pub mod route;
mod search;
mod status;
mod template;
mod write;

use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};
use metrics_exporter_prometheus::PrometheusHandle;

pub use body::Limits as BodyLimits;
pub use door::{Door, Stage};

use crate::interaction::Context;
use crate::problem::Problem;

/// What every request handler shares.
#[derive(Clone)]
pub struct State {
    /// Store, clock, ids, definitions and settings.
    pub context: Arc<Context>,
    /// Renders the metrics of the process.
    pub metrics: PrometheusHandle,
    /// What a body may take.
    pub body: BodyLimits,
}

/// How the server runs.
#[derive(Debug, Clone, Copy)]
pub struct Serving {
    /// Threads; 0 means one a core.
    pub workers: usize,
    /// Grace for running requests at shutdown, in seconds.
    pub shutdown_seconds: u64,
}

/// Starts serving on a bound socket what is behind that door; returns the server, which runs once it is polled.
///
/// # Errors
/// `Internal` when the socket cannot be listened on.
pub fn serve(door: Arc<Door>, socket: TcpListener, serving: Serving) -> Result<Server, Problem> {
    let door = web::Data::from(door);
    let mut server =
        HttpServer::new(move || App::new().app_data(door.clone()).default_service(web::to(handle::dispatch)))
            .disable_signals()
            .shutdown_timeout(serving.shutdown_seconds);
    if serving.workers > 0 {
        server = server.workers(serving.workers);
    }
    let server = server
        .listen(socket)
        .map_err(|fault| Problem::internal(format!("cannot listen on the bound socket: {fault}")))?;
    Ok(server.run())
}
