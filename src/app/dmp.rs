//! A destination of the kind `xds` as configured: who submits, and the connector that sends. Files are read here and
//! once, at start: what cannot be used is told before anything is taken on.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Surroundings;
use crate::config::{Destination, Xds};
use crate::connector::{self, DocumentRepository, Identity};
use crate::identity::ProfessionalId;
use crate::problem::{Category, Issue, Problem};
use crate::report::provide_and_register::{Sender, Submitter};
use crate::signature::{Algorithm, SealKey};
use crate::xds::vihf::{Mode, Options, Product};

/// Who submits to that destination.
///
/// # Errors
/// `Malformed` with every fault of files and numbers; no message holds a part of a key.
pub(super) fn submitter(destination: &Destination) -> Result<Submitter, Problem> {
    let settings = settings(destination)?;
    let mut issues = Vec::new();
    if ProfessionalId::parse(&settings.responsible).is_none() {
        let text = "xds.responsible is a national identifier with its prefix, such as 8 and an RPPS number";
        issues.push(Issue::error("value", text));
    }
    let key = seal(settings).map_err(|problem| issues.extend(problem.issues)).ok();
    let Some(key) = key.filter(|_| issues.is_empty()) else {
        return Err(told(destination, issues));
    };
    Ok(Submitter {
        key: Arc::new(key),
        algorithm: algorithm(settings),
        sender: if settings.sender == "author" { Sender::Author } else { Sender::Automaton },
        authentication: written(&settings.authentication),
        responsible: settings.responsible.clone(),
        software: settings.software.clone(),
        model: if settings.model.is_empty() { settings.software.clone() } else { settings.model.clone() },
    })
}

/// The connector of that destination.
///
/// # Errors
/// `Malformed` with every fault of files.
pub(super) fn connector(
    destination: &Destination,
    surroundings: &Surroundings,
) -> Result<DocumentRepository, Problem> {
    let settings = settings(destination)?;
    let of_destination = |problem: Problem| told(destination, problem.issues);
    let client = if destination.url.starts_with("https://") {
        let identity = Identity {
            certificate: file(&settings.certificate).map_err(of_destination)?,
            key: file(&settings.key).map_err(of_destination)?,
            authorities: file(&settings.authorities).map_err(of_destination)?,
        };
        connector::mutual_client(&identity).map_err(of_destination)?
    } else {
        connector::client()?
    };
    let base = destination.url.trim_end_matches('/');
    Ok(DocumentRepository {
        client,
        repository: format!("{base}/repository"),
        registry: format!("{base}/registry"),
        timeout: Duration::from_secs(destination.timeout_seconds),
        seal: Arc::new(seal(settings).map_err(of_destination)?),
        product: Product {
            name: settings.software.clone(),
            version: settings.software_version.clone(),
            installation: written(&settings.installation),
            homologation: settings.homologation.clone(),
        },
        options: Options {
            version: settings.vihf_version.clone(),
            mode: Mode::ALL.into_iter().find(|mode| mode.code() == settings.mode).unwrap_or_default(),
            algorithm: algorithm(settings),
            issuer: written(&settings.issuer_name),
        },
        clock: Arc::clone(&surroundings.clock),
        ids: Arc::clone(&surroundings.ids),
    })
}

fn settings(destination: &Destination) -> Result<&Xds, Problem> {
    destination.xds.as_ref().ok_or_else(|| Problem::internal("a destination of the kind xds was not checked"))
}

fn told(destination: &Destination, issues: Vec<Issue>) -> Problem {
    let of_destination = |mut issue: Issue| {
        issue.diagnostics = format!("destination {}: {}", destination.name, issue.diagnostics);
        issue
    };
    Problem::with(Category::Malformed, issues.into_iter().map(of_destination).collect())
}

fn seal(settings: &Xds) -> Result<SealKey, Problem> {
    SealKey::from_pem(&file(&settings.seal_key)?, &file(&settings.seal_certificate)?)
}

fn algorithm(settings: &Xds) -> Algorithm {
    Algorithm::ALL.into_iter().find(|one| one.code() == settings.algorithm).unwrap_or_default()
}

fn written(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn file(path: &str) -> Result<Vec<u8>, Problem> {
    super::folder::bytes(Path::new(path))
}
