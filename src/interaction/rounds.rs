//! Read, decide, write, and again when somebody else wrote in between, as often as a site allows.

use super::{Context, create};
use crate::problem::Problem;
use crate::store::Violation;

/// The rounds of one write.
pub(super) struct Rounds {
    left: usize,
    last: Option<Violation>,
}

impl Rounds {
    /// As many as the site allows.
    pub(super) const fn new(ctx: &Context) -> Self {
        Self { left: ctx.settings.rounds_max, last: None }
    }

    /// Begins a round.
    ///
    /// # Errors
    /// What refused the last one, when there were enough.
    pub(super) fn begin(&mut self) -> Result<(), Problem> {
        if self.left == 0 {
            return Err(self
                .last
                .as_ref()
                .map_or_else(|| Problem::internal("no round of writing was allowed"), create::refused));
        }
        self.left -= 1;
        Ok(())
    }

    /// Another round sees what refused this one.
    pub(super) fn again(&mut self, violation: Violation) {
        self.last = Some(violation);
    }
}
