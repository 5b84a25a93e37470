//! Checking one response: its head, its shape, then every item in document order, with what is missing in it.

use std::borrow::Cow;

use crate::json::Value;

use super::enablement::Enabled;
use super::extension::{self, list, text};
use super::finding::{
    CALCULATED_MISSING, DRAFT, EXCLUSIVE, Finding, INACTIVE, INVALID_LINK_ID, INVALID_TYPE, Kind,
    NOT_ENABLED, NOT_FOUND, OUT_OF_ORDER, RETIRED, TEXT_MISMATCH, shown,
};
use super::item::AnswerType;
use super::session::Session;
use super::tree::{Flaw, Tree};
use super::{Context, Questionnaire, Validation, answer, count, readable};
use crate::fhir::datetime::PartialDateTime;
use crate::fhir::element::child;
use crate::judgement::Readings;
use crate::problem::{Issue, Severity};

/// Validates a response against a compiled Questionnaire.
pub(crate) fn validate<'r>(
    questionnaire: &Questionnaire,
    response: &'r Value,
    context: &Context<'_>,
) -> Validation<'r> {
    let tree = Tree::read(questionnaire, response);
    let mut session = Session::new(questionnaire, &tree, response, context);
    head(&mut session, response);
    modifiers(&mut session, response, "QuestionnaireResponse".to_owned());
    shape(&mut session);
    count::instance(&mut session, None, None);
    session.constraints(None, None);
    for node in 0..tree.nodes.len() {
        item(&mut session, node);
    }
    let (issues, amended) = session.into_issues();
    // Without an error every answer is readable, at its place, and the only one where there is one.
    if amended.removed.is_empty() && issues.iter().all(|issue| issue.severity < Severity::Error) {
        return Validation { issues, readable: Cow::Borrowed(response), readings: Readings::default() };
    }
    let (readable, readings) = readable::of(questionnaire, &tree, response, &amended);
    Validation { issues, readable: Cow::Owned(readable), readings }
}

const MODIFIER: &str = "modifierExtension";

fn head(session: &mut Session<'_>, response: &Value) {
    let questionnaire = session.questionnaire;
    let mut add = |kind: Kind, place: &str, english: String, french: &str| {
        session.note(kind.issue(english, french.to_owned(), format!("QuestionnaireResponse{place}")));
    };
    if text(response, "resourceType") != Some("QuestionnaireResponse") {
        let english = "resourceType must be QuestionnaireResponse".to_owned();
        add(INVALID_TYPE, "", english, "La ressource n'est pas une réponse à un questionnaire.");
    }
    if let Some(canonical) = text(response, "questionnaire") {
        let (url, version) =
            canonical.split_once('|').map_or((canonical, None), |(url, version)| (url, Some(version)));
        let other_version = version.is_some()
            && questionnaire.version.is_some()
            && version != questionnaire.version.as_deref();
        if url != questionnaire.url || other_version {
            let own = questionnaire.canonical();
            let english = format!("the response answers {canonical}, but was checked against {own}");
            add(NOT_FOUND, ".questionnaire", english, "La réponse porte sur un autre questionnaire.");
        }
    }
    let own = questionnaire.canonical();
    match questionnaire.status.as_str() {
        "draft" => {
            add(DRAFT, ".questionnaire", format!("{own} is a draft"), "Le questionnaire est un brouillon.")
        }
        "retired" => add(
            RETIRED,
            ".questionnaire",
            format!("{own} is retired"),
            "Le questionnaire n'est plus utilisé.",
        ),
        _ => {}
    }
    let moment =
        text(response, "authored").and_then(PartialDateTime::parse).and_then(|authored| authored.lower());
    if !within(questionnaire.period.as_ref(), moment.unwrap_or(session.context.now)) {
        let english = format!("{own} was not in its effective period when the response was authored");
        session.note(INACTIVE.issue(
            english,
            "Le questionnaire n'était pas en vigueur à la date de la réponse.".to_owned(),
            "QuestionnaireResponse.questionnaire".to_owned(),
        ));
    }
}

/// An extension that may turn the meaning of what it stands on round, and that nobody here knows (FHIR R4, 2.4.2). What it
/// stands on is judged as it is written: a sign of danger alerts, and a person is told.
fn modifiers(session: &mut Session<'_>, element: &Value, place: String) {
    for (n, found) in list(element, MODIFIER).iter().enumerate() {
        let url = text(found, "url").unwrap_or("(no url)");
        let english =
            format!("the modifierExtension {url} may change the meaning of this, and is not known here");
        let issue = Issue::error("extension", english).at(format!("{place}.modifierExtension[{n}]"));
        let french = "Une partie de la réponse porte une extension inconnue qui peut en changer le sens : réponse à relire.";
        session.note(issue.text(french));
    }
}

fn within(period: Option<&Value>, moment: jiff::Timestamp) -> bool {
    let bounds =
        |name| period.and_then(|period| text(period, name)).and_then(PartialDateTime::parse)?.bounds();
    bounds("start").is_none_or(|(lower, _)| lower <= moment)
        && bounds("end").is_none_or(|(_, upper)| moment < upper)
}

