//! Operators (`FHIRPath` 2.0.0 section 6).

use std::borrow::Cow;
use std::cmp::Ordering;

use rust_decimal::Decimal;

use super::Fault;
use super::collection::{Collection, Item, single};
use super::compare;
use super::evaluate::{Evaluator, Frame, distinct, holds};
use super::number;
use super::quantity::Quantity;
use super::syntax::{Expr, Operator};
use super::temporal::{Step, Temporal};

/// What a logical operator says; nothing of another one.
pub(super) fn truth<'a>(
    evaluator: &Evaluator<'_, 'a>,
    frame: Frame<'_, 'a>,
    operator: Operator,
    left: &'a Expr,
    right: &'a Expr,
) -> Result<Option<Option<bool>>, Fault> {
    if operator.compares() {
        let left = evaluator.side(left, frame)?;
        let right = evaluator.side(right, frame)?;
        return compared(operator, left.items(), right.items()).map(Some);
    }
    let decided = match operator {
        Operator::And => Some(false),
        Operator::Or => Some(true),
        Operator::Implies => Some(false),
        _ => return Ok(None),
    };
    let left = evaluator.truth(left, frame)?;
    if left == decided {
        // A right side that cannot matter is not evaluated.
        return Ok(Some(Some(operator != Operator::And)));
    }
    Ok(Some(logic(operator, left, evaluator.truth(right, frame)?)))
}

fn compared(operator: Operator, left: &[Item<'_>], right: &[Item<'_>]) -> Result<Option<bool>, Fault> {
    match operator {
        Operator::Equal => Ok(compare::collections_equal(left, right)),
        Operator::NotEqual => Ok(compare::collections_equal(left, right).map(|equal| !equal)),
        _ => order(operator, left, right),
    }
}

/// Evaluate both sides (`and`, `or`, `implies`: the right one only when it matters) and apply.
pub(super) fn apply<'a>(
    evaluator: &Evaluator<'_, 'a>,
    frame: Frame<'_, 'a>,
    operator: Operator,
    left: &'a Expr,
    right: &'a Expr,
) -> Result<Collection<'a>, Fault> {
    if let Some(truth) = truth(evaluator, frame, operator, left, right)? {
        return Ok(Collection::maybe_bool(truth));
    }
    let left = evaluator.evaluate(left, frame)?;
    let right = evaluator.evaluate(right, frame)?;
    match operator {
        Operator::Xor => Ok(Collection::maybe_bool(logic(operator, left.truth()?, right.truth()?))),
        Operator::Union => Ok(distinct(left.into_owned().items.into_iter().chain(right.into_owned().items))),
        Operator::In => member(&right, &left, operator),
        Operator::Contains => member(&left, &right, operator),
        Operator::Equivalent => Ok(Collection::from_bool(compare::collections_equivalent(&left, &right))),
        Operator::NotEquivalent => Ok(Collection::from_bool(!compare::collections_equivalent(&left, &right))),
        Operator::Concatenate => concatenate(evaluator, &left, &right),
        _ => arithmetic(evaluator, operator, &left, &right),
    }
}

/// Three-valued logic (section 6.5).
const fn logic(operator: Operator, left: Option<bool>, right: Option<bool>) -> Option<bool> {
    match (operator, left, right) {
        (Operator::And, Some(false), _) | (Operator::And, _, Some(false)) => Some(false),
        (Operator::And, Some(true), Some(true)) => Some(true),
        (Operator::Or, Some(true), _) | (Operator::Or, _, Some(true)) => Some(true),
        (Operator::Or, Some(false), Some(false)) => Some(false),
        (Operator::Xor, Some(left), Some(right)) => Some(left != right),
        (Operator::Implies, Some(false), _) | (Operator::Implies, _, Some(true)) => Some(true),
        (Operator::Implies, Some(true), Some(false)) => Some(false),
        _ => None,
    }
}

