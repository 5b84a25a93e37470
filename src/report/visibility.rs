//! From whom a document is hidden and whether it is archived, and how those who have it are told when that changes: the
//! document stays what it is, with its unique id and its bytes.
//!
//! | kind | hidden, shown | archived, taken out |
//! |---|---|---|
//! | `xds` | ITI-57: a new version of the entry with other `confidentialityCode`s (DMP TD3.3a, TD3.3b) | ITI-57: `UpdateAvailabilityStatus` between `Approved` and `Archived` (TD3.3d) |
//! | `mhd` | `PDSm` 3.1.1 flow 03: a conditional `PATCH` of `securityLabel` | the same of the extension `isArchived` |
//! | `fhir` | a transaction: description and report put again | the same |
//! | `mllp` | `MDM^T10` (an `ORU^R01` stays one) of the same document with other flags and `MODIF_CONF_CODE` `Y` (CI-SIS 2.1.3) | nothing: a Task for a person |
//! | `folder` | that message, and a notice | a notice |
//!
//! What nobody has begun to send is not corrected but sent hidden from the start: [`unsent()`].
//!
//! It is said in two places here: in `DocumentReference.securityLabel` with the extension `isArchived` of `PDSm`, and in
//! `DiagnosticReport.meta.security`, from which the next version of the document is made.

mod message;
mod order;
mod resources;
mod unsent;

use crate::json::{Value, json};

pub use message::{message, relabelled, told};
pub use order::{archive, hide};
pub use resources::{patch, transaction};
pub use unsent::unsent;

use super::codes::{CONFIDENTIALITY, PDSM, VISIBILITY_SYSTEM};
use crate::fhir::element::{codings, list, str_at};
use crate::problem::Issue;
use crate::terminology::nos::{Code, ValueSet};

/// Codes of `TRE_A07`: from whom a document may be hidden.
pub const MASKS: [&str; 3] = ["MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"];

/// From whom a document is hidden, and whether it is archived.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visibility {
    /// Of [`MASKS`], in alphabetical order.
    pub masks: Vec<Code>,
    /// Put away, but readable.
    pub archived: bool,
}

impl Visibility {
    /// What a description says of its document.
    #[must_use]
    pub fn of(description: &Value) -> Self {
        let labels = list(description, "securityLabel").flat_map(codings).map(|(_, code)| code);
        let url = is_archived();
        let archived =
            list(description, "extension").any(|one| one["url"] == url && one["valueBoolean"] == true);
        Self { masks: masks(labels), archived }
    }

    /// Whether it is hidden from those whom this code names.
    #[must_use]
    pub fn hides(&self, code: &str) -> bool {
        self.masks.iter().any(|mask| mask.code == code)
    }

    /// The same, hidden from these as well and from those no more; each a code of [`MASKS`].
    #[must_use]
    pub fn changed(&self, hide: &[String], show: &[String], archived: Option<bool>) -> Self {
        let kept = self
            .masks
            .iter()
            .map(|mask| mask.code.as_str())
            .filter(|code| !show.iter().any(|one| one == code));
        Self {
            masks: masks(kept.chain(hide.iter().map(String::as_str))),
            archived: archived.unwrap_or(self.archived),
        }
    }

    /// A combination that makes no sense: hidden from the patient and from every professional but the author, a document is
    /// nobody's. The DMP is said to refuse it; its guide is not public, and the table of MSSanté has no line for it either.
    #[must_use]
    pub fn fault(&self) -> Option<Issue> {
        (self.hides("MASQUE_PS") && self.hides("INVISIBLE_PATIENT")).then(|| {
            Issue::error(
                "business-rule",
                "a document is not hidden from the professionals and from the patient at once: MASQUE_PS and \
                 INVISIBLE_PATIENT exclude each other",
            )
            .text("Un document ne peut pas être à la fois masqué aux professionnels et invisible au patient.")
        })
    }

    /// Writes it into a description; the level of confidentiality stays.
    pub fn describe(&self, description: &mut Value) {
        let is_level = |label: &&Value| codings(label).iter().any(|(system, _)| *system == CONFIDENTIALITY);
        let levels: Vec<Value> = list(description, "securityLabel").filter(is_level).cloned().collect();
        let masks = self.masks.iter().map(|mask| {
            json!({"coding": [{"system": VISIBILITY_SYSTEM, "code": mask.code, "display": mask.display}]})
        });
        description["securityLabel"] = levels.into_iter().chain(masks).collect();
        let (url, said) = (is_archived(), Self::of(description).archived);
        let mut others: Vec<Value> =
            list(description, "extension").filter(|one| one["url"] != url).cloned().collect();
        let known = others.len() < list(description, "extension").count();
        if self.archived || known || said {
            others.push(json!({"url": url, "valueBoolean": self.archived}));
            description["extension"] = json!(others);
        }
    }

