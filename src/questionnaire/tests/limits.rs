//! Each limit with an answer that keeps it and one that breaks it.

use crate::json::{Value, json};

use super::{check, compiled, definition, issues_of, response};

const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";
const SDC: &str = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-";

fn item(kind: &str, extensions: &[(&str, &str, Value)]) -> Value {
    let extensions: Vec<Value> = extensions
        .iter()
        .map(|(url, name, value)| {
            let base = if url.starts_with("min") && url.ends_with("Quantity")
                || url.starts_with("max") && url.ends_with("Quantity")
                || *url == "unitOpen"
            {
                SDC
            } else {
                CORE
            };
            json!({ "url": format!("{base}{url}"), (*name): value })
        })
        .collect();
    json!({ "linkId": "q", "type": kind, "extension": extensions })
}

fn check_limit(item: &Value, name: &str, kept: &[Value], broken: &[Value], code: &str) {
    let answer = |value: &Value| json!([{ "linkId": "q", "answer": [{ name: value }] }]);
    for value in kept {
        check(&json!([item]), &answer(value), &[]);
    }
    let expected = format!("error {code} item[0].answer[0].value");
    for value in broken {
        check(&json!([item]), &answer(value), &[&expected]);
    }
}

fn cel(value: &str, code: &str) -> Value {
    let mut quantity = json!({ "system": "http://unitsofmeasure.org", "code": code, "unit": code });
    quantity["value"] = serde_json::from_str(value).unwrap();
    quantity
}

#[test]
fn numbers_stay_within_their_range_exactly() {
    let range = item(
        "decimal",
        &[("minValue", "valueDecimal", json!(34)), ("maxValue", "valueDecimal", json!(43.5))],
    );
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    check_limit(
        &range,
        "valueDecimal",
        &[number("34"), number("43.50")],
        &[number("43.500000000000000001"), number("385")],
        "maxValue",
    );
    check_limit(&range, "valueDecimal", &[], &[number("33.999999999999999999"), number("3.85")], "minValue");
    let count = item("integer", &[("minValue", "valueInteger", json!(0))]);
    check_limit(&count, "valueInteger", &[json!(0)], &[json!(-1)], "minValue");
}

#[test]
fn dates_and_times_stay_within_their_range() {
    let date = item(
        "date",
        &[("minValue", "valueDate", json!("2026-11-01")), ("maxValue", "valueDate", json!("2026-11-30"))],
    );
    check_limit(
        &date,
        "valueDate",
        &[json!("2026-11-01"), json!("2026-11")],
        &[json!("2026-10-31"), json!("2025")],
        "minValue",
    );
    check_limit(&date, "valueDate", &[json!("2026-11-30")], &[json!("2026-12-01")], "maxValue");
    let time = item("time", &[("maxValue", "valueTime", json!("12:00:00"))]);
    check_limit(&time, "valueTime", &[json!("12:00:00")], &[json!("12:00:01")], "maxValue");
}

#[test]
fn quantities_are_compared_in_the_unit_of_the_limit() {
    let range = item(
        "quantity",
        &[
            ("minQuantity", "valueQuantity", cel("34", "Cel")),
            ("maxQuantity", "valueQuantity", cel("43", "Cel")),
        ],
    );
    check_limit(
        &range,
        "valueQuantity",
        &[cel("38.5", "Cel"), cel("98.6", "[degF]")],
        &[cel("385", "Cel"), cel("120", "[degF]")],
        "maxValue",
    );
    check_limit(&range, "valueQuantity", &[], &[cel("3.85", "Cel")], "minValue");
    let least = item("quantity", &[("minQuantity", "valueQuantity", cel("34", "Cel"))]);
    check_limit(&least, "valueQuantity", &[], &[cel("80", "kg")], "minValueIncompatUnits");
    let most = item("quantity", &[("maxQuantity", "valueQuantity", cel("43", "Cel"))]);
    check_limit(&most, "valueQuantity", &[], &[cel("10", "kg")], "maxValueIncompatUnits");
}

#[test]
fn a_plain_limit_is_for_the_magnitude_of_a_quantity() {
    let range = item("quantity", &[("maxValue", "valueDecimal", json!(43))]);
    check_limit(&range, "valueQuantity", &[cel("43", "Cel")], &[cel("43.1", "Cel")], "maxValue");
}

#[test]
fn the_unit_is_one_of_the_options() {
    let unit = (
        "questionnaire-unitOption",
        "valueCoding",
        json!({ "system": "http://unitsofmeasure.org", "code": "Cel", "display": "°C" }),
    );
    let closed = item("quantity", std::slice::from_ref(&unit));
    check_limit(
        &closed,
        "valueQuantity",
        &[cel("37", "Cel")],
        &[cel("98.6", "[degF]"), json!({ "value": 37 })],
        "invalidUnit",
    );
    // Each once, by the code that a program sends.
    let twice = compiled(&definition(&json!([item("quantity", &[unit.clone(), unit.clone()])])));
    let answers = json!([{ "linkId": "q", "answer": [{ "valueQuantity": cel("98.6", "[degF]") }] }]);
    let found = issues_of(&twice, &response(&answers));
    assert!(
        found[0].diagnostics.ends_with("unit '[degF]' is not allowed; the units are: Cel (°C)"),
        "{found:?}"
    );
    let open = item("quantity", &[unit.clone(), ("unitOpen", "valueCode", json!("optionsOrType"))]);
    check_limit(&open, "valueQuantity", &[cel("98.6", "[degF]")], &[], "invalidUnit");
    check(
        &json!([item("quantity", &[unit])]),
        &json!([{ "linkId": "q", "answer": [{ "valueQuantity": { "value": 37, "unit": "°C" } }] }]),
        &["warning invalidUnit item[0].answer[0].value"],
    );
}

