//! The final `DiagnosticReport` with its narrative and its document (FHIR R4).

use crate::json::{Value, json};

use super::document::Form;
use super::document_reference::attachment;
use super::{Document, Report, narrative};
use crate::fhir::element::list;

/// The resource as it is stored once the document is made: everything it said, the narrative of the report, and the
/// document as its presented forms: the PDF, for who shows it, then the CDA. Rendering it again for the same document
/// changes nothing.
#[must_use]
pub fn render(resource: &Value, report: &Report, document: &Document) -> Value {
    let mut rendered = resource.clone();
    let ours = [Form::Pdf, Form::Cda];
    let others = list(resource, "presentedForm")
        .filter(|form| ours.iter().all(|ours| form["contentType"] != ours.media_type()));
    let made = ours.map(|form| attachment(document, form, &format!("Binary/{}", document.binary_id(form))));
    let forms: Vec<Value> = made.into_iter().chain(others.cloned()).collect();
    rendered["text"] = json!({"status": "generated", "div": narrative::render(report)});
    rendered["presentedForm"] = forms.into();
    rendered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn rendering_again_changes_nothing_and_another_edition_takes_the_place_of_the_first() {
        let (report, document) = (example::report(), example::document());
        let once = render(&example::diagnostic_report(), &report, &document);
        assert_eq!(render(&once, &report, &document), once);
        assert_eq!(once["presentedForm"].as_array().map(Vec::len), Some(2));
        assert!(once["text"]["div"].as_str().is_some_and(|div| div.contains("PAT-TROIS")));
    }
}
