//! The report for a plain FHIR server, such as a hospital record: one transaction `Bundle`
//! (FHIR R4 `RESTful` API, 3.1.0.11), every resource put under its business identifier so that a repeat creates nothing.

use std::collections::BTreeSet;

use crate::json::{Map, Value, json};

use super::document::Form;
use super::document_reference::{Links, describe};
use super::element::{names, text};
use super::{Document, Issuer, Report, Sources, contained, diagnostic_report};
use crate::fhir::datetime::instant;
use crate::fhir::element::{list, local_reference};
use crate::problem::Problem;
use crate::terminology::{PS_ID_NAT, URI_SYSTEM};

/// Renders the transaction: both forms of the document, each a `Binary`; `DocumentReference`, `DiagnosticReport` and the Observations it names as results.
///
/// - The patient is a conditional reference by the number that may be sent: a server that does not know the patient
///   refuses the whole, and none is created there.
/// - `Binary` cannot be searched by identifier, so it is put under its own id, a UUID.
/// - A reference to what is not sent becomes a logical one, so that nothing dangles.
///
/// # Errors
/// Internal, if the id of the replaced document is no UUID.
pub fn render(
    report: &Report,
    document: &Document,
    issuer: &Issuer,
    sources: &Sources<'_>,
) -> Result<Value, Problem> {
    let results = sources.results();
    let relink = Relink::new(report, sources, issuer, &results);
    let final_report = diagnostic_report::render(sources.report, report, document);
    let links = Links {
        subject: relink.patient.clone(),
        binary: format!("Binary/{}", document.binary_id(Form::Cda)),
        report: Some(relink.full_url("DiagnosticReport", &report.id)),
        replaced: None,
    };
    let described = describe(report, document, issuer, &links)?;
    let binary = |form| {
        let id = document.binary_id(form);
        put(&format!("urn:uuid:{id}"), document.binary(form, true), &format!("Binary/{id}"))
    };
    let mut entries = vec![
        binary(Form::Pdf),
        binary(Form::Cda),
        put(
            &format!("urn:uuid:{}", document.edition.document_id),
            described,
            &format!("DocumentReference?identifier={URI_SYSTEM}|{}", document.unique_id()),
        ),
        relink.entry(&final_report),
    ];
    entries.extend(results.iter().map(|observation| relink.entry(observation)));
    Ok(json!({
        "resourceType": "Bundle",
        "identifier": {"system": URI_SYSTEM, "value": format!("urn:uuid:{}", document.edition.document_id)},
        "type": "transaction",
        "timestamp": instant(document.edition.at),
        "entry": entries,
    }))
}

fn put(full_url: &str, resource: Value, url: &str) -> Value {
    json!({"fullUrl": full_url, "resource": resource, "request": {"method": "PUT", "url": url}})
}

/// How the references of this server become references that the recipient can follow.
struct Relink {
    base_url: String,
    /// The patient's records here: their own, and those that were merged into it and are still named.
    patients_here: Vec<String>,
    patient: Value,
    author_here: Option<String>,
    author: Value,
    sent: Vec<String>,
}

impl Relink {
    fn new(report: &Report, sources: &Sources<'_>, issuer: &Issuer, results: &[&Value]) -> Self {
        let identifier = contained::identifier(&report.subject);
        let token = report.subject.identity.identifier().token();
        let mut author = json!({"type": "Practitioner", "display": report.author.name});
        if let Some(id) = &report.author.id {
            author["identifier"] = json!({"system": PS_ID_NAT, "value": id.value()});
        }
        let sent = results.iter().copied().chain([sources.report]).filter_map(local_reference);
        Self {
            base_url: issuer.base_url.clone(),
            patients_here: results
                .iter()
                .copied()
                .chain([sources.report])
                .filter_map(|one| text(one, "subject.reference"))
                .map(str::to_owned)
                .chain([report.subject.reference.clone()])
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
            patient: json!({"reference": format!("Patient?identifier={}", in_query(&token)), "identifier": identifier}),
            author_here: local_reference(sources.author),
            author,
            sent: sent.collect(),
        }
    }

    /// `fullUrl` of a resource that is sent: its UUID, else its address here.
    fn full_url(&self, rtype: &str, id: &str) -> String {
        if uuid::Uuid::try_parse(id).is_ok() {
            format!("urn:uuid:{id}")
        } else {
            format!("{}/{rtype}/{id}", self.base_url)
        }
    }

