//! The one error value: a category that decides the status, and every issue with its place
//! (FHIR R4 `OperationOutcome`, <https://hl7.org/fhir/R4/operationoutcome.html>).

use std::borrow::Cow;
use std::fmt;

/// What kind of failure this is. `http` translates it into a status, nothing else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// The bytes or the parameters cannot be read (400).
    Malformed,
    /// Read, understood, and against the rules of FHIR or of a Questionnaire (422).
    Invalid,
    /// Nothing is known under that id (404).
    NotFound,
    /// Deleted (410).
    Gone,
    /// Against the state of another resource or of an earlier request (409).
    Conflict,
    /// `If-Match`, `If-None-Exist` or another condition of the request does not hold (412).
    PreconditionFailed,
    /// No such interaction or operation here (405).
    NotSupported,
    /// No representation that the client accepts (406).
    NotAcceptable,
    /// Body of a kind that is not read here (415).
    UnsupportedMediaType,
    /// The body did not come in the time that it may take (408).
    RequestTimeout,
    /// Body or answer over a limit (413).
    TooLarge,
    /// Try again later (503).
    Busy,
    /// No space left to store anything (507).
    StorageFull,
    /// What is stored cannot be read any more (500): the message names the version, and a backup may have it.
    Damaged,
    /// Ours (500): the message says no more than an id under which the log tells it.
    Internal,
}

/// Severity of an issue, as in `issue-severity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For the reader's interest.
    Information,
    /// Does not hinder.
    Warning,
    /// The thing was not done, or not wholly.
    Error,
    /// Nothing could be done.
    Fatal,
}

impl Severity {
    /// The code of `http://hl7.org/fhir/issue-severity`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Information => "information",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }
}

/// One issue: what is wrong, where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// How bad.
    pub severity: Severity,
    /// Code of `http://hl7.org/fhir/issue-type` (`structure`, `required`, `value`, `code-invalid`, …).
    pub code: &'static str,
    /// Code of Vigie's `CodeSystem/response-issue` (`invalidLinkId`, `required`, `maxValue`, …), where one fits.
    pub detail: Option<&'static str>,
    /// For the person who answered or the care team, in French.
    pub text: Option<String>,
    /// For the integrator, in English: place, value, and what would be right.
    pub diagnostics: String,
    /// `FHIRPath` of the element with indexes, such as `QuestionnaireResponse.item[0].answer[1].value`.
    pub expression: Option<String>,
}

impl Issue {
    /// An issue of severity error.
    #[must_use]
    pub fn error(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            detail: None,
            text: None,
            diagnostics: diagnostics.into(),
            expression: None,
        }
    }

    /// An issue of severity warning.
    #[must_use]
    pub fn warning(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, diagnostics) }
    }

    /// The same issue, at this element.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        self.expression = Some(expression.into());
        self
    }

    /// The same issue, with our own code for it.
    #[must_use]
    pub const fn detail(mut self, detail: &'static str) -> Self {
        self.detail = Some(detail);
        self
    }

    /// For people in France: its French text; without one, what kind of fault it is and where. What exactly is wrong there is in
    /// [`Self::diagnostics`], for the integrator.
    #[must_use]
    pub fn in_french(&self) -> Cow<'_, str> {
        if let Some(text) = &self.text {
            return Cow::Borrowed(text);
        }
        let kind = kind_in_french(self.code);
        Cow::Owned(match &self.expression {
            Some(place) => format!("{kind} ({place})"),
            None => format!("{kind} (détail technique dans le compte rendu de la réception)"),
        })
    }

    /// The same issue, with its French text.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }
}

/// What a code of `http://hl7.org/fhir/issue-type` says.
fn kind_in_french(code: &str) -> &'static str {
    match code {
        "structure" | "invalid" => "contenu inattendu ou mal formé",
        "required" => "élément obligatoire absent",
        "value" => "valeur dans un format non admis",
        "code-invalid" => "code inconnu",
        "invariant" => "éléments qui se contredisent",
        "extension" => "extension non admise",
        "not-found" => "référence à une ressource inconnue",
        "multiple-matches" => "désignation ambiguë",
        "duplicate" => "identifiant déjà pris",
        "not-supported" => "contenu non pris en charge",
        "too-long" | "too-costly" => "contenu trop volumineux",
        "business-rule" => "règle métier non respectée",
        _ => "anomalie technique",
    }
}

/// Why something was not done: never carries patient data beyond ids and the refused value's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Decides the status.
    pub category: Category,
    /// At least one.
    pub issues: Vec<Issue>,
}

impl Problem {
    /// A problem with one issue of severity error.
    #[must_use]
    pub fn new(category: Category, code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self { category, issues: vec![Issue::error(code, diagnostics)] }
    }

    /// Whether it is no fault of who asked, and for the log.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        matches!(self.category, Category::Damaged | Category::Internal)
    }

    /// The issues that a client is told: of one of category `Internal` this text instead, and what became of what was sent.
    #[must_use]
    pub fn shown(&self, hidden: impl FnOnce() -> String) -> Cow<'_, [Issue]> {
        if self.category != Category::Internal {
            return Cow::Borrowed(&self.issues);
        }
        let kept = self.issues.iter().filter(|issue| issue.severity == Severity::Information);
        Cow::Owned(std::iter::once(Issue::error("exception", hidden())).chain(kept.cloned()).collect())
    }

    /// Whether the store takes nothing now: the very same may well be taken later.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self.category, Category::Busy | Category::StorageFull)
    }

    /// A problem made of all issues found.
    #[must_use]
    pub const fn with(category: Category, issues: Vec<Issue>) -> Self {
        Self { category, issues }
    }

    /// Nothing known under that name.
    #[must_use]
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Category::NotFound, "not-found", format!("{what} is not known here"))
    }

    /// Ours: the message goes to the log and to the client alike, so it names no patient data.
    #[must_use]
    pub fn internal(diagnostics: impl Into<String>) -> Self {
        Self::new(Category::Internal, "exception", diagnostics)
    }

    /// The same problem, every issue without a place put at this element.
    #[must_use]
    pub fn at(mut self, expression: &str) -> Self {
        for issue in &mut self.issues {
            issue.expression.get_or_insert_with(|| expression.to_owned());
        }
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, issue) in self.issues.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            if let Some(place) = &issue.expression {
                write!(f, "{place}: ")?;
            }
            f.write_str(&issue.diagnostics)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_is_hidden_and_what_became_of_a_response_is_not() {
        let mut problem = Problem::internal("table version, column made");
        let kept =
            Issue { severity: Severity::Information, ..Issue::error("informational", "kept as Binary/x") };
        problem.issues.push(kept.clone());
        let shown = problem.shown(|| "the log has it".to_owned());
        assert_eq!(shown.into_owned(), [Issue::error("exception", "the log has it"), kept]);
        let told = Problem::new(Category::Damaged, "exception", "Task/t/_history/1");
        assert_eq!(told.shown(|| unreachable!()).into_owned(), told.issues);
    }
}
