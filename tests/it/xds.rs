//! What is sent to a DMP, byte for byte: `tests/cases/xds/` holds each message as programs that nobody here wrote have
//! judged it (`tests/signatures`: libxmlsec1 and signxml verify, Python's zipfile unpacks). `VIGIE_TEST_GOLDEN=write` writes
//! them anew.

use std::path::PathBuf;

use vigie::signature::{Algorithm, SealKey};
use vigie::xds::vihf::{self, Claims, Mode, Options, Product};
use vigie::xds::{
    Author, Code, DocumentEntry, LCM, Order, Provide, RIM, Request, Status, Submission, SubmissionSet, hl7,
    message, xdm,
};
use vigie::xml::{self, Element, Method};

const INS: &str = "279035121518989^^^&1.2.250.1.213.1.4.10&ISO^NH";
const CDA: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- essai --><ClinicalDocument xmlns=\"urn:hl7-org:v3\" \
    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><title>Compte rendu d'essai « é »</title><!-- dedans -->\
    <author   nullFlavor='NI'/></ClinicalDocument>\n";
const REPLACED: &str = "2.25.104164416154529876543210987654321098765";
const ENTRY_UUID: &str = "urn:uuid:8e0e0f3f-0e53-4d0c-a1a5-3b6a6f0a8a10";
const MESSAGE_ID: &str = "0195f1c0-0000-7000-8000-000000000001";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/xds")
}

