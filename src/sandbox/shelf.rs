//! What a peer keeps: resources in memory, changed by whole transactions only (FHIR R4 `RESTful` API, 3.1.0.11.2).

mod change;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::json::{Map, Value, json};

use crate::fhir::element::{list, str_at};
use crate::fhir::identifier::Identifier;
use crate::problem::{Category, Problem};

/// The resources of one peer.
#[derive(Clone)]
pub(super) struct Shelf {
    /// Shared with the state before a transaction: a copy of the shelf copies no resource.
    resources: Vec<Arc<Value>>,
    /// Where each `Type/id` stands among them, and all that a `Type?token` names.
    places: HashMap<String, usize>,
    named: HashMap<String, BTreeSet<usize>>,
    drawn: u64,
    /// Whether a patient named by an identifier is taken for known.
    pub(super) open: bool,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { resources: Vec::new(), places: HashMap::new(), named: HashMap::new(), drawn: 0, open: true }
    }
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) reference: String,
    pub(super) version: u64,
    pub(super) created: bool,
}

/// What one entry asks for, once its place is known.
struct Plan<'a> {
    rtype: String,
    id: String,
    created: bool,
    /// None when `ifNoneExist` found the resource, which stays as it is, and for a patch.
    resource: Option<&'a Value>,
    /// The status that a patch of MHD sets.
    status: Option<&'a str>,
}

impl Shelf {
    pub(super) fn of_type<'a>(&'a self, rtype: &'a str) -> impl Iterator<Item = &'a Value> {
        let all = self.resources.iter().map(AsRef::as_ref);
        all.filter(move |resource| str_at(resource, "resourceType") == Some(rtype))
    }

    pub(super) fn read(&self, rtype: &str, id: &str) -> Option<&Value> {
        self.place(rtype, id).map(|n| self.resources[n].as_ref())
    }

    fn place(&self, rtype: &str, id: &str) -> Option<usize> {
        self.places.get(&format!("{rtype}/{id}")).copied()
    }

    /// Keeps a new resource, or another version of the one in that place.
    fn keep(&mut self, place: Option<usize>, resource: Value) {
        let rtype = str_at(&resource, "resourceType").unwrap_or_default().to_owned();
        let n = place.unwrap_or(self.resources.len());
        if let Some(before) = self.resources.get(n) {
            for token in tokens(before) {
                self.named.entry(format!("{rtype}?{token}")).or_default().remove(&n);
            }
        }
        for token in tokens(&resource) {
            self.named.entry(format!("{rtype}?{token}")).or_default().insert(n);
        }
        self.places.insert(format!("{rtype}/{}", str_at(&resource, "id").unwrap_or_default()), n);
        match self.resources.get_mut(n) {
            Some(kept) => *kept = Arc::new(resource),
            None => self.resources.push(Arc::new(resource)),
        }
    }

