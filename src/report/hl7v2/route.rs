//! From the header of a document to its message: what the site decided about a platform, and nothing typed twice.

use jiff::Timestamp;

use super::{
    Act, Flags, Kind, Listing, Organization, Patient, PatientNumber, Payload, Person, Recipient, Sender,
    Transmission, Visit,
};
use crate::hl7v2::Party;
use crate::identity::Environment;
use crate::problem::Issue;
use crate::report::{Header, Professional, Subject};

/// What the site decided about a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Which message carries the documents.
    pub kind: Kind,
    /// MSH-3 and MSH-4.
    pub from: Party,
    /// MSH-5 and MSH-6.
    pub to: Party,
    /// Name of the authority that assigns the numbers of the hospital (CX.4.1), beside its OID.
    pub ipp_authority: String,
    /// `FINEG` or `FINEJ`: what the FINESS number of the issuer is one of.
    pub structure: String,
    /// What the platform does with documents that are hidden from nobody.
    pub flags: Flags,
    /// Which combinations of flags are sent.
    pub listing: Listing,
    /// MSSanté addresses of professionals, organisations and applications that get a copy.
    pub copies_to: Vec<String>,
    /// Where recipients may answer.
    pub reply_to: Option<String>,
    /// Text of the mail to professionals and to the patient.
    pub mail: [Option<String>; 2],
    /// How it is told that a document is hidden otherwise.
    pub visibility: Changes,
}

/// How a platform is told that a document is hidden otherwise: the guide has no message for metadata alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Changes {
    /// By the message that replaces a document, about the same document, with `MODIF_CONF_CODE`.
    #[default]
    Message,
    /// By a person, who gets a Task.
    Task,
}

/// Mailbox of a patient in the trusted space: the INS is its name (*Mon espace santé*).
const PATIENT_DOMAIN: &str = "patient.mssante.fr";

impl Route {
    /// What is wrong with the decisions, before any document is made.
    #[must_use]
    pub fn faults(&self) -> Vec<Issue> {
        let mut issues = Vec::new();
        let mut need = |holds: bool, what: &str| {
            if !holds {
                issues.push(Issue::error("business-rule", what));
            }
        };
        let named = [&self.from.application, &self.from.facility, &self.to.application, &self.to.facility];
        need(
            named.iter().all(|name| !name.is_empty()),
            "sending and receiving application and facility are all named",
        );
        need(matches!(self.structure.as_str(), "FINEG" | "FINEJ"), "the structure is FINEG or FINEJ");
        need(
            self.flags.are_listed(self.listing),
            "this combination of DMP and MSSanté is not in the guide's table: documents sent to professionals go to the patient \
             too, unless listing says examples; documents sent to the patient alone do not go to the DMP",
        );
        need(
            self.flags.to_professionals != self.copies_to.is_empty(),
            "copies to professionals and their addresses go together",
        );
        issues
    }

    /// The message about a document.
    ///
    /// What is hidden from someone is not sent to him. A first document is `T02`, one that replaces another `T10`.
    #[must_use]
    pub fn transmission(&self, header: &Header, cda: &[u8], control_id: &str, at: Timestamp) -> Transmission {
        let flags = self.flags_of(header);
        let act = match &header.replaces {
            Some(parent) => Act::Replacement { parent: parent.clone() },
            None => Act::First,
        };
        Transmission {
            kind: self.kind,
            act,
            control_id: control_id.to_owned(),
            at,
            zone: header.created_at.time_zone().clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            processing: match header.environment {
                Environment::Production => "P",
                Environment::Test => "T",
            }
            .to_owned(),
            patient: self.patient(header),
            visit: visit(header),
            payload: Payload {
                unique_id: header.id.clone(),
                code: [header.code.code.clone(), header.code.display.clone(), "LN".to_owned()],
                confidentiality: header.confidentiality.code.clone(),
                bytes: cda.to_vec(),
            },
            sender: sender(&header.author, &header.submission.source_oid),
            organization: Organization {
                name: header.organization.name.clone(),
                finess: header.organization.finess().unwrap_or_default().to_owned(),
                kind: self.structure.clone(),
            },
            recipients: self.recipients(header, &flags),
            reply_to: self.reply_to.clone().filter(|_| flags.to_professionals || flags.to_patient),
            flags,
            listing: self.listing,
            mail: self.mail.clone(),
        }
    }

