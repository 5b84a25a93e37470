//! By which request a version came about (FHIR R4, `Bundle.entry.request.method` of a history).

/// By which request a version came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It was stored before this was recorded.
    Unrecorded,
    /// Created by `POST`, or by the server itself.
    Post,
    /// Created by `PUT` to its own address, where nothing was, or not any more.
    PutNew,
    /// Written over an earlier version by `PUT`, or by the server itself.
    Put,
    /// Changed in parts by `PATCH`.
    Patch,
    /// Deleted by `DELETE`.
    Delete,
}

impl Made {
    const ALL: [Self; 6] = [Self::Unrecorded, Self::Post, Self::PutNew, Self::Put, Self::Patch, Self::Delete];

    /// As both stores keep it.
    pub(super) const fn code(self) -> i16 {
        match self {
            Self::Unrecorded => 0,
            Self::Post => 1,
            Self::PutNew => 2,
            Self::Put => 3,
            Self::Patch => 4,
            Self::Delete => 5,
        }
    }

    /// What was kept; unrecorded for a number that is not known here.
    pub(super) fn of(code: i16) -> Self {
        Self::ALL.into_iter().find(|made| made.code() == code).unwrap_or(Self::Unrecorded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again() {
        for made in Made::ALL {
            assert_eq!(Made::of(made.code()), made);
        }
        assert_eq!(Made::of(99), Made::Unrecorded);
    }
}
