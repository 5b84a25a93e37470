//! Writing XML Signature 1.0: references, `SignedInfo`, `KeyInfo`, and the enveloped signature of a SAML assertion
//! (SAML 2.0 core, 5.4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Algorithm, Certificate, SealKey};
use crate::problem::Problem;
use crate::xml::{self, Element, Method, Namespace, Node};

/// The name space of XML Signature.
pub const DS: Namespace = Namespace { prefix: "ds", uri: "http://www.w3.org/2000/09/xmldsig#" };

/// The transform that leaves the signature itself out.
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// One `Reference`: what is signed, how it is written for that, and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// `URI`: `#id` in the same document, or the name of something outside.
    pub uri: String,
    /// `Type`, if it has one.
    pub kind: Option<String>,
    /// Identifiers of the transforms, in order.
    pub transforms: Vec<String>,
    /// What the digest is made with.
    pub algorithm: Algorithm,
    /// The digest, in Base64.
    pub digest: String,
}

impl Reference {
    /// As an element.
    #[must_use]
    pub fn element(&self) -> Element {
        let mut reference = Element::new(DS, "Reference");
        if let Some(kind) = &self.kind {
            reference = reference.attribute("Type", kind);
        }
        reference = reference.attribute("URI", &self.uri);
        if !self.transforms.is_empty() {
            let transforms = self.transforms.iter().map(|uri| algorithm("Transform", uri));
            reference = reference.child(Element::new(DS, "Transforms").with(transforms));
        }
        reference
            .child(algorithm("DigestMethod", self.algorithm.digest_uri()))
            .child(Element::new(DS, "DigestValue").text(&self.digest))
    }
}

fn algorithm(name: &str, uri: &str) -> Element {
    Element::new(DS, name).attribute("Algorithm", uri)
}

/// `SignedInfo` over these references.
#[must_use]
pub fn signed_info(method: &Method, signature: Algorithm, references: &[Reference]) -> Element {
    Element::new(DS, "SignedInfo")
        .child(algorithm("CanonicalizationMethod", method.uri()))
        .child(algorithm("SignatureMethod", signature.signature_uri()))
        .with(references.iter().map(Reference::element))
}

/// `SignatureValue` of those canonical bytes of a `SignedInfo`.
///
/// # Errors
/// As [`SealKey::sign`].
pub(crate) fn signature_value(
    key: &SealKey,
    algorithm: Algorithm,
    signed_info: &[u8],
) -> Result<Element, Problem> {
    let value = key.sign(algorithm, signed_info)?;
    Ok(Element::new(DS, "SignatureValue").text(STANDARD.encode(value)))
}

/// `KeyInfo` with the certificate.
#[must_use]
pub fn key_info(certificate: &Certificate) -> Element {
    let certificate = Element::new(DS, "X509Certificate").text(certificate.base64());
    Element::new(DS, "KeyInfo").child(Element::new(DS, "X509Data").child(certificate))
}

/// The element with its signature as its child number `place`: enveloped, exclusive canonical form, by its attribute `ID`.
///
/// # Errors
/// Internal, when it has no `ID` or the signature cannot be made.
pub fn enveloped(
    mut element: Element,
    place: usize,
    key: &SealKey,
    algorithm: Algorithm,
) -> Result<Element, Problem> {
    let id = element.get("ID").ok_or_else(|| Problem::internal("what is signed has no ID"))?;
    let reference = Reference {
        uri: format!("#{id}"),
        kind: None,
        transforms: vec![ENVELOPED.to_owned(), Method::EXCLUSIVE.uri().to_owned()],
        algorithm,
        digest: algorithm.digest(&xml::element(&element, &Method::EXCLUSIVE)),
    };
    let info = signed_info(&Method::EXCLUSIVE, algorithm, &[reference]);
    let value = signature_value(key, algorithm, &xml::element(&info, &Method::EXCLUSIVE))?;
    let signature = Element::new(DS, "Signature").child(info).child(value).child(key_info(key.certificate()));
    let place = place.min(element.children.len());
    element.children.insert(place, Node::Element(signature));
    Ok(element)
}
