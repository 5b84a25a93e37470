//! Answers of a response: where they are, and how they read in French.

use std::cell::OnceCell;
use std::fmt::Write as _;

use crate::json::Value;
use jiff::tz::TimeZone;

use crate::fhir::datetime::{PartialDateTime, Precision};
use crate::fhir::element::{child, list};

/// Room for the items of a questionnaire of usual length; it grows where there are more.
const ITEMS_USUAL: usize = 64;

/// One item of a response, with one of its answers or none.
pub(super) struct Answer<'a> {
    link_id: &'a str,
    /// The item's own words for its question.
    pub(super) text: Option<&'a str>,
    /// The answer.
    pub(super) value: Option<&'a Value>,
    /// The last step to it.
    step: usize,
}

/// One step to an element: `item[n]` or `answer[n]` of the element before.
struct Step {
    before: Option<usize>,
    name: &'static str,
    n: usize,
}

/// All items of a response, those of one link id in the order of the response. Few of them are asked for, which are found
/// sooner than all are put under their link ids. Most places are never told, so that they are kept as steps and written when
/// they are.
#[derive(Default)]
pub(super) struct Answers<'a> {
    answers: Vec<Answer<'a>>,
    steps: Vec<Step>,
}

impl<'a> Answers<'a> {
    /// Gather them.
    pub(super) fn of(response: &'a Value) -> Self {
        let (answers, steps) = (Vec::with_capacity(ITEMS_USUAL), Vec::with_capacity(2 * ITEMS_USUAL));
        let mut answers = Self { answers, steps };
        answers.gather(response, None);
        answers
    }

    /// Items with this link id.
    pub(super) fn get(&self, link_id: &str) -> Vec<&Answer<'a>> {
        self.answers.iter().filter(|answer| answer.link_id == link_id).collect()
    }

    /// `FHIRPath` of the answer, or of the item without one.
    pub(super) fn place(&self, answer: &Answer<'_>) -> String {
        let mut place = String::with_capacity(80);
        place.push_str("QuestionnaireResponse");
        self.write_place(answer.step, &mut place);
        place
    }

    fn write_place(&self, step: usize, place: &mut String) {
        let Step { before, name, n } = &self.steps[step];
        if let Some(before) = before {
            self.write_place(*before, place);
        }
        place.push('.');
        place.push_str(name);
        // Writing to a String cannot fail.
        let _infallible = write!(place, "[{n}]");
    }

    fn step(&mut self, before: Option<usize>, name: &'static str, n: usize) -> usize {
        self.steps.push(Step { before, name, n });
        self.steps.len() - 1
    }

    fn gather(&mut self, parent: &'a Value, before: Option<usize>) {
        for (n, item) in list(parent, "item").enumerate() {
            let here = self.step(before, "item", n);
            let text = child(item, "text").and_then(Value::as_str);
            let link_id = link_id_of(item);
            let answers = list(item, "answer");
            if answers.as_slice().is_empty() {
                self.answers.push(Answer { link_id, text, value: None, step: here });
            }
            // Answers first, then what is inside them: the order in which answers to one question are numbered.
            let first = self.steps.len();
            for (k, value) in answers.clone().enumerate() {
                let step = self.step(Some(here), "answer", k);
                self.answers.push(Answer { link_id, text, value: Some(value), step });
            }
            for (k, value) in answers.enumerate() {
                self.gather(value, Some(first + k));
            }
            self.gather(item, Some(here));
        }
    }
}

/// The words of a Questionnaire, gathered when a response leaves some out: questions and options by link id.
pub(super) struct Words<'a> {
    questionnaire: Option<&'a Value>,
    items: OnceCell<Vec<(&'a str, &'a Value)>>,
}

impl<'a> Words<'a> {
    /// Of this Questionnaire, if it is known.
    pub(super) fn of(questionnaire: Option<&'a Value>) -> Self {
        Self { questionnaire, items: OnceCell::new() }
    }

    /// The question.
    pub(super) fn question(&self, link_id: &str) -> Option<&'a str> {
        self.item(link_id)?["text"].as_str()
    }

    fn option(&self, link_id: &str, coding: &Value) -> Option<&'a str> {
        let options = list(self.item(link_id)?, "answerOption").map(|option| &option["valueCoding"]);
        let mut same =
            options.filter(|option| option["code"] == coding["code"] && option["system"] == coding["system"]);
        same.next()?["display"].as_str()
    }

    fn item(&self, link_id: &str) -> Option<&'a Value> {
        let items = self.items.get_or_init(|| {
            let mut items = Vec::with_capacity(ITEMS_USUAL);
            if let Some(questionnaire) = self.questionnaire {
                gather_items(questionnaire, &mut items);
            }
            items
        });
        items.iter().rfind(|(known, _)| *known == link_id).map(|(_, item)| *item)
    }
}

fn link_id_of(item: &Value) -> &str {
    child(item, "linkId").and_then(Value::as_str).unwrap_or_default()
}

fn gather_items<'a>(parent: &'a Value, items: &mut Vec<(&'a str, &'a Value)>) {
    for item in list(parent, "item") {
        items.push((link_id_of(item), item));
        gather_items(item, items);
    }
}

/// Whether the person wrote the answer in free words.
pub(super) fn is_free_text(answer: &Value) -> bool {
    answer.get("valueString").is_some()
}

/// What an answer says beyond its readable words: another photograph has the same title, another resource the same name.
pub(super) fn beyond(answer: &Value) -> Option<String> {
    let told = ["valueAttachment", "valueReference"].into_iter().find_map(|name| answer.get(name))?;
    Some(told.to_string())
}

