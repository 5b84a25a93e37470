//! Operations: `$validate`, `$evaluate`, `$period-report`, `$deliveries`, `$delivery-stop`, `$delivery-resend`, `$proof`,
//! `$visibility`.

use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use actix_web::{HttpResponse, web};

use super::handle::{Exchange, outcome};
use super::{exchange, write};
use crate::fhir::{Document, Reading};
use crate::interaction;
use crate::problem::{Category, Issue, Problem, Severity};

/// The issues, or that there are none.
pub(super) fn outcome_or_fine(issues: &[Issue], fine: Issue) -> Vec<u8> {
    if issues.is_empty() { outcome(&[fine]) } else { outcome(issues) }
}

pub(super) async fn validate(
    exchange: &Exchange<'_>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let bytes = exchange.body(payload).await?;
    let (rtype, id) = (exchange.matched.rtype, exchange.matched.id);
    let id = Some(id).filter(|id| !id.is_empty());
    let issues = interaction::validate(exchange.context, rtype, id, &bytes).await?;
    let fine = Issue {
        severity: Severity::Information,
        ..Issue::error("informational", "no fault was found; nothing was stored")
    };
    Ok(exchange::body(&mut HttpResponse::Ok(), outcome_or_fine(&issues, fine)))
}

pub(super) async fn evaluate(
    exchange: &Exchange<'_>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let bytes = exchange.body(payload).await?;
    let bundle = interaction::evaluate(exchange.context, &bytes).await?;
    Ok(exchange::body(&mut HttpResponse::Ok(), bundle))
}

pub(super) async fn period_report(
    exchange: &Exchange<'_>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted = exchange::prefer(exchange.request.headers())?;
    let bytes = exchange.body(payload).await?;
    let answer = interaction::period_report(exchange.context, exchange.matched.id, &bytes).await?;
    Ok(write::written(exchange, answer, wanted))
}

/// Who may see a document, and whether it is archived.
pub(super) async fn visibility(
    exchange: &Exchange<'_>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let wanted = exchange::prefer(exchange.request.headers())?;
    let bytes = exchange.body(payload).await?;
    let answer = interaction::change_visibility(exchange.context, exchange.matched.id, &bytes).await?;
    Ok(write::written(exchange, answer, wanted))
}

pub(super) async fn deliveries(exchange: &Exchange<'_>) -> Result<HttpResponse, Problem> {
    let listed = interaction::deliveries(exchange.context, &exchange.parameters).await?;
    Ok(exchange::body(&mut HttpResponse::Ok(), listed))
}

/// Whether a table is asked for rather than FHIR.
pub(super) fn wants_table(headers: &HeaderMap, format: Option<&str>) -> bool {
    let accept = exchange::text(headers, &ACCEPT).ok().flatten().unwrap_or_default();
    format.unwrap_or(&accept).split([',', ';']).any(|kind| matches!(kind.trim(), "csv" | "text/csv"))
}

/// Where a document, or every document of a patient, stands at each destination.
pub(super) async fn proof(exchange: &Exchange<'_>, format: Option<String>) -> Result<HttpResponse, Problem> {
    let (rtype, id) = (exchange.matched.rtype, exchange.matched.id);
    let proof = match rtype {
        "Patient" => interaction::proof_of_patient(exchange.context, id).await?,
        _ => interaction::proof_of_document(exchange.context, id).await?,
    };
    if wants_table(exchange.request.headers(), format.as_deref()) {
        let kind = (CONTENT_TYPE, "text/csv; charset=utf-8; header=present");
        return Ok(HttpResponse::Ok().insert_header(kind).body(proof.csv()));
    }
    Ok(exchange::body(&mut HttpResponse::Ok(), proof.parameters()?))
}

pub(super) async fn stop(exchange: &Exchange<'_>, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let [delivery, by, reason] = texts(exchange, payload, ["delivery", "by", "reason"]).await?;
    let record = interaction::stop(exchange.context, &delivery, &by, &reason).await?;
    Ok(exchange::body(&mut HttpResponse::Ok(), record))
}

pub(super) async fn resend(exchange: &Exchange<'_>, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let [delivery] = texts(exchange, payload, ["delivery"]).await?;
    let record = interaction::resend(exchange.context, &delivery).await?;
    Ok(exchange::body(&mut HttpResponse::Ok(), record))
}

/// The string parameters of these names, each given once and not blank; every fault in one `Problem`.
async fn texts<const N: usize>(
    exchange: &Exchange<'_>,
    payload: web::Payload,
    names: [&str; N],
) -> Result<[String; N], Problem> {
    let bytes = exchange.body(payload).await?;
    let Reading { resource, mut issues } = Document::from(&bytes).read()?;
    if resource["resourceType"] != "Parameters" {
        issues.push(Issue::error("structure", "the body must be a Parameters resource").at("resourceType"));
    }
    issues.extend(interaction::unknown_in_parameters(&resource));
    let parts = resource["parameter"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (n, part) in parts.iter().enumerate() {
        if !part["name"].as_str().is_some_and(|name| names.contains(&name)) {
            let text = format!("unknown parameter; there are {}", names.join(", "));
            issues.push(Issue::error("not-supported", text).at(format!("Parameters.parameter[{n}]")));
        }
    }
    let found = names.map(|name| {
        let mut values = parts.iter().filter(|part| part["name"] == name);
        let value = values.next().and_then(|part| part["valueString"].as_str()).unwrap_or_default();
        if value.trim().is_empty() || values.next().is_some() {
            let text = format!("parameter '{name}' must be given once, as a valueString with a text");
            issues.push(Issue::error("required", text).at("Parameters.parameter"));
        }
        value.to_owned()
    });
    if issues.is_empty() { Ok(found) } else { Err(Problem::with(Category::Invalid, issues)) }
}
