//! One contract suite for every store: SQLite always, others when they join.

#![expect(clippy::unwrap_used, reason = "what a test sets up must work")]

mod concurrency;
mod deliveries;
mod durability;
mod history;
mod paging;
mod search;
mod support;
mod units;
