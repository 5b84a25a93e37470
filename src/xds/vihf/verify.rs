//! Verifying a VIHF: its signature, its time, and that every attribute is there in its form.

use jiff::{SignedDuration, Timestamp};

use super::{
    CONFIDENTIALITY, CONTEXT_CLASS, HL7, ISSUER_FORMAT, Mode, PURPOSE, RESOURCE, ROLE, SAML, SUBJECT, XSI,
};
use crate::problem::{Category, Issue, Problem};
use crate::signature::{Certificate, DS, NameOrder, Signed};
use crate::xds::hl7;
use crate::xml::Element;

/// How far the clocks of two machines may be apart.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a VIHF says, once it holds.
#[derive(Clone)]
pub struct Presented {
    /// Whose seal signed it.
    pub signer: Certificate,
    /// Unique id of the assertion.
    pub id: String,
    /// National identifier of the person.
    pub name_id: String,
    /// National identifier of the structure.
    pub structure_id: String,
    /// `CX` of the patient.
    pub patient_id: String,
    /// How the person was authenticated.
    pub mode: Mode,
}

/// Checks an assertion that stands at or below `root`.
///
/// # Errors
/// `Invalid`, with every fault and none of the values.
pub fn verify(root: &Element, assertion: &Element, now: Timestamp) -> Result<Presented, Problem> {
    let mut issues = Vec::new();
    let mut require = |holds: bool, what: &str| {
        if !holds {
            issues.push(Issue::error("security", format!("VIHF: {what}")));
        }
    };
    let signature = assertion.first(DS, "Signature");
    let signed = signature.map(|signature| Signed::verify(root, signature)).transpose()?;
    let id = assertion.get("ID").unwrap_or_default();
    let second = assertion.elements().nth(1);
    require(
        assertion.is(SAML, "Assertion") && assertion.get("Version") == Some("2.0"),
        "it is a SAML 2.0 assertion",
    );
    require(signed.as_ref().is_some_and(|signed| signed.covers(id)), "its signature covers it");
    require(second.is_some_and(|one| one.is(DS, "Signature")), "its signature stands right after its issuer");
    let issuer = assertion.first(SAML, "Issuer");
    require(issuer.and_then(|one| one.get("Format")) == Some(ISSUER_FORMAT), "its issuer is a name of X.509");
    if let (Some(issuer), Some(signed)) = (issuer.and_then(Element::trimmed), &signed) {
        let plain = |name: &str| name.replace(", ", ",");
        let names =
            [NameOrder::Encoded, NameOrder::Rfc4514].map(|order| plain(&signed.signer.subject(order)));
        require(names.contains(&plain(&issuer)), "its issuer is whom the certificate names");
    }
    let issued = assertion.get("IssueInstant").and_then(|at| at.parse::<Timestamp>().ok());
    require(issued.is_some_and(|at| at.duration_since(now).abs() <= SKEW), "it is of this moment");
    let name_id = text(assertion, &["Subject", "NameID"]);
    require(name_id.is_some(), "it names a person");
    let instant = assertion.first(SAML, "AuthnStatement").and_then(|one| one.get("AuthnInstant"));
    require(instant.is_some_and(|at| at.parse::<Timestamp>().is_ok()), "it says when the person logged in");
    let class = text(assertion, &["AuthnStatement", "AuthnContext", "AuthnContextClassRef"]);
    require(class.is_some_and(|class| class.starts_with(CONTEXT_CLASS)), "it says how the person logged in");
    require(
        assertion.at(SAML, &["Conditions", "AudienceRestriction"]).is_none(),
        "it is restricted to no audience",
    );
    require(
        value(assertion, "VIHF_Version").is_some_and(|one| matches!(one.as_str(), "3.0" | "4.0")),
        "VIHF_Version is 3.0 or 4.0",
    );
    let mode = value(assertion, "Authentification_Mode")
        .and_then(|one| Mode::ALL.into_iter().find(|mode| mode.code() == one));
    require(mode.is_some(), "Authentification_Mode is INDIRECTE or INDIRECTE_RENFORCEE");
    let browser = text(assertion, &["AuthnStatement", "AuthnContext", "AuthnContextDecl"]).is_some();
    require(
        browser == (mode == Some(Mode::ReinforcedIndirect)),
        "AuthnContextDecl goes with INDIRECTE_RENFORCEE",
    );
    check_attributes(assertion, &mut require);
    match (issues.is_empty(), signed, name_id, mode) {
        (true, Some(signed), Some(name_id), Some(mode)) => Ok(Presented {
            signer: signed.signer,
            id: id.to_owned(),
            name_id,
            structure_id: value(assertion, "Identifiant_Structure").unwrap_or_default(),
            patient_id: value(assertion, RESOURCE).unwrap_or_default(),
            mode,
        }),
        _ => Err(Problem::with(Category::Invalid, issues)),
    }
}

/// The attributes that say who, where, about whom and with which software.
fn check_attributes(assertion: &Element, require: &mut impl FnMut(bool, &str)) {
    for name in ["Identifiant_Structure", SUBJECT, "LPS_Nom", "LPS_Version", "LPS_ID_HOMOLOGATION_DMP"] {
        require(value(assertion, name).is_some(), &format!("{name} is there"));
    }
    let sector = value(assertion, "Secteur_Activite");
    require(
        sector.is_some_and(|one| one.ends_with("^1.2.250.1.71.4.2.4")),
        "Secteur_Activite is code^1.2.250.1.71.4.2.4",
    );
    let patient_id = value(assertion, RESOURCE).unwrap_or_default();
    require(hl7::is_cx(&patient_id) && patient_id.ends_with("^NH"), "resource-id is an INS of type NH");
    require(value(assertion, "Ressource_URN").as_deref() == Some("urn:dmp"), "Ressource_URN is urn:dmp");
    require(attribute(assertion, CONFIDENTIALITY).is_empty(), "no secret connection is asked for");
    require(is_normal(assertion), "purposeofuse is normal, typed CE");
    require(
        are_roles(&attribute(assertion, ROLE)),
        "each role is typed CE; a physician or pharmacist has two",
    );
}

