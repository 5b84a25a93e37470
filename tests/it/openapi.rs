//! `openapi.yaml`, the route table, the search parameters and the `CapabilityStatement` say the same, and every
//! example of the contract is accepted by the service.

use std::collections::{BTreeMap, BTreeSet};

use vigie::fhir::{self, SERVED, search};
use vigie::http::answers;
use vigie::http::capability;
use vigie::http::route::{Interaction, ROUTES, Route};
use vigie::interaction::{DELIVERY_FILTERS, MEMBERS};
use vigie::json::{Value, json};

use crate::process::Service;

/// Parameters that every search takes beside those of its type.
const OF_EVERY_SEARCH: &[&str] =
    &["_count", "_sort", "_total", "_summary", "_elements", "_include", "_revinclude", "_cursor"];

/// What tells that the client has a version already.
const KNOWN: &[&str] = &["If-None-Match", "If-Modified-Since"];

/// Examples in an order in which each finds what it refers to.
const ORDER: &[&str] = &[
    "Organization",
    "Patient",
    "Practitioner",
    "PractitionerRole",
    "CodeSystem",
    "ValueSet",
    "Questionnaire",
    "ActivityDefinition",
    "PlanDefinition",
    "CarePlan",
    "Consent",
    "QuestionnaireResponse",
    "Flag",
    "Task",
    "Observation",
    "Communication",
    "DiagnosticReport",
    "DocumentReference",
    "Binary",
    "Provenance",
];

fn contract() -> Value {
    serde_yaml_ng::from_str(include_str!("../../openapi.yaml")).unwrap()
}

/// What a `$ref` within the contract leads to, or the value itself.
fn resolved<'a>(contract: &'a Value, value: &'a Value) -> &'a Value {
    let Some(place) = value["$ref"].as_str() else { return value };
    let pointer = place.strip_prefix('#').unwrap_or_else(|| panic!("{place} leads out of the contract"));
    contract.pointer(pointer).unwrap_or_else(|| panic!("{place} leads nowhere"))
}

/// Path, method and route of everything that is served.
fn served() -> Vec<(String, String, &'static Route)> {
    let mut all = Vec::new();
    for route in ROUTES {
        let method = route.method.to_lowercase();
        let types: Vec<&str> = match route.path {
            path if path.contains("{type}") => {
                SERVED.iter().copied().filter(|rtype| route.serves(rtype)).collect()
            }
            path if path.contains("{member}") => MEMBERS.iter().map(|(rtype, _)| *rtype).collect(),
            _ => vec![""],
        };
        let path = |rtype: &&str| route.path.replace("{type}", rtype).replace("{member}", rtype);
        all.extend(types.iter().map(|rtype| (path(rtype), method.clone(), route)));
    }
    all
}

/// The parameters of an operation, those of its path among them, as `place name`.
fn parameters(contract: &Value, path: &str, method: &str) -> BTreeSet<String> {
    let item = &contract["paths"][path];
    let lists = [&item["parameters"], &item[method]["parameters"]];
    let all = lists.into_iter().filter_map(Value::as_array).flatten();
    all.map(|parameter| {
        let parameter = resolved(contract, parameter);
        format!("{} {}", parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap())
    })
    .collect()
}

#[test]
fn paths_and_methods_are_the_routes() {
    let contract = contract();
    let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
    let mut described = BTreeSet::new();
    for (path, item) in contract["paths"].as_object().unwrap() {
        let given = methods.iter().filter(|method| item.get(**method).is_some());
        described.extend(given.map(|method| format!("{method} {path}")));
    }
    let routed: BTreeSet<_> =
        served().into_iter().map(|(path, method, _)| format!("{method} {path}")).collect();
    assert_eq!(described, routed);
}

#[test]
fn what_is_said_twice_is_a_component() {
    let contract = contract();
    let mut said = BTreeSet::new();
    for (path, method, _) in served() {
        let operation = &contract["paths"][&path][&method];
        let responses = operation["responses"].as_object().unwrap().values();
        for block in responses.chain(operation.get("requestBody")).filter(|block| block["$ref"].is_null()) {
            assert!(
                said.insert(block.to_string()),
                "{method} {path}: a block is said elsewhere too: {block}"
            );
        }
    }
}

