//! What the schemas of ebRIM let through and a registry refuses (ITI TF-3 4.2, CI-SIS *Partage de documents de santé*,
//! DMP): cardinalities, forms of values, schemes, and what the parts of a submission must have in common.
//!
//! It looks at the elements, not at values read from them: what is missing is seen to be missing. It never shows a value.

mod rule;

use std::collections::BTreeSet;

use super::digital_signature::is_signature;
use super::ebrim::read_parts::{classified, identifier, is_set, values};
use super::error::Fault;
use super::hl7;
use super::metadata::{AssociationKind, Status};
use super::scheme::{
    DOCUMENT_ENTRY, ENTRY_AUTHOR, ENTRY_CONFIDENTIALITY, ENTRY_PATIENT_ID, ENTRY_UNIQUE_ID, RIM, SET_AUTHOR,
    SET_PATIENT_ID, SET_SOURCE_ID, SET_UNIQUE_ID,
};
use crate::xml::Element;
use rule::{CodeRule, ENTRY_CODES, ENTRY_SLOTS, SET_CODES, SET_SLOTS, SlotRule};

const METADATA: &str = "XDSRegistryMetadataError";
const TITLE_MAX: usize = 128;
const SLOT_VALUE_MAX: usize = 256;

/// Every fault of a `RegistryObjectList` that submits (ITI-41) or updates (ITI-57).
#[must_use]
pub fn check(list: &Element) -> Vec<Fault> {
    let mut faults = Vec::new();
    let sets: Vec<&Element> =
        list.all(RIM, "RegistryPackage").filter(|package| is_set(list, package)).collect();
    let [set] = sets.as_slice() else {
        return vec![Fault::error(
            METADATA,
            format!("a submission has one submission set, not {}", sets.len()),
        )];
    };
    check_set(set, &mut faults);
    let entries: Vec<&Element> = list.all(RIM, "ExtrinsicObject").collect();
    for (n, entry) in entries.iter().enumerate() {
        check_entry(n, entry, &mut faults);
        if identifier(entry, ENTRY_PATIENT_ID) != identifier(set, SET_PATIENT_ID) {
            let context = format!("DocumentEntry[{n}].patientId is not that of the submission set");
            faults.push(Fault::error("XDSPatientIdDoesNotMatch", context));
        }
    }
    check_ids(list, set, &entries, &mut faults);
    check_associations(list, set, &entries, &mut faults);
    faults
}

fn metadata(faults: &mut Vec<Fault>, context: String) {
    faults.push(Fault::error(METADATA, context));
}

fn check_set(set: &Element, faults: &mut Vec<Fault>) {
    check_object("SubmissionSet", set, SET_SLOTS, SET_CODES, faults);
    check_authors("SubmissionSet", set, SET_AUTHOR, true, faults);
    if !hl7::is_oid(&identifier(set, SET_SOURCE_ID)) {
        metadata(faults, "SubmissionSet.sourceId is an OID".to_owned());
    }
    if !hl7::is_oid(&identifier(set, SET_UNIQUE_ID)) {
        metadata(faults, "SubmissionSet.uniqueId is an OID of at most 64 signs".to_owned());
    }
    if !hl7::is_cx(&identifier(set, SET_PATIENT_ID)) {
        metadata(faults, "SubmissionSet.patientId is number^^^&oid&ISO^type".to_owned());
    }
}

fn check_entry(n: usize, entry: &Element, faults: &mut Vec<Fault>) {
    let name = format!("DocumentEntry[{n}]");
    check_object(&name, entry, ENTRY_SLOTS, ENTRY_CODES, faults);
    check_authors(&name, entry, ENTRY_AUTHOR, false, faults);
    let mut require = |holds: bool, what: &str| {
        if !holds {
            metadata(faults, format!("{name}.{what}"));
        }
    };
    require(entry.get("objectType") == Some(DOCUMENT_ENTRY), "objectType is that of a stable document");
    require(entry.get("mimeType").is_some_and(|kind| kind.contains('/')), "mimeType is a media type");
    let status = entry.get("status").is_none_or(|status| Status::of(status).is_some());
    require(status, "availabilityStatus is one of JDV_J52");
    let title = entry.at(RIM, &["Name", "LocalizedString"]);
    let length = title.and_then(|one| one.get("value")).map(|text| text.chars().count());
    require(length.is_some_and(|length| (1..=TITLE_MAX).contains(&length)), "title has 1 to 128 characters");
    let charset = title.and_then(|one| one.get("charset"));
    require(charset.is_none_or(|name| matches!(name, "UTF-8" | "UTF8")), "title is in UTF-8");
    require(hl7::is_cx(&identifier(entry, ENTRY_PATIENT_ID)), "patientId is number^^^&oid&ISO^type");
    // The DMP takes no `OID^extension`.
    require(hl7::is_oid(&identifier(entry, ENTRY_UNIQUE_ID)), "uniqueId is a whole OID of at most 64 signs");
    let time = |name| values(entry, name).into_iter().next();
    let chronological =
        time("serviceStopTime").is_none_or(|stop| time("serviceStartTime").is_none_or(|start| start <= stop));
    require(chronological, "serviceStopTime is not before serviceStartTime");
    if !is_signature(entry) {
        require(
            values(entry, "sourcePatientInfo").iter().all(|info| is_patient_info(info)),
            "sourcePatientInfo has PID-5, PID-7 and PID-8 only",
        );
    }
    check_confidentiality(&name, entry, faults);
}

