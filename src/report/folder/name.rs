//! How files are called: a pattern with placeholders, which never leads out of its folder.

use serde::{Deserialize, Serialize};

use super::Errand;
use crate::problem::{Category, Problem};
use crate::report::Header;

/// The placeholders of a pattern. Only `{ipp}` is a patient's.
///
/// | placeholder | |
/// |---|---|
/// | `{delivery}` | id of the delivery, a UUID in order of time: no two deliveries share it |
/// | `{document}` | unique id of the document, an OID |
/// | `{act}` | `provide`, `replace` or `withdraw` |
/// | `{date}`, `{time}` | when the delivery was decided, in UTC: `20260309`, `142003` |
/// | `{type}`, `{version}` | LOINC code of the document, number of its version |
/// | `{destination}` | name of the destination |
/// | `{ipp}` | number of the patient in the hospital; what is no letter, digit, `-` or `_` in it becomes `_` |
pub const PLACEHOLDERS: [&str; 9] =
    ["delivery", "document", "act", "date", "time", "type", "version", "destination", "ipp"];

/// Most characters of a name without its extension.
const LENGTH_MAX: usize = 180;

/// A pattern that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(&'static str),
}

/// What of a document a name may say. It goes with the files, for the names of what follows them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Words {
    pub(super) document: String,
    pub(super) act: String,
    pub(super) code: String,
    pub(super) version: u32,
    pub(super) ipp: String,
}

impl Words {
    pub(super) fn of(header: &Header, act: &str) -> Self {
        Self {
            document: header.id.clone(),
            act: act.to_owned(),
            code: header.code.code.clone(),
            version: header.version,
            ipp: header.local_id.as_ref().map(|local| local.value.clone()).unwrap_or_default(),
        }
    }
}

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// `Malformed`: a placeholder that there is none of, a sign that names of files do not have, a name that two deliveries
    /// would share.
    pub fn parse(pattern: &str) -> Result<Self, Problem> {
        let mut pieces = Vec::new();
        let mut rest = pattern;
        while let Some((text, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| malformed("a '{' is not closed"))?;
            let known = PLACEHOLDERS.iter().find(|known| **known == name);
            let known = known.ok_or_else(|| {
                malformed(&format!("'{{{name}}}' is none of {{{}}}", PLACEHOLDERS.join("}, {")))
            })?;
            pieces.extend([Piece::Text(text.to_owned()), Piece::Placeholder(known)]);
            rest = after;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        let allowed = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '.');
        let texts = || {
            pieces.iter().filter_map(|piece| if let Piece::Text(text) = piece { Some(text) } else { None })
        };
        if texts().any(|text| !text.chars().all(allowed) || text.contains("..")) {
            return Err(malformed(
                "beside placeholders it has letters, digits, '-', '_' and single '.' only",
            ));
        }
        if matches!(pieces.first(), Some(Piece::Text(text)) if text.starts_with('.')) {
            return Err(malformed("it does not begin with '.': such files are not seen"));
        }
        let has =
            |name: &str| pieces.iter().any(|piece| matches!(piece, Piece::Placeholder(one) if *one == name));
        if !(has("delivery") || has("document") && has("act")) {
            return Err(malformed(
                "it has {delivery}, or {document} and {act}: else two deliveries would share a name",
            ));
        }
        if texts().map(String::len).sum::<usize>() > 64 {
            return Err(malformed("it has at most 64 characters beside placeholders"));
        }
        Ok(Self(pieces))
    }

    /// The name of the files of a delivery, without extension.
    pub(super) fn name(&self, words: &Words, errand: &Errand<'_>) -> String {
        let value = |name: &str| match name {
            "delivery" => errand.id.to_owned(),
            "document" => words.document.clone(),
            "act" => words.act.clone(),
            "date" => errand.at.strftime("%Y%m%d").to_string(),
            "time" => errand.at.strftime("%H%M%S").to_string(),
            "type" => words.code.clone(),
            "version" => words.version.to_string(),
            "destination" => errand.destination.to_owned(),
            _ => words.ipp.clone(),
        };
        let mut name = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Placeholder(placeholder) => name.push_str(&plain(&value(placeholder))),
            }
        }
        // Values are short but for a number of a patient that is none: what tells deliveries apart must stay.
        if name.len() > LENGTH_MAX { format!("{}-{}", errand.id, words.act) } else { name }
    }
}

/// A value as it may stand in a name: nothing in it leads to another folder.
fn plain(value: &str) -> String {
    let sign =
        |sign: char| if sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_') { sign } else { '_' };
    // An OID is written with its points; a value of points alone is none.
    if value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && !value.contains("..")
        && !value.starts_with('.')
    {
        return value.to_owned();
    }
    value.chars().map(sign).collect()
}

fn malformed(what: &str) -> Problem {
    Problem::new(Category::Malformed, "value", format!("the pattern of names is wrong: {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, fault: Option<&str>) {
        match (Pattern::parse(pattern), fault) {
            (Ok(_), None) => {}
            (Err(problem), Some(fault)) => {
                assert!(problem.to_string().contains(fault), "{pattern}: {problem}")
            }
            (other, _) => panic!("{pattern}: {other:?}"),
        }
    }

    #[test]
    fn a_pattern_says_what_is_wrong_with_it() {
        check("{delivery}-{act}", None);
        check("CR_{document}_{act}.v{version}", None);
        check("{document}", Some("share a name"));
        check("{patient}-{delivery}", Some("'{patient}' is none of {delivery}"));
        check("{delivery", Some("not closed"));
        check("../{delivery}", Some("letters, digits"));
        check("in/{delivery}", Some("letters, digits"));
        check("a..{delivery}", Some("single '.'"));
        check(".{delivery}", Some("begin with '.'"));
        check(&format!("{}{{delivery}}", "x".repeat(65)), Some("at most 64"));
    }

    proptest! {
        #[test]
        fn no_value_leads_out_of_the_folder(ipp in ".*", document in ".*", destination in "[a-z]{1,8}") {
            let words = Words { document, act: "provide".into(), code: "85208-7".into(), version: 1, ipp };
            let at = "2026-03-09T14:20:03Z".parse().unwrap();
            let id = "018f0000-0000-7000-8000-0000000000f1";
            let errand = Errand { id, destination: &destination, boundary: id, at };
            let name = Pattern::parse("{ipp}{document}-{delivery}").unwrap().name(&words, &errand);
            prop_assert!(name.len() <= LENGTH_MAX && name.contains(id), "{name}");
            prop_assert!(!name.starts_with('.') && !name.contains("..") && !name.contains(['/', '\\', '\0']), "{name}");
        }
    }
}
