//! What an acknowledgment means for a delivery: accepted, refused, or to be tried again.

use crate::hl7v2::{Acknowledgment, Code, Fault};
use crate::outbox::{Outcome, Receipt};

/// Longest reason.
const TEXT_MAX: usize = 500;

/// Which negative acknowledgments pass by themselves, so that the message is sent again soon.
///
/// The guide (CI-SIS *Transmission d'un document CDA R2 en HL7v2*, "Le message d'acquittement") says: `AE`, the message
/// has faults of syntax; `AR`, it is refused for the circumstances and can be sent again later. Engines that turn the
/// two round are told so by configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// `AE` and `CE`.
    pub error: bool,
    /// `AR` and `CR`.
    pub reject: bool,
}

impl Default for Retries {
    fn default() -> Self {
        Self { error: false, reject: true }
    }
}

/// The outcome of an attempt that was answered.
pub(super) fn of(answer: &Acknowledgment, retries: &Retries) -> Outcome {
    let passes = match answer.code {
        Code::Accept => {
            let reference = Some(answer.control_id.clone()).filter(|id| is_name(id));
            return Outcome::Accepted(Receipt { status: answer.written.clone(), reference });
        }
        Code::Error => retries.error,
        Code::Reject => retries.reject,
    };
    let circumstances = !answer.faults.is_empty() && answer.faults.iter().all(is_circumstance);
    let reason = reason(answer);
    if passes || circumstances { Outcome::Unreachable { reason } } else { Outcome::Refused { reason } }
}

/// A lock or a fault of the receiver itself, which the message is not to blame for.
fn is_circumstance(fault: &Fault) -> bool {
    fault.condition == "206" || (fault.condition == "207" && fault.application.is_none())
}

/// Codes and places. Texts stay out: they may quote the patient.
fn reason(answer: &Acknowledgment) -> String {
    let words: Vec<String> = answer.faults.iter().take(5).map(fault).collect();
    let what = if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
    format!("acknowledged with {}{what}", answer.written).chars().take(TEXT_MAX).collect()
}

fn fault(fault: &Fault) -> String {
    let place = fault.place.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
    let plain = |code: &str| if is_plain(code) { code.to_owned() } else { "unknown".to_owned() };
    let application = fault.application.as_ref().map(|(code, _, _)| format!(" {}", plain(code)));
    format!("{}{}{place}", plain(&fault.condition), application.unwrap_or_default())
}

/// A control id: it names a message, never a person.
fn is_name(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Letters, digits and few signs, and never as many digits in a row as a national number has.
fn is_plain(word: &str) -> bool {
    let longest = word.split(|sign: char| !sign.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    !word.is_empty()
        && word.len() <= 64
        && longest < 13
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7v2::Message;

    fn check(lines: &str, retries: Retries) -> Outcome {
        let text = format!("MSH|^~\\&|PFI|CHU|VIGIE|CHU|2026||ACK^T02^ACK|A-1|T|2.6\r{lines}");
        of(&Acknowledgment::read(&Message::parse(text.as_bytes()).unwrap()).unwrap(), &retries)
    }

    #[test]
    fn each_code_has_its_consequence() {
        let guide = Retries::default();
        let turned = Retries { error: true, reject: false };
        for code in ["AA", "CA"] {
            let receipt = Receipt { status: code.to_owned(), reference: Some("A-1".to_owned()) };
            assert_eq!(check(&format!("MSA|{code}|1\r"), guide), Outcome::Accepted(receipt));
        }
        for (code, refused) in [("AE", true), ("CE", true), ("AR", false), ("CR", false)] {
            let lines = format!("MSA|{code}|1\r");
            assert_eq!(matches!(check(&lines, guide), Outcome::Refused { .. }), refused, "{code}");
            assert_eq!(matches!(check(&lines, turned), Outcome::Refused { .. }), !refused, "{code}");
        }
    }

    #[test]
    fn a_fault_of_the_receiver_itself_passes_whatever_the_code() {
        let guide = Retries::default();
        let own = check("MSA|AE|1\rERR|||207^Application internal error^HL70357|E\r", guide);
        assert!(matches!(own, Outcome::Unreachable { .. }), "{own:?}");
        let ours = check("MSA|AE|1\rERR|||207^x^HL70357|E|902^inconnu^HL70533\r", guide);
        assert_eq!(ours, Outcome::Refused { reason: "acknowledged with AE: 207 902".to_owned() });
    }

    #[test]
    fn a_reason_tells_codes_and_places_and_never_what_may_quote_a_patient() {
        let lines = "MSA|AE|1|279035121518989\rERR||PID^1^3^1^1|101^PAT-TROIS|E|||DOMINIQUE\rERR|||279035121518989|E\r";
        let expected = "acknowledged with AE: 101 at PID-3[1].1, unknown".to_owned();
        assert_eq!(check(lines, Retries::default()), Outcome::Refused { reason: expected });
    }
}
