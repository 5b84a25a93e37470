//! The route table: what is served where. The dispatcher, the `CapabilityStatement` and the test of
//! `openapi.yaml` all read this one table.

use std::borrow::Cow;

use super::template::{Part, Segments, Template};
use crate::fhir::{SERVED, is_served, is_writable};
use crate::interaction::MEMBERS;
use crate::problem::{Category, Problem};

/// What a route does, in the words of the FHIR RESTful API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interaction {
    /// `capabilities`
    Capabilities,
    /// The process runs.
    Live,
    /// The process can serve: its store answers.
    Ready,
    /// Prometheus text.
    Metrics,
    /// The contract file.
    OpenApi,
    /// `batch`, `transaction`
    Bundle,
    /// `create`
    Create,
    /// `search-type`
    SearchType,
    /// `search-type` by POST
    SearchForm,
    /// `search-type` within the compartment of a patient
    SearchCompartment,
    /// `Patient/{id}/$everything`
    Everything,
    /// `read`
    Read,
    /// `vread`
    Vread,
    /// `update`
    Update,
    /// `update`, conditional
    UpdateWhere,
    /// `patch`
    Patch,
    /// `patch`, conditional
    PatchWhere,
    /// `delete`
    Delete,
    /// `delete`, conditional
    DeleteWhere,
    /// `history-instance`, `history-type`, `history-system`
    History,
    /// What a path allows, of every path.
    Options,
    /// `[type]/$validate`, `[type]/{id}/$validate`
    Validate,
    /// `QuestionnaireResponse/$evaluate`
    Evaluate,
    /// `Patient/{id}/$period-report`
    PeriodReport,
    /// `$deliveries`
    Deliveries,
    /// `DocumentReference/{id}/$proof`, `Patient/{id}/$proof`
    Proof,
    /// `DocumentReference/{id}/$visibility`
    Visibility,
    /// `$delivery-stop`
    DeliveryStop,
    /// `$delivery-resend`
    DeliveryResend,
}

impl Interaction {
    /// Whether it answers with a resource.
    #[must_use]
    pub const fn is_fhir(self) -> bool {
        !matches!(self, Self::Live | Self::Ready | Self::Metrics | Self::OpenApi | Self::Options)
    }

    /// Whether it reads more of the query string than `_format` and `_pretty`.
    #[must_use]
    pub const fn takes_parameters(self) -> bool {
        matches!(
            self,
            Self::Create
                | Self::SearchType
                | Self::SearchForm
                | Self::SearchCompartment
                | Self::Everything
                | Self::Deliveries
                | Self::History
                | Self::Read
                | Self::Vread
                | Self::Capabilities
                | Self::UpdateWhere
                | Self::PatchWhere
                | Self::DeleteWhere
                | Self::Options
        )
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Of HTTP; what `GET` serves is served to `HEAD` too, and `OPTIONS` to every path.
    pub method: &'static str,
    /// Path template: `{type}` is one of [`SERVED`], `{member}` one of [`MEMBERS`], `{id}` and `{version}` are free.
    pub path: &'static str,
    /// What it does.
    pub interaction: Interaction,
}

impl Route {
    /// Whether it is there for that type: those that only this service writes are searched and read.
    #[must_use]
    pub fn serves(&self, rtype: &str) -> bool {
        self.method == "GET" || self.interaction == Interaction::SearchForm || is_writable(rtype)
    }
}

const fn route(method: &'static str, path: &'static str, interaction: Interaction) -> Route {
    Route { method, path, interaction }
}

/// Every route. Fixed paths come before templates.
pub const ROUTES: &[Route] = &[
    route("GET", "/metadata", Interaction::Capabilities),
    route("GET", "/livez", Interaction::Live),
    route("GET", "/readyz", Interaction::Ready),
    route("GET", "/metrics", Interaction::Metrics),
    route("GET", "/openapi.yaml", Interaction::OpenApi),
    route("GET", "/$deliveries", Interaction::Deliveries),
    route("POST", "/$delivery-stop", Interaction::DeliveryStop),
    route("POST", "/$delivery-resend", Interaction::DeliveryResend),
    route("POST", "/QuestionnaireResponse/$evaluate", Interaction::Evaluate),
    route("POST", "/", Interaction::Bundle),
    route("GET", "/_history", Interaction::History),
    route("POST", "/{type}", Interaction::Create),
    route("GET", "/{type}", Interaction::SearchType),
    route("PUT", "/{type}", Interaction::UpdateWhere),
    route("PATCH", "/{type}", Interaction::PatchWhere),
    route("DELETE", "/{type}", Interaction::DeleteWhere),
    route("GET", "/{type}/_history", Interaction::History),
    route("POST", "/{type}/$validate", Interaction::Validate),
    route("POST", "/{type}/{id}/$validate", Interaction::Validate),
    route("POST", "/{type}/_search", Interaction::SearchForm),
    route("GET", "/Patient/{id}/$everything", Interaction::Everything),
    route("GET", "/Patient/{id}/$proof", Interaction::Proof),
    route("GET", "/DocumentReference/{id}/$proof", Interaction::Proof),
    route("POST", "/Patient/{id}/$period-report", Interaction::PeriodReport),
    route("POST", "/DocumentReference/{id}/$visibility", Interaction::Visibility),
    route("GET", "/Patient/{id}/{member}", Interaction::SearchCompartment),
    route("GET", "/{type}/{id}", Interaction::Read),
    route("PUT", "/{type}/{id}", Interaction::Update),
    route("PATCH", "/{type}/{id}", Interaction::Patch),
    route("DELETE", "/{type}/{id}", Interaction::Delete),
    route("GET", "/{type}/{id}/_history", Interaction::History),
    route("GET", "/{type}/{id}/_history/{version}", Interaction::Vread),
];

/// The paths of the routes, taken apart, in their order.
static TEMPLATES: [Template; ROUTES.len()] = {
    let mut all = [Template::of("/"); ROUTES.len()];
    let mut n = 0;
    while n < all.len() {
        all[n] = Template::of(ROUTES[n].path);
        n += 1;
    }
    all
};

/// The methods of HTTP (RFC 9110, 9; RFC 5789).
pub(super) const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// A path without needless percent-encoding (RFC 3986, 6.2.2.2): some clients write `$validate` as `%24validate`.
pub(super) fn plain(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let hex = part.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte.filter(|byte| byte.is_ascii_alphanumeric() || b"-._~$".contains(byte)) {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(part.get(2..).unwrap_or_default());
            }
            None => {
                plain.push('%');
                plain.push_str(part);
            }
        }
    }
    Cow::Owned(plain)
}

