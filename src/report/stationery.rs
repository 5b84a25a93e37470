//! What a report is set with: the template (typst) and its texts. A hospital can replace either.

use std::collections::BTreeMap;

use crate::problem::{Category, Issue, Problem};

/// Template and texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stationery {
    /// In typst; it reads everything from `json("data.json")`, its texts under `texts`.
    pub template: String,
    /// The texts by name.
    pub texts: BTreeMap<String, String>,
}

impl Stationery {
    /// What Vigie ships.
    #[must_use]
    pub fn shipped() -> Self {
        Self { template: include_str!("template.typ").to_owned(), texts: shipped_texts() }
    }

    /// A hospital's own: what it does not replace is what Vigie ships. `texts` is a JSON object of texts by name.
    ///
    /// # Errors
    /// `Malformed`, with every fault: texts that are no such object, and names that no text has. Whether the template
    /// compiles is for `pdf::check` to say.
    pub fn adapted(template: Option<String>, texts: Option<&str>) -> Result<Self, Problem> {
        let mut stationery = Self::shipped();
        if let Some(template) = template {
            stationery.template = template;
        }
        let own: BTreeMap<String, String> =
            texts.map(serde_json::from_str).transpose().map_err(unreadable)?.unwrap_or_default();
        let unknown: Vec<Issue> = own
            .keys()
            .filter(|name| !stationery.texts.contains_key(*name))
            .map(|name| unknown(name))
            .collect();
        if !unknown.is_empty() {
            return Err(Problem::with(Category::Malformed, unknown));
        }
        stationery.texts.extend(own);
        Ok(stationery)
    }
}

fn shipped_texts() -> BTreeMap<String, String> {
    serde_json::from_str(include_str!("texts.json")).unwrap_or_default()
}

fn unreadable(fault: serde_json::Error) -> Problem {
    Problem::new(Category::Malformed, "structure", format!("texts.json is no object of texts: {fault}"))
}

fn unknown(name: &str) -> Issue {
    Issue::error("code-invalid", format!("texts.json: no text is called '{name}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_texts_are_the_ones_that_the_template_asks_for() {
        let shipped = Stationery::shipped();
        let asked: std::collections::BTreeSet<&str> = shipped
            .template
            .split("t.")
            .skip(1)
            .zip(shipped.template.split("t."))
            .filter(|(_, before)| !before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"'))
            .map(|(after, _)| {
                let end = after.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(after.len());
                &after[..end]
            })
            .collect();
        let there: std::collections::BTreeSet<&str> = shipped.texts.keys().map(String::as_str).collect();
        assert_eq!(asked, there);
    }

    #[test]
    fn a_hospital_changes_one_text_and_keeps_the_others() {
        let adapted = Stationery::adapted(None, Some(r#"{"conclusion": "Conclusion du médecin"}"#)).unwrap();
        assert_eq!(adapted.texts["conclusion"], "Conclusion du médecin");
        assert_eq!(adapted.texts["alerts"], Stationery::shipped().texts["alerts"]);
        assert_eq!(adapted.template, Stationery::shipped().template);
    }

    #[test]
    fn texts_that_are_none_are_refused_by_name() {
        let refused = |texts: &str| Stationery::adapted(None, Some(texts)).unwrap_err().to_string();
        assert!(refused(r#"{"conclusoin": "x", "alertes": "y"}"#).contains("'alertes'"));
        assert!(refused("[]").contains("texts.json"));
    }
}
