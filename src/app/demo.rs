//! The journey, for a person to watch and for a test to check: service, peers and example patients in one process,
//! talking over HTTP; what happened is compared with what the examples expect.

mod client;
mod course;
mod deliveries;
mod overdue;
mod story;
mod told;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::throwaway::Files;
use super::{Application, Surroundings, say, telemetry, told_to_stop};
use crate::clock::{Clock, RunningClock, SystemClock, SystemIds};
use crate::config::{self, Settings};
use crate::problem::{Category, Issue, Problem};
use crate::sandbox;
use crate::xds::{DocumentEntry, Status};

/// Runs the journey; then serves until Ctrl-C, or ends when `exit` is set.
///
/// # Errors
/// What could not be started; with `exit`, every difference between what happened and what was expected.
pub fn demo(examples: &Path, profiles: &Path, exit: bool) -> Result<(), Problem> {
    let _log = telemetry::log(&config::Log { level: "warn".to_owned(), json: false });
    actix_web::rt::System::new().block_on(run(examples, profiles, exit))
}

async fn run(examples: &Path, profiles: &Path, exit: bool) -> Result<(), Problem> {
    let folder = fresh_folder()?;
    let dpi = sandbox::dpi::start(([127, 0, 0, 1], 0).into())?;
    let mhd = sandbox::mhd::start(([127, 0, 0, 1], 0).into())?;
    let platform = sandbox::platform::start(([127, 0, 0, 1], 0).into()).await?;
    let clock = Arc::new(RunningClock::starting_at(SystemClock.now()));
    let keys = Files::made(&folder.join("keys"), ([127, 0, 0, 1], 0).into())?;
    let told = Arc::clone(&clock) as Arc<dyn Clock>;
    let dmp = sandbox::dmp::start_secured(([127, 0, 0, 1], 0).into(), told, &keys.mutual()?)?;
    let picked_up = folder.join("picked-up");
    std::fs::create_dir_all(&picked_up)
        .map_err(|fault| Problem::internal(format!("{} cannot be made: {fault}", picked_up.display())))?;
    let peers = Peers {
        dpi: &dpi.url(),
        mhd: &mhd.url(),
        dmp: (&dmp.url(), &keys),
        platform: platform.address(),
        folder: &picked_up,
    };
    let settings = settings(&folder, profiles, &peers)?;
    let surroundings = Surroundings { clock: Arc::clone(&clock) as Arc<dyn Clock>, ids: Arc::new(SystemIds) };
    let application = Application::build(&settings, surroundings).await?;
    let url = application.url().to_owned();
    let context = Arc::clone(application.context());
    say(&format!("service            {url}  (metadata, openapi.yaml, metrics below it)"));
    say(&format!("hospital record    {}  (sandbox DPI)", dpi.url()));
    say(&format!("document receiver  {}  (sandbox ITI-65)", mhd.url()));
    say(&format!("DMP                {}  (sandbox ITI-41, ITI-18, ITI-57, by mutual TLS)", dmp.url()));
    say(&format!("platform           {}  (sandbox HL7 v2)", platform.address()));
    say(&format!("files              {}  (documents in {})", folder.display(), picked_up.display()));
    say(&format!(
        "keys               {}  (seal and TLS, made a moment ago: nobody believes them but this demo; throw them away)",
        folder.join("keys").display()
    ));
    let (end, ended) = oneshot::channel::<()>();
    let serving = actix_web::rt::spawn(application.run_until(async {
        // A dropped sender means the same as a sent end.
        let _ = ended.await;
    }));
    let told =
        story::tell(&story::Stage { url: &url, context: &context, clock: &clock, examples, folder: &folder })
            .await;
    if !exit && told.is_ok() {
        say("\nThe service goes on. Ctrl-C ends it.");
        told_to_stop().await;
    }
    let _ = end.send(());
    serving.await.map_err(|fault| Problem::internal(format!("the service panicked: {fault}")))??;
    dpi.stop().await;
    mhd.stop().await;
    let documents = platform.documents();
    platform.stop().await;
    let entries = dmp.entries();
    dmp.stop().await;
    let mut differences = told?;
    tell_entries(&entries, &mut differences);
    let withdrawn = documents.values().filter(|standing| **standing == sandbox::Standing::Deleted).count();
    if withdrawn != 1 || documents.len() < 2 {
        differences.push(format!("the platform has {} documents, {withdrawn} withdrawn", documents.len()));
    }
    if differences.is_empty() {
        say("\nEverything that was expected happened.");
        return Ok(());
    }
    let issues = differences.into_iter().map(|text| Issue::error("processing", text)).collect();
    Err(Problem::with(Category::Invalid, issues))
}

