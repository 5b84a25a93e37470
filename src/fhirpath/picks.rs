//! Which of many elements an expression can see, told by its text alone: `%history.item.where(linkId = 'base')` looks into no
//! item of another link id, so that nothing else of a long history has to be read.

use super::functions::name_and_text;
use super::syntax::{Expr, VariableName};

/// The texts by which elements are picked on each way from a variable: see [`Expression::picks`](super::Expression::picks).
pub(super) fn picks(root: &Expr, variable: &str, list: &str, by: &str) -> Option<Vec<Vec<String>>> {
    let mut found = Vec::new();
    Asked { variable, list, by }.walk(root, &mut found).then_some(found)
}

struct Asked<'t> {
    variable: &'t str,
    list: &'t str,
    by: &'t str,
}

impl Asked<'_> {
    /// Adds each way; false as soon as the variable is used otherwise.
    fn walk(&self, expr: &Expr, found: &mut Vec<Vec<String>>) -> bool {
        if let Some(way) = self.way(expr) {
            found.push(way);
            return true;
        }
        let mut all = |exprs: &[&Expr]| exprs.iter().all(|expr| self.walk(expr, found));
        match expr {
            Expr::Variable(VariableName { text, .. }) => text != self.variable,
            Expr::Empty | Expr::Literal(_) | Expr::This | Expr::Index | Expr::Total | Expr::Head(_) => true,
            Expr::Child(target, _) => all(&[target]),
            Expr::At(target, index) => all(&[target, index]),
            Expr::Minus(operand) | Expr::Plus(operand) => all(&[operand]),
            Expr::Binary(_, left, right) => all(&[left, right]),
            Expr::Typed(_, target, _) => target.as_ref().is_none_or(|target| all(&[target])),
            Expr::Call(call) => {
                call.target.as_ref().is_none_or(|target| all(&[target]))
                    && call.arguments.iter().all(|argument| all(&[argument]))
            }
        }
    }

    /// `%variable.list.where(by = 'a').list.where(by = 'b')`: the texts, from the variable on.
    fn way(&self, expr: &Expr) -> Option<Vec<String>> {
        let Expr::Call(call) = expr else { return None };
        let (Some(Expr::Child(elements, name)), [criterion]) = (&call.target, call.arguments.as_slice())
        else {
            return None;
        };
        let (element, text) = name_and_text(criterion)?;
        if call.function.name != "where" || name.text != self.list || element != self.by {
            return None;
        }
        let mut way = match &**elements {
            Expr::Variable(VariableName { text, .. }) if text == self.variable => Vec::new(),
            before => self.way(before)?,
        };
        way.push(text.to_owned());
        Some(way)
    }
}

#[cfg(test)]
mod tests {
    fn check(text: &str, expected: Option<&[&[&str]]>) {
        let found = super::super::compile(text).unwrap().picks("history", "item", "linkId");
        let expected = expected.map(|ways| {
            ways.iter().map(|way| way.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()).collect()
        });
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_is_picked_by_its_name_is_told_with_what_leads_there() {
        check("%resource.item.answer", Some(&[]));
        check("%history.item.where(linkId = 'a')", Some(&[&["a"]]));
        check(
            "%history.item.where(linkId = 'a').item.where(linkId = 'b').answer.value.last()",
            Some(&[&["a", "b"]]),
        );
        // What follows in another way is all of what was picked.
        check("%history.item.where(linkId = 'a').item.answer", Some(&[&["a"]]));
        check("%history.item.where(linkId = 'a').repeat(item)", Some(&[&["a"]]));
        check(
            "iif(%history.item.where(linkId = 'a').exists(), -%history.item.where(linkId = 'b').answer.count() + 1)",
            Some(&[&["a"], &["b"]]),
        );
    }

    #[test]
    fn whatever_sees_more_is_told_to_see_everything() {
        for text in [
            "%history",
            "%history.count()",
            "%history.descendants().where(linkId = 'a')",
            "%history.children()",
            "%history.item",
            "%history.item[0]",
            "%history.item.first().where(linkId = 'a')",
            "%history.item.where(text = 'a')",
            "%history.item.where(linkId != 'a')",
            "%history.item.where(linkId = 'a' or linkId = 'b')",
            "%history.item.where(linkId = %resource.id)",
            // It may be a date, which is compared as one.
            "%history.item.where(linkId = '2026')",
            "%history.item.exists(linkId = 'a')",
            "%history.item.select(linkId = 'a')",
            "%history.where(status = 'completed').item.where(linkId = 'a')",
            "%history.answer.where(linkId = 'a')",
            "%history.item.where(linkId = 'a').exists() and %history.authored.exists()",
            "1.combine(%history)",
            "(%history | %previous).item.where(linkId = 'a')",
            "%history is Patient",
        ] {
            check(text, None);
        }
    }
}
