//! One criterion as SQL over `resource r`. Date spans are compared as R4 3.1.1.4.6 says.

use super::statement::{NEVER, Statement};
use crate::fhir::search::{Column, Criterion, Kind, Modifier, Parameter, Prefix, Test, fold};
use crate::store::row::{URGENCY_NONE, digest, is_token, param, present_bit, urgency};

/// The longest that a value that is no `Period` can be: a year, written as such.
const POINT_MAX: i64 = 366 * 24 * 3_600 * 1_000_000;

pub(super) fn condition(rtype: &str, criterion: &Criterion) -> Statement {
    let parameter = criterion.parameter;
    if let Modifier::Missing(missing) = criterion.modifier {
        let sign = if missing { "=" } else { "<>" };
        return Statement::new(&format!("(r.present & {}) {sign} 0", present_bit(rtype, parameter)));
    }
    let tests = criterion.any.iter().map(|test| one(rtype, parameter, criterion.modifier, test));
    let any = Statement::any(tests);
    if criterion.modifier != Modifier::Not {
        return any;
    }
    let mut none = Statement::new("(");
    none.append(&any).push(" IS NOT TRUE)");
    none
}

fn one(rtype: &str, parameter: &Parameter, modifier: Modifier, test: &Test) -> Statement {
    match (parameter.column, test) {
        (Some(column), test) => on_column(rtype, parameter, column, test),
        (None, Test::Date { prefix, low, high }) => {
            let mut sql = Statement::new("EXISTS (SELECT 1 FROM span d WHERE d.rid = r.rid AND ");
            sql.bind("d.param = ? AND ", param(parameter)).append(&span(
                ("d.low", "d.high"),
                *prefix,
                (*low, *high),
            ));
            sql.push(")");
            sql
        }
        (None, Test::Text(text)) => {
            let mut sql = Statement::new("r.rid IN (SELECT rid FROM text WHERE ");
            sql.append(&text_condition(parameter, modifier, text)).push(")");
            sql
        }
        (None, test) if has_code(test) => {
            let mut sql = Statement::new("EXISTS (SELECT 1 FROM token WHERE ");
            sql.append(&token_condition(parameter, test)).push(" AND rid = r.rid)");
            sql
        }
        (None, test) => {
            let mut sql = Statement::new("r.rid IN (SELECT rid FROM token WHERE ");
            sql.append(&token_condition(parameter, test)).push(")");
            sql
        }
    }
}

const fn has_code(test: &Test) -> bool {
    !matches!(test, Test::Token { code: None, .. })
}

/// What picks a criterion's rows out of the index tables, when these can lead to the resources.
pub(super) fn source(criterion: &Criterion) -> Option<Statement> {
    let parameter = criterion.parameter;
    if parameter.column.is_some() || criterion.any.is_empty() {
        return None;
    }
    let (table, conditions): (_, Vec<_>) = match (criterion.modifier, parameter.kind) {
        (Modifier::None, kind) if is_token(kind) && criterion.any.iter().all(has_code) => {
            ("token", criterion.any.iter().map(|test| token_condition(parameter, test)).collect())
        }
        (Modifier::None | Modifier::Exact, Kind::String) => {
            let text = |test: &Test| match test {
                Test::Text(text) => text_condition(parameter, criterion.modifier, text),
                _ => Statement::new("0"),
            };
            ("text", criterion.any.iter().map(text).collect())
        }
        _ => return None,
    };
    let mut sql = Statement::default();
    for (n, condition) in conditions.iter().enumerate() {
        let union = if n > 0 { " UNION ALL " } else { "" };
        sql.push(&format!("{union}SELECT rid FROM {table} WHERE ")).append(condition);
    }
    Some(sql)
}

fn token_condition(parameter: &Parameter, test: &Test) -> Statement {
    let mut sql = Statement::default();
    sql.bind("param = ?", param(parameter));
    match test {
        Test::Token { system, code } => {
            if let Some(code) = code {
                sql.bind(" AND code = ?", code.clone());
            }
            if let Some(system) = system {
                sql.bind(" AND system = ?", digest(system));
            }
        }
        Test::Reference(targets) => {
            let code = |target: &String| {
                let mut sql = Statement::default();
                sql.bind("code = ?", target.clone());
                sql
            };
            sql.push(" AND ").append(&Statement::any(targets.iter().map(code)));
        }
        Test::Canonical { url, version } => {
            sql.bind(" AND code = ?", url.clone());
            if let Some(version) = version {
                sql.bind(" AND system = ?", digest(version));
            }
        }
        Test::Uri(uri) => {
            sql.bind(" AND code = ?", uri.clone());
        }
        Test::Date { .. } | Test::Text(_) => {
            sql.push(" AND 0");
        }
    }
    sql
}

fn text_condition(parameter: &Parameter, modifier: Modifier, text: &str) -> Statement {
    let folded = fold(text);
    let mut sql = Statement::default();
    sql.bind("param = ?", param(parameter));
    match modifier {
        Modifier::Exact => sql.bind(" AND folded = ?", folded).bind(" AND exact = ?", text.to_owned()),
        Modifier::Contains => sql.bind(" AND instr(folded, ?) > 0", folded),
        _ => {
            let end = format!("{folded}{}", char::MAX);
            sql.bind(" AND folded >= ?", folded).bind(" AND folded < ?", end)
        }
    };
    sql
}

