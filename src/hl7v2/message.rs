//! A whole message: its segments in order, none thrown away (HL7 v2.5, 2.5 and 2.6).

use std::fmt;

use super::part::Coding;
use super::{Charset, Delimiters, Header, Place, Segment};
use crate::problem::{Category, Problem};

/// A message of at least a header.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The header first.
    segments: Vec<Segment>,
}

impl Message {
    /// A message of these segments, the header `MSH` first.
    #[must_use]
    pub const fn new(segments: Vec<Segment>) -> Self {
        Self { segments }
    }

    /// Reads bytes, in the character set that MSH-18 declares and with the delimiters that MSH declares. Lines may end
    /// with CR, LF or both; empty ones are passed over.
    ///
    /// Nothing is checked but the form: read the [`Header`] next.
    ///
    /// # Errors
    /// `Malformed` at its place: no header, delimiters that are none, a character set that is not known or not kept to,
    /// a line that is no segment.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let first = bytes.split(|byte| matches!(byte, b'\r' | b'\n')).find(|line| !line.is_empty());
        // The header's structure is ASCII whatever the character set; what is not reads as Latin-1 until it is known.
        let header: String = first.unwrap_or_default().iter().map(|byte| char::from(*byte)).collect();
        let after_name = header.strip_prefix("MSH").ok_or_else(|| {
            refused(&Place::segment("MSH", 1), "structure", "a message begins with the segment MSH")
        })?;
        let delimiters = Delimiters::read(after_name)?;
        let charset = declared(&header, delimiters)?;
        let text = charset.decode(bytes).ok_or_else(|| {
            let what = format!("the message is not written in {}, as MSH-18 has it", charset.code());
            refused(&Place::field("MSH", 1, 18), "value", &what)
        })?;
        let coding = Coding { delimiters, charset };
        let lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
        let segments = lines.enumerate().map(|(at, line)| segment(at, line, coding));
        Ok(Self { segments: segments.collect::<Result<_, _>>()? })
    }

    /// Every segment, in order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The first segment of that name.
    #[must_use]
    pub fn segment(&self, name: &str) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.name() == name)
    }

    /// The segments of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Segment> {
        self.segments.iter().filter(move |segment| segment.name() == name)
    }

    /// What the header says.
    ///
    /// # Errors
    /// As [`Header::read`].
    pub fn header(&self) -> Result<Header, Problem> {
        Header::read(self)
    }

    /// As it is written, in UTF-8, each segment ended by CR.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut text = String::new();
        for segment in &self.segments {
            segment.write(&mut text);
            text.push('\r');
        }
        text.into_bytes()
    }
}

fn declared(header: &str, delimiters: Delimiters) -> Result<Charset, Problem> {
    // Field 1 is the separator itself, so that MSH-18 is the eighteenth piece of the line.
    let declared = header.split(delimiters.field).nth(17).unwrap_or_default();
    let first = declared.split(delimiters.repetition).next().unwrap_or_default();
    Charset::of(first).ok_or_else(|| {
        let what = "the character set is UNICODE UTF-8, 8859/1, 8859/15 or ASCII";
        refused(&Place::field("MSH", 1, 18), "code-invalid", what)
    })
}

fn segment(at: usize, line: &str, coding: Coding) -> Result<Segment, Problem> {
    Segment::read(line, coding).ok_or_else(|| {
        let what =
            format!("line {} of the message is no segment: three capitals and the field separator", at + 1);
        Problem::new(Category::Malformed, "structure", what)
    })
}

fn refused(place: &Place, code: &'static str, what: &str) -> Problem {
    Problem::new(Category::Malformed, code, what).at(&place.to_string())
}

impl fmt::Debug for Message {
    /// The names of its segments.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.segments).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::Value;
    use super::*;

    const ADT: &str = "MSH|^~\\&|GAM|CHU|VIGIE|CHU|20260309142000+0100||ADT^A01^ADT_A01|7|P|2.5|||||FRA|UNICODE UTF-8\r\
                       PID|||42^^^CHU&1.2.250.1.999&ISO^PI~43||PAT-TROIS^DOMINIQUE^^^^^L\rZZZ|kept|\\.br\\^\r";

