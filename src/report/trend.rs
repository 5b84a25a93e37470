//! Grades over the days of the period, measures beside them, and what was not answered.

use std::collections::{BTreeMap, BTreeSet};

use crate::json::Value;

use super::element::{own_extension, text, wording, wording_of};
use super::{Missing, french};
use crate::fhir::element::{at, code_of, codings, list};
use crate::terminology::{BASE, DATA_ABSENT_REASON, SYMPTOM, SYMPTOM_GRADE};

/// Grades over days: a table of symptoms by days.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Trend {
    /// The days on which something was answered, `YYYY-MM-DD`, in order.
    pub days: Vec<String>,
    /// One line a symptom, the highest grade of the period first.
    pub series: Vec<Series>,
    /// Quantities and counts, on the same days.
    pub measures: Vec<Measure>,
}

/// The grades of one symptom, one place a day.
#[derive(Clone, PartialEq, Eq)]
pub struct Series {
    /// The symptom, in French.
    pub symptom: String,
    /// 0 to 4; none when it was not answered on that day.
    pub grades: Vec<Option<u8>>,
}

/// One quantity over the days.
#[derive(Clone, PartialEq, Eq)]
pub struct Measure {
    /// What is measured, in French.
    pub what: String,
    /// As written, with its unit.
    pub values: Vec<Option<String>>,
}

enum Point {
    Grade(u8),
    Measure(String),
}

/// Reads the observations of the period; on a day with several answers to the same question the last one counts.
pub(super) fn read(observations: &[&Value]) -> Trend {
    let mut observations: Vec<&Value> = observations.iter().copied().filter(|one| counts(one)).collect();
    observations.sort_by_key(|observation| moment(observation));
    let days: BTreeSet<String> = observations.iter().filter_map(|one| day(one)).collect();
    let days: Vec<String> = days.into_iter().collect();
    let mut rows: BTreeMap<&str, (usize, BTreeMap<String, Point>)> = BTreeMap::new();
    for (place, observation) in observations.iter().enumerate() {
        let (Some(what), Some(day), Some(point)) = (named(observation), day(observation), point(observation))
        else {
            continue;
        };
        rows.entry(what).or_insert_with(|| (place, BTreeMap::new())).1.insert(day, point);
    }
    let mut rows: Vec<(&str, usize, BTreeMap<String, Point>)> =
        rows.into_iter().map(|(what, (place, points))| (what, place, points)).collect();
    rows.sort_by_key(|(_, place, _)| *place);
    let mut trend = Trend { days, ..Trend::default() };
    for (what, _, points) in rows {
        trend.add(what, &points);
    }
    trend.series.sort_by_key(|series| std::cmp::Reverse(series.grades.iter().flatten().max().copied()));
    trend
}

/// The questions that were asked and not answered.
pub(super) fn unanswered(observations: &[&Value]) -> Vec<Missing> {
    let absent = |observation: &&Value| {
        let reason = observation.get("dataAbsentReason")?;
        let words =
            code_of(reason, DATA_ABSENT_REASON).map(french::absent_reason).or_else(|| wording(reason))?;
        Some(Missing { what: named(observation)?.to_owned(), reason: words.to_owned(), on: day(observation) })
    };
    observations.iter().filter(|one| counts(one)).filter_map(absent).collect()
}

impl Trend {
    fn add(&mut self, what: &str, points: &BTreeMap<String, Point>) {
        let grades: Vec<Option<u8>> = self.places(points, |point| match point {
            Point::Grade(grade) => Some(*grade),
            Point::Measure(_) => None,
        });
        let values: Vec<Option<String>> = self.places(points, |point| match point {
            Point::Grade(_) => None,
            Point::Measure(value) => Some(value.clone()),
        });
        if grades.iter().any(Option::is_some) {
            self.series.push(Series { symptom: what.to_owned(), grades });
        }
        if values.iter().any(Option::is_some) {
            self.measures.push(Measure { what: what.to_owned(), values });
        }
    }

