//! Whether the file of the store is still where it was opened: what is written to a file that was moved or deleted is
//! acknowledged, and gone with the process.

use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// The file that was opened.
pub(super) struct Place {
    path: PathBuf,
    file: Option<(u64, u64)>,
}

impl Place {
    /// Of the file as it is now.
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), file: identity(path) }
    }

    /// Refuses to write to a file that nobody would find again.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.file.is_none() || identity(&self.path) == self.file {
            return Ok(());
        }
        let path = self.path.display();
        Err(Problem::internal(format!(
            "{path} was moved, deleted or replaced while it was open: nothing is written until it is back"
        )))
    }
}

/// Device and number of a file; `None` where files have no such numbers.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    path.metadata().ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
const fn identity(_path: &Path) -> Option<(u64, u64)> {
    None
}
