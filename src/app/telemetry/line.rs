//! One event as a line of text, as `tracing_subscriber` writes it with neither colours nor targets, in a third of the
//! time: time and fields are written and not formatted, and a date is made once a second.

use std::cell::RefCell;
use std::fmt::{self, Debug, Write as _};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::{Clock, SystemClock};

/// `2026-11-22T18:39:34.527862Z level span{fields}: message fields`.
pub(super) struct Line<T>(pub(super) T);

/// `name=value`, the message without its name.
pub(super) struct Fields;

/// The moment of a line, to the microsecond.
pub(super) struct Moment;

impl<S, T> FormatEvent<S, Fields> for Line<T>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    T: FormatTime,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, Fields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        self.0.format_time(&mut writer)?;
        writer.write_str(level(*event.metadata().level()))?;
        if let Some(scope) = ctx.event_scope() {
            for span in scope.from_root() {
                writer.write_str(span.metadata().name())?;
                let extensions = span.extensions();
                let fields = extensions.get::<FormattedFields<Fields>>().map_or("", |fields| &fields.fields);
                if !fields.is_empty() {
                    writer.write_str("{")?;
                    writer.write_str(fields)?;
                    writer.write_str("}")?;
                }
                writer.write_str(":")?;
            }
            writer.write_str(" ")?;
        }
        ctx.format_fields(writer.by_ref(), event)?;
        writer.write_str("\n")
    }
}

const fn level(level: Level) -> &'static str {
    match level {
        Level::TRACE => " TRACE ",
        Level::DEBUG => " DEBUG ",
        Level::INFO => "  INFO ",
        Level::WARN => "  WARN ",
        Level::ERROR => " ERROR ",
    }
}

impl FormatTime for Moment {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        moment(SystemClock.now(), writer)
    }
}

fn moment(at: Timestamp, to: &mut impl fmt::Write) -> fmt::Result {
    thread_local! {
        // Lines come by the thousand within one second.
        static SECOND: RefCell<(i64, String)> = const { RefCell::new((0, String::new())) };
    }
    let micros = at.as_microsecond();
    let (second, mut rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    SECOND.with_borrow_mut(|(known, text)| {
        if *known != second || text.is_empty() {
            let whole = Timestamp::from_second(second).unwrap_or(at);
            *text = whole.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            *known = second;
        }
        to.write_str(text)
    })?;
    let mut digits = *b".000000Z";
    for digit in digits[1..7].iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    to.write_str(std::str::from_utf8(&digits).unwrap_or_default())
}

impl<'w> FormatFields<'w> for Fields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut pairs = Pairs { writer, is_first: true, result: Ok(()) };
        fields.record(&mut pairs);
        pairs.result
    }
}

struct Pairs<'w> {
    writer: Writer<'w>,
    is_first: bool,
    result: fmt::Result,
}

impl Pairs<'_> {
    /// Once something could not be written, nothing more is.
    fn pair(&mut self, field: &Field, value: impl FnOnce(&mut Writer<'_>) -> fmt::Result) {
        if self.result.is_ok() {
            self.result = self.named(field.name()).and_then(|()| value(&mut self.writer));
        }
    }

    fn named(&mut self, name: &str) -> fmt::Result {
        if !std::mem::replace(&mut self.is_first, false) {
            self.writer.write_str(" ")?;
        }
        if name == "message" {
            return Ok(());
        }
        self.writer.write_str(name.strip_prefix("r#").unwrap_or(name))?;
        self.writer.write_str("=")
    }
}

impl Visit for Pairs<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        let is_message = field.name() == "message";
        self.pair(field, |writer| {
            if is_message {
                return Harmless(writer).write_str(value);
            }
            if value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
                writer.write_str("\"")?;
                writer.write_str(value)?;
                return writer.write_str("\"");
            }
            write!(writer, "{value:?}")
        });
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.pair(field, |writer| {
            write!(Harmless(writer), "{value}")?;
            let Some(first) = value.source() else { return Ok(()) };
            write!(writer, " {}.sources=[", field.name())?;
            let (mut next, mut between) = (Some(first), "");
            while let Some(source) = next {
                write!(Harmless(writer), "{between}{source}")?;
                (next, between) = (source.source(), ", ");
            }
            writer.write_str("]")
        });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let is_message = field.name() == "message";
        self.pair(field, |writer| {
            if is_message { write!(Harmless(writer), "{value:?}") } else { write!(writer, "{value:?}") }
        });
    }
}