    fn places<T>(
        &self,
        points: &BTreeMap<String, Point>,
        read: impl Fn(&Point) -> Option<T>,
    ) -> Vec<Option<T>> {
        self.days.iter().map(|day| points.get(day).and_then(&read)).collect()
    }
}

fn counts(observation: &Value) -> bool {
    !matches!(text(observation, "status"), Some("entered-in-error" | "cancelled"))
}

fn moment(observation: &Value) -> Option<&str> {
    text(observation, "effectiveDateTime")
        .or_else(|| text(observation, "effectivePeriod.start"))
        .or_else(|| text(observation, "effectiveInstant"))
}

fn day(observation: &Value) -> Option<String> {
    moment(observation).and_then(french::day).map(|day| day.to_string())
}

/// The symptom as our code system says it, else whatever the code says.
fn named(observation: &Value) -> Option<&str> {
    let of_symptom = observation.get("code").and_then(|code| super::element::coding_in(code, SYMPTOM));
    of_symptom.and_then(|coding| text(coding, "display")).or_else(|| wording_of(observation, "code"))
}

fn point(observation: &Value) -> Option<Point> {
    if let Some(concept) = observation.get("valueCodeableConcept") {
        return grade(concept).map(Point::Grade);
    }
    if let Some(quantity) = observation.get("valueQuantity") {
        let value = at(quantity, "value")?.to_string().replace('.', ",");
        let comparator = text(quantity, "comparator").unwrap_or_default();
        let unit = text(quantity, "unit").or_else(|| text(quantity, "code")).map(unit).unwrap_or_default();
        return Some(Point::Measure(format!("{comparator}{value}{unit}")));
    }
    let number = at(observation, "valueInteger")?;
    Some(marked(observation).map_or_else(|| Point::Measure(number.to_string()), Point::Grade))
}

/// The grade that an Observation is marked with (`StructureDefinition/symptom-grade`): a number without the mark was
/// counted.
fn marked(observation: &Value) -> Option<u8> {
    let mark = own_extension(observation, "symptom-grade")?.get("valueCoding")?;
    let grade = text(mark, "code").filter(|_| text(mark, "system") == Some(SYMPTOM_GRADE))?;
    grade.parse().ok().filter(|grade| *grade <= 4)
}

/// A unit after its number, as people write it.
fn unit(unit: &str) -> String {
    match unit {
        "Cel" => "\u{a0}°C".to_owned(),
        unit => format!("\u{a0}{unit}"),
    }
}

/// The grade that an answer of one of our graded items is: codes `0` to `4`.
fn grade(concept: &Value) -> Option<u8> {
    let ours = codings(concept).into_iter().filter(|(system, _)| system.starts_with(BASE));
    ours.filter_map(|(_, code)| code.parse::<u8>().ok()).find(|grade| *grade <= 4)
}

/// The first and the last day that any of the resources names.
pub(super) fn span<'a>(
    observations: &[&'a Value],
    others: impl Iterator<Item = &'a str>,
) -> Option<(String, String)> {
    let of_others = others.filter_map(french::day).map(|day| day.to_string());
    let days: BTreeSet<String> = observations.iter().filter_map(|one| day(one)).chain(of_others).collect();
    Some((days.first()?.clone(), days.last()?.clone()))
}

