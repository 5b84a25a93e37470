//! The writes of the RESTful API (R4 3.1.0.4 to 3.1.0.8): preconditions from the headers, the interaction, `Prefer`.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::State;
use super::exchange::{self, Return};
use super::handle::{self, Exchange};
use super::media::{self, Sent};
use super::operation;
use super::route::{Interaction, Matched};
use crate::fhir;
use crate::interaction::{self, Answer, Echo, Kind, Patch};
use crate::problem::{Category, Issue, Problem, Severity};

pub(super) async fn bundle(exchange: &Exchange<'_>, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let echo = exchange::prefer(exchange.request.headers()).map(|wanted| match wanted {
        Return::Representation => Echo::Representation,
        Return::Minimal => Echo::Minimal,
        Return::Outcome => Echo::Outcome,
    });
    let (sent, echo) = received(exchange, payload, echo).await?;
    let answer = interaction::bundle(exchange.context, &sent, echo).await?;
    Ok(exchange::body(&mut HttpResponse::Ok(), answer))
}

pub(super) async fn create(exchange: &Exchange<'_>, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let headers = exchange.request.headers();
    let rtype = exchange.matched.rtype;
    let asked = exchange::prefer(headers).and_then(|wanted| {
        Ok((wanted, exchange::condition(headers, exchange.request.query_string(), rtype)?))
    });
    let (bytes, (wanted, condition)) = received(exchange, payload, asked).await?;
    interaction::create(exchange.context, rtype, &bytes, condition.as_deref())
        .await
        .map(|answer| written(exchange, answer, wanted))
}

pub(super) async fn update(exchange: &Exchange<'_>, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let headers = exchange.request.headers();
    let asked = exchange::prefer(headers).and_then(|wanted| Ok((wanted, exchange::if_match(headers)?)));
    let (bytes, (wanted, condition)) = received(exchange, payload, asked).await?;
    let Matched { rtype, id, .. } = exchange.matched;
    let answer = if id.is_empty() {
        interaction::update_where(exchange.context, rtype, &exchange.parameters, &bytes, condition).await?
    } else {
        interaction::update(exchange.context, rtype, id, &bytes, condition).await?
    };
    Ok(written(exchange, answer, wanted))
}

/// The body of a create, an update or a Bundle, and what else is asked. No response is dropped unseen: one of a type that is not read
/// here, or in a request that is refused, is kept if it can be read all the same, and one over the limit, which cannot be kept, is
/// counted and said to be lost.
async fn received<T>(
    exchange: &Exchange<'_>,
    payload: web::Payload,
    asked: Result<T, Problem>,
) -> Result<(Sent, T), Problem> {
    let is_bundle = exchange.matched.interaction == Interaction::Bundle;
    let is_response = exchange.matched.rtype == "QuestionnaireResponse";
    let bytes = exchange.bytes(payload).await.map_err(|problem| match (is_bundle, is_response) {
        (true, _) => BUNDLE.tell(problem),
        (false, true) => RESPONSE.tell(problem),
        (false, false) => problem,
    })?;
    let format = media::sent(exchange.request.headers(), false);
    match format.and_then(|format| asked.map(|asked| (format, asked))) {
        Ok((format, asked)) => Ok((Sent { bytes, format }, asked)),
        Err(problem) if is_response => {
            let problem = interaction::keep_mistyped(exchange.context, &bytes, problem).await?;
            Err(interaction::keep_mistyped_bundle(exchange.context, &bytes, problem).await?)
        }
        Err(problem) => Err(interaction::keep_mistyped_bundle(exchange.context, &bytes, problem).await?),
    }
}

/// The problem of a request to where nothing is served, or nothing that is asked so; responses in its body are kept.
pub(super) async fn astray(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
    problem: Problem,
) -> Problem {
    if !matches!(request.method().as_str(), "POST" | "PUT" | "PATCH") {
        return problem;
    }
    // A body that cannot be read says nothing of what it was; the answer stays the one about the path.
    let Ok(bytes) = handle::bytes(request, payload, state).await else { return problem };
    let told = interaction::keep_mistyped_bundle(&state.context, &bytes, problem).await;
    told.unwrap_or_else(|fault| fault)
}

/// The problem of a request that is refused before its body is looked at; what would have been a response is kept.
pub(super) async fn unheard(exchange: &Exchange<'_>, payload: web::Payload, problem: Problem) -> Problem {
    let writes = matches!(
        exchange.matched.interaction,
        Interaction::Bundle | Interaction::Create | Interaction::Update | Interaction::UpdateWhere
    );
    if !writes {
        return problem;
    }
    received::<()>(exchange, payload, Err(problem.clone())).await.err().unwrap_or(problem)
}

