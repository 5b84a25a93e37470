//! One binary; the list of modules is the list of promises.

mod fhirpath;
mod profiles;
mod rules;
mod store;
mod tidy;
