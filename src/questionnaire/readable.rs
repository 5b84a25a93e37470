//! The response as rules see it: without what could not be read, and with every answer where its question stands.
//!
//! An answer in a wrong group is looked for by no rule there, and a question that was answered twice has no one value to
//! compare. So what is misplaced goes to its place, what is given twice is joined, and where that leaves one question with
//! several answers, there is one [reading](crate::judgement::Readings) for each way to choose among them. What a calculation gives
//! is such an answer too, where another one was given.

use std::collections::{HashMap, HashSet};

use crate::json::{Map, Value};

use super::Questionnaire;
use super::session::Amended;
use super::tree::{Flaw, Node, Tree};
use crate::judgement::Readings;

/// Most readings of one response. Six questions with two answers each are looked at in every combination.
const READINGS_MAX: usize = 64;
/// Most items that all readings of a response have together.
const ITEMS_MAX: usize = 32_768;

/// The response with all answers that could be read, each at its place; and its readings, if questions that have one answer
/// have several.
pub(crate) fn of(
    questionnaire: &Questionnaire,
    tree: &Tree<'_>,
    response: &Value,
    amended: &Amended,
) -> (Value, Readings) {
    let mut form = Form::of(questionnaire, tree);
    form.fill(amended);
    form.join();
    let written = |chosen: &[usize], choices: &[usize]| {
        form.whole(response, &|spot| choices.binary_search(&spot).ok().map(|n| chosen[n]))
    };
    let (choices, ways) = form.choices();
    let readings = if choices.is_empty() {
        Readings::default()
    } else {
        let (combinations, all) = combinations(&ways, ITEMS_MAX / tree.nodes.len().max(1));
        Readings { each: combinations.iter().map(|chosen| written(chosen, &choices)).collect(), all }
    };
    (written(&[], &[]), readings)
}

/// A response to another version of the questionnaire, with every answer where its question stands in this one; none where that is
/// so already. What this version does not ask stays where it was.
pub(super) fn placed(questionnaire: &Questionnaire, response: &Value) -> Option<Value> {
    let tree = Tree::read(questionnaire, response);
    let is_elsewhere =
        |flaw: &Flaw<'_>| matches!(flaw, Flaw::Unknown(_) | Flaw::Misplaced(_) | Flaw::WrongNest(_));
    if !tree.flaws.iter().any(is_elsewhere) {
        return None;
    }
    let mut form = Form { keeps_unknown: true, ..Form::of(questionnaire, &tree) };
    form.fill(&Amended::default());
    form.join();
    Some(form.whole(response, &|_| None))
}

/// All ways to choose, or the first answers, the second ones and so on where these are too many.
fn combinations(ways: &[usize], most: usize) -> (Vec<Vec<usize>>, bool) {
    let most = most.clamp(2, READINGS_MAX);
    let count = ways.iter().try_fold(1_usize, |count, ways| count.checked_mul(*ways));
    match count.filter(|count| *count <= most) {
        Some(count) => {
            let choose = |mut n: usize| ways.iter().map(|ways| (n % ways, n /= ways).0).collect();
            ((0..count).map(choose).collect(), true)
        }
        None => {
            let longest = ways.iter().copied().max().unwrap_or(1).min(most);
            let row = |n: usize| ways.iter().map(|ways| n.min(ways - 1)).collect();
            ((0..longest).map(row).collect(), false)
        }
    }
}

/// The response on its way to its form.
struct Form<'a> {
    questionnaire: &'a Questionnaire,
    tree: &'a Tree<'a>,
    /// One for each node of a known item, with the same index, then those that were made.
    spots: Vec<Spot<'a>>,
    /// Items that no node has and that others stand in.
    made: HashMap<usize, usize>,
    root: Vec<usize>,
    /// Whether an item with a linkId that is not known stays where it stands.
    keeps_unknown: bool,
}

/// An item at its place.
struct Spot<'a> {
    item: Option<usize>,
    /// What was written; none for one that was left out around others.
    value: Option<&'a Value>,
    answers: Vec<Given>,
    items: Vec<usize>,
}

/// One of its answers.
#[derive(PartialEq)]
struct Given {
    /// Without its items; none when it could not be read.
    own: Option<Value>,
    items: Vec<usize>,
}

/// Where an item stands.
enum Home {
    Root,
    Item(usize),
    Answer(usize, usize),
}