fn member<'a>(
    collection: &Collection<'a>,
    item: &Collection<'a>,
    operator: Operator,
) -> Result<Collection<'a>, Fault> {
    let item = item.single(operator.symbol())?;
    Ok(Collection::maybe_bool(item.map(|item| holds(collection, item))))
}

/// Both sides as single items, or nothing when one is empty.
fn singles<'c, 'a>(
    operator: Operator,
    left: &'c [Item<'a>],
    right: &'c [Item<'a>],
) -> Result<Option<(&'c Item<'a>, &'c Item<'a>)>, Fault> {
    let left = single(left, operator.symbol())?;
    let right = single(right, operator.symbol())?;
    Ok(left.zip(right))
}

fn order(operator: Operator, left: &[Item<'_>], right: &[Item<'_>]) -> Result<Option<bool>, Fault> {
    let Some((left, right)) = singles(operator, left, right)? else { return Ok(None) };
    let holds = |order: Ordering| match operator {
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        _ => order.is_ge(),
    };
    Ok(compare::order(left, right)?.map(holds))
}

fn concatenate<'a>(
    evaluator: &Evaluator<'_, 'a>,
    left: &Collection<'a>,
    right: &Collection<'a>,
) -> Result<Collection<'a>, Fault> {
    let text = |side: &Collection<'a>| match side.single("&")? {
        None => Ok(String::new()),
        Some(item) => match item.system() {
            Some(Item::String(text)) => Ok(text.into_owned()),
            _ => Err(Fault::new(format!("& joins Strings, found {}; use toString()", item.kind()))),
        },
    };
    evaluator.text(text(left)? + &text(right)?)
}

fn arithmetic<'a>(
    evaluator: &Evaluator<'_, 'a>,
    operator: Operator,
    left: &Collection<'a>,
    right: &Collection<'a>,
) -> Result<Collection<'a>, Fault> {
    let Some((left, right)) = singles(operator, &left.items, &right.items)? else {
        return Ok(Collection::empty());
    };
    let refuse = || {
        let symbol = operator.symbol();
        Fault::new(format!("{} {symbol} {} has no meaning", left.kind(), right.kind()))
    };
    let result = match (left.system().ok_or_else(refuse)?, right.system().ok_or_else(refuse)?) {
        (Item::Integer(l), Item::Integer(r)) => integers(operator, l, r),
        (Item::String(l), Item::String(r)) if operator == Operator::Add => {
            return evaluator.text(format!("{l}{r}"));
        }
        (Item::Temporal(l), Item::Quantity(r)) => shift(operator, l, &r).ok_or_else(refuse)?,
        (Item::String(l), Item::Quantity(r)) => {
            let moment = Temporal::date_time(&l).ok_or_else(refuse)?;
            let moment = if l.contains('T') { moment } else { moment.to_date() };
            shift(operator, moment, &r).ok_or_else(refuse)?
        }
        (Item::Quantity(l), Item::Quantity(r)) => quantities(operator, &l, &r).ok_or_else(refuse)?,
        (Item::Quantity(l), r) => {
            let r = Quantity::plain(r.as_decimal().ok_or_else(refuse)?);
            quantities(operator, &l, &r).ok_or_else(refuse)?
        }
        (l, Item::Quantity(r)) => {
            let l = Quantity::plain(l.as_decimal().ok_or_else(refuse)?);
            quantities(operator, &l, &r).ok_or_else(refuse)?
        }
        (l, r) => match (l.as_decimal(), r.as_decimal()) {
            (Some(l), Some(r)) => decimals(operator, l, r),
            _ => return Err(refuse()),
        },
    };
    Ok(Collection::maybe(result))
}

/// Overflow and division by zero are empty (section 6.6).
fn integers<'a>(operator: Operator, left: i64, right: i64) -> Option<Item<'a>> {
    match operator {
        Operator::Add => left.checked_add(right).map(Item::Integer),
        Operator::Subtract => left.checked_sub(right).map(Item::Integer),
        Operator::Multiply => left.checked_mul(right).map(Item::Integer),
        Operator::Div => left.checked_div(right).map(Item::Integer),
        Operator::Mod => left.checked_rem(right).map(Item::Integer),
        _ => Decimal::from(left).checked_div(Decimal::from(right)).map(Item::Decimal),
    }
}

