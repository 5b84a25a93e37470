//! From a report, its edition and its issuer to the header of its document.

use jiff::Zoned;
use jiff::civil::{Date, time};
use uuid::Uuid;

use super::{Header, LocalId, Submission, name_based};
use crate::fhir::identifier::Identifier;
use crate::problem::Problem;
use crate::report::codes::{CLASS, CLASS_OID, FORMAT, FORMAT_OID, TYPE};
use crate::report::issuer::Coding;
use crate::report::{Edition, Issuer, Report, french, title};
use crate::terminology::nos::{Code, ValueSet};
use crate::terminology::{OID_LOINC, OID_PRACTICE, OID_SECTOR, oid_of};

impl Header {
    /// The header of that edition of that report.
    ///
    /// # Errors
    /// Internal, if an id of the edition is no UUID (no OID could be made of it), or if a configured code is in none of the
    /// value sets that [`Issuer::check`] looks at.
    pub fn new(report: &Report, edition: &Edition, issuer: &Issuer) -> Result<Self, Problem> {
        let created_at = french::in_paris(report.issued);
        let replaces = report.replaces.as_ref().map(|replaced| oid(&replaced.document_id)).transpose()?;
        Ok(Self {
            environment: issuer.environment,
            id: oid(&edition.document_id)?,
            set_id: set_id(&report.id, issuer),
            version: report.version,
            replaces,
            code: Code::new(TYPE.0, OID_LOINC, TYPE.1),
            class: Code::new(CLASS.0, CLASS_OID, CLASS.1),
            format: Code::new(FORMAT.0, FORMAT_OID, FORMAT.1),
            title: title(report),
            language: "fr-FR",
            confidentiality: report.confidentiality.clone(),
            visibility: report.visibility.clone(),
            patient: report.subject.clone(),
            visit: report.visit.clone(),
            local_id: report.subject.local.as_ref().map(|local| local_id(local, issuer)),
            author: report.author.clone(),
            organization: report.custodian.clone(),
            recipients: report.recipients.clone(),
            service: service(&report.findings.period, &created_at),
            encounter: of_set(ValueSet::Encounter, &issuer.encounter)?,
            facility_type: coded(&issuer.facility_type, OID_SECTOR),
            practice_setting: coded(&issuer.practice_setting, OID_PRACTICE),
            software: issuer.software.clone(),
            submission: Submission {
                id: oid(&edition.submission_id)?,
                source_oid: issuer.source_oid.clone(),
                content_type: report.visit.class.activity(),
            },
            created_at,
        })
    }
}

/// The unique id of the document whose `DocumentReference` has that id: an OID.
///
/// # Errors
/// Internal, if the id is no UUID.
pub fn unique_id(id: &str) -> Result<String, Problem> {
    oid(id)
}

fn oid(id: &str) -> Result<String, Problem> {
    let uuid = Uuid::try_parse(id)
        .map_err(|_| Problem::internal(format!("the id {id} of a document is no UUID")))?;
    Ok(name_based::oid(uuid))
}

/// What all versions share: the OID of the report's id where that is a UUID, else one computed from its address at this
/// installation.
fn set_id(report_id: &str, issuer: &Issuer) -> String {
    Uuid::try_parse(report_id).map_or_else(
        |_| name_based::oid_of_url(&format!("urn:oid:{}/DiagnosticReport/{report_id}", issuer.source_oid)),
        name_based::oid,
    )
}

fn local_id(local: &Identifier, issuer: &Issuer) -> LocalId {
    let oid = oid_of(&local.system)
        .map(str::to_owned)
        .or_else(|| issuer.ipp_oid.clone())
        .unwrap_or_else(|| name_based::oid_of_url(&local.system));
    LocalId { value: local.value.clone(), oid }
}

/// The OID of a system of numbers: its own, else one computed from its address.
pub(crate) fn oid_of_system(system: &str) -> String {
    oid_of(system).map_or_else(|| name_based::oid_of_url(system), str::to_owned)
}

fn coded(coding: &Coding, oid: &str) -> Code {
    Code::new(&coding.code, oid, &coding.display)
}

fn of_set(set: ValueSet, code: &str) -> Result<Code, Problem> {
    Code::of(set, code).ok_or_else(|| Problem::internal(format!("the configured code '{code}' is unknown")))
}

/// The days of the report, from midnight of the first to the end of the last or the moment of the report.
fn service((first, last): &(String, String), created_at: &Zoned) -> (Zoned, Zoned) {
    let day = |written: &str| written.get(..10)?.parse::<Date>().ok();
    let zone = created_at.time_zone().clone();
    let start = day(first).and_then(|day| day.to_zoned(zone.clone()).ok());
    let end = day(last).and_then(|day| day.to_datetime(time(23, 59, 59, 0)).to_zoned(zone).ok());
    let end = end.unwrap_or_else(|| created_at.clone()).min(created_at.clone());
    (start.unwrap_or_else(|| end.clone()).min(end.clone()), end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;
    use crate::report::header::hl7_time;

    fn header(report: &Report) -> Header {
        Header::new(report, &example::edition(), &example::issuer()).unwrap()
    }

    #[test]
    fn ids_are_whole_oids_and_versions_share_one() {
        let first = header(&example::report());
        let mut corrected = example::report();
        corrected.replaces = Some(example::replaced());
        corrected.version = 2;
        let second = header(&corrected);
        assert_eq!(first.set_id, second.set_id);
        assert_ne!(first.set_id, first.id);
        for oid in [&first.id, &first.set_id, &first.submission.id, second.replaces.as_ref().unwrap()] {
            assert!(oid.starts_with("2.25.") && oid.len() <= 64, "{oid}");
        }
        assert_eq!((first.version, &first.replaces), (1, &None));
    }

    #[test]
    fn a_report_whose_id_is_no_uuid_has_a_set_of_its_own() {
        let mut report = example::report();
        report.id = "semaine-1".to_owned();
        let one = header(&report).set_id;
        report.id = "semaine-2".to_owned();
        assert_ne!(one, header(&report).set_id);
        assert!(one.starts_with("2.25."));
    }

    #[test]
    fn the_service_covers_whole_days_and_ends_before_the_report() {
        let check = |first: &str, last: &str, expected: (&str, &str)| {
            let mut report = example::report();
            report.findings.period = (first.to_owned(), last.to_owned());
            let (start, end) = header(&report).service;
            assert_eq!((hl7_time(&start).as_str(), hl7_time(&end).as_str()), expected);
        };
        check("2026-02-16", "2026-03-01", ("20260216000000+0100", "20260301235959+0100"));
        check("2026-02-16", "2026-03-09", ("20260216000000+0100", "20260309152000+0100"));
        check("2025-07-01", "2025-07-07", ("20250701000000+0200", "20250707235959+0200"));
        check("2027-01-01", "2027-01-02", ("20260309152000+0100", "20260309152000+0100"));
    }

    #[test]
    fn the_number_of_the_hospital_has_an_oid_from_its_system_the_site_or_its_address() {
        let check = |system: &str, configured: Option<&str>, expected: &str| {
            let local = Identifier { system: system.to_owned(), value: "42".to_owned() };
            let issuer = Issuer { ipp_oid: configured.map(str::to_owned), ..example::issuer() };
            assert!(local_id(&local, &issuer).oid.starts_with(expected), "{system}");
        };
        check("urn:oid:1.2.250.1.999.7", Some("1.2.250.1.999.8"), "1.2.250.1.999.7");
        check("https://chu.example/ipp", Some("1.2.250.1.999.8"), "1.2.250.1.999.8");
        check("https://chu.example/ipp", None, "2.25.");
    }
}