/// A request that found its route.
#[derive(Debug, PartialEq, Eq)]
pub struct Matched<'a> {
    /// What to do.
    pub interaction: Interaction,
    /// The template it matched, for metrics and logs (a path would carry ids).
    pub template: &'static str,
    /// Resource type, or empty.
    pub rtype: &'a str,
    /// Resource id, or empty.
    pub id: &'a str,
    /// Version id, or empty.
    pub version: &'a str,
}

/// Finds the route of a request.
///
/// # Errors
/// `NotFound` for an unknown path or type, `NotSupported` for a known path with another method; both
/// say what there is.
pub fn find<'a>(method: &str, path: &'a str) -> Result<Matched<'a>, Problem> {
    let wanted = if method == "HEAD" { "GET" } else { method };
    let is_asked = |route: &Route| route.method == wanted || method == "OPTIONS";
    let segments = Segments::of(path);
    for (route, template) in ROUTES.iter().zip(&TEMPLATES).filter(|(route, _)| is_asked(route)) {
        if let Some(matched) = matches(route, template, &segments) {
            if route.method == wanted {
                return Ok(matched);
            }
            if method == "OPTIONS" {
                return Ok(Matched { interaction: Interaction::Options, ..matched });
            }
        }
    }
    let allowed = allowed(path);
    if !allowed.is_empty() {
        let text = format!("this method is not supported here; supported: {}", allowed.join(", "));
        return Err(Problem::new(Category::NotSupported, "not-supported", text));
    }
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let text = if is_served(first) {
        format!("no interaction has this path below {first}; see /metadata")
    } else {
        format!("'{first}' is not served here; served types are {}", SERVED.join(", "))
    };
    Err(Problem::new(Category::NotFound, "not-found", text))
}

/// Methods that a path allows, for the `Allow` header.
#[must_use]
pub fn allowed(path: &str) -> Vec<&'static str> {
    let segments = Segments::of(path);
    let served = ROUTES.iter().zip(&TEMPLATES).filter(|(route, of)| matches(route, of, &segments).is_some());
    let mut methods: Vec<_> = served.map(|(route, _)| route.method).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    if !methods.is_empty() {
        methods.push("OPTIONS");
    }
    methods
}

