//! The sockets: connections are taken, answered, and cut where a fault says so.

use std::io;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::fault_injection::Severed;

/// Most connections at once; others wait to be taken.
pub const CONNECTIONS_MAX: usize = 4_096;

async fn answer(router: Router, request: hyper::Request<Incoming>) -> io::Result<axum::http::Response<Body>> {
    let request: Request = request.map(Body::new);
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    match response.extensions().get::<Severed>() {
        // A service that fails has its connection closed without an answer.
        Some(Severed) => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        None => Ok(response),
    }
}

async fn converse(stream: TcpStream, router: Router) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection of the sandbox is slower than it could be");
    }
    let service = service_fn(move |request| answer(router.clone(), request));
    let protocols = auto::Builder::new(TokioExecutor::new());
    if let Err(error) = protocols.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection of the sandbox ended");
    }
}

/// Answers until it is dropped; open connections are cut then.
pub async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            taken = listener.accept(), if connections.len() < CONNECTIONS_MAX => match taken {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, router.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "the sandbox could not take a connection");
                    tokio::task::yield_now().await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
