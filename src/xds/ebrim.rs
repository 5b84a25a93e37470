//! Metadata as ebRIM 3.0 (ITI TF-3 4.2.1): a `RegistryObjectList`, written from a [`Submission`] and read back.

mod read;

pub use read::{entry, submission};

/// Parts of objects, for who looks at them before they are values.
pub(super) mod read_parts {
    pub(in crate::xds) use super::read::{classified, identifier, is_set, values};
}

use super::metadata::{Association, Author, Code, DocumentEntry, Submission, SubmissionSet};
use super::scheme::{
    DOCUMENT_ENTRY, ENTRY_AUTHOR, ENTRY_CLASS, ENTRY_CONFIDENTIALITY, ENTRY_EVENT, ENTRY_FACILITY,
    ENTRY_FORMAT, ENTRY_PATIENT_ID, ENTRY_PRACTICE, ENTRY_TYPE, ENTRY_UNIQUE_ID, REFERENCE_IDS, RIM,
    SET_AUTHOR, SET_CONTENT_TYPE, SET_PATIENT_ID, SET_SOURCE_ID, SET_UNIQUE_ID, SUBMISSION_SET,
};
use crate::xml::{Element, Namespace};

const XML: Namespace = Namespace { prefix: "xml", uri: "http://www.w3.org/XML/1998/namespace" };

/// The list of registry objects of a submission. Ids of classifications and identifiers are names within the message.
#[must_use]
pub fn registry_object_list(submission: &Submission) -> Element {
    let mut scribe = Scribe::default();
    let set = scribe.set(&submission.set);
    let entries: Vec<Element> = submission.entries.iter().map(|entry| scribe.entry(entry)).collect();
    Element::new(RIM, "RegistryObjectList")
        .child(set)
        .with(entries)
        .with(submission.associations.iter().map(association))
}

/// One entry by itself, as a registry answers it.
#[must_use]
pub fn extrinsic_object(entry: &DocumentEntry) -> Element {
    Scribe::default().entry(entry)
}

/// Numbers classifications and external identifiers.
#[derive(Default)]
struct Scribe {
    classifications: usize,
    identifiers: usize,
}

impl Scribe {
    fn entry(&mut self, entry: &DocumentEntry) -> Element {
        let mut object = Element::new(RIM, "ExtrinsicObject").attribute("id", &entry.id);
        if let Some(logical) = &entry.logical_id {
            object = object.attribute("lid", logical);
        }
        if let Some(status) = entry.status {
            object = object.attribute("status", status.urn());
        }
        object = object
            .attribute("mimeType", &entry.mime_type)
            .attribute("objectType", DOCUMENT_ENTRY)
            .with(slots(entry))
            .child(words("Name", &entry.title));
        object = object.with(entry.comments.iter().map(|text| words("Description", text)));
        if let Some(version) = &entry.version {
            object = object.child(Element::new(RIM, "VersionInfo").attribute("versionName", version));
        }
        let authors: Vec<Element> =
            entry.authors.iter().map(|author| self.author(&entry.id, ENTRY_AUTHOR, author)).collect();
        object = object.with(authors);
        for (scheme, codes) in codes(entry) {
            let classified: Vec<Element> =
                codes.iter().map(|code| self.classification(&entry.id, scheme, code)).collect();
            object = object.with(classified);
        }
        object
            .child(self.identifier(
                &entry.id,
                ENTRY_PATIENT_ID,
                &entry.patient_id,
                "XDSDocumentEntry.patientId",
            ))
            .child(self.identifier(&entry.id, ENTRY_UNIQUE_ID, &entry.unique_id, "XDSDocumentEntry.uniqueId"))
    }

    fn set(&mut self, set: &SubmissionSet) -> Element {
        let id = &set.id;
        let node = Element::new(RIM, "Classification")
            .attribute("classificationNode", SUBMISSION_SET)
            .attribute("classifiedObject", id);
        let mut package = Element::new(RIM, "RegistryPackage")
            .attribute("id", id)
            .child(slot("submissionTime", std::slice::from_ref(&set.submission_time)));
        package = package.with(set.title.iter().map(|text| words("Name", text)));
        package = package.with(set.comments.iter().map(|text| words("Description", text)));
        package
            .child(self.author(id, SET_AUTHOR, &set.author))
            .child(self.classification(id, SET_CONTENT_TYPE, &set.content_type))
            .child(node.attribute("id", self.next_classification()))
            .child(self.identifier(id, SET_PATIENT_ID, &set.patient_id, "XDSSubmissionSet.patientId"))
            .child(self.identifier(id, SET_SOURCE_ID, &set.source_id, "XDSSubmissionSet.sourceId"))
            .child(self.identifier(id, SET_UNIQUE_ID, &set.unique_id, "XDSSubmissionSet.uniqueId"))
    }

    fn next_classification(&mut self) -> String {
        self.classifications += 1;
        format!("cla{}", self.classifications)
    }

    fn scheme(&mut self, object: &str, scheme: &str, representation: &str) -> Element {
        Element::new(RIM, "Classification")
            .attribute("classificationScheme", scheme)
            .attribute("classifiedObject", object)
            .attribute("id", self.next_classification())
            .attribute("nodeRepresentation", representation)
    }

