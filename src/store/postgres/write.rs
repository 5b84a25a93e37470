//! The changes of a group as one array a column.

use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use super::changes::Changes;
use super::prepared::key;
use super::statement::Statements;
use crate::outbox::{Attempt, Outcome, Progress};
use crate::store::row::{Part, Row};

type Parameter<'a> = &'a (dyn ToSql + Sync);

/// A table's rows, column by column.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident<$life:lifetime> { $($column:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Default)]
        pub(super) struct $name<$life> {
            $(pub(super) $column: Vec<$kind>,)*
            none: std::marker::PhantomData<&$life ()>,
        }

        impl<$life> $name<$life> {
            pub(super) fn columns(&self) -> Vec<Parameter<'_>> {
                vec![$(&self.$column,)*]
            }
        }
    };
}

columns!(Units<'a> { number: i64, name: &'a str, at: i64, high: i64, seq: i64, });
columns!(Versions<'a> {
    seq: i64, unit: i64, rtype: i64, rid: i64, version: i64, last_updated: i64, deleted: i16, dictionary: i64,
    size: i64, dated_place: i64, made: i16, body: &'a [u8],
});
columns!(Resources<'a> {
    rid: i64, rtype: i64, id: &'a str, seq: i64, version: i64, last_updated: i64, deleted: i16, present: i64,
    urgency: i64, dated_at: i64, dated_to: i64, subject: Option<&'a str>, owner: Option<&'a str>,
    status: Option<&'a str>,
});
columns!(Tokens<'a> { param: i64, code: &'a str, rid: i64, system: i64, });
columns!(Texts<'a> { param: i64, folded: &'a str, rid: i64, exact: &'a str, });
columns!(Spans<'a> { rid: i64, param: i64, low: i64, high: i64, });
columns!(Parts<'a> {
    rid: i64, param: i64, n: i64, part: i64, code: &'a str, system: i64, unit: &'a str, low: &'a str, high: &'a str,
    base: i64, base_low: &'a str, base_high: &'a str,
});
columns!(Claims<'a> { space: &'a str, key: String, holder: &'a str, digest: &'a [u8], unit: i64, });
columns!(Streams<'a> { patient: &'a str, sequence: i64, });
columns!(Deliveries<'a> {
    seq: i64, id: &'a str, destination: &'a str, kind: &'a str, patient: &'a str, subject: &'a str,
    content_type: &'a str, created_at: i64,
});
columns!(Payloads<'a> { delivery: i64, dictionary: i64, size: i64, body: &'a [u8], });
columns!(
    /// Attempts, as the statement of that name takes them.
    Attempts<'a> {
        delivery: i64, number: i64, started_at: i64, ended_at: i64, outcome: &'a str, reason: Option<&'a str>,
        receipt_status: Option<&'a str>, receipt_reference: Option<&'a str>,
    }
);
columns!(
    /// Where deliveries stand, as the statement of that name takes it.
    Standing<'a> {
        seq: i64, state: &'a str, open: bool, attempts: i64, failures: i64, due_at: i64, accepted: bool,
        lease_owner: Option<&'a str>, leased_at: Option<i64>, stopped_by: Option<&'a str>,
        stopped_reason: Option<&'a str>, stopped_at: Option<i64>,
    }
);
columns!(Pairs<'a> { destination: &'a str, patient: &'a str, });

/// All tables.
#[derive(Default)]
pub(super) struct Rows<'a> {
    units: Units<'a>,
    versions: Versions<'a>,
    resources: Resources<'a>,
    pub(super) tokens: Tokens<'a>,
    pub(super) texts: Texts<'a>,
    pub(super) spans: Spans<'a>,
    pub(super) parts: Parts<'a>,
    old_tokens: Tokens<'a>,
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
            let (row, rows) = (touched.row, &mut self.resources);
            rows.rid.push(touched.rid);
            rows.rtype.push(touched.rtype);
            rows.id.push(&touched.write.id);
            rows.seq.push(touched.seq);
            rows.version.push(i64::try_from(touched.write.version).unwrap_or(i64::MAX));
            rows.last_updated.push(touched.at);
            rows.deleted.push(i16::from(touched.write.deleted));
            rows.put(row);
            self.put_entries(touched.rid, touched.old.as_ref(), row);
        }
    }

    /// What the resource is no longer found by, and what it is newly found by.
    pub(super) fn put_entries(&mut self, rid: i64, old: Option<&'a Row>, new: &'a Row) {
        let (old_tokens, old_texts) = old.map_or((&[][..], &[][..]), |old| (&old.tokens, &old.texts));
        let (old_spans, old_parts) = old.map_or((&[][..], &[][..]), |old| (&old.spans, &old.parts));
        for token in new.tokens.iter().filter(|token| !old_tokens.contains(token)) {
            self.tokens.push(rid, token);
        }
        for token in old_tokens.iter().filter(|token| !new.tokens.contains(token)) {
            self.old_tokens.push(rid, token);
        }
        for (n, text) in new.texts.iter().enumerate() {
            if !old_texts.contains(text) && !new.texts[..n].contains(text) {
                self.texts.push(rid, text);
            }
        }
        for text in old_texts.iter().filter(|text| !new.texts.contains(text)) {
            self.old_texts.push(rid, text);
        }
        if old_spans != new.spans {
            self.old_spans.push(rid);
            new.spans.iter().for_each(|span| self.spans.push(rid, span));
        }
        if old_parts != new.parts {
            self.old_parts.push(rid);
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
            self.payloads.delivery.push(*seq);
            self.payloads.dictionary.push(payload.dictionary);
            self.payloads.size.push(number(payload.size));
            self.payloads.body.push(&payload.bytes);
        }
    }

    /// The parameters of the first statement, after its numbers.
    pub(super) fn foundation(&self) -> Vec<Parameter<'_>> {
        [self.units.columns(), self.versions.columns(), self.resources.columns(), self.tokens.columns()]
            .concat()
    }

    /// The other statements that have something to do, in their order.
    pub(super) fn requests<'s>(
        &'s self,
        statements: &'s Statements,
    ) -> Vec<(&'s Statement, Vec<Parameter<'s>>)> {
        let all: [(bool, &Statement, Vec<Parameter<'_>>); 15] = [
            (self.old_tokens.rid.is_empty(), &statements.old_tokens, self.old_tokens.columns()),
            (self.old_texts.rid.is_empty(), &statements.old_texts, self.old_texts.columns()),
            (self.old_spans.is_empty(), &statements.old_spans, vec![&self.old_spans]),
            (self.old_parts.is_empty(), &statements.old_parts, vec![&self.old_parts]),
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

impl<'a> Units<'a> {
    fn push(&mut self, number: i64, name: &'a str, (at, high, seq): (i64, i64, i64)) {
        self.number.push(number);
        self.name.push(name);
        self.at.push(at);
        self.high.push(high);
        self.seq.push(seq);
    }
}

impl<'a> Resources<'a> {
    /// The single values.
    pub(super) fn put(&mut self, row: &'a Row) {
        self.present.push(row.present);
        self.urgency.push(row.urgency);
        self.dated_at.push(row.dated_at);
        self.dated_to.push(row.dated_to);
        self.subject.push(row.subject.as_deref());
        self.owner.push(row.owner.as_deref());
        self.status.push(row.status.as_deref());
    }

    /// The numbers and the single values, as indexing anew takes them.
    pub(super) fn singles(&self) -> Vec<Parameter<'_>> {
        vec![
            &self.rid,
            &self.present,
            &self.urgency,
            &self.dated_at,
            &self.dated_to,
            &self.subject,
            &self.owner,
            &self.status,
        ]
    }
}

impl<'a> Tokens<'a> {
    fn push(&mut self, rid: i64, (param, code, system): &'a (i64, String, i64)) {
        self.param.push(*param);
        self.code.push(code);
        self.rid.push(rid);
        self.system.push(*system);
    }
}

impl<'a> Texts<'a> {
    fn push(&mut self, rid: i64, (param, folded, exact): &'a (i64, String, String)) {
        self.param.push(*param);
        self.folded.push(folded);
        self.rid.push(rid);
        self.exact.push(exact);
    }
}

impl Spans<'_> {
    fn push(&mut self, rid: i64, (param, low, high): &(i64, i64, i64)) {
        self.rid.push(rid);
        self.param.push(*param);
        self.low.push(*low);
        self.high.push(*high);
    }
}

impl<'a> Parts<'a> {
    fn push(&mut self, rid: i64, part: &'a Part) {
        self.rid.push(rid);
        self.param.push(part.param);
        self.n.push(part.n);
        self.part.push(part.part);
        self.code.push(&part.code);
        self.system.push(part.system);
        self.unit.push(&part.unit);
        self.low.push(&part.low);
        self.high.push(&part.high);
        self.base.push(part.base);
        self.base_low.push(&part.base_low);
        self.base_high.push(&part.base_high);
    }
}

impl<'a> Attempts<'a> {
    pub(super) fn push(&mut self, delivery: i64, attempt: &'a Attempt) {
        let (reason, receipt) = match &attempt.outcome {
            Outcome::Accepted(receipt) => (None, Some(receipt)),
            Outcome::Refused { reason } | Outcome::Unreachable { reason } => (Some(reason.as_str()), None),
            Outcome::Expired => (None, None),
        };
        self.delivery.push(delivery);
        self.number.push(i64::from(attempt.number));
        self.started_at.push(attempt.started_at.as_microsecond());
        self.ended_at.push(attempt.ended_at.as_microsecond());
        self.outcome.push(attempt.outcome.code());
        self.reason.push(reason);
        self.receipt_status.push(receipt.map(|receipt| receipt.status.as_str()));
        self.receipt_reference.push(receipt.and_then(|receipt| receipt.reference.as_deref()));
    }
}

impl<'a> Standing<'a> {
    pub(super) fn push(&mut self, seq: i64, progress: &'a Progress) {
        let (lease, stop) = (progress.lease.as_ref(), progress.stop.as_ref());
        self.seq.push(seq);
        self.state.push(progress.state.code());
        self.open.push(progress.state.is_open());
        self.attempts.push(i64::from(progress.attempts));
        self.failures.push(i64::from(progress.failures));
        self.due_at.push(progress.due_at.as_microsecond());
        self.accepted.push(progress.accepted);
        self.lease_owner.push(lease.map(|(owner, _)| owner.as_str()));
        self.leased_at.push(lease.map(|(_, at)| at.as_microsecond()));
        self.stopped_by.push(stop.map(|stop| stop.by.as_str()));
        self.stopped_reason.push(stop.map(|stop| stop.reason.as_str()));
        self.stopped_at.push(stop.map(|stop| stop.at.as_microsecond()));
    }
}
