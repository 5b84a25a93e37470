//! Verifying XML Signature 1.0: what exactly was signed, and by whose key. Whether that somebody is trusted is for the
//! caller to say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
};

use super::xmldsig::{DS, ENVELOPED};
use super::{Algorithm, Certificate};
use crate::problem::{Category, Problem};
use crate::xml::{self, Element, Method};

/// References that a signature may have: each makes work.
const REFERENCES_MAX: usize = 16;

/// A signature that holds.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Whose key made it.
    pub signer: Certificate,
    /// What it is made with.
    pub algorithm: Algorithm,
    /// What it covers, in order.
    pub parts: Vec<Part>,
}

/// One thing that a signature covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The id of the element; empty for the whole document.
    pub id: String,
    /// `Type` of the reference, if it has one.
    pub kind: Option<String>,
}

impl Signed {
    /// Checks the signature element that stands at or below `root`: the value against the certificate that it brings, and
    /// every reference against the element of this document that it names.
    ///
    /// Transforms other than the enveloped signature and canonical forms are refused, as are references to anything
    /// outside.
    ///
    /// # Errors
    /// `Invalid`, with the part that does not hold.
    pub fn verify(root: &Element, signature: &Element) -> Result<Self, Problem> {
        let info = signature.first(DS, "SignedInfo").ok_or_else(|| broken("it has no SignedInfo"))?;
        let method = info.first(DS, "CanonicalizationMethod").and_then(method);
        let method = method.ok_or_else(|| broken("its canonical form is not supported"))?;
        let algorithm = info
            .first(DS, "SignatureMethod")
            .and_then(|one| Algorithm::of_signature(one.get("Algorithm")?))
            .ok_or_else(|| broken("its algorithm is not supported"))?;
        let signer = certificate(signature)?;
        let value = signature.first(DS, "SignatureValue").and_then(decoded);
        let value = value.ok_or_else(|| broken("its value cannot be read"))?;
        let bytes =
            xml::within(root, info, None, &method).ok_or_else(|| broken("it is not in the document"))?;
        check(&signer, algorithm, &bytes, &value)?;
        let references: Vec<&Element> = info.all(DS, "Reference").collect();
        if references.is_empty() || references.len() > REFERENCES_MAX {
            return Err(broken("it covers nothing, or too much"));
        }
        let parts = references.into_iter().map(|one| part(root, signature, one)).collect::<Result<_, _>>()?;
        Ok(Self { signer, algorithm, parts })
    }

    /// Whether it covers the element of that id.
    #[must_use]
    pub fn covers(&self, id: &str) -> bool {
        !id.is_empty() && self.parts.iter().any(|part| part.id == id)
    }
}

fn broken(why: &str) -> Problem {
    Problem::new(Category::Invalid, "security", format!("the signature does not hold: {why}"))
}

/// Whether that signature of those bytes was made with the key of the certificate.
pub(super) fn check(
    signer: &Certificate,
    algorithm: Algorithm,
    bytes: &[u8],
    value: &[u8],
) -> Result<(), Problem> {
    let with = match algorithm {
        Algorithm::RsaSha256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RsaSha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    };
    let key = UnparsedPublicKey::new(with, signer.public_key());
    key.verify(bytes, value).map_err(|_| broken("its value is not that of the certificate's key"))
}

fn method(element: &Element) -> Option<Method> {
    let mut method = Method::of(element.get("Algorithm")?)?;
    let listed = element.elements().find(|one| one.name == "InclusiveNamespaces");
    if let Some(listed) = listed {
        let prefixes = listed.get("PrefixList")?.split_whitespace();
        let prefix = |one: &str| if one == "#default" { String::new() } else { one.to_owned() };
        method.prefixes = prefixes.map(prefix).collect();
    }
    Some(method)
}

