//! Short digests in place of long addresses: a row holds eight bytes of SHA-256 of the system of a code.

use std::cell::RefCell;

use sha2::{Digest, Sha256};

/// Texts that each thread remembers with their digests: a submission asks for the same dozen systems some 300 times.
const PLACES: usize = 128;
/// Longer texts are not remembered.
const LONGEST: usize = 128;

thread_local! {
    /// Each in the place that its bytes give it; another one that comes there takes it.
    static REMEMBERED: RefCell<Vec<(String, i64)>> = const { RefCell::new(Vec::new()) };
}

/// Eight bytes of a digest; 0 for an empty text.
pub(super) fn digest(text: &str) -> i64 {
    if text.is_empty() {
        return 0;
    }
    if text.len() > LONGEST {
        return computed(text);
    }
    REMEMBERED.with_borrow_mut(|all| {
        if all.is_empty() {
            all.resize_with(PLACES, Default::default);
        }
        let (known, digest) = &mut all[place(text)];
        if known != text {
            text.clone_into(known);
            *digest = computed(text);
        }
        *digest
    })
}

/// The same without remembering it: for texts of which there are many.
pub(super) fn computed(text: &str) -> i64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&Sha256::digest(text)[..8]);
    i64::from_be_bytes(bytes)
}

/// Systems differ in their ends: the last bytes and the length tell most of them apart.
fn place(text: &str) -> usize {
    let last = text.bytes().rev().take(8).fold(text.len(), |hash, byte| hash * 31 + usize::from(byte));
    last % PLACES
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
