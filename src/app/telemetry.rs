//! Logs to standard error (text or one JSON object a line) and metrics in Prometheus text.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;

use crate::config::Log;

/// Starts logging; a second call in the same process changes nothing.
pub(super) fn log(settings: &Log) {
    let level: LevelFilter = settings.level.parse().unwrap_or(LevelFilter::INFO);
    let builder =
        tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    let dispatch = if settings.json {
        Dispatch::new(builder.json().flatten_event(true).finish())
    } else {
        Dispatch::new(builder.with_ansi(false).finish())
    };
    // It fails only when one is set already, which is what a second call wants.
    let _ = tracing::dispatcher::set_global_default(dispatch);
}

/// The metrics of the process; the recorder is installed once.
pub(super) fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            // It fails only when one is set already; nothing else sets one.
            let _ = metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}
