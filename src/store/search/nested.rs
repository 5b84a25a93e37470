//! Criteria that look beyond the resource: chains, `_has`, and composites (R4 3.1.1.5.1, 3.1.1.5.2, 3.1.1.5.3).
//!
//! Inside a nested selection `resource r` is another resource: its name hides the outer one.

use super::condition::{condition, counted, source};
use super::leg::{Leg, index_of};
use super::plan::Hints;
use super::statement::{NEVER, Statement};
use super::value;
use crate::fhir::search::{Column, Criterion, Kind, Modifier, Parameter, Test};
use crate::store::row::param;

/// What must hold for a resource of a type, led by the index tables where they can.
fn holds(hints: Hints, rtype: &str, criterion: &Criterion) -> Statement {
    let mut sql = Statement::new("r.deleted = 0 AND r.rtype = (SELECT code FROM resource_type WHERE ");
    sql.bind("name = ?) AND ", rtype);
    match source(hints, criterion).or_else(|| by_column(hints, rtype, criterion)) {
        Some(source) => sql.push("r.rid IN (").append(&source).push(")"),
        None => sql.append(&condition(hints, rtype, criterion)),
    };
    sql
}

/// The numbers of resources of a person or of a time, where these stand in runs.
fn by_column(hints: Hints, rtype: &str, criterion: &Criterion) -> Option<Statement> {
    let index = index_of(criterion).filter(|index| index.numbers.is_some())?;
    let is_plain = criterion.modifier == Modifier::None && criterion.any.iter().all(Test::is_direct);
    let leg = Leg::new(index, condition(hints, rtype, criterion));
    is_plain.then(|| leg.alone(hints, rtype, "r.rid"))?
}

/// A row for each resource for which a criterion of another resource holds, where an index leads to them: how rare they are
/// tells whether they may be listed.
pub(super) fn rows(hints: Hints, rtype: &str, criterion: &Criterion) -> Option<Statement> {
    if let Some(counted) = counted(hints, criterion) {
        return Some(counted);
    }
    let column = criterion.parameter.column.filter(|column| *column != Column::Urgency)?;
    // A date may be of any resource of a type: to count those costs no more than to list them.
    let leads = criterion.modifier == Modifier::None || column == Column::Date;
    let mut sql = Statement::new("SELECT r.rid FROM resource r WHERE ");
    leads.then(|| sql.append(&holds(hints, rtype, criterion)).clone())
}

/// What must hold elsewhere for a chain or `_has`, by type; nothing for other criteria.
pub(super) fn inner(criterion: &Criterion) -> impl Iterator<Item = (&str, &Criterion)> {
    criterion.any.iter().filter_map(|test| match test {
        Test::Chain { rtype, criterion } | Test::Referrer { rtype, criterion, .. } => {
            Some((rtype.as_str(), &**criterion))
        }
        _ => None,
    })
}

/// A chain or `_has` as a list that is made once, to be led by: for what is rare elsewhere.
pub(super) fn list(hints: Hints, criterion: &Criterion) -> Option<Statement> {
    if criterion.modifier != Modifier::None || criterion.any.is_empty() {
        return None;
    }
    let of = |test: &Test| match test {
        Test::Chain { rtype, criterion: inner } => {
            let ways =
                criterion.parameter.stored().into_iter().map(|stored| targets(hints, stored, rtype, inner));
            Some(Statement::any(ways))
        }
        Test::Referrer { rtype, target, by, criterion } => Some(Statement::any(
            by.stored().into_iter().map(|by| sources(hints, (rtype, target), by, criterion)),
        )),
        _ => None,
    };
    let all: Option<Vec<_>> = criterion.any.iter().map(of).collect();
    let mut all = all?;
    // One alone stands without a bracket, so that an index is led by it.
    Some(if all.len() == 1 { all.remove(0) } else { Statement::any(all) })
}

