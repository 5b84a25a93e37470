//! The files of one delivery as one payload (RFC 2387): their names in the order in which they appear, then their bytes.

use serde::{Deserialize, Serialize};

use super::name::Words;
use crate::problem::{Category, Problem};
use crate::xds::mtom::{self, Part};

const ROOT_TYPE: &str = "application/json";

/// One file.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without any folder.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Files that belong together, in the order in which they appear. There is no `Debug`: they are a patient's.
#[derive(Clone, PartialEq, Eq)]
pub struct Package {
    pub(super) words: Words,
    /// The files; the last one tells that the others are there.
    pub files: Vec<File>,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    words: Words,
    files: Vec<String>,
}

impl Package {
    pub(super) const fn new(words: Words) -> Self {
        Self { words, files: Vec::new() }
    }

    pub(super) fn add(&mut self, name: String, bytes: Vec<u8>) {
        self.files.push(File { name, bytes });
    }

    /// As media type and bytes.
    pub(super) fn write(self, boundary: &str) -> Result<(String, Vec<u8>), Problem> {
        let part = |content_id: String, content_type: &str, bytes| Part {
            content_id,
            content_type: content_type.to_owned(),
            bytes,
        };
        let contents =
            Contents { words: self.words, files: self.files.iter().map(|file| file.name.clone()).collect() };
        let json = serde_json::to_vec(&contents).map_err(|fault| Problem::internal(fault.to_string()))?;
        let files = self.files.into_iter().enumerate();
        let parts =
            files.map(|(n, file)| part(n.to_string(), "application/octet-stream", file.bytes)).collect();
        mtom::Package { root: part("files".to_owned(), ROOT_TYPE, json), parts }
            .write(boundary, ROOT_TYPE, None)
    }

    /// Reads a payload back.
    ///
    /// # Errors
    /// `Malformed` when it is none, or names a file outside its folder.
    pub fn read(content_type: &str, bytes: &[u8]) -> Result<Self, Problem> {
        let malformed =
            || Problem::new(Category::Malformed, "structure", "the payload is no package of files");
        let package = mtom::Package::read(content_type, bytes)?;
        let contents: Contents = serde_json::from_slice(&package.root.bytes).map_err(|_| malformed())?;
        let mut files = Vec::new();
        for (n, name) in contents.files.into_iter().enumerate() {
            let part = package.part(&n.to_string()).ok_or_else(malformed)?;
            if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
                return Err(malformed());
            }
            files.push(File { name, bytes: part.bytes.clone() });
        }
        Ok(Self { words: contents.words, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_whatever_is_in_it() {
        let mut package = Package::new(Words { act: "provide".to_owned(), ..Words::default() });
        package.add("a.pdf".to_owned(), b"\r\n--b--\r\n\0\xff".to_vec());
        package.add("a.ok".to_owned(), Vec::new());
        let (content_type, bytes) = package.clone().write("018f0000").unwrap();
        assert!(Package::read(&content_type, &bytes).unwrap() == package);
        assert!(Package::read("text/plain", b"hello").is_err());
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused() {
        for name in ["../a", "/a", ".a", "a\\b", ""] {
            let mut package = Package::new(Words::default());
            package.add(name.to_owned(), Vec::new());
            let (content_type, bytes) = package.write("018f0000").unwrap();
            assert!(Package::read(&content_type, &bytes).is_err(), "{name}");
        }
    }
}
