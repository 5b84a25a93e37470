//! One criterion as SQL over `resource r`. Date spans are compared as R4 3.1.1.4.6 says.

use super::nested::{chain, composite, member, referrer};
use super::plan::Hints;
use super::statement::{NEVER, Statement};
use super::value;
use crate::fhir::search::{Column, Criterion, Kind, Modifier, Parameter, Test, fold};
use crate::store::row::{
    SORTED_CHARS, URGENCY_NONE, identifier_param, is_token, param, present_bits, text_param, urgency,
};

pub(super) fn condition(hints: Hints, rtype: &str, criterion: &Criterion) -> Statement {
    let parameter = criterion.parameter;
    if let Modifier::Missing(missing) = criterion.modifier {
        let sign = if missing { "=" } else { "<>" };
        return Statement::new(&format!("(r.present & {}) {sign} 0", present_bits(parameter)));
    }
    let one = |test: &Test| {
        Statement::any(
            parameter.stored().into_iter().map(|stored| one(hints, rtype, stored, criterion.modifier, test)),
        )
    };
    let any = Statement::any(criterion.any.iter().map(one));
    if criterion.modifier != Modifier::Not {
        return any;
    }
    let mut none = Statement::new("(");
    none.append(&any).push(" IS NOT TRUE)");
    none
}

fn one(
    hints: Hints,
    rtype: &str,
    parameter: &'static Parameter,
    modifier: Modifier,
    test: &Test,
) -> Statement {
    match (parameter.column, modifier, test) {
        (_, Modifier::Text, Test::Text(text)) => {
            let mut sql = Statement::new("r.rid IN (");
            sql.append(&shown_with(hints, Rows::Each, parameter, text)).push(")");
            sql
        }
        (_, Modifier::Identifier, test) => token_of(hints, identifier_param(parameter), modifier, test),
        (_, _, Test::Contained(inner)) => condition(hints, rtype, inner),
        (_, _, Test::Chain { rtype, criterion }) => chain(hints, parameter, rtype, criterion),
        (_, _, Test::Member { target, by }) => member(hints, rtype, target, by),
        (_, _, Test::Referrer { rtype, target, by, criterion }) => {
            referrer(hints, (rtype, target), by, criterion)
        }
        (_, _, Test::Composite(parts)) => composite(hints, rtype, parameter, parts),
        (Some(column), _, test) => on_column(parameter, column, test),
        (None, _, Test::Date { prefix, low, high }) => {
            let mut sql = Statement::with(
                "EXISTS (SELECT 1 FROM span d WHERE d.rid = r.rid AND d.param = ? AND ",
                param(parameter),
            );
            sql.append(&value::span(("d.low", "d.high"), *prefix, (*low, *high))).push(")");
            sql
        }
        (None, _, Test::Text(text)) => {
            let mut sql = Statement::new("r.rid IN (SELECT rid FROM text WHERE ");
            sql.append(&text_of(parameter, modifier, text)).push(")");
            sql
        }
        (None, _, Test::Quantity { .. }) => {
            let mut sql = Statement::with(
                "EXISTS (SELECT 1 FROM part q WHERE q.rid = r.rid AND q.param = ? AND ",
                param(parameter),
            );
            sql.append(&value::quantity("q", test)).push(")");
            sql
        }
        (None, _, test) => match told(parameter, modifier, test) {
            Some(code) => told_or_looked_up(hints, parameter, code, modifier, test),
            None => token_of(hints, param(parameter), modifier, test),
        },
    }
}

/// The code that a resource may tell of itself whether it has it: its keys hold the least and the greatest of each parameter.
pub(in crate::store) fn told<'t>(
    parameter: &Parameter,
    modifier: Modifier,
    test: &'t Test,
) -> Option<&'t str> {
    let code = match (parameter.kind, test) {
        (Kind::Token, Test::Token { code: Some(code), .. }) => code,
        (Kind::Canonical, Test::Canonical { url, .. }) => url,
        _ => return None,
    };
    // What is longer is cut in the keys, and what JSON escapes does not stand there as it is.
    let is_plain = |b: u8| b >= b' ' && !matches!(b, b'"' | b'\\');
    let is_whole = code.len() < SORTED_CHARS && code.bytes().all(is_plain);
    (is_whole && matches!(modifier, Modifier::None | Modifier::Not)).then_some(code)
}

