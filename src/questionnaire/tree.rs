//! The items of a response as a flat arena over the borrowed JSON, whatever shape it has: nothing is
//! copied, nothing is refused here.

use std::fmt::Write;
use std::ops::Range;

use crate::json::Value;

use super::Questionnaire;
use super::extension::{list, text};
use crate::fhir::element::child;

/// One `item` of the response.
#[derive(Debug)]
pub(crate) struct Node<'r> {
    /// The compiled item with its linkId; `None` for a linkId that is not known.
    pub(crate) item: Option<usize>,
    pub(crate) value: &'r Value,
    pub(crate) answers: &'r [Value],
    /// One past its last descendant.
    pub(crate) end: usize,
    /// The nearest node around it whose linkId is known, and which of its answers holds this one.
    pub(crate) owner: Option<usize>,
    pub(crate) owner_answer: Option<usize>,
    /// The node around it, known or not, and which of its answers holds this one.
    pub(crate) parent: Option<usize>,
    pub(crate) through: Option<usize>,
    position: usize,
}

/// What is wrong with the shape, found on the way.
#[derive(Debug)]
pub(crate) enum Flaw<'r> {
    /// A node with an unknown or missing linkId.
    Unknown(usize),
    /// A node after one that it should precede.
    OutOfOrder(usize),
    /// A node that belongs elsewhere.
    Misplaced(usize),
    /// A node that is in `item` of a question instead of in its answer, or the other way round.
    WrongNest(usize),
    /// A value of the wrong JSON type at this place.
    Shape { place: String, value: &'r Value, expected: &'static str },
}

/// The arena, in document order.
#[derive(Debug)]
pub(crate) struct Tree<'r> {
    pub(crate) nodes: Vec<Node<'r>>,
    pub(crate) flaws: Vec<Flaw<'r>>,
    /// Nodes grouped by item, and where each group begins.
    grouped: Vec<usize>,
    begins: Vec<usize>,
}

/// Where the next list of items hangs.
#[derive(Clone, Copy)]
struct Hook {
    parent: Option<usize>,
    through: Option<usize>,
    owner: Option<usize>,
    owner_answer: Option<usize>,
}

impl<'r> Tree<'r> {
    /// Reads the items of a response.
    pub(crate) fn read(questionnaire: &Questionnaire, response: &'r Value) -> Self {
        let mut tree = Self { nodes: Vec::new(), flaws: Vec::new(), grouped: Vec::new(), begins: Vec::new() };
        let root = Hook { parent: None, through: None, owner: None, owner_answer: None };
        tree.level(questionnaire, response, root);
        tree.group(questionnaire.items.len());
        tree
    }

    fn level(&mut self, questionnaire: &Questionnaire, holder: &'r Value, hook: Hook) {
        if let Some(items) = child(holder, "item").filter(|items| !items.is_array()) {
            let place = format!("{}.item", self.holder_place(hook));
            self.flaws.push(Flaw::Shape { place, value: items, expected: "an array of items" });
        }
        let mut furthest = 0;
        for (position, value) in list(holder, "item").iter().enumerate() {
            if !value.is_object() {
                let place = format!("{}.item[{position}]", self.holder_place(hook));
                self.flaws.push(Flaw::Shape { place, value, expected: "an item with linkId" });
                continue;
            }
            let node = self.node(questionnaire, value, hook, position);
            if let Some(item) = self.nodes[node].item {
                if item < furthest {
                    self.flaws.push(Flaw::OutOfOrder(node));
                }
                furthest = furthest.max(item);
            }
        }
    }

    fn node(
        &mut self,
        questionnaire: &Questionnaire,
        value: &'r Value,
        hook: Hook,
        position: usize,
    ) -> usize {
        let item = text(value, "linkId").and_then(|link_id| questionnaire.by_link_id.get(link_id).copied());
        let answers = list(value, "answer");
        let index = self.nodes.len();
        self.nodes.push(Node {
            item,
            value,
            answers,
            end: index + 1,
            owner: hook.owner,
            owner_answer: hook.owner_answer,
            parent: hook.parent,
            through: hook.through,
            position,
        });
        self.check_nest(questionnaire, index, hook);
        if let Some(value) = child(value, "answer").filter(|answers| !answers.is_array()) {
            let place = format!("{}.answer", self.place(index));
            self.flaws.push(Flaw::Shape { place, value, expected: "an array of answers" });
        }
        let known = |through| {
            let (owner, owner_answer) =
                if item.is_some() { (Some(index), through) } else { (hook.owner, hook.owner_answer) };
            Hook { parent: Some(index), through, owner, owner_answer }
        };
        self.level(questionnaire, value, known(None));
        for (position, answer) in
            answers.iter().enumerate().filter(|(_, answer)| child(answer, "item").is_some())
        {
            self.level(questionnaire, answer, known(Some(position)));
        }
        self.nodes[index].end = self.nodes.len();
        index
    }

