//! Compiling a Questionnaire: its tree into an arena in document order, and every fault with its element
//! (invariants que-1 … que-13 of <https://hl7.org/fhir/R4/questionnaire.html>, and SDC).

use std::collections::HashMap;

use crate::json::{Value, json};

use super::enable_when::{Behavior, Written};
use super::expressions::{self, Expressions};
use super::extension::{self, HIDDEN, MAX_OCCURS, MIN_OCCURS, flag, list, text};
use super::extension::{OBSERVATION_CATEGORY, OBSERVATION_EXTRACT, RENDERING_CRITICAL};
use super::extract::{only_unit, survey};
use super::item::{AnswerType, Extraction, Item, ItemType};
use super::limits::{Limits, Place};
use super::{Questionnaire, conditions, option_list};
use crate::problem::{Category, Issue, Problem};
use crate::terminology::Terminology;

/// Deepest nesting of items.
const DEPTH_MAX: usize = 32;

/// Collects the arena and the faults while the tree is walked.
struct Builder<'q> {
    source: &'q Value,
    terminology: &'q Terminology,
    items: Vec<Item>,
    by_link_id: HashMap<String, usize>,
    conditions: Vec<(usize, Vec<Written<'q>>)>,
    scope: Vec<expressions::Declared>,
    faults: Vec<Issue>,
}

/// Compiles, or says all that is wrong.
pub(crate) fn compile(source: &Value, terminology: &Terminology) -> Result<Questionnaire, Problem> {
    let mut builder = Builder {
        source,
        terminology,
        items: Vec::new(),
        by_link_id: HashMap::new(),
        conditions: Vec::new(),
        scope: Vec::new(),
        faults: Vec::new(),
    };
    if text(source, "resourceType") != Some("Questionnaire") {
        builder.fault("structure", "resourceType must be Questionnaire".to_owned(), "Questionnaire");
    }
    if text(source, "url").is_none() {
        builder.fault("required", "a Questionnaire needs its canonical url".to_owned(), "Questionnaire.url");
    }
    builder.modifiers(source, "Questionnaire");
    let root = expressions::read(source, "Questionnaire", &mut builder.scope, &mut builder.faults);
    builder.level(source, "Questionnaire", None, 0);
    builder.finish(root)
}

impl<'q> Builder<'q> {
    fn fault(&mut self, code: &'static str, message: String, at: &str) {
        self.faults.push(Issue::error(code, message).at(at));
    }

    fn finish(mut self, root: Expressions) -> Result<Questionnaire, Problem> {
        let written = std::mem::take(&mut self.conditions);
        conditions::link(written, &mut self.items, &self.by_link_id, &mut self.faults);
        conditions::cycles(&self.items, &mut self.faults);
        expressions::cycles(&self.items, &root.variables, &mut self.faults);
        if self.faults.is_empty() {
            conditions::chains(&self.items, &mut self.faults);
        }
        if !self.faults.is_empty() {
            return Err(Problem::with(Category::Invalid, self.faults));
        }
        let own = |name| text(self.source, name).map(str::to_owned);
        Ok(Questionnaire {
            url: own("url").unwrap_or_default(),
            version: own("version"),
            status: own("status").unwrap_or_else(|| "unknown".to_owned()),
            title: own("title"),
            has_expressions: has_expressions(&root, &self.items),
            conditional: self.items.iter().any(Item::is_conditional),
            period: self.source.get("effectivePeriod").cloned(),
            variables: root.variables,
            constraints: root.constraints,
            source: self.source.clone(),
            items: self.items,
            by_link_id: self.by_link_id,
        })
    }

    /// One list of sibling items.
    fn level(&mut self, parent: &'q Value, at: &str, parent_item: Option<usize>, depth: usize) {
        let children = list(parent, "item");
        if depth >= DEPTH_MAX && !children.is_empty() {
            self.fault("structure", format!("items are nested deeper than {DEPTH_MAX}"), at);
            return;
        }
        for (position, element) in children.iter().enumerate() {
            let place = format!("{at}.item[{position}]");
            let in_scope = self.scope.len();
            self.item(element, place, parent_item, depth);
            self.scope.truncate(in_scope);
        }
    }

