//! Instructions instead of time, for machines that are not quiet: service and bare store under callgrind, on the same submissions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::bare;
use crate::database::{self, Databases};
use crate::drive::{Limits, drive};
use crate::measure::Bench;
use crate::scene::Scene;

/// The argument that makes this program the counted bare store: a child of the one that was started.
pub(crate) const CHILD: &str = "--counted-child";

/// Where callgrind leaves what it counted of one program.
fn counted(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.callgrind"))
}

/// A program under callgrind, which counts nothing before it is told to.
pub(crate) fn command(folder: &Path, name: &str, program: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--instr-atstart=no", "--fair-sched=yes", "--quiet"])
        .arg(format!("--callgrind-out-file={}", counted(folder, name).display()))
        .arg(program);
    command
}

/// Begins or ends the counting in that process.
pub(crate) fn switch(pid: u32, on: bool) {
    let pid = pid.to_string();
    let done = Command::new("callgrind_control")
        .args(["-i", if on { "on" } else { "off" }, &pid])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("valgrind is installed");
    assert!(done.success(), "callgrind_control reaches process {pid}");
}

/// Millions of instructions that were counted since the last time, of a program that runs or has ended; the file for
/// `callgrind_annotate` is left under that other name.
pub(crate) fn millions(folder: &Path, name: &str, pid: u32, kept: &str) -> f64 {
    // A program that has ended has written its file by itself.
    let quiet = || Stdio::null();
    let _ = Command::new("callgrind_control")
        .args(["-d", &pid.to_string()])
        .stdout(quiet())
        .stderr(quiet())
        .status();
    let files = fs::read_dir(folder).expect("the folder of the run");
    let written = files.filter_map(|file| file.ok().map(|file| file.path())).find(|path| {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        file.starts_with(&format!("{name}.callgrind")) && fs::metadata(path).is_ok_and(|file| file.len() > 0)
    });
    let path = written.expect("callgrind has written what it counted");
    let text = fs::read_to_string(&path).expect("a text");
    let _ = fs::rename(&path, folder.join(format!("{kept}.txt")));
    let line = text.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap_or_default();
    line.split(' ').next().and_then(|first| first.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

/// Submissions by the service and by the bare store, so many at once, and reads, in millions of instructions each.
pub(crate) async fn compare(bench: &Bench<'_>, databases: &Databases, connections: usize, patients: usize) {
    let (service, read) = bench.counted(connections).await;
    let bare = child(databases, connections, patients);
    println!(
        "{connections:>5} connections: {service:.2} million instructions a submission, bare store {bare:.2}: {:.2} times; \
         {read:.3} a read by id",
        service / bare
    );
}

/// The bare store in a process of its own.
fn child(databases: &Databases, connections: usize, patients: usize) -> f64 {
    let program = std::env::current_exe().expect("a program has a path");
    let mut child: Child = command(databases.folder(), "bare", &program)
        .args([CHILD, &connections.to_string(), "--patients", &patients.to_string()])
        .args(databases.server().map_or_else(Vec::new, |server| vec!["--database", server]))
        .stdout(Stdio::null())
        .spawn()
        .expect("valgrind is installed");
    let pid = child.id();
    let ended = child.wait().expect("the child ends");
    assert!(ended.success(), "the bare store commits everything");
    millions(databases.folder(), "bare", pid, "bare") / Scene::submissions(patients) as f64
}

/// What the child does: records the units as its parent did, and counts itself while it commits them.
pub(crate) async fn commit(databases: &Databases, connections: usize, patients: usize) {
    let scene = Scene::build(databases, patients).await;
    let store = database::open(&databases.copy("counted").await).await;
    let lanes = bare::producers(&store, connections, &scene.units);
    switch(std::process::id(), true);
    let limits = Limits { first: 0, end: scene.units.len(), window: Duration::from_secs(3_600), rate: 0.0 };
    let done = drive(lanes, limits).await;
    switch(std::process::id(), false);
    assert_eq!(done.well, scene.units.len(), "every unit is written");
}
