//! The clock of the service: looks again and again for what nobody asks about. Alerts that nobody takes in time, and answers that
//! did not come, follow from what is stored ([`mod@super::escalation`], [`mod@super::silence`]): any number of replicas may look.

use std::time::Duration;

use tokio::sync::watch::Receiver;

use super::escalation::AT_ONCE;
use super::{Context, escalate, escalate_lately, tell_silences};

/// How often answers that did not come are looked for, in looks at late alerts.
const SILENCES_EVERY: u32 = 10;
/// How often every open alert is looked at, those of long ago too, in looks at late alerts: at the first, then once an hour.
const EVERY_ALERT_EVERY: u32 = 60;

/// Looks until `stop` turns true, for the first time after one pause: whoever starts has others to serve first.
pub async fn watch(ctx: &Context, pause: Duration, mut stop: Receiver<bool>) {
    let (mut looks, mut is_behind) = (0, false);
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => continue,
        }
        let mut late = escalate_lately(ctx).await;
        if late.is_ok() && (is_behind || looks % EVERY_ALERT_EVERY == 0) {
            late = escalate(ctx).await;
            is_behind = late.as_ref().is_ok_and(|written| *written >= AT_ONCE);
        }
        if let Err(problem) = late {
            tracing::warn!(%problem, "alerts that nobody takes in time could not be looked at");
        }
        if looks % SILENCES_EVERY == 0
            && let Err(problem) = tell_silences(ctx).await
        {
            tracing::warn!(%problem, "answers that did not come could not be looked for");
        }
        looks += 1;
    }
}
