//! Several reads in one way to the database and back: they go out one behind the other on one connection, the streams
//! first.

use std::collections::HashMap;

use deadpool_postgres::Object;
use futures_util::future::{try_join_all, try_join3};
use tokio_postgres::Row;

use super::read;
use super::reads::RESOURCES;
use super::search::{Paging, Place, Types};
use crate::problem::Problem;
use crate::store::{Look, Seen, Stored};

const STREAMS: &str = "/* look */ SELECT patient, sequence FROM stream WHERE patient = ANY ($1::text[])";

/// Reads all of it. The answers are in the order of the questions.
pub(super) async fn look(client: &Object, types: &Types, look: &Look) -> Result<Seen, Problem> {
    let place = Place { client, types };
    let paged: Vec<Paging<'_>> =
        try_join_all(look.searches.iter().map(|query| Paging::of(place, query))).await?;
    // What is to be prepared is so before anything is read: then nothing overtakes the streams.
    let statements = try_join3(
        client.prepare_cached(STREAMS),
        client.prepare_cached(RESOURCES),
        try_join_all(paged.iter().map(|paged| client.prepare_cached(paged.text()))),
    );
    let (of_streams, of_resources, of_searches) = statements.await?;
    let (codes, ids): (Vec<i64>, Vec<&str>) = look
        .resources
        .iter()
        .map(|(rtype, id)| (types.get(rtype).copied().unwrap_or_default(), id.as_str()))
        .unzip();
    let streams = async {
        if look.streams.is_empty() {
            Ok(Vec::new())
        } else {
            client.query(&of_streams, &[&look.streams]).await
        }
    };
    let resources = async {
        if ids.is_empty() { Ok(Vec::new()) } else { client.query(&of_resources, &[&codes, &ids]).await }
    };
    let pages = paged.iter().zip(&of_searches).map(|(paged, statement)| paged.rows(client, statement));
    let (streams, resources, pages) = try_join3(streams, resources, try_join_all(pages)).await?;
    let pages = paged.iter().zip(pages).map(|(paged, rows)| paged.page(place, rows));
    Ok(Seen {
        streams: in_order(&look.streams, &streams),
        resources: placed(&look.resources, &resources)?,
        pages: try_join_all(pages).await?,
    })
}

/// Where each stream stands; 0 for one that nobody has named yet.
fn in_order(names: &[String], rows: &[Row]) -> Vec<u64> {
    let found: HashMap<&str, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let sequence =
        |name: &String| found.get(name.as_str()).and_then(|sequence| u64::try_from(*sequence).ok());
    names.iter().map(|name| sequence(name).unwrap_or(0)).collect()
}

/// Each row at the place of its question, which its ordinality says.
fn placed(names: &[(String, String)], rows: &[Row]) -> Result<Vec<Option<Stored>>, Problem> {
    let mut all = vec![None; names.len()];
    for row in rows {
        let place = usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or(usize::MAX);
        if let (Some(found), Some((rtype, id))) = (all.get_mut(place), names.get(place)) {
            *found = Some(read::stored(row, 1, rtype, id)?);
        }
    }
    Ok(all)
}
