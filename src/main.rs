//! The command line: `serve`, `demo`, `check` and `evaluate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
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

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C. Settings come from the file and from VIGIE_… variables.
    Serve {
        /// TOML file of settings.
        #[arg(long)]
        config: Option<PathBuf>,
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
