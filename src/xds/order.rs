//! What waits in the outbox for a repository: everything that is decided and signed before the commit, in one package
//! (RFC 2387): the order as JSON, the metadata, the documents.
//!
//! Only three things are added when it is sent: ids and time of the message, the VIHF of that moment, and the `entryUUID`
//! of the entry that it is about, which only the registry knows and which changes with its metadata. Until then the
//! metadata name that entry by `urn:oid:` and the unique id of its document.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::digital_signature::{self, Covered};
use super::message::{submit_objects, update_status, update_visibility};
use super::metadata::{Code, DocumentEntry, Status, Submission, SubmissionSet};
use super::mtom::{Package, Part};
use super::scheme::{LCM, RIM};
use super::vihf::Claims;
use super::{ebrim, mtom};
use crate::problem::{Category, Problem};
use crate::signature::{Algorithm, SealKey};
use crate::xml::{self, Element, Limits, Method};

const ORDER_ID: &str = "order";
const METADATA_ID: &str = "metadata";
const ROOT_TYPE: &str = "application/json";

/// What a peer is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Transaction {
    /// ITI-41: take documents; one of them may replace another.
    Provide {
        /// Unique id of the document that is replaced.
        replaces: Option<String>,
    },
    /// ITI-57: change the status of a document.
    Status {
        /// Its unique id.
        document: String,
        /// The status it is expected to have, an identifier.
        from: String,
        /// The status it gets.
        to: String,
    },
    /// ITI-57: change from whom a document is hidden.
    Visibility {
        /// Its unique id.
        document: String,
        /// From whom it is hidden from now on.
        masks: Vec<Code>,
    },
}

/// An order to a repository or registry. There is no `Debug`: it is patient data.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What is asked.
    pub transaction: Transaction,
    /// On whose behalf.
    pub claims: Claims,
    /// Ids of the entries of the documents, in the order of their parts.
    pub documents: Vec<String>,
}

/// One new document with its signature, before it is an order.
pub struct Provide<'a> {
    /// The set it goes out with.
    pub set: SubmissionSet,
    /// What is told of it.
    pub entry: DocumentEntry,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Unique id of the document that it replaces.
    pub replaces: Option<&'a str>,
    /// Unique id of the signature document, an OID.
    pub signature_id: &'a str,
    /// When it is signed.
    pub at: Timestamp,
    /// The seal.
    pub key: &'a SealKey,
    /// How it is signed.
    pub algorithm: Algorithm,
    /// On whose behalf it is sent.
    pub claims: Claims,
}

/// The media type of payloads, without its parameters.
#[must_use]
pub const fn payload_type() -> &'static str {
    "multipart/related"
}

impl Provide<'_> {
    /// The order as media type and bytes: signed, described, and without a fault that [`super::check()`] finds.
    ///
    /// # Errors
    /// `Invalid` with every fault of the metadata; what signing says.
    pub fn render(self, boundary: &str) -> Result<(String, Vec<u8>), Problem> {
        let covered =
            Covered { unique_id: &self.entry.unique_id, mime_type: &self.entry.mime_type, bytes: self.bytes };
        let signature = digital_signature::render(
            &self.set.unique_id,
            self.signature_id,
            &[covered],
            self.at,
            self.key,
            self.algorithm,
        )?;
        let signature_entry =
            digital_signature::entry("Signature01", self.signature_id, &signature, &self.set, &self.entry);
        let (document_id, signed_id) = (self.entry.id.clone(), signature_entry.id.clone());
        let mut submission = Submission::of(self.set, vec![self.entry, signature_entry]);
        let set_id = submission.set.id.clone();
        submission.relate(super::AssociationKind::Signs, &signed_id, &set_id, Vec::new());
        if let Some(replaced) = self.replaces {
            submission.replace(&document_id, &placeholder(replaced));
        }
        let order = Order {
            transaction: Transaction::Provide { replaces: self.replaces.map(str::to_owned) },
            claims: self.claims,
            documents: vec![document_id, signed_id],
        };
        order.render(&submission, &[self.bytes, &signature], boundary)
    }
}

