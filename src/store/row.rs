//! What a write puts into tables beside its body: the same for every SQL store.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::OnceLock;

use super::digest::digest;
use super::remembered::Remembered;
use crate::fhir::SERVED;
use crate::fhir::schema::NameHasher;
use crate::fhir::search::{Amount, Column, Entry, Found, Kind, Parameter, fold, parameters};

/// Rank of a resource without priority: after `routine`.
pub(super) const URGENCY_NONE: i64 = 4;
/// Main date of a resource without one: before all others.
pub(super) const DATE_NONE: i64 = i64::MIN;

/// Resources whose numbers are of one block: a code that several of them share is kept in one row.
pub(super) const BLOCK: i64 = 64;

/// Parameter, code, digest of the system (of the version for canonicals).
pub(super) type Token = (i64, String, i64);

/// Parameter, folded text, text as written; that is empty for what is shown with a code, which is never compared exactly.
pub(super) type Text = (i64, String, String);

/// The single values of a resource, and everything else it is found by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// One bit for each parameter of the type that has a value, in the order of the type's table.
    pub(super) present: i64,
    pub(super) urgency: i64,
    pub(super) dated_at: i64,
    pub(super) dated_to: i64,
    pub(super) subject: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) status: Option<String>,
    /// What it stands at in an order by a code or a text: see [`sort_keys`]. None without any.
    pub(super) keys: Option<String>,
    /// Codes, identifiers, references, canonicals and addresses.
    pub(super) tokens: Vec<Token>,
    /// Strings, and what is shown with codes.
    pub(super) texts: Vec<Text>,
    /// Parameter, first microsecond, first microsecond after.
    pub(super) spans: Vec<(i64, i64, i64)>,
    /// Numbers, quantities, and the parts of composites.
    pub(super) parts: Vec<Part>,
}

/// A number, a quantity, or one part of an element that a composite compares as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Part {
    pub(super) param: i64,
    /// Which element; 0 for what is no part.
    pub(super) n: i64,
    /// Which part of it.
    pub(super) part: i64,
    /// A code, a folded text, a reference; the code of the unit.
    pub(super) code: String,
    /// Digest of the system.
    pub(super) system: i64,
    /// The unit as it is shown.
    pub(super) unit: String,
    /// Limits, as texts that sort as numbers do.
    pub(super) low: String,
    pub(super) high: String,
    /// Digest of the base unit; 0 where there is none.
    pub(super) base: i64,
    pub(super) base_low: String,
    pub(super) base_high: String,
}

impl Default for Row {
    /// Of a resource that is found by nothing.
    fn default() -> Self {
        Self {
            present: 0,
            urgency: URGENCY_NONE,
            dated_at: DATE_NONE,
            dated_to: DATE_NONE,
            subject: None,
            owner: None,
            status: None,
            keys: None,
            tokens: Vec::new(),
            texts: Vec::new(),
            spans: Vec::new(),
            parts: Vec::new(),
        }
    }
}

impl Row {
    pub(super) fn new(rtype: &str, entries: Vec<Entry>) -> Self {
        let mut row = Self { tokens: Vec::with_capacity(entries.len()), ..Self::default() };
        let numbers = Numbers::of(rtype);
        let (mut codes, mut words) = (Vec::with_capacity(entries.len()), Vec::new());
        for Entry { parameter, found } in entries {
            let Some(number) = numbers.get(parameter.place) else { continue };
            row.present |= 1 << parameter.place;
            match (found, parameter.column) {
                (Found::Display(text), _) => row.texts.push((number.text, folded(&text), String::new())),
                (Found::Identifier { system, value }, _) => {
                    row.tokens.push((number.identifier, value, digest(&system)));
                }
                (found, Some(column)) => row.put(column, found),
                (found, None) => {
                    match found {
                        Found::Token { .. } | Found::Canonical { .. } => codes.push(row.tokens.len()),
                        Found::Text(_) => words.push(row.texts.len()),
                        _ => {}
                    }
                    row.add(number.own, found);
                }
            }
        }
        let codes = codes.into_iter().map(|n| (row.tokens[n].0, row.tokens[n].1.as_str()));
        let words = words.into_iter().map(|n| (row.texts[n].0, row.texts[n].1.as_str()));
        row.keys = sort_keys(codes.chain(words));
        row
    }

    fn put(&mut self, column: Column, found: Found) {
        match (column, found) {
            (Column::Subject, Found::Reference(target)) => self.subject = Some(target),
            (Column::Owner, Found::Reference(target)) => self.owner = Some(target),
            (Column::Status, Found::Token { code, .. }) => self.status = Some(code),
            (Column::Urgency, Found::Token { code, .. }) => self.urgency = urgency(&code),
            (Column::Date, Found::Date { low, high }) => (self.dated_at, self.dated_to) = (low, high),
            _ => {}
        }
    }

