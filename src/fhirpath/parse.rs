//! From tokens to the tree, functions and types resolved on the way (`FHIRPath` 2.0.0, grammar in
//! appendix A, precedence in section 6.8).

use super::functions::{self, Arguments, Function};
use super::literal;
use super::suggest;
use super::syntax::{
    Call, Expr, Name, Namespace, Operator, TYPE_OPERATOR_BINDING, TypeName, TypeOperator, VariableName,
};
use super::token::{Kind, Token, refuse, tokenize};
use super::type_names;
use crate::problem::Problem;

/// Deepest tree, in nodes from the root to a leaf. Bounds the stack of everything that walks it.
pub(super) const DEPTH_MAX: usize = 128;

/// Words that are operators between two operands, and therefore no name at the head of an operand.
const OPERATOR_WORDS: &[&str] = &["implies", "or", "xor", "and", "div", "mod"];

/// A parsed expression.
pub(super) struct Parsed {
    pub(super) root: Expr,
    pub(super) variables: Vec<String>,
    /// Of each name of a variable in order of appearance, its place among [`Parsed::variables`].
    pub(super) places: Vec<Option<usize>>,
}

/// Parse a whole text.
///
/// # Errors
/// `Invalid`, at the first place that is not `FHIRPath` or names what is not known here.
pub(super) fn parse(text: &str) -> Result<Parsed, Problem> {
    let tokens = tokenize(text)?;
    let mut parser = Parser { text, tokens, next: 0, nesting: 0, variables: Vec::new(), defined: Vec::new() };
    let tree = parser.expression(0)?;
    if parser.peek() != &Kind::End {
        return Err(parser.unexpected("an operator or the end"));
    }
    let Parser { variables: named, defined, .. } = parser;
    let mut variables = Vec::with_capacity(named.len());
    let mut place = |name: String| {
        // It is always the focus, whatever it is given.
        let is_given = name != "context";
        let is_own = defined.contains(&name);
        if !is_own {
            variables.push(name);
        }
        (is_given && !is_own).then(|| variables.len() - 1)
    };
    let places = named.into_iter().map(&mut place).collect();
    Ok(Parsed { root: tree.expr, variables, places })
}

/// A tree and its depth.
struct Tree {
    expr: Expr,
    depth: usize,
}

impl Tree {
    const fn leaf(expr: Expr) -> Self {
        Self { expr, depth: 1 }
    }
}

struct Parser<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    next: usize,
    nesting: usize,
    variables: Vec<String>,
    defined: Vec<String>,
}