/// How metadata name an entry whose `entryUUID` is not known yet.
fn placeholder(unique_id: &str) -> String {
    format!("urn:oid:{unique_id}")
}

impl Order {
    /// An order to change the status of a document, as media type and bytes.
    ///
    /// # Errors
    /// `Invalid` with every fault of the metadata.
    pub fn status(
        set: SubmissionSet,
        document: &str,
        (from, to): (Status, Status),
        claims: Claims,
        boundary: &str,
    ) -> Result<(String, Vec<u8>), Problem> {
        let submission = update_status(set, &placeholder(document), from, to);
        let transaction = Transaction::Status {
            document: document.to_owned(),
            from: from.urn().to_owned(),
            to: to.urn().to_owned(),
        };
        Self { transaction, claims, documents: Vec::new() }.render(&submission, &[], boundary)
    }

    /// An order to change from whom a document is hidden, as media type and bytes.
    ///
    /// # Errors
    /// `Invalid` with every fault of the metadata.
    pub fn visibility(
        set: SubmissionSet,
        document: &str,
        masks: Vec<Code>,
        claims: Claims,
        boundary: &str,
    ) -> Result<(String, Vec<u8>), Problem> {
        let transaction = Transaction::Visibility { document: document.to_owned(), masks };
        let submission = Submission::of(set, Vec::new());
        Self { transaction, claims, documents: Vec::new() }.render(&submission, &[], boundary)
    }

    /// The order of these bytes, which provides a document, with other masks on its entry; the rest of it stays. The signature
    /// covers the ids and the bytes of the documents, and so still holds.
    ///
    /// # Errors
    /// `Malformed` when they are no such order; `Invalid` with every fault of the metadata.
    pub fn hidden_from_the_start(
        media_type: &str,
        bytes: &[u8],
        masks: &[Code],
        boundary: &str,
    ) -> Result<(String, Vec<u8>), Problem> {
        let other = || Problem::new(Category::Malformed, "structure", "the order provides no document");
        let (order, metadata, documents) = Self::read(media_type, bytes)?;
        let list = metadata.first(RIM, "RegistryObjectList").ok_or_else(other)?;
        let mut submission = ebrim::submission(list)?;
        let id = order.documents.first().ok_or_else(other)?;
        let entry = submission.entries.iter_mut().find(|entry| entry.id == *id).ok_or_else(other)?;
        entry.hide(masks);
        let documents: Vec<&[u8]> = documents.iter().map(Vec::as_slice).collect();
        order.render(&submission, &documents, boundary)
    }

    fn render(
        &self,
        submission: &Submission,
        documents: &[&[u8]],
        boundary: &str,
    ) -> Result<(String, Vec<u8>), Problem> {
        let metadata = submit_objects(submission);
        // The registry's name of the entry is not known yet; any stands for it here.
        let resolved = self.resolved(&metadata, "urn:uuid:00000000-0000-0000-0000-000000000000", None);
        let faults = resolved.first(RIM, "RegistryObjectList").map(super::check).unwrap_or_default();
        if !faults.is_empty() {
            let issue = |fault: &super::Fault| {
                crate::problem::Issue::error("value", format!("{}: {}", fault.code, fault.context))
            };
            return Err(Problem::with(Category::Invalid, faults.iter().map(issue).collect()));
        }
        let json =
            serde_json::to_vec(self).map_err(|_| Problem::internal("an order could not be written"))?;
        let part = |content_id: &str, content_type: &str, bytes: Vec<u8>| Part {
            content_id: content_id.to_owned(),
            content_type: content_type.to_owned(),
            bytes,
        };
        let mut parts =
            vec![part(METADATA_ID, "text/xml; charset=UTF-8", xml::element(&metadata, &Method::INCLUSIVE))];
        let named = self.documents.iter().zip(documents);
        parts.extend(named.map(|(id, bytes)| part(id, "application/octet-stream", bytes.to_vec())));
        Package { root: part(ORDER_ID, ROOT_TYPE, json), parts }.write(boundary, ROOT_TYPE, None)
    }

