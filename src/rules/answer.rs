//! Answers of a response: where they are, and how they read in French.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::fhir::datetime::{PartialDateTime, Precision};
use crate::fhir::element::list;

/// One item of a response, with one of its answers or none.
#[derive(Clone)]
pub(super) struct Answer<'a> {
    /// `FHIRPath` of the answer, or of the item without one.
    pub(super) place: String,
    /// The item's own words for its question.
    pub(super) text: Option<&'a str>,
    /// The answer.
    pub(super) value: Option<&'a Value>,
}

/// All items of a response by link id, in the order of the response.
#[derive(Default)]
pub(super) struct Answers<'a>(HashMap<&'a str, Vec<Answer<'a>>>);

impl<'a> Answers<'a> {
    /// Gather them.
    pub(super) fn of(response: &'a Value) -> Self {
        let mut answers = Self::default();
        answers.gather(response, "QuestionnaireResponse");
        answers
    }

    /// Items with this link id.
    pub(super) fn get(&self, link_id: &str) -> &[Answer<'a>] {
        self.0.get(link_id).map_or(&[], Vec::as_slice)
    }

    fn gather(&mut self, parent: &'a Value, place: &str) {
        for (n, item) in list(parent, "item").enumerate() {
            let place = format!("{place}.item[{n}]");
            let text = item["text"].as_str();
            let found = self.0.entry(item["linkId"].as_str().unwrap_or_default()).or_default();
            let before = found.len();
            for (k, value) in list(item, "answer").enumerate() {
                found.push(Answer { place: format!("{place}.answer[{k}]"), text, value: Some(value) });
            }
            if found.len() == before {
                found.push(Answer { place: place.clone(), text, value: None });
            }
            for (k, value) in list(item, "answer").enumerate() {
                self.gather(value, &format!("{place}.answer[{k}]"));
            }
            self.gather(item, &place);
        }
    }
}

/// The words of a Questionnaire: questions and options by link id.
#[derive(Default)]
pub(super) struct Words<'a>(HashMap<&'a str, &'a Value>);

impl<'a> Words<'a> {
    /// Gather them.
    pub(super) fn of(questionnaire: Option<&'a Value>) -> Self {
        let mut words = Self::default();
        if let Some(questionnaire) = questionnaire {
            words.gather(questionnaire);
        }
        words
    }

    /// The question.
    pub(super) fn question(&self, link_id: &str) -> Option<&'a str> {
        self.0.get(link_id)?["text"].as_str()
    }

    fn option(&self, link_id: &str, coding: &Value) -> Option<&'a str> {
        let options = list(self.0.get(link_id)?, "answerOption").map(|option| &option["valueCoding"]);
        let mut same =
            options.filter(|option| option["code"] == coding["code"] && option["system"] == coding["system"]);
        same.next()?["display"].as_str()
    }

    fn gather(&mut self, parent: &'a Value) {
        for item in list(parent, "item") {
            self.0.insert(item["linkId"].as_str().unwrap_or_default(), item);
            self.gather(item);
        }
    }
}

/// Whether the person wrote the answer in free words.
pub(super) fn is_free_text(answer: &Value) -> bool {
    answer.get("valueString").is_some()
}

/// The answer as the care team reads it.
pub(super) fn readable(answer: &Value, link_id: &str, words: &Words<'_>) -> Option<String> {
    let (name, value) = answer.as_object()?.iter().find(|(name, _)| name.starts_with("value"))?;
    let text = match name.as_str() {
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
    use serde_json::json;

    use super::*;

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
        let places = |id: &str| answers.get(id).iter().map(|a| a.place.clone()).collect::<Vec<_>>();
        assert_eq!(places("b"), ["QuestionnaireResponse.item[0].item[0].answer[1].item[0].answer[0]"]);
        assert_eq!(places("g"), ["QuestionnaireResponse.item[0]"]);
        assert_eq!(answers.get("a").len(), 2);
        assert!(answers.get("absent").is_empty());
    }
}