    /// The resources of a type that this token names.
    pub(super) fn named<'a>(&'a self, rtype: &str, token: &str) -> impl Iterator<Item = &'a Value> {
        let places = self.named.get(&format!("{rtype}?{token}")).into_iter().flatten();
        places.map(|n| self.resources[*n].as_ref())
    }

    pub(super) fn admit(&mut self, mut patient: Value) {
        let id = self.draw();
        patient["id"] = json!(id);
        patient["meta"] = json!({"versionId": "1"});
        self.keep(None, patient);
    }

    /// Does all entries or none. The same transaction again changes nothing.
    pub(super) fn transaction(&mut self, bundle: &Value) -> Result<Vec<Done>, Problem> {
        let mut after = self.clone();
        let entries: Vec<&Value> = list(bundle, "entry").collect();
        let mut plans = Vec::with_capacity(entries.len());
        let mut places = BTreeMap::new();
        for (n, entry) in entries.iter().enumerate() {
            let plan = after.plan(entry).map_err(|problem| problem.at(&format!("Bundle.entry[{n}]")))?;
            let place = format!("{}/{}", plan.rtype, plan.id);
            if let Some(full_url) = str_at(entry, "fullUrl") {
                places.insert(full_url.to_owned(), place.clone());
            }
            plans.push(plan);
        }
        let mut done = Vec::with_capacity(plans.len());
        for (n, plan) in plans.into_iter().enumerate() {
            done.push(
                after.apply(plan, &places).map_err(|problem| problem.at(&format!("Bundle.entry[{n}]")))?,
            );
        }
        *self = after;
        Ok(done)
    }

    fn plan<'a>(&mut self, entry: &'a Value) -> Result<Plan<'a>, Problem> {
        let resource = entry.get("resource").ok_or_else(|| invalid("the entry has no resource"))?;
        let rtype = str_at(resource, "resourceType").unwrap_or_default();
        let method = str_at(entry, "request.method").unwrap_or_default();
        let url = str_at(entry, "request.url").unwrap_or_default();
        if let ("PATCH", Some((to, query))) = (method, url.split_once('?')) {
            let found = self.only_match(to, query)?;
            let id = found.ok_or_else(|| {
                Problem::new(
                    Category::PreconditionFailed,
                    "not-found",
                    format!("no {to} is known by that identifier"),
                )
            })?;
            let part = list(resource, "parameter").flat_map(|operation| list(operation, "part"));
            let value = part.filter(|part| str_at(part, "name") == Some("value"));
            let status = value.filter_map(|part| str_at(part, "valueCode")).next();
            return Ok(Plan { rtype: to.to_owned(), id, created: false, resource: None, status });
        }
        let (id, created, kept) = match (method, url.split_once('?'), url.split_once('/')) {
            ("POST", None, None) if url == rtype => match str_at(entry, "request.ifNoneExist") {
                Some(query) => {
                    let found = self.only_match(rtype, query)?;
                    let kept = found.is_none();
                    (found.clone().unwrap_or_else(|| self.draw()), found.is_none(), kept)
                }
                None => (self.draw(), true, true),
            },
            ("PUT", Some((to, query)), _) if to == rtype => {
                let found = self.only_match(rtype, query)?;
                (found.clone().unwrap_or_else(|| self.draw()), found.is_none(), true)
            }
            ("PUT", None, Some((to, id))) if to == rtype && crate::fhir::reference::is_id(id) => {
                (id.to_owned(), self.read(rtype, id).is_none(), true)
            }
            _ => {
                return Err(Problem::new(
                    Category::NotSupported,
                    "not-supported",
                    "an entry creates (POST Type) or updates (PUT Type/id, PUT Type?identifier=…) the resource it carries",
                ));
            }
        };
        Ok(Plan { rtype: rtype.to_owned(), id, created, resource: kept.then_some(resource), status: None })
    }

    fn apply(&mut self, plan: Plan<'_>, places: &BTreeMap<String, String>) -> Result<Done, Problem> {
        let reference = format!("{}/{}", plan.rtype, plan.id);
        let place = self.place(&plan.rtype, &plan.id);
        let known = place.map(|n| Arc::clone(&self.resources[n]));
        let version = known.as_deref().map_or(0, version);
        if let Some(status) = plan.status {
            return Ok(self.set_status(&reference, status));
        }
        let Some(resource) = plan.resource else {
            return Ok(Done { reference, version, created: false });
        };
        let mut kept = self.settled(resource, places)?;
        kept["id"] = json!(plan.id);
        kept["meta"]["versionId"] = json!(version.to_string());
        if known.as_deref() == Some(&kept) {
            return Ok(Done { reference, version, created: false });
        }
        kept["meta"]["versionId"] = json!((version + 1).to_string());
        self.keep(place, kept);
        Ok(Done { reference, version: version + 1, created: plan.created })
    }

    /// Sets the status of a document; the same status again changes nothing.
    fn set_status(&mut self, reference: &str, status: &str) -> Done {
        let mut version_now = 0;
        if let Some(n) = reference.split_once('/').and_then(|(rtype, id)| self.place(rtype, id)) {
            let known = Arc::make_mut(&mut self.resources[n]);
            version_now = version(known);
            if str_at(known, "status") != Some(status) {
                version_now += 1;
                known["status"] = json!(status);
                known["meta"]["versionId"] = json!(version_now.to_string());
            }
        }
        Done { reference: reference.to_owned(), version: version_now, created: false }
    }

    /// Keeps a description that came with its document in it: the document becomes a Binary, what it replaces is
    /// superseded. The same unique id again finds what is kept.
    pub(super) fn publish(&mut self, described: &Value) -> Result<(Value, bool), Problem> {
        let unique = described.get("masterIdentifier").and_then(Identifier::of);
        let unique = unique.ok_or_else(|| invalid("the description has no unique id"))?.token();
        if let Some(known) = self.named("DocumentReference", &unique).next() {
            return Ok((known.clone(), false));
        }
        let mut after = self.clone();
        let binary = after.draw();
        let mut kept = after.settled(described, &BTreeMap::new())?;
        let attachment = &mut kept["content"][0]["attachment"];
        after.keep(
            None,
            json!({
                "resourceType": "Binary",
                "id": binary,
                "meta": {"versionId": "1"},
                "contentType": attachment["contentType"],
                "data": attachment["data"].take(),
            }),
        );
        attachment["url"] = json!(format!("Binary/{binary}"));
        attachment.as_object_mut().and_then(|members| members.remove("data"));
        let replaced: Vec<String> = list(described, "relatesTo")
            .filter(|relation| str_at(relation, "code") == Some("replaces"))
            .filter_map(|relation| Some(Identifier::of(relation.get("target")?.get("identifier")?)?.token()))
            .filter_map(|token| {
                let known = after.named("DocumentReference", &token).next()?;
                Some(format!("DocumentReference/{}", str_at(known, "id")?))
            })
            .collect();
        replaced.iter().for_each(|reference| drop(after.set_status(reference, "superseded")));
        kept["id"] = json!(after.draw());
        kept["meta"]["versionId"] = json!("1");
        after.keep(None, kept.clone());
        *self = after;
        Ok((kept, true))
    }

    /// The value with every address of the bundle and every condition turned into a reference of this peer.
    fn settled(&mut self, value: &Value, places: &BTreeMap<String, String>) -> Result<Value, Problem> {
        Ok(match value {
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.settled(item, places)).collect::<Result<_, _>>()?)
            }
            Value::Object(elements) => {
                let mut settled = Map::new();
                for (name, value) in elements.members() {
                    let value = match value.as_str() {
                        Some(text) if name == "reference" || name == "url" => {
                            json!(self.address(name, text, places)?)
                        }
                        _ => self.settled(value, places)?,
                    };
                    settled.insert(name.clone(), value);
                }
                Value::Object(settled)
            }
            other => other.clone(),
        })
    }

    fn address(
        &mut self,
        name: &str,
        text: &str,
        places: &BTreeMap<String, String>,
    ) -> Result<String, Problem> {
        if let Some(place) = places.get(text) {
            return Ok(place.clone());
        }
        if name == "reference" && text.starts_with("urn:") {
            return Err(invalid("a reference names an entry that is not in the Bundle"));
        }
        match text.split_once('?') {
            Some((rtype, query)) if name == "reference" && !text.contains("://") => {
                let found = self.only_match(rtype, query)?;
                let found = found.or_else(|| self.taken_for_known(rtype, query));
                let id = found.ok_or_else(|| {
                    Problem::new(
                        Category::PreconditionFailed,
                        "not-found",
                        format!("no {rtype} is known by that identifier"),
                    )
                })?;
                Ok(format!("{rtype}/{id}"))
            }
            _ => Ok(text.to_owned()),
        }
    }

    /// A patient that the record is taken to know, though nobody told the sandbox.
    fn taken_for_known(&mut self, rtype: &str, query: &str) -> Option<String> {
        let identifier = Identifier::parse(&token(query).ok()?)?;
        if rtype != "Patient" || !self.open || identifier.system.is_empty() {
            return None;
        }
        self.admit(json!({
            "resourceType": "Patient",
            "identifier": [{"system": identifier.system, "value": identifier.value}],
        }));
        Some(self.drawn.to_string())
    }

    /// Id of the one resource that a condition names, if there is one.
    fn only_match(&self, rtype: &str, query: &str) -> Result<Option<String>, Problem> {
        let token = token(query)?;
        let mut found = self.named(rtype, &token);
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(one), None) => Ok(str_at(one, "id").map(str::to_owned)),
            (Some(_), Some(_)) => Err(Problem::new(
                Category::PreconditionFailed,
                "multiple-matches",
                "the condition names several resources",
            )),
        }
    }

    fn draw(&mut self) -> String {
        self.drawn += 1;
        self.drawn.to_string()
    }
}

