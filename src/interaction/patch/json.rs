//! JSON Patch (RFC 6902) over JSON pointers (RFC 6901); members keep their order.
//!
//! What comes of a patch is as bounded as what comes from outside, after each operation and not only at the end: a few copies
//! of a resource into itself would fill the memory, and a few additions one below the other the stack.

use crate::json::Value;

use super::whole;
use crate::fhir::{DEPTH_MAX, MEMBERS_MAX};
use crate::problem::{Category, Problem};

/// What one patch may copy, as [`weight`] counts: as much as a body has by default.
const COPIED_MAX: usize = 5 * 1024 * 1024;

/// Applies every operation in order.
///
/// # Errors
/// `Malformed` when the patch is none, `Invalid` with the operation that cannot be applied. The resource is then half
/// changed, and of no use.
pub(super) fn apply(resource: &mut Value, patch: &Value) -> Result<(), Problem> {
    let operations =
        patch.as_array().ok_or_else(|| malformed("", "a JSON Patch is an array of operations"))?;
    let mut room = COPIED_MAX;
    for (n, operation) in operations.iter().enumerate() {
        one(resource, operation, &mut room).map_err(|problem| problem.at(&format!("[{n}]")))?;
    }
    // What the patch itself brings empty stays, and is refused with its place.
    if !operations.iter().filter_map(|operation| operation.get("value")).any(is_empty_somewhere) {
        whole::prune(resource);
    }
    Ok(())
}

fn is_empty_somewhere(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty() || members.values().any(is_empty_somewhere),
        Value::Array(elements) => elements.is_empty() || elements.iter().any(is_empty_somewhere),
        _ => false,
    }
}

fn one(resource: &mut Value, operation: &Value, room: &mut usize) -> Result<(), Problem> {
    let text =
        |name: &str| operation[name].as_str().ok_or_else(|| malformed(name, "is missing or is no text"));
    let value = || operation.get("value").cloned().ok_or_else(|| malformed("value", "is missing"));
    let path = pointer(text("path")?)?;
    match text("op")? {
        "add" => add(resource, &path, value()?),
        "remove" => remove(resource, &path).map(drop),
        "replace" => {
            let place = at(resource, &path).ok_or_else(|| nowhere(&path))?;
            let value = value()?;
            check_depth(&path, &value)?;
            *place = value;
            Ok(())
        }
        "move" => {
            let from = pointer(text("from")?)?;
            if path.len() > from.len() && path.starts_with(&from) {
                return Err(invalid("nothing moves into itself"));
            }
            let moved = remove(resource, &from)?;
            add(resource, &path, moved)
        }
        "copy" => {
            let from = pointer(text("from")?)?;
            let copied = at(resource, &from).ok_or_else(|| nowhere(&from))?;
            *room = room.checked_sub(weight(copied)).ok_or_else(|| {
                invalid(format!("the copies of one patch have more than {COPIED_MAX} bytes together"))
            })?;
            let copied = copied.clone();
            add(resource, &path, copied)
        }
        "test" => match at(resource, &path) {
            Some(found) if *found == value()? => Ok(()),
            _ => Err(invalid(format!("the test of /{} does not hold", path.join("/")))),
        },
        _ => Err(malformed("op", "is none of add, remove, replace, move, copy, test")),
    }
}

fn pointer(text: &str) -> Result<Vec<String>, Problem> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let inner =
        text.strip_prefix('/').ok_or_else(|| malformed("path", "begins with a slash, or is empty"))?;
    Ok(inner.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
}

/// An index without sign or leading zero.
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || (!token.starts_with('0') && token.bytes().all(|b| b.is_ascii_digit()));
    plain.then(|| token.parse().ok()).flatten()
}

fn at<'a>(resource: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(resource, |value, token| match value {
        Value::Object(members) => members.get_mut(token),
        Value::Array(elements) => elements.get_mut(index(token)?),
        _ => None,
    })
}

