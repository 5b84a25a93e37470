//! One alternative against the columns that hold a value: codes, texts, spans of time and amounts (R4 3.1.1.4).

use super::statement::{NEVER, Statement};
use crate::fhir::search::{Limits, Modifier, Parameter, Prefix, Test, fold};
use crate::store::digest::digest;
use crate::store::row::DATE_NONE;

/// True of no row of any table.
const NEVER_TRUE: &str = "1 = 0";
/// The longest that a value that is no `Period` can be: a year, written as such.
const POINT_MAX: i64 = 366 * 24 * 3_600 * 1_000_000;

/// How long before its beginning a `Period` may seem to end: its start shall not be after its end (`per-1`), which a day without a
/// zone and an instant with one may both be and not be.
const TURNED_MAX: i64 = 2 * 24 * 3_600 * 1_000_000;

/// `code` and `system` of a row of `token` or `part`.
pub(super) fn token(test: &Test, modifier: Modifier) -> Statement {
    let code = |code: &String| Statement::with("code = ?", code.clone());
    match test {
        Test::Token { system, code: wanted } => Statement::all(
            wanted
                .iter()
                .map(code)
                .chain(system.iter().map(|system| Statement::with("system = ?", digest(system)))),
        ),
        Test::Among(systems) => among(systems),
        Test::Reference(targets) => Statement::any(targets.iter().map(code)),
        Test::Canonical { url, version } => Statement::all(
            [code(url)].into_iter().chain(version.iter().map(|v| Statement::with("system = ?", digest(v)))),
        ),
        Test::Uri(uri) => match modifier {
            Modifier::Above => Statement::any(above(uri).iter().map(code)),
            Modifier::Below => below(uri),
            _ => code(uri),
        },
        _ => Statement::new(NEVER_TRUE),
    }
}

/// One of the codes of one of the systems; the codes stand apart, so that an index leads by them.
fn among(systems: &[(String, Vec<String>)]) -> Statement {
    let of_system = |(system, codes): &(String, Vec<String>)| {
        let mut sql = Statement::with("(system = ? AND ", digest(system));
        sql.append(&one_of("code", codes)).push(")");
        sql
    };
    match systems {
        [] => Statement::new(NEVER_TRUE),
        [only] => of_system(only),
        several => {
            let mut codes: Vec<String> = several.iter().flat_map(|(_, codes)| codes.clone()).collect();
            codes.sort();
            codes.dedup();
            let mut sql = one_of("code", &codes);
            sql.push(" AND ").append(&Statement::any(several.iter().map(of_system)));
            sql
        }
    }
}

/// A column that is one of these texts.
pub(super) fn one_of(column: &str, texts: &[String]) -> Statement {
    let mut sql = Statement::new(column);
    for (n, text) in texts.iter().enumerate() {
        sql.bind(if n == 0 { " IN (?" } else { ", ?" }, text.clone());
    }
    if texts.is_empty() { Statement::new(NEVER_TRUE) } else { sql.push(")").clone() }
}

/// An address, and each that it lies under.
fn above(uri: &str) -> Vec<String> {
    let start = uri.find("//").map_or(0, |slashes| slashes + 2);
    let separators = separators(uri);
    let cuts = uri.char_indices().skip_while(|(n, _)| *n < start).filter(|(_, c)| separators.contains(c));
    cuts.map(|(n, _)| uri[..n].to_owned()).chain([uri.to_owned()]).collect()
}

/// An address, and those that lie under it.
fn below(uri: &str) -> Statement {
    let uri = uri.trim_end_matches('/');
    let under = separators(uri).iter().map(|separator| {
        let mut range = Statement::with("(code >= ?", format!("{uri}{separator}"));
        range.bind(" AND code < ?)", format!("{uri}{separator}{}", char::MAX));
        range
    });
    Statement::any([Statement::with("code = ?", uri)].into_iter().chain(under))
}

fn separators(uri: &str) -> &'static [char] {
    if uri.starts_with("urn:") { &[':', '.'] } else { &['/'] }
}

/// The column of folded texts against a text.
pub(super) fn text(column: &str, modifier: Modifier, text: &str) -> Statement {
    let folded = fold(text);
    if modifier == Modifier::Contains {
        let mut pattern = String::from("%");
        for c in folded.chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push('%');
        return Statement::with(&format!("{column} LIKE ? ESCAPE '\\'"), pattern);
    }
    let end = format!("{folded}{}", char::MAX);
    let mut sql = Statement::with(&format!("{column} >= ?"), folded);
    sql.bind(&format!(" AND {column} < ?"), end);
    sql
}

