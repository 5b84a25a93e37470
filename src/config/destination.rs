//! Settings of a receiver of finalised reports.

use serde::Deserialize;
use validator::{Validate, ValidationError};

use super::routing::{Identity, Takes};
use super::{Folder, FolderFile, Secret, Transmission, Xds, http_url, refuse, token};

/// One receiver of finalised reports.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = of_its_kind))]
pub struct Destination {
    /// Name in the outbox, in metrics and in operations.
    #[validate(custom(function = token))]
    pub name: String,
    /// What is sent and how.
    pub kind: DestinationKind,
    /// Where it is sent: `http://` or `https://`, for the kind `mllp` `mllp://HOST:PORT` or `mllps://HOST:PORT`. The kind
    /// `folder` has none.
    #[serde(default)]
    pub url: String,
    /// Bearer token, if the receiver wants one.
    #[serde(default)]
    pub bearer: Option<Secret>,
    /// How long one attempt may take, in seconds.
    #[serde(default = "thirty")]
    #[validate(range(min = 1, max = 300))]
    pub timeout_seconds: u64,
    /// How the kind `mhd` is handed a document: `ITI-65` (Provide Document Bundle) or `ITI-105` (Simplified Publish).
    #[serde(default)]
    pub transaction: Option<MhdTransaction>,
    /// Which status the kind `mhd` is asked to give to a withdrawn document.
    #[serde(default)]
    pub withdrawn_as: Option<WithdrawnAs>,
    /// What the kind `mllp` sends, and what it asks for; also what the messages of the kind `folder` say.
    #[serde(default)]
    #[validate(nested)]
    pub hl7v2: Option<Transmission>,
    /// What the kind `xds` needs; it posts to `/repository` and `/registry` below `url`.
    #[serde(default)]
    pub xds: Option<Xds>,
    /// What the kind `folder` needs.
    #[serde(default)]
    #[validate(nested)]
    pub folder: Option<Folder>,
    /// Which reports go there: all of them, unless it says otherwise.
    #[serde(default)]
    #[validate(nested)]
    pub takes: Takes,
}

impl Destination {
    /// Host, port and whether by TLS, of an address `mllp://HOST:PORT` or `mllps://HOST:PORT`.
    #[must_use]
    pub fn platform(&self) -> Option<(String, u16, bool)> {
        let url = reqwest::Url::parse(&self.url).ok().filter(|url| matches!(url.path(), "" | "/"))?;
        let secured = match url.scheme() {
            "mllp" => false,
            "mllps" => true,
            _ => return None,
        };
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some((host, url.port()?, secured))
    }
}

fn of_its_kind(destination: &Destination) -> Result<(), ValidationError> {
    if destination.kind == DestinationKind::Xds && destination.takes.dmp == Some(false) {
        return Err(refuse(
            "takes.dmp of the kind xds is true: what a patient opposes does not go there".to_owned(),
        ));
    }
    if destination.kind == DestinationKind::Xds && destination.takes.identity == Some(Identity::Any) {
        let text = "takes.identity of the kind xds is qualified: no document about another identity goes to a national record";
        return Err(refuse(text.to_owned()));
    }
    if destination.withdrawn_as.is_some() && destination.kind != DestinationKind::Mhd {
        return Err(refuse("withdrawn_as belongs to a destination of the kind mhd".to_owned()));
    }
    if destination.transaction.is_some() && destination.kind != DestinationKind::Mhd {
        return Err(refuse("transaction belongs to a destination of the kind mhd".to_owned()));
    }
    match (destination.kind, &destination.folder) {
        (DestinationKind::Folder, Some(settings)) => return of_folder(destination, settings),
        (DestinationKind::Folder, None) => {
            return Err(refuse("the kind folder needs a table folder".to_owned()));
        }
        (_, Some(_)) => return Err(refuse("folder belongs to a destination of the kind folder".to_owned())),
        (_, None) => {}
    }
    match (destination.kind, &destination.xds) {
        (DestinationKind::Xds, _) if destination.hl7v2.is_some() => {}
        (DestinationKind::Xds, Some(settings)) => return settings.check(&destination.url),
        (DestinationKind::Xds, None) => return Xds::default().check(&destination.url),
        (_, Some(_)) => return Err(refuse("xds belongs to a destination of the kind xds".to_owned())),
        (_, None) => {}
    }
    if destination.kind != DestinationKind::Mllp {
        return match &destination.hl7v2 {
            Some(_) => Err(refuse("hl7v2 belongs to a destination of the kind mllp".to_owned())),
            None => http_url(&destination.url)
                .map_err(|_| refuse("url must be an absolute http or https URL".to_owned())),
        };
    }
    let settings =
        destination.hl7v2.as_ref().ok_or_else(|| refuse("the kind mllp needs a table hl7v2".to_owned()))?;
    match destination.platform() {
        None => {
            Err(refuse("the address of the kind mllp is mllp://HOST:PORT or mllps://HOST:PORT".to_owned()))
        }
        Some((_, _, true)) if settings.ca.is_empty() => {
            Err(refuse("mllps needs the file hl7v2.ca".to_owned()))
        }
        Some(_) if settings.certificate.is_empty() != settings.key.is_empty() => {
            Err(refuse("hl7v2.certificate and hl7v2.key go together".to_owned()))
        }
        Some(_) => Ok(()),
    }
}

