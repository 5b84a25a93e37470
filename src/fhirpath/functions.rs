//! The table of functions: name, number of arguments, and the `fn` that answers (`FHIRPath` 2.0.0
//! section 5, <https://hl7.org/fhir/R4/fhirpath.html> for those of FHIR).

mod boundary;
mod conversion;
mod encoding;
mod existence;
mod fhir;
mod filtering;
mod maths;
mod strings;

use std::borrow::Cow;

use super::Fault;
use super::collection::{Collection, Item};
use super::evaluate::{Evaluator, Frame};
use super::items::Items;
use super::syntax::Call;
pub(super) use filtering::name_and_text;

/// What a function answers with.
pub(super) type Answer<'a> = Result<Collection<'a>, Fault>;

/// What is special about the arguments of a function, for the parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arguments {
    /// Nothing.
    Plain,
    /// The first one names a variable that what follows may use.
    Defining,
    /// They may be followed by `asc` or `desc`.
    Keys,
}

/// A function.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// Least and greatest number of arguments.
    pub(super) arity: (usize, usize),
    pub(super) takes: Arguments,
    pub(super) run: for<'i, 's, 'a> fn(Input<'i, 's, 'a>) -> Answer<'a>,
}

type Run = for<'i, 's, 'a> fn(Input<'i, 's, 'a>) -> Answer<'a>;

const fn row(name: &'static str, least: usize, most: usize, run: Run) -> Function {
    Function { name, arity: (least, most), takes: Arguments::Plain, run }
}

const fn special(name: &'static str, least: usize, most: usize, takes: Arguments, run: Run) -> Function {
    Function { name, arity: (least, most), takes, run }
}

/// All tables; each room of functions keeps its own.
const TABLES: &[&[Function]] = &[
    existence::TABLE,
    filtering::TABLE,
    conversion::TABLE,
    strings::TABLE,
    encoding::TABLE,
    maths::TABLE,
    boundary::TABLE,
    fhir::TABLE,
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    TABLES.iter().copied().flatten().find(|function| function.name == name)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().copied().flatten().map(|function| function.name)
}

/// Why a function of FHIR is refused at compile, where it is.
pub(super) fn refused(name: &str) -> Option<&'static str> {
    match name {
        "elementDefinition" | "slice" | "checkModifiers" => {
            Some("which is not served: profiles are checked outside of FHIRPath")
        }
        "conformsTo" => {
            Some("which is not served: use is() for a type; profiles are checked outside of FHIRPath")
        }
        "htmlChecks" => Some("which is not served: narrative is checked outside of FHIRPath"),
        "subsumes" | "subsumedBy" => {
            Some("which is not served: there is no terminology server; use memberOf()")
        }
        _ => None,
    }
}

/// A call being evaluated: the input collection and the arguments, unevaluated. The input is borrowed where it is a
/// variable or the focus.
pub(super) struct Input<'i, 's, 'a> {
    pub(super) evaluator: &'i Evaluator<'s, 'a>,
    pub(super) frame: Frame<'i, 'a>,
    pub(super) items: Cow<'i, Collection<'a>>,
    pub(super) call: &'a Call,
}

impl<'i, 'a> Input<'i, '_, 'a> {
    /// The name of the function, for messages.
    fn name(&self) -> &'static str {
        self.call.function.name
    }

    fn fault(&self, message: &str) -> Fault {
        Fault::new(format!("{}() {message}", self.name()))
    }

    fn has_argument(&self, at: usize) -> bool {
        at < self.call.arguments.len()
    }

    /// An argument, evaluated where the call stands.
    fn argument(&self, at: usize) -> Result<Cow<'i, Collection<'a>>, Fault> {
        match self.call.arguments.get(at) {
            Some(argument) => self.evaluator.evaluate(argument, self.frame),
            None => Ok(Cow::Owned(Collection::empty())),
        }
    }

    /// An argument, evaluated for one item of the input.
    fn each(&self, at: usize, item: &Item<'a>, index: usize) -> Answer<'a> {
        match self.call.arguments.get(at) {
            Some(argument) => self.evaluator.each(argument, item, index, None),
            None => Ok(Collection::empty()),
        }
    }

    /// The truth of an argument for one item of the input.
    fn each_truth(&self, at: usize, item: &Item<'a>, index: usize) -> Result<Option<bool>, Fault> {
        match self.call.arguments.get(at) {
            Some(argument) => self.evaluator.each_truth(argument, item, index),
            None => Ok(None),
        }
    }

    /// The input, to be taken apart.
    fn into_items(self) -> Items<'a> {
        self.items.into_owned().items
    }

    /// The one input item, or none.
    fn single(&self) -> Result<Option<&Item<'a>>, Fault> {
        match self.items.items.as_slice() {
            few @ ([] | [_]) => Ok(few.first()),
            _ => self.items.single(&format!("{}()", self.name())),
        }
    }

    /// The one input item as a System value, or none; a primitive that has extensions and no value has none.
    fn value(&self) -> Result<Option<Item<'a>>, Fault> {
        match self.single()? {
            None => Ok(None),
            Some(item) => match item.system() {
                Some(value) => Ok(Some(value)),
                None if matches!(item, Item::Node(node) if node.is_primitive()) => Ok(None),
                None => Err(self.fault(&format!("takes a single value, found {}", item.kind()))),
            },
        }
    }

    /// The one input item as text, or none.
    fn text(&self) -> Result<Option<Cow<'a, str>>, Fault> {
        self.value()?.map(|value| self.as_text(value)).transpose()
    }

    fn as_text(&self, value: Item<'a>) -> Result<Cow<'a, str>, Fault> {
        match value {
            Item::String(text) => Ok(text),
            other => Err(self.fault(&format!("takes a String, found {}", other.kind()))),
        }
    }

    fn argument_value(&self, at: usize) -> Result<Option<Item<'a>>, Fault> {
        let argument = self.argument(at)?;
        match argument.items.as_slice() {
            [] => Ok(None),
            [item] => Ok(item.system()),
            _ => argument.single(&format!("an argument of {}()", self.name())).map(|_| None),
        }
    }

    fn text_argument(&self, at: usize) -> Result<Option<Cow<'a, str>>, Fault> {
        self.argument_value(at)?.map(|value| self.as_text(value)).transpose()
    }

    fn integer_argument(&self, at: usize) -> Result<Option<i64>, Fault> {
        match self.argument_value(at)? {
            None => Ok(None),
            Some(Item::Integer(value)) => Ok(Some(value)),
            Some(other) => Err(self.fault(&format!("takes an Integer, found {}", other.kind()))),
        }
    }
}