    fn item(&mut self, element: &'q Value, place: String, parent: Option<usize>, depth: usize) {
        let Some(kind) = self.kind(element, &place) else { return };
        let link_id = text(element, "linkId").unwrap_or_default().to_owned();
        if link_id.is_empty() {
            self.fault("required", "an item needs a linkId".to_owned(), &format!("{place}.linkId"));
        }
        self.modifiers(element, &place);
        self.shape(element, &place, kind);
        let found = expressions::read(element, &place, &mut self.scope, &mut self.faults);
        let (limits, min_occurs, max_occurs) = self.limits(element, &place, kind);
        let options =
            option_list::read(self.source, element, &place, kind, self.terminology, &mut self.faults);
        let index = self.items.len();
        if let Some(first) = self.by_link_id.insert(link_id.clone(), index) {
            let message = format!("linkId '{link_id}' is used already at {}", self.items[first].place);
            self.fault("duplicate", message, &format!("{place}.linkId"));
        }
        self.conditions(element, &place, index);
        if found.calculated.is_some() && kind.natural().is_none() {
            self.fault(
                "business-rule",
                format!("an item of type {} has no answer to calculate", kind.code()),
                &place,
            );
        }
        let extraction = self.extraction(element, &place, kind);
        self.items.push(Item {
            link_id,
            text: text(element, "text").map(str::to_owned),
            kind,
            parent,
            end: index + 1,
            required: flag(element, "required"),
            repeats: flag(element, "repeats"),
            hidden: extension::value(element, HIDDEN) == Some(&Value::Bool(true)),
            min_occurs: min_occurs.unwrap_or(0).max(usize::from(flag(element, "required"))),
            max_occurs,
            limits,
            options,
            enable_when: Vec::new(),
            behavior: if text(element, "enableBehavior") == Some("any") {
                Behavior::Any
            } else {
                Behavior::All
            },
            enable_expression: found.enable,
            variables: found.variables,
            constraints: found.constraints,
            calculated: found.calculated,
            extraction,
            place: place.clone(),
        });
        self.level(element, &place, Some(index), depth + 1);
        self.items[index].end = self.items.len();
    }

    fn kind(&mut self, element: &Value, place: &str) -> Option<ItemType> {
        let code = text(element, "type").unwrap_or_default();
        let kind = ItemType::parse(code);
        if kind.is_none() {
            let message = format!("type '{code}' is not one of: {}", ItemType::codes());
            self.fault("code-invalid", message, &format!("{place}.type"));
        }
        kind
    }

    /// What goes with which type, apart from options and limits.
    fn shape(&mut self, element: &Value, place: &str, kind: ItemType) {
        let children = !list(element, "item").is_empty();
        if kind == ItemType::Group && !children {
            self.fault("business-rule", "a group needs items (que-1)".to_owned(), place);
        }
        if kind == ItemType::Display {
            if children {
                self.fault(
                    "business-rule",
                    "a display item has no items of its own (que-1)".to_owned(),
                    place,
                );
            }
            for name in ["code", "required", "repeats", "readOnly"] {
                if element.get(name).is_some() {
                    self.fault(
                        "business-rule",
                        format!("a display item has no {name} (que-3, que-6, que-9)"),
                        place,
                    );
                }
            }
        }
        self.initial(element, place, kind);
    }

    fn initial(&mut self, element: &Value, place: &str, kind: ItemType) {
        let initial = list(element, "initial");
        if initial.is_empty() {
            return;
        }
        let at = format!("{place}.initial[0]");
        let Some(natural) = kind.natural() else {
            return self.fault(
                "business-rule",
                format!("an item of type {} has no initial value (que-8)", kind.code()),
                &at,
            );
        };
        if !list(element, "answerOption").is_empty() {
            self.fault(
                "business-rule",
                "with answerOption, initialSelected says what is chosen (que-11)".to_owned(),
                &at,
            );
        }
        if initial.len() > 1 && !flag(element, "repeats") {
            self.fault("business-rule", "several initial values need repeats (que-13)".to_owned(), &at);
        }
        for (position, value) in initial.iter().enumerate() {
            let found = extension::value_of(value, "value")
                .and_then(|(name, _)| AnswerType::parse(&name["value".len()..]));
            let fits =
                found == Some(natural) || (kind == ItemType::OpenChoice && found == Some(AnswerType::String));
            if !fits && !kind.is_choice() {
                let message =
                    format!("an item of type {} starts with value{}", kind.code(), natural.suffix());
                self.fault("value", message, &format!("{place}.initial[{position}]"));
            }
        }
    }

