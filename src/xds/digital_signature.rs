//! The signature of a submission set, as a document of the set itself: IHE Document Digital Signature (ITI TF-3 5.5) in the
//! form that published clients of the DMP send, with properties of the `XAdES` of 2002 (`http://uri.etsi.org/01903/v1.1.1#`).
//!
//! It covers a manifest (the unique id of the set, with a digest that means nothing, and the digest of each document) and
//! its own properties. A document that is XML is digested in inclusive canonical form with comments, any other as it is.

mod entry;
mod verify;

pub use entry::{entry, is_signature};
pub use verify::{Manifest, verify};

use jiff::Timestamp;

use crate::problem::Problem;
use crate::signature::{
    Algorithm, DS, NameOrder, Reference, SealKey, key_info, signature_value, signed_info,
};
use crate::xml::{self, Element, Limits, Method, Namespace, Node};

const XADES: Namespace = Namespace { prefix: "xad", uri: "http://uri.etsi.org/01903/v1.1.1#" };
const PURPOSE: &str = "1.2.840.10065.1.12.1.14";
const MANIFEST: &str = "IHEManifest";
const PROPERTIES: &str = "S0-SignedProperties";
const MANIFEST_TYPE: &str = "http://www.w3.org/2000/09/xmldsig#Manifest";
const PROPERTIES_TYPE: &str = "http://uri.etsi.org/01903/v1.1.1#SignedProperties";
const FORM: &Method = &Method::INCLUSIVE_WITH_COMMENTS;

/// A document that the signature covers.
#[derive(Clone, Copy)]
pub struct Covered<'a> {
    /// Its unique id, an OID.
    pub unique_id: &'a str,
    /// Its media type.
    pub mime_type: &'a str,
    /// Its bytes, as they are sent.
    pub bytes: &'a [u8],
}

/// The signature document of a set: the same input gives the same bytes.
///
/// # Errors
/// `Malformed` when a document that says it is XML is none; internal when the signature cannot be made.
pub fn render(
    set_unique_id: &str,
    signature_id: &str,
    documents: &[Covered<'_>],
    at: Timestamp,
    key: &SealKey,
    algorithm: Algorithm,
) -> Result<Vec<u8>, Problem> {
    // An XML id starts with no digit: published code uses the bare OID, which no schema of signatures takes.
    let signature_id = &format!("_{signature_id}");
    let manifest = manifest(set_unique_id, documents, algorithm)?;
    let properties = properties(at, key, algorithm);
    let info = Element::new(DS, "SignedInfo");
    let object = |child: Element| Element::new(DS, "Object").child(child);
    let qualifying = Element::new(XADES, "QualifyingProperties")
        .attribute("Target", format!("#{signature_id}"))
        .child(properties);
    let mut signature = Element::new(DS, "Signature")
        .attribute("Id", signature_id)
        .child(info)
        .child(Element::new(DS, "SignatureValue"))
        .child(key_info(key.certificate()))
        .child(object(purpose(signature_id)))
        .child(object(manifest))
        .child(object(qualifying));
    let reference = |id: &str, kind: &str, signature: &Element| {
        let target = xml::find(signature, id);
        let target = target.and_then(|target| xml::within(signature, target, None, &Method::INCLUSIVE));
        let bytes = target.ok_or_else(|| Problem::internal("a part of a signature is missing"))?;
        Ok::<_, Problem>(Reference {
            uri: format!("#{id}"),
            kind: Some(kind.to_owned()),
            transforms: Vec::new(),
            algorithm,
            digest: algorithm.digest(&bytes),
        })
    };
    let references = [
        reference(MANIFEST, MANIFEST_TYPE, &signature)?,
        reference(PROPERTIES, PROPERTIES_TYPE, &signature)?,
    ];
    replace(&mut signature, 0, signed_info(FORM, algorithm, &references));
    let info = signature.first(DS, "SignedInfo").and_then(|info| xml::within(&signature, info, None, FORM));
    let info = info.ok_or_else(|| Problem::internal("a signature has no SignedInfo"))?;
    replace(&mut signature, 1, signature_value(key, algorithm, &info)?);
    let mut bytes = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec();
    bytes.extend(xml::element(&signature, FORM));
    Ok(bytes)
}

fn replace(signature: &mut Element, place: usize, element: Element) {
    if let Some(node) = signature.children.get_mut(place) {
        *node = Node::Element(element);
    }
}

fn purpose(signature_id: &str) -> Element {
    let property = Element::new(DS, "SignatureProperty")
        .attribute("Id", "purposeOfSignature")
        .attribute("Target", format!("#{signature_id}"))
        .text(PURPOSE);
    Element::new(DS, "SignatureProperties").child(property)
}

fn manifest(
    set_unique_id: &str,
    documents: &[Covered<'_>],
    algorithm: Algorithm,
) -> Result<Element, Problem> {
    let of_set = Reference {
        uri: format!("urn:oid:{set_unique_id}"),
        kind: None,
        transforms: Vec::new(),
        algorithm,
        digest: "AA==".to_owned(),
    };
    let mut manifest = Element::new(DS, "Manifest").attribute("Id", MANIFEST).child(of_set.element());
    for document in documents {
        let (transforms, digest) = if is_xml(document.mime_type) {
            let read = xml::read(document.bytes, &Limits::default())?;
            (vec![FORM.uri().to_owned()], algorithm.digest(&xml::document(&read, FORM)))
        } else {
            (Vec::new(), algorithm.digest(document.bytes))
        };
        let uri = format!("urn:oid:{}", document.unique_id);
        manifest = manifest.child(Reference { uri, kind: None, transforms, algorithm, digest }.element());
    }
    Ok(manifest)
}

fn is_xml(mime_type: &str) -> bool {
    matches!(mime_type, "text/xml" | "application/xml") || mime_type.ends_with("+xml")
}

fn properties(at: Timestamp, key: &SealKey, algorithm: Algorithm) -> Element {
    let certificate = key.certificate();
    let element = |name: &str| Element::new(XADES, name);
    let digest = element("CertDigest")
        .child(element("DigestMethod").attribute("Algorithm", algorithm.digest_uri()))
        .child(element("DigestValue").text(algorithm.digest(certificate.der())));
    let issuer = element("IssuerSerial")
        .child(Element::new(DS, "X509IssuerName").text(certificate.issuer(NameOrder::Rfc4514)))
        .child(Element::new(DS, "X509SerialNumber").text(certificate.serial()));
    let policy = element("SignaturePolicyIdentifier").child(element("SignaturePolicyImplied"));
    let signed = element("SignedSignatureProperties")
        .child(element("SigningTime").text(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()))
        .child(element("SigningCertificate").child(element("Cert").child(digest).child(issuer)))
        .child(policy);
    element("SignedProperties")
        .attribute("Id", PROPERTIES)
        .child(signed)
        .child(element("SignedDataObjectProperties"))
}
