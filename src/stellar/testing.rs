//! What this module's own tests share: a clock that does not wait, and a Horizon that follows a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};

use super::Settings;
use super::horizon::client::HorizonClient;
use super::transport::{ByteStream, Request, Response, Transport, TransportError};
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;

/// Sleeping advances its time; a long sleep (a time-out) does so only when asked to.
pub(crate) struct TestClock {
    state: Mutex<(Timestamp, Duration, bool)>,
}

/// Sleeps at least this long are time-outs of something that ends before.
const TIMEOUT_FROM: Duration = Duration::from_secs(30);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        Arc::new(Self { state: Mutex::new((now, Duration::ZERO, false)) })
    }

    pub(crate) fn slept(&self) -> Duration {
        self.state.lock().unwrap().1
    }

    pub(crate) fn set_back(&self, by: SignedDuration) {
        self.state.lock().unwrap().0 -= by;
    }

    pub(crate) fn jump_when_idle(&self) {
        self.state.lock().unwrap().2 = true;
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.state.lock().unwrap().0
    }

    async fn sleep(&self, duration: Duration) {
        if duration >= TIMEOUT_FROM && !self.state.lock().unwrap().2 {
            std::future::pending::<()>().await;
        }
        let mut state = self.state.lock().unwrap();
        state.0 += SignedDuration::try_from(duration).unwrap();
        state.1 += duration;
    }
}

/// The same bytes each time: 0, 1, 2 …
pub(crate) struct Counting(Mutex<u8>);

impl Counting {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(0)))
    }
}

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        let mut next = self.0.lock().unwrap();
        for byte in bytes {
            *byte = *next;
            *next = next.wrapping_add(1);
        }
    }
}

/// Status, body, and whether the body never ends.
type Line = (u16, String, bool);

/// Answers in order; after the last nobody is there.
pub(crate) struct Script {
    lines: Mutex<VecDeque<Line>>,
    asked: Mutex<Vec<Request>>,
}

impl Script {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { lines: Mutex::new(VecDeque::new()), asked: Mutex::new(Vec::new()) })
    }

    pub(crate) fn answer(&self, status: u16, body: &str) {
        self.lines.lock().unwrap().push_back((status, body.to_owned(), false));
    }

    pub(crate) fn hang(&self, body: &str) {
        self.lines.lock().unwrap().push_back((200, body.to_owned(), true));
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.asked.lock().unwrap().push(request);
        let line = self.lines.lock().unwrap().pop_front();
        match line {
            None => Err(TransportError::Unreachable { reason: "the script is over".to_owned() }),
            Some((status, body, hangs)) => {
                let chunk = futures::stream::iter([Ok(body.into_bytes())]);
                let body: ByteStream =
                    if hangs { Box::pin(chunk.chain(futures::stream::pending())) } else { Box::pin(chunk) };
                Ok(Response { status, headers: HeaderMap::new(), body })
            }
        }
    }
}

pub(crate) fn settings() -> Settings {
    let platform = super::keys::SecretSeed::from_bytes(&[1; 32]).public_key();
    Settings::new("http://127.0.0.1:8000".parse().unwrap(), "Test Network".to_owned(), platform)
}

pub(crate) fn client(script: &Arc<Script>, clock: &Arc<TestClock>) -> HorizonClient {
    let settings = Settings { attempts_max: 1, ..settings() };
    HorizonClient::new(&settings, script.clone(), clock.clone(), Counting::new())
}
