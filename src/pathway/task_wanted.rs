//! Which Tasks the alerts ask for: one for each action code, merged over all rules.

use jiff::{SignedDuration, Timestamp};

use super::input::{Activity, ActivityKind, Input, Priority, RuleOutcome};
use crate::terminology::Level;

/// One Task that the response needs.
pub(super) struct Wanted<'a> {
    /// Code of `CodeSystem/task-code`.
    pub(super) code: String,
    /// Its French display.
    pub(super) display: Option<String>,
    /// The highest level among the rules that ask for it.
    pub(super) level: Level,
    /// The highest priority.
    pub(super) priority: Priority,
    /// The earliest deadline.
    pub(super) handle_by: Timestamp,
    /// The earliest moment by which somebody must have taken it.
    pub(super) acknowledge_by: Timestamp,
    /// Roles, those of the highest rule first.
    pub(super) performers: Vec<String>,
    /// Rules that ask for it, with their place among the outcomes, highest level first.
    pub(super) rules: Vec<(usize, &'a RuleOutcome)>,
    /// Instructions of the hospital, each once.
    pub(super) instructions: Vec<String>,
}

/// All Tasks that the alerts ask for, most pressing first.
///
/// A rule without an activity of kind Task, and an activity without priority or delay, fall back to
/// its level: rouge a call within 1 h and a consultation within 8 h (both stat, acknowledged within
/// 30 min), orange a call within 4 h (asap, 2 h), jaune an exchange within 72 h (routine, 24 h),
/// technique a human reading within 8 h (asap, 2 h).
pub(super) fn wanted<'a>(input: &Input<'a>) -> Vec<Wanted<'a>> {
    let rules: &'a [RuleOutcome] = input.rules;
    let mut alerts: Vec<(usize, &RuleOutcome)> = rules
        .iter()
        .enumerate()
        .filter(|(_, rule)| input.alerts().any(|alert| std::ptr::eq(alert, *rule)))
        .collect();
    alerts.sort_by_key(|(_, rule)| std::cmp::Reverse(rule.level));
    let mut wanted: Vec<Wanted<'a>> = Vec::new();
    for (index, rule) in alerts {
        let named: Vec<&Activity> =
            rule.activities.iter().filter(|activity| activity.kind == ActivityKind::Task).collect();
        if named.is_empty() {
            for fallback in defaults(rule.level) {
                let activity = fallback.activity();
                ask(&mut wanted, input.received, index, rule, &activity);
            }
        }
        for activity in named {
            ask(&mut wanted, input.received, index, rule, activity);
        }
    }
    wanted.sort_by_key(|task| (std::cmp::Reverse(task.priority), task.handle_by));
    wanted
}

fn ask<'a>(
    wanted: &mut Vec<Wanted<'a>>,
    received: Timestamp,
    index: usize,
    rule: &'a RuleOutcome,
    activity: &Activity,
) {
    let fallback = delays(rule.level);
    let priority = activity.priority.unwrap_or(fallback.priority);
    let handle_by = after(received, activity.handle_within.unwrap_or(fallback.handle_within));
    let acknowledge_by = after(received, activity.acknowledge_within.unwrap_or(fallback.acknowledge_within));
    let place = wanted.iter().position(|task| task.code == activity.code).unwrap_or_else(|| {
        wanted.push(Wanted {
            code: activity.code.clone(),
            display: activity.display.clone(),
            level: rule.level,
            priority,
            handle_by,
            acknowledge_by,
            performers: Vec::new(),
            rules: Vec::new(),
            instructions: Vec::new(),
        });
        wanted.len() - 1
    });
    let task = &mut wanted[place];
    task.level = task.level.max(rule.level);
    task.priority = task.priority.max(priority);
    task.handle_by = task.handle_by.min(handle_by);
    task.acknowledge_by = task.acknowledge_by.min(acknowledge_by);
    add_each(&mut task.performers, &activity.performers);
    if !activity.text.is_empty() {
        add_each(&mut task.instructions, std::slice::from_ref(&activity.text));
    }
    if !task.rules.iter().any(|(of, _)| *of == index) {
        task.rules.push((index, rule));
    }
}

fn add_each(all: &mut Vec<String>, more: &[String]) {
    for one in more {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
}

/// A moment later; a delay beyond the calendar leaves the moment as it is, which is sooner.
fn after(at: Timestamp, delay: SignedDuration) -> Timestamp {
    at.checked_add(delay).unwrap_or(at)
}

struct Fallback {
    code: &'static str,
    priority: Priority,
    handle_within: SignedDuration,
    acknowledge_within: SignedDuration,
    performers: &'static [&'static str],
}

impl Fallback {
    fn activity(&self) -> Activity {
        Activity {
            kind: ActivityKind::Task,
            code: self.code.to_owned(),
            display: None,
            priority: Some(self.priority),
            performers: self.performers.iter().map(|&role| role.to_owned()).collect(),
            text: String::new(),
            handle_within: Some(self.handle_within),
            acknowledge_within: Some(self.acknowledge_within),
        }
    }
}

const fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

const ROUGE: &[Fallback] = &[
    Fallback {
        code: "appel-telephonique",
        priority: Priority::Stat,
        handle_within: hours(1),
        acknowledge_within: SignedDuration::from_mins(30),
        performers: &["ipa", "idec"],
    },
    Fallback {
        code: "consultation-presentielle",
        priority: Priority::Stat,
        handle_within: hours(8),
        acknowledge_within: SignedDuration::from_mins(30),
        performers: &["oncologue", "ipa"],
    },
];

const ORANGE: &[Fallback] = &[Fallback {
    code: "appel-telephonique",
    priority: Priority::Asap,
    handle_within: hours(4),
    acknowledge_within: hours(2),
    performers: &["idec", "ipa"],
}];

const JAUNE: &[Fallback] = &[Fallback {
    code: "echange-application",
    priority: Priority::Routine,
    handle_within: hours(72),
    acknowledge_within: hours(24),
    performers: &["idec"],
}];

const TECHNIQUE: &[Fallback] = &[Fallback {
    code: "relecture-humaine",
    priority: Priority::Asap,
    handle_within: hours(8),
    acknowledge_within: hours(2),
    performers: &["idec"],
}];

fn defaults(level: Level) -> &'static [Fallback] {
    match level {
        Level::Rouge => ROUGE,
        Level::Orange => ORANGE,
        Level::Technique | Level::Silence => TECHNIQUE,
        Level::Jaune | Level::Vert => JAUNE,
    }
}

/// Priority and delays of the level, where an activity names none: those of its first Task.
fn delays(level: Level) -> &'static Fallback {
    &defaults(level)[0]
}
