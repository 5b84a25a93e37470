//! One request: route, read, call the interaction, answer; a panic or a fault of ours becomes a 500 with an id.

use std::panic::AssertUnwindSafe;

use actix_web::http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest, HttpResponse, web};
use futures_util::FutureExt;
use tracing::Instrument;

use super::exchange;
use super::media::{self, Sent};
use super::route::{self, Interaction, Matched};
use super::{
    Door, State, answers, body, capability, coding, finish, meter, native, operation, search, status, write,
};
use crate::fhir::search::Summary;
use crate::fhir::{self, Format};
use crate::interaction::{self, Answer, Context};
use crate::problem::{Category, Issue, Problem};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The contract file, as it is in the repository.
pub(super) const OPENAPI: &str = include_str!("../../openapi.yaml");

/// Decoded names and values, in the order of the query string.
type Parameters = Vec<(String, String)>;

/// A request with everything that its handler needs.
pub(super) struct Exchange<'a> {
    pub(super) context: &'a Context,
    pub(super) state: &'a State,
    pub(super) request: &'a HttpRequest,
    pub(super) matched: Matched<'a>,
    /// Decoded query parameters, without those of the form.
    pub(super) parameters: Parameters,
    /// What the address says of the form of the answer.
    pub(super) form: Form,
}

/// The one entry: everything that arrives goes through here.
pub(super) async fn dispatch(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let Some(state) = door.state() else { return door.waiting(&request) };
    let context = &state.context;
    let started_at = context.clock.now();
    let request_id = request_id(&request, || context.ids.next());
    let path = route::plain(request.path());
    let matched = route::find(request.method().as_str(), &path);
    let template = matched.as_ref().map_or("unmatched", |m| m.template);
    let interaction = matched.as_ref().ok().map(|m| m.interaction);
    // A client may invent any method: only those of HTTP become a label.
    let method = route::METHODS.iter().find(|known| **known == request.method().as_str()).unwrap_or(&"other");
    // The path and the query may hold identifiers of a patient: only the template is logged.
    let span = tracing::info_span!("request", %request_id, %method, route = template);
    let asked = Asked::of(&request);
    let shape = Shape { format: asked.accepted.as_ref().ok().copied(), is_pretty: asked.form.is_pretty() };
    let served = async {
        match matched {
            Ok(matched) => serve(&request, payload, state, matched, asked).await,
            Err(problem) => Err(Box::pin(write::astray(&request, payload, state, problem)).await),
        }
    };
    let caught = AssertUnwindSafe(served.instrument(span.clone())).catch_unwind().await;
    let result = caught.unwrap_or_else(|_| Err(Problem::internal("a request handler panicked")));
    let mut response = result.unwrap_or_else(|problem| status::answer(&problem, &path, &request_id));
    // A form may say more of the form of its answer than the address did.
    let told = request.extensions_mut().remove::<Shape>();
    response = shaped(response, &told.unwrap_or(shape));
    let mut response = finish::finish(&request, door.origins(), &path, response);
    if let Ok(value) = HeaderValue::try_from(request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let seconds = context.clock.now().duration_since(started_at).as_secs_f64().max(0.0);
    let code = response.status().as_u16();
    // Within the span and not by `parent`: an event as JSON lists those spans only that it lies within.
    span.in_scope(|| {
        tracing::info!(status = code, seconds, "a request was answered");
        if interaction.is_some_and(|interaction| !answers::describes(interaction, code)) {
            tracing::error!(status = code, "an answer that the contract does not describe");
        }
    });
    meter::answered(method, template, code, seconds);
    response
}

/// What the query and `Accept` say, read once.
struct Asked {
    /// Without those of the form.
    parameters: Result<Parameters, Problem>,
    form: Form,
    /// The format to answer in.
    accepted: Result<Format, Problem>,
}

impl Asked {
    fn of(request: &HttpRequest) -> Self {
        let (parameters, form) = match parameters(request.query_string()) {
            Ok((parameters, form)) => (Ok(parameters), form),
            Err(problem) => (Err(problem), Form::default()),
        };
        let accepted = media::accepted(request.headers(), form.format.as_deref());
        Self { parameters, form, accepted }
    }
}

/// The answer in the form that the client asks for: XML where it takes that more gladly than JSON, over lines where it
/// says so.
fn shaped(response: HttpResponse, shape: &Shape) -> HttpResponse {
    match shape.format {
        Some(Format::Xml) => media::in_xml(response, shape.is_pretty),
        _ if shape.is_pretty => exchange::laid_out(response),
        _ => response,
    }
}

/// The form of an answer, as far as it is known.
struct Shape {
    format: Option<Format>,
    is_pretty: bool,
}

/// The caller's id if it is a plain one, else a new one.
pub(super) fn request_id(request: &HttpRequest, new: impl FnOnce() -> String) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let plain = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
    };
    given.filter(plain).map_or_else(new, str::to_owned)
}

