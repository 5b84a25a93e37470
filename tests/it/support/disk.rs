//! A disk for a server of a test's own that can be filled, and made free again, while the server runs.
//!
//! By default the disk is one by pretence, which runs wherever the tests do: `tests/tools/full_disk.c`, preloaded into the
//! server, lets no file grow while the disk is full, and says ENOSPC. With `VIGIE_TEST_SMALL_DISK` naming a folder of a small file
//! system the files are put there, and it is filled in earnest:
//!
//! ```sh
//! mount -t tmpfs -o size=128m vigie /mnt && VIGIE_TEST_SMALL_DISK=/mnt tests/postgres cargo test --test it full_disk
//! ```

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Set by hand: a folder of a file system of some hundred megabytes that nothing else uses.
const VARIABLE: &str = "VIGIE_TEST_SMALL_DISK";

/// What of a server lies on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Tables and indexes; the log has room elsewhere.
    Tables,
    /// The log of transactions, without which nothing is committed.
    Log,
}

/// The disk of one server.
pub(crate) enum Disk {
    /// Full while the file `switch` is there.
    Pretended { library: PathBuf, switch: PathBuf, below: PathBuf },
    /// Full while the ballast takes what is left.
    Small { folder: TempDir, holds: Holds },
}

impl Disk {
    /// An empty disk for the server whose files are below `folder`.
    pub(crate) fn new(folder: &Path, holds: Holds) -> Self {
        if let Some(small) = std::env::var_os(VARIABLE) {
            let folder = tempfile::tempdir_in(small).expect("a folder on the small disk");
            return Self::Small { folder, holds };
        }
        let library = folder.join("full_disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/full_disk.c");
        let made =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(made.is_ok_and(|status| status.success()), "cc, which Rust links with, makes the library");
        let below = folder.join("data").join(match holds {
            Holds::Tables => "base",
            Holds::Log => "pg_wal",
        });
        Self::Pretended { library, switch: folder.join("full"), below }
    }

    /// The folder on a small disk, and which part of the server belongs there.
    pub(crate) fn small(&self) -> Option<(&Path, Holds)> {
        match self {
            Self::Small { folder, holds } => Some((folder.path(), *holds)),
            Self::Pretended { .. } => None,
        }
    }

    /// What the server has to be started with.
    pub(crate) fn variables(&self) -> Vec<(&'static str, &Path)> {
        match self {
            Self::Small { .. } => Vec::new(),
            Self::Pretended { library, switch, below } => {
                vec![("LD_PRELOAD", library), ("FULL_DISK_WHILE", switch), ("FULL_DISK_BELOW", below)]
            }
        }
    }

    /// From now on there is no room.
    pub(crate) fn fill(&self) {
        match self {
            Self::Pretended { switch, .. } => drop(File::create(switch).expect("the switch of the disk")),
            Self::Small { folder, .. } => {
                let mut ballast = File::create(folder.path().join("ballast")).expect("a file on the disk");
                let mut size = 1 << 20;
                while size > 0 {
                    // The last bytes too.
                    if ballast.write_all(&vec![0; size]).is_err() {
                        size /= 2;
                    }
                }
            }
        }
    }

    /// There is room again.
    pub(crate) fn free(&self) {
        let file = match self {
            Self::Pretended { switch, .. } => switch.clone(),
            Self::Small { folder, .. } => folder.path().join("ballast"),
        };
        fs::remove_file(file).expect("what fills the disk");
    }
}
