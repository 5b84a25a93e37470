//! What is counted of every request, for Prometheus.

use std::cell::RefCell;
use std::collections::HashMap;

use metrics::{Counter, Histogram};

/// Method, route and status.
type Kind = (&'static str, &'static str, u16);

thread_local! {
    /// There are few kinds. To look them up among all metrics takes longer than to count.
    static METERS: RefCell<HashMap<Kind, (Counter, Histogram)>> = RefCell::new(HashMap::new());
}

/// Counts one answer. `route` is the template of the path: a path would make a metric for each resource.
pub(super) fn answered(method: &'static str, route: &'static str, status: u16, seconds: f64) {
    METERS.with_borrow_mut(|meters| {
        let (answered, took) = meters.entry((method, route, status)).or_insert_with(|| {
            let status = status.to_string();
            (
                metrics::counter!("vigie_http_requests_total", "method" => method, "route" => route, "status" => status),
                metrics::histogram!("vigie_http_request_seconds", "route" => route),
            )
        });
        answered.increment(1);
        took.record(seconds);
    });
}
