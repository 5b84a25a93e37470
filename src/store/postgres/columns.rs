//! Rows as one array a column, which a statement takes whatever their number.

use tokio_postgres::types::ToSql;

use crate::outbox::{Attempt, Outcome, Progress};
use crate::store::row::{Part, Row};
use crate::store::shown::Entry;

/// A value of a statement.
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

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
    status: Option<&'a str>, keys: Option<&'a str>,
});
columns!(
    /// Codes of single resources, with the number of what they are shown with.
    Tokens<'a> { param: i64, code: &'a str, rid: i64, system: i64, shown: i64, }
);
columns!(
    /// References of single resources.
    Links<'a> { param: i64, code: &'a str, rid: i64, }
);
columns!(TokenRuns<'a> {
    param: i64, block: i64, system: i64, bits: i64, low: i16, last: i16, code: &'a str, shown: i64,
});
columns!(LinkRuns<'a> { param: i64, block: i64, bits: i64, low: i16, last: i16, code: &'a str, });
columns!(Texts<'a> { param: i64, folded: &'a str, rid: i64, exact: &'a str, });
columns!(
    /// What codes are shown with, each once.
    Told<'a> { param: i64, folded: &'a str, code: &'a str, system: i64, number: i64, }
);
columns!(Spans<'a> { rid: i64, param: i64, low: i64, high: i64, });
columns!(Parts<'a> {
    rid: i64, param: i64, n: i64, part: i64, code: &'a str, system: i64, unit: &'a str, low: &'a str, high: &'a str,
    base: i64, base_low: &'a str, base_high: &'a str,
});
columns!(Claims<'a> { space: &'a str, key: String, holder: &'a str, digest: &'a [u8], unit: i64, });
columns!(Streams<'a> { patient: &'a str, sequence: i64, });
columns!(Deliveries<'a> {
    seq: i64, id: &'a str, destination: &'a str, kind: &'a str, patient: &'a str, subject: &'a str,
    content_type: &'a str, created_at: i64, act: &'a str,
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

impl<'a> Units<'a> {
    pub(super) fn push(&mut self, number: i64, name: &'a str, (at, high, seq): (i64, i64, i64)) {
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
        self.keys.push(row.keys.as_deref());
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
            &self.keys,
        ]
    }
}

impl Texts<'_> {
    /// In the order of their index.
    pub(super) fn sort(&mut self) {
        let rows = (0..self.rid.len()).map(|n| (self.param[n], self.folded[n], self.rid[n], self.exact[n]));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_unstable();
        *self = Self::default();
        for (param, folded, rid, exact) in rows {
            self.param.push(param);
            self.folded.push(folded);
            self.rid.push(rid);
            self.exact.push(exact);
        }
    }
}

impl<'a> Told<'a> {
    pub(super) fn push(&mut self, (param, folded, code, system, number): Entry<'a>) {
        self.param.push(param);
        self.folded.push(folded);
        self.code.push(code);
        self.system.push(system);
        self.number.push(number);
    }

    /// In the order of their table, each once.
    pub(super) fn sort(&mut self) {
        let of = |n| (self.param[n], self.folded[n], self.code[n], self.system[n], self.number[n]);
        let mut rows: Vec<Entry<'a>> = (0..self.param.len()).map(of).collect();
        rows.sort_unstable();
        rows.dedup();
        *self = Self::default();
        rows.into_iter().for_each(|row| self.push(row));
    }
}

impl<'a> Texts<'a> {
    pub(super) fn push(&mut self, rid: i64, (param, folded, exact): &'a (i64, String, String)) {
        self.param.push(*param);
        self.folded.push(folded);
        self.rid.push(rid);
        self.exact.push(exact);
    }
}

impl Spans<'_> {
    pub(super) fn push(&mut self, rid: i64, (param, low, high): &(i64, i64, i64)) {
        self.rid.push(rid);
        self.param.push(*param);
        self.low.push(*low);
        self.high.push(*high);
    }
}

impl<'a> Parts<'a> {
    pub(super) fn push(&mut self, rid: i64, part: &'a Part) {
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
            Outcome::Refused { reason } | Outcome::Unreachable { reason } | Outcome::Held { reason } => {
                (Some(reason.as_str()), None)
            }
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
