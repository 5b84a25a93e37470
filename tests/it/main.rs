//! One binary; the list of modules is the list of promises.

mod bad_input;
mod crash;
mod delivery;
mod fhirpath;
mod process;
mod profiles;
mod rules;
mod store;
mod tidy;
