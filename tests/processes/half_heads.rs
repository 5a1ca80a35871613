//! A client that never comes to the end of what it asks.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::api::Api;
use crate::doctor::Machine;

/// By then half a head is given up, were it only for the test's own patience.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_request_head_is_given_up_after_its_time() {
    let machine = Machine::new(None).await;
    let api = Api::new(&machine.database).await;
    let listen = format!("127.0.0.1:{}", api.port);
    let variables = [("FARMGATE_HTTP__REQUEST_HEAD_SECONDS", "1")];
    let _service = machine.command(&["serve", "--listen", &listen], &variables).spawn().unwrap();
    crate::children::until("it answers", async || api.get("/v1/pools").await).await;
    let mut half = TcpStream::connect(&listen).await.unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    let mut said = Vec::new();
    let closed = tokio::time::timeout(GIVEN_UP_WITHIN, half.read_to_end(&mut said)).await;
    closed.expect("half a head is kept").unwrap();
    assert!(said.is_empty(), "half a head is answered");
    assert!(api.get("/v1/pools").await.is_some());
}
