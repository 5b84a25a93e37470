//! Walk the tree over a focus (`FHIRPath` 2.0.0 sections 4 to 6).

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use super::Fault;
use super::collection::{Collection, Item};
use super::compare;
use super::functions::Input;
use super::items::Items;
use super::node::resource_type;
use super::operators;
use super::quantity::UCUM;
use super::scope::Scope;
use super::syntax::{Call, Expr, TypeName, TypeOperator, VariableName};
use super::types;
use super::variable::Variable;

/// Items that one evaluation may produce before it is given up as unbounded.
const ITEMS_MAX: usize = 1_000_000;

/// Longest text that an expression may make, in bytes.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// The values of the variables that an expression does not define itself.
pub(super) struct Variables<'s, 'a> {
    /// The names that the expression uses.
    pub(super) names: &'a [String],
    /// The place of each name of a variable among them.
    pub(super) places: &'a [Option<usize>],
    /// Their values, by their places among the names, where they are not of the scope.
    pub(super) given: &'s dyn Fn(usize) -> Option<&'s Variable<'a>>,
    pub(super) scope: &'s Scope<'a>,
}

impl<'s, 'a> Variables<'s, 'a> {
    /// The value of one; `context` is never among them.
    fn get(&self, name: &str) -> Option<&'s Variable<'a>> {
        if name == "context" {
            return None;
        }
        let place = self.names.iter().position(|known| known == name);
        place.and_then(self.given).or_else(|| self.scope.variable(name))
    }

    /// The same for one of the expression: a name is not looked for where its place is known.
    fn at(&self, name: &VariableName) -> Option<&'s Variable<'a>> {
        let given = self.places.get(name.place).copied().flatten().and_then(self.given);
        given.or_else(|| self.scope.variable(&name.text).filter(|_| name.text != "context"))
    }
}

/// One evaluation: what is the same for every part of the expression.
pub(super) struct Evaluator<'s, 'a> {
    pub(super) scope: &'s Scope<'a>,
    variables: Variables<'s, 'a>,
    focus: &'s Collection<'a>,
    items_left: Cell<usize>,
    defined: RefCell<Vec<(String, Collection<'a>)>>,
}

/// Where in the expression the walk is: `$this`, `$index`, `$total`.
#[derive(Clone, Copy)]
pub(super) struct Frame<'f, 'a> {
    pub(super) this: &'f Collection<'a>,
    pub(super) index: usize,
    pub(super) total: Option<&'f Collection<'a>>,
}

/// One side of a comparison.
pub(super) enum Side<'f, 'a> {
    Literal(&'f Item<'a>),
    Value(Cow<'f, Collection<'a>>),
}

impl<'a> Side<'_, 'a> {
    pub(super) fn items(&self) -> &[Item<'a>] {
        match self {
            Self::Literal(item) => std::slice::from_ref(item),
            Self::Value(collection) => collection.items.as_slice(),
        }
    }
}

impl<'s, 'a> Evaluator<'s, 'a> {
    pub(super) const fn new(variables: Variables<'s, 'a>, focus: &'s Collection<'a>) -> Self {
        let defined = RefCell::new(Vec::new());
        Self { scope: variables.scope, variables, focus, items_left: Cell::new(ITEMS_MAX), defined }
    }

