//! A hospital record (*dossier patient informatisé*) as a FHIR server: takes transactions, puts every resource under its
//! business identifier, and knows its patients (FHIR R4 `RESTful` API, 3.1.0.11).

use std::net::SocketAddr;

use crate::json::Value;

use super::shelf::Shelf;
use super::{Handle, serve};
use crate::fhir::element::str_at;
use crate::problem::{Issue, Problem};

/// Starts a record; port 0 takes a free one. Must be called in a tokio runtime.
///
/// # Errors
/// Internal, when the address cannot be listened on.
pub fn start(address: SocketAddr) -> Result<Handle, Problem> {
    serve::start("DPI sandbox", address, judge, None)
}

fn judge(bundle: &Value, _: &Shelf) -> Vec<Issue> {
    if str_at(bundle, "type") == Some("transaction") {
        return Vec::new();
    }
    vec![Issue::error("value", "only a Bundle of type transaction is taken here").at("Bundle.type")]
}
