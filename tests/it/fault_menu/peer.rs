//! The peers of the sandbox as the menu of faults sees them: each behind a wire that can be cut, each told when to
//! misbehave, each asked what it heard and what it keeps.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vigie::clock::Clock;
use vigie::connector::Connector;
use vigie::hl7v2::delivery_id;
use vigie::interaction::{Destination, DestinationKind, Publication};
use vigie::json::Value;
use vigie::report::hl7v2::Kind;
use vigie::report::provide_and_register::Sender;
use vigie::sandbox::{Fault, Handle, MllpFault, Platform, Standing, dmp, dpi, mhd, platform};
use vigie::xds::{DocumentEntry, Status};

use super::Sample;
use crate::support::peer::{self as support, ANYWHERE, repository, route, seal, server, submitter};
use crate::support::proxy::Proxy;

/// Longest time for one exchange: a busy machine is not a fault of the menu.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a peer says nothing: longer than anybody waits, or just a while.
const SILENCE: Duration = Duration::from_secs(6);
const WHILE: Duration = Duration::from_millis(60);

/// A kind of peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Dpi,
    Mhd,
    Platform,
    Dmp,
}

impl Of {
    pub(super) const EACH: [Self; 4] = [Self::Dpi, Self::Mhd, Self::Platform, Self::Dmp];

    /// Its name in the configuration.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Dpi => "dpi",
            Self::Mhd => "mhd",
            Self::Platform => "pfi",
            Self::Dmp => "dmp",
        }
    }

    pub(super) fn destination(self) -> Destination {
        let kind = match self {
            Self::Dpi => DestinationKind::Fhir,
            Self::Mhd => DestinationKind::Mhd(Publication::Bundle),
            Self::Platform => DestinationKind::Mllp(Box::new(route(Kind::Mdm, true))),
            Self::Dmp => DestinationKind::Xds(Box::new(submitter(Sender::Automaton))),
        };
        Destination::new(self.name(), kind)
    }

    /// How many faults its menu has.
    pub(super) const fn menu(self) -> &'static [&'static str] {
        match self {
            Self::Platform => MllpFault::NAMES,
            Self::Dpi | Self::Mhd | Self::Dmp => Fault::NAMES,
        }
    }

    /// The exchanges of the sample: the steps at which something can go wrong. In the DMP all but a first document take two;
    /// a platform is told nothing of an archive.
    pub(super) const fn steps(self) -> usize {
        match self {
            Self::Dpi | Self::Mhd => 7,
            Self::Platform => 6,
            Self::Dmp => 12,
        }
    }
}

enum Running {
    Fhir(Handle),
    Platform(Platform),
    Dmp(dmp::Dmp),
}

/// A running peer behind a wire.
pub(super) struct Peer {
    of: Of,
    running: Running,
    pub(super) wire: Proxy,
}

impl Peer {
    pub(super) async fn start(of: Of, clock: &Arc<dyn Clock>) -> Self {
        let running = match of {
            Of::Dpi => Running::Fhir(dpi::start(ANYWHERE).unwrap()),
            Of::Mhd => Running::Fhir(mhd::start(ANYWHERE).unwrap()),
            Of::Platform => Running::Platform(platform::start(ANYWHERE).await.unwrap()),
            Of::Dmp => {
                let peer = dmp::start(ANYWHERE, Arc::clone(clock)).unwrap();
                peer.trust_only(seal().certificate().der());
                Running::Dmp(peer)
            }
        };
        let host = |url: String| url.split('/').nth(2).unwrap().to_owned();
        let address = match &running {
            Running::Fhir(peer) => host(peer.url()),
            Running::Platform(peer) => peer.address().to_string(),
            Running::Dmp(peer) => host(peer.url()),
        };
        Self { of, running, wire: Proxy::before(address).await }
    }

    pub(super) async fn stop(self) {
        match self.running {
            Running::Fhir(peer) => peer.stop().await,
            Running::Platform(peer) => peer.stop().await,
            Running::Dmp(peer) => peer.stop().await,
        }
    }

    /// A connector of its own, as another process has one.
    pub(super) fn connector(&self, clock: &Arc<dyn Clock>) -> Arc<dyn Connector> {
        let port = self.wire.port();
        match self.of {
            Of::Dpi | Of::Mhd => Arc::new(server(format!("http://127.0.0.1:{port}/fhir"), PATIENCE)),
            Of::Platform => Arc::new(support::platform(([127, 0, 0, 1], port).into(), PATIENCE, 2)),
            Of::Dmp => Arc::new(repository(&format!("http://127.0.0.1:{port}/services"), PATIENCE, clock)),
        }
    }

    /// Serves so many requests well, and then misbehaves once as that line of its menu says.
    pub(super) fn misbehave_after(&self, served: usize, fault: &str) {
        let pause = if fault == "slow" { WHILE } else { SILENCE };
        match &self.running {
            Running::Fhir(peer) => peer.misbehave_after(served, Fault::parse(fault, pause).unwrap()),
            Running::Platform(peer) => peer.misbehave_after(served, MllpFault::parse(fault, pause).unwrap()),
            Running::Dmp(peer) => peer.misbehave_after(served, Fault::parse(fault, pause).unwrap()),
        }
    }

