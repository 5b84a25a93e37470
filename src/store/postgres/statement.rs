//! The statements of a group: what is read under the lock, and what is written. One for each table, whatever the
//! number of rows, prepared once for each writing connection.

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Error, Statement};

use super::runs::{LINKS, OLD_LINKS, OLD_TOKENS, TOKENS};

pub(super) const BEGIN: &str = "/* group */ BEGIN ISOLATION LEVEL READ COMMITTED";
pub(super) const COMMIT: &str = "/* group */ COMMIT";
pub(super) const ROLLBACK: &str = "/* group */ ROLLBACK";

/// Whoever holds this row is the only one that writes, in any replica. Each later statement of the transaction
/// sees all that was committed before it got the row.
pub(super) const LOCK: &str =
    "/* lock */ SELECT seq, rid, unit, delivery, latest FROM feed WHERE one = 1 FOR UPDATE";
pub(super) const TURN: &str = "/* turn */ SELECT turn FROM writer WHERE id = $1";
pub(super) const NEW_WRITER: &str = "/* new_writer */ INSERT INTO writer (turn) VALUES (0) RETURNING id";

const CURRENT: &str = "/* current */ SELECT w.n, r.rid, r.version, r.deleted, v.dictionary, v.size, v.body
    FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS w (rtype, id, n)
    JOIN resource r ON r.rtype = w.rtype AND r.id = w.id
    JOIN version v ON v.seq = r.seq";
const STREAMS: &str = "/* streams */ SELECT patient, sequence FROM stream WHERE patient = ANY ($1::text[])";
const CLAIMS: &str = "/* claims */ SELECT w.n, i.holder, i.digest
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w (space, key, n)
    JOIN idempotency i ON i.space = w.space AND i.key = w.key";

/// What is new, which nothing can collide with: to look whether it does would cost as much again.
const WRITE: &str = "/* write */ WITH
    moved AS (UPDATE feed SET seq = $1, rid = $2, unit = $3, delivery = $4, latest = $5 WHERE one = 1),
    turned AS (UPDATE writer SET turn = $7 WHERE id = $6),
    units AS (INSERT INTO unit (number, name, at, high, seq)
      SELECT * FROM unnest($8::bigint[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[])),
    versions AS (INSERT INTO version
        (seq, unit, rtype, rid, version, last_updated, deleted, dictionary, size, dated_place, made, body)
      SELECT * FROM unnest($13::bigint[], $14::bigint[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[],
        $19::smallint[], $20::bigint[], $21::bigint[], $22::bigint[], $23::smallint[], $24::bytea[])),
    resources AS (INSERT INTO resource (rid, rtype, id, seq, version, last_updated, deleted, present, urgency,
        dated_at, dated_to, subject, owner, status, keys)
      SELECT * FROM unnest($25::bigint[], $26::bigint[], $27::text[], $28::bigint[], $29::bigint[], $30::bigint[],
        $31::smallint[], $32::bigint[], $33::bigint[], $34::bigint[], $35::bigint[], $36::text[], $37::text[], $38::text[],
        $39::text[])),
    tokens AS (INSERT INTO token_run (param, block, system, bits, low, last, code, shown)
      SELECT * FROM unnest($40::bigint[], $41::bigint[], $42::bigint[], $43::bigint[], $44::smallint[], $45::smallint[],
        $46::text[], $47::bigint[]))
    INSERT INTO link_run (param, block, bits, low, last, code)
    SELECT * FROM unnest($48::bigint[], $49::bigint[], $50::bigint[], $51::smallint[], $52::smallint[], $53::text[])";
/// Resources that were there before the group.
const CHANGED: &str = "/* changed */ UPDATE resource r SET seq = w.seq, version = w.version, last_updated = w.last_updated,
      deleted = w.deleted, present = w.present, urgency = w.urgency, dated_at = w.dated_at, dated_to = w.dated_to,
      subject = w.subject, owner = w.owner, status = w.status, keys = w.keys
    FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::smallint[],
      $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::text[],
      $15::text[])
      AS w (rid, rtype, id, seq, version, last_updated, deleted, present, urgency, dated_at, dated_to, subject, owner,
      status, keys)
    WHERE r.rid = w.rid";

/// What is not told yet. Nothing is ever taken back: it stays true, and is of no use without a code that has its number.
pub(super) const TOLD: &str = "/* told */ INSERT INTO shown (param, folded, code, system, number)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING";
pub(super) const TEXTS: &str = "/* texts */ INSERT INTO text (param, folded, rid, exact)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[])";
pub(super) const SPANS: &str = "/* spans */ INSERT INTO span (rid, param, low, high)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) ON CONFLICT DO NOTHING";
pub(super) const PARTS: &str = "/* parts */ INSERT INTO part (rid, param, n, part, code, system, unit, low, high, base, base_low, base_high)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[],
      $7::text[], $8::text[], $9::text[], $10::bigint[], $11::text[], $12::text[])";
