//! A search answered the slow way, by what R4 says and nothing of ours but `FHIRPath`: every resource is looked at, the expression
//! of the parameter evaluated, and each value compared (R4 3.1.1.4).

use std::cmp::Ordering;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use vigie::fhir::schema::r4;
use vigie::fhir::search::{Kind, Parameter, parameters};
use vigie::fhirpath::{self, Collection, Scope};
use vigie::json::{Value, json};

/// A span of time in microseconds, the end excluded.
type Span = (i64, i64);

/// What is stored now.
#[derive(Default)]
pub(super) struct Oracle {
    pub(super) resources: Vec<Value>,
}

impl Oracle {
    /// The resources for which all of these hold.
    pub(super) fn found(&self, rtype: &str, criteria: &[(String, String)]) -> Vec<&Value> {
        let all = |resource: &&Value| {
            resource["resourceType"] == rtype
                && criteria.iter().all(|(name, value)| self.holds(rtype, name, value, resource))
        };
        self.resources.iter().filter(all).collect()
    }

    fn holds(&self, rtype: &str, name: &str, value: &str, resource: &Value) -> bool {
        if let Some(rest) = name.strip_prefix("_has:") {
            let [from, by, inner] = rest.splitn(3, ':').collect::<Vec<_>>()[..] else { panic!("{name}") };
            let own = name_of(resource);
            return self.resources.iter().filter(|other| other["resourceType"] == from).any(|other| {
                references(other, by).any(|target| target == own) && self.holds(from, inner, value, other)
            });
        }
        if let Some((head, inner)) = name.split_once('.') {
            let (by, wanted) = head.split_once(':').unwrap_or((head, ""));
            return references(resource, by).any(|target| {
                let other = self.resources.iter().find(|other| name_of(other) == target);
                let (to, _) = target.split_once('/').unwrap();
                (wanted.is_empty() || wanted == to)
                    && other.is_some_and(|other| self.holds(to, inner, value, other))
            });
        }
        let (name, modifier) = name.split_once(':').unwrap_or((name, ""));
        let asked = Asked { rtype, parameter: parameter(rtype, name), modifier };
        let found = values(asked.parameter, resource);
        match modifier {
            "missing" => found.is_empty() == (value == "true"),
            "not" => !split(value, ',').iter().any(|one| asked.any(&found, one, resource)),
            _ => split(value, ',').iter().any(|one| asked.any(&found, one, resource)),
        }
    }

    /// How two of them stand to one another in the order that `_sort` asks for.
    pub(super) fn order(rtype: &str, sort: &str, one: &Value, other: &Value) -> Ordering {
        let by = |part: &str| {
            let (name, down) = part.strip_prefix('-').map_or((part, false), |name| (name, true));
            let (one, other) = (key(rtype, name, down, one), key(rtype, name, down, other));
            match (&one, &other) {
                // Without a value they come last, whatever the direction.
                (None, _) | (_, None) => one.is_none().cmp(&other.is_none()),
                _ if down => other.cmp(&one),
                _ => one.cmp(&other),
            }
        };
        sort.split(',').map(by).fold(Ordering::Equal, Ordering::then)
    }
}

/// What is compared in an order: the least value upwards, the greatest downwards.
fn key(rtype: &str, name: &str, down: bool, resource: &Value) -> Option<(i64, String)> {
    let found = values(parameter(rtype, name), resource);
    let pick = |all: Vec<(i64, String)>| if down { all.into_iter().max() } else { all.into_iter().min() };
    let text = |text: String| (0, text);
    match (name, parameter(rtype, name).kind) {
        ("priority", _) => {
            let ranks = ["routine", "urgent", "asap", "stat"];
            let rank = ranks.iter().position(|rank| resource["priority"] == *rank);
            Some((rank.map_or(-1, |rank| i64::try_from(rank).unwrap()), String::new()))
        }
        // The main date of a type: without one before all others.
        ("authored-on" | "date" | "authored" | "recorded", _) => {
            Some((found.first().map_or(i64::MIN, |date| span_of(date).0), String::new()))
        }
        (_, Kind::Date) => pick(
            found
                .iter()
                .map(span_of)
                .map(|(low, high)| (if down { high } else { low }, String::new()))
                .collect(),
        ),
        (_, Kind::String) => pick(found.iter().flat_map(texts).map(|one| text(folded(&one))).collect()),
        _ => pick(found.iter().flat_map(coded).map(|(_, code)| text(code)).collect()),
    }
}

