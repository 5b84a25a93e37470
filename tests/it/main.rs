//! One binary; the list of modules is the list of promises.

mod fhirpath;
mod rules;
mod tidy;
