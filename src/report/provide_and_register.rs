//! Provide and Register Document Set-b, IHE ITI-41, for the DMP: the CDA of a report, described from its [`Header`] and
//! signed in its submission set, as an order that waits in the outbox.
//!
//! Every value is read from the header, and none typed twice: metadata and CDA cannot differ. The size and the digest are
//! those of the bytes that are sent.

pub(super) mod claims;

use std::fmt;
use std::sync::Arc;

use super::header::xds_time;
use super::people::{Organization, Professional};
use super::{Document, Header};
use crate::identity::Channel;
use crate::problem::{Category, Issue, Problem};
use crate::signature::{Algorithm, SealKey};
use crate::terminology::nos;
use crate::xds::{Author, Code, DocumentEntry, Provide, SubmissionSet, hl7, message};

/// In whose name documents are submitted.
#[derive(Clone)]
pub struct Submitter {
    /// The seal (*cachet*) of the structure, which signs submission sets.
    pub key: Arc<SealKey>,
    /// How it signs.
    pub algorithm: Algorithm,
    /// Who submits.
    pub sender: Sender,
    /// How authors log in to the system in which they sign (the end of `AuthnContextClassRef`), where the site says so: then
    /// an author was logged in when signing. Without it neither is known.
    pub authentication: Option<String>,
    /// National identifier of the person who answers for what is sent without anybody's doing.
    pub responsible: String,
    /// `LPS_Nom`, and the name of the automaton.
    pub software: String,
    /// The model of the automaton.
    pub model: String,
}

impl fmt::Debug for Submitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Submitter({:?}, {})", self.sender, self.algorithm.code())
    }
}

impl PartialEq for Submitter {
    /// Keys are compared by their certificates.
    fn eq(&self, other: &Self) -> bool {
        let decisions = |one: &Self| (one.algorithm, one.sender);
        let names = |one: &Self| {
            (one.authentication.clone(), [one.responsible.clone(), one.software.clone(), one.model.clone()])
        };
        self.key.certificate() == other.key.certificate()
            && decisions(self) == decisions(other)
            && names(self) == names(other)
    }
}

impl Eq for Submitter {}

/// Who submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// This software, by itself: what is true of a service that sends when nobody looks on.
    Automaton,
    /// The author of the report. One whose identifier, profession or specialty is not known is stood for by the automaton.
    Author,
}

/// The order that provides this document: the same input gives the same media type and bytes.
///
/// `replaces` is the unique id of the document that the recipient has and that this one replaces: none for a correction
/// of what it never got. `signature_id` and `boundary` are UUIDs.
///
/// # Errors
/// `Invalid` when the identity is not qualified, with each reason in French (such a document must not go to the DMP), or
/// with every fault of the metadata; what signing says.
pub fn render(
    document: &Document,
    submitter: &Submitter,
    replaces: Option<&str>,
    signature_id: &str,
    boundary: &str,
) -> Result<(String, Vec<u8>), Problem> {
    let header = &document.header;
    let patient_id = patient_id(header)?;
    let entry = entry(document, &patient_id);
    let set = submission_set(document, submitter, patient_id.clone());
    let provide = Provide {
        entry,
        set,
        bytes: &document.cda,
        replaces,
        signature_id: &super::document::unique_id(signature_id)?["urn:oid:".len()..],
        at: document.edition.at,
        key: &submitter.key,
        algorithm: submitter.algorithm,
        claims: claims::of(header, submitter, patient_id),
    };
    provide.render(boundary)
}

/// What the registry is told of this document (IHE ITI TF-3, 4.2.3.2).
///
/// # Errors
/// `Invalid` when the identity is not qualified.
pub fn document_entry(document: &Document) -> Result<DocumentEntry, Problem> {
    Ok(entry(document, &patient_id(&document.header)?))
}

fn patient_id(header: &Header) -> Result<String, Problem> {
    if let Some(ins) = header.patient.ins() {
        return Ok(ins.cx(Channel::Xds));
    }
    let issue =
        Issue::error("business-rule", "the identity is not qualified: no document about it goes to the DMP")
            .at("Patient.identifier")
            .text("L'identité n'est pas qualifiée : le document ne peut pas être envoyé au DMP.");
    Err(Problem::with(Category::Invalid, vec![issue]))
}

