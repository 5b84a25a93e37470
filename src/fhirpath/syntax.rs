//! The tree of a parsed expression, names resolved (`FHIRPath` 2.0.0, grammar in appendix A).

use super::collection::Item;
use super::functions::Function;

/// One node of the tree. Boxes own their operands; depth is bounded by the parser.
pub(super) enum Expr {
    /// `{}`.
    Empty,
    /// A literal, quantity and partial date included.
    Literal(Item<'static>),
    /// `$this`.
    This,
    /// `$index`.
    Index,
    /// `$total`.
    Total,
    /// `%name`.
    Variable(VariableName),
    /// A name at the head of a path: a child of the focus, or the type of the focus itself.
    Head(Name),
    /// `target.name`.
    Child(Box<Self>, Name),
    /// `target.function(arguments)`; without target the focus is the input.
    Call(Box<Call>),
    /// `target[index]`.
    At(Box<Self>, Box<Self>),
    /// `-operand`.
    Minus(Box<Self>),
    /// `+operand`.
    Plus(Box<Self>),
    /// `left operator right`.
    Binary(Operator, Box<Self>, Box<Self>),
    /// `is`, `as`, and the functions `is()`, `as()`, `ofType()`.
    Typed(TypeOperator, Option<Box<Self>>, TypeName),
}

/// The name of a variable.
pub(super) struct VariableName {
    pub(super) text: String,
    /// Its place among all names of variables of the expression, in order of appearance.
    pub(super) place: usize,
}

/// A name and where it stands in the text.
pub(super) struct Name {
    pub(super) text: String,
    pub(super) at: usize,
}

/// A call of a known function with an accepted number of arguments.
pub(super) struct Call {
    pub(super) function: &'static Function,
    pub(super) target: Option<Expr>,
    pub(super) arguments: Vec<Expr>,
    /// Where its name stands in the text.
    pub(super) at: usize,
}

/// The binary operators, type operators aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Implies,
    Or,
    Xor,
    And,
    In,
    Contains,
    Equal,
    NotEqual,
    Equivalent,
    NotEquivalent,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Union,
    Add,
    Subtract,
    Concatenate,
    Multiply,
    Divide,
    Div,
    Mod,
}

impl Operator {
    /// Whether it says true, false or nothing, of its sides as they stand.
    pub(super) const fn is_logical(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Implies) || self.compares()
    }

    /// Whether it compares two values.
    pub(super) const fn compares(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Less
                | Self::LessOrEqual
                | Self::Greater
                | Self::GreaterOrEqual
        )
    }

    /// As written.
    pub(super) const fn symbol(self) -> &'static str {
        match self {
            Self::Implies => "implies",
            Self::Or => "or",
            Self::Xor => "xor",
            Self::And => "and",
            Self::In => "in",
            Self::Contains => "contains",
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Equivalent => "~",
            Self::NotEquivalent => "!~",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Union => "|",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Concatenate => "&",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Div => "div",
            Self::Mod => "mod",
        }
    }

    /// The operator and how tightly it binds: `implies` least, `*` most (section 6.8, precedence).
    pub(super) fn of(symbol: &str) -> Option<(Self, u8)> {
        Some(match symbol {
            "implies" => (Self::Implies, 1),
            "or" => (Self::Or, 2),
            "xor" => (Self::Xor, 2),
            "and" => (Self::And, 3),
            "in" => (Self::In, 4),
            "contains" => (Self::Contains, 4),
            "=" => (Self::Equal, 5),
            "!=" => (Self::NotEqual, 5),
            "~" => (Self::Equivalent, 5),
            "!~" => (Self::NotEquivalent, 5),
            "<" => (Self::Less, 6),
            "<=" => (Self::LessOrEqual, 6),
            ">" => (Self::Greater, 6),
            ">=" => (Self::GreaterOrEqual, 6),
            "|" => (Self::Union, 7),
            "+" => (Self::Add, 9),
            "-" => (Self::Subtract, 9),
            "&" => (Self::Concatenate, 9),
            "*" => (Self::Multiply, 10),
            "/" => (Self::Divide, 10),
            "div" => (Self::Div, 10),
            "mod" => (Self::Mod, 10),
            _ => return None,
        })
    }
}

/// How tightly `is` and `as` bind, between `|` and `+`.
pub(super) const TYPE_OPERATOR_BINDING: u8 = 8;

/// What is done with a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeOperator {
    /// Whether the one item is of the type or of one below it.
    Is,
    /// The one item if it is of the type, otherwise empty.
    As,
    /// The items of the type.
    OfType,
}

/// A type named in an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TypeName {
    /// Whether `System.` or `FHIR.` was written.
    pub(super) namespace: Option<Namespace>,
    pub(super) name: String,
    /// Where it stands in the text.
    pub(super) at: usize,
}

/// The two namespaces of types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Namespace {
    System,
    Fhir,
}
