//! The changes of a group, gathered for the statement of each table.

use tokio_postgres::Statement;

use super::changes::Changes;
use super::columns::{
    Attempts, Claims, Deliveries, Pairs, Parameter, Parts, Payloads, Resources, Spans, Standing, Streams,
    Texts, Told, Units, Versions,
};
use super::prepared::{Indexed, key};
use super::runs::{HOWEVER_SHOWN, New, Runs, Singles};
use super::statement::Statements;
use crate::store::row::Row;
use crate::store::shown::Shown;

/// All tables.
#[derive(Default)]
pub(super) struct Rows<'a> {
    units: Units<'a>,
    versions: Versions<'a>,
    resources: Resources<'a>,
    changed: Resources<'a>,
    new_codes: New<'a>,
    runs: Runs<'a>,
    pub(super) codes: Singles<'a>,
    pub(super) told: Told<'a>,
    pub(super) texts: Texts<'a>,
    pub(super) spans: Spans<'a>,
    pub(super) parts: Parts<'a>,
    old_codes: Singles<'a>,
    old_texts: Texts<'a>,
    old_spans: Vec<i64>,
    old_parts: Vec<i64>,
    claims: Claims<'a>,
    streams: Streams<'a>,
    deliveries: Deliveries<'a>,
    payloads: Payloads<'a>,
    attempts: Attempts<'a>,
    standing: Standing<'a>,
    pairs: Pairs<'a>,
}

impl<'a> Rows<'a> {
    pub(super) fn of(changes: &'a Changes<'a>) -> Self {
        let mut rows = Self::default();
        for unit in &changes.units {
            rows.units.push(unit.number, unit.name, (unit.at, unit.high, unit.seq));
        }
        rows.put_versions(changes);
        rows.put_resources(changes);
        for (space, claim, holder, digest, unit) in &changes.claims {
            rows.claims.space.push(space);
            rows.claims.key.push(key(claim).into_owned());
            rows.claims.holder.push(holder);
            rows.claims.digest.push(digest);
            rows.claims.unit.push(*unit);
        }
        for (patient, sequence) in &changes.streams {
            rows.streams.patient.push(patient);
            rows.streams.sequence.push(*sequence);
        }
        rows.put_deliveries(changes);
        for ((delivery, _), attempt) in &changes.attempts {
            rows.attempts.push(*delivery, attempt);
        }
        for (seq, progress) in &changes.progress {
            rows.standing.push(*seq, progress);
        }
        for (destination, patient) in &changes.pairs {
            rows.pairs.destination.push(destination);
            rows.pairs.patient.push(patient);
        }
        rows
    }

    fn put_versions(&mut self, changes: &'a Changes<'a>) {
        let rows = &mut self.versions;
        for version in &changes.versions {
            let write = version.write;
            rows.seq.push(version.seq);
            rows.unit.push(version.unit);
            rows.rtype.push(version.rtype);
            rows.rid.push(version.rid);
            rows.version.push(version.version);
            rows.last_updated.push(version.at);
            rows.deleted.push(i16::from(write.deleted));
            rows.dictionary.push(write.body.dictionary);
            rows.size.push(number(write.body.size));
            rows.dated_place.push(number(write.dated_place));
            rows.made.push(write.made.code());
            rows.body.push(&write.body.bytes);
        }
    }

    fn put_resources(&mut self, changes: &'a Changes<'a>) {
        for touched in changes.touched() {
            let (row, shown) = (&touched.indexed.row, &touched.indexed.shown);
            let rows = if touched.is_new { &mut self.resources } else { &mut self.changed };
            rows.rid.push(touched.rid);
            rows.rtype.push(touched.rtype);
            rows.id.push(&touched.write.id);
            rows.seq.push(touched.seq);
            rows.version.push(i64::try_from(touched.write.version).unwrap_or(i64::MAX));
            rows.last_updated.push(touched.at);
            rows.deleted.push(i16::from(touched.write.deleted));
            rows.put(row);
            if touched.is_new {
                for (k, token) in row.tokens.iter().enumerate() {
                    self.new_codes.push(touched.rid, token, shown.number(k));
                }
                self.put_texts(touched.rid, None, touched.indexed);
                self.put_others(touched.rid, None, row, true);
            } else {
                self.put_entries(touched.rid, touched.old.as_deref(), touched.indexed);
            }
        }
        self.runs = std::mem::take(&mut self.new_codes).together();
        self.sort();
    }

    /// In the order of their indexes.
    pub(super) fn sort(&mut self) {
        self.told.sort();
        self.texts.sort();
    }

    /// What the resource is no longer found by, and what it is newly found by.
    pub(super) fn put_entries(&mut self, rid: i64, old: Option<&'a Row>, indexed: &'a Indexed) {
        let (new, shown) = (&indexed.row, &indexed.shown);
        let old_shown = old.map(Shown::of).unwrap_or_default();
        let before = old.map_or(&[][..], |old| &old.tokens);
        for (k, token) in new.tokens.iter().enumerate() {
            match before.iter().position(|old| old == token) {
                Some(known) if old_shown.number(known) == shown.number(k) => continue,
                // It is shown with something else.
                Some(_) => self.old_codes.push(rid, token, HOWEVER_SHOWN),
                None => {}
            }
            self.codes.push(rid, token, shown.number(k));
        }
        for token in before.iter().filter(|token| !new.tokens.contains(token)) {
            self.old_codes.push(rid, token, HOWEVER_SHOWN);
        }
        self.put_texts(rid, old.map(|old| (old, &old_shown)), indexed);
        self.put_others(rid, old, new, false);
    }

