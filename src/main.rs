//! The command line: `serve`, `demo`, `sandbox`, `check` and `evaluate`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use vigie::app;
use vigie::problem::Problem;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// FHIR R4 service for remote monitoring in oncology.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// A peer to try deliveries on, until Ctrl-C.
#[derive(Subcommand)]
enum Peer {
    /// An intermediation platform: takes MDM and ORU, judges them, and tells by ZAM what the DMP made of them.
    Mllp {
        /// Address and port.
        #[arg(long, default_value = "127.0.0.1:2575")]
        listen: SocketAddr,
        /// The MLLP listener of the service, for receipts.
        #[arg(long)]
        receipts_to: Option<SocketAddr>,
        /// The DMP refuses every document with this code.
        #[arg(long)]
        dmp_refuses: Option<String>,
        /// Misbehave: refuse, reset, silent, slow, half, answer-lost, ae, ar, duplicate, other-message, gibberish.
        #[arg(long)]
        fault: Option<String>,
        #[command(flatten)]
        extent: Extent,
    },
    /// A hospital record that takes transaction Bundles.
    Dpi {
        /// Address and port.
        #[arg(long, default_value = "127.0.0.1:8081")]
        listen: SocketAddr,
        #[command(flatten)]
        wrong: Wrong,
    },
    /// A document recipient (ITI-65).
    Mhd {
        /// Address and port.
        #[arg(long, default_value = "127.0.0.1:8082")]
        listen: SocketAddr,
        #[command(flatten)]
        wrong: Wrong,
    },
    /// A DMP: repository and registry (ITI-41, ITI-18, ITI-57) that verify what they get.
    Dmp {
        /// Address and port.
        #[arg(long, default_value = "127.0.0.1:8083")]
        listen: SocketAddr,
        /// A patient whose DMP is closed, as INS^^^&OID&ISO^NH.
        #[arg(long)]
        closed: Vec<String>,
        /// A patient who has a DMP; without any, everybody has.
        #[arg(long)]
        known: Vec<String>,
        /// PEM file of the only certificate that may sign; without one, everybody's may.
        #[arg(long)]
        seal: Option<PathBuf>,
        /// Speak TLS with those alone who show a client certificate; keys to throw away are made in this folder.
        #[arg(long)]
        tls: Option<PathBuf>,
        #[command(flatten)]
        wrong: Wrong,
    },
    /// An engine that picks documents up from a folder.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Extension of the last file of a document: the marker, where there is one.
        #[arg(long, default_value = "xml")]
        last: String,
        /// Misbehave: slow, hasty, vanish.
        #[arg(long)]
        fault: Option<String>,
        #[command(flatten)]
        extent: Extent,
    },
}

/// What a peer on HTTP does wrong.
#[derive(Args)]
struct Wrong {
    /// Misbehave: refuse, unavailable, slow, silent, answer-lost, gibberish.
    #[arg(long)]
    fault: Option<String>,
    #[command(flatten)]
    extent: Extent,
}

/// How long and how often.
#[derive(Args)]
struct Extent {
    /// How long slow, silent and vanish last, in milliseconds.
    #[arg(long, default_value_t = 5_000)]
    pause_ms: u64,
    /// For how many messages, requests or documents.
    #[arg(long, default_value_t = 1)]
    times: usize,
}

impl Extent {
    fn of(self, fault: Option<String>) -> app::Misbehaviour {
        app::Misbehaviour { fault, pause: Duration::from_millis(self.pause_ms), times: self.times }
    }
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C. Settings come from the file and from VIGIE_… variables.
    Serve {
        /// TOML file of settings.
        #[arg(long)]
        config: Option<PathBuf>,
    },
    /// Run one peer of the sandbox.
    Sandbox {
        #[command(subcommand)]
        peer: Peer,
    },
    /// Show the whole journey on loopback: service, hospital record, document receiver, example patients.
    Demo {
        /// End after the journey: status 0 only if everything expected happened.
        #[arg(long)]
        exit: bool,
        /// Folder of the example patients.
        #[arg(long, default_value = "examples/fhir")]
        examples: PathBuf,
        /// Folder of the shipped definitions.
        #[arg(long, default_value = "profiles")]
        profiles: PathBuf,
    },
    /// Compile every questionnaire and protocol of a folder and say what is wrong, file and element.
    Check {
        /// The folder.
        #[arg(default_value = "profiles")]
        folder: PathBuf,
    },
    /// Print the Bundle that a submission of this response would create; nothing is stored.
    Evaluate {
        /// The QuestionnaireResponse.
        #[arg(long)]
        response: PathBuf,
        /// Earlier responses of the same patient.
        #[arg(long, num_args = 1..)]
        previous: Vec<PathBuf>,
        /// The Patient.
        #[arg(long)]
        patient: Option<PathBuf>,
        /// The `CarePlan`s: they say which treatments the rules look at.
        #[arg(long, num_args = 1..)]
        careplan: Vec<PathBuf>,
        /// Folder of the definitions.
        #[arg(long, default_value = "profiles")]
        profiles: PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve { config } => app::serve(config.as_deref()),
        Command::Demo { exit, examples, profiles } => app::demo(&examples, &profiles, exit),
        Command::Sandbox { peer } => sandbox(peer),
        Command::Check { folder } => app::check(&folder),
        Command::Evaluate { response, previous, patient, careplan, profiles } => {
            app::evaluate(&app::Files { response, previous, patient, careplans: careplan, profiles })
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail(&problem),
    }
}

fn sandbox(peer: Peer) -> Result<(), Problem> {
    match peer {
        Peer::Mllp { listen, receipts_to, dmp_refuses, fault, extent } => {
            let misbehaviour = extent.of(fault);
            app::sandbox_mllp(&app::Behaviour { listen, receipts_to, dmp_refuses, misbehaviour })
        }
        Peer::Dpi { listen, wrong } => app::sandbox_fhir(listen, false, &wrong.extent.of(wrong.fault)),
        Peer::Mhd { listen, wrong } => app::sandbox_fhir(listen, true, &wrong.extent.of(wrong.fault)),
        Peer::Dmp { listen, closed, known, seal, tls, wrong } => {
            let misbehaviour = wrong.extent.of(wrong.fault);
            app::sandbox_dmp(&app::Registry { listen, closed, known, seal, tls, misbehaviour })
        }
        Peer::Folder { path, last, fault, extent } => app::sandbox_folder(&path, &last, &extent.of(fault)),
    }
}

/// Every issue on a line of its own, on standard error.
fn fail(problem: &Problem) -> ExitCode {
    use std::io::Write;
    let mut out = std::io::stderr().lock();
    for issue in &problem.issues {
        let place = issue.expression.as_deref().map(|place| format!(" ({place})")).unwrap_or_default();
        // Nobody is left to tell when standard error is closed.
        let _ = writeln!(out, "vigie: {}: {}{place}", issue.severity.code(), issue.diagnostics);
    }
    ExitCode::FAILURE
}
