//! Pages of the feed: a walk along one index in commit order, from a place in it.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::read::packed;
use crate::problem::{Category, Problem};
use crate::store::version::Version;
use crate::store::{History, Versions};

/// One version before its body is unpacked.
struct Found {
    version: Version,
    seq: i64,
    rtype: String,
    id: String,
}

pub(super) fn page(conn: &Connection, history: &History) -> Result<Versions, Problem> {
    let after = history.after.as_deref().map(place).transpose()?;
    let Some((text, values)) = select(conn, history, after)? else {
        return Ok(Versions { last: history.after.clone(), ..Versions::default() });
    };
    let read = |row: &Row<'_>| -> rusqlite::Result<Found> {
        Ok(Found { version: packed(row)?, seq: row.get(8)?, rtype: row.get(9)?, id: row.get(10)? })
    };
    let mut statement = conn.prepare_cached(&text)?;
    let (mut found, mut more, mut left): (Vec<Found>, _, _) = (Vec::new(), false, history.bytes_max);
    let mut rows = statement.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        let size = usize::try_from(row.get::<_, i64>(4)?).unwrap_or(0);
        more = found.len() == history.count || (!found.is_empty() && size > left);
        if more {
            break;
        }
        left = left.saturating_sub(size);
        found.push(read(row)?);
    }
    let last = match found.last() {
        Some(last) => Some(last.seq),
        None if history.oldest_first && after.is_none() => Some(newest(conn)?),
        None => after,
    };
    let versions = found
        .into_iter()
        .map(|found| found.version.stored(&found.rtype, &found.id))
        .collect::<Result<_, _>>()?;
    Ok(Versions { versions, more, last: last.map(|seq| seq.to_string()) })
}

/// The statement of a page; `None` when nothing can be on it.
fn select(
    conn: &Connection,
    history: &History,
    after: Option<i64>,
) -> Result<Option<(String, Vec<Sql>)>, Problem> {
    let index = match (&history.rtype, &history.id) {
        (Some(_), Some(_)) => "INDEXED BY version_of",
        (Some(_), None) => "INDEXED BY version_feed",
        _ => "NOT INDEXED",
    };
    let mut text = format!(
        "/* history */ SELECT v.version, v.last_updated, v.deleted, v.dictionary, v.size, v.body, v.dated_place, v.made,
           v.seq, t.name, r.id
         FROM version v {index} CROSS JOIN resource r ON r.rid = v.rid CROSS JOIN resource_type t ON t.code = r.rtype
         WHERE 1"
    );
    let mut values = Vec::new();
    if let Some(rtype) = &history.rtype {
        let (condition, value) = match &history.id {
            Some(id) => (" AND v.rid = ?", rid(conn, rtype, id)?),
            None => (" AND v.rtype = ?", code(conn, rtype)?),
        };
        let Some(value) = value else { return Ok(None) };
        text.push_str(condition);
        values.push(Sql::Integer(value));
    }
    if let Some(since) = history.since {
        let Some(first) = first_since(conn, since.as_microsecond())? else { return Ok(None) };
        text.push_str(" AND v.seq >= ?");
        values.push(Sql::Integer(first));
    }
    if let Some((low, high)) = history.at {
        text.push_str(
            " AND v.last_updated < ? AND NOT EXISTS (SELECT 1 FROM version n INDEXED BY version_of
             WHERE n.rid = v.rid AND n.version = v.version + 1 AND n.last_updated <= ?)",
        );
        values.extend([high, low].map(|time| Sql::Integer(time.as_microsecond())));
    }
    if let Some(seq) = after {
        text.push_str(if history.oldest_first { " AND v.seq > ?" } else { " AND v.seq < ?" });
        values.push(Sql::Integer(seq));
    }
    // The versions of one resource are numbered in commit order, and its index has no other.
    let key = if history.id.is_some() { "v.version" } else { "v.seq" };
    let direction = if history.oldest_first { "" } else { " DESC" };
    text.push_str(&format!(" ORDER BY {key}{direction} LIMIT ?"));
    values.push(Sql::Integer(i64::try_from(history.count + 1).unwrap_or(i64::MAX)));
    Ok(Some((text, values)))
}

fn place(cursor: &str) -> Result<i64, Problem> {
    cursor.parse().map_err(|_| {
        let diagnostics =
            "_cursor is not of a history: follow the link as it was given, or begin anew without it";
        Problem::new(Category::Malformed, "value", diagnostics).at("_cursor")
    })
}

fn newest(conn: &Connection) -> Result<i64, Problem> {
    Ok(conn
        .prepare_cached("/* newest */ SELECT coalesce(max(seq), 0) FROM version")?
        .query_row([], |row| row.get(0))?)
}

fn code(conn: &Connection, rtype: &str) -> Result<Option<i64>, Problem> {
    Ok(conn
        .prepare_cached("/* code */ SELECT code FROM resource_type WHERE name = ?1")?
        .query_row([rtype], |row| row.get(0))
        .optional()?)
}

fn rid(conn: &Connection, rtype: &str, id: &str) -> Result<Option<i64>, Problem> {
    Ok(conn
        .prepare_cached(
            "/* rid */ SELECT rid FROM resource
             WHERE rtype = (SELECT code FROM resource_type WHERE name = ?1) AND id = ?2",
        )?
        .query_row([rtype, id], |row| row.get(0))
        .optional()?)
}

/// The first version of the first unit that was decided at or after that time, in commit order; some units
/// write no version.
fn first_since(conn: &Connection, microsecond: i64) -> Result<Option<i64>, Problem> {
    let number: Option<i64> = conn
        .prepare_cached(
            "/* first_since */ SELECT number FROM unit WHERE high >= ?1 ORDER BY high, number LIMIT 1",
        )?
        .query_row([microsecond], |row| row.get(0))
        .optional()?;
    let Some(number) = number else { return Ok(None) };
    // Versions are in the order of their units: halve the range until the first one of them is found.
    let (mut low, mut high) = (1, newest(conn)? + 1);
    let mut probe = conn
        .prepare_cached("/* first_since */ SELECT unit FROM version WHERE seq >= ?1 ORDER BY seq LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let unit: i64 = probe.query_row([middle], |row| row.get(0))?;
        if unit >= number { high = middle } else { low = middle + 1 }
    }
    Ok(Some(low))
}
