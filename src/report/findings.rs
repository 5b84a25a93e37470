//! What the resources of a response or a period say, in French words and tables: everything of a report but the people, the
//! conclusion and the edition.

use crate::json::Value;

use super::element::{coding_in, names, text, wording, wording_of};
use super::period::Scope;
use super::{
    Action, Advice, Alert, Level, Missing, Overview, Professional, Trend, actions, alerts, french, overview,
    people, trend,
};
use crate::fhir::element::{list, local_reference};
use crate::problem::Problem;
use crate::terminology::REGIMEN;

/// What was found.
#[derive(Clone)]
pub struct Findings {
    /// The days it covers, both included, `YYYY-MM-DD`.
    pub period: (String, String),
    /// Programme, where known.
    pub programme: Option<String>,
    /// Treatment under way and since when, where known; of a period all of its treatments.
    pub treatment: Option<String>,
    /// What the report concludes, else the highest level of the period; none when nothing was evaluated.
    pub level: Option<Level>,
    /// Rules that fired, the most serious first.
    pub alerts: Vec<Alert>,
    /// What the team was asked to do, and what came of it.
    pub actions: Vec<Action>,
    /// What the patient was told.
    pub advice: Vec<Advice>,
    /// Grades over the days of the period.
    pub trend: Trend,
    /// Answers that are missing or could not be evaluated, each with its reason.
    pub missing: Vec<Missing>,
    /// The sights of a period; none for the report of a response.
    pub overview: Option<Overview>,
}

/// Resources of one patient, in any order.
#[derive(Clone, Copy)]
pub(super) struct Resources<'a>(pub(super) &'a [Value]);

impl<'a> Resources<'a> {
    pub(super) fn of_type(self, rtype: &str) -> Vec<&'a Value> {
        self.0.iter().filter(|resource| text(resource, "resourceType") == Some(rtype)).collect()
    }

    /// The professional whom a reference names, if the resources have one: a `Practitioner`, or the one of a role.
    pub(super) fn professional(self, reference: &str) -> Option<Professional> {
        let find = |reference: &str| {
            let named = |one: &&Value| local_reference(one).is_some_and(|target| names(reference, &target));
            self.0.iter().find(named)
        };
        let found = find(reference)?;
        match text(found, "resourceType")? {
            "Practitioner" => people::professional(found, None),
            "PractitionerRole" => {
                people::professional(find(text(found, "practitioner.reference")?)?, Some(found))
            }
            _ => None,
        }
    }
}

impl Findings {
    /// Reads what the resources say about that `DiagnosticReport`, whatever its status, and adds nothing.
    ///
    /// # Errors
    /// As [`Scope::of`].
    pub fn read(report: &Value, resources: &[Value], issued: jiff::Timestamp) -> Result<Self, Problem> {
        let scope = Scope::of(report)?;
        let resources = Resources(resources);
        let observations = resources.of_type("Observation");
        let provenances = resources.of_type("Provenance");
        let plans = resources.of_type("CarePlan");
        let actions = actions::read(&resources.of_type("Task"));
        let flags = resources.of_type("Flag");
        let mut alerts = alerts::read(&flags, &provenances);
        for alert in &mut alerts {
            let answers = |action: &&Action| action.alerts.iter().any(|to| names(to, &alert.reference));
            alert.done = actions.iter().filter(answers).map(Action::told).collect();
        }
        let mut missing = trend::unanswered(&observations);
        missing.extend(alerts::not_evaluable(&provenances));
        missing.dedup();
        let mut found = Self {
            period: period(scope, report, &observations, issued),
            programme: programme(&plans),
            treatment: treatment(scope, &plans),
            level: None,
            advice: actions::advice(&resources.of_type("Communication")),
            trend: trend::read(&observations),
            overview: None,
            alerts,
            actions,
            missing,
        };
        found.overview = scope.days().map(|days| {
            let others: Vec<&Value> = resources.of_type("DiagnosticReport");
            let others: Vec<&Value> = others
                .into_iter()
                .filter(|other| local_reference(other) != local_reference(report))
                .collect();
            let parts = overview::Parts {
                alerts: &found.alerts,
                actions: &found.actions,
                advice: &found.advice,
                missing: &found.missing,
            };
            let responses = resources.of_type("QuestionnaireResponse");
            let told = (&others[..], &flags[..]);
            overview::read(days, (&plans, &responses), told, &parts, |who| resources.professional(who))
        });
        found.level = level(report, &found);
        Ok(found)
    }
}