/// An amount of a row of `part` under that alias.
pub(super) fn quantity(alias: &str, test: &Test) -> Statement {
    let Test::Quantity { limits, system, code, base } = test else { return Statement::new(NEVER) };
    if let Some((unit, limits)) = base {
        let mut sql = Statement::with(&format!("({alias}.base = ? AND "), digest(unit));
        sql.append(&amount((&format!("{alias}.base_low"), &format!("{alias}.base_high")), limits)).push(")");
        return sql;
    }
    let mut sql = Statement::new("(");
    sql.append(&amount((&format!("{alias}.low"), &format!("{alias}.high")), limits));
    if let Some(system) = system {
        sql.bind(&format!(" AND {alias}.system = ?"), digest(system));
    }
    match (code, system) {
        (Some(code), Some(_)) => sql.bind(&format!(" AND {alias}.code = ?"), code.clone()),
        (Some(code), None) => sql
            .bind(&format!(" AND ({alias}.code = ?"), code.clone())
            .bind(&format!(" OR {alias}.unit = ?)"), code.clone()),
        (None, _) => &mut sql,
    }
    .push(")");
    sql
}

/// Both ends of an amount: equal for a single value.
fn amount((low, high): (&str, &str), limits: &Limits) -> Statement {
    let with = |text: String, value: &String| Statement::with(&text, value.clone());
    let (value, least, after) = (&limits.value, &limits.low, &limits.high);
    match limits.prefix {
        Prefix::Eq => {
            Statement::all([with(format!("{low} >= ?"), least), with(format!("{high} < ?"), after)])
        }
        Prefix::Ne => {
            Statement::any([with(format!("{low} < ?"), least), with(format!("{high} >= ?"), after)])
        }
        Prefix::Gt => with(format!("{high} > ?"), value),
        Prefix::Ge => with(format!("{high} >= ?"), value),
        Prefix::Lt => with(format!("{low} < ?"), value),
        Prefix::Le => with(format!("{low} <= ?"), value),
        Prefix::Sa => with(format!("{low} > ?"), value),
        Prefix::Eb => with(format!("{high} < ?"), value),
        Prefix::Ap => {
            Statement::all([with(format!("{high} >= ?"), least), with(format!("{low} <= ?"), after)])
        }
    }
}

/// A value from `low` to before `high` against a span.
pub(super) fn span((low, high): (&str, &str), prefix: Prefix, (start, end): (i64, i64)) -> Statement {
    let mut sql = Statement::default();
    match prefix {
        Prefix::Eq => sql
            .bind(&format!("({low} >= ?"), start)
            .bind(&format!(" AND {low} < ?"), end)
            .bind(&format!(" AND {high} <= ?)"), end),
        Prefix::Ne => sql.bind(&format!("({low} < ?"), start).bind(&format!(" OR {high} > ?)"), end),
        Prefix::Gt => sql.bind(&format!("{high} > ?"), end),
        Prefix::Lt => sql.bind(&format!("{low} < ?"), start),
        Prefix::Ge => sql.bind(&format!("({low} >= ?"), start).bind(&format!(" OR {high} > ?)"), end),
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
pub(super) fn instant(prefix: Prefix, (start, end): (i64, i64)) -> Statement {
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

/// After what a value must end to match, for an index that tells the end: where `span` names either of its ends. Whoever has a date
/// ends after [`DATE_NONE`].
pub(super) const fn ends_after(prefix: Prefix, start: i64) -> i64 {
    match prefix {
        Prefix::Ge => start.saturating_sub(TURNED_MAX),
        _ => DATE_NONE,
    }
}

/// Where values that are no `Period` must begin to match: lets an index bound what `span` alone cannot.
pub(super) fn earliest(parameter: &Parameter, prefix: Prefix, (start, end): (i64, i64)) -> Option<i64> {
    if !parameter.is_point() {
        return None;
    }
    match prefix {
        Prefix::Gt => Some(end.saturating_sub(POINT_MAX)),
        Prefix::Ge => Some(start.min(end.saturating_sub(POINT_MAX))),
        Prefix::Ap => Some(widened(start, end).0.saturating_sub(POINT_MAX)),
        _ => None,
    }
}
