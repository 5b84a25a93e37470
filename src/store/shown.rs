//! What codes are shown with (R4 3.1.1.4.3, `:text`), kept once for each code and not for each resource.
//!
//! A hundred patients answer the same questions: the texts beside a code are the same each time, and each of them would be a row
//! at a place of its own. So the first code of a parameter carries a number that stands for all that is shown beside the
//! codes of that parameter; which texts these are is told by `shown`, which hardly ever gets a row once all codes were seen.

use std::cell::RefCell;

use super::digest::computed;
use super::remembered::Remembered;
use super::row::{Row, is_link, shown_param};

/// Six bytes with a sign are the longest that a number takes before it takes eight; 0 stands for nothing.
const NUMBER_MAX: i64 = 0x7fff_ffff_ffff;

thread_local! {
    static NUMBERS: RefCell<Remembered<i64>> = const { RefCell::new(Remembered::new()) };
}

/// What stands for texts, each apart from the next by a NUL.
fn number(texts: &str) -> i64 {
    (computed(texts) & NUMBER_MAX).max(1)
}

/// Which codes of a resource tell what is shown with them.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// For each code of the row the number of what it is shown with; 0 where it tells nothing.
    numbers: Vec<i64>,
    /// For each text of the row the code that tells it; none for what stands in the table of texts.
    codes: Vec<Option<usize>>,
}

impl Shown {
    pub(super) fn of(row: &Row) -> Self {
        let mut shown = Self { numbers: vec![0; row.tokens.len()], codes: vec![None; row.texts.len()] };
        for (n, (kept_under, _, exact)) in row.texts.iter().enumerate() {
            let Some(param) = shown_param(*kept_under).filter(|param| !is_link(*param)) else { continue };
            if shown.codes[n].is_some() || !exact.is_empty() {
                continue;
            }
            let codes = row.tokens.iter().enumerate().filter(|(_, token)| token.0 == param);
            // The least, so that the order in which a resource names them makes no difference.
            let Some((k, least)) = codes.min_by_key(|(_, token)| *token) else { continue };
            let beside = |text: &&(i64, String, String)| text.0 == *kept_under && text.2.is_empty();
            let mut texts: Vec<&str> = row.texts.iter().filter(beside).map(|text| text.1.as_str()).collect();
            texts.sort_unstable();
            texts.dedup();
            let number = NUMBERS.with_borrow_mut(|all| all.of(&texts.join("\0"), number, |number| *number));
            for (of, token) in shown.numbers.iter_mut().zip(&row.tokens) {
                if token == least {
                    *of = number;
                }
            }
            for (code, text) in shown.codes.iter_mut().zip(&row.texts) {
                if beside(&text) {
                    *code = Some(k);
                }
            }
        }
        shown
    }

    /// What the code in that place is shown with.
    pub(super) fn number(&self, code: usize) -> i64 {
        self.numbers[code]
    }

    /// Whether a code tells the text in that place.
    pub(super) fn tells(&self, text: usize) -> bool {
        self.codes[text].is_some()
    }

    /// What is told of the text in that place; nothing where no code tells it.
    pub(super) fn entry<'r>(&self, row: &'r Row, text: usize) -> Option<Entry<'r>> {
        let code = self.codes[text]?;
        let (param, value, system) = &row.tokens[code];
        Some((*param, row.texts[text].1.as_str(), value.as_str(), *system, self.numbers[code]))
    }

    /// All that its codes tell, with the place of each text.
    pub(super) fn entries<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = (usize, Entry<'r>)> {
        (0..row.texts.len()).filter_map(move |text| Some((text, self.entry(row, text)?)))
    }
}

/// Parameter, folded text, code, digest of the system, and the number under which this and others are shown with it.
pub(super) type Entry<'r> = (i64, &'r str, &'r str, i64, i64);
