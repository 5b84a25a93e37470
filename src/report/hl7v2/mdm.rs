//! `MDM^T02`, `MDM^T10` and `MDM^T04`, all of structure `MDM_T02` (HL7 v2.6, 9.6): the document with its own header TXA.

use super::segments::{header, now, observations, order, patient, visit};
use super::{Act, Transmission};
use crate::hl7v2::Segment;

/// MSH EVN PID PV1 ORC OBR TXA { OBX [PRT] [NTE] }.
pub(super) fn segments(t: &Transmission) -> Vec<Segment> {
    let (event, _, _) = t.act.codes();
    let mut segments = vec![
        header(t, ["MDM", event, "MDM_T02"], "2.6"),
        Segment::new("EVN").with(2, now(t)),
        patient(&t.patient),
        visit(t),
    ];
    segments.extend(order(t));
    segments.push(document(t));
    segments.extend(observations(t));
    segments
}

/// TXA: an OID without extension stands alone in TXA-12 and TXA-13.
fn document(t: &Transmission) -> Segment {
    let segment = Segment::new("TXA")
        .with(1, "1")
        .with(2, t.payload.code[0].as_str())
        .with(3, "TEXT")
        .with(12, t.payload.unique_id.as_str())
        .with(17, "AU");
    match &t.act {
        Act::Replacement { parent } => segment.with(13, parent.as_str()),
        Act::First | Act::Deletion => segment,
    }
}
