//! What types an expression can give, and which of its names no type has, without evaluating it
//! (`FHIRPath` 2.0.0 section 10.1, type safety and strict evaluation).

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use super::model::Model;
use super::syntax::{Call, Expr, Name, Namespace, Operator, TypeName, TypeOperator};
use super::token::place;
use super::type_names;
use crate::problem::{Category, Issue, Problem};

/// The types that the items of a collection may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types(Known);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// Nothing is known: every name is accepted.
    Anything,
    /// FHIR type codes and backbone paths, and System types behind `System.`.
    OneOf(BTreeSet<String>),
}

impl Types {
    /// Items of any type.
    #[must_use]
    pub const fn anything() -> Self {
        Self(Known::Anything)
    }

    /// Items of one type: a type code, or the path of a backbone element.
    #[must_use]
    pub fn of(name: &str) -> Self {
        if matches!(name, "Resource" | "DomainResource" | "Element" | "Any" | "System.Any") {
            return Self::anything();
        }
        Self(Known::OneOf(BTreeSet::from([name.to_owned()])))
    }

    const fn nothing() -> Self {
        Self(Known::OneOf(BTreeSet::new()))
    }

    fn or(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Known::OneOf(mut left), Known::OneOf(right)) => {
                left.extend(right);
                Self(Known::OneOf(left))
            }
            _ => Self::anything(),
        }
    }

    /// For messages.
    fn names(&self) -> String {
        match &self.0 {
            Known::Anything => "anything".to_owned(),
            Known::OneOf(names) if names.len() > 6 => format!("any of {} types", names.len()),
            Known::OneOf(names) => names.iter().map(String::as_str).collect::<Vec<_>>().join(" or "),
        }
    }
}

pub(super) fn check(
    text: &str,
    root: &Expr,
    model: &dyn Model,
    focus: &Types,
    variables: &[(&str, Types)],
) -> Result<Types, Problem> {
    let defined = variables.iter().map(|(name, types)| ((*name).to_owned(), types.clone())).collect();
    let checker = Checker {
        text,
        steps_left: Cell::new(STEPS_MAX),
        model,
        focus,
        variables: RefCell::new(defined),
        issues: RefCell::default(),
    };
    let types = checker.types(root, focus);
    let issues = checker.issues.into_inner();
    if issues.is_empty() { Ok(types) } else { Err(Problem::with(Category::Invalid, issues)) }
}

/// Nodes looked at before the rest counts as anything: a `repeat` within a `repeat` multiplies.
const STEPS_MAX: usize = 20_000;

struct Checker<'c> {
    text: &'c str,
    steps_left: Cell<usize>,
    model: &'c dyn Model,
    focus: &'c Types,
    variables: RefCell<Vec<(String, Types)>>,
    issues: RefCell<Vec<Issue>>,
}

