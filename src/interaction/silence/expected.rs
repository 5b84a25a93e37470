//! When a patient is expected to answer, and since when an answer is missing. Pure.
//!
//! A plan of care expects its patient to answer in a rhythm: that of its activity for the questionnaire (`detail.scheduledTiming`,
//! FHIR R4 `Timing.repeat`), or the site's. An answer is expected one rhythm after the last one, or after the plan began.
//! The call is due three days after, and one day after when the last answers were orange, rouge or not read, or when the
//! day lies in the nadir of a cytotoxic treatment, its days 7 to 14 (rules R91 and R92; the delays are proposals, PROSPECT for
//! the three days).

use jiff::{SignedDuration, Timestamp};

use crate::fhir::datetime::PartialDateTime;
use crate::fhir::element::{has_coding, list, str_at};
use crate::json::Value;
use crate::terminology::TREATMENT_CLASS;

/// Days after a cytotoxic drug on which few white cells are left.
const NADIR_DAYS: std::ops::RangeInclusive<i64> = 7..=14;
/// A Task is there this long before its call is due, or half of the delay where that is shorter.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// What is expected of the patient of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    start: Timestamp,
    end: Option<Timestamp>,
    every: SignedDuration,
    /// Days on which a cytotoxic drug is given, as the plan says.
    cytotoxic: Vec<Timestamp>,
}

/// Why the call is due after one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Early {
    /// The last answers were worrying, or could not be read.
    Worrying,
    /// The day lies in the nadir of a cytotoxic treatment.
    Nadir,
}

/// How long after the day of an answer the call is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delays {
    pub(super) late: SignedDuration,
    pub(super) early: SignedDuration,
}

/// An answer that did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missed {
    /// From when it is reckoned: the last answer, or the beginning of the plan.
    pub(super) base: Timestamp,
    /// When it was expected.
    pub(super) expected: Timestamp,
    /// When the patient is to be called.
    pub(super) due: Timestamp,
    pub(super) early: Option<Early>,
}

impl Expected {
    /// Of an active plan that expects answers to one of these questionnaires (addresses without version).
    pub(super) fn of(plan: &Value, questionnaires: &[String], every: SignedDuration) -> Option<Self> {
        let moment = |path: &str| PartialDateTime::parse(str_at(plan, path)?)?.bounds();
        let stored = || crate::fhir::meta::last_updated(plan);
        let start = moment("period.start").or_else(|| moment("created"));
        let start = start.map(|(lower, _)| lower).or_else(stored)?;
        let end = moment("period.end").map(|(_, upper)| upper);
        let asks = |activity: &&Value| {
            list(&activity["detail"], "instantiatesCanonical")
                .filter_map(Value::as_str)
                .any(|named| questionnaires.iter().any(|url| named.split('|').next() == Some(url.as_str())))
        };
        let own = list(plan, "activity").filter(asks).filter_map(|one| rhythm(&one["detail"])).min();
        let cytotoxic = list(plan, "activity")
            .filter(|one| has_coding(&one["detail"]["code"], TREATMENT_CLASS, "cytotoxique"))
            .flat_map(|one| list(&one["detail"]["scheduledTiming"], "event"))
            .filter_map(|event| PartialDateTime::parse(event.as_str()?)?.lower())
            .collect();
        Some(Self { start, end, every: own.unwrap_or(every), cytotoxic })
    }

    /// The latest answer that is missing now; `heard` is when the patient answered last, and `worrying` whether that was.
    pub(super) fn missed(
        &self,
        heard: Option<Timestamp>,
        worrying: bool,
        delays: &Delays,
        now: Timestamp,
    ) -> Option<Missed> {
        let base = heard.map_or(self.start, |heard| heard.max(self.start));
        let early = self.last_before(base, now, delays.early).and_then(|expected| {
            let nadir = || self.in_nadir(expected).then_some(Early::Nadir);
            let why = if worrying { Some(Early::Worrying) } else { nadir() };
            why.map(|why| (expected, delays.early, Some(why)))
        });
        let late = || self.last_before(base, now, delays.late).map(|expected| (expected, delays.late, None));
        let (expected, delay, early) = early.or_else(late)?;
        let is_over = self.end.is_some_and(|end| expected >= end);
        let due = expected.checked_add(delay).ok()?;
        (!is_over).then_some(Missed { base, expected, due, early })
    }

    /// The last day of an answer whose Task is there by now.
    fn last_before(&self, base: Timestamp, now: Timestamp, delay: SignedDuration) -> Option<Timestamp> {
        let raised = delay.saturating_sub(AHEAD.min(delay / 2));
        let waited = now.duration_since(base).checked_sub(raised)?;
        let times = waited.as_secs().checked_div(self.every.as_secs()).filter(|times| *times > 0)?;
        base.checked_add(SignedDuration::from_secs(self.every.as_secs().checked_mul(times)?)).ok()
    }

    fn in_nadir(&self, at: Timestamp) -> bool {
        self.cytotoxic.iter().any(|given| NADIR_DAYS.contains(&(at.duration_since(*given).as_hours() / 24)))
    }
}