/// Writes what a terminal would obey so that it can be read instead.
struct Harmless<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Harmless<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
            return self.0.write_str(text);
        }
        for c in text.chars() {
            match c {
                '\x1b' | '\x07' | '\x08' | '\x0c' | '\x7f' => write!(self.0, "\\x{:02x}", u32::from(c))?,
                '\u{80}'..='\u{9f}' => write!(self.0, "\\u{{{:x}}}", u32::from(c))?,
                _ => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::problem::Problem;

    /// The same moment for both.
    struct Fixed;

    impl FormatTime for Fixed {
        fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
            writer.write_str("now")
        }
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// What stands behind a fault.
    #[derive(Debug)]
    struct Fault(&'static str, Option<Box<Fault>>);

    impl fmt::Display for Fault {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Fault {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_deref().map(|fault| fault as _)
        }
    }

    fn everything() {
        tracing::info!("alone");
        let text = "a \"quoted\" \\ text\n\x1b[31mé\u{85}";
        let request =
            tracing::info_span!("request", request_id = %"1-a", method = %"GET", route = "/{type}/{id}");
        request.in_scope(|| {
            tracing::info!(status = 200, seconds = 0.000_549_941, "a request was answered");
            tracing::info!(seconds = 1e-9, whole = 3.0, none = f64::NAN, "numbers");
            let inner = tracing::warn_span!("inner", n = tracing::field::Empty);
            inner.record("n", -7);
            inner.in_scope(|| tracing::error!(text, shown = %text, made = ?Some(text), "{text}"));
            tracing::warn_span!("bare").in_scope(|| tracing::warn!(message = text, yes = true));
        });
        tracing::debug!(parent: &request, r#type = 1_u64, big = u128::MAX, "elsewhere");
        tracing::trace!(only = "fields");
        let fault = Fault("top", Some(Box::new(Fault("\x1bmiddle", Some(Box::new(Fault("ground", None)))))));
        tracing::error!(fault = &fault as &dyn std::error::Error, "with sources");
        tracing::error!(fault = &*fault.1.unwrap().1.unwrap() as &dyn std::error::Error);
        tracing::warn!(problem = %Problem::internal("a\x07b"), "shown");
    }

    #[test]
    fn a_line_is_what_the_library_would_write() {
        let (own, other) = (Kept::default(), Kept::default());
        let builder =
            || tracing_subscriber::fmt().with_max_level(Level::TRACE).with_ansi(false).with_target(false);
        let of_ours = builder().fmt_fields(Fields).event_format(Line(Fixed)).with_writer(own.clone());
        tracing::subscriber::with_default(of_ours.finish(), everything);
        let of_library = builder().with_timer(Fixed).with_writer(other.clone());
        tracing::subscriber::with_default(of_library.finish(), everything);
        let text = |kept: Kept| String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let (own, other) = (text(own), text(other));
        assert!(own.lines().count() >= 12, "{own}");
        assert_eq!(own, other);
    }

    #[test]
    fn a_moment_is_told_to_the_microsecond() {
        let check = |micros: i64, expected: &str| {
            let mut text = String::new();
            moment(Timestamp::from_microsecond(micros).unwrap(), &mut text).unwrap();
            assert_eq!(text, expected);
        };
        check(1_795_372_774_527_862, "2026-11-22T18:39:34.527862Z");
        check(1_795_372_774_000_007, "2026-11-22T18:39:34.000007Z");
        check(1_795_372_775_999_999, "2026-11-22T18:39:35.999999Z");
        check(0, "1970-01-01T00:00:00.000000Z");
        check(-1, "1969-12-31T23:59:59.999999Z");
    }
}
