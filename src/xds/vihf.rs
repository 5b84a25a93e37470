//! The VIHF (*vecteur d'identification et d'habilitation formelles*): a signed SAML 2.0 assertion in the security header
//! that says to the DMP on whose behalf a request comes (CI-SIS, ANS mapping table of the volet CDA in HL7 v2).
//!
//! Public sources disagree on its version (the table says 4.0, its example and published code 3.0) and on the algorithm:
//! both are parameters.

mod verify;

pub use verify::{Presented, verify};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::metadata::Code;
use crate::problem::Problem;
use crate::signature::{Algorithm, NameOrder, SealKey, enveloped};
use crate::xml::{Element, Namespace};

const SAML: Namespace = Namespace { prefix: "saml2", uri: "urn:oasis:names:tc:SAML:2.0:assertion" };
const XSI: Namespace = Namespace { prefix: "xsi", uri: "http://www.w3.org/2001/XMLSchema-instance" };
const HL7: Namespace = Namespace { prefix: "", uri: "urn:hl7-org:v3" };

const ISSUER_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName";
const CONTEXT_CLASS: &str = "urn:oasis:names:tc:SAML:2.0:ac:classes:";
const ROLE: &str = "urn:oasis:names:tc:xacml:2.0:subject:role";
const PURPOSE: &str = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse";
const RESOURCE: &str = "urn:oasis:names:tc:xacml:2.0:resource:resource-id";
const SUBJECT: &str = "urn:oasis:names:tc:xspa:1.0:subject:subject-id";
const CONFIDENTIALITY: &str = "urn:oasis:names:tc:xspa:1.0:resource:patient:hl7:confidentiality-code";

/// How users are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// By their software, which vouches for them: `INDIRECTE`.
    #[default]
    Indirect,
    /// The same, with Pro Santé Connect behind it (AIR): `INDIRECTE_RENFORCEE`.
    ReinforcedIndirect,
}

impl Mode {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Indirect, Self::ReinforcedIndirect];

    /// Its value in the assertion and in the configuration.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Indirect => "INDIRECTE",
            Self::ReinforcedIndirect => "INDIRECTE_RENFORCEE",
        }
    }
}

/// On whose behalf, about whom. Rendered with the document, sent with every request about it. There is no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// National identifier of the person, or of who answers for the automaton.
    pub name_id: String,
    /// First and last name of the person; name and model of the software for an automaton.
    pub subject_id: String,
    /// Profession, then specialty for physicians and pharmacists; `AUTOMATE` for an automaton.
    pub roles: Vec<Code>,
    /// National identifier of the structure.
    pub structure_id: String,
    /// Sector of activity.
    pub sector: Code,
    /// `CX` of the INS.
    pub patient_id: String,
    /// How the person logged in to the local system: `Password`, `SmartcardPKI`, `TLSClient`, `unspecified`, …
    pub authentication: String,
    /// When; the moment of sending for an automaton.
    pub authenticated_at: Option<Timestamp>,
}

/// The software, as it was homologated. Nothing of it has a default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// `LPS_Nom`.
    pub name: String,
    /// `LPS_Version`.
    pub version: String,
    /// `LPS_ID`: number of the installation.
    pub installation: Option<String>,
    /// `LPS_ID_HOMOLOGATION_DMP`.
    pub homologation: String,
}

/// What a site was told to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `VIHF_Version`.
    pub version: String,
    /// `Authentification_Mode`.
    pub mode: Mode,
    /// How it is signed.
    pub algorithm: Algorithm,
    /// `Issuer`, where the peer wants the name of the certificate written otherwise than we write it.
    pub issuer: Option<String>,
}

