//! How the codes and references of resources are kept: PostgreSQL has a row of `token` for each, SQLite one for those of
//! a block of 64 numbers that were written together, and references apart (`src/store/sqlite/runs.rs`).

use super::plan::Hints;
use super::statement::Statement;
use crate::fhir::search::Kind;
use crate::store::row::is_link;

impl Hints {
    /// The number of each resource that has a row, to be picked by `param` and `code`, and by `system` unless these are
    /// references.
    pub(super) fn each(self, param: i64) -> &'static str {
        match self {
            Self::ByName if is_link(param) => "rid FROM link",
            _ => "rid FROM token",
        }
    }

    /// Whether one row may stand for several resources.
    pub(super) const fn has_runs(self) -> bool {
        matches!(self, Self::ByName)
    }

    /// The rows themselves, to be picked in the same way.
    pub(super) fn runs(self, param: i64) -> &'static str {
        match self {
            Self::ByName if is_link(param) => "block FROM link_run",
            Self::ByName => "block FROM token_run",
            Self::None => "rid FROM token",
        }
    }

    /// Finds whether `resource r` has a row of `each`: what must hold of that row is to follow.
    pub(super) fn of_one(self, param: i64) -> Statement {
        let mut sql = Statement::new("SELECT TRUE FROM ");
        match self {
            Self::None => sql.push("token WHERE rid = r.rid"),
            Self::ByName => sql
                .push(if is_link(param) { "link_run" } else { "token_run" })
                .push(" WHERE block = r.rid / 64 AND low <= r.rid % 64 AND (bits >> (r.rid % 64 - low)) & 1"),
        };
        sql.bind(" AND param = ?", param);
        sql
    }

    /// What a walk in the order of creation joins before `resource r`, for a kind of parameter: `t` has the code.
    pub(super) const fn walked(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::None, _) => "token t",
            (Self::ByName, Kind::Reference) => "link_run t CROSS JOIN place b",
            (Self::ByName, _) => "token_run t CROSS JOIN place b",
        }
    }

    /// What makes the rows of such a walk one for each resource; nothing where they are.
    pub(super) const fn in_walk(self) -> &'static str {
        match self {
            Self::None => "",
            Self::ByName => " AND b.n BETWEEN t.low AND t.last AND (t.bits >> (b.n - t.low)) & 1",
        }
    }

    /// The number of the resource in such a walk.
    pub(super) const fn number(self) -> &'static str {
        match self {
            Self::None => "t.rid",
            Self::ByName => "t.block * 64 + b.n",
        }
    }

    /// True where another row of a walk has the same code of another system for the same resource, and stands before.
    pub(super) const fn is_again(self) -> &'static str {
        match self {
            Self::None => {
                "(SELECT TRUE FROM token u WHERE u.param = t.param AND u.code = t.code \
                 AND u.rid = t.rid AND u.system < t.system LIMIT 1)"
            }
            Self::ByName => {
                "(SELECT TRUE FROM token_run u WHERE u.param = t.param AND u.code = t.code AND u.block = t.block \
                 AND u.low <= b.n AND (u.bits >> (b.n - u.low)) & 1 AND u.system < t.system LIMIT 1)"
            }
        }
    }
}
