//! `vigie sandbox`: one peer on its own, for people who integrate.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::throwaway::Files;
use super::{folder, say, telemetry, told_to_stop};
use crate::clock::SystemClock;
use crate::config;
use crate::problem::{Category, Problem};
use crate::sandbox::{DmpAnswer, Fault, FolderFault, MllpFault, dmp, dpi, folder as engine, mhd, platform};
use crate::signature::Certificate;

/// How a peer misbehaves.
#[derive(Debug, Clone)]
pub struct Misbehaviour {
    /// Name of the fault: see [`Fault::parse`] and [`MllpFault::parse`].
    pub fault: Option<String>,
    /// How long the faults `slow` and `silent` last.
    pub pause: Duration,
    /// For how many messages or requests.
    pub times: usize,
}

impl Misbehaviour {
    /// # Errors
    /// `Malformed` for a fault of another name.
    fn fault<F>(&self, names: &[&str], parse: fn(&str, Duration) -> Option<F>) -> Result<Option<F>, Problem> {
        let Some(name) = &self.fault else { return Ok(None) };
        let unknown = || {
            let text = format!("'{name}' is no fault; there are {}", names.join(", "));
            Problem::new(Category::Malformed, "code-invalid", text)
        };
        parse(name, self.pause).map(Some).ok_or_else(unknown)
    }
}

/// How a platform of the sandbox behaves.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The MLLP listener that receipts are sent to.
    pub receipts_to: Option<SocketAddr>,
    /// Code with which the DMP refuses; it accepts without one.
    pub dmp_refuses: Option<String>,
    /// What it does wrong.
    pub misbehaviour: Misbehaviour,
}

/// How a DMP of the sandbox behaves.
#[derive(Debug, Clone)]
pub struct Registry {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Patients whose DMP is closed, each a `CX`.
    pub closed: Vec<String>,
    /// The only patients that have one, each a `CX`; without any, everybody has.
    pub known: Vec<String>,
    /// PEM file of the only certificate that may sign; without one, everybody's may.
    pub seal: Option<PathBuf>,
    /// Folder of keys to throw away, made where there are none: then it speaks mutual TLS.
    pub tls: Option<PathBuf>,
    /// What it does wrong.
    pub misbehaviour: Misbehaviour,
}

/// A platform until Ctrl-C.
///
/// # Errors
/// `Malformed` for a fault of another name; `Internal` when the address cannot be bound.
pub fn sandbox_mllp(behaviour: &Behaviour) -> Result<(), Problem> {
    run(async {
        let fault = behaviour.misbehaviour.fault(MllpFault::NAMES, MllpFault::parse)?;
        let peer = platform::start(behaviour.listen).await?;
        if let Some(address) = behaviour.receipts_to {
            peer.send_receipts_to(address);
        }
        if let Some(code) = &behaviour.dmp_refuses {
            peer.dmp_answers(DmpAnswer::Rejected(code.clone(), String::new()));
        }
        if let Some(fault) = fault {
            peer.misbehave(fault, behaviour.misbehaviour.times);
        }
        say(&format!("platform  mllp://{}", peer.address()));
        let (mut seen, mut told) = (0, Box::pin(told_to_stop()));
        while goes_on(&mut told).await {
            for arrived in peer.arrived().split_off(seen) {
                seen += 1;
                say(&format!("{arrived:?}"));
            }
        }
        peer.stop().await;
        Ok(())
    })
}

/// A hospital record (`dpi`) or a document recipient (`mhd`) until Ctrl-C.
///
/// # Errors
/// `Malformed` for a fault of another name; `Internal` when the address cannot be bound.
pub fn sandbox_fhir(listen: SocketAddr, recipient: bool, misbehaviour: &Misbehaviour) -> Result<(), Problem> {
    run(async {
        let fault = misbehaviour.fault(Fault::NAMES, Fault::parse)?;
        let peer = if recipient { mhd::start(listen)? } else { dpi::start(listen)? };
        if let Some(fault) = fault {
            peer.misbehave(fault, misbehaviour.times);
        }
        say(&format!("{}  {}", if recipient { "document recipient" } else { "hospital record" }, peer.url()));
        told_to_stop().await;
        peer.stop().await;
        Ok(())
    })
}

