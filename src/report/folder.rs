//! A document as files for an engine that picks them up: the CDA, the PDF, the HL7 v2 message, an IHE XDM archive, as the
//! site decides, under names that it decides; and what tells of a withdrawal.
//!
//! The files of one delivery are rendered before the commit and wait in the outbox as one [`Package`], in the order in which
//! they appear: PDF, archive, CDA, message, notice, and the empty marker last. An engine that waits for the last one of those
//! that it takes never sees a half.
//!
//! A withdrawal takes no file away: the engine may have picked it up, or be about to. It adds the `T04` message when there was
//! a message, and always a notice, `NAME.json`: [`Notice`]. So does a change of whom a document is hidden from, with a `T10`,
//! and its archiving, by the notice alone.

mod archive;
mod name;
mod package;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use name::{PLACEHOLDERS, Pattern};
pub use package::{File, Package};

use super::hl7v2::{Changes, Route};
use super::visibility::{self, Visibility};
use super::withdrawal::{self, Sent};
use super::{Document, Form};
use crate::fhir::datetime::instant;
use crate::hl7v2;
use crate::outbox::Act;
use crate::problem::Problem;
use name::Words;

/// What a site decided about a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// How files are called, without their extension.
    pub name: Pattern,
    /// The CDA, `NAME.xml`.
    pub cda: bool,
    /// The PDF, `NAME.pdf`.
    pub pdf: bool,
    /// The message of the CI-SIS, `NAME.hl7`.
    pub message: Option<Box<Route>>,
    /// An IHE XDM archive, `NAME.zip`.
    pub xdm: bool,
    /// Extension of an empty file that appears last, such as `ok`.
    pub marker: Option<String>,
}

/// What `NAME.json` says of a document that is withdrawn, hidden otherwise, or archived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// `withdraw`, `visibility`, `archive` or `unarchive`.
    pub act: String,
    /// Unique id of the document, `urn:oid:2.25.…`: `ClinicalDocument/id/@root`.
    pub document: String,
    /// The files in which the folder got it.
    pub files: Vec<String>,
    /// When that was decided.
    pub at: String,
    /// From whom it is hidden from now on, each a code of `TRE_A07`; not said of one that is withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden_from: Option<Vec<String>>,
    /// Whether it is archived from now on; not said of one that is withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
}

/// A delivery to a folder.
#[derive(Debug, Clone, Copy)]
pub struct Errand<'a> {
    /// Id of the delivery.
    pub id: &'a str,
    /// Name of the destination.
    pub destination: &'a str,
    /// A UUID, which separates the parts of the payload.
    pub boundary: &'a str,
    /// When it was decided.
    pub at: Timestamp,
}

/// The files of a document, as media type and bytes: the same input gives the same bytes. `replaces` is the OID of the
/// document that the folder got before.
///
/// # Errors
/// `Invalid` with what the message or the archive lacks.
pub fn render(
    document: &Document,
    layout: &Layout,
    replaces: Option<&str>,
    errand: &Errand<'_>,
) -> Result<(String, Vec<u8>), Problem> {
    let act = if replaces.is_some() { "replace" } else { "provide" };
    let words = Words::of(&document.header, act);
    let name = layout.name.name(&words, errand);
    let mut package = Package::new(words);
    if layout.pdf {
        package.add(format!("{name}.pdf"), document.bytes(Form::Pdf).to_vec());
    }
    if layout.xdm {
        package.add(format!("{name}.zip"), archive::of(document)?);
    }
    if layout.cda {
        package.add(format!("{name}.xml"), document.bytes(Form::Cda).to_vec());
    }
    if let Some(route) = &layout.message {
        let mut header = document.header.clone();
        header.replaces = replaces.map(str::to_owned);
        let message = route
            .transmission(&header, document.bytes(Form::Cda), &control_id(errand)?, errand.at)
            .render()?;
        package.add(format!("{name}.hl7"), message);
    }
    package.finish(layout, &name, errand)
}