/// Why nothing of a body can be kept, as the metric names it, the code of the issue, and what to do.
fn unreceived(problem: &Problem) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match problem.category {
        Category::TooLarge => ("too-large", "too-long", "send it in a smaller form, or in parts"),
        Category::RequestTimeout => ("too-slow", "incomplete", "send it again, or in parts"),
        Category::UnsupportedMediaType => {
            ("unknown-coding", "not-supported", "send it again as it is, or in gzip, br or zstd")
        }
        Category::Malformed => ("broken", "incomplete", "send it again"),
        _ => return None,
    })
}

/// What of a body is lost that cannot be read.
#[derive(Clone, Copy)]
struct Lost {
    /// Before the reason, in the metric.
    prefix: &'static str,
    english: &'static str,
    french: &'static str,
}

const RESPONSE: Lost = Lost {
    prefix: "",
    english: "nothing of this response is kept and nobody is told of it",
    french: "Réponse trop volumineuse, trop lente à arriver ou illisible dès la réception : rien n'en est conservé, aucun soignant \
             n'est prévenu.",
};

const BUNDLE: Lost = Lost {
    prefix: "bundle-",
    english: "nothing of what the Bundle holds is kept, responses included, and nobody is told of them",
    french: "Envoi groupé trop volumineux, trop lent à arriver ou illisible dès la réception : aucune réponse qu'il contenait n'est \
             conservée, aucun soignant n'est prévenu.",
};

impl Lost {
    /// The same problem, told as what it means for those who answered.
    fn tell(self, mut problem: Problem) -> Problem {
        let Some((reason, code, how)) = unreceived(&problem) else { return problem };
        let reason = format!("{}{reason}", self.prefix);
        tracing::warn!(reason, "a body could not be read up to its end: no response in it is kept");
        metrics::counter!("vigie_responses_not_kept_total", "reason" => reason).increment(1);
        problem.issues.push(Issue::error(code, format!("{}: {how}", self.english)).text(self.french));
        problem
    }
}

pub(super) async fn patch(exchange: &Exchange<'_>, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let headers = exchange.request.headers();
    let wanted = exchange::prefer(headers)?;
    let condition = exchange::if_match(headers)?;
    let patch = if exchange::is_json_patch(headers) {
        Patch::json(&exchange.bytes(payload).await?)?
    } else {
        Patch::FhirPath(fhir::parse(&exchange.body(payload).await?.into_json()?)?)
    };
    let Matched { rtype, id, .. } = exchange.matched;
    let answer = if id.is_empty() {
        interaction::patch_where(exchange.context, rtype, &exchange.parameters, &patch, condition).await?
    } else {
        interaction::patch(exchange.context, rtype, id, &patch, condition).await?
    };
    Ok(written(exchange, answer, wanted))
}

pub(super) async fn delete(exchange: &Exchange<'_>) -> Result<HttpResponse, Problem> {
    let headers = exchange.request.headers();
    let wanted = exchange::prefer(headers)?;
    let condition = exchange::if_match(headers)?;
    let Matched { rtype, id, .. } = exchange.matched;
    let answer = if id.is_empty() {
        interaction::delete_where(exchange.context, rtype, &exchange.parameters, condition).await?
    } else {
        interaction::delete(exchange.context, rtype, id, condition).await?
    };
    if wanted == Return::Outcome {
        let outcome = operation::outcome_or_fine(&answer.outcome, what_happened(&answer));
        return Ok(exchange::body(&mut HttpResponse::Ok(), outcome));
    }
    let mut response = HttpResponse::NoContent();
    if answer.version > 0 {
        exchange::describe(&mut response, &answer, None);
    }
    Ok(response.finish())
}

/// The answer of a write.
pub(super) fn written(exchange: &Exchange<'_>, answer: Answer, wanted: Return) -> HttpResponse {
    let code = if answer.kind == Kind::Created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = HttpResponse::build(code);
    exchange::describe(&mut response, &answer, Some(&exchange.context.settings.base_url));
    match wanted {
        Return::Representation => exchange::body(&mut response, answer.body),
        Return::Minimal => response.finish(),
        Return::Outcome => {
            let outcome = operation::outcome_or_fine(&answer.outcome, what_happened(&answer));
            exchange::body(&mut response, outcome)
        }
    }
}

fn what_happened(answer: &Answer) -> Issue {
    let text = answer.told();
    Issue { severity: Severity::Information, ..Issue::error("informational", text) }
}
