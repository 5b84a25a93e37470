//! The look that the courier takes before each attempt, answered by the interactions: the courier knows no resources.

use std::sync::Arc;

use crate::delivery::{self, Held};
use crate::interaction::{self, Context, HeldBack};
use crate::store::{Leased, Pending};

/// Looks again at whom a delivery is about ([`interaction::second_look`]).
pub struct LastLook(Arc<Context>);

impl LastLook {
    /// Over the resources of that service.
    #[must_use]
    pub const fn new(context: Arc<Context>) -> Self {
        Self(context)
    }
}

impl std::fmt::Debug for LastLook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LastLook")
    }
}

impl delivery::LastLook for LastLook {
    fn look<'a>(&'a self, leased: &'a Leased) -> Pending<'a, Option<Held>> {
        Box::pin(async move {
            let held = interaction::second_look(&self.0, leased).await?;
            Ok(held.map(|HeldBack { reason, writes }| Held { reason, writes }))
        })
    }
}