/// A resource of one or two values is compared with these; one of more is looked up, and only where the code lies between the
/// least and the greatest. So the resources of one person are tested without reading, for each, a page of the index that is
/// full of others' rows.
fn told_or_looked_up(
    hints: Hints,
    parameter: &Parameter,
    code: &str,
    modifier: Modifier,
    test: &Test,
) -> Statement {
    let number = param(parameter);
    let key = |name: &str| format!("(r.keys ->> '{name}{number}')");
    let looked_up = token_of(hints, number, modifier, test);
    // A text is looked through faster than JSON is read, which is left for those where the code, or more than two, may be.
    let mut sql = Statement::new(&format!("(CASE WHEN r.keys LIKE '%\"d{number}\"%' AND "));
    sql.push(&key("d")).push(" IS NOT NULL THEN ");
    sql.bind(&format!("{} COLLATE BINARY <= ?", key("")), code);
    sql.bind(&format!(" AND {} COLLATE BINARY >= ?", key("d")), code);
    sql.push(" AND ").append(&looked_up);
    sql.bind(" WHEN r.keys LIKE ?", format!("%\"{code}\"%"));
    sql.bind(&format!(" AND ({} = ?", key("")), code).bind(&format!(" OR {} = ?) THEN ", key("e")), code);
    match test {
        Test::Token { system: None, .. } | Test::Canonical { version: None, .. } => sql.push("TRUE"),
        _ => sql.append(&looked_up),
    };
    if parameter.kind == Kind::Canonical {
        // What was written before canonicals had keys.
        sql.push(&format!(" WHEN {} IS NULL THEN ", key(""))).append(&looked_up);
    }
    sql.push(" ELSE FALSE END)");
    sql
}

fn token_of(hints: Hints, param: i64, modifier: Modifier, test: &Test) -> Statement {
    if has_code(test, modifier) {
        // Not by EXISTS: PostgreSQL takes a parameter and its code for independent, so that it finds any code rare, and is
        // then led by it through the resources of everybody. A value of its own is looked up for one resource.
        let mut sql = Statement::new("(");
        sql.append(&hints.of_one(param)).push(" AND ");
        sql.append(&value::token(test, modifier)).push(" LIMIT 1)");
        return sql;
    }
    let rows = format!("r.rid IN (SELECT {} WHERE param = ? AND ", Hints::each(param));
    let mut sql = Statement::with(&rows, param);
    sql.append(&value::token(test, modifier)).push(")");
    sql
}

fn has_code(test: &Test, modifier: Modifier) -> bool {
    modifier != Modifier::Below && !matches!(test, Test::Token { code: None, .. })
}

fn text_of(parameter: &Parameter, modifier: Modifier, text: &str) -> Statement {
    let mut sql = Statement::with("param = ? AND ", param(parameter));
    if modifier == Modifier::Exact {
        sql.bind("folded = ?", fold(text)).bind(" AND exact = ?", text.to_owned());
    } else {
        sql.append(&value::text("folded", modifier, text));
    }
    sql
}

/// What a selection has a row for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    /// Each resource, with its number.
    Each,
    /// Each resource, whatever it holds.
    Counted,
    /// Whatever is kept.
    Kept,
}

/// The resources of which a code or a text is shown with such a text.
fn shown_with(hints: Hints, rows: Rows, parameter: &'static Parameter, text: &str) -> Statement {
    let mut sql = Statement::with("SELECT rid FROM text WHERE param = ? AND ", text_param(parameter));
    sql.append(&value::text("folded", Modifier::Text, text));
    let told = match rows {
        Rows::Each | Rows::Counted => hints.each_shown(),
        Rows::Kept => Hints::kept_shown(),
    };
    sql.push(" UNION ALL SELECT ").bind(&format!("{told} AND s.param = ? AND "), param(parameter));
    sql.append(&value::text("s.folded", Modifier::Text, text));
    sql
}

/// What picks a criterion's rows out of the index tables, when these can lead to the resources.
pub(super) fn source(hints: Hints, criterion: &Criterion) -> Option<Statement> {
    gathered(hints, Rows::Each, criterion)
}

/// The same to be counted: one row for each resource, whatever it holds.
pub(super) fn counted(hints: Hints, criterion: &Criterion) -> Option<Statement> {
    gathered(hints, Rows::Counted, criterion)
}

/// The same with no more rows than resources, and counted faster; nothing where that is not worth a question.
pub(super) fn fewest(hints: Hints, criterion: &Criterion) -> Option<Statement> {
    hints.counts_runs().then(|| gathered(hints, Rows::Kept, criterion))?
}