/// What the report concludes, else the highest level of the alerts that hold, else of the responses.
fn level(report: &Value, found: &Findings) -> Option<Level> {
    let concluded = list(report, "conclusionCode").find_map(alerts::level_of);
    let holding = found.alerts.iter().filter(|alert| !alert.withdrawn).map(|alert| &alert.level);
    let of_weeks = found.overview.iter().flat_map(|overview| &overview.coverage.weeks);
    let all = holding.chain(of_weeks.filter_map(|week| week.level.as_ref()));
    concluded.or_else(|| all.max_by_key(|level| alerts::rank(level)).cloned())
}

fn period(
    scope: Scope,
    report: &Value,
    observations: &[&Value],
    issued: jiff::Timestamp,
) -> (String, String) {
    if let Scope::Period(days) = scope {
        return (days.first.to_string(), days.last.to_string());
    }
    let names = ["effectiveDateTime", "effectivePeriod.start", "effectivePeriod.end"];
    let written = names.iter().filter_map(|name| text(report, name));
    trend::span(observations, written).unwrap_or_else(|| {
        let day = french::in_paris(issued).date().to_string();
        (day.clone(), day)
    })
}

/// The plan of care that is followed: the active one, else the first.
pub(super) fn active<'a>(plans: &[&'a Value]) -> Option<&'a Value> {
    plans.iter().find(|plan| text(plan, "status") == Some("active")).or_else(|| plans.first()).copied()
}

/// The programme and the treatment, as the active care plan words them.
fn programme(plans: &[&Value]) -> Option<String> {
    let active = active(plans)?;
    let mut words: Vec<&str> = text(active, "title").into_iter().collect();
    words.extend(text(active, "description"));
    words.extend(wording_of(active, "category").filter(|_| words.is_empty()));
    (!words.is_empty()).then(|| words.join(" — "))
}

/// The treatment under way, as the active care plan has it: the first that it names. Of a period, every one that was given
/// within it by any plan of care, in order of time.
fn treatment(scope: Scope, plans: &[&Value]) -> Option<String> {
    let details = |plan: &'_ Value| -> Vec<Value> {
        list(plan, "activity").filter_map(|activity| activity.get("detail").cloned()).collect()
    };
    let Scope::Period(days) = scope else {
        return details(active(plans)?).iter().find_map(treated).map(|(_, told)| told);
    };
    let within = |detail: &&Value| {
        let on = |name: &str| text(detail, &format!("scheduledPeriod.{name}")).and_then(french::day);
        on("start").is_none_or(|first| first <= days.last) && on("end").is_none_or(|last| last >= days.first)
    };
    let all: Vec<Value> = plans.iter().flat_map(|plan| details(plan)).collect();
    let mut treatments: Vec<(Option<String>, String)> =
        all.iter().filter(within).filter_map(treated).collect();
    treatments.sort();
    treatments.dedup();
    let told: Vec<String> = treatments.into_iter().map(|(_, told)| told).collect();
    (!told.is_empty()).then(|| told.join(" ; "))
}

/// A treatment: since when as it is written, and the regimen, else what the medication is called, with its dates.
fn treated(detail: &Value) -> Option<(Option<String>, String)> {
    let code = detail.get("code")?;
    let regimen = coding_in(code, REGIMEN).and_then(|coding| text(coding, "display"));
    let name = regimen.or_else(|| wording(code))?;
    let (since, until) = (text(detail, "scheduledPeriod.start"), text(detail, "scheduledPeriod.end"));
    let told = match (since.map(french::shown), until.map(french::shown)) {
        (Some(since), Some(until)) => format!("{name}, du {since} au {until}"),
        (Some(since), None) => format!("{name}, depuis le {since}"),
        (None, Some(until)) => format!("{name}, jusqu'au {until}"),
        (None, None) => name.to_owned(),
    };
    Some((since.map(str::to_owned), told))
}
