//! Messages as the guide describes them, and what is refused.

use super::*;
use crate::hl7v2::Segment;

/// The transmission of a first document, of a test identity.
pub(crate) fn transmission(kind: Kind) -> Transmission {
    example::first(kind, "Abcdefghij0123456789", b"<ClinicalDocument/>")
}

fn lines(t: &Transmission) -> Vec<String> {
    let text = String::from_utf8(t.render().unwrap_or_else(|problem| panic!("{problem}"))).unwrap();
    text.split_terminator('\r').map(str::to_owned).collect()
}

#[test]
fn a_first_document_by_mdm() {
    let expected = [
        "MSH|^~\\&|VIGIE|CHU|PFI|CHU|20260309152002+0100||MDM^T02^MDM_T02|Abcdefghij0123456789|T|2.6|||||FRA|UNICODE UTF-8|||2.1^CISIS_CDA_HL7_V2",
        "EVN||20260309152002+0100",
        "PID|||279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS~IPP-0042^^^CHU&1.2.250.1.999.2&ISO^PI||PAT-TROIS^DOMINIQUE^DOMINIQUE MARIE-LOUISE^^^^L||19790328|F|||^^^^^^BDL^^51215||||||||||||||||||||N|VALI",
        "PV1|1|N",
        "ORC|NW",
        "OBR|1|||85208-7^Compte rendu de télémédecine^LN",
        "TXA|1|85208-7|TEXT|||||||||2.25.329800735698586629295641978511506172918|||||AU",
        "OBX|1|ED|85208-7^Compte rendu de télémédecine^LN||^text^XML^Base64^PENsaW5pY2FsRG9jdW1lbnQvPg==||||||F",
        "PRT||UC||SB^Send by^participation|810001234567^ONCOLOGUE-TEST^Essai^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS|||CHU de test^^^^^ASIP-SANTE-ST&1.2.250.1.71.4.2.2&ISO^FINEG^^^010000001",
        "OBX|2|CWE|MASQUE_PS^Masqué aux professionnels de Santé^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
        "OBX|3|CWE|INVISIBLE_PATIENT^Document Non Visible par le patient^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
        "OBX|4|CWE|INVISIBLE_REP_LEGAUX^Non visible par les représentants Légaux du patient^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
        "OBX|5|CWE|CONNEXION_SECRETE^Connexion Secrete^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
        "OBX|6|CWE|MODIF_CONF_CODE^Modification Confidentiality Code^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
        "OBX|7|CWE|DESTDMP^Destinataire DMP^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F",
        "OBX|8|CWE|DESTMSSANTEPS^Destinataire (Professionnel de Santé, organisation ou BAL applicative)^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
        "OBX|9|CWE|DESTMSSANTEPAT^Destinataire Patient^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
        "OBX|10|CWE|ACK_RECEPTION^Accusé de réception^MetaDMPMSS||Y^^expandedYes-NoIndicator||||||F",
        "OBX|11|CWE|ACK_LECTURE_MSS^Accusé de lecture^MetaDMPMSS||N^^expandedYes-NoIndicator||||||F",
    ];
    let written = lines(&transmission(Kind::Mdm));
    for (at, expected) in expected.iter().enumerate() {
        assert_eq!(written.get(at).map(String::as_str), Some(*expected));
    }
    assert_eq!(written.len(), expected.len());
}

#[test]
fn an_oru_differs_where_the_guide_says_so() {
    let written = lines(&transmission(Kind::Oru));
    let names: Vec<&str> = written.iter().map(|line| &line[..3]).collect();
    assert_eq!(names[..7], ["MSH", "PID", "PV1", "ORC", "OBR", "OBX", "PRT"]);
    assert!(written[0].contains("|ORU^R01^ORU_R01|Abcdefghij0123456789|T|2.5|"), "{}", written[0]);
    assert!(written[5].contains("||^TEXT^XML^Base64^"), "{}", written[5]);
    assert!(written[7].starts_with("OBX|2|CE|MASQUE_PS^"), "{}", written[7]);
}

#[test]
fn the_act_stands_in_event_order_and_status_alike() {
    let check = |act: Act, event: &str, order: &str, status: &str, parent: &str| {
        let mut t = transmission(Kind::Mdm);
        t.act = act;
        let message = Message::parse(&t.render().unwrap()).unwrap();
        let field = |name: &str, number| message.segment(name).map(|one: &Segment| one.field(number).text());
        assert_eq!(message.header().unwrap().event, event);
        assert_eq!(message.header().unwrap().structure, "MDM_T02");
        assert_eq!(field("ORC", 1).as_deref(), Some(order));
        assert_eq!(field("OBX", 11).as_deref(), Some(status));
        assert_eq!(field("TXA", 13).as_deref(), Some(parent));
        assert!(message.all("OBX").skip(1).all(|one| one.field(11).text() == "F"));
    };
    check(Act::First, "T02", "NW", "F", "");
    check(Act::Replacement { parent: "2.25.7".to_owned() }, "T10", "RO", "C", "2.25.7");
    check(Act::Deletion, "T04", "CA", "D", "");
}

