//! fhirbolt's typed R4 models (<https://hl7.org/fhir/R4/xml.html>) behind one plain function a direction.
//!
//! The (de)serialisers of fhirbolt are generic: every call site compiles all 148 resources again. Nothing here is
//! generic, so that cost is paid once, in this crate, and never by who calls it.

use fhirbolt::model::r4::Resource;
use fhirbolt::serde::{DeserializationConfig, DeserializationMode};
use serde_json::Value;

const STRICT: DeserializationConfig = DeserializationConfig { mode: DeserializationMode::Strict };

/// What fhirbolt reads in a FHIR XML document, as FHIR JSON.
///
/// # Errors
/// Why fhirbolt refuses the document, in its words; there is no place in them.
pub fn json_of(xml: &str) -> Result<Value, String> {
    let resource: Resource = fhirbolt::xml::from_str(xml, Some(STRICT)).map_err(|fault| fault.to_string())?;
    fhirbolt::json::to_json_value(resource, None).map_err(|fault| fault.to_string())
}

/// The FHIR XML that fhirbolt writes for a resource in FHIR JSON.
///
/// # Errors
/// Why fhirbolt refuses the resource, in its words.
pub fn xml_of(json: &Value) -> Result<String, String> {
    let resource: Resource =
        fhirbolt::json::from_json_value(json.clone(), Some(STRICT)).map_err(|fault| fault.to_string())?;
    fhirbolt::xml::to_string(&resource, None).map_err(|fault| fault.to_string())
}
