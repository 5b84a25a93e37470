//! What the sandbox DMP keeps and answers: one message in, one envelope out, nothing else touched (ITI TF-2 3.18, 3.41,
//! 3.57).

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::submission::{self, Received};
use crate::problem::Problem;
use crate::xds::message::{self, QueryResponse, RegistryResponse, action};
use crate::xds::mtom::Package;
use crate::xds::soap::{Envelope, SoapFault, WSA};
use crate::xds::vihf::{self, Presented};
use crate::xds::{AssociationKind, DocumentEntry, Fault, LCM, QUERY, RIM, Status, Submission, XDSB, ebrim};
use crate::xml::{Element, Limits};

/// Which of the two services is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Repository,
    Registry,
}

/// What is answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) bytes: Vec<u8>,
}

/// Everything that is kept.
#[derive(Default)]
pub(super) struct Registry {
    entries: Vec<DocumentEntry>,
    documents: Vec<(String, Vec<u8>)>,
    unique_ids: BTreeSet<String>,
    closed: BTreeSet<String>,
    known: Option<BTreeSet<String>>,
    seal: Option<Vec<u8>>,
    drawn: u64,
}

impl Registry {
    pub(super) fn entries(&self) -> &[DocumentEntry] {
        &self.entries
    }

    pub(super) fn document(&self, unique_id: &str) -> Option<&[u8]> {
        self.documents.iter().find(|(id, _)| id == unique_id).map(|(_, bytes)| bytes.as_slice())
    }

    pub(super) fn close(&mut self, patient_id: &str, closed: bool) {
        if closed {
            self.closed.insert(patient_id.to_owned());
        } else {
            self.closed.remove(patient_id);
        }
    }

    pub(super) fn know_only(&mut self, patient_ids: &[&str]) {
        self.known = Some(patient_ids.iter().map(|id| (*id).to_owned()).collect());
    }

    pub(super) fn trust_only(&mut self, certificate: &[u8]) {
        self.seal = Some(certificate.to_vec());
    }

    /// Answers one message.
    pub(super) fn answer(&mut self, service: Service, media: &str, bytes: &[u8], now: Timestamp) -> Answer {
        self.drawn += 1;
        let (action, relates_to, body) = match self.asked(service, media, bytes, now) {
            Ok((envelope, body)) => (action::response(&envelope.action), Some(envelope.message_id), body),
            Err((subcode, problem)) => {
                let fault = SoapFault { code: "Sender".to_owned(), subcode: subcode.map(str::to_owned) };
                (format!("{}/soap/fault", WSA.uri), None, fault.element(&problem.to_string()))
            }
        };
        let status = if SoapFault::of(&body).is_some() { 400 } else { 200 };
        let message_id = format!("urn:uuid:00000000-0000-4000-8000-{:012}", self.drawn);
        let envelope = Envelope { action, message_id, to: None, relates_to, assertion: None, body };
        Answer { status, bytes: envelope.write() }
    }

