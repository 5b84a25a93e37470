//! Functions of FHIR R4 (<https://hl7.org/fhir/R4/fhirpath.html>) and SDC (`ordinal`, `weight`), tree
//! navigation (`FHIRPath` 2.0.0 section 5.8), the moment (5.9) and `type` (10).

use crate::json::Value;

use super::super::collection::{Collection, Item};
use super::super::items::Items;
use super::super::node::{Node, resource_type};
use super::super::syntax::{Namespace, TypeName, TypeOperator};
use super::super::temporal::Temporal;
use super::super::{type_names, types};
use super::{Answer, Function, Input, row};

pub(super) const TABLE: &[Function] = &[
    row("children", 0, 0, children),
    row("descendants", 0, 0, descendants),
    row("now", 0, 0, |input| moment(&input, |now| now)),
    row("today", 0, 0, |input| moment(&input, Temporal::to_date)),
    row("timeOfDay", 0, 0, |input| moment(&input, Temporal::to_time)),
    row("type", 0, 0, type_of),
    row("extension", 1, 1, extension),
    row("resolve", 0, 0, resolve),
    row("memberOf", 1, 1, member_of),
    row("conformsTo", 1, 1, conforms_to),
    row("ordinal", 0, 0, |input| weights(&input)),
    row("weight", 0, 0, |input| weights(&input)),
];

fn moment<'a>(input: &Input<'_, '_, 'a>, part: fn(Temporal) -> Temporal) -> Answer<'a> {
    Ok(Collection::one(Item::Temporal(part(Temporal::of_moment(&input.evaluator.scope.now)))))
}

fn children<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let mut items = Items::None;
    for item in input.items.iter() {
        if let Item::Node(node) = item {
            node.children(input.evaluator.scope.model, &mut items);
        }
    }
    Ok(Collection { items })
}

fn descendants<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let mut items = Items::None;
    let model = input.evaluator.scope.model;
    let mut wave = input.into_items();
    while !wave.is_empty() {
        let mut next = Items::None;
        for item in wave.iter() {
            if let Item::Node(node) = item {
                node.children(model, &mut next);
            }
        }
        items.extend(next.iter().cloned());
        wave = next;
    }
    Ok(Collection { items })
}

fn type_of<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let of = |item: &Item<'a>| match item {
        Item::Node(node) => Item::Type("FHIR", node.kind()),
        other => Item::Type("System", other.kind()),
    };
    Ok(input.items.iter().map(of).collect())
}

fn extension<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let Some(url) = input.text_argument(0)? else {
        return Ok(Collection::empty());
    };
    let extensions = input.evaluator.child(&input.items, "extension");
    Ok(extensions.items.into_iter().filter(|item| url_of(item) == Some(&*url)).collect())
}

fn url_of<'a>(extension: &Item<'a>) -> Option<&'a str> {
    extension.node()?.get("url")?.as_str()
}

/// The resources that references, or uris, point to: contained ones, entries of a Bundle in focus,
/// and those given with the scope. What is not among them is left out.
fn resolve<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let mut found = Items::None;
    for item in input.items.iter() {
        let target = match item.node() {
            Some(Value::Object(reference)) => reference.get("reference").and_then(Value::as_str),
            _ => item.as_str(),
        };
        found.extend(
            target.and_then(|target| lookup(&input, target)).map(|value| Item::Node(Node::root(value))),
        );
    }
    Ok(Collection { items: found })
}

fn lookup<'a>(input: &Input<'_, '_, 'a>, target: &str) -> Option<&'a Value> {
    let evaluator = input.evaluator;
    let containers = ["rootResource", "resource", "context"]
        .into_iter()
        .filter_map(|name| evaluator.variable(name).ok())
        .flat_map(|collection| collection.into_owned().items)
        .filter_map(|item| item.node());
    if let Some(id) = target.strip_prefix('#') {
        return containers.into_iter().find_map(|container| contained(container, id));
    }
    let relative = without_version(target);
    let given = evaluator.scope.resources.iter().copied();
    given.chain(containers).find_map(|resource| {
        if names(resource, relative) {
            return Some(resource);
        }
        let entries = resource.get("entry")?.as_array()?;
        let entry = entries.iter().find(|entry| {
            entry.get("fullUrl").and_then(Value::as_str) == Some(relative)
                || entry.get("resource").is_some_and(|resource| names(resource, relative))
        })?;
        entry.get("resource")
    })
}

fn without_version(target: &str) -> &str {
    target.split_once("/_history/").map_or(target, |(resource, _)| resource)
}

fn contained<'a>(container: &'a Value, id: &str) -> Option<&'a Value> {
    if id.is_empty() {
        return Some(container);
    }
    let resources = container.get("contained")?.as_array()?;
    resources.iter().find(|resource| resource.get("id").and_then(Value::as_str) == Some(id))
}

