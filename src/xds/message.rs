//! Bodies of the transactions: ITI-41 Provide and Register Document Set-b, ITI-18 Registry Stored Query (`GetDocuments`),
//! ITI-57 Update Document Set, and the answers to them (ITI TF-2 3.41.4, 3.18.4, 3.57.4; ebRS 3.0).

mod response;

pub use response::{QueryResponse, RegistryResponse, query_response, registry_response};

use sha1::{Digest, Sha1};

use super::ebrim::{registry_object_list, slot};
use super::metadata::{AssociationKind, Code, DocumentEntry, Status, Submission, SubmissionSet};
use super::scheme::{LCM, QUERY, RIM, XDSB};
use crate::xml::{Element, Namespace};

/// SOAP actions of the transactions.
pub mod action {
    /// ITI-41.
    pub const PROVIDE: &str = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b";
    /// ITI-18.
    pub const QUERY: &str = "urn:ihe:iti:2007:RegistryStoredQuery";
    /// ITI-57.
    pub const UPDATE: &str = "urn:ihe:iti:2010:UpdateDocumentSet";

    /// The action of the answer (ITI TF-2 appendix V: `…Response`).
    #[must_use]
    pub fn response(action: &str) -> String {
        format!("{action}Response")
    }
}

/// `GetDocuments` (ITI TF-2 3.18.4.1.2.3.7.5).
pub const GET_DOCUMENTS: &str = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4";

const XOP: Namespace = Namespace { prefix: "xop", uri: "http://www.w3.org/2004/08/xop/include" };

/// SHA-1 in hexadecimal, as XDS writes a hash.
#[must_use]
pub fn sha1(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The metadata of a submission as they are sent.
#[must_use]
pub fn submit_objects(submission: &Submission) -> Element {
    Element::new(LCM, "SubmitObjectsRequest").child(registry_object_list(submission))
}

/// The body of ITI-41: metadata, and for each document its name and the part of the message that holds it.
#[must_use]
pub fn provide_and_register(metadata: Element, documents: &[(&str, &str)]) -> Element {
    let document = |(id, content_id): &(&str, &str)| {
        let include = Element::new(XOP, "Include").attribute("href", format!("cid:{content_id}"));
        Element::new(XDSB, "Document").attribute("id", *id).child(include)
    };
    Element::new(XDSB, "ProvideAndRegisterDocumentSetRequest")
        .child(metadata)
        .with(documents.iter().map(document))
}

/// Where a document of a received ITI-41 is.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// In the part of that content id.
    Part(String),
    /// Here (Base64 in the element).
    Inline(Vec<u8>),
}

/// The documents of a received ITI-41 by the id of their entries; none where the element cannot be read.
#[must_use]
pub fn documents(body: &Element) -> Vec<(String, Option<Content>)> {
    use base64::Engine as _;
    let content = |document: &Element| {
        if let Some(include) = document.first(XOP, "Include") {
            let id = include.get("href")?.strip_prefix("cid:")?;
            return Some(Content::Part(super::mtom::decoded_id(id)));
        }
        let text: String = document.content().split_whitespace().collect();
        base64::engine::general_purpose::STANDARD.decode(text).ok().map(Content::Inline)
    };
    let documents = body.all(XDSB, "Document");
    documents.map(|one| (one.get("id").unwrap_or_default().to_owned(), content(one))).collect()
}

/// The body of ITI-18 for the documents of those unique ids: whole entries (`LeafClass`) or ids only (`ObjectRef`).
#[must_use]
pub fn get_documents(unique_ids: &[&str], whole: bool) -> Element {
    let values: Vec<String> = unique_ids.iter().map(|id| format!("('{}')", id.replace('\'', "''"))).collect();
    let query = Element::new(RIM, "AdhocQuery")
        .attribute("id", GET_DOCUMENTS)
        .child(slot("$XDSDocumentEntryUniqueId", &values));
    let option = Element::new(QUERY, "ResponseOption")
        .attribute("returnComposedObjects", "true")
        .attribute("returnType", if whole { "LeafClass" } else { "ObjectRef" });
    Element::new(QUERY, "AdhocQueryRequest").child(option).child(query)
}

