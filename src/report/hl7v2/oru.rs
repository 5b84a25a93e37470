//! `ORU^R01` (HL7 v2.5, 7.3.1): which act is meant stands in ORC-1 and OBX-11, and which document is replaced in the
//! document itself.

use super::Transmission;
use super::segments::{header, observations, order, patient, visit};
use crate::hl7v2::Segment;

/// MSH PID PV1 ORC OBR { OBX [PRT] [NTE] }.
pub(super) fn segments(t: &Transmission) -> Vec<Segment> {
    let mut segments = vec![header(t, ["ORU", "R01", "ORU_R01"], "2.5"), patient(&t.patient), visit(t)];
    segments.extend(order(t));
    segments.extend(observations(t));
    segments
}
