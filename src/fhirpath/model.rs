//! What an evaluation wants to know about types (`FHIRPath` 2.0.0 section 10, type reflection and safety).

/// The types of one child element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildType<'m> {
    /// Type codes (`string`, `HumanName`, `Patient.contact` for a backbone); several for a choice element.
    pub types: &'m [&'m str],
    /// Whether JSON spells the type in the name: `value` is `valueQuantity` there.
    pub choice: bool,
}

/// The type tables that `fhir::schema` holds.
pub trait Model: Send + Sync {
    /// Types of the child `name` of an element of type `parent`: a type code (`Patient`, `HumanName`)
    /// or the path of a backbone element (`Patient.contact`, `Questionnaire.item`). `None` when there
    /// is no such child.
    fn child(&self, parent: &str, name: &str) -> Option<ChildType<'_>>;

    /// Whether `type_name` is `ancestor` or a specialisation of it (`Age` of `Quantity`, `Patient` of
    /// `DomainResource` and `Resource`, `code` of `string`, `Patient.contact` of `BackboneElement`).
    fn is_subtype(&self, type_name: &str, ancestor: &str) -> bool;
}

/// Types read off the JSON alone: names like `valueQuantity`, `resourceType`, and the shape of values.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoModel;

impl Model for NoModel {
    fn child(&self, _parent: &str, _name: &str) -> Option<ChildType<'_>> {
        None
    }

    fn is_subtype(&self, type_name: &str, ancestor: &str) -> bool {
        type_name == ancestor
    }
}