/// The assertion of this moment, signed. `id` is a UUID.
///
/// # Errors
/// Internal when it cannot be signed.
pub fn assertion(
    claims: &Claims,
    product: &Product,
    options: &Options,
    id: &str,
    now: Timestamp,
    key: &SealKey,
) -> Result<Element, Problem> {
    let instant = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let saml = |name: &str| Element::new(SAML, name);
    let issuer = options.issuer.clone().unwrap_or_else(|| key.certificate().subject(NameOrder::Encoded));
    let mut context = saml("AuthnContext")
        .child(saml("AuthnContextClassRef").text(format!("{CONTEXT_CLASS}{}", claims.authentication)));
    if options.mode == Mode::ReinforcedIndirect {
        context = context.child(saml("AuthnContextDecl").text("APP_BROWSER_AUTH"));
    }
    let statement = saml("AuthnStatement")
        .attribute("AuthnInstant", instant(claims.authenticated_at.unwrap_or(now)))
        .child(context);
    let assertion = saml("Assertion")
        .declare(XSI)
        .attribute("ID", format!("_{id}"))
        .attribute("IssueInstant", instant(now))
        .attribute("Version", "2.0")
        .child(saml("Issuer").attribute("Format", ISSUER_FORMAT).text(issuer))
        .child(saml("Subject").child(saml("NameID").text(&claims.name_id)))
        .child(statement)
        .child(attributes(claims, product, options));
    enveloped(assertion, 1, key, options.algorithm)
}

fn attributes(claims: &Claims, product: &Product, options: &Options) -> Element {
    let sector = format!("{}^{}", claims.sector.code, claims.sector.scheme);
    let texts = [
        ("VIHF_Version", Some(options.version.as_str())),
        ("Authentification_Mode", Some(options.mode.code())),
        ("Identifiant_Structure", Some(claims.structure_id.as_str())),
        ("Secteur_Activite", Some(sector.as_str())),
        (RESOURCE, Some(claims.patient_id.as_str())),
        ("Ressource_URN", Some("urn:dmp")),
        (SUBJECT, Some(claims.subject_id.as_str())),
        ("LPS_Nom", Some(product.name.as_str())),
        ("LPS_Version", Some(product.version.as_str())),
        ("LPS_ID", product.installation.as_deref()),
        ("LPS_ID_HOMOLOGATION_DMP", Some(product.homologation.as_str())),
    ];
    let text = |(name, value): (&str, Option<&str>)| {
        Some(attribute(name, [Element::new(SAML, "AttributeValue").text(value?)]))
    };
    let roles = claims.roles.iter().map(|role| coded("Role", role, None));
    let normal = Code::new("normal", "1.2.250.1.213.1.1.4.248", "Accès normal");
    Element::new(SAML, "AttributeStatement")
        .with(texts.into_iter().filter_map(text))
        .child(attribute(PURPOSE, [coded("PurposeOfUse", &normal, Some("mode acces VIHF 1.0"))]))
        .child(attribute(ROLE, roles))
}

fn attribute(name: &str, values: impl IntoIterator<Item = Element>) -> Element {
    Element::new(SAML, "Attribute").attribute("Name", name).with(values)
}

/// A coded value: an element of HL7 v3 of type `CE`.
fn coded(name: &str, code: &Code, system_name: Option<&str>) -> Element {
    let mut element =
        Element::new(HL7, name).attribute("code", &code.code).attribute("codeSystem", &code.scheme);
    if let Some(system_name) = system_name {
        element = element.attribute("codeSystemName", system_name);
    }
    let element = element.attribute("displayName", &code.display).attribute_in(XSI, "type", "CE");
    Element::new(SAML, "AttributeValue").child(element)
}

#[cfg(test)]
pub(crate) mod example {
    use super::*;

    pub(crate) fn claims() -> Claims {
        Claims {
            name_id: "810001234567".into(),
            subject_id: "Essai ONCOLOGUE-TEST".into(),
            roles: vec![
                Code::new("10", "1.2.250.1.71.1.2.7", "Médecin"),
                Code::new("SM26", "1.2.250.1.71.4.2.5", "Qualifié en médecine générale (SM)"),
            ],
            structure_id: "1999999999".into(),
            sector: Code::new("SA01", "1.2.250.1.71.4.2.4", "Etablissement public de santé"),
            patient_id: crate::xds::example::PATIENT.into(),
            authentication: "Password".into(),
            authenticated_at: Some("2026-03-09T08:00:00Z".parse().unwrap()),
        }
    }

    pub(crate) fn product() -> Product {
        Product {
            name: "Vigie".into(),
            version: "0.1.0".into(),
            installation: None,
            homologation: "TEST-000000".into(),
        }
    }

    pub(crate) fn options(mode: Mode, algorithm: Algorithm) -> Options {
        Options { version: "3.0".into(), mode, algorithm, issuer: None }
    }
}
