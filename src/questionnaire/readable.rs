//! The response without what could not be read. Readable items inside an unreadable one stay: only its own
//! value goes, so that no answer is lost with another.

use std::collections::HashSet;

use crate::json::{Map, Value};

/// A copy of the response without the values at these addresses, which are addresses of its own items and answers.
pub(crate) fn without(response: &Value, removed: &HashSet<*const Value>) -> Value {
    copy(response, removed).unwrap_or_else(|| Value::Object(Map::new()))
}

/// A copy of a response, item or answer; nothing when nothing readable is left of it.
fn copy(value: &Value, removed: &HashSet<*const Value>) -> Option<Value> {
    let gone = removed.contains(&std::ptr::from_ref(value));
    let Some(members) = value.as_object() else { return (!gone).then(|| value.clone()) };
    let mut kept = Map::new();
    let mut nested = false;
    for (name, member) in members.members() {
        match &**name {
            "item" | "answer" => {
                if let Some(list) = copy_list(member, removed) {
                    nested = true;
                    kept.insert(name.clone(), list);
                }
            }
            _ if gone && name != "linkId" && name != "text" => {}
            _ => {
                kept.insert(name.clone(), member.clone());
            }
        }
    }
    (!gone || nested).then_some(Value::Object(kept))
}

fn copy_list(member: &Value, removed: &HashSet<*const Value>) -> Option<Value> {
    match member {
        Value::Array(list) => {
            let kept: Vec<Value> = list.iter().filter_map(|value| copy(value, removed)).collect();
            (!kept.is_empty()).then_some(kept.into())
        }
        single => copy(single, removed),
    }
}
