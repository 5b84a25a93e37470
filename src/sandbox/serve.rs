//! The HTTP side of a sandbox peer: transactions and descriptions with their document in, what arrived out (FHIR R4
//! `RESTful` API).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::json::{Value, json};
use actix_web::http::StatusCode;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

use super::fault::{Fault, Faults};
use super::peer::{Desk, Handle, Judge, Received, locked};
use super::shelf::{Done, Shelf};
use crate::fhir::{MEDIA_TYPE, outcome};
use crate::problem::{Category, Issue, Problem};

const BODY_BYTES_MAX: usize = 32 << 20;

/// Listens and serves until the handle stops it.
pub(super) fn start(
    name: &'static str,
    address: SocketAddr,
    judge: Judge,
    publication: Option<Judge>,
) -> Result<Handle, Problem> {
    let desk = Arc::new(Desk {
        name,
        judge,
        publication,
        shelf: Mutex::new(Shelf::default()),
        received: Mutex::new(Vec::new()),
        faults: Faults::default(),
    });
    let shared = web::Data::from(Arc::clone(&desk));
    let server = HttpServer::new(move || {
        App::new().app_data(shared.clone()).app_data(web::PayloadConfig::new(BODY_BYTES_MAX)).service(
            web::scope("/fhir")
                .route("", web::post().to(transaction))
                .route("/", web::post().to(transaction))
                .route("/metadata", web::get().to(metadata))
                .route("/DocumentReference", web::post().to(publication_of_one))
                .route("/DocumentReference", web::patch().to(change))
                .route("/{type}", web::get().to(search))
                .route("/{type}/{id}", web::get().to(read)),
        )
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(2)
    .bind(address)
    .map_err(|error| Problem::internal(format!("{name} cannot listen on {address}: {error}")))?;
    let address = server.addrs().first().copied().unwrap_or(address);
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    Ok(Handle { address, server: handle, desk })
}

async fn transaction(desk: web::Data<Desk>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    arrive(&desk, &request, &body, |desk, body| {
        keep(desk, body).map(|done| (StatusCode::OK, transaction_response(&done)))
    })
    .await
}

/// Simplified Publish, ITI-105, for a peer that is a Document Recipient.
async fn publication_of_one(desk: web::Data<Desk>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    arrive(&desk, &request, &body, |desk, body| {
        let Some(judge) = desk.publication else {
            let what = "this peer takes transactions only";
            return Err(Problem::new(Category::NotSupported, "not-supported", what));
        };
        let described = crate::fhir::parse(body)?;
        let mut shelf = locked(&desk.shelf);
        let issues = judge(&described, &shelf);
        if !issues.is_empty() {
            return Err(Problem::with(Category::Invalid, issues));
        }
        let (kept, created) = shelf.publish(&described)?;
        Ok((if created { StatusCode::CREATED } else { StatusCode::OK }, kept))
    })
    .await
}

/// A change of what is told of a document (`PDSm`, flow 03), for a peer that is a Document Recipient.
async fn change(desk: web::Data<Desk>, request: HttpRequest, body: web::Bytes) -> HttpResponse {
    let query = request.query_string().to_owned();
    let media = request.headers().get(CONTENT_TYPE).and_then(|media| media.to_str().ok());
    let is_patch = media == Some("application/json-patch+json");
    arrive(&desk, &request, &body, |desk, body| {
        if desk.publication.is_none() || !is_patch {
            let what = "a Document Recipient takes application/json-patch+json";
            return Err(Problem::new(Category::NotSupported, "not-supported", what));
        }
        let operations: Value = serde_json::from_slice(body)
            .map_err(|_| Problem::new(Category::Malformed, "structure", "the body is no JSON"))?;
        locked(&desk.shelf).change(&query, &operations).map(|changed| (StatusCode::OK, changed))
    })
    .await
}

/// Answers as the peer was told to, or as it should.
async fn arrive(
    desk: &Desk,
    request: &HttpRequest,
    body: &[u8],
    take: impl FnOnce(&Desk, &[u8]) -> Result<(StatusCode, Value), Problem>,
) -> HttpResponse {
    let fault = desk.faults.next();
    match fault {
        Some(Fault::Slow(pause)) => tokio::time::sleep(pause).await,
        Some(Fault::Silence(pause)) => {
            tokio::time::sleep(pause).await;
            return note(desk, request, body, broken_off());
        }
        Some(Fault::Status(status)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let issue = Issue::error("processing", "this peer was told to answer so");
            return note(desk, request, body, fhir(status, &outcome::operation_outcome(&[issue])));
        }
        Some(Fault::Gibberish) => {
            return note(desk, request, body, HttpResponse::Ok().body("<html>Bienvenue</html>"));
        }
        Some(Fault::AnswerLost) | None => {}
    }
    let answer = match take(desk, body) {
        Ok((status, resource)) => fhir(status, &resource),
        Err(problem) => fhir(status_of(problem.category), &outcome::of(&problem)),
    };
    let answer = note(desk, request, body, answer);
    if fault == Some(Fault::AnswerLost) { broken_off() } else { answer }
}

/// Checks and keeps the whole bundle, or nothing of it.
fn keep(desk: &Desk, body: &[u8]) -> Result<Vec<Done>, Problem> {
    let bundle = crate::fhir::parse(body)?;
    let mut shelf = locked(&desk.shelf);
    let issues = (desk.judge)(&bundle, &shelf);
    if !issues.is_empty() {
        return Err(Problem::with(Category::Invalid, issues));
    }
    shelf.transaction(&bundle)
}

fn note(desk: &Desk, request: &HttpRequest, body: &[u8], answer: HttpResponse) -> HttpResponse {
    let request_id = request.headers().get("x-request-id").and_then(|value| value.to_str().ok());
    locked(&desk.received).push(Received {
        request_id: request_id.map(str::to_owned),
        bytes: body.to_vec(),
        status: answer.status().as_u16(),
    });
    answer
}

async fn metadata(desk: web::Data<Desk>) -> HttpResponse {
    let statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-01-01",
        "kind": "instance",
        "implementation": {"description": desk.name},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "interaction": [{"code": "transaction"}]}],
    });
    fhir(StatusCode::OK, &statement)
}

