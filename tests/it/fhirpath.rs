//! FHIRPath: every case of `tests/cases/fhirpath` gives what it says, with the types of R4 and without.

use vigie::fhir::schema;
use vigie::fhirpath::{Collection, Model, NoModel, Scope, Terminology, Types, compile};
use vigie::json::Value;

const INPUTS: &[(&str, &str)] = &[
    ("nothing", include_str!("../cases/fhirpath/input/nothing.json")),
    ("patient", include_str!("../cases/fhirpath/input/patient.json")),
    ("response", include_str!("../cases/fhirpath/input/response.json")),
];

/// Knows one value set: the grades of our own code systems.
struct Grades;

impl Terminology for Grades {
    fn member_of(&self, valueset: &str, system: Option<&str>, _code: &str) -> Option<bool> {
        let known = valueset == "https://vigie.example/fhir/ValueSet/grades";
        known.then(|| {
            system.is_some_and(|system| system.starts_with("https://vigie.example/fhir/CodeSystem/base-"))
        })
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// What the expression gives, or the message of its fault.
fn evaluate(text: &str, input: &Value, model: &dyn Model) -> Result<Vec<Value>, String> {
    let expression = compile(text).map_err(|problem| problem.to_string())?;
    let now = "2026-11-22T10:00:00+01:00[Europe/Paris]".parse().unwrap();
    let mut scope = Scope::new(model, now).with_terminology(&Grades);
    for resource in list(input, "resources") {
        scope = scope.with_resource(resource);
    }
    for (name, values) in input.get("variables").and_then(Value::as_object).into_iter().flatten() {
        scope.set(name, Collection::from_values(values.as_array().unwrap()));
    }
    let focus = Collection::from_value(&input["focus"]);
    let found = expression.evaluate(&focus, &scope).map_err(|fault| fault.message)?;
    Ok(found.to_values())
}

/// Why the case does not hold, if so.
fn broken(case: &Value, input: &Value, model: &dyn Model) -> Option<String> {
    let text = case["expression"].as_str().unwrap();
    let found = evaluate(text, input, model);
    let holds = match (&found, case) {
        (Ok(found), Value::Object(case)) if case.contains_key("gives") => {
            case["gives"].as_array() == Some(found)
        }
        (Ok(found), Value::Object(case)) if case.contains_key("count") => case["count"] == found.len(),
        (Err(message), _) if case.get("fault").or(case.get("refused")).is_some() => {
            let refused = compile(text).is_err();
            let wanted = case.get(if refused { "refused" } else { "fault" });
            wanted.and_then(Value::as_str).is_some_and(|wanted| message.contains(wanted))
        }
        _ => false,
    };
    (!holds).then(|| format!("{case}\n    found {found:?}"))
}

fn check(cases: &str) {
    let cases = parsed(cases);
    let name = cases["input"].as_str().unwrap();
    let input = parsed(INPUTS.iter().find(|(known, _)| *known == name).unwrap().1);
    let mut failures = Vec::new();
    let mut checked = 0;
    for fact in list(&cases, "facts") {
        for case in list(fact, "cases") {
            let typed_only = case.get("typed") == Some(&Value::Bool(true));
            let untyped: Option<&dyn Model> = if typed_only { None } else { Some(&NoModel) };
            let typed: &dyn Model = schema::r4();
            for model in [Some(typed), untyped].into_iter().flatten() {
                checked += 1;
                failures.extend(broken(case, &input, model).map(|why| format!("{}: {why}", fact["fact"])));
            }
        }
    }
    assert!(checked > 0, "no case was read");
    assert!(failures.is_empty(), "{} of {checked}:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn expressions_over_a_weekly_response_give_what_their_authors_mean() {
    check(include_str!("../cases/fhirpath/response.json"));
}

#[test]
fn expressions_over_a_patient_see_types_extensions_and_order() {
    check(include_str!("../cases/fhirpath/patient.json"));
}

#[test]
fn values_are_computed_compared_and_converted_as_specified() {
    check(include_str!("../cases/fhirpath/values.json"));
}

#[test]
fn what_is_not_fhirpath_is_refused_at_its_place() {
    check(include_str!("../cases/fhirpath/refusals.json"));
}

/// What checking says: the types it can give, or every refusal.
fn checked(text: &str, focus: &str) -> Result<Types, Vec<String>> {
    let expression = compile(text).unwrap();
    let variables = [("previous", Types::of("QuestionnaireResponse")), ("careplan", Types::of("CarePlan"))];
    let found = expression.check(schema::r4(), &Types::of(focus), &variables);
    found.map_err(|problem| problem.issues.into_iter().map(|issue| issue.diagnostics).collect())
}

#[test]
fn a_name_that_no_type_has_is_refused_before_any_response_comes() {
    for (text, focus, wanted) in [
        (
            "item.linkid",
            "QuestionnaireResponse",
            "line 1:6: found \"linkid\", which QuestionnaireResponse.item does not have",
        ),
        ("repeat(item).answer.value.cod", "QuestionnaireResponse", "line 1:27: found \"cod\""),
        ("%previous.itm.answer", "QuestionnaireResponse", "line 1:11: found \"itm\""),
        ("item.where(likId = 'a')", "QuestionnaireResponse", "line 1:12: found \"likId\""),
        ("%careplan.activity.detail.where(kod.exists())", "Patient", "found \"kod\""),
        (
            "value.ofType(Coding)",
            "Observation",
            "line 1:14: found the type \"Coding\", but here is any of 11 types",
        ),
        ("(value as Period).unit", "Observation", "found \"unit\", which Period does not have"),
        ("valueQuantity.unit", "Observation", "right is \"value.ofType(Quantity)\""),
        ("Encounter.status", "Patient", "found \"Encounter\" at the head of a path that starts from Patient"),
        ("children().first()", "Patient", "line 1:12: found first() on children(), which has no order"),
        ("name.given.exists(x)", "Patient", "found \"x\", which string does not have"),
    ] {
        let found = checked(text, focus).unwrap_err();
        assert!(found.len() == 1 && found[0].contains(wanted), "{text}: {found:?}");
    }
}

#[test]
fn the_types_of_a_result_are_known_where_the_expression_tells_them() {
    for (text, wanted) in [
        ("item.item.answer.value.ofType(Coding)", Types::of("Coding")),
        ("repeat(item)", Types::of("QuestionnaireResponse.item")),
        ("item.answer.value.ofType(Quantity).where(code = 'Cel').value", Types::of("decimal")),
        ("authored.toDate() <= today()", Types::of("System.Boolean")),
        ("%previous.descendants().anything", Types::anything()),
        ("contained.whatever", Types::anything()),
        ("%triggered.where(level = 'orange').symptom", Types::anything()),
        ("iif(status = 'completed', item.linkId.first(), item.text)", Types::of("string")),
    ] {
        assert_eq!(checked(text, "QuestionnaireResponse"), Ok(wanted), "{text}");
    }
}

/// Pieces of text that mean something, alone or in the wrong place.
const FRAGMENTS: &[&str] = &[
    ".where(",
    ")",
    "(",
    "=",
    "'",
    "`",
    "%",
    "%previous",
    "$this",
    "$total",
    "[",
    "]",
    "{}",
    "38.40 'Cel'",
    "@2026-11",
    "@T10",
    "-",
    "div",
    "&",
    "in",
    "is",
    "as",
    "Quantity",
    "and",
    ".ofType(Coding)",
    "aggregate(",
    ",",
    ".substring(",
    "9223372036854775807",
    "é",
    "\\",
    "\"",
    "//",
    "/*",
    "\n",
    "iif(",
    "-1",
    "true",
    ".resolve()",
];

/// What may follow any operand.
const SUFFIXES: &[&str] = &[
    "",
    ".toString()",
    ".toDecimal()",
    ".toQuantity()",
    ".toDateTime()",
    ".abs()",
    ".power(40)",
    ".power(-0.5)",
    ".exp()",
    ".ln()",
    ".sqrt()",
    ".log(10)",
    ".round(28)",
    ".lowBoundary()",
    ".highBoundary(8)",
    ".precision()",
    ".first()",
    ".distinct()",
    ".sum()",
    ".avg()",
    ".max()",
    ".sort()",
    ".descendants()",
    ".type().name",
    ".value",
    ".repeat($this)",
    ".select($this & $this)",
    ".substring(1, 9223372036854775807)",
    ".skip(9223372036854775807)",
    ".matches('a+')",
    ".escape('json')",
    ".unescape('json')",
    ".decode('hex')",
    ".toChars()",
    ".truncate()",
];

const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "div", "mod", "&", "|", "=", "~", "<", ">=", "in", "contains", "and", "or", "xor",
    "implies",
];

/// Operands at the ends of what can be told.
const OPERANDS: &[&str] = &[
    "9223372036854775807",
    "(-9223372036854775807 - 1)",
    "7922816251426433759354395033.5",
    "0.0000000000000000000000000001",
    "@9999-12-31T23:59:59.999Z",
    "@0001",
    "@T23:59:59.999",
    "9223372036854775807 years",
    "0.5 'Cel'",
    "1 '[pH]'",
    "1 'xyz'",
    "'é'",
    "{}",
    "0",
    "0.0",
    "-1",
    "true",
    "1000000 'km'",
    "1 'B[SPL]'",
    "(1 | 2)",
    "%previous",
    "item",
    "authored",
];

proptest::proptest! {
    /// Compile, check and evaluate answer or refuse, whatever they are given.
    #[test]
    fn no_text_makes_compile_or_evaluate_panic(
        broken in proptest::collection::vec(proptest::sample::select(FRAGMENTS), 0..12),
        left in proptest::sample::select(OPERANDS),
        first in proptest::sample::select(SUFFIXES),
        second in proptest::sample::select(SUFFIXES),
        operator in proptest::sample::select(OPERATORS),
        right in proptest::sample::select(OPERANDS),
    ) {
        let whole = format!("({left}){first}{second} {operator} ({right}){first}");
        let input = parsed(INPUTS[2].1);
        for text in [broken.concat(), whole] {
            let _ = evaluate(&text, &input, schema::r4());
            if let Ok(expression) = compile(&text) {
                let _ = expression.check(schema::r4(), &Types::of("QuestionnaireResponse"), &[]);
            }
        }
    }
}
