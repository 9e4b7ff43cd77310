//! How it stops.

use std::time::Duration;

use accounts::Role;
use kit::testing::sqlite;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use web::testing::TestApp;

const BODY: &str = r#"{"name":"Nordlicht"}"#;
const GO_ON: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A request whose handler runs: it has asked for the body, which is still to come.
async fn half_a_request(test: &TestApp, address: std::net::SocketAddr) -> TcpStream {
    let admin = test.passwordless(Role::Admin).await;
    let token = test.token(&admin, "customers:write").await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/customers HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        BODY.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = vec![0; GO_ON.len()];
    stream.read_exact(&mut said).await.unwrap();
    assert_eq!(said, GO_ON, "{}", String::from_utf8_lossy(&said));
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_runs_when_it_stops_is_answered() {
    let test = TestApp::start().await;
    let mut stream = half_a_request(&test, test.address).await;
    test.stop();
    let refused = async {
        while TcpStream::connect(test.address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused).await.expect("nobody new is let in");

    stream.write_all(BODY.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let whole = tokio::time::timeout(Duration::from_secs(10), stream.read_to_string(&mut answer));
    whole.await.expect("the connection is closed behind the answer").unwrap();
    assert!(answer.starts_with("HTTP/1.1 201") && answer.contains("Nordlicht"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_never_ends_holds_the_stop_no_longer_than_is_set() {
    let test = TestApp::start_on(sqlite().await, |config| config.server.shutdown_timeout_s = 0).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(web::serve(test.app.clone(), listener, stop.clone()));
    let _stream = half_a_request(&test, address).await;
    stop.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(5), serving).await.expect("it does not wait");
    ended.unwrap().unwrap();
}
