//! What the patient was told is said again where a rouge alert is late and nobody has done anything about it: who is not called
//! in time must at least know whom to call.
//!
//! - It is the message of the response, unchanged. One that was not read yet is sent anew; one that was read comes as another
//!   one, so that it is seen.
//! - Not where somebody has taken, begun or done anything that the response asked for: then a person has the patient in hand.
//! - Not where the response says something calmer by now: the message that holds is that of its last version.

use jiff::Timestamp;

use crate::clock::{Ids, SeededIds};
use crate::fhir::datetime::instant;
use crate::fhir::element::{self, list, str_at};
use crate::fhir::meta;
use crate::interaction::{Context, library};
use crate::json::{Value, json};
use crate::problem::Problem;
use crate::store::{Expect, Write};

/// What the record says of it.
const WHY: &str = "Message répété au patient : personne n'a encore pris en compte cette alerte rouge.";
/// In one of these a person has done something.
const IN_HAND: &[&str] = &["accepted", "in-progress", "completed"];
/// In one of these nobody should read it.
const TAKEN_BACK: &[&str] = &["entered-in-error", "not-done", "stopped"];

/// The message that the patient of that Task is to read again, to be written, and where it is.
///
/// # Errors
/// Those of the store.
pub(super) async fn message(
    ctx: &Context,
    task: &Value,
    now: Timestamp,
) -> Result<Option<(Write, String)>, Problem> {
    let place = |name: &str| str_at(task, name).unwrap_or_default();
    let (patient, source, raised) = (place("for.reference"), place("focus.reference"), place("authoredOn"));
    if [patient, source, raised].contains(&"") {
        return Ok(None);
    }
    let store = ctx.store.as_ref();
    for stored in library::read_all(store, "Task", &[("patient", patient), ("focus", source)]).await? {
        if IN_HAND.contains(&str_at(&stored.resource()?, "status").unwrap_or_default()) {
            return Ok(None);
        }
    }
    let since = format!("ge{raised}");
    let params = [("subject", patient), ("_lastUpdated", since.as_str())];
    let told = library::read_all(store, "Communication", &params).await?;
    let mut told: Vec<Value> = told.iter().map(|stored| stored.resource()).collect::<Result<_, _>>()?;
    told.retain(|one| {
        let is_taken_back = TAKEN_BACK.contains(&str_at(one, "status").unwrap_or_default());
        !is_taken_back && list(one, "about").any(|about| about["reference"] == source)
    });
    let last = told.into_iter().max_by_key(|one| element::id(one).map(str::to_owned));
    match last.filter(|last| last["priority"] == "stat") {
        Some(last) => again(last, now).map(Some),
        None => Ok(None),
    }
}

fn again(mut message: Value, now: Timestamp) -> Result<(Write, String), Problem> {
    let lacking = || Problem::internal("a stored message has no id or version");
    let id = element::id(&message).ok_or_else(lacking)?.to_owned();
    let version = meta::version(&message).ok_or_else(lacking)?;
    let note = json!({"time": instant(now), "text": WHY});
    message["note"] = list(&message, "note").cloned().chain([note]).collect();
    message["sent"] = json!(instant(now));
    let (id, version, expect) = if message["status"] == "completed" {
        message["status"] = json!("in-progress");
        message.as_object_mut().map(|members| members.remove("received"));
        (SeededIds::new(now, format!("repeat|{id}|{version}")).next(), 1, Expect::New)
    } else {
        (id, version + 1, Expect::Version(version))
    };
    let write = Write::new(&meta::stamp(message, &id, version, now), expect)?;
    Ok((write, format!("Communication/{id}")))
}
