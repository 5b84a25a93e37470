//! What a Task told the person who closed it: only that does not ask again. Words that a person wrote stay out of a Task,
//! which carries no identity; a mark of them (`Task.input` of code `texte-libre`) says which ones it was about. Of what is
//! attached or referred to a Task has the title; a mark (`contenu-joint`) says which content that was.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::json::Value;

use super::existing::status;
use super::french::told;
use super::input::Scene;
use crate::fhir::element::{code_of, list, str_at};
use crate::judgement::{Evidence, Outcome};
use crate::terminology::{Level, TASK_CODE, TASK_INPUT};

/// The kind of the marks of free words.
pub(super) const FREE_TEXT: &str = "texte-libre";
/// The kind of the marks of what is attached or referred to.
pub(super) const ATTACHED: &str = "contenu-joint";
/// Why an amendment cancels a Task.
pub(super) const REPLACED: &str = "remplacée par la réponse modifiée";
/// Why a withdrawal does.
pub(super) const WITHDRAWN: &str = "la réponse a été annulée par son émetteur";
/// What stands between the parts of a reason.
pub(super) const BETWEEN: &str = " ; ";
/// Bytes of a digest that make a mark.
const MARK: usize = 16;

/// The last Task with this alert among its reasons, of one code where one is asked for. What came of the ones before it was
/// said in it.
pub(super) fn last<'a>(scene: &Scene<'a>, flag: &str, code: Option<&str>) -> Option<&'a Value> {
    let of_code = |task: &Value| code.is_none_or(|code| code_of(&task["code"], TASK_CODE) == Some(code));
    scene.existing.of_type("Task").rfind(|task| of_code(task) && names(task, flag))
}

/// Whether a person has dealt with it. One that an amendment cancelled, a failed one and a mistake are not dealt with.
pub(super) fn closed_by_person(task: &Value) -> bool {
    match status(task) {
        "completed" | "rejected" => true,
        "cancelled" => !matches!(str_at(task, "statusReason.text"), Some(REPLACED | WITHDRAWN)),
        _ => false,
    }
}

/// Whether the reasons of a rule are those that the person read in the Task: its answers, its words, or why it fired where
/// there are none.
pub(super) fn tells(task: &Value, rule: &Outcome) -> bool {
    let description = str_at(task, "description").unwrap_or_default();
    let marked = |mark: &str| marks(task).any(|known| known == mark);
    parts(rule).iter().all(|part| is_part(description, part))
        && self::words(rule).all(|word| marked(&mark(word)))
        && attached(rule).all(|mark| marked(&mark))
}

/// What a Task says of a rule beside its title and threshold: its answers, and why it fired where these do not tell.
pub(super) fn parts(rule: &Outcome) -> Vec<String> {
    let mut parts: Vec<String> = answers(rule).map(told).collect();
    parts.extend(message(rule).map(str::to_owned));
    parts
}

/// The answers that are shown.
pub(super) fn answers(rule: &Outcome) -> impl Iterator<Item = &Evidence> {
    rule.evidence.iter().map(|one| &**one).filter(|one| !one.free_text && one.answer.is_some())
}

/// Why the rule fired, where no answer shows it, or where something could not be read.
pub(super) fn message(rule: &Outcome) -> Option<&str> {
    let said = rule.action.level == Level::Technique || answers(rule).next().is_none();
    Some(rule.action.message.as_str()).filter(|message| said && !message.is_empty())
}

/// The answers in free words.
pub(super) fn words(rule: &Outcome) -> impl Iterator<Item = &Evidence> {
    rule.evidence.iter().map(|one| &**one).filter(|one| one.free_text && one.answer.is_some())
}

/// What tells these words from others without saying them.
pub(super) fn mark(words: &Evidence) -> String {
    digest(words, words.answer.as_deref().unwrap_or_default())
}

/// What tells what is attached or referred to from something else under the same title.
pub(super) fn attached(rule: &Outcome) -> impl Iterator<Item = String> {
    rule.evidence.iter().filter_map(|one| Some(digest(one, one.beyond.as_deref()?)))
}

fn digest(evidence: &Evidence, content: &str) -> String {
    let digest =
        Sha256::new().chain_update(&evidence.link_id).chain_update([0]).chain_update(content).finalize();
    digest[..MARK].iter().fold(String::with_capacity(2 * MARK), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether this alert is among those that a Task was raised for.
pub(super) fn names(task: &Value, flag: &str) -> bool {
    list(task, "input").any(|one| str_at(one, "valueReference.reference") == Some(flag))
}

fn marks(task: &Value) -> impl Iterator<Item = &str> {
    let of_kind = |one: &&Value| matches!(code_of(&one["type"], TASK_INPUT), Some(FREE_TEXT | ATTACHED));
    list(task, "input").filter(of_kind).filter_map(|one| one["valueString"].as_str())
}

/// Whether this is a whole part of what a Task says, and not the beginning of another one.
fn is_part(description: &str, part: &str) -> bool {
    description.match_indices(part).any(|(at, _)| {
        let (before, after) = (&description[..at], &description[at + part.len()..]);
        before.ends_with(BETWEEN)
            && (after.is_empty() || after.starts_with('\n') || after.starts_with(BETWEEN))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_whole_only() {
        let description = "ORANGE\nRaisons :\n- Selles (R30, orange) ; Selles : 12 (précédent : 4) ; seuil : 4\n- Autre (R1, jaune) ; Oui";
        let check = |part: &str, expected: bool| assert_eq!(is_part(description, part), expected, "{part}");
        check("Selles : 12 (précédent : 4)", true);
        check("Selles : 12", false);
        check("Selles : 1", false);
        check("Oui", true);
        check("seuil : 4", true);
    }
}
