//! Whether the expressions of a definition go ways that responses have: a question that is looked for in another group than
//! its own has no answer there in any response, and the rule that asks for it would be silent for ever.

use crate::json::Value;

use super::edition::{Form, Plan};
use crate::fhir::element;
use crate::fhirpath::{self, End, Places, Step, Way};
use crate::problem::Issue;
use crate::terminology::VARIABLE;

/// Every way in the expressions of a protocol that no response to its questionnaires has. Nothing is told when it names a
/// questionnaire that is not among them, nor of a question that none of them asks, which is told elsewhere.
pub(crate) fn astray_in_plan(plan: &Plan, forms: &[&Form]) -> Vec<Issue> {
    let is_known = |named: &String| forms.iter().any(|form| form.canonical() == *named);
    if !plan.compiled.questionnaires().iter().all(is_known) {
        return Vec::new();
    }
    let trees = Trees(forms.iter().map(|form| form.compiled.source()).collect());
    let mut variables: Vec<(String, Places)> = Vec::new();
    let mut issues = Vec::new();
    for (place, name, text) in expressions(&plan.source) {
        let Ok(expression) = fhirpath::compile(text) else { continue };
        let told = expression.ways(&Places::response(), &|name| match name {
            "previous" | "history" => Places::response(),
            other => {
                let known = variables.iter().rev().find(|(known, _)| known == other);
                known.map_or(Places::Anywhere, |(_, value)| value.clone())
            }
        });
        let asked = |way: &&Vec<Way>| looked_for(&way[0]).is_none_or(|link_id| trees.home(link_id).is_some());
        let walks: Vec<&Vec<Way>> = told.walks.iter().filter(asked).collect();
        issues.extend(trees.astray(text, &walks).map(|diagnostics| told_at(diagnostics, &place)));
        variables.extend(name.map(|name| (name.to_owned(), told.value)));
    }
    issues
}

/// Every way in the expressions of a questionnaire that no response to it has.
pub(crate) fn astray_in_form(form: &Form) -> Vec<Issue> {
    let trees = Trees(vec![form.compiled.source()]);
    let walked = form.compiled.walked();
    let each = walked.iter().filter_map(|one| {
        let walks: Vec<&Vec<Way>> = one.told.walks.iter().collect();
        Some(told_at(trees.astray(one.text, &walks)?, &one.place))
    });
    each.collect()
}

fn told_at(diagnostics: String, place: &str) -> Issue {
    Issue::error("not-found", diagnostics).at(place)
}

/// The expressions of a plan in the order of their evaluation: place, name of the variable, text.
fn expressions(plan: &Value) -> Vec<(String, Option<&str>, &str)> {
    let mut found = Vec::new();
    for (n, extension) in element::list(plan, "extension").enumerate() {
        if extension["url"] == VARIABLE {
            let of = |name| element::str_at(extension, name);
            let text = of("valueExpression.expression").unwrap_or_default();
            let place = format!("PlanDefinition.extension[{n}].value.expression");
            found.push((place, of("valueExpression.name"), text));
        }
    }
    for (n, action) in element::list(plan, "action").enumerate() {
        for (k, condition) in element::list(action, "condition").enumerate() {
            let text = element::str_at(condition, "expression.expression").unwrap_or_default();
            let place = format!("PlanDefinition.action[{n}].condition[{k}].expression.expression");
            found.push((place, None, text));
        }
    }
    found
}

/// The linkId that a way looks for at its end.
fn looked_for(way: &Way) -> Option<&str> {
    way.steps.last()?.link_ids.last().map(String::as_str)
}

/// The items of one or several questionnaires.
struct Trees<'a>(Vec<&'a Value>);

impl<'a> Trees<'a> {
    /// What is wrong with the first of these walks that leads nowhere.
    fn astray(&self, text: &str, walks: &[&Vec<Way>]) -> Option<String> {
        let leads_nowhere = |ways: &&&Vec<Way>| {
            !ways.iter().any(|way| self.has(way)) && ways.iter().any(|way| self.has(&before(way)))
        };
        let ways = walks.iter().find(leads_nowhere)?;
        let way = ways.iter().find(|way| self.has(&before(way)))?;
        Some(format!("'{text}' looks where no response has anything: {}", self.reason(way)))
    }

    fn reason(&self, way: &Way) -> String {
        let shown = |steps: &[Step]| match steps.last().map(|step| step.link_ids.as_slice()) {
            None => "the response itself".to_owned(),
            Some([]) => "an item".to_owned(),
            Some(link_ids) => {
                link_ids.iter().map(|link_id| format!("'{link_id}'")).collect::<Vec<_>>().join(" and ")
            }
        };
        let (last, around) = match way.steps.split_last() {
            Some((last, around)) => (last, shown(around)),
            None => return "a response has its answers in its items".to_owned(),
        };
        if way.end == End::Answer {
            return format!("{} is a group or a display, which has no answer", shown(&way.steps));
        }
        if last.link_ids.len() > 1 {
            return format!("no item is {}", shown(&way.steps));
        }
        let mut other = way.clone();
        if let Some(step) = other.steps.last_mut() {
            step.through_answer = !step.through_answer;
        }
        if self.has(&other) {
            return if last.through_answer {
                format!("{around} is a group, whose items stand in item and not in answer.item")
            } else {
                format!("{around} is a question, whose items stand in answer.item and not in item")
            };
        }
        match last.link_ids.last() {
            None => format!("there are no items in {around}"),
            Some(link_id) => match self.home(link_id) {
                Some(home) => format!("'{link_id}' is not directly in {around}; it stands {home}"),
                None => format!("'{link_id}' is not directly in {around}, and is asked nowhere"),
            },
        }
    }