#[test]
fn recipients_and_the_patient_who_may_not_answer() {
    let mut t = transmission(Kind::Mdm);
    t.flags =
        Flags { to_professionals: true, to_patient: true, no_reply_from_patient: true, ..Flags::default() };
    let person = Person {
        id: "810009876543".to_owned(),
        family: "GENERALISTE-TEST".to_owned(),
        given: "Essai".to_owned(),
    };
    t.recipients = vec![
        Recipient { address: "mt@test.mssante.fr".to_owned(), person: Some(person), is_patient: false },
        Recipient {
            address: "279035121518989@patient.mssante.fr".to_owned(),
            person: None,
            is_patient: true,
        },
    ];
    t.reply_to = Some("onco@chu-test.mssante.fr".to_owned());
    t.mail = [Some("Bonjour".to_owned()), None];
    let written = lines(&t);
    let participations: Vec<&str> =
        written.iter().filter(|line| line.starts_with("PRT")).map(String::as_str).collect();
    assert_eq!(participations.len(), 4);
    assert_eq!(
        participations[1],
        "PRT||UC||RCT^Result Copies To^participation|810009876543^GENERALISTE-TEST^Essai^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS||||||||||^^X.400^mt@test.mssante.fr"
    );
    assert_eq!(
        participations[2],
        "PRT||UC||RCT^Result Copies To^participation|||||||||||^^X.400^279035121518989@patient.mssante.fr"
    );
    assert_eq!(
        participations[3],
        "PRT||UC||REPLY^Reply To^participation|||||||||||^^X.400^onco@chu-test.mssante.fr"
    );
    let note = written.iter().position(|line| line == "NTE|1|||FIN").unwrap();
    assert!(written[note - 1].contains("DESTMSSANTEPAT"), "{}", written[note - 1]);
    assert_eq!(
        written.last().unwrap(),
        "OBX|12|ED|CORPSMAIL_PS^Corps du mail pour un PS^MetaDMPMSS||^text^^Base64^Qm9uam91cg==||||||F"
    );
}

#[test]
fn what_the_guide_forbids_is_refused_with_its_place() {
    let check = |change: fn(&mut Transmission), places: &[&str]| {
        let mut t = transmission(Kind::Mdm);
        change(&mut t);
        let problem = t.render().expect_err("it was rendered");
        let found: Vec<_> = problem.issues.iter().filter_map(|issue| issue.expression.as_deref()).collect();
        assert_eq!(found, places, "{problem}");
    };
    check(|t| t.patient.status = "PROV", &["PID-32"]);
    check(|t| drop(t.patient.numbers.remove(0)), &["PID-3"]);
    check(|t| t.processing = "P".to_owned(), &["PID-3.4"]);
    check(|t| t.patient.birth_place = None, &["PID-11"]);
    check(|t| t.payload.unique_id = "2.25.1^7".to_owned(), &["TXA-12"]);
    check(|t| t.act = Act::Replacement { parent: t.payload.unique_id.clone() }, &["TXA-13"]);
    check(|t| t.visit.class = "O".to_owned(), &["PV1-19"]);
    check(|t| t.payload.confidentiality = "R".to_owned(), &["OBX-3"]);
    check(|t| t.flags.to_patient = true, &["OBX-3", "PRT-15"]);
    check(|t| t.organization.finess.clear(), &["PRT-8.10"]);
    check(|t| t.to = Party::default(), &["MSH-5", "MSH-6"]);
    check(|t| t.control_id = "018f0000-0000-7000-8000-000000000001".to_owned(), &["MSH-10"]);
    check(|t| t.sender = Sender::Device(String::new()), &["PRT-5"]);
    check(|t| t.payload.code[2] = "http://loinc.org".to_owned(), &["OBX-3.3"]);
}

#[test]
fn an_identity_that_is_not_validated_travels_with_the_hospitals_number_only() {
    let mut t = transmission(Kind::Mdm);
    t.patient.numbers.remove(0);
    t.patient.status = "PROV";
    t.flags.to_dmp = false;
    let message = Message::parse(&t.render().unwrap()).unwrap();
    let pid = message.segment("PID").unwrap();
    assert_eq!((pid.field(3).repetitions().count(), pid.field(32).text().as_str()), (1, "PROV"));
}

#[test]
fn the_same_transmission_gives_the_same_bytes() {
    assert_eq!(transmission(Kind::Mdm).render().unwrap(), transmission(Kind::Mdm).render().unwrap());
}