    /// Texts that no code tells have rows of their own. What a code tells now may have had one, from before codes did.
    fn put_texts(&mut self, rid: i64, old: Option<(&'a Row, &Shown)>, indexed: &'a Indexed) {
        let (new, shown) = (&indexed.row.texts, &indexed.shown);
        let before = old.map_or(&[][..], |(old, _)| &old.texts);
        for (n, text) in new.iter().enumerate() {
            let known = before.iter().position(|old| old == text);
            let was_told = known.zip(old).is_some_and(|(known, (_, shown))| shown.tells(known));
            let entry = shown.entry(&indexed.row, n);
            if let Some(entry) = entry {
                self.told.push(entry);
            }
            if known.is_some() && entry.is_some() != was_told {
                self.old_texts.push(rid, text);
            }
            if entry.is_none() && (known.is_none() || was_told) && !new[..n].contains(text) {
                self.texts.push(rid, text);
            }
        }
        for text in before.iter().filter(|text| !new.contains(text)) {
            self.old_texts.push(rid, text);
        }
    }

    /// Dates and measured values. Of what is new, nothing has to be taken away.
    fn put_others(&mut self, rid: i64, old: Option<&'a Row>, new: &'a Row, is_new: bool) {
        let (old_spans, old_parts) = old.map_or((&[][..], &[][..]), |old| (&old.spans, &old.parts));
        if old_spans != new.spans {
            self.old_spans.extend((!is_new).then_some(rid));
            new.spans.iter().for_each(|span| self.spans.push(rid, span));
        }
        if old_parts != new.parts {
            self.old_parts.extend((!is_new).then_some(rid));
            new.parts.iter().for_each(|part| self.parts.push(rid, part));
        }
    }

    fn put_deliveries(&mut self, changes: &'a Changes<'a>) {
        for (seq, delivery, payload) in &changes.deliveries {
            let rows = &mut self.deliveries;
            rows.seq.push(*seq);
            rows.id.push(&delivery.id);
            rows.destination.push(&delivery.destination);
            rows.kind.push(&delivery.kind);
            rows.patient.push(&delivery.patient);
            rows.subject.push(&delivery.subject);
            rows.content_type.push(&delivery.content_type);
            rows.created_at.push(delivery.created_at.as_microsecond());
            rows.act.push(delivery.act.code());
            self.payloads.delivery.push(*seq);
            self.payloads.dictionary.push(payload.dictionary);
            self.payloads.size.push(number(payload.size));
            self.payloads.body.push(&payload.bytes);
        }
    }

    /// The parameters of the first statement, after its numbers.
    pub(super) fn foundation(&self) -> Vec<Parameter<'_>> {
        [
            self.units.columns(),
            self.versions.columns(),
            self.resources.columns(),
            self.runs.tokens.columns(),
            self.runs.links.columns(),
        ]
        .concat()
    }

    /// The other statements that have something to do, in their order.
    pub(super) fn requests<'s>(
        &'s self,
        statements: &'s Statements,
    ) -> Vec<(&'s Statement, Vec<Parameter<'s>>)> {
        let all: [(bool, &Statement, Vec<Parameter<'_>>); 20] = [
            (self.changed.rid.is_empty(), &statements.changed, self.changed.columns()),
            (self.old_codes.tokens.rid.is_empty(), &statements.old_tokens, self.old_codes.tokens.columns()),
            (self.old_codes.links.rid.is_empty(), &statements.old_links, self.old_codes.links.columns()),
            (self.old_texts.rid.is_empty(), &statements.old_texts, self.old_texts.columns()),
            (self.old_spans.is_empty(), &statements.old_spans, vec![&self.old_spans]),
            (self.old_parts.is_empty(), &statements.old_parts, vec![&self.old_parts]),
            (self.codes.tokens.rid.is_empty(), &statements.tokens, self.codes.tokens.columns()),
            (self.codes.links.rid.is_empty(), &statements.links, self.codes.links.columns()),
            (self.told.param.is_empty(), &statements.told, self.told.columns()),
            (self.texts.rid.is_empty(), &statements.texts, self.texts.columns()),
            (self.spans.rid.is_empty(), &statements.spans, self.spans.columns()),
            (self.parts.rid.is_empty(), &statements.parts, self.parts.columns()),
            (self.claims.key.is_empty(), &statements.claimed, self.claims.columns()),
            (self.streams.patient.is_empty(), &statements.streamed, self.streams.columns()),
            (self.deliveries.seq.is_empty(), &statements.deliveries, self.deliveries.columns()),
            (self.payloads.delivery.is_empty(), &statements.payloads, self.payloads.columns()),
            (self.attempts.delivery.is_empty(), &statements.attempts, self.attempts.columns()),
            (self.standing.seq.is_empty(), &statements.progress, self.standing.columns()),
            (self.pairs.patient.is_empty(), &statements.demote, self.pairs.columns()),
            (self.pairs.patient.is_empty(), &statements.promote, self.pairs.columns()),
        ];
        all.into_iter()
            .filter(|(empty, _, _)| !empty)
            .map(|(_, statement, values)| (statement, values))
            .collect()
    }
}

fn number(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
