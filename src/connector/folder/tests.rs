//! A folder that fails at every step in every way: what is seen there is always whole, and the next attempt ends it.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use super::*;

/// Fails from a step on, like a disk that is full or a process that is killed; looks after each step.
struct Faulty {
    /// Steps that still go well.
    left: Mutex<usize>,
    fault: ErrorKind,
    /// Whether a write that fails leaves half of the file.
    halves: bool,
}

impl Faulty {
    fn step(&self) -> io::Result<()> {
        let mut left = self.left.lock().unwrap();
        if *left == 0 {
            return Err(Error::from(self.fault));
        }
        *left -= 1;
        Ok(())
    }
}

impl Disk for Faulty {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.step()?;
        Files.read(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Err(fault) = self.step() {
            if self.halves {
                Files.write(path, &bytes[..bytes.len() / 2])?;
            }
            return Err(fault);
        }
        Files.write(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        Files.rename(from, to)
    }

    fn sync(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        Files.sync(folder)
    }

    fn clear(&self, folder: &Path, start: &str, end: &str) -> io::Result<()> {
        self.step()?;
        Files.clear(folder, start, end)
    }
}

fn files() -> Vec<File> {
    let file = |name: &str, bytes: &[u8]| File { name: name.to_owned(), bytes: bytes.to_vec() };
    vec![file("a.pdf", b"%PDF of a test"), file("a.xml", b"<ClinicalDocument/>"), file("a.ok", b"")]
}

/// Names and bytes of what an engine sees: files whose names do not begin with a point.
fn seen(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut seen: Vec<(String, Vec<u8>)> = fs_names(folder)
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .map(|name| (name.clone(), Files.read(&folder.join(name)).unwrap().unwrap()))
        .collect();
    seen.sort();
    seen
}

fn fs_names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Nothing half is seen, nothing out of order, and nothing of another content.
fn check_whole(folder: &Path, at: &str) {
    let seen = seen(folder);
    for (name, bytes) in &seen {
        let file =
            files().into_iter().find(|file| file.name == *name).unwrap_or_else(|| panic!("{at}: {name}"));
        assert!(file.bytes == *bytes, "{at}: {name} is not whole");
    }
    let expected: Vec<String> = files().iter().take(seen.len()).map(|file| file.name.clone()).collect();
    let mut names: Vec<String> = seen.into_iter().map(|(name, _)| name).collect();
    names.sort_by_key(|name| files().iter().position(|file| file.name == *name));
    assert_eq!(names, expected, "{at}: they appear in their order");
}

#[test]
fn whatever_fails_at_whatever_step_nothing_half_is_seen_and_the_next_attempt_ends_it() {
    let kinds = [
        (ErrorKind::StorageFull, false),
        (ErrorKind::QuotaExceeded, false),
        (ErrorKind::ReadOnlyFilesystem, true),
        (ErrorKind::PermissionDenied, true),
        (ErrorKind::NotFound, false),
        (ErrorKind::Interrupted, false),
    ];
    for (fault, refused) in kinds {
        for halves in [false, true] {
            for step in 0.. {
                let folder = tempfile::tempdir().unwrap();
                let at = format!("{fault:?} at step {step}, halves {halves}");
                let disk = Faulty { left: Mutex::new(step), fault, halves };
                let outcome = put(&disk, folder.path(), &files(), (false, "018f-1"));
                check_whole(folder.path(), &at);
                if matches!(outcome, Outcome::Accepted(_)) {
                    assert!(step > 9, "{at}: all steps were tried");
                    break;
                }
                assert_eq!(matches!(outcome, Outcome::Refused { .. }), refused, "{at}: {outcome:?}");
                let again = put(&Files, folder.path(), &files(), (false, "018f-1"));
                assert!(matches!(again, Outcome::Accepted(_)), "{at}: {again:?}");
                assert_eq!(seen(folder.path()).len(), 3, "{at}");
                assert_eq!(fs_names(folder.path()).len(), 3, "{at}: nothing hidden is left");
            }
        }
    }
}

#[test]
fn a_repeat_changes_nothing_and_puts_back_what_was_picked_up() {
    let folder = tempfile::tempdir().unwrap();
    let status = |outcome: Outcome| match outcome {
        Outcome::Accepted(receipt) => receipt.status,
        other => panic!("{other:?}"),
    };
    assert_eq!(status(put(&Files, folder.path(), &files(), (false, "018f-1"))), "written");
    assert_eq!(status(put(&Files, folder.path(), &files(), (false, "018f-1"))), "was there already");
    std::fs::remove_file(folder.path().join("a.xml")).unwrap();
    assert_eq!(status(put(&Files, folder.path(), &files(), (false, "018f-1"))), "written");
    check_whole(folder.path(), "after a repeat");
    assert_eq!(seen(folder.path()).len(), 3);
}

#[test]
fn a_file_that_says_something_else_is_left_unless_the_site_has_it_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("a.xml");
    Files.write(&other, b"something else").unwrap();
    let outcome = put(&Files, folder.path(), &files(), (false, "018f-1"));
    assert!(matches!(&outcome, Outcome::Refused { reason } if reason.contains("a.xml")), "{outcome:?}");
    assert_eq!(Files.read(&other).unwrap().unwrap(), b"something else");
    assert_eq!(fs_names(folder.path()).len(), 1, "nothing beside it was written");
    assert!(matches!(put(&Files, folder.path(), &files(), (true, "018f-2")), Outcome::Accepted(_)));
    check_whole(folder.path(), "replaced");
}

#[test]
fn a_folder_that_vanishes_or_is_none_is_told_and_never_made() {
    let place = tempfile::tempdir().unwrap();
    let gone = place.path().join("not-mounted");
    let outcome = put(&Files, &gone, &files(), (false, "018f-1"));
    assert!(
        matches!(&outcome, Outcome::Unreachable { reason } if reason.contains("not there")),
        "{outcome:?}"
    );
    assert!(!gone.exists());
    let file = place.path().join("a-file");
    Files.write(&file, b"").unwrap();
    let outcome = put(&Files, &file, &files(), (false, "018f-1"));
    assert!(matches!(outcome, Outcome::Unreachable { .. }), "{outcome:?}");
}

#[test]
fn hidden_files_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    for name in [".a.xml.part", ".b.xml.0.part", ".a.xml.x.part", ".a.xml.0.tmp"] {
        Files.write(&folder.path().join(name), b"x").unwrap();
    }
    Files.write(&folder.path().join(".a.xml.7.part"), b"x").unwrap();
    put(&Files, folder.path(), &files(), (false, "018f-1"));
    assert_eq!(fs_names(folder.path()).len(), 4 + 3);
}
