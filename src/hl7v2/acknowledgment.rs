//! Acknowledgments, written and read: MSA, ERR, and what each code asks of the sender (HL7 v2.5, 2.9.2 and 2.15.5,
//! table 0357; CI-SIS *Transmission d'un document CDA R2 en HL7v2* 2.1.3, "Le message d'acquittement").

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Header, Message, Place, Segment, Value, timestamp};
use crate::problem::{Category, Issue, Problem};

/// MSA-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// `AA` or `CA`: accepted; the sender is done.
    Accept,
    /// `AE` or `CE`: the message has a fault, which sending it again does not mend.
    Error,
    /// `AR` or `CR`: refused for the circumstances; it can be sent again later.
    Reject,
}

impl Code {
    /// In original mode, as it is written here.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Accept => "AA",
            Self::Error => "AE",
            Self::Reject => "AR",
        }
    }

    fn of(code: &str) -> Option<Self> {
        match code {
            "AA" | "CA" => Some(Self::Accept),
            "AE" | "CE" => Some(Self::Error),
            "AR" | "CR" => Some(Self::Reject),
            _ => None,
        }
    }
}

/// Error condition, HL7 table 0357.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition(pub u16, pub &'static str);

impl Condition {
    /// Segments out of order, missing, or unreadable.
    pub const SEGMENT_SEQUENCE: Self = Self(100, "Segment sequence error");
    /// A required field is missing.
    pub const REQUIRED_FIELD: Self = Self(101, "Required field missing");
    /// A value is not of its type.
    pub const DATA_TYPE: Self = Self(102, "Data type error");
    /// A code is not in its table.
    pub const TABLE_VALUE: Self = Self(103, "Table value not found");
    /// This message is not taken here.
    pub const UNSUPPORTED_TYPE: Self = Self(200, "Unsupported message type");
    /// This event is not taken here.
    pub const UNSUPPORTED_EVENT: Self = Self(201, "Unsupported event code");
    /// Not in this processing mode.
    pub const UNSUPPORTED_PROCESSING: Self = Self(202, "Unsupported processing id");
    /// Not in this version.
    pub const UNSUPPORTED_VERSION: Self = Self(203, "Unsupported version id");
    /// What the message is about is not known.
    pub const UNKNOWN_KEY: Self = Self(204, "Unknown key identifier");
    /// It is known already, as something else.
    pub const DUPLICATE_KEY: Self = Self(205, "Duplicate key identifier");
    /// Another write is in the way.
    pub const LOCKED: Self = Self(206, "Application record locked");
    /// Anything else.
    pub const INTERNAL: Self = Self(207, "Application internal error");

    /// The condition that an issue amounts to.
    #[must_use]
    pub fn of(issue: &Issue) -> Self {
        let place = issue.expression.as_deref().unwrap_or_default();
        match (issue.code, place) {
            ("not-supported", "MSH-9.2") => Self::UNSUPPORTED_EVENT,
            ("not-supported", "MSH-11") => Self::UNSUPPORTED_PROCESSING,
            ("not-supported", "MSH-12") => Self::UNSUPPORTED_VERSION,
            ("not-supported", _) => Self::UNSUPPORTED_TYPE,
            ("structure", _) => Self::SEGMENT_SEQUENCE,
            ("required", _) => Self::REQUIRED_FIELD,
            ("value" | "invalid", _) => Self::DATA_TYPE,
            ("code-invalid", _) => Self::TABLE_VALUE,
            ("not-found", _) => Self::UNKNOWN_KEY,
            ("duplicate", _) => Self::DUPLICATE_KEY,
            ("conflict" | "throttled", _) => Self::LOCKED,
            _ => Self::INTERNAL,
        }
    }
}

/// The acknowledgment code of a problem: what passes by itself is `AR`, what only a changed message mends is `AE`.
#[must_use]
pub const fn code_for(problem: &Problem) -> Code {
    match problem.category {
        Category::Busy | Category::StorageFull | Category::Damaged | Category::Internal => Code::Reject,
        _ => Code::Error,
    }
}

