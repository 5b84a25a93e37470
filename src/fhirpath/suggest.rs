//! The known name nearest to a mistyped one, for the messages of `compile`.

/// `; did you mean "where"?`, or nothing when no known name is near.
pub(super) fn near<'n>(found: &str, known: impl Iterator<Item = &'n str>) -> String {
    let allowed = 1 + found.len() / 4;
    known
        .map(|name| (distance(found, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map_or_else(String::new, |(_, name)| format!("; did you mean \"{name}\"?"))
}

/// Edits from one word to the other, case aside; names are short.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).flat_map(char::to_lowercase).collect();
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let known = ["where", "select", "exists"];
        assert_eq!(near("wher", known.into_iter()), "; did you mean \"where\"?");
        assert_eq!(near("Exists", known.into_iter()), "; did you mean \"exists\"?");
        assert_eq!(near("zzzzzz", known.into_iter()), "");
    }
}
