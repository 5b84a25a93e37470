//! The second yardstick: actix-web giving back each body that it was sent.

use std::net::{SocketAddr, TcpListener};

use actix_web::{App, HttpResponse, HttpServer, web};

/// Starts the server on a thread of its own; it lives as long as the process.
pub(crate) fn start() -> SocketAddr {
    let socket = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let address = socket.local_addr().expect("a bound socket has an address");
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async {
            let limit = web::PayloadConfig::new(16 * 1024 * 1024);
            HttpServer::new(move || App::new().app_data(limit.clone()).default_service(web::to(back)))
                .disable_signals()
                .listen(socket)
                .expect("a bound socket can be listened on")
                .run()
                .await
                .expect("the server runs");
        });
    });
    address
}

async fn back(body: web::Bytes) -> HttpResponse {
    HttpResponse::Created().insert_header(("content-type", "application/fhir+json")).body(body)
}