struct Asked<'a> {
    rtype: &'a str,
    parameter: &'static Parameter,
    modifier: &'a str,
}

impl Asked<'_> {
    /// Whether one alternative holds for any of the values.
    fn any(&self, found: &[Value], wanted: &str, resource: &Value) -> bool {
        if self.parameter.kind == Kind::Composite {
            return foci(self.parameter.name, resource).any(|focus| self.composed(focus, wanted));
        }
        found.iter().any(|value| self.one(value, wanted))
    }

    fn one(&self, value: &Value, wanted: &str) -> bool {
        match (self.modifier, self.parameter.kind) {
            ("text", _) => shown(value).any(|text| folded(&text).starts_with(&folded(&plain(wanted)))),
            ("identifier", _) => token(&value["identifier"], wanted, None),
            (_, Kind::Token) => token(value, wanted, bound(self.rtype, self.parameter.name)),
            (_, Kind::Reference) => self.reference(value, &plain(wanted)),
            (_, Kind::Date) => date(span_of(value), wanted),
            (_, Kind::Quantity) => quantity(value, wanted),
            (modifier, Kind::String) => texts(value).any(|text| {
                let wanted = plain(wanted);
                match modifier {
                    "exact" => text == wanted,
                    "contains" => folded(&text).contains(&folded(&wanted)),
                    _ => folded(&text).starts_with(&folded(&wanted)),
                }
            }),
            (_, Kind::Canonical) => {
                let (own, wanted) = (value.as_str().unwrap(), plain(wanted));
                own == wanted || own.split('|').next() == Some(&wanted)
            }
            (_, kind) => panic!("{kind:?}"),
        }
    }

    fn reference(&self, value: &Value, wanted: &str) -> bool {
        let Some(target) = value["reference"].as_str() else { return false };
        if wanted.contains('/') {
            return target == wanted;
        }
        let Some((rtype, id)) = target.split_once('/') else { return false };
        let fits = self.modifier.is_empty() || self.modifier == rtype;
        fits && id == wanted && (self.parameter.targets.is_empty() || self.parameter.targets.contains(&rtype))
    }

    /// Both parts hold for the same element.
    fn composed(&self, focus: &Value, wanted: &str) -> bool {
        let parts = split(wanted, '$');
        let second = match self.parameter.name.rsplit('-').next() {
            Some("quantity") => focus.get("valueQuantity").is_some_and(|value| quantity(value, parts[1])),
            Some("concept") => {
                focus.get("valueCodeableConcept").is_some_and(|value| token(value, parts[1], None))
            }
            _ => focus["valueString"]
                .as_str()
                .is_some_and(|text| folded(text).starts_with(&folded(&plain(parts[1])))),
        };
        second && token(&focus["code"], parts[0], None)
    }
}

/// The elements of which a composite compares parts.
fn foci<'v>(name: &str, resource: &'v Value) -> impl Iterator<Item = &'v Value> {
    let own = Some(resource).filter(|_| !name.starts_with("component-"));
    let parts = resource["component"].as_array().filter(|_| !name.starts_with("code-"));
    own.into_iter().chain(parts.into_iter().flatten())
}

fn parameter(rtype: &str, name: &str) -> &'static Parameter {
    parameters(rtype).iter().find(|one| one.name == name).unwrap_or_else(|| panic!("{rtype}.{name}"))
}

pub(super) fn name_of(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

/// What a reference leads to.
fn references(resource: &Value, by: &str) -> impl Iterator<Item = String> {
    let rtype = resource["resourceType"].as_str().unwrap();
    let found = values(parameter(rtype, by), resource);
    let targets: Vec<String> =
        found.iter().filter_map(|one| one["reference"].as_str()).map(str::to_owned).collect();
    targets.into_iter().filter(|target| target.split('/').count() == 2)
}

/// The elements that the expression of a parameter leads to.
fn values(parameter: &Parameter, resource: &Value) -> Vec<Value> {
    match parameter.name {
        "_id" => return vec![resource["id"].clone()],
        "_lastUpdated" => return vec![json!({"instant": resource["meta"]["lastUpdated"].clone()})],
        _ => {}
    }
    // What a reference resolves to is told by its text.
    let (path, kept) = match parameter.expression().split_once(".where(resolve() is ") {
        Some((path, rtype)) => (path, Some(rtype.trim_end_matches(')'))),
        None => (parameter.expression(), None),
    };
    let now = Zoned::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
    // `as` takes one item only; what search means by it is `ofType`.
    let mut parts = path.split(" as ");
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(')').unwrap();
        path = format!("{path}.ofType({name})){rest}");
    }
    let expression = fhirpath::compile(&path).unwrap();
    let found = expression.evaluate(&Collection::from_value(resource), &Scope::new(r4(), now)).unwrap();
    let mut found = found.to_values();
    found.retain(|one| {
        kept.is_none_or(|rtype| {
            one["reference"].as_str().is_some_and(|text| text.starts_with(&format!("{rtype}/")))
        })
    });
    found
}

