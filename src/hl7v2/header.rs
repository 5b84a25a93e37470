//! The message header MSH: who sends what to whom, and under which number (HL7 v2.5, 2.15.9).

use super::{Charset, Message, Part, Place, Value};
use crate::problem::{Category, Issue, Problem};

/// An application and its facility, as they are written (HD, HD).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Party {
    /// MSH-3 or MSH-5.
    pub application: String,
    /// MSH-4 or MSH-6.
    pub facility: String,
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// MSH-3 and MSH-4.
    pub sender: Party,
    /// MSH-5 and MSH-6.
    pub receiver: Party,
    /// MSH-9.1: `ADT`, `ACK`, ….
    pub code: String,
    /// MSH-9.2: `A01`; empty in an acknowledgment without event.
    pub event: String,
    /// MSH-9.3: `ADT_A01`; often left out.
    pub structure: String,
    /// MSH-10.
    pub control_id: String,
    /// MSH-11.1: `P`, `T` or `D`.
    pub processing: String,
    /// MSH-12.1: `2.5`.
    pub version: String,
    /// MSH-18.
    pub charset: Charset,
}

impl Header {
    /// Reads it.
    ///
    /// # Errors
    /// `Invalid` with each field that is missing: MSH-9, MSH-10, MSH-11 and MSH-12 are required.
    pub fn read(message: &Message) -> Result<Self, Problem> {
        let Some(msh) = message.segment("MSH") else {
            return Err(Problem::new(Category::Malformed, "structure", "there is no MSH").at("MSH"));
        };
        let required = [(9, "type"), (10, "control id"), (11, "processing id"), (12, "version")];
        let missing = required.into_iter().filter(|(field, _)| msh.field(*field).text().is_empty());
        let issues: Vec<Issue> = missing
            .map(|(field, what)| {
                let place = Place::field("MSH", 1, field).to_string();
                Issue::error("required", format!("a message has its {what} in {place}")).at(place)
            })
            .collect();
        if !issues.is_empty() {
            return Err(Problem::with(Category::Invalid, issues));
        }
        let kind = |component| msh.field(9).component(component).text();
        Ok(Self {
            sender: party(msh.field(3), msh.field(4)),
            receiver: party(msh.field(5), msh.field(6)),
            code: kind(1),
            event: kind(2),
            structure: kind(3),
            control_id: msh.field(10).text(),
            processing: msh.field(11).text(),
            version: msh.field(12).text(),
            charset: Charset::of(&msh.field(18).text()).unwrap_or(Charset::Ascii),
        })
    }

    /// As much as can be made out of a message that cannot be read: enough to answer it.
    #[must_use]
    pub fn glimpse(bytes: &[u8]) -> Self {
        let line = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| line.starts_with(b"MSH"));
        let ascii: String = line
            .unwrap_or_default()
            .iter()
            .map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' })
            .collect();
        let fields: Vec<&str> = ascii.split('|').collect();
        let field = |number: usize| (*fields.get(number - 1).unwrap_or(&"")).to_owned();
        let mut kind = fields.get(8).unwrap_or(&"").split('^').map(str::to_owned);
        Self {
            sender: Party { application: field(3), facility: field(4) },
            receiver: Party { application: field(5), facility: field(6) },
            code: kind.next().unwrap_or_default(),
            event: kind.next().unwrap_or_default(),
            structure: kind.next().unwrap_or_default(),
            control_id: field(10),
            processing: field(11),
            version: field(12).split('^').next().unwrap_or_default().to_owned(),
            charset: Charset::Utf8,
        }
    }

    /// `ADT^A01`, for logs and sentences.
    #[must_use]
    pub fn kind(&self) -> String {
        format!("{}^{}", self.code, self.event)
    }
}

fn party(application: Part<'_>, facility: Part<'_>) -> Party {
    Party { application: named(application), facility: named(facility) }
}

/// All components of an HD, as `namespace^id^type`.
fn named(part: Part<'_>) -> String {
    let components: Vec<String> = (1..=3).map(|number| part.component(number).text()).collect();
    components.join("^").trim_end_matches('^').to_owned()
}

impl From<&Party> for [Value; 2] {
    /// As two fields of a header.
    fn from(party: &Party) -> Self {
        [&party.application, &party.facility].map(|name| Value::components(name.split('^')))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read() {
        let text = "MSH|^~\\&|GAM^1.2.3^ISO|CHU|VIGIE|CHU|20260309||ADT^A01^ADT_A01|7|P|2.5^FRA^2.11|||||FRA|8859/1\r";
        let header = Message::parse(text.as_bytes()).unwrap().header().unwrap();
        assert_eq!(header.sender, Party { application: "GAM^1.2.3^ISO".into(), facility: "CHU".into() });
        assert_eq!(
            (header.kind().as_str(), header.control_id.as_str(), header.version.as_str()),
            ("ADT^A01", "7", "2.5")
        );
        assert_eq!(header.charset, Charset::Latin1);
        let [application, _] = <[Value; 2]>::from(&header.sender);
        assert_eq!(application.encoded(), "GAM^1.2.3^ISO");
    }

    #[test]
    fn what_cannot_be_read_is_answered_as_far_as_it_is_understood() {
        let header = Header::glimpse(
            b"MSH|^~\\&|GAM|CHU|VIGIE|CHU|2026||ADT^A01|7|P|2.5|||||FRA|UNICODE UTF-8\rPID|\xe9",
        );
        assert_eq!(
            (header.kind().as_str(), header.control_id.as_str(), header.version.as_str()),
            ("ADT^A01", "7", "2.5")
        );
        assert_eq!(Header::glimpse(b"\xff\x00").control_id, "");
    }

    #[test]
    fn every_missing_field_is_named() {
        let problem = Message::parse(b"MSH|^~\\&|GAM\r").unwrap().header().unwrap_err();
        let places: Vec<_> = problem.issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
        assert_eq!(places, ["MSH-9", "MSH-10", "MSH-11", "MSH-12"]);
    }
}