fn of_folder(destination: &Destination, settings: &Folder) -> Result<(), ValidationError> {
    let says = |what: &str| Err(refuse(what.to_owned()));
    match (settings.files.contains(&FolderFile::Hl7), &destination.hl7v2) {
        _ if !destination.url.is_empty() => says("the kind folder has folder.path, and no url"),
        _ if destination.xds.is_some() => says("xds belongs to a destination of the kind xds"),
        (true, None) => says("files of the kind hl7 need a table hl7v2"),
        (false, Some(_)) => says("hl7v2 is for files of the kind hl7, and there are none"),
        _ => Ok(()),
    }
}

const fn thirty() -> u64 {
    30
}

/// What a Document Recipient makes of a withdrawn document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithdrawnAs {
    /// `entered-in-error`, as R4 has it.
    EnteredInError,
    /// `superseded`, which MHD maps to `Deprecated`.
    Superseded,
}

/// A transaction of IHE MHD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum MhdTransaction {
    /// Provide Document Bundle.
    #[default]
    #[serde(rename = "ITI-65")]
    ProvideDocumentBundle,
    /// Simplified Publish.
    #[serde(rename = "ITI-105")]
    SimplifiedPublish,
}

/// What is sent and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DestinationKind {
    /// A transaction Bundle to a FHIR server.
    Fhir,
    /// ITI-65 or ITI-105 to a Document Recipient (`PDSm`).
    Mhd,
    /// An MDM or ORU message to an intermediation platform (CI-SIS).
    Mllp,
    /// ITI-41 to a repository as the DMP is one.
    Xds,
    /// Files for an engine that picks them up.
    Folder,
}

#[cfg(test)]
mod tests {
    use super::super::read;

    fn check(entry: &str, fault: Option<&str>) {
        let read = read(None, [("VIGIE_DESTINATIONS".to_owned(), format!("[{{name = \"pfi\", {entry}}}]"))]);
        match fault {
            None => drop(read.unwrap_or_else(|problem| panic!("{entry}: {problem}"))),
            Some(fault) => {
                let problem = read.expect_err(entry);
                assert!(problem.to_string().contains(fault), "{entry}: {problem}");
            }
        }
    }

    const NAMES: &str =
        r#"sending_facility = "CHU", receiving_application = "PFI", receiving_facility = "CHU""#;

