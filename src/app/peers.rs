//! Destinations as configured: what is rendered for each, and the connector that sends it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Surroundings, dmp, folder};
use crate::config::{self, Conflict, DestinationKind, FolderFile, Settings, WithdrawnAs};
use crate::connector::{
    self, Connector, Connectors, Endpoint, FileDrop, MllpEndpoint, MllpPlatform, Retries, Tls,
    TransactionServer,
};
use crate::hl7v2::Party;
use crate::interaction::{self, Demand, ReportKind, Takes};
use crate::problem::{Category, Issue, Problem};
use crate::report::folder::{Layout, Pattern};
use crate::report::hl7v2::{Changes, Flags, Kind, Listing, Route};

/// What each destination gets.
///
/// # Errors
/// `Malformed` with every decision that no message could follow.
pub(super) fn destinations(settings: &Settings) -> Result<Vec<interaction::Destination>, Problem> {
    let mut issues = Vec::new();
    let mut destinations = Vec::new();
    for destination in &settings.destinations {
        let kind = match (destination.kind, &destination.hl7v2) {
            (DestinationKind::Fhir, _) => interaction::DestinationKind::Fhir,
            (DestinationKind::Mhd, _) => interaction::DestinationKind::Mhd(publication(destination)),
            (DestinationKind::Mllp, transmission) => {
                let route = route(&transmission.clone().unwrap_or_default());
                issues.extend(of(destination, route.faults()));
                interaction::DestinationKind::Mllp(Box::new(route))
            }
            (DestinationKind::Folder, transmission) => {
                let route = transmission.as_ref().map(route);
                issues.extend(of(destination, route.as_ref().map(Route::faults).unwrap_or_default()));
                match layout_of(destination, route) {
                    Ok(drop) => interaction::DestinationKind::Folder(Box::new(drop)),
                    Err(problem) => {
                        issues.extend(of(destination, problem.issues));
                        continue;
                    }
                }
            }
            (DestinationKind::Xds, _) => {
                interaction::DestinationKind::Xds(Box::new(dmp::submitter(destination)?))
            }
        };
        let mut routed = interaction::Destination::new(&destination.name, kind);
        take(&mut routed.takes, &destination.takes);
        if destination.withdrawn_as == Some(WithdrawnAs::Superseded) {
            routed.withdrawn_as = "superseded";
        }
        destinations.push(routed);
    }
    if issues.is_empty() { Ok(destinations) } else { Err(Problem::with(Category::Malformed, issues)) }
}

/// Puts what the site says over what the kind of destination takes by itself.
fn take(takes: &mut Takes, settings: &config::Takes) {
    match settings.identity {
        Some(config::Identity::Any) => takes.identity = Demand::Any,
        Some(config::Identity::Qualified) => takes.identity = Demand::Qualified,
        None => {}
    }
    takes.dmp = settings.dmp.unwrap_or(takes.dmp);
    takes.corrections_despite_opposition =
        settings.corrections_despite_opposition.unwrap_or(takes.corrections_despite_opposition);
    takes.statuses = settings.statuses.iter().map(|status| status.code().to_owned()).collect();
    takes.reports = settings
        .reports
        .iter()
        .map(|kind| match kind {
            config::ReportKind::Weekly => ReportKind::Weekly,
            config::ReportKind::Period => ReportKind::Period,
        })
        .collect();
    takes.programmes.clone_from(&settings.programmes);
}

fn publication(destination: &config::Destination) -> interaction::Publication {
    match destination.transaction.unwrap_or_default() {
        config::MhdTransaction::ProvideDocumentBundle => interaction::Publication::Bundle,
        config::MhdTransaction::SimplifiedPublish => interaction::Publication::Simplified,
    }
}

/// Faults of a destination, with its name.
fn of(destination: &config::Destination, issues: Vec<Issue>) -> impl Iterator<Item = Issue> {
    issues.into_iter().map(|mut issue| {
        issue.diagnostics = format!("destination {}: {}", destination.name, issue.diagnostics);
        issue
    })
}

/// What is put into a folder.
fn layout_of(destination: &config::Destination, route: Option<Route>) -> Result<Layout, Problem> {
    let settings = folder_of(destination)?;
    let has = |file| settings.files.contains(&file);
    Ok(Layout {
        name: Pattern::parse(&settings.name)?,
        cda: has(FolderFile::Cda),
        pdf: has(FolderFile::Pdf),
        message: route.map(Box::new),
        xdm: settings.xdm,
        marker: Some(settings.marker.clone()).filter(|marker| !marker.is_empty()),
    })
}

