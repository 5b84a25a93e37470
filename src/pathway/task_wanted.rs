//! Which Tasks the alerts ask for: one for each action code, merged over all rules.

use jiff::{SignedDuration, Timestamp};

use super::input::Scene;
use crate::judgement::{Activity, ActivityKind, Outcome, Priority};
use crate::terminology::Level;

/// One Task that the response needs.
pub(super) struct Wanted<'a> {
    /// Code of `CodeSystem/task-code`.
    pub(super) code: &'a str,
    /// Its French display.
    pub(super) display: Option<&'a str>,
    /// The highest level among the rules that ask for it.
    pub(super) level: Level,
    /// The highest priority.
    pub(super) priority: Priority,
    /// The earliest deadline.
    pub(super) handle_by: Timestamp,
    /// The earliest moment by which somebody must have taken it.
    pub(super) acknowledge_by: Timestamp,
    /// Roles, those of the highest rule first.
    pub(super) performers: Vec<&'a str>,
    /// Rules that ask for it, with their place among the outcomes, highest level first.
    pub(super) rules: Vec<(usize, &'a Outcome)>,
    /// Instructions of the hospital, each once.
    pub(super) instructions: Vec<&'a str>,
}

/// All Tasks that the alerts ask for, most pressing first.
///
/// A rule without an activity of kind Task, and an activity without priority or delay, fall back to
/// its level: rouge a call within 1 h and a consultation within 8 h (both stat, acknowledged within
/// 30 min), orange a call within 4 h (asap, 2 h), jaune an exchange within 72 h (routine, 24 h),
/// technique a human reading within 8 h (asap, 2 h).
pub(super) fn wanted<'a>(scene: &Scene<'a>) -> Vec<Wanted<'a>> {
    let mut wanted: Vec<Wanted<'a>> = Vec::new();
    for &(index, rule) in &scene.alerts {
        let fallbacks = defaults(rule.action.level);
        let tasks = rule.action.activities.iter().filter(|activity| activity.kind == ActivityKind::Task);
        let mut named = tasks.map(|activity| Asked::of(activity, &fallbacks[0])).peekable();
        if named.peek().is_none() {
            for fallback in fallbacks {
                ask(&mut wanted, scene, (index, rule), &fallback.asked());
            }
        }
        for asked in named {
            ask(&mut wanted, scene, (index, rule), &asked);
        }
    }
    wanted.sort_by_key(|task| (std::cmp::Reverse(task.priority), task.handle_by));
    wanted
}

/// One thing to do, as an activity or the level asks for it.
struct Asked<'a> {
    code: &'a str,
    display: Option<&'a str>,
    priority: Priority,
    performers: Vec<&'a str>,
    text: &'a str,
    handle_within: SignedDuration,
    acknowledge_within: SignedDuration,
}

impl<'a> Asked<'a> {
    /// Of an activity, with the priority and delays of the level where it names none.
    fn of(activity: &'a Activity, fallback: &Fallback) -> Self {
        Self {
            code: &activity.code,
            display: activity.display.as_deref(),
            priority: activity.priority.unwrap_or(fallback.priority),
            performers: activity.performers.iter().map(String::as_str).collect(),
            text: &activity.text,
            handle_within: activity.handle_within.unwrap_or(fallback.handle_within),
            acknowledge_within: activity.acknowledge_within.unwrap_or(fallback.acknowledge_within),
        }
    }
}

fn ask<'a>(wanted: &mut Vec<Wanted<'a>>, scene: &Scene<'a>, rule: (usize, &'a Outcome), asked: &Asked<'a>) {
    let (index, outcome) = rule;
    let level = outcome.action.level;
    let handle_by = after(scene.input.received, asked.handle_within);
    let acknowledge_by = after(scene.input.received, asked.acknowledge_within);
    let place = wanted.iter().position(|task| task.code == asked.code).unwrap_or_else(|| {
        wanted.push(Wanted {
            code: asked.code,
            display: asked.display,
            level,
            priority: asked.priority,
            handle_by,
            acknowledge_by,
            performers: Vec::new(),
            rules: Vec::new(),
            instructions: Vec::new(),
        });
        wanted.len() - 1
    });
    let task = &mut wanted[place];
    task.level = task.level.max(level);
    task.priority = task.priority.max(asked.priority);
    task.handle_by = task.handle_by.min(handle_by);
    task.acknowledge_by = task.acknowledge_by.min(acknowledge_by);
    add_each(&mut task.performers, &asked.performers);
    if !asked.text.is_empty() {
        add_each(&mut task.instructions, &[asked.text]);
    }
    if !task.rules.iter().any(|(of, _)| *of == index) {
        task.rules.push(rule);
    }
}

fn add_each<'a>(all: &mut Vec<&'a str>, more: &[&'a str]) {
    for one in more {
        if !all.contains(one) {
            all.push(one);
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
    fn asked(&self) -> Asked<'static> {
        Asked {
            code: self.code,
            display: None,
            priority: self.priority,
            performers: self.performers.to_vec(),
            text: "",
            handle_within: self.handle_within,
            acknowledge_within: self.acknowledge_within,
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

/// What a level asks for by itself, the most pressing first: its priority and delays hold where an activity names none.
fn defaults(level: Level) -> &'static [Fallback] {
    match level {
        Level::Rouge => ROUGE,
        Level::Orange => ORANGE,
        Level::Technique | Level::Silence => TECHNIQUE,
        Level::Jaune | Level::Vert => JAUNE,
    }
}