/// The files that withdraw the document of `sent`, as media type and bytes.
///
/// # Errors
/// Internal, if what was sent is no package of files.
pub fn withdraw(sent: &Sent<'_>, layout: &Layout, errand: &Errand<'_>) -> Result<(String, Vec<u8>), Problem> {
    tell(sent, layout, Act::Withdraw, None, errand)
}

/// The files that tell of the document of `sent` how it is hidden and archived from now on, as media type and bytes: the
/// message, when it is hidden otherwise and there was one, and the notice.
///
/// # Errors
/// Internal, if what was sent is no package of files.
pub fn change(
    sent: &Sent<'_>,
    layout: &Layout,
    act: Act,
    visibility: &Visibility,
    errand: &Errand<'_>,
) -> Result<(String, Vec<u8>), Problem> {
    tell(sent, layout, act, Some(visibility), errand)
}

/// The files of `sent` with the message about a document that is hidden as the notice in `changed` says: what a later
/// withdrawal is made from.
///
/// # Errors
/// Internal, if they are no packages of files.
pub fn relabelled(sent: &Sent<'_>, changed: &Sent<'_>, boundary: &str) -> Result<(String, Vec<u8>), Problem> {
    let mut package = Package::read(sent.content_type, sent.payload)?;
    let told = Package::read(changed.content_type, changed.payload)?;
    let notice = told.files.iter().find(|file| file.name.ends_with(".json"));
    let notice = notice.and_then(|file| serde_json::from_slice::<Notice>(&file.bytes).ok());
    let masks = notice.and_then(|notice| notice.hidden_from).unwrap_or_default();
    for file in package.files.iter_mut().filter(|file| file.name.ends_with(".hl7")) {
        file.bytes = visibility::relabelled(&Sent { payload: &file.bytes.clone(), ..*sent }, &masks)?;
    }
    package.write(boundary)
}

fn tell(
    sent: &Sent<'_>,
    layout: &Layout,
    act: Act,
    visibility: Option<&Visibility>,
    errand: &Errand<'_>,
) -> Result<(String, Vec<u8>), Problem> {
    let before = Package::read(sent.content_type, sent.payload)?;
    let words = Words { act: act.code().to_owned(), ..before.words.clone() };
    let name = layout.name.name(&words, errand);
    let mut package = Package::new(words);
    let message = before.files.iter().find(|file| file.name.ends_with(".hl7"));
    if let (Some(message), Some(route)) = (message, &layout.message) {
        let sent = Sent { payload: &message.bytes, ..*sent };
        let id = control_id(errand)?;
        let message = match (act, visibility) {
            (Act::Withdraw, _) => Some(withdrawal::message(&sent, route, &id, errand.at)?),
            (Act::Visibility, Some(visibility)) if route.visibility == Changes::Message => {
                Some(visibility::message(&sent, route, visibility, &id, errand.at)?)
            }
            _ => None,
        };
        if let Some(message) = message {
            package.add(format!("{name}.hl7"), message);
        }
    }
    let notice = Notice {
        act: act.code().to_owned(),
        document: format!("urn:oid:{}", sent.oid()?),
        files: before.files.iter().map(|file| file.name.clone()).collect(),
        at: instant(errand.at),
        hidden_from: visibility.map(|one| one.masks.iter().map(|mask| mask.code.clone()).collect()),
        archived: visibility.map(|one| one.archived),
    };
    let notice = serde_json::to_vec_pretty(&notice).map_err(|fault| Problem::internal(fault.to_string()))?;
    package.add(format!("{name}.json"), notice);
    package.finish(layout, &name, errand)
}

fn control_id(errand: &Errand<'_>) -> Result<String, Problem> {
    hl7v2::control_id(errand.id)
        .ok_or_else(|| Problem::internal("the id of a delivery is no UUID of version 7"))
}

