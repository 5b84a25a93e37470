//! The literals that an expression is written with: the texts that it looks for and the numbers that it compares with.

use rust_decimal::Decimal;

use super::collection::Item;
use super::syntax::Expr;

/// The texts and numbers that stand in an expression, in order of appearance.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Literals {
    pub(crate) texts: Vec<String>,
    pub(crate) numbers: Vec<Decimal>,
}

/// Gather what stands in a tree.
pub(super) fn gather(expr: &Expr, found: &mut Literals) {
    let mut all = |exprs: &[&Expr]| exprs.iter().for_each(|expr| gather(expr, found));
    match expr {
        Expr::Literal(Item::String(text)) => found.texts.push(text.clone().into_owned()),
        Expr::Literal(Item::Integer(number)) => found.numbers.push(Decimal::from(*number)),
        Expr::Literal(Item::Decimal(number)) => found.numbers.push(*number),
        Expr::Literal(Item::Quantity(quantity)) => found.numbers.push(quantity.value),
        Expr::Literal(_) | Expr::Empty | Expr::This | Expr::Index | Expr::Total => {}
        Expr::Variable(_) | Expr::Head(_) => {}
        Expr::Child(target, _) => all(&[target]),
        Expr::At(target, index) => all(&[target, index]),
        Expr::Minus(operand) => {
            let mut inner = Literals::default();
            gather(operand, &mut inner);
            found.texts.extend(inner.texts);
            found.numbers.extend(inner.numbers.into_iter().map(|number| -number));
        }
        Expr::Plus(operand) => all(&[operand]),
        Expr::Binary(_, left, right) => all(&[left, right]),
        Expr::Typed(_, target, _) => target.iter().for_each(|target| gather(target, found)),
        Expr::Call(call) => {
            call.target.iter().for_each(|target| gather(target, found));
            call.arguments.iter().for_each(|argument| gather(argument, found));
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn texts_and_numbers_are_told_wherever_they_stand() {
        let literals = super::super::compile(
            "iif(%x.where(linkId = 'a').answer.value > 38.0, -2, 3 'kg').exists() and %y[0] is Integer",
        )
        .unwrap()
        .literals();
        assert_eq!(literals.texts, ["a"]);
        let numbers: Vec<String> = literals.numbers.iter().map(ToString::to_string).collect();
        assert_eq!(numbers, ["38.0", "-2", "3", "0"]);
    }
}