impl Checker<'_> {
    fn refuse(&self, at: usize, message: &str) -> Types {
        let issue = Issue::error("invalid", format!("FHIRPath, line {}: {message}", place(self.text, at)));
        let mut issues = self.issues.borrow_mut();
        if !issues.contains(&issue) {
            issues.push(issue);
        }
        // What follows a refused name is not refused once more.
        Types::anything()
    }

    fn types(&self, expr: &Expr, this: &Types) -> Types {
        let Some(left) = self.steps_left.get().checked_sub(1) else { return Types::anything() };
        self.steps_left.set(left);
        match expr {
            Expr::Empty => Types::nothing(),
            Expr::Literal(item) => Types::of(&format!("System.{}", item.kind())),
            Expr::This => this.clone(),
            Expr::Index => Types::of("System.Integer"),
            Expr::Total => Types::anything(),
            Expr::Variable(name) => self.variable(&name.text),
            Expr::Head(name) => self.head(name, this),
            Expr::Child(target, name) => self.child(&self.types(target, this), name),
            Expr::At(target, index) => {
                self.types(index, this);
                self.types(target, this)
            }
            Expr::Minus(operand) | Expr::Plus(operand) => self.types(operand, this),
            Expr::Binary(operator, left, right) => {
                let (left, right) = (self.types(left, this), self.types(right, this));
                of_operator(*operator, left, right)
            }
            Expr::Typed(operator, target, name) => {
                let target = target.as_ref().map_or_else(|| this.clone(), |target| self.types(target, this));
                self.typed(*operator, &target, name)
            }
            Expr::Call(call) => self.call(call, this),
        }
    }

    fn variable(&self, name: &str) -> Types {
        let variables = self.variables.borrow();
        let known = variables.iter().find(|(known, _)| known == name).map(|(_, types)| types.clone());
        known.unwrap_or_else(|| match name {
            "context" => self.focus.clone(),
            "ucum" | "sct" | "loinc" => Types::of("System.String"),
            _ => Types::anything(),
        })
    }

    fn head(&self, name: &Name, this: &Types) -> Types {
        if !name.text.starts_with(|c: char| c.is_ascii_uppercase()) {
            return self.child(this, name);
        }
        let Known::OneOf(types) = &this.0 else { return Types::of(&name.text) };
        let fitting: BTreeSet<String> =
            types.iter().filter(|own| self.fits(own, &name.text)).cloned().collect();
        if fitting.is_empty() && !types.is_empty() {
            let message =
                format!("found {:?} at the head of a path that starts from {}", name.text, this.names());
            return self.refuse(name.at, &message);
        }
        Types(Known::OneOf(fitting))
    }

    fn child(&self, parents: &Types, name: &Name) -> Types {
        let Known::OneOf(types) = &parents.0 else { return Types::anything() };
        if types.is_empty() {
            return Types::nothing();
        }
        let mut found: Option<Types> = None;
        for parent in types {
            let child = match self.model.child(parent, &name.text) {
                Some(child) => child.types.iter().map(|own| Types::of(own)).fold(Types::nothing(), Types::or),
                None if parent.starts_with("System.") && matches!(&*name.text, "value" | "unit" | "code") => {
                    Types::anything()
                }
                None => continue,
            };
            found = Some(found.map_or(child.clone(), |found| found.or(child)));
        }
        found.unwrap_or_else(|| {
            self.refuse(
                name.at,
                &format!("found {:?}, which {} does not have{}", name.text, parents.names(), {
                    self.choice_hint(types, &name.text)
                }),
            )
        })
    }

    /// `valueQuantity` is `value.ofType(Quantity)`.
    fn choice_hint(&self, parents: &BTreeSet<String>, name: &str) -> String {
        let of_choice = type_names::of_choice_name(name).and_then(|own| {
            let stem = name.get(..name.len() - own.len())?;
            let choice =
                parents.iter().any(|parent| self.model.child(parent, stem).is_some_and(|c| c.choice));
            choice.then(|| format!("; right is \"{stem}.ofType({own})\""))
        });
        of_choice.unwrap_or_default()
    }

    /// Whether an item declared as one type may be of another, above or below it.
    fn fits(&self, own: &str, wanted: &str) -> bool {
        own == wanted || self.model.is_subtype(own, wanted) || self.model.is_subtype(wanted, own)
    }

    fn typed(&self, operator: TypeOperator, target: &Types, name: &TypeName) -> Types {
        if operator == TypeOperator::Is {
            return Types::of("System.Boolean");
        }
        let system =
            type_names::SYSTEM.contains(&name.name.as_str()) && name.namespace != Some(Namespace::Fhir);
        let fhir = type_names::is_fhir(&name.name) && name.namespace != Some(Namespace::System);
        let Known::OneOf(types) = &target.0 else {
            return if fhir { Types::of(&name.name) } else { Types::anything() };
        };
        let system_name = format!("System.{}", name.name);
        let possible =
            types.iter().any(|own| (system && *own == system_name) || (fhir && self.fits(own, &name.name)));
        if !possible && !types.is_empty() {
            let message = format!("found the type {:?}, but here is {}", name.name, target.names());
            return self.refuse(name.at, &message);
        }
        Types::of(if fhir { &name.name } else { &system_name })
    }

    fn call(&self, call: &Call, this: &Types) -> Types {
        let input = call.target.as_ref().map_or_else(|| this.clone(), |target| self.types(target, this));
        let name = call.function.name;
        if let Some(Expr::Call(of)) = &call.target
            && ORDERED.contains(&name)
            && matches!(of.function.name, "children" | "descendants")
        {
            let message = format!("found {name}() on {}(), which has no order", of.function.name);
            self.refuse(call.at, &message);
        }
        let over_input = OVER_INPUT.contains(&name) || (name == "iif" && call.target.is_some());
        let inner = if over_input { &input } else { this };
        let mut arguments = call.arguments.iter().map(|argument| self.types(argument, inner));
        match name {
            "select" => arguments.next().unwrap_or_else(Types::anything),
            "repeat" => self.repeated(call, arguments.next().unwrap_or_else(Types::anything)),
            "union" | "combine" => arguments.fold(input.clone(), Types::or),
            "iif" => arguments.skip(1).fold(Types::nothing(), Types::or),
            "defineVariable" => {
                arguments.next();
                let value = arguments.next().unwrap_or_else(|| input.clone());
                if let Some(Expr::Literal(variable)) = call.arguments.first() {
                    let variable = variable.as_str().unwrap_or_default().to_owned();
                    self.variables.borrow_mut().push((variable, value));
                }
                input.clone()
            }
            _ => {
                arguments.for_each(drop);
                of_function(name, &input)
            }
        }
    }

    /// `repeat` goes on from what it found, until no new type comes.
    fn repeated(&self, call: &Call, first: Types) -> Types {
        let mut all = first;
        while let Some(argument) = call.arguments.first() {
            let next = all.clone().or(self.types(argument, &all));
            if next == all {
                break;
            }
            all = next;
        }
        all
    }
}

