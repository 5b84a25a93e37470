//! One contract suite for every store: SQLite always, others when they join.

mod concurrency;
mod deliveries;
mod durability;
mod paging;
mod search;
mod support;
mod units;
