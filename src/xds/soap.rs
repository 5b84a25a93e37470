//! SOAP 1.2 envelopes with WS-Addressing 1.0 and WS-Security headers (ITI TF-2 appendix V).

use crate::problem::{Category, Problem};
use crate::xml::{self, Element, Limits, Method, Namespace};

/// SOAP 1.2.
pub const SOAP: Namespace = Namespace { prefix: "soap", uri: "http://www.w3.org/2003/05/soap-envelope" };
/// WS-Addressing 1.0.
pub const WSA: Namespace = Namespace { prefix: "wsa", uri: "http://www.w3.org/2005/08/addressing" };
/// WS-Security 1.0.
pub const WSSE: Namespace = Namespace {
    prefix: "wsse",
    uri: "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `Action`.
    pub action: String,
    /// `MessageID`, `urn:uuid:…`.
    pub message_id: String,
    /// `To`, of a request.
    pub to: Option<String>,
    /// `RelatesTo`, of an answer.
    pub relates_to: Option<String>,
    /// What the security header holds: a SAML assertion.
    pub assertion: Option<Element>,
    /// The one element of the body.
    pub body: Element,
}

/// What a peer says instead of answering (SOAP 1.2 part 1, 5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoapFault {
    /// `Sender`, `Receiver`, `MustUnderstand`, `VersionMismatch`, `DataEncodingUnknown`.
    pub code: String,
    /// Local name of the subcode, where there is one.
    pub subcode: Option<String>,
}

impl SoapFault {
    /// The fault of a body, if it is one. Its free text is left out: it may quote a patient.
    #[must_use]
    pub fn of(body: &Element) -> Option<Self> {
        if !body.is(SOAP, "Fault") {
            return None;
        }
        let code = body.first(SOAP, "Code");
        let value = |element: Option<&Element>| {
            let text = element?.first(SOAP, "Value")?.trimmed()?;
            Some(text.rsplit(':').next().unwrap_or_default().to_owned())
        };
        let subcode = value(code.and_then(|code| code.first(SOAP, "Subcode")));
        Some(Self { code: value(code).unwrap_or_default(), subcode })
    }

    /// As the body of a message.
    #[must_use]
    pub fn element(&self, reason: &str) -> Element {
        let value = |text: &str| Element::new(SOAP, "Value").text(text);
        let mut code = Element::new(SOAP, "Code").child(value(&format!("{}:{}", SOAP.prefix, self.code)));
        if let Some(subcode) = &self.subcode {
            code =
                code.child(Element::new(SOAP, "Subcode").child(value(&format!("{}:{subcode}", WSSE.prefix))));
        }
        let text = Element::new(SOAP, "Text")
            .attribute_in(
                Namespace { prefix: "xml", uri: "http://www.w3.org/XML/1998/namespace" },
                "lang",
                "en",
            )
            .text(reason);
        let reason = Element::new(SOAP, "Reason").child(text);
        Element::new(SOAP, "Fault").declare(WSSE).child(code).child(reason)
    }
}

