//! From which answers to which a response gets worse, as far as the Questionnaire says so, and the responses that have them.
//!
//! - The options of a choice stand in the order of their ordinal values (`ordinalValue`, `itemWeight`): more is worse. Options
//!   without one (a refusal to answer) are in no order. Of several choices, one more is worse.
//! - Yes is worse than no, where the question is about a symptom.
//! - Numbers have thresholds; which way is worse the Questionnaire does not say.

use std::collections::{BTreeSet, HashMap};

use crate::json::{Map, Number, Value, json};
use rust_decimal::Decimal;

use super::enablement::Enabled;
use super::extension::{self, list, text};
use super::item::{AnswerType, Item, ItemType};
use super::measure::{Measure, decimal};
use super::session::Session;
use super::tree::Tree;
use super::{Context, Questionnaire};

/// The answers of one question.
#[derive(Debug)]
pub(crate) struct Ladder {
    pub(crate) link_id: String,
    /// Each a list of `answer`.
    pub(crate) rungs: Vec<Vec<Value>>,
    /// Which rung is worse than which: the better one first. None of a number.
    pub(crate) worse: Vec<(usize, usize)>,
    pub(crate) is_number: bool,
    /// The rung that stands for what was answered before, where answers are compared with earlier ones.
    pub(crate) usual: Option<usize>,
    /// The linkIds whose answers switch it on and off.
    pub(crate) waits_for: BTreeSet<String>,
}

impl Questionnaire {
    /// The ladder of a question; none when nothing says which answers are worse than others. `thresholds` are the numbers
    /// that its answers are compared with; where they are `compared` with earlier ones, they are shares and differences, too.
    pub(crate) fn ladder(
        &self,
        link_id: &str,
        symptom: bool,
        thresholds: &[Decimal],
        compared: bool,
    ) -> Option<Ladder> {
        let index = *self.by_link_id.get(link_id)?;
        let item = &self.items[index];
        if item.calculated.is_some() {
            return None;
        }
        let usual = compared.then(|| usual(item));
        let (rungs, worse) = match item.kind {
            ItemType::Choice | ItemType::OpenChoice => options(item)?,
            ItemType::Boolean if symptom => {
                ([false, true].map(|yes| vec![json!({ "valueBoolean": yes })]).to_vec(), vec![(0, 1)])
            }
            ItemType::Integer | ItemType::Decimal | ItemType::Quantity => {
                let mut all = self.asked_by_conditions(link_id);
                all.extend(thresholds);
                if let Some(usual) = usual {
                    all.extend(around(usual, thresholds));
                }
                (numbers(item, &all), Vec::new())
            }
            _ => return None,
        };
        let is_number = !matches!(item.kind, ItemType::Choice | ItemType::OpenChoice | ItemType::Boolean);
        let is_usual = |rung: &Vec<Value>| usual.is_some() && rung.first().and_then(number) == usual;
        let usual = rungs.iter().position(is_usual).filter(|_| is_number);
        (rungs.len() > 1).then(|| Ladder {
            link_id: link_id.to_owned(),
            rungs,
            worse,
            is_number,
            usual,
            waits_for: self.waits_for(index),
        })
    }

    /// The questions whose answers switch an item or what surrounds it on and off, and those that switch these.
    fn waits_for(&self, index: usize) -> BTreeSet<String> {
        let (mut found, mut waiting, mut seen) = (BTreeSet::new(), vec![index], BTreeSet::new());
        while let Some(index) = waiting.pop() {
            if !seen.insert(index) {
                continue;
            }
            let item = &self.items[index];
            waiting.extend(item.parent);
            let texts = item.enable_expression.iter().flat_map(|expression| expression.literals().texts);
            let named = texts.filter_map(|text| self.by_link_id.get(&text).copied());
            for target in item.enable_when.iter().map(|condition| condition.target).chain(named) {
                found.insert(self.items[target].link_id.clone());
                waiting.push(target);
            }
        }
        found
    }