/// The tokens that name a resource: its identifiers.
pub(super) fn tokens(resource: &Value) -> BTreeSet<String> {
    let master = resource.get("masterIdentifier").into_iter();
    list(resource, "identifier").chain(master).filter_map(Identifier::of).map(|one| one.token()).collect()
}

fn version(resource: &Value) -> u64 {
    crate::fhir::meta::version(resource).unwrap_or(0)
}

fn invalid(what: &str) -> Problem {
    Problem::new(Category::Invalid, "invalid", what)
}

/// The token of a condition `identifier=system|value`; no other condition is known here.
fn token(query: &str) -> Result<String, Problem> {
    let value = query.strip_prefix("identifier=").filter(|value| !value.contains('&'));
    let value = value.ok_or_else(|| invalid("the only condition known here is identifier=system|value"))?;
    decoded(value).ok_or_else(|| invalid("the condition is not percent-encoded rightly"))
}

fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let hex = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(note: &str) -> Value {
        json!({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"fullUrl": "urn:uuid:r", "resource": {"resourceType": "DiagnosticReport", "conclusion": note,
                "identifier": [{"system": "s", "value": "r"}], "subject": {"reference": "Patient?identifier=s|a%26b"},
                "result": [{"reference": "urn:uuid:o"}], "presentedForm": [{"url": "Binary/b"}]},
                "request": {"method": "PUT", "url": "DiagnosticReport?identifier=s|r"}},
            {"fullUrl": "urn:uuid:o", "resource": {"resourceType": "Observation", "identifier": [{"system": "s", "value": "o"}]},
                "request": {"method": "POST", "url": "Observation", "ifNoneExist": "identifier=s|o"}},
            {"fullUrl": "urn:uuid:b", "resource": {"resourceType": "Binary", "data": "AA=="},
                "request": {"method": "PUT", "url": "Binary/b"}},
        ]})
    }

    fn versions(done: &[Done]) -> Vec<(u64, bool)> {
        done.iter().map(|done| (done.version, done.created)).collect()
    }

    #[test]
    fn the_same_transaction_again_changes_nothing_and_another_makes_one_new_version() {
        let mut shelf = Shelf::default();
        assert_eq!(
            versions(&shelf.transaction(&transaction("a")).unwrap()),
            [(1, true), (1, true), (1, true)]
        );
        let before = shelf.resources.clone();
        assert_eq!(
            versions(&shelf.transaction(&transaction("a")).unwrap()),
            [(1, false), (1, false), (1, false)]
        );
        assert_eq!(shelf.resources, before);
        assert_eq!(
            versions(&shelf.transaction(&transaction("b")).unwrap()),
            [(2, false), (1, false), (1, false)]
        );
    }

    #[test]
    fn references_into_the_bundle_and_conditions_become_references_of_the_peer() {
        let mut shelf = Shelf::default();
        shelf.transaction(&transaction("a")).unwrap();
        let report = shelf.of_type("DiagnosticReport").next().unwrap();
        let patient = shelf.of_type("Patient").next().unwrap();
        assert_eq!(patient["identifier"][0]["value"], "a&b");
        assert_eq!(report["subject"]["reference"], format!("Patient/{}", patient["id"].as_str().unwrap()));
        let result = report["result"][0]["reference"].as_str().unwrap();
        assert!(shelf.read("Observation", result.trim_start_matches("Observation/")).is_some(), "{result}");
    }

    #[test]
    fn an_unknown_patient_refuses_the_whole_when_the_register_is_closed() {
        let mut shelf = Shelf { open: false, ..Shelf::default() };
        let problem = shelf.transaction(&transaction("a")).unwrap_err();
        assert_eq!(problem.category, Category::PreconditionFailed);
        assert!(shelf.resources.is_empty(), "half a transaction was kept");
    }

    #[test]
    fn a_reference_out_of_the_bundle_refuses_the_whole() {
        let mut bundle = transaction("a");
        bundle["entry"][0]["resource"]["result"][0]["reference"] = json!("urn:uuid:absent");
        assert!(Shelf::default().transaction(&bundle).is_err());
    }
}