    fn check_nest(&mut self, questionnaire: &Questionnaire, index: usize, hook: Hook) {
        let Some(item) = self.nodes[index].item else {
            self.flaws.push(Flaw::Unknown(index));
            return;
        };
        // Inside an item that is not known, that item is the flaw.
        if hook.parent != hook.owner {
            return;
        }
        let around = hook.owner.and_then(|owner| self.nodes[owner].item);
        if questionnaire.items[item].parent != around {
            self.flaws.push(Flaw::Misplaced(index));
        } else if around.is_some_and(|around| {
            questionnaire.items[around].kind.natural().is_some() != hook.through.is_some()
        }) {
            self.flaws.push(Flaw::WrongNest(index));
        }
    }

    fn group(&mut self, items: usize) {
        let mut begins = vec![0; items + 1];
        for item in self.nodes.iter().filter_map(|node| node.item) {
            begins[item + 1] += 1;
        }
        for n in 0..items {
            begins[n + 1] += begins[n];
        }
        let mut next = begins.clone();
        let mut grouped = vec![0; begins[items]];
        for (index, item) in
            self.nodes.iter().enumerate().filter_map(|(n, node)| node.item.map(|item| (n, item)))
        {
            grouped[next[item]] = index;
            next[item] += 1;
        }
        (self.begins, self.grouped) = (begins, grouped);
    }

    /// The nodes of an item within a span of the arena, in document order.
    pub(crate) fn of(&self, item: usize, span: &Range<usize>) -> &[usize] {
        let all = &self.grouped[self.begins[item]..self.begins[item + 1]];
        let from = all.partition_point(|node| *node < span.start);
        let to = all.partition_point(|node| *node < span.end);
        &all[from..to]
    }

    /// The span of everything below a node, or of the whole response.
    pub(crate) fn below(&self, node: Option<usize>) -> Range<usize> {
        node.map_or(0..self.nodes.len(), |node| node + 1..self.nodes[node].end)
    }

    /// The node of `item` at or around a node, and the answer of it through which one comes there.
    pub(crate) fn around(
        &self,
        item: usize,
        mut node: Option<usize>,
        mut answer: Option<usize>,
    ) -> Option<(usize, Option<usize>)> {
        while let Some(n) = node {
            if self.nodes[n].item == Some(item) {
                return Some((n, answer));
            }
            (node, answer) = (self.nodes[n].owner, self.nodes[n].owner_answer);
        }
        None
    }

    /// `QuestionnaireResponse.item[0].item[2]`.
    pub(crate) fn place(&self, node: usize) -> String {
        let mut place = String::from("QuestionnaireResponse");
        self.write_place(node, &mut place);
        place
    }

    /// `QuestionnaireResponse.item[0].answer[1]`.
    pub(crate) fn answer_place(&self, node: usize, answer: usize) -> String {
        format!("{}.answer[{answer}]", self.place(node))
    }

    /// The place that holds the items of an instance: the response, an item, or an answer.
    pub(crate) fn instance_place(&self, node: Option<usize>, answer: Option<usize>) -> String {
        match (node, answer) {
            (None, _) => "QuestionnaireResponse".to_owned(),
            (Some(node), None) => self.place(node),
            (Some(node), Some(answer)) => self.answer_place(node, answer),
        }
    }

    fn holder_place(&self, hook: Hook) -> String {
        self.instance_place(hook.parent, hook.through)
    }

    fn write_place(&self, node: usize, place: &mut String) {
        let found = &self.nodes[node];
        if let Some(parent) = found.parent {
            self.write_place(parent, place);
        }
        // Writing to a String cannot fail.
        if let Some(answer) = found.through {
            let _infallible = write!(place, ".answer[{answer}]");
        }
        let _infallible = write!(place, ".item[{}]", found.position);
    }
}
