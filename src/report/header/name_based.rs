//! UUIDs computed from a name (RFC 9562, version 5), and the OIDs that they are.

use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

/// The OID of the name-based UUID of an address, in the name space for URLs.
pub(super) fn oid_of_url(url: &str) -> String {
    let digest =
        Sha1::new().chain_update(Uuid::NAMESPACE_URL.as_bytes()).chain_update(url.as_bytes()).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    oid(Builder::from_sha1_bytes(bytes).into_uuid())
}

/// The OID that a UUID is (ITU-T X.667).
pub(super) fn oid(uuid: Uuid) -> String {
    format!("2.25.{}", uuid.as_u128())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_the_uuid_that_other_programs_give_it() {
        // python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, "https://chu.example/ipp").int)'
        assert_eq!(oid_of_url("https://chu.example/ipp"), "2.25.30948920170866797048525242294247827827");
    }
}
