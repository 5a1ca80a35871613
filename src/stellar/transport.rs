//! Carries one HTTP request to Horizon and its answer back: over sockets in production, into a tower service
//! in tests and simulations.
//!
//! Never here: what an answer means, retries, budgets, or waiting (`horizon` does those). Redirects are
//! not followed: an answer from elsewhere is no answer. Fails with [`TransportError`], which says nothing
//! of whether the request arrived.

use std::fmt::Display;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use secrecy::{ExposeSecret, SecretString};
use tower::{Service, ServiceExt};
use url::Url;

/// Longest time to connect, TLS included.
const CONNECT_SECONDS_MAX: u64 = 10;
/// Idle connections kept open to Horizon.
const IDLE_CONNECTIONS_MAX: usize = 8;
const AGENT: &str = concat!("farmgate/", env!("CARGO_PKG_VERSION"));
/// The media type of a stream of events.
pub const EVENT_STREAM: &str = "text/event-stream";
const FORM: &str = "application/x-www-form-urlencoded";

/// Why there is no (whole) answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TransportError {
    /// The client cannot be set up, or the request cannot be written.
    #[error("the HTTP client cannot be used: {reason}")]
    Setup {
        /// Why, for people.
        reason: String,
    },
    /// No answer: not connected, refused, reset, timed out.
    #[error("no answer: {reason}")]
    Unreachable {
        /// Why, for people.
        reason: String,
    },
    /// The answer broke off.
    #[error("the answer broke off: {reason}")]
    BrokenOff {
        /// Why, for people.
        reason: String,
    },
    /// The answer is larger than was allowed.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// What was allowed.
        bytes_max: usize,
    },
}

/// A request, relative to Horizon's address.
#[derive(Clone, Debug)]
pub struct Request {
    /// Path and query, beginning with `/`.
    pub target: String,
    /// The form to post, already encoded; `None` asks with GET.
    pub form: Option<String>,
    /// The media type wanted.
    pub accept: &'static str,
    /// Where a broken stream goes on (`Last-Event-ID`).
    pub last_event_id: Option<String>,
}

/// The chunks of a body.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Vec<u8>, TransportError>> + Send>>;

/// An answer; its body may still be under way.
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: ByteStream,
}

/// Something that carries requests to one Horizon.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` and returns once the answer's head is there.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

impl Response {
    /// The whole body, if it has at most `bytes_max` bytes, however few came over the wire.
    pub async fn collect(mut self, bytes_max: usize) -> Result<Vec<u8>, TransportError> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.body.next().await {
            let chunk = chunk?;
            if whole.len().saturating_add(chunk.len()) > bytes_max {
                return Err(TransportError::TooLarge { bytes_max });
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole)
    }
}

/// Over sockets, with HTTP or HTTPS.
pub struct HttpTransport {
    client: reqwest::Client,
    base: String,
    /// What every request carries as `Authorization`.
    authorization: Option<HeaderValue>,
}

impl HttpTransport {
    /// A transport to the Horizon at `base`, which may have a path.
    ///
    /// Answers are asked for compressed, streams are not: each event is to come when it happens. Certificates
    /// are verified by the system's roots, with ring as the crypto provider unless the process
    /// has chosen another. A Horizon on loopback is reached without a proxy.
    pub fn new(base: &Url) -> Result<Self, TransportError> {
        let setup = |reason: String| TransportError::Setup { reason };
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(setup("Horizon's address must begin with http:// or https://".to_owned()));
        }
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have been faster: then its choice stands.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        let loopback = match base.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let mut builder = reqwest::Client::builder()
            .user_agent(AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .gzip(true)
            // Whoever asks counts attempts; a submission has one.
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(CONNECT_SECONDS_MAX))
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX);
        if loopback {
            builder = builder.no_proxy();
        }
        if base.scheme() == "http" {
            // Without TLS no roots are needed: a machine without any must do.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| setup(chain(&error)))?;
        Ok(Self { client, base: base.as_str().trim_end_matches('/').to_owned(), authorization: None })
    }

    /// The same, with this as the header `Authorization` of every request. It is never shown.
    ///
    /// # Errors
    /// [`TransportError::Setup`] if it is no header's value.
    pub fn authorized(self, value: &SecretString) -> Result<Self, TransportError> {
        let refused =
            |_| TransportError::Setup { reason: "the authorization is no header's value".to_owned() };
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(refused)?;
        value.set_sensitive(true);
        Ok(Self { authorization: Some(value), ..self })
    }
}

