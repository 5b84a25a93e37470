//! Which ways through the items of a response an expression goes, told by its text alone:
//! `%resource.item.where(linkId = 'base').item.where(linkId = 'temp').answer` is at an answer of `temp` directly in `base`. So
//! a definition that goes a way that no response has is refused when it is published. Whatever cannot be told by the text
//! (`descendants()`, a comparison with something else than a text) is anywhere, and nothing is said of it.

use super::collection::Item;
use super::syntax::{Call, Expr, Operator, TypeOperator, VariableName};

/// Most places followed at a time; beyond, they count as anywhere.
const PLACES_MAX: usize = 64;

/// One step from items to the items in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Whether it goes through the answers of the item before.
    pub(crate) through_answer: bool,
    /// The linkIds that it is picked by: none is any item, and no item has two.
    pub(crate) link_ids: Vec<String>,
}

/// Where a way ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At the response, where there is no step, or at an item.
    Item,
    /// At the answers of the item.
    Answer,
}

/// A way from the response on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    /// The steps.
    pub(crate) steps: Vec<Step>,
    /// Where it ends.
    pub(crate) end: End,
}

/// Where a value may stand in a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Places {
    /// Nobody can tell.
    Anywhere,
    /// At the end of one of these ways, or in no response.
    Known(Vec<Way>),
}

/// What is told of an expression.
pub(crate) struct Told {
    /// Where its value may stand.
    pub(crate) value: Places,
    /// Every place on the way where it looks for something, in order: the ways of which one must be there.
    pub(crate) walks: Vec<Vec<Way>>,
}

impl Places {
    /// The response itself.
    pub(crate) fn response() -> Self {
        Self::at(Vec::new())
    }

    /// The item at the end of these steps.
    pub(crate) fn at(steps: Vec<Step>) -> Self {
        Self::Known(vec![Way { steps, end: End::Item }])
    }

    const fn nowhere() -> Self {
        Self::Known(Vec::new())
    }

    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Known(mut ways), Self::Known(more)) => {
                ways.extend(more);
                if ways.len() > PLACES_MAX { Self::Anywhere } else { Self::Known(ways) }
            }
            _ => Self::Anywhere,
        }
    }
}

/// Follows an expression from `focus`, where `variables` says what else is known.
pub(super) fn ways(root: &Expr, focus: &Places, variables: &dyn Fn(&str) -> Places) -> Told {
    let mut walker = Walker { focus, variables, defined: Vec::new(), walks: Vec::new() };
    let value = walker.follow(root, focus);
    Told { value, walks: walker.walks }
}

struct Walker<'w> {
    focus: &'w Places,
    variables: &'w dyn Fn(&str) -> Places,
    /// Names that the expression itself defines.
    defined: Vec<String>,
    walks: Vec<Vec<Way>>,
}

