//! Reading a part of a text: of the elements of a list, and of the lists of the same name below, only those that somebody can
//! name. The others are passed over without being made.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::map::Map;
use super::read::Name;
use super::value::Value;

/// The elements of a list that are read, by the text of one of their members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picks {
    list: &'static str,
    by: &'static str,
    texts: Texts,
}

/// Each text with what is read of the same list below; all of it without.
type Texts = Vec<(String, Below)>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Below(Option<Texts>);

impl Picks {
    /// Of the elements of `list`, none; `by` is the name of the member that tells them apart.
    pub(crate) const fn none(list: &'static str, by: &'static str) -> Self {
        Self { list, by, texts: Vec::new() }
    }

    /// Reads what is at the end of that way too, as a whole: an element of that text, and below it one of the next.
    pub(crate) fn add(&mut self, way: &[String]) {
        if !way.is_empty() {
            add(&mut self.texts, way);
        }
    }
}

fn add(texts: &mut Texts, way: &[String]) {
    let [text, rest @ ..] = way else { return };
    let place = texts.iter().position(|(known, _)| known == text).unwrap_or_else(|| {
        texts.push((text.clone(), Below(Some(Vec::new()))));
        texts.len() - 1
    });
    let Below(below) = &mut texts[place].1;
    match below {
        _ if rest.is_empty() => *below = None,
        Some(below) => add(below, rest),
        // All of it is read already.
        None => {}
    }
}

/// Reads an object without the elements of its list that are not picked. An element is passed over only where the member that
/// tells it apart comes first and is a text.
///
/// # Errors
/// The text is no JSON, or no object, or something else stands where the list or an element is: then it is read as a whole.
pub(crate) fn read_picked(text: &str, picks: &Picks) -> serde_json::Result<Value> {
    let mut from = serde_json::Deserializer::from_str(text);
    let value = Members { picks, texts: &picks.texts }.deserialize(&mut from)?;
    from.end().map(|()| value)
}

/// An object that has the list.
#[derive(Clone, Copy)]
struct Members<'p> {
    picks: &'p Picks,
    texts: &'p Texts,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        self.rest(Map::new(), &mut object).map(Value::Object)
    }
}

impl Members<'_> {
    /// These members and all that follow.
    fn rest<'de, A: MapAccess<'de>>(self, mut members: Map, object: &mut A) -> Result<Map, A::Error> {
        while let Some(Name(name)) = object.next_key()? {
            let value = if name == self.picks.list {
                object.next_value_seed(Elements(self))?
            } else {
                object.next_value::<Value>()?
            };
            members.insert(name, value);
        }
        Ok(members)
    }
}

/// The list.
struct Elements<'p>(Members<'p>);

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(Element(self.0))? {
            elements.extend(element);
        }
        Ok(elements.into())
    }
}

/// An element; nothing for one that is passed over.
struct Element<'p>(Members<'p>);

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Option<Value>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Value>, A::Error> {
        let Self(Members { picks, texts }) = self;
        let mut members = Map::new();
        let Some(Name(first)) = object.next_key()? else { return Ok(Some(Value::Object(members))) };
        let tells = first == picks.by;
        let value: Value = object.next_value()?;
        let below = match value.as_str().filter(|_| tells) {
            Some(text) => match texts.iter().find(|(known, _)| known == text) {
                Some((_, Below(below))) => below.as_ref(),
                None => {
                    while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                    return Ok(None);
                }
            },
            None => None,
        };
        members.insert(first, value);
        match below {
            Some(texts) => Members { picks, texts }.rest(members, &mut object),
            None => whole(members, &mut object),
        }
        .map(|members| Some(Value::Object(members)))
    }
}

/// These members and all that follow, each as a whole.
fn whole<'de, A: MapAccess<'de>>(mut members: Map, object: &mut A) -> Result<Map, A::Error> {
    while let Some(Name(name)) = object.next_key()? {
        members.insert(name, object.next_value::<Value>()?);
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picks(ways: &[&[&str]]) -> Picks {
        let mut picks = Picks::none("item", "linkId");
        for way in ways {
            picks.add(&way.iter().map(|&text| text.to_owned()).collect::<Vec<_>>());
        }
        picks
    }

    fn check(ways: &[&[&str]], text: &str, expected: &str) {
        assert_eq!(read_picked(text, &picks(ways)).unwrap().to_string(), expected, "{ways:?}");
    }

    const RESPONSE: &str = r#"{"id":"r","item":[{"linkId":"a","text":"A","item":[{"linkId":"b","answer":[{"valueDecimal":1.10,"item":[{"linkId":"z"}]}]},{"linkId":"c"}]},{"linkId":"d","item":[{"linkId":"b"}]}],"status":"completed"}"#;

    #[test]
    fn what_is_not_picked_is_passed_over() {
        check(&[], RESPONSE, r#"{"id":"r","item":[],"status":"completed"}"#);
        check(
            &[&["d"]],
            RESPONSE,
            r#"{"id":"r","item":[{"linkId":"d","item":[{"linkId":"b"}]}],"status":"completed"}"#,
        );
        // Below an answer everything is read.
        let b = r#"{"linkId":"b","answer":[{"valueDecimal":1.10,"item":[{"linkId":"z"}]}]}"#;
        let expected =
            format!(r#"{{"id":"r","item":[{{"linkId":"a","text":"A","item":[{b}]}}],"status":"completed"}}"#);
        check(&[&["a", "b"]], RESPONSE, &expected);
        check(&[&["a", "b"], &["x", "y"]], RESPONSE, &expected);
        check(&[&["a", "b"], &["a", "c"], &["d"]], RESPONSE, RESPONSE);
        check(&[&["a"], &["a", "b"], &["d"]], RESPONSE, RESPONSE);
        check(&[&["a", "b"], &["a"], &["d"]], RESPONSE, RESPONSE);
    }

    #[test]
    fn an_element_that_does_not_tell_at_once_is_read() {
        for whole in [
            r#"{"item":[{"text":"A","linkId":"q"}]}"#,
            r#"{"item":[{"linkId":1},{"linkId":["q"]},{}]}"#,
            r#"{"answer":[{"linkId":"q"}]}"#,
            "{}",
        ] {
            check(&[&["a"]], whole, whole);
        }
        check(
            &[&["a"]],
            r#"{"item":[{"linkId":"\u0061"},{"linkId":"b","x":{"y":["]}"]}}]}"#,
            r#"{"item":[{"linkId":"a"}]}"#,
        );
    }

    #[test]
    fn what_is_shaped_otherwise_is_left_to_who_reads_everything() {
        for text in [
            r#"{"item":{"linkId":"a"}}"#,
            r#"{"item":["a"]}"#,
            "[]",
            "{",
            r#"{"item":[{"linkId":"b",}]}"#,
            "{} {}",
        ] {
            assert!(read_picked(text, &picks(&[&["a"]])).is_err(), "{text}");
        }
    }
}
