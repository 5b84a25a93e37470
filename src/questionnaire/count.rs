//! How often each item occurs in one instance of its parent: required, repeats, minimum and maximum.

use super::enablement::Enabled;
use super::finding::{
    Finding, MAX_COUNT, MIN_COUNT, REPEATED_ITEM, REPEATS, REQUIRED, REQUIRED_IN_ABSENT_GROUP,
};
use super::item::{Item, ItemType};
use super::session::Session;

/// Counts the items below a node (`None`: the response), within one of its answers where it is a question.
pub(crate) fn instance(session: &mut Session<'_>, owner: Option<usize>, answer: Option<usize>) {
    let (questionnaire, tree) = (session.questionnaire, session.tree);
    let parent = owner.and_then(|owner| tree.nodes[owner].item);
    let span = tree.below(owner);
    let (mut child, end) =
        parent.map_or((0, questionnaire.items.len()), |parent| (parent + 1, questionnaire.items[parent].end));
    while child < end {
        let item = &questionnaire.items[child];
        let nodes = tree.of(child, &span);
        let here =
            |node: &&usize| tree.nodes[**node].owner == owner && tree.nodes[**node].owner_answer == answer;
        let mut nodes = nodes.iter().filter(here).copied();
        let first = nodes.next();
        let mut counted = Counted { first, nodes: 0, answers: 0 };
        if let Some(first) = first {
            counted.add(session, first);
            for next in nodes {
                counted.add(session, next);
                again(session, child, next);
            }
        }
        if item.kind != ItemType::Display {
            counted.check(session, child, owner, answer);
        }
        child = item.end;
    }
}

/// What there is of one item in one instance.
struct Counted {
    first: Option<usize>,
    nodes: usize,
    answers: usize,
}

impl Counted {
    fn add(&mut self, session: &Session<'_>, node: usize) {
        let found = &session.tree.nodes[node];
        self.nodes += 1;
        self.answers += found.answers.len();
    }

    fn check(&self, session: &mut Session<'_>, child: usize, owner: Option<usize>, answer: Option<usize>) {
        let (questionnaire, tree) = (session.questionnaire, session.tree);
        let item = &questionnaire.items[child];
        let group = item.kind == ItemType::Group;
        let count = if group { self.nodes } else { self.answers };
        if let Some(node) =
            self.first.filter(|_| !group && !item.repeats && self.answers > 1 && self.nodes == 1)
        {
            let english = format!("has {count} answers; the question does not repeat, so give one");
            let place = tree.answer_place(node, 1);
            session.report(child, place, Finding::new(REPEATS, english, "une seule réponse est attendue"));
        }
        if let Some(most) = item.max_occurs.filter(|most| count > *most) {
            let english = format!("occurs {count} times, at most {most} are allowed");
            let place =
                self.first.map_or_else(|| tree.instance_place(owner, answer), |node| tree.place(node));
            session.report(
                child,
                place,
                Finding::new(MAX_COUNT, english, format!("au plus {most} réponses")),
            );
        }
        let filled =
            if group && self.first.is_some_and(|node| self.nodes == 1 && tree.below(Some(node)).is_empty()) {
                0
            } else {
                count
            };
        let lacking = filled < item.min_occurs;
        if !session.complete || (!lacking && filled > 0) || !questionnaire.is_demanding(child) {
            return;
        }
        let enabled = match self.first {
            Some(node) => session.node_enabled(node),
            None => session.item_enabled(child, owner, answer, None),
        };
        if enabled != Enabled::Yes {
            return;
        }
        let place = self.first.map_or_else(|| tree.instance_place(owner, answer), |node| tree.place(node));
        if lacking {
            session.report(child, place, missing(item, filled));
        } else if group {
            absent_group(session, child, place);
        } else {
            session.calculation_left_out(child, owner, self.first, place);
        }
    }
}

fn missing(item: &Item, count: usize) -> Finding {
    let what = if item.kind == ItemType::Group { "a filled group" } else { "an answer" };
    if item.required && count == 0 {
        return Finding::new(
            REQUIRED,
            format!("is required, and has no answer; give {what}"),
            "une réponse est obligatoire",
        );
    }
    let least = item.min_occurs;
    let english = format!("occurs {count} times, at least {least} are needed");
    Finding::new(MIN_COUNT, english, format!("au moins {least} réponses sont attendues"))
}

/// Required questions in an optional group are asked only when the group is there; that the whole group is
/// missing is worth a look, not a refusal.
fn absent_group(session: &mut Session<'_>, group: usize, place: String) {
    let items = &session.questionnaire.items;
    let within = &items[group + 1..items[group].end];
    let asked = |item: &&Item| {
        item.required && item.kind.natural().is_some() && !item.is_conditional() && item.parent == Some(group)
    };
    let names: Vec<&str> = within.iter().filter(asked).map(|item| item.link_id.as_str()).collect();
    if !names.is_empty() {
        let english = format!("is absent, with the required items: {}", names.join(", "));
        let finding = Finding::new(
            REQUIRED_IN_ABSENT_GROUP,
            english,
            "cette partie du questionnaire n'a pas été remplie",
        );
        session.report(group, place, finding);
    }
}

/// A second node with the same linkId in the same place.
fn again(session: &mut Session<'_>, item: usize, node: usize) {
    let compiled = &session.questionnaire.items[item];
    let finding = match (compiled.kind == ItemType::Group, compiled.repeats) {
        (true, true) => return,
        (_, false) => Finding::new(
            REPEATS,
            "occurs more than once, but does not repeat",
            "une seule réponse est attendue",
        ),
        (false, true) => {
            let english = "is given more than once; put all answers into one item";
            Finding::new(REPEATED_ITEM, english, "les réponses à cette question sont dispersées")
        }
    };
    let place = session.tree.place(node);
    session.report(item, place, finding);
}