/// The unique ids that a received `GetDocuments` asks for, and whether whole entries; none when it is another query.
#[must_use]
pub fn asked_documents(body: &Element) -> Option<(Vec<String>, bool)> {
    let query = body.first(RIM, "AdhocQuery").filter(|query| query.get("id") == Some(GET_DOCUMENTS))?;
    let whole = body.first(QUERY, "ResponseOption")?.get("returnType")? == "LeafClass";
    let lists = super::ebrim::read_parts::values(query, "$XDSDocumentEntryUniqueId");
    let ids = lists.iter().flat_map(|list| list.trim_matches(['(', ')']).split(','));
    Some((ids.map(|id| id.trim().trim_matches('\'').to_owned()).collect(), whole))
}

/// A change of status (ITI-57): delete, archive, or bring back from the archive.
#[must_use]
pub fn update_status(set: SubmissionSet, entry_uuid: &str, from: Status, to: Status) -> Submission {
    let slot = |name: &str, status: Status| (name.to_owned(), status.urn().to_owned());
    let mut submission = Submission::of(set, Vec::new());
    let source = submission.set.id.clone();
    let slots = vec![slot("OriginalStatus", from), slot("NewStatus", to)];
    submission.relate(AssociationKind::UpdateStatus, &source, entry_uuid, slots);
    submission
}

/// A change of metadata (ITI-57 3.57.4.1.3.3.1): the entry as the registry has it, with other masks. Level of
/// confidentiality and all else stay; the version that was changed is named.
#[must_use]
pub fn update_visibility(set: SubmissionSet, current: &DocumentEntry, masks: &[Code]) -> Submission {
    let mut entry = current.clone();
    entry.logical_id = Some(current.logical_id.clone().unwrap_or_else(|| current.id.clone()));
    "Document01".clone_into(&mut entry.id);
    let version = entry.version.take().unwrap_or_else(|| "1".to_owned());
    entry.hide(masks);
    let mut submission = Submission::of(set, vec![entry]);
    for association in &mut submission.associations {
        association.slots.push(("PreviousVersion".to_owned(), version.clone()));
    }
    submission
}

#[cfg(test)]
mod tests {
    use super::super::{check, example};
    use super::*;

    #[test]
    fn a_query_is_read_back() {
        let ids = ["2.25.1", "2.25.2"];
        assert_eq!(
            asked_documents(&get_documents(&ids, true)),
            Some((ids.map(str::to_owned).to_vec(), true))
        );
        assert_eq!(
            asked_documents(&get_documents(&ids[..1], false)),
            Some((vec!["2.25.1".to_owned()], false))
        );
        assert_eq!(asked_documents(&provide_and_register(Element::new(LCM, "x"), &[])), None);
    }

    #[test]
    fn documents_are_found_inline_and_in_parts() {
        let body = provide_and_register(submit_objects(&example::submission()), &[("Document01", "1@vigie")])
            .child(Element::new(XDSB, "Document").attribute("id", "Document02").text("YW\nJj"))
            .child(Element::new(XDSB, "Document").attribute("id", "Document03").text("?"));
        let found = documents(&body);
        assert!(found[0] == ("Document01".to_owned(), Some(Content::Part("1@vigie".to_owned()))));
        assert!(found[1].1 == Some(Content::Inline(b"abc".to_vec())));
        assert!(found[2].1.is_none());
    }

    #[test]
    fn an_update_has_no_fault() {
        let uuid = "urn:uuid:8e0e0f3f-0e53-4d0c-a1a5-3b6a6f0a8a10";
        let deletion = update_status(example::set(), uuid, Status::Approved, Status::Deleted);
        assert_eq!(check(&registry_object_list(&deletion)), []);
        let mut current = example::entry();
        current.id = uuid.to_owned();
        current.version = Some("3".to_owned());
        let mask = Code::new("INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13", "Non visible par le patient");
        let hidden = update_visibility(example::set(), &current, std::slice::from_ref(&mask));
        assert_eq!(check(&registry_object_list(&hidden)), []);
        assert_eq!(hidden.entries[0].logical_id.as_deref(), Some(uuid));
        assert_eq!(hidden.entries[0].confidentiality.len(), 2);
        assert!(hidden.associations[0].slots.contains(&("PreviousVersion".to_owned(), "3".to_owned())));
        let shown = update_visibility(example::set(), &hidden.entries[0], &[]);
        assert_eq!(shown.entries[0].confidentiality.len(), 1);
    }
}
