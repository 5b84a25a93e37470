//! What needs no service: `check` compiles a folder of definitions, `evaluate` judges one response.

use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget};

use super::{folder, say};
use crate::clock::{Clock, SystemClock};
use crate::fhir::structure;
use crate::interaction::{Library, Question, evaluate_with};
use crate::problem::{Category, Issue, Problem, Severity};

/// Files of `evaluate`.
pub struct Files {
    /// The response.
    pub response: PathBuf,
    /// Earlier responses.
    pub previous: Vec<PathBuf>,
    /// The patient.
    pub patient: Option<PathBuf>,
    /// Every `CarePlan` that says what the patient is treated with.
    pub careplans: Vec<PathBuf>,
    /// Folder of the definitions.
    pub profiles: PathBuf,
}

/// Compiles all questionnaires and protocols below `path` and says what is wrong.
///
/// # Errors
/// `Invalid` with every fault: file, element, and what would be right.
pub fn check(path: &Path) -> Result<(), Problem> {
    let files = folder::read(path)?;
    let progress = ProgressBar::with_draw_target(Some(files.len() as u64), ProgressDrawTarget::stderr());
    let mut issues = Vec::new();
    for file in &files {
        let faults = structure::check(&file.resource).into_iter().filter(|i| i.severity >= Severity::Error);
        issues.extend(faults.map(|issue| within(&file.path, issue)));
        progress.inc(1);
    }
    progress.finish_and_clear();
    let named: Vec<(String, PathBuf)> =
        files.iter().map(|file| (canonical(&file.resource), file.path.clone())).collect();
    let count = files.len();
    let library = Library::from_resources(files.into_iter().map(|file| file.resource).collect());
    let found = library.map_or_else(|problem| problem.issues, |library| library.lowered());
    issues.extend(found.into_iter().map(|issue| match owner(&named, &issue) {
        Some(path) => within(path, issue),
        None => issue,
    }));
    if !issues.is_empty() {
        return Err(Problem::with(Category::Invalid, issues));
    }
    say(&format!("{count} resources in {} are right and compile", path.display()));
    Ok(())
}

fn canonical(resource: &crate::json::Value) -> String {
    let part = |name: &str| resource[name].as_str().unwrap_or_default();
    format!("{}|{}", part("url"), part("version"))
}

/// The file of the definition that an issue's place starts with.
fn owner<'a>(named: &'a [(String, PathBuf)], issue: &Issue) -> Option<&'a Path> {
    let place = issue.expression.as_deref()?;
    named
        .iter()
        .find(|(canonical, _)| canonical.len() > 1 && place.starts_with(canonical.as_str()))
        .map(|(_, path)| path.as_path())
}

fn within(path: &Path, mut issue: Issue) -> Issue {
    issue.diagnostics = format!("{}: {}", path.display(), issue.diagnostics);
    issue
}

/// Prints the Bundle that a submission would create.
///
/// # Errors
/// `NotFound` or `Malformed` naming the file; `Invalid` when the questionnaire is not in the folder.
pub fn evaluate(files: &Files) -> Result<(), Problem> {
    let resources = folder::read(&files.profiles)?.into_iter().map(|file| file.resource).collect();
    let library = Library::from_resources(resources)?;
    let question = Question {
        response: folder::read_one(&files.response)?,
        previous: files.previous.iter().map(|path| folder::read_one(path)).collect::<Result<_, _>>()?,
        patient: files.patient.as_deref().map(folder::read_one).transpose()?,
        careplans: files.careplans.iter().map(|path| folder::read_one(path)).collect::<Result<_, _>>()?,
        received_at: SystemClock.now(),
    };
    let bundle = evaluate_with(&library, question)?;
    let text = serde_json::to_string_pretty(&bundle)
        .map_err(|fault| Problem::internal(format!("the Bundle cannot be written: {fault}")))?;
    say(&text);
    Ok(())
}
