//! Golden documents, and what the rules let pass and do not.

use proptest::prelude::*;

use super::*;
use crate::identity::{Environment, ProfessionalId, ProfessionalKind, Reason, StructureId, StructureKind};
use crate::problem::Severity;
use crate::report::{Identity, Report, example};

fn header_of(report: &Report) -> Header {
    Header::new(report, &example::edition(), &example::issuer()).unwrap()
}

fn replacement() -> Report {
    let mut report = example::report();
    report.replaces = Some(example::replaced());
    report.version = 2;
    report
}

/// The example without its INS, as an identity that is not validated gives it.
fn unqualified() -> Report {
    let mut report = example::report();
    let number = report.subject.local.clone().unwrap();
    report.subject.identity = Identity::Local { number, reasons: vec![Reason::NotValidated(None)] };
    report
}

fn text(report: &Report) -> String {
    String::from_utf8(render(&header_of(report), example::PAGES)).unwrap()
}

/// Places of the errors that the rules find in a document.
fn errors(document: &str, environment: Environment) -> Vec<String> {
    let mut found = check(document.as_bytes(), environment);
    found.retain(|issue| issue.severity >= Severity::Error);
    found.into_iter().map(|issue| issue.expression.unwrap_or_default()).collect()
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a golden file is read, and written on demand")]
fn the_golden_documents_are_what_is_rendered() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cda");
    let mut known = Vec::new();
    for (name, report) in
        [("first", example::report()), ("replacement", replacement()), ("unqualified", unqualified())]
    {
        let file = folder.join(format!("{name}.xml"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, text(&report)).unwrap();
        }
        let golden =
            std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{} is missing", file.display()));
        assert_eq!(text(&report), golden, "{name}");
        known.push(format!("{name}.xml"));
    }
    let mut there: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    there.sort();
    assert_eq!(there, known, "a golden file that no test looks at");
}

#[test]
fn what_is_rendered_breaks_no_rule() {
    for report in [example::report(), replacement()] {
        assert_eq!(check(text(&report).as_bytes(), Environment::Test), Vec::new());
    }
}

#[test]
fn an_unqualified_identity_travels_without_ins_and_with_a_warning() {
    let document = text(&unqualified());
    assert!(
        !document.contains("279035121518989") && !document.contains("1.2.250.1.213.1.4.10"),
        "{document}"
    );
    let found = check(document.as_bytes(), Environment::Test);
    assert_eq!(found.iter().map(|issue| issue.severity).collect::<Vec<_>>(), [Severity::Warning]);
}

#[test]
fn a_test_document_is_refused_in_production() {
    let places = errors(&text(&example::report()), Environment::Production);
    assert_eq!(places, ["ClinicalDocument/recordTarget/patientRole/id[1]"]);
}

#[test]
fn each_way_to_spoil_a_document_is_noticed_at_its_place() {
    let whole = text(&replacement());
    let check = |from: &str, to: &str, place: &str| {
        let spoilt = whole.replacen(from, to, 1);
        assert_ne!(spoilt, whole, "'{from}' is not in the document");
        let places = errors(&spoilt, Environment::Test);
        assert!(
            places.iter().any(|found| found.starts_with(&format!("ClinicalDocument/{place}"))),
            "{from}: {places:?}"
        );
    };
    let header = header_of(&replacement());
    let id = format!("<id root=\"{}\"/>", header.id);
    check(&id, &id.replace("/>", " extension=\"1\"/>"), "id");
    check(&header.set_id, "2.25.x", "setId");
    check("<versionNumber value=\"2\"/>", "<versionNumber value=\"0\"/>", "versionNumber");
    check("<versionNumber value=\"2\"/>", "<versionNumber value=\"1\"/>", "relatedDocument");
    check("typeCode=\"RPLC\"", "typeCode=\"APND\"", "relatedDocument");
    check(header.replaces.as_ref().unwrap(), &header.id, "relatedDocument/parentDocument/id");
    check("<templateId root=\"1.3.6.1.4.1.19376.1.2.20\"/>", "", "templateId");
    check("279035121518989", "279035121518988", "recordTarget/patientRole/id[1]");
    check("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.8", "recordTarget/patientRole/id[1]");
    check("1.2.250.1.213.1.4.10", "1.2.250.1.213.1.4.2", "recordTarget/patientRole/id[1]");
    check("extension=\"IPP-0042\"", "extension=\" \"", "recordTarget/patientRole/id[2]");
    check("qualifier=\"BR\">PAT", "qualifier=\"CL\">PAT", "recordTarget/patientRole/patient/name/family");
    check("qualifier=\"BR\">DOM", "qualifier=\"CL\">DOM", "recordTarget/patientRole/patient/name/given");
    check("19790328", "197903", "recordTarget/patientRole/patient/birthTime");
    check("<county>51215", "<county>99999", "recordTarget/patientRole/patient/birthplace/place/addr/county");
    check("20260309152000+0100", "20260309152000", "effectiveTime");
    check(
        "low value=\"20260216000000+0100\"",
        "low value=\"20260216\"",
        "documentationOf/serviceEvent/effectiveTime/low",
    );
    check(
        "high value=\"20260309152000+0100\"",
        "high value=\"20200101000000+0100\"",
        "documentationOf/serviceEvent",
    );
    check("extension=\"810001234567\"", "extension=\"10001234567\"", "author/assignedAuthor/id");
    check("extension=\"810001234567\"", "extension=\"810001234568\"", "legalAuthenticator");
    check("code=\"G15_10/SM36\"", "code=\"SM36\"", "author/assignedAuthor/code");
    check("opt médicale", "opt radiothérapie", "author/assignedAuthor/code");
    check("extension=\"1010000001\"", "extension=\"010000001\"", "author/assignedAuthor");
    check("displayName=\"Normal\"", "displayName=\"Restreint\"", "confidentialityCode");
    check("code=\"85208-7\"", "code=\"11488-4\"", "code");
    check(
        "<serviceEvent classCode=\"ACT\">",
        "<serviceEvent classCode=\"ACT\"><code code=\"TLS\"/>",
        "documentationOf",
    );
    check("mediaType=\"application/pdf\"", "mediaType=\"text/plain\"", "component/nonXMLBody/text");
    check("B64\">JVBERi", "B64\">AAAAAA", "component/nonXMLBody/text");
    check("B64\">", "B64\">é", "component/nonXMLBody/text");
    check("Compte rendu de télésurveillance du 9 mars 2026", " ", "title");
}