async fn serve(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
    matched: Matched<'_>,
    Asked { parameters, form, accepted }: Asked,
) -> Result<HttpResponse, Problem> {
    let context = &*state.context;
    let (parameters, unread) = match parameters {
        Ok(parameters) => (parameters, None),
        Err(problem) => (Parameters::new(), Some(problem)),
    };
    let exchange = Exchange { context, state, request, matched, parameters, form };
    let (interaction, form) = (exchange.matched.interaction, &exchange.form);
    // A Binary may be taken as the bytes that it holds, whatever these are.
    let is_native = exchange.matched.rtype == "Binary"
        && matches!(interaction, Interaction::Read | Interaction::Vread)
        && form.format.is_none();
    let is_table = interaction == Interaction::Proof
        && operation::wants_table(request.headers(), form.format.as_deref());
    let mut refused = unread;
    // What a form says of its answer is known when it is read.
    let is_form = interaction == Interaction::SearchForm;
    if interaction.is_fhir() && !is_native && !is_table && !is_form {
        refused = refused.or(accepted.err());
    }
    if !interaction.takes_parameters() {
        refused = refused.or(refuse_parameters(&exchange.parameters).err());
    }
    match refused {
        Some(problem) => Err(Box::pin(write::unheard(&exchange, payload, problem)).await),
        None => perform(&exchange, payload).await,
    }
}

/// What is written waits in a box of its own: it has much to remember, which a request would otherwise be moved about with,
/// be it only a read.
async fn perform(exchange: &Exchange<'_>, payload: web::Payload) -> Result<HttpResponse, Problem> {
    let Exchange { context, state, .. } = exchange;
    match exchange.matched.interaction {
        Interaction::Live => Ok(plain("alive")),
        Interaction::Ready => context.store.ready().await.map(|()| plain("ready")),
        Interaction::Metrics => Ok(plain(&state.metrics.render())),
        Interaction::OpenApi => {
            Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/yaml")).body(OPENAPI))
        }
        Interaction::Capabilities => {
            check_mode(&exchange.parameters)?;
            let statement = capability::statement(&context.settings.base_url).to_string();
            Ok(exchange::body(&mut HttpResponse::Ok(), statement.into_bytes()))
        }
        Interaction::Bundle => Box::pin(write::bundle(exchange, payload)).await,
        Interaction::Create => Box::pin(write::create(exchange, payload)).await,
        Interaction::SearchType => Box::pin(search::by_address(exchange, None)).await,
        Interaction::SearchForm => Box::pin(search::by_form(exchange, payload)).await,
        Interaction::SearchCompartment => {
            Box::pin(search::by_address(exchange, Some(exchange.matched.id))).await
        }
        Interaction::Everything => Box::pin(search::everything(exchange)).await,
        Interaction::Read => read(exchange).await,
        Interaction::Vread => vread(exchange).await,
        Interaction::Update | Interaction::UpdateWhere => Box::pin(write::update(exchange, payload)).await,
        Interaction::Patch | Interaction::PatchWhere => Box::pin(write::patch(exchange, payload)).await,
        Interaction::Delete | Interaction::DeleteWhere => Box::pin(write::delete(exchange)).await,
        Interaction::History => Box::pin(history(exchange)).await,
        Interaction::Options => Ok(options(exchange.request)),
        Interaction::Validate => Box::pin(operation::validate(exchange, payload)).await,
        Interaction::Evaluate => Box::pin(operation::evaluate(exchange, payload)).await,
        Interaction::PeriodReport => Box::pin(operation::period_report(exchange, payload)).await,
        Interaction::Deliveries => Box::pin(operation::deliveries(exchange)).await,
        Interaction::Proof => {
            check_id(exchange.matched.rtype, exchange.matched.id)?;
            Box::pin(operation::proof(exchange, names(exchange.request))).await
        }
        Interaction::Visibility => {
            check_id(exchange.matched.rtype, exchange.matched.id)?;
            Box::pin(operation::visibility(exchange, payload)).await
        }
        Interaction::DeliveryStop => Box::pin(operation::stop(exchange, payload)).await,
        Interaction::DeliveryResend => Box::pin(operation::resend(exchange, payload)).await,
    }
}

