//! Names near an unknown one, so that a refusal says what would be right.

use crate::fhir::schema::{Definition, r4};

/// The names that may have been meant instead of an unknown element.
pub(in crate::fhir) fn for_element(definition: &Definition, unknown: &str) -> String {
    let of_choice = definition.elements.iter().find(|element| {
        let rest = unknown.strip_prefix(element.name).unwrap_or_default();
        element.choice && (rest.starts_with(|c: char| c.is_ascii_uppercase()) || unknown == element.name)
    });
    match of_choice {
        Some(element) => {
            format!("{}[x] may be of type {}", element.name, first(element.type_names.iter().copied(), 12))
        }
        None => near(definition.names(), unknown),
    }
}

/// The resource types that may have been meant.
pub(in crate::fhir) fn for_resource(unknown: &str) -> String {
    near(r4().resources(), unknown)
}

fn near<'a>(names: impl Iterator<Item = &'a str>, unknown: &str) -> String {
    let mut found: Vec<(usize, &str)> = names
        .map(|name| (distance(&name.to_ascii_lowercase(), &unknown.to_ascii_lowercase()), name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 5)
        .collect();
    found.sort_unstable();
    match found.is_empty() {
        true => String::new(),
        false => format!("near: {}", first(found.into_iter().map(|(_, name)| name), 3)),
    }
}

/// The first few of a list, and whether there are more.
pub(super) fn first<'a>(names: impl Iterator<Item = &'a str>, count: usize) -> String {
    let mut names: Vec<&str> = names.take(count + 1).collect();
    if names.len() > count {
        names[count] = "…";
    }
    names.join(", ")
}

/// Levenshtein's distance, over the first 64 bytes.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (&a.as_bytes()[..a.len().min(64)], &b.as_bytes()[..b.len().min(64)]);
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parent: &str, unknown: &str, expected: &str) {
        assert_eq!(for_element(r4().definition(parent).unwrap(), unknown), expected);
    }

    #[test]
    fn a_slip_of_the_pen_finds_the_name() {
        check("Patient", "birthdate", "near: birthDate");
        check("Patient", "nme", "near: name");
        check("Patient", "zzzzzz", "");
        assert_eq!(for_resource("QuestionaireResponse"), "near: QuestionnaireResponse");
    }

    #[test]
    fn a_wrong_type_of_a_choice_lists_the_right_ones() {
        check("Patient", "deceasedDate", "deceased[x] may be of type boolean, dateTime");
        check("Patient", "deceased", "deceased[x] may be of type boolean, dateTime");
    }
}
