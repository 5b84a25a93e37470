//! A PostgreSQL of a test's own, which it may stop, kill and start again, with limits and TLS as it wants them.
//!
//! PostgreSQL does not run as root: it then runs as the user postgres, which Debian's package makes.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_postgres::NoTls;

use super::disk::{Disk, Holds};
use super::postgres::say_not_run;

/// Set by `tests/postgres`: the folder of `initdb` and `postgres`.
const VARIABLE: &str = "VIGIE_TEST_POSTGRES_PROGRAMS";
const PATIENCE: Duration = Duration::from_secs(60);

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// At once, with its files as a crash leaves them (`pg_ctl stop -m immediate`).
    Immediate,
    /// `kill -9` of the server process.
    Killed,
}

/// The files of one server, and the server while it runs.
pub(crate) struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    settings: Vec<String>,
    /// Soft limit of the size of a file, in KiB, for what is started next.
    file_kib: Option<u64>,
    /// The disk that a part of its files lies on, where a test means to fill it.
    disk: Option<Disk>,
    server: Option<Child>,
}

impl Cluster {
    /// A running server on a free loopback port, with these settings; `None` when there is no PostgreSQL to test with,
    /// which is then said on the terminal.
    pub(crate) async fn start(settings: &[&str]) -> Option<Self> {
        let mut cluster = Self::made(settings)?;
        cluster.run().await;
        Some(cluster)
    }

    /// The same, not yet running, so that a test can put files into its folder.
    pub(crate) fn made(settings: &[&str]) -> Option<Self> {
        Self::laid_out(settings, None)
    }

    /// The same with a part of its files on a disk that can be filled.
    pub(crate) fn made_on_disk(settings: &[&str], holds: Holds) -> Option<Self> {
        Self::laid_out(settings, Some(holds))
    }

    fn laid_out(settings: &[&str], holds: Option<Holds>) -> Option<Self> {
        let Some(programs) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
            say_not_run(VARIABLE);
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let user = unprivileged();
        let disk = holds.map(|holds| Disk::new(folder.path(), holds));
        let cluster = Self { folder, programs, user, port, settings, file_kib: None, disk, server: None };
        let small = cluster.disk.as_ref().and_then(Disk::small);
        for folder in [Some(cluster.folder.path()), small.map(|(folder, _)| folder)].into_iter().flatten() {
            if let Some((user, group)) = cluster.user {
                chown(folder, Some(user), Some(group)).expect("a folder of the server's user");
            }
        }
        let mut initdb = cluster.command("initdb");
        initdb.arg("-D").arg(cluster.data()).args([
            "-U",
            "vigie",
            "--auth=trust",
            "--encoding=UTF8",
            "--no-locale",
        ]);
        // One megabyte a segment: a limit on the size of files then leaves the log alone.
        initdb.args(["--no-sync", "--wal-segsize=1"]);
        // On a small disk lies only what the test is about.
        if let Some((small, holds)) = small {
            let log = if holds == Holds::Log { small } else { cluster.folder.path() };
            initdb.arg("--waldir").arg(log.join("log"));
        }
        let made = initdb.output().expect("initdb");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Some(cluster)
    }

    /// Where a store finds it.
    pub(crate) fn url(&self) -> String {
        format!("postgres://vigie@127.0.0.1:{}/postgres", self.port)
    }

    /// A file that only the server may read.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file of the server");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its permissions");
        if let Some((user, group)) = self.user {
            chown(&path, Some(user), Some(group)).expect("its owner");
        }
    }

    /// Starts the server, and waits until it answers.
    pub(crate) async fn run(&mut self) {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            self.end(End::Immediate);
            self.server = Some(self.launch());
            if self.answers(begun).await {
                return;
            }
        }
        panic!("PostgreSQL does not start: {}", std::fs::read_to_string(self.log()).unwrap_or_default());
    }

    /// Ends the server, by its own id, and waits until it is gone.
    pub(crate) fn end(&mut self, how: End) {
        let Some(mut server) = self.server.take() else { return };
        let signal = match how {
            End::Immediate => "-QUIT",
            End::Killed => "-KILL",
        };
        let _ = Command::new("kill").args([signal, &server.id().to_string()]).status();
        let _ = server.wait();
    }

    /// Lets no file of the server grow beyond so many KiB, or any; takes effect at the next start.
    pub(crate) fn limit_files(&mut self, kib: Option<u64>) {
        self.file_kib = kib;
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// The disk that a part of its files lies on.
    pub(crate) fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("made on a disk")
    }

    fn launch(&self) -> Child {
        let log = std::fs::File::create(self.log()).expect("a log");
        let mut arguments =
            vec!["-h".to_owned(), "127.0.0.1".to_owned(), "-p".to_owned(), self.port.to_string()];
        for setting in
            ["fsync=on", "max_connections=200", "log_min_messages=fatal", "unix_socket_directories="]
                .into_iter()
                .chain(self.settings.iter().map(String::as_str))
        {
            arguments.extend(["-c".to_owned(), setting.to_owned()]);
        }
        let limit = self.file_kib.map_or_else(|| "unlimited".to_owned(), |kib| kib.to_string());
        // The shell becomes the server: its id is the server's.
        let mut server = self.as_user(Command::new("sh"));
        server.arg("-c").arg(format!("ulimit -S -f {limit}; ulimit -c 0; exec \"$0\" \"$@\""));
        server.envs(self.disk.iter().flat_map(Disk::variables));
        server.arg(self.programs.join("postgres")).arg("-D").arg(self.data()).args(arguments);
        server.stdout(Stdio::null()).stderr(log).spawn().expect("postgres")
    }

    /// Whether it answers before it ends by itself: after `kill -9` the processes that are left may still hold its memory.
    async fn answers(&mut self, begun: Instant) -> bool {
        while begun.elapsed() < PATIENCE {
            if self.connect().await.is_ok() {
                return true;
            }
            let ended = self
                .server
                .as_mut()
                .is_none_or(|server| server.try_wait().is_ok_and(|status| status.is_some()));
            tokio::time::sleep(Duration::from_millis(50)).await;
            if ended {
                self.server = None;
                return false;
            }
        }
        false
    }

    fn command(&self, program: &str) -> Command {
        self.as_user(Command::new(self.programs.join(program)))
    }

    fn as_user(&self, mut command: Command) -> Command {
        command.current_dir(self.folder.path());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        match self.disk.as_ref().and_then(Disk::small) {
            Some((folder, Holds::Tables)) => folder.join("data"),
            _ => self.folder.path().join("data"),
        }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end(End::Immediate);
    }
}

/// The ids of the user postgres, if this process runs as root.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> u32 {
        let output = Command::new("id").args(arguments).output().expect("id");
        String::from_utf8_lossy(&output.stdout).trim().parse().expect("a user postgres")
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}