    #[test]
    fn an_address_fits_its_kind() {
        let platform =
            |url: &str, more: &str| format!(r#"kind = "mllp", url = "{url}", hl7v2 = {{{NAMES}{more}}}"#);
        check(&platform("mllp://pfi.chu.example:2575", ""), None);
        check(&platform("mllp://[::1]:2575", ""), None);
        check(&platform("mllp://pfi:1", r#", visibility = "task""#), None);
        check(&platform("mllp://pfi:1", r#", visibility = "none""#), Some("expected `message` or `task`"));
        check(&platform("mllps://pfi.chu.example:2576", r#", ca = "ca.pem""#), None);
        check(&platform("mllps://pfi.chu.example:2576", ""), Some("hl7v2.ca"));
        check(&platform("mllp://pfi.chu.example", ""), Some("mllp://HOST:PORT"));
        check(&platform("http://pfi.chu.example:2575", ""), Some("mllp://HOST:PORT"));
        check(&platform("mllp://pfi:1", r#", certificate = "own.pem""#), Some("go together"));
        check(&platform("mllp://pfi:1", r#", retry = ["AA"]"#), Some("'AA' is not AE or AR"));
        check(r#"kind = "mllp", url = "mllp://pfi:1""#, Some("needs a table hl7v2"));
        check(
            &format!(r#"kind = "mhd", url = "http://x/", hl7v2 = {{{NAMES}}}"#),
            Some("belongs to a destination"),
        );
        check(r#"kind = "mhd", url = "http://x/", transaction = "ITI-105""#, None);
        check(r#"kind = "mhd", url = "http://x/", transaction = "ITI-41""#, Some("ITI-105"));
        check(r#"kind = "fhir", url = "http://x/", transaction = "ITI-65""#, Some("kind mhd"));
        check(r#"kind = "mhd", url = "http://x/", withdrawn_as = "superseded""#, None);
        check(r#"kind = "mhd", url = "http://x/", withdrawn_as = "current""#, Some("entered-in-error"));
        check(r#"kind = "fhir", url = "http://x/", withdrawn_as = "superseded""#, Some("kind mhd"));
        check(r#"kind = "fhir", url = "mllp://pfi:1""#, Some("http or https"));
        check(r#"kind = "mllp", url = "mllp://pfi:1", hl7v2 = {}"#, Some("must name the facility, MSH-4"));
    }

    #[test]
    fn a_folder_says_all_that_is_wrong_with_it() {
        let folder = |table: &str, more: &str| format!(r#"kind = "folder", folder = {{{table}}}{more}"#);
        check(&folder(r#"path = "/srv/vigie""#, ""), None);
        check(
            &folder(r#"path = "/srv/vigie", files = ["cda", "hl7"]"#, &format!(", hl7v2 = {{{NAMES}}}")),
            None,
        );
        check(&folder(r#"path = "/srv/vigie", files = ["hl7"]"#, ""), Some("need a table hl7v2"));
        check(&folder(r#"path = "/srv/vigie""#, &format!(", hl7v2 = {{{NAMES}}}")), Some("there are none"));
        check(&folder(r#"path = "vigie""#, ""), Some("from the root"));
        check(&folder(r#"path = "/srv/vigie", files = []"#, ""), Some("names cda, pdf or hl7"));
        check(&folder(r#"path = "/srv/vigie", marker = "xml""#, ""), Some("none of xml"));
        check(&folder(r#"path = "/srv/vigie", marker = "../x""#, ""), Some("letters and digits"));
        check(&folder(r#"path = "/srv/vigie""#, r#", url = "file:///srv/vigie""#), Some("and no url"));
        check(r#"kind = "folder""#, Some("needs a table folder"));
        check(
            r#"kind = "fhir", url = "http://x/", folder = {path = "/srv"}"#,
            Some("belongs to a destination"),
        );
    }

    #[test]
    fn what_a_destination_takes_is_said_in_words_that_there_are() {
        let takes = |table: &str| format!(r#"kind = "mhd", url = "http://x/", takes = {{{table}}}"#);
        check(&takes(""), None);
        check(
            &takes(
                r#"identity = "any", statuses = ["final", "corrected"], reports = ["weekly"], programmes = ["https://p"]"#,
            ),
            None,
        );
        check(
            &takes(r#"statuses = ["preliminary"]"#),
            Some("unknown variant `preliminary`, expected one of `final`"),
        );
        check(&takes(r#"reports = ["monthly"]"#), Some("expected `weekly` or `period`"));
        check(&takes(r#"identity = "ins""#), Some("expected `any` or `qualified`"));
        check(&takes(r#"programmes = ["a", " "]"#), Some("takes.programmes: a programme is"));
        check(&takes(r#"status = ["final"]"#), Some("unknown field `status`"));
        let dmp = r#"kind = "xds", url = "https://dmp.example", takes = {identity = "any"}"#;
        check(dmp, Some("takes.identity of the kind xds is qualified"));
        let dmp = r#"kind = "xds", url = "https://dmp.example", takes = {dmp = false}"#;
        check(dmp, Some("takes.dmp of the kind xds is true"));
        check(&takes("dmp = false"), None);
    }
}