/// An error with its causes; reqwest's own text leaves them out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let address = format!("{}{}", self.base, request.target);
        let mut outgoing = match request.form {
            None => self.client.get(address),
            Some(form) => self.client.post(address).header(CONTENT_TYPE, FORM).body(form),
        };
        outgoing = outgoing.header(ACCEPT, request.accept);
        if request.accept == EVENT_STREAM {
            outgoing = outgoing.header(ACCEPT_ENCODING, "identity");
        }
        if let Some(authorization) = &self.authorization {
            outgoing = outgoing.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(id) = request.last_event_id {
            outgoing = outgoing.header("last-event-id", id);
        }
        let response = outgoing.send().await.map_err(|error| {
            let reason = chain(&error.without_url());
            TransportError::Unreachable { reason }
        })?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes_stream().map(|chunk| match chunk {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(error) => Err(TransportError::BrokenOff { reason: chain(&error.without_url()) }),
        });
        Ok(Response { status, headers, body: Box::pin(body) })
    }
}

type Call =
    dyn Fn(http::Request<String>) -> BoxFuture<'static, Result<Response, TransportError>> + Send + Sync;

/// Into a tower service in this process, such as the sandbox's router: no sockets, no real time.
#[derive(Clone)]
pub struct ServiceTransport {
    call: Arc<Call>,
}

impl ServiceTransport {
    /// A transport into `service`.
    pub fn new<S, B>(service: S) -> Self
    where
        S: Service<http::Request<String>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Display,
        S::Future: Send,
        B: BodyExt + Send + 'static,
        B::Data: AsRef<[u8]> + Send,
        B::Error: Display,
    {
        let call =
            move |request: http::Request<String>| -> BoxFuture<'static, Result<Response, TransportError>> {
                let service = service.clone();
                Box::pin(async move {
                    let response = service
                        .oneshot(request)
                        .await
                        .map_err(|error| TransportError::Unreachable { reason: error.to_string() })?;
                    let (head, body) = response.into_parts();
                    let body = body.into_data_stream().map(|chunk| match chunk {
                        Ok(data) => Ok(data.as_ref().to_vec()),
                        Err(error) => Err(TransportError::BrokenOff { reason: error.to_string() }),
                    });
                    Ok(Response { status: head.status.as_u16(), headers: head.headers, body: Box::pin(body) })
                })
            };
        Self { call: Arc::new(call) }
    }
}

#[async_trait]
impl Transport for ServiceTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let method = if request.form.is_some() { Method::POST } else { Method::GET };
        let mut outgoing = http::Request::builder()
            .method(method)
            .uri(&request.target)
            .header(ACCEPT, request.accept)
            .header(USER_AGENT, AGENT);
        if request.form.is_some() {
            outgoing = outgoing.header(CONTENT_TYPE, FORM);
        }
        if let Some(id) = &request.last_event_id {
            outgoing = outgoing.header("last-event-id", id);
        }
        let outgoing = outgoing
            .body(request.form.unwrap_or_default())
            .map_err(|error| TransportError::Setup { reason: error.to_string() })?;
        (self.call)(outgoing).await
    }
}

impl Response {
    /// True for a 2xx status.
    pub fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn get(target: &str) -> Request {
        Request { target: target.to_owned(), form: None, accept: "application/json", last_event_id: None }
    }

    fn echo() -> ServiceTransport {
        ServiceTransport::new(tower::service_fn(|request: http::Request<String>| async move {
            let said = format!("{} {} {}", request.method(), request.uri(), request.body());
            Ok::<_, Infallible>(http::Response::new(said))
        }))
    }

    #[tokio::test]
    async fn a_service_is_asked_without_sockets() {
        let answer = echo().send(get("/ledgers?limit=1")).await.unwrap();
        assert!(answer.is_success());
        assert_eq!(answer.collect(100).await.unwrap(), b"GET /ledgers?limit=1 ");
        let post = Request { form: Some("tx=AAAA".to_owned()), ..get("/transactions") };
        let answer = echo().send(post).await.unwrap();
        assert_eq!(answer.collect(100).await.unwrap(), b"POST /transactions tx=AAAA");
    }

    #[tokio::test]
    async fn a_body_over_its_bound_is_refused() {
        let answer = echo().send(get("/ledgers")).await.unwrap();
        assert!(matches!(answer.collect(5).await, Err(TransportError::TooLarge { bytes_max: 5 })));
    }

    #[test]
    fn only_http_addresses_are_taken() {
        for address in ["ftp://localhost/", "unix:/tmp/socket", "data:text/plain,x"] {
            assert!(HttpTransport::new(&Url::parse(address).unwrap()).is_err(), "{address}");
        }
        for address in ["http://127.0.0.1:8000", "http://localhost:8000/horizon/"] {
            assert!(HttpTransport::new(&Url::parse(address).unwrap()).is_ok(), "{address}");
        }
    }