/// The general parameters (R4 3.1.0.1.10), which say how to answer and not what.
#[derive(Default)]
pub(super) struct Form {
    format: Option<String>,
    pretty: Option<bool>,
}

impl Form {
    fn is_pretty(&self) -> bool {
        self.pretty.unwrap_or(false)
    }
}

/// Query parameters as pairs, and those of the form apart.
pub(super) fn parameters(query: &str) -> Result<(Parameters, Form), Problem> {
    let mut form = Form::default();
    let mut rest = Parameters::new();
    for (name, value) in fhir::search::pairs(query)? {
        match (name.as_str(), value.as_str()) {
            // Without a value they say nothing (R4 3.1.1.4).
            ("_format" | "_pretty", "") => {}
            ("_format", _) if form.format.is_some() => return Err(twice("_format")),
            ("_pretty", _) if form.pretty.is_some() => return Err(twice("_pretty")),
            ("_format", _) => form.format = Some(value),
            ("_pretty", "true" | "false") => form.pretty = Some(value == "true"),
            ("_pretty", _) => {
                return Err(Problem::new(Category::Malformed, "value", "_pretty is true or false"));
            }
            _ => rest.push((name, value)),
        }
    }
    Ok((rest, form))
}

fn twice(name: &str) -> Problem {
    Problem::new(Category::Malformed, "invalid", format!("{name} is given twice: say it once"))
}

/// The one parameter of `capabilities` (R4 3.1.0.11); whatever part it asks for, a server may answer with all it has.
fn check_mode(parameters: &[(String, String)]) -> Result<(), Problem> {
    const MODES: &[&str] = &["", "full", "normative", "terminology"];
    match parameters.iter().find(|(name, value)| name != "mode" || !MODES.contains(&value.as_str())) {
        None => Ok(()),
        Some((name, value)) => {
            let text = match name.as_str() {
                "mode" => format!("mode is full, normative or terminology, not '{value}'"),
                _ => format!(
                    "this interaction takes no parameter '{name}'; there are mode, _format and _pretty"
                ),
            };
            Err(Problem::new(Category::Malformed, "not-supported", text))
        }
    }
}

fn refuse_parameters(parameters: &[(String, String)]) -> Result<(), Problem> {
    let Some((name, _)) = parameters.first() else { return Ok(()) };
    let text = format!("this interaction takes no parameter '{name}'; there are _format and _pretty");
    Err(Problem::new(Category::Malformed, "not-supported", text))
}

/// What a path allows.
pub(super) fn options(request: &HttpRequest) -> HttpResponse {
    let methods = route::allowed(&route::plain(request.path()));
    HttpResponse::NoContent().insert_header((ALLOW, methods.join(", "))).finish()
}

pub(super) fn plain(text: &str) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).body(text.to_owned())
}