async fn search(desk: web::Data<Desk>, path: web::Path<String>, request: HttpRequest) -> HttpResponse {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
    let asked: Vec<(String, String)> = query.map(web::Query::into_inner).unwrap_or_default();
    if let Some((name, _)) = asked.iter().find(|(name, _)| name != "identifier") {
        let issue =
            Issue::error("not-supported", format!("only identifier can be searched here, not {name}"));
        return fhir(StatusCode::BAD_REQUEST, &outcome::operation_outcome(&[issue]));
    }
    let shelf = locked(&desk.shelf);
    let tokens: Vec<&str> = asked.iter().map(|(_, value)| value.as_str()).collect();
    let found = shelf
        .of_type(&path)
        .filter(|one| tokens.iter().all(|token| super::shelf::tokens(one).contains(*token)));
    let entries: Vec<Value> =
        found.map(|resource| json!({"resource": resource, "search": {"mode": "match"}})).collect();
    let bundle =
        json!({"resourceType": "Bundle", "type": "searchset", "total": entries.len(), "entry": entries});
    fhir(StatusCode::OK, &bundle)
}

async fn read(desk: web::Data<Desk>, path: web::Path<(String, String)>) -> HttpResponse {
    let shelf = locked(&desk.shelf);
    match shelf.read(&path.0, &path.1) {
        Some(resource) => fhir(StatusCode::OK, resource),
        None => {
            fhir(StatusCode::NOT_FOUND, &outcome::of(&Problem::not_found(format!("{}/{}", path.0, path.1))))
        }
    }
}

fn transaction_response(done: &[Done]) -> Value {
    let entry = |done: &Done| {
        json!({"response": {
            "status": if done.created { "201 Created" } else { "200 OK" },
            "location": format!("{}/_history/{}", done.reference, done.version),
            "etag": format!("W/\"{}\"", done.version),
        }})
    };
    json!({
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": done.iter().map(entry).collect::<Vec<_>>(),
    })
}

fn fhir(status: StatusCode, resource: &Value) -> HttpResponse {
    HttpResponse::build(status).insert_header((CONTENT_TYPE, MEDIA_TYPE)).body(resource.to_string())
}

/// A promise of a body that never comes: the connection breaks off.
fn broken_off() -> HttpResponse {
    let body = futures_util::stream::iter([
        Ok(web::Bytes::from_static(b"{\"resourceType\":")),
        Err(std::io::Error::other("broken off on demand")),
    ]);
    HttpResponse::Ok().insert_header((CONTENT_TYPE, MEDIA_TYPE)).streaming(body)
}

const fn status_of(category: Category) -> StatusCode {
    match category {
        Category::Malformed => StatusCode::BAD_REQUEST,
        Category::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Category::Conflict => StatusCode::CONFLICT,
        Category::NotSupported => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
