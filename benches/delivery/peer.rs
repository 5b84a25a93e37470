//! Peers that do next to nothing: they read what arrives and say yes, at once or after a while.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vigie::json::json;

/// A FHIR server on a thread of its own that says yes to every entry after so long; it lives as long as the process.
pub(crate) fn fhir(entries: usize, pause: Duration) -> SocketAddr {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = socket.local_addr().expect("a bound socket has an address");
    let entry = json!({"response": {"status": "201 Created", "location": "Binary/1/_history/1"}});
    let answer =
        json!({"resourceType": "Bundle", "type": "transaction-response", "entry": vec![entry; entries]});
    let answer: Arc<str> = answer.to_string().into();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let served = move || {
                let answer = Arc::clone(&answer);
                let yes = move |_: web::Bytes| {
                    let answer = Arc::clone(&answer);
                    async move {
                        if !pause.is_zero() {
                            tokio::time::sleep(pause).await;
                        }
                        HttpResponse::Ok().content_type("application/fhir+json").body(answer.to_string())
                    }
                };
                App::new().app_data(web::PayloadConfig::new(16 << 20)).default_service(web::to(yes))
            };
            let server = HttpServer::new(served).workers(1).disable_signals().listen(socket);
            server.expect("a bound socket can be listened on").run().await.expect("the server runs");
        });
    });
    address
}

/// A platform on a thread of its own that acknowledges every message; it lives as long as the process.
pub(crate) fn mllp() -> SocketAddr {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    socket.set_nonblocking(true).expect("a socket can be polled");
    let address = socket.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let socket = tokio::net::TcpListener::from_std(socket).expect("a socket can be polled");
            while let Ok((stream, _)) = socket.accept().await {
                tokio::spawn(acknowledge(stream));
            }
        });
    });
    address
}

async fn acknowledge(mut stream: tokio::net::TcpStream) {
    let (mut held, mut piece) = (Vec::new(), vec![0; 1 << 18]);
    while let Ok(size @ 1..) = stream.read(&mut piece).await {
        held.extend_from_slice(&piece[..size]);
        if !held.ends_with(&[0x1c, 0x0d]) {
            continue;
        }
        let head = String::from_utf8_lossy(&held[1..held.len().min(400)]).into_owned();
        let control_id = head.split('|').nth(9).unwrap_or_default();
        let answer = format!(
            "\u{b}MSH|^~\\&|PFI|CHU|VIGIE|CHU|20260302090000+0100||ACK^T02^ACK|1|T|2.6\rMSA|AA|{control_id}\r\u{1c}\r"
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        held.clear();
    }
}