    fn limits(
        &mut self,
        element: &Value,
        place: &str,
        kind: ItemType,
    ) -> (Option<Box<Limits>>, Option<usize>, Option<usize>) {
        let at = Place { element, at: place, kind };
        let limits = Limits::compile(&at, self.terminology, &mut self.faults);
        let min = at.count(MIN_OCCURS, &mut self.faults);
        let max = at.count(MAX_OCCURS, &mut self.faults);
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            self.fault("business-rule", format!("minOccurs {min} is greater than maxOccurs {max}"), place);
        }
        if max.or(min).is_some_and(|count| count > 1) && !flag(element, "repeats") {
            self.fault("business-rule", "minOccurs or maxOccurs above 1 needs repeats".to_owned(), place);
        }
        (limits, min, max)
    }

    fn conditions(&mut self, element: &'q Value, place: &str, index: usize) {
        let conditions = list(element, "enableWhen");
        let behavior = text(element, "enableBehavior");
        if conditions.len() > 1 && behavior.is_none() {
            let message = "several enableWhen need enableBehavior, all or any (que-12)".to_owned();
            self.fault("business-rule", message, place);
        }
        if let Some(other) = behavior.filter(|code| !matches!(*code, "all" | "any")) {
            let at = format!("{place}.enableBehavior");
            self.fault("code-invalid", format!("enableBehavior '{other}' is neither all nor any"), &at);
        }
        let read = |(position, condition): (usize, &'q Value)| {
            Written::read(condition, format!("{place}.enableWhen[{position}]"), &mut self.faults)
        };
        let written: Vec<_> = conditions.iter().enumerate().map(read).collect();
        if !written.is_empty() {
            self.conditions.push((index, written));
        }
    }

    fn extraction(&mut self, element: &Value, place: &str, kind: ItemType) -> Option<Box<Extraction>> {
        if extension::value(element, OBSERVATION_EXTRACT) != Some(&Value::Bool(true)) {
            return None;
        }
        let codings = list(element, "code");
        if kind.natural().is_none() || codings.is_empty() {
            let message = "observationExtract needs a question with a code".to_owned();
            self.fault("business-rule", message, place);
            return None;
        }
        let mut code = json!({ "coding": codings });
        if let Some(question) = text(element, "text") {
            code["text"] = json!(question);
        }
        let given: Vec<Value> = extension::all(element, OBSERVATION_CATEGORY)
            .filter_map(|(_, found)| extension::value_of(found, "value").map(|(_, value)| value.clone()))
            .collect();
        let category = if given.is_empty() { survey() } else { given.into() };
        Some(Box::new(Extraction { code: code.shared(), category, unit: only_unit(element) }))
    }

    /// What changes the meaning and is not known here must be refused.
    fn modifiers(&mut self, element: &Value, place: &str) {
        for (position, found) in list(element, "modifierExtension").iter().enumerate() {
            let url = text(found, "url").unwrap_or("without url");
            let at = format!("{place}.modifierExtension[{position}]");
            self.fault("extension", format!("modifier extension {url} is not supported"), &at);
        }
        for (position, found) in list(element, "extension").iter().enumerate() {
            let critical = text(found, "url") == Some(RENDERING_CRITICAL)
                || extension::first(found, RENDERING_CRITICAL).is_some();
            if critical {
                let at = format!("{place}.extension[{position}]");
                self.fault(
                    "extension",
                    "an extension that is critical for rendering is not supported".to_owned(),
                    &at,
                );
            }
        }
    }
}

fn has_expressions(root: &Expressions, items: &[Item]) -> bool {
    let item = |item: &Item| {
        item.enable_expression.is_some() || item.calculated.is_some() || !item.constraints.is_empty()
    };
    !root.constraints.is_empty() || items.iter().any(item)
}