    fn classification(&mut self, object: &str, scheme: &str, code: &Code) -> Element {
        self.scheme(object, scheme, &code.code)
            .child(slot("codingScheme", std::slice::from_ref(&code.scheme)))
            .child(words("Name", &code.display))
    }

    fn author(&mut self, object: &str, scheme: &str, author: &Author) -> Element {
        let slots = [
            ("authorPerson", std::slice::from_ref(&author.person)),
            ("authorInstitution", author.institutions.as_slice()),
            ("authorRole", author.roles.as_slice()),
            ("authorSpecialty", author.specialties.as_slice()),
        ];
        let filled = slots.into_iter().filter(|(_, values)| !values.is_empty());
        self.scheme(object, scheme, "").with(filled.map(|(name, values)| slot(name, values)))
    }

    fn identifier(&mut self, object: &str, scheme: &str, value: &str, name: &str) -> Element {
        self.identifiers += 1;
        Element::new(RIM, "ExternalIdentifier")
            .attribute("id", format!("ei{}", self.identifiers))
            .attribute("identificationScheme", scheme)
            .attribute("registryObject", object)
            .attribute("value", value)
            .child(words("Name", name))
    }
}

/// The codes of an entry by their schemes.
fn codes(entry: &DocumentEntry) -> [(&'static str, &[Code]); 7] {
    use std::slice::from_ref;
    [
        (ENTRY_CLASS, from_ref(&entry.class_code)),
        (ENTRY_CONFIDENTIALITY, &entry.confidentiality),
        (ENTRY_EVENT, &entry.event_codes),
        (ENTRY_FORMAT, from_ref(&entry.format_code)),
        (ENTRY_FACILITY, from_ref(&entry.facility_type)),
        (ENTRY_PRACTICE, from_ref(&entry.practice_setting)),
        (ENTRY_TYPE, from_ref(&entry.type_code)),
    ]
}

fn slots(entry: &DocumentEntry) -> Vec<Element> {
    let one = |text: &str| vec![text.to_owned()];
    let optional = |text: &Option<String>| text.iter().cloned().collect::<Vec<_>>();
    let slots = [
        ("creationTime", one(&entry.creation_time)),
        ("hash", one(&entry.hash)),
        ("languageCode", one(&entry.language)),
        ("legalAuthenticator", one(&entry.legal_authenticator)),
        ("repositoryUniqueId", optional(&entry.repository_id)),
        ("serviceStartTime", one(&entry.service_start)),
        ("serviceStopTime", optional(&entry.service_stop)),
        ("size", one(&entry.size.to_string())),
        ("sourcePatientId", one(&entry.source_patient_id)),
        ("sourcePatientInfo", entry.source_patient_info.clone()),
        ("URI", optional(&entry.uri)),
        (REFERENCE_IDS, entry.reference_ids.clone()),
    ];
    slots.iter().filter(|(_, values)| !values.is_empty()).map(|(name, values)| slot(name, values)).collect()
}

fn association(association: &Association) -> Element {
    Element::new(RIM, "Association")
        .attribute("id", &association.id)
        .attribute("associationType", association.kind.urn())
        .attribute("sourceObject", &association.source)
        .attribute("targetObject", &association.target)
        .with(association.slots.iter().map(|(name, value)| slot(name, std::slice::from_ref(value))))
}

/// A slot with its values.
pub(super) fn slot(name: &str, values: &[String]) -> Element {
    let list = values.iter().map(|value| Element::new(RIM, "Value").text(value));
    Element::new(RIM, "Slot").attribute("name", name).child(Element::new(RIM, "ValueList").with(list))
}

/// Gives a slot that is there another value.
pub(super) fn set_slot(of: &mut Element, name: &str, value: &str) {
    if let Some(known) = of.elements_mut().find(|one| one.is(RIM, "Slot") && one.get("name") == Some(name)) {
        *known = slot(name, &[value.to_owned()]);
    }
}

/// A `Name` or `Description`, in French.
fn words(name: &str, text: &str) -> Element {
    let words = Element::new(RIM, "LocalizedString")
        .attribute("charset", "UTF-8")
        .attribute("value", text)
        .attribute_in(XML, "lang", "fr-FR");
    Element::new(RIM, name).child(words)
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;
    use crate::xml::{self, Limits, Method};

    #[test]
    fn what_is_written_is_read_back() {
        let submission = example::submission();
        let bytes = xml::element(&registry_object_list(&submission), &Method::INCLUSIVE);
        let list = xml::read(&bytes, &Limits::default()).unwrap().root;
        assert!(super::submission(&list).unwrap() == submission);
        assert_eq!(bytes, xml::element(&registry_object_list(&submission), &Method::INCLUSIVE));
    }

    #[test]
    fn ids_are_numbered_over_the_whole_message() {
        let list = registry_object_list(&example::submission());
        let mut ids: Vec<&str> = list.descendants().into_iter().filter_map(|one| one.get("id")).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
