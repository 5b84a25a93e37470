//! The names of R4's elements as JSON spells them, so that reading a resource allocates none of them.

use std::sync::LazyLock;

/// One on each line, sorted; a test of the tables of R4 holds it to them.
const NAMES: &str = include_str!("names.txt");

/// Places of the table: a power of two, more than twice the names.
const PLACES: usize = 4_096;

static TABLE: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut table = vec![""; PLACES];
    for name in NAMES.lines() {
        let mut place = first(name);
        while !table[place].is_empty() {
            place = next(place);
        }
        table[place] = name;
    }
    table
});

/// The same name, borrowed for ever, when it is one of an element of R4.
#[must_use]
pub fn known(name: &str) -> Option<&'static str> {
    let table = &**TABLE;
    let mut place = first(name);
    loop {
        match table[place] {
            "" => return None,
            found if found == name => return Some(found),
            _ => place = next(place),
        }
    }
}

const fn next(place: usize) -> usize {
    (place + 1) % PLACES
}

/// Where a name stands, or the first place to look: by its length, its first and its last bytes. Nobody can put names into
/// the table: those that collide cost nothing more.
fn first(name: &str) -> usize {
    let bytes = name.as_bytes();
    let word = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(23),
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32
            }
            _ => bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        },
    };
    let mixed = (word ^ bytes.len() as u64).wrapping_mul(0x517c_c1b7_2722_0a95);
    // The upper bits are the well mixed ones.
    usize::try_from(mixed >> 40).unwrap_or_default() % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_list_is_known_and_nothing_else() {
        for name in NAMES.lines() {
            assert_eq!(known(name), Some(name));
            assert_eq!(known(&format!("{name}!")), None);
            assert_eq!(known(&name[1..]).filter(|found| *found != &name[1..]), None);
        }
        assert_eq!(known(""), None);
    }

    #[test]
    fn the_list_is_sorted_and_fits_the_table() {
        let names: Vec<&str> = NAMES.lines().collect();
        assert!(names.is_sorted_by(|a, b| a < b));
        assert!(names.len() * 2 < PLACES);
        // Most stand where they are looked for first.
        let steps = |name: &&str| {
            let places = std::iter::successors(Some(first(name)), |place| Some(next(*place)));
            places.take_while(|place| TABLE[*place] != *name).count()
        };
        let all: usize = names.iter().map(steps).sum();
        assert!(all < names.len(), "{all} steps beyond the first for {} names", names.len());
    }
}
