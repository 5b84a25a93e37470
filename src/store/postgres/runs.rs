//! Codes and references of resources, in runs: a row tells for a block of 64 numbers which of these resources have one.
//!
//! What one response becomes is numbered in a row and has much in common (the patient, the plan, the category), so that runs
//! are a third of the rows that single resources would be. Rows of one block that name the same code never name the same
//! resource. A run is written once; a resource that changes its codes later has them added, or taken, bit by bit.

use tokio_postgres::{Error, Transaction};

use super::columns::{LinkRuns, Links, TokenRuns, Tokens};
use crate::store::row::{BLOCK, Token, is_link};

/// Codes of resources that were there before, unless they have them: while everything is indexed anew, some may be there
/// already. The first of a run may have been taken from it, which is then begun again.
pub(super) const TOKENS: &str = "/* tokens */ INSERT INTO token_run (param, code, block, system, shown, low, last, bits)
    SELECT w.param, w.code, w.rid >> 6, w.system, w.shown, min(w.rid & 63), max(w.rid & 63),
      bit_or(1::bigint << (w.rid & 63)::int)
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS w (param, code, rid, system, shown)
    WHERE NOT EXISTS (SELECT 1 FROM token_run t WHERE t.param = w.param AND t.code = w.code AND t.block = w.rid >> 6
      AND t.system = w.system AND (t.bits >> (w.rid & 63)::int) & 1 = 1)
    GROUP BY w.param, w.code, w.rid >> 6, w.system, w.shown
    ON CONFLICT (param, code, block, system, shown, low) DO UPDATE SET bits = token_run.bits | excluded.bits,
      last = greatest(token_run.last, excluded.last)";
/// The same for references.
pub(super) const LINKS: &str = "/* links */ INSERT INTO link_run (param, code, block, low, last, bits)
    SELECT w.param, w.code, w.rid >> 6, min(w.rid & 63), max(w.rid & 63), bit_or(1::bigint << (w.rid & 63)::int)
    FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS w (param, code, rid)
    WHERE NOT EXISTS (SELECT 1 FROM link_run t WHERE t.code = w.code AND t.param = w.param AND t.block = w.rid >> 6
      AND (t.bits >> (w.rid & 63)::int) & 1 = 1)
    GROUP BY w.param, w.code, w.rid >> 6
    ON CONFLICT (code, param, block, low) DO UPDATE SET bits = link_run.bits | excluded.bits,
      last = greatest(link_run.last, excluded.last)";
/// Takes codes from resources, unless they are shown with what has that number; a run of which nothing is left goes.
pub(super) const OLD_TOKENS: &str = "/* old_tokens */ WITH taken AS (
      SELECT t.param, t.code, t.block, t.system, t.shown, t.low, bit_or(1::bigint << (w.rid & 63)::int) AS bits
      FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[]) AS w (param, code, rid, system, shown)
      JOIN token_run t ON t.param = w.param AND t.code = w.code AND t.block = w.rid >> 6 AND t.system = w.system
        AND t.shown <> w.shown AND (t.bits >> (w.rid & 63)::int) & 1 = 1
      GROUP BY t.param, t.code, t.block, t.system, t.shown, t.low),
    gone AS (DELETE FROM token_run t USING taken w WHERE t.param = w.param AND t.code = w.code AND t.block = w.block
      AND t.system = w.system AND t.shown = w.shown AND t.low = w.low AND t.bits & ~w.bits = 0)
    UPDATE token_run t SET bits = t.bits & ~w.bits FROM taken w
    WHERE t.param = w.param AND t.code = w.code AND t.block = w.block AND t.system = w.system
      AND t.shown = w.shown AND t.low = w.low AND t.bits & ~w.bits <> 0";
/// In place of a number: a code is taken whatever it is shown with.
pub(super) const HOWEVER_SHOWN: i64 = -1;
/// The same for references.
pub(super) const OLD_LINKS: &str = "/* old_links */ WITH taken AS (
      SELECT w.param, w.code, w.rid >> 6 AS block, bit_or(1::bigint << (w.rid & 63)::int) AS bits
      FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS w (param, code, rid)
      GROUP BY w.param, w.code, w.rid >> 6),
    gone AS (DELETE FROM link_run t USING taken w WHERE t.code = w.code AND t.param = w.param AND t.block = w.block
      AND t.bits & ~w.bits = 0)
    UPDATE link_run t SET bits = t.bits & ~w.bits FROM taken w
    WHERE t.code = w.code AND t.param = w.param AND t.block = w.block
      AND t.bits & w.bits <> 0 AND t.bits & ~w.bits <> 0";

