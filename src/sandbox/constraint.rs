//! What a Document Recipient asks of a Provide Document Bundle, IHE ITI-65, and of a Simplified Publish, ITI-105 (MHD 4.2.3),
//! with the hard constraints of `PDSm` 3.1.1. Written from the specifications, not from what Vigie renders.

mod simplified;

use crate::json::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::shelf::Shelf;
use crate::fhir::element::{at, has_coding, list, str_at};
use crate::fhir::identifier::{Identifier, is_ins_value};
use crate::problem::Issue;
use crate::terminology::URI_SYSTEM;

pub(super) use simplified::faults as simplified_faults;

const MHD_LIST_TYPES: &str = "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes";
const MHD: &str = "https://profiles.ihe.net/ITI/MHD/StructureDefinition";

/// Elements without which a submission set is refused, as dotted paths.
const OF_SUBMISSION_SET: &[&str] = &["contained", "subject", "date", "source", "title", "entry"];

/// Elements without which a description is refused, as dotted paths.
const OF_DESCRIPTION: &[&str] = &[
    "contained",
    "masterIdentifier.value",
    "identifier",
    "type.coding",
    "category.coding",
    "subject",
    "date",
    "author",
    "authenticator",
    "custodian",
    "securityLabel.coding",
    "content.attachment.contentType",
    "content.attachment.language",
    "content.attachment.url",
    "content.attachment.size",
    "content.attachment.hash",
    "content.attachment.title",
    "content.attachment.creation",
    "content.format.code",
    "context.period.start",
    "context.facilityType.coding",
    "context.practiceSetting.coding",
    "context.sourcePatientInfo.reference",
];

/// Every fault of a request, each with its place.
pub(super) fn faults(bundle: &Value, shelf: &Shelf) -> Vec<Issue> {
    let mut faults = Faults(Vec::new());
    faults.unless(str_at(bundle, "type") == Some("transaction"), "Bundle.type", "a transaction is asked for");
    let mut sets = 0;
    let mut descriptions = 0;
    for (n, entry) in list(bundle, "entry").enumerate() {
        let place = format!("Bundle.entry[{n}].resource");
        let Some(resource) = entry.get("resource") else { continue };
        let method = str_at(entry, "request.method");
        let is_patch = str_at(resource, "resourceType") == Some("Parameters");
        faults.unless(
            method == Some(if is_patch { "PATCH" } else { "POST" }),
            &format!("Bundle.entry[{n}].request.method"),
            "ITI-65 creates (POST), and supersedes what is replaced (PATCH)",
        );
        match str_at(resource, "resourceType") {
            Some("List") => {
                sets += 1;
                submission_set(&mut faults, resource, &place, bundle);
            }
            Some("DocumentReference") => {
                descriptions += 1;
                description(&mut faults, resource, &place, bundle, shelf);
            }
            Some("Binary" | "Patient") => {}
            Some("Parameters") => supersession(&mut faults, resource, &place),
            _ => faults.add(
                &place,
                "only List, DocumentReference, Binary, Patient and Parameters make a document bundle",
            ),
        }
    }
    faults.unless(sets == 1, "Bundle.entry", "exactly one submission set is asked for");
    faults.unless(descriptions > 0, "Bundle.entry", "at least one DocumentReference is asked for");
    faults.0
}

struct Faults(Vec<Issue>);

impl Faults {
    fn add(&mut self, place: &str, what: &str) {
        self.0.push(Issue::error("business-rule", what).at(place));
    }

    fn unless(&mut self, right: bool, place: &str, what: &str) {
        if !right {
            self.add(place, what);
        }
    }

    fn elements(&mut self, resource: &Value, place: &str, paths: &[&str]) {
        for path in paths {
            let there = at(resource, path).is_some_and(|value| !value.is_null() && value != "");
            self.unless(there, &format!("{place}.{path}"), "this element is required");
        }
    }
}

