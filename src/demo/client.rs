//! The API's caller: what an explorer would do.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use super::error::DemoError;
use crate::app::clock::SystemClock;
use crate::ports::clock::Clock;

/// How often a reservation is asked for while something is waited for.
const POLL: Duration = Duration::from_millis(100);

/// Calls the service over HTTP.
#[derive(Clone)]
pub(super) struct Client {
    base: String,
    key: String,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(address: SocketAddr, key: String) -> Result<Self, DemoError> {
        let failed = |error: reqwest::Error| DemoError::Api {
            what: "the HTTP client".to_owned(),
            reason: error.to_string(),
        };
        let http = reqwest::Client::builder().no_proxy().build().map_err(failed)?;
        Ok(Self { base: format!("http://{address}"), key, http })
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value, DemoError> {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, DemoError> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, DemoError> {
        self.call(Method::GET, path, None).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, DemoError> {
        let what = format!("{method} {path}");
        let failed = |reason: String| DemoError::Api { what: what.clone(), reason };
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.map_err(|error| failed(error.to_string()))?;
        let status = answer.status();
        let body: Value = answer.json().await.map_err(|error| failed(error.to_string()))?;
        if status.is_success() {
            return Ok(body);
        }
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        Err(DemoError::Refused { what, status: status.as_u16(), code: text("code"), detail: text("detail") })
    }

    /// Asks for a reservation until it is in one of these states.
    pub(super) async fn until(
        &self,
        id: &str,
        states: &[&str],
        mut see: impl FnMut(&str),
    ) -> Result<Value, DemoError> {
        loop {
            let reservation = self.get(&format!("/v1/reservations/{id}")).await?;
            let state = reservation["state"].as_str().unwrap_or_default();
            see(state);
            if states.contains(&state) {
                return Ok(reservation);
            }
            SystemClock.sleep(POLL).await;
        }
    }
}
