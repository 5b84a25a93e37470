//! Who is concerned: patient, author, custodian, recipients, legal authenticator.

use super::element::element;
use crate::identity::{ProfessionalId, StructureId};
use crate::report::header::hl7_time;
use crate::report::{Header, Organization, Professional, Subject};
use crate::terminology::nos::Code;
use crate::xml::Element;

/// A code with its system and display.
pub(super) fn coded(name: &'static str, code: &Code) -> Element {
    element(name)
        .attribute("code", &code.code)
        .attribute("displayName", &code.display)
        .attribute("codeSystem", &code.oid)
}

/// An identifier with the OID that assigns it.
fn id(root: &str, extension: &str) -> Element {
    element("id").attribute("root", root).attribute("extension", extension)
}

/// The patient: the INS if the identity is qualified, then the number of the hospital.
pub(super) fn record_target(header: &Header) -> Element {
    let subject = &header.patient;
    let ins = subject.ins().map(|ins| id(ins.oid(), ins.value()));
    let local = header.local_id.as_ref().map(|local| id(&local.oid, &local.value));
    let role = element("patientRole")
        .with(ins)
        .with(local)
        .child(element("addr").attribute("nullFlavor", "NASK"))
        .child(element("telecom").attribute("nullFlavor", "NASK"))
        .child(patient(subject));
    element("recordTarget").child(role)
}

fn patient(subject: &Subject) -> Element {
    let sex = Code::new(subject.sex.hl7v3(), "2.16.840.1.113883.5.1", subject.sex.display());
    element("patient")
        .child(patient_name(subject))
        .child(coded("administrativeGenderCode", &sex))
        .child(element("birthTime").attribute("value", subject.birth_date.replace('-', "")))
        .with(birth_place(subject))
}

/// Names of birth (`BR`), all given names of birth (no qualifier), and names in use where they differ (`CL`).
fn patient_name(subject: &Subject) -> Element {
    let part = |name, qualifier: Option<&str>, text: &str| {
        let part = element(name).text(text);
        match qualifier {
            Some(qualifier) => part.attribute("qualifier", qualifier),
            None => part,
        }
    };
    element("name")
        .child(part("family", Some("BR"), &subject.birth_name))
        .child(part("given", None, &subject.given_names))
        .child(part("given", Some("BR"), &subject.first_name))
        .with(subject.used_name.as_ref().map(|used| part("family", Some("CL"), used)))
        .with(subject.used_given.as_ref().map(|used| part("given", Some("CL"), used)))
}

fn birth_place(subject: &Subject) -> Option<Element> {
    let code = subject.birth_place.as_ref()?;
    let address = element("addr")
        .child(element("county").text(code))
        .with(subject.birth_city.as_ref().map(|city| element("city").text(city)));
    Some(element("birthplace").child(element("place").child(address)))
}

/// Who wrote the report, and where.
pub(super) fn author(header: &Header) -> Element {
    let assigned = professional(element("assignedAuthor"), &header.author, "assignedPerson")
        .child(represented_organization(header));
    element("author").child(element("time").attribute("value", hl7_time(&header.created_at))).child(assigned)
}

/// Who takes responsibility for it: the author.
pub(super) fn legal_authenticator(header: &Header) -> Element {
    element("legalAuthenticator")
        .child(element("time").attribute("value", hl7_time(&header.created_at)))
        .child(element("signatureCode").attribute("code", "S"))
        .child(assigned_entity(header))
}

/// The author, as the one who performs or answers for something.
pub(super) fn assigned_entity(header: &Header) -> Element {
    professional(element("assignedEntity"), &header.author, "assignedPerson")
        .child(represented_organization(header))
}

/// Who keeps the document.
pub(super) fn custodian(header: &Header) -> Element {
    let organization = &header.organization;
    let kept_by = element("representedCustodianOrganization")
        .with(structure_id(organization))
        .child(element("name").text(&organization.name))
        .child(element("telecom").attribute("nullFlavor", "NASK"))
        .child(element("addr").attribute("nullFlavor", "NASK"));
    element("custodian").child(element("assignedCustodian").child(kept_by))
}

/// To whom it is addressed.
pub(super) fn recipient(to: &Professional) -> Element {
    let intended = element("intendedRecipient")
        .with(professional_id(to))
        .child(element("addr").attribute("nullFlavor", "NASK"))
        .child(element("telecom").attribute("nullFlavor", "NASK"))
        .child(person("informationRecipient", to));
    element("informationRecipient").child(intended)
}

/// Identifier, specialty, addresses (not asked for) and name of a professional.
fn professional(within: Element, who: &Professional, name: &'static str) -> Element {
    within
        .with(professional_id(who))
        .with(who.specialty.as_ref().map(|code| coded("code", code)))
        .child(element("addr").attribute("nullFlavor", "NASK"))
        .child(element("telecom").attribute("nullFlavor", "NASK"))
        .child(person(name, who))
}

fn professional_id(who: &Professional) -> Option<Element> {
    who.id.as_ref().map(|national| id(ProfessionalId::OID, national.value()))
}

fn structure_id(organization: &Organization) -> Option<Element> {
    organization.id.as_ref().map(|national| id(StructureId::OID, national.value()))
}

fn person(name: &'static str, who: &Professional) -> Element {
    let part = |name, text: &str| element(name).text(text);
    element(name).child(
        element("name")
            .with(who.civility.map(|civility| part("prefix", civility)))
            .with(
                Some(who.given.join(" "))
                    .filter(|given| !given.is_empty())
                    .map(|given| part("given", &given)),
            )
            .child(part("family", &who.family))
            .with(who.title.map(|title| part("suffix", title))),
    )
}

fn represented_organization(header: &Header) -> Element {
    let organization = &header.organization;
    element("representedOrganization")
        .with(structure_id(organization))
        .child(element("name").text(&organization.name))
        .child(coded("standardIndustryClassCode", &header.practice_setting))
}
