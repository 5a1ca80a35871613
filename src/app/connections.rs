//! The API's connections: taken, answered, and ended when they have asked for nothing for too long.
//!
//! A connection that does not come to the end of a request's head within its time is closed, whether it sent
//! half of one or nothing. What a request may take from there on is the API's to bound.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::clock::SystemClock;
use crate::ports::clock::Clock;

/// Most connections at once; others wait to be taken.
const CONNECTIONS_MAX: usize = 4_096;
/// How long nothing is taken after a connection could not be taken: files may be scarce.
const SCARCE_PAUSE: Duration = Duration::from_secs(1);

/// Answers until `stop`; then what is asked already is answered.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    head_max: Duration,
    stop: CancellationToken,
) {
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(head_max);
    let service = TowerToHyperService::new(router);
    let ending = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            taken = listener.accept(), if connections.len() < CONNECTIONS_MAX => match taken {
                Ok((stream, _)) => {
                    hurry(&stream);
                    let answered = protocol.serve_connection(TokioIo::new(stream), service.clone());
                    connections.spawn(ending.watch(answered));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    SystemClock.sleep(SCARCE_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Ok(Err(error)) = ended {
                    tracing::debug!(%error, "a connection ended");
                }
            }
        }
    }
    drop(listener);
    ending.shutdown().await;
}

/// An answer is not held back until there is more to send.
fn hurry(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection is slower than it could be");
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn serving(head_max: Duration) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let slow = get(async || {
            SystemClock.sleep(Duration::from_millis(300)).await;
            "slow"
        });
        let router = Router::new().route("/", get(async || "here")).route("/slow", slow);
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, router, head_max, stop.clone()));
        (address, stop, task)
    }

    /// What comes until the other side closes.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut said = String::new();
        let read = tokio::time::timeout(LONG, stream.read_to_string(&mut said)).await;
        read.expect("it is not closed").unwrap();
        said
    }

    #[tokio::test]
    async fn half_a_head_is_not_waited_for_for_ever() {
        let (address, ..) = serving(Duration::from_millis(200)).await;
        for sent in ["", "GET / HT", "GET / HTTP/1.1\r\nhost: x\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(sent.as_bytes()).await.unwrap();
            assert_eq!(rest(&mut stream).await, "", "{sent:?} is answered");
        }
        // One after another is no head either.
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET /").await.unwrap();
        let said = rest(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("here"), "{said}");
    }

    #[tokio::test]
    async fn the_time_for_a_head_is_not_the_answers() {
        let (address, ..) = serving(Duration::from_millis(100)).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let said = rest(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("slow"), "{said}");
    }

    #[tokio::test]
    async fn what_is_asked_when_it_stops_is_answered_and_nothing_after() {
        let (address, stop, task) = serving(LONG).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        let mut asking = TcpStream::connect(address).await.unwrap();
        asking.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        SystemClock.sleep(Duration::from_millis(100)).await;
        stop.cancel();
        let said = rest(&mut asking).await;
        assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("slow"), "{said}");
        assert_eq!(rest(&mut idle).await, "");
        tokio::time::timeout(LONG, task).await.expect("it does not end").unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }
}
