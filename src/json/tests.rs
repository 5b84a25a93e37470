//! A value behaves as that of `serde_json`, which stands beside it here.

use proptest::prelude::*;
use serde_json::Value as Theirs;

use super::{Entry, Map, Text, Value, bytes, json, known};

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Any JSON, as `serde_json` holds it.
fn anything() -> impl Strategy<Value = Theirs> {
    let leaf = prop_oneof![
        Just(Theirs::Null),
        any::<bool>().prop_map(Theirs::from),
        any::<i64>().prop_map(Theirs::from),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?(e[+-]?[0-9]{1,3})?"
            .prop_map(|text| serde_json::from_str(&text).unwrap()),
        "[\\x00-\\x7f\"\\\\é\u{2028}😀]{0,20}".prop_map(Theirs::from),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let name = prop_oneof!["[a-z~/]{0,3}", Just("status".to_owned()), Just("_birthDate".to_owned())];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Theirs::from),
            proptest::collection::vec((name, inner), 0..6).prop_map(Theirs::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_read_is_written_as_serde_json_writes_it(theirs in anything()) {
        let text = theirs.to_string();
        let ours = read(&text);
        prop_assert_eq!(ours.to_string(), &*text);
        prop_assert_eq!(serde_json::to_string(&ours).unwrap(), &*text);
        prop_assert_eq!(serde_json::to_string_pretty(&ours).unwrap(), serde_json::to_string_pretty(&theirs).unwrap());
        prop_assert_eq!(bytes(&ours), text.into_bytes());
        prop_assert_eq!(ours.clone(), ours);
    }

    #[test]
    fn two_values_are_equal_when_those_of_serde_json_are(a in anything(), b in anything()) {
        prop_assert_eq!(read(&a.to_string()) == read(&b.to_string()), a == b);
    }

    #[test]
    fn a_pointer_finds_what_that_of_serde_json_finds(theirs in anything(), pointer in "(/([a-z]|~0|~1|[0-3]|01|\\+1|-)){0,4}|a") {
        let mut ours = read(&theirs.to_string());
        let found = theirs.pointer(&pointer).map(Theirs::to_string);
        prop_assert_eq!(ours.pointer(&pointer).map(Value::to_string), found.clone());
        prop_assert_eq!(ours.pointer_mut(&pointer).map(|value| value.to_string()), found);
    }
}

#[test]
fn a_value_is_written_in_place() {
    let (text, list, none) = (String::from("ô"), vec![1, 2], None::<&str>);
    let value = json!({
        "null": null, "list": [null, [], {}, [1, -2.5], {"a": {"b": text}}, "x", text.len(),], "text": text,
        "more": list, "none": none, (format!("{text}!")): list.first(), "call": list.iter().sum::<i32>(), "yes": true,
    });
    let expected = r#"{"null":null,"list":[null,[],{},[1,-2.5],{"a":{"b":"ô"}},"x",2],"text":"ô","more":[1,2],"none":null,"ô!":1,"call":3,"yes":true}"#;
    assert_eq!(value.to_string(), expected);
    assert_eq!((json!(null), json!([]), json!({})), (Value::Null, read("[]"), read("{}")));
    assert_eq!(json!(text), "ô");
}

#[test]
fn names_of_elements_and_literals_are_borrowed() {
    let value = read(r#"{"birthDate":"x","_birthDate":"y"}"#);
    let names: Vec<bool> = value
        .as_object()
        .unwrap()
        .clone()
        .into_iter()
        .map(|(name, _)| matches!(name, Text::Borrowed(_)))
        .collect();
    assert_eq!(names, [true, false]);
    assert!(matches!(json!("final"), Value::String(Text::Borrowed("final"))));
    assert_eq!(known("valueQuantity"), Some("valueQuantity"));
}

#[test]
fn a_name_given_twice_keeps_its_place_and_the_last_value() {
    assert_eq!(read(r#"{"a":1,"b":2,"a":3}"#).to_string(), r#"{"a":3,"b":2}"#);
}

#[test]
fn members_keep_their_order_whatever_is_done_to_others() {
    let mut map: Map = [("d", 1), ("a", 2), ("c", 3), ("b", 4)].into_iter().collect();
    assert_eq!(map.remove("a"), Some(json!(2)));
    assert_eq!(map.remove("a"), None);
    assert_eq!(map.insert("c", json!(5)), Some(json!(3)));
    assert_eq!(map.insert("e", json!(6)), None);
    assert!(matches!(map.entry("e"), Entry::Occupied(value) if *value == 6));
    *map.entry("f").or_insert(json!(0)) = json!(7);
    map.retain(|name, _| name != "d");
    assert_eq!(Value::from(map.clone()).to_string(), r#"{"c":5,"b":4,"e":6,"f":7}"#);
    assert_eq!(map.keys().collect::<String>(), "cbef");
}

#[test]
fn a_part_that_is_not_there_is_null_and_is_made_when_it_is_set() {
    let mut value = json!({"a": [1]});
    assert_eq!((&value["b"]["c"][3], &value["a"][1]), (&Value::Null, &Value::Null));
    value["b"]["c"] = json!(true);
    assert_eq!(value.to_string(), r#"{"a":[1],"b":{"c":true}}"#);
    assert_eq!(value["a"].take(), json!([1]));
    assert_eq!(value["a"], Value::Null);
}

#[test]
fn a_value_is_compared_with_plain_ones() {
    let value = json!({"t": "x", "n": -7, "big": u64::MAX, "b": false, "f": 1.5});
    let owned = String::from("x");
    assert_eq!(value["t"], "x");
    assert_eq!("x", value["t"]);
    assert_eq!(value["t"], *"x");
    assert_eq!(value["t"], owned);
    assert_eq!(owned, value["t"]);
    assert_eq!(value["n"], -7);
    assert_eq!(value["big"], u64::MAX);
    assert_eq!(value["b"], false);
    for (part, other) in [("n", 7_u64), ("t", 1), ("f", 1), ("missing", 0)] {
        assert_ne!(value[part], other, "{part}");
    }
    assert_ne!(value["missing"], "x");
}
