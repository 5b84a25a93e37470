//! The `CapabilityStatement` (R4 `capabilitystatement.html`), made from the route table and the search parameters.

use crate::json::{Value, json};

use super::route::{Interaction, ROUTES, Route};
use crate::fhir::{SERVED, is_writable, search};
use crate::terminology::BASE;

/// What this server can do, as instance.
#[must_use]
pub fn statement(base_url: &str) -> Value {
    json!({
        "resourceType": "CapabilityStatement",
        "id": "vigie",
        "url": format!("{BASE}/CapabilityStatement/vigie"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": "Vigie",
        "title": "Vigie, remote monitoring in oncology",
        "status": "active",
        "date": "2026-11-22",
        "publisher": "Vigie",
        "kind": "instance",
        "instantiates": [
            "http://hl7.org/fhir/uv/sdc/CapabilityStatement/sdc-form-manager",
            "http://hl7.org/fhir/uv/sdc/CapabilityStatement/sdc-form-receiver",
            "http://hl7.org/fhir/uv/sdc/CapabilityStatement/sdc-form-response-manager"
        ],
        "software": { "name": "Vigie", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "Vigie", "url": base_url },
        "fhirVersion": "4.0.1",
        "format": ["json", "application/fhir+json", "xml", "application/fhir+xml"],
        "rest": [{
            "mode": "server",
            "documentation": "An unknown search parameter is refused, or ignored under Prefer: handling=lenient. Nothing authenticates callers yet: loopback only.",
            "resource": SERVED.iter().map(|rtype| resource(rtype)).collect::<Vec<_>>(),
            "interaction": [{ "code": "batch" }, { "code": "transaction" }, { "code": "history-system" }],
            "compartment": ["http://hl7.org/fhir/CompartmentDefinition/patient"],
            "operation": operations("")
        }]
    })
}

fn resource(rtype: &str) -> Value {
    let parameters: Vec<Value> = search::parameters(rtype)
        .iter()
        .map(|parameter| {
            json!({ "name": parameter.name, "definition": parameter.url, "type": parameter.kind.code() })
        })
        .collect();
    let includes: Vec<String> =
        search::references(rtype).map(|one| format!("{rtype}:{}", one.name)).collect();
    let reverse: Vec<String> = SERVED
        .iter()
        .flat_map(|from| search::references(from).map(move |one| (from, one)))
        .filter(|(_, parameter)| parameter.refers_to(rtype))
        .map(|(from, parameter)| format!("{from}:{}", parameter.name))
        .collect();
    let mut entry = json!({
        "type": rtype,
        "interaction": interactions(rtype),
        "versioning": "versioned",
        "readHistory": true,
        "updateCreate": is_writable(rtype),
        "conditionalCreate": is_writable(rtype),
        "conditionalRead": "full-support",
        "conditionalUpdate": is_writable(rtype),
        "conditionalDelete": if is_writable(rtype) { "single" } else { "not-supported" },
        "referencePolicy": ["literal", "logical", "enforced"],
        "searchParam": parameters
    });
    for (name, list) in [("searchInclude", includes), ("searchRevInclude", reverse)] {
        if !list.is_empty() {
            entry[name] = list.into();
        }
    }
    if let Some((profile, documentation)) = documented(rtype) {
        entry["documentation"] = documentation.into();
        if let Some(profile) = profile {
            entry["supportedProfile"] = json!([profile]);
        }
    }
    let operations = operations(rtype);
    if operations.as_array().is_some_and(|list| !list.is_empty()) {
        entry["operation"] = operations;
    }
    entry
}

/// The profile of what this service writes of a type, and which actor of a guide it serves with it.
fn documented(rtype: &str) -> Option<(Option<&'static str>, &'static str)> {
    match rtype {
        "AuditEvent" => Some((
            Some("https://interop.esante.gouv.fr/ig/fhir/tde/StructureDefinition/tde-auditevent"),
            "What was sent to whom, and what came back. Written by this service alone.",
        )),
        "Binary" => Some((
            None,
            "IHE MHD Document Responder, ITI-68: who does not ask for FHIR by its media type gets the bytes under theirs.",
        )),
        "DocumentReference" => Some((
            Some(
                "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-comprehensive-document-reference",
            ),
            "IHE MHD Document Responder, ITI-67 (PDSm flow 05b): a query names the patient and the status; without a status it is \
             answered with a warning. Submission sets (List, ITI-66) are not kept here. Engines poll by _lastUpdated.",
        )),
        "Patient" => Some((
            None,
            "Searches of other types that name a patient, its compartment and $everything find what belongs to the records that were \
             merged into it, too (link of type replaced-by).",
        )),
        _ => None,
    }
}

fn interactions(rtype: &str) -> Vec<Value> {
    ROUTES
        .iter()
        .filter(|route| route.path.starts_with("/{type}") && route.serves(rtype))
        .filter_map(code)
        .map(|code| json!({ "code": code }))
        .collect()
}

fn code(route: &Route) -> Option<&'static str> {
    match route.interaction {
        Interaction::Create => Some("create"),
        Interaction::SearchType => Some("search-type"),
        Interaction::Read => Some("read"),
        Interaction::Vread => Some("vread"),
        Interaction::Update => Some("update"),
        Interaction::Patch => Some("patch"),
        Interaction::Delete => Some("delete"),
        Interaction::History if route.path.contains("{id}") => Some("history-instance"),
        Interaction::History => Some("history-type"),
        _ => None,
    }
}

/// Operations of a type and of one of its resources; without a type, those of the whole service.
fn operations(rtype: &str) -> Value {
    let mut names: Vec<&str> = Vec::new();
    for route in ROUTES.iter().filter(|route| rtype.is_empty() || route.serves(rtype)) {
        let Some((of, name)) = route.path.split_once("/$") else { continue };
        let of = of.strip_suffix("/{id}").unwrap_or(of).trim_start_matches('/');
        if (of == rtype || (of == "{type}" && !rtype.is_empty())) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| {
            let definition = if name == "everything" {
                "http://hl7.org/fhir/OperationDefinition/Patient-everything".to_owned()
            } else if name == "validate" {
                "http://hl7.org/fhir/OperationDefinition/Resource-validate".to_owned()
            } else {
                format!("{BASE}/OperationDefinition/{name}")
            };
            json!({ "name": name, "definition": definition })
        })
        .collect()
}