    /// A server that answers each request's head with these further lines of a head, and this body.
    async fn server(answer: fn(&str) -> (&'static str, Vec<u8>)) -> Url {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let (mut asked, mut some) = (String::new(), [0; 1_024]);
                while !asked.contains("\r\n\r\n") {
                    let read = socket.read(&mut some).await.unwrap();
                    asked.push_str(std::str::from_utf8(&some[..read]).unwrap());
                }
                let (lines, body) = answer(&asked);
                let length = body.len();
                let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
                let head = format!("{head}{lines}content-length: {length}\r\n\r\n");
                // Who has read enough hangs up.
                drop(socket.write_all(&[head.as_bytes(), &body].concat()).await);
            }
        });
        base
    }

    /// What a request's head has under this name.
    fn carried(head: &str, name: &str) -> Vec<u8> {
        let values = head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.collect::<Vec<_>>().join("|").into_bytes()
    }

    fn gzipped(text: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    const PACKED: &str = "content-encoding: gzip\r\n";

    #[tokio::test]
    async fn answers_are_asked_for_compressed_and_streams_are_not() {
        let base = server(|head| (PACKED, gzipped(&carried(head, "accept-encoding")))).await;
        let transport = HttpTransport::new(&base).unwrap();
        assert_eq!(transport.send(get("/")).await.unwrap().collect(100).await.unwrap(), b"gzip");
        let post = Request { form: Some("tx=AAAA".to_owned()), ..get("/transactions") };
        assert_eq!(transport.send(post).await.unwrap().collect(100).await.unwrap(), b"gzip");
        let plain = server(|head| ("", carried(head, "accept-encoding"))).await;
        let transport = HttpTransport::new(&plain).unwrap();
        assert_eq!(transport.send(get("/")).await.unwrap().collect(100).await.unwrap(), b"gzip");
        let stream = Request { accept: EVENT_STREAM, ..get("/payments") };
        assert_eq!(transport.send(stream).await.unwrap().collect(100).await.unwrap(), b"identity");
    }

    #[tokio::test]
    async fn a_compressed_body_is_bounded_by_what_is_in_it() {
        const INSIDE: usize = 1 << 20;
        let base = server(|_| (PACKED, gzipped(&vec![b' '; INSIDE]))).await;
        assert!(gzipped(&vec![b' '; INSIDE]).len() < 2_000);
        let transport = HttpTransport::new(&base).unwrap();
        let answer = transport.send(get("/")).await.unwrap();
        let error = answer.collect(INSIDE - 1).await.unwrap_err();
        assert!(
            matches!(error, TransportError::TooLarge { bytes_max } if bytes_max == INSIDE - 1),
            "{error}"
        );
        let answer = transport.send(get("/")).await.unwrap();
        assert_eq!(answer.collect(INSIDE).await.unwrap().len(), INSIDE);
    }

    #[tokio::test]
    async fn a_compressed_body_that_is_none_is_broken_off() {
        let base = server(|_| (PACKED, b"{}".to_vec())).await;
        let answer = HttpTransport::new(&base).unwrap().send(get("/")).await.unwrap();
        let error = answer.collect(100).await.unwrap_err();
        assert!(matches!(error, TransportError::BrokenOff { .. }), "{error}");
    }

    #[tokio::test]
    async fn every_request_carries_the_authorization_and_nothing_shows_it() {
        let base = server(|head| ("", carried(head, "authorization"))).await;
        let open = HttpTransport::new(&base).unwrap();
        assert!(open.send(get("/")).await.unwrap().collect(100).await.unwrap().is_empty());
        let secret = SecretString::from("Bearer hunter2");
        let authorized = open.authorized(&secret).unwrap();
        for target in ["/", "/ledgers?limit=1"] {
            let answer = authorized.send(get(target)).await.unwrap();
            assert_eq!(answer.collect(100).await.unwrap(), b"Bearer hunter2");
        }
        assert!(!format!("{:?}", authorized.authorization).contains("hunter2"));
        let error = HttpTransport::new(&base).unwrap().authorized(&SecretString::from("hunter2\n"));
        assert!(error.is_err_and(|error| !error.to_string().contains("hunter2")));
    }

    #[tokio::test]
    async fn nobody_listening_is_unreachable() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let base = Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
        let error = HttpTransport::new(&base).unwrap().send(get("/")).await.err().unwrap();
        assert!(matches!(error, TransportError::Unreachable { .. }), "{error}");
    }
}
