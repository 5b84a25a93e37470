//! The RESTful API over HTTP: conditions on reads and writes, methods, codings, other origins.

use std::io::{Read, Write};

use vigie::json::{Value, json};

use crate::process::Service;

const FHIR: (&str, &str) = ("content-type", "application/fhir+json");

fn patient(value: &str) -> Value {
    json!({"resourceType": "Patient", "identifier": [{"system": "https://test.example", "value": value}], "active": true})
}

fn bytes(resource: &Value) -> Vec<u8> {
    resource.to_string().into_bytes()
}

struct Started {
    service: Service,
    _folder: tempfile::TempDir,
}

fn start(variables: &[(&str, &str)]) -> Started {
    let folder = tempfile::tempdir().unwrap();
    Started { service: Service::start_with(&folder.path().join("store.sqlite"), variables), _folder: folder }
}

#[tokio::test]
async fn what_the_client_has_already_is_not_sent_again() {
    let Started { service, _folder } = start(&[]);
    let mut resource = patient("a");
    resource["id"] = json!("a");
    service.put(&resource).await;
    let status = async |headers: &[(&str, &str)]| {
        service.ask("GET", "/Patient/a", headers, vec![]).await.status().as_u16()
    };
    assert_eq!(status(&[("if-none-match", "W/\"1\"")]).await, 304);
    assert_eq!(status(&[("if-none-match", "W/\"7\", \"1\"")]).await, 304);
    assert_eq!(status(&[("if-none-match", "*")]).await, 304);
    assert_eq!(status(&[("if-none-match", "W/\"2\"")]).await, 200);
    let modified = service.ask("GET", "/Patient/a", &[], vec![]).await.headers()["last-modified"].clone();
    assert_eq!(status(&[("if-modified-since", modified.to_str().unwrap())]).await, 304);
    assert_eq!(status(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")]).await, 200);
    assert_eq!(status(&[("if-modified-since", "some day")]).await, 200);
    // The version decides when both are there.
    let both = [("if-none-match", "W/\"2\""), ("if-modified-since", modified.to_str().unwrap())];
    assert_eq!(status(&both).await, 200);
    let known = service.ask("GET", "/Patient/a/_history/1", &[("if-none-match", "W/\"1\"")], vec![]).await;
    assert_eq!((known.status().as_u16(), &known.headers()["etag"]), (304, &"W/\"1\"".parse().unwrap()));
    assert!(known.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn head_is_a_get_without_its_body_and_options_tells_the_methods() {
    let Started { service, _folder } = start(&[]);
    service.put(&json!({"resourceType": "Patient", "id": "a", "active": true})).await;
    for path in ["/Patient/a", "/Patient", "/metadata", "/livez", "/Patient/a/_history", "/Patient/nobody"] {
        let get = service.ask("GET", path, &[], vec![]).await;
        let head = service.ask("HEAD", path, &[], vec![]).await;
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(head.headers().get("etag"), get.headers().get("etag"), "{path}");
        assert!(head.bytes().await.unwrap().is_empty() && !get.bytes().await.unwrap().is_empty(), "{path}");
    }
    let allow = async |path: &str| {
        let answer = service.ask("OPTIONS", path, &[], vec![]).await;
        (answer.status().as_u16(), answer.headers().get("allow").map(|v| v.to_str().unwrap().to_owned()))
    };
    let (status, methods) = allow("/Patient/a").await;
    let methods = methods.unwrap();
    assert_eq!(status, 204);
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        assert!(methods.contains(method), "{methods}");
    }
    assert_eq!(allow("/metadata").await, (204, Some("GET, HEAD, OPTIONS".to_owned())));
    assert_eq!(allow("/Nothing").await, (404, None));
}

#[tokio::test]
async fn a_conditional_update_creates_updates_or_refuses() {
    let Started { service, _folder } = start(&[]);
    let put = async |query: &str, body: &Value| {
        service.send("PUT", &format!("/Patient?{query}"), bytes(body)).await.unwrap()
    };
    let (status, created) = put("identifier=https://test.example%7Ca", &patient("a")).await;
    assert_eq!((status, &created["meta"]["versionId"]), (201, &json!("1")));
    let mut changed = patient("a");
    changed["active"] = json!(false);
    let (status, updated) = put("identifier=https://test.example%7Ca", &changed).await;
    assert_eq!((status, &updated["id"], &updated["active"]), (200, &created["id"], &json!(false)));
    // An id of the client: the match has another, or there is none.
    changed["id"] = json!("other");
    assert_eq!(put("identifier=https://test.example%7Ca", &changed).await.0, 400);
    let mut own = patient("b");
    own["id"] = json!("own");
    let (status, created) = put("identifier=https://test.example%7Cb", &own).await;
    assert_eq!((status, &created["id"]), (201, &json!("own")));
    // Two matches, no criterion, an unknown one.
    let (status, outcome) = put("active=true,false", &patient("c")).await;
    assert_eq!((status, &outcome["issue"][0]["code"]), (412, &json!("multiple-matches")));
    assert_eq!(put("", &patient("c")).await.0, 400);
    assert_eq!(put("colour=blue", &patient("c")).await.0, 400);
    assert_eq!(service.get("/Patient?_summary=count").await.1["total"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_32_conditional_updates_at_once_one_creates() {
    let Started { service, _folder } = start(&[]);
    let puts = (0..32)
        .map(|_| service.send("PUT", "/Patient?identifier=https://test.example%7Ca", bytes(&patient("a"))));
    let answers = futures_util::future::join_all(puts).await;
    let statuses: Vec<u16> = answers.into_iter().map(|answer| answer.unwrap().0).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 201)), "{statuses:?}");
    assert_eq!(service.get("/Patient?_summary=count").await.1["total"], 1);
}

#[tokio::test]
async fn bodies_and_answers_are_packed_as_the_client_asks() {
    let Started { service, _folder } = start(&[]);
    let mut resource = patient("a");
    resource["name"] = json!([{"text": "x".repeat(4_000)}]);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&bytes(&resource)).unwrap();
    let packed = encoder.finish().unwrap();
    let send = async |coding: &str, body: Vec<u8>| {
        service.ask("POST", "/Patient", &[FHIR, ("content-encoding", coding)], body).await
    };
    let answer = send("gzip", packed.clone()).await;
    assert_eq!(answer.status(), 201);
    let id: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let path = format!("/Patient/{}", id["id"].as_str().unwrap());
    assert_eq!(send("gzip", packed[..packed.len() / 2].to_vec()).await.status(), 400);
    assert_eq!(send("deflate", packed).await.status(), 415);
    // Made quickly: the kept connection ends after 5 s without a request.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(&vec![b' '; 6_000_000]).unwrap();
    assert_eq!(send("gzip", bomb.finish().unwrap()).await.status(), 413);

    let plain = service.ask("GET", &path, &[], vec![]).await;
    assert!(!plain.headers().contains_key("content-encoding"));
    let plain = plain.bytes().await.unwrap();
    let gzip = service.ask("GET", &path, &[("accept-encoding", "gzip")], vec![]).await;
    assert_eq!(gzip.headers()["content-encoding"], "gzip");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&gzip.bytes().await.unwrap()[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    let zstd = service.ask("GET", &path, &[("accept-encoding", "gzip, zstd")], vec![]).await;
    assert_eq!(zstd.headers()["content-encoding"], "zstd");
    assert_eq!(zstd::stream::decode_all(&zstd.bytes().await.unwrap()[..]).unwrap(), plain);
    let brotli = service.ask("GET", &path, &[("accept-encoding", "gzip, br")], vec![]).await;
    assert_eq!(brotli.headers()["content-encoding"], "br");
    let packed = brotli.bytes().await.unwrap();
    let mut unpacked = Vec::new();
    brotli::Decompressor::new(&packed[..], 4_096).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
    assert_eq!(send("br", packed.to_vec()).await.status(), 201);
}

#[tokio::test]
async fn every_answer_says_what_it_varies_by() {
    let Started { service, _folder } = start(&[]);
    service.put(&json!({"resourceType": "Patient", "id": "a"})).await;
    let check =
        async |service: &Service, method: &str, path: &str, headers: &[(&str, &str)], expected: &str| {
            let answer = service.ask(method, path, headers, vec![]).await;
            let all: Vec<_> =
                answer.headers().get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
            assert_eq!(all, [expected], "{method} {path}: {}", answer.status());
        };
    let form = "Accept, Accept-Encoding";
    check(&service, "GET", "/Patient/a", &[], form).await;
    check(&service, "HEAD", "/Patient/a", &[], form).await;
    check(&service, "GET", "/Patient/a", &[("if-none-match", "W/\"1\"")], form).await;
    check(&service, "GET", "/Patient/nobody", &[], form).await;
    check(&service, "GET", "/Patient/a", &[("accept", "text/html")], form).await;
    check(&service, "GET", "/Nothing", &[], form).await;
    check(&service, "DELETE", "/Patient/a", &[], form).await;
    let Started { service, _folder } = start(&[("VIGIE_CORS_ORIGINS", "[\"https://console.example\"]")]);
    // Whoever asks: a cache that has the answer to one origin must not give it to another.
    check(&service, "GET", "/metadata", &[], "Accept, Accept-Encoding, Origin").await;
    check(
        &service,
        "GET",
        "/metadata",
        &[("origin", "https://console.example")],
        "Accept, Accept-Encoding, Origin",
    )
    .await;
}

#[tokio::test]
async fn pretty_is_for_persons_and_says_the_same() {
    let Started { service, _folder } = start(&[]);
    service.put(&json!({"resourceType": "Patient", "id": "a", "multipleBirthInteger": 2})).await;
    let plain = service.ask("GET", "/Patient/a", &[], vec![]).await.text().await.unwrap();
    let pretty =
        service.ask("GET", "/Patient/a?_pretty=true&_format=json", &[], vec![]).await.text().await.unwrap();
    assert!(pretty.contains("\n  \"id\": \"a\"") && !plain.contains('\n'));
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(read(&pretty), read(&plain));
    let xml =
        service.ask("GET", "/Patient/a?_pretty=true&_format=xml", &[], vec![]).await.text().await.unwrap();
    assert!(xml.contains("\n  <id value=\"a\"/>\n"), "{xml}");
    assert_eq!(vigie::fhir::xml::read(xml.as_bytes()).unwrap().resource, read(&plain));
    let refused = service.ask("GET", "/Patient/nobody?_pretty=true", &[], vec![]).await.text().await.unwrap();
    assert!(refused.contains("\n  \"issue\": ["), "{refused}");
}

#[tokio::test]
async fn a_read_gives_the_part_that_is_asked_for() {
    let Started { service, _folder } = start(&[]);
    let patient = json!({"resourceType": "Patient", "id": "a", "gender": "female", "birthDate": "1950-01-01",
        "multipleBirthInteger": 2, "text": {"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"}});
    service.put(&patient).await;
    let check = async |query: &str, status: u16, names: &[&str]| {
        for path in ["/Patient/a", "/Patient/a/_history/1"] {
            let answer = service.ask("GET", &format!("{path}?{query}"), &[], vec![]).await;
            assert_eq!(answer.status(), status, "{path}?{query}");
            if status == 200 {
                assert_eq!(answer.headers()["etag"], "W/\"1\"");
                let part: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
                let all: Vec<&str> = part.as_object().unwrap().keys().collect();
                assert_eq!(all, names, "{path}?{query}");
                assert_eq!(part["meta"]["tag"][0]["code"] == "SUBSETTED", names.len() < 7, "{path}?{query}");
            }
        }
    };
    let whole = ["resourceType", "id", "meta", "gender", "birthDate", "multipleBirthInteger", "text"];
    check("_summary=false", 200, &whole).await;
    check(
        "_summary=data",
        200,
        &["resourceType", "id", "meta", "gender", "birthDate", "multipleBirthInteger"],
    )
    .await;
    check("_summary=text", 200, &["resourceType", "id", "meta", "text"]).await;
    check(
        "_elements=gender,multipleBirthInteger",
        200,
        &["resourceType", "id", "meta", "gender", "multipleBirthInteger"],
    )
    .await;
    check("_summary=count", 400, &[]).await;
    check("_elements=sex", 400, &[]).await;
    check("gender=female", 400, &[]).await;
    let xml = service
        .ask("GET", "/Patient/a?_elements=gender&_format=xml", &[], vec![])
        .await
        .text()
        .await
        .unwrap();
    assert!(xml.contains("<gender value=\"female\"/>") && !xml.contains("birthDate"), "{xml}");
}

#[tokio::test]
async fn the_capabilities_are_told_in_every_mode() {
    let Started { service, _folder } = start(&[]);
    for (query, status) in
        [("mode=full", 200), ("mode=terminology", 200), ("mode=half", 400), ("_summary=true", 400)]
    {
        let answer = service.ask("GET", &format!("/metadata?{query}"), &[], vec![]).await;
        assert_eq!(answer.status(), status, "{query}");
        let said: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let expected = if status == 200 { "CapabilityStatement" } else { "OperationOutcome" };
        assert_eq!(said["resourceType"], expected, "{query}");
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask_and_no_others() {
    let Started { service, _folder } = start(&[("VIGIE_CORS_ORIGINS", "[\"https://console.example\"]")]);
    let preflight = async |origin: &str| {
        let headers = [("origin", origin), ("access-control-request-method", "PUT")];
        service.ask("OPTIONS", "/Patient/a", &headers, vec![]).await
    };
    let allowed = preflight("https://console.example").await;
    assert_eq!(allowed.status(), 204);
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://console.example");
    assert!(allowed.headers()["access-control-allow-methods"].to_str().unwrap().contains("PUT"));
    assert!(allowed.headers()["access-control-allow-headers"].to_str().unwrap().contains("if-match"));
    assert!(!preflight("https://evil.example").await.headers().contains_key("access-control-allow-origin"));
    let get = service.ask("GET", "/metadata", &[("origin", "https://console.example")], vec![]).await;
    assert!(get.headers()["access-control-expose-headers"].to_str().unwrap().contains("etag"));

    let Started { service, _folder } = start(&[]);
    let get = service.ask("GET", "/metadata", &[("origin", "https://console.example")], vec![]).await;
    assert!(!get.headers().contains_key("access-control-allow-origin"), "none by default");
}