/// The reference is one of a list of resources of that type, for each of which the criterion holds.
fn targets(hints: Hints, parameter: &'static Parameter, rtype: &str, criterion: &Criterion) -> Statement {
    let mut targets = Statement::new("(SELECT ");
    targets.bind("? || r.id FROM resource r WHERE ", format!("{rtype}/"));
    targets.append(&holds(hints, rtype, criterion)).push(")");
    let mut sql = Statement::default();
    match parameter.column {
        Some(Column::Subject) => sql.push("r.subject IN ").append(&targets),
        Some(Column::Owner) => sql.push("r.owner IN ").append(&targets),
        Some(_) => sql.push(NEVER),
        None => sql
            .push("r.rid IN (SELECT ")
            .push(Hints::each(param(parameter)))
            .bind(" WHERE param = ? AND code IN ", param(parameter))
            .append(&targets)
            .push(")"),
    };
    sql
}

/// The reference is one to a resource of that type for which the criterion holds: looked up for each, where a column
/// has the reference.
pub(super) fn chain(
    hints: Hints,
    parameter: &'static Parameter,
    rtype: &str,
    criterion: &Criterion,
) -> Statement {
    let column = match parameter.column {
        Some(Column::Subject) => "r.subject",
        Some(Column::Owner) => "r.owner",
        _ => return targets(hints, parameter, rtype, criterion),
    };
    let after = rtype.len() + 2;
    // Inside, `r` is the other resource: what it is compared with takes another name first.
    let mut sql = Statement::new(&format!(
        "EXISTS (SELECT 1 FROM (SELECT {column} AS ref) AS o CROSS JOIN resource r WHERE r.id = substr(o.ref, {after})"
    ));
    sql.bind(" AND o.ref >= ?", format!("{rtype}/")).bind(" AND o.ref < ? AND ", format!("{rtype}0"));
    sql.append(&condition_on(hints, rtype, criterion)).push(")");
    sql
}

/// The resource is one of a list of those that a resource of that type refers to by a reference, and for which the
/// criterion holds.
fn sources(
    hints: Hints,
    (rtype, target): (&str, &str),
    by: &'static Parameter,
    criterion: &Criterion,
) -> Statement {
    let after = target.len() + 2;
    let (column, source) = match by.column {
        Some(Column::Subject) => ("r.subject", "resource r".to_owned()),
        Some(Column::Owner) => ("r.owner", "resource r".to_owned()),
        Some(_) => return Statement::new(NEVER),
        None => ("t.code", format!("{} CROSS JOIN resource r", hints.walked(Kind::Reference, true))),
    };
    let mut sql = Statement::new(&format!("r.id IN (SELECT substr({column}, {after}) FROM {source} WHERE "));
    if by.column.is_none() {
        sql.bind("t.param = ?", param(by)).push(hints.in_walk(true));
        sql.push(" AND r.rid = ").push(Hints::NUMBER).push(" AND ");
        // References stand by what they lead to: no more are looked through than lead to such a type.
        sql.bind("t.code >= ?", format!("{target}/")).bind(" AND t.code < ? AND ", format!("{target}0"));
    }
    // Not as a range: that would lead, and not what the criterion says.
    sql.bind(&format!("substr({column}, 1, {}) = ? AND ", target.len() + 1), format!("{target}/"));
    sql.append(&holds(hints, rtype, criterion)).push(")");
    sql
}

/// A resource of that type refers here by a reference, and the criterion holds for it: looked up for each.
pub(super) fn referrer(
    hints: Hints,
    (rtype, target): (&str, &str),
    by: &'static Parameter,
    criterion: &Criterion,
) -> Statement {
    // The reference leads, whatever else the criterion could be found by: so it stands alone, before the resource.
    let column = match by.column {
        Some(Column::Subject) => Some("subject"),
        Some(Column::Owner) => Some("owner"),
        Some(_) => return Statement::new(NEVER),
        None => None,
    };
    let mut sql =
        Statement::with("EXISTS (SELECT 1 FROM (SELECT ? || r.id AS ref) AS o", format!("{target}/"));
    match column {
        Some("subject") if hints == Hints::ByName => {
            sql.push(
                " CROSS JOIN dated_run s CROSS JOIN place b CROSS JOIN resource r WHERE s.subject = o.ref",
            );
            sql.bind(" AND s.rtype = (SELECT code FROM resource_type WHERE name = ?)", rtype);
            sql.push(" AND b.n BETWEEN s.low AND s.last AND (s.bits >> (b.n - s.low)) & 1");
            sql.push(" AND r.rid = s.block * 64 + b.n AND ");
        }
        Some(column) => {
            sql.push(" CROSS JOIN resource s CROSS JOIN resource r WHERE s.deleted = 0");
            sql.bind(" AND s.rtype = (SELECT code FROM resource_type WHERE name = ?)", rtype);
            sql.push(&format!(" AND s.{column} = o.ref AND s.{column} IS NOT NULL AND r.rid = s.rid AND "));
        }
        None => {
            let number = |by| Statement::with("t.param = ?", param(by));
            sql.push(" CROSS JOIN ").push(&hints.walked(Kind::Reference, true));
            sql.push(" CROSS JOIN resource r WHERE t.code = o.ref").push(hints.in_walk(true));
            sql.push(" AND r.rid = ").push(Hints::NUMBER).push(" AND ");
            sql.append(&Statement::any(by.stored().into_iter().map(number))).push(" AND ");
        }
    }
    sql.append(&condition_on(hints, rtype, criterion)).push(")");
    sql
}

