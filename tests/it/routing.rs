//! Which documents go where: by the table of a destination, by what the patient opposes, and by how confidential they are
//! (issue 4, point 8).

use vigie::hl7v2::{Header, Message, Party};
use vigie::interaction::{self, Answer, Destination, DestinationKind, ReportKind};
use vigie::json::{Value, json};
use vigie::outbox::Act;
use vigie::problem::Severity;
use vigie::report::hl7v2::{Flags, Kind, Listing, Route};
use vigie::store::DeliveryFilter;

use crate::support::{App, Course, body};

const OPPOSITION: &str = "https://vigie.example/fhir/CodeSystem/opposition";

/// The preliminary report of the first week, and destinations `dpi`, `dmp` and `pfi`.
async fn stage() -> (App, Value) {
    let mut app = App::new().await;
    app.context.settings.destinations.push(Destination::new("pfi", platform()));
    let course = Course::start(&app, "folfox").await;
    app.at("2026-03-02T09:13:00+01:00");
    app.submit(&course.week("1")).await.unwrap();
    let report = app.search("DiagnosticReport", &[]).await.remove(0);
    app.at("2026-03-03T10:00:00+01:00");
    (app, report)
}

/// A platform that feeds the DMP and mails to a professional and to the patient.
fn platform() -> DestinationKind {
    let party = |application: &str| Party { application: application.to_owned(), facility: "CHU".to_owned() };
    DestinationKind::Mllp(Box::new(Route {
        kind: Kind::Mdm,
        from: party("VIGIE"),
        to: party("PFI"),
        ipp_authority: "CHU".to_owned(),
        structure: "FINEG".to_owned(),
        flags: Flags { to_dmp: true, to_professionals: true, to_patient: true, ..Flags::default() },
        listing: Listing::Table,
        copies_to: vec!["mt@test.mssante.fr".to_owned()],
        reply_to: None,
        mail: [None, None],
        visibility: vigie::report::hl7v2::Changes::Message,
    }))
}

fn signed(report: &Value, status: &str, security: &[&str]) -> Value {
    let mut report = report.clone();
    report["status"] = json!(status);
    report["conclusion"] = json!(format!("Bonne tolérance ({status})."));
    report["resultsInterpreter"] = json!([{"reference": "PractitionerRole/oncologue-test"}]);
    if !security.is_empty() {
        let codings: Vec<Value> = security.iter().map(|code| json!({ "code": code })).collect();
        report["meta"]["security"] = json!(codings);
    }
    report
}

/// Destination, act and payload of every delivery of the newest document, by destination.
async fn sent(app: &App) -> Vec<(String, Act, String)> {
    let current = app.search("DocumentReference", &[("status", "current")]).await.remove(0);
    let subject = Some(format!("DocumentReference/{}", current["id"].as_str().unwrap()));
    let filter = DeliveryFilter { payload: true, subject, ..DeliveryFilter::default() };
    let mut sent: Vec<(String, Act, String)> = app
        .context
        .store
        .deliveries(&filter)
        .await
        .unwrap()
        .into_iter()
        .map(|record| record.delivery)
        .map(|one| (one.destination, one.act, String::from_utf8(one.payload).unwrap()))
        .collect();
    sent.sort_by(|one, other| one.0.cmp(&other.0));
    sent
}

async fn names(app: &App) -> Vec<String> {
    sent(app).await.into_iter().map(|(name, _, _)| name).collect()
}

/// The flags of the message to the platform that are `Y`.
async fn flags(app: &App) -> Vec<String> {
    let sent = sent(app).await;
    let (_, _, payload) = sent.iter().find(|(name, _, _)| name == "pfi").unwrap();
    let message = Message::parse(payload.as_bytes()).unwrap();
    let asked = message.all("OBX").filter(|obx| obx.field(5).text() == "Y");
    asked.map(|obx| obx.field(3).text()).collect()
}

fn told(answer: &Answer) -> Vec<String> {
    let told = answer.outcome.iter().filter(|issue| issue.severity == Severity::Information);
    told.filter_map(|issue| issue.text.clone()).collect()
}

#[tokio::test]
async fn a_report_goes_where_it_is_taken_and_a_correction_follows() {
    let (mut app, report) = stage().await;
    let takes = |app: &mut App, name: &str, change: fn(&mut interaction::Takes)| {
        let all = &mut app.context.settings.destinations;
        change(&mut all.iter_mut().find(|one| one.name == name).unwrap().takes);
    };
    takes(&mut app, "dpi", |takes| {
        takes.statuses = vec!["final".to_owned()];
        takes.programmes =
            vec!["https://vigie.example/fhir/PlanDefinition/surveillance-hebdomadaire".to_owned()];
    });
    takes(&mut app, "dmp", |takes| takes.statuses = vec!["corrected".to_owned()]);
    takes(&mut app, "pfi", |takes| takes.reports = vec![ReportKind::Period]);
    let first = body(&app.put(&signed(&report, "final", &[])).await.unwrap());
    assert_eq!(names(&app).await, ["dpi"]);
    app.at("2026-03-03T11:00:00+01:00");
    app.put(&signed(&first, "corrected", &[])).await.unwrap();
    let acts: Vec<(String, Act)> = sent(&app).await.into_iter().map(|(name, act, _)| (name, act)).collect();
    let expected = [("dmp", Act::Provide), ("dpi", Act::Replace)];
    assert_eq!(acts, expected.map(|(name, act)| (name.to_owned(), act)), "dpi has the version before");
}