fn folder_of(destination: &config::Destination) -> Result<&config::Folder, Problem> {
    // `config` admits no such destination without.
    let settings = destination.folder.as_ref();
    settings.ok_or_else(|| Problem::internal("the settings of a folder were not checked"))
}

fn route(settings: &config::Transmission) -> Route {
    let written = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let party = |application: &str, facility: &str| Party {
        application: application.to_owned(),
        facility: facility.to_owned(),
    };
    Route {
        kind: match settings.message {
            config::MessageKind::Mdm => Kind::Mdm,
            config::MessageKind::Oru => Kind::Oru,
        },
        from: party(&settings.sending_application, &settings.sending_facility),
        to: party(&settings.receiving_application, &settings.receiving_facility),
        ipp_authority: settings.ipp_authority.clone(),
        structure: settings.structure.clone(),
        flags: Flags {
            to_dmp: settings.dmp,
            to_professionals: !settings.copies_to.is_empty(),
            to_patient: settings.patient,
            receipt: settings.receipt,
            reading_receipt: settings.reading_receipt,
            no_reply_from_patient: settings.patient && !settings.patient_may_reply,
            ..Flags::default()
        },
        listing: match settings.listing {
            config::Listing::Table => Listing::Table,
            config::Listing::Examples => Listing::TableAndExamples,
        },
        copies_to: settings.copies_to.clone(),
        reply_to: written(&settings.reply_to),
        mail: [written(&settings.mail_professionals), written(&settings.mail_patient)],
        visibility: match settings.visibility {
            config::Changes::Message => Changes::Message,
            config::Changes::Task => Changes::Task,
        },
    }
}

/// The connector of each destination.
///
/// # Errors
/// Files of certificates that cannot be read or used.
pub(super) fn connectors(settings: &Settings, surroundings: &Surroundings) -> Result<Connectors, Problem> {
    let client = connector::client()?;
    let mut connectors = Connectors::new();
    for destination in &settings.destinations {
        let connector: Arc<dyn Connector> = match destination.kind {
            // The payload says which of them it is: what was rendered before a change of settings still goes out.
            DestinationKind::Fhir | DestinationKind::Mhd => {
                let endpoint = Endpoint {
                    url: destination.url.clone(),
                    bearer: destination.bearer.as_ref().map(|secret| secret.reveal().to_owned()),
                    timeout: Duration::from_secs(destination.timeout_seconds),
                };
                Arc::new(TransactionServer::new(client.clone(), endpoint))
            }
            DestinationKind::Mllp => Arc::new(MllpPlatform::new(platform(destination)?)),
            DestinationKind::Xds => Arc::new(dmp::connector(destination, surroundings)?),
            DestinationKind::Folder => {
                let settings = folder_of(destination)?;
                let replaces = settings.conflict == Conflict::Replace;
                let ids = Arc::clone(&surroundings.ids);
                Arc::new(FileDrop::new(Path::new(&settings.path), replaces, ids))
            }
        };
        connectors.insert(destination.name.clone(), connector);
    }
    Ok(connectors)
}

fn platform(destination: &config::Destination) -> Result<MllpEndpoint, Problem> {
    let settings = destination.hl7v2.clone().unwrap_or_default();
    // `config` admits no other address.
    let (host, port, secured) = destination
        .platform()
        .ok_or_else(|| Problem::internal("the address of a platform was not checked"))?;
    let retries = Retries {
        error: settings.retry.iter().any(|code| code == "AE"),
        reject: settings.retry.iter().any(|code| code == "AR"),
    };
    Ok(MllpEndpoint {
        host,
        port,
        tls: if secured { Some(tls(&settings)?) } else { None },
        timeout: Duration::from_secs(destination.timeout_seconds),
        connections: settings.connections,
        retries,
    })
}

fn tls(settings: &config::Transmission) -> Result<Tls, Problem> {
    let file = |name: &String| folder::bytes(Path::new(name));
    let authorities = file(&settings.ca)?;
    if settings.certificate.is_empty() {
        return Tls::new(&authorities, None);
    }
    let (chain, key) = (file(&settings.certificate)?, file(&settings.key)?);
    Tls::new(&authorities, Some((&chain, &key)))
}