fn is_patient_info(info: &str) -> bool {
    match info.split_once('|') {
        Some(("PID-7", date)) => hl7::is_time(date),
        Some(("PID-8", sex)) => matches!(sex, "F" | "M" | "U" | "O"),
        Some(("PID-5", name)) => !name.is_empty(),
        _ => false,
    }
}

/// One level, and each mask at most once (`JDV_J08`); the masks by their own scheme.
fn check_confidentiality(name: &str, entry: &Element, faults: &mut Vec<Fault>) {
    let codes: Vec<&str> =
        classified(entry, ENTRY_CONFIDENTIALITY).filter_map(|one| one.get("nodeRepresentation")).collect();
    let levels = codes.iter().filter(|code| rule::LEVELS.contains(code)).count();
    if levels != 1 {
        metadata(faults, format!("{name}.confidentialityCode has one of N, R, V, not {levels}"));
    }
    if codes.iter().collect::<BTreeSet<_>>().len() != codes.len() {
        metadata(faults, format!("{name}.confidentialityCode repeats a code"));
    }
    for one in classified(entry, ENTRY_CONFIDENTIALITY) {
        let code = one.get("nodeRepresentation").unwrap_or_default();
        let scheme = values(one, "codingScheme").into_iter().next().unwrap_or_default();
        if !rule::CONFIDENTIALITY.contains(&(code, scheme.as_str())) {
            metadata(faults, format!("{name}.confidentialityCode is of JDV_J08, in its own scheme"));
        }
    }
}

fn check_object(
    name: &str,
    object: &Element,
    slots: &[SlotRule],
    codes: &[CodeRule],
    faults: &mut Vec<Fault>,
) {
    let mut seen = BTreeSet::new();
    for slot in object.all(RIM, "Slot") {
        let slot_name = slot.get("name").unwrap_or_default();
        if !seen.insert(slot_name) {
            metadata(faults, format!("{name} has the slot {slot_name} twice"));
        }
        let long = values(object, slot_name).iter().any(|value| value.chars().count() > SLOT_VALUE_MAX);
        if long {
            metadata(
                faults,
                format!("{name}.{slot_name} has a value of more than {SLOT_VALUE_MAX} characters"),
            );
        }
    }
    for rule in slots {
        let found = values(object, rule.name);
        if found.len() < rule.min || found.len() > rule.max {
            metadata(
                faults,
                format!("{name}.{} has {} to {} values, not {}", rule.name, rule.min, rule.max, found.len()),
            );
        }
        if found.iter().any(|value| !(rule.form)(value)) {
            metadata(faults, format!("{name}.{} {}", rule.name, rule.what));
        }
    }
    for rule in codes {
        check_code(name, object, rule, faults);
    }
    let id = object.get("id");
    let strays = object.all(RIM, "Classification").filter(|one| one.get("classifiedObject") != id);
    if id.is_none_or(str::is_empty) || strays.count() > 0 {
        metadata(faults, format!("{name}: each classification classifies the object it stands in"));
    }
}

