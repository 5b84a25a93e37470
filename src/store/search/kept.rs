//! How the codes and references of resources are kept: a row for those of a block of 64 numbers that have one and were written
//! together, and references apart (`src/store/sqlite/runs.rs`, `src/store/postgres/runs.rs`). Bits are counted from the first of a
//! run in SQLite, from the first of its block in PostgreSQL.

use super::plan::Hints;
use super::statement::Statement;
use crate::fhir::search::Kind;
use crate::store::row::is_link;

/// Of a code `t`, and of what it is shown with.
const SHOWN: &str = "t.param = s.param AND t.code = s.code AND t.system = s.system AND t.shown = s.number";

impl Hints {
    /// The number of each resource that has a row, to be picked by `param` and `code`, and by `system` unless these are
    /// references.
    pub(super) fn each(param: i64) -> &'static str {
        if is_link(param) { "rid FROM link" } else { "rid FROM token" }
    }

    /// The rows themselves, to be picked in the same way.
    pub(super) fn runs(param: i64) -> &'static str {
        if is_link(param) { "block FROM link_run" } else { "block FROM token_run" }
    }

    /// Whether to count the rows before the resources is worth a question of its own: it is not where each goes to a server.
    pub(super) const fn counts_runs(self) -> bool {
        matches!(self, Self::ByName)
    }

    /// Something for each resource that has a row, to be counted; picked in the same way.
    pub(super) fn counted(self, param: i64) -> &'static str {
        match self {
            Self::None if is_link(param) => "generate_series(1, bit_count(bits::bit(64))) FROM link_run",
            Self::None => "generate_series(1, bit_count(bits::bit(64))) FROM token_run",
            Self::ByName => Self::each(param),
        }
    }

    /// The number of each resource of which a code tells what it is shown with: what must hold of `s` is to follow.
    pub(super) fn each_shown(self) -> String {
        let of_each = match self {
            Self::None => "(t.bits >> b.n) & 1 = 1",
            Self::ByName => "(t.bits >> (b.n - t.low)) & 1",
        };
        format!(
            "t.block * 64 + b.n FROM shown s CROSS JOIN token_run t CROSS JOIN place b WHERE {SHOWN} \
             AND b.n BETWEEN t.low AND t.last AND {of_each}"
        )
    }

    /// The rows themselves, in the same way.
    pub(super) fn kept_shown() -> String {
        format!("t.block FROM shown s CROSS JOIN token_run t WHERE {SHOWN}")
    }

    /// Finds whether `resource r` has a row of `each`: what must hold of that row is to follow.
    pub(super) fn of_one(self, param: i64) -> Statement {
        let mut sql = Statement::new("SELECT TRUE FROM ");
        sql.push(if is_link(param) { "link_run" } else { "token_run" });
        sql.push(match self {
            Self::None => " WHERE block = r.rid / 64 AND (bits >> (r.rid % 64)::int) & 1 = 1",
            Self::ByName => {
                " WHERE block = r.rid / 64 AND low <= r.rid % 64 AND (bits >> (r.rid % 64 - low)) & 1"
            }
        });
        sql.bind(" AND param = ?", param);
        sql
    }

    /// The rows of a code in the order of creation, for a kind of parameter: `t` has the code. `once` where a resource has one
    /// row at most.
    const fn rows(self, kind: Kind, once: bool) -> &'static str {
        match (self, kind, once) {
            (_, Kind::Reference, _) => "link_run t",
            // Without those that another system has before; asked once for a run, not for each resource.
            (Self::None, _, false) => {
                "token_run t CROSS JOIN LATERAL (SELECT t.bits & ~coalesce(bit_or(u.bits), 0) AS bits FROM token_run u \
                 WHERE u.param = t.param AND u.code = t.code AND u.block = t.block AND u.system < t.system) AS o"
            }
            _ => "token_run t",
        }
    }

    /// What a walk along such rows joins before `resource r`.
    pub(super) fn walked(self, kind: Kind, once: bool) -> String {
        format!("{} CROSS JOIN place b", self.rows(kind, once))
    }

    /// The same to be counted, without the resources: for rows of which this holds.
    pub(super) fn counted_in_walk(self, kind: Kind, once: bool, holds: &Statement) -> Statement {
        let rows = self.rows(kind, once);
        let mut sql = match self {
            Self::None => {
                let bits = if once || matches!(kind, Kind::Reference) { "t" } else { "o" };
                Statement::new(&format!(
                    "SELECT generate_series(1, bit_count({bits}.bits::bit(64))) FROM {rows} WHERE "
                ))
            }
            Self::ByName => Statement::new(&format!("SELECT 1 FROM {rows} CROSS JOIN place b WHERE ")),
        };
        sql.append(holds);
        if self == Self::ByName {
            sql.push(self.in_walk(once));
        }
        sql
    }

    /// What makes the rows of such a walk one for each resource.
    pub(super) const fn in_walk(self, once: bool) -> &'static str {
        match (self, once) {
            (Self::None, true) => " AND b.n BETWEEN t.low AND t.last AND (t.bits >> b.n) & 1 = 1",
            (Self::None, false) => " AND b.n BETWEEN t.low AND t.last AND (o.bits >> b.n) & 1 = 1",
            (Self::ByName, true) => " AND b.n BETWEEN t.low AND t.last AND (t.bits >> (b.n - t.low)) & 1",
            // Looked up row by row: as a join it would be made of all rows before the first one is known.
            (Self::ByName, false) => {
                " AND b.n BETWEEN t.low AND t.last AND (t.bits >> (b.n - t.low)) & 1 \
                 AND (SELECT TRUE FROM token_run u WHERE u.param = t.param AND u.code = t.code AND u.block = t.block \
                 AND u.low <= b.n AND (u.bits >> (b.n - u.low)) & 1 AND u.system < t.system LIMIT 1) IS NULL"
            }
        }
    }

    /// The number of the resource in such a walk.
    pub(super) const NUMBER: &'static str = "t.block * 64 + b.n";
}
