//! The clinical documents of finalised reports: what the own rules say of them, and, for other programs to judge, the
//! documents themselves (`tests/documents`).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use vigie::identity::Environment;
use vigie::json::{Value, json};
use vigie::problem::Category;
use vigie::report::{Document, Edition, Form, Issuer, Replaced, Report, Sources, cda};

use crate::support::{App, Course, body, example};

const COURSES: [&str; 4] = ["capecitabine", "folfox", "ipilimumab-nivolumab", "pembrolizumab"];

/// Where documents are left for other programs, if somebody asks for them.
const FOLDER: &str = "DOCUMENTS_FOLDER";

fn leave(name: &str, bytes: &[u8]) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        std::fs::write(Path::new(&folder).join(name), bytes).expect("a folder that can be written to");
    }
}

/// What the service stores for a final report: the form of that media type.
async fn form(app: &App, report: &Value, media_type: &str) -> Vec<u8> {
    let forms = report["presentedForm"].as_array().expect("presented forms");
    let form = forms.iter().find(|form| form["contentType"] == media_type).expect(media_type);
    let binary = app.read(form["url"].as_str().expect("an address")).await;
    assert_eq!(binary["contentType"], media_type);
    let bytes = STANDARD.decode(binary["data"].as_str().expect("data")).expect("Base64");
    assert_eq!(form["size"], json!(bytes.len()));
    bytes
}

async fn leave_forms(app: &App, report: &Value, name: &str) -> Vec<u8> {
    let (cda, pdf) = (form(app, report, "text/xml").await, form(app, report, "application/pdf").await);
    assert_eq!(cda::check(&cda, Environment::Test), [], "{name}");
    leave(&format!("{name}.xml"), &cda);
    leave(&format!("{name}.pdf"), &pdf);
    cda
}

/// Every week of a course, then its last report, signed.
async fn signed_course(course: &'static str) -> (App, Value) {
    let app = App::new().await;
    let patient = Course::start(&app, course).await;
    for week in ["1", "2", "3", "4", "5", "6"] {
        let response = patient.week(week);
        app.at(response["authored"].as_str().expect("a time"));
        app.submit(&response).await.expect("a response");
    }
    let reports = app.search("DiagnosticReport", &[("_sort", "-issued")]).await;
    let mut report = reports.into_iter().next().expect("a report");
    report["status"] = json!("final");
    report["conclusion"] = json!("Tolérance correcte sur la période.\nPoursuite du traitement.");
    report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
    let stored = body(&app.put(&report).await.expect("a final report"));
    (app, stored)
}

#[tokio::test]
async fn every_course_ends_in_a_document_that_breaks_no_rule() {
    for course in COURSES {
        let (app, report) = signed_course(course).await;
        leave_forms(&app, &report, course).await;
    }
}

/// The report of six weeks, drafted by the service and signed.
#[tokio::test]
async fn a_period_ends_in_a_document_that_breaks_no_rule() {
    let (app, _) = signed_course("folfox").await;
    let drafted = app.period_report("test-folfox", "2026-03-02", "2026-04-06").await.expect("a draft");
    let mut report = body(&drafted);
    report["status"] = json!("final");
    report["conclusion"] = json!("Tolérance correcte sur six semaines.");
    report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
    let stored = body(&app.put(&report).await.expect("a final report"));
    let cda = String::from_utf8(leave_forms(&app, &stored, "folfox-period").await).unwrap();
    assert!(cda.contains("Compte rendu de télésurveillance du 2 mars 2026 au 6 avril 2026"), "the title");
    assert!(cda.contains("<low value=\"20260302000000+0100\"/>"), "the first day of the period");
}

#[tokio::test]
async fn a_correction_is_a_second_version_that_names_the_first() {
    let (app, report) = signed_course("folfox").await;
    let first = form(&app, &report, "text/xml").await;
    let mut corrected = report.clone();
    corrected["status"] = json!("corrected");
    corrected["conclusion"] = json!("Dose réduite.");
    app.at("2026-06-01T10:00:00+02:00");
    let corrected = body(&app.put(&corrected).await.expect("a correction"));
    let second = String::from_utf8(leave_forms(&app, &corrected, "folfox-corrected").await).unwrap();
    let first = String::from_utf8(first).unwrap();
    let root = |text: &str, element: &str| {
        let (_, rest) = text.split_once(&format!("<{element} root=\"")).expect(element);
        rest.split('"').next().expect("an OID").to_owned()
    };
    assert_eq!(root(&first, "setId"), root(&second, "setId"));
    assert!(
        first.contains("<versionNumber value=\"1\"/>") && second.contains("<versionNumber value=\"2\"/>")
    );
    let (_, parent) = second.split_once("<parentDocument>").expect("a parent document");
    assert_eq!(root(parent, "id"), root(&first, "id"));
}