    fn add(&mut self, param: i64, found: Found) {
        match found {
            Found::Token { system, code } => self.tokens.push((param, code, digest(&system))),
            Found::Canonical { url, version } => self.tokens.push((param, url, digest(&version))),
            Found::Reference(text) | Found::Uri(text) => self.tokens.push((param, text, 0)),
            Found::Text(text) => self.texts.push((param, fold(&text), text)),
            Found::Date { low, high } => self.spans.push((param, low, high)),
            Found::Quantity(amount) => self.parts.push(part(&amount, Part { param, ..Part::default() })),
            Found::Part { group, part, found } => self.add_part(param, (group, part), &found),
            // Added by `new`, under numbers of their own.
            Found::Display(_) | Found::Identifier { .. } => {}
        }
    }

    fn add_part(&mut self, param: i64, (group, place): (usize, usize), found: &Found) {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let blank = Part { param, n: number(group), part: number(place), ..Part::default() };
        let coded = |code: &str, system: &str| Part {
            code: code.to_owned(),
            system: digest(system),
            ..blank.clone()
        };
        self.parts.push(match found {
            Found::Quantity(amount) => part(amount, blank),
            Found::Token { system, code } => coded(code, system),
            Found::Canonical { url, version } => coded(url, version),
            Found::Reference(text) | Found::Uri(text) => coded(text, ""),
            Found::Text(text) => coded(&fold(text), ""),
            // The registry takes no date as a part, and a part has no parts.
            Found::Date { .. } | Found::Display(_) | Found::Identifier { .. } | Found::Part { .. } => return,
        });
    }
}

thread_local! {
    static FOLDED: RefCell<Remembered<String>> = const { RefCell::new(Remembered::new()) };
}

/// What a code is shown with, as it is searched: the same few texts each time.
fn folded(text: &str) -> String {
    FOLDED.with_borrow_mut(|all| all.of(text, fold, String::clone))
}

/// Characters of a value that count in an order.
pub(super) const SORTED_CHARS: usize = 100;

/// The least value of each parameter under its number, and its greatest, where that is another: a JSON object. The greatest
/// stands under `e` and the number where these two are all there are, and under `d` where there may be more, or one is cut.
/// So an order by a code or a text, and most tests for a code, need no index of the values of one resource, which would
/// double the rows of a write.
fn sort_keys<'v>(values: impl Iterator<Item = (i64, &'v str)>) -> Option<String> {
    // The parameter, its least and its greatest value, and whether these two tell everything.
    let mut all: Vec<(i64, &str, &str, bool)> = Vec::new();
    for (param, value) in values {
        let is_whole = value.len() <= SORTED_CHARS || value.chars().nth(SORTED_CHARS).is_none();
        match all.iter_mut().find(|(known, ..)| *known == param) {
            Some((_, least, greatest, tells)) => {
                let is_third = least != greatest && value != *least && value != *greatest;
                *tells &= is_whole && !is_third;
                (*least, *greatest) = (value.min(least), value.max(greatest));
            }
            None => all.push((param, value, value, is_whole)),
        }
    }
    // A number, a few marks and a short code each.
    let mut keys = String::with_capacity(all.len() * 64);
    let mut put = |name: &str, param: i64, value: &str| {
        keys.push(if keys.is_empty() { '{' } else { ',' });
        keys.push('"');
        keys.push_str(name);
        keys.push_str(&param.to_string());
        keys.push_str("\":");
        let is_plain = |b: u8| b >= b' ' && !matches!(b, b'"' | b'\\');
        if value.len() <= SORTED_CHARS && value.bytes().all(is_plain) {
            keys.push('"');
            keys.push_str(value);
            keys.push('"');
        } else {
            // A NUL is nothing that JSON in PostgreSQL can say.
            let value: String = value.chars().filter(|c| *c != '\0').take(SORTED_CHARS).collect();
            keys.push_str(&crate::json::Value::from(value).to_string());
        }
    };
    for (param, least, greatest, tells) in &all {
        put("", *param, least);
        match tells {
            true if greatest > least => put("e", *param, greatest),
            true => {}
            false => put("d", *param, greatest),
        }
    }
    (!all.is_empty()).then(|| keys + "}")
}

fn part(amount: &Amount, blank: Part) -> Part {
    let (base, base_low, base_high) = amount.base.clone().unwrap_or_default();
    Part {
        code: amount.code.clone(),
        system: digest(&amount.system),
        unit: amount.unit.clone(),
        low: amount.low.clone(),
        high: amount.high.clone(),
        base: digest(&base),
        base_low,
        base_high,
        ..blank
    }
}

/// Rank of a `request-priority`.
pub(super) fn urgency(code: &str) -> i64 {
    match code {
        "stat" => 0,
        "asap" => 1,
        "urgent" => 2,
        "routine" => 3,
        _ => URGENCY_NONE,
    }
}

