//! Linking `enableWhen` to the items it names: the target, the nearest common ancestor, no circle, and no chain without end.

use std::collections::HashMap;

use super::enable_when::Written;
use super::item::Item;
use crate::problem::Issue;

/// How many items may wait for one another: whether the last is enabled is asked of each of them, one within the other.
const CHAIN_MAX: usize = 256;

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

/// Items that wait for one another further than is followed. There are no circles.
pub(crate) fn chains(items: &[Item], faults: &mut Vec<Issue>) {
    let mut lengths: Vec<Option<usize>> = vec![None; items.len()];
    for start in 0..items.len() {
        let mut open = vec![start];
        while let Some(&item) = open.last() {
            let targets = items[item].enable_when.iter().map(|condition| condition.target);
            let before: Vec<usize> = targets.chain(items[item].parent).collect();
            let unknown = open.len();
            open.extend(before.iter().filter(|item| lengths[**item].is_none()));
            if open.len() == unknown {
                open.pop();
                lengths[item] =
                    Some(before.iter().filter_map(|item| lengths[*item]).max().map_or(0, |most| most + 1));
            }
        }
    }
    if let Some(item) = (0..items.len()).find(|item| lengths[*item] > Some(CHAIN_MAX)) {
        let message = format!(
            "whether '{}' is enabled depends on a chain of more than {CHAIN_MAX} items; ask several of them at once",
            items[item].link_id
        );
        faults.push(Issue::error("too-costly", message).at(&items[item].place));
    }
}
