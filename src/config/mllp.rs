//! Settings of HL7 v2: what a platform is sent (`destinations.hl7v2`) and what is listened to (`mllp`).

use std::net::SocketAddr;

use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::{loopback, refuse};

/// What a destination of the kind `mllp` is sent, and what is asked of it.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Transmission {
    /// `mdm` (HL7 v2.6) or `oru` (v2.5).
    pub message: MessageKind,
    /// MSH-3.
    pub sending_application: String,
    /// MSH-4.
    #[validate(length(min = 1, message = "must name the facility, MSH-4"))]
    pub sending_facility: String,
    /// MSH-5.
    #[validate(length(min = 1, message = "must name the application, MSH-5"))]
    pub receiving_application: String,
    /// MSH-6.
    #[validate(length(min = 1, message = "must name the facility, MSH-6"))]
    pub receiving_facility: String,
    /// Name of the authority of the hospital's numbers, CX.4.1.
    pub ipp_authority: String,
    /// `FINEG` or `FINEJ`: what `issuer.finess` is the number of.
    pub structure: String,
    /// Ask the platform to feed the DMP.
    pub dmp: bool,
    /// Ask for receipts of the DMP and of mail servers.
    pub receipt: bool,
    /// Ask for receipts of reading.
    pub reading_receipt: bool,
    /// MSSanté addresses that get a copy.
    pub copies_to: Vec<String>,
    /// Send a copy to the patient's mailbox.
    pub patient: bool,
    /// The patient may answer.
    pub patient_may_reply: bool,
    /// Address for answers.
    pub reply_to: String,
    /// Text of the mail to professionals.
    pub mail_professionals: String,
    /// Text of the mail to the patient.
    pub mail_patient: String,
    /// `table`: combinations of the guide's table only; `examples`: also copies to professionals alone.
    pub listing: Listing,
    /// How the platform is told that a document is hidden otherwise: `message`, by the replacement of the same document with
    /// `MODIF_CONF_CODE`, or `task`, by a person. Ask its owner.
    pub visibility: Changes,
    /// Connections at once.
    #[validate(range(min = 1, max = 16))]
    pub connections: usize,
    /// Acknowledgments after which the message is sent again soon: `AE`, `AR`, or both.
    #[validate(custom(function = retries))]
    pub retry: Vec<String>,
    /// PEM file of the authorities that are trusted (`mllps://`).
    pub ca: String,
    /// PEM file of our certificate, where the platform wants one.
    pub certificate: String,
    /// PEM file of its key.
    pub key: String,
}

impl Default for Transmission {
    fn default() -> Self {
        let empty = String::new;
        Self {
            message: MessageKind::Mdm,
            sending_application: "VIGIE".to_owned(),
            sending_facility: empty(),
            receiving_application: empty(),
            receiving_facility: empty(),
            ipp_authority: "IPP".to_owned(),
            structure: "FINEG".to_owned(),
            dmp: false,
            receipt: true,
            reading_receipt: false,
            copies_to: Vec::new(),
            patient: false,
            patient_may_reply: true,
            reply_to: empty(),
            mail_professionals: empty(),
            mail_patient: empty(),
            listing: Listing::Table,
            visibility: Changes::Message,
            connections: 1,
            retry: vec!["AR".to_owned()],
            ca: empty(),
            certificate: empty(),
            key: empty(),
        }
    }
}

/// Which message carries documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// `MDM^T02/T10/T04`.
    Mdm,
    /// `ORU^R01`.
    Oru,
}

/// Which combinations of flags are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Listing {
    /// Those of the guide's table.
    Table,
    /// Also those of its examples.
    Examples,
}

/// How a platform is told that a document is hidden otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Changes {
    /// `MDM^T10`, or `ORU^R01`.
    Message,
    /// A Task.
    Task,
}

/// The MLLP listener.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(default)]
pub struct Mllp {
    /// Address and port to listen on for identities and receipts; nothing listens without one. Loopback only, because
    /// nothing authenticates callers yet.
    #[validate(custom(function = loopback))]
    pub listen: Option<SocketAddr>,
    /// Largest message, in bytes.
    #[validate(range(min = 1_024, max = 104_857_600))]
    pub message_bytes: usize,
    /// Connections at once.
    #[validate(range(min = 1, max = 1_024))]
    pub connections: usize,
    /// A connection that says nothing for so long is closed, in seconds.
    #[validate(range(min = 1, max = 86_400))]
    pub idle_seconds: u64,
    /// For a feed of everybody whom the hospital sees: identity messages about patients who are not known here are acknowledged
    /// (`AA`) and counted, and nobody is created.
    pub known_patients_only: bool,
    /// Who assigns the numbers that messages carry.
    #[validate(nested)]
    pub authorities: Vec<Authority>,
}

impl Default for Mllp {
    fn default() -> Self {
        Self {
            listen: None,
            message_bytes: 1_048_576,
            connections: 16,
            idle_seconds: 3_600,
            known_patients_only: false,
            authorities: Vec::new(),
        }
    }
}

/// An authority, by namespace or OID, and the FHIR system of its numbers.
#[derive(Debug, Clone, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
#[validate(schema(function = named))]
pub struct Authority {
    /// CX.4.1.
    pub namespace: String,
    /// CX.4.2.
    pub oid: String,
    /// `Identifier.system` in FHIR; `urn:oid:` and the OID when empty.
    pub system: String,
}

fn named(authority: &Authority) -> Result<(), ValidationError> {
    let sufficient =
        !authority.oid.is_empty() || (!authority.namespace.is_empty() && !authority.system.is_empty());
    if sufficient {
        return Ok(());
    }
    Err(refuse("an authority has an oid, or a namespace and a system".to_owned()))
}

fn retries(codes: &[String]) -> Result<(), ValidationError> {
    match codes.iter().find(|code| !matches!(code.as_str(), "AE" | "AR")) {
        None => Ok(()),
        Some(code) => Err(refuse(format!("'{code}' is not AE or AR"))),
    }
}
