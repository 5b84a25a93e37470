//! The keys that exist: unknown ones are refused by name, and each has its environment variable.

use toml::{Table, Value};

use crate::problem::Issue;

/// What a key takes.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Number,
    Flag,
    List,
}

const KEYS: &[(&str, Form)] = &[
    ("listen", Form::Text),
    ("database", Form::Text),
    ("base_url", Form::Text),
    ("profiles", Form::Text),
    ("log.level", Form::Text),
    ("log.json", Form::Flag),
    ("limits.body_bytes", Form::Number),
    ("limits.body_seconds", Form::Number),
    ("limits.workers", Form::Number),
    ("limits.report_weeks", Form::Number),
    ("limits.shutdown_seconds", Form::Number),
    ("cors.origins", Form::List),
    ("store.queue", Form::Number),
    ("store.readers", Form::Number),
    ("delivery.lease_seconds", Form::Number),
    ("delivery.backoff_ms", Form::Number),
    ("delivery.backoff_ms_max", Form::Number),
    ("delivery.in_flight_max", Form::Number),
    ("delivery.unreachable_minutes", Form::Number),
    ("delivery.poll_ms", Form::Number),
    ("issuer.name", Form::Text),
    ("issuer.finess", Form::Text),
    ("issuer.facility_type", Form::Text),
    ("issuer.facility_type_display", Form::Text),
    ("issuer.practice_setting", Form::Text),
    ("issuer.practice_setting_display", Form::Text),
    ("issuer.source_oid", Form::Text),
    ("issuer.encounter", Form::Text),
    ("issuer.patient_class", Form::Text),
    ("issuer.ipp_oid", Form::Text),
    ("issuer.environment", Form::Text),
    ("issuer.stationery", Form::Text),
    ("issuer.phone", Form::Text),
    ("identity.same_ins", Form::Text),
    ("silence.days", Form::Number),
    ("silence.inform_hours", Form::Number),
    ("escalation.watch", Form::Flag),
    ("escalation.opens", Form::Text),
    ("mllp.listen", Form::Text),
    ("mllp.message_bytes", Form::Number),
    ("mllp.connections", Form::Number),
    ("mllp.idle_seconds", Form::Number),
    ("mllp.authorities", Form::List),
    ("destinations", Form::List),
];

fn variable(key: &str) -> String {
    format!("VIGIE_{}", key.replace('.', "_").to_uppercase())
}

/// Takes keys out that do not exist or hold a value of the wrong form, with an issue each.
pub(super) fn refuse_unknown(table: &mut Table, issues: &mut Vec<Issue>) {
    let mut keep = Table::new();
    for (name, value) in std::mem::take(table) {
        match value {
            Value::Table(inner) if KEYS.iter().any(|(key, _)| key.starts_with(&format!("{name}."))) => {
                let mut kept = Table::new();
                for (leaf, value) in inner {
                    if accept(&format!("{name}.{leaf}"), &value, issues) {
                        kept.insert(leaf, value);
                    }
                }
                keep.insert(name, Value::Table(kept));
            }
            value => {
                if accept(&name, &value, issues) {
                    keep.insert(name, value);
                }
            }
        }
    }
    *table = keep;
}

fn accept(key: &str, value: &Value, issues: &mut Vec<Issue>) -> bool {
    let Some((_, form)) = KEYS.iter().find(|(known, _)| *known == key) else {
        let known: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
        let text = format!("there is no key '{key}'; there are {}", known.join(", "));
        issues.push(Issue::error("not-found", text).at(key.to_owned()));
        return false;
    };
    let (fits, wanted) = match form {
        Form::Text => (value.is_str(), "a text"),
        Form::Number => (value.as_integer().is_some_and(|n| n >= 0), "a whole number from 0"),
        Form::Flag => (value.is_bool(), "true or false"),
        Form::List => (value.is_array(), "a list of tables"),
    };
    if !fits {
        issues.push(Issue::error("value", format!("{key}: must be {wanted}")).at(key.to_owned()));
    }
    fits
}

/// Puts the variables that name a key over the file's values.
pub(super) fn apply_environment(
    table: &mut Table,
    environment: impl IntoIterator<Item = (String, String)>,
    issues: &mut Vec<Issue>,
) {
    for (name, text) in environment {
        // `VIGIE_TEST_…` is for the tests, which start services in their own environment.
        if !name.starts_with("VIGIE_") || name.starts_with("VIGIE_TEST_") {
            continue;
        }
        let Some((key, form)) = KEYS.iter().find(|(key, _)| variable(key) == name) else {
            let known: Vec<String> = KEYS.iter().map(|(key, _)| variable(key)).collect();
            issues.push(Issue::error(
                "not-found",
                format!("{name} is not read; there are {}", known.join(", ")),
            ));
            continue;
        };
        match parse(*form, &text) {
            Ok(value) => insert(table, key, value),
            Err(wanted) => issues.push(Issue::error("value", format!("{name}: must be {wanted}")).at(*key)),
        }
    }
}

fn parse(form: Form, text: &str) -> Result<Value, &'static str> {
    match form {
        Form::Text => Ok(Value::String(text.to_owned())),
        Form::Number => {
            text.parse().ok().filter(|n: &i64| *n >= 0).map(Value::Integer).ok_or("a whole number from 0")
        }
        Form::Flag => text.parse().map(Value::Boolean).map_err(|_| "true or false"),
        Form::List => format!("list = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("list"))
            .filter(Value::is_array)
            .ok_or("a TOML array of inline tables"),
    }
}

fn insert(table: &mut Table, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((group, leaf)) => {
            let inner = table.entry(group).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                inner.insert(leaf.to_owned(), value);
            }
        }
    }
}