#[test]
fn every_operation_has_an_id_of_its_own() {
    let contract = contract();
    let ids: BTreeSet<_> = served()
        .iter()
        .map(|(path, method, _)| contract["paths"][path][method]["operationId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), served().len());
}

#[test]
fn parameters_are_those_that_are_read() {
    let contract = contract();
    for (path, method, route) in served() {
        let mut expected: BTreeSet<String> = BTreeSet::new();
        let mut add = |place: &str, names: &[&str]| {
            expected.extend(names.iter().map(|name| format!("{place} {name}")));
        };
        if route.path.contains("{id}") {
            add("path", &["id"]);
        }
        match route.interaction {
            Interaction::Live | Interaction::Ready | Interaction::Metrics | Interaction::OpenApi => {}
            _ => add("query", &["_format", "_pretty"]),
        }
        match route.interaction {
            Interaction::Capabilities => add("query", &["mode"]),
            Interaction::Read => {
                add("query", &["_summary", "_elements"]);
                add("header", KNOWN);
            }
            Interaction::Vread => {
                add("path", &["version"]);
                add("query", &["_summary", "_elements"]);
                add("header", KNOWN);
            }
            Interaction::History => add("query", &["_since", "_at", "_count", "_sort", "_cursor"]),
            Interaction::UpdateWhere | Interaction::PatchWhere | Interaction::DeleteWhere => {
                add("header", &["If-Match", "Prefer"]);
                add("query", &["criteria"]);
            }
            Interaction::Bundle => add("header", &["Prefer"]),
            Interaction::Create => {
                add("header", &["If-None-Exist", "Prefer"]);
                add("query", &["criteria"]);
            }
            Interaction::Update | Interaction::Patch | Interaction::Delete => {
                add("header", &["If-Match", "Prefer"]);
            }
            Interaction::Deliveries => add("query", DELIVERY_FILTERS),
            Interaction::SearchType | Interaction::SearchCompartment => {
                add("query", OF_EVERY_SEARCH);
                add("header", &["Prefer"]);
                let rtype = path.rsplit('/').next().unwrap();
                let own: Vec<_> = search::parameters(rtype).iter().map(|p| p.name).collect();
                add("query", &own);
            }
            Interaction::SearchForm | Interaction::PeriodReport | Interaction::Visibility => {
                add("header", &["Prefer"]);
            }
            Interaction::Everything => add("query", &["_count", "_type", "_since", "_cursor"]),
            _ => {}
        }
        assert_eq!(parameters(&contract, &path, &method), expected, "{method} {path}");
    }
}

#[test]
fn every_status_that_can_be_answered_is_described() {
    let contract = contract();
    for (path, method, route) in served() {
        let operation = &contract["paths"][&path][&method];
        let described: Vec<u16> =
            operation["responses"].as_object().unwrap().keys().map(|code| code.parse().unwrap()).collect();
        assert_eq!(described, answers::statuses(route.interaction), "{method} {path}");
        assert_eq!(
            operation.get("requestBody").is_some(),
            answers::takes_body(route.interaction),
            "{method} {path}"
        );
        for (code, response) in operation["responses"].as_object().unwrap() {
            if code.starts_with(['4', '5']) {
                let content = &resolved(&contract, response)["content"];
                assert_eq!(
                    content["application/fhir+json"]["schema"]["$ref"],
                    "#/components/schemas/OperationOutcome",
                    "{method} {path} {code}"
                );
            }
        }
    }
}

#[test]
fn whatever_is_said_in_json_can_be_said_in_xml() {
    fn walk(value: &Value, place: &str) {
        if let Some(members) = value.as_object() {
            if members.contains_key("application/fhir+json") {
                assert!(members.contains_key("application/fhir+xml"), "{place} has no application/fhir+xml");
            }
            members.iter().for_each(|(name, value)| walk(value, &format!("{place}/{name}")));
        }
    }
    walk(&contract(), "");
}

#[test]
fn the_capability_statement_says_what_the_contract_says() {
    let statement = capability::statement("http://127.0.0.1:8080");
    assert_eq!(fhir::structure::check(&statement), [], "{statement:#}");
    let contract = contract();
    let rest = &statement["rest"][0];
    let resources = rest["resource"].as_array().unwrap();
    let types: Vec<_> = resources.iter().map(|resource| resource["type"].as_str().unwrap()).collect();
    assert_eq!(types, SERVED);
    for resource in resources {
        let rtype = resource["type"].as_str().unwrap();
        let codes: BTreeSet<_> =
            resource["interaction"].as_array().unwrap().iter().map(|i| i["code"].as_str().unwrap()).collect();
        let path = |end: &str| contract["paths"][format!("/{rtype}{end}")].clone();
        let described = [
            ("create", path("").get("post").is_some()),
            ("search-type", path("").get("get").is_some()),
            ("read", path("/{id}").get("get").is_some()),
            ("update", path("/{id}").get("put").is_some()),
            ("patch", path("/{id}").get("patch").is_some()),
            ("delete", path("/{id}").get("delete").is_some()),
            ("history-type", path("/_history").get("get").is_some()),
            ("history-instance", path("/{id}/_history").get("get").is_some()),
            ("vread", path("/{id}/_history/{version}").get("get").is_some()),
        ];
        assert_eq!(
            codes,
            described.iter().filter(|(_, there)| *there).map(|(code, _)| *code).collect(),
            "{rtype}"
        );
        let declared: BTreeMap<_, _> = resource["searchParam"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| (p["name"].as_str().unwrap(), p["type"].as_str().unwrap()))
            .collect();
        let known: BTreeMap<_, _> =
            search::parameters(rtype).iter().map(|p| (p.name, p.kind.code())).collect();
        assert_eq!(declared, known, "{rtype}");
        let mut described = described_operations(&contract, &format!("/{rtype}/$"));
        described.extend(described_operations(&contract, &format!("/{rtype}/{{id}}/$")));
        assert_eq!(operations(resource), described, "{rtype}");
    }
    assert_eq!(operations(rest), described_operations(&contract, "/$"));
}

fn operations(declared: &Value) -> BTreeSet<String> {
    let list = declared["operation"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|operation| operation["name"].as_str().unwrap().to_owned()).collect()
}

fn described_operations(contract: &Value, prefix: &str) -> BTreeSet<String> {
    let paths = contract["paths"].as_object().unwrap().keys();
    paths.filter_map(|path| path.strip_prefix(prefix)).map(str::to_owned).collect()
}

#[test]
fn every_example_is_sound_and_shown() {
    let contract = contract();
    let examples = contract["components"]["examples"].as_object().unwrap();
    for (name, example) in examples {
        assert_eq!(fhir::structure::check(&example["value"]), [], "{name}");
    }
    let order: BTreeSet<_> = ORDER.iter().collect();
    let written: BTreeSet<_> = SERVED.iter().filter(|rtype| fhir::is_writable(rtype)).collect();
    assert_eq!(order, written, "one example for each type that clients write");
    let mut shown = BTreeSet::new();
    for (path, method, route) in served() {
        if answers::takes_body(route.interaction) && route.interaction != Interaction::SearchForm {
            let content = &resolved(&contract, &contract["paths"][&path][&method]["requestBody"])["content"];
            let given = content["application/fhir+json"]["examples"].as_object().unwrap();
            for example in given.values() {
                let place = example["$ref"].as_str().unwrap();
                resolved(&contract, example);
                shown.insert(place.rsplit('/').next().unwrap().to_owned());
            }
        }
    }
    assert_eq!(shown, examples.keys().map(str::to_owned).collect());
}

#[tokio::test]
async fn a_fresh_service_takes_every_example() {
    let contract = contract();
    let example = |name: &str| contract["components"]["examples"][name]["value"].clone();
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    for rtype in ORDER {
        let resource = example(rtype);
        let path = format!("/{rtype}/{}", resource["id"].as_str().unwrap());
        let (status, answer) = service.send("PUT", &path, bytes(&resource)).await.unwrap();
        assert_eq!(status, 201, "PUT {path}: {answer:#}");
        let (status, answer) = service.send("PUT", &path, bytes(&answer)).await.unwrap();
        assert_eq!(status, 200, "PUT {path} again: {answer:#}");
        if !search::parameters(rtype).iter().any(|parameter| parameter.name == "url") {
            let (status, answer) =
                service.send("POST", &format!("/{rtype}"), bytes(&resource)).await.unwrap();
            assert!(matches!(status, 200 | 201), "POST /{rtype}: {status} {answer:#}");
        }
    }
    for (path, method, route) in served().into_iter().filter(|(path, ..)| path.contains('$')) {
        let content = &resolved(&contract, &contract["paths"][&path][&method]["requestBody"])["content"];
        let given = content["application/fhir+json"]["examples"].as_object().cloned().unwrap_or_default();
        for shown in given.values() {
            let body = bytes(&resolved(&contract, shown)["value"]);
            let path = path.replace("{id}", example("Patient")["id"].as_str().unwrap());
            let (status, answer) = service.send("POST", &path, body).await.unwrap();
            assert!(answers::statuses(route.interaction).contains(&status), "{path}: {status} {answer:#}");
            assert_ne!(status, 500, "{answer:#}");
            assert!(route.interaction != Interaction::PeriodReport || status == 201, "{answer:#}");
            assert_eq!(fhir::structure::check(&answer), [], "{path}: {answer:#}");
        }
    }
}

#[tokio::test]
async fn the_service_gives_the_contract_and_its_statement() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let answer = reqwest::get(service.at("/openapi.yaml")).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/yaml");
    assert_eq!(answer.text().await.unwrap(), include_str!("../../openapi.yaml"));
    let (status, statement) = service.get("/metadata").await;
    assert_eq!(status, 200);
    assert_eq!(statement["implementation"]["url"], json!(service.at("")));
}

fn bytes(resource: &Value) -> Vec<u8> {
    resource.to_string().into_bytes()
}