/// The bytes of the texts of a value, and some for each part of it.
fn weight(value: &Value) -> usize {
    const EACH: usize = 8;
    EACH + match value {
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(weight).sum(),
        Value::Object(members) => members.iter().map(|(name, member)| name.len() + weight(member)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// A value is no deeper than the resource it comes from.
fn check_depth(path: &[String], value: &Value) -> Result<(), Problem> {
    if path.len() + depth(value) > DEPTH_MAX {
        return Err(invalid(format!("the resource would be nested more than {DEPTH_MAX} levels deep")));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(elements) => elements.iter().map(depth).max().map_or(0, |inner| inner + 1),
        Value::Object(members) => members.values().map(depth).max().map_or(0, |inner| inner + 1),
        _ => 0,
    }
}

/// Puts a value there: as a member, or before the element that has the place.
///
/// # Errors
/// `Invalid` when there is no such place, or more would be there than a resource may have.
pub(super) fn add(resource: &mut Value, path: &[String], value: Value) -> Result<(), Problem> {
    check_depth(path, &value)?;
    let Some((last, parent)) = path.split_last() else {
        *resource = value;
        return Ok(());
    };
    match at(resource, parent) {
        Some(Value::Object(members)) => {
            if members.len() == MEMBERS_MAX && !members.contains_key(last) {
                let parent = parent.join("/");
                return Err(invalid(format!("/{parent} would have more than {MEMBERS_MAX} members")));
            }
            members.insert(last.clone(), value);
            Ok(())
        }
        Some(Value::Array(elements)) => {
            let place = if last == "-" { Some(elements.len()) } else { index(last) };
            let place = place.filter(|place| *place <= elements.len()).ok_or_else(|| nowhere(path))?;
            elements.insert(place, value);
            Ok(())
        }
        _ => Err(nowhere(path)),
    }
}

pub(super) fn remove(resource: &mut Value, path: &[String]) -> Result<Value, Problem> {
    let (last, parent) =
        path.split_last().ok_or_else(|| invalid("a resource cannot be removed by a patch"))?;
    let removed = match at(resource, parent) {
        Some(Value::Object(members)) => members.remove(last),
        Some(Value::Array(elements)) => {
            index(last).filter(|n| *n < elements.len()).map(|n| elements.remove(n))
        }
        _ => None,
    };
    removed.ok_or_else(|| nowhere(path))
}

fn nowhere(path: &[String]) -> Problem {
    invalid(format!("nothing is at /{}", path.join("/")))
}

fn invalid(text: impl Into<String>) -> Problem {
    Problem::new(Category::Invalid, "processing", text)
}

fn malformed(name: &str, text: &str) -> Problem {
    Problem::new(Category::Malformed, "structure", format!("{name} {text}").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    use super::*;

    fn check(resource: Value, patch: Value, expected: Result<Value, &str>) {
        let mut patched = resource;
        let done = apply(&mut patched, &patch);
        match expected {
            Ok(expected) => {
                assert_eq!(done, Ok(()), "{patch}");
                assert_eq!(patched.to_string(), expected.to_string(), "{patch}");
            }
            Err(said) => assert!(done.unwrap_err().to_string().contains(said), "{patch}"),
        }
    }

    #[test]
    fn the_operations_of_rfc_6902() {
        check(json!({"a": 1}), json!([{"op": "add", "path": "/b", "value": 2}]), Ok(json!({"a": 1, "b": 2})));
        check(
            json!({"a": [1, 3]}),
            json!([{"op": "add", "path": "/a/1", "value": 2}]),
            Ok(json!({"a": [1, 2, 3]})),
        );
        check(
            json!({"a": [1]}),
            json!([{"op": "add", "path": "/a/-", "value": 2}]),
            Ok(json!({"a": [1, 2]})),
        );
        check(
            json!({"a": 1, "b": 2, "c": 3}),
            json!([{"op": "remove", "path": "/a"}]),
            Ok(json!({"b": 2, "c": 3})),
        );
        check(json!({"a": 1.10}), json!([{"op": "replace", "path": "/a", "value": 2}]), Ok(json!({"a": 2})));
        check(
            json!({"a": {"b": 1}, "c": []}),
            json!([{"op": "move", "from": "/a/b", "path": "/c/0"}]),
            Ok(json!({"c": [1]})),
        );
        check(
            json!({"a": 1}),
            json!([{"op": "copy", "from": "/a", "path": "/b"}]),
            Ok(json!({"a": 1, "b": 1})),
        );
        check(
            json!({"a/b": 1, "m~n": 2}),
            json!([{"op": "test", "path": "/a~1b", "value": 1}, {"op": "remove", "path": "/m~0n"}]),
            Ok(json!({"a/b": 1})),
        );
    }

    #[test]
    fn what_a_patch_emptied_goes_and_what_it_brings_empty_stays() {
        let document = || json!({"id": "1", "name": [{"given": ["Anne"]}], "list": [1, 2]});
        let removed = json!([{"op": "remove", "path": "/name/0/given/0"}]);
        check(document(), removed, Ok(json!({"id": "1", "list": [1, 2]})));
        // A list may be emptied and filled again.
        let again = json!([{"op": "remove", "path": "/name/0/given/0"}, {"op": "add", "path": "/name/0/given/-", "value": "Zoé"}]);
        check(document(), again, Ok(json!({"id": "1", "name": [{"given": ["Zoé"]}], "list": [1, 2]})));
        let moved = json!([{"op": "move", "from": "/name/0/given", "path": "/list"}]);
        check(document(), moved, Ok(json!({"id": "1", "list": ["Anne"]})));
        let brought = json!([{"op": "replace", "path": "/list", "value": []}]);
        check(document(), brought, Ok(json!({"id": "1", "name": [{"given": ["Anne"]}], "list": []})));
    }

    #[test]
    fn what_cannot_be_applied_is_named() {
        let document = json!({"a": [1], "b": {}});
        for (operation, said) in [
            (json!({"op": "remove", "path": "/c"}), "[0]: nothing is at /c"),
            (json!({"op": "replace", "path": "/a/1", "value": 1}), "/a/1"),
            (json!({"op": "add", "path": "/a/2", "value": 1}), "/a/2"),
            (json!({"op": "add", "path": "/a/01", "value": 1}), "/a/01"),
            (json!({"op": "test", "path": "/a/0", "value": 2}), "does not hold"),
            (json!({"op": "move", "from": "/b", "path": "/b/c"}), "into itself"),
            (json!({"op": "add", "path": "/b/c"}), "value is missing"),
            (json!({"op": "jump", "path": "/b"}), "op is none of"),
            (json!({"op": "add", "path": "b", "value": 1}), "slash"),
            (json!({"op": "remove", "path": ""}), "cannot be removed"),
        ] {
            check(document.clone(), json!([operation]), Err(said));
        }
        check(document, json!({}), Err("array"));
    }

    #[test]
    fn what_comes_of_a_patch_is_bounded_after_each_operation() {
        let document = json!({"a": "x".repeat(1_000)});
        let doubled: Vec<Value> =
            (0..60).map(|n| json!({"op": "copy", "from": "", "path": format!("/b{n}")})).collect();
        check(document.clone(), json!(doubled), Err("[12]: the copies of one patch"));
        let ten = (0..10).fold(json!({}), |inner, _| json!({ "c": inner }));
        let below = |n: usize| json!({"op": "add", "path": "/c".repeat(10 * n + 1), "value": ten});
        let deeper: Vec<Value> = (0..100).map(below).collect();
        check(document.clone(), json!(deeper), Err("[6]: the resource would be nested more than 64 levels"));
        let wider: Vec<Value> =
            (0..300).map(|n| json!({"op": "add", "path": format!("/d{n}"), "value": n})).collect();
        check(document.clone(), json!(wider), Err("[255]: / would have more than 256 members"));
        let deep = (0..64).fold(json!(1), |inner, _| json!([inner]));
        check(document, json!([{"op": "replace", "path": "/a", "value": deep}]), Err("64 levels"));
    }
}
