//! Whether an item is of a type (`FHIRPath` 2.0.0 sections 6.3 and 10; R4: System and FHIR types).

use crate::json::Value;

use super::collection::Item;
use super::model::Model;
use super::node::{Node, has_shape};
use super::syntax::{Namespace, TypeName, TypeOperator};
use super::temporal::Temporal;
use super::type_names;

/// Whether the item is of the type. `is` accepts what is below the type; `as` and `ofType` do so
/// for complex types, and take a primitive as what it is declared to be: a `code` is no `string`.
pub(super) fn matches(item: &Item<'_>, wanted: &TypeName, operator: TypeOperator, model: &dyn Model) -> bool {
    match item {
        Item::Node(node) => {
            wanted.namespace != Some(Namespace::System) && node_matches(node, &wanted.name, operator, model)
        }
        _ => {
            wanted.namespace != Some(Namespace::Fhir) && (wanted.name == item.kind() || wanted.name == "Any")
        }
    }
}

fn node_matches(node: &Node<'_>, wanted: &str, operator: TypeOperator, model: &dyn Model) -> bool {
    if node.type_name == wanted {
        return true;
    }
    if node.type_name.is_empty() {
        return shape_matches(node, wanted);
    }
    let below = model.is_subtype(node.type_name, wanted) || structural_subtype(node.type_name, wanted);
    below && (operator == TypeOperator::Is || !type_names::PRIMITIVES.contains(&node.type_name))
}

/// What holds of every resource and every primitive, with or without a model.
fn structural_subtype(name: &str, ancestor: &str) -> bool {
    match ancestor {
        "Resource" => type_names::is_resource(name),
        "DomainResource" => {
            type_names::is_resource(name) && !matches!(name, "Resource" | "Bundle" | "Binary" | "Parameters")
        }
        "string" => matches!(name, "code" | "id" | "markdown"),
        "uri" => matches!(name, "url" | "canonical" | "oid" | "uuid"),
        "integer" => matches!(name, "positiveInt" | "unsignedInt"),
        "Quantity" => matches!(name, "Age" | "Count" | "Distance" | "Duration" | "SimpleQuantity"),
        "Element" => !type_names::is_resource(name),
        _ => false,
    }
}

/// Where no type is known, the JSON decides: a value that can be of the type is.
fn shape_matches(node: &Node<'_>, wanted: &str) -> bool {
    match node.value {
        Some(Value::Bool(_)) => wanted == "boolean",
        Some(Value::Number(number)) => match wanted {
            "decimal" => true,
            "integer" => number.as_i64().is_some(),
            "positiveInt" => number.as_i64().is_some_and(|n| n > 0),
            "unsignedInt" => number.as_i64().is_some_and(|n| n >= 0),
            _ => false,
        },
        Some(Value::String(text)) => match wanted {
            "date" => Temporal::date(text).is_some(),
            "dateTime" | "instant" => Temporal::date_time(text).is_some(),
            "time" => Temporal::time(text).is_some(),
            "boolean" | "integer" | "decimal" | "positiveInt" | "unsignedInt" => false,
            _ => type_names::PRIMITIVES.contains(&wanted),
        },
        Some(value) => wanted == "Element" || has_shape(value, wanted),
        None => false,
    }
}