/// What the DMP has in the end: one document replaced, and its replacement withdrawn.
fn tell_entries(entries: &[DocumentEntry], differences: &mut Vec<String>) {
    say("\nin the DMP");
    for entry in entries {
        let status = entry.status.map(Status::urn).unwrap_or_default();
        let status = status.rsplit(':').next().unwrap_or_default();
        let hidden: Vec<&str> = entry.masks().map(|code| code.code.as_str()).collect();
        say(&format!("  {} · {status} · {}", entry.unique_id, hidden.join(", ")));
    }
    let stand = |status| entries.iter().filter(|entry| entry.status == Some(status)).count();
    if (stand(Status::Deprecated), stand(Status::Deleted)) != (1, 1) {
        differences.push("the DMP has not one document replaced and its replacement withdrawn".to_owned());
    }
}

/// A folder of its own for each run: `vigie-demo-<id>` in the folder for temporary files.
fn fresh_folder() -> Result<PathBuf, Problem> {
    use crate::clock::Ids;
    let folder = std::env::temp_dir().join(format!("vigie-demo-{}", SystemIds.next()));
    std::fs::create_dir_all(&folder)
        .map_err(|fault| Problem::internal(format!("{} cannot be made: {fault}", folder.display())))?;
    Ok(folder)
}

/// Where documents go.
struct Peers<'a> {
    dpi: &'a str,
    mhd: &'a str,
    dmp: (&'a str, &'a Files),
    platform: SocketAddr,
    folder: &'a Path,
}

fn settings(folder: &Path, profiles: &Path, peers: &Peers<'_>) -> Result<Settings, Problem> {
    let text = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let path = |path: &Path| text(&path.display().to_string());
    let (dmp, keys) = peers.dmp;
    let keys: Vec<String> =
        keys.settings().iter().map(|(setting, place)| format!("{setting} = {}", path(place))).collect();
    let file = format!(
        "listen = \"127.0.0.1:0\"\ndatabase = {}\nprofiles = {}\n\
         [issuer]\nname = \"CENTRE DE TEST\"\nfiness = \"999999999\"\nsource_oid = \"2.25.20260301\"\nenvironment = \"test\"\n\
         [[destinations]]\nname = \"dpi\"\nkind = \"fhir\"\nurl = {}\n\
         [[destinations]]\nname = \"mhd\"\nkind = \"mhd\"\nurl = {}\n\
         [[destinations]]\nname = \"dmp\"\nkind = \"xds\"\nurl = {}\n\
         xds = {{ software = \"Vigie\", software_version = \"demo\", homologation = \"DEMONSTRATION\", \
         responsible = \"810000000001\", sender = \"automaton\", mode = \"INDIRECTE\", vihf_version = \"3.0\", {} }}\n\
         [[destinations]]\nname = \"pfi\"\nkind = \"mllp\"\nurl = \"mllp://{}\"\n\
         hl7v2 = {{ sending_facility = \"TEST\", receiving_application = \"PFI\", receiving_facility = \"TEST\" }}\n\
         [[destinations]]\nname = \"partage\"\nkind = \"folder\"\nfolder = {{ path = {}, marker = \"ok\" }}\n",
        text(&format!("sqlite:{}", folder.join("vigie.sqlite").display())),
        path(profiles),
        text(peers.dpi),
        text(peers.mhd),
        text(dmp),
        keys.join(", "),
        peers.platform,
        path(peers.folder),
    );
    config::read(Some(&file), [])
}