#[test]
fn texts_have_a_length_and_a_pattern() {
    let mut length = item("string", &[("minLength", "valueInteger", json!(2))]);
    length["maxLength"] = json!(4);
    check_limit(&length, "valueString", &[json!("éé"), json!("éééé")], &[json!("é")], "minLength");
    check_limit(&length, "valueString", &[], &[json!("ééééé")], "maxLength");
    let pattern = item("string", &[("regex", "valueString", json!("[0-9]{5}|2[AB][0-9]{3}"))]);
    check_limit(
        &pattern,
        "valueString",
        &[json!("75012"), json!("2A004")],
        &[json!("750123"), json!("x75012")],
        "regex",
    );
}

#[test]
fn a_string_has_no_line_break_but_a_text_has() {
    check_limit(
        &json!({ "linkId": "q", "type": "string" }),
        "valueString",
        &[json!("a b")],
        &[json!("a\nb")],
        "invalidNewLine",
    );
    check_limit(
        &json!({ "linkId": "q", "type": "text" }),
        "valueString",
        &[json!("a\nb")],
        &[],
        "invalidNewLine",
    );
}

#[test]
fn decimal_places_count_as_written() {
    let places = item("decimal", &[("maxDecimalPlaces", "valueInteger", json!(1))]);
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    check_limit(&places, "valueDecimal", &[number("38.5")], &[number("38.50")], "maxDecimalPlaces");
    let places = item("quantity", &[("maxDecimalPlaces", "valueInteger", json!(1))]);
    check_limit(&places, "valueQuantity", &[cel("38.5", "Cel")], &[cel("38.55", "Cel")], "maxDecimalPlaces");
}

#[test]
fn addresses_and_references_are_well_formed() {
    check_limit(
        &item("url", &[]),
        "valueUri",
        &[json!("https://example.org/")],
        &[json!("example"), json!("http://a b")],
        "invalidUrlValue",
    );
    let reference = |text: &str| json!({ "reference": text });
    let identifier = json!({ "identifier": { "value": "1" } });
    check_limit(
        &item("reference", &[]),
        "valueReference",
        &[reference("Patient/1"), identifier],
        &[reference("Patient"), json!({ "display": "x" })],
        "invalidRefValue",
    );
    let typed = item("reference", &[("questionnaire-referenceResource", "valueCode", json!("Practitioner"))]);
    check_limit(
        &typed,
        "valueReference",
        &[reference("Practitioner/1")],
        &[reference("Patient/1")],
        "invalidRefResourceType",
    );
    let profile = json!("http://hl7.org/fhir/StructureDefinition/Practitioner");
    let profiled = item("reference", &[("questionnaire-referenceProfile", "valueCanonical", profile)]);
    check_limit(
        &profiled,
        "valueReference",
        &[reference("Practitioner/1")],
        &[reference("Patient/1")],
        "invalidRefResourceTypeRestriction",
    );
}

#[test]
fn attachments_have_a_type_and_a_size() {
    let typed = item("attachment", &[("mimeType", "valueCode", json!("image/*"))]);
    let of = |kind: &str| json!({ "contentType": kind });
    check_limit(
        &typed,
        "valueAttachment",
        &[of("image/png")],
        &[of("application/pdf"), json!({})],
        "invalidAttachmentType",
    );
    let sized = item("attachment", &[("maxSize", "valueDecimal", json!(0.000_003))]);
    check_limit(
        &sized,
        "valueAttachment",
        &[json!({ "data": "QUJD" })],
        &[json!({ "data": "QUJDRA==" })],
        "maxAttachmentSize",
    );
    let size = |size: u8| json!({ "data": "QUJD", "size": size });
    check_limit(
        &item("attachment", &[]),
        "valueAttachment",
        &[size(3)],
        &[size(4)],
        "attachmentSizeInconsistent",
    );
}

#[test]
fn a_unit_that_is_only_spelled_out_is_still_compared() {
    let coding = json!({ "system": "http://unitsofmeasure.org", "code": "Cel", "display": "°C" });
    let fever = item(
        "quantity",
        &[
            ("questionnaire-unitOption", "valueCoding", coding),
            ("maxQuantity", "valueQuantity", cel("43", "Cel")),
        ],
    );
    let answer = |value: f64| json!([{ "linkId": "q", "answer": [{ "valueQuantity": { "value": value, "unit": "°C" } }] }]);
    let loose = "warning invalidUnit item[0].answer[0].value";
    check(&json!([fever]), &answer(39.2), &[loose]);
    check(&json!([fever]), &answer(385.0), &[loose, "error maxValue item[0].answer[0].value"]);
}
