//! The control id of a message that carries a delivery: the delivery's own id in the twenty characters that MSH-10 has
//! in v2.5, so that a receipt which quotes it leads back to the delivery.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What every UUID of version 7 (RFC 9562, 5.7) has in common: version, variant, and four zero bits that end in 2527.
const FIXED: u128 = 0xf000_0000_0000_f000_c000_0000_0000_0000;
const FIXED_VALUE: u128 = 0x0000_0000_0000_7000_8000_0000_0000_0000;

/// The control id of a delivery; `None` when its id is no UUID of version 7.
///
/// The 118 bits that differ between such ids, in Base64 for addresses (RFC 4648, 5): case matters.
#[must_use]
pub fn control_id(delivery: &str) -> Option<String> {
    let id = uuid::Uuid::try_parse(delivery).ok()?.as_u128();
    if id & FIXED != FIXED_VALUE {
        return None;
    }
    let time = (id >> 80) & ((1 << 44) - 1);
    let bits = (time << 74) | (((id >> 64) & 0xfff) << 62) | (id & ((1 << 62) - 1));
    Some(URL_SAFE_NO_PAD.encode(&bits.to_be_bytes()[1..]))
}

/// The delivery of a control id; `None` when it is none of ours.
#[must_use]
pub fn delivery_id(control_id: &str) -> Option<String> {
    let bytes: [u8; 15] = URL_SAFE_NO_PAD.decode(control_id).ok()?.try_into().ok()?;
    let bits = bytes.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let id = ((bits >> 74) << 80) | (((bits >> 62) & 0xfff) << 64) | (bits & ((1 << 62) - 1)) | FIXED_VALUE;
    (id & FIXED == FIXED_VALUE).then(|| uuid::Uuid::from_u128(id).hyphenated().to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_control_id_leads_back_to_its_delivery() {
        let delivery = "019cd321-9e12-7a3b-8c4d-0123456789ab";
        let id = control_id(delivery).unwrap();
        assert_eq!(id.len(), 20);
        assert_eq!(delivery_id(&id).as_deref(), Some(delivery));
    }

    #[test]
    fn other_ids_have_none() {
        for id in ["", "report-1", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"] {
            assert_eq!(control_id(id), None, "{id}");
        }
        for id in ["", "015", "12345678901234567890!", "____________________"] {
            assert_eq!(delivery_id(id), None, "{id}");
        }
    }

    proptest! {
        #[test]
        fn every_id_of_version_7_has_its_own(time in 0_u128..1 << 44, a in 0_u128..1 << 12, b in 0_u128..1 << 62) {
            let id = uuid::Uuid::from_u128((time << 80) | (a << 64) | b | FIXED_VALUE).hyphenated().to_string();
            let short = control_id(&id).unwrap();
            prop_assert_eq!(short.len(), 20);
            prop_assert_eq!(delivery_id(&short), Some(id));
        }

        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = delivery_id(&text);
        }
    }
}
