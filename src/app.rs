//! Starts and stops everything: the only room that knows all others.

mod application;
pub mod demo;
mod dmp;
mod folder;
mod last_look;
mod offline;
mod peers;
mod sandbox;
mod stationery;
mod telemetry;
mod throwaway;

use std::path::Path;
use std::sync::Arc;

pub use application::{Application, Surroundings};
pub use demo::demo;
pub use last_look::LastLook;
pub use offline::{Files, check, evaluate};
pub use sandbox::{
    Behaviour, Misbehaviour, Registry, sandbox_dmp, sandbox_fhir, sandbox_folder, sandbox_mllp,
};

use crate::clock::{SystemClock, SystemIds};
use crate::config;
use crate::problem::Problem;

/// Serves until SIGTERM or Ctrl-C, then lets running requests and deliveries end.
///
/// # Errors
/// Every fault of the settings; a store that cannot be opened; definitions that do not compile; an
/// address that cannot be bound.
pub fn serve(file: Option<&Path>) -> Result<(), Problem> {
    let text = file.map(folder::bytes).transpose()?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let settings = config::read(text.as_deref(), std::env::vars())?;
    let _log = telemetry::log(&settings.log);
    let surroundings = Surroundings { clock: Arc::new(SystemClock), ids: Arc::new(SystemIds) };
    actix_web::rt::System::new().block_on(async {
        let application = Application::build(&settings, surroundings).await?;
        say(&format!("vigie listens on {}", application.url()));
        if let Some(address) = application.mllp() {
            say(&format!("vigie listens on mllp://{address}"));
        }
        application.run_until(told_to_stop()).await
    })
}

/// Ends when the process is told to: SIGTERM, or Ctrl-C.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(fault) => {
            tracing::error!(%fault, "SIGTERM cannot be heard; stopping on Ctrl-C only");
            let _ = tokio::signal::ctrl_c().await;
        }
    }
    tracing::info!("told to stop");
}

/// A line for the person at the terminal.
fn say(line: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    // Nobody is left to tell when standard output is closed.
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}
