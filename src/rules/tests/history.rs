//! A plan decides the same with the items of earlier responses that it can name as with all of them.

use super::shipped::{examples, protocol, week};
use super::*;
use crate::json::{Picks, read_picked};

/// The history as it is read for this protocol: the first whole, of the others what is picked.
fn as_read(history: &[Value], picks: &Picks) -> Vec<Value> {
    let read = |(n, response): (usize, &Value)| {
        let text = response.to_string();
        match n {
            0 => response.clone(),
            _ => read_picked(&text, picks).unwrap_or_else(|_| serde_json::from_str(&text).unwrap()),
        }
    };
    history.iter().enumerate().map(read).collect()
}

/// Whether something was left out.
fn check(protocol: &Protocol, response: &Value, history: &[Value]) -> bool {
    let picks = protocol.history().unwrap();
    let read = as_read(history, picks);
    let evaluate = |history: &[Value]| {
        protocol.evaluate(&Facts { previous: history.first(), history, ..facts(response) })
    };
    let (whole, picked) = (evaluate(history), evaluate(&read));
    assert!(whole == picked, "{:?}\n{:?}\n{history:?}", results(&whole), results(&picked));
    read != history
}

/// Any items: link ids that are asked for and others, at their place and elsewhere, missing, late or no text.
struct Random(u32);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) as usize % below
    }

    fn answer(&mut self, depth: usize) -> Value {
        let percent = |value: usize, code: &str| json!({"valueQuantity": {"value": value, "code": code}});
        let mut answer = match self.next(5) {
            0 => percent(85 + self.next(15), "%"),
            1 => percent(85 + self.next(15), "mmHg"),
            2 => integer(i64::try_from(self.next(100)).unwrap()),
            3 => json!({"valueCoding": {"code": self.next(4).to_string()}}),
            _ => json!({"valueString": "base"}),
        };
        if depth > 0 && self.next(3) == 0 {
            answer["item"] = self.items(depth - 1);
        }
        answer
    }

    fn items(&mut self, depth: usize) -> Value {
        (0..self.next(5)).map(|_| self.item(depth)).collect::<Vec<_>>().into()
    }

    fn item(&mut self, depth: usize) -> Value {
        let link_ids = ["base", "base", "base.spo2", "base.spo2", "alerte", "base.temp", ""];
        let link_id = json!(link_ids[self.next(link_ids.len())]);
        let mut item = json!({});
        match self.next(8) {
            0 => {}
            1 => item["linkId"] = json!(7),
            2 => item = json!({"text": "base", "linkId": link_id}),
            3 => item = json!({"linkId": link_id, "_linkId": {"id": "base"}}),
            _ => item["linkId"] = link_id,
        }
        if depth > 0 && self.next(4) > 0 {
            item["item"] = self.items(depth - 1);
        }
        if self.next(3) > 0 {
            item["answer"] = (0..1 + self.next(2)).map(|_| self.answer(depth)).collect::<Vec<_>>().into();
        }
        item
    }

    fn history(&mut self) -> Vec<Value> {
        let mut response = |n: usize| {
            json!({"resourceType": "QuestionnaireResponse", "id": format!("r{n}"), "status": "completed",
                "authored": format!("2026-02-{:02}", 27 - n), "item": self.items(3)})
        };
        (0..5).map(&mut response).collect()
    }
}

#[test]
fn the_shipped_protocol_reads_two_questions_of_what_lies_far_back() {
    let mut expected = Picks::none("item", "linkId");
    expected.add(&["base", "base.spo2"].map(str::to_owned));
    expected.add(&["base", "base.poids"].map(str::to_owned));
    assert!(protocol().history() == Some(&expected));
}

#[test]
fn the_examples_are_judged_the_same() {
    let (protocol, mut left_out) = (protocol(), 0);
    for course in examples() {
        for n in 1..course.len() {
            let earlier: Vec<Value> = course[..n].iter().rev().cloned().collect();
            left_out += usize::from(check(&protocol, &course[n], &earlier));
        }
    }
    assert!(left_out > 10, "{left_out}");
}

#[test]
fn any_history_is_judged_the_same() {
    let spo2 = |value: i64| json!({"valueQuantity": {"value": value, "code": "%"}});
    let (protocol, mut random) = (protocol(), Random(1));
    for n in 0..300 {
        let mut response = week(&[]);
        let answer = json!({"linkId": "base.spo2", "answer": [spo2(88 + n % 12)]});
        response["item"][1]["item"].as_array_mut().unwrap().push(answer);
        check(&protocol, &response, &random.history());
    }
}

#[test]
fn whatever_a_plan_says_about_the_history_stays_so() {
    let mut random = Random(2);
    let histories: Vec<Vec<Value>> = (0..80).map(|_| random.history()).collect();
    for (expression, is_picked) in [
        ("%history.item.where(linkId = 'base').item.where(linkId = 'base.spo2').answer.count() > 1", true),
        (
            "%history.item.where(linkId = 'base').item.where(linkId = 'base.spo2').answer.value.last() > 90",
            true,
        ),
        (
            "%history.item.where(linkId = 'base').item.count() > %history.item.where(linkId = 'alerte').count()",
            true,
        ),
        ("%history.item.where(linkId = 'base').repeat(item).where(linkId = 'base.temp').exists()", true),
        ("%history.item.where(linkId = 'base').descendants().count() > 20", true),
        (
            "%history.item.where(linkId = 'base').item.where(linkId = 'base').item.where(linkId = 'base').exists()",
            true,
        ),
        ("%history.item.where(linkId = 'base')[1].answer.item.count() > 1", true),
        (
            "%history.where(authored >= @2026-02-25).item.where(linkId = 'base').item.where(linkId = 'base.spo2').answer.count() > 1",
            true,
        ),
        ("%history.where(item.count() > 1).item.where(linkId = 'base').exists()", false),
        ("%previous.descendants().count() > 30", true),
        ("%history.descendants().count() > 100", false),
        ("%history.item.count() > 7", false),
        ("%history.item[1].linkId = 'base'", false),
        ("%history.repeat(item).where(linkId = 'base.spo2').count() > 2", false),
        ("%history.last().item.where(linkId = 'base').exists()", false),
    ] {
        let plan = |expression: &str| {
            let action = action("R30", "rouge", "vomissement", "%seen");
            compile(&plan(&[variable("seen", expression)], &[action]), &[]).unwrap()
        };
        let protocol = plan(expression);
        assert_eq!(protocol.history().is_some(), is_picked, "{expression}");
        if is_picked {
            let mut left_out = 0;
            histories
                .iter()
                .for_each(|history| left_out += usize::from(check(&protocol, &response(&[]), history)));
            assert!(left_out > 40, "{expression}: {left_out}");
        }
    }
}
