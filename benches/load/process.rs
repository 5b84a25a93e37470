//! The service as it is run: the release binary as a process of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::client::{Client, get};
use crate::figure;

/// A running service; dropped, it is stopped.
pub(crate) struct Service {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first 200 of `/readyz`, in milliseconds.
    pub(crate) started_ms: f64,
}

impl Service {
    /// The release binary, when no other is named.
    pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_vigie");

    /// Starts `vigie serve` on this database, with the default settings; the log goes to that file.
    pub(crate) async fn start(program: &Path, database: &str, log: &Path) -> Self {
        Self::start_by(Command::new(program), database, log).await
    }

    /// The same by a command that runs the program.
    pub(crate) async fn start_by(mut command: Command, database: &str, log: &Path) -> Self {
        let log = File::create(log).expect("a log file");
        let start = Instant::now();
        let mut child = command
            .arg("serve")
            .env("VIGIE_LISTEN", "127.0.0.1:0")
            .env("VIGIE_DATABASE", database)
            .env("VIGIE_PROFILES", concat!(env!("CARGO_MANIFEST_DIR"), "/profiles"))
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("standard output is a pipe")).lines();
        let line = lines.next().and_then(Result::ok).expect("the service says where it listens");
        let address =
            line.rsplit("http://").next().and_then(|text| text.trim().parse().ok()).expect("an address");
        let status = Client::connect(address).await.exchange(&get("/readyz")).await.status;
        assert_eq!(status, 200, "the service is ready");
        Self { child, address, started_ms: start.elapsed().as_secs_f64() * 1e3 }
    }

    /// Of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Processor seconds so far.
    pub(crate) fn seconds(&self) -> f64 {
        figure::process_seconds(&self.child.id().to_string())
    }

    /// The same in two: of its own, and in the kernel.
    pub(crate) fn user_and_kernel_seconds(&self) -> (f64, f64) {
        figure::user_and_kernel_seconds(&self.child.id().to_string())
    }

    /// Resident memory in MiB, now and at its highest.
    pub(crate) fn memory(&self) -> (f64, f64) {
        let pid = self.child.id().to_string();
        (figure::memory(&pid, "VmRSS"), figure::memory(&pid, "VmHWM"))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It has nothing left to write that matters here.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