fn check_code(name: &str, object: &Element, rule: &CodeRule, faults: &mut Vec<Fault>) {
    let found: Vec<&Element> = classified(object, rule.scheme).collect();
    if found.len() < rule.min || found.len() > rule.max {
        metadata(
            faults,
            format!("{name}.{} occurs {} to {} times, not {}", rule.name, rule.min, rule.max, found.len()),
        );
    }
    for one in found {
        if one.get("nodeRepresentation").is_none_or(str::is_empty) {
            metadata(faults, format!("{name}.{} has no code (nodeRepresentation)", rule.name));
        }
        let scheme = values(one, "codingScheme");
        match scheme.as_slice() {
            [scheme] if rule.coding_schemes.is_empty() || rule.coding_schemes.contains(&scheme.as_str()) => {}
            [_] => {
                metadata(faults, format!("{name}.{} is in a coding scheme that is not its own", rule.name))
            }
            _ => metadata(faults, format!("{name}.{} has no coding scheme, or more than one", rule.name)),
        }
        let display = one.at(RIM, &["Name", "LocalizedString"]).and_then(|words| words.get("value"));
        if display.is_none_or(str::is_empty) {
            metadata(faults, format!("{name}.{} has no display", rule.name));
        }
    }
}

fn check_authors(name: &str, object: &Element, scheme: &str, is_one: bool, faults: &mut Vec<Fault>) {
    let authors: Vec<&Element> = classified(object, scheme).collect();
    if authors.is_empty() || (is_one && authors.len() > 1) {
        metadata(faults, format!("{name}.author: {} found", authors.len()));
    }
    for author in authors {
        let person = values(author, "authorPerson");
        if person.len() != 1 || !person.iter().all(|person| hl7::is_xcn(person)) {
            metadata(faults, format!("{name}.author.authorPerson is one XCN"));
        }
        if !values(author, "authorInstitution").iter().all(|one| hl7::is_xon(one)) {
            metadata(faults, format!("{name}.author.authorInstitution is an XON"));
        }
        if author.get("nodeRepresentation").is_none() {
            metadata(faults, format!("{name}.author has an empty nodeRepresentation"));
        }
    }
}

fn check_ids(list: &Element, set: &Element, entries: &[&Element], faults: &mut Vec<Fault>) {
    let mut unique = BTreeSet::from([identifier(set, SET_UNIQUE_ID)]);
    for entry in entries {
        if !unique.insert(identifier(entry, ENTRY_UNIQUE_ID)) {
            let context = "a unique id stands twice in the message";
            faults.push(Fault::error("XDSRegistryDuplicateUniqueIdInMessage", context));
        }
    }
    let mut ids = BTreeSet::new();
    if list.elements().filter_map(|object| object.get("id")).any(|id| !ids.insert(id)) {
        metadata(faults, "an id of an object stands twice in the message".to_owned());
    }
}