#[tokio::test]
async fn what_a_patient_opposes_does_not_go_out_and_that_is_on_record() {
    let (app, report) = stage().await;
    let consent = json!({
        "resourceType": "Consent", "id": "no-dmp", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/test-folfox"}, "policyRule": {"text": "Code de la santé publique"},
        "provision": {"type": "deny", "code": [{"coding": [{"system": OPPOSITION, "code": "alimentation-dmp"}]}]},
    });
    app.put(&consent).await.unwrap();
    let answer = app.put(&signed(&report, "final", &[])).await.unwrap();
    assert_eq!(names(&app).await, ["dpi", "pfi"]);
    assert!(!flags(&app).await.contains(&"DESTDMP".to_owned()), "the platform is not asked either");
    assert_eq!(told(&answer).len(), 2, "for dmp and for the platform: {:?}", answer.outcome);
    let document = app.search("DocumentReference", &[]).await.remove(0);
    let target = format!("DocumentReference/{}", document["id"].as_str().unwrap());
    let records = app.search("Provenance", &[("target", &target)]).await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["entity"][0]["what"]["reference"], "Consent/no-dmp");
    assert!(records[0]["reason"][0]["text"].as_str().unwrap().contains("s'oppose"));

    let mut over = consent;
    over["status"] = json!("inactive");
    app.put(&over).await.unwrap();
    assert_eq!(names(&app).await, ["dpi", "pfi"], "nothing goes by itself");
    app.at("2026-03-03T11:00:00+01:00");
    let next = app.put(&signed(&body(&answer), "corrected", &[])).await.unwrap();
    assert_eq!((names(&app).await, told(&next)), (["dmp", "dpi", "pfi"].map(String::from).to_vec(), vec![]));
    assert_eq!(sent(&app).await[0].1, Act::Provide, "it is the first that dmp gets");
}

fn no_dmp() -> Value {
    json!({
        "resourceType": "Consent", "id": "no-dmp", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/test-folfox"}, "policyRule": {"text": "Code de la santé publique"},
        "provision": {"type": "deny", "code": [{"coding": [{"system": OPPOSITION, "code": "alimentation-dmp"}]}]},
    })
}

#[tokio::test]
async fn what_the_dmp_has_is_corrected_and_withdrawn_although_the_patient_opposes_its_feeding() {
    let (app, report) = stage().await;
    let first = body(&app.put(&signed(&report, "final", &[])).await.unwrap());
    assert_eq!(names(&app).await, ["dmp", "dpi", "pfi"]);
    app.put(&no_dmp()).await.unwrap();
    app.at("2026-03-03T11:00:00+01:00");
    let corrected = body(&app.put(&signed(&first, "corrected", &[])).await.unwrap());
    let acts: Vec<(String, Act)> = sent(&app).await.into_iter().map(|(name, act, _)| (name, act)).collect();
    let expected = ["dmp", "dpi", "pfi"].map(|name| (name.to_owned(), Act::Replace));
    assert_eq!(acts, expected, "what stands there wrong is put right");
    assert!(flags(&app).await.contains(&"DESTDMP".to_owned()), "and by the platform, which fed it before");
    assert!(
        app.search("Task", &[("patient", "Patient/test-folfox"), ("focus:missing", "false")])
            .await
            .iter()
            .all(|task| !task["focus"]["reference"].as_str().unwrap().starts_with("DocumentReference/"))
    );

    app.at("2026-03-03T12:00:00+01:00");
    let mut withdrawn = corrected;
    withdrawn["status"] = json!("entered-in-error");
    let why = json!({"url": "http://hl7.org/fhir/StructureDefinition/event-statusReason",
        "valueCodeableConcept": {"text": "Mauvais patient."}});
    withdrawn["extension"].as_array_mut().unwrap().push(why);
    app.put(&withdrawn).await.unwrap();
    let all = app.context.store.deliveries(&DeliveryFilter::default()).await.unwrap();
    assert!(
        all.iter().all(|record| record.progress.state == vigie::outbox::State::Stopped),
        "nothing had left"
    );
}

