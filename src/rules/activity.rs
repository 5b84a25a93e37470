//! Activities, compiled: what the team does or what the patient reads when a rule fires
//! (<https://hl7.org/fhir/R4/activitydefinition.html>).

use std::str::FromStr as _;

use crate::json::Value;
use jiff::SignedDuration;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::fault::Faults;
use crate::fhir::element::{codings, list};
use crate::judgement::{Activity, ActivityKind, Priority};
use crate::terminology::{ACKNOWLEDGE_WITHIN, HANDLE_WITHIN, PERFORMER_ROLE, TASK_CODE};

/// Whether the definition answers to this canonical (`url` or `url|version`).
pub(super) fn answers_to(definition: &Value, canonical: &str) -> bool {
    let (url, version) =
        canonical.split_once('|').map_or((canonical, None), |(url, version)| (url, Some(version)));
    definition["url"] == url && version.is_none_or(|version| definition["version"] == version)
}

/// Compile one ActivityDefinition; every fault is noted, and there is an activity only without one.
pub(super) fn compile(definition: &Value, faults: &mut Faults) -> Option<Activity> {
    let url = definition["url"].as_str().unwrap_or_default();
    let place = |element: &str| format!("ActivityDefinition.where(url='{url}').{element}");
    let before = faults.len();
    let kind = match definition["kind"].as_str() {
        Some("Task") => Some(ActivityKind::Task),
        Some("CommunicationRequest") => Some(ActivityKind::CommunicationRequest),
        found => {
            faults.add(
                place("kind"),
                "required",
                format!("the kind is {found:?}; it must be Task or CommunicationRequest"),
            );
            None
        }
    };
    let task_code = list(&definition["code"], "coding").find(|coding| coding["system"] == TASK_CODE);
    if task_code.and_then(|coding| coding["code"].as_str()).is_none_or(str::is_empty) {
        faults.add(place("code"), "required", format!("a coding of {TASK_CODE} is needed"));
    }
    let priority = priority(definition, &place("priority"), faults);
    let handle_within = delay(definition, HANDLE_WITHIN, &place("extension"), faults);
    let acknowledge_within = delay(definition, ACKNOWLEDGE_WITHIN, &place("extension"), faults);
    if kind == Some(ActivityKind::Task) && handle_within.is_none() {
        faults.add(place("extension"), "required", format!("a Task needs the extension {HANDLE_WITHIN}"));
    }
    if acknowledge_within.zip(handle_within).is_some_and(|(acknowledge, handle)| acknowledge > handle) {
        faults.add(place("extension"), "value", "it would be acknowledged later than handled");
    }
    let text = definition["description"].as_str().unwrap_or_default();
    if kind == Some(ActivityKind::CommunicationRequest) && text.trim().is_empty() {
        faults.add(place("description"), "required", "the text to the patient is missing");
    }
    let coding = task_code?;
    (faults.len() == before).then_some(())?;
    Some(Activity {
        kind: kind?,
        code: coding["code"].as_str()?.to_owned(),
        display: coding["display"].as_str().map(str::to_owned),
        priority,
        performers: performers(definition),
        text: text.to_owned(),
        handle_within,
        acknowledge_within,
    })
}

fn priority(definition: &Value, place: &str, faults: &mut Faults) -> Option<Priority> {
    let code = definition["priority"].as_str()?;
    let known = Priority::from_code(code);
    if known.is_none() {
        let all = Priority::ALL.map(Priority::code).join(", ");
        faults.add(place, "code-invalid", format!("{code:?} is no priority; the priorities are {all}"));
    }
    known
}

fn performers(definition: &Value) -> Vec<String> {
    let roles = list(definition, "participant").flat_map(|participant| codings(&participant["role"]));
    roles.filter(|(system, _)| *system == PERFORMER_ROLE).map(|(_, code)| code.to_owned()).collect()
}

fn delay(definition: &Value, url: &str, place: &str, faults: &mut Faults) -> Option<SignedDuration> {
    let found = list(definition, "extension").find(|extension| extension["url"] == url)?;
    let delay = duration(&found["valueDuration"]);
    if delay.is_none() {
        faults.add(
            place,
            "value",
            format!("{url} needs a valueDuration above zero in UCUM s, min, h, d or wk"),
        );
    }
    delay
}

/// A FHIR Duration, above zero.
fn duration(element: &Value) -> Option<SignedDuration> {
    let Value::Number(number) = &element["value"] else { return None };
    let value = Decimal::from_str(number.as_str()).ok()?;
    let unit = match element["code"].as_str()? {
        "s" => 1,
        "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "wk" => 604_800,
        _ => return None,
    };
    let seconds = value.checked_mul(Decimal::from(unit))?.to_i64()?;
    (seconds > 0).then(|| SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;

    #[test]
    fn a_duration_is_read_with_its_unit_and_must_be_above_zero() {
        let check = |element: Value, expected: Option<i64>| {
            assert_eq!(duration(&element).map(|delay| delay.as_secs()), expected, "{element}");
        };
        check(json!({ "value": 4, "code": "h" }), Some(14_400));
        check(json!({ "value": 0.5, "code": "h" }), Some(1_800));
        check(json!({ "value": 3, "code": "d" }), Some(259_200));
        check(json!({ "value": 0, "code": "h" }), None);
        check(json!({ "value": 1, "code": "mo" }), None);
        check(json!({ "value": "4", "code": "h" }), None);
    }

    #[test]
    fn a_canonical_without_version_finds_any_version() {
        let definition = json!({ "url": "u", "version": "1.0.0" });
        let check =
            |canonical: &str, expected: bool| assert_eq!(answers_to(&definition, canonical), expected);
        check("u", true);
        check("u|1.0.0", true);
        check("u|2.0.0", false);
        check("v", false);
    }
}
