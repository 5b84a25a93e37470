//! X.509 certificates (RFC 5280): whose key it is, as SAML and XML signatures name it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::name::RdnSequence;

use crate::problem::{Category, Problem};

/// In which order the parts of a distinguished name are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameOrder {
    /// From the country on, as the certificate has it and as the published example of a VIHF writes its issuer.
    Encoded,
    /// The other way round (RFC 4514), as XML Signature wants it in `X509IssuerName`.
    Rfc4514,
}

/// A certificate that could be read; whether it is trusted is another question.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    public_key: Vec<u8>,
    subject: RdnSequence,
    issuer: RdnSequence,
    serial: Vec<u8>,
    not_before: jiff::Timestamp,
    not_after: jiff::Timestamp,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Certificate({})", self.subject(NameOrder::Encoded))
    }
}

const NAMES: &[(&str, &str)] = &[
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SURNAME"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "T"),
    ("2.5.4.42", "GIVENNAME"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("1.2.840.113549.1.9.1", "EMAILADDRESS"),
];

impl Certificate {
    /// The first certificate of a PEM text.
    ///
    /// # Errors
    /// `Malformed` when there is none that can be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Problem> {
        let der = CertificateDer::from_pem_slice(pem)
            .map_err(|_| unreadable("there is no CERTIFICATE block in PEM form"))?;
        Self::from_der(&der)
    }

    /// A certificate in DER.
    ///
    /// # Errors
    /// `Malformed` when it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, Problem> {
        let read =
            x509_cert::Certificate::from_der(der).map_err(|_| unreadable("it is no X.509 certificate"))?;
        let body = read.tbs_certificate;
        let key = body.subject_public_key_info.subject_public_key.as_bytes();
        let moment = |time: &x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
            jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX)
        };
        Ok(Self {
            der: der.to_vec(),
            public_key: key.ok_or_else(|| unreadable("its key has odd bits"))?.to_vec(),
            serial: body.serial_number.as_bytes().to_vec(),
            not_before: moment(&body.validity.not_before),
            not_after: moment(&body.validity.not_after),
            subject: body.subject,
            issuer: body.issuer,
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its bytes in Base64, as `X509Certificate` holds them.
    #[must_use]
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.der)
    }

    /// The key: `RSAPublicKey` in DER (RFC 8017, A.1.1).
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Whose it is.
    #[must_use]
    pub fn subject(&self, order: NameOrder) -> String {
        distinguished(&self.subject, order)
    }

    /// Who issued it.
    #[must_use]
    pub fn issuer(&self, order: NameOrder) -> String {
        distinguished(&self.issuer, order)
    }

    /// Its serial number in decimal, as `X509SerialNumber` holds it.
    #[must_use]
    pub fn serial(&self) -> String {
        decimal(&self.serial)
    }

    /// From when to when it is valid.
    #[must_use]
    pub const fn validity(&self) -> (jiff::Timestamp, jiff::Timestamp) {
        (self.not_before, self.not_after)
    }
}

fn unreadable(why: &str) -> Problem {
    Problem::new(Category::Malformed, "value", format!("the certificate cannot be read: {why}"))
}

fn distinguished(name: &RdnSequence, order: NameOrder) -> String {
    let mut parts: Vec<String> =
        name.0.iter().map(|rdn| rdn.0.iter().map(part).collect::<Vec<_>>().join("+")).collect();
    match order {
        NameOrder::Encoded => parts.join(", "),
        NameOrder::Rfc4514 => {
            parts.reverse();
            parts.join(",")
        }
    }
}

/// `CN=name`, escaped (RFC 4514, 2.4); a value that is no text as `#` and its DER in hexadecimal.
fn part(attribute: &x509_cert::attr::AttributeTypeAndValue) -> String {
    let oid = attribute.oid.to_string();
    let name = NAMES.iter().find(|(known, _)| *known == oid).map_or(oid.as_str(), |(_, name)| name);
    let mut out = format!("{name}=");
    let tag = attribute.value.to_der().ok().and_then(|der| der.first().copied()).unwrap_or_default();
    let text = match tag {
        // UTF8String, PrintableString, IA5String; TeletexString as far as it is ASCII.
        0x0c | 0x13 | 0x16 | 0x14 => std::str::from_utf8(attribute.value.value()).ok(),
        _ => None,
    };
    match text {
        Some(text) => escape(&mut out, text),
        None => {
            out.push('#');
            for byte in attribute.value.to_der().unwrap_or_default() {
                let _ = write!(out, "{byte:02x}");
            }
        }
    }
    out
}

fn escape(out: &mut String, text: &str) {
    let last = text.chars().count().saturating_sub(1);
    for (n, sign) in text.chars().enumerate() {
        let at_end = sign == ' ' && (n == 0 || n == last);
        if matches!(sign, '"' | '+' | ',' | ';' | '<' | '>' | '\\') || at_end || (sign == '#' && n == 0) {
            out.push('\\');
        }
        out.push(sign);
    }
}

/// A big-endian number in decimal.
fn decimal(bytes: &[u8]) -> String {
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = u8::try_from(carry % 10).unwrap_or_default();
            carry /= 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_number_is_written_in_decimal() {
        let check = |bytes: &[u8], expected: &str| assert_eq!(decimal(bytes), expected);
        check(&[0], "0");
        check(&[0x01, 0x00], "256");
        check(&[0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "18446744073709551615");
    }

    #[test]
    fn a_certificate_says_whose_it_is_in_either_order() {
        let certificate = Certificate::from_pem(super::super::key::example::CERTIFICATE.as_bytes()).unwrap();
        let subject = certificate.subject(NameOrder::Encoded);
        assert_eq!(subject, "C=FR, ST=Paris (75), O=CENTRE DE TEST, OU=1999999999, CN=VIGIE CACHET TEST");
        assert_eq!(
            certificate.issuer(NameOrder::Rfc4514),
            "CN=VIGIE CACHET TEST,OU=1999999999,O=CENTRE DE TEST,ST=Paris (75),C=FR"
        );
        assert!(certificate.validity().0 < certificate.validity().1);
    }

    #[test]
    fn signs_that_mean_something_in_a_name_are_escaped() {
        let check = |text: &str, expected: &str| {
            let mut out = String::new();
            escape(&mut out, text);
            assert_eq!(out, expected);
        };
        check("a, b+c", "a\\, b\\+c");
        check(" a#", "\\ a#");
        check("#a ", "\\#a\\ ");
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        assert!(Certificate::from_pem(b"").is_err());
        assert!(Certificate::from_der(b"\x30\x03\x02\x01\x01").is_err());
    }
}
