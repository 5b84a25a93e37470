//! The demo talks to the service over HTTP, as a hospital system would.

use std::time::Duration;

use crate::json::Value;

use crate::problem::{Category, Problem};

/// A client of one service.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
}

impl Client {
    pub(super) fn new(url: &str) -> Result<Self, Problem> {
        let http = reqwest::Client::builder()
            .timeout(Duration::from_secs(60))
            .build()
            .map_err(|fault| Problem::internal(format!("no HTTP client can be made: {fault}")))?;
        Ok(Self { http, url: url.to_owned() })
    }

    /// GET; the status and the body.
    pub(super) async fn get(&self, path: &str) -> Result<(u16, Value), Problem> {
        let request = self.http.get(format!("{}/{path}", self.url));
        // Without it a Binary is given as its bytes.
        self.exchange(request.header("accept", "application/fhir+json"), path).await
    }

    /// GET of something that must be there.
    pub(super) async fn read(&self, path: &str) -> Result<Value, Problem> {
        match self.get(path).await? {
            (200, body) => Ok(body),
            (status, body) => Err(refused("GET", path, status, &body)),
        }
    }

    /// POST or PUT; the status and the body.
    pub(super) async fn send(&self, method: &str, path: &str, body: &Value) -> Result<(u16, Value), Problem> {
        let url = format!("{}/{path}", self.url);
        let request = if method == "PUT" { self.http.put(url) } else { self.http.post(url) };
        let request = request.header("content-type", "application/fhir+json").body(body.to_string());
        self.exchange(request, path).await
    }

    /// PUT of a resource at its own type and id, which must be stored.
    pub(super) async fn put(&self, resource: &Value) -> Result<Value, Problem> {
        let part = |name: &str| resource[name].as_str().unwrap_or_default();
        let path = format!("{}/{}", part("resourceType"), part("id"));
        match self.send("PUT", &path, resource).await? {
            (200 | 201, stored) => Ok(stored),
            (status, body) => Err(refused("PUT", &path, status, &body)),
        }
    }

    /// The resources of the first page of a search.
    pub(super) async fn search(&self, query: &str) -> Result<Vec<Value>, Problem> {
        let bundle = self.read(query).await?;
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        Ok(entries.into_iter().map(|mut entry| entry["resource"].take()).collect())
    }

    async fn exchange(&self, request: reqwest::RequestBuilder, path: &str) -> Result<(u16, Value), Problem> {
        let fault = |fault: reqwest::Error| Problem::internal(format!("{path}: {fault}"));
        let answer = request.send().await.map_err(fault)?;
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.map_err(fault)?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }
}

/// What an unexpected answer says.
pub(super) fn refused(method: &str, path: &str, status: u16, body: &Value) -> Problem {
    let said: Vec<&str> = body["issue"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|issue| issue["diagnostics"].as_str())
        .collect();
    Problem::new(
        Category::Internal,
        "exception",
        format!("{method} {path} was answered with {status}: {}", said.join("; ")),
    )
}
