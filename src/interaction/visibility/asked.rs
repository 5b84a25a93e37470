//! What `$visibility` is asked, as `Parameters` (FHIR R4, Operations).

use crate::json::Value;

use crate::fhir::{Document, Reading, element};
use crate::interaction::finalize::sources;
use crate::interaction::{Context, incoming, meaning};
use crate::problem::{Category, Issue, Problem};
use crate::report::Professional;
use crate::report::visibility::MASKS;

/// What the operation takes.
const PARAMETERS: [&str; 5] = ["hide", "show", "archived", "by", "reason"];

/// What is asked, by whom and why.
pub(super) struct Asked {
    /// Codes of whom it is hidden from.
    pub(super) hide: Vec<String>,
    /// Codes of whom it is shown to again.
    pub(super) show: Vec<String>,
    /// Archived, or taken out again.
    pub(super) archived: Option<bool>,
    /// Who asks.
    pub(super) by: Professional,
    /// The same, by reference.
    pub(super) reference: String,
    /// Why, in words.
    pub(super) reason: String,
}

impl Asked {
    /// # Errors
    /// `Malformed`, `Invalid` with every fault.
    pub(super) async fn read(ctx: &Context, body: Document<'_>) -> Result<Self, Problem> {
        let Reading { resource, mut issues } = body.read()?;
        let parameters = incoming::of_type("Parameters", resource)?;
        issues.retain(|issue| incoming::hinders(std::slice::from_ref(issue)));
        issues.extend(meaning::unknown_in_parameters(&parameters));
        let mut said = Said { parts: element::list(&parameters, "parameter").collect(), issues };
        said.refuse_unknown();
        let (hide, show) = (said.codes("hide"), said.codes("show"));
        if let Some(both) = hide.iter().find(|code| show.contains(code)) {
            said.fault("business-rule", format!("{both} is both hidden from and shown to"));
        }
        let archived = said.one("archived", "valueBoolean").and_then(Value::as_bool);
        let reason =
            said.one("reason", "valueString").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
        if reason.is_empty() {
            said.fault("required", "parameter 'reason' says why, once, as a valueString".to_owned());
        }
        if hide.is_empty() && show.is_empty() && archived.is_none() {
            said.fault("required", "nothing is asked: hide, show or archived".to_owned());
        }
        let by = said
            .one("by", "valueReference")
            .and_then(|one| element::str_at(one, "reference"))
            .map(str::to_owned);
        let by = match by {
            Some(reference) => {
                let named = sources::named(ctx, &reference).await?;
                let read =
                    |(person, role): (Value, Option<Value>)| Professional::read(&person, role.as_ref());
                named.and_then(read).map(|by| (reference, by))
            }
            None => None,
        };
        if by.is_none() {
            let text = "parameter 'by' names who asks, once, as a valueReference: a Practitioner of this server with a family \
                        name, or a PractitionerRole whose practitioner is one";
            said.fault("required", text.to_owned());
        }
        match by {
            Some((reference, by)) if said.issues.is_empty() => {
                Ok(Self { hide, show, archived, by, reference, reason })
            }
            _ => Err(Problem::with(Category::Invalid, said.issues)),
        }
    }
}

/// The parts of the body, and what is wrong with them.
struct Said<'a> {
    parts: Vec<&'a Value>,
    issues: Vec<Issue>,
}

impl<'a> Said<'a> {
    fn fault(&mut self, code: &'static str, text: String) {
        self.issues.push(Issue::error(code, text).at("Parameters.parameter"));
    }

    fn refuse_unknown(&mut self) {
        for (n, part) in self.parts.iter().enumerate() {
            if !element::str_at(part, "name").is_some_and(|name| PARAMETERS.contains(&name)) {
                let text = format!("unknown parameter; there are {}", PARAMETERS.join(", "));
                self.issues
                    .push(Issue::error("not-supported", text).at(format!("Parameters.parameter[{n}]")));
            }
        }
    }

    fn named(&self, name: &str) -> Vec<&'a Value> {
        self.parts.iter().filter(|part| element::str_at(part, "name") == Some(name)).copied().collect()
    }

    /// The value of a parameter that may be there once.
    fn one(&mut self, name: &str, element: &str) -> Option<&'a Value> {
        let given = self.named(name);
        let value = given.first().and_then(|part| part.get(element));
        if given.len() > 1 || (!given.is_empty() && value.is_none()) {
            self.fault("structure", format!("parameter '{name}' is given at most once, as a {element}"));
        }
        value
    }

    /// The codes of a parameter that may be there several times.
    fn codes(&mut self, name: &str) -> Vec<String> {
        let mut codes = Vec::new();
        for part in self.named(name) {
            match element::str_at(part, "valueCode").filter(|code| MASKS.contains(code)) {
                Some(code) => codes.push(code.to_owned()),
                None => {
                    self.fault(
                        "code-invalid",
                        format!("parameter '{name}' is a valueCode: {}", MASKS.join(", ")),
                    );
                }
            }
        }
        codes
    }
}
