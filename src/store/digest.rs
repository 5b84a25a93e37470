//! Short digests in place of long addresses: a row holds eight bytes of SHA-256 of the system of a code.

use std::cell::RefCell;

use sha2::{Digest, Sha256};

use super::remembered::Remembered;

thread_local! {
    static REMEMBERED: RefCell<Remembered<i64>> = const { RefCell::new(Remembered::new()) };
}

/// Eight bytes of a digest; 0 for an empty text.
pub(super) fn digest(text: &str) -> i64 {
    if text.is_empty() {
        return 0;
    }
    REMEMBERED.with_borrow_mut(|all| all.of(text, computed, |digest| *digest))
}

/// The same without remembering it, and of an empty text too.
pub(super) fn computed(text: &str) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&Sha256::digest(text)[..8]);
    i64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_is_computed() {
        let texts: Vec<String> =
            (0..600).map(|n| format!("urn:oid:1.2.250.{}{}", n, "x".repeat(n % 200))).collect();
        for text in texts.iter().chain(&texts).chain([&texts[0], &texts[0]]) {
            assert_eq!(digest(text), computed(text), "{text}");
        }
        assert_eq!(digest(""), 0);
        // Rows of earlier versions hold it.
        assert_eq!(digest("http://loinc.org"), -4_546_576_224_293_134_562);
    }
}