fn condition_on(hints: Hints, rtype: &str, criterion: &Criterion) -> Statement {
    let mut sql = Statement::new("r.deleted = 0 AND r.rtype = (SELECT code FROM resource_type WHERE ");
    sql.bind("name = ?) AND ", rtype).append(&condition(hints, rtype, criterion));
    sql
}

/// One of these references leads there.
pub(super) fn member(hints: Hints, rtype: &str, target: &str, by: &[&'static Parameter]) -> Statement {
    let one = |parameter: &&'static Parameter| {
        let any = vec![Test::Reference(vec![target.to_owned()])];
        condition(hints, rtype, &Criterion { parameter, modifier: Modifier::None, any })
    };
    Statement::any(by.iter().map(one))
}

/// Every part holds for the same element: for the resource itself by its own parameters, for others in `part`.
pub(super) fn composite(
    hints: Hints,
    rtype: &str,
    parameter: &'static Parameter,
    tests: &[Test],
) -> Statement {
    let mut ways = Vec::new();
    if parameter.is_at_root() {
        let own = parameter.parts().into_iter().zip(tests).map(|(part, test)| {
            let single = root_part(part);
            condition(
                hints,
                rtype,
                &Criterion { parameter: single, modifier: Modifier::None, any: vec![test.clone()] },
            )
        });
        ways.push(Statement::all(own));
    }
    if parameter.is_nested() {
        ways.push(in_elements(parameter, tests));
    }
    Statement::any(ways)
}

/// For the resource itself, a part that others hold together is the one that the first of them holds.
fn root_part(part: &'static Parameter) -> &'static Parameter {
    let own = |stored: &&'static Parameter| !stored.expression.contains(".component");
    part.stored().into_iter().find(own).unwrap_or(part)
}

fn in_elements(parameter: &'static Parameter, tests: &[Test]) -> Statement {
    let mut sql = Statement::new("EXISTS (SELECT 1 FROM part p0");
    for n in 1..tests.len() {
        sql.push(&format!(
            " JOIN part p{n} ON p{n}.rid = p0.rid AND p{n}.param = p0.param AND p{n}.n = p0.n"
        ));
    }
    sql.bind(" WHERE p0.rid = r.rid AND p0.param = ?", param(parameter));
    for (n, test) in tests.iter().enumerate() {
        let alias = format!("p{n}");
        sql.push(&format!(" AND {alias}.part = {n} AND "));
        match test {
            Test::Quantity { .. } => sql.append(&value::quantity(&alias, test)),
            Test::Text(text) => sql.append(&value::text(&format!("{alias}.code"), Modifier::None, text)),
            test => {
                let mut rows =
                    Statement::new(&format!("EXISTS (SELECT 1 FROM part c WHERE c.rid = {alias}.rid"));
                rows.push(&format!(
                    " AND c.param = {alias}.param AND c.n = {alias}.n AND c.part = {n} AND c.code = {alias}.code \
                     AND c.system = {alias}.system AND "
                ));
                rows.append(&value::token(test, Modifier::None)).push(")");
                sql.append(&rows)
            }
        };
    }
    sql.push(")");
    sql
}
