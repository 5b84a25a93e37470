//! The files of keys to throw away: what a DMP of the sandbox shows, and what a service shows it, in one folder.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::folder;
use crate::clock::{Clock, SystemClock};
use crate::problem::Problem;
use crate::sandbox::dmp::Mutual;
use crate::sandbox::throwaway::{Authority, KeyAndCertificate};

/// Where they are. What a service is configured with has the names of its settings.
pub(super) struct Files(PathBuf);

impl Files {
    /// The files of that folder, made now where there are none. `address` is where the peer listens.
    ///
    /// # Errors
    /// Internal, when the folder cannot be written to, or the machine gives no randomness.
    pub(super) fn made(folder: &Path, address: SocketAddr) -> Result<Self, Problem> {
        let files = Self(folder.to_owned());
        if files.place("authorities").exists() {
            return Ok(files);
        }
        let authority = Authority::new("AUTORITE DE DEMONSTRATION", SystemClock.now())?;
        let address = address.ip().to_string();
        files.pair("server", &authority.server(&["localhost", &address])?)?;
        files.pair("client", &authority.client("VIGIE DEMONSTRATION")?)?;
        files.pair("seal", &authority.seal("CACHET DE DEMONSTRATION")?)?;
        // Last: where it is, the others are.
        files.write("authorities", authority.certificate())?;
        Ok(files)
    }

    /// What the DMP shows, and whom it lets in.
    ///
    /// # Errors
    /// Internal, when they cannot be read.
    pub(super) fn mutual(&self) -> Result<Mutual, Problem> {
        let read = |name: &str| folder::bytes(&self.place(name));
        Ok(Mutual { certificate: read("server")?, key: read("server.key")?, clients: read("authorities")? })
    }

    /// `NAME.pem`.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pem"))
    }

    /// What a service is configured with, as lines of a table `xds`.
    pub(super) fn settings(&self) -> Vec<(&'static str, PathBuf)> {
        [
            ("certificate", "client"),
            ("key", "client.key"),
            ("authorities", "authorities"),
            ("seal_certificate", "seal"),
            ("seal_key", "seal.key"),
        ]
        .map(|(setting, name)| (setting, self.place(name)))
        .to_vec()
    }

    fn pair(&self, name: &str, made: &KeyAndCertificate) -> Result<(), Problem> {
        self.write(&format!("{name}.key"), &made.key)?;
        self.write(name, &made.certificate)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Problem> {
        use std::io::Write;
        let place = self.place(name);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        std::fs::create_dir_all(&self.0)
            .and_then(|()| options.open(&place)?.write_all(text.as_bytes()))
            .map_err(|fault| Problem::internal(format!("{} cannot be written: {fault}", place.display())))
    }
}