fn submission_set(faults: &mut Faults, set: &Value, place: &str, bundle: &Value) {
    faults.elements(set, place, OF_SUBMISSION_SET);
    let code = set.get("code").is_some_and(|code| has_coding(code, MHD_LIST_TYPES, "submissionset"));
    faults.unless(code, &format!("{place}.code"), "the code of a submission set is submissionset");
    faults.unless(
        str_at(set, "status") == Some("current"),
        &format!("{place}.status"),
        "the status is current",
    );
    faults.unless(str_at(set, "mode") == Some("working"), &format!("{place}.mode"), "the mode is working");
    for name in ["ihe-designationType", "ihe-sourceId"] {
        let url = format!("{MHD}/{name}");
        let there = list(set, "extension").any(|extension| str_at(extension, "url") == Some(&url));
        faults.unless(there, &format!("{place}.extension"), &format!("the extension {name} is required"));
    }
    for (usage, prefix, what) in [
        ("usual", "urn:oid:", "a uniqueId (use usual, an OID) is required"),
        ("official", "urn:uuid:", "an entryUUID (use official, a UUID) is required"),
    ] {
        let there = list(set, "identifier")
            .any(|identifier| str_at(identifier, "use") == Some(usage) && is_uri(identifier, prefix));
        faults.unless(there, &format!("{place}.identifier"), what);
    }
    for (n, item) in list(set, "entry").enumerate() {
        let known = str_at(item, "item.reference").is_some_and(|to| entry_of(bundle, to).is_some());
        faults.unless(known, &format!("{place}.entry[{n}].item"), "the item is not in the Bundle");
    }
}

fn description(faults: &mut Faults, described: &Value, place: &str, bundle: &Value, shelf: &Shelf) {
    faults.elements(described, place, OF_DESCRIPTION);
    faults.unless(
        str_at(described, "status") == Some("current"),
        &format!("{place}.status"),
        "the status is current",
    );
    let master = described.get("masterIdentifier").is_some_and(|master| is_uri(master, "urn:oid:"));
    faults.unless(
        master,
        &format!("{place}.masterIdentifier"),
        "the unique id is an OID under urn:ietf:rfc:3986",
    );
    let language = str_at(described, "content.attachment.language") == Some("fr-FR");
    faults.unless(language, &format!("{place}.content[0].attachment.language"), "the language is fr-FR");
    for element in ["author", "authenticator", "custodian"] {
        let there = str_at(described, &format!("{element}.reference"))
            .is_some_and(|to| contained(described, to).is_some());
        faults.unless(there, &format!("{place}.{element}"), "a contained resource is asked for");
    }
    faults.unless(
        described.get("docStatus").is_none(),
        &format!("{place}.docStatus"),
        "MHD has no docStatus",
    );
    let usual = str_at(described, "masterIdentifier.use") == Some("usual");
    faults.unless(usual, &format!("{place}.masterIdentifier.use"), "the use of the unique id is usual");
    patient(faults, described, place);
    bytes(faults, described, place, bundle);
    replaced(faults, described, place, shelf);
    superseded(faults, described, place, bundle);
    repeated(faults, described, place, shelf);
}

/// The patient of the day of the document is contained and has a number; an INS has the right key.
fn patient(faults: &mut Faults, described: &Value, place: &str) {
    let place = format!("{place}.context.sourcePatientInfo");
    let Some(patient) =
        str_at(described, "context.sourcePatientInfo.reference").and_then(|to| contained(described, to))
    else {
        return faults.add(&place, "the patient must be contained");
    };
    let identifiers: Vec<Identifier> = list(patient, "identifier").filter_map(Identifier::of).collect();
    faults.unless(!identifiers.is_empty(), &place, "the contained patient has no identifier");
    let wrong = identifiers.iter().any(|identifier| identifier.is_ins() && !is_ins_value(&identifier.value));
    faults.unless(!wrong, &place, "the INS of the contained patient has a wrong key");
}

/// Size, digest and media type are those of the very bytes.
fn bytes(faults: &mut Faults, described: &Value, place: &str, bundle: &Value) {
    let place = format!("{place}.content[0].attachment");
    let Some(binary) = str_at(described, "content.attachment.url").and_then(|url| entry_of(bundle, url))
    else {
        return faults.add(&format!("{place}.url"), "the document is not in the Bundle");
    };
    let Some(data) = str_at(binary, "data").and_then(|data| STANDARD.decode(data).ok()) else {
        return faults.add(&format!("{place}.url"), "the Binary holds no Base64");
    };
    let size = at(described, "content.attachment.size").and_then(Value::as_u64);
    faults.unless(
        usize::try_from(size.unwrap_or(0)) == Ok(data.len()),
        &format!("{place}.size"),
        "not the size of the bytes",
    );
    let digest = STANDARD.encode(Sha1::digest(&data));
    let hash = str_at(described, "content.attachment.hash") == Some(&digest);
    faults.unless(hash, &format!("{place}.hash"), "not the SHA-1 of the bytes in Base64");
    let media = str_at(described, "content.attachment.contentType") == str_at(binary, "contentType");
    faults.unless(media, &format!("{place}.contentType"), "not the media type of the Binary");
}

