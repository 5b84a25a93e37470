//! What a message changes of a patient: fields that are written replace, `""` takes away, empty fields leave as it is.
//! Nothing else of the record is touched (snapshot mode, HL7 v2.5, 2.10.4).

use crate::json::{Value, json};

use super::pid::{Number, Pid};
use crate::fhir::element::list;
use crate::fhir::identifier::Identifier;
use crate::hl7v2::{Moment, Part};
use crate::identity::{BIRTH_GIVEN_NAMES, BIRTH_PLACE, Channel, IDENTITY_RELIABILITY, INSEE_CODE, InsKind};
use crate::problem::{Category, Problem};
use crate::terminology::{FR_IDENTIFIER_TYPE, oid_of};

/// Codes of the reliability of an identity (FR Core).
const STATUS_SYSTEM: &str = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445";
/// Communes by INSEE code (NOS).
const COMMUNE_SYSTEM: &str = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM";
/// HL7's own types of identifiers.
const IDENTIFIER_TYPE: &str = "http://terminology.hl7.org/CodeSystem/v2-0203";

/// The patient after the message.
///
/// # Errors
/// `Invalid` with the place of a value that cannot be read.
pub(super) fn overlay(before: &Value, pid: &Pid<'_>) -> Result<Value, Problem> {
    let mut after = before.clone();
    let field = |number| pid.segment.field(number);
    reliability(&mut after, field(32));
    identifiers(&mut after, &pid.numbers, pid.is_validated());
    put(&mut after, "name", field(5), names(field(5)));
    put(&mut after, "birthDate", field(7), date(field(7), "PID-7")?.map(Value::from));
    put(&mut after, "gender", field(8), gender(field(8))?.map(Value::from));
    addresses(&mut after, field(11));
    let telecom: Vec<Value> =
        [(13, "home"), (14, "work")].into_iter().flat_map(|(at, usage)| telecoms(field(at), usage)).collect();
    if !telecom.is_empty() || field(13).is_null() {
        set(&mut after, "telecom", Some(telecom).filter(|all| !all.is_empty()).map(Value::from));
    }
    deceased(&mut after, field(29), field(30))?;
    Ok(after)
}

/// Marks numbers as no longer in use: they still lead to the patient.
pub(super) fn retire(patient: &mut Value, numbers: &[Number]) {
    for element in patient["identifier"].as_array_mut().into_iter().flatten() {
        let retired = Identifier::of(element)
            .is_some_and(|known| numbers.iter().any(|number| number.identifier == known));
        if retired {
            element["use"] = json!("old");
        }
    }
}

/// Puts what a field says in the place of an element; an empty field says nothing.
fn put(patient: &mut Value, name: &str, field: Part<'_>, value: Option<Value>) {
    if field.is_null() {
        set(patient, name, None);
    } else if value.is_some() {
        set(patient, name, value);
    }
}

fn set(patient: &mut Value, name: &str, value: Option<Value>) {
    let Some(members) = patient.as_object_mut() else { return };
    match value {
        Some(value) => drop(members.insert(name.to_owned(), value)),
        None => drop(members.remove(name)),
    }
}

/// Puts an extension in the place of the one with its url, or takes that away.
fn extend(patient: &mut Value, url: &str, extension: Option<Value>) {
    let mut all: Vec<Value> = list(patient, "extension").filter(|one| one["url"] != url).cloned().collect();
    all.extend(extension);
    set(patient, "extension", Some(all).filter(|all| !all.is_empty()).map(Value::from));
}

fn reliability(patient: &mut Value, status: Part<'_>) {
    let code = status.text();
    let known = list(patient, "extension").find(|one| one["url"] == IDENTITY_RELIABILITY);
    let said = known.and_then(|one| list(one, "extension").find(|part| part["url"] == "identityStatus"));
    if code.is_empty() || said.is_some_and(|part| part["valueCoding"]["code"] == code.as_str()) {
        return;
    }
    let coding = json!({"system": STATUS_SYSTEM, "code": code});
    let part = json!({"url": "identityStatus", "valueCoding": coding});
    extend(patient, IDENTITY_RELIABILITY, Some(json!({"url": IDENTITY_RELIABILITY, "extension": [part]})));
}