/// The acknowledgment of a message: `AA`, or the problem with its code and one ERR for each issue.
///
/// Sender and receiver change places; processing id, version and event are those of the message.
#[must_use]
pub fn acknowledge(
    header: &Header,
    outcome: Result<(), &Problem>,
    control_id: &str,
    at: Timestamp,
    zone: &TimeZone,
) -> Message {
    let [sending_application, sending_facility] = (&header.receiver).into();
    let [receiving_application, receiving_facility] = (&header.sender).into();
    let version = if header.version.is_empty() { "2.5" } else { &header.version };
    let processing = if header.processing.is_empty() { "P" } else { &header.processing };
    let msh = Segment::new("MSH")
        .with(3, sending_application)
        .with(4, sending_facility)
        .with(5, receiving_application)
        .with(6, receiving_facility)
        .with(7, timestamp(at, zone))
        .with(9, Value::components(["ACK", &header.event, "ACK"]))
        .with(10, control_id)
        .with(11, processing)
        .with(12, version)
        .with(17, "FRA")
        .with(18, "UNICODE UTF-8");
    let code = outcome.err().map_or(Code::Accept, code_for);
    let msa = Segment::new("MSA").with(1, code.code()).with(2, header.control_id.as_str());
    let mut segments = vec![msh, msa];
    segments.extend(outcome.err().into_iter().flat_map(|problem| &problem.issues).map(error));
    Message::new(segments)
}

fn error(issue: &Issue) -> Segment {
    let Condition(number, text) = Condition::of(issue);
    let mut segment = Segment::new("ERR");
    if let Some(place) = issue.expression.as_deref().and_then(Place::parse) {
        segment = segment.with(2, place.location());
    }
    segment
        .with(3, Value::components([number.to_string().as_str(), text, "HL70357"]))
        .with(4, "E")
        .with(7, issue.diagnostics.as_str())
}

/// An ERR segment, as far as codes and places go: free text may quote a patient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fault {
    /// ERR-2, as `PID-3.1`; ERR-1 of older versions is not read.
    pub place: Option<Place>,
    /// ERR-3.1, table 0357.
    pub condition: String,
    /// ERR-4: `E`, `F`, `I` or `W`.
    pub severity: String,
    /// ERR-5: the application's code, its text and its table.
    pub application: Option<(String, String, String)>,
}

impl Fault {
    /// Reads an ERR segment.
    #[must_use]
    pub fn read(segment: &Segment) -> Self {
        let location = segment.field(2);
        let number = |component| location.component(component).text().parse().unwrap_or(0);
        let name = location.text();
        let application = segment.field(5);
        let word = |component| application.component(component).text();
        Self {
            place: Place::parse(&name).map(|_| Place {
                segment: name,
                sequence: number(2),
                field: number(3),
                repetition: number(4),
                component: number(5),
                subcomponent: number(6),
            }),
            condition: segment.field(3).text(),
            severity: segment.field(4).text(),
            application: (!application.is_empty()).then(|| (word(1), word(2), word(3))),
        }
    }
}

/// An acknowledgment that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgment {
    /// MSA-1.
    pub code: Code,
    /// MSA-1 as it was written: `AA` or `CA`.
    pub written: String,
    /// MSA-2: the control id of the message that is acknowledged.
    pub of: String,
    /// MSH-10 of the acknowledgment itself, if it has one.
    pub control_id: String,
    /// Its ERR segments.
    pub faults: Vec<Fault>,
}