/// What is replaced is known here, and replaced once.
fn replaced(faults: &mut Faults, described: &Value, place: &str, shelf: &Shelf) {
    let relations: Vec<&Value> = list(described, "relatesTo").collect();
    faults.unless(relations.len() <= 1, &format!("{place}.relatesTo"), "a replacement replaces one document");
    for relation in relations {
        let target = at(relation, "target.identifier").and_then(Identifier::of);
        let known =
            target.is_some_and(|target| shelf.named("DocumentReference", &target.token()).next().is_some());
        faults.unless(
            known,
            &format!("{place}.relatesTo[0].target"),
            "the replaced document is not known here",
        );
    }
}

/// What is replaced is set superseded in the same bundle (`UpdateDocumentRefs`).
fn superseded(faults: &mut Faults, described: &Value, place: &str, bundle: &Value) {
    let targets = list(described, "relatesTo")
        .filter(|relation| str_at(relation, "code") == Some("replaces"))
        .filter_map(|relation| at(relation, "target.identifier").and_then(Identifier::of));
    for target in targets {
        let address = format!("DocumentReference?identifier={}", target.token());
        let patched = list(bundle, "entry").any(|entry| {
            str_at(entry, "request.method") == Some("PATCH") && str_at(entry, "request.url") == Some(&address)
        });
        let what = "the replaced document is not set superseded in the Bundle";
        faults.unless(patched, &format!("{place}.relatesTo[0]"), what);
    }
}

/// The one change that ITI-65 knows (`IHE.MHD.Patch.Parameters`).
fn supersession(faults: &mut Faults, parameters: &Value, place: &str) {
    let parts: Vec<&Value> =
        list(parameters, "parameter").flat_map(|operation| list(operation, "part")).collect();
    let says = |name: &str, element: &str, value: &str| {
        parts.iter().any(|part| str_at(part, "name") == Some(name) && str_at(part, element) == Some(value))
    };
    let right = says("type", "valueCode", "replace")
        && says("path", "valueString", "DocumentReference.status")
        && says("value", "valueCode", "superseded");
    faults.unless(
        right,
        &format!("{place}.parameter"),
        "the status is replaced by superseded, and nothing else",
    );
}

/// A unique id stands for the same bytes for ever.
fn repeated(faults: &mut Faults, described: &Value, place: &str, shelf: &Shelf) {
    let Some(unique) = described.get("masterIdentifier").and_then(Identifier::of) else { return };
    let token = unique.token();
    let mut known = shelf.named("DocumentReference", &token);
    let hash = |described| str_at(described, "content.attachment.hash");
    let other = known.any(|known| hash(known) != hash(described));
    faults.unless(!other, &format!("{place}.masterIdentifier"), "the unique id is taken by other bytes");
}

fn is_uri(identifier: &Value, prefix: &str) -> bool {
    str_at(identifier, "system") == Some(URI_SYSTEM)
        && str_at(identifier, "value")
            .is_some_and(|value| value.starts_with(prefix) && value.len() > prefix.len())
}

fn contained<'a>(resource: &'a Value, reference: &str) -> Option<&'a Value> {
    let id = reference.strip_prefix('#')?;
    list(resource, "contained").find(|one| str_at(one, "id") == Some(id))
}