    fn flags_of(&self, header: &Header) -> Flags {
        let hidden = |code: &str| header.visibility.iter().any(|one| one.code == code);
        let qualified = header.patient.ins().is_some();
        let flags = Flags {
            hidden_from_professionals: hidden("MASQUE_PS"),
            hidden_from_patient: hidden("INVISIBLE_PATIENT"),
            hidden_from_representatives: hidden("INVISIBLE_REPRESENTANTS_LEGAUX"),
            ..self.flags
        };
        // Without a qualified INS there is neither a national record nor a mailbox of the patient; what is restricted is not
        // shared there.
        let shared = flags.to_dmp && qualified && header.confidentiality.code == "N";
        Flags { to_dmp: shared, to_patient: flags.to_patient && qualified, ..flags }
            .narrowed()
            .fitted(self.listing)
    }

    fn patient(&self, header: &Header) -> Patient {
        let subject = &header.patient;
        let ins = subject.ins().map(|ins| PatientNumber::ins(ins.value(), ins.oid()));
        let local = header
            .local_id
            .as_ref()
            .map(|one| PatientNumber::local(&one.value, &self.ipp_authority, &one.oid));
        Patient {
            numbers: ins.into_iter().chain(local).collect(),
            birth_name: subject.birth_name.clone(),
            first_name: subject.first_name.clone(),
            given_names: subject.given_names.clone(),
            used_name: subject.used_name.clone(),
            birth_date: subject.birth_date.replace('-', ""),
            sex: subject.sex.hl7v2(),
            birth_place: subject.birth_place.clone(),
            status: status(subject),
            account: None,
        }
    }

    fn recipients(&self, header: &Header, flags: &Flags) -> Vec<Recipient> {
        let recipient = |address: String, is_patient| Recipient { address, person: None, is_patient };
        let copies = self.copies_to.iter().filter(|_| flags.to_professionals).cloned();
        let patient = header.patient.ins().filter(|_| flags.to_patient);
        let mailbox = patient.map(|ins| format!("{}@{PATIENT_DOMAIN}", ins.value()));
        copies
            .map(|address| recipient(address, false))
            .chain(mailbox.map(|address| recipient(address, true)))
            .collect()
    }
}

/// Remote monitoring is no stay, unless the report says to which one it belongs: class N of PAM.fr, which needs no number.
fn visit(header: &Header) -> Visit {
    let number = header.visit.number.as_ref().map(|number| PatientNumber {
        value: number.value.clone(),
        authority: String::new(),
        oid: number.oid.clone(),
        kind: "VN",
    });
    Visit { class: header.visit.class.code().to_owned(), number }
}

/// Between systems an identity is provisional or validated; that it is qualified follows from its INS.
fn status(subject: &Subject) -> &'static str {
    if subject.status.as_deref() == Some("VALI") { "VALI" } else { "PROV" }
}

