//! The real binary as a process of its own: started on a free port, asked over HTTP, killed or stopped by its id.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use vigie::json::Value;

/// A running `vigie serve`; killed when dropped.
pub(crate) struct Service {
    child: Child,
    url: String,
    client: reqwest::Client,
}

impl Service {
    /// Starts on a free loopback port with the store in this file.
    pub(crate) fn start(database: &Path) -> Self {
        Self::start_with(database, &[])
    }

    /// The same with more variables.
    pub(crate) fn start_with(database: &Path, variables: &[(&str, &str)]) -> Self {
        Self::start_on(&format!("sqlite:{}", database.display()), variables)
    }

    /// The same over any store.
    pub(crate) fn start_on(database: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_logging(database, variables, Stdio::inherit())
    }

    /// The same with the log there.
    pub(crate) fn start_logging(database: &str, variables: &[(&str, &str)], log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_vigie"))
            .arg("serve")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("VIGIE_LISTEN", "127.0.0.1:0")
            .env("VIGIE_DATABASE", database)
            .env("VIGIE_LOG_LEVEL", "error")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("vigie listens on ").unwrap_or_else(|| panic!("it said '{line}'"));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        Self { url: url.to_owned(), child, client }
    }

    /// Address of a path.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Asks anything, and gets the answer as it is.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> reqwest::Response {
        let mut request = self.client.request(method.parse().unwrap(), self.at(path)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Gets a FHIR resource.
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let request = self.client.get(self.at(path)).header("accept", "application/fhir+json");
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, json(&answer.bytes().await.unwrap()))
    }

    /// Sends a body; `Err` when no answer arrived.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(u16, Value), reqwest::Error> {
        self.send_as(method, path, "application/fhir+json", body).await
    }

    /// Sends a body of this type.
    pub(crate) async fn send_as(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Result<(u16, Value), reqwest::Error> {
        let request = self
            .client
            .request(method.parse().unwrap(), self.at(path))
            .header("content-type", content_type)
            .body(body);
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, json(&answer.bytes().await?)))
    }

    /// Puts a resource at its own type and id, and expects it to be stored.
    pub(crate) async fn put(&self, resource: &Value) {
        let path =
            format!("/{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        let (status, body) = self.send("PUT", &path, resource.to_string().into_bytes()).await.unwrap();
        assert!(matches!(status, 200 | 201), "PUT {path}: {status} {body:#}");
    }

    /// `kill -9`: nothing is said, nothing is flushed.
    pub(crate) fn kill_now(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
    }

    /// SIGTERM; the exit status.
    pub(crate) fn terminate(mut self) -> std::process::ExitStatus {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or(Value::Null)
}
