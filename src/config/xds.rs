//! Settings of a destination of the kind `xds`: a DMP, or another repository of XDS.b that asks for the same.
//!
//! None of them has an address or a number as default: what must be obtained from people (certificates of IGC-Santé, a
//! homologation number) is missing until it is written, and all that is missing is told at start.

use std::fmt::Write as _;

use serde::Deserialize;

use super::refuse;

/// What a DMP wants to know of the software that feeds it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xds {
    /// PEM file: certificate of the structure for mutual TLS, with those up to its authority.
    pub certificate: String,
    /// PEM file: its key.
    pub key: String,
    /// PEM file: authorities that the peer is trusted by; no other is.
    pub authorities: String,
    /// PEM file: certificate of the seal (*cachet*) that signs assertions and submission sets.
    pub seal_certificate: String,
    /// PEM file: its key.
    pub seal_key: String,
    /// Name of the software as it was homologated (`LPS_Nom`).
    pub software: String,
    /// Its version as it was homologated (`LPS_Version`).
    pub software_version: String,
    /// Model of the automaton, such as the name of the module.
    pub model: String,
    /// Number of the installation (`LPS_ID`); may be left out.
    pub installation: String,
    /// Homologation number (`LPS_ID_HOMOLOGATION_DMP`).
    pub homologation: String,
    /// National identifier of who answers for what is sent automatically, prefix included.
    pub responsible: String,
    /// Who submits: `automaton` or `author`.
    pub sender: String,
    /// How authors log in to the system in which they sign, for the sender `author`: `Password`, `SmartcardPKI`, `TLSClient` or
    /// `MobileTwoFactorUnregistered`; when left out, nothing is said of it (`unspecified`).
    pub authentication: String,
    /// `Authentification_Mode`: `INDIRECTE` or `INDIRECTE_RENFORCEE`.
    pub mode: String,
    /// `VIHF_Version`: `3.0` or `4.0`, as the site was told.
    pub vihf_version: String,
    /// `rsa-sha256`, or `rsa-sha1` where the peer knows nothing else; `rsa-sha256` when left out.
    pub algorithm: String,
    /// The issuer of assertions, where the peer wants the name of the certificate written otherwise; may be left out.
    pub issuer_name: String,
}

/// A key, its value, and what it is; in the order in which a site obtains them.
type Row<'a> = (&'static str, &'a str, &'static str);

impl Xds {
    fn required(&self) -> [Row<'_>; 9] {
        [
            (
                "seal_certificate",
                &self.seal_certificate,
                "the PEM file of the seal's certificate (IGC-Santé)",
            ),
            ("seal_key", &self.seal_key, "the PEM file of the seal's key"),
            ("software", &self.software, "the name of the software as homologated"),
            ("software_version", &self.software_version, "its version as homologated"),
            ("homologation", &self.homologation, "the homologation number"),
            (
                "responsible",
                &self.responsible,
                "the national identifier of who answers for automatic sending",
            ),
            ("sender", &self.sender, "automaton or author"),
            ("mode", &self.mode, "INDIRECTE or INDIRECTE_RENFORCEE"),
            ("vihf_version", &self.vihf_version, "3.0 or 4.0, as the site was told"),
        ]
    }

    fn tls(&self) -> [Row<'_>; 3] {
        [
            ("certificate", &self.certificate, "the PEM file of the structure's TLS certificate (IGC-Santé)"),
            ("key", &self.key, "the PEM file of its key"),
            ("authorities", &self.authorities, "the PEM file of the authorities that the peer is trusted by"),
        ]
    }