/// Codes and references of single resources, for the statements above.
#[derive(Default)]
pub(super) struct Singles<'a> {
    pub(super) tokens: Tokens<'a>,
    pub(super) links: Links<'a>,
}

impl<'a> Singles<'a> {
    /// With the number of what the code is shown with, which references have not.
    pub(super) fn push(&mut self, rid: i64, (param, code, system): &'a Token, shown: i64) {
        if is_link(*param) {
            self.links.param.push(*param);
            self.links.code.push(code);
            self.links.rid.push(rid);
        } else {
            self.tokens.param.push(*param);
            self.tokens.code.push(code);
            self.tokens.rid.push(rid);
            self.tokens.system.push(*system);
            self.tokens.shown.push(shown);
        }
    }
}

/// Codes and references of new resources.
#[derive(Default)]
pub(super) struct New<'a>(Vec<(&'a Token, i64, i64)>);

/// What is put into the tables for them.
#[derive(Default)]
pub(super) struct Runs<'a> {
    pub(super) tokens: TokenRuns<'a>,
    pub(super) links: LinkRuns<'a>,
}

impl<'a> New<'a> {
    /// With the number of what the code is shown with.
    pub(super) fn push(&mut self, rid: i64, token: &'a Token, shown: i64) {
        self.0.push((token, shown, rid));
    }

    /// In runs, in the order of their index: rows that are put in side by side cost half as much.
    pub(super) fn together(mut self) -> Runs<'a> {
        self.0.sort_unstable();
        let mut runs: Vec<Run<'a>> = Vec::new();
        for (token, shown, rid) in self.0 {
            if !runs.last_mut().is_some_and(|run| run.takes((token, shown), rid)) {
                runs.push(Run::of((token, shown), rid));
            }
        }
        let (mut links, tokens): (Vec<_>, Vec<_>) = runs.into_iter().partition(|run| is_link(run.token.0));
        links.sort_unstable_by_key(|run| (run.token.1.as_str(), run.token.0, run.block));
        let mut all = Runs::default();
        tokens.iter().for_each(|run| run.put_token(&mut all.tokens));
        links.iter().for_each(|run| run.put_link(&mut all.links));
        all
    }
}

/// The resources of one block that have a code, or refer somewhere, and were written together.
struct Run<'t> {
    token: &'t Token,
    /// The number of what it is shown with.
    shown: i64,
    block: i64,
    /// Place of the first and of the last resource in the block.
    low: i16,
    last: i16,
    /// Bit n stands for the place n.
    bits: i64,
}

/// The place of a resource in its block.
fn place(rid: i64) -> i16 {
    i16::try_from(rid.rem_euclid(BLOCK)).expect("less than 64")
}

impl<'t> Run<'t> {
    fn of((token, shown): (&'t Token, i64), rid: i64) -> Self {
        let place = place(rid);
        Self { token, shown, block: rid.div_euclid(BLOCK), low: place, last: place, bits: 1 << place }
    }

    /// Takes one resource more, if it is of the same block and has the same code, shown the same; they come in their order.
    fn takes(&mut self, coded: (&Token, i64), rid: i64) -> bool {
        let fits = rid.div_euclid(BLOCK) == self.block && coded == (self.token, self.shown);
        if fits {
            self.last = place(rid);
            self.bits |= 1 << self.last;
        }
        fits
    }

    fn put_token(&self, rows: &mut TokenRuns<'t>) {
        let (param, code, system) = self.token;
        rows.param.push(*param);
        rows.block.push(self.block);
        rows.system.push(*system);
        rows.bits.push(self.bits);
        rows.low.push(self.low);
        rows.last.push(self.last);
        rows.code.push(code);
        rows.shown.push(self.shown);
    }

    fn put_link(&self, rows: &mut LinkRuns<'t>) {
        let (param, code, _) = self.token;
        rows.param.push(*param);
        rows.block.push(self.block);
        rows.bits.push(self.bits);
        rows.low.push(self.low);
        rows.last.push(self.last);
        rows.code.push(code);
    }
}

/// Deletes some rows of codes of these parameters; how many there were.
pub(super) async fn clear_tokens(
    transaction: &Transaction<'_>,
    changed: &[i64],
    rows: i64,
) -> Result<i64, Error> {
    let delete = "/* clear_tokens */ DELETE FROM token_run WHERE (param, code, block, system, shown, low) IN
           (SELECT param, code, block, system, shown, low FROM token_run WHERE param = ANY ($1::bigint[]) LIMIT $2)";
    Ok(i64::try_from(transaction.execute(delete, &[&changed, &rows]).await?).unwrap_or(rows))
}

/// Where a walk along the references is: the last row that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LinkPlace {
    code: String,
    param: i64,
    block: i64,
    low: i16,
}

