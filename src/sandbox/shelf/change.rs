//! Flow 03 of `PDSm` 3.1.1, *mise à jour des métadonnées de la fiche*: a conditional `PATCH` by the business identifier, of
//! the elements that the guide allows and of no other.

use crate::json::Value;

use super::{Shelf, invalid};
use crate::fhir::element::str_at;
use crate::problem::{Category, Problem};

/// The extension that says that a document is archived.
const IS_ARCHIVED: &str =
    "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived";

/// Whether this may be changed of a description: its status, from whom it is hidden, and that it is archived.
fn is_allowed(operation: &Value) -> bool {
    let is_archiving = || {
        let extensions = operation["value"].as_array();
        extensions.is_some_and(|all| {
            all.iter().all(|one| one["url"] == IS_ARCHIVED && one["valueBoolean"].is_boolean())
        })
    };
    match (str_at(operation, "op"), str_at(operation, "path")) {
        (Some("replace"), Some("/status")) => operation["value"].is_string(),
        (Some("replace"), Some("/securityLabel")) => operation["value"].is_array(),
        (Some("add" | "replace"), Some("/extension")) => is_archiving(),
        _ => false,
    }
}

impl Shelf {
    /// Changes the one description that the condition names; the same change again changes nothing.
    pub(in crate::sandbox) fn change(&mut self, query: &str, operations: &Value) -> Result<Value, Problem> {
        let operations = operations.as_array().ok_or_else(|| invalid("the body is no JSON Patch"))?;
        for operation in operations {
            let path = str_at(operation, "path").unwrap_or_default();
            if !is_allowed(operation) {
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
    use crate::json::json;

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
        let archived = |url: &str| json!([{"op": "add", "path": "/extension", "value": [{"url": url, "valueBoolean": true}]}]);
        let changed = shelf.change(&query, &archived(IS_ARCHIVED)).unwrap();
        assert_eq!(changed["extension"][0]["valueBoolean"], true);
        let labels = json!([{"op": "replace", "path": "/securityLabel", "value": [{"coding": [{"code": "MASQUE_PS"}]}]}]);
        assert_eq!(
            shelf.change(&query, &labels).unwrap()["securityLabel"][0]["coding"][0]["code"],
            "MASQUE_PS"
        );
        for other in [change("/docStatus"), change("/securityLabel"), archived("https://other.example")] {
            let refused = shelf.change(&query, &other).unwrap_err();
            assert_eq!(refused.category, Category::NotSupported, "{other}");
        }
        let unknown = shelf.change("identifier=urn:ietf:rfc:3986|urn:oid:2.25.1", &change("/status"));
        assert_eq!(unknown.unwrap_err().category, Category::PreconditionFailed);
    }
}
