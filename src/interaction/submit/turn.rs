//! Turns: submissions about one patient in one process wait for each other instead of being decided several times, because
//! each of them would move the patient's stream under the others. Nothing is right or wrong by it: another process knows
//! nothing of these turns, and the guards of the commit decide.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::json::Value;
use tokio::sync::{Mutex, MutexGuard};

/// Patients share that many queues: two who meet in one wait for each other without need, which is rare and harmless.
const QUEUES: usize = 1_024;

static TURNS: [Mutex<()>; QUEUES] = [const { Mutex::const_new(()) }; QUEUES];

/// The turn of a response, which ends when it is dropped, and whether another one had to be waited for. Patients are told
/// apart as the response names them; without a subject there is nobody to wait for.
pub(super) async fn of(response: &Value) -> (Option<MutexGuard<'static, ()>>, bool) {
    let Some(subject) = response.get("subject") else { return (None, false) };
    let mut hasher = DefaultHasher::new();
    let named =
        ["/reference", "/identifier/value"].map(|place| subject.pointer(place).and_then(Value::as_str));
    named.hash(&mut hasher);
    let turn = &TURNS[usize::try_from(hasher.finish() % QUEUES as u64).unwrap_or(0)];
    match turn.try_lock() {
        Ok(guard) => (Some(guard), false),
        Err(_) => (Some(turn.lock().await), true),
    }
}

#[cfg(test)]
mod tests {
    use crate::json::json;

    #[tokio::test]
    async fn responses_about_one_patient_take_turns() {
        let of = |patient: &str| json!({"subject": {"reference": format!("Patient/{patient}")}});
        let (first, waited) = super::of(&of("turn-a")).await;
        assert!(first.is_some() && !waited);
        let (other, waited) = super::of(&of("turn-b")).await;
        assert!(other.is_some() && !waited);
        let second = tokio::spawn(async move { super::of(&of("turn-a")).await.1 });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap());
        assert!(super::of(&json!({})).await.0.is_none());
    }
}
