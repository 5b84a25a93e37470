//! Judging a submission: metadata, the documents they describe, and the signature of the set.

use crate::xds::digital_signature::{self, is_signature};
use crate::xds::message::{self, Content};
use crate::xds::mtom::Package;
use crate::xds::{AssociationKind, Fault, LCM, RIM, Submission, ebrim};
use crate::xml::Element;

/// A submission with its documents, in the order of its entries.
pub(super) struct Received {
    pub(super) submission: Submission,
    pub(super) documents: Vec<Vec<u8>>,
    /// Ids of the entries that are signatures.
    pub(super) signatures: Vec<String>,
}

/// Reads metadata and documents.
pub(super) fn read(body: &Element, package: Option<&Package>) -> Result<Received, Vec<Fault>> {
    let list =
        body.first(LCM, "SubmitObjectsRequest").and_then(|request| request.first(RIM, "RegistryObjectList"));
    let list =
        list.ok_or_else(|| vec![Fault::error("XDSRepositoryMetadataError", "there are no metadata")])?;
    let faults = crate::xds::check(list);
    if !faults.is_empty() {
        return Err(faults);
    }
    let invalid = |_| vec![Fault::error("XDSRepositoryMetadataError", "the metadata cannot be read")];
    let submission = ebrim::submission(list).map_err(invalid)?;
    let sent = message::documents(body);
    let described = |id: &String| submission.entries.iter().any(|entry| entry.id == *id);
    if sent.iter().any(|(id, _)| !described(id)) {
        return Err(vec![Fault::error("XDSMissingDocumentMetadata", "a document has no entry")]);
    }
    let mut documents = Vec::new();
    for entry in &submission.entries {
        let content = sent.iter().find(|(id, _)| *id == entry.id).and_then(|(_, content)| content.as_ref());
        let bytes = match content {
            Some(Content::Inline(bytes)) => Some(bytes.clone()),
            Some(Content::Part(id)) => {
                package.and_then(|package| package.part(id)).map(|part| part.bytes.clone())
            }
            None => None,
        };
        documents
            .push(bytes.ok_or_else(|| vec![Fault::error("XDSMissingDocument", "an entry has no document")])?);
    }
    let signatures = list.all(RIM, "ExtrinsicObject").filter(|object| is_signature(object));
    let signatures = signatures.filter_map(|object| object.get("id")).map(str::to_owned).collect();
    Ok(Received { submission, documents, signatures })
}

/// Every fault of documents and signature; `seal` is the one certificate that may sign, if there is only one.
pub(super) fn judge(received: &Received, seal: Option<&[u8]>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let metadata = |context: &str| Fault::error("XDSRepositoryMetadataError", context);
    for (n, (entry, bytes)) in received.submission.entries.iter().zip(&received.documents).enumerate() {
        if entry.hash != message::sha1(bytes) || entry.size != bytes.len() as u64 {
            faults.push(metadata(&format!("DocumentEntry[{n}]: hash or size is not that of the document")));
        }
    }
    let [signature] = received.signatures.as_slice() else {
        faults.push(metadata("a submission set has one signature"));
        return faults;
    };
    let signs = received.submission.associations.iter().filter(|one| one.kind == AssociationKind::Signs);
    if signs.map(|one| &one.source).collect::<Vec<_>>() != [signature] {
        faults.push(metadata("the signature signs the submission set"));
    }
    if let Err(context) = check_signature(received, signature, seal) {
        faults.push(metadata(&context));
    }
    faults
}

fn check_signature(received: &Received, signature: &str, seal: Option<&[u8]>) -> Result<(), String> {
    let submission = &received.submission;
    let pairs = || submission.entries.iter().zip(&received.documents);
    let (_, bytes) = pairs().find(|(entry, _)| entry.id == signature).ok_or("the signature is missing")?;
    let document = |oid: &str| {
        let found = pairs().find(|(entry, _)| entry.unique_id == oid && entry.id != signature);
        found.map(|(entry, bytes)| (entry.mime_type.as_str(), bytes.as_slice()))
    };
    let manifest = digital_signature::verify(bytes, document).map_err(|problem| problem.to_string())?;
    if seal.is_some_and(|seal| manifest.signer.der() != seal) {
        return Err("the set is signed by a seal that is not trusted".to_owned());
    }
    let others =
        submission.entries.iter().filter(|entry| entry.id != signature).map(|entry| &entry.unique_id);
    let expected: Vec<&String> = std::iter::once(&submission.set.unique_id).chain(others).collect();
    if manifest.unique_ids.iter().collect::<Vec<_>>() != expected {
        return Err("the signature covers other documents than those of the set".to_owned());
    }
    Ok(())
}
