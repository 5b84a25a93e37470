//! Reading settings, and telling all that is wrong with them at once: where, which value, and what would be right.

use toml::Table;
use validator::{Validate, ValidationError, ValidationErrors, ValidationErrorsKind};

use super::{Destination, Settings, keys};
use crate::problem::{Category, Issue, Problem};

/// Reads settings: the file's text if there is one, and the environment's variables.
///
/// # Errors
/// `Malformed` with one issue a fault: the key, its value unless secret, and what would be right.
pub fn read(
    file: Option<&str>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Problem> {
    let mut issues = Vec::new();
    let mut table = match file.map(str::parse::<Table>).transpose() {
        Ok(table) => table.unwrap_or_default(),
        Err(fault) => {
            issues.push(unparseable(file.unwrap_or_default(), &fault));
            Table::new()
        }
    };
    keys::refuse_unknown(&mut table, &mut issues);
    keys::apply_environment(&mut table, environment, &mut issues);
    let mut settings = made(table, &mut issues);
    if let Err(faults) = settings.validate() {
        collect("", &faults, &mut issues);
    }
    issues.extend(repeated_name(&settings.destinations));
    if !issues.is_empty() {
        return Err(Problem::with(Category::Malformed, issues));
    }
    while settings.base_url.ends_with('/') {
        settings.base_url.pop();
    }
    Ok(settings)
}

/// The settings that a table says. What cannot be read is told, each value and each entry of a list by itself, and left out.
fn made(table: Table, issues: &mut Vec<Issue>) -> Settings {
    let mut kept = Table::new();
    for (key, place, value) in keys::each(&table) {
        let mut alone = Table::new();
        keys::add(&mut alone, key, value.clone());
        match alone.try_into::<Settings>() {
            Ok(_) => keys::add(&mut kept, key, value),
            Err(fault) => issues.push(unreadable(key, &place, &fault)),
        }
    }
    kept.try_into().unwrap_or_else(|fault| {
        issues.push(unreadable("", "", &fault));
        Settings::default()
    })
}

/// Where the file is no TOML. Its text is not repeated: a secret may stand there.
fn unparseable(file: &str, fault: &toml::de::Error) -> Issue {
    let issue = Issue::error("structure", format!("no TOML: {}", fault.message().replace('\n', " ")));
    let Some(before) = fault.span().and_then(|span| file.get(..span.start)) else { return issue };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    issue.at(format!("line {line}, column {column}"))
}

/// What is wrong with a value, and where within its place: a fault of TOML ends with the key in question.
fn unreadable(key: &str, place: &str, fault: &toml::de::Error) -> Issue {
    let told = fault.to_string();
    let named = told.trim_end().rsplit_once("in `").and_then(|(_, named)| named.strip_suffix('`'));
    let within = named.and_then(|named| named.strip_prefix(key)).unwrap_or_default();
    Issue::error("value", fault.message().replace('\n', " ")).at(format!("{place}{within}"))
}

fn collect(prefix: &str, faults: &ValidationErrors, issues: &mut Vec<Issue>) {
    let mut fields: Vec<_> = faults.errors().iter().collect();
    fields.sort_by(|a, b| a.0.cmp(b.0));
    for (field, kind) in fields {
        let key = match field.as_ref() {
            // A fault of the whole table.
            "__all__" => prefix.to_owned(),
            field if prefix.is_empty() => field.to_owned(),
            field => format!("{prefix}.{field}"),
        };
        match kind {
            ValidationErrorsKind::Struct(inner) => collect(&key, inner, issues),
            ValidationErrorsKind::List(items) => {
                for (n, inner) in items {
                    collect(&format!("{key}[{n}]"), inner, issues);
                }
            }
            ValidationErrorsKind::Field(errors) => {
                issues.extend(errors.iter().map(|e| Issue::error("value", sentence(e)).at(key.clone())));
            }
        }
    }
}

/// What is wrong, with the value where it is known: a validator shows those that may be shown.
fn sentence(fault: &ValidationError) -> String {
    if let Some(message) = &fault.message {
        return message.to_string();
    }
    let param = |name: &str| fault.params.get(name).map(ToString::to_string);
    let value = param("value").map_or_else(String::new, |value| format!(", and not {value}"));
    if fault.code == "length" && param("min").as_deref() == Some("1") {
        return "must not be empty".to_owned();
    }
    match (param("min"), param("max")) {
        (Some(min), Some(max)) => format!("must be between {min} and {max}{value}"),
        (Some(min), None) => format!("must be at least {min}{value}"),
        (None, Some(max)) => format!("must be at most {max}{value}"),
        (None, None) => format!("is not valid{value}"),
    }
}

fn repeated_name(destinations: &[Destination]) -> Option<Issue> {
    let mut names: Vec<&str> = destinations.iter().map(|d| d.name.as_str()).collect();
    names.sort_unstable();
    let pair = names.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(Issue::error("duplicate", format!("two destinations are called '{}'", pair[0])).at("destinations"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DestinationKind;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn two_variables_suffice_to_start() {
        let settings = read(
            None,
            variables(&[
                ("VIGIE_LISTEN", "127.0.0.1:9090"),
                ("VIGIE_DATABASE", "sqlite:/tmp/v.sqlite"),
                ("HOME", "/"),
            ]),
        )
        .unwrap();
        assert_eq!(settings.listen.port(), 9090);
        assert_eq!(settings.database.reveal(), "sqlite:/tmp/v.sqlite");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let file = "[limits]\nbody_bytes = 2048\nworkers = 3";
        let settings = read(Some(file), variables(&[("VIGIE_LIMITS_BODY_BYTES", "4096")])).unwrap();
        assert_eq!((settings.limits.body_bytes, settings.limits.workers), (4096, 3));
    }

    #[test]
    fn all_faults_are_reported_at_once() {
        let file = "listen = \"0.0.0.0:80\"\ndatabase = \"mysql://x\"\nlisten_port = 3\n[limits]\nbody_bytes = 1\n[log]\nlevel = \"loud\"";
        let problem = read(Some(file), variables(&[("VIGIE_STORE_QUEUE", "many"), ("VIGIE_COLOUR", "red")]))
            .unwrap_err();
        let text = problem.to_string();
        for part in [
            "beyond loopback",
            "sqlite:PATH",
            "listen_port",
            "between 1024",
            "'loud'",
            "VIGIE_STORE_QUEUE",
            "VIGIE_COLOUR",
        ] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }

    #[test]
    fn a_fault_names_the_key_or_the_variable_its_value_and_what_would_be_right() {
        let check = |name: &str, value: &str, expected: &str| {
            // Beside another fault, which is told as well.
            let all = variables(&[("VIGIE_ISSUER_ENVIRONMENT", "prod"), (name, value)]);
            let problem = read(None, all).unwrap_err().to_string();
            assert!(problem.contains(expected), "{expected} is missing in: {problem}");
            assert!(
                problem
                    .contains("issuer.environment: unknown variant `prod`, expected `production` or `test`")
            );
        };
        check(
            "VIGIE_LISTEN",
            "nope",
            "VIGIE_LISTEN: 'nope' is not an address and a port, such as 127.0.0.1:8080",
        );
        check("VIGIE_MLLP_LISTEN", ":2575", "VIGIE_MLLP_LISTEN: ':2575' is not an address");
        check(
            "VIGIE_LIMITS_BODY_BYTES",
            "5MiB",
            "VIGIE_LIMITS_BODY_BYTES: '5MiB' is not a whole number from 0",
        );
        check(
            "VIGIE_LIMITS_BODY_BYTES",
            "7",
            "limits.body_bytes: must be between 1024 and 104857600, and not 7",
        );
        check("VIGIE_LIMITS_WORKERS", "300", "limits.workers: must be at most 256, and not 300");
        check("VIGIE_LOG_JSON", "yes", "VIGIE_LOG_JSON: 'yes' is not true or false");
        check("VIGIE_ISSUER_ENCOUNTER", "", "issuer.encounter: must not be empty");
        check(
            "VIGIE_IDENTITY_SAME_INS",
            "ask",
            "identity.same_ins: unknown variant `ask`, expected `tell` or `refuse`",
        );
        check("VIGIE_CORS_ORIGINS", "http://a", "VIGIE_CORS_ORIGINS: 'http://a' is not a TOML list of texts");
        check("VIGIE_CORS_ORIGINS", "[1]", "VIGIE_CORS_ORIGINS: '[1]' is not a TOML list of texts");
        check("VIGIE_BASE_URL", "vigie", "base_url: must be an absolute http or https URL");
        let list = r#"[{name="a", kind="fhir", url="http://127.0.0.1:1"}, {name="b", kind="fhirx"}, {name="c", kind="fhir", urls=1}]"#;
        check(
            "VIGIE_DESTINATIONS",
            list,
            "destinations[1].kind: unknown variant `fhirx`, expected one of `fhir`",
        );
        check("VIGIE_DESTINATIONS", list, "destinations[2]: unknown field `urls`");
        check("VIGIE_DESTINATIONS", r#"[{kind="fhir"}]"#, "destinations[0]: missing field `name`");
        check("VIGIE_DESTINATIONS", r#"[{name="a", kind="fhir"}]"#, "destinations[0]: url must be");
    }

    #[test]
    fn no_fault_repeats_a_secret() {
        let check = |name: &str, value: &str, expected: &str| {
            let problem = read(None, variables(&[(name, value)])).unwrap_err().to_string();
            assert!(problem.contains(expected) && !problem.contains("4711"), "{problem}");
        };
        check("VIGIE_DATABASE", "mysql://u:4711@host/x", "database: write sqlite:PATH");
        check(
            "VIGIE_DESTINATIONS",
            "[{name='a', kind='fhir', url='http://h', bearer=4711}]",
            "destinations[0].bearer: a secret",
        );
        check(
            "VIGIE_DESTINATIONS",
            "[{name='a', bearer='4711'",
            "VIGIE_DESTINATIONS: must be a TOML list of tables",
        );
        let file = "listen = \"127.0.0.1:80\"\n[[destinations]]\nname = \"é\"\nbearer = \"4711\nkind = 1";
        let problem = read(Some(file), []).unwrap_err().to_string();
        assert!(problem.contains("line 4, column ") && problem.contains("no TOML: "), "{problem}");
        assert!(!problem.contains("4711"), "{problem}");
        let problem = read(Some("database = 4711"), []).unwrap_err().to_string();
        assert!(problem.contains("database: must be a text") && !problem.contains("4711"), "{problem}");
    }

    #[test]
    fn destinations_come_from_one_variable_and_hide_their_secret() {
        let list = r#"[{name="dpi", kind="fhir", url="http://127.0.0.1:1/fhir", bearer="s3cret"}]"#;
        let settings = read(None, variables(&[("VIGIE_DESTINATIONS", list)])).unwrap();
        assert_eq!(settings.destinations[0].kind, DestinationKind::Fhir);
        assert!(!format!("{settings:?}").contains("s3cret"));
        let twice = format!("[{0}, {0}]", &list[1..list.len() - 1]);
        let problem = read(None, variables(&[("VIGIE_DESTINATIONS", &twice)])).unwrap_err();
        assert!(problem.to_string().contains("two destinations are called 'dpi'"), "{problem}");
        assert!(!problem.to_string().contains("s3cret"));
    }
}
