//! Strings (`FHIRPath` 2.0.0 section 5.6). Positions count characters, not bytes. Patterns are those of
//! the `regex` crate: linear time, no look-around, no back references.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

use super::super::Fault;
use super::super::collection::{Collection, Item};
use super::super::operators::text_of;
use super::{Answer, Function, Input, row};

pub(super) const TABLE: &[Function] = &[
    row("indexOf", 1, 1, |input| with_text(&input, |text, found| position(text, text.find(found)))),
    row("lastIndexOf", 1, 1, |input| with_text(&input, |text, found| position(text, text.rfind(found)))),
    row("substring", 1, 2, substring),
    row("startsWith", 1, 1, |input| with_text(&input, |text, start| Item::Boolean(text.starts_with(start)))),
    row("endsWith", 1, 1, |input| with_text(&input, |text, end| Item::Boolean(text.ends_with(end)))),
    row("contains", 1, 1, |input| with_text(&input, |text, part| Item::Boolean(text.contains(part)))),
    row("upper", 0, 0, |input| changed(&input, |text| text.to_uppercase())),
    row("lower", 0, 0, |input| changed(&input, |text| text.to_lowercase())),
    row("trim", 0, 0, |input| changed(&input, |text| text.trim().to_owned())),
    row("replace", 2, 2, |input| replaced(&input, |text, part, with| Ok(text.replace(part, with)))),
    row("matches", 1, 1, |input| matched(&input, false)),
    row("matchesFull", 1, 1, |input| matched(&input, true)),
    row("replaceMatches", 2, 2, |input| {
        replaced(&input, |text, pattern, with| {
            if pattern.is_empty() {
                return Ok(text.to_owned());
            }
            Ok(compiled(pattern, false)?.replace_all(text, with).into_owned())
        })
    }),
    row("length", 0, 0, |input| {
        Ok(input.text()?.map_or_else(Collection::empty, |text| Collection::integer(text.chars().count())))
    }),
    row("toChars", 0, 0, |input| {
        let text = input.text()?.unwrap_or_default();
        Ok(text.chars().map(|c| Item::String(Cow::Owned(c.to_string()))).collect())
    }),
    row("split", 1, 1, split),
    row("join", 0, 1, join),
];

/// The input text with one text argument; empty when either is.
fn with_text<'a>(input: &Input<'_, '_, 'a>, answer: fn(&str, &str) -> Item<'static>) -> Answer<'a> {
    let (text, argument) = (input.text()?, input.text_argument(0)?);
    Ok(Collection::maybe(text.zip(argument).map(|(text, argument)| answer(&text, &argument))))
}

fn position(text: &str, byte: Option<usize>) -> Item<'static> {
    let characters = byte.map(|byte| text[..byte].chars().count());
    Item::Integer(characters.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
}

fn changed<'a>(input: &Input<'_, '_, 'a>, change: fn(&str) -> String) -> Answer<'a> {
    match input.text()? {
        Some(text) => input.evaluator.text(change(&text)),
        None => Ok(Collection::empty()),
    }
}

fn substring<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let (Some(text), Some(start)) = (input.text()?, input.integer_argument(0)?) else {
        return Ok(Collection::empty());
    };
    let length = if input.has_argument(1) { input.integer_argument(1)? } else { None };
    let Some(start) = usize::try_from(start).ok().filter(|start| *start < text.chars().count()) else {
        return Ok(Collection::empty());
    };
    let length = length.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(0));
    input.evaluator.text(text.chars().skip(start).take(length).collect())
}

fn replaced<'a>(
    input: &Input<'_, '_, 'a>,
    replace: fn(&str, &str, &str) -> Result<String, Fault>,
) -> Answer<'a> {
    match (input.text()?, input.text_argument(0)?, input.text_argument(1)?) {
        (Some(text), Some(part), Some(with)) => input.evaluator.text(replace(&text, &part, &with)?),
        _ => Ok(Collection::empty()),
    }
}

fn matched<'a>(input: &Input<'_, '_, 'a>, full: bool) -> Answer<'a> {
    let (Some(text), Some(pattern)) = (input.text()?, input.text_argument(0)?) else {
        return Ok(Collection::empty());
    };
    Ok(Collection::from_bool(compiled(&pattern, full)?.is_match(&text)))
}

/// Patterns that a thread keeps compiled: an invariant asks the same few of every element.
const PATTERNS_MAX: usize = 64;

thread_local! {
    static PATTERNS: RefCell<HashMap<(String, bool), Regex>> = RefCell::default();
}

fn compiled(pattern: &str, full: bool) -> Result<Regex, Fault> {
    let key = (pattern.to_owned(), full);
    if let Some(known) = PATTERNS.with_borrow(|known| known.get(&key).cloned()) {
        return Ok(known);
    }
    let regex = compile(pattern, full)?;
    PATTERNS.with_borrow_mut(|known| {
        if known.len() >= PATTERNS_MAX {
            known.clear();
        }
        known.insert(key, regex.clone());
    });
    Ok(regex)
}

/// A point matches a line break too (section 5.6.9).
fn compile(pattern: &str, full: bool) -> Result<Regex, Fault> {
    let pattern = if full { Cow::Owned(format!("^(?:{pattern})$")) } else { Cow::Borrowed(pattern) };
    RegexBuilder::new(&pattern)
        .dot_matches_new_line(true)
        .size_limit(1 << 20)
        .build()
        .map_err(|_| Fault::new("the pattern of matches() or replaceMatches() is not a regular expression"))
}

fn split<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let (Some(text), Some(separator)) = (input.text()?, input.text_argument(0)?) else {
        return Ok(Collection::empty());
    };
    if separator.is_empty() {
        return Ok(Collection::one(Item::String(text)));
    }
    Ok(text.split(&*separator).map(|part| Item::String(Cow::Owned(part.to_owned()))).collect())
}

fn join<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let separator = input.text_argument(0)?.unwrap_or_default();
    let mut texts = Vec::with_capacity(input.items.len());
    for item in input.items.iter() {
        match (text_of(item), item.node()) {
            (Some(text), _) => texts.push(text),
            (None, None) => {}
            (None, Some(_)) => return Err(input.fault(&format!("takes Strings, found {}", item.kind()))),
        }
    }
    if input.items.is_empty() {
        return Ok(Collection::empty());
    }
    input.evaluator.text(texts.join(&*separator))
}
