//! An element of a primitive type as a whole: its value, and the id and extensions that JSON has beside it under `_name`, in lists at the
//! same index (FHIR R4, JSON, 2.6.2.3). A patch that moves one without the other would give an extension to somebody else's value.

use super::fhirpath::text_of;
use super::json;
use crate::json::Value;
use crate::problem::Problem;

/// A value and what stands beside it; of an element that is not primitive, the value alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Whole {
    value: Option<Value>,
    beside: Option<Value>,
}

impl Whole {
    /// Nothing beside it.
    pub(super) const fn plain(value: Value) -> Self {
        Self { value: Some(value), beside: None }
    }

    /// The `value[x]` of a part, with what is beside it, and the type in its name; `None` when it has none.
    pub(super) fn of(part: &Value) -> Option<(&str, Self)> {
        let named = |prefix: &str| {
            part.as_object()?.iter().find_map(|(key, value)| Some((key.strip_prefix(prefix)?, value.clone())))
        };
        let (value, beside) = (named("value"), named("_value"));
        let kind = value.as_ref().or(beside.as_ref())?.0;
        Some((kind, Self { value: value.map(|(_, value)| value), beside: beside.map(|(_, beside)| beside) }))
    }
}

/// Puts it there: as a member, or before the element that has the place, in a list that is made where there is none.
///
/// # Errors
/// As [`json::add`].
pub(super) fn add(resource: &mut Value, place: &[String], whole: Whole) -> Result<(), Problem> {
    let Whole { value, beside } = whole;
    let Some((last, list)) = place.split_last() else {
        return json::add(resource, place, value.unwrap_or_default());
    };
    if !is_index(last) {
        if let Some(value) = value {
            json::add(resource, place, value)?;
        }
        return beside.map_or(Ok(()), |beside| json::add(resource, &sibling(place), beside));
    }
    let length = length(resource, list)?;
    let index = last.parse().unwrap_or(length);
    json::add(resource, &with(list, index), value.unwrap_or_default())?;
    let besides = sibling(list);
    if beside.is_none() && resource.pointer(&text_of(&besides)).is_none() {
        return Ok(());
    }
    for missing in self::length(resource, &besides)?..index {
        json::add(resource, &with(&besides, missing), Value::Null)?;
    }
    json::add(resource, &with(&besides, index), beside.unwrap_or_default())?;
    // As long as the list of the values.
    for missing in self::length(resource, &besides)?..=length {
        json::add(resource, &with(&besides, missing), Value::Null)?;
    }
    Ok(())
}

/// Takes it away with what is beside it.
///
/// # Errors
/// As [`json::remove`].
pub(super) fn remove(resource: &mut Value, place: &[String]) -> Result<Whole, Problem> {
    let value = Some(json::remove(resource, place)?);
    let Some((last, list)) = place.split_last() else { return Ok(Whole { value, beside: None }) };
    let (beside_it, besides) = if is_index(last) {
        let besides = sibling(list);
        let mut beside_it = besides.clone();
        beside_it.push(last.clone());
        (beside_it, Some(besides))
    } else {
        (sibling(place), None)
    };
    let beside = match resource.pointer(&text_of(&beside_it)) {
        Some(_) => Some(json::remove(resource, &beside_it)?).filter(|beside| !beside.is_null()),
        None => None,
    };
    // A list of nothing is none.
    if let Some(besides) = besides
        && let Some(Value::Array(left)) = resource.pointer(&text_of(&besides))
        && left.iter().all(Value::is_null)
    {
        json::remove(resource, &besides)?;
    }
    Ok(Whole { value, beside })
}

/// How long a list is; one that is not there is made.
fn length(resource: &mut Value, list: &[String]) -> Result<usize, Problem> {
    match resource.pointer(&text_of(list)) {
        Some(Value::Array(elements)) => Ok(elements.len()),
        Some(_) => Ok(0),
        None => json::add(resource, list, Value::Array(Vec::new().into())).map(|()| 0),
    }
}

fn is_index(token: &str) -> bool {
    token == "-" || token.parse::<usize>().is_ok()
}

/// Where JSON has what is beside an element.
fn sibling(place: &[String]) -> Vec<String> {
    let mut sibling = place.to_vec();
    if let Some(last) = sibling.last_mut() {
        last.insert(0, '_');
    }
    sibling
}

