//! One binary; the list of modules is the list of promises.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops where it cannot go on, and says why")]

mod bad_input;
mod crash;
mod delivery;
mod fhirpath;
mod process;
mod profiles;
mod rules;
mod store;
mod amendment;
mod definition;
mod fhirpath;
mod finalisation;
mod profiles;
mod rules;
mod submission;
mod support;
mod tidy;
