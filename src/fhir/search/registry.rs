//! The search parameters of a process: read from `SearchParameter` resources, compiled once
//! (R4 `searchparameter.html`). A new parameter is a file, not code.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasherDefault;
use std::sync::OnceLock;

use crate::json::Value;

use super::column;
use super::parameter::{Component, Kind, Parameter};
use super::path::{self, Path};
use super::shipped;
use crate::fhir::schema::NameHasher;
use crate::fhir::{SERVED, element};
use crate::problem::{Category, Issue, Problem};

/// What HL7 defines is under this address; everything else is ours or the site's.
const HL7: &str = "http://hl7.org/fhir/SearchParameter/";
/// A resource keeps one bit for each parameter of its type.
const PARAMETERS_MAX: usize = 62;

type Registry = HashMap<&'static str, OfType, BuildHasherDefault<NameHasher>>;

static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// The parameters of one type, and which of them look into which member of a resource.
#[derive(Debug)]
pub(super) struct OfType {
    parameters: &'static [Parameter],
    /// One bit for each parameter that begins at that member.
    beginning: HashMap<&'static str, u64, BuildHasherDefault<NameHasher>>,
    /// Those of which nothing is known before they are evaluated.
    any: u64,
}

impl OfType {
    fn new(parameters: &'static [Parameter]) -> Self {
        let mut beginning = HashMap::<&'static str, u64, BuildHasherDefault<NameHasher>>::default();
        let mut any = 0;
        for (n, parameter) in parameters.iter().enumerate().filter(|(_, parameter)| parameter.is_indexed()) {
            for path in parameter.paths {
                match path.first() {
                    Some(names) => {
                        names.iter().for_each(|name| *beginning.entry(name.as_str()).or_default() |= 1 << n)
                    }
                    None => any |= 1 << n,
                }
            }
        }
        Self { parameters, beginning, any }
    }

    /// One bit for each parameter that begins at a member of that name, by its place.
    pub(super) fn beginning(&self, name: &str) -> u64 {
        self.beginning.get(name).copied().unwrap_or_default()
    }

    /// The same for those of which nothing is known before they are evaluated.
    pub(super) const fn anywhere(&self) -> u64 {
        self.any
    }

    /// The parameters of those bits, in their order.
    pub(super) fn those(&self, mut bits: u64) -> impl Iterator<Item = &'static Parameter> + use<> {
        let parameters = self.parameters;
        std::iter::from_fn(move || {
            let n = bits.trailing_zeros();
            bits &= bits.wrapping_sub(1);
            // Without a bit left it is 64, which no parameter has for a place.
            parameters.get(n as usize)
        })
    }
}

/// The parameters of a type; empty when it is not served.
pub(super) fn of(rtype: &str) -> &'static [Parameter] {
    of_type(rtype).map_or(&[], |of_type| of_type.parameters)
}

/// The same, with what is known of their paths.
pub(super) fn of_type(rtype: &str) -> Option<&'static OfType> {
    let registry = REGISTRY.get_or_init(|| {
        build(&shipped())
            .expect("every file that is part of the program compiles: a test of this room tries each")
    });
    registry.get(rtype)
}

/// Adds the site's `SearchParameter` resources to those that come with the service; one with the same canonical takes
/// its place, one with status `retired` takes it out. Once in a process, before the first resource is read or written.
///
/// Gives back what is left to be looked at: everything but the parameters that are as they came with the service. Those
/// were checked when it was made, by its tests.
///
/// # Errors
/// `Invalid` with every fault of every resource; `Conflict` when other parameters are in use already.
pub fn install(resources: Vec<Value>) -> Result<Vec<Value>, Problem> {
    let mut all = shipped();
    let mut places: HashMap<String, usize> =
        all.iter().enumerate().map(|(n, one)| (url(one).to_owned(), n)).collect();
    let mut rest = Vec::new();
    let mut any = false;
    for resource in resources {
        if element::resource_type(&resource) == Some("SearchParameter") {
            any = true;
            match places.get(url(&resource)) {
                Some(n) if all[*n] == resource => continue,
                Some(n) => all[*n] = resource.clone(),
                None => {
                    places.insert(url(&resource).to_owned(), all.len());
                    all.push(resource.clone());
                }
            }
        }
        rest.push(resource);
    }
    let registry = build(&all)?;
    let installed = REGISTRY.get_or_init(|| registry);
    let known: HashSet<&str> =
        installed.values().flat_map(|of_type| of_type.parameters).map(|parameter| parameter.url).collect();
    let wanted = all.iter().filter(|one| one["status"] != "retired").map(url);
    match wanted.filter(|url| !known.contains(url)).find(|_| any) {
        None => Ok(rest),
        Some(url) => {
            let diagnostics = format!("{url} comes too late: the search parameters are in use; start again");
            Err(Problem::new(Category::Conflict, "conflict", diagnostics))
        }
    }
}

