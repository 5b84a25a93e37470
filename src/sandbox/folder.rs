//! An engine that picks documents up from a folder: it waits for the last file of each, takes all files of that name, and
//! judges them. For the destination kind `folder`.
//!
//! Files of one delivery have one name and several extensions; those that begin with a point are nobody's yet. What is taken
//! goes to the folder `taken` inside. A repeat that comes after that is taken again: an engine sees it by its names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::watch;

use super::fault::Faults;
use super::peer::locked;
use super::platform;
use crate::hl7v2::Message;
use crate::problem::{Issue, Problem};
use crate::xml;

/// Where taken files go, inside of the folder.
const TAKEN: &str = "taken";
/// How often the engine looks.
const LOOK: Duration = Duration::from_millis(50);
/// Name space of CDA R2.
const HL7: xml::Namespace = xml::Namespace { prefix: "", uri: "urn:hl7-org:v3" };

/// What an engine does wrong, or what happens to its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderFault {
    /// Leaves a document lying for so long.
    Slow(Duration),
    /// Takes each file of a document as soon as it is there, and waits for no other.
    Hasty,
    /// The folder is away for so long, like a share that is not mounted.
    Vanish(Duration),
}

impl FolderFault {
    /// The faults by name, as the command line takes them.
    pub const NAMES: &[&str] = &["slow", "hasty", "vanish"];

    /// The fault of that name; `pause` is how long it lasts.
    #[must_use]
    pub fn parse(name: &str, pause: Duration) -> Option<Self> {
        Some(match name {
            "slow" => Self::Slow(pause),
            "hasty" => Self::Hasty,
            "vanish" => Self::Vanish(pause),
            _ => return None,
        })
    }
}

/// A document that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its files, in alphabetical order.
    pub files: Vec<String>,
    /// What is wrong with them; the place names the file.
    pub issues: Vec<Issue>,
}

struct Desk {
    folder: PathBuf,
    /// Extension of the last file of a document.
    last: String,
    taken: Mutex<Vec<Taken>>,
    faults: Faults<FolderFault>,
}

/// A running engine.
pub struct FolderEngine {
    desk: Arc<Desk>,
    stop: watch::Sender<bool>,
    running: tokio::task::JoinHandle<()>,
}

/// Starts an engine; `last` is the extension of the last file of a document. Must be called in a tokio runtime.
///
/// # Errors
/// `Internal`, when the folder for what is taken cannot be made.
pub fn start(folder: &Path, last: &str) -> Result<FolderEngine, Problem> {
    fs::create_dir_all(folder.join(TAKEN))
        .map_err(|fault| Problem::internal(format!("the engine cannot use its folder: {}", fault.kind())))?;
    let desk = Arc::new(Desk {
        folder: folder.to_owned(),
        last: last.to_owned(),
        taken: Mutex::default(),
        faults: Faults::default(),
    });
    let (stop, stopping) = watch::channel(false);
    let working = Arc::clone(&desk);
    let running = tokio::task::spawn_blocking(move || work(&working, &stopping));
    Ok(FolderEngine { desk, stop, running })
}

impl FolderEngine {
    /// Every document taken so far, in order.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        locked(&self.desk.taken).clone()
    }

    /// Misbehaves like this for so many documents.
    pub fn misbehave(&self, fault: FolderFault, times: usize) {
        self.desk.faults.set(Some(fault), times);
    }

    /// Ends it.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // It ends by itself; a panic in it was told already.
        let _ = self.running.await;
    }
}

fn work(desk: &Desk, stopping: &watch::Receiver<bool>) {
    let mut lying = BTreeMap::new();
    while !*stopping.borrow() {
        // A folder that is away for a moment is looked at again.
        let _ = look(desk, &mut lying);
        std::thread::sleep(LOOK);
    }
}

/// Takes what is complete. `lying` says for how many looks more a document is left.
fn look(desk: &Desk, lying: &mut BTreeMap<String, u128>) -> Result<(), Error> {
    let mut documents = BTreeMap::<String, BTreeSet<String>>::new();
    for entry in fs::read_dir(&desk.folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let (false, true, Some((stem, _))) =
            (name.starts_with('.'), entry.file_type()?.is_file(), name.rsplit_once('.'))
        {
            documents.entry(stem.to_owned()).or_default().insert(name);
        }
    }
    for (stem, files) in documents {
        let is_complete = files.contains(&format!("{stem}.{}", desk.last));
        if let Some(looks) = lying.get_mut(&stem).filter(|looks| **looks > 0) {
            *looks -= 1;
            continue;
        }
        let known = lying.contains_key(&stem);
        match desk.faults.next_if(|fault| !known && (is_complete || fault == FolderFault::Hasty)) {
            Some(FolderFault::Slow(pause)) => {
                lying.insert(stem, pause.as_millis() / LOOK.as_millis());
            }
            Some(FolderFault::Hasty) => take(desk, files)?,
            Some(FolderFault::Vanish(pause)) => return vanish(&desk.folder, pause),
            None if is_complete => {
                lying.remove(&stem);
                take(desk, files)?;
            }
            None => {}
        }
    }
    Ok(())
}

