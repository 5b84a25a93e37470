//! The document as an IHE XDM archive (ITI TF-2 3.32): what secure mail carries, here for an engine that mails it or files it.

use crate::identity::Channel;
use crate::problem::Problem;
use crate::report::provide_and_register::{author, entry};
use crate::report::{Document, Header};
use crate::xds::{Code, Submission, SubmissionSet, hl7, xdm};

/// The archive of that document: the CDA with its metadata, submitted by its author. The same document gives the same bytes.
///
/// A patient whose identity is not qualified is named by the number of the hospital: the reader files it by that.
///
/// # Errors
/// `Invalid`, with what a registry would refuse.
pub(super) fn of(document: &Document) -> Result<Vec<u8>, Problem> {
    let header = &document.header;
    let patient_id = patient_id(header);
    let content_type = &header.submission.content_type;
    let set = SubmissionSet {
        id: "SubmissionSet01".to_owned(),
        unique_id: header.submission.id.clone(),
        source_id: header.submission.source_oid.clone(),
        patient_id: patient_id.clone(),
        submission_time: document.edition.at.strftime("%Y%m%d%H%M%S").to_string(),
        author: author(&header.author, &header.organization),
        content_type: Code::new(&content_type.code, &content_type.oid, &content_type.display),
        title: Some(header.title.clone()),
        comments: None,
    };
    let submission = Submission::of(set, vec![entry(document, &patient_id)]);
    xdm::archive(submission, &[&document.cda], &header.software, document.edition.at)
}

fn patient_id(header: &Header) -> String {
    let local = || header.local_id.as_ref().map(|local| hl7::cx(&local.value, &local.oid, "PI"));
    header.patient.ins().map(|ins| ins.cx(Channel::Xds)).or_else(local).unwrap_or_default()
}