/// How often, of a `Timing` that says it: `frequency` times in `period` `periodUnit`.
fn rhythm(detail: &Value) -> Option<SignedDuration> {
    let repeat = &detail["scheduledTiming"]["repeat"];
    let number = |name: &str| match repeat.get(name) {
        None => Some(1.0),
        Some(Value::Number(number)) => number.as_str().parse::<f64>().ok(),
        Some(_) => None,
    };
    let unit = match repeat["periodUnit"].as_str()? {
        "h" => 3_600.0,
        "d" => 86_400.0,
        "wk" => 604_800.0,
        "mo" => 2_629_800.0,
        _ => return None,
    };
    let seconds = unit * number("period")? / number("frequency")?;
    // From twice a day to once a year: what else it says is a mistake.
    (43_200.0..=31_557_600.0).contains(&seconds).then(|| SignedDuration::from_secs_f64(seconds.round()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
    const DELAYS: Delays =
        Delays { late: SignedDuration::from_hours(72), early: SignedDuration::from_hours(24) };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn plan(more: &Value) -> Expected {
        let mut plan = json!({"resourceType": "CarePlan", "period": {"start": "2026-01-05"}});
        for (name, value) in more.as_object().unwrap() {
            plan[name] = value.clone();
        }
        Expected::of(&plan, &["urn:q".to_owned()], WEEK).unwrap()
    }

    #[test]
    fn a_call_is_due_three_days_after_the_day_of_an_answer_and_one_day_after_worrying_ones() {
        let check = |heard: Option<&str>, worrying, now: &str, expected: Option<(&str, &str)>| {
            let missed = plan(&json!({})).missed(heard.map(at), worrying, &DELAYS, at(now));
            let found = missed.map(|missed| (missed.expected, missed.due));
            assert_eq!(found, expected.map(|(day, due)| (at(day), at(due))), "{heard:?} {now}");
        };
        let heard = Some("2026-02-02T09:00:00Z");
        check(heard, false, "2026-02-11T08:59:59Z", None);
        let first = Some(("2026-02-09T09:00:00Z", "2026-02-12T09:00:00Z"));
        check(heard, false, "2026-02-11T09:00:00Z", first);
        check(heard, false, "2026-02-18T08:59:59Z", first);
        check(heard, false, "2026-02-18T09:00:00Z", Some(("2026-02-16T09:00:00Z", "2026-02-19T09:00:00Z")));
        check(heard, true, "2026-02-09T20:59:59Z", None);
        check(heard, true, "2026-02-09T21:00:00Z", Some(("2026-02-09T09:00:00Z", "2026-02-10T09:00:00Z")));
        // Nobody answered yet: from the beginning of the plan, midnight in Paris.
        check(None, false, "2026-01-13T22:59:59Z", None);
        check(None, false, "2026-01-13T23:00:00Z", Some(("2026-01-11T23:00:00Z", "2026-01-14T23:00:00Z")));
        // An answer before this plan is of another one.
        check(Some("2025-11-01T09:00:00Z"), false, "2026-01-13T22:59:59Z", None);
    }

    #[test]
    fn in_the_nadir_of_a_cytotoxic_treatment_the_call_is_due_after_one_day() {
        let class = |code: &str| json!({"coding": [{"system": TREATMENT_CLASS, "code": code}]});
        let check = |code: &str, given: &str, early: Option<Early>| {
            let timing = json!({"event": [given]});
            let activity = json!([{"detail": {"code": class(code), "scheduledTiming": timing}}]);
            let plan = plan(&json!({"activity": activity}));
            let heard = Some(at("2026-02-02T09:00:00Z"));
            let missed = plan.missed(heard, false, &DELAYS, at("2026-02-09T21:00:00Z"));
            assert_eq!(missed.and_then(|missed| missed.early), early, "{code} {given}");
        };
        check("cytotoxique", "2026-02-02", Some(Early::Nadir));
        check("cytotoxique", "2026-01-26", Some(Early::Nadir));
        check("cytotoxique", "2026-01-24", None);
        check("cytotoxique", "2026-02-03", None);
        check("inhibiteur-checkpoint", "2026-02-02", None);
    }

    #[test]
    fn a_plan_says_its_own_rhythm_and_when_it_ends() {
        let check = |repeat: &Value, canonical: &str, hours: i64| {
            let detail = json!({"instantiatesCanonical": [canonical], "scheduledTiming": {"repeat": repeat}});
            let every = plan(&json!({"activity": [{"detail": detail}]})).every;
            assert_eq!(every, SignedDuration::from_hours(hours), "{repeat} {canonical}");
        };
        let twice = json!({"frequency": 2, "period": 1, "periodUnit": "wk"});
        check(&twice, "urn:q|1.0.0", 84);
        check(&twice, "urn:other", 7 * 24);
        check(&json!({"period": 1, "periodUnit": "d"}), "urn:q", 24);
        for wrong in
            [json!({}), json!({"frequency": 0, "period": 1, "periodUnit": "wk"}), json!({"periodUnit": "s"})]
        {
            check(&wrong, "urn:q", 7 * 24);
        }
        let ended = plan(&json!({"period": {"start": "2026-01-05", "end": "2026-02-08"}}));
        let missed = |heard| ended.missed(Some(at(heard)), false, &DELAYS, at("2026-02-20T09:00:00Z"));
        assert!(missed("2026-01-27T09:00:00Z").is_none(), "a later week is over, and so is the plan");
        assert!(missed("2026-02-05T09:00:00Z").is_none());
        assert!(
            plan(&json!({"period": {"start": "2026-03-01"}}))
                .missed(None, false, &DELAYS, at("2026-02-20T09:00:00Z"))
                .is_none()
        );
    }
}