fn vanish(folder: &Path, pause: Duration) -> Result<(), Error> {
    let away = folder.with_extension("away");
    fs::rename(folder, &away)?;
    std::thread::sleep(pause);
    fs::rename(away, folder)
}

#[expect(clippy::disallowed_methods, reason = "an engine reads the files that it takes")]
fn take(desk: &Desk, files: BTreeSet<String>) -> Result<(), Error> {
    let mut issues = Vec::new();
    for name in &files {
        match fs::read(desk.folder.join(name)) {
            Ok(bytes) => issues.extend(judge(name, &bytes, &desk.last)),
            Err(fault) if fault.kind() == ErrorKind::NotFound => continue,
            Err(fault) => return Err(fault),
        }
        fs::rename(desk.folder.join(name), desk.folder.join(TAKEN).join(name))?;
    }
    locked(&desk.taken).push(Taken { files: files.into_iter().collect(), issues });
    Ok(())
}

/// What is wrong with a file, by its extension.
fn judge(name: &str, bytes: &[u8], last: &str) -> Vec<Issue> {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let fault = |what: &str| vec![Issue::error("structure", what.to_owned()).at(name)];
    match extension {
        "xml" if !carries_pdf(bytes) => fault("is no CDA document around a PDF"),
        "pdf" if !bytes.starts_with(b"%PDF-") => fault("is no PDF"),
        "zip" if !bytes.starts_with(b"PK") => fault("is no archive"),
        "json" if serde_json::from_slice::<crate::json::Value>(bytes).is_err() => fault("is no JSON"),
        "hl7" => match Message::parse(bytes).and_then(|message| {
            let header = message.header()?;
            Ok(platform::judge(&message, &header))
        }) {
            Ok(issues) => issues,
            Err(problem) => problem.issues,
        },
        "xml" | "pdf" | "zip" | "json" => Vec::new(),
        other if other == last && bytes.is_empty() => Vec::new(),
        _ => fault("is no file that was agreed on"),
    }
}

fn carries_pdf(bytes: &[u8]) -> bool {
    let Ok(document) = xml::read(bytes, &xml::Limits::default()) else { return false };
    let text = document.root.at(HL7, &["component", "nonXMLBody", "text"]);
    let pdf = text.and_then(|text| {
        let encoded: String = text.content().split_ascii_whitespace().collect();
        STANDARD.decode(encoded).ok()
    });
    document.root.is(HL7, "ClinicalDocument") && pdf.is_some_and(|pdf| pdf.starts_with(b"%PDF-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn until(engine: &FolderEngine, count: usize) -> Vec<Taken> {
        for _ in 0..200 {
            if engine.taken().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        engine.taken()
    }

    #[expect(clippy::disallowed_methods, reason = "a test writes the files that are picked up")]
    fn put(folder: &Path, name: &str, bytes: &[u8]) {
        fs::write(folder.join(format!(".{name}.part")), bytes).unwrap();
        fs::rename(folder.join(format!(".{name}.part")), folder.join(name)).unwrap();
    }

    #[tokio::test]
    async fn a_document_is_taken_when_its_last_file_is_there_and_judged() {
        let folder = tempfile::tempdir().unwrap();
        let engine = start(folder.path(), "ok").unwrap();
        put(folder.path(), "a.pdf", b"%PDF-1.4");
        put(folder.path(), "a.xml", b"<nothing/>");
        tokio::time::sleep(LOOK * 4).await;
        assert_eq!(engine.taken(), [], "its last file is not there");
        put(folder.path(), "a.ok", b"");
        let taken = until(&engine, 1).await;
        assert_eq!(taken[0].files, ["a.ok", "a.pdf", "a.xml"]);
        assert_eq!(taken[0].issues.len(), 1, "{taken:?}");
        assert_eq!(taken[0].issues[0].expression.as_deref(), Some("a.xml"));
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "only the folder of what is taken is left"
        );
        engine.stop().await;
    }

    #[tokio::test]
    async fn a_hasty_engine_takes_a_half() {
        let folder = tempfile::tempdir().unwrap();
        let engine = start(folder.path(), "ok").unwrap();
        engine.misbehave(FolderFault::Hasty, 1);
        put(folder.path(), "a.pdf", b"%PDF-1.4");
        assert_eq!(until(&engine, 1).await[0].files, ["a.pdf"]);
        put(folder.path(), "a.ok", b"");
        assert_eq!(until(&engine, 2).await[1].files, ["a.ok"]);
        engine.stop().await;
    }

    #[test]
    fn every_fault_has_its_name() {
        for name in FolderFault::NAMES {
            assert!(FolderFault::parse(name, Duration::ZERO).is_some(), "{name}");
        }
        assert_eq!(FolderFault::parse("fire", Duration::ZERO), None);
    }
}
