//! The acknowledgment of one message (HL7 v2.5, 2.9.2): `AA` after the commit, else what was wrong and where.

use jiff::tz::TimeZone;

use crate::hl7v2::{Header, Message, acknowledge, code_for};
use crate::interaction::{self, Context};
use crate::problem::{Category, Problem};

/// Takes a message and says what became of it.
pub(super) async fn to(context: &Context, bytes: &[u8]) -> Vec<u8> {
    let (header, outcome) = match read(bytes) {
        Ok((message, header)) => {
            let outcome = interaction::receive(context, &message, &header).await;
            (header, outcome)
        }
        Err(problem) => (Header::glimpse(bytes), Err(problem)),
    };
    let code = outcome.as_ref().err().map_or("AA", |problem| code_for(problem).code());
    let kind = header.kind();
    match &outcome {
        Ok(()) => tracing::info!(kind, control_id = header.control_id, code, "a message was taken"),
        // Places and conditions only: the sentences are for the sender, who knows the patient.
        Err(problem) => tracing::warn!(
            kind,
            control_id = header.control_id,
            code,
            category = ?problem.category,
            place = problem.issues.first().and_then(|issue| issue.expression.as_deref()),
            "a message was not taken"
        ),
    }
    let labels = [("kind", kind), ("code", code.to_owned())];
    metrics::counter!("vigie_messages_received_total", &labels).increment(1);
    written(context, &header, outcome.as_ref().err())
}

/// The answer to a message that was not read to its end: nobody knows its number.
pub(super) fn too_large(context: &Context, limit: usize) -> Vec<u8> {
    tracing::warn!(limit, "a message was too large");
    let problem =
        Problem::new(Category::TooLarge, "too-long", format!("a message has at most {limit} bytes here"))
            .at("MSH");
    written(context, &Header::glimpse(b""), Some(&problem))
}

fn read(bytes: &[u8]) -> Result<(Message, Header), Problem> {
    let message = Message::parse(bytes)?;
    let header = message.header()?;
    Ok((message, header))
}

fn written(context: &Context, header: &Header, problem: Option<&Problem>) -> Vec<u8> {
    // Without the database of time zones the offset says so.
    let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
    let id = context.ids.next();
    let control_id = crate::hl7v2::control_id(&id).unwrap_or(id);
    acknowledge(header, problem.map_or(Ok(()), Err), &control_id, context.clock.now(), &zone).encode()
}
