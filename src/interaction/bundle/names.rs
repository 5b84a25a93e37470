//! What the entries of a Bundle call each other, and what that is here (FHIR R4, `Bundle`, "Resolving references in Bundles"): a relative
//! reference is read from the base of the `fullUrl` of the entry that it stands in. `Patient/1` in an entry of another server is the
//! patient of that server, be it in the Bundle or not, and never the one who has that id here.

use std::collections::HashMap;

use crate::fhir::reference::{self, ReferenceForm};
use crate::json::Value;

/// Elements other than `Reference.reference` that may hold the address of another entry: of type uri, url, oid, uuid.
const ADDRESSES: &[&str] = &["url", "uri", "valueUri", "valueUrl", "valueOid", "valueUuid"];

/// `Type/id` of what is written, by the address that the Bundle has for it.
pub(super) struct Names {
    /// The base of this server.
    base: String,
    known: HashMap<String, String>,
}

impl Names {
    /// None yet.
    pub(super) fn new(base: &str) -> Self {
        Self { base: base.to_owned(), known: HashMap::new() }
    }

    /// Makes an address known; false when it is known as something else.
    pub(super) fn add(&mut self, full_url: &str, name: &str) -> bool {
        let address = match reference::parse(full_url) {
            // A `fullUrl` is absolute; one that is not can be of this server only.
            ReferenceForm::Local { .. } => format!("{}/{full_url}", self.base),
            _ => full_url.to_owned(),
        };
        *self.known.entry(address).or_insert_with(|| name.to_owned()) == name
    }

    /// Puts what is meant in place of the references of the resource in an entry with that `fullUrl`.
    pub(super) fn resolve(&self, resource: &mut Value, full_url: Option<&str>) {
        let root = match full_url.map(reference::parse) {
            Some(ReferenceForm::Absolute { base, rtype: Some(_), .. }) => base,
            _ => &self.base,
        };
        self.resolve_from(resource, root);
    }

    fn resolve_from(&self, value: &mut Value, root: &str) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    match member {
                        Value::String(text) if key == "reference" => {
                            if let Some(meant) = self.meant(text, root) {
                                *text = meant.into();
                            }
                        }
                        Value::String(text) if ADDRESSES.contains(&key) && text.starts_with("urn:") => {
                            if let Some(name) = self.known.get(&**text) {
                                *text = name.clone().into();
                            }
                        }
                        // The links of a narrative.
                        Value::String(text) if key == "div" && text.contains("\"urn:") => {
                            *text = self.linked(text).into();
                        }
                        _ => self.resolve_from(member, root),
                    }
                }
            }
            Value::Array(elements) => {
                elements.iter_mut().for_each(|element| self.resolve_from(element, root));
            }
            _ => {}
        }
    }

    /// What a reference means, where that is not what it says.
    fn meant(&self, text: &str, root: &str) -> Option<String> {
        let plain = text.strip_suffix('#').unwrap_or(text);
        match reference::parse(plain) {
            ReferenceForm::Local { .. } => {
                let whole = format!("{root}/{plain}");
                self.known.get(&whole).cloned().or_else(|| (root != self.base).then_some(whole))
            }
            _ => self.known.get(plain).cloned(),
        }
    }

    /// A narrative whose links lead to what is written.
    fn linked(&self, text: &str) -> String {
        let mut linked = String::with_capacity(text.len());
        // Between two quotes stands what may be an address; what is none stays, and its last quote may open the next.
        for part in text.split_inclusive('"') {
            let address =
                part.strip_suffix('"').filter(|part| part.starts_with("urn:") && linked.ends_with('"'));
            match address.and_then(|address| self.known.get(address)) {
                Some(name) => {
                    linked.push_str(name);
                    linked.push('"');
                }
                None => linked.push_str(part),
            }
        }
        linked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    const URN: &str = "urn:uuid:0b5cbf7c-3c1c-4a7e-9d0c-6d0b8a7e5f10";

    fn names() -> Names {
        let mut names = Names::new("https://h/fhir");
        assert!(names.add("http://other/fhir/Patient/1", "Patient/new-1"));
        assert!(names.add("https://h/fhir/Patient/2", "Patient/new-2"));
        assert!(names.add("Patient/3", "Patient/new-3"));
        assert!(names.add(URN, "Patient/new-4"));
        assert!(names.add(URN, "Patient/new-4") && !names.add(URN, "Patient/new-5"));
        names
    }

    #[test]
    fn a_relative_reference_is_read_from_the_base_of_its_own_entry() {
        let check = |full_url: Option<&str>, reference: &str, expected: &str| {
            let mut resource = json!({"subject": {"reference": reference}});
            names().resolve(&mut resource, full_url);
            assert_eq!(resource["subject"]["reference"], expected, "{full_url:?} {reference}");
        };
        let (other, own) = (Some("http://other/fhir/Observation/9"), Some("https://h/fhir/Observation/9"));
        check(other, "Patient/1", "Patient/new-1");
        check(other, "Patient/2", "http://other/fhir/Patient/2");
        check(other, "http://other/fhir/Patient/1", "Patient/new-1");
        check(other, "https://h/fhir/Patient/2", "Patient/new-2");
        check(other, "Patient?identifier=a|b", "Patient?identifier=a|b");
        check(other, "#contained", "#contained");
        check(other, URN, "Patient/new-4");
        for local in [own, Some(URN), None, Some("http://other/nothing")] {
            check(local, "Patient/1", "Patient/1");
            check(local, "Patient/2", "Patient/new-2");
            check(local, "Patient/3", "Patient/new-3");
            check(local, "Patient/9", "Patient/9");
            check(local, "http://other/fhir/Patient/1", "Patient/new-1");
        }
    }

    #[test]
    fn addresses_and_the_links_of_a_narrative_lead_to_what_is_written() {
        let other = "urn:uuid:5a0f0c52-8b8e-4a7d-8f2e-2f4d0a1f9c33";
        let mut resource = json!({
            "url": URN, "valueUri": "http://other/fhir/Patient/1",
            "text": {"div": format!("<a href=\"{URN}\">{URN}</a><a href=\"{other}\"/><a name=\"x\" href=\"{URN}\"/>")}
        });
        names().resolve(&mut resource, None);
        assert_eq!(
            resource,
            json!({
                "url": "Patient/new-4", "valueUri": "http://other/fhir/Patient/1",
                "text": {"div": format!("<a href=\"Patient/new-4\">{URN}</a><a href=\"{other}\"/><a name=\"x\" href=\"Patient/new-4\"/>")}
            })
        );
    }
}
