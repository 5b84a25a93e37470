//! What is made of short texts that come again and again, remembered by each thread: a submission names the same dozen systems
//! some 300 times, and what codes are shown with is the same in each of them.

use std::hash::Hasher;

use crate::fhir::schema::NameHasher;

/// Texts with what was made of them, each in the place that its bytes give it; another one that comes there takes it.
pub(super) struct Remembered<T>(Vec<(String, T)>);

impl<T: Default> Remembered<T> {
    /// More than the codes of a questionnaire.
    const PLACES: usize = 512;
    /// Longer texts are not remembered.
    const LONGEST: usize = 160;

    /// Nothing yet.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// What `make` makes of a text, handed to `take`.
    pub(super) fn of<R>(
        &mut self,
        text: &str,
        make: impl FnOnce(&str) -> T,
        take: impl FnOnce(&T) -> R,
    ) -> R {
        if text.len() > Self::LONGEST {
            return take(&make(text));
        }
        if self.0.is_empty() {
            self.0.resize_with(Self::PLACES, Default::default);
        }
        let (known, made) = &mut self.0[place(text) % Self::PLACES];
        // The empty text stands in each place before another one does.
        if known != text || text.is_empty() {
            text.clone_into(known);
            *made = make(text);
        }
        take(made)
    }
}

/// Who sends texts that come to the same place makes them be computed anew, and nothing else.
fn place(text: &str) -> usize {
    let mut hasher = NameHasher::default();
    hasher.write(text.as_bytes());
    usize::try_from(hasher.finish() >> 1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_what_is_made() {
        let texts: Vec<String> = (0..2_000).map(|n| format!("{n}{}", "é".repeat(n % 100))).collect();
        let mut remembered = Remembered::new();
        let mut made = 0;
        for text in texts.iter().chain(&texts).chain([&texts[0], &texts[0], &String::new(), &String::new()]) {
            let make = |text: &str| {
                made += 1;
                text.len() + 1
            };
            assert_eq!(remembered.of(text, make, |length| *length), text.len() + 1, "{text}");
        }
        assert!(made < 4_004, "{made}");
    }
}