impl Exchange<'_> {
    /// What the body says of the form of the answer, with what the address says where it says nothing.
    ///
    /// # Errors
    /// `NotAcceptable` when the client takes neither JSON nor XML.
    pub(super) fn shape(&self, form: &Form) -> Result<(), Problem> {
        let named = form.format.as_deref().or(self.form.format.as_deref());
        let is_pretty = form.pretty.unwrap_or(self.form.is_pretty());
        let accepted = media::accepted(self.request.headers(), named);
        let format = accepted.as_ref().ok().copied();
        self.request.extensions_mut().insert(Shape { format, is_pretty });
        accepted.map(drop)
    }

    /// The body of a write: FHIR JSON or XML within the limit.
    pub(super) async fn body(&self, payload: web::Payload) -> Result<Sent, Problem> {
        // The body is read even when its type is refused, so that the client gets the refusal.
        let bytes = self.bytes(payload).await;
        let format =
            media::sent(self.request.headers(), self.request.method() == actix_web::http::Method::PATCH)?;
        Ok(Sent { bytes: bytes?, format })
    }

    /// The body of a write, whatever it is, without its coding.
    pub(super) async fn bytes(&self, payload: web::Payload) -> Result<Vec<u8>, Problem> {
        bytes(self.request, payload, self.state).await
    }
}

/// The body of a request, whatever it is, without its coding.
pub(super) async fn bytes(
    request: &HttpRequest,
    payload: web::Payload,
    state: &State,
) -> Result<Vec<u8>, Problem> {
    let bytes = body::read(payload, state.body).await?;
    coding::decode(request.headers(), bytes.into(), state.body.bytes)
}

async fn read(exchange: &Exchange<'_>) -> Result<HttpResponse, Problem> {
    let Matched { rtype, id, .. } = exchange.matched;
    check_id(rtype, id)?;
    // A wrong parameter is told before anything is looked for.
    let part = fhir::search::part(rtype, &exchange.parameters)?;
    interaction::read(exchange.context, rtype, id).await.and_then(|answer| found(exchange, answer, &part))
}

/// Nothing can be known under what is no id; it is not said back, for it may be long.
fn check_id(rtype: &str, id: &str) -> Result<(), Problem> {
    if fhir::reference::is_id(id) {
        return Ok(());
    }
    let text = format!("no {rtype} has such an id: 1 to 64 letters A-Z a-z, digits, - or .");
    Err(Problem::new(Category::NotFound, "not-found", text))
}

async fn vread(exchange: &Exchange<'_>) -> Result<HttpResponse, Problem> {
    let Matched { rtype, id, version, .. } = exchange.matched;
    check_id(rtype, id)?;
    let number = version.parse().map_err(|_| {
        let text = format!("{rtype}/{id} has no such version: they are numbered from 1");
        Problem::new(Category::NotFound, "not-found", text)
    })?;
    let part = fhir::search::part(rtype, &exchange.parameters)?;
    interaction::vread(exchange.context, rtype, id, number)
        .await
        .and_then(|answer| found(exchange, answer, &part))
}

/// What was read, or the part of it that is asked for, or that the client has it already.
fn found(
    exchange: &Exchange<'_>,
    answer: Answer,
    part: &(Summary, Vec<String>),
) -> Result<HttpResponse, Problem> {
    if exchange::is_known(exchange.request.headers(), &answer)? {
        let mut response = HttpResponse::NotModified();
        exchange::describe(&mut response, &answer, None);
        return Ok(response.finish());
    }
    if answer.rtype == "Binary"
        && names(exchange.request).is_none()
        && let Some(response) = native::bytes(exchange.request.headers(), &answer)?
    {
        return Ok(response);
    }
    let mut response = HttpResponse::Ok();
    exchange::describe(&mut response, &answer, None);
    Ok(exchange::body(&mut response, interaction::part(answer, part)?.body))
}

/// The format that the address names, which wins over `Accept`.
fn names(request: &HttpRequest) -> Option<String> {
    parameters(request.query_string()).ok().and_then(|(_, form)| form.format)
}

async fn history(exchange: &Exchange<'_>) -> Result<HttpResponse, Problem> {
    let Matched { rtype, id, .. } = exchange.matched;
    if !id.is_empty() {
        check_id(rtype, id)?;
    }
    let some = |text| Some(text).filter(|text: &&str| !text.is_empty());
    let page = interaction::history(exchange.context, some(rtype), some(id), &exchange.parameters).await?;
    Ok(exchange::body(&mut HttpResponse::Ok(), page.body))
}

/// An outcome with these issues as JSON bytes.
pub(super) fn outcome(issues: &[Issue]) -> Vec<u8> {
    fhir::outcome::operation_outcome(issues).to_string().into_bytes()
}