fn shape(session: &mut Session<'_>) {
    let tree = session.tree;
    for flaw in &tree.flaws {
        match flaw {
            Flaw::Shape { place, value, expected } => {
                let english = format!("{} is not {expected}", shown(value));
                let french = "Une partie de la réponse n'a pas la forme attendue.".to_owned();
                session.note(INVALID_TYPE.issue(english, french, place.clone()));
                if !value.is_object() {
                    session.remove(value);
                }
            }
            Flaw::Unknown(node) => unknown(session, *node),
            Flaw::OutOfOrder(node) => {
                let english = "stands after an item that follows it in the Questionnaire";
                note(
                    session,
                    *node,
                    OUT_OF_ORDER,
                    english.to_owned(),
                    "les réponses ne sont pas dans l'ordre du questionnaire",
                );
            }
            Flaw::Misplaced(node) => {
                let items = &session.questionnaire.items;
                let parent = tree.nodes[*node].item.and_then(|item| items[item].parent);
                let home = parent.map_or("the Questionnaire itself".to_owned(), |parent| {
                    format!("item '{}'", items[parent].link_id)
                });
                let english = format!("is not an item of this place; it belongs directly in {home}");
                note(
                    session,
                    *node,
                    INVALID_LINK_ID,
                    english,
                    "la réponse n'est pas à sa place dans le questionnaire",
                );
            }
            Flaw::WrongNest(node) => {
                let english = "items of a question belong in its answer.item, items of a group in its item";
                note(
                    session,
                    *node,
                    INVALID_TYPE,
                    english.to_owned(),
                    "la réponse n'est pas à sa place dans le questionnaire",
                );
            }
        }
    }
}

fn note(session: &mut Session<'_>, node: usize, kind: Kind, english: String, french: &str) {
    let place = session.tree.place(node);
    if let Some(item) = session.tree.nodes[node].item {
        session.report(item, place, Finding::new(kind, english, french));
    }
}

fn unknown(session: &mut Session<'_>, node: usize) {
    let value = session.tree.nodes[node].value;
    let place = format!("{}.linkId", session.tree.place(node));
    let issue = match text(value, "linkId") {
        Some(link_id) => {
            let english = format!("linkId '{link_id}' is not in {}", session.questionnaire.canonical());
            INVALID_LINK_ID.issue(
                english,
                format!("La question « {link_id} » n'existe pas dans ce questionnaire."),
                place,
            )
        }
        None => INVALID_LINK_ID.issue(
            "an item needs a linkId".to_owned(),
            "Une réponse n'indique pas sa question.".to_owned(),
            place,
        ),
    };
    session.note(issue);
    session.remove(value);
    // Its answers have no question; what is nested in them may have one.
    for answer in session.tree.nodes[node].answers {
        session.remove(answer);
    }
}

fn item(session: &mut Session<'_>, node: usize) {
    let (tree, questionnaire) = (session.tree, session.questionnaire);
    let found = &tree.nodes[node];
    let Some(index) = found.item else { return };
    let compiled = &questionnaire.items[index];
    if let (Some(given), Some(known)) = (text(found.value, "text"), &compiled.text)
        && given.trim() != known.trim()
    {
        let english = format!("text '{given}' is not that of the Questionnaire, '{known}'");
        let finding = Finding::new(TEXT_MISMATCH, english, "le texte de la question a été modifié");
        session.report(index, format!("{}.text", tree.place(node)), finding);
    }
    if child(found.value, MODIFIER).is_some() {
        modifiers(session, found.value, tree.place(node));
    }
    let mut findings = Vec::new();
    for (position, given) in found.answers.iter().enumerate() {
        if child(given, MODIFIER).is_some() {
            modifiers(session, given, tree.answer_place(node, position));
        }
        answer::check(compiled, given, session.context.terminology, &mut findings);
        for finding in findings.drain(..) {
            if finding.unreadable {
                session.remove(given);
            }
            let has_value = extension::value_of(given, "value").is_some();
            let place = tree.answer_place(node, position);
            session.report(index, if has_value { format!("{place}.value") } else { place }, finding);
        }
    }
    exclusive(session, node, index);
    if session.node_enabled(node) == Enabled::No {
        disabled(session, node, index);
        return;
    }
    if !session.questionnaire.has_expressions && compiled.end == index + 1 {
        return;
    }
    session.calculated(index, node);
    session.constraints(Some(index), Some(node));
    if compiled.kind.natural().is_none() {
        count::instance(session, Some(node), None);
    } else if compiled.end > index + 1 {
        for position in 0..found.answers.len() {
            count::instance(session, Some(node), Some(position));
        }
    }
}

/// Answers to disabled items stay readable: a sign of danger there must still be able to alert.
fn disabled(session: &mut Session<'_>, node: usize, item: usize) {
    let (answers, tree) = (session.tree.nodes[node].answers, session.tree);
    for position in 0..answers.len() {
        let english = "is answered though its enableWhen says that it is not asked; leave it out";
        let finding = Finding::new(NOT_ENABLED, english, "cette question n'avait pas à être posée");
        session.report(item, tree.answer_place(node, position), finding);
    }
}

fn exclusive(session: &mut Session<'_>, node: usize, item: usize) {
    let (tree, questionnaire) = (session.tree, session.questionnaire);
    let answers = tree.nodes[node].answers;
    let Some(options) = questionnaire.items[item].options.as_ref().filter(|_| answers.len() > 1) else {
        return;
    };
    let chosen = answers.iter().position(|given| {
        extension::value_of(given, "value")
            .and_then(|(name, value)| options.find(AnswerType::parse(&name["value".len()..])?, value))
            .is_some_and(|option| option.exclusive)
    });
    if let Some(position) = chosen {
        let english = "this option excludes all others, but is not the only answer";
        let finding = Finding::new(EXCLUSIVE, english, "ce choix ne peut pas aller avec d'autres");
        session.report(item, tree.answer_place(node, position), finding);
    }
}

/// The finding for a calculation that was left out.
pub(crate) fn missing_calculation(value: &str) -> Finding {
    let english = format!("is calculated, and has no answer; it would be {value}");
    Finding::new(CALCULATED_MISSING, english, format!("la valeur calculée manque ({value})"))
}