/// A DMP until Ctrl-C.
///
/// # Errors
/// `Malformed` for a fault of another name or a certificate that cannot be read; `Internal` when the address cannot be
/// bound.
pub fn sandbox_dmp(registry: &Registry) -> Result<(), Problem> {
    run(async {
        let fault = registry.misbehaviour.fault(Fault::NAMES, Fault::parse)?;
        let seal = registry.seal.as_deref().map(certificate).transpose()?;
        let keys = registry.tls.as_deref().map(|folder| Files::made(folder, registry.listen)).transpose()?;
        let dmp = match &keys {
            Some(keys) => dmp::start_secured(registry.listen, Arc::new(SystemClock), &keys.mutual()?)?,
            None => dmp::start(registry.listen, Arc::new(SystemClock))?,
        };
        for patient in &registry.closed {
            dmp.close(patient, true);
        }
        if !registry.known.is_empty() {
            dmp.know_only(&registry.known.iter().map(String::as_str).collect::<Vec<_>>());
        }
        if let Some(seal) = seal {
            dmp.trust_only(seal.der());
        }
        if let Some(fault) = fault {
            dmp.misbehave(fault, registry.misbehaviour.times);
        }
        say(&format!("DMP  {}", dmp.url()));
        if let Some(keys) = keys {
            say("TLS  with a client certificate; keys to throw away, for the table xds of a destination:");
            for (setting, place) in keys.settings() {
                say(&format!("     {setting} = {:?}", place.display().to_string()));
            }
        }
        let (mut seen, mut told) = (0, Box::pin(told_to_stop()));
        while goes_on(&mut told).await {
            for why in dmp.refused().split_off(seen) {
                seen += 1;
                say(&format!("refused a client: {why}"));
            }
        }
        dmp.stop().await;
        Ok(())
    })
}

/// An engine that picks up from a folder until Ctrl-C, and prints what it took and what is wrong with it.
///
/// # Errors
/// `Malformed` for a fault of another name; `Internal` when the folder cannot be used.
pub fn sandbox_folder(path: &Path, last: &str, misbehaviour: &Misbehaviour) -> Result<(), Problem> {
    run(async {
        let fault = misbehaviour.fault(FolderFault::NAMES, FolderFault::parse)?;
        let engine = engine::start(path, last)?;
        if let Some(fault) = fault {
            engine.misbehave(fault, misbehaviour.times);
        }
        say(&format!("engine  {}", path.display()));
        let (mut seen, mut told) = (0, Box::pin(told_to_stop()));
        while goes_on(&mut told).await {
            for taken in engine.taken().split_off(seen) {
                seen += 1;
                say(&format!("took {}", taken.files.join(" ")));
                for issue in taken.issues {
                    say(&format!("  {}: {}", issue.expression.unwrap_or_default(), issue.diagnostics));
                }
            }
        }
        engine.stop().await;
        Ok(())
    })
}

/// Waits a moment; no, once the process is told to stop.
async fn goes_on(told: &mut Pin<Box<impl Future<Output = ()>>>) -> bool {
    tokio::select! {
        () = told => false,
        () = tokio::time::sleep(Duration::from_millis(200)) => true,
    }
}

fn certificate(path: &Path) -> Result<Certificate, Problem> {
    Certificate::from_pem(&folder::bytes(path)?)
}

fn run(peer: impl Future<Output = Result<(), Problem>>) -> Result<(), Problem> {
    let _log = telemetry::log(&config::Log { level: "warn".to_owned(), json: false });
    actix_web::rt::System::new().block_on(peer)
}