impl Parser<'_> {
    fn peek(&self) -> &Kind {
        &self.tokens[self.next.min(self.tokens.len() - 1)].kind
    }

    fn at(&self) -> usize {
        self.tokens[self.next.min(self.tokens.len() - 1)].at
    }

    fn advance(&mut self) -> Kind {
        let kind = self.peek().clone();
        self.next += 1;
        kind
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Kind::Symbol(found) if *found == symbol);
        if found {
            self.next += 1;
        }
        found
    }

    fn refuse(&self, at: usize, message: &str) -> Problem {
        refuse(self.text, at, message)
    }

    fn unexpected(&self, right: &str) -> Problem {
        self.refuse(self.at(), &format!("found {}; expected {right}", self.peek()))
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Problem> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(&format!("\"{symbol}\""))) }
    }

    /// One node above its operands, refused when the tree gets too deep.
    fn grow(&self, at: usize, below: usize, expr: Expr) -> Result<Tree, Problem> {
        self.check_depth(at, below + 1)?;
        Ok(Tree { expr, depth: below + 1 })
    }

    fn check_depth(&self, at: usize, depth: usize) -> Result<(), Problem> {
        if depth > DEPTH_MAX {
            let message = format!("found an expression nested deeper than {DEPTH_MAX} levels; split it");
            return Err(self.refuse(at, &message));
        }
        Ok(())
    }

    /// Operators that bind at least as tightly as `binding`.
    fn expression(&mut self, binding: u8) -> Result<Tree, Problem> {
        self.nesting += 1;
        self.check_depth(self.at(), self.nesting)?;
        let mut left = self.unary()?;
        loop {
            let at = self.at();
            let word = match self.peek() {
                Kind::Symbol(symbol) => (*symbol).to_owned(),
                Kind::Word(word) => word.clone(),
                _ => break,
            };
            if word == "is" || word == "as" {
                if TYPE_OPERATOR_BINDING < binding {
                    break;
                }
                self.next += 1;
                let operator = if word == "is" { TypeOperator::Is } else { TypeOperator::As };
                let name = self.type_name()?;
                left = self.grow(at, left.depth, Expr::Typed(operator, Some(Box::new(left.expr)), name))?;
                continue;
            }
            let Some((operator, tightness)) = Operator::of(&word) else { break };
            if tightness < binding {
                break;
            }
            self.next += 1;
            let right = self.expression(tightness + 1)?;
            let below = left.depth.max(right.depth);
            let expr = Expr::Binary(operator, Box::new(left.expr), Box::new(right.expr));
            left = self.grow(at, below, expr)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Tree, Problem> {
        let at = self.at();
        let wrap: fn(Box<Expr>) -> Expr = if self.take("-") {
            Expr::Minus
        } else if self.take("+") {
            Expr::Plus
        } else {
            return self.path();
        };
        self.nesting += 1;
        self.check_depth(at, self.nesting)?;
        let operand = self.unary()?;
        self.nesting -= 1;
        self.grow(at, operand.depth, wrap(Box::new(operand.expr)))
    }

    /// A term with its members, calls and indexes.
    fn path(&mut self) -> Result<Tree, Problem> {
        let mut left = self.term()?;
        loop {
            let at = self.at();
            if self.take(".") {
                let name_at = self.at();
                let name = self.name("a name or a function after \".\"")?;
                left = if self.take("(") {
                    self.call(name_at, &name, Some(left))?
                } else {
                    self.grow(
                        at,
                        left.depth,
                        Expr::Child(Box::new(left.expr), Name { text: name, at: name_at }),
                    )?
                };
            } else if self.take("[") {
                let index = self.expression(0)?;
                self.expect("]")?;
                let below = left.depth.max(index.depth);
                left = self.grow(at, below, Expr::At(Box::new(left.expr), Box::new(index.expr)))?;
            } else {
                return Ok(left);
            }
        }
    }

    fn name(&mut self, right: &str) -> Result<String, Problem> {
        match self.peek() {
            Kind::Word(name) | Kind::Quoted(name) => {
                let name = name.clone();
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.unexpected(right)),
        }
    }

    fn term(&mut self) -> Result<Tree, Problem> {
        let at = self.at();
        match self.peek().clone() {
            Kind::Symbol("(") => {
                self.next += 1;
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Kind::Symbol("{") => {
                self.next += 1;
                self.expect("}")?;
                Ok(Tree::leaf(Expr::Empty))
            }
            Kind::Symbol("%") => {
                self.next += 1;
                self.variable()
            }
            Kind::Special(_) => self.special(),
            Kind::Text(_) | Kind::Number(_) | Kind::Moment(_) => self.literal(),
            Kind::Word(word) if word == "true" || word == "false" => self.literal(),
            Kind::Word(word) if OPERATOR_WORDS.contains(&word.as_str()) => Err(self.unexpected("an operand")),
            Kind::Word(name) | Kind::Quoted(name) => {
                self.next += 1;
                if self.take("(") {
                    self.call(at, &name, None)
                } else {
                    Ok(Tree::leaf(Expr::Head(Name { text: name, at })))
                }
            }
            Kind::DoubleQuoted(_) => {
                Err(self.unexpected("a string in single quotes, or a name in backticks"))
            }
            _ => Err(self.unexpected("an operand: a name, a literal, a function, \"(\" or \"{}\"")),
        }
    }

    fn special(&mut self) -> Result<Tree, Problem> {
        let expr = match self.peek() {
            Kind::Special(name) => match name.as_str() {
                "this" => Expr::This,
                "index" => Expr::Index,
                "total" => Expr::Total,
                _ => return Err(self.unexpected("$this, $index or $total")),
            },
            _ => return Err(self.unexpected("$this, $index or $total")),
        };
        self.next += 1;
        Ok(Tree::leaf(expr))
    }

    fn variable(&mut self) -> Result<Tree, Problem> {
        let name = match self.peek() {
            Kind::Word(name) | Kind::Quoted(name) | Kind::DoubleQuoted(name) | Kind::Text(name) => {
                name.clone()
            }
            _ => return Err(self.unexpected("the name of a variable after \"%\"")),
        };
        self.next += 1;
        let known = self.variables.iter().position(|known| *known == name);
        let place = known.unwrap_or_else(|| {
            self.variables.push(name.clone());
            self.variables.len() - 1
        });
        Ok(Tree::leaf(Expr::Variable(VariableName { text: name, place })))
    }

    fn literal(&mut self) -> Result<Tree, Problem> {
        let at = self.at();
        let kind = self.advance();
        let unit = match (&kind, self.peek()) {
            (Kind::Number(_), Kind::Text(code)) => Some(literal::Unit::Code(code.clone())),
            (Kind::Number(_), Kind::Word(word)) => literal::calendar_unit(word).map(literal::Unit::Calendar),
            _ => None,
        };
        if unit.is_some() {
            self.next += 1;
        }
        match literal::read(&kind, unit) {
            Ok(item) => Ok(Tree::leaf(Expr::Literal(item))),
            Err(message) => Err(self.refuse(at, &message)),
        }
    }

    fn call(&mut self, at: usize, name: &str, target: Option<Tree>) -> Result<Tree, Problem> {
        if let Some(operator) = type_function(name) {
            let type_name = self.type_name()?;
            self.expect(")")?;
            let below = target.as_ref().map_or(0, |tree| tree.depth);
            let target = target.map(|tree| Box::new(tree.expr));
            return self.grow(at, below, Expr::Typed(operator, target, type_name));
        }
        let function = functions::find(name).ok_or_else(|| self.refuse(at, &unknown_function(name)))?;
        let mut below = target.as_ref().map_or(0, |tree| tree.depth);
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                let argument = self.argument(function)?;
                below = below.max(argument.depth);
                arguments.push(argument.expr);
                if !self.take(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        check_arity(function, arguments.len()).map_err(|message| self.refuse(at, &message))?;
        if let (Arguments::Defining, Some(Expr::Literal(name))) = (function.takes, arguments.first()) {
            self.defined.extend(name.as_str().map(str::to_owned));
        }
        let call = Call { function, target: target.map(|tree| tree.expr), arguments, at };
        self.grow(at, below, Expr::Call(Box::new(call)))
    }

    /// `sort(name asc, date desc)` is the one place with a word behind an argument.
    fn argument(&mut self, function: &Function) -> Result<Tree, Problem> {
        let at = self.at();
        let argument = self.expression(0)?;
        if function.takes == Arguments::Keys {
            match self.peek() {
                Kind::Word(word) if word == "asc" => self.next += 1,
                Kind::Word(word) if word == "desc" => {
                    self.next += 1;
                    return self.grow(at, argument.depth, Expr::Minus(Box::new(argument.expr)));
                }
                _ => {}
            }
        }
        Ok(argument)
    }

    fn type_name(&mut self) -> Result<TypeName, Problem> {
        let at = self.at();
        let first = self.name("the name of a type")?;
        let namespace = match first.as_str() {
            "System" => Some(Namespace::System),
            "FHIR" => Some(Namespace::Fhir),
            _ => None,
        };
        let name = match namespace {
            Some(_) => {
                self.expect(".")?;
                self.name("the name of a type")?
            }
            None => first,
        };
        if type_names::SYSTEM.contains(&name.as_str()) || type_names::is_fhir(&name) {
            return Ok(TypeName { namespace, name, at });
        }
        let known = type_names::SYSTEM.iter().copied().chain(type_names::fhir());
        Err(self.refuse(at, &format!("found the unknown type \"{name}\"{}", suggest::near(&name, known))))
    }
}

fn type_function(name: &str) -> Option<TypeOperator> {
    match name {
        "is" => Some(TypeOperator::Is),
        "as" => Some(TypeOperator::As),
        "ofType" => Some(TypeOperator::OfType),
        _ => None,
    }
}

fn unknown_function(name: &str) -> String {
    if let Some(reason) = functions::refused(name) {
        return format!("found the function \"{name}\", {reason}");
    }
    let known = functions::names().chain(["is", "as", "ofType"]);
    format!("found the unknown function \"{name}\"{}", suggest::near(name, known))
}

fn check_arity(function: &Function, found: usize) -> Result<(), String> {
    let (least, most) = function.arity;
    if (least..=most).contains(&found) {
        return Ok(());
    }
    let right = if least == most { least.to_string() } else { format!("{least} to {most}") };
    Err(format!("found {found} argument(s) for {}(); it takes {right}", function.name))
}