/// The bits of a parameter in `present`, several when others hold its values.
pub(super) fn present_bits(parameter: &'static Parameter) -> i64 {
    parameter.stored().into_iter().fold(0, |all, stored| all | 1 << stored.place)
}

/// The numbers under which the values of one parameter are kept: 31 bits of a digest, so that no table of names is needed.
#[derive(Debug, Clone, Copy)]
struct Numbers {
    own: i64,
    text: i64,
    identifier: i64,
}

impl Numbers {
    /// Of the parameters of a type, each in its place.
    fn of(rtype: &str) -> &'static [Self] {
        static ALL: OnceLock<HashMap<&'static str, Vec<Numbers>, BuildHasherDefault<NameHasher>>> =
            OnceLock::new();
        let number = |parameter: &Parameter| Self {
            own: param(parameter),
            text: text_param(parameter),
            identifier: identifier_param(parameter),
        };
        let of_type = |rtype: &&'static str| (*rtype, parameters(rtype).iter().map(number).collect());
        let all = ALL.get_or_init(|| SERVED.iter().map(of_type).collect());
        all.get(rtype).map(Vec::as_slice).unwrap_or_default()
    }
}

/// The number under which a parameter's values are kept.
pub(super) fn param(parameter: &Parameter) -> i64 {
    numbered(parameter, "")
}

/// Under which number what is shown with its codes is kept.
pub(super) fn text_param(parameter: &Parameter) -> i64 {
    numbered(parameter, ":text")
}

/// The number of the codes with which is shown what is kept under a number; nothing where that is something else.
pub(super) fn shown_param(number: i64) -> Option<i64> {
    static ALL: OnceLock<HashMap<i64, i64>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let all = SERVED.iter().flat_map(|rtype| parameters(rtype));
        all.map(|parameter| (text_param(parameter), param(parameter))).collect()
    });
    all.get(&number).copied()
}

/// Under which number the identifiers in its references are kept.
pub(super) fn identifier_param(parameter: &Parameter) -> i64 {
    numbered(parameter, ":identifier")
}

/// Whether what is kept under a number are references.
pub(super) fn is_link(number: i64) -> bool {
    link_params().binary_search(&number).is_ok()
}

/// The numbers under which references are kept, in their order.
pub(super) fn link_params() -> &'static [i64] {
    static ALL: OnceLock<Vec<i64>> = OnceLock::new();
    ALL.get_or_init(|| {
        let all = SERVED.iter().flat_map(|rtype| parameters(rtype));
        let mut all: Vec<i64> =
            all.filter(|parameter| parameter.kind == Kind::Reference).map(param).collect();
        all.sort_unstable();
        all
    })
}

fn numbered(parameter: &Parameter, facet: &str) -> i64 {
    digest(&format!("{}.{}{facet}", parameter.rtype, parameter.name)) & 0x7fff_ffff
}

/// Whether a parameter's values are compared through `tokens`.
pub(super) const fn is_token(kind: Kind) -> bool {
    matches!(kind, Kind::Token | Kind::Reference | Kind::Canonical | Kind::Uri)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_parameters_share_a_number_and_each_has_its_bit() {
        let mut seen = HashSet::new();
        for rtype in SERVED {
            assert!(parameters(rtype).len() < 63, "{rtype}");
            for parameter in &parameters(rtype)[2..] {
                for number in [param(parameter), text_param(parameter), identifier_param(parameter)] {
                    assert!(seen.insert(number), "{parameter:?}");
                }
            }
        }
    }

    #[test]
    fn the_keys_of_an_order_are_the_least_and_the_greatest_value() {
        let check = |values: &[(i64, &str)], expected: Option<&str>| {
            assert_eq!(sort_keys(values.iter().copied()).as_deref(), expected);
        };
        check(&[], None);
        check(&[(7, "b")], Some(r#"{"7":"b"}"#));
        check(&[(7, "b"), (9, "x\"\0"), (7, "a"), (7, "b")], Some(r#"{"7":"a","e7":"b","9":"x\""}"#));
        check(&[(7, "b"), (7, "a"), (7, "c")], Some(r#"{"7":"a","d7":"c"}"#));
        check(&[(7, "a"), (7, "c"), (7, "b")], Some(r#"{"7":"a","d7":"c"}"#));
        let (long, cut) = ("é".repeat(101), "é".repeat(100));
        check(&[(7, &long)], Some(&format!(r#"{{"7":"{cut}","d7":"{cut}"}}"#)));
        check(&[(7, &cut)], Some(&format!(r#"{{"7":"{cut}"}}"#)));
    }

    #[test]
    fn the_most_urgent_comes_first() {
        let ranks: Vec<_> = ["stat", "asap", "urgent", "routine", ""].map(urgency).into();
        assert!(ranks.is_sorted());
    }
}
