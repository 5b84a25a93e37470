//! Logs to standard error (text or one JSON object a line) and metrics in Prometheus text.

mod line;
mod queue;

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use crate::config;
use line::{Fields, Line, Moment};
use queue::Queue;

/// How often what was recorded is put together; until then each single duration is kept.
const UPKEEP: Duration = Duration::from_secs(5);

/// The log of a process. Dropped, it has written everything, and writes each line as it comes from then on.
#[must_use = "what waits to be written is written when this is dropped"]
pub(super) struct Log(Option<Arc<Queue>>);

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(queue) = &self.0 {
            queue.end();
        }
    }
}

/// Starts logging; a second call in the same process changes nothing.
pub(super) fn log(settings: &config::Log) -> Log {
    let level: LevelFilter = settings.level.parse().unwrap_or(LevelFilter::INFO);
    let queue = Queue::start(io::stderr());
    let builder = tracing_subscriber::fmt().with_max_level(level).with_writer(Lines(Arc::clone(&queue)));
    let dispatch = if settings.json {
        Dispatch::new(builder.with_target(false).with_timer(Moment).json().flatten_event(true).finish())
    } else {
        Dispatch::new(builder.with_ansi(false).fmt_fields(Fields).event_format(Line(Moment)).finish())
    };
    if tracing::dispatcher::set_global_default(dispatch).is_err() {
        // There is one already.
        queue.end();
        return Log(None);
    }
    let (before, hook) = (Arc::clone(&queue), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        before.flush();
        hook(panic);
    }));
    Log(Some(queue))
}

/// Hands lines to the queue.
struct Lines(Arc<Queue>);

/// One line.
struct One<'a> {
    queue: &'a Queue,
    at_once: bool,
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = One<'a>;

    fn make_writer(&'a self) -> One<'a> {
        One { queue: &self.0, at_once: true }
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> One<'a> {
        One { queue: &self.0, at_once: *of.level() <= Level::WARN }
    }
}

impl io::Write for One<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.append(line, self.at_once);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.queue.flush();
        Ok(())
    }
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

/// Puts together what was recorded, again and again: what nobody asks for would otherwise grow with every request.
pub(super) async fn upkeep(metrics: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        metrics.run_upkeep();
    }
}
