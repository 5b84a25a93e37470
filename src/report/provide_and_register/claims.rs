//! On whose behalf a document is sent: the claims that the VIHF makes, from the header of the document.

use super::{Sender, Submitter};
use crate::report::Header;
use crate::xds::Code;
use crate::xds::vihf::Claims;

const OID_PROFESSION: &str = "1.2.250.1.71.1.2.7";
const OID_EXPERTISE: &str = "1.2.250.1.71.4.2.5";
const OID_AUTOMATON: &str = "1.2.250.1.213.1.1.4.6";

/// Professions whose specialty is a second role: physicians and pharmacists.
const WITH_SPECIALTY: [&str; 2] = ["10", "21"];

/// Whether the automaton stands for the author.
pub(super) fn is_automaton(header: &Header, submitter: &Submitter) -> bool {
    submitter.sender == Sender::Automaton || header.author.id.is_none() || roles(header).is_empty()
}

/// The claims of what is sent about that document.
///
/// How and when an author logged in is not known here: the system that they sign in knows it. Where the site says how, the moment
/// of the signature stands for when, because they were logged in then; otherwise the class is `unspecified`, and the statement is
/// of the moment of sending, as for an automaton.
pub(super) fn of(header: &Header, submitter: &Submitter, patient_id: String) -> Claims {
    let sector = &header.facility_type;
    let structure_id = header.organization.id.as_ref().map(|id| id.value().to_owned());
    let common = Claims {
        name_id: submitter.responsible.clone(),
        subject_id: format!("{}, {}, {}", submitter.software, submitter.model, header.organization.name),
        roles: vec![Code::new("AUTOMATE", OID_AUTOMATON, "Automate")],
        structure_id: structure_id.unwrap_or_default(),
        sector: Code::new(&sector.code, &sector.oid, &sector.display),
        patient_id,
        authentication: "unspecified".to_owned(),
        authenticated_at: None,
    };
    match &header.author.id {
        Some(id) if !is_automaton(header, submitter) => Claims {
            name_id: id.value().to_owned(),
            subject_id: format!("{} {}", header.author.given.join(" "), header.author.family),
            roles: roles(header),
            authentication: submitter.authentication.clone().unwrap_or(common.authentication),
            authenticated_at: submitter.authentication.as_ref().map(|_| header.created_at.timestamp()),
            ..common
        },
        _ => common,
    }
}

/// Whether these claims are those of an automaton.
pub(in crate::report) fn of_automaton(claims: &Claims) -> bool {
    claims.roles.iter().any(|role| role.code == "AUTOMATE")
}

/// The same claims, made by the automaton of that structure in the place of a professional.
pub(in crate::report) fn by_automaton(claims: Claims, submitter: &Submitter, structure: &str) -> Claims {
    Claims {
        name_id: submitter.responsible.clone(),
        subject_id: format!("{}, {}, {structure}", submitter.software, submitter.model),
        roles: vec![Code::new("AUTOMATE", OID_AUTOMATON, "Automate")],
        authentication: "unspecified".to_owned(),
        authenticated_at: None,
        ..claims
    }
}

/// Profession, and specialty where one is wanted, of a code such as `G15_10/SM36`; none when what is wanted is missing.
fn roles(header: &Header) -> Vec<Code> {
    let Some(specialty) = &header.author.specialty else { return Vec::new() };
    let (profession, expertise) = match specialty.code.split_once('/') {
        Some((profession, expertise)) => (profession, Some(expertise)),
        None => (specialty.code.as_str(), None),
    };
    let Some(profession) = profession.strip_prefix("G15_") else { return Vec::new() };
    let (first, second) =
        specialty.display.split_once(" - ").unwrap_or((&specialty.display, &specialty.display));
    let mut roles = vec![Code::new(profession, OID_PROFESSION, first)];
    match expertise {
        Some(expertise) if WITH_SPECIALTY.contains(&profession) => {
            roles.push(Code::new(expertise, OID_EXPERTISE, second));
            roles
        }
        None if WITH_SPECIALTY.contains(&profession) => Vec::new(),
        _ => roles,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;
    use crate::terminology::nos;

    #[test]
    fn nothing_is_said_of_a_login_that_nobody_told() {
        let header = example::document().header;
        let mut submitter = super::super::tests::submitter(Sender::Author);
        let claims = of(&header, &submitter, String::new());
        assert_eq!((claims.authentication.as_str(), claims.authenticated_at), ("unspecified", None));
        assert_eq!(Some(claims.name_id.as_str()), header.author.id.as_ref().map(|id| id.value()));
        submitter.authentication = Some("SmartcardPKI".to_owned());
        let claims = of(&header, &submitter, String::new());
        let signed_at = Some(header.created_at.timestamp());
        assert_eq!((claims.authentication.as_str(), claims.authenticated_at), ("SmartcardPKI", signed_at));
    }

    #[test]
    fn roles_follow_from_the_profession() {
        let check = |code: &str, display: &str, expected: &[(&str, &str)]| {
            let mut header = example::document().header;
            header.author.specialty = Some(nos::Code::new(code, "1.2.250.1.213.1.1.4.5", display));
            let found: Vec<(String, String)> =
                roles(&header).into_iter().map(|role| (role.code, role.display)).collect();
            let expected: Vec<(String, String)> =
                expected.iter().map(|(code, display)| ((*code).to_owned(), (*display).to_owned())).collect();
            assert_eq!(found, expected, "{code}");
        };
        let physician = ("10", "Médecin");
        check("G15_10/SM36", "Médecin - Oncologie (SM)", &[physician, ("SM36", "Oncologie (SM)")]);
        check("G15_10", "Médecin", &[]);
        check("G15_60", "Infirmier", &[("60", "Infirmier")]);
        check("G15_60/SI02", "Infirmier - IPA", &[("60", "Infirmier")]);
        check("X", "Y", &[]);
    }
}
