//! Paths taken apart at their slashes: once for each request, and when this is compiled for each route.

/// Segments of the longest route, `/{type}/{id}/_history/{version}`, with the empty one before the first slash.
const SEGMENTS_MAX: usize = 5;

/// The pieces of a path between its slashes.
#[derive(Clone, Copy)]
pub(super) struct Segments<'a> {
    pub(super) all: [&'a str; SEGMENTS_MAX],
    /// How many there are; those beyond what a route can have are counted only.
    pub(super) count: usize,
}

impl<'a> Segments<'a> {
    pub(super) const fn of(path: &'a str) -> Self {
        let mut segments = Self { all: [""; SEGMENTS_MAX], count: 0 };
        let bytes = path.as_bytes();
        let (mut from, mut n) = (0, 0);
        while n <= bytes.len() {
            if n == bytes.len() || bytes[n] == b'/' {
                if segments.count < SEGMENTS_MAX {
                    segments.all[segments.count] = path.split_at(n).0.split_at(from).1;
                }
                segments.count += 1;
                from = n + 1;
            }
            n += 1;
        }
        segments
    }
}

/// What a segment of a route stands for.
#[derive(Clone, Copy)]
pub(super) enum Part {
    /// Itself.
    Fixed(&'static str),
    /// `{type}`
    Type,
    /// `{member}`
    Member,
    /// `{id}`
    Id,
    /// `{version}`
    Version,
}

/// The path of a route.
#[derive(Clone, Copy)]
pub(super) struct Template {
    pub(super) parts: [Part; SEGMENTS_MAX],
    pub(super) count: usize,
}

impl Template {
    /// Fails to compile for one with more segments than there may be.
    pub(super) const fn of(path: &'static str) -> Self {
        let segments = Segments::of(path);
        assert!(segments.count <= SEGMENTS_MAX, "SEGMENTS_MAX counts those of every route");
        let mut parts = [Part::Fixed(""); SEGMENTS_MAX];
        let mut n = 0;
        while n < segments.count {
            parts[n] = match segments.all[n].as_bytes() {
                b"{type}" => Part::Type,
                b"{member}" => Part::Member,
                b"{id}" => Part::Id,
                b"{version}" => Part::Version,
                _ => Part::Fixed(segments.all[n]),
            };
            n += 1;
        }
        Self { parts, count: segments.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart_at_its_slashes() {
        let check = |path: &str, expected: &[&str], count: usize| {
            let segments = Segments::of(path);
            assert_eq!((&segments.all[..expected.len()], segments.count), (expected, count), "{path}");
        };
        check("/", &["", ""], 2);
        check("", &[""], 1);
        check("/Patient/é", &["", "Patient", "é"], 3);
        check("/Task/t/", &["", "Task", "t", ""], 4);
        check("/1/2/3/4/5/6", &["", "1", "2", "3", "4"], 7);
    }
}