fn check_associations(list: &Element, set: &Element, entries: &[&Element], faults: &mut Vec<Fault>) {
    let set_id = set.get("id").unwrap_or_default();
    let is_entry = |id: &str| entries.iter().any(|entry| entry.get("id") == Some(id));
    let mut members = BTreeSet::new();
    for association in list.all(RIM, "Association") {
        let end = |name| association.get(name).unwrap_or_default();
        let (source, target) = (end("sourceObject"), end("targetObject"));
        let mut require = |holds: bool, what: &str| {
            if !holds {
                metadata(faults, format!("Association: {what}"));
            }
        };
        match association.get("associationType").and_then(AssociationKind::of) {
            None => require(false, "its type is not known"),
            Some(AssociationKind::HasMember) => {
                let status = values(association, "SubmissionSetStatus");
                require(
                    source == set_id && is_entry(target),
                    "HasMember leads from the set to a document of the message",
                );
                require(
                    status.len() == 1 && matches!(status[0].as_str(), "Original" | "Reference"),
                    "SubmissionSetStatus is Original or Reference",
                );
                members.insert(target);
            }
            Some(AssociationKind::Replace) => {
                require(is_entry(source), "RPLC leads from a document of the message");
                require(target.starts_with("urn:uuid:"), "RPLC leads to an entryUUID of the registry");
            }
            Some(AssociationKind::Signs) => {
                require(
                    is_entry(source) && target == set_id,
                    "signs leads from a document of the message to the set",
                );
            }
            Some(AssociationKind::UpdateStatus) => {
                let one = |name| values(association, name).len() == 1;
                require(
                    source == set_id && target.starts_with("urn:uuid:"),
                    "a change of status leads from the set to an entryUUID",
                );
                require(
                    one("OriginalStatus") && one("NewStatus"),
                    "a change of status has OriginalStatus and NewStatus",
                );
            }
        }
    }
    for (n, entry) in entries.iter().enumerate() {
        if !members.contains(entry.get("id").unwrap_or_default()) {
            metadata(faults, format!("DocumentEntry[{n}] is no member of the submission set"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ebrim, example};
    use super::*;
    use crate::xds::metadata::Submission;
    use crate::xml::{self, Limits, Method};

    fn list(change: impl FnOnce(&mut Submission)) -> Element {
        let mut submission = example::submission();
        change(&mut submission);
        ebrim::registry_object_list(&submission)
    }

    #[test]
    fn what_we_write_has_no_fault() {
        assert_eq!(check(&list(|_| {})), []);
        assert_eq!(
            check(&list(|one| one.replace("Document01", "urn:uuid:8e0e0f3f-0e53-4d0c-a1a5-3b6a6f0a8a10"))),
            []
        );
    }

    #[test]
    fn each_fault_of_a_value_is_found_at_its_place() {
        let found = |change: fn(&mut Submission), expected: &str| {
            let faults = check(&list(change));
            assert!(faults.iter().any(|fault| fault.context.contains(expected)), "{expected}: {faults:?}");
        };
        found(|one| one.entries[0].unique_id.push_str("^1"), "DocumentEntry[0].uniqueId");
        found(|one| one.entries[0].patient_id = "1".into(), "DocumentEntry[0].patientId");
        found(|one| one.entries[0].hash = "x".into(), "DocumentEntry[0].hash");
        found(|one| one.entries[0].creation_time = "20260309152000+0100".into(), "creationTime");
        found(|one| one.entries[0].service_stop = Some("20200101".into()), "serviceStopTime is not before");
        found(|one| one.entries[0].legal_authenticator.clear(), "legalAuthenticator");
        found(|one| one.entries[0].confidentiality.clear(), "confidentialityCode");
        found(
            |one| {
                one.entries[0].confidentiality.push(super::super::Code::new(
                    "R",
                    "2.16.840.1.113883.5.25",
                    "R",
                ))
            },
            "one of N, R, V, not 2",
        );
        found(
            |one| one.entries[0].confidentiality[0].scheme = "1.2.250.1.213.1.1.4.13".into(),
            "in its own scheme",
        );
        found(|one| one.entries[0].class_code.scheme.clear(), "classCode has no coding scheme");
        found(
            |one| one.entries[0].facility_type.scheme = "1.2.250.1.213.1.1.4.9".into(),
            "healthcareFacilityTypeCode is in a coding scheme",
        );
        found(|one| one.entries[0].title.clear(), "title has 1 to 128");
        found(|one| one.entries[0].language = "french".into(), "languageCode");
        found(|one| one.entries[0].authors.clear(), "DocumentEntry[0].author");
        found(|one| one.entries[0].source_patient_info.push("PID-11|x".into()), "sourcePatientInfo");
        found(|one| one.set.author.person = "X".into(), "SubmissionSet.author.authorPerson");
        found(|one| one.set.source_id = "vigie".into(), "SubmissionSet.sourceId");
        found(|one| one.set.unique_id.clone_from(&one.entries[0].unique_id), "unique id stands twice");
        found(
            |one| one.set.patient_id = "2^^^&1.2.250.1.213.1.4.10&ISO^NH".into(),
            "is not that of the submission set",
        );
        found(
            |one| {
                one.associations.remove(0);
            },
            "is no member",
        );
        found(|one| one.associations[0].slots.clear(), "SubmissionSetStatus");
        found(|one| one.replace("Document01", "2.25.1"), "entryUUID of the registry");
    }

    /// The schema of ebRIM takes each of these.
    #[test]
    fn what_the_schema_lets_through_is_found() {
        let whole = String::from_utf8(xml::element(&list(|_| {}), &Method::INCLUSIVE)).unwrap();
        let found = |from: &str, to: &str, expected: &str| {
            let changed = whole.replacen(from, to, 1);
            assert_ne!(changed, whole, "{from}");
            let list = xml::read(changed.as_bytes(), &Limits::default()).unwrap().root;
            let faults = check(&list);
            assert!(faults.iter().any(|fault| fault.context.contains(expected)), "{expected}: {faults:?}");
        };
        found(" nodeRepresentation=\"10\"", "", "classCode has no code");
        found("classifiedObject=\"Document01\"", "classifiedObject=\"Other\"", "classifies the object");
        found("name=\"hash\"", "name=\"size\"", "the slot size twice");
        found("objectType=\"urn:uuid:7edca82f", "objectType=\"urn:uuid:00000000", "objectType");
        found(
            "classificationNode=\"urn:uuid:a54d6aa5",
            "classificationNode=\"urn:uuid:00000000",
            "one submission set, not 0",
        );
        found("AssociationType:HasMember", "AssociationType:HasMembre", "type is not known");
    }
}
