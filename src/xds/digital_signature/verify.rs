//! Verifying the signature document of a submission set against the documents that came with it.

use super::{FORM, MANIFEST, MANIFEST_TYPE, PROPERTIES, PROPERTIES_TYPE, PURPOSE, XADES, is_xml};
use crate::problem::{Category, Problem};
use crate::signature::{Algorithm, Certificate, DS, Signed};
use crate::xml::{self, Element, Limits};

/// What a signature document says, once it holds.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Whose key made it.
    pub signer: Certificate,
    /// What it is made with.
    pub algorithm: Algorithm,
    /// The unique ids it names, in order: that of the set, then those of its documents.
    pub unique_ids: Vec<String>,
}

/// Checks the bytes of a signature document: its signature, its properties, and the digest of each document but the set,
/// whose content `document` gives by unique id, with its media type.
///
/// # Errors
/// `Invalid` with what does not hold, `Malformed` when it is no XML.
pub fn verify<'a>(
    bytes: &[u8],
    document: impl Fn(&str) -> Option<(&'a str, &'a [u8])>,
) -> Result<Manifest, Problem> {
    let read = xml::read(bytes, &Limits { bytes: 1 << 20, ..Limits::default() })?;
    let signature = &read.root;
    if !signature.is(DS, "Signature") {
        return Err(broken("the document is no signature"));
    }
    let signed = Signed::verify(signature, signature)?;
    let covers = |id: &str, kind: &str| {
        signed.parts.iter().any(|part| part.id == id && part.kind.as_deref() == Some(kind))
    };
    if !covers(MANIFEST, MANIFEST_TYPE) || !covers(PROPERTIES, PROPERTIES_TYPE) {
        return Err(broken("it covers other things than its manifest and its properties"));
    }
    check_properties(signature, &signed)?;
    let manifest = xml::find(signature, MANIFEST).ok_or_else(|| broken("it has no manifest"))?;
    let mut unique_ids = Vec::new();
    for (n, reference) in manifest.all(DS, "Reference").enumerate() {
        let oid = reference.get("URI").and_then(|uri| uri.strip_prefix("urn:oid:"));
        let oid = oid.ok_or_else(|| broken("a reference of its manifest is no urn:oid"))?;
        if n > 0 {
            let (mime_type, bytes) =
                document(oid).ok_or_else(|| broken("it covers a document that is not there"))?;
            check_digest(reference, mime_type, bytes)?;
        }
        unique_ids.push(oid.to_owned());
    }
    Ok(Manifest { signer: signed.signer, algorithm: signed.algorithm, unique_ids })
}

fn broken(why: &str) -> Problem {
    Problem::new(Category::Invalid, "security", format!("the signature of the set does not hold: {why}"))
}

fn check_properties(signature: &Element, signed: &Signed) -> Result<(), Problem> {
    let properties = xml::find(signature, PROPERTIES).ok_or_else(|| broken("it has no properties"))?;
    let of = properties.first(XADES, "SignedSignatureProperties");
    let digest = of.and_then(|one| one.at(XADES, &["SigningCertificate", "Cert", "CertDigest"]));
    let expected = digest.and_then(|one| {
        let algorithm = Algorithm::of_digest(one.first(XADES, "DigestMethod")?.get("Algorithm")?)?;
        Some(one.first(XADES, "DigestValue")?.trimmed()? == algorithm.digest(signed.signer.der()))
    });
    if expected != Some(true) {
        return Err(broken("its properties name another certificate than the one that signed"));
    }
    if of.and_then(|one| one.first(XADES, "SigningTime")?.trimmed()).is_none() {
        return Err(broken("it has no time"));
    }
    let purpose = signature.descendants().into_iter().find(|one| one.is(DS, "SignatureProperty"));
    if purpose.and_then(Element::trimmed).as_deref() != Some(PURPOSE) {
        return Err(broken("its purpose is not that of a source"));
    }
    Ok(())
}

fn check_digest(reference: &Element, mime_type: &str, bytes: &[u8]) -> Result<(), Problem> {
    let algorithm =
        reference.first(DS, "DigestMethod").and_then(|one| Algorithm::of_digest(one.get("Algorithm")?));
    let algorithm = algorithm.ok_or_else(|| broken("a digest is not supported"))?;
    let transform = reference.at(DS, &["Transforms", "Transform"]).and_then(|one| one.get("Algorithm"));
    let digest = match transform {
        None => algorithm.digest(bytes),
        Some(uri) if uri == FORM.uri() && is_xml(mime_type) => {
            algorithm.digest(&xml::document(&xml::read(bytes, &Limits::default())?, FORM))
        }
        Some(_) => return Err(broken("a transform of its manifest is not supported")),
    };
    if reference.first(DS, "DigestValue").and_then(Element::trimmed) != Some(digest) {
        return Err(broken("a document is not the one that was signed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Covered, render};
    use super::*;
    use crate::signature::example;
    use crate::xds::example as xds;

    const SET: &str = "2.25.1";
    const OID: &str = "2.25.2";

    fn signed(algorithm: Algorithm) -> Vec<u8> {
        let document = Covered { unique_id: OID, mime_type: "text/xml", bytes: xds::DOCUMENT };
        let at = "2026-03-09T14:20:02Z".parse().unwrap();
        render(SET, "2.25.3", &[document], at, &example::key(), algorithm).unwrap()
    }

    fn check(bytes: &[u8], document: &[u8]) -> Result<Manifest, Problem> {
        verify(bytes, |oid| (oid == OID).then_some(("text/xml", document)))
    }

    #[test]
    fn a_signed_set_holds_and_any_change_breaks_it() {
        for algorithm in Algorithm::ALL {
            let bytes = signed(algorithm);
            assert_eq!(bytes, signed(algorithm));
            let manifest = check(&bytes, xds::DOCUMENT).unwrap();
            assert_eq!(manifest.unique_ids, [SET, OID]);
            assert_eq!(manifest.algorithm, algorithm);
            let other = String::from_utf8(xds::DOCUMENT.to_vec()).unwrap().replace("démo", "demo");
            assert!(check(&bytes, other.as_bytes()).is_err());
            let text = String::from_utf8(bytes).unwrap();
            for (from, to) in [
                ("urn:oid:2.25.1", "urn:oid:2.25.9"),
                ("2026-03-09T14:20:02Z", "2026-03-10T14:20:02Z"),
                ("Id=\"IHEManifest\"", "Id=\"IHEManifesto\""),
                ("12.1.14<", "12.1.5<"),
                ("AA==", "AAA="),
            ] {
                let changed = text.replacen(from, to, 1);
                assert_ne!(changed, text, "{from}");
                assert!(check(changed.as_bytes(), xds::DOCUMENT).is_err(), "{from}");
            }
        }
    }

    #[test]
    fn the_canonical_form_is_what_is_signed_of_a_document() {
        let spaced = String::from_utf8(xds::DOCUMENT.to_vec()).unwrap().replace("<title>", "<title >");
        assert!(check(&signed(Algorithm::RsaSha256), spaced.as_bytes()).is_ok());
    }
}
