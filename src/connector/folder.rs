//! The connector of the kind `folder`: the files of a delivery, put where an engine picks them up.
//!
//! - Every file is written whole under a hidden name of this attempt (`.NAME.ID.part`) in the same folder and brought to the disk; only then
//!   all of them get their names, one after the other, the last one after the folder itself is on the disk with the others.
//!   Who sees a file sees all of it, and who sees the last one finds all the others.
//! - A repeat finds what is there with the same bytes and leaves it; what was picked up meanwhile is put there again under
//!   the same names.
//! - A file of that name with other bytes is left, and the delivery refused, unless the site has it replaced.
//! - What an attempt that was cut off left hidden is taken away by the next one of the same delivery.
//!
//! Nobody else may write files of these names: between the look and the naming another writer could come.

mod disk;

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Connector, Sending};
use crate::clock::Ids;
use crate::outbox::{Delivery, Outcome, Receipt};
use crate::report::folder::{File, Package};
use disk::{Disk, Files};

/// A folder that files are put into.
pub struct FileDrop {
    folder: PathBuf,
    replaces: bool,
    disk: Arc<dyn Disk>,
    ids: Arc<dyn Ids>,
}

impl FileDrop {
    /// A connector to that folder; `replaces` says whether a file of the same name with other bytes makes way. The ids tell
    /// attempts apart that outlive each other.
    #[must_use]
    pub fn new(folder: &Path, replaces: bool, ids: Arc<dyn Ids>) -> Self {
        Self { folder: folder.to_owned(), replaces, disk: Arc::new(Files), ids }
    }
}

impl Connector for FileDrop {
    fn send<'a>(&'a self, delivery: &'a Delivery) -> Sending<'a> {
        Box::pin(async move {
            let Ok(package) = Package::read(&delivery.content_type, &delivery.payload) else {
                return Outcome::Refused { reason: "the payload is no package of files".to_owned() };
            };
            let (folder, replaces, disk) = (self.folder.clone(), self.replaces, Arc::clone(&self.disk));
            let attempt = self.ids.next();
            // A share may be slow: other deliveries go on meanwhile.
            let put = tokio::task::spawn_blocking(move || {
                put(disk.as_ref(), &folder, &package.files, (replaces, &attempt))
            });
            match put.await {
                Ok(outcome) => outcome,
                Err(_) => Outcome::Unreachable { reason: "the files could not be written".to_owned() },
            }
        })
    }
}

/// Puts all of them there, or says why not all are there.
fn put(disk: &dyn Disk, folder: &Path, files: &[File], how: (bool, &str)) -> Outcome {
    match try_put(disk, folder, files, how) {
        Ok(written) => Outcome::Accepted(Receipt {
            status: if written == 0 { "was there already" } else { "written" }.to_owned(),
            reference: Some(files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>().join(" ")),
        }),
        Err(Fault::Taken(name)) => {
            let reason =
                format!("a file {name} is there that says something else: move it away, or have it replaced");
            Outcome::Refused { reason }
        }
        Err(Fault::Disk(doing, fault)) => told(doing, &fault),
    }
}

enum Fault {
    /// A file of that name has other bytes.
    Taken(String),
    Disk(&'static str, Error),
}

fn try_put(
    disk: &dyn Disk,
    folder: &Path,
    files: &[File],
    (replaces, attempt): (bool, &str),
) -> Result<usize, Fault> {
    let failed = |doing| move |fault| Fault::Disk(doing, fault);
    let mut missing = Vec::new();
    for file in files {
        match disk.read(&folder.join(&file.name)).map_err(failed("looking for a file"))? {
            Some(bytes) if bytes == file.bytes => {}
            Some(_) if !replaces => return Err(Fault::Taken(file.name.clone())),
            _ => missing.push(file),
        }
    }
    for file in files {
        disk.clear(folder, &format!(".{}.", file.name), ".part").map_err(failed("clearing what was left"))?;
    }
    let mut written = Vec::new();
    for file in missing {
        let path = folder.join(format!(".{}.{attempt}.part", file.name));
        disk.write(&path, &file.bytes).map_err(failed("writing a file"))?;
        written.push((path, folder.join(&file.name)));
    }
    for (n, (path, name)) in written.iter().enumerate() {
        // The last one tells that the others are there: it must not outlive them in a power cut.
        if n + 1 == written.len() && n > 0 {
            disk.sync(folder).map_err(failed("bringing the folder to the disk"))?;
        }
        disk.rename(path, name).map_err(failed("naming a file"))?;
    }
    // Also when nothing was missing: the attempt before may have been cut off just here.
    disk.sync(folder).map_err(failed("bringing the folder to the disk"))?;
    Ok(written.len())
}

/// What passes by itself is tried again soon; what only a person can mend is refused.
fn told(doing: &str, fault: &Error) -> Outcome {
    let reason = |what: &str| format!("{doing}: {what}");
    match fault.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Outcome::Unreachable { reason: reason("the folder is not there") }
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            Outcome::Unreachable { reason: reason("there is no space left") }
        }
        ErrorKind::PermissionDenied => Outcome::Refused { reason: reason("the folder may not be written") },
        ErrorKind::ReadOnlyFilesystem => Outcome::Refused { reason: reason("the folder is read-only") },
        ErrorKind::InvalidFilename | ErrorKind::IsADirectory => {
            Outcome::Refused { reason: reason("the file system takes no such name") }
        }
        kind => Outcome::Unreachable { reason: reason(&kind.to_string()) },
    }
}

#[cfg(test)]
mod tests;