    /// Evaluate the whole expression.
    pub(super) fn run(&self, root: &'a Expr) -> Result<Collection<'a>, Fault> {
        Ok(self.evaluate(root, Frame { this: self.focus, index: 0, total: None })?.into_owned())
    }

    /// [`Collection::truth`] of the whole expression; a fault of that alone is told within.
    pub(super) fn run_truth(&self, root: &'a Expr) -> Result<Result<Option<bool>, Fault>, Fault> {
        let frame = Frame { this: self.focus, index: 0, total: None };
        match root {
            Expr::Binary(operator, ..) if operator.is_logical() => self.truth(root, frame).map(Ok),
            _ => Ok(self.evaluate(root, frame)?.truth()),
        }
    }

    /// [`Collection::truth`] of a part of the expression. What an operator says is not put into a collection first.
    ///
    /// # Errors
    /// It has no value, or several items.
    pub(super) fn truth(&self, expr: &'a Expr, frame: Frame<'_, 'a>) -> Result<Option<bool>, Fault> {
        let Expr::Binary(operator, left, right) = expr else {
            return self.evaluate(expr, frame)?.truth();
        };
        match operators::truth(self, frame, *operator, left, right)? {
            Some(truth) => {
                self.spend(1)?;
                Ok(truth)
            }
            None => self.evaluate(expr, frame)?.truth(),
        }
    }

    /// The items of one side of a comparison: a literal as it stands.
    pub(super) fn side<'f>(&'f self, expr: &'a Expr, frame: Frame<'f, 'a>) -> Result<Side<'f, 'a>, Fault> {
        match expr {
            // What compares texts takes them along, and a borrowed one costs nothing.
            Expr::Literal(item) if !matches!(item, Item::String(_)) => {
                self.spend(1)?;
                Ok(Side::Literal(item))
            }
            _ => self.evaluate(expr, frame).map(Side::Value),
        }
    }