pub(super) const OLD_PARTS: &str = "/* old_parts */ DELETE FROM part WHERE rid = ANY ($1::bigint[])";
pub(super) const OLD_TEXTS: &str = "/* old_texts */ DELETE FROM text t
    USING unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[]) AS w (param, folded, rid, exact)
    WHERE t.param = w.param AND t.folded = w.folded AND t.rid = w.rid AND t.exact = w.exact";
pub(super) const OLD_SPANS: &str = "/* old_spans */ DELETE FROM span WHERE rid = ANY ($1::bigint[])";
const STREAMED: &str = "/* streamed */ INSERT INTO stream (patient, sequence)
    SELECT * FROM unnest($1::text[], $2::bigint[])
    ON CONFLICT (patient) DO UPDATE SET sequence = excluded.sequence";
const CLAIMED: &str = "/* claimed */ INSERT INTO idempotency (space, key, holder, digest, unit)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::bigint[])";

const DELIVERIES: &str = "/* deliveries */ INSERT INTO delivery (seq, id, destination, kind, patient, subject, content_type,
      created_at, act, due_at, state, open, head, attempts, failures, accepted)
    SELECT w.*, w.created_at, 'pending', true, false, 0, 0, false FROM unnest($1::bigint[], $2::text[], $3::text[],
      $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::text[])
      AS w (seq, id, destination, kind, patient, subject, content_type, created_at, act)";
const PAYLOADS: &str = "/* payloads */ INSERT INTO payload (delivery, dictionary, size, body)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])";
/// An answer that comes after its lease was found expired takes the place of `expired`; any other stays.
/// With them, that their destinations answered: once a minute is enough.
pub(super) const ATTEMPTS: &str = "/* attempts */ WITH answered AS (
      INSERT INTO destination (name, answered_at, answering_since)
      SELECT d.destination, max(w.ended_at), max(w.ended_at)
      FROM unnest($1::bigint[], $4::bigint[], $5::text[]) AS w (delivery, ended_at, outcome)
      JOIN delivery d ON d.seq = w.delivery WHERE w.outcome IN ('accepted', 'refused') GROUP BY d.destination
      ON CONFLICT (name) DO UPDATE SET answered_at = excluded.answered_at,
        answering_since = CASE WHEN excluded.answered_at - destination.answered_at > 900000000
          THEN excluded.answered_at ELSE destination.answering_since END
      WHERE excluded.answered_at - destination.answered_at >= 60000000)
    INSERT INTO attempt
      (delivery, number, started_at, ended_at, outcome, reason, receipt_status, receipt_reference)
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[],
      $8::text[])
    ON CONFLICT (delivery, number) DO UPDATE SET ended_at = excluded.ended_at, outcome = excluded.outcome,
      reason = excluded.reason, receipt_status = excluded.receipt_status,
      receipt_reference = excluded.receipt_reference
    WHERE attempt.outcome = 'expired'";
