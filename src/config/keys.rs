//! The keys that exist: unknown ones are refused by name, and each has its environment variable.

use std::net::SocketAddr;

use toml::{Table, Value};

use crate::problem::Issue;

/// What a key takes.
#[derive(Clone, Copy)]
enum Form {
    Text,
    /// A text that is never shown.
    Secret,
    Address,
    Number,
    Flag,
    /// A list of texts.
    Texts,
    /// A list of tables, in which secrets may stand.
    Tables,
}

impl Form {
    /// What is right, in words.
    const fn wanted(self) -> &'static str {
        match self {
            Self::Text | Self::Secret => "a text",
            Self::Address => "an address and a port, such as 127.0.0.1:8080 or [::1]:8080",
            Self::Number => "a whole number from 0",
            Self::Flag => "true or false",
            Self::Texts => "a TOML list of texts, such as [\"https://console.hospital.example\"]",
            Self::Tables => "a TOML list of tables, such as [{name = \"dpi\"}]",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text | Self::Secret => value.is_str(),
            Self::Address => value.as_str().is_some_and(|text| text.parse::<SocketAddr>().is_ok()),
            Self::Number => value.as_integer().is_some_and(|n| n >= 0),
            Self::Flag => value.is_bool(),
            Self::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_str)),
            Self::Tables => value.as_array().is_some_and(|list| list.iter().all(Value::is_table)),
        }
    }

    /// That a value does not fit, with the value unless it may be secret.
    fn refusal(self, value: &str) -> String {
        match self {
            Self::Secret | Self::Tables => format!("must be {}", self.wanted()),
            _ => format!("{value} is not {}", self.wanted()),
        }
    }
}

const KEYS: &[(&str, Form)] = &[
    ("listen", Form::Address),
    ("database", Form::Secret),
    ("base_url", Form::Text),
    ("profiles", Form::Text),
    ("log.level", Form::Text),
    ("log.json", Form::Flag),
    ("limits.body_bytes", Form::Number),
    ("limits.body_seconds", Form::Number),
    ("limits.workers", Form::Number),
    ("limits.report_weeks", Form::Number),
    ("limits.shutdown_seconds", Form::Number),
    ("cors.origins", Form::Texts),
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
    ("escalation.holidays", Form::Text),
    ("mllp.listen", Form::Address),
    ("mllp.message_bytes", Form::Number),
    ("mllp.connections", Form::Number),
    ("mllp.idle_seconds", Form::Number),
    ("mllp.authorities", Form::Tables),
    ("destinations", Form::Tables),
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
    let fits = form.fits(value);
    if !fits {
        issues.push(Issue::error("value", form.refusal(&value.to_string())).at(key.to_owned()));
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
            Some(value) => insert(table, key, value),
            None => issues.push(Issue::error("value", form.refusal(&format!("'{text}'"))).at(name)),
        }
    }
}

/// The text of a variable as what its key takes.
fn parse(form: Form, text: &str) -> Option<Value> {
    let value = match form {
        Form::Text | Form::Secret | Form::Address => Value::String(text.to_owned()),
        Form::Number => Value::Integer(text.parse().ok()?),
        Form::Flag => Value::Boolean(text.parse().ok()?),
        Form::Texts | Form::Tables => format!("list = {text}").parse::<Table>().ok()?.remove("list")?,
    };
    form.fits(&value).then_some(value)
}

/// Each value by itself, with its key; the tables of a list one by one, with their place. All of them stand for a key that exists.
pub(super) fn each(table: &Table) -> Vec<(&'static str, String, Value)> {
    let mut all = Vec::new();
    for (key, form) in KEYS {
        let found = match key.split_once('.') {
            None => table.get(*key),
            Some((group, leaf)) => table.get(group).and_then(|group| group.get(leaf)),
        };
        match (form, found) {
            (Form::Tables, Some(Value::Array(list))) => {
                let one = |(n, entry): (usize, &Value)| {
                    (*key, format!("{key}[{n}]"), Value::Array(vec![entry.clone()]))
                };
                all.extend(list.iter().enumerate().map(one));
            }
            (_, Some(value)) => all.push((*key, (*key).to_owned(), value.clone())),
            (_, None) => {}
        }
    }
    all
}

/// Puts a value there; behind what a list holds already.
pub(super) fn add(table: &mut Table, key: &str, value: Value) {
    let place = match key.split_once('.') {
        None => table.get_mut(key),
        Some((group, leaf)) => table.get_mut(group).and_then(|group| group.get_mut(leaf)),
    };
    match (place, value) {
        (Some(Value::Array(list)), Value::Array(more)) => list.extend(more),
        (_, value) => insert(table, key, value),
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