    /// The value of a part of the expression: borrowed where it is there already, as a variable or the focus.
    pub(super) fn evaluate<'f>(
        &'f self,
        expr: &'a Expr,
        frame: Frame<'f, 'a>,
    ) -> Result<Cow<'f, Collection<'a>>, Fault> {
        let value = match expr {
            Expr::This => Cow::Borrowed(frame.this),
            Expr::Variable(name) => self.variable_at(name)?,
            computed => Cow::Owned(self.compute(computed, frame)?),
        };
        self.spend(value.len())?;
        Ok(value)
    }

    fn compute(&self, expr: &'a Expr, frame: Frame<'_, 'a>) -> Result<Collection<'a>, Fault> {
        Ok(match expr {
            Expr::Empty => Collection::empty(),
            Expr::Literal(item) => Collection::one(item.borrowed()),
            Expr::This => frame.this.clone(),
            Expr::Index => Collection::integer(frame.index),
            Expr::Total => frame.total.cloned().unwrap_or_default(),
            Expr::Variable(name) => self.variable_at(name)?.into_owned(),
            Expr::Head(name) => self.head(&name.text, frame.this),
            Expr::Child(target, name) => self.child(&*self.evaluate(target, frame)?, &name.text),
            Expr::At(target, index) => self.at(target, index, frame)?,
            Expr::Minus(operand) => operators::negate(&*self.evaluate(operand, frame)?)?,
            Expr::Plus(operand) => operators::plus(self.evaluate(operand, frame)?.into_owned())?,
            Expr::Binary(operator, left, right) => operators::apply(self, frame, *operator, left, right)?,
            Expr::Typed(operator, target, name) => {
                let input = self.target(target.as_deref(), frame)?;
                self.typed(*operator, &input, name)?
            }
            Expr::Call(call) => self.call(call, frame)?,
        })
    }

    fn target<'f>(
        &'f self,
        target: Option<&'a Expr>,
        frame: Frame<'f, 'a>,
    ) -> Result<Cow<'f, Collection<'a>>, Fault> {
        target.map_or_else(|| Ok(Cow::Borrowed(frame.this)), |target| self.evaluate(target, frame))
    }

    fn call(&self, call: &'a Call, frame: Frame<'_, 'a>) -> Result<Collection<'a>, Fault> {
        let input = self.target(call.target.as_ref(), frame)?;
        (call.function.run)(Input { evaluator: self, frame, items: input, call })
    }

    /// Evaluate a part of the expression for one item, without leaving its variables behind.
    pub(super) fn each(
        &self,
        expr: &'a Expr,
        item: &Item<'a>,
        index: usize,
        total: Option<&Collection<'a>>,
    ) -> Result<Collection<'a>, Fault> {
        let this = Collection::one(item.clone());
        let defined = self.defined.borrow().len();
        let result = self.evaluate(expr, Frame { this: &this, index, total }).map(Cow::into_owned);
        self.defined.borrow_mut().truncate(defined);
        result
    }

    /// The truth of a part of the expression for one item, in the same way.
    pub(super) fn each_truth(
        &self,
        expr: &'a Expr,
        item: &Item<'a>,
        index: usize,
    ) -> Result<Option<bool>, Fault> {
        let this = Collection::one(item.clone());
        let defined = self.defined.borrow().len();
        let result = self.truth(expr, Frame { this: &this, index, total: None });
        self.defined.borrow_mut().truncate(defined);
        result
    }

    /// Count produced items; repeating without end is a fault, not a full memory.
    pub(super) fn spend(&self, items: usize) -> Result<(), Fault> {
        match self.items_left.get().checked_sub(items.max(1)) {
            Some(left) => {
                self.items_left.set(left);
                Ok(())
            }
            None => Err(Fault::new(format!("the expression produced more than {ITEMS_MAX} items"))),
        }
    }

    /// A text that the expression made, if it is not too long.
    pub(super) fn text(&self, text: String) -> Result<Collection<'a>, Fault> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(Fault::new(format!(
                "the expression made a text of more than {TEXT_BYTES_MAX} bytes"
            )));
        }
        Ok(Collection::one(Item::String(Cow::Owned(text))))
    }

    /// `defineVariable()`: known to what follows, in this part of the expression.
    pub(super) fn define(&self, name: &str, value: Collection<'a>) -> Result<(), Fault> {
        let known = self.defined.borrow().iter().any(|(known, _)| known == name);
        if known || self.variables.get(name).is_some() || self.preset(name).is_some() {
            return Err(Fault::new(format!("the variable %{name} is already defined")));
        }
        self.defined.borrow_mut().push((name.to_owned(), value));
        Ok(())
    }

    /// `%name`: defined in the expression, set in the scope, or preset.
    ///
    /// # Errors
    /// Nobody set it.
    pub(super) fn variable(&self, name: &str) -> Result<Cow<'s, Collection<'a>>, Fault> {
        self.value(name, || self.variables.get(name))
    }

    fn variable_at(&self, name: &VariableName) -> Result<Cow<'s, Collection<'a>>, Fault> {
        self.value(&name.text, || self.variables.at(name))
    }

    fn value(
        &self,
        name: &str,
        given: impl FnOnce() -> Option<&'s Variable<'a>>,
    ) -> Result<Cow<'s, Collection<'a>>, Fault> {
        if let Some((_, value)) = self.defined.borrow().iter().find(|(known, _)| known == name) {
            return Ok(Cow::Owned(value.clone()));
        }
        if let Some(variable) = given() {
            return Ok(Cow::Borrowed(variable.value()));
        }
        let preset = self.preset(name).map(Cow::Owned);
        preset.ok_or_else(|| Fault::new(format!("the variable %{name} is not set")))
    }

    /// The items of a variable whose `element` is the text, where its index can tell. What an expression defines has another
    /// name than any variable that it is given.
    pub(super) fn pick(&self, name: &VariableName, element: &str, text: &str) -> Option<Collection<'a>> {
        self.variables.at(name)?.with_text(element, text)
    }

    fn preset(&self, name: &str) -> Option<Collection<'a>> {
        let url = |prefix: &str, rest: &str| Some(Collection::from_text(format!("{prefix}{rest}")));
        match name {
            "context" => return Some(self.focus.clone()),
            "resource" | "rootResource" => return Some(self.resource_in_focus()),
            "ucum" => return Some(Collection::from_text(UCUM)),
            "sct" => return Some(Collection::from_text("http://snomed.info/sct")),
            "loinc" => return Some(Collection::from_text("http://loinc.org")),
            _ => {}
        }
        if let Some(rest) = name.strip_prefix("vs-") {
            return url("http://hl7.org/fhir/ValueSet/", rest);
        }
        url("http://hl7.org/fhir/StructureDefinition/", name.strip_prefix("ext-")?)
    }

    fn resource_in_focus(&self) -> Collection<'a> {
        match self.focus.items.as_slice() {
            [item] if item.node().is_some_and(|value| resource_type(value).is_some()) => self.focus.clone(),
            _ => Collection::empty(),
        }
    }

    /// A name that starts a path is the focus itself when it names its type (section 5, path
    /// selection: `Patient.name`), otherwise a child.
    fn head(&self, name: &str, this: &Collection<'a>) -> Collection<'a> {
        if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            return self.child(this, name);
        }
        let wanted = TypeName { namespace: None, name: name.to_owned(), at: 0 };
        let of_type = |item: &&Item<'a>| {
            matches!(item, Item::Node(_)) && types::matches(item, &wanted, TypeOperator::Is, self.scope.model)
        };
        this.iter().filter(of_type).cloned().collect()
    }

    pub(super) fn child(&self, input: &Collection<'a>, name: &str) -> Collection<'a> {
        let mut items = Items::None;
        for item in input {
            match item {
                Item::Node(node) => node.children_named(name, self.scope.model, &mut items),
                Item::Type(namespace, _) if name == "namespace" => {
                    items.push(Item::String(Cow::Borrowed(namespace)));
                }
                Item::Type(_, type_name) if name == "name" => {
                    items.push(Item::String(Cow::Borrowed(type_name)));
                }
                Item::Quantity(quantity) if name == "value" => items.push(Item::Decimal(quantity.value)),
                Item::Quantity(quantity) if name == "unit" || name == "code" => {
                    items.extend(quantity.unit.code().map(|code| Item::String(Cow::Owned(code.to_owned()))));
                }
                _ => {}
            }
        }
        Collection { items }
    }

    fn at(&self, target: &'a Expr, index: &'a Expr, frame: Frame<'_, 'a>) -> Result<Collection<'a>, Fault> {
        let items = self.evaluate(target, frame)?;
        let index = self.evaluate(index, frame)?;
        let index = match index.single("an index")? {
            None => return Ok(Collection::empty()),
            Some(item) => match item.system() {
                Some(Item::Integer(index)) => usize::try_from(index).ok(),
                _ => return Err(Fault::new(format!("an index is an Integer, found {}", item.kind()))),
            },
        };
        Ok(Collection::maybe(index.and_then(|index| items.items.get(index).cloned())))
    }

    fn typed(
        &self,
        operator: TypeOperator,
        input: &Collection<'a>,
        name: &TypeName,
    ) -> Result<Collection<'a>, Fault> {
        let matches = |item: &Item<'a>| types::matches(item, name, operator, self.scope.model);
        match operator {
            TypeOperator::Is => Ok(Collection::maybe_bool(input.single("is")?.map(matches))),
            TypeOperator::As => {
                Ok(Collection::maybe(input.single("as")?.filter(|item| matches(item)).cloned()))
            }
            TypeOperator::OfType => Ok(input.iter().filter(|item| matches(item)).cloned().collect()),
        }
    }
}

/// Items without repetition, the first of equals kept.
pub(super) fn distinct<'a>(items: impl IntoIterator<Item = Item<'a>>) -> Collection<'a> {
    let mut seen = super::seen::Seen::default();
    for item in items {
        seen.insert(item);
    }
    seen.into_collection()
}

/// Whether the collection holds an item equal to this one.
pub(super) fn holds(collection: &Collection<'_>, item: &Item<'_>) -> bool {
    collection.iter().any(|other| compare::equal(other, item) == Some(true))
}