    /// Reads an order back: itself, its metadata (`SubmitObjectsRequest`), and its documents in their order.
    ///
    /// # Errors
    /// `Malformed` when it is none.
    pub fn read(media_type: &str, bytes: &[u8]) -> Result<(Self, Element, Vec<Vec<u8>>), Problem> {
        let malformed =
            || Problem::new(Category::Malformed, "structure", "the payload is no order to a repository");
        let mut package: Package = mtom::Package::read(media_type, bytes)?;
        let order: Self = serde_json::from_slice(&package.root.bytes).map_err(|_| malformed())?;
        let metadata = package.part(METADATA_ID).ok_or_else(malformed)?;
        let metadata = xml::read(&metadata.bytes, &Limits::default())?.root;
        if !metadata.is(LCM, "SubmitObjectsRequest") {
            return Err(malformed());
        }
        let mut documents = Vec::new();
        for id in &order.documents {
            let place = package.parts.iter().position(|part| part.content_id == *id).ok_or_else(malformed)?;
            documents.push(package.parts.swap_remove(place).bytes);
        }
        Ok((order, metadata, documents))
    }

    /// Unique id of the document whose entry has to be found before this can be sent.
    #[must_use]
    pub fn about(&self) -> Option<&str> {
        match &self.transaction {
            Transaction::Provide { replaces } => replaces.as_deref(),
            Transaction::Status { document, .. } | Transaction::Visibility { document, .. } => Some(document),
        }
    }

    /// Whether the entry is as this order asks for already: an answer may have been lost.
    #[must_use]
    pub fn is_done(&self, entry: &DocumentEntry) -> bool {
        match &self.transaction {
            Transaction::Provide { .. } => false,
            Transaction::Status { to, .. } => entry.status.is_some_and(|status| status.urn() == to),
            Transaction::Visibility { masks, .. } => {
                let codes = |all: &mut dyn Iterator<Item = &Code>| {
                    all.map(|one| one.code.clone()).collect::<std::collections::BTreeSet<_>>()
                };
                codes(&mut entry.masks()) == codes(&mut masks.iter())
            }
        }
    }

    /// The metadata with the entry that they are about named as the registry does. A document may have been archived before
    /// it is withdrawn, here or by somebody else: the status that the entry has is named where the order may change that, too
    /// (CI-SIS *Partage de documents de santé*, changes of state).
    #[must_use]
    pub fn resolved(&self, metadata: &Element, entry_uuid: &str, status: Option<Status>) -> Element {
        let mut metadata = metadata.clone();
        let deletes =
            matches!(&self.transaction, Transaction::Status { to, .. } if to == Status::Deleted.urn());
        let archived = status.filter(|status| deletes && *status == Status::Archived);
        let Some(placeholder) = self.about().map(placeholder) else { return metadata };
        let lists = metadata.elements_mut().filter(|one| one.is(RIM, "RegistryObjectList"));
        for association in lists.flat_map(Element::elements_mut).filter(|one| one.is(RIM, "Association")) {
            if association.get("targetObject") == Some(&placeholder) {
                association.set("targetObject", entry_uuid);
                if let Some(status) = archived {
                    ebrim::set_slot(association, "OriginalStatus", status.urn());
                }
            }
        }
        metadata
    }