    /// Whether a response may have something at the end of a way.
    fn has(&self, way: &Way) -> bool {
        let mut reached: Vec<&'a Value> = self.0.clone();
        for step in &way.steps {
            let holders = reached.iter().filter(|parent| is_question(parent) == step.through_answer);
            let inside = holders.flat_map(|parent| element::list(parent, "item"));
            let picked =
                |item: &&Value| step.link_ids.iter().all(|link_id| item["linkId"] == link_id.as_str());
            reached = inside.filter(picked).collect();
        }
        match way.end {
            End::Item => !reached.is_empty(),
            End::Answer => reached.iter().any(|item| is_question(item)),
        }
    }

    /// Where a question stands: `in 'base', 'base.temp'`.
    fn home(&self, link_id: &str) -> Option<String> {
        let around = self.0.iter().find_map(|tree| around(tree, link_id))?;
        if around.is_empty() {
            return Some("at the top".to_owned());
        }
        let names: Vec<String> = around.iter().map(|name| format!("'{name}'")).collect();
        Some(format!("in {}", names.join(" > ")))
    }
}

/// The way without its last turn: what must be there before it can be astray by itself.
fn before(way: &Way) -> Way {
    let mut before = way.clone();
    if before.end == End::Answer {
        before.end = End::Item;
    } else if let Some(last) = before.steps.last_mut()
        && last.link_ids.pop().is_none()
    {
        let through_answer = before.steps.pop().is_some_and(|step| step.through_answer);
        if through_answer {
            before.end = End::Answer;
        }
    }
    before
}

/// Whether a response to it has answers.
fn is_question(item: &Value) -> bool {
    element::str_at(item, "type").is_some_and(|kind| !matches!(kind, "group" | "display"))
        && element::resource_type(item).is_none()
}

/// The linkIds around an item, outermost first.
fn around<'a>(parent: &'a Value, link_id: &str) -> Option<Vec<&'a str>> {
    element::list(parent, "item").find_map(|item| {
        if item["linkId"] == link_id {
            return Some(Vec::new());
        }
        let mut inside = around(item, link_id)?;
        inside.insert(0, element::str_at(item, "linkId").unwrap_or_default());
        Some(inside)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    #[test]
    fn a_way_that_no_response_has_is_told_with_where_its_question_stands() {
        let tree = json!({ "resourceType": "Questionnaire", "item": [
            { "linkId": "g", "type": "group", "item": [
                { "linkId": "t", "type": "group", "item": [{ "linkId": "t.max", "type": "decimal" }] },
                { "linkId": "q", "type": "string", "item": [{ "linkId": "q.1", "type": "integer" }] }] },
            { "linkId": "h", "type": "group", "item": [{ "linkId": "h.b", "type": "boolean" }] },
        ] });
        let trees = Trees(vec![&tree]);
        let check = |text: &str, expected: Option<&str>| {
            let told = fhirpath::compile(text).unwrap().ways(&Places::response(), &|_| Places::Anywhere);
            let found = trees.astray(text, &told.walks.iter().collect::<Vec<_>>());
            let expected =
                expected.map(|reason| format!("'{text}' looks where no response has anything: {reason}"));
            assert_eq!(found, expected);
        };
        check(
            "item.where(linkId='g').item.where(linkId='t').item.where(linkId='t.max').answer.value > 38",
            None,
        );
        check("item.item.where(linkId = 'h.b').answer.value", None);
        check("item.where(linkId='g' or linkId='h').item.where(linkId='h.b').answer", None);
        check("item.where(linkId='g').item.where(linkId='q').answer.item.where(linkId='q.1').answer", None);
        check("item.descendants().where(linkId='t.max').answer", None);
        check(
            "item.where(linkId='g').item.where(linkId='h.b').answer.value",
            Some("'h.b' is not directly in 'g'; it stands in 'h'"),
        );
        check(
            "item.where(linkId='g').item.where(linkId='t.max')",
            Some("'t.max' is not directly in 'g'; it stands in 'g' > 't'"),
        );
        check(
            "item.where(linkId='t').exists()",
            Some("'t' is not directly in the response itself; it stands in 'g'"),
        );
        check(
            "item.item.item.where(linkId='g')",
            Some("'g' is not directly in an item; it stands at the top"),
        );
        check(
            "item.where(linkId='g').item.where(linkId='zzz')",
            Some("'zzz' is not directly in 'g', and is asked nowhere"),
        );
        check(
            "item.where(linkId='g').answer.value",
            Some("'g' is a group or a display, which has no answer"),
        );
        check(
            "item.item.where(linkId='q').item.where(linkId='q.1')",
            Some("'q' is a question, whose items stand in answer.item and not in item"),
        );
        check(
            "item.item.where(linkId='t').answer.item",
            Some("'t' is a group or a display, which has no answer"),
        );
        check(
            "item.where(linkId='h').item.where(linkId='h.b').answer.item",
            Some("there are no items in 'h.b'"),
        );
        check("item.where(linkId='g').where(linkId='h').item", Some("no item is 'g' and 'h'"));
    }
}