fn matches<'a>(route: &Route, template: &Template, path: &Segments<'a>) -> Option<Matched<'a>> {
    // Most are told apart by how deep they are, before any segment is compared.
    if template.count != path.count {
        return None;
    }
    let mut found =
        Matched { interaction: route.interaction, template: route.path, rtype: "", id: "", version: "" };
    for (wanted, segment) in template.parts.iter().zip(path.all).take(template.count) {
        match wanted {
            Part::Fixed(wanted) if *wanted == segment => {}
            Part::Type if is_served(segment) && route.serves(segment) => found.rtype = segment,
            Part::Member if MEMBERS.iter().any(|(name, _)| *name == segment) => found.rtype = segment,
            Part::Id if !segment.is_empty() && !segment.starts_with(['$', '_']) => found.id = segment,
            Part::Version if !segment.is_empty() => found.version = segment,
            _ => return None,
        }
    }
    if let Some(rtype) = of_one_type(route) {
        found.rtype = rtype;
    }
    Some(found)
}

/// The type of a route that names it, where the last segment is no type.
fn of_one_type(route: &Route) -> Option<&'static str> {
    match route.interaction {
        Interaction::Everything | Interaction::PeriodReport => Some("Patient"),
        Interaction::Proof if route.path.starts_with("/Patient/") => Some("Patient"),
        Interaction::Proof | Interaction::Visibility => Some("DocumentReference"),
        Interaction::Evaluate => Some("QuestionnaireResponse"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, path: &str, expected: Interaction) {
        assert_eq!(find(method, path).map(|m| m.interaction), Ok(expected), "{method} {path}");
    }

    #[test]
    fn each_path_finds_its_interaction() {
        check("GET", "/metadata", Interaction::Capabilities);
        check("HEAD", "/metadata", Interaction::Capabilities);
        check("OPTIONS", "/Patient", Interaction::Options);
        check("GET", "/Patient/_history", Interaction::History);
        check("GET", "/_history", Interaction::History);
        check("DELETE", "/Patient", Interaction::DeleteWhere);
        check("POST", "/Patient", Interaction::Create);
        check("GET", "/Task/1/_history/2", Interaction::Vread);
        check("POST", "/QuestionnaireResponse/$validate", Interaction::Validate);
        assert_eq!(find("PUT", "/Flag/a").map(|m| m.id), Ok("a"));
        check("POST", "/Task/_search", Interaction::SearchForm);
        check("GET", "/Patient/p/Task", Interaction::SearchCompartment);
        assert_eq!(find("GET", "/Patient/p/Task").map(|m| (m.id, m.rtype)), Ok(("p", "Task")));
        check("GET", "/Patient/p/$everything", Interaction::Everything);
        check("GET", "/DocumentReference/d/$proof", Interaction::Proof);
        assert_eq!(find("GET", "/Patient/p/$proof").map(|m| (m.id, m.rtype)), Ok(("p", "Patient")));
        check("POST", "/Patient/p/$period-report", Interaction::PeriodReport);
        check("POST", "/DocumentReference/d/$visibility", Interaction::Visibility);
        assert!(find("GET", "/Patient/p/Questionnaire").is_err() && find("GET", "/Task/t/Flag").is_err());
    }

    #[test]
    fn needless_encoding_is_taken_off_a_path() {
        let check = |path: &str, expected: &str| assert_eq!(plain(path), expected);
        check("/QuestionnaireResponse/%24validate", "/QuestionnaireResponse/$validate");
        check("/Patient/a%2Db%2dc", "/Patient/a-b-c");
        check("/Patient%2F1/%00/%zz/%C3%A9/%", "/Patient%2F1/%00/%zz/%C3%A9/%");
        check("/%2524", "/%2524");
        check("/a%+4b", "/a%+4b");
    }

    #[test]
    fn a_wrong_method_or_path_says_what_there_is() {
        let refused = |method, path| find(method, path).map(|m| m.interaction).unwrap_err();
        assert_eq!(refused("POST", "/Patient/1").category, Category::NotSupported);
        assert!(refused("POST", "/Patient/1").to_string().contains("GET, PUT"));
        assert_eq!(refused("GET", "/Medication").category, Category::NotFound);
        assert_eq!(refused("OPTIONS", "/Medication").category, Category::NotFound);
        assert_eq!(refused("GET", "/Patient/").category, Category::NotFound);
        assert_eq!(refused("POST", "/Patient/$everything").category, Category::NotFound);
    }
}