fn decoded(element: &Element) -> Option<Vec<u8>> {
    let text: String = element.content().chars().filter(|sign| !sign.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok()
}

fn certificate(signature: &Element) -> Result<Certificate, Problem> {
    let element = signature.at(DS, &["KeyInfo", "X509Data", "X509Certificate"]);
    let der = element.and_then(decoded).ok_or_else(|| broken("it brings no certificate"))?;
    Certificate::from_der(&der)
}

fn part(root: &Element, signature: &Element, reference: &Element) -> Result<Part, Problem> {
    let uri = reference.get("URI").ok_or_else(|| broken("a reference names nothing"))?;
    let target = match uri {
        "" => Some(root),
        uri => uri.strip_prefix('#').and_then(|id| xml::find(root, id)),
    };
    let target = target.ok_or_else(|| broken("a reference names nothing in this document, or two things"))?;
    let mut form = Method::INCLUSIVE;
    let mut omitted = None;
    let transforms = reference.first(DS, "Transforms");
    for transform in transforms.into_iter().flat_map(|list| list.all(DS, "Transform")) {
        match (transform.get("Algorithm"), method(transform)) {
            (Some(ENVELOPED), _) => omitted = Some(signature),
            (_, Some(method)) => form = method,
            _ => return Err(broken("a transform is not supported")),
        }
    }
    let algorithm = reference
        .first(DS, "DigestMethod")
        .and_then(|one| Algorithm::of_digest(one.get("Algorithm")?))
        .ok_or_else(|| broken("a digest is not supported"))?;
    let expected = reference.first(DS, "DigestValue").and_then(decoded);
    let bytes = xml::within(root, target, omitted, &form)
        .ok_or_else(|| broken("a reference is not in the document"))?;
    if expected.map(|digest| STANDARD.encode(digest)) != Some(algorithm.digest(&bytes)) {
        return Err(broken("a digest is not that of what it names"));
    }
    let kind = reference.get("Type").map(str::to_owned);
    Ok(Part { id: uri.trim_start_matches('#').to_owned(), kind })
}

#[cfg(test)]
mod tests {
    use super::super::key::example;
    use super::super::{Algorithm, enveloped};
    use super::*;
    use crate::xml::{Limits, Namespace, Node};

    const T: Namespace = Namespace { prefix: "t", uri: "urn:t" };

    fn signed(algorithm: Algorithm) -> Element {
        let element = Element::new(T, "a").attribute("ID", "_1").child(Element::new(T, "b").text("x"));
        enveloped(element, 1, &example::key(), algorithm).unwrap()
    }

    fn verified(root: &Element) -> Result<Signed, Problem> {
        let signature = root.descendants().into_iter().find(|one| one.is(DS, "Signature")).unwrap();
        Signed::verify(root, signature)
    }

    #[test]
    fn a_signature_holds_wherever_the_element_is_put() {
        for algorithm in Algorithm::ALL {
            let around = Namespace { prefix: "", uri: "urn:around" };
            let root = Element::new(around, "env").declare(T).child(signed(algorithm));
            let sent = xml::element(&root, &Method::INCLUSIVE);
            let read = xml::read(&sent, &Limits::default()).unwrap();
            let signed = verified(&read.root).unwrap();
            assert!(signed.covers("_1") && !signed.covers("_2"));
            assert_eq!(signed.algorithm, algorithm);
        }
    }

    #[test]
    fn any_change_is_found() {
        let whole =
            String::from_utf8(xml::element(&signed(Algorithm::RsaSha256), &Method::INCLUSIVE)).unwrap();
        let check = |from: &str, to: &str| {
            let changed = whole.replacen(from, to, 1);
            assert_ne!(changed, whole, "{from}");
            let read = xml::read(changed.as_bytes(), &Limits::default()).unwrap();
            assert!(verified(&read.root).is_err(), "{from} -> {to}");
        };
        check(">x<", ">y<");
        check("ID=\"_1\"", "ID=\"_2\"");
        check("<t:b>", "<t:b ID=\"_1\">");
        check("rsa-sha256", "rsa-sha1");
        check("xml-exc-c14n#", "xml-exc-c14n11#");
        check("enveloped-signature", "xpath");
        check("#_1", "http://peer.example/_1");
        check("<ds:DigestValue>", "<ds:DigestValue>AAAA");
        check("<ds:X509Certificate>", "<ds:X509Certificate>AAAA");
    }

    /// Signature wrapping: the signed element is moved aside, and another takes its place.
    #[test]
    fn what_is_covered_is_told_by_id_and_an_id_stands_once() {
        let mut root = Element::new(T, "env").child(signed(Algorithm::RsaSha256));
        let forged = Element::new(T, "a").attribute("ID", "_evil").child(Element::new(T, "b").text("y"));
        root.children.insert(0, Node::Element(forged));
        let signed = verified(&root).unwrap();
        assert!(!signed.covers("_evil"));
        if let Some(Node::Element(forged)) = root.children.first_mut() {
            forged.set("ID", "_1");
        }
        assert!(verified(&root).is_err());
    }
}