fn gathered(hints: Hints, rows: Rows, criterion: &Criterion) -> Option<Statement> {
    let (parameter, modifier) = (criterion.parameter, criterion.modifier);
    let led = matches!(modifier, Modifier::Text | Modifier::Identifier) || parameter.column.is_none();
    let plain = |test: &&Test| test.is_direct();
    if !led || criterion.any.is_empty() || !criterion.any.iter().all(|test| plain(&test)) {
        return None;
    }
    let mut legs = Vec::new();
    for stored in parameter.stored() {
        for test in &criterion.any {
            legs.push(source_of(hints, rows, stored, modifier, test)?);
        }
    }
    let mut sql = Statement::default();
    for (n, leg) in legs.iter().enumerate() {
        sql.push(if n > 0 { " UNION ALL " } else { "" }).append(leg);
    }
    Some(sql)
}

fn source_of(
    hints: Hints,
    kept: Rows,
    parameter: &'static Parameter,
    modifier: Modifier,
    test: &Test,
) -> Option<Statement> {
    let rows = |from: &str, condition: &Statement| {
        let mut sql = Statement::new(&format!("SELECT {from} WHERE "));
        sql.append(condition);
        sql
    };
    let token = |param: i64| {
        let mut condition = Statement::with("param = ? AND ", param);
        condition.append(&value::token(test, modifier));
        let from = match kept {
            Rows::Each => Hints::each(param),
            Rows::Counted => hints.counted(param),
            Rows::Kept => Hints::runs(param),
        };
        rows(from, &condition)
    };
    match (modifier, parameter.kind, test) {
        (Modifier::Text, _, Test::Text(text)) => Some(shown_with(hints, kept, parameter, text)),
        (Modifier::Identifier, _, test) if has_code(test, modifier) => {
            Some(token(identifier_param(parameter)))
        }
        (Modifier::None | Modifier::Above, kind, test) if is_token(kind) && has_code(test, modifier) => {
            Some(token(param(parameter)))
        }
        (Modifier::None | Modifier::Exact, Kind::String, Test::Text(text)) => {
            Some(rows("rid FROM text", &text_of(parameter, modifier, text)))
        }
        _ => None,
    }
}

fn on_column(parameter: &'static Parameter, column: Column, test: &Test) -> Statement {
    let mut sql = Statement::default();
    match (column, test) {
        (Column::Id, Test::Token { system: None, code: Some(id) }) => sql.bind("r.id = ?", id.clone()),
        (Column::Subject, Test::Reference(targets)) => sql.append(&value::one_of("r.subject", targets)),
        (Column::Owner, Test::Reference(targets)) => sql.append(&value::one_of("r.owner", targets)),
        (Column::Status, Test::Among(systems)) => {
            sql.append(&value::one_of("r.status", &bound_codes(parameter, systems)))
        }
        (Column::Urgency, Test::Among(systems)) => {
            let ranks = bound_codes(parameter, systems).into_iter().map(|code| urgency(&code));
            let ranks = ranks.filter(|rank| *rank != URGENCY_NONE);
            sql.append(&Statement::any(ranks.map(|rank| Statement::with("r.urgency = ?", rank))))
        }
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
            sql.append(&value::instant(*prefix, (*low, *high)))
        }
        (Column::Date, Test::Date { prefix, low, high }) => {
            let compared = value::span(("r.dated_at", "r.dated_to"), *prefix, (*low, *high));
            // Whoever has a date ends after all times: as the indexes of a person's resources tell without the resource.
            sql.bind("(r.dated_to > ? AND ", value::ends_after(*prefix, *low)).append(&compared);
            if let Some(from) = value::earliest(parameter, *prefix, (*low, *high)) {
                sql.bind(" AND r.dated_at >= ?", from);
            }
            sql.push(")")
        }
        _ => sql.push(NEVER),
    };
    sql
}

/// The codes of the system that plain codes belong to.
fn bound_codes(parameter: &Parameter, systems: &[(String, Vec<String>)]) -> Vec<String> {
    let own = systems.iter().filter(|(system, _)| parameter.system() == Some(system));
    own.flat_map(|(_, codes)| codes.clone()).collect()
}

/// A plain code has the system of its binding.
fn fits(parameter: &Parameter, system: Option<&str>) -> bool {
    system.is_none() || system == parameter.system()
}