    /// How many requests it has heard.
    pub(super) fn heard(&self) -> usize {
        match &self.running {
            Running::Fhir(peer) => peer.received().len(),
            Running::Platform(peer) => peer.arrived().len(),
            Running::Dmp(peer) => peer.received().len(),
        }
    }

    /// Whatever it was sent of a document is that delivery, with the id that the receiver knows it by and the very bytes:
    /// a repeat can be seen as one.
    pub(super) fn assert_recognised(&self, samples: &[Sample], case: &str) {
        match &self.running {
            Running::Fhir(peer) => {
                for one in peer.received() {
                    let sample =
                        samples.iter().find(|sample| Some(&sample.delivery.id) == one.request_id.as_ref());
                    let sample = sample.unwrap_or_else(|| panic!("{case}: a request without its delivery"));
                    // A change of metadata is posted in the form that the profile wants of it.
                    let changes = self.of == Of::Mhd && !sample.delivery.act.gives();
                    assert!(changes || sample.delivery.payload == one.bytes, "{case}: other bytes were sent");
                }
            }
            Running::Platform(peer) => {
                for one in peer.arrived() {
                    let id = delivery_id(&one.control_id);
                    let sample = samples.iter().find(|sample| Some(&sample.delivery.id) == id.as_ref());
                    let sample = sample.unwrap_or_else(|| panic!("{case}: a message without its delivery"));
                    assert!(sample.delivery.payload == one.bytes, "{case}: other bytes were sent");
                }
            }
            Running::Dmp(peer) => {
                for request in peer.received() {
                    let has = |part: &[u8]| request.windows(part.len()).any(|window| window == part);
                    if !has(b"ProvideAndRegisterDocumentSetRequest") {
                        continue;
                    }
                    let sent = samples.iter().filter(|sample| sample.delivery.act.gives());
                    let of = sent.filter(|sample| has(&sample.cda));
                    assert_eq!(of.count(), 1, "{case}: a document is not the one that was committed");
                }
            }
        }
    }

    /// That document is hidden from the patient, and archived where that can be said.
    pub(super) fn assert_hidden_and_archived(&self, unique_id: &str, case: &str) {
        match &self.running {
            Running::Fhir(peer) => {
                let is_it = |one: &&Value| {
                    one["masterIdentifier"]["value"].as_str() == Some(&format!("urn:oid:{unique_id}"))
                };
                let all = peer.resources("DocumentReference");
                let one = all.iter().find(is_it).unwrap();
                assert_eq!(one["securityLabel"][1]["coding"][0]["code"], "INVISIBLE_PATIENT", "{case}");
                assert_eq!(one["extension"][0]["valueBoolean"], true, "{case}");
            }
            Running::Platform(peer) => {
                let mut said =
                    peer.arrived().into_iter().filter(|one| one.answer == "AA").map(|one| one.bytes);
                let last = said.rfind(|bytes| String::from_utf8_lossy(bytes).contains(unique_id)).unwrap();
                let last = String::from_utf8(last).unwrap();
                assert!(
                    last.contains("|INVISIBLE_PATIENT^Document Non Visible par le patient^MetaDMPMSS||Y^"),
                    "{case}"
                );
            }
            Running::Dmp(peer) => {
                let entries = peer.entries();
                let one = entries.iter().find(|one| one.unique_id == unique_id).unwrap();
                assert_eq!(one.status, Some(Status::Archived), "{case}");
                let masks: Vec<&str> = one.masks().map(|mask| mask.code.as_str()).collect();
                assert_eq!(masks, ["INVISIBLE_PATIENT"], "{case}");
                assert_eq!(one.version.as_deref(), Some("2"), "{case}: changed twice");
            }
        }
    }

    /// The documents that it keeps, by unique id, and which of them are current.
    pub(super) fn keeps(&self) -> BTreeMap<String, bool> {
        let described = |reference: &Value| {
            let unique = reference["masterIdentifier"]["value"].as_str().unwrap();
            (unique.trim_start_matches("urn:oid:").to_owned(), reference["status"] == "current")
        };
        match &self.running {
            Running::Fhir(peer) => {
                let references = peer.resources("DocumentReference");
                let kept: BTreeMap<_, _> = references.iter().map(described).collect();
                assert_eq!(kept.len(), references.len(), "a document is kept twice");
                kept
            }
            Running::Platform(peer) => {
                let of = |(oid, standing)| (oid, standing == Standing::Current);
                peer.documents().into_iter().map(of).collect()
            }
            Running::Dmp(peer) => {
                let entries = peer.entries();
                let is_current =
                    |entry: &DocumentEntry| matches!(entry.status, Some(Status::Approved | Status::Archived));
                let of = |entry: &DocumentEntry| (entry.unique_id.clone(), is_current(entry));
                let kept: BTreeMap<_, _> = entries.iter().map(of).collect();
                assert_eq!(kept.len(), entries.len(), "a document is kept twice");
                kept
            }
        }
    }
}