impl Package {
    /// Puts the marker last, if there is one, and writes the package.
    fn finish(
        mut self,
        layout: &Layout,
        name: &str,
        errand: &Errand<'_>,
    ) -> Result<(String, Vec<u8>), Problem> {
        if let Some(marker) = &layout.marker {
            self.add(format!("{name}.{marker}"), Vec::new());
        }
        self.write(errand.boundary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;
    use crate::report::hl7v2::route::tests::route;

    const ID: &str = "018f0000-0000-7000-8000-0000000000f1";

    fn everything() -> Layout {
        Layout {
            name: Pattern::parse("{delivery}-{act}").unwrap(),
            cda: true,
            pdf: true,
            message: Some(Box::new(route())),
            xdm: true,
            marker: Some("ok".to_owned()),
        }
    }

    fn errand() -> Errand<'static> {
        let at = "2026-03-09T14:20:03Z".parse().unwrap();
        Errand { id: ID, destination: "partage", boundary: ID, at }
    }

    fn files(made: &(String, Vec<u8>)) -> Vec<File> {
        Package::read(&made.0, &made.1).unwrap().files
    }

    #[test]
    fn files_appear_in_their_order_with_the_bytes_of_the_document() {
        let document = example::document();
        let made = render(&document, &everything(), None, &errand()).unwrap();
        assert_eq!(made, render(&document, &everything(), None, &errand()).unwrap());
        let files = files(&made);
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let expected =
            ["pdf", "zip", "xml", "hl7", "ok"].map(|extension| format!("{ID}-provide.{extension}"));
        assert_eq!(names, expected);
        assert_eq!(files[0].bytes, document.pdf);
        assert_eq!(files[2].bytes, document.cda);
        assert!(files[1].bytes.windows(document.cda.len()).any(|window| window == document.cda));
        assert!(String::from_utf8_lossy(&files[3].bytes).contains("MDM^T02^MDM_T02"));
        assert!(files[4].bytes.is_empty());
    }

    #[test]
    fn names_hold_nothing_of_the_patient_unless_the_site_says_so() {
        let document = example::document();
        let names = |pattern: &str| {
            let layout = Layout { name: Pattern::parse(pattern).unwrap(), ..everything() };
            let made = render(&document, &layout, None, &errand()).unwrap();
            files(&made).into_iter().map(|file| file.name).collect::<String>()
        };
        let local = document.header.local_id.as_ref().unwrap().value.clone();
        let usual = names("{date}T{time}Z_{destination}_{type}_v{version}_{document}_{delivery}-{act}");
        for word in ["PAT-TROIS", "DOMINIQUE", "279035121518989", local.as_str()] {
            assert!(!usual.contains(word), "{word} in {usual}");
        }
        assert!(usual.contains("20260309T142003Z_partage_85208-7_v1_"), "{usual}");
        assert!(names("{ipp}-{delivery}").contains(&local));
    }

    #[test]
    fn a_withdrawal_adds_a_message_and_a_notice_and_names_what_was_there() {
        let document = example::document();
        let made = render(&document, &everything(), None, &errand()).unwrap();
        let id = &document.edition.document_id;
        let sent = Sent { document_id: id, content_type: &made.0, payload: &made.1 };
        let later = Errand { at: "2026-07-01T08:00:00Z".parse().unwrap(), ..errand() };
        let withdrawn = files(&withdraw(&sent, &everything(), &later).unwrap());
        let names: Vec<&str> = withdrawn.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["hl7", "json", "ok"].map(|extension| format!("{ID}-withdraw.{extension}")));
        assert!(String::from_utf8_lossy(&withdrawn[0].bytes).contains("MDM^T04^MDM_T02"));
        let notice: Notice = serde_json::from_slice(&withdrawn[1].bytes).unwrap();
        assert_eq!((notice.document, notice.files.len()), (document.unique_id(), 5));
    }
}
