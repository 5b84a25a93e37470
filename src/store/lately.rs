//! What was read lately and never changes, within a bound of bytes.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// A bounded memory. What is asked for again stays longest.
pub(super) struct Lately<K, V> {
    kept: Mutex<Kept<K, V>>,
    bytes_max: usize,
    size: fn(&V) -> usize,
}

/// What is asked for again moves to the young; when these have half of the room, they become the old, and the old go.
struct Kept<K, V> {
    young: HashMap<K, Arc<V>>,
    old: HashMap<K, Arc<V>>,
    /// Of the young.
    bytes: usize,
}

impl<K: Eq + Hash, V> Lately<K, V> {
    /// `size` tells the bytes that one takes, with all that is beside it.
    pub(super) fn within(bytes_max: usize, size: fn(&V) -> usize) -> Self {
        let kept = Kept { young: HashMap::new(), old: HashMap::new(), bytes: 0 };
        Self { kept: Mutex::new(kept), bytes_max, size }
    }

    pub(super) fn find(&self, key: &K) -> Option<Arc<V>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.young.get(key) {
            return Some(Arc::clone(found));
        }
        let (key, found) = kept.old.remove_entry(key)?;
        self.add(&mut kept, key, Arc::clone(&found));
        Some(found)
    }

    /// Takes the place of what was there under that key. One that is large is not kept: it would take the place of many.
    pub(super) fn put(&self, key: K, value: Arc<V>) {
        if (self.size)(&value) <= self.bytes_max / 16 {
            self.add(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner), key, value);
        }
    }

    fn add(&self, kept: &mut Kept<K, V>, key: K, value: Arc<V>) {
        kept.bytes += (self.size)(&value);
        if let Some(before) = kept.young.insert(key, value) {
            kept.bytes -= (self.size)(&before);
        }
        if kept.bytes > self.bytes_max / 2 {
            kept.old = std::mem::take(&mut kept.young);
            kept.bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lately(bytes_max: usize) -> Lately<i64, Vec<u8>> {
        Lately::within(bytes_max, Vec::len)
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_asked_for_stays() {
        let lately = lately(100_000);
        for n in 0..1_000 {
            lately.put(n, Arc::new(vec![0; 1_000]));
            assert!(lately.find(&0).is_some());
            let kept = lately.kept.lock().unwrap();
            let bytes: usize = kept.young.values().chain(kept.old.values()).map(|one| one.len()).sum();
            assert!(bytes <= 101_000, "{bytes} after {n}");
        }
        let still = |n| lately.find(&n).is_some();
        assert!(still(0) && still(999) && still(960) && !still(500));
    }

    #[test]
    fn one_that_is_large_pushes_nothing_out() {
        let lately = lately(16_000);
        lately.put(0, Arc::new(vec![0; 1_001]));
        lately.put(1, Arc::new(vec![0; 1_000]));
        assert!(lately.find(&0).is_none() && lately.find(&1).is_some());
    }

    #[test]
    fn what_is_put_anew_is_what_is_found_and_counts_once() {
        let lately = lately(16_000);
        for n in 0..100_u8 {
            lately.put(1, Arc::new(vec![n; 1_000]));
        }
        assert_eq!(lately.find(&1).unwrap()[0], 99);
        assert_eq!(lately.kept.lock().unwrap().bytes, 1_000);
    }
}
