//! Linking `enableWhen` to the items it names: the target, the nearest common ancestor, and no circle.

use std::collections::HashMap;

use super::enable_when::Written;
use super::item::Item;
use crate::problem::Issue;

/// Resolves the linkIds of all conditions.
pub(crate) fn link(
    written: Vec<(usize, Vec<Written<'_>>)>,
    items: &mut [Item],
    by_link_id: &HashMap<String, usize>,
    faults: &mut Vec<Issue>,
) {
    for (item, conditions) in written {
        for condition in conditions {
            let Some(question) = condition.question else { continue };
            let Some(target) = by_link_id.get(question).copied() else {
                let message = format!("no item has the linkId '{question}'");
                faults.push(Issue::error("not-found", message).at(format!("{}.question", condition.at)));
                continue;
            };
            if target == item {
                let message = format!("item '{question}' depends on its own answer");
                faults.push(Issue::error("business-rule", message).at(&condition.at));
                continue;
            }
            let common = common(items, item, target);
            if let Some(compiled) = condition.compile(target, items[target].kind, common, faults) {
                items[item].enable_when.push(compiled);
            }
        }
    }
}

/// The nearest item that holds both: the target itself when the item is nested in it.
fn common(items: &[Item], item: usize, target: usize) -> Option<usize> {
    let mut around = items[item].parent;
    while let Some(n) = around {
        if (n..items[n].end).contains(&target) {
            return Some(n);
        }
        around = items[n].parent;
    }
    None
}

/// Items whose conditions come back to themselves, their own groups included: such an item could never be
/// said to be enabled or not.
pub(crate) fn cycles(items: &[Item], faults: &mut Vec<Issue>) {
    for start in 0..items.len() {
        let mut seen = vec![false; items.len()];
        let mut open: Vec<usize> =
            items[start].enable_when.iter().map(|condition| condition.target).collect();
        while let Some(next) = open.pop() {
            if !std::mem::replace(&mut seen[next], true) {
                open.extend(items[next].enable_when.iter().map(|condition| condition.target));
                open.extend(items[next].parent);
            }
        }
        if seen[start] {
            let message = format!("whether '{}' is enabled depends on itself", items[start].link_id);
            faults.push(Issue::error("business-rule", message).at(&items[start].place));
        }
    }
}