    fn chosen(&self) -> [(&'static str, &str, &'static [&'static str]); 5] {
        [
            ("sender", &self.sender, &["automaton", "author"]),
            (
                "authentication",
                &self.authentication,
                &["Password", "SmartcardPKI", "TLSClient", "MobileTwoFactorUnregistered", "unspecified"],
            ),
            ("mode", &self.mode, &["INDIRECTE", "INDIRECTE_RENFORCEE"]),
            ("vihf_version", &self.vihf_version, &["3.0", "4.0"]),
            ("algorithm", &self.algorithm, &["rsa-sha256", "rsa-sha1"]),
        ]
    }

    /// Everything that is missing or wrong, at once. Only a peer on this machine (the sandbox) is spoken to without TLS.
    ///
    /// # Errors
    /// One fault that names every key, with what it is.
    pub(super) fn check(&self, url: &str) -> Result<(), validator::ValidationError> {
        let parsed = reqwest::Url::parse(url).ok().filter(reqwest::Url::has_host);
        let secured = match parsed.as_ref().map(reqwest::Url::scheme) {
            Some("https") => true,
            Some("http") if parsed.as_ref().is_some_and(is_here) => false,
            _ => {
                return Err(refuse(
                    "the address of the kind xds is https://…, without /repository and /registry".to_owned(),
                ));
            }
        };
        let tls = if secured { &self.tls()[..] } else { &[] };
        let mut text = String::new();
        for (key, _, what) in
            tls.iter().chain(&self.required()).filter(|(_, value, _)| value.trim().is_empty())
        {
            let _ = write!(text, "{}xds.{key}: {what}", if text.is_empty() { "missing: " } else { "; " });
        }
        for (key, value, allowed) in self.chosen() {
            if !value.is_empty() && !allowed.contains(&value) {
                let _ = write!(
                    text,
                    "{}xds.{key}: one of {}",
                    if text.is_empty() { "" } else { "; " },
                    allowed.join(", ")
                );
            }
        }
        if text.is_empty() { Ok(()) } else { Err(refuse(text)) }
    }
}

fn is_here(url: &reqwest::Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Xds {
        Xds {
            certificate: "tls.pem".into(),
            key: "tls.key.pem".into(),
            authorities: "igc.pem".into(),
            seal_certificate: "seal.pem".into(),
            seal_key: "seal.key.pem".into(),
            software: "Vigie".into(),
            software_version: "0.1.0".into(),
            homologation: "N".into(),
            responsible: "810001234567".into(),
            sender: "automaton".into(),
            mode: "INDIRECTE".into(),
            vihf_version: "3.0".into(),
            ..Xds::default()
        }
    }

    fn told(settings: &Xds, url: &str) -> String {
        settings.check(url).err().and_then(|fault| fault.message).unwrap_or_default().into_owned()
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let text = told(&Xds::default(), "https://dmp.example/services");
        for (key, _, what) in complete().required().iter().chain(&complete().tls()) {
            assert!(text.contains(&format!("xds.{key}: {what}")), "{key}: {text}");
        }
        assert_eq!(told(&complete(), "https://dmp.example/services"), "");
    }

    #[test]
    fn only_a_peer_on_this_machine_is_spoken_to_in_clear() {
        let open =
            Xds { certificate: String::new(), key: String::new(), authorities: String::new(), ..complete() };
        assert_eq!(told(&open, "http://127.0.0.1:9/services"), "");
        assert!(told(&open, "https://127.0.0.1:9/services").contains("xds.authorities"));
        assert!(told(&complete(), "http://dmp.example/services").contains("https://"));
        assert!(told(&complete(), "dmp").contains("https://"));
    }

    #[test]
    fn a_word_that_is_none_is_told_with_those_there_are() {
        let wrong = Xds {
            mode: "DIRECTE".into(),
            algorithm: "md5".into(),
            authentication: "Badge".into(),
            ..complete()
        };
        let text = told(&wrong, "https://dmp.example/services");
        assert!(
            ["INDIRECTE, INDIRECTE_RENFORCEE", "rsa-sha256, rsa-sha1", "Password, SmartcardPKI"]
                .iter()
                .all(|words| text.contains(words)),
            "{text}"
        );
    }
}