/// Adds numbers that are new. An INS is kept only while the identity is validated: it takes the place of another one, and
/// leaves with the validation.
fn identifiers(patient: &mut Value, numbers: &[Number], validated: bool) {
    let is_ins = |element: &Value| {
        let billing = crate::fhir::element::codings(&element["type"]).iter().any(|(_, code)| *code == "NH");
        !billing && Identifier::of(element).is_some_and(|known| known.is_ins())
    };
    let mut kept: Vec<Value> = list(patient, "identifier").cloned().collect();
    if !validated || numbers.iter().any(|number| number.identifier.is_ins()) {
        kept.retain(|element| {
            let named = |number: &Number| Identifier::of(element).as_ref() == Some(&number.identifier);
            !is_ins(element) || (validated && numbers.iter().any(named))
        });
    }
    for number in numbers.iter().filter(|number| validated || !number.identifier.is_ins()) {
        let known =
            kept.iter_mut().find(|element| Identifier::of(element).as_ref() == Some(&number.identifier));
        match known {
            // A number that a message uses is in use.
            Some(element) if element["use"] == "old" => {
                drop(element.as_object_mut().map(|one| one.remove("use")))
            }
            Some(_) => {}
            None => kept.push(identifier(number)),
        }
    }
    set(patient, "identifier", Some(kept).filter(|kept| !kept.is_empty()).map(Value::from));
}

fn identifier(number: &Number) -> Value {
    let Identifier { system, value } = &number.identifier;
    if !number.identifier.is_ins() {
        let mut element = json!({});
        if !number.kind.is_empty() {
            element["type"] = json!({"coding": [{"system": IDENTIFIER_TYPE, "code": number.kind}]});
        }
        element["system"] = json!(system);
        element["value"] = json!(value);
        return element;
    }
    let known = oid_of(system).and_then(InsKind::of_oid).unwrap_or(InsKind::Nir);
    let (code, usage) =
        (known.type_code(Channel::Fhir), if known == InsKind::Nia { "temp" } else { "official" });
    let kind = json!({"coding": [{"system": FR_IDENTIFIER_TYPE, "code": code}]});
    json!({"use": usage, "type": kind, "system": system, "value": value})
}

/// Names of birth (type `L`) and in use (`D`); other types are not names that people are called by here.
fn names(field: Part<'_>) -> Option<Value> {
    let mut names: Vec<Value> = Vec::new();
    for name in field.repetitions() {
        let (usage, text) = (name.component(7).text(), |number| name.component(number).text());
        let usage = match usage.as_str() {
            "L" | "" => "official",
            "D" => "usual",
            _ => continue,
        };
        let (family, given, all) = (text(1), text(2), text(3));
        let mut element = json!({"use": usage});
        if usage == "official" && !all.is_empty() {
            element["extension"] = json!([{"url": BIRTH_GIVEN_NAMES, "valueString": all}]);
        }
        for (member, value) in [("family", family)] {
            if !value.is_empty() {
                element[member] = json!(value);
            }
        }
        for (member, value) in [("given", given), ("prefix", text(5))] {
            if !value.is_empty() {
                element[member] = json!([value]);
            }
        }
        if element.as_object().is_some_and(|members| members.len() > 1) {
            names.push(element);
        }
    }
    Some(names).filter(|names| !names.is_empty()).map(Value::from)
}

fn date(field: Part<'_>, place: &str) -> Result<Option<String>, Problem> {
    let text = field.text();
    if text.is_empty() {
        return Ok(None);
    }
    let moment = Moment::parse(&text).ok_or_else(|| unreadable(place, "a date is written YYYYMMDD"))?;
    Ok(Some(moment.date()))
}