impl Acknowledgment {
    /// Reads one.
    ///
    /// # Errors
    /// `Malformed` when there is no MSA, no code of table 0008 in MSA-1, or no control id in MSA-2.
    pub fn read(message: &Message) -> Result<Self, Problem> {
        let refused = |code, what: &str, place: &str| Problem::new(Category::Malformed, code, what).at(place);
        let msa = message
            .segment("MSA")
            .ok_or_else(|| refused("structure", "an acknowledgment has a segment MSA", "MSA"))?;
        let written = msa.field(1).text();
        let code = Code::of(&written)
            .ok_or_else(|| refused("code-invalid", "MSA-1 is AA, AE, AR, CA, CE or CR", "MSA-1"))?;
        let of = msa.field(2).text();
        if of.is_empty() {
            return Err(refused("required", "MSA-2 says which message is acknowledged", "MSA-2"));
        }
        let control_id = message.segment("MSH").map(|msh| msh.field(10).text()).unwrap_or_default();
        Ok(Self { code, written, of, control_id, faults: message.all("ERR").map(Fault::read).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let text =
            "MSH|^~\\&|SIL|CHU_X|PFI|CHU_Y|202310030830||ORU^R01^ORU_R01|12345|T|2.5|||||FRA|8859/15\r";
        Message::parse(text.as_bytes()).unwrap().header().unwrap()
    }

    fn written(outcome: Result<(), &Problem>) -> String {
        let at: Timestamp = "2026-03-09T14:20:02Z".parse().unwrap();
        String::from_utf8(acknowledge(&header(), outcome, "9", at, &TimeZone::UTC).encode()).unwrap()
    }

    #[test]
    fn an_acceptance_turns_the_header_round() {
        assert_eq!(
            written(Ok(())),
            "MSH|^~\\&|PFI|CHU_Y|SIL|CHU_X|20260309142002+0000||ACK^R01^ACK|9|T|2.5|||||FRA|UNICODE UTF-8\r\
             MSA|AA|12345\r"
        );
    }

    #[test]
    fn a_refusal_names_the_place_and_the_condition_of_each_fault() {
        let issues = vec![
            Issue::error("required", "who is it about?").at("PID-3"),
            Issue::error("not-supported", "not here").at("MSH-12"),
            Issue::error("exception", "a|b"),
        ];
        let problem = Problem::with(Category::Invalid, issues);
        let text = written(Err(&problem));
        let lines: Vec<&str> = text.split('\r').collect();
        assert_eq!(lines[1], "MSA|AE|12345");
        assert_eq!(lines[2], "ERR||PID^1^3|101^Required field missing^HL70357|E|||who is it about?");
        assert_eq!(lines[3], "ERR||MSH^1^12|203^Unsupported version id^HL70357|E|||not here");
        assert_eq!(lines[4], r"ERR|||207^Application internal error^HL70357|E|||a\F\b");
    }

    #[test]
    fn what_passes_by_itself_is_a_rejection() {
        let check = |category, expected: &str| {
            let problem = Problem::new(category, "exception", "no");
            assert!(written(Err(&problem)).contains(&format!("MSA|{expected}|")), "{category:?}");
        };
        check(Category::Busy, "AR");
        check(Category::StorageFull, "AR");
        check(Category::Internal, "AR");
        check(Category::Invalid, "AE");
        check(Category::NotFound, "AE");
    }

    #[test]
    fn what_is_written_reads_back() {
        let problem = Problem::new(Category::Invalid, "value", "no").at("PID[2]-3[2].4");
        let at: Timestamp = "2026-03-09T14:20:02Z".parse().unwrap();
        let message = acknowledge(&header(), Err(&problem), "9", at, &TimeZone::UTC);
        let read = Acknowledgment::read(&Message::parse(&message.encode()).unwrap()).unwrap();
        assert_eq!((read.code, read.of.as_str(), read.control_id.as_str()), (Code::Error, "12345", "9"));
        assert_eq!(read.faults[0].place, Place::parse("PID[2]-3[2].4"));
        assert_eq!(read.faults[0].condition, "102");
    }

    #[test]
    fn an_answer_that_is_no_acknowledgment_is_refused() {
        let check = |lines: &str, place: &str| {
            let message = Message::parse(format!("MSH|^~\\&|A\r{lines}").as_bytes()).unwrap();
            let problem = Acknowledgment::read(&message).unwrap_err();
            assert_eq!(problem.issues[0].expression.as_deref(), Some(place));
        };
        check("", "MSA");
        check("MSA|OK|1\r", "MSA-1");
        check("MSA|AA\r", "MSA-2");
    }

    #[test]
    fn the_application_error_of_the_national_examples_is_read() {
        let text =
            "MSH|^~\\&|A\rERR|||207^Application internal error^HL70357|E|DMPClosed^DMP ferme^DMPERRORCODE\r";
        let message = Message::parse(text.as_bytes()).unwrap();
        let fault = Fault::read(message.segment("ERR").unwrap());
        let expected = ("DMPClosed".to_owned(), "DMP ferme".to_owned(), "DMPERRORCODE".to_owned());
        assert_eq!(fault.application, Some(expected));
        assert_eq!((fault.condition.as_str(), fault.severity.as_str(), fault.place), ("207", "E", None));
    }
}