#[tokio::test]
async fn a_site_may_keep_corrections_from_the_dmp_and_a_person_is_told() {
    let (mut app, report) = stage().await;
    for destination in &mut app.context.settings.destinations {
        destination.takes.corrections_despite_opposition = false;
    }
    let first = body(&app.put(&signed(&report, "final", &[])).await.unwrap());
    app.put(&no_dmp()).await.unwrap();
    app.at("2026-03-03T11:00:00+01:00");
    let answer = app.put(&signed(&first, "corrected", &[])).await.unwrap();
    assert_eq!((names(&app).await, told(&answer).len()), (["dpi", "pfi"].map(String::from).to_vec(), 2));
    assert!(!flags(&app).await.contains(&"DESTDMP".to_owned()));
    let tasks = app.search("Task", &[("patient", "Patient/test-folfox")]).await;
    let outdated = |task: &&Value| task["code"]["text"] == "Version périmée d'un compte rendu dans le DMP";
    let outdated: Vec<&Value> = tasks.iter().filter(outdated).collect();
    assert_eq!(outdated.len(), 1);
    assert!(outdated[0]["description"].as_str().unwrap().contains("« dmp »"));
}

#[tokio::test]
async fn who_opposes_mail_gets_none_and_nobody_gets_his() {
    let (app, report) = stage().await;
    app.put(&json!({
        "resourceType": "Consent", "id": "no-mail", "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": "Patient/test-folfox"}, "policyRule": {"text": "Code de la santé publique"},
        "provision": {"type": "deny", "code": [{"coding": [{"system": OPPOSITION, "code": "mssante"}]}]},
    }))
    .await
    .unwrap();
    let answer = app.put(&signed(&report, "final", &[])).await.unwrap();
    assert_eq!(flags(&app).await, ["DESTDMP"]);
    assert_eq!((names(&app).await.len(), told(&answer).len()), (3, 1));
    let payload = sent(&app).await.remove(2).2;
    assert!(!payload.contains("mssante.fr"), "no address of a mailbox is in the message");
}

#[tokio::test]
async fn an_identity_message_says_what_the_patient_opposes() {
    let (app, _) = stage().await;
    let receive = async |control: &str, zfa: &str| {
        let text = format!(
            "MSH|^~\\&|GAM|CHU|VIGIE|CHU|20260304090000||ADT^A01^ADT_A01|{control}|T|2.5^FRA^2.11|||||FRA|UNICODE UTF-8\r\
             EVN||20260304090000\r\
             PID|1||000003^^^CHU&1.2.250.1.999.2&ISO^PI||PAT-TROIS^DOMINIQUE^^^^^L||19790328|F\r\
             PV1|1|N\r\
             ZFA|ACTIF|20240306111154|||||||{zfa}|20240306111154|INC|20240306111154\r"
        );
        let message = Message::parse(text.as_bytes()).unwrap();
        let header = Header::read(&message).unwrap();
        interaction::receive(&app.context, &message, &header)
            .await
            .unwrap_or_else(|problem| panic!("{problem}"));
        let consents = app.search("Consent", &[]).await;
        consents.iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(receive("1", "NA").await, Vec::<String>::new());
    assert_eq!(receive("2", "INO").await, Vec::<String>::new());
    assert_eq!(receive("3", "IO").await, ["active"]);
    assert_eq!(receive("4", "NA").await, ["active"], "what was not asked again is as it was");
    assert_eq!(receive("5", "IO").await, ["active"]);
    let consent = app.search("Consent", &[]).await.remove(0);
    assert_eq!((&consent["meta"]["versionId"], &consent["dateTime"]), (&json!("1"), &json!("2024-03-06")));
    assert_eq!(consent["provision"]["code"][0]["coding"][0]["code"], "alimentation-dmp");
    assert_eq!(receive("6", "INO").await, ["inactive"]);
    assert_eq!(receive("7", "IO").await, ["active"]);
}

#[tokio::test]
async fn a_document_hidden_from_the_patient_says_so_everywhere_and_is_not_mailed_to_him() {
    let (app, report) = stage().await;
    let hidden = ["INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"];
    app.put(&signed(&report, "final", &hidden)).await.unwrap();
    let document = app.search("DocumentReference", &[]).await.remove(0);
    let labels: Vec<&str> = document["securityLabel"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| label["coding"][0]["code"].as_str().unwrap())
        .collect();
    assert_eq!(labels, ["N", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"]);
    let asked = flags(&app).await;
    assert_eq!(asked, ["INVISIBLE_PATIENT", "INVISIBLE_REP_LEGAUX", "DESTDMP"]);
    let sent = sent(&app).await;
    assert!(hidden.iter().all(|code| sent[0].2.contains(code) && sent[1].2.contains(code)));
    assert!(!sent[2].2.contains("patient.mssante.fr"));
}

#[tokio::test]
async fn what_is_restricted_is_not_shared_in_the_national_record() {
    let (app, report) = stage().await;
    let answer = app.put(&signed(&report, "final", &["R", "MASQUE_PS"])).await.unwrap();
    assert_eq!(names(&app).await, ["dpi", "pfi"]);
    let asked = flags(&app).await;
    assert_eq!(asked, ["MASQUE_PS", "DESTMSSANTEPAT"], "neither the DMP nor a professional");
    assert!(told(&answer).iter().all(|text| text.contains("restreinte")), "{:?}", told(&answer));
    let cda = &sent(&app).await[0].2;
    assert!(cda.contains("\"code\":\"R\""), "the level is told where the document goes");
}
