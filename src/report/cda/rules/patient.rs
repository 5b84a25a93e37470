//! The patient: which number, and the traits that go with an INS.

use super::Faults;
use crate::identity::{BIRTH_PLACE_UNKNOWN, Environment, Ins, InsKind};
use crate::report::cda::element::find;
use crate::xml::Element;

const ROLE: &str = "recordTarget/patientRole";

pub(crate) fn patient(root: &Element, environment: Environment, faults: &mut Faults) {
    let ids = find(root, "recordTarget/patientRole/id");
    faults.unless(!ids.is_empty(), ROLE, "the patient has no number");
    let mut matricules = 0;
    for (n, id) in ids.iter().enumerate() {
        let place = format!("{ROLE}/id[{}]", n + 1);
        let (Some(oid), Some(value)) = (id.get("root"), id.get("extension")) else {
            faults.add(&place, "a number of a patient has root and extension");
            continue;
        };
        faults.unless(!value.trim().is_empty(), &place, "the number is empty");
        if let Some(kind) = InsKind::of_oid(oid) {
            matricules += 1;
            matricule(kind, value, environment, &place, faults);
        } else if oid.starts_with("1.2.250.1.213.1.4.") {
            faults.add(&place, "a namespace of national identity that is no longer used in documents");
        }
    }
    faults.unless(matricules <= 1, ROLE, "several INS");
    if matricules == 0 {
        faults.warn(ROLE, "no INS: the document must not go to the DMP before the identity is qualified");
    } else {
        traits(root, faults);
    }
}

fn matricule(kind: InsKind, value: &str, environment: Environment, place: &str, faults: &mut Faults) {
    faults.unless(Ins::new(kind, value).is_ok(), place, "the form or the key of the INS is wrong");
    faults.unless(
        kind.environment() == environment,
        place,
        match environment {
            Environment::Production => "an INS of a test or demonstration identity in production",
            Environment::Test => "an INS of a real identity among test identities",
        },
    );
}

/// With an INS go all strict traits: names of birth, all given names, sex, birth date, INSEE code of the place of birth.
fn traits(root: &Element, faults: &mut Faults) {
    let at =
        |path: &str| find(root, &format!("{ROLE}/patient/{path}")).into_iter().cloned().collect::<Vec<_>>();
    let said = |path: &str, qualifier: Option<&str>| {
        at(path).iter().any(|part| part.get("qualifier") == qualifier && !part.content().trim().is_empty())
    };
    let value = |path: &str, attribute: &str| {
        at(path).first().and_then(|found| found.get(attribute).map(str::to_owned)).unwrap_or_default()
    };
    let birth = value("birthTime", "value");
    let place = at("birthplace/place/addr/county").first().map(|county| county.content()).unwrap_or_default();
    let rules = [
        (said("name/family", Some("BR")), "name/family", "the name of birth goes with an INS"),
        (said("name/given", Some("BR")), "name/given", "the first given name of birth goes with an INS"),
        (said("name/given", None), "name/given", "all given names of birth go with an INS"),
        (
            !value("administrativeGenderCode", "code").is_empty(),
            "administrativeGenderCode",
            "the sex goes with an INS",
        ),
        (
            birth.len() == 8 && birth.bytes().all(|b| b.is_ascii_digit()),
            "birthTime",
            "the whole birth date goes with an INS",
        ),
        (
            place.len() == 5 && place != BIRTH_PLACE_UNKNOWN,
            "birthplace/place/addr/county",
            "the INSEE code of the place of birth goes with an INS",
        ),
    ];
    for (holds, path, what) in rules {
        faults.unless(holds, &format!("{ROLE}/patient/{path}"), what);
    }
}