#[tokio::test]
async fn an_author_whose_profession_is_not_known_signs_nothing_and_everything_is_told() {
    let (app, report) = signed_course("folfox").await;
    let mut nurse = example("organization/practitioner-oncologue.json");
    nurse["id"] = json!("sans-numero");
    nurse.as_object_mut().unwrap().remove("identifier");
    app.put(&nurse).await.expect("a practitioner");
    let mut again = report;
    again["status"] = json!("corrected");
    again["resultsInterpreter"] = json!([{"reference": "Practitioner/sans-numero"}]);
    let before = app.count(&["Binary", "DocumentReference"]).await;
    let problem = app.put(&again).await.expect_err("it should be refused");
    assert_eq!(problem.category, Category::Invalid);
    let said = problem.to_string();
    assert!(said.contains("national identifier") && said.contains("profession"), "{said}");
    assert_eq!(app.count(&["Binary", "DocumentReference"]).await, before);
}

/// A report about those people, as it would be finalised, around pages that stand for the real ones.
fn document(
    patient: &Value,
    author: &Value,
    role: &Value,
    custodian: Option<&Value>,
    version: u32,
) -> Document {
    let issuer = Issuer::public_hospital(
        "Hôpital d'Essai & Fils",
        Some("010000001"),
        "1.2.250.1.999.1",
        "https://vigie.test",
    )
    .of_test_identities();
    let replaced = Replaced {
        document_id: "018f0000-0000-7000-8000-0000000000d0".into(),
        version: version - 1,
        at: "2026-03-08T09:00:00Z".parse().unwrap(),
    };
    let report = json!({
        "resourceType": "DiagnosticReport", "id": "018f0000-0000-7000-8000-000000000002", "status": "final",
        "issued": "2026-03-09T14:20:00Z", "conclusion": "Essai.",
        "effectivePeriod": {"start": "2026-03-02", "end": "2026-03-09"},
    });
    let physician = example("organization/practitioner-ipa.json");
    let resources = [physician];
    let mut patient = patient.clone();
    patient["generalPractitioner"] = json!([{"reference": "Practitioner/ipa-test"}]);
    let sources = Sources {
        patient: &patient,
        report: &report,
        author,
        author_role: Some(role),
        custodian,
        resources: &resources,
        replaces: (version > 1).then_some(&replaced),
        issuer: &issuer,
    };
    let report = Report::from_resources(&sources).unwrap_or_else(|problem| panic!("{problem}"));
    let edition = Edition {
        document_id: "018f0000-0000-7000-8000-0000000000d1".into(),
        cda_id: "018f0000-0000-7000-8000-0000000000c1".into(),
        pdf_id: "018f0000-0000-7000-8000-0000000000b1".into(),
        submission_id: "018f0000-0000-7000-8000-0000000000e1".into(),
        at: "2026-03-09T14:20:00Z".parse().unwrap(),
    };
    let pages = b"%PDF-1.4 <pdfaid:part>1</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>\n%%EOF";
    Document::new(&report, edition, &issuer, pages.to_vec()).unwrap_or_else(|problem| panic!("{problem}"))
}