impl Walker<'_> {
    fn follow(&mut self, expr: &Expr, this: &Places) -> Places {
        match expr {
            Expr::Empty | Expr::Literal(_) | Expr::Index => Places::nowhere(),
            Expr::Total => Places::Anywhere,
            Expr::This => this.clone(),
            Expr::Variable(name) => self.variable(name),
            // The type of the response itself, and not a member.
            Expr::Head(name) if name.text == "QuestionnaireResponse" => this.clone(),
            Expr::Head(name) => self.child(this, &name.text),
            Expr::Child(target, name) => {
                let target = self.follow(target, this);
                self.child(&target, &name.text)
            }
            Expr::At(target, index) => {
                self.follow(index, this);
                self.follow(target, this)
            }
            Expr::Minus(operand) | Expr::Plus(operand) => {
                self.follow(operand, this);
                Places::nowhere()
            }
            Expr::Binary(operator, left, right) => {
                let (left, right) = (self.follow(left, this), self.follow(right, this));
                if *operator == Operator::Union { left.or(right) } else { Places::nowhere() }
            }
            Expr::Typed(operator, target, _) => {
                let target = target.as_ref().map_or_else(|| this.clone(), |target| self.follow(target, this));
                if *operator == TypeOperator::Is { Places::nowhere() } else { target }
            }
            Expr::Call(call) => self.call(call, this),
        }
    }

    fn variable(&self, name: &VariableName) -> Places {
        match name.text.as_str() {
            own if self.defined.iter().any(|known| known == own) => Places::Anywhere,
            "resource" | "rootResource" => Places::response(),
            "context" => self.focus.clone(),
            other => (self.variables)(other),
        }
    }

    /// The items or answers of what stands there; nothing is followed beyond them.
    fn child(&mut self, of: &Places, name: &str) -> Places {
        let Places::Known(ways) = of else { return Places::Anywhere };
        let found = ways.iter().filter_map(|way| {
            let mut steps = way.steps.clone();
            match name {
                "item" => {
                    let through_answer = way.end == End::Answer;
                    steps.push(Step { through_answer, link_ids: Vec::new() });
                    Some(Way { steps, end: End::Item })
                }
                "answer" if way.end == End::Item && !steps.is_empty() => {
                    Some(Way { steps, end: End::Answer })
                }
                _ => None,
            }
        });
        let found: Vec<Way> = found.collect();
        self.walk(&found);
        Places::Known(found)
    }

    fn walk(&mut self, ways: &[Way]) {
        if !ways.is_empty() {
            self.walks.push(ways.to_vec());
        }
    }

    fn call(&mut self, call: &Call, this: &Places) -> Places {
        let input = call.target.as_ref().map_or_else(|| this.clone(), |target| self.follow(target, this));
        let name = call.function.name;
        if matches!(name, "where" | "exists")
            && let [criterion] = call.arguments.as_slice()
        {
            let kept = self.pick(criterion, &input);
            self.follow(criterion, &kept);
            return if name == "where" { kept } else { Places::nowhere() };
        }
        if name == "defineVariable"
            && let Some(Expr::Literal(Item::String(name))) = call.arguments.first()
        {
            self.defined.push(name.to_string());
        }
        let over_input = OVER_INPUT.contains(&name) || (name == "iif" && call.target.is_some());
        let inner = if over_input { &input } else { this };
        let found: Vec<Places> = call.arguments.iter().map(|argument| self.follow(argument, inner)).collect();
        match name {
            "select" => found.into_iter().next().unwrap_or(Places::Anywhere),
            "union" | "combine" => found.into_iter().fold(input, Places::or),
            "iif" => found.into_iter().skip(1).fold(Places::nowhere(), Places::or),
            "children" | "descendants" | "repeat" | "aggregate" => Places::Anywhere,
            same if INPUT.contains(&same) => input,
            _ => Places::nowhere(),
        }
    }

    /// Where those of the items stand that fulfil a criterion, as far as it compares their linkId with a text.
    fn pick(&mut self, criterion: &Expr, input: &Places) -> Places {
        match criterion {
            Expr::Binary(Operator::And, left, right) => {
                let kept = self.pick(left, input);
                self.pick(right, &kept)
            }
            Expr::Binary(Operator::Or, left, right) => self.pick(left, input).or(self.pick(right, input)),
            Expr::Binary(Operator::Equal, left, right) => match (link_id(left, right), input) {
                (Some(link_id), Places::Known(ways)) => {
                    let kept: Vec<Way> = ways.iter().filter_map(|way| picked(way, link_id)).collect();
                    self.walk(&kept);
                    Places::Known(kept)
                }
                _ => input.clone(),
            },
            _ => input.clone(),
        }
    }
}

/// The text that one side is when the other is the linkId of what is looked at.
fn link_id<'e>(left: &'e Expr, right: &'e Expr) -> Option<&'e str> {
    let is_link_id = |expr: &Expr| match expr {
        Expr::Head(name) => name.text == "linkId",
        Expr::Child(target, name) => matches!(**target, Expr::This) && name.text == "linkId",
        _ => false,
    };
    match (left, right) {
        (name, Expr::Literal(Item::String(text))) | (Expr::Literal(Item::String(text)), name)
            if is_link_id(name) =>
        {
            Some(text)
        }
        _ => None,
    }
}

/// That way to items of this linkId alone.
fn picked(way: &Way, link_id: &str) -> Option<Way> {
    let mut way = way.clone();
    let step = way.steps.last_mut().filter(|_| way.end == End::Item)?;
    if !step.link_ids.iter().any(|known| known == link_id) {
        step.link_ids.push(link_id.to_owned());
    }
    Some(way)
}

