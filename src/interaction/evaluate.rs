//! `QuestionnaireResponse/$evaluate`: what a submission would create, and what each rule did; nothing is stored.

use std::sync::Arc;

use crate::json::{Map, Value, json};
use jiff::Timestamp;

use super::library::Shelf;
use super::operation::Parts;
use super::submit::decide::{self, Judgement, Origin, Situation};
use super::submit::{self, Following, RESPONSE, history};
use super::update::Before;
use super::{Context, Library, content, incoming, meaning};
use crate::clock::SeededIds;
use crate::fhir::{Document, Reading, bundle, element, meta, outcome, structure};
use crate::judgement::{Outcome, Truth};
use crate::problem::{Issue, Problem};
use crate::rules::Explained;

/// What `$evaluate` takes.
const PARAMETERS: &[&str] =
    &["response", "previous", "patient", "careplan", "questionnaire", "plan", "activity"];

/// What [`evaluate_with`] looks at: nothing else enters its result.
#[derive(Clone)]
pub struct Question {
    /// The response to judge.
    pub response: Value,
    /// Earlier responses of the same patient to the same questionnaire, in any order.
    pub previous: Vec<Value>,
    /// The patient, if known.
    pub patient: Option<Value>,
    /// Every `CarePlan` that says what the patient is treated with.
    pub careplans: Vec<Value>,
    /// When it was received; with the response it decides the ids.
    pub received_at: Timestamp,
}

/// What a submission would do.
struct Evaluated {
    /// Everything that would be stored: the response, if it is accepted, and what it becomes.
    resources: Vec<Value>,
    /// What is thought of the response.
    judgement: Judgement,
}

/// Judges a `QuestionnaireResponse`, alone or in `Parameters` (`response`, `previous`*, `patient`, `careplan`*,
/// `questionnaire`, `plan`, `activity`*); what is not handed in is read from the store. Returns `Parameters` with `level`, `accepted`,
/// `outcome` (an `OperationOutcome`), `bundle`, and one `rule` for each rule.
///
/// # Errors
/// `Malformed` when the body cannot be read, `Invalid` when a definition handed in does not compile. A response with faults
/// is no error here.
pub async fn evaluate(ctx: &Context, body: impl Into<Document<'_>>) -> Result<Vec<u8>, Problem> {
    let Reading { resource, mut issues } = body.into().read()?;
    let mut parts = Parts::read(resource, "response", PARAMETERS)?;
    let response = incoming::of_type(RESPONSE, parts.one("response")?)?;
    let previous = parts.all("previous");
    let (patient, careplans) = (parts.optional("patient")?, parts.all("careplan"));
    let mut definitions = parts.all("questionnaire");
    definitions.extend(parts.all("plan"));
    definitions.extend(parts.all("activity"));

    issues.extend(structure::check(&response));
    issues.extend(meaning::unknown_rules(&response));
    let arrival = submit::Arrival::unsent(ctx, response, issues);
    let mut situation = submit::gather(ctx, &arrival, &Before::nothing()).await?.situation;
    if !definitions.is_empty() || patient.is_some() || !careplans.is_empty() {
        let plans: Vec<&str> = careplans.iter().flat_map(submit::instantiated).collect();
        let asked: Vec<&str> = element::str_at(&arrival.response, "questionnaire").into_iter().collect();
        let shelf = ctx.library.shelf(ctx.store.as_ref(), &asked, &plans).await?;
        let shelf = if definitions.is_empty() { shelf } else { Arc::new(shelf.with(definitions)?) };
        let question = Question {
            response: arrival.response.clone(),
            previous: if previous.is_empty() { std::mem::take(&mut situation.history) } else { previous },
            patient: patient.or(situation.patient.take()),
            careplans: if careplans.is_empty() {
                std::mem::take(&mut situation.careplans)
            } else {
                careplans
            },
            received_at: arrival.received,
        };
        situation = self::situation(shelf, question);
        situation.doubts.extend(submit::moment_doubt(&situation.response, situation.received));
    } else if !previous.is_empty() {
        situation.history = earlier(&situation.response, previous, situation.moment);
        situation.following = Following::default();
    }
    let parameters =
        parameters(evaluated(situation, Explained::Every), &ctx.settings.base_url, arrival.received);
    serde_json::to_vec(&parameters).map_err(|fault| Problem::internal(fault.to_string()))
}

/// The same without a store, for the command line: a pure function of its arguments. When the response really came is not known
/// there, so that nothing is doubted about its date. Returns the `Bundle` that a submission
/// would create, with an `OperationOutcome` first if there is anything to say about the response; a refused response is not
/// in it, what its readable answers call for is.
///
/// # Errors
/// `Internal` when the library is a cache over a store.
pub fn evaluate_with(library: &Library, question: Question) -> Result<Value, Problem> {
    let received_at = question.received_at;
    let shelf = library
        .folder()
        .ok_or_else(|| Problem::internal("evaluation without a store needs a folder's library"))?;
    let Evaluated { mut resources, judgement } =
        evaluated(situation(Arc::clone(shelf), question), Explained::Telling);
    if !judgement.issues.is_empty() {
        resources.insert(0, outcome::operation_outcome(&judgement.issues));
    }
    Ok(bundle::collection("", resources, Some(received_at)))
}

