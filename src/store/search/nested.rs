//! Criteria that look beyond the resource: chains, `_has`, and composites (R4 3.1.1.5.1, 3.1.1.5.2, 3.1.1.5.3).
//!
//! Inside a nested selection `resource r` is another resource: its name hides the outer one.

use super::condition::{condition, source};
use super::statement::{NEVER, Statement};
use super::value;
use crate::fhir::search::{Column, Criterion, Modifier, Parameter, Test};
use crate::store::row::param;

/// What must hold for a resource of a type, led by the index tables where they can.
fn holds(rtype: &str, criterion: &Criterion) -> Statement {
    let mut sql = Statement::new("r.deleted = 0 AND r.rtype = (SELECT code FROM resource_type WHERE ");
    sql.bind("name = ?) AND ", rtype);
    match source(criterion) {
        Some(source) => sql.push("r.rid IN (").append(&source).push(")"),
        None => sql.append(&condition(rtype, criterion)),
    };
    sql
}

/// The reference is one to a resource of that type for which the criterion holds.
pub(super) fn chain(parameter: &'static Parameter, rtype: &str, criterion: &Criterion) -> Statement {
    let mut targets = Statement::new("(SELECT ");
    targets.bind("? || r.id FROM resource r WHERE ", format!("{rtype}/"));
    targets.append(&holds(rtype, criterion)).push(")");
    let mut sql = Statement::default();
    match parameter.column {
        Some(Column::Subject) => sql.push("r.subject IN ").append(&targets),
        Some(Column::Owner) => sql.push("r.owner IN ").append(&targets),
        Some(_) => sql.push(NEVER),
        None => sql
            .bind("r.rid IN (SELECT rid FROM token WHERE param = ? AND code IN ", param(parameter))
            .append(&targets)
            .push(")"),
    };
    sql
}

/// The resource is one that a resource of that type refers to by a reference, and the criterion holds for that one.
pub(super) fn referrer(
    (rtype, target): (&str, &str),
    by: &'static Parameter,
    criterion: &Criterion,
) -> Statement {
    let (from, to) = (format!("{target}/"), format!("{target}0"));
    let after = target.len() + 2;
    let (column, source) = match by.column {
        Some(Column::Subject) => ("r.subject", "resource r"),
        Some(Column::Owner) => ("r.owner", "resource r"),
        Some(_) => return Statement::new(NEVER),
        None => ("t.code", "token t JOIN resource r ON r.rid = t.rid"),
    };
    let mut sql = Statement::new(&format!("r.id IN (SELECT substr({column}, {after}) FROM {source} WHERE "));
    if by.column.is_none() {
        sql.bind("t.param = ? AND ", param(by));
    }
    sql.bind(&format!("{column} >= ?"), from).bind(&format!(" AND {column} < ? AND "), to);
    sql.append(&holds(rtype, criterion)).push(")");
    sql
}

/// Every part holds for the same element: for the resource itself by its own parameters, for others in `part`.
pub(super) fn composite(rtype: &str, parameter: &'static Parameter, tests: &[Test]) -> Statement {
    let mut ways = Vec::new();
    if parameter.is_at_root() {
        let own = parameter.parts().into_iter().zip(tests).map(|(part, test)| {
            let single = root_part(part);
            condition(
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
