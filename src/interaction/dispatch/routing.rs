//! Which destination takes which report, as a site configures it: a table per destination, in which what is not written
//! takes everything.

use std::collections::BTreeSet;

use crate::json::Value;

use crate::fhir::element::{codings, list, local_reference, resource_type, str_at};
use crate::report::period::Scope;

/// Which identity of the patient a destination demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Demand {
    /// Any: an identity that is not qualified goes out with the number of the hospital, and without its INS.
    #[default]
    Any,
    /// A qualified one: until then the document is held back.
    Qualified,
}

/// Which kind of report it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReportKind {
    /// The analysis of one response.
    Weekly,
    /// Of the days of a period.
    Period,
}

impl ReportKind {
    /// Of a period that cannot be read, which is refused before, nothing is known: it counts as one.
    fn of(report: &Value) -> Self {
        if Scope::of(report) == Ok(Scope::Response) { Self::Weekly } else { Self::Period }
    }
}

/// What a destination takes. An empty list takes everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takes {
    /// Which identity it demands.
    pub identity: Demand,
    /// Whether it is the national record, or comes before it: then what a patient opposes there, and what is restricted, does not
    /// go there.
    pub dmp: bool,
    /// Whether what the DMP has of a document is replaced there although the patient opposes its feeding by now.
    pub corrections_despite_opposition: bool,
    /// Statuses of the report, of those with which one goes out: `final`, `amended`, `corrected`, `appended`.
    pub statuses: Vec<String>,
    /// Kinds of report.
    pub reports: Vec<ReportKind>,
    /// Programmes: canonicals of a `PlanDefinition`, with their version or without; codes of the category of the plan of
    /// care or of the report; or `CarePlan/id`.
    pub programmes: Vec<String>,
}

impl Default for Takes {
    fn default() -> Self {
        Self {
            identity: Demand::default(),
            dmp: false,
            corrections_despite_opposition: true,
            statuses: Vec::new(),
            reports: Vec::new(),
            programmes: Vec::new(),
        }
    }
}

impl Takes {
    /// Whether it takes this report, which stands under these plans of care.
    pub(super) fn admits(&self, report: &Value, resources: &[Value]) -> bool {
        let status = str_at(report, "status").unwrap_or_default();
        (self.statuses.is_empty() || self.statuses.iter().any(|one| one == status))
            && (self.reports.is_empty() || self.reports.contains(&ReportKind::of(report)))
            && (self.programmes.is_empty() || {
                let programmes = programmes(report, resources);
                self.programmes.iter().any(|one| programmes.contains(one.as_str()))
            })
    }
}

/// All that names the programme of a report: of the plans that it is based on, else of those under way.
fn programmes(report: &Value, resources: &[Value]) -> BTreeSet<String> {
    let plans = || resources.iter().filter(|one| resource_type(one) == Some("CarePlan"));
    let named: Vec<&str> = list(report, "basedOn").filter_map(|one| str_at(one, "reference")).collect();
    let is_named = |plan: &&Value| {
        local_reference(plan)
            .is_some_and(|own| named.iter().any(|one| *one == own || one.ends_with(&format!("/{own}"))))
    };
    let mut own: Vec<&Value> = plans().filter(is_named).collect();
    if own.is_empty() {
        own = plans().filter(|plan| str_at(plan, "status") == Some("active")).collect();
    }
    let mut found = BTreeSet::new();
    for plan in own {
        found.extend(local_reference(plan));
        let canonicals = list(plan, "instantiatesCanonical").filter_map(Value::as_str);
        for canonical in canonicals {
            found.insert(canonical.to_owned());
            found.extend(canonical.split('|').next().map(str::to_owned));
        }
        found.extend(categories(plan));
    }
    found.extend(categories(report));
    found
}

fn categories(resource: &Value) -> impl Iterator<Item = String> {
    list(resource, "category").flat_map(codings).map(|(_, code)| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::json;

    fn report() -> Value {
        let source = "https://vigie.example/fhir/StructureDefinition/source-response";
        json!({"resourceType": "DiagnosticReport", "status": "final",
            "extension": [{"url": source, "valueReference": {"reference": "QuestionnaireResponse/r"}}],
            "effectivePeriod": {"start": "2026-03-01", "end": "2026-03-28"},
            "basedOn": [{"reference": "CarePlan/a"}],
            "category": [{"coding": [{"system": "s", "code": "OTH"}]}]})
    }

    fn plans() -> Vec<Value> {
        let plan = |id: &str, canonical: &str| {
            json!({"resourceType": "CarePlan", "id": id, "status": "active", "instantiatesCanonical": [canonical],
                "category": [{"coding": [{"system": "s", "code": format!("programme-{id}")}]}]})
        };
        vec![plan("a", "https://p.example/chimio|1.0.0"), plan("b", "https://p.example/immuno|1.0.0")]
    }

    fn check(takes: &Takes, report: &Value, expected: bool) {
        assert_eq!(takes.admits(report, &plans()), expected, "{takes:?}");
    }

    #[test]
    fn a_table_that_says_nothing_takes_everything() {
        for status in ["final", "amended", "corrected", "appended"] {
            let mut report = report();
            report["status"] = json!(status);
            check(&Takes::default(), &report, true);
            report["extension"] = json!([]);
            check(&Takes::default(), &report, true);
        }
    }

    #[test]
    fn each_column_narrows() {
        let with = |change: fn(&mut Takes)| {
            let mut takes = Takes::default();
            change(&mut takes);
            takes
        };
        check(&with(|takes| takes.statuses = vec!["final".into()]), &report(), true);
        check(&with(|takes| takes.statuses = vec!["corrected".into(), "amended".into()]), &report(), false);
        check(&with(|takes| takes.reports = vec![ReportKind::Weekly]), &report(), true);
        check(&with(|takes| takes.reports = vec![ReportKind::Period]), &report(), false);
        let mut of_period = report();
        of_period["extension"] = json!([]);
        check(&with(|takes| takes.reports = vec![ReportKind::Period]), &of_period, true);
    }

    #[test]
    fn a_programme_is_named_by_its_plan_its_canonical_or_a_category() {
        let programmes = |names: &[&str], expected: bool| {
            let programmes = names.iter().map(|&name| name.to_owned()).collect();
            check(&Takes { programmes, ..Takes::default() }, &report(), expected);
        };
        programmes(&["https://p.example/chimio"], true);
        programmes(&["https://p.example/chimio|1.0.0"], true);
        programmes(&["https://p.example/chimio|2.0.0"], false);
        programmes(&["https://p.example/immuno"], false);
        programmes(&["https://p.example/immuno", "CarePlan/a"], true);
        programmes(&["programme-a"], true);
        programmes(&["programme-b"], false);
        programmes(&["OTH"], true);
        let mut unbased = report();
        unbased["basedOn"] = json!([]);
        let immuno = Takes { programmes: vec!["programme-b".to_owned()], ..Takes::default() };
        check(&immuno, &unbased, true);
    }
}
