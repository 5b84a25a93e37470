//! What a Document Recipient asks of a Simplified Publish: IHE ITI-105 (MHD 4.2.3, `SimplifiedPublish.DocumentReference`) and
//! `pdsm-simplified-publish` of `PDSm` 3.1.1.

use crate::json::Value;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::{Faults, repeated, replaced};
use crate::fhir::element::{at, list, str_at};
use crate::problem::Issue;
use crate::sandbox::shelf::Shelf;

const REQUIRED: &[&str] = &[
    "masterIdentifier.system",
    "masterIdentifier.value",
    "type.coding",
    "category.coding",
    "subject",
    "date",
    "author",
    "custodian",
    "content.attachment.contentType",
    "content.attachment.data",
    "content.attachment.title",
];

/// Elements that MHD leaves no place for.
const ABSENT: &[&str] = &["identifier", "docStatus", "modifierExtension", "content.attachment.url"];

/// Every fault of a description that is to be created with its document in it.
pub(in crate::sandbox) fn faults(described: &Value, shelf: &Shelf) -> Vec<Issue> {
    let mut faults = Faults(Vec::new());
    let place = "DocumentReference";
    faults.elements(described, place, REQUIRED);
    for path in ABSENT {
        let absent = at(described, path).is_none();
        faults.unless(absent, &format!("{place}.{path}"), "this element has no place in ITI-105");
    }
    let current = str_at(described, "status") == Some("current");
    faults.unless(current, "DocumentReference.status", "the status is current");
    let one = list(described, "content").count() == 1;
    faults.unless(one, "DocumentReference.content", "one content is asked for");
    bytes(&mut faults, described);
    replaced(&mut faults, described, place, shelf);
    repeated(&mut faults, described, place, shelf);
    faults.0
}

/// Size and digest, where they are told, are those of the very bytes.
fn bytes(faults: &mut Faults, described: &Value) {
    let place = "DocumentReference.content[0].attachment";
    let data = str_at(described, "content.attachment.data").and_then(|data| STANDARD.decode(data).ok());
    let Some(data) = data else {
        return faults.add(&format!("{place}.data"), "the document is no Base64");
    };
    let size = at(described, "content.attachment.size").and_then(Value::as_u64);
    let fits = size.is_none_or(|size| usize::try_from(size) == Ok(data.len()));
    faults.unless(fits, &format!("{place}.size"), "not the size of the bytes");
    let digest = STANDARD.encode(Sha1::digest(&data));
    let fits = str_at(described, "content.attachment.hash").is_none_or(|hash| hash == digest);
    faults.unless(fits, &format!("{place}.hash"), "not the SHA-1 of the bytes in Base64");
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;
    use crate::report::{example, simplified_publish};

    fn request() -> Value {
        simplified_publish::render(&example::report(), &example::document(), &example::issuer()).unwrap()
    }

    #[test]
    fn what_vigie_renders_has_no_fault() {
        assert_eq!(faults(&request(), &Shelf::default()), []);
    }

    #[test]
    fn every_fault_is_told_at_its_place() {
        let check = |change: fn(&mut Value), place: &str| {
            let mut request = request();
            change(&mut request);
            let found = faults(&request, &Shelf::default());
            let places: Vec<&str> = found.iter().filter_map(|issue| issue.expression.as_deref()).collect();
            assert!(places.iter().any(|one| one.contains(place)), "{place}: {places:?}");
        };
        check(|request| drop(request.as_object_mut().unwrap().remove("custodian")), "custodian");
        check(|request| drop(request.as_object_mut().unwrap().remove("author")), "author");
        check(
            |request| drop(request.as_object_mut().unwrap().remove("masterIdentifier")),
            "masterIdentifier",
        );
        check(|request| request["status"] = json!("superseded"), "status");
        check(|request| request["docStatus"] = json!("final"), "docStatus");
        check(|request| request["content"][0]["attachment"]["url"] = json!("Binary/1"), "url");
        check(|request| request["content"][0]["attachment"]["data"] = json!("AAAA"), "hash");
        check(|request| request["content"][0]["attachment"]["title"] = json!(""), "title");
    }
}
