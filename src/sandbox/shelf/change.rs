//! Flow 03 of `PDSm` 3.1.1, *mise à jour des métadonnées de la fiche*: a conditional `PATCH` by the business identifier, of
//! the elements that the guide allows and of no other.

use serde_json::Value;

use super::{Shelf, invalid};
use crate::fhir::element::str_at;
use crate::problem::{Category, Problem};

/// What may be changed of a description (and its archiving, which nobody asks for here).
const ALLOWED: [&str; 2] = ["/status", "/securityLabel"];

impl Shelf {
    /// Changes the one description that the condition names; the same change again changes nothing.
    pub(in crate::sandbox) fn change(&mut self, query: &str, operations: &Value) -> Result<Value, Problem> {
        let operations = operations.as_array().ok_or_else(|| invalid("the body is no JSON Patch"))?;
        for operation in operations {
            let path = str_at(operation, "path").unwrap_or_default();
            if str_at(operation, "op") != Some("replace") || !ALLOWED.contains(&path) {
                let what = "only status, securityLabel and archiving of a description are changed";
                return Err(Problem::new(Category::NotSupported, "not-supported", what).at(path));
            }
        }
        let unknown = || {
            let what = "no DocumentReference is known by that identifier";
            Problem::new(Category::PreconditionFailed, "not-found", what)
        };
        let id = self.only_match("DocumentReference", query)?.ok_or_else(unknown)?;
        let place = self.place("DocumentReference", &id).ok_or_else(unknown)?;
        let known = std::sync::Arc::make_mut(&mut self.resources[place]);
        let before = known.clone();
        for operation in operations {
            let name = str_at(operation, "path").unwrap_or_default().trim_start_matches('/');
            known[name] = operation["value"].clone();
        }
        if *known != before {
            known["meta"]["versionId"] = (super::version(&before) + 1).to_string().into();
        }
        Ok(known.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::{example, provide_document_bundle};

    #[test]
    fn only_what_the_guide_allows_is_changed_and_once() {
        let mut shelf = Shelf::default();
        let request =
            provide_document_bundle::render(&example::report(), &example::document(), &example::issuer());
        shelf.transaction(&request.unwrap()).unwrap();
        let query = format!("identifier=urn:ietf:rfc:3986|{}", example::document().unique_id());
        let change = |path: &str| json!([{"op": "replace", "path": path, "value": "entered-in-error"}]);
        for _ in 0..2 {
            let changed = shelf.change(&query, &change("/status")).unwrap();
            assert_eq!(
                (&changed["status"], &changed["meta"]["versionId"]),
                (&json!("entered-in-error"), &json!("2"))
            );
        }
        let refused = shelf.change(&query, &change("/docStatus")).unwrap_err();
        assert_eq!(refused.category, Category::NotSupported);
        let unknown = shelf.change("identifier=urn:ietf:rfc:3986|urn:oid:2.25.1", &change("/status"));
        assert_eq!(unknown.unwrap_err().category, Category::PreconditionFailed);
    }
}