fn entry_of<'a>(bundle: &'a Value, full_url: &str) -> Option<&'a Value> {
    list(bundle, "entry")
        .find(|entry| str_at(entry, "fullUrl") == Some(full_url))
        .and_then(|entry| entry.get("resource"))
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;
    use crate::report::{example, provide_document_bundle};

    fn request() -> Value {
        provide_document_bundle::render(&example::report(), &example::document(), &example::issuer()).unwrap()
    }

    /// Takes one element away, or puts another in its place, and expects one fault there.
    fn check(pointer: &str, put: Option<Value>, place: &str) {
        let mut request = request();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = request.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} is not there"));
        match put {
            Some(value) => *parent.get_mut(name).unwrap() = value,
            None => assert!(parent.as_object_mut().unwrap().remove(name).is_some(), "{pointer} is not there"),
        }
        let found = faults(&request, &Shelf::default());
        let places: Vec<&str> = found.iter().filter_map(|issue| issue.expression.as_deref()).collect();
        assert!(places.iter().any(|one| one.contains(place)), "{pointer}: {places:?}");
    }

    #[test]
    fn what_vigie_renders_has_no_fault() {
        assert_eq!(faults(&request(), &Shelf::default()), []);
    }

    #[test]
    fn every_missing_element_of_a_description_is_a_fault() {
        for path in
            ["masterIdentifier", "custodian", "author", "authenticator", "securityLabel", "date", "category"]
        {
            check(&format!("/entry/1/resource/{path}"), None, path);
        }
        for path in ["size", "hash", "title", "language", "creation", "contentType"] {
            check(&format!("/entry/1/resource/content/0/attachment/{path}"), None, path);
        }
        for path in ["facilityType", "practiceSetting", "sourcePatientInfo"] {
            check(&format!("/entry/1/resource/context/{path}"), None, path);
        }
    }

    #[test]
    fn size_and_digest_are_compared_with_the_bytes() {
        check("/entry/2/resource/data", Some(json!("AAAA")), "attachment.size");
        check("/entry/2/resource/data", Some(json!("AAAA")), "attachment.hash");
        check("/entry/1/resource/content/0/attachment/hash", Some(json!("AAAA")), "attachment.hash");
    }

    #[test]
    fn a_submission_set_without_its_extensions_or_identifiers_is_a_fault() {
        check("/entry/0/resource/extension", None, "extension");
        check("/entry/0/resource/identifier", None, "identifier");
        check("/entry/0/resource/source", None, "source");
        check("/entry/0/resource/entry/0/item/reference", Some(json!("urn:uuid:absent")), "entry[0].item");
    }

    #[test]
    fn an_ins_with_a_wrong_key_is_a_fault() {
        let place = "/entry/1/resource/contained/0/identifier/0/value";
        check(place, Some(json!("279035121518988")), "sourcePatientInfo");
    }

    #[test]
    fn a_unique_id_stands_for_the_same_bytes_for_ever() {
        let mut shelf = Shelf::default();
        shelf.transaction(&request()).unwrap();
        assert_eq!(faults(&request(), &shelf), [], "a repeat");
        let other = crate::report::Document { cda: b"other".to_vec(), ..example::document() };
        let other = provide_document_bundle::render(&example::report(), &other, &example::issuer()).unwrap();
        let found = faults(&other, &shelf);
        assert!(found.iter().any(|issue| issue.diagnostics.contains("other bytes")), "{found:?}");
    }

    #[test]
    fn a_replacement_that_leaves_the_replaced_document_current_is_a_fault() {
        let report = crate::report::Report { replaces: Some(example::replaced()), ..example::report() };
        let mut request =
            provide_document_bundle::render(&report, &example::document(), &example::issuer()).unwrap();
        let says = |request: &Value, what: &str| {
            faults(request, &Shelf::default()).iter().any(|issue| issue.diagnostics.contains(what))
        };
        assert!(!says(&request, "not set superseded"));
        request["entry"][3]["resource"]["parameter"][0]["part"][2]["valueCode"] = json!("entered-in-error");
        assert!(says(&request, "replaced by superseded"));
        request["entry"].as_array_mut().unwrap().pop();
        assert!(says(&request, "not set superseded"));
    }

    #[test]
    fn a_replacement_of_an_unknown_document_is_a_fault() {
        let mut report = example::report();
        report.replaces = Some(example::replaced());
        let request =
            provide_document_bundle::render(&report, &example::document(), &example::issuer()).unwrap();
        let found = faults(&request, &Shelf::default());
        assert!(found.iter().any(|issue| issue.diagnostics.contains("not known here")), "{found:?}");
    }
}