/// The first value of an attribute, as text.
fn value(assertion: &Element, name: &str) -> Option<String> {
    attribute(assertion, name).first().and_then(|one| one.trimmed())
}

fn text(assertion: &Element, path: &[&str]) -> Option<String> {
    assertion.at(SAML, path)?.trimmed()
}

/// The values of an attribute.
fn attribute<'a>(assertion: &'a Element, name: &str) -> Vec<&'a Element> {
    let statement = assertion.first(SAML, "AttributeStatement");
    let attributes = statement.into_iter().flat_map(|one| one.all(SAML, "Attribute"));
    let named = attributes.filter(|one| one.get("Name") == Some(name));
    named.flat_map(|one| one.all(SAML, "AttributeValue")).collect()
}

fn coded<'a>(value: &'a Element, name: &str) -> Option<(&'a str, &'a str)> {
    let element = value.first(HL7, name)?;
    let typed = element.get_in(XSI.uri, "type").is_some_and(|kind| kind.rsplit(':').next() == Some("CE"));
    let display = element.get("displayName").is_some_and(|text| !text.is_empty());
    (typed && display).then_some((element.get("code")?, element.get("codeSystem")?))
}

fn is_normal(assertion: &Element) -> bool {
    let purpose = attribute(assertion, PURPOSE);
    purpose.len() == 1 && coded(purpose[0], "PurposeOfUse") == Some(("normal", "1.2.250.1.213.1.1.4.248"))
}

/// Physicians (`10`) and pharmacists (`21`) have a specialty as second role.
fn are_roles(values: &[&Element]) -> bool {
    let roles: Vec<_> = values.iter().map(|value| coded(value, "Role")).collect();
    match roles.first() {
        Some(Some(("10" | "21", "1.2.250.1.71.1.2.7"))) => roles.len() == 2 && roles[1].is_some(),
        Some(Some(_)) => roles.iter().all(Option::is_some),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{assertion, example};
    use super::*;
    use crate::signature::{Algorithm, example as seal};
    use crate::xml::{self, Limits, Method};

    fn now() -> Timestamp {
        "2026-03-09T14:20:03Z".parse().unwrap()
    }

    fn written(mode: Mode, algorithm: Algorithm) -> String {
        let options = example::options(mode, algorithm);
        let id = "8e0e0f3f-0e53-4d0c-a1a5-3b6a6f0a8a10";
        let made =
            assertion(&example::claims(), &example::product(), &options, id, now(), &seal::key()).unwrap();
        String::from_utf8(xml::element(&made, &Method::INCLUSIVE)).unwrap()
    }

    fn check(text: &str, at: Timestamp) -> Result<Presented, Problem> {
        let root = xml::read(text.as_bytes(), &Limits::default()).unwrap().root;
        verify(&root, &root, at)
    }

    #[test]
    fn each_mode_and_algorithm_holds() {
        for mode in Mode::ALL {
            for algorithm in Algorithm::ALL {
                let presented = check(&written(mode, algorithm), now()).unwrap();
                assert_eq!((presented.mode, presented.name_id.as_str()), (mode, "810001234567"));
                assert_eq!(presented.patient_id, crate::xds::example::PATIENT);
            }
        }
    }

    #[test]
    fn it_holds_for_its_moment_only() {
        let text = written(Mode::Indirect, Algorithm::RsaSha256);
        assert!(check(&text, now() + SignedDuration::from_mins(4)).is_ok());
        assert!(check(&text, now() + SignedDuration::from_mins(6)).is_err());
        assert!(check(&text, now() - SignedDuration::from_mins(6)).is_err());
    }

    /// Signed as it is, so that only the rule can find the fault.
    #[test]
    fn each_missing_thing_is_found() {
        let found = |claims: &super::super::Claims, expected: &str| {
            let options = example::options(Mode::Indirect, Algorithm::RsaSha256);
            let made = assertion(claims, &example::product(), &options, "1", now(), &seal::key()).unwrap();
            let text = String::from_utf8(xml::element(&made, &Method::INCLUSIVE)).unwrap();
            let problem = check(&text, now()).err().map(|problem| problem.to_string()).unwrap_or_default();
            assert!(problem.contains(expected), "{expected}: {problem}");
        };
        let claims = example::claims;
        found(
            &super::super::Claims { roles: vec![claims().roles[0].clone()], ..claims() },
            "a physician or pharmacist has two",
        );
        found(&super::super::Claims { roles: vec![], ..claims() }, "each role");
        found(
            &super::super::Claims { patient_id: "1^^^&1.2.250.1.213.1.4.10&ISO^INS".into(), ..claims() },
            "type NH",
        );
        found(&super::super::Claims { structure_id: String::new(), ..claims() }, "Identifiant_Structure");
        found(&super::super::Claims { name_id: " ".into(), ..claims() }, "names a person");
    }

    #[test]
    fn a_change_breaks_the_signature() {
        let text = written(Mode::Indirect, Algorithm::RsaSha256);
        let changed = text.replace("279035121518989", "279035121518988");
        assert!(check(&changed, now()).is_err());
    }
}
