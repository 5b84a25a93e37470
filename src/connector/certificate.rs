//! Why TLS did not come about: which certificate was not taken, by whom, and for what (RFC 8446, 6.2; RFC 5280).

use std::error::Error;

use rustls::{AlertDescription, CertificateError};

/// What TLS says of a certificate, if that is why there was no exchange.
pub(super) fn refusal(fault: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(fault);
    while let Some(one) = cause {
        if let Some(tls) = one.downcast_ref::<rustls::Error>().or_else(|| inside(one)) {
            return told(tls);
        }
        cause = one.source();
    }
    None
}

/// An error of the standard library keeps what it was made of to itself.
fn inside<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = error.downcast_ref::<std::io::Error>()?.get_ref()?;
    inner.downcast_ref::<rustls::Error>().or_else(|| inside(inner))
}

fn told(fault: &rustls::Error) -> Option<String> {
    use CertificateError as Theirs;
    let what = match fault {
        rustls::Error::InvalidCertificate(why) => match why {
            Theirs::UnknownIssuer | Theirs::BadSignature => {
                "the peer's certificate is of no authority that is trusted here"
            }
            Theirs::Expired | Theirs::ExpiredContext { .. } => "the peer's certificate has expired",
            Theirs::NotValidYet | Theirs::NotValidYetContext { .. } => {
                "the peer's certificate is not valid yet"
            }
            Theirs::NotValidForName | Theirs::NotValidForNameContext { .. } => {
                "the peer's certificate is for another name"
            }
            Theirs::Revoked => "the peer's certificate is revoked",
            _ => "the peer's certificate is not valid",
        },
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => "the peer asks for a client certificate",
            AlertDescription::UnknownCA => "the peer does not trust the authority of our certificate",
            AlertDescription::CertificateExpired => "our certificate has expired",
            AlertDescription::CertificateRevoked => "our certificate is revoked",
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError => "the peer does not take our certificate",
            _ => return None,
        },
        _ => return None,
    };
    Some(format!("TLS: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_found_however_deep_it_is_and_other_faults_are_none() {
        let tls = || rustls::Error::InvalidCertificate(CertificateError::Expired);
        let expected = Some("TLS: the peer's certificate has expired".to_owned());
        assert_eq!(refusal(&tls()), expected);
        assert_eq!(refusal(&std::io::Error::other(std::io::Error::other(tls()))), expected);
        assert_eq!(refusal(&std::io::Error::other("reset")), None);
        assert_eq!(refusal(&rustls::Error::HandshakeNotComplete), None);
    }
}
