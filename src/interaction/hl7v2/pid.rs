//! What PID and MRG say of a patient (HL7 v2.5, 3.4.2 and 3.4.9; PAM.fr 2.11).

use super::Authority;
use crate::fhir::identifier::{Identifier, is_ins_value};
use crate::hl7v2::{Message, Part, Segment};
use crate::identity::{Environment, InsKind};
use crate::problem::{Category, Issue, Problem};
use crate::terminology::oid_of;

/// How the numbers of messages are read here.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) authorities: &'a [Authority],
    /// An INS of the other kind is never taken.
    pub(super) environment: Environment,
}

/// A number of a patient, as a message gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Number {
    /// System and value, as they are kept here.
    pub(super) identifier: Identifier,
    /// CX.5: `PI`, `INS`, ….
    pub(super) kind: String,
}

impl Number {
    /// One that the hospital itself assigned: it alone tells records apart.
    pub(super) fn is_local(&self) -> bool {
        self.kind == "PI" || (self.kind.is_empty() && !self.identifier.is_ins())
    }
}

/// The numbers of PID-3, and the rest of the segment.
pub(super) struct Pid<'a> {
    pub(super) segment: &'a Segment,
    pub(super) numbers: Vec<Number>,
}

impl<'a> Pid<'a> {
    /// Reads the segment.
    ///
    /// # Errors
    /// `Invalid` with every fault of the numbers.
    pub(super) fn read(message: &'a Message, reading: Reading<'_>) -> Result<Self, Problem> {
        let segment =
            message.segment("PID").ok_or_else(|| missing("PID", "an identity has a segment PID"))?;
        let numbers = numbers(segment.field(3), "PID-3", reading)?;
        let names_somebody = numbers.iter().any(|number| number.is_local() || number.identifier.is_ins());
        if !names_somebody {
            return Err(missing("PID-3", "a patient has a number of the hospital (type PI) or an INS"));
        }
        Ok(Self { segment, numbers })
    }

    /// Whether the identity was validated: only then is an INS one (PID-32).
    pub(super) fn is_validated(&self) -> bool {
        self.segment.field(32).repetitions().any(|status| status.text() == "VALI")
    }
}

/// The numbers that MRG-1 puts out of use.
///
/// # Errors
/// As [`Pid::read`].
pub(super) fn prior(message: &Message, reading: Reading<'_>) -> Result<Vec<Number>, Problem> {
    let segment =
        message.segment("MRG").ok_or_else(|| missing("MRG", "a merge names in MRG what is merged"))?;
    let numbers = numbers(segment.field(1), "MRG-1", reading)?;
    if numbers.is_empty() {
        Err(missing("MRG-1", "a merge names the numbers that are merged"))
    } else {
        Ok(numbers)
    }
}

fn numbers(field: Part<'_>, place: &str, reading: Reading<'_>) -> Result<Vec<Number>, Problem> {
    let (mut numbers, mut issues) = (Vec::new(), Vec::new());
    for (at, repetition) in field.repetitions().enumerate().filter(|(_, one)| !one.is_empty()) {
        match number(repetition, reading) {
            Ok(number) => numbers.push(number),
            Err((component, what)) => {
                issues.push(Issue::error("value", what).at(format!("{place}[{}].{component}", at + 1)));
            }
        }
    }
    if issues.is_empty() { Ok(numbers) } else { Err(Problem::with(Category::Invalid, issues)) }
}

fn number(part: Part<'_>, reading: Reading<'_>) -> Result<Number, (usize, &'static str)> {
    let value = part.text();
    if value.is_empty() {
        return Err((1, "a number is empty"));
    }
    let (namespace, oid) =
        (part.component(4).subcomponent(1).text(), part.component(4).subcomponent(2).text());
    let known = reading.authorities.iter().find(|one| {
        (!one.oid.is_empty() && one.oid == oid)
            || (oid.is_empty() && !one.namespace.is_empty() && one.namespace == namespace)
    });
    let system = match known {
        Some(authority) => authority.system.clone(),
        None if is_oid(&oid) => format!("urn:oid:{oid}"),
        None => {
            return Err((4, "the authority is named by an OID, or by a namespace that is configured here"));
        }
    };
    let identifier = Identifier { system, value };
    if identifier.is_ins() && !is_ins_value(&identifier.value) {
        return Err((1, "an INS has fifteen characters, the key included"));
    }
    let other = |kind: InsKind| kind.environment() != reading.environment;
    if oid_of(&identifier.system).and_then(InsKind::of_oid).is_some_and(other) {
        return Err((4, "an INS of test identities and one of patients are never mixed"));
    }
    Ok(Number { identifier, kind: part.component(5).text() })
}

fn is_oid(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()))
}

fn missing(place: &str, what: &str) -> Problem {
    Problem::new(Category::Invalid, "required", what).at(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(pid3: &str) -> Message {
        let text = format!(
            "MSH|^~\\&|GAM|CHU|VIGIE|CHU|2026||ADT^A28|1|T|2.5|||||FRA|UNICODE UTF-8\rPID|||{pid3}\r"
        );
        Message::parse(text.as_bytes()).unwrap()
    }

    fn reading(authorities: &[Authority]) -> Reading<'_> {
        Reading { authorities, environment: Environment::Test }
    }

    fn authorities() -> Vec<Authority> {
        let authority = |namespace: &str, oid: &str, system: &str| Authority {
            namespace: namespace.to_owned(),
            oid: oid.to_owned(),
            system: system.to_owned(),
        };
        vec![authority("CHU", "1.2.250.1.999.2", "https://chu.example/ipp")]
    }

    #[test]
    fn numbers_are_read_by_oid_namespace_and_configuration() {
        let check = |pid3: &str, expected: &[(&str, &str)]| {
            let message = message(pid3);
            let pid =
                Pid::read(&message, reading(&authorities())).unwrap_or_else(|problem| panic!("{problem}"));
            let found: Vec<(String, String)> =
                pid.numbers.iter().map(|one| (one.identifier.token(), one.kind.clone())).collect();
            let expected: Vec<(String, String)> =
                expected.iter().map(|(token, kind)| ((*token).to_owned(), (*kind).to_owned())).collect();
            assert_eq!(found, expected);
        };
        check("42^^^CHU&1.2.250.1.999.2&ISO^PI", &[("https://chu.example/ipp|42", "PI")]);
        check("42^^^CHU^PI", &[("https://chu.example/ipp|42", "PI")]);
        check("42^^^X&1.2.3&ISO^PI", &[("urn:oid:1.2.3|42", "PI")]);
        check(
            "279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS~7^^^X&1.2.3&ISO^PI",
            &[("urn:oid:1.2.250.1.213.1.4.10|279035121518989", "INS"), ("urn:oid:1.2.3|7", "PI")],
        );
    }

    #[test]
    fn what_names_nobody_is_refused_with_its_place() {
        let check = |pid3: &str, place: &str| {
            let message = message(pid3);
            let problem = Pid::read(&message, reading(&authorities())).err().expect("it was read");
            assert_eq!(problem.issues[0].expression.as_deref(), Some(place), "{pid3}");
        };
        check("", "PID-3");
        check("42^^^UNKNOWN^PI", "PID-3[1].4");
        check("1^^^CHU^PI~^^^CHU^PI", "PID-3[2].1");
        check("279035121518988^^^A&1.2.250.1.213.1.4.10&ISO^INS", "PID-3[1].1");
        check("279035121518989^^^A&1.2.250.1.213.1.4.8&ISO^INS", "PID-3[1].4");
        check("X99^^^A&1.2.3&ISO^PPN", "PID-3");
    }
}