/// The answer as the care team reads it.
pub(super) fn readable(answer: &Value, link_id: &str, words: &Words<'_>) -> Option<String> {
    let (name, value) = answer.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?;
    let text = match name {
        "valueBoolean" => if value.as_bool()? { "Oui" } else { "Non" }.to_owned(),
        "valueDecimal" | "valueInteger" => decimal(value)?,
        "valueDate" | "valueDateTime" => moment(value.as_str()?),
        "valueCoding" => coding(value, link_id, words)?,
        "valueQuantity" => quantity(value)?,
        "valueAttachment" => value["title"].as_str().unwrap_or("pièce jointe").to_owned(),
        "valueReference" => value["display"].as_str().or_else(|| value["reference"].as_str())?.to_owned(),
        _ => value.as_str()?.to_owned(),
    };
    Some(text)
}

/// A number with its own digits and the French comma.
fn decimal(value: &Value) -> Option<String> {
    value.as_number().map(|number| number.as_str().replace('.', ","))
}

fn coding(value: &Value, link_id: &str, words: &Words<'_>) -> Option<String> {
    let display = value["display"].as_str().or_else(|| words.option(link_id, value));
    display.or_else(|| value["code"].as_str()).map(str::to_owned)
}

fn quantity(value: &Value) -> Option<String> {
    let number = decimal(&value["value"])?;
    let comparator = value["comparator"].as_str().map(|sign| format!("{sign} ")).unwrap_or_default();
    let unit = match (value["code"].as_str(), value["unit"].as_str()) {
        (Some("Cel"), _) | (_, Some("Cel")) => "°C",
        (_, Some(unit)) => unit,
        (Some(code), None) => code,
        (None, None) => return Some(format!("{comparator}{number}")),
    };
    Some(format!("{comparator}{number} {unit}"))
}

/// `02/03/2026`, or `02/03/2026 à 10:15` in Paris time; what cannot be read so stays as written.
fn moment(text: &str) -> String {
    let Some(at) = PartialDateTime::parse(text) else { return text.to_owned() };
    match at.precision() {
        Precision::Year => text.to_owned(),
        Precision::Month => at.date().strftime("%m/%Y").to_string(),
        Precision::Day => at.date().strftime("%d/%m/%Y").to_string(),
        _ => match (at.lower(), TimeZone::get("Europe/Paris")) {
            (Some(instant), Ok(zone)) => instant.to_zoned(zone).strftime("%d/%m/%Y à %H:%M").to_string(),
            _ => text.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;

    #[test]
    fn what_is_attached_is_more_than_its_title() {
        let attached = |data: &str| {
            let answer =
                json!({ "valueAttachment": { "title": "Photo", "contentType": "image/png", "data": data } });
            (readable(&answer, "n", &Words::of(None)), beyond(&answer))
        };
        let (one, other) = (attached("AAAA"), attached("BBBB"));
        assert_eq!(one.0, other.0);
        assert!(one.1.is_some() && one.1 != other.1 && one == attached("AAAA"));
        let referred =
            |id: &str| beyond(&json!({ "valueReference": { "reference": id, "display": "Photo" } }));
        assert_ne!(referred("Binary/1"), referred("Binary/2"));
        assert_eq!(beyond(&json!({ "valueInteger": 4 })), None);
    }

    #[test]
    fn answers_read_in_french_with_their_own_digits() {
        let questionnaire = json!({ "item": [{ "linkId": "n", "answerOption": [
            { "valueCoding": { "system": "s", "code": "2", "display": "Je mange ou bois moins" } }] }] });
        let words = Words::of(Some(&questionnaire));
        let check = |answer: Value, expected: &str| {
            assert_eq!(readable(&answer, "n", &words).as_deref(), Some(expected), "{answer}");
        };
        check(json!({ "valueBoolean": true }), "Oui");
        check(json!({ "valueInteger": 4 }), "4");
        check(
            serde_json::from_str(r#"{ "valueQuantity": { "value": 38.50, "unit": "Cel" } }"#).unwrap(),
            "38,50 °C",
        );
        check(json!({ "valueQuantity": { "value": 61, "unit": "kg", "code": "kg" } }), "61 kg");
        check(json!({ "valueQuantity": { "value": 90, "comparator": "<", "code": "%" } }), "< 90 %");
        check(json!({ "valueCoding": { "system": "s", "code": "2" } }), "Je mange ou bois moins");
        check(json!({ "valueCoding": { "system": "s", "code": "2", "display": "Dit ainsi" } }), "Dit ainsi");
        check(json!({ "valueCoding": { "system": "t", "code": "2" } }), "2");
        check(json!({ "valueDate": "2026-03-02" }), "02/03/2026");
        check(json!({ "valueDateTime": "2026-03-02T09:15:00Z" }), "02/03/2026 à 10:15");
        check(json!({ "valueString": "Mal au dos" }), "Mal au dos");
    }

    #[test]
    fn nested_answers_know_their_place() {
        let response = json!({ "item": [{ "linkId": "g", "item": [{ "linkId": "a", "answer": [
            { "valueBoolean": false }, { "valueBoolean": true, "item": [{ "linkId": "b", "answer": [{ "valueInteger": 3 }] }] }] }] }] });
        let answers = Answers::of(&response);
        let places = |id: &str| answers.get(id).iter().map(|a| answers.place(a)).collect::<Vec<_>>();
        assert_eq!(places("b"), ["QuestionnaireResponse.item[0].item[0].answer[1].item[0].answer[0]"]);
        assert_eq!(places("g"), ["QuestionnaireResponse.item[0]"]);
        assert_eq!(answers.get("a").len(), 2);
        assert!(answers.get("absent").is_empty());
    }
}
