//! Requests as they go over the line: the envelope of ITI-41 in an MTOM package, those of ITI-18 and ITI-57 by themselves.

use super::message::{self, action};
use super::mtom::{Package, Part, xop_type};
use super::soap::Envelope;
use crate::problem::Problem;
use crate::xml::Element;

/// What is asked, and in whose name.
pub struct Request {
    /// The address of the service (`To`).
    pub to: String,
    /// A UUID: the message's id, and its boundary.
    pub id: String,
    /// The VIHF of this moment.
    pub assertion: Element,
}

/// Media type and bytes of a message.
pub struct Message {
    /// For `Content-Type`.
    pub content_type: String,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Request {
    /// ITI-41: these metadata and documents, by the ids of their entries.
    ///
    /// # Errors
    /// Internal when the id stands in a document.
    pub fn provide_and_register(
        self,
        metadata: Element,
        documents: Vec<(String, Vec<u8>)>,
    ) -> Result<Message, Problem> {
        let content_ids: Vec<String> = (1..=documents.len()).map(|n| format!("0.{}", n + 1)).collect();
        let named: Vec<(&str, &str)> = documents
            .iter()
            .zip(&content_ids)
            .map(|((id, _), content_id)| (id.as_str(), content_id.as_str()))
            .collect();
        let body = message::provide_and_register(metadata, &named);
        let boundary = format!("MIMEBoundary_{}", self.id);
        let part = |content_id: String, content_type: String, bytes| Part { content_id, content_type, bytes };
        let parts = documents
            .into_iter()
            .zip(content_ids)
            .map(|((_, bytes), content_id)| part(content_id, "application/octet-stream".to_owned(), bytes));
        let parts = parts.collect();
        let root =
            part("0.1".to_owned(), xop_type(action::PROVIDE), self.envelope(action::PROVIDE, body).write());
        let package = Package { root, parts };
        let (content_type, bytes) =
            package.write(&boundary, "application/xop+xml", Some("application/soap+xml"))?;
        Ok(Message { content_type: format!("{content_type}; action=\"{}\"", action::PROVIDE), bytes })
    }

    /// ITI-18: the entries of these documents, whole or by name.
    #[must_use]
    pub fn get_documents(self, unique_ids: &[&str], whole: bool) -> Message {
        self.simple(action::QUERY, message::get_documents(unique_ids, whole))
    }

    /// ITI-57: these metadata.
    #[must_use]
    pub fn update(self, metadata: Element) -> Message {
        self.simple(action::UPDATE, metadata)
    }

    fn simple(self, action: &str, body: Element) -> Message {
        let content_type = format!("application/soap+xml; charset=UTF-8; action=\"{action}\"");
        Message { content_type, bytes: self.envelope(action, body).write() }
    }

    fn envelope(self, action: &str, body: Element) -> Envelope {
        Envelope {
            action: action.to_owned(),
            message_id: format!("urn:uuid:{}", self.id),
            to: Some(self.to),
            relates_to: None,
            assertion: Some(self.assertion),
            body,
        }
    }
}