/// Functions whose arguments are evaluated for the items of the input.
const OVER_INPUT: &[&str] =
    &["where", "select", "repeat", "exists", "all", "aggregate", "sort", "trace", "defineVariable"];

/// Functions that depend on the order of their input.
const ORDERED: &[&str] = &["first", "last", "tail", "skip", "take"];

/// Functions that give items of their input.
const INPUT: &[&str] = &[
    "where",
    "first",
    "last",
    "tail",
    "skip",
    "take",
    "single",
    "distinct",
    "exclude",
    "intersect",
    "sort",
    "trace",
    "abs",
    "min",
    "max",
];

const BOOLEAN: &[&str] = &[
    "empty",
    "exists",
    "all",
    "allTrue",
    "anyTrue",
    "allFalse",
    "anyFalse",
    "subsetOf",
    "supersetOf",
    "isDistinct",
    "not",
    "hasValue",
    "startsWith",
    "endsWith",
    "contains",
    "matches",
    "matchesFull",
    "memberOf",
    "conformsTo",
    "comparable",
];

const STRING: &[&str] = &[
    "toString",
    "substring",
    "upper",
    "lower",
    "trim",
    "replace",
    "replaceMatches",
    "toChars",
    "split",
    "join",
    "encode",
    "decode",
    "escape",
    "unescape",
];

fn of_function(name: &str, input: &Types) -> Types {
    let is = |list: &[&str]| list.contains(&name);
    match name {
        _ if is(INPUT) => input.clone(),
        _ if is(BOOLEAN) || name.starts_with("convertsTo") => Types::of("System.Boolean"),
        _ if is(STRING) => Types::of("System.String"),
        "count" | "length" | "indexOf" | "lastIndexOf" | "toInteger" | "ceiling" | "floor" | "truncate"
        | "precision" => Types::of("System.Integer"),
        "toDecimal" | "round" | "sqrt" | "ln" | "exp" | "log" => Types::of("System.Decimal"),
        "toDate" | "today" => Types::of("System.Date"),
        "toDateTime" | "now" => Types::of("System.DateTime"),
        "toTime" | "timeOfDay" => Types::of("System.Time"),
        "toQuantity" => Types::of("System.Quantity"),
        "extension" => Types::of("Extension"),
        _ => Types::anything(),
    }
}

fn of_operator(operator: Operator, left: Types, right: Types) -> Types {
    match operator {
        Operator::Union => left.or(right),
        Operator::Concatenate => Types::of("System.String"),
        Operator::Div => Types::of("System.Integer"),
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Mod => {
            Types::anything()
        }
        _ => Types::of("System.Boolean"),
    }
}