fn on_column(rtype: &str, parameter: &Parameter, column: Column, test: &Test) -> Statement {
    let mut sql = Statement::default();
    match (column, test) {
        (Column::Id, Test::Token { system: None, code: Some(id) }) => sql.bind("r.id = ?", id.clone()),
        (Column::Subject, Test::Reference(targets)) => sql.append(&one_of("r.subject", targets)),
        (Column::Owner, Test::Reference(targets)) => sql.append(&one_of("r.owner", targets)),
        (Column::Status, Test::Token { system, code }) if fits(parameter, system.as_deref()) => match code {
            Some(code) => sql.bind("r.status = ?", code.clone()),
            None => sql.push("r.status IS NOT NULL"),
        },
        (Column::Urgency, Test::Token { system, code }) if fits(parameter, system.as_deref()) => {
            match code.as_deref().map(urgency) {
                Some(URGENCY_NONE) => sql.push(NEVER),
                Some(rank) => sql.bind("r.urgency = ?", rank),
                None => sql.bind("r.urgency < ?", URGENCY_NONE),
            }
        }
        (Column::LastUpdated, Test::Date { prefix, low, high }) => {
            sql.append(&instant(*prefix, (*low, *high)))
        }
        (Column::Date, Test::Date { prefix, low, high }) => {
            let compared = span(("r.dated_at", "r.dated_to"), *prefix, (*low, *high));
            sql.push(&format!("((r.present & {}) <> 0 AND ", present_bit(rtype, parameter)))
                .append(&compared);
            if let Some(from) = earliest(parameter, *prefix, (*low, *high)) {
                sql.bind(" AND r.dated_at >= ?", from);
            }
            sql.push(")")
        }
        _ => sql.push(NEVER),
    };
    sql
}

fn one_of(column: &str, targets: &[String]) -> Statement {
    let mut sql = Statement::new(column);
    for (n, target) in targets.iter().enumerate() {
        sql.bind(if n == 0 { " IN (?" } else { ", ?" }, target.clone());
    }
    sql.push(")");
    sql
}

/// A plain code has the system of its binding.
fn fits(parameter: &Parameter, system: Option<&str>) -> bool {
    system.is_none() || system == parameter.system
}

/// A value from `low` to before `high` against a span.
fn span((low, high): (&str, &str), prefix: Prefix, (start, end): (i64, i64)) -> Statement {
    let mut sql = Statement::default();
    match prefix {
        Prefix::Eq => sql
            .bind(&format!("({low} >= ?"), start)
            .bind(&format!(" AND {low} < ?"), end)
            .bind(&format!(" AND {high} <= ?)"), end),
        Prefix::Ne => sql.bind(&format!("({low} < ?"), start).bind(&format!(" OR {high} > ?)"), end),
        Prefix::Gt => sql.bind(&format!("{high} > ?"), end),
        Prefix::Lt => sql.bind(&format!("{low} < ?"), start),
        Prefix::Ge => sql.bind(&format!("({high} > ?"), end).bind(&format!(" OR {low} >= ?)"), start),
        Prefix::Le => sql.bind(&format!("({low} < ?"), start).bind(&format!(" OR {high} <= ?)"), end),
        Prefix::Sa => sql.bind(&format!("{low} >= ?"), end),
        Prefix::Eb => sql.bind(&format!("{high} <= ?"), start),
        Prefix::Ap => {
            let (start, end) = widened(start, end);
            sql.bind(&format!("({low} < ?"), end).bind(&format!(" AND {high} > ?)"), start)
        }
    };
    sql
}

/// The same for a value of one microsecond, so that an index on it bounds the search on both sides.
fn instant(prefix: Prefix, (start, end): (i64, i64)) -> Statement {
    let mut sql = Statement::default();
    match prefix {
        Prefix::Eq => sql.bind("(r.last_updated >= ?", start).bind(" AND r.last_updated < ?)", end),
        Prefix::Ne => sql.bind("(r.last_updated < ?", start).bind(" OR r.last_updated >= ?)", end),
        Prefix::Gt | Prefix::Sa => sql.bind("r.last_updated >= ?", end),
        Prefix::Lt | Prefix::Eb => sql.bind("r.last_updated < ?", start),
        Prefix::Ge => sql.bind("r.last_updated >= ?", start),
        Prefix::Le => sql.bind("r.last_updated < ?", end),
        Prefix::Ap => {
            let (start, end) = widened(start, end);
            sql.bind("(r.last_updated >= ?", start).bind(" AND r.last_updated < ?)", end)
        }
    };
    sql
}

const fn widened(start: i64, end: i64) -> (i64, i64) {
    let width = end.saturating_sub(start);
    (start.saturating_sub(width), end.saturating_add(width))
}

/// Where values that are no `Period` must begin to match: lets an index bound what `span` alone cannot.
fn earliest(parameter: &Parameter, prefix: Prefix, (start, end): (i64, i64)) -> Option<i64> {
    if parameter.paths.to_ascii_lowercase().contains("period") {
        return None;
    }
    match prefix {
        Prefix::Gt => Some(end.saturating_sub(POINT_MAX)),
        Prefix::Ge => Some(start.min(end.saturating_sub(POINT_MAX))),
        Prefix::Ap => Some(widened(start, end).0.saturating_sub(POINT_MAX)),
        _ => None,
    }
}
