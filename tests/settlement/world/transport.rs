//! The way to Horizon, and an answer that stands in for Horizon's.

use std::sync::Mutex;

use async_trait::async_trait;
use farmgate::stellar::transport::{HttpTransport, Request, Response, Transport, TransportError};

/// What Horizon's address answers instead of Horizon.
#[derive(Debug, Clone, Copy)]
pub struct CannedAnswer {
    pub status: u16,
    pub retry_after: Option<&'static str>,
    pub body: &'static str,
}

/// The way to Horizon, and what stands in it.
pub struct FaultyTransport {
    pub inner: HttpTransport,
    pub answer: Mutex<Option<CannedAnswer>>,
}

#[async_trait]
impl Transport for FaultyTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let answer = *self.answer.lock().unwrap();
        let Some(answer) = answer else { return self.inner.send(request).await };
        let mut headers = http::HeaderMap::new();
        if let Some(seconds) = answer.retry_after {
            headers.insert(http::header::RETRY_AFTER, http::HeaderValue::from_static(seconds));
        }
        let body = futures::stream::iter([Ok(answer.body.as_bytes().to_vec())]);
        Ok(Response { status: answer.status, headers, body: Box::pin(body) })
    }
}