pub(super) const PROGRESS: &str = "/* progress */ UPDATE delivery d SET state = w.state, open = w.open,
      head = d.head AND w.open, attempts = w.attempts, failures = w.failures, due_at = w.due_at,
      accepted = w.accepted, lease_owner = w.lease_owner, leased_at = w.leased_at, stopped_by = w.stopped_by,
      stopped_reason = w.stopped_reason, stopped_at = w.stopped_at
    FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::bigint[], $5::bigint[], $6::bigint[], $7::boolean[],
      $8::text[], $9::bigint[], $10::text[], $11::text[], $12::bigint[])
      AS w (seq, state, open, attempts, failures, due_at, accepted, lease_owner, leased_at, stopped_by,
      stopped_reason, stopped_at)
    WHERE d.seq = w.seq";
/// A head before which another is open again steps back, unless it is being sent.
const DEMOTE: &str = "/* demote */ UPDATE delivery h SET head = false
    FROM unnest($1::text[], $2::text[]) AS w (destination, patient)
    WHERE h.destination = w.destination AND h.patient = w.patient AND h.head AND h.state <> 'leased'
      AND EXISTS (SELECT 1 FROM delivery o WHERE o.destination = w.destination AND o.patient = w.patient AND o.open
        AND o.seq < h.seq)";
/// Where there is no head, the first open one becomes it.
const PROMOTE: &str = "/* promote */ UPDATE delivery d SET head = true
    FROM unnest($1::text[], $2::text[]) AS w (destination, patient)
    WHERE d.seq = (SELECT o.seq FROM delivery o
        WHERE o.destination = w.destination AND o.patient = w.patient AND o.open ORDER BY o.seq LIMIT 1)
      AND NOT EXISTS (SELECT 1 FROM delivery h
        WHERE h.destination = w.destination AND h.patient = w.patient AND h.head)";
const WAKE: &str = "/* wake */ SELECT pg_notify($1, '')";

/// The prepared statements of one writing connection.
pub(super) struct Statements {
    pub(super) lock: Statement,
    pub(super) turn: Statement,
    pub(super) current: Statement,
    pub(super) streams: Statement,
    pub(super) claims: Statement,
    pub(super) locked_deliveries: Statement,
    pub(super) write: Statement,
    pub(super) changed: Statement,
    pub(super) tokens: Statement,
    pub(super) links: Statement,
    pub(super) told: Statement,
    pub(super) texts: Statement,
    pub(super) spans: Statement,
    pub(super) parts: Statement,
    pub(super) old_tokens: Statement,
    pub(super) old_links: Statement,
    pub(super) old_texts: Statement,
    pub(super) old_spans: Statement,
    pub(super) old_parts: Statement,
    pub(super) streamed: Statement,
    pub(super) claimed: Statement,
    pub(super) deliveries: Statement,
    pub(super) payloads: Statement,
    pub(super) attempts: Statement,
    pub(super) progress: Statement,
    pub(super) demote: Statement,
    pub(super) promote: Statement,
    pub(super) wake: Statement,
}

impl Statements {
    pub(super) async fn prepare(client: &Client) -> Result<Self, Error> {
        let locked = super::delivery::locked();
        let texts = [
            LOCK, TURN, CURRENT, STREAMS, CLAIMS, &locked, WRITE, CHANGED, TOKENS, LINKS, TOLD, TEXTS, SPANS,
            PARTS, OLD_TOKENS, OLD_LINKS, OLD_TEXTS, OLD_SPANS, OLD_PARTS, STREAMED, CLAIMED, DELIVERIES,
            PAYLOADS, ATTEMPTS, PROGRESS, DEMOTE, PROMOTE, WAKE,
        ];
        let all = try_join_all(texts.map(|text| client.prepare(text))).await?;
        let mut all = all.into_iter();
        let mut next = || all.next().expect("as many statements as texts");
        Ok(Self {
            lock: next(),
            turn: next(),
            current: next(),
            streams: next(),
            claims: next(),
            locked_deliveries: next(),
            write: next(),
            changed: next(),
            tokens: next(),
            links: next(),
            told: next(),
            texts: next(),
            spans: next(),
            parts: next(),
            old_tokens: next(),
            old_links: next(),
            old_texts: next(),
            old_spans: next(),
            old_parts: next(),
            streamed: next(),
            claimed: next(),
            deliveries: next(),
            payloads: next(),
            attempts: next(),
            progress: next(),
            demote: next(),
            promote: next(),
            wake: next(),
        })
    }
}
