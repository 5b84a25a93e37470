//! Template and texts of the documents, from the folder that the settings name.

use std::path::Path;
use std::sync::Arc;

use super::folder;
use crate::problem::{Category, Issue, Problem};
use crate::report::Stationery;

/// Reads `report.typ` and `texts.json`; the shipped ones stand for what the folder lacks, or for all without a folder.
/// A report is set with them at once: a template that does not compile is no template of a running service.
///
/// # Errors
/// `Malformed` or `NotFound`, with the file, the line and the reason.
pub(super) fn read(path: &str) -> Result<Arc<Stationery>, Problem> {
    if path.is_empty() {
        return Ok(Arc::new(Stationery::shipped()));
    }
    let file = |name: &str| text(&Path::new(path).join(name));
    let (template, texts) = (file("report.typ")?, file("texts.json")?);
    if template.is_none() && texts.is_none() {
        let what = format!("issuer.stationery: neither report.typ nor texts.json is in {path}");
        return Err(Problem::with(Category::NotFound, vec![Issue::error("not-found", what)]));
    }
    let stationery = Stationery::adapted(template, texts.as_deref())?;
    #[cfg(feature = "pdf")]
    crate::report::pdf::check(&stationery)?;
    Ok(Arc::new(stationery))
}

fn text(path: &Path) -> Result<Option<String>, Problem> {
    if !path.exists() {
        return Ok(None);
    }
    let unreadable =
        |_| Problem::new(Category::Malformed, "structure", format!("{}: not UTF-8", path.display()));
    String::from_utf8(folder::bytes(path)?).map(Some).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a folder with those files.
    #[allow(clippy::disallowed_methods, reason = "the test writes the files that are read")]
    fn said(files: &[(&str, &str)]) -> Result<Arc<Stationery>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        read(&folder.path().display().to_string()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_hospital_replaces_the_texts_or_the_template() {
        assert_eq!(*read("").unwrap(), Stationery::shipped());
        let texts = said(&[("texts.json", "{\"author\": \"Rédacteur\"}")]).unwrap();
        assert_eq!(texts.texts["author"], "Rédacteur");
        let template = "#set document(title: \"x\")\n#json(\"data.json\").texts.author";
        assert_eq!(said(&[("report.typ", template)]).unwrap().template, template);
    }

    #[test]
    fn a_template_that_does_not_compile_stops_the_start_with_its_line() {
        let fault = said(&[("report.typ", "Bonjour\n#inconnu")]).unwrap_err();
        assert!(fault.contains("report.typ: template:2:2: unknown variable: inconnu"), "{fault}");
    }

    #[test]
    fn an_empty_folder_and_unknown_texts_are_told() {
        assert!(said(&[]).unwrap_err().contains("neither report.typ nor texts.json"));
        assert!(said(&[("texts.json", "{\"x\": \"y\"}")]).unwrap_err().contains("'x'"));
    }
}