pub(super) fn with(list: &[String], index: usize) -> Vec<String> {
    let mut place = list.to_vec();
    place.push(index.to_string());
    place
}

/// Takes out what a patch took the last part from, from the inside out; whether nothing is left: FHIR has neither empty lists nor
/// empty objects (R4, JSON, 2.6.2). At the end of a patch: in between, what was emptied may be filled again.
pub(super) fn prune(value: &mut Value) -> bool {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !prune(member));
            members.is_empty()
        }
        Value::Array(elements) => {
            elements.retain_mut(|element| !prune(element));
            elements.is_empty()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::fhirpath::apply;
    use super::*;
    use crate::json::json;

    fn part(name: &str, kind: &str, value: Value) -> Value {
        json!({"name": name, (format!("value{kind}")): value})
    }

    /// What a patch of this kind leaves of a name whose given names have extensions.
    fn named(kind: &str, path: &str, more: Vec<Value>) -> String {
        let mut resource = json!({
            "resourceType": "Patient", "id": "p", "birthDate": "1979", "_birthDate": {"id": "b"},
            "name": [{"given": ["A", "B", "C"], "_given": [null, {"id": "b"}, null]}]
        });
        let mut operation = vec![part("type", "Code", json!(kind)), part("path", "String", json!(path))];
        operation.extend(more);
        let parameters =
            json!({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]});
        apply(&mut resource, &parameters, Timestamp::UNIX_EPOCH).unwrap();
        let name = &resource["name"][0];
        format!("{} {} {} {}", name["given"], name["_given"], resource["birthDate"], resource["_birthDate"])
    }

    #[test]
    fn what_is_beside_a_primitive_value_stays_beside_it() {
        let index = |name: &str, n: u64| part(name, "Integer", json!(n));
        let mut value = part("value", "String", json!("D"));
        let check = |kind: &str, path: &str, more: Vec<Value>, expected: &str| {
            assert_eq!(named(kind, path, more), expected, "{kind} {path}");
        };
        let (list, rest) = ("Patient.name[0].given", r#""1979" {"id":"b"}"#);
        let says = |given: &str| format!("{given} {rest}");
        let moved = vec![index("source", 1), index("destination", 0)];
        check("move", list, moved, &says(r#"["B","A","C"] [{"id":"b"},null,null]"#));
        let moved = vec![index("source", 2), index("destination", 0)];
        check("move", list, moved, &says(r#"["C","A","B"] [null,null,{"id":"b"}]"#));
        let inserted = vec![value.clone(), index("index", 0)];
        check("insert", list, inserted, &says(r#"["D","A","B","C"] [null,null,{"id":"b"},null]"#));
        check("delete", "Patient.name[0].given[0]", vec![], &says(r#"["B","C"] [{"id":"b"},null]"#));
        check("delete", "Patient.name[0].given[1]", vec![], &says(r#"["A","C"] null"#));
        check("replace", "Patient.name[0].given[1]", vec![value.clone()], &says(r#"["A","D","C"] null"#));
        value["_valueString"] = json!({"id": "d"});
        check(
            "replace",
            "Patient.name[0].given[2]",
            vec![value.clone()],
            &says(r#"["A","B","D"] [null,{"id":"b"},{"id":"d"}]"#),
        );
        let added = vec![part("name", "String", json!("given")), value];
        check(
            "add",
            "Patient.name[0]",
            added,
            &says(r#"["A","B","C","D"] [null,{"id":"b"},null,{"id":"d"}]"#),
        );
        let name = r#"["A","B","C"] [null,{"id":"b"},null]"#;
        check("delete", "Patient.birthDate", vec![], &format!("{name} null null"));
        let date = vec![part("value", "Date", json!("1980"))];
        check("replace", "Patient.birthDate", date, &format!(r#"{name} "1980" null"#));
        let unknown = vec![
            json!({"name": "value", "_valueDate": {"extension": [{"url": "http://u", "valueCode": "x"}]}}),
        ];
        check(
            "replace",
            "Patient.birthDate",
            unknown,
            &format!(r#"{name} null {{"extension":[{{"url":"http://u","valueCode":"x"}}]}}"#),
        );
    }
}