/// Whether `Type/id`, or a canonical url, is this resource. A resource of another server is not one
/// of ours that happens to have the same id.
fn names(resource: &Value, target: &str) -> bool {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    if text("url").is_some_and(|url| target.split('|').next() == Some(url)) {
        return true;
    }
    let (Some(wanted_type), Some(id)) = (resource_type(resource), text("id")) else {
        return false;
    };
    target.split_once('/') == Some((wanted_type, id))
}

/// Any of the codings of the item in the value set; a value set that is not known is a fault.
fn member_of<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let (Some(item), Some(valueset)) = (input.single()?, input.text_argument(0)?) else {
        return Ok(Collection::empty());
    };
    let Some(terminology) = input.evaluator.scope.terminology else {
        return Err(input.fault("has no value sets to look into here"));
    };
    let codings: Vec<(Option<&str>, &str)> = match item.node() {
        Some(Value::Object(object)) => match object.get("coding").and_then(Value::as_array) {
            Some(codings) => codings.iter().filter_map(coding).collect(),
            None => item.node().and_then(coding).into_iter().collect(),
        },
        _ => item.as_str().map(|code| (None, code)).into_iter().collect(),
    };
    let mut member = false;
    for (system, code) in codings {
        match terminology.member_of(&valueset, system, code) {
            Some(is) => member |= is,
            None => return Err(input.fault(&format!("does not know the value set {valueset}"))),
        }
    }
    Ok(Collection::from_bool(member))
}

/// Where R4 publishes the definition of each of its types.
const CORE: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Only the types of R4 themselves, by type; what a profile demands is checked outside of `FHIRPath`.
fn conforms_to<'a>(input: Input<'_, '_, 'a>) -> Answer<'a> {
    let (Some(item), Some(profile)) = (input.single()?, input.text_argument(0)?) else {
        return Ok(Collection::empty());
    };
    match profile.strip_prefix(CORE).filter(|name| type_names::is_fhir(name)) {
        Some(name) => {
            let wanted = TypeName { namespace: Some(Namespace::Fhir), name: name.to_owned(), at: 0 };
            let model = input.evaluator.scope.model;
            Ok(Collection::from_bool(types::matches(item, &wanted, TypeOperator::Is, model)))
        }
        None => Err(input.fault(&format!("does not know the profile {profile}"))),
    }
}

fn coding(value: &Value) -> Option<(Option<&str>, &str)> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    Some((text("system"), text("code")?))
}

/// The extensions that carry the weight of an answer, the newer one first.
const WEIGHTS: &[&str] = &[
    "http://hl7.org/fhir/StructureDefinition/itemWeight",
    "http://hl7.org/fhir/StructureDefinition/ordinalValue",
];

/// The weight of each coding: from its own extension, or, in `%questionnaire`, from that of the answer
/// option with the same system and code.
fn weights<'a>(input: &Input<'_, '_, 'a>) -> Answer<'a> {
    let evaluator = input.evaluator;
    let mut items = Items::None;
    for item in input.items.iter() {
        let own = weight_of(input, &Collection::one(item.clone()));
        if own.is_empty() {
            items.extend(option_weight(input, item)?);
        } else {
            items.extend(own.items);
        }
    }
    evaluator.spend(items.len())?;
    Ok(Collection { items })
}

fn weight_of<'a>(input: &Input<'_, '_, 'a>, element: &Collection<'a>) -> Collection<'a> {
    let extensions = input.evaluator.child(element, "extension");
    let first = WEIGHTS.iter().find_map(|url| extensions.iter().find(|item| url_of(item) == Some(url)));
    first
        .map_or_else(Collection::empty, |item| input.evaluator.child(&Collection::one(item.clone()), "value"))
}

fn option_weight<'a>(input: &Input<'_, '_, 'a>, item: &Item<'a>) -> Result<Option<Item<'a>>, super::Fault> {
    let (Some(wanted), Ok(questionnaires)) =
        (item.node().and_then(coding), input.evaluator.variable("questionnaire"))
    else {
        return Ok(None);
    };
    let mut weights: Vec<Item<'a>> = Vec::new();
    let mut wave: Vec<&'a Value> = questionnaires.iter().filter_map(Item::node).collect();
    while let Some(element) = wave.pop() {
        let list = |name: &str| element.get(name).and_then(Value::as_array).into_iter().flatten();
        wave.extend(list("item"));
        for option in list("answerOption").filter_map(|option| option.get("valueCoding")) {
            if coding(option) == Some(wanted) {
                weights.extend(weight_of(input, &Collection::from_element(option, "Coding")).items);
            }
        }
    }
    let distinct = super::super::evaluate::distinct(weights);
    match distinct.len() {
        0 | 1 => Ok(distinct.items.into_iter().next()),
        _ => Err(input.fault("found several weights for one code in %questionnaire")),
    }
}
