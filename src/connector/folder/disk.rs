//! The few things that are done to a file system, each of which may fail: the only place in the room that does them.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

/// A file system.
pub(super) trait Disk: Send + Sync {
    /// The bytes of a file; none when there is no such file in a folder that is there.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// Writes a new file and brings it to the disk.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Gives a file its name, at once.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Brings the names in a folder to the disk.
    fn sync(&self, folder: &Path) -> io::Result<()>;
    /// Takes files away whose names begin and end so.
    fn clear(&self, folder: &Path, start: &str, end: &str) -> io::Result<()>;
}

/// The one of this machine.
pub(super) struct Files;

impl Disk for Files {
    #[expect(
        clippy::disallowed_methods,
        reason = "a folder is a peer: its files are read where they are put"
    )]
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(fault) if fault.kind() == ErrorKind::NotFound => {
                // A folder that is not there is another matter.
                fs::metadata(path.parent().unwrap_or(path)).map(|_| None)
            }
            Err(fault) => Err(fault),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync(&self, folder: &Path) -> io::Result<()> {
        match fs::File::open(folder)?.sync_all() {
            // A network share may know no such thing, and keeps its names by itself.
            Err(fault) if matches!(fault.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
            done => done,
        }
    }

    fn clear(&self, folder: &Path, start: &str, end: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let is_meant = |name: &str| {
                name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end)).is_some_and(|id| {
                    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
                })
            };
            if entry.file_name().to_str().is_some_and(is_meant) {
                match fs::remove_file(entry.path()) {
                    Err(fault) if fault.kind() != ErrorKind::NotFound => return Err(fault),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}
