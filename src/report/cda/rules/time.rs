//! Times: each has its offset (the schematron accepts one without, and readers then take it for their own).

use super::{Faults, places};
use crate::report::cda::element::find;
use crate::xml::Element;

/// Elements whose value is a time; a date of birth is a day.
const TIMES: &[&str] = &["effectiveTime", "time", "low", "high"];

pub(crate) fn times(element: &Element, place: &str, faults: &mut Faults) {
    for (place, child) in places(element, place) {
        if TIMES.contains(&&*child.name)
            && let Some(value) = child.get("value")
        {
            faults.unless(is_whole(value), &place, "a time is written YYYYMMDDhhmmss+ZZZZ");
        }
        times(child, &place, faults);
    }
    if place == "ClinicalDocument" {
        for path in ["documentationOf/serviceEvent", "componentOf/encompassingEncounter"] {
            let bound = |name: &str| {
                let path = format!("{path}/effectiveTime/{name}");
                find(element, &path).first().and_then(|one| moment(one.get("value")?))
            };
            if let (Some(low), Some(high)) = (bound("low"), bound("high")) {
                faults.unless(low <= high, path, "the period ends before it begins");
            }
        }
    }
}

fn is_whole(value: &str) -> bool {
    value.len() == 19 && moment(value).is_some()
}

fn moment(value: &str) -> Option<jiff::Timestamp> {
    jiff::Timestamp::strptime("%Y%m%d%H%M%S%z", value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_moment_with_its_offset_is_a_time() {
        let check = |value: &str, expected: bool| assert_eq!(is_whole(value), expected, "{value}");
        check("20260309152000+0100", true);
        check("20260309152000", false);
        check("20260309", false);
        check("20260230152000+0100", false);
        check("20260309152000Z", false);
    }
}