    fn parse(text: &str) -> Message {
        Message::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_message_is_written_as_it_was_read_unknown_segments_included() {
        assert_eq!(String::from_utf8(parse(ADT).encode()).unwrap(), ADT);
        assert_eq!(parse(&ADT.replace('\r', "\r\n")), parse(ADT));
        assert_eq!(parse(&ADT.replace('\r', "\n\n")), parse(ADT));
    }

    #[test]
    fn repetitions_components_and_subcomponents_are_read() {
        let message = parse(ADT);
        let number = message.segment("PID").unwrap().field(3);
        assert_eq!(number.component(4).subcomponent(2).text(), "1.2.250.1.999");
        assert_eq!(number.repetitions().map(Part::text).collect::<Vec<_>>(), ["42", "43"]);
        assert!(message.segment("PID").unwrap().field(99).is_empty());
        assert_eq!(message.segment("ZZZ").unwrap().field(2).text(), "\n");
        assert_eq!(message.segment("MSH").unwrap().field(1).raw(), "|");
        assert_eq!(message.segment("MSH").unwrap().field(2).raw(), "^~\\&");
    }

    #[test]
    fn the_header_decides_delimiters_and_character_set() {
        let other = Message::parse(b"MSH$%*!?$A$$$$$$$$$$$$$$$8859/1\rPID$1$$a%b?c$\xe9!F!\r").unwrap();
        let patient = other.segment("PID").unwrap();
        assert_eq!(patient.field(3).component(2).subcomponent(2).text(), "c");
        assert_eq!(patient.field(4).text(), "é$");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let check = |bytes: &[u8], place: Option<&str>| {
            let problem = Message::parse(bytes).unwrap_err();
            assert_eq!(problem.issues[0].expression.as_deref(), place, "{problem}");
        };
        check(b"", Some("MSH"));
        check(b"PID|1", Some("MSH"));
        check(b"MSH|^^", Some("MSH-2"));
        check(b"MSH|^~\\&||||||||||||||||UNICODE UTF-16\r", Some("MSH-18"));
        check(b"MSH|^~\\&||||||||||||||||UNICODE UTF-8\rPID|\xe9\r", Some("MSH-18"));
        check(b"MSH|^~\\&|\xc3\xa9\r", Some("MSH-18"));
        check(b"MSH|^~\\&|A\rpid|1\r", None);
    }

    use super::super::Part;

    fn value() -> impl Strategy<Value = Vec<Vec<Vec<String>>>> {
        vec(vec(vec(any::<String>(), 1..3), 1..4), 1..4)
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
            let _ = Message::parse(&bytes);
        }

        #[test]
        fn any_lines_behind_a_header_are_read_or_refused(lines in "[A-Z0-9|^~&\\\\ \r\u{e9}\"]{0,120}") {
            let text = format!("MSH|^~\\&|A|||||||||||||||UNICODE UTF-8\r{lines}");
            if let Ok(message) = Message::parse(text.as_bytes()) {
                let again = Message::parse(&message.encode());
                prop_assert_eq!(again.as_ref().ok(), Some(&message));
                for segment in message.segments() {
                    for number in 0..=segment.len() {
                        for repetition in segment.field(number).repetitions() {
                            let _ = (repetition.component(2).subcomponent(2).text(), repetition.text());
                        }
                    }
                }
            }
        }

        #[test]
        fn a_value_that_is_written_reads_back(value in value()) {
            let mut written = Value::default();
            for components in &value {
                let mut one = Value::default();
                for (at, subcomponents) in components.iter().enumerate() {
                    one = one.with_subcomponents(at + 1, subcomponents.clone());
                }
                written = written.and(one);
            }
            let header = Segment::new("MSH").with(18, "UNICODE UTF-8");
            let bytes = Message::new(vec![header, Segment::new("ZZZ").with(3, written)]).encode();
            let read = Message::parse(&bytes).unwrap();
            let field = read.segment("ZZZ").unwrap().field(3);
            let repetitions: Vec<Part<'_>> = field.repetitions().collect();
            for (r, components) in value.iter().enumerate() {
                for (c, subcomponents) in components.iter().enumerate() {
                    for (s, text) in subcomponents.iter().enumerate() {
                        let found = repetitions.get(r).map(|one| one.component(c + 1).subcomponent(s + 1).text());
                        let null = if text == "\"\"" { "" } else { text.as_str() };
                        prop_assert_eq!(found.unwrap_or_default(), null);
                    }
                }
            }
        }
    }
}