impl<'a> Form<'a> {
    fn of(questionnaire: &'a Questionnaire, tree: &'a Tree<'a>) -> Self {
        let (spots, made, root) = (Vec::new(), HashMap::new(), Vec::new());
        Self { questionnaire, tree, spots, made, root, keeps_unknown: false }
    }

    /// The response with the items of its form, of each question the answer that was chosen, or all.
    fn whole(&self, response: &Value, choice: &dyn Fn(usize) -> Option<usize>) -> Value {
        let mut whole: Map = response.as_object().cloned().unwrap_or_default();
        whole.remove("item");
        if let Some(items) = self.write(&self.root, choice) {
            whole.insert("item", items);
        }
        Value::Object(whole)
    }

    /// Puts every node that has a question at its place.
    fn fill(&mut self, amended: &Amended) {
        let tree = self.tree;
        let spot = |node: &Node<'a>| Spot::of(node.item, node.value, node.answers, &amended.removed);
        self.spots = tree.nodes.iter().map(spot).collect();
        for (index, answer) in &amended.recalculated {
            self.spots[*index].answers.push(Given { own: Some(answer.clone()), items: Vec::new() });
        }
        for (index, node) in tree.nodes.iter().enumerate() {
            if let Some(item) = node.item {
                let home = self.home(item, node.owner, node.owner_answer);
                self.put(index, &home);
            } else if self.keeps_unknown {
                let home = match (node.parent, node.through) {
                    (None, _) => Home::Root,
                    (Some(around), None) => Home::Item(around),
                    (Some(around), Some(answer)) => Home::Answer(around, answer),
                };
                self.put(index, &home);
            }
        }
    }

    fn put(&mut self, spot: usize, home: &Home) {
        match *home {
            Home::Root => self.root.push(spot),
            Home::Item(around) => self.spots[around].items.push(spot),
            Home::Answer(around, answer) => self.spots[around].answers[answer].items.push(spot),
        }
    }

    /// Where an item belongs that stands within this node: in the nearest instance of what is around its question.
    fn home(&mut self, item: usize, owner: Option<usize>, answer: Option<usize>) -> Home {
        let tree = self.tree;
        let Some(parent) = self.questionnaire.items[item].parent else { return Home::Root };
        if let Some((around, answer)) = tree.around(parent, owner, answer) {
            return self.within(around, answer);
        }
        let mut near = owner;
        loop {
            if let Some(first) = tree.of(parent, &tree.below(near)).first() {
                return self.within(*first, None);
            }
            match near {
                Some(node) => near = tree.nodes[node].owner,
                None => break,
            }
        }
        if let Some(made) = self.made.get(&parent) {
            return self.within(*made, None);
        }
        let made = self.spots.len();
        self.spots.push(Spot { item: Some(parent), value: None, answers: Vec::new(), items: Vec::new() });
        self.made.insert(parent, made);
        let home = self.home(parent, owner, answer);
        self.put(made, &home);
        self.within(made, None)
    }

    /// In an item of a group; in an answer of a question, which is the first one where none is named.
    fn within(&mut self, spot: usize, answer: Option<usize>) -> Home {
        let Some(item) = self.spots[spot].item else { return Home::Root };
        if self.questionnaire.items[item].kind.natural().is_none() {
            return Home::Item(spot);
        }
        let answers = &mut self.spots[spot].answers;
        if answers.is_empty() {
            answers.push(Given { own: None, items: Vec::new() });
        }
        Home::Answer(spot, answer.unwrap_or(0).min(answers.len() - 1))
    }

    /// Brings the items of every instance into the order of the Questionnaire, and joins those that do not repeat.
    fn join(&mut self) {
        let mut root = std::mem::take(&mut self.root);
        self.join_level(&mut root);
        self.root = root;
    }