/// What is told of the document.
pub(super) fn entry(document: &Document, patient_id: &str) -> DocumentEntry {
    let header = &document.header;
    let mut confidentiality = vec![code(&header.confidentiality)];
    confidentiality.extend(header.visibility.iter().map(code));
    let local = header.local_id.as_ref().map(|local| hl7::cx(&local.value, &local.oid, "PI"));
    DocumentEntry {
        id: "Document01".to_owned(),
        logical_id: None,
        version: None,
        status: None,
        unique_id: header.id.clone(),
        patient_id: patient_id.to_owned(),
        source_patient_id: local.unwrap_or_else(|| patient_id.to_owned()),
        source_patient_info: source_patient_info(header),
        authors: vec![author(&header.author, &header.organization)],
        legal_authenticator: person(&header.author),
        class_code: code(&header.class),
        type_code: code(&header.code),
        format_code: code(&header.format),
        mime_type: "text/xml".to_owned(),
        confidentiality,
        facility_type: code(&header.facility_type),
        practice_setting: code(&header.practice_setting),
        event_codes: Vec::new(),
        creation_time: xds_time(&header.created_at),
        service_start: xds_time(&header.service.0),
        service_stop: Some(xds_time(&header.service.1)),
        language: header.language.to_owned(),
        title: header.title.clone(),
        comments: None,
        hash: message::sha1(&document.cda),
        size: u64::try_from(document.cda.len()).unwrap_or(u64::MAX),
        reference_ids: Vec::new(),
        uri: None,
        repository_id: None,
    }
}

/// The traits of identity as the producer knows them: name of birth (`L`), name in use (`D`), date of birth, sex.
fn source_patient_info(header: &Header) -> Vec<String> {
    let patient = &header.patient;
    let name = |family: &str, given: &str, kind: char| {
        format!("PID-5|{}^{}^^^^^{kind}", hl7::escaped(family), hl7::escaped(given))
    };
    let mut info = vec![name(&patient.birth_name, &patient.first_name, 'L')];
    if patient.used_name.is_some() || patient.used_given.is_some() {
        let family = patient.used_name.as_ref().unwrap_or(&patient.birth_name);
        info.push(name(family, patient.used_given.as_ref().unwrap_or(&patient.first_name), 'D'));
    }
    info.push(format!("PID-7|{}", patient.birth_date.replace('-', "")));
    info.push(format!("PID-8|{}", patient.sex.hl7v2()));
    info
}

fn submission_set(document: &Document, submitter: &Submitter, patient_id: String) -> SubmissionSet {
    let header = &document.header;
    let submission = &header.submission;
    let author = if claims::is_automaton(header, submitter) {
        let oid = &submission.source_oid;
        Author {
            person: hl7::device(oid, oid, &submitter.software, &submitter.model),
            institutions: institutions(&header.organization),
            roles: Vec::new(),
            specialties: Vec::new(),
        }
    } else {
        author(&header.author, &header.organization)
    };
    SubmissionSet {
        id: "SubmissionSet01".to_owned(),
        unique_id: submission.id.clone(),
        source_id: submission.source_oid.clone(),
        patient_id,
        submission_time: document.edition.at.strftime("%Y%m%d%H%M%S").to_string(),
        author,
        content_type: code(&submission.content_type),
        title: Some(header.title.clone()),
        comments: None,
    }
}

/// The author, with institution and specialty.
pub(super) fn author(author: &Professional, organization: &Organization) -> Author {
    Author {
        person: person(author),
        institutions: institutions(organization),
        roles: Vec::new(),
        specialties: author.specialty.iter().map(|specialty| hl7::coded(&code(specialty))).collect(),
    }
}

/// A professional without a national identifier is named only.
fn person(professional: &Professional) -> String {
    let (family, given) = (professional.family.as_str(), professional.given.join(" "));
    professional.id.as_ref().map_or_else(
        || format!("^{}^{}^^^^^^^D", hl7::escaped(family), hl7::escaped(&given)),
        |id| hl7::person(id.value(), family, &given),
    )
}