    /// The numbers that conditions compare the answers of a question with.
    fn asked_by_conditions(&self, link_id: &str) -> Vec<Decimal> {
        fn walk(element: &Value, link_id: &str, found: &mut Vec<Decimal>) {
            for condition in
                list(element, "enableWhen").iter().filter(|one| text(one, "question") == Some(link_id))
            {
                let answer = extension::value_of(condition, "answer").map(|(_, answer)| answer);
                let quantity = answer.and_then(|answer| answer.get("value"));
                found.extend(quantity.or(answer).and_then(decimal));
            }
            list(element, "item").iter().for_each(|item| walk(item, link_id, found));
        }
        let mut found = Vec::new();
        walk(&self.source, link_id, &mut found);
        found
    }

    /// A completed response with these answers, without those to questions that are not asked then.
    pub(crate) fn answered(&self, answers: &HashMap<&str, &[Value]>, context: &Context<'_>) -> Value {
        let whole = self.response(answers, &BTreeSet::new(), context);
        if !self.conditional {
            return whole;
        }
        let tree = Tree::read(self, &whole);
        let mut session = Session::new(self, &tree, &whole, context);
        let off = (0..tree.nodes.len()).filter(|node| session.node_enabled(*node) == Enabled::No);
        let off: BTreeSet<usize> =
            off.collect::<Vec<_>>().into_iter().filter_map(|node| tree.nodes[node].item).collect();
        if off.is_empty() { whole } else { self.response(answers, &off, context) }
    }

    fn response(
        &self,
        answers: &HashMap<&str, &[Value]>,
        off: &BTreeSet<usize>,
        context: &Context<'_>,
    ) -> Value {
        let mut response = json!({
            "resourceType": "QuestionnaireResponse",
            "questionnaire": self.canonical(),
            "status": "completed",
            "authored": context.now.to_string(),
        });
        let items = self.items_of(0..self.items.len(), answers, off);
        if !items.is_empty() {
            response["item"] = Value::from(items);
        }
        response
    }

    fn items_of(
        &self,
        span: std::ops::Range<usize>,
        answers: &HashMap<&str, &[Value]>,
        off: &BTreeSet<usize>,
    ) -> Vec<Value> {
        let (mut found, mut index) = (Vec::new(), span.start);
        while index < span.end {
            let item = &self.items[index];
            let inner = index + 1..item.end;
            index = item.end;
            if off.contains(&(inner.start - 1)) {
                continue;
            }
            let items = self.items_of(inner, answers, off);
            let mut one = Map::from_iter([("linkId", Value::from(item.link_id.clone()))]);
            if item.kind.natural().is_none() {
                if items.is_empty() {
                    continue;
                }
                one.insert("item", Value::from(items));
            } else {
                let Some(given) = answers.get(item.link_id.as_str()).filter(|given| !given.is_empty()) else {
                    continue;
                };
                let mut given = given.to_vec();
                if !items.is_empty() {
                    given[0]["item"] = Value::from(items);
                }
                one.insert("answer", Value::from(given));
            }
            found.push(Value::Object(one));
        }
        found
    }
}

/// Rungs and which is worse than which.
type Rungs = (Vec<Vec<Value>>, Vec<(usize, usize)>);

fn options(item: &Item) -> Option<Rungs> {
    let mut ranked: Vec<(Decimal, Value)> = Vec::new();
    for option in &item.options.as_ref()?.list {
        let name = format!("value{}", option.kind.suffix());
        let answer = Value::Object(Map::from_iter([(name, option.value.clone())]));
        ranked.extend(option.ordinal.map(|ordinal| (ordinal, answer)));
    }
    ranked.sort_by_key(|(ordinal, _)| *ordinal);
    let single = ranked.len();
    let mut worse: Vec<(usize, usize)> = Vec::new();
    for better in 0..single {
        let more = (better + 1..single).filter(|more| ranked[*more].0 > ranked[better].0);
        worse.extend(more.map(|more| (better, more)));
    }
    let mut rungs: Vec<Vec<Value>> = ranked.iter().map(|(_, answer)| vec![answer.clone()]).collect();
    if item.repeats && single > 2 {
        // The least says that there is nothing; each of the others comes to those below it.
        let above: Vec<usize> = (1..single).filter(|n| ranked[*n].0 > ranked[0].0).collect();
        for count in 1..above.len() {
            let next = rungs.len();
            rungs.push(above[..=count].iter().map(|n| ranked[*n].1.clone()).collect());
            worse.extend(above[..=count].iter().map(|one| (*one, next)));
            if count > 1 {
                worse.push((next - 1, next));
            }
            worse.push((0, next));
        }
    }
    // The smallest step tells most.
    worse.sort_by_key(|(better, more)| (more - better, *better));
    Some((rungs, worse))
}