    /// Writes whom it is hidden from into `meta.security` of its report; the rest of that stays.
    pub fn label(&self, report: &mut Value) {
        let kept: Vec<Value> = report
            .get("meta")
            .into_iter()
            .flat_map(|meta| list(meta, "security"))
            .filter(|coding| str_at(coding, "code").is_none_or(|code| !MASKS.contains(&code)))
            .cloned()
            .collect();
        let masks = self
            .masks
            .iter()
            .map(|mask| json!({"system": VISIBILITY_SYSTEM, "code": mask.code, "display": mask.display}));
        let labels: Vec<Value> = kept.into_iter().chain(masks).collect();
        if labels.is_empty() {
            if let Some(meta) = report.get_mut("meta").and_then(Value::as_object_mut) {
                meta.remove("security");
            }
        } else {
            report["meta"]["security"] = json!(labels);
        }
    }

    /// In French, for people.
    #[must_use]
    pub fn french(&self) -> String {
        let from = |mask: &Code| match mask.code.as_str() {
            "MASQUE_PS" => "masqué aux professionnels",
            "INVISIBLE_PATIENT" => "invisible au patient",
            _ => "invisible aux représentants légaux",
        };
        let hidden: Vec<&str> = self.masks.iter().map(from).collect();
        let hidden = if hidden.is_empty() { "visible de tous".to_owned() } else { hidden.join(", ") };
        if self.archived { format!("{hidden} ; archivé") } else { hidden }
    }
}

/// From whom the document of a report is hidden, as `meta.security` says.
#[must_use]
pub fn of_report(report: &Value) -> Visibility {
    let security = report.get("meta").into_iter().flat_map(|meta| list(meta, "security"));
    Visibility { masks: masks(security.filter_map(|coding| str_at(coding, "code"))), archived: false }
}

/// Canonical of the extension `isArchived`.
fn is_archived() -> String {
    format!("{PDSM}/pdsm-ext-is-archived")
}

/// Those of these codes that hide something from somebody, each once.
fn masks<'a>(codes: impl Iterator<Item = &'a str>) -> Vec<Code> {
    let known = codes.filter(|code| MASKS.contains(code));
    let mut masks: Vec<Code> = known.filter_map(|code| Code::of(ValueSet::Confidentiality, code)).collect();
    masks.sort_by(|one, other| one.code.cmp(&other.code));
    masks.dedup();
    masks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(codes: &[&str]) -> Visibility {
        Visibility { masks: masks(codes.iter().copied()), archived: false }
    }

    fn codes(visibility: &Visibility) -> Vec<&str> {
        visibility.masks.iter().map(|mask| mask.code.as_str()).collect()
    }

    #[test]
    fn what_is_written_into_a_description_is_read_back_and_the_level_stays() {
        let mut description = json!({"securityLabel": [
            {"coding": [{"system": CONFIDENTIALITY, "code": "R", "display": "Restreint"}]},
            {"coding": [{"system": VISIBILITY_SYSTEM, "code": "MASQUE_PS"}]}]});
        for masks in [&["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"][..], &["MASQUE_PS"], &[]] {
            for archived in [true, false] {
                let wanted = Visibility { archived, ..hidden(masks) };
                wanted.describe(&mut description);
                assert_eq!(Visibility::of(&description), wanted);
                assert_eq!(description["securityLabel"][0]["coding"][0]["code"], "R");
                assert_eq!(description["extension"].as_array().unwrap().len(), 1);
            }
        }
        let mut never = json!({"securityLabel": []});
        hidden(&["MASQUE_PS"]).describe(&mut never);
        assert!(never.get("extension").is_none(), "what was never archived does not speak of it");
    }

    #[test]
    fn a_report_keeps_the_labels_that_are_not_ours() {
        let mut report = json!({"meta": {"versionId": "3", "security": [{"code": "R"}, {"code": "MASQUE_PS"}, {"code": "HTEST"}]}});
        hidden(&["INVISIBLE_PATIENT"]).label(&mut report);
        let said: Vec<&str> = report["meta"]["security"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["code"].as_str().unwrap())
            .collect();
        assert_eq!(said, ["R", "HTEST", "INVISIBLE_PATIENT"]);
        assert_eq!(of_report(&report), hidden(&["INVISIBLE_PATIENT"]));
        let mut bare = json!({"meta": {"versionId": "3"}});
        hidden(&[]).label(&mut bare);
        assert_eq!(bare, json!({"meta": {"versionId": "3"}}));
    }

    #[test]
    fn hiding_and_showing_add_up_and_one_combination_is_a_fault() {
        let list = |codes: &[&str]| codes.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let first = Visibility::default().changed(&list(&["INVISIBLE_PATIENT"]), &[], Some(true));
        assert_eq!((codes(&first), first.archived), (vec!["INVISIBLE_PATIENT"], true));
        let second = first.changed(&list(&["MASQUE_PS"]), &list(&["INVISIBLE_PATIENT"]), None);
        assert_eq!(
            (codes(&second), second.archived, second.fault().is_some()),
            (vec!["MASQUE_PS"], true, false)
        );
        let both = second.changed(&list(&["INVISIBLE_PATIENT"]), &[], None);
        assert!(both.fault().is_some(), "{both:?}");
        assert!(hidden(&["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]).fault().is_none());
        assert_eq!(second.french(), "masqué aux professionnels ; archivé");
    }
}