fn golden(name: &str, bytes: &[u8]) {
    let path = folder().join(name);
    if std::env::var("VIGIE_TEST_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::write(&path, bytes).unwrap();
    }
    let expected = std::fs::read(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    assert!(bytes == expected, "{name} is not what was judged; see the head of this file");
}

fn key() -> SealKey {
    let read = |name: &str| std::fs::read(folder().join(name)).unwrap();
    SealKey::from_pem(&read("seal.key.pem"), &read("seal.pem")).unwrap()
}

fn author() -> Author {
    let specialty =
        Code::new("G15_10/SM36", "1.2.250.1.213.1.1.4.5", "Médecin - Oncologie option médicale (SM)");
    Author {
        person: hl7::person("810001234567", "ONCOLOGUE-TEST", "Essai"),
        institutions: vec![hl7::structure("CENTRE DE TEST", "1999999999")],
        roles: vec![],
        specialties: vec![hl7::coded(&specialty)],
    }
}

fn entry() -> DocumentEntry {
    DocumentEntry {
        id: "Document01".into(),
        logical_id: None,
        version: None,
        status: None,
        unique_id: "2.25.329800735698586629295641978511506172918".into(),
        patient_id: INS.into(),
        source_patient_id: hl7::cx("P-42", "2.25.20260301.1", "PI"),
        source_patient_info: ["PID-5|PAT-TROIS^DOMINIQUE^^^^^L", "PID-7|19790328", "PID-8|F"]
            .map(String::from)
            .into(),
        authors: vec![author()],
        legal_authenticator: author().person,
        class_code: Code::new("10", "1.2.250.1.213.1.1.4.1", "Compte rendu"),
        type_code: Code::new("85208-7", "2.16.840.1.113883.6.1", "Compte rendu de télémédecine"),
        format_code: Code::new(
            "urn:ihe:iti:xds-sd:pdf:2008",
            "1.3.6.1.4.1.19376.1.2.3",
            "Document à corps non structuré en Pdf/A-1",
        ),
        mime_type: "text/xml".into(),
        confidentiality: vec![
            Code::new("N", "2.16.840.1.113883.5.25", "Normal"),
            Code::new("INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13", "Non visible par le patient"),
        ],
        facility_type: Code::new("SA01", "1.2.250.1.71.4.2.4", "Etablissement public de santé"),
        practice_setting: Code::new("ETABLISSEMENT", "1.2.250.1.213.1.1.4.9", "Etablissement de santé"),
        event_codes: vec![],
        creation_time: "20260309142000".into(),
        service_start: "20260215230000".into(),
        service_stop: Some("20260309142000".into()),
        language: "fr-FR".into(),
        title: "Compte rendu de télésurveillance du 9 mars 2026".into(),
        comments: None,
        hash: message::sha1(CDA.as_bytes()),
        size: CDA.len() as u64,
        reference_ids: vec![],
        uri: None,
        repository_id: None,
    }
}

fn set() -> SubmissionSet {
    SubmissionSet {
        id: "SubmissionSet01".into(),
        unique_id: "2.25.155279211829311651374562365921541937165".into(),
        source_id: "2.25.20260301".into(),
        patient_id: INS.into(),
        submission_time: "20260309142002".into(),
        author: author(),
        content_type: Code::new("07", "1.2.250.1.213.2.2", "Consultation Soins Externes"),
        title: Some(entry().title),
        comments: None,
    }
}

fn claims() -> Claims {
    Claims {
        name_id: "810001234567".into(),
        subject_id: "Essai ONCOLOGUE-TEST".into(),
        roles: vec![
            Code::new("10", "1.2.250.1.71.1.2.7", "Médecin"),
            Code::new("SM36", "1.2.250.1.71.4.2.5", "Oncologie option médicale (SM)"),
        ],
        structure_id: "1999999999".into(),
        sector: Code::new("SA01", "1.2.250.1.71.4.2.4", "Etablissement public de santé"),
        patient_id: INS.into(),
        authentication: "Password".into(),
        authenticated_at: Some("2026-03-09T08:00:00Z".parse().unwrap()),
    }
}

fn assertion(mode: Mode, algorithm: Algorithm) -> Element {
    let product = Product {
        name: "Vigie".into(),
        version: "0.1.0".into(),
        installation: Some("2.25.20260301".into()),
        homologation: "TEST-000000".into(),
    };
    let options = Options { version: "3.0".into(), mode, algorithm, issuer: None };
    let now = "2026-03-09T14:20:03Z".parse().unwrap();
    vihf::assertion(&claims(), &product, &options, MESSAGE_ID, now, &key()).unwrap()
}

fn request(service: &str) -> Request {
    Request {
        to: format!("https://dmp.example/services/{service}"),
        id: MESSAGE_ID.into(),
        assertion: assertion(Mode::Indirect, Algorithm::RsaSha256),
    }
}

fn provide(algorithm: Algorithm, replaces: Option<&str>) -> (String, Vec<u8>) {
    let key = key();
    let provide = Provide {
        set: set(),
        entry: entry(),
        bytes: CDA.as_bytes(),
        replaces,
        signature_id: "2.25.260199453917304182539541739462518273641",
        at: "2026-03-09T14:20:02Z".parse().unwrap(),
        key: &key,
        algorithm,
        claims: claims(),
    };
    provide.render("0195f1c0-0000-7000-8000-000000000000").unwrap()
}

#[test]
fn a_new_document_is_provided_as_it_was_judged() {
    let (media, payload) = provide(Algorithm::RsaSha256, None);
    golden("order.mime", &payload);
    let (order, metadata, documents) = Order::read(&media, &payload).unwrap();
    golden("set-signature-sha256.xml", &documents[1]);
    golden("document.xml", &documents[0]);
    let named = order.documents.clone().into_iter().zip(documents).collect();
    let message =
        request("repository").provide_and_register(order.resolved(&metadata, "", None), named).unwrap();
    golden(
        "iti-41.mime",
        format!("Content-Type: {}\r\n\r\n", message.content_type)
            .as_bytes()
            .iter()
            .chain(&message.bytes)
            .copied()
            .collect::<Vec<u8>>()
            .as_slice(),
    );
}

#[test]
fn a_replacement_names_the_entry_that_the_registry_gave() {
    let (media, payload) = provide(Algorithm::RsaSha1, Some(REPLACED));
    let (order, metadata, documents) = Order::read(&media, &payload).unwrap();
    golden("set-signature-sha1.xml", &documents[1]);
    assert_eq!(order.about(), Some(REPLACED));
    let metadata = order.resolved(&metadata, ENTRY_UUID, None);
    golden("replacement.xml", &xml::element(&metadata, &Method::INCLUSIVE));
}

#[test]
fn a_query_and_a_deletion_are_as_they_were_judged() {
    golden("iti-18.xml", &request("registry").get_documents(&[REPLACED], false).bytes);
    let change = (Status::Approved, Status::Deleted);
    let (media, payload) = Order::status(set(), REPLACED, change, claims(), "b").unwrap();
    let (order, metadata, _) = Order::read(&media, &payload).unwrap();
    golden(
        "iti-57-delete.xml",
        &request("registry").update(order.resolved(&metadata, ENTRY_UUID, None)).bytes,
    );
    let mut current = entry();
    current.id = ENTRY_UUID.into();
    current.version = Some("2".into());
    let (media, payload) = Order::visibility(set(), REPLACED, vec![], claims(), "b").unwrap();
    let (order, metadata, _) = Order::read(&media, &payload).unwrap();
    golden("iti-57-show.xml", &request("registry").update(order.hidden(&metadata, &current).unwrap()).bytes);
}

#[test]
fn a_vihf_of_each_mode_and_algorithm_is_as_it_was_judged() {
    for (mode, algorithm, name) in [
        (Mode::Indirect, Algorithm::RsaSha256, "vihf-indirect-sha256.xml"),
        (Mode::ReinforcedIndirect, Algorithm::RsaSha256, "vihf-reinforced-sha256.xml"),
        (Mode::Indirect, Algorithm::RsaSha1, "vihf-indirect-sha1.xml"),
    ] {
        golden(name, &xml::element(&assertion(mode, algorithm), &Method::INCLUSIVE));
    }
}

#[test]
fn an_archive_is_as_it_was_judged() {
    let at = "2026-03-09T14:20:02Z".parse().unwrap();
    let submission = Submission::of(set(), vec![entry()]);
    golden(xdm::FILE_NAME, &xdm::archive(submission, &[CDA.as_bytes()], "Vigie 0.1.0", at).unwrap());
}

#[test]
fn metadata_are_in_their_name_spaces() {
    let (media, payload) = provide(Algorithm::RsaSha256, None);
    let (_, metadata, _) = Order::read(&media, &payload).unwrap();
    assert!(metadata.is(LCM, "SubmitObjectsRequest") && metadata.first(RIM, "RegistryObjectList").is_some());
}
