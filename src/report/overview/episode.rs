//! Alerts of one day, and what was done about them.

use std::collections::BTreeMap;

use crate::report::{Alert, Level, alerts};

/// The alerts of one day: those that one response raised, as a rule.
#[derive(Clone)]
pub struct Episode {
    /// The day, `YYYY-MM-DD`, if known.
    pub on: Option<String>,
    /// The most serious level among those that hold, else among all.
    pub level: Level,
    /// The alerts, the most serious first.
    pub alerts: Vec<Alert>,
    /// What was asked for because of them and what came of that, each sentence once.
    pub done: Vec<String>,
}

/// The alerts (the most serious first) by day, in order of time.
pub(super) fn read(alerts: &[Alert]) -> Vec<Episode> {
    let mut by_day: BTreeMap<Option<&str>, Vec<&Alert>> = BTreeMap::new();
    for alert in alerts {
        by_day.entry(alert.on.as_deref()).or_default().push(alert);
    }
    by_day.into_iter().filter_map(|(on, alerts)| episode(on, &alerts)).collect()
}

fn episode(on: Option<&str>, alerts: &[&Alert]) -> Option<Episode> {
    let first = alerts.iter().find(|alert| !alert.withdrawn).or_else(|| alerts.first())?;
    let mut done: Vec<String> = Vec::new();
    for told in alerts.iter().flat_map(|alert| &alert.done) {
        if !done.contains(told) {
            done.push(told.clone());
        }
    }
    Some(Episode {
        on: on.map(str::to_owned),
        level: first.level.clone(),
        alerts: alerts.iter().map(|alert| (*alert).clone()).collect(),
        done,
    })
}

/// How many alerts that hold there are of each level, the most serious first.
pub(super) fn counts(alerts: &[Alert]) -> Vec<(Level, usize)> {
    let mut counts: Vec<(Level, usize)> = Vec::new();
    for alert in alerts.iter().filter(|alert| !alert.withdrawn) {
        match counts.iter_mut().find(|(level, _)| *level == alert.level) {
            Some((_, count)) => *count += 1,
            None => counts.push((alert.level.clone(), 1)),
        }
    }
    counts.sort_by_key(|(level, _)| std::cmp::Reverse(alerts::rank(level)));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(level: &str, on: &str, done: &[&str], withdrawn: bool) -> Alert {
        Alert {
            level: Level { code: level.to_owned(), display: level.to_owned() },
            rule: None,
            title: String::new(),
            evidence: Vec::new(),
            threshold: None,
            source: None,
            on: Some(on.to_owned()),
            withdrawn,
            reference: String::new(),
            done: done.iter().map(|&told| told.to_owned()).collect(),
        }
    }

    #[test]
    fn alerts_of_one_day_stand_together_and_what_was_done_is_said_once() {
        let alerts = [
            alert("rouge", "2026-03-09", &["appel"], true),
            alert("orange", "2026-03-09", &["appel", "consultation"], false),
            alert("jaune", "2026-03-02", &[], false),
        ];
        let episodes = read(&alerts);
        let told: Vec<_> = episodes.iter().map(|one| (one.on.as_deref(), one.level.code.as_str())).collect();
        assert_eq!(told, [(Some("2026-03-02"), "jaune"), (Some("2026-03-09"), "orange")]);
        assert_eq!(episodes[1].done, ["appel", "consultation"]);
        assert_eq!(episodes[1].alerts.len(), 2, "what was taken back is told too");
        let counts: Vec<_> = counts(&alerts).into_iter().map(|(level, n)| (level.code, n)).collect();
        assert_eq!(counts, [("orange".to_owned(), 1), ("jaune".to_owned(), 1)]);
    }
}
