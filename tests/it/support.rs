//! What tests share: the whole service below HTTP over a real store in a temporary folder, with a clock that stands still and
//! ids that repeat.

mod app;
pub(crate) mod bundle;
pub(crate) mod cluster;
pub(crate) mod disk;
pub(crate) mod dying;
mod example;
pub(crate) mod held;
pub(crate) mod peer;
pub(crate) mod postgres;
pub(crate) mod proxy;
mod stage;
pub(crate) mod template;
pub(crate) mod transmission;

pub(crate) use app::{App, Kept, Place, body};
pub(crate) use example::{Course, example, profiles, signed};
pub(crate) use stage::Stage;
