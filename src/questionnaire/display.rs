//! An answer as a French reader sees it, for reports and for the reasons of an alert.

use crate::json::Value;
use jiff::tz::TimeZone;

use super::answer::declined;
use super::extension::{self, text};
use super::item::{AnswerType, Item};
use super::measure::{Measure, Unit};
use crate::fhir::datetime::{PartialDateTime, Precision};

/// Units whose code is not what one writes.
const UNITS: [(&str, &str); 6] = [
    ("Cel", "°C"),
    ("[degF]", "°F"),
    ("/min", "par minute"),
    ("d", "jours"),
    ("h", "heures"),
    ("mm[Hg]", "mmHg"),
];

const UNANSWERED: &str = "sans réponse";

/// The text of one `answer` of a response to this item.
pub(crate) fn answer_text(item: Option<&Item>, answer: &Value) -> String {
    let Some((name, value)) = extension::value_of(answer, "value") else {
        return if declined(answer).is_some() {
            "ne souhaite pas répondre".to_owned()
        } else {
            UNANSWERED.to_owned()
        };
    };
    let Some(kind) = AnswerType::parse(&name["value".len()..]) else { return UNANSWERED.to_owned() };
    let own = |name| text(value, name).map(str::to_owned);
    let found = match kind {
        AnswerType::Boolean => value.as_bool().map(|yes| if yes { "oui" } else { "non" }.to_owned()),
        AnswerType::String | AnswerType::Uri => value.as_str().map(str::to_owned),
        AnswerType::Coding => coding(item, value),
        AnswerType::Date | AnswerType::DateTime => {
            value.as_str().and_then(PartialDateTime::parse).map(|point| moment(&point))
        }
        AnswerType::Time => value.as_str().map(|time| time.get(..5).unwrap_or(time).replacen(':', " h ", 1)),
        AnswerType::Integer | AnswerType::Decimal => Measure::read(kind, value).map(|number| number.french()),
        AnswerType::Quantity => Measure::read(kind, value).map(|measure| quantity(&measure)),
        AnswerType::Attachment => own("title").or_else(|| Some("pièce jointe".to_owned())),
        AnswerType::Reference => own("display").or_else(|| own("reference")),
    };
    // What cannot be read is shown as it came: a person may still make sense of it.
    found.unwrap_or_else(|| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn coding(item: Option<&Item>, value: &Value) -> Option<String> {
    let option = item
        .and_then(|item| item.options.as_ref())
        .and_then(|options| options.find(AnswerType::Coding, value));
    let known = option.and_then(|option| text(&option.value, "display"));
    known.or_else(|| text(value, "display")).or_else(|| text(value, "code")).map(str::to_owned)
}

fn quantity(measure: &Measure) -> String {
    let Measure::Quantity(number, unit) = measure else { return measure.french() };
    let known =
        |code: &String| UNITS.iter().find(|(known, _)| known == code).map(|(_, shown)| (*shown).to_owned());
    let shown = unit.code.as_ref().and_then(known).or_else(|| unit.unit.clone());
    Measure::Quantity(*number, Unit { unit: shown, ..unit.clone() }).french()
}

/// `22/11/2026`, `11/2026`, `22/11/2026 à 08 h 30`, in the time of Paris.
fn moment(point: &PartialDateTime) -> String {
    let date = point.date();
    match point.precision() {
        Precision::Year => format!("{:04}", date.year()),
        Precision::Month => format!("{:02}/{:04}", date.month(), date.year()),
        Precision::Day => format!("{:02}/{:02}/{:04}", date.day(), date.month(), date.year()),
        Precision::Minute | Precision::Second | Precision::Fraction(_) => {
            let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
            point.lower().map_or_else(
                || point.to_string(),
                |at| at.to_zoned(zone).strftime("%d/%m/%Y à %H h %M").to_string(),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn check(answer: &Value, expected: &str) {
        assert_eq!(answer_text(None, answer), expected);
    }

    #[test]
    fn answers_read_as_french() {
        check(&json!({ "valueBoolean": true }), "oui");
        check(&json!({ "valueQuantity": { "value": 38.5, "unit": "Cel", "code": "Cel" } }), "38,5 °C");
        check(&json!({ "valueQuantity": { "value": 61.20, "unit": "kg" } }), "61,2 kg");
        check(&json!({ "valueDate": "2026-11-22" }), "22/11/2026");
        check(&json!({ "valueDateTime": "2026-11-22T07:30:00Z" }), "22/11/2026 à 08 h 30");
        check(&json!({ "valueTime": "08:30:00" }), "08 h 30");
        check(&json!({ "valueCoding": { "code": "2", "display": "Forte" } }), "Forte");
    }

    #[test]
    fn what_is_absent_or_unreadable_is_said() {
        check(&json!({}), UNANSWERED);
        check(&json!({ "valueDecimal": "38,5" }), "38,5");
        let declined = json!({ "_valueDecimal": { "extension": [
            { "url": extension::DATA_ABSENT_REASON, "valueCode": "asked-declined" }] } });
        check(&declined, "ne souhaite pas répondre");
    }
}