impl Envelope {
    /// The bytes of the envelope, in canonical form after the XML declaration.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let wsa = |name: &str, text: &str| Element::new(WSA, name).text(text);
        let mut header = Element::new(SOAP, "Header")
            .child(wsa("Action", &self.action).attribute_in(SOAP, "mustUnderstand", "true"))
            .child(wsa("MessageID", &self.message_id));
        header = header.with(self.to.iter().map(|to| wsa("To", to)));
        header = header.with(self.relates_to.iter().map(|id| wsa("RelatesTo", id)));
        let security = |assertion: &Element| Element::new(WSSE, "Security").child(assertion.clone());
        header = header.with(self.assertion.iter().map(security));
        let body = Element::new(SOAP, "Body").child(self.body.clone());
        let envelope = Element::new(SOAP, "Envelope").child(header).child(body);
        let mut bytes = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec();
        bytes.extend(xml::element(&envelope, &Method::INCLUSIVE));
        bytes
    }

    /// Reads an envelope. Headers in any order; unknown ones are passed over unless they must be understood.
    ///
    /// # Errors
    /// `Malformed` when it is none, has not one element in its body, or lacks what WS-Addressing wants; what
    /// [`xml::read`] says.
    pub fn read(bytes: &[u8], limits: &Limits) -> Result<Self, Problem> {
        let root = xml::read(bytes, limits)?.root;
        if !root.is(SOAP, "Envelope") {
            return Err(malformed("there is no SOAP 1.2 envelope"));
        }
        let header = root.first(SOAP, "Header");
        let text = |name: &str| header.and_then(|header| header.first(WSA, name)?.trimmed());
        let mut bodies = root.all(SOAP, "Body");
        let (Some(body), None) = (bodies.next(), bodies.next()) else {
            return Err(malformed("the envelope has not one body"));
        };
        let mut elements = body.elements();
        let (Some(content), None) = (elements.next(), elements.next()) else {
            return Err(malformed("the body has not one element"));
        };
        let known = |one: &&Element| one.uri == WSA.uri || one.uri == WSSE.uri;
        let must = |one: &&Element| matches!(one.get_in(SOAP.uri, "mustUnderstand"), Some("true" | "1"));
        if header.is_some_and(|header| header.elements().any(|one| must(&one) && !known(&one))) {
            return Err(malformed("a header that must be understood is not"));
        }
        let security = header.and_then(|header| header.first(WSSE, "Security"));
        Ok(Self {
            action: text("Action").unwrap_or_default(),
            message_id: text("MessageID").unwrap_or_default(),
            to: text("To"),
            relates_to: text("RelatesTo"),
            assertion: security.and_then(|one| one.elements().find(|one| one.name == "Assertion")).cloned(),
            body: content.clone(),
        })
    }
}

fn malformed(what: &str) -> Problem {
    Problem::new(Category::Malformed, "structure", what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Namespace = Namespace { prefix: "t", uri: "urn:t" };

    fn envelope() -> Envelope {
        Envelope {
            action: super::super::message::action::QUERY.to_owned(),
            message_id: "urn:uuid:1".to_owned(),
            to: Some("https://dmp.example/registry".to_owned()),
            relates_to: None,
            assertion: None,
            body: Element::new(T, "a").text("x"),
        }
    }

    #[test]
    fn an_envelope_is_read_back_and_written_the_same() {
        let bytes = envelope().write();
        let read = Envelope::read(&bytes, &Limits::default()).unwrap();
        assert_eq!(read.write(), bytes);
        assert_eq!((read.action, read.to), (envelope().action, envelope().to));
    }

    #[test]
    fn order_prefixes_and_white_space_do_not_matter() {
        let text = r#"<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"
            xmlns="http://www.w3.org/2005/08/addressing"> <e:Header> <x:own xmlns:x="urn:x"/>
            <MessageID> urn:uuid:2 </MessageID> <RelatesTo>urn:uuid:1</RelatesTo>
            <Action e:mustUnderstand="1">a</Action></e:Header> <e:Body> <b xmlns="urn:t"/> </e:Body></e:Envelope>"#;
        let read = Envelope::read(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!((read.message_id.as_str(), read.action.as_str()), ("urn:uuid:2", "a"));
        assert!(read.body.is(T, "b"));
        let must = text.replace("<x:own ", "<x:own e:mustUnderstand=\"true\" ");
        assert!(Envelope::read(must.as_bytes(), &Limits::default()).is_err());
        let two = text.replace("<b xmlns=\"urn:t\"/>", "<b/><c/>");
        assert!(Envelope::read(two.as_bytes(), &Limits::default()).is_err());
    }

    #[test]
    fn a_fault_tells_its_codes_only() {
        let fault = SoapFault { code: "Sender".to_owned(), subcode: Some("InvalidSecurityToken".to_owned()) };
        assert_eq!(SoapFault::of(&fault.element("PAT-TROIS")), Some(fault));
        assert_eq!(SoapFault::of(&Element::new(T, "Fault")), None);
    }
}
