//! One binary; the list of modules is the list of promises.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops where it cannot go on, and says why")]
#![allow(clippy::disallowed_methods, reason = "tests read the files that they test")]

mod amendment;
mod bad_input;
mod course;
mod crash;
mod definition;
mod deletion;
mod delivery;
mod dependencies;
mod dmp;
mod document;
mod encryption;
mod fault_menu;
mod fhirpath;
mod finalisation;
mod folder;
mod following;
mod hl7v2;
mod identity;
mod killing;
mod merged;
mod mhd;
mod mllp;
mod mutual_tls;
mod openapi;
mod outage;
mod patching;
mod period_report;
mod platform;
mod process;
mod profiles;
mod readability;
mod readme;
mod release;
mod replicas;
mod restful;
mod routing;
mod rules;
mod search;
mod second_look;
mod sequence;
mod site_parameter;
mod store;
mod submission;
mod support;
mod tidy;
mod transaction;
mod undelivered;
mod validation;
mod visibility;
mod withdrawal;
mod xds;
mod xml;
