//! Translates a `Problem` into a status and an `OperationOutcome`; the only place that knows both.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};

use super::exchange::FHIR_JSON;
use super::route;
use crate::fhir;
use crate::problem::{Category, Problem};

/// The status of a category.
pub(super) const fn of(category: Category) -> StatusCode {
    match category {
        Category::Malformed => StatusCode::BAD_REQUEST,
        Category::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Category::NotFound => StatusCode::NOT_FOUND,
        Category::Gone => StatusCode::GONE,
        Category::Conflict => StatusCode::CONFLICT,
        Category::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Category::NotSupported => StatusCode::METHOD_NOT_ALLOWED,
        Category::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Category::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Category::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Category::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Category::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Category::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        Category::Damaged | Category::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer to a request that failed. What is ours goes to the log; the client gets the id to ask with.
pub(super) fn answer(problem: &Problem, path: &str, request_id: &str) -> HttpResponse {
    let mut response = HttpResponse::build(of(problem.category));
    response.insert_header((CONTENT_TYPE, FHIR_JSON));
    match problem.category {
        Category::NotSupported => {
            response.insert_header((ALLOW, route::allowed(path).join(", ")));
        }
        // What is left of the body is not waited for.
        Category::RequestTimeout => {
            response.force_close();
        }
        Category::Busy | Category::StorageFull => {
            response.insert_header((RETRY_AFTER, "1"));
        }
        _ => {}
    }
    if problem.is_ours() {
        tracing::error!(request_id, problem = %problem, "a request failed for a reason of ours");
    }
    let hidden = || format!("internal failure; the log has it under request id {request_id}");
    response.body(fhir::outcome::operation_outcome(&problem.shown(hidden)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interaction;

    #[test]
    fn an_entry_of_a_batch_has_the_status_of_a_request_of_its_own() {
        for category in [
            Category::Malformed,
            Category::Invalid,
            Category::NotFound,
            Category::Gone,
            Category::Conflict,
            Category::PreconditionFailed,
            Category::NotSupported,
            Category::NotAcceptable,
            Category::UnsupportedMediaType,
            Category::RequestTimeout,
            Category::TooLarge,
            Category::Busy,
            Category::StorageFull,
            Category::Damaged,
            Category::Internal,
        ] {
            assert_eq!(interaction::status_line(category), of(category).to_string());
        }
    }
}
