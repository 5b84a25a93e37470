//! Every request that the README shows is answered as a reader would hope, in the order in which it is shown.

use std::path::Path;

use crate::process::Service;

/// A line of the README: method, path and the file it sends.
struct Request {
    method: String,
    path: String,
    file: Option<String>,
}

/// The lines that call the README's shell function `fhir`.
fn requests() -> Vec<Request> {
    let readme = include_str!("../../README.md");
    readme.lines().filter_map(|line| line.strip_prefix("fhir ")).map(request).collect()
}

fn request(line: &str) -> Request {
    let line = line.split(" # ").next().unwrap_or_default();
    let mut words = line.split_whitespace().map(|word| word.trim_matches('\''));
    let (mut method, mut path, mut file) = (None, None, None);
    while let Some(word) = words.next() {
        match word {
            "-X" => method = words.next().map(str::to_owned),
            "-d" => file = words.next().map(|name| name.trim_start_matches('@').to_owned()),
            address => path = address.strip_prefix("localhost:8080").map(str::to_owned),
        }
    }
    let method = method.unwrap_or_else(|| if file.is_some() { "POST" } else { "GET" }.to_owned());
    Request { method, path: path.unwrap_or_else(|| panic!("no address in: {line}")), file }
}

fn example(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fhir").join(name);
    std::fs::read(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

#[tokio::test]
async fn every_request_of_the_readme_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let service = Service::start(&folder.path().join("store.sqlite"));
    let requests = requests();
    assert!(requests.len() > 8, "only {} requests were found", requests.len());
    for Request { method, path, file } in requests {
        let body = file.map(|name| example(&name)).unwrap_or_default();
        let (status, answer) = service.send(&method, &path, body).await.unwrap();
        let stores = method == "PUT" || path == "/QuestionnaireResponse" || path.ends_with("/$period-report");
        assert_eq!(status, if stores { 201 } else { 200 }, "{method} {path}: {answer:#}");
    }
}