    fn asked(
        &mut self,
        service: Service,
        media: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<(Envelope, Element), (Option<&'static str>, Problem)> {
        let unreadable = |problem| (None, problem);
        let package = if media.to_ascii_lowercase().starts_with("multipart/related") {
            Some(Package::read(media, bytes).map_err(unreadable)?)
        } else {
            None
        };
        let root = package.as_ref().map_or(bytes, |package| &package.root.bytes);
        let envelope = Envelope::read(root, &Limits::default()).map_err(unreadable)?;
        let presented =
            self.presented(&envelope, now).map_err(|problem| (Some("InvalidSecurityToken"), problem))?;
        let of_action =
            |expected: &str, name: &str| envelope.action == expected && envelope.body.name == name;
        let body = match service {
            Service::Repository if of_action(action::PROVIDE, "ProvideAndRegisterDocumentSetRequest") => {
                self.provide(&envelope.body, package.as_ref(), &presented).element()
            }
            Service::Registry
                if of_action(action::QUERY, "AdhocQueryRequest")
                    && envelope.body.is(QUERY, "AdhocQueryRequest") =>
            {
                self.query(&envelope.body, &presented).element()
            }
            Service::Registry if of_action(action::UPDATE, "SubmitObjectsRequest") => {
                self.update(&envelope.body, &presented).element()
            }
            _ => {
                let what = "this service does not know that action";
                return Err(unreadable(Problem::new(
                    crate::problem::Category::NotSupported,
                    "not-supported",
                    what,
                )));
            }
        };
        Ok((envelope, body))
    }

    /// Whom the VIHF presents. The assertion is verified where it stands, but exclusive canonical form does not depend on it.
    fn presented(&self, envelope: &Envelope, now: Timestamp) -> Result<Presented, Problem> {
        let refused =
            |what: &str| Problem::new(crate::problem::Category::Invalid, "security", what.to_owned());
        let assertion = envelope.assertion.as_ref().ok_or_else(|| refused("there is no VIHF"))?;
        let presented = vihf::verify(assertion, assertion, now)?;
        if self.seal.as_ref().is_some_and(|seal| presented.signer.der() != seal) {
            return Err(refused("the VIHF is signed by a seal that is not trusted"));
        }
        Ok(presented)
    }

    /// Whether that patient is the one of the VIHF, and has an open DMP.
    fn admits(&self, patient_id: &str, presented: &Presented) -> Result<(), Fault> {
        if patient_id != presented.patient_id {
            return Err(Fault::error("XDSPatientIdDoesNotMatch", "the VIHF is about another patient"));
        }
        if self.known.as_ref().is_some_and(|known| !known.contains(patient_id)) {
            return Err(Fault::error("XDSUnknownPatientId", "this patient has no DMP"));
        }
        if self.closed.contains(patient_id) {
            return Err(Fault::error("DMPClosed", "this DMP is closed"));
        }
        Ok(())
    }

    fn provide(
        &mut self,
        body: &Element,
        package: Option<&Package>,
        presented: &Presented,
    ) -> RegistryResponse {
        if !body.is(XDSB, "ProvideAndRegisterDocumentSetRequest") {
            return RegistryResponse::new(vec![Fault::error("XDSRepositoryError", "another request")]);
        }
        match submission::read(body, package) {
            Ok(received) => match self.judge(&received, presented) {
                faults if faults.is_empty() => {
                    self.keep(received);
                    RegistryResponse::new(Vec::new())
                }
                faults => RegistryResponse::new(faults),
            },
            Err(faults) => RegistryResponse::new(faults),
        }
    }

    fn judge(&self, received: &Received, presented: &Presented) -> Vec<Fault> {
        let submission = &received.submission;
        let mut faults = submission::judge(received, self.seal.as_deref());
        faults.extend(self.admits(&submission.set.patient_id, presented).err());
        let ids = submission.entries.iter().map(|entry| &entry.unique_id).chain([&submission.set.unique_id]);
        if ids.into_iter().any(|id| self.unique_ids.contains(id)) {
            faults.push(Fault::error("XDSDuplicateUniqueIdInRegistry", "a unique id is taken"));
        }
        let replaced = submission.associations.iter().filter(|one| one.kind == AssociationKind::Replace);
        for association in replaced {
            match self.entries.iter().find(|entry| entry.id == association.target) {
                None => faults
                    .push(Fault::error("UnresolvedReferenceException", "the replaced entry is not there")),
                Some(entry) if !matches!(entry.status, Some(Status::Approved | Status::Archived)) => {
                    let context = "the replaced entry is not current";
                    faults.push(Fault::error("XDSRegistryDeprecatedDocumentError", context));
                }
                Some(_) => {}
            }
        }
        faults
    }

    fn keep(&mut self, received: Received) {
        // What replaces an archived document is archived (CI-SIS *Partage de documents de santé*, changes of state).
        let mut archived = BTreeSet::new();
        for association in &received.submission.associations {
            if association.kind != AssociationKind::Replace {
                continue;
            }
            let replaced = self.entries.iter_mut().find(|entry| entry.id == association.target);
            if replaced.and_then(|entry| entry.status.replace(Status::Deprecated)) == Some(Status::Archived) {
                archived.insert(association.source.clone());
            }
        }
        self.unique_ids.insert(received.submission.set.unique_id);
        let signatures = received.signatures;
        let pairs = received.submission.entries.into_iter().zip(received.documents);
        for (mut entry, bytes) in pairs {
            self.unique_ids.insert(entry.unique_id.clone());
            if signatures.contains(&entry.id) {
                continue;
            }
            self.drawn += 1;
            entry.status =
                Some(if archived.contains(&entry.id) { Status::Archived } else { Status::Approved });
            entry.id = format!("urn:uuid:00000000-0000-4000-9000-{:012}", self.drawn);
            entry.logical_id = Some(entry.id.clone());
            entry.version = Some("1".to_owned());
            self.documents.push((entry.unique_id.clone(), bytes));
            self.entries.push(entry);
        }
    }

    fn query(&self, body: &Element, presented: &Presented) -> QueryResponse {
        let answer = |faults, entries, references| QueryResponse {
            response: RegistryResponse::new(faults),
            entries,
            references,
        };
        let Some((unique_ids, whole)) = message::asked_documents(body) else {
            return answer(
                vec![Fault::error("XDSUnknownStoredQuery", "only GetDocuments is known")],
                vec![],
                vec![],
            );
        };
        if let Err(fault) = self.admits(&presented.patient_id, presented) {
            return answer(vec![fault], vec![], vec![]);
        }
        let is_asked = |entry: &&DocumentEntry| {
            unique_ids.contains(&entry.unique_id) && entry.patient_id == presented.patient_id
        };
        let found: Vec<DocumentEntry> = self.entries.iter().filter(is_asked).cloned().collect();
        if whole {
            return answer(vec![], found, vec![]);
        }
        answer(vec![], vec![], found.into_iter().map(|entry| entry.id).collect())
    }

    fn update(&mut self, body: &Element, presented: &Presented) -> RegistryResponse {
        let list = body.first(RIM, "RegistryObjectList").filter(|_| body.is(LCM, "SubmitObjectsRequest"));
        let Some(list) = list else {
            return RegistryResponse::new(vec![Fault::error("XDSRegistryError", "another request")]);
        };
        let mut faults = crate::xds::check(list);
        let submission = ebrim::submission(list);
        let Ok(submission) = submission else { return RegistryResponse::new(faults) };
        faults.extend(self.admits(&submission.set.patient_id, presented).err());
        if self.unique_ids.contains(&submission.set.unique_id) {
            faults.push(Fault::error("XDSDuplicateUniqueIdInRegistry", "the unique id of the set is taken"));
        }
        if faults.is_empty() {
            match self.change(&submission) {
                Ok(()) => {
                    self.unique_ids.insert(submission.set.unique_id);
                }
                Err(fault) => faults.push(fault),
            }
        }
        RegistryResponse::new(faults)
    }

    fn change(&mut self, submission: &Submission) -> Result<(), Fault> {
        let slot = |slots: &[(String, String)], name: &str| {
            slots.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        for association in &submission.associations {
            match association.kind {
                AssociationKind::UpdateStatus => {
                    let entry = self.entries.iter_mut().find(|entry| entry.id == association.target);
                    let entry =
                        entry.ok_or_else(|| Fault::error("UnresolvedReferenceException", "no such entry"))?;
                    if entry.status.map(Status::urn)
                        != Some(slot(&association.slots, "OriginalStatus").as_str())
                    {
                        return Err(Fault::error("XDSMetadataUpdateError", "the status is another"));
                    }
                    let to = Status::of(&slot(&association.slots, "NewStatus"));
                    let known = matches!(
                        (entry.status, to),
                        (Some(Status::Approved), Some(Status::Archived | Status::Deleted))
                            | (Some(Status::Archived), Some(Status::Approved | Status::Deleted))
                    );
                    if !known {
                        return Err(Fault::error("XDSMetadataUpdateError", "no such change of state"));
                    }
                    entry.status = to;
                }
                AssociationKind::HasMember => {
                    let version = slot(&association.slots, "PreviousVersion");
                    let changed = submission.entries.iter().find(|entry| entry.id == association.target);
                    let logical = changed.and_then(|entry| entry.logical_id.clone());
                    let entry = self.entries.iter_mut().find(|entry| entry.logical_id == logical);
                    let (Some(changed), Some(entry)) = (changed, entry) else {
                        return Err(Fault::error("XDSMetadataIdentifierError", "no such entry"));
                    };
                    if matches!(entry.status, Some(Status::Deprecated | Status::Deleted)) {
                        return Err(Fault::error("XDSMetadataUpdateError", "the entry changes no more"));
                    }
                    if entry.version.as_deref() != Some(version.as_str()) {
                        return Err(Fault::error(
                            "XDSMetadataVersionError",
                            "the metadata have changed meanwhile",
                        ));
                    }
                    entry.confidentiality.clone_from(&changed.confidentiality);
                    entry.version = version.parse::<u32>().ok().map(|number| (number + 1).to_string());
                }
                _ => return Err(Fault::error("XDSMetadataUpdateOperationError", "this change is not known")),
            }
        }
        Ok(())
    }
}
