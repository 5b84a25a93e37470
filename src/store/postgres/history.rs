//! Pages of the feed: a walk along one index in commit order, from a place in it.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::read::{self, COLUMNS};
use crate::problem::{Category, Problem};
use crate::store::{History, Versions};

/// Where the columns of a version begin in a row.
const FIRST: usize = 3;

/// What a page is made of, besides the history's own wishes.
struct Bounds {
    /// Of this type only.
    rtype: Option<i64>,
    /// Of this resource only.
    rid: Option<i64>,
    /// From this place on.
    first: Option<i64>,
    /// Beyond this place.
    after: Option<i64>,
}

pub(super) async fn page(
    client: &Client,
    rtype: Option<Option<i64>>,
    history: &History,
) -> Result<Versions, Problem> {
    let after = history.after.as_deref().map(place).transpose()?;
    let nothing = || Versions { last: history.after.clone(), ..Versions::default() };
    let Some(bounds) = bounds(client, rtype, history, after).await? else { return Ok(nothing()) };
    // Before the page is read: what is committed in between is then on the page, or after this place.
    let end = if history.oldest_first && after.is_none() { Some(newest(client).await?) } else { after };
    let (text, values) = select(history, &bounds);
    let values: Vec<(&(dyn ToSql + Sync), Type)> =
        values.iter().map(|value| (value as &(dyn ToSql + Sync), Type::INT8)).collect();
    let mut rows = client.query_typed(&text, &values).await?;
    let has_body = |row: &&Row| row.get::<_, Option<&[u8]>>(FIRST + read::BODY).is_some();
    let fits = rows.iter().take(history.count).take_while(has_body).count();
    let more = rows.len() > fits;
    rows.truncate(fits);
    let last = match rows.last() {
        Some(last) => Some(last.get(0)),
        None => end,
    };
    let versions =
        rows.iter().map(|row| read::stored(row, FIRST, row.get(1), row.get(2))).collect::<Result<_, _>>()?;
    Ok(Versions { versions, more, last: last.map(|seq: i64| seq.to_string()) })
}

/// `None` when nothing can be on the page.
async fn bounds(
    client: &Client,
    rtype: Option<Option<i64>>,
    history: &History,
    after: Option<i64>,
) -> Result<Option<Bounds>, Problem> {
    let mut bounds = Bounds { rtype: None, rid: None, first: None, after };
    if let Some(code) = rtype {
        let Some(code) = code else { return Ok(None) };
        match &history.id {
            None => bounds.rtype = Some(code),
            Some(id) => {
                let find = "/* rid */ SELECT rid FROM resource WHERE rtype = $1 AND id = $2";
                let found = client.query_typed(find, &[(&code, Type::INT8), (id, Type::TEXT)]).await?;
                let Some(row) = found.first() else { return Ok(None) };
                bounds.rid = Some(row.get(0));
            }
        }
    }
    if let Some(since) = history.since {
        let find = "/* first_since */ SELECT seq FROM unit WHERE high >= $1 ORDER BY high, number LIMIT 1";
        let found = client.query_typed(find, &[(&since.as_microsecond(), Type::INT8)]).await?;
        let Some(row) = found.first() else { return Ok(None) };
        bounds.first = Some(row.get(0));
    }
    Ok(Some(bounds))
}

fn select(history: &History, bounds: &Bounds) -> (String, Vec<i64>) {
    // The versions of one resource are numbered in commit order, and its index has no other.
    let key = if history.id.is_some() { "v.version" } else { "v.seq" };
    let direction = if history.oldest_first { "" } else { " DESC" };
    let order = format!("ORDER BY {key}{direction}");
    let columns = columns(&order, history.bytes_max);
    let mut text = format!(
        "/* history */ SELECT v.seq, v.name, v.id, {columns} FROM (SELECT v.*, t.name, r.id
         FROM version v JOIN resource r ON r.rid = v.rid JOIN resource_type t ON t.code = r.rtype WHERE true"
    );
    let mut values = Vec::new();
    let mut bind = |condition: &str, value: i64| {
        values.push(value);
        text.push_str(&condition.replace('?', &format!("${}", values.len())));
    };
    if let Some(code) = bounds.rtype {
        bind(" AND v.rtype = ?", code);
    }
    if let Some(rid) = bounds.rid {
        bind(" AND v.rid = ?", rid);
    }
    if let Some(first) = bounds.first {
        bind(" AND v.seq >= ?", first);
    }
    if let Some((low, high)) = history.at {
        bind(" AND v.last_updated < ?", high.as_microsecond());
        bind(
            " AND NOT EXISTS (SELECT 1 FROM version n WHERE n.rid = v.rid AND n.version = v.version + 1
               AND n.last_updated <= ?)",
            low.as_microsecond(),
        );
    }
    if let Some(seq) = bounds.after {
        bind(if history.oldest_first { " AND v.seq > ?" } else { " AND v.seq < ?" }, seq);
    }
    let limit = i64::try_from(history.count.saturating_add(1)).unwrap_or(i64::MAX);
    bind(&format!(" {order} LIMIT ?) AS v {order}"), limit);
    (text, values)
}

/// What is read of each version; bodies beyond so many bytes stay where they are, but for the first.
fn columns(order: &str, bytes_max: usize) -> String {
    if bytes_max == usize::MAX {
        return COLUMNS.to_owned();
    }
    let body = format!(
        "CASE WHEN sum(v.size) OVER ({order} ROWS UNBOUNDED PRECEDING) <= {bytes_max} \
         OR row_number() OVER ({order}) = 1 THEN v.body END"
    );
    COLUMNS.replace("v.body", &body)
}

fn place(cursor: &str) -> Result<i64, Problem> {
    cursor.parse().map_err(|_| {
        let diagnostics =
            "_cursor is not of a history: follow the link as it was given, or begin anew without it";
        Problem::new(Category::Malformed, "value", diagnostics).at("_cursor")
    })
}

/// The last place that is taken: no version will ever appear at it or before it.
async fn newest(client: &Client) -> Result<i64, Problem> {
    let rows = client.query_typed("/* newest */ SELECT coalesce(max(seq), 0) FROM version", &[]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}
