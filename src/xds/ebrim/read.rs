//! Reading ebRIM into values. What is missing reads as empty: [`crate::xds::check`] tells what must not be.

use crate::problem::{Category, Problem};
use crate::xds::metadata::{
    Association, AssociationKind, Author, Code, DocumentEntry, Status, Submission, SubmissionSet,
};
use crate::xds::scheme::{
    ENTRY_AUTHOR, ENTRY_CLASS, ENTRY_CONFIDENTIALITY, ENTRY_EVENT, ENTRY_FACILITY, ENTRY_FORMAT,
    ENTRY_PATIENT_ID, ENTRY_PRACTICE, ENTRY_TYPE, ENTRY_UNIQUE_ID, REFERENCE_IDS, RIM, SET_AUTHOR,
    SET_CONTENT_TYPE, SET_PATIENT_ID, SET_SOURCE_ID, SET_UNIQUE_ID, SUBMISSION_SET,
};
use crate::xml::Element;

/// The submission of a `RegistryObjectList`.
///
/// # Errors
/// `Invalid` when it has no submission set, or a relation of a kind that is not known here.
pub fn submission(list: &Element) -> Result<Submission, Problem> {
    let invalid = |what: &str| Problem::new(Category::Invalid, "structure", what.to_owned());
    let package = list
        .all(RIM, "RegistryPackage")
        .find(|package| is_set(list, package))
        .ok_or_else(|| invalid("there is no submission set"))?;
    let associations = list.all(RIM, "Association").map(association).collect::<Option<_>>();
    Ok(Submission {
        set: set(package),
        entries: list.all(RIM, "ExtrinsicObject").map(entry).collect(),
        associations: associations.ok_or_else(|| invalid("a relation is of a kind that is not known"))?,
    })
}

/// Whether a package is classified as submission set, within it or beside it.
pub(in crate::xds) fn is_set(list: &Element, package: &Element) -> bool {
    let is_node = |one: &Element| one.get("classificationNode") == Some(SUBMISSION_SET);
    let beside = |one: &Element| is_node(one) && one.get("classifiedObject") == package.get("id");
    package.all(RIM, "Classification").any(is_node) || list.all(RIM, "Classification").any(beside)
}

/// The entry of an `ExtrinsicObject`.
#[must_use]
pub fn entry(object: &Element) -> DocumentEntry {
    let one = |name| values(object, name).into_iter().next();
    let text = |name| one(name).unwrap_or_default();
    let code = |scheme| codes(object, scheme).into_iter().next().unwrap_or_else(|| Code::new("", "", ""));
    DocumentEntry {
        id: attribute(object, "id"),
        logical_id: object.get("lid").map(str::to_owned),
        version: object.first(RIM, "VersionInfo").and_then(|one| one.get("versionName")).map(str::to_owned),
        status: object.get("status").and_then(Status::of),
        unique_id: identifier(object, ENTRY_UNIQUE_ID),
        patient_id: identifier(object, ENTRY_PATIENT_ID),
        source_patient_id: text("sourcePatientId"),
        source_patient_info: values(object, "sourcePatientInfo"),
        authors: authors(object, ENTRY_AUTHOR),
        legal_authenticator: text("legalAuthenticator"),
        class_code: code(ENTRY_CLASS),
        type_code: code(ENTRY_TYPE),
        format_code: code(ENTRY_FORMAT),
        mime_type: attribute(object, "mimeType"),
        confidentiality: codes(object, ENTRY_CONFIDENTIALITY),
        facility_type: code(ENTRY_FACILITY),
        practice_setting: code(ENTRY_PRACTICE),
        event_codes: codes(object, ENTRY_EVENT),
        creation_time: text("creationTime"),
        service_start: text("serviceStartTime"),
        service_stop: one("serviceStopTime"),
        language: text("languageCode"),
        title: words(object, "Name").unwrap_or_default(),
        comments: words(object, "Description"),
        hash: text("hash"),
        size: text("size").parse().unwrap_or(0),
        reference_ids: values(object, REFERENCE_IDS),
        uri: one("URI"),
        repository_id: one("repositoryUniqueId"),
    }
}

fn set(package: &Element) -> SubmissionSet {
    let nobody = Author { person: String::new(), institutions: vec![], roles: vec![], specialties: vec![] };
    SubmissionSet {
        id: attribute(package, "id"),
        unique_id: identifier(package, SET_UNIQUE_ID),
        source_id: identifier(package, SET_SOURCE_ID),
        patient_id: identifier(package, SET_PATIENT_ID),
        submission_time: values(package, "submissionTime").into_iter().next().unwrap_or_default(),
        author: authors(package, SET_AUTHOR).into_iter().next().unwrap_or(nobody),
        content_type: codes(package, SET_CONTENT_TYPE)
            .into_iter()
            .next()
            .unwrap_or_else(|| Code::new("", "", "")),
        title: words(package, "Name"),
        comments: words(package, "Description"),
    }
}

fn association(element: &Element) -> Option<Association> {
    let slots = element.all(RIM, "Slot").filter_map(|slot| {
        let name = slot.get("name")?;
        Some((name.to_owned(), values(element, name).into_iter().next()?))
    });
    Some(Association {
        id: attribute(element, "id"),
        kind: AssociationKind::of(element.get("associationType")?)?,
        source: attribute(element, "sourceObject"),
        target: attribute(element, "targetObject"),
        slots: slots.collect(),
    })
}

fn attribute(element: &Element, name: &str) -> String {
    element.get(name).unwrap_or_default().to_owned()
}

/// The values of the slot of that name.
pub(in crate::xds) fn values(object: &Element, name: &str) -> Vec<String> {
    let slots = object.all(RIM, "Slot").filter(|slot| slot.get("name") == Some(name));
    let lists = slots.filter_map(|slot| slot.first(RIM, "ValueList"));
    lists.flat_map(|list| list.all(RIM, "Value")).filter_map(Element::trimmed).collect()
}

fn words(object: &Element, name: &str) -> Option<String> {
    object.at(RIM, &[name, "LocalizedString"])?.get("value").map(str::to_owned)
}

/// The value of the external identifier of that scheme.
pub(in crate::xds) fn identifier(object: &Element, scheme: &str) -> String {
    let found =
        object.all(RIM, "ExternalIdentifier").find(|one| one.get("identificationScheme") == Some(scheme));
    found.map(|one| attribute(one, "value")).unwrap_or_default()
}

/// The classifications in that scheme.
pub(in crate::xds) fn classified<'a>(
    object: &'a Element,
    scheme: &'a str,
) -> impl Iterator<Item = &'a Element> {
    object.all(RIM, "Classification").filter(move |one| one.get("classificationScheme") == Some(scheme))
}

fn codes(object: &Element, scheme: &str) -> Vec<Code> {
    let code = |one: &Element| Code {
        code: attribute(one, "nodeRepresentation"),
        scheme: values(one, "codingScheme").into_iter().next().unwrap_or_default(),
        display: words(one, "Name").unwrap_or_default(),
    };
    classified(object, scheme).map(code).collect()
}

fn authors(object: &Element, scheme: &str) -> Vec<Author> {
    let author = |one: &Element| Author {
        person: values(one, "authorPerson").into_iter().next().unwrap_or_default(),
        institutions: values(one, "authorInstitution"),
        roles: values(one, "authorRole"),
        specialties: values(one, "authorSpecialty"),
    };
    classified(object, scheme).map(author).collect()
}