fn url(resource: &Value) -> &str {
    resource["url"].as_str().unwrap_or_default()
}

fn shipped() -> Vec<Value> {
    shipped::FILES.iter().filter_map(|text| serde_json::from_str(text).ok()).collect()
}

/// # Errors
/// `Invalid` with one issue for each resource that cannot be used.
fn build(resources: &[Value]) -> Result<Registry, Problem> {
    let mut registry = Registry::default();
    let mut issues = Vec::new();
    for rtype in SERVED {
        let mut parameters = Vec::new();
        for resource in resources.iter().filter(|one| one["status"] != "retired") {
            match parameter(rtype, resource, resources) {
                Ok(Some(parameter)) => parameters.push(parameter),
                Ok(None) => {}
                Err(diagnostics) => issues.push(Issue::error("invalid", diagnostics).at(place(resource))),
            }
        }
        parameters.sort_by_key(|parameter| rank(parameter.name));
        issues.extend(clashes(rtype, &parameters));
        unite(&mut parameters);
        parameters.iter_mut().enumerate().for_each(|(n, parameter)| parameter.place = n);
        registry.insert(rtype, OfType::new(Vec::leak(parameters)));
    }
    if issues.is_empty() { Ok(registry) } else { Err(Problem::with(Category::Invalid, issues)) }
}

fn place(resource: &Value) -> String {
    resource["url"].as_str().unwrap_or("SearchParameter").to_owned()
}

/// Those of every type come first.
fn rank(name: &str) -> (u8, String) {
    let group = match name {
        "_id" => 0,
        "_lastUpdated" => 1,
        _ if name.starts_with('_') => 3,
        _ => 2,
    };
    (group, name.to_owned())
}

fn clashes(rtype: &str, parameters: &[Parameter]) -> Vec<Issue> {
    let mut issues: Vec<Issue> = parameters
        .windows(2)
        .filter(|pair| pair[0].name == pair[1].name)
        .map(|pair| Issue::error("duplicate", format!("{rtype} has two parameters {}", pair[0].name)))
        .collect();
    if parameters.len() > PARAMETERS_MAX {
        let text = format!("{rtype} has {} parameters, at most {PARAMETERS_MAX}", parameters.len());
        issues.push(Issue::error("too-costly", text));
    }
    issues
}

/// What a `SearchParameter` is for one type, if it is for that type.
fn parameter(rtype: &'static str, resource: &Value, all: &[Value]) -> Result<Option<Parameter>, String> {
    let text = |name: &str| resource[name].as_str().ok_or_else(|| format!("{name} is missing"));
    let everywhere = texts(resource, "base").any(|base| base == "Resource" || base == "DomainResource");
    if !everywhere && !texts(resource, "base").any(|base| base == rtype) {
        return Ok(None);
    }
    let (name, code) = (keep(text("code")?), text("type")?);
    let Some(declared) = Kind::of_code(code) else { return Err(format!("type {code} is not read here")) };
    let root = if everywhere { "Resource" } else { rtype };
    let expression = own_part(root, text("expression")?);
    let (at_root, nested): (Vec<_>, Vec<_>) = path::alternatives(&expression)
        .into_iter()
        .partition(|part| declared == Kind::Composite && *part == root);
    let paths = Path::compile(root, &nested.join(" | ")).map_err(|problem| problem.to_string())?;
    let kind = if declared == Kind::Reference && is_canonical(&paths) { Kind::Canonical } else { declared };
    let column = column::of(rtype, name);
    let special = matches!(column, Some(super::Column::Id | super::Column::LastUpdated));
    let url = text("url")?;
    let modifiers = if special { &[] } else { modifiers(resource, kind) };
    Ok(Some(Parameter {
        rtype: if special { "Resource" } else { rtype },
        name,
        url: keep(url),
        place: 0,
        kind,
        targets: targets(resource, &expression),
        column,
        own: !url.starts_with(HL7),
        modifiers,
        with_display: kind == Kind::Token && modifiers.contains(&"text"),
        with_identifier: kind == Kind::Reference && modifiers.contains(&"identifier"),
        components: Vec::leak(components(rtype, resource, &paths, !at_root.is_empty(), all)?),
        paths: Vec::leak(paths),
        union: &[],
        at_root: !at_root.is_empty(),
        expression: keep(&expression),
    }))
}