/// Functions whose arguments are evaluated for the items of the input.
const OVER_INPUT: &[&str] = &["select", "repeat", "all", "aggregate", "sort", "trace", "defineVariable"];

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
    "intersect",
    "exclude",
    "sort",
    "trace",
    "defineVariable",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// `a.b` for the item b in the item a, `a:b` for b in an answer of a, `*` for any, `!` for its answers, `|` between ways.
    fn told(text: &str) -> (String, Vec<String>) {
        let way = |way: &Way| {
            let mut text = String::new();
            for (n, step) in way.steps.iter().enumerate() {
                text.push_str(match (n, step.through_answer) {
                    (0, _) => "",
                    (_, true) => ":",
                    (_, false) => ".",
                });
                text.push_str(&if step.link_ids.is_empty() {
                    "*".to_owned()
                } else {
                    step.link_ids.join("&")
                });
            }
            text + if way.end == End::Answer { "!" } else { "" }
        };
        let several = |ways: &[Way]| ways.iter().map(way).collect::<Vec<_>>().join("|");
        let base = Step { through_answer: false, link_ids: vec!["base".to_owned()] };
        let compiled = super::super::compile(text).unwrap();
        let told = compiled.ways(&Places::response(), &|name| match name {
            "base" => Places::at(vec![base.clone()]),
            _ => Places::Anywhere,
        });
        let value = match &told.value {
            Places::Anywhere => "anywhere".to_owned(),
            Places::Known(ways) => several(ways),
        };
        (value, told.walks.iter().map(|ways| several(ways)).collect())
    }

    fn check(text: &str, value: &str, walks: &[&str]) {
        let found = told(text);
        assert_eq!(
            (found.0.as_str(), found.1.iter().map(String::as_str).collect::<Vec<_>>()),
            (value, walks.to_vec()),
            "{text}"
        );
    }

    #[test]
    fn items_are_followed_by_their_link_ids() {
        check(
            "%resource.item.where(linkId = 'a').item.where('b' = linkId).answer.value",
            "",
            &["*", "a", "a.*", "a.b", "a.b!"],
        );
        check("item.where($this.linkId = 'a').answer.item[0]", "a:*", &["*", "a", "a!", "a:*"]);
        check("QuestionnaireResponse.item.item.where(linkId = 'b').first()", "*.b", &["*", "*.*", "*.b"]);
        check(
            "%base.item.where(linkId = 'a' and answer.exists())",
            "base.a",
            &["base.*", "base.a", "base.a!"],
        );
        check(
            "%base.item.where(linkId = 'a' or linkId = 'b')",
            "base.a|base.b",
            &["base.*", "base.a", "base.b"],
        );
        check(
            "%base.item.where(linkId = 'a').where(linkId = 'b')",
            "base.a&b",
            &["base.*", "base.a", "base.a&b"],
        );
        check(
            "iif(%base.item.exists(linkId = 'a'), item, %base).where(linkId = 'c')",
            "c|base&c",
            &["base.*", "base.a", "*", "c|base&c"],
        );
        check(
            "%base.select(item).where(linkId = 'a').answer.value.ofType(Coding).code",
            "",
            &["base.*", "base.a", "base.a!"],
        );
        check(
            "(item | %base.item).where(linkId = 'a').answer",
            "a!|base.a!",
            &["*", "base.*", "a|base.a", "a!|base.a!"],
        );
    }

    #[test]
    fn what_cannot_be_told_is_anywhere() {
        for text in [
            "%resource.descendants().where(linkId = 'a')",
            "%resource.repeat(item).where(linkId = 'a')",
            "%unknown.item.where(linkId = 'a')",
            "%resource.children().where(linkId = 'a')",
            "(%unknown | %resource).item.where(linkId = 'a')",
            "defineVariable('base', 1).select(%base).item",
        ] {
            let (value, walks) = told(text);
            assert_eq!(
                (value.as_str(), walks.iter().any(|walk| walk.contains('a'))),
                ("anywhere", false),
                "{text}"
            );
        }
        check("%base.item.where(linkId != 'a' and linkId.startsWith('b'))", "base.*", &["base.*"]);
        check("%base.item.where(linkId = %resource.id)", "base.*", &["base.*"]);
    }
}
