//! What was said again and again in a period: each text once, with how many times and between which days.

use std::collections::HashMap;

/// A text, and the days on which it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// The text.
    pub text: String,
    /// How many times.
    pub times: usize,
    /// The first day, `YYYY-MM-DD`, if one is known.
    pub first: Option<String>,
    /// The last day, if one is known.
    pub last: Option<String>,
}

/// Each text once, the most frequent first, then as they were first said.
pub(super) fn count(said: impl Iterator<Item = (String, Option<String>)>) -> Vec<Repeated> {
    let mut all: Vec<Repeated> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (text, on) in said {
        let place = *places.entry(text.clone()).or_insert(all.len());
        match all.get_mut(place) {
            Some(known) => {
                known.times += 1;
                known.first = known.first.take().into_iter().chain(on.clone()).min();
                known.last = known.last.take().max(on);
            }
            None => all.push(Repeated { text, times: 1, first: on.clone(), last: on }),
        }
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.times));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_once_with_its_days() {
        let said =
            [("a", Some("2026-03-09")), ("b", None), ("b", Some("2026-03-16")), ("b", Some("2026-03-02"))];
        let said = said.map(|(text, on)| (text.to_owned(), on.map(str::to_owned)));
        let told = count(said.into_iter());
        assert_eq!((told[0].text.as_str(), told[0].times), ("b", 3));
        assert_eq!(
            (told[0].first.as_deref(), told[0].last.as_deref()),
            (Some("2026-03-02"), Some("2026-03-16"))
        );
        assert_eq!((told[1].text.as_str(), told[1].first.as_deref()), ("a", Some("2026-03-09")));
    }
}
