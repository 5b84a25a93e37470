//! Vigie: FHIR R4 remote monitoring in oncology. The map of the house.

pub mod app;
pub mod clock;
pub mod config;
pub mod connector;
pub mod delivery;
pub mod fhir;
pub mod fhirpath;
pub mod http;
pub mod interaction;
pub mod outbox;
pub mod pathway;
pub mod problem;
pub mod questionnaire;
pub mod report;
pub mod rules;
pub mod sandbox;
pub mod store;
pub mod terminology;
