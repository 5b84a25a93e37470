//! How worrying a response is: the levels of `CodeSystem/alert-level`.

use std::fmt;
use std::str::FromStr;

/// An alert level, ordered by how soon a person must look: the greatest of those that fired is the level
/// of a response.
///
/// *Technique* means that something could not be read or evaluated. It stands between jaune and orange and
/// is handled like orange, so it neither hides a higher level nor is hidden by a lower one.
/// *Silence* (no response) never competes with the others, as there is no response to grade; it ranks
/// between jaune and technique: its call is due in days, not hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing to do.
    Vert,
    /// Advice, and a look within days.
    Jaune,
    /// No response came.
    Silence,
    /// Not fully read or evaluated: a person reads it.
    Technique,
    /// A call the same day.
    Orange,
    /// Now.
    Rouge,
}

/// A code that is no level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownLevel(String);

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Self; 6] =
        [Self::Vert, Self::Jaune, Self::Silence, Self::Technique, Self::Orange, Self::Rouge];

    /// The code in `CodeSystem/alert-level`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Vert => "vert",
            Self::Jaune => "jaune",
            Self::Silence => "silence",
            Self::Technique => "technique",
            Self::Orange => "orange",
            Self::Rouge => "rouge",
        }
    }

    /// The display, in French.
    #[must_use]
    pub const fn display(self) -> &'static str {
        match self {
            Self::Vert => "Vert",
            Self::Jaune => "Jaune",
            Self::Silence => "Silence",
            Self::Technique => "Technique",
            Self::Orange => "Orange",
            Self::Rouge => "Rouge",
        }
    }

    /// One sentence for the care team, in French.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Vert => "Rien à signaler.",
            Self::Jaune => "À surveiller : conseils au patient, relecture programmée.",
            Self::Silence => "Aucune réponse reçue : le patient doit être contacté.",
            Self::Technique => {
                "Réponse incomplètement lue ou évaluée : relecture humaine nécessaire, traitée comme un orange."
            }
            Self::Orange => "Appel du patient dans la journée.",
            Self::Rouge => "Urgence : appel immédiat.",
        }
    }

    /// The place in the order, 0 for the lowest.
    #[must_use]
    pub const fn rank(self) -> u8 {
        self as u8
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|level| level.code() == code).ok_or_else(|| UnknownLevel(code.to_owned()))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no alert level; the levels are vert, jaune, silence, technique, orange, rouge",
            self.0
        )
    }
}

impl std::error::Error for UnknownLevel {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_and_its_level_are_inverse() {
        for level in Level::ALL {
            assert_eq!(level.code().parse(), Ok(level));
        }
        assert!("Rouge".parse::<Level>().is_err());
    }

    #[test]
    fn technique_neither_hides_orange_nor_is_hidden_by_jaune() {
        assert!(Level::Jaune < Level::Technique && Level::Technique < Level::Orange);
        assert!(Level::ALL.is_sorted_by_key(|level| level.rank()));
    }
}