/// The situation that a question describes.
fn situation(shelf: Arc<Shelf>, question: Question) -> Situation {
    let Question { mut response, previous, patient, careplans, received_at } = question;
    let mut issues = structure::check(&response);
    issues.extend(meaning::unknown_rules(&response));
    let known = submit::known(shelf, &mut response, &careplans);
    issues.extend(known.issues);
    let mut doubts = known.doubts;
    doubts.extend(submit::identity_doubts(&response, patient.as_ref(), &[]));
    let own = patient.as_ref().and_then(element::local_reference);
    doubts.extend(own.as_deref().and_then(|own| other_patient(&response, own)));
    let subject = match own {
        Some(reference) => json!({ "reference": reference }),
        None => {
            response.get("subject").cloned().unwrap_or_else(|| json!({ "display": "patient non désigné" }))
        }
    };
    let moment = submit::moment::of(&response, received_at);
    Situation {
        history: earlier(&response, previous, moment),
        response,
        received: received_at,
        moment,
        subject: Some(subject),
        patient,
        careplan: known.careplan,
        careplans,
        form: known.form,
        layout: known.layout,
        plan: known.plan,
        terminology: known.shelf.terminology(),
        following: Following::default(),
        existing: Vec::new(),
        issues,
        doubts,
        telephone: None,
    }
}

/// The response says that it is about another Patient than the one that was handed in.
fn other_patient(response: &Value, own: &str) -> Option<Issue> {
    let named = element::str_at(response, "subject.reference")?;
    (named.starts_with("Patient/") && named != own).then(|| {
        let diagnostics = format!("the subject is {named}, and the patient handed in is {own}");
        Issue::error("business-rule", diagnostics)
            .at(format!("{RESPONSE}.subject"))
            .text("La réponse désigne un autre patient que le dossier fourni : vérifier l'identité.")
    })
}

fn earlier(response: &Value, previous: Vec<Value>, moment: Timestamp) -> Vec<Value> {
    history::earlier(previous, element::id(response), moment)
}

fn evaluated(situation: Situation, explained: Explained) -> Evaluated {
    let judgement = decide::judge(&situation, explained);
    let digest = || content::content_digest(&situation.response)[..32].to_owned();
    let id = element::id(&situation.response).map_or_else(digest, str::to_owned);
    let rtype = if judgement.accepted { RESPONSE } else { "Binary" };
    let reference = format!("{rtype}/{id}");
    let ids = SeededIds::new(situation.received, format!("{id}|1"));
    let origin = Origin { reference: &reference, version: 1 };
    let derived = decide::derive(&situation, &situation.existing, &judgement, &origin, &ids);
    let mut resources = Vec::new();
    if judgement.accepted {
        resources.push(meta::stamp(situation.response, &id, 1, situation.received));
    }
    resources.extend(derived.resources.into_iter().map(|one| {
        let id = element::id(&one.body).unwrap_or_default().to_owned();
        meta::stamp(one.body, &id, 1, situation.received)
    }));
    Evaluated { resources, judgement }
}

fn parameters(evaluated: Evaluated, base: &str, at: Timestamp) -> Value {
    let Judgement { issues, accepted, evaluation, .. } = evaluated.judgement;
    let mut parameter = vec![
        json!({ "name": "level", "valueCode": evaluation.level.code() }),
        json!({ "name": "accepted", "valueBoolean": accepted }),
        whole("outcome", outcome::operation_outcome(&issues)),
        whole("bundle", bundle::collection(base, evaluated.resources, Some(at))),
    ];
    parameter.extend(evaluation.outcomes.iter().map(trace));
    Value::Object(Map::from_iter([
        ("resourceType", Value::from("Parameters")),
        ("parameter", parameter.into()),
    ]))
}

/// A parameter that is a resource, moved into it.
fn whole(name: &'static str, resource: Value) -> Value {
    Value::Object(Map::from_iter([("name", Value::from(name)), ("resource", resource)]))
}

/// What one rule did.
fn trace(rule: &Outcome) -> Value {
    let mut part = vec![
        json!({ "name": "action", "valueString": rule.action.id }),
        json!({ "name": "rule", "valueCode": rule.action.rule }),
        json!({ "name": "level", "valueCode": rule.action.level.code() }),
        json!({ "name": "title", "valueString": rule.action.title }),
    ];
    let result = match &rule.result {
        Truth::True => "fired",
        Truth::False => "not-fired",
        Truth::NotEvaluable(reason) => {
            part.push(json!({ "name": "reason", "valueString": reason }));
            "not-evaluable"
        }
        Truth::NotRun => "not-run",
    };
    part.push(json!({ "name": "result", "valueCode": result }));
    let texts = [("threshold", &rule.action.threshold), ("source", &rule.action.source)];
    part.extend(
        texts.into_iter().filter_map(|(name, text)| {
            text.as_ref().map(|text| json!({ "name": name, "valueString": text }))
        }),
    );
    part.extend(rule.evidence.iter().map(|evidence| {
        let mut inner = vec![json!({ "name": "linkId", "valueString": evidence.link_id })];
        let texts = [("answer", &evidence.answer), ("previous", &evidence.previous)];
        inner.extend(texts.into_iter().filter_map(|(name, text)| {
            text.as_ref().map(|text| json!({ "name": name, "valueString": text }))
        }));
        json!({ "name": "evidence", "part": inner })
    }));
    json!({ "name": "rule", "part": part })
}