/// Where it is split, backslashes before a separator kept.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut at: Vec<usize> = Vec::new();
    let mut escaped = false;
    for (n, c) in text.char_indices() {
        if c == separator && !escaped {
            at.push(n);
        }
        escaped = c == '\\' && !escaped;
    }
    let starts = std::iter::once(0).chain(at.iter().map(|n| n + separator.len_utf8()));
    starts.zip(at.iter().copied().chain([text.len()])).map(|(from, to)| &text[from..to]).collect()
}

fn plain(text: &str) -> String {
    ["\\,", "\\|", "\\$"]
        .iter()
        .fold(text.replace("\\\\", "\u{0}"), |text, one| text.replace(one, &one[1..]))
        .replace('\u{0}', "\\")
}

fn token(value: &Value, wanted: &str, bound: Option<&str>) -> bool {
    let parts: Vec<String> = split(wanted, '|').into_iter().map(plain).collect();
    coded(value).any(|(system, code)| {
        let system = if value.is_string() { bound.unwrap_or_default().to_owned() } else { system };
        match parts.as_slice() {
            [wanted] => code == *wanted,
            [wanted, none] if none.is_empty() => system == *wanted,
            [wanted_system, wanted] => system == *wanted_system && code == *wanted,
            _ => panic!("{wanted}"),
        }
    })
}

fn bound(rtype: &str, name: &str) -> Option<&'static str> {
    match (rtype, name) {
        ("Task", "status") => Some("http://hl7.org/fhir/task-status"),
        ("Observation", "status") => Some("http://hl7.org/fhir/observation-status"),
        ("Patient", "gender") => Some("http://hl7.org/fhir/administrative-gender"),
        ("Task", "priority") => Some("http://hl7.org/fhir/request-priority"),
        _ => None,
    }
}

/// System and code of whatever has one.
fn coded(value: &Value) -> impl Iterator<Item = (String, String)> + use<> {
    let text = |one: &Value, name: &str| one[name].as_str().map(str::to_owned);
    let of = |one: &Value| {
        let code = text(one, "code").or_else(|| text(one, "value"))?;
        Some((text(one, "system").unwrap_or_default(), code))
    };
    let all: Vec<_> = match value {
        Value::String(code) => vec![(String::new(), code.to_string())],
        Value::Bool(value) => vec![(String::new(), value.to_string())],
        value => match value["coding"].as_array() {
            Some(codings) => codings.iter().filter_map(of).collect(),
            None => of(value).into_iter().collect(),
        },
    };
    all.into_iter()
}