/// Patients that differ in what a header says of them.
fn patients() -> Vec<Value> {
    let base = example("folfox/patient.json");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut patient = base.clone();
        change(&mut patient);
        patient
    };
    let name = |family: &'static str, given: &'static str, all: &'static str| {
        with(&move |patient: &mut Value| {
            patient["name"][0]["family"] = json!(family);
            patient["name"][0]["given"] = json!([given]);
            patient["name"][0]["extension"][0]["valueString"] = json!(all);
        })
    };
    let mut provisional = base.clone();
    provisional["extension"][0]["extension"][0]["valueCoding"]["code"] = json!("PROV");
    vec![
        base.clone(),
        example("pembrolizumab/patient.json"),
        name("D'ARC & <FILS>", "JEAN-FRANÇOIS", "JEAN-FRANÇOIS NOËL \"ŒDIPE\""),
        name("L", "É", "É"),
        name("Ż\u{301}\u{1}ÓŁĆ 漢字", "ANNE MARIE", "ANNE MARIE ZOÉ"),
        with(&|patient| patient["gender"] = json!("unknown")),
        with(&|patient| {
            let names = patient["name"].as_array_mut().unwrap();
            names.push(json!({"use": "usual", "family": "NOM UTILISÉ", "given": ["PRÉNOM"]}));
        }),
        with(&|patient| {
            let place = &mut patient["extension"][1]["valueAddress"];
            place["extension"][0]["valueCoding"]["code"] = json!("99352");
            place.as_object_mut().unwrap().remove("city");
        }),
        with(&|patient| patient["identifier"][1]["system"] = json!("urn:oid:1.2.250.1.999.7")),
        with(&|patient| {
            patient["identifier"].as_array_mut().unwrap().truncate(1);
        }),
        provisional,
    ]
}

/// Authors in their roles.
fn authors() -> Vec<(Value, Value)> {
    let base = example("organization/practitioner-oncologue.json");
    let named = |name: Value, identifier: Value| {
        let mut author = base.clone();
        author["name"] = json!([name]);
        author["identifier"] = json!([identifier]);
        author
    };
    let of_directory = |profession: &str, specialty: &str| {
        json!({"resourceType": "PractitionerRole",
            "code": [{"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante", "code": profession}]}],
            "specialty": [{"coding": [{"system": "https://mos.esante.gouv.fr/NOS/TRE_R38-SpecialiteOrdinale/FHIR/TRE-R38-SpecialiteOrdinale", "code": specialty}]}]})
    };
    let rpps = json!({"system": "https://rpps.esante.gouv.fr", "value": "10000000001"});
    vec![
        (base.clone(), example("organization/practitioner-role-oncologue.json")),
        (base.clone(), example("organization/practitioner-role-ipa.json")),
        (base.clone(), example("organization/practitioner-role-idec.json")),
        (
            named(
                json!({"family": "Ô'CONNOR-TEST", "given": ["Élise", "Anne"], "prefix": ["Mme"], "suffix": ["PR"]}),
                rpps.clone(),
            ),
            of_directory("10", "SM37"),
        ),
        (
            named(
                json!({"family": "SEUL", "prefix": ["Dr"]}),
                json!({"system": "urn:oid:1.2.250.1.71.4.2.1", "value": "3990000001/agent-7"}),
            ),
            of_directory("60", "SI02"),
        ),
        (
            named(
                json!({"family": "ADELI", "given": ["M."]}),
                json!({"system": "https://adeli.esante.gouv.fr", "value": "012345678"}),
            ),
            of_directory("21", ""),
        ),
    ]
}

fn organizations() -> Vec<Option<Value>> {
    let named = |name: &str, system: &str, value: &str| {
        Some(
            json!({"resourceType": "Organization", "name": name, "identifier": [{"system": system, "value": value}]}),
        )
    };
    vec![
        None,
        Some(example("organization/organization.json")),
        named("CLINIQUE « É » & \"Cie\"", "https://sirene.fr", "12345678901234"),
        named("HÔPITAL DE CORSE", "https://finess.esante.gouv.fr", "2A0000001"),
    ]
}

#[test]
fn whoever_it_is_about_and_whoever_signs_the_document_breaks_no_rule() {
    let mut count = 0;
    for (p, patient) in patients().iter().enumerate() {
        for (a, (author, role)) in authors().iter().enumerate() {
            for (o, organization) in organizations().iter().enumerate() {
                let version = if (p + a + o) % 3 == 0 { 2 } else { 1 };
                let document = document(patient, author, role, organization.as_ref(), version);
                let errors = cda::check(document.bytes(Form::Cda), Environment::Test);
                let warned =
                    errors.iter().filter(|issue| issue.severity < vigie::problem::Severity::Error).count();
                assert_eq!(
                    (errors.len(), warned),
                    (warned, usize::from(document.header.patient.ins().is_none()))
                );
                leave(&format!("range-{p:02}-{a}-{o}.xml"), document.bytes(Form::Cda));
                count += 1;
            }
        }
    }
    assert_eq!(count, 264);
}
