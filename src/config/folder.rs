//! Settings of a destination of the kind `folder`: where files are put, which ones, and what they are called.

use serde::{Deserialize, Serialize};
use validator::{Validate, ValidationError};

use super::refuse;

/// A folder that an engine picks files up from. It must be there: a service that made it would hide a share that is not mounted.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// Its path, from the root.
    #[validate(custom(function = absolute))]
    pub path: String,
    /// How files are called, without extension; see [`crate::report::folder::PLACEHOLDERS`].
    #[serde(default = "pattern")]
    pub name: String,
    /// Which files: `cda`, `pdf`, `hl7`.
    #[serde(default = "files")]
    #[validate(custom(function = some))]
    pub files: Vec<FolderFile>,
    /// An IHE XDM archive, too.
    #[serde(default)]
    pub xdm: bool,
    /// Extension of an empty file that appears last; none when empty.
    #[serde(default)]
    #[validate(custom(function = extension))]
    pub marker: String,
    /// What to do about a file of the same name that says something else.
    #[serde(default)]
    pub conflict: Conflict,
}

/// A file of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FolderFile {
    /// The clinical document.
    Cda,
    /// Its pages.
    Pdf,
    /// The message of the CI-SIS, for which the destination has a table `hl7v2`.
    Hl7,
}

/// What to do about a file of the same name that says something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conflict {
    /// Leave it, and refuse the delivery until a person has looked.
    #[default]
    Refuse,
    /// Put the new one in its place.
    Replace,
}

fn pattern() -> String {
    "{delivery}-{act}".to_owned()
}

fn files() -> Vec<FolderFile> {
    vec![FolderFile::Cda, FolderFile::Pdf]
}

fn absolute(path: &str) -> Result<(), ValidationError> {
    if std::path::Path::new(path).is_absolute() {
        return Ok(());
    }
    Err(refuse("is the path of a folder, from the root".to_owned()))
}

fn some(files: &[FolderFile]) -> Result<(), ValidationError> {
    if files.is_empty() { Err(refuse("names cda, pdf or hl7".to_owned())) } else { Ok(()) }
}

fn extension(marker: &str) -> Result<(), ValidationError> {
    let taken = ["xml", "pdf", "hl7", "zip", "json", "part"];
    if marker.len() > 16
        || !marker.bytes().all(|byte| byte.is_ascii_alphanumeric())
        || taken.contains(&marker)
    {
        return Err(refuse(format!(
            "takes up to 16 letters and digits, without a point, and none of {}",
            taken.join(", ")
        )));
    }
    Ok(())
}