/// The author, or this system where the author has no national identifier.
fn sender(author: &Professional, source_oid: &str) -> Sender {
    match &author.id {
        Some(id) => Sender::Person(Person {
            id: id.value().to_owned(),
            family: author.family.clone(),
            given: author.given.first().cloned().unwrap_or_default(),
        }),
        None => Sender::Device(source_oid.to_owned()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::hl7v2::Message;
    use crate::problem::Problem;
    use crate::report::example;
    use crate::terminology::nos::Code;

    pub(crate) fn route() -> Route {
        let party =
            |application: &str| Party { application: application.to_owned(), facility: "CHU".to_owned() };
        Route {
            kind: Kind::Mdm,
            from: party("VIGIE"),
            to: party("PFI"),
            ipp_authority: "CHU".to_owned(),
            structure: "FINEG".to_owned(),
            flags: Flags { to_dmp: true, receipt: true, ..Flags::default() },
            listing: Listing::Table,
            copies_to: Vec::new(),
            reply_to: None,
            mail: [None, None],
            visibility: Changes::Message,
        }
    }

    fn header() -> Header {
        Header::new(&example::report(), &example::edition(), &example::issuer()).unwrap()
    }

    fn sent(route: &Route, header: &Header) -> Result<Message, Problem> {
        let at = "2026-03-09T14:20:02Z".parse().unwrap();
        let bytes =
            route.transmission(header, b"<ClinicalDocument/>", "Abcdefghij0123456789", at).render()?;
        Message::parse(&bytes)
    }

    fn flag(message: &Message, name: &str) -> String {
        message.all("OBX").find(|obx| obx.field(3).text() == name).unwrap().field(5).text()
    }

    #[test]
    fn everything_in_the_message_is_what_the_header_says() {
        let header = header();
        let message = sent(&route(), &header).unwrap_or_else(|problem| panic!("{problem}"));
        let text = |name: &str, field, component| {
            message.segment(name).unwrap().field(field).component(component).text()
        };
        assert_eq!(text("TXA", 12, 1), header.id);
        assert_eq!(text("PID", 3, 1), header.patient.ins().unwrap().value());
        assert_eq!(text("PID", 32, 1), "VALI");
        let numbers = message.segment("PID").unwrap().field(3).repetitions().count();
        assert_eq!(numbers, 1 + usize::from(header.local_id.is_some()));
        assert_eq!(text("MSH", 11, 1), "T", "test identities travel as a test");
        assert_eq!(text("PRT", 5, 1), header.author.id.as_ref().unwrap().value());
        assert_eq!(
            (flag(&message, "DESTDMP"), flag(&message, "ACK_RECEPTION")),
            ("Y".to_owned(), "Y".to_owned())
        );
    }

    #[test]
    fn a_replacement_names_the_document_before() {
        let mut report = example::report();
        report.replaces = Some(example::replaced());
        let header = Header::new(&report, &example::edition(), &example::issuer()).unwrap();
        let message = sent(&route(), &header).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(message.header().unwrap().event, "T10");
        assert_eq!(Some(message.segment("TXA").unwrap().field(13).text()), header.replaces);
    }

    #[test]
    fn what_is_hidden_from_someone_is_not_sent_to_him() {
        let mut route = route();
        route.flags.to_patient = true;
        route.flags.to_professionals = true;
        route.copies_to = vec!["mt@test.mssante.fr".to_owned()];
        assert_eq!(route.faults(), []);
        let mut header = header();
        let message = sent(&route, &header).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(message.all("PRT").count(), 3);
        header.visibility = vec![Code::new("INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13", "Non visible")];
        let message = sent(&route, &header).unwrap_or_else(|problem| panic!("{problem}"));
        let values =
            ["INVISIBLE_PATIENT", "DESTMSSANTEPS", "DESTMSSANTEPAT"].map(|name| flag(&message, name));
        assert_eq!(values, ["Y", "Y", "N"]);
        assert_eq!(message.all("PRT").count(), 2);
    }

    #[test]
    fn without_a_qualified_identity_nothing_is_asked_of_the_dmp() {
        let mut report = example::report();
        let number = report.subject.local.clone().unwrap();
        report.subject.identity = crate::report::Identity::Local { number, reasons: Vec::new() };
        report.subject.status = Some("PROV".to_owned());
        let header = Header::new(&report, &example::edition(), &example::issuer()).unwrap();
        let message = sent(&route(), &header).unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(flag(&message, "DESTDMP"), "N");
        assert_eq!(message.segment("PID").unwrap().field(3).component(5).text(), "PI");
    }

    /// The message that takes back what that golden message brought.
    fn withdrawal(of: &str) -> Vec<u8> {
        let sent = crate::report::withdrawal::Sent {
            document_id: &example::edition().document_id,
            content_type: "x-application/hl7-v2+er7",
            payload: &golden(of),
        };
        let at = "2026-07-01T08:00:00Z".parse().unwrap();
        crate::report::withdrawal::message(&sent, &route(), "Abcdefghij0123456789", at).unwrap()
    }

    /// The message of the example in each of its forms.
    fn golden(name: &str) -> Vec<u8> {
        let mut report = example::report();
        let mut route = route();
        match name {
            "oru" => route.kind = Kind::Oru,
            "withdrawal" | "oru-withdrawal" => {
                return withdrawal(if name == "withdrawal" { "replacement" } else { "oru" });
            }
            "unqualified" => {
                let number = report.subject.local.clone().unwrap();
                report.subject.identity = crate::report::Identity::Local { number, reasons: Vec::new() };
                report.subject.status = Some("PROV".to_owned());
            }
            "replacement" | "deletion" | "released" => report.replaces = Some(example::replaced()),
            "copies" | "hidden-from-patient" => {
                route.flags.to_patient = true;
                route.flags.to_professionals = true;
                route.flags.no_reply_from_patient = true;
                route.copies_to = vec!["mt@test.mssante.fr".to_owned()];
                route.reply_to = Some("onco@test.mssante.fr".to_owned());
                route.mail = [Some("Bonjour, ci-joint un compte rendu.".to_owned()), None];
            }
            _ => {}
        }
        let mut header = Header::new(&report, &example::edition(), &example::issuer()).unwrap();
        let cda = crate::report::cda::render(&header, b"%PDF-1.4 of a test");
        if name == "hidden-from-patient" {
            header.visibility = vec![Code::new("INVISIBLE_PATIENT", "1.2.250.1.213.1.1.4.13", "Non visible")];
        }
        if name == "released" {
            // Held until the identity was qualified: the first that this destination gets, though an edition was made before.
            header.replaces = None;
        }
        let at = "2026-03-09T14:20:02Z".parse().unwrap();
        let mut transmission = route.transmission(&header, &cda, "Abcdefghij0123456789", at);
        if name == "deletion" {
            transmission.act = Act::Deletion;
        }
        transmission.render().unwrap_or_else(|problem| panic!("{name}: {problem}"))
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a golden file is read, and written on demand")]
    fn the_golden_messages_are_what_is_rendered() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/hl7v2");
        let names = [
            "copies",
            "deletion",
            "first",
            "hidden-from-patient",
            "oru-withdrawal",
            "oru",
            "released",
            "replacement",
            "unqualified",
            "withdrawal",
        ];
        for name in names {
            let file = folder.join(format!("{name}.hl7"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&file, golden(name)).unwrap();
            }
            let expected = std::fs::read(&file).unwrap_or_else(|_| panic!("{} is missing", file.display()));
            assert!(golden(name) == expected, "{name} differs from its golden file");
        }
        let mut there: Vec<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        there.sort();
        assert_eq!(there, names.map(|name| format!("{name}.hl7")), "a golden file that no test looks at");
    }

    #[test]
    fn decisions_that_no_message_could_follow_are_told_at_once() {
        let check = |change: fn(&mut Route), faults: usize| {
            let mut route = route();
            change(&mut route);
            assert_eq!(route.faults().len(), faults, "{route:?}");
        };
        check(|_| {}, 0);
        check(|route| route.to = Party::default(), 1);
        check(|route| route.flags.to_patient = true, 1);
        check(|route| route.copies_to = vec!["a@b.mssante.fr".to_owned()], 1);
        check(|route| route.structure = "SIRET".to_owned(), 1);
    }
}