    /// The metadata of a change of visibility, for the entry as the registry has it.
    ///
    /// # Errors
    /// `Invalid` when they have no submission set.
    pub fn hidden(&self, metadata: &Element, current: &DocumentEntry) -> Result<Element, Problem> {
        let Transaction::Visibility { masks, .. } = &self.transaction else {
            return Err(Problem::internal("this order changes no visibility"));
        };
        let list = metadata.first(RIM, "RegistryObjectList");
        let list = list.ok_or_else(|| Problem::internal("an order has no metadata"))?;
        Ok(submit_objects(&update_visibility(ebrim::submission(list)?.set, current, masks)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::{check, example, vihf};
    use super::*;
    use crate::signature::example as seal;

    pub(crate) fn order(replaces: Option<&str>) -> (String, Vec<u8>) {
        let key = seal::key();
        let provide = Provide {
            set: example::set(),
            entry: example::entry(),
            bytes: example::DOCUMENT,
            replaces,
            signature_id: "2.25.77",
            at: "2026-03-09T14:20:02Z".parse().unwrap(),
            key: &key,
            algorithm: Algorithm::RsaSha256,
            claims: vihf::example::claims(),
        };
        provide.render("8e0e0f3f-0e53-4d0c-a1a5-3b6a6f0a8a10").unwrap()
    }

    #[test]
    fn the_same_document_gives_the_same_bytes_and_they_are_read_back() {
        let (media, bytes) = order(None);
        assert_eq!((media.clone(), bytes.clone()), order(None));
        let (order, metadata, documents) = Order::read(&media, &bytes).unwrap();
        assert_eq!(order.documents, ["Document01", "Signature01"]);
        assert_eq!(documents[0], example::DOCUMENT);
        let list = metadata.first(RIM, "RegistryObjectList").unwrap();
        assert_eq!(check(list), []);
        let submission = ebrim::submission(list).unwrap();
        let kinds: Vec<_> = submission.associations.iter().map(|one| one.kind).collect();
        use crate::xds::AssociationKind::{HasMember, Signs};
        assert_eq!(kinds, [HasMember, HasMember, Signs]);
        assert_eq!(submission.entries[1].hash, super::super::message::sha1(&documents[1]));
        let verified = digital_signature::verify(&documents[1], |oid| {
            (oid == submission.entries[0].unique_id).then_some(("text/xml", documents[0].as_slice()))
        });
        assert_eq!(verified.unwrap().unique_ids[0], submission.set.unique_id);
    }

    #[test]
    fn a_replaced_document_is_named_when_its_entry_is_known() {
        let (media, bytes) = order(Some("2.25.5"));
        let (order, metadata, _) = Order::read(&media, &bytes).unwrap();
        assert_eq!(order.about(), Some("2.25.5"));
        let resolved = order.resolved(&metadata, "urn:uuid:8e0e0f3f-0e53-4d0c-a1a5-3b6a6f0a8a10", None);
        let list = resolved.first(RIM, "RegistryObjectList").unwrap();
        assert_eq!(check(list), []);
        assert!(!check(metadata.first(RIM, "RegistryObjectList").unwrap()).is_empty());
    }

    #[test]
    fn what_a_registry_would_refuse_is_refused_before() {
        let key = seal::key();
        let mut entry = example::entry();
        entry.hash = "0".to_owned();
        let provide = Provide {
            set: example::set(),
            entry,
            bytes: example::DOCUMENT,
            replaces: None,
            signature_id: "2.25.77",
            at: "2026-03-09T14:20:02Z".parse().unwrap(),
            key: &key,
            algorithm: Algorithm::RsaSha256,
            claims: vihf::example::claims(),
        };
        let problem = provide.render("b").unwrap_err();
        assert!(problem.to_string().contains("hash"), "{problem}");
    }

    #[test]
    fn changes_wait_for_the_entry() {
        let change = (Status::Approved, Status::Deleted);
        let (media, bytes) =
            Order::status(example::set(), "2.25.5", change, vihf::example::claims(), "b").unwrap();
        let (order, metadata, _) = Order::read(&media, &bytes).unwrap();
        let resolved = order.resolved(&metadata, "urn:uuid:1", None);
        assert_eq!(check(resolved.first(RIM, "RegistryObjectList").unwrap()), []);
        let (media, bytes) =
            Order::visibility(example::set(), "2.25.5", vec![], vihf::example::claims(), "b").unwrap();
        let (order, metadata, _) = Order::read(&media, &bytes).unwrap();
        let hidden = order.hidden(&metadata, &example::entry()).unwrap();
        assert_eq!(check(hidden.first(RIM, "RegistryObjectList").unwrap()), []);
    }
}