fn gender(field: Part<'_>) -> Result<Option<&'static str>, Problem> {
    Ok(match field.text().as_str() {
        "" => None,
        "F" => Some("female"),
        "M" => Some("male"),
        "O" | "A" => Some("other"),
        "U" | "N" => Some("unknown"),
        _ => {
            let what = "the administrative sex is F, M, O, A, U or N (table 0001)";
            return Err(Problem::new(Category::Invalid, "code-invalid", what).at("PID-8"));
        }
    })
}

/// Where the patient lives, and the place of birth (types `BDL` and `N`), which is an extension in FHIR.
fn addresses(patient: &mut Value, field: Part<'_>) {
    let is_birth = |one: &Part<'_>| matches!(one.component(7).text().as_str(), "BDL" | "N");
    let (birth, others): (Vec<Part<'_>>, Vec<Part<'_>>) = field.repetitions().partition(is_birth);
    let homes: Vec<Value> = others.into_iter().filter_map(address).collect();
    if !homes.is_empty() || field.is_null() {
        set(patient, "address", Some(homes).filter(|homes| !homes.is_empty()).map(Value::from));
    }
    if let Some(place) = birth.first() {
        let mut value = address(*place).unwrap_or_else(|| json!({}));
        let insee = place.component(9).text();
        if !insee.is_empty() {
            value["extension"] =
                json!([{"url": INSEE_CODE, "valueCoding": {"system": COMMUNE_SYSTEM, "code": insee}}]);
        }
        if value.as_object().is_some_and(|members| !members.is_empty()) {
            extend(patient, BIRTH_PLACE, Some(json!({"url": BIRTH_PLACE, "valueAddress": value})));
        }
    }
}

fn address(part: Part<'_>) -> Option<Value> {
    let text = |number| part.component(number).text();
    let mut element = json!({});
    let usage = match text(7).as_str() {
        "H" | "L" | "M" => Some("home"),
        "B" | "O" => Some("work"),
        "C" => Some("temp"),
        _ => None,
    };
    let lines: Vec<String> = [1, 2].map(text).into_iter().filter(|line| !line.is_empty()).collect();
    if !lines.is_empty() {
        element["line"] = json!(lines);
    }
    for (member, number) in [("city", 3), ("postalCode", 5), ("country", 6)] {
        if !text(number).is_empty() {
            element[member] = json!(text(number));
        }
    }
    if element.as_object().is_some_and(crate::json::Map::is_empty) {
        return None;
    }
    if let Some(usage) = usage {
        element["use"] = json!(usage);
    }
    Some(element)
}

fn telecoms(field: Part<'_>, usage: &str) -> Vec<Value> {
    let telecom = |part: Part<'_>| {
        let text = |number| part.component(number).text();
        let (kind, mail) = (text(3), text(4));
        if !mail.is_empty() {
            return Some(json!({"system": "email", "value": mail, "use": usage}));
        }
        let number = [text(12), text(1), text(7)].into_iter().find(|number| !number.is_empty())?;
        let usage = if kind == "CP" { "mobile" } else { usage };
        let system = if kind == "FX" { "fax" } else { "phone" };
        Some(json!({"system": system, "value": number, "use": usage}))
    };
    field.repetitions().filter_map(telecom).collect()
}

/// A death is a fact that the care team must see; `N` takes a mistake back.
fn deceased(patient: &mut Value, at: Part<'_>, indicator: Part<'_>) -> Result<(), Problem> {
    let on = date(at, "PID-29")?;
    let (date_time, flag) = match (on, indicator.text().as_str()) {
        (Some(on), _) => (Some(json!(on)), None),
        (None, "Y") if patient["deceasedDateTime"].is_string() => return Ok(()),
        (None, "Y") => (None, Some(json!(true))),
        (None, "N") => (None, None),
        (None, _) if at.is_null() || indicator.is_null() => (None, None),
        (None, _) => return Ok(()),
    };
    set(patient, "deceasedDateTime", date_time);
    set(patient, "deceasedBoolean", flag);
    Ok(())
}