    /// A resource of ours, put under its business identifier; `id` and versions are the recipient's to give.
    fn entry(&self, resource: &Value) -> Value {
        let (rtype, id) =
            (text(resource, "resourceType").unwrap_or_default(), text(resource, "id").unwrap_or_default());
        let full_url = self.full_url(rtype, id);
        let identifier = json!({"use": "official", "system": URI_SYSTEM, "value": full_url});
        let mut sent = Map::new();
        sent.insert("resourceType", json!(rtype));
        if let Some(profile) = resource.get("meta").and_then(|meta| meta.get("profile")) {
            sent.insert("meta", json!({"profile": profile}));
        }
        let known = list(resource, "identifier").filter(|one| one["value"] != full_url.as_str()).cloned();
        sent.insert("identifier", Value::Array(known.chain([identifier]).collect()));
        let elements = resource.as_object().into_iter().flat_map(Map::members);
        for (name, value) in
            elements.filter(|(name, _)| !matches!(&***name, "resourceType" | "id" | "meta" | "identifier"))
        {
            sent.insert(name.clone(), self.relinked(value));
        }
        put(
            &full_url,
            Value::Object(sent),
            &format!("{rtype}?identifier={URI_SYSTEM}|{}", in_query(&full_url)),
        )
    }

    fn relinked(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.relinked(item)).collect(),
            Value::Object(elements) => match elements.get("reference").and_then(Value::as_str) {
                Some(reference) => self.reference(reference, elements),
                None => {
                    elements.members().map(|(name, value)| (name.clone(), self.relinked(value))).collect()
                }
            },
            other => other.clone(),
        }
    }

    fn reference(&self, reference: &str, elements: &Map) -> Value {
        if self.patients_here.iter().any(|patient| names(reference, patient)) {
            return self.patient.clone();
        }
        if self.author_here.as_ref().is_some_and(|author| names(reference, author)) {
            return self.author.clone();
        }
        if reference.starts_with('#') {
            return Value::Object(elements.clone());
        }
        let found =
            self.sent.iter().find(|sent| names(reference, sent)).and_then(|sent| sent.split_once('/'));
        if let Some((rtype, id)) = found {
            return json!({"reference": self.full_url(rtype, id)});
        }
        self.logical(reference, elements)
    }

    /// A reference by identifier alone: what it names stays here.
    fn logical(&self, reference: &str, elements: &Map) -> Value {
        let absolute = reference.contains("://") || reference.starts_with("urn:");
        let address = if absolute { reference.to_owned() } else { format!("{}/{reference}", self.base_url) };
        let mut logical = Map::new();
        if let Some((rtype, _)) = reference.split_once('/').filter(|_| !absolute) {
            logical.insert("type", json!(rtype));
        }
        let own = elements.get("identifier").cloned();
        logical.insert(
            "identifier".to_owned(),
            own.unwrap_or_else(|| json!({"system": URI_SYSTEM, "value": address})),
        );
        if let Some(display) = elements.get("display") {
            logical.insert("display", display.clone());
        }
        Value::Object(logical)
    }
}

/// A value as it stands in a query: what would end it or change its meaning is escaped.
fn in_query(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/|".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn rendered() -> Value {
        example::with_sources(|sources| {
            render(&example::report(), &example::document(), &example::issuer(), sources).unwrap()
        })
    }

    #[test]
    fn every_entry_can_be_repeated_without_creating_anything() {
        let bundle = rendered();
        let entries = bundle["entry"].as_array().unwrap();
        assert!(entries.len() > 4, "the results are not sent");
        for entry in entries {
            let url = entry["request"]["url"].as_str().unwrap();
            assert_eq!(entry["request"]["method"], "PUT");
            assert!(
                url.contains("?identifier=urn:ietf:rfc:3986|urn:") || url.starts_with("Binary/"),
                "{url}"
            );
        }
        assert_eq!(bundle.to_string(), rendered().to_string());
    }

    #[test]
    fn the_patient_is_named_by_the_qualified_number_only() {
        let text = rendered().to_string();
        assert!(text.contains("Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|279035121518989"));
        assert!(!text.contains("\"Patient/"), "an id of this server leaves it");
    }

    #[test]
    fn a_reference_to_what_is_not_sent_is_logical() {
        let text = rendered().to_string();
        assert!(!text.contains("\"reference\":\"QuestionnaireResponse/"));
        assert!(text.contains("https://vigie.chu.example/fhir/QuestionnaireResponse/"));
    }

    #[test]
    fn a_number_with_signs_of_a_query_is_escaped() {
        assert_eq!(in_query("s|a&b=c d"), "s|a%26b%3Dc%20d");
    }

    #[test]
    fn base_r4_finds_no_fault() {
        let issues = crate::fhir::structure::check(&rendered());
        let errors: Vec<_> =
            issues.iter().filter(|one| one.severity >= crate::problem::Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}