/// What an answer may have been before: in the middle of the limits of the item.
fn usual(item: &Item) -> Decimal {
    let limit = |measure: Option<&Measure>| match measure {
        Some(Measure::Number(number) | Measure::Quantity(number, _)) => Some(*number),
        _ => None,
    };
    let limits = item.limits.as_deref();
    let least = limits.and_then(|limits| limit(limits.min.as_ref()));
    let most = limits.and_then(|limits| limit(limits.max.as_ref()));
    let middle = match (least, most) {
        (Some(least), Some(most)) => (least + most) / Decimal::TWO,
        (Some(least), None) => least + Decimal::ONE_HUNDRED,
        (None, Some(most)) => most - Decimal::ONE_HUNDRED,
        (None, None) => Decimal::ONE_HUNDRED,
    };
    if item.kind == ItemType::Integer { middle.floor() } else { middle }
}

/// The usual value, and its distances by each threshold: as a share of it below two, as a difference whatever it is.
fn around(usual: Decimal, thresholds: &[Decimal]) -> impl Iterator<Item = Decimal> {
    let of = move |threshold: &Decimal| {
        let share = (*threshold > Decimal::ZERO && *threshold < Decimal::TWO)
            .then(|| usual.checked_mul(*threshold))
            .flatten();
        [share, usual.checked_sub(*threshold), usual.checked_add(*threshold)].into_iter().flatten()
    };
    std::iter::once(usual).chain(thresholds.iter().flat_map(of).collect::<Vec<_>>())
}

/// The number that an answer gives.
fn number(answer: &Value) -> Option<Decimal> {
    let (_, value) = extension::value_of(answer, "value")?;
    value.get("value").or(Some(value)).and_then(decimal)
}

/// Values around each threshold, within the limits of the item, in order.
fn numbers(item: &Item, thresholds: &[Decimal]) -> Vec<Vec<Value>> {
    let limits = item.limits.as_deref();
    let of = |measure: &Measure| match measure {
        Measure::Number(number) | Measure::Quantity(number, _) => Some(*number),
        _ => None,
    };
    let (least, most) = (
        limits.and_then(|limits| of(limits.min.as_ref()?)),
        limits.and_then(|limits| of(limits.max.as_ref()?)),
    );
    let whole = item.kind == ItemType::Integer;
    let mut values: BTreeSet<Decimal> = BTreeSet::new();
    for threshold in thresholds {
        let places = if whole { 0 } else { threshold.normalize().scale().max(1) };
        let step = Decimal::new(1, places.min(9));
        let (low, high) =
            if whole { (threshold.floor(), threshold.ceil()) } else { (*threshold, *threshold) };
        values.extend([low - step, low, high, high + step]);
    }
    if !thresholds.is_empty() {
        values.extend(least.into_iter().chain(most));
    }
    values
        .retain(|value| least.is_none_or(|least| *value >= least) && most.is_none_or(|most| *value <= most));
    let unit = limits.and_then(|limits| limits.units.first());
    let answer = |value: Decimal| {
        let number = value.normalize().to_string().parse::<Number>().map_or(Value::Null, Value::Number);
        let name = format!("value{}", item.kind.natural().unwrap_or(AnswerType::Integer).suffix());
        if item.kind != ItemType::Quantity {
            return Value::Object(Map::from_iter([(name, number)]));
        }
        let mut quantity = Map::from_iter([("value".to_owned(), number)]);
        if let Some(unit) = unit {
            let named = [("system", &unit.system), ("code", &unit.code), ("unit", &unit.unit)];
            quantity.extend(
                named
                    .into_iter()
                    .filter_map(|(name, text)| Some((name.to_owned(), Value::from(text.clone()?)))),
            );
        }
        Value::Object(Map::from_iter([(name, Value::Object(quantity))]))
    };
    values.into_iter().map(|value| vec![answer(value)]).collect()
}
