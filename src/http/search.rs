//! Searches by address and by form (FHIR R4, `RESTful` API, 3.1.0.11), and `$everything`.

use actix_web::{HttpResponse, web};

use super::handle::{self, Exchange};
use super::{body, exchange};
use crate::fhir::search::Handling;
use crate::interaction::{self, Search, SearchAnswer};
use crate::problem::{Category, Problem};

/// `GET [type]?…`, within a patient's compartment where one is named.
pub(super) async fn by_address(
    exchange: &Exchange<'_>,
    patient: Option<&str>,
) -> Result<HttpResponse, Problem> {
    run(exchange, &exchange.parameters, patient).await
}

/// `POST [type]/_search`: parameters in the body, and in the address too.
pub(super) async fn by_form(exchange: &Exchange<'_>, payload: web::Payload) -> Result<HttpResponse, Problem> {
    // The body is read even when its type is refused, so that the client gets the refusal.
    let bytes = body::read(payload, exchange.state.body).await;
    exchange::check_form(exchange.request.headers())?;
    let bytes = bytes?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::new(Category::Malformed, "invalid", "the form is not UTF-8"))?;
    let (more, form) = handle::parameters(text)?;
    exchange.shape(&form)?;
    let params: Vec<_> = exchange.parameters.iter().cloned().chain(more).collect();
    run(exchange, &params, None).await
}

async fn run(
    exchange: &Exchange<'_>,
    params: &[(String, String)],
    patient: Option<&str>,
) -> Result<HttpResponse, Problem> {
    let lenient = exchange::is_lenient(exchange.request.headers())?;
    let handling = if lenient { Handling::Lenient } else { Handling::Strict };
    let search = Search { rtype: exchange.matched.rtype, params, handling, patient };
    interaction::search_with(exchange.context, search).await.map(page)
}

/// `GET Patient/{id}/$everything`.
pub(super) async fn everything(exchange: &Exchange<'_>) -> Result<HttpResponse, Problem> {
    interaction::everything(exchange.context, exchange.matched.id, &exchange.parameters).await.map(page)
}

fn page(answer: SearchAnswer) -> HttpResponse {
    exchange::body(&mut HttpResponse::Ok(), answer.body)
}
