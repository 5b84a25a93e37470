//! One contract suite for every store: SQLite always, PostgreSQL when there is one to test with.

#![expect(clippy::unwrap_used, reason = "what a test sets up must work")]
#![allow(clippy::duplicate_mod, reason = "the same suite is compiled for each store")]

mod postgres;
mod sqlite;