fn shown(value: &Value) -> impl Iterator<Item = String> {
    let codings = value["coding"].as_array().into_iter().flatten().map(|coding| &coding["display"]);
    let all: Vec<_> = codings.chain([&value["text"], &value["display"]]).filter_map(Value::as_str).collect();
    all.into_iter().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// Every text in a name, an address, or what is one itself.
fn texts(value: &Value) -> impl Iterator<Item = String> + use<> {
    fn walk(value: &Value, all: &mut Vec<String>) {
        match value {
            Value::String(text) => all.push(text.to_string()),
            Value::Array(list) => list.iter().for_each(|one| walk(one, all)),
            Value::Object(members) => {
                members
                    .iter()
                    .filter(|(name, _)| !matches!(*name, "use" | "period" | "type"))
                    .for_each(|(_, one)| walk(one, all));
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    walk(value, &mut all);
    all.into_iter()
}

/// Lower case, without the accents that these tests write.
fn folded(text: &str) -> String {
    let mut folded = String::new();
    for c in text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase().chars() {
        match c {
            'é' | 'è' | 'ê' | 'ë' => folded.push('e'),
            'ï' | 'î' => folded.push('i'),
            'ç' => folded.push('c'),
            'œ' => folded.push_str("oe"),
            c => folded.push(c),
        }
    }
    folded
}

fn span_of(value: &Value) -> Span {
    if let Some(text) = value.as_str() {
        return span(text);
    }
    if let Some(instant) = value["instant"].as_str() {
        let at = instant.parse::<Timestamp>().unwrap().as_microsecond();
        return (at, at + 1);
    }
    if let Some(events) = value["event"].as_array() {
        let spans: Vec<Span> = events.iter().map(|event| span(event.as_str().unwrap())).collect();
        return (spans.iter().map(|one| one.0).min().unwrap(), spans.iter().map(|one| one.1).max().unwrap());
    }
    let edge = |name: &str| value[name].as_str().map(span);
    (edge("start").map_or(i64::MIN, |one| one.0), edge("end").map_or(i64::MAX, |one| one.1))
}

/// Year, month, day, minute or second; without an offset in Paris.
fn span(text: &str) -> Span {
    let number = |from: usize, to: usize| text[from..to].parse::<i16>().unwrap();
    let small = |from: usize| i8::try_from(number(from, from + 2)).unwrap();
    let midnight = |day: Date| day.in_tz("Europe/Paris").unwrap().timestamp().as_microsecond();
    let year = number(0, 4);
    match text.len() {
        4 => (midnight(Date::constant(year, 1, 1)), midnight(Date::constant(year + 1, 1, 1))),
        7 => {
            let first = Date::constant(year, small(5), 1);
            (midnight(first), midnight(first.saturating_add(1.month())))
        }
        10 => {
            let day = Date::constant(year, small(5), small(8));
            (midnight(day), midnight(day.saturating_add(1.day())))
        }
        _ => {
            let is_minute = matches!(text.as_bytes()[16], b'+' | b'-' | b'Z');
            let whole =
                if is_minute { format!("{}:00{}", &text[..16], &text[16..]) } else { text.to_owned() };
            let low = whole.parse::<Timestamp>().unwrap().as_microsecond();
            (low, low + if is_minute { 60_000_000 } else { 1_000_000 })
        }
    }
}

fn prefixed(text: &str) -> (&str, &str) {
    let known = ["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"];
    known.iter().find_map(|prefix| Some((*prefix, text.strip_prefix(prefix)?))).unwrap_or(("eq", text))
}

fn date((low, high): Span, wanted: &str) -> bool {
    let (prefix, text) = prefixed(wanted);
    let (start, end) = span(text);
    let within = start <= low && high <= end;
    match prefix {
        "eq" => within,
        "ne" => !within,
        // The range above, or below, the one that is asked for overlaps with the value's.
        "gt" => high > end,
        "lt" => low < start,
        "ge" => high > end || within,
        "le" => low < start || within,
        "sa" => low >= end,
        "eb" => high <= start,
        prefix => panic!("{prefix}"),
    }
}

const SCALE: i128 = 1_000_000_000;

/// A decimal in billionths, and half a unit of its last digit.
fn decimal(text: &str) -> (i128, i128) {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let unit = SCALE / 10_i128.pow(u32::try_from(part.len()).unwrap());
    let digits: i128 = format!("{whole}{part}").parse().unwrap();
    (digits * unit, unit / 2)
}

/// How many milligrams a unit of mass is.
fn mass(code: &str) -> Option<i128> {
    match code {
        "mg" => Some(1),
        "g" => Some(1_000),
        "kg" => Some(1_000_000),
        _ => None,
    }
}

fn quantity(value: &Value, wanted: &str) -> bool {
    let parts = split(wanted, '|');
    let (prefix, number) = prefixed(parts[0]);
    let ((value_is, _), (asked, half)) = (decimal(&value["value"].to_string()), decimal(number));
    let own = |name: &str| value[name].as_str().unwrap_or_default();
    let (factor, asked_factor) = match parts[1..] {
        [] => (1, 1),
        ["", code] if code == own("code") || code == own("unit") => (1, 1),
        [system, code] if !system.is_empty() && system == own("system") => {
            match (mass(own("code")), mass(code)) {
                (Some(own), Some(asked)) => (own, asked),
                _ if code == own("code") => (1, 1),
                _ => return false,
            }
        }
        _ => return false,
    };
    let (value, asked, half) = (value_is * factor, asked * asked_factor, half * asked_factor);
    let within = asked - half <= value && value < asked + half;
    match prefix {
        "eq" => within,
        "ne" => !within,
        "gt" | "sa" => value > asked,
        "lt" | "eb" => value < asked,
        "ge" => value >= asked,
        "le" => value <= asked,
        "ap" => (value - asked).abs() * 10 <= asked.abs(),
        prefix => panic!("{prefix}"),
    }
}