fn unreadable(place: &str, what: &str) -> Problem {
    Problem::new(Category::Invalid, "value", what).at(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hl7v2::Message;

    const INS: &str = "279035121518989^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS";

    fn after(before: &Value, pid: &str) -> Result<Value, Problem> {
        let text =
            format!("MSH|^~\\&|GAM|CHU|VIGIE|CHU|2026||ADT^A31|1|T|2.5|||||FRA|UNICODE UTF-8\rPID|||{pid}\r");
        let message = Message::parse(text.as_bytes()).unwrap();
        let reading =
            super::super::pid::Reading { authorities: &[], environment: crate::identity::Environment::Test };
        overlay(before, &Pid::read(&message, reading).unwrap_or_else(|problem| panic!("{problem}")))
    }

    fn whole() -> Value {
        let pid = format!(
            "{INS}~42^^^CHU&1.2.3&ISO^PI||PAT-TROIS^DOMINIQUE^DOMINIQUE MARIE-LOUISE^^MME^^L~USAGE^DOMINIQUE^^^^^D||19790328|F|||\
             28 Av de Breteuil^^PARIS^^75007^FRA^H~^^^^^^BDL^^51215||^PRN^PH^^^^^^^^^0100000000~^NET^Internet^d@example.org\
             |||||||||||||||||||VALI"
        );
        after(&json!({"resourceType": "Patient", "active": true}), &pid).unwrap()
    }

    #[test]
    fn every_trait_has_its_place_in_the_resource() {
        let patient = whole();
        assert_eq!(crate::fhir::identifier::ins(&patient).unwrap().value, "279035121518989");
        assert_eq!(patient["name"][0]["family"], "PAT-TROIS");
        assert_eq!(patient["name"][0]["extension"][0]["valueString"], "DOMINIQUE MARIE-LOUISE");
        assert_eq!(patient["name"][1]["use"], "usual");
        assert_eq!((&patient["birthDate"], &patient["gender"]), (&json!("1979-03-28"), &json!("female")));
        assert_eq!(patient["address"][0]["city"], "PARIS");
        assert_eq!(patient["address"].as_array().map(Vec::len), Some(1));
        assert_eq!(patient["telecom"][1]["value"], "d@example.org");
        assert_eq!(crate::fhir::structure::check(&patient), []);
    }

    #[test]
    fn empty_fields_leave_and_quotes_take_away() {
        let patient = whole();
        let left = after(&patient, "42^^^CHU&1.2.3&ISO^PI").unwrap();
        assert_eq!((&left["birthDate"], &left["name"]), (&patient["birthDate"], &patient["name"]));
        let taken = after(&patient, "42^^^CHU&1.2.3&ISO^PI||||\"\"").unwrap();
        assert!(taken.get("birthDate").is_none());
    }

    #[test]
    fn an_ins_leaves_with_its_validation() {
        let patient = after(&whole(), &format!("{INS}~42^^^CHU&1.2.3&ISO^PI{}PROV", "|".repeat(29))).unwrap();
        assert!(crate::fhir::identifier::ins(&patient).is_none());
        assert_eq!(patient["identifier"].as_array().map(Vec::len), Some(1));
        assert_eq!(
            patient["extension"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|one| one["url"] == IDENTITY_RELIABILITY)
                .count(),
            1
        );
    }

    #[test]
    fn what_others_wrote_stays() {
        let mut patient = whole();
        patient["contact"] = json!([{"name": {"text": "Personne de confiance"}}]);
        patient["generalPractitioner"] = json!([{"reference": "Practitioner/1"}]);
        let after = after(&patient, "42^^^CHU&1.2.3&ISO^PI||NOUVEAU^DOMINIQUE^^^^^L").unwrap();
        assert_eq!(
            (&after["contact"], &after["generalPractitioner"]),
            (&patient["contact"], &patient["generalPractitioner"])
        );
        assert_eq!(after["name"][0]["family"], "NOUVEAU");
    }

    #[test]
    fn a_death_is_told_and_can_be_taken_back() {
        let dead = after(&whole(), &format!("42^^^CHU&1.2.3&ISO^PI{}20260301|Y", "|".repeat(26))).unwrap();
        assert_eq!(dead["deceasedDateTime"], "2026-03-01");
        let alive = after(&dead, &format!("42^^^CHU&1.2.3&ISO^PI{}N", "|".repeat(27))).unwrap();
        assert!(alive.get("deceasedDateTime").is_none());
    }

    #[test]
    fn values_that_cannot_be_read_are_refused_with_their_place() {
        let check = |rest: &str, place: &str| {
            let problem = after(&json!({"resourceType": "Patient"}), &format!("42^^^CHU&1.2.3&ISO^PI{rest}"))
                .unwrap_err();
            assert_eq!(problem.issues[0].expression.as_deref(), Some(place));
        };
        check("||||19791332", "PID-7");
        check("|||||X", "PID-8");
    }
}
