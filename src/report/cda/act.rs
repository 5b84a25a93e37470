//! What the document is about: the monitoring that was done, and the encounter it belongs to.

use super::element::element;
use super::participants::{assigned_entity, coded};
use crate::report::Header;
use crate::report::header::hl7_time;
use crate::xml::Element;

/// The act. It has no code: the value set for 85208-7 holds teleconsultation and tele-expertise only, and remote monitoring
/// is neither.
pub(super) fn documentation_of(header: &Header) -> Element {
    let performer = element("performer").attribute("typeCode", "PRF").child(assigned_entity(header));
    let event = element("serviceEvent").attribute("classCode", "ACT").child(period(header)).child(performer);
    element("documentationOf").child(event)
}

/// The encounter, and the kind of place where it happened.
pub(super) fn component_of(header: &Header) -> Element {
    let facility = element("healthCareFacility").child(coded("code", &header.facility_type));
    let encounter = element("encompassingEncounter")
        .child(coded("code", &header.encounter))
        .child(period(header))
        .child(element("location").child(facility));
    element("componentOf").child(encounter)
}

fn period(header: &Header) -> Element {
    let (start, end) = &header.service;
    element("effectiveTime")
        .child(element("low").attribute("value", hl7_time(start)))
        .child(element("high").attribute("value", hl7_time(end)))
}
