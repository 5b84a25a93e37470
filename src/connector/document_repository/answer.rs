//! One exchange with a repository or registry, and what an answer that is no success means.

use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE};

use super::super::answer::passes;
use super::super::post::{bounded, unreachable};
use super::refused;
use crate::outbox::Outcome;
use crate::xds::mtom::Package;
use crate::xds::soap::{Envelope, SoapFault};
use crate::xds::{Fault, Message, Severity, french, passes as passes_by_itself};
use crate::xml::{Element, Limits};

/// What a peer answered.
pub(super) struct Reply {
    /// The body of its envelope.
    pub(super) body: Element,
    /// All of it.
    pub(super) bytes: Vec<u8>,
}

/// Posts the message and reads the envelope of the answer; anything else is the outcome of the attempt.
pub(super) async fn exchange(
    client: &reqwest::Client,
    url: &str,
    timeout: Duration,
    message: Message,
) -> Result<Reply, Outcome> {
    let request = client
        .post(url)
        .timeout(timeout)
        .header(CONTENT_TYPE, &message.content_type)
        .header(ACCEPT, "application/soap+xml, multipart/related, application/xop+xml")
        .body(message.bytes);
    let response = request.send().await.map_err(|fault| unreachable(&fault))?;
    let status = response.status();
    let media =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.to_owned();
    let bytes = bounded(response).await?;
    match read(&media, &bytes) {
        Some(envelope) => match SoapFault::of(&envelope.body) {
            Some(fault) => Err(of_soap(&fault)),
            None if status.is_success() => Ok(Reply { body: envelope.body, bytes }),
            None => Err(of_status(status.as_u16())),
        },
        None if status.is_success() => Err(Outcome::unclear("answered, but not with a SOAP 1.2 envelope")),
        None => Err(of_status(status.as_u16())),
    }
}

fn read(media: &str, bytes: &[u8]) -> Option<Envelope> {
    let limits = Limits { bytes: 4 << 20, ..Limits::default() };
    if media.to_ascii_lowercase().starts_with("multipart/related") {
        return Envelope::read(&Package::read(media, bytes).ok()?.root.bytes, &limits).ok();
    }
    Envelope::read(bytes, &limits).ok()
}

fn of_status(status: u16) -> Outcome {
    let reason = format!("answered with HTTP {status}");
    if passes(status) { Outcome::Unreachable { reason } } else { Outcome::Refused { reason } }
}

/// A fault of the receiver passes by itself; one that it sees in us does not.
fn of_soap(fault: &SoapFault) -> Outcome {
    let plain = |word: &str| word.len() <= 60 && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let subcode = fault.subcode.as_deref().filter(|word| plain(word)).unwrap_or_default();
    let what = match subcode {
        "InvalidSecurityToken"
        | "InvalidSecurity"
        | "FailedAuthentication"
        | "FailedCheck"
        | "SecurityTokenUnavailable"
        | "UnsupportedSecurityToken"
        | "MessageExpired" => "le VIHF est refusé",
        _ => "le service signale une anomalie",
    };
    let code = if plain(&fault.code) { fault.code.as_str() } else { "?" };
    let reason = format!("SOAP {code} {subcode}: {what}").replace("  ", " ").replace(" :", ":");
    if code == "Receiver" { Outcome::Unreachable { reason } } else { Outcome::Refused { reason } }
}

/// Codes and what they mean in French; never the context, which may quote the patient. It is tried again soon only when
/// every error passes by itself.
pub(super) fn of_faults(faults: &[Fault]) -> Outcome {
    let errors: Vec<&Fault> = faults.iter().filter(|fault| fault.severity == Severity::Error).collect();
    let plain = |code: &str| {
        code.len() <= 80
            && code
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_' | b'.' | b'#'))
            && code.bytes().filter(u8::is_ascii_digit).count() < 8
    };
    let word = |fault: &&Fault| {
        let code = if plain(&fault.code) { fault.code.as_str() } else { "?" };
        format!("{code}: {}", french(code))
    };
    let mut words: Vec<String> = errors.iter().take(5).map(word).collect();
    words.dedup();
    if words.is_empty() {
        words.push("refusé sans motif".to_owned());
    }
    let reason = words.join("; ");
    if !errors.is_empty() && errors.iter().all(|fault| passes_by_itself(&fault.code)) {
        return Outcome::Unreachable { reason };
    }
    refused(&reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_does_not_is_refused_with_its_reason() {
        let check = |codes: &[&str], again: bool, text: &str| {
            let faults: Vec<Fault> = codes.iter().map(|code| Fault::error(code, "279035121518989")).collect();
            let outcome = of_faults(&faults);
            let (Outcome::Unreachable { reason } | Outcome::Refused { reason }) = &outcome else {
                panic!("{outcome:?}")
            };
            assert_eq!(matches!(outcome, Outcome::Unreachable { .. }), again, "{codes:?}");
            assert!(reason.contains(text) && !reason.contains("279035121518989"), "{reason}");
        };
        check(&["XDSRegistryBusy"], true, "occupé");
        check(&["XDSUnknownPatientId"], false, "inconnu");
        check(&["XDSRegistryBusy", "DMPClosed"], false, "fermé");
        check(&["PAT 279035121518989"], false, "?: refus");
        check(&[], false, "sans motif");
    }

    #[test]
    fn a_fault_of_the_receiver_passes() {
        let fault = |code: &str, subcode: Option<&str>| {
            of_soap(&SoapFault { code: code.to_owned(), subcode: subcode.map(str::to_owned) })
        };
        assert!(matches!(fault("Receiver", None), Outcome::Unreachable { .. }));
        let refusal = fault("Sender", Some("InvalidSecurityToken"));
        let expected = "SOAP Sender InvalidSecurityToken: le VIHF est refusé";
        assert_eq!(refusal, Outcome::Refused { reason: expected.to_owned() });
    }
}