fn decimals<'a>(operator: Operator, left: Decimal, right: Decimal) -> Option<Item<'a>> {
    match operator {
        Operator::Add => left.checked_add(right).map(Item::Decimal),
        Operator::Subtract => left.checked_sub(right).map(Item::Decimal),
        Operator::Multiply => left.checked_mul(right).map(Item::Decimal),
        Operator::Divide => left.checked_div(right).map(Item::Decimal),
        Operator::Mod => left.checked_rem(right).map(Item::Decimal),
        _ => left.checked_div(right).and_then(|quotient| number::whole(quotient.trunc())).map(Item::Integer),
    }
}

/// `None`: no meaning. `Some(None)`: empty, by overflow or division by zero.
fn quantities<'a>(operator: Operator, left: &Quantity<'a>, right: &Quantity<'a>) -> Option<Option<Item<'a>>> {
    let value = match operator {
        Operator::Add => left.value.checked_add(right.in_unit(&left.unit)?),
        Operator::Subtract => left.value.checked_sub(right.in_unit(&left.unit)?),
        Operator::Multiply => return Some(left.times(right).map(Item::Quantity)),
        Operator::Divide => return Some(left.over(right).map(Item::Quantity)),
        _ => return None,
    };
    Some(value.map(|value| Item::Quantity(Quantity { value, unit: left.unit.clone() })))
}

/// A date or time moved by a duration, decimals of the amount cut off except for seconds.
fn shift<'a>(operator: Operator, moment: Temporal, by: &Quantity<'_>) -> Option<Option<Item<'a>>> {
    let step = by.unit.step()?;
    let (value, step) = match step {
        Step::Second => (by.value.checked_mul(Decimal::ONE_THOUSAND)?, Step::Millisecond),
        step => (by.value, step),
    };
    let amount = number::whole(value.trunc())?;
    let amount = match operator {
        Operator::Add => amount,
        Operator::Subtract => amount.checked_neg()?,
        _ => return None,
    };
    Some(moment.shifted(amount, step).map(Item::Temporal))
}

/// `-operand`.
pub(super) fn negate<'a>(operand: &Collection<'a>) -> Result<Collection<'a>, Fault> {
    let Some(item) = operand.single("-")? else {
        return Ok(Collection::empty());
    };
    let negated = match item.system() {
        Some(Item::Integer(value)) => value.checked_neg().map(Item::Integer),
        Some(Item::Decimal(value)) => Some(Item::Decimal(-value)),
        Some(Item::Quantity(quantity)) => {
            Some(Item::Quantity(Quantity { value: -quantity.value, unit: quantity.unit }))
        }
        _ => return Err(Fault::new(format!("- takes a number, found {}", item.kind()))),
    };
    Ok(Collection::maybe(negated))
}

/// `+operand`: a number as it is.
pub(super) fn plus(operand: Collection<'_>) -> Result<Collection<'_>, Fault> {
    match operand.single("+")?.map(|item| (item.system(), item.kind())) {
        None | Some((Some(Item::Integer(_) | Item::Decimal(_) | Item::Quantity(_)), _)) => Ok(operand),
        Some((_, kind)) => Err(Fault::new(format!("+ takes a number, found {kind}"))),
    }
}

/// The text of a System value, for `toString()` and `join()`.
pub(super) fn text_of<'a>(item: &Item<'a>) -> Option<Cow<'a, str>> {
    Some(match item.system()? {
        Item::Boolean(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        Item::Integer(value) => Cow::Owned(value.to_string()),
        Item::Decimal(value) => Cow::Owned(value.to_string()),
        Item::String(text) => text,
        Item::Temporal(temporal) => Cow::Owned(temporal.to_string()),
        Item::Quantity(quantity) => Cow::Owned(quantity.to_string()),
        Item::Type(..) | Item::Node(_) => return None,
    })
}
