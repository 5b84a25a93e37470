//! The metadata of XDS.b as values (ITI TF-3 4.2). Times are UTC without offset (`20260309142000`), identifiers in the HL7
//! v2 forms that [`super::hl7`] writes. There is no `Debug`: most of it is patient data.

use serde::{Deserialize, Serialize};

/// A code with its scheme and display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The code.
    pub code: String,
    /// Its coding scheme: an OID, or a name such as `URN`.
    pub scheme: String,
    /// What it means.
    pub display: String,
}

impl Code {
    /// That code.
    #[must_use]
    pub fn new(code: &str, scheme: &str, display: &str) -> Self {
        Self { code: code.to_owned(), scheme: scheme.to_owned(), display: display.to_owned() }
    }
}

/// A person or a device that made something, and where.
#[derive(Clone, PartialEq, Eq)]
pub struct Author {
    /// `XCN`.
    pub person: String,
    /// `XON`, each.
    pub institutions: Vec<String>,
    /// The role towards the patient, in words.
    pub roles: Vec<String>,
    /// Profession and specialty, `code^display^scheme`.
    pub specialties: Vec<String>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Current.
    Approved,
    /// Replaced by another.
    Deprecated,
    /// Archived: current, but put away (CI-SIS).
    Archived,
    /// Withdrawn (CI-SIS).
    Deleted,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Approved, Self::Deprecated, Self::Archived, Self::Deleted];

    /// Its identifier.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        match self {
            Self::Approved => "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved",
            Self::Deprecated => "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated",
            Self::Archived => "urn:asip:ci-sis:2010:StatusType:Archived",
            Self::Deleted => "urn:asip:ci-sis:2010:StatusType:Deleted",
        }
    }

    /// The status of that identifier.
    #[must_use]
    pub fn of(urn: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.urn() == urn)
    }
}

/// What is told of one document.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentEntry {
    /// `entryUUID`: a name within the message, or the registry's.
    pub id: String,
    /// What the versions of its metadata share; only the registry's answers and updates have it.
    pub logical_id: Option<String>,
    /// Version of its metadata; only the registry's answers have it.
    pub version: Option<String>,
    /// Only the registry's answers have it.
    pub status: Option<Status>,
    /// Unique id of the document: a whole OID.
    pub unique_id: String,
    /// `CX` of the INS.
    pub patient_id: String,
    /// `CX` of the number at the hospital.
    pub source_patient_id: String,
    /// `PID-5|…`, `PID-7|…`, `PID-8|…`.
    pub source_patient_info: Vec<String>,
    /// Who wrote it.
    pub authors: Vec<Author>,
    /// `XCN` of who takes responsibility for it.
    pub legal_authenticator: String,
    /// Class of document.
    pub class_code: Code,
    /// Type of document.
    pub type_code: Code,
    /// Format of its content.
    pub format_code: Code,
    /// Media type.
    pub mime_type: String,
    /// How confidential, and from whom it is hidden; 1 to 4.
    pub confidentiality: Vec<Code>,
    /// Type of facility.
    pub facility_type: Code,
    /// Setting of practice.
    pub practice_setting: Code,
    /// What was done.
    pub event_codes: Vec<Code>,
    /// When it was made.
    pub creation_time: String,
    /// When what it tells of began.
    pub service_start: String,
    /// When it ended.
    pub service_stop: Option<String>,
    /// `fr-FR`.
    pub language: String,
    /// Title.
    pub title: String,
    /// Comments.
    pub comments: Option<String>,
    /// SHA-1 of its bytes in hexadecimal.
    pub hash: String,
    /// Number of its bytes.
    pub size: u64,
    /// References to orders and the like, `CXi`.
    pub reference_ids: Vec<String>,
    /// Name of its file in an XDM archive.
    pub uri: Option<String>,
    /// The repository that has it; only the registry's answers have it.
    pub repository_id: Option<String>,
}

impl DocumentEntry {
    /// The codes that hide it from somebody: all but the level of confidentiality, which is one letter.
    pub fn masks(&self) -> impl Iterator<Item = &Code> {
        self.confidentiality.iter().filter(|code| code.code.len() > 1)
    }

    /// Hides it from these, and from nobody else; the level stays.
    pub fn hide(&mut self, masks: &[Code]) {
        self.confidentiality.retain(|code| code.code.len() == 1);
        self.confidentiality.extend(masks.iter().cloned());
    }
}

/// What is told of one submission.
#[derive(Clone, PartialEq, Eq)]
pub struct SubmissionSet {
    /// Name within the message.
    pub id: String,
    /// Unique id: a whole OID.
    pub unique_id: String,
    /// OID of the system that submits.
    pub source_id: String,
    /// `CX` of the INS.
    pub patient_id: String,
    /// When.
    pub submission_time: String,
    /// Who submits.
    pub author: Author,
    /// Type of activity.
    pub content_type: Code,
    /// Title.
    pub title: Option<String>,
    /// Comments.
    pub comments: Option<String>,
}

/// How two things are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssociationKind {
    /// The set holds the document.
    HasMember,
    /// The document replaces the other.
    Replace,
    /// The signature signs the set.
    Signs,
    /// The set changes the status of the entry.
    UpdateStatus,
}

impl AssociationKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::HasMember, Self::Replace, Self::Signs, Self::UpdateStatus];

    /// Its identifier.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        match self {
            Self::HasMember => "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember",
            Self::Replace => "urn:ihe:iti:2007:AssociationType:RPLC",
            Self::Signs => "urn:ihe:iti:2007:AssociationType:signs",
            Self::UpdateStatus => "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus",
        }
    }

    /// The kind of that identifier.
    #[must_use]
    pub fn of(urn: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.urn() == urn)
    }
}

/// A relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// Name within the message.
    pub id: String,
    /// Which relation.
    pub kind: AssociationKind,
    /// From what.
    pub source: String,
    /// To what.
    pub target: String,
    /// Slots, with one value each.
    pub slots: Vec<(String, String)>,
}

/// A submission: the set, the documents it holds, and the relations.
#[derive(Clone, PartialEq, Eq)]
pub struct Submission {
    /// The set.
    pub set: SubmissionSet,
    /// Its documents.
    pub entries: Vec<DocumentEntry>,
    /// All relations.
    pub associations: Vec<Association>,
}

impl Submission {
    /// The submission of these new documents: the set holds each.
    #[must_use]
    pub fn of(set: SubmissionSet, entries: Vec<DocumentEntry>) -> Self {
        let mut submission = Self { set, entries: Vec::new(), associations: Vec::new() };
        for entry in entries {
            submission.add(entry);
        }
        submission
    }

    /// Adds a document to it.
    pub fn add(&mut self, entry: DocumentEntry) {
        let slots = vec![("SubmissionSetStatus".to_owned(), "Original".to_owned())];
        let (source, target) = (self.set.id.clone(), entry.id.clone());
        self.entries.push(entry);
        self.relate(AssociationKind::HasMember, &source, &target, slots);
    }

    /// Says that one of its documents replaces an entry of the registry.
    pub fn replace(&mut self, document: &str, entry_uuid: &str) {
        self.relate(AssociationKind::Replace, document, entry_uuid, Vec::new());
    }

    /// Adds a relation.
    pub fn relate(
        &mut self,
        kind: AssociationKind,
        source: &str,
        target: &str,
        slots: Vec<(String, String)>,
    ) {
        let id = format!("Association{:02}", self.associations.len() + 1);
        self.associations.push(Association {
            id,
            kind,
            source: source.to_owned(),
            target: target.to_owned(),
            slots,
        });
    }
}