fn institutions(organization: &Organization) -> Vec<String> {
    let with_id = |id: &crate::identity::StructureId| hl7::structure(&organization.name, id.value());
    vec![organization.id.as_ref().map_or_else(|| hl7::escaped(&organization.name), with_id)]
}

fn code(code: &nos::Code) -> Code {
    Code::new(&code.code, &code.oid, &code.display)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::report::example;
    use crate::xds::{Order, Submission, ebrim};

    pub(crate) fn submitter(sender: Sender) -> Submitter {
        Submitter {
            key: Arc::new(crate::signature::example::key()),
            algorithm: Algorithm::RsaSha256,
            sender,
            authentication: None,
            responsible: "810001234567".to_owned(),
            software: "Vigie".to_owned(),
            model: "Télésurveillance".to_owned(),
        }
    }

    pub(crate) fn order(document: &Document, sender: Sender) -> (String, Vec<u8>) {
        let id = "018f0000-0000-7000-8000-0000000000f1";
        render(document, &submitter(sender), document.header.replaces.as_deref(), id, id)
            .unwrap_or_else(|problem| panic!("{problem}"))
    }

    fn read(document: &Document, sender: Sender) -> (Order, Submission, Vec<Vec<u8>>) {
        let (media, bytes) = order(document, sender);
        let (order, metadata, documents) = Order::read(&media, &bytes).unwrap();
        let list = metadata.first(crate::xds::RIM, "RegistryObjectList").unwrap();
        (order, ebrim::submission(list).unwrap(), documents)
    }

    #[test]
    fn metadata_say_what_the_header_says() {
        let document = example::document();
        let (order, submission, documents) = read(&document, Sender::Author);
        let entry = &submission.entries[0];
        assert_eq!(documents[0], document.cda);
        assert_eq!(entry.hash, message::sha1(&document.cda));
        assert_eq!(entry.size, document.cda.len() as u64);
        assert_eq!(entry.unique_id, document.header.id);
        assert_eq!(entry.patient_id, "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH");
        assert_eq!(entry.source_patient_info[0], "PID-5|PAT-TROIS^DOMINIQUE^^^^^L");
        assert_eq!(entry.legal_authenticator, entry.authors[0].person);
        assert!(entry.authors[0].person.starts_with("810001234567^ONCOLOGUE-TEST^Essai^"));
        assert_eq!(entry.creation_time, "20260309142000");
        assert_eq!(submission.set.submission_time, "20260309142001");
        assert_eq!(order.claims.patient_id, entry.patient_id);
        assert_eq!(order.claims.structure_id, "1010000001");
    }

    #[test]
    fn the_same_document_gives_the_same_bytes() {
        let document = example::document();
        assert!(order(&document, Sender::Automaton) == order(&document, Sender::Automaton));
    }

    #[test]
    fn an_automaton_submits_in_its_own_name() {
        let (order, submission, _) = read(&example::document(), Sender::Automaton);
        assert!(submission.set.author.person.contains("^Vigie^Télésurveillance^"));
        assert!(submission.set.author.person.ends_with("^U^^^RI"));
        assert_eq!(order.claims.roles[0].code, "AUTOMATE");
        assert_eq!(
            (order.claims.name_id.as_str(), order.claims.authentication.as_str()),
            ("810001234567", "unspecified")
        );
    }

    #[test]
    fn a_replacement_names_the_replaced_document() {
        let mut report = example::report();
        report.version = 2;
        report.replaces = Some(example::replaced());
        let document = example::document_of(&report);
        let (order, submission, _) = read(&document, Sender::Automaton);
        assert_eq!(order.about(), document.header.replaces.as_deref());
        assert_eq!(submission.associations.len(), 4);
    }

    #[test]
    fn an_identity_that_is_not_qualified_does_not_go_out() {
        let mut document = example::document();
        let number =
            crate::fhir::identifier::Identifier { system: "urn:oid:1.2.3".into(), value: "1".into() };
        document.header.patient.identity = crate::report::Identity::Local { number, reasons: vec![] };
        let id = "018f0000-0000-7000-8000-0000000000f1";
        let problem = render(&document, &submitter(Sender::Author), None, id, id).unwrap_err();
        assert!(problem.to_string().contains("not qualified"), "{problem}");
    }
}