/// The observations that a report names as its results.
pub(super) fn results<'a>(report: &Value, observations: &'a [Value]) -> Vec<&'a Value> {
    let named: Vec<&str> = list(report, "result").filter_map(|result| text(result, "reference")).collect();
    let of_report = |observation: &&Value| {
        let target = crate::fhir::element::local_reference(observation);
        target.is_some_and(|target| named.iter().any(|reference| super::element::names(reference, &target)))
    };
    observations.iter().filter(of_report).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn observation(symptom: &str, at: &str, value: (&str, Value)) -> Value {
        let mut observation = json!({"resourceType": "Observation", "status": "final", "effectiveDateTime": at,
            "code": {"coding": [{"system": SYMPTOM, "code": symptom, "display": symptom}]}});
        observation[value.0] = value.1;
        observation
    }

    fn graded(symptom: &str, at: &str, grade: &str) -> Value {
        let system = format!("{BASE}/CodeSystem/base-{symptom}");
        observation(
            symptom,
            at,
            ("valueCodeableConcept", json!({"coding": [{"system": system, "code": grade}]})),
        )
    }

    #[test]
    fn a_number_that_is_marked_as_a_grade_is_one_and_any_other_a_measure() {
        let observation = |symptom: &str, mark: Option<(&str, &str)>| {
            let mut one = json!({"resourceType": "Observation", "status": "final", "valueInteger": 2,
                "code": {"coding": [{"system": SYMPTOM, "code": symptom, "display": symptom}]},
                "note": [{"text": "Réponse : Elle ne passe pas"}],
                "effectiveDateTime": "2026-03-02T08:00:00+01:00"});
            if let Some((system, code)) = mark {
                let url = crate::report::element::own_url("symptom-grade");
                one["extension"] = json!([{"url": url, "valueCoding": {"system": system, "code": code}}]);
            }
            one
        };
        let chosen = observation("fatigue", Some((SYMPTOM_GRADE, "2")));
        let (counted, foreign) = (observation("selles", None), observation("pas", Some(("urn:x", "2"))));
        let trend = read(&[&chosen, &counted, &foreign]);
        assert_eq!(trend.series.len(), 1);
        assert_eq!((trend.series[0].symptom.as_str(), &trend.series[0].grades), ("fatigue", &vec![Some(2)]));
        assert_eq!(trend.measures.len(), 2);
    }

    #[test]
    fn grades_stand_on_their_days_and_a_gap_stays_a_gap() {
        let all = [
            graded("nausee", "2026-03-09T09:00:00+01:00", "3"),
            graded("fatigue", "2026-03-02T09:00:00+01:00", "1"),
            graded("fatigue", "2026-03-16T09:00:00+01:00", "2"),
            graded("fatigue", "2026-03-16T19:00:00+01:00", "0"),
        ];
        let trend = read(&all.iter().collect::<Vec<_>>());
        assert_eq!(trend.days, ["2026-03-02", "2026-03-09", "2026-03-16"]);
        assert_eq!(trend.series[0].symptom, "nausee", "the highest grade first");
        assert_eq!(trend.series[0].grades, [None, Some(3), None]);
        assert_eq!(trend.series[1].grades, [Some(1), None, Some(0)], "the last answer of a day counts");
    }

    #[test]
    fn a_decimal_keeps_its_digits_and_gets_its_comma() {
        let value: Value = serde_json::from_str(r#"{"value": 38.50, "code": "Cel"}"#).unwrap();
        let all = [observation("temperature", "2026-03-02", ("valueQuantity", value))];
        let trend = read(&all.iter().collect::<Vec<_>>());
        assert_eq!(trend.measures[0].values, [Some("38,50\u{a0}°C".to_owned())]);
    }

    #[test]
    fn what_was_not_answered_is_told_and_is_no_grade() {
        let reason = json!({"coding": [{"system": DATA_ABSENT_REASON, "code": "asked-declined"}]});
        let all = [observation("douleur", "2026-03-02", ("dataAbsentReason", reason))];
        let all: Vec<&Value> = all.iter().collect();
        assert_eq!(unanswered(&all)[0].reason, "le patient ne sait pas ou préfère ne pas répondre");
        assert!(read(&all).series.is_empty());
    }

    #[test]
    fn a_foreign_code_is_no_grade() {
        let foreign = json!({"coding": [{"system": "http://snomed.info/sct", "code": "2"}]});
        let all = [observation("douleur", "2026-03-02", ("valueCodeableConcept", foreign))];
        assert!(read(&all.iter().collect::<Vec<_>>()).series.is_empty());
    }
}
