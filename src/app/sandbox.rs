//! `vigie sandbox`: one peer on its own, for people who integrate.

use std::net::SocketAddr;
use std::time::Duration;

use super::{say, telemetry, told_to_stop};
use crate::config;
use crate::problem::{Category, Problem};
use crate::sandbox::{DmpAnswer, MllpFault, dpi, mhd, platform};

/// How a platform of the sandbox behaves.
#[derive(Debug, Clone)]
pub struct Behaviour {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The MLLP listener that receipts are sent to.
    pub receipts_to: Option<SocketAddr>,
    /// Code with which the DMP refuses; it accepts without one.
    pub dmp_refuses: Option<String>,
    /// Name of the fault: see [`MllpFault::parse`].
    pub fault: Option<String>,
    /// How long the faults `slow` and `silent` last.
    pub pause: Duration,
    /// For how many messages.
    pub times: usize,
}

/// A platform until Ctrl-C.
///
/// # Errors
/// `Malformed` for a fault of another name; `Internal` when the address cannot be bound.
pub fn sandbox_mllp(behaviour: &Behaviour) -> Result<(), Problem> {
    run(async {
        let fault = behaviour.fault.as_deref().map(|name| {
            MllpFault::parse(name, behaviour.pause).ok_or_else(|| {
                let text = format!("'{name}' is no fault; there are {}", MllpFault::NAMES.join(", "));
                Problem::new(Category::Malformed, "code-invalid", text)
            })
        });
        let fault = fault.transpose()?;
        let peer = platform::start(behaviour.listen).await?;
        if let Some(address) = behaviour.receipts_to {
            peer.send_receipts_to(address);
        }
        if let Some(code) = &behaviour.dmp_refuses {
            peer.dmp_answers(DmpAnswer::Rejected(code.clone(), String::new()));
        }
        if let Some(fault) = fault {
            peer.misbehave(fault, behaviour.times);
        }
        say(&format!("platform  mllp://{}", peer.address()));
        let mut seen = 0;
        let told = told_to_stop();
        tokio::pin!(told);
        loop {
            tokio::select! {
                () = &mut told => break,
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
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
/// `Internal` when the address cannot be bound.
pub fn sandbox_fhir(listen: SocketAddr, recipient: bool) -> Result<(), Problem> {
    run(async {
        let peer = if recipient { mhd::start(listen)? } else { dpi::start(listen)? };
        say(&format!("{}  {}", if recipient { "document recipient" } else { "hospital record" }, peer.url()));
        told_to_stop().await;
        peer.stop().await;
        Ok(())
    })
}

fn run(peer: impl Future<Output = Result<(), Problem>>) -> Result<(), Problem> {
    telemetry::log(&config::Log { level: "warn".to_owned(), json: false });
    actix_web::rt::System::new().block_on(peer)
}