#[test]
fn a_body_that_does_not_declare_pdf_a_1_is_refused() {
    let header = header_of(&example::report());
    let check = |pages: &[u8], expected: bool| {
        let document = String::from_utf8(render(&header, pages)).unwrap();
        assert_eq!(errors(&document, Environment::Test).is_empty(), expected, "{}", pages.len());
    };
    let pages = String::from_utf8(example::PAGES.to_vec()).unwrap();
    check(pages.as_bytes(), true);
    check(pages.replace(":part>1<", ":part>2<").as_bytes(), false);
    check(pages.replace(">B<", ">U<").as_bytes(), false);
    check(pages.replace("%%EOF", "").as_bytes(), false);
    check(b"%PDF-1.4 %%EOF", false);
    check(b"", false);
}

#[test]
fn an_author_without_number_or_profession_and_a_structure_without_number_are_told_at_once() {
    let mut report = example::report();
    report.author.id = None;
    report.author.specialty = None;
    report.custodian.id = None;
    let places = errors(&text(&report), Environment::Test);
    for place in ["author/assignedAuthor/id", "author/assignedAuthor/code", "custodian"] {
        assert!(
            places.iter().any(|found| found.starts_with(&format!("ClinicalDocument/{place}"))),
            "{places:?}"
        );
    }
}

/// Names as people have them, and as they should not be.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[A-Z][A-Z' -]{0,30}", "[ÀÉÈÇŒÏÜ&<>\"'a-z-]{1,12}", Just("D’ARC & <FILS>".to_owned())]
        .prop_map(|name| format!("N{name}").trim().to_owned())
}

proptest! {
    #[test]
    fn whoever_it_is_about_the_document_breaks_no_rule_and_repeats_byte_for_byte(
        birth in name(), used in proptest::option::of(name()), given in name(), author in name(), place in "[0-9]{5}",
        rpps in "[0-9]{11}", finess in "[0-9]{9}|2[AB][0-9]{7}", hospital in name(), version in 1u32..4,
    ) {
        let mut report = if version > 1 { replacement() } else { example::report() };
        report.version = version;
        report.subject.birth_name = birth.clone();
        report.subject.used_name = used;
        report.subject.first_name = given.clone();
        report.subject.given_names = format!("{given} {birth}");
        report.subject.birth_place = Some(place).filter(|place| place != "99999");
        prop_assume!(report.subject.birth_place.is_some());
        report.author.family = author;
        report.author.id = ProfessionalId::new(ProfessionalKind::Rpps, &rpps);
        report.custodian.name = hospital;
        report.custodian.id = StructureId::new(StructureKind::Finess, &finess);
        let document = text(&report);
        prop_assert_eq!(check(document.as_bytes(), Environment::Test), Vec::new());
        prop_assert_eq!(&text(&report), &document);
        let read = crate::xml::read(document.as_bytes(), &crate::xml::Limits::default()).unwrap().root;
        let family = element::find(&read, "recordTarget/patientRole/patient/name/family");
        prop_assert_eq!(family[0].content(), birth);
    }
}