/// Deletes the rows of these parameters among the next references; where that ended, and nothing at the end.
pub(super) async fn clear_links(
    transaction: &Transaction<'_>,
    changed: &[i64],
    after: &LinkPlace,
    rows: i64,
) -> Result<Option<LinkPlace>, Error> {
    let delete = "/* clear_links */ WITH next AS MATERIALIZED (
             SELECT code, param, block, low FROM link_run WHERE (code, param, block, low) > ($1, $2, $3, $4)
             ORDER BY code, param, block, low LIMIT $5),
           gone AS (DELETE FROM link_run l USING next n
             WHERE l.code = n.code AND l.param = n.param AND l.block = n.block AND l.low = n.low
               AND n.param = ANY ($6::bigint[]))
         SELECT code, param, block, low FROM next ORDER BY code DESC, param DESC, block DESC, low DESC LIMIT 1";
    let LinkPlace { code, param, block, low } = after;
    let last = transaction.query_opt(delete, &[code, param, block, low, &rows, &changed]).await?;
    Ok(last.map(|row| LinkPlace { code: row.get(0), param: row.get(1), block: row.get(2), low: row.get(3) }))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use tokio_postgres::Client;

    use super::*;
    use crate::fhir::search::{Kind, parameters};
    use crate::store::postgres::migration;
    use crate::store::row::param;

    async fn empty() -> Option<Client> {
        let mut client = migration::tests::older(0).await?;
        migration::migrate(&mut client).await.unwrap();
        Some(client)
    }

    /// The numbers of two parameters that are references.
    fn links() -> [i64; 2] {
        let links = parameters("Observation")
            .iter()
            .filter(|one| one.kind == Kind::Reference && one.column.is_none());
        let links: Vec<i64> = links.map(param).collect();
        [links[0], links[1]]
    }

    /// Parameter, code, resource and system; and what it is shown with.
    type All = BTreeMap<(i64, String, i64, i64), i64>;

    async fn all(client: &Client) -> All {
        let select = "SELECT t.param, t.code, t.block * 64 + p.n, t.system, t.shown FROM token_run t CROSS JOIN place p
              WHERE p.n BETWEEN t.low AND t.last AND (t.bits >> p.n) & 1 = 1
            UNION ALL SELECT param, code, rid, 0, 0 FROM link";
        let rows = client.query(select, &[]).await.unwrap();
        let of = |row: &tokio_postgres::Row| ((row.get(0), row.get(1), row.get(2), row.get(3)), row.get(4));
        let all: All = rows.iter().map(of).collect();
        assert_eq!(rows.len(), all.len(), "each once");
        let view = client.query_one("SELECT count(*) FROM token", &[]).await.unwrap().get::<_, i64>(0);
        let links = count(client, "link").await;
        assert_eq!(view + links, i64::try_from(all.len()).unwrap(), "and so do the views");
        all
    }

    async fn count(client: &Client, table: &str) -> i64 {
        client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap().get(0)
    }

    async fn insert(client: &Client, tokens: &[(Token, Vec<i64>)]) {
        let mut new = New::default();
        for (token, rids) in tokens {
            rids.iter().for_each(|rid| new.push(*rid, token, 0));
        }
        let runs = new.together();
        let into_tokens = "INSERT INTO token_run (param, block, system, bits, low, last, code, shown)
            SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::smallint[], $7::text[],
              $8::bigint[])";
        client.execute(into_tokens, &runs.tokens.columns()).await.unwrap();
        let into_links = "INSERT INTO link_run (param, block, bits, low, last, code)
            SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::smallint[], $5::smallint[], $6::text[])";
        client.execute(into_links, &runs.links.columns()).await.unwrap();
    }

    fn kept(token: &Token, rid: i64) -> (i64, String, i64, i64) {
        (token.0, token.1.clone(), rid, token.2)
    }

    #[tokio::test]
    async fn what_is_written_together_is_one_row_a_block() {
        let Some(client) = empty().await else { return };
        let (code, target) = ((7, "final".to_owned(), 1), (links()[0], "CarePlan/c".to_owned(), 0));
        // Of the blocks 0, 1 and 2; the last of a block and the first of the next one too, and one twice.
        let rids = [60, 62, 63, 64, 70, 127, 128];
        let twice: Vec<i64> = rids.into_iter().chain([70]).collect();
        insert(&client, &[(code.clone(), twice.clone()), (target.clone(), twice)]).await;
        assert_eq!((count(&client, "token_run").await, count(&client, "link_run").await), (3, 3));
        let expected = rids.iter().flat_map(|&rid| [(kept(&code, rid), 0), (kept(&target, rid), 0)]);
        assert_eq!(all(&client).await, expected.collect());
    }

    #[tokio::test]
    async fn whatever_is_added_and_removed_is_there_once_or_not_at_all() {
        let Some(client) = empty().await else { return };
        let tokens = [
            (7, "a".to_owned(), 0),
            (7, "a".to_owned(), -5),
            (7, "b".to_owned(), 0),
            (links()[0], "Patient/p".to_owned(), 0),
        ];
        let together: Vec<_> = tokens.iter().map(|token| (token.clone(), (3..70).collect())).collect();
        insert(&client, &together).await;
        let mut expected: All =
            tokens.iter().flat_map(|token| (3..70).map(move |rid| (kept(token, rid), 0))).collect();
        // A row of numbers that looks like chance and is the same each time.
        let mut state = 1_u64;
        let mut next = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for step in 0..120_i64 {
            // What a group changes: some twice, and some that are there, or are not, already.
            let adds = next(2) == 0;
            let mut singles = Singles::default();
            for _ in 0..=next(20) {
                let token = &tokens[usize::try_from(next(4)).unwrap()];
                let rid = i64::try_from(next(140)).unwrap();
                let one = kept(token, rid);
                if adds {
                    let shown = if token.0 == 7 { (rid + step) % 3 } else { 0 };
                    singles.push(rid, token, shown);
                    expected.insert(one, shown);
                } else {
                    singles.push(rid, token, HOWEVER_SHOWN);
                    expected.remove(&one);
                }
            }
            // What is there and shown with something else goes, and comes again.
            client.execute(OLD_TOKENS, &singles.tokens.columns()).await.unwrap();
            if adds {
                client.execute(TOKENS, &singles.tokens.columns()).await.unwrap();
            }
            let of_links = if adds { LINKS } else { OLD_LINKS };
            client.execute(of_links, &singles.links.columns()).await.unwrap();
            assert_eq!(all(&client).await, expected, "after step {step}");
        }
        let mut singles = Singles::default();
        for (token, rid) in tokens.iter().flat_map(|token| (0..140).map(move |rid| (token, rid))) {
            singles.push(rid, token, HOWEVER_SHOWN);
        }
        client.execute(OLD_TOKENS, &singles.tokens.columns()).await.unwrap();
        client.execute(OLD_LINKS, &singles.links.columns()).await.unwrap();
        let left = (count(&client, "token_run").await, count(&client, "link_run").await);
        assert_eq!(left, (0, 0), "no row without a resource");
    }

    #[tokio::test]
    async fn only_changed_parameters_are_cleared_piece_by_piece() {
        let Some(mut client) = empty().await else { return };
        let [gone, kept] = links();
        let of = |param: i64| (0..30).map(move |n| ((param, format!("Patient/{n:02}"), 0), vec![n]));
        let tokens: Vec<(Token, Vec<i64>)> = [gone, kept, 7, 8].into_iter().flat_map(of).collect();
        insert(&client, &tokens).await;
        let transaction = client.transaction().await.unwrap();
        let mut place = LinkPlace::default();
        while let Some(next) = clear_links(&transaction, &[gone, 7], &place, 7).await.unwrap() {
            place = next;
        }
        while clear_tokens(&transaction, &[gone, 7], 7).await.unwrap() == 7 {}
        transaction.commit().await.unwrap();
        let left: BTreeSet<i64> = all(&client).await.into_keys().map(|(param, ..)| param).collect();
        assert_eq!((left, count(&client, "link_run").await), (BTreeSet::from([8, kept]), 30));
    }
}