/// Lives as long as the process, as the registry does.
fn keep(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn texts<'a>(resource: &'a Value, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    resource[name].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The alternatives of an expression that start from this type; all of them when none names a type.
fn own_part(root: &str, expression: &str) -> String {
    let named = |part: &str| part.trim_start_matches('(').split(['.', ' ', ')']).next() == Some(root);
    let own: Vec<_> = path::alternatives(expression).into_iter().filter(|part| named(part)).collect();
    if own.is_empty() { expression.to_owned() } else { own.join(" | ") }
}

fn is_canonical(paths: &[Path]) -> bool {
    let is = |kind: &String| matches!(kind.as_str(), "canonical" | "uri");
    !paths.is_empty() && paths.iter().all(|path| !path.types.is_empty() && path.types.iter().all(is))
}

/// The types that a reference may name: those declared, narrowed to what every alternative resolves to.
fn targets(resource: &Value, expression: &str) -> &'static [&'static str] {
    let resolved: Option<Vec<_>> = path::alternatives(expression)
        .into_iter()
        .map(|part| {
            let (_, rest) = part.split_once("resolve() is ")?;
            Some(rest.split(')').next().unwrap_or(rest).trim().to_owned())
        })
        .collect();
    let names = resolved.unwrap_or_else(|| texts(resource, "target").map(str::to_owned).collect());
    Vec::leak(names.iter().map(|name| keep(name)).collect())
}

fn modifiers(resource: &Value, kind: Kind) -> &'static [&'static str] {
    let declared: Vec<&str> = texts(resource, "modifier").collect();
    let fits = |name: &&&'static str| declared.contains(*name);
    Vec::leak(kind.modifiers().iter().filter(fits).copied().collect())
}

/// The parts of a composite; each names the parameter that says how it is compared.
fn components(
    rtype: &str,
    resource: &Value,
    foci: &[Path],
    at_root: bool,
    all: &[Value],
) -> Result<Vec<Component>, String> {
    let focus = foci.first().and_then(|path| path.types.first()).map_or(rtype, String::as_str);
    let mut components = Vec::new();
    for part in resource["component"].as_array().into_iter().flatten() {
        let (definition, expression) = (part["definition"].as_str(), part["expression"].as_str());
        let known = all.iter().find(|one| one["url"].as_str() == definition);
        let (Some(known), Some(expression)) = (known.and_then(|one| one["code"].as_str()), expression) else {
            return Err("a component names no known definition, or has no expression".to_owned());
        };
        if !foci.is_empty() && known_type(all, definition) == Some("date") {
            return Err("a part of an element that repeats is no date here".to_owned());
        }
        let root = if foci.is_empty() && at_root { rtype } else { focus };
        let paths = Path::compile(root, expression).map_err(|problem| problem.to_string())?;
        components.push(Component { name: keep(known), paths: Vec::leak(paths) });
    }
    Ok(components)
}

fn known_type<'a>(all: &'a [Value], url: Option<&str>) -> Option<&'a str> {
    all.iter().find(|one| one["url"].as_str() == url)?["type"].as_str()
}

/// Finds the parameters whose values are those of others together, so that nothing is kept twice.
fn unite(parameters: &mut [Parameter]) {
    let texts = |parameter: &Parameter| -> Vec<String> {
        parameter.paths.iter().map(|path| path.text.clone()).collect()
    };
    for n in 0..parameters.len() {
        let whole = texts(&parameters[n]);
        let fits = |m: &usize| {
            let (other, own) = (&parameters[*m], &parameters[n]);
            let part = texts(other);
            *m != n
                && other.column.is_none()
                && other.union.is_empty()
                && other.kind == own.kind
                && other.targets == own.targets
                && !part.is_empty()
                && part.iter().all(|text| whole.contains(text))
                // Of two that are the same, the first is kept.
                && (part.len() < whole.len() || *m < n)
        };
        let plain = parameters[n].column.is_none() && parameters[n].kind != Kind::Composite;
        let members: Vec<usize> = (0..parameters.len()).filter(fits).collect();
        let covered = whole.iter().all(|text| members.iter().any(|m| texts(&parameters[*m]).contains(text)));
        if plain && covered && !members.is_empty() {
            parameters[n].union = Vec::leak(members.iter().map(|m| parameters[*m].name).collect());
        }
    }
}

#[cfg(test)]
mod tests;