    fn join_level(&mut self, level: &mut Vec<usize>) {
        level.sort_by_key(|spot| self.spots[*spot].item);
        level.dedup_by(|second, first| {
            let item = self.spots[*second].item;
            let same = item.is_some() && item == self.spots[*first].item && !self.repeats(*second);
            if same {
                let answers = std::mem::take(&mut self.spots[*second].answers);
                let items = std::mem::take(&mut self.spots[*second].items);
                self.spots[*first].answers.extend(answers);
                self.spots[*first].items.extend(items);
            }
            same
        });
        for spot in level {
            let mut items = std::mem::take(&mut self.spots[*spot].items);
            self.join_level(&mut items);
            self.spots[*spot].items = items;
            let mut answers = std::mem::take(&mut self.spots[*spot].answers);
            for answer in &mut answers {
                self.join_level(&mut answer.items);
            }
            answers.retain(|answer| answer.own.is_some() || !answer.items.is_empty());
            let repeats = self.repeats(*spot);
            self.spots[*spot].answers = if repeats { answers } else { distinct(answers) };
        }
    }

    fn repeats(&self, spot: usize) -> bool {
        self.spots[spot].item.is_some_and(|item| self.questionnaire.items[item].repeats)
    }

    /// The questions that have one answer and were given several, in order, and how many each has.
    fn choices(&self) -> (Vec<usize>, Vec<usize>) {
        let mut choices: Vec<usize> = Vec::new();
        let mut level = self.root.clone();
        while let Some(spot) = level.pop() {
            let found = &self.spots[spot];
            level.extend(found.items.iter().chain(found.answers.iter().flat_map(|answer| &answer.items)));
            if !self.repeats(spot) && found.answers.len() > 1 {
                choices.push(spot);
            }
        }
        choices.sort_unstable();
        let ways = choices.iter().map(|spot| self.spots[*spot].answers.len()).collect();
        (choices, ways)
    }

    /// The items of one instance, of a question the answer that was chosen, or all.
    fn write(&self, level: &[usize], choice: &dyn Fn(usize) -> Option<usize>) -> Option<Value> {
        let items: Vec<Value> = level.iter().map(|spot| self.write_item(*spot, choice)).collect();
        (!items.is_empty()).then(|| items.into())
    }

    fn write_item(&self, index: usize, choice: &dyn Fn(usize) -> Option<usize>) -> Value {
        let spot = &self.spots[index];
        let mut item = Map::new();
        match spot.value.and_then(Value::as_object) {
            Some(members) => {
                for (name, member) in members.members().filter(|(name, _)| !is_nest(name)) {
                    item.append_new(name.clone(), member.clone());
                }
            }
            None => {
                let link_id = spot.item.map(|item| self.questionnaire.items[item].link_id.clone());
                item.insert("linkId", link_id.unwrap_or_default().into());
            }
        }
        let chosen = choice(index);
        let given = spot.answers.iter().enumerate().filter(|(n, _)| chosen.is_none_or(|chosen| chosen == *n));
        let answers: Vec<Value> = given
            .filter_map(|(_, answer)| {
                let own = answer.own.clone();
                match self.write(&answer.items, choice) {
                    Some(items) => {
                        let mut answer = own.unwrap_or_else(|| Value::Object(Map::new()));
                        answer["item"] = items;
                        Some(answer)
                    }
                    None => own,
                }
            })
            .collect();
        if !answers.is_empty() {
            item.insert("answer", answers.into());
        }
        if let Some(items) = self.write(&spot.items, choice) {
            item.insert("item", items);
        }
        Value::Object(item)
    }
}

impl<'a> Spot<'a> {
    fn of(item: Option<usize>, value: &'a Value, answers: &[Value], removed: &HashSet<*const Value>) -> Self {
        let given = |answer: &Value| {
            let readable = !removed.contains(&std::ptr::from_ref(answer));
            Given { own: readable.then(|| without_items(answer)), items: Vec::new() }
        };
        Self { item, value: Some(value), answers: answers.iter().map(given).collect(), items: Vec::new() }
    }
}

/// The answers without those that say again what one before says.
fn distinct(answers: Vec<Given>) -> Vec<Given> {
    let mut kept: Vec<Given> = Vec::with_capacity(answers.len());
    for answer in answers {
        if !kept.contains(&answer) {
            kept.push(answer);
        }
    }
    kept
}

/// An answer alone, shared by all readings.
fn without_items(answer: &Value) -> Value {
    let Some(members) = answer.as_object() else { return answer.clone() };
    let own = members.members().filter(|(name, _)| !is_nest(name));
    let own: Vec<_> = own.map(|(name, member)| (name.clone(), member.clone().shared())).collect();
    Value::Object(Map::of_members(own)).shared()
}

fn is_nest(name: &str) -> bool {
    matches!(name, "item" | "answer")
}
