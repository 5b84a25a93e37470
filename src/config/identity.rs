//! What a site wants done about doubtful identities.

use serde::Deserialize;

/// Who is who.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Stance {
    /// What becomes of a Patient whose INS another record that is followed has.
    pub same_ins: SameIns,
}

/// What becomes of the second of two records with one INS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SameIns {
    /// It is stored; its sender is warned, and a Task tells a person.
    #[default]
    Tell,
    /// It is refused.
    Refuse,
}
