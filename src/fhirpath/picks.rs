//! Which of many elements an expression can see, told by its text alone: `%history.item.where(linkId = 'base')` looks into no
//! item of another link id, so that nothing else of a long history has to be read; nor does
//! `%history.where(authored >= today() - 1 month).item.where(linkId = 'base')`, whose criterion looks beside the items.

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
        let mut way = if self.is_whole(elements) { Vec::new() } else { self.way(elements)? };
        way.push(text.to_owned());
        Some(way)
    }

    /// The variable itself, or those of its values that a criterion picks without a look at the list.
    fn is_whole(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Variable(VariableName { text, .. }) => text == self.variable,
            Expr::Call(call) if call.function.name == "where" => {
                call.target.as_ref().is_some_and(|target| self.is_whole(target))
                    && call.arguments.iter().all(|criterion| self.is_beside(criterion))
            }
            _ => false,
        }
    }

    /// Whether a criterion sees, of the value that it is about, members beside the list alone.
    fn is_beside(&self, expr: &Expr) -> bool {
        let all = |exprs: &[&Expr]| exprs.iter().all(|expr| self.is_beside(expr));
        match expr {
            Expr::Empty | Expr::Literal(_) => true,
            Expr::Head(name) => {
                name.text != self.list && name.text.starts_with(|c: char| c.is_ascii_lowercase())
            }
            Expr::Variable(VariableName { text, .. }) => text != self.variable,
            Expr::Child(target, _) => all(&[target]),
            Expr::Minus(operand) | Expr::Plus(operand) => all(&[operand]),
            Expr::Binary(_, left, right) => all(&[left, right]),
            Expr::Call(call) => {
                // Without a target, a function looks at the value itself, unless it is one of these.
                let looks_elsewhere = call
                    .target
                    .as_ref()
                    .map_or(OF_NOTHING.contains(&call.function.name), |target| all(&[target]));
                looks_elsewhere && call.arguments.iter().all(|argument| all(&[argument]))
            }
            _ => false,
        }
    }
}

/// Functions that see nothing of what they are called on but through their arguments.
const OF_NOTHING: &[&str] = &["iif", "now", "today"];

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
        // A criterion may look at what stands beside the items.
        for beside in [
            "authored >= today() - 1 month",
            "iif(authored.toDate() < %since, false, true)",
            "iif(authored.exists(), authored, meta.lastUpdated).toDate() > now().toDate()",
            "meta.tag.where(code = 'a').exists()",
        ] {
            check(&format!("%history.where({beside}).item.where(linkId = 'a')"), Some(&[&["a"]]));
        }
        check(
            "%history.where(status = 'amended').where(authored.exists()).item.where(linkId = 'a').item.where(linkId = 'b')",
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
            "%history.where(item.exists()).item.where(linkId = 'a')",
            "%history.where($this.item.exists()).item.where(linkId = 'a')",
            "%history.where(children().exists()).item.where(linkId = 'a')",
            "%history.where(descendants().exists()).item.where(linkId = 'a')",
            "%history.where(repeat(item).exists()).item.where(linkId = 'a')",
            "%history.where(iif(item.exists(), true, false)).item.where(linkId = 'a')",
            "%history.where(authored.select(%resource.item).exists() and item.exists()).item.where(linkId = 'a')",
            "%history.where(authored = %history.authored.first()).item.where(linkId = 'a')",
            "%history.where(QuestionnaireResponse.item.exists()).item.where(linkId = 'a')",
            "%history.where(authored.exists()).item",
            "%history.first().item.where(linkId = 'a')",
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
