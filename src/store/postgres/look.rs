//! Several reads in one way to the database and back, those of many clients together: one statement for all streams, one for
//! all resources, one for all searches that are worded alike. They go out one behind the other on one connection, the streams
//! first.

use std::future::Future;
use std::sync::Arc;

use futures_util::future::{try_join_all, try_join3};
use tokio_postgres::{Error, Row};

use super::lane::{Connection, Question};
use super::read;
use super::reads::{RESOURCES, placed};
use super::search::{Many, Types};
use crate::problem::Problem;
use crate::store::{Look, Page, Seen};

const STREAMS: &str = "/* look */ SELECT w.n, s.sequence
    FROM unnest($1::text[]) WITH ORDINALITY AS w (patient, n)
    JOIN stream s ON s.patient = w.patient";

/// What one client wants.
pub(super) struct Asked {
    streams: Vec<String>,
    resources: Vec<(i64, String)>,
    /// With the place of each among the searches of the look, and its statement.
    searches: Vec<(usize, String, Many)>,
}

/// The rows that the database has of it: each list in the order of what was asked.
pub(super) struct Found {
    streams: Vec<u64>,
    resources: Vec<Option<Row>>,
    searches: Vec<Vec<Row>>,
}

impl Asked {
    /// With the places of the searches that have to be run apart.
    ///
    /// # Errors
    /// `Malformed` when a cursor is not of its query.
    pub(super) fn of(look: &Look, types: &Types) -> Result<(Self, Vec<usize>), Problem> {
        let code = |rtype: &String| types.get(rtype).copied().unwrap_or_default();
        let resources = look.resources.iter().map(|(rtype, id)| (code(rtype), id.clone())).collect();
        let (mut searches, mut apart) = (Vec::new(), Vec::new());
        for (n, query) in look.searches.iter().enumerate() {
            match Many::of(query, types)? {
                Some(many) => searches.push((n, many.text(), many)),
                None => apart.push(n),
            }
        }
        Ok((Self { streams: look.streams.clone(), resources, searches }, apart))
    }

    /// The rows as what they are; the pages of searches that are run apart are empty.
    ///
    /// # Errors
    /// `Internal` when a stored body cannot be read.
    pub(super) fn seen(&self, look: &Look, found: Found) -> Result<Seen, Problem> {
        let stored = |(row, (rtype, id)): (Option<Row>, &(String, String))| {
            row.map(|row| read::stored(&row, 1, rtype, id)).transpose()
        };
        let mut pages = vec![Page::default(); look.searches.len()];
        for ((n, _, many), rows) in self.searches.iter().zip(found.searches) {
            pages[*n] = many.page(rows)?;
        }
        Ok(Seen {
            streams: found.streams,
            resources: found
                .resources
                .into_iter()
                .zip(&look.resources)
                .map(stored)
                .collect::<Result<_, _>>()?,
            pages,
        })
    }
}

impl Question for Arc<Asked> {
    type Answer = Found;
    const GROUP_MAX: usize = 64;
    const NEAR: bool = false;

    async fn ask(connection: &mut Connection, group: &[Self]) -> Result<Vec<Found>, Error> {
        let searches = alike(group);
        // What is to be prepared is so before anything is read: then nothing overtakes the streams.
        let (of_streams, of_resources) =
            (connection.prepared(STREAMS).await?, connection.prepared(RESOURCES).await?);
        let mut of_searches = Vec::new();
        for (text, _) in &searches {
            of_searches.push(connection.prepared(text).await?);
        }
        let client = &connection.client;
        let patients: Vec<&str> = group.iter().flat_map(|asked| &asked.streams).map(String::as_str).collect();
        let (types, ids): (Vec<i64>, Vec<&str>) =
            group.iter().flat_map(|asked| &asked.resources).map(|(code, id)| (*code, id.as_str())).unzip();
        let (streams, resources, found) = try_join3(
            unless(patients.is_empty(), client.query(&of_streams, &[&patients])),
            unless(ids.is_empty(), client.query(&of_resources, &[&types, &ids])),
            try_join_all(searches.iter().zip(&of_searches).map(|((_, alike), statement)| {
                let alike: Vec<&Many> = alike.iter().map(|(who, n)| &group[*who].searches[*n].2).collect();
                async move { Many::rows(client, statement, &alike).await }
            })),
        )
        .await?;
        let mut streams =
            placed(patients.len(), streams).into_iter().map(|row| row.map_or(0, |row| sequence(&row)));
        let mut resources = placed(ids.len(), resources).into_iter();
        let blank = |asked: &Self| Found {
            streams: streams.by_ref().take(asked.streams.len()).collect(),
            resources: resources.by_ref().take(asked.resources.len()).collect(),
            searches: asked.searches.iter().map(|_| Vec::new()).collect(),
        };
        let mut all: Vec<Found> = group.iter().map(blank).collect();
        for ((_, alike), rows) in searches.iter().zip(found) {
            for ((who, n), rows) in alike.iter().zip(rows) {
                all[*who].searches[*n] = rows;
            }
        }
        Ok(all)
    }
}

/// The searches of a group by their words, in the order in which these are met first: who asks each, and which of theirs it is.
fn alike(group: &[Arc<Asked>]) -> Vec<(&str, Vec<(usize, usize)>)> {
    let mut all: Vec<(&str, Vec<(usize, usize)>)> = Vec::new();
    for (who, asked) in group.iter().enumerate() {
        for (n, (_, text, _)) in asked.searches.iter().enumerate() {
            match all.iter_mut().find(|(known, _)| known == text) {
                Some((_, alike)) => alike.push((who, n)),
                None => all.push((text, vec![(who, n)])),
            }
        }
    }
    all
}

/// Nothing is asked about nothing.
async fn unless(
    nothing: bool,
    query: impl Future<Output = Result<Vec<Row>, Error>>,
) -> Result<Vec<Row>, Error> {
    if nothing { Ok(Vec::new()) } else { query.await }
}

/// Where a stream stands; it is 0 for one that nobody has named yet.
fn sequence(row: &Row) -> u64 {
    u64::try_from(row.get::<_, i64>(1)).unwrap_or(0)
}
