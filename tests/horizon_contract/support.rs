//! A network behind a wiremock Horizon, and a clock that does not wait.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use farmgate::domain::address::AccountId;
use farmgate::ports::clock::Clock;
use farmgate::ports::entropy::Entropy;
use farmgate::stellar::keys::{MemorySigner, SecretSeed};
use farmgate::stellar::transport::HttpTransport;
use farmgate::stellar::{Settings, StellarNetwork};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The passphrase that our fixtures were signed for.
pub const PASSPHRASE: &str = "Farmgate Fixtures";
/// Within which an answer must come.
const TIMEOUT: Duration = Duration::from_secs(1_000);

/// Sleeps from this length on are time-outs too: a stream may be silent for so long.
const TIMEOUT_FROM: Duration = Duration::from_secs(90);

/// Sleeping takes no time but is added up; a time-out never comes, or comes at once.
pub struct TestClock {
    state: Mutex<(Timestamp, Duration)>,
    impatient: bool,
}

impl TestClock {
    pub fn slept(&self) -> Duration {
        self.state.lock().unwrap().1
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.state.lock().unwrap().0
    }

    async fn sleep(&self, duration: Duration) {
        if duration >= TIMEOUT_FROM && !self.impatient {
            std::future::pending::<()>().await;
        }
        let mut state = self.state.lock().unwrap();
        state.0 += SignedDuration::try_from(duration).unwrap();
        state.1 += duration;
    }
}

/// Always the same.
pub struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

pub struct Horizon {
    pub server: MockServer,
    pub clock: Arc<TestClock>,
    pub network: StellarNetwork,
}

impl Horizon {
    pub async fn start() -> Self {
        Self::with(false).await
    }

    /// One whose client gives up at once.
    pub async fn impatient() -> Self {
        Self::with(true).await
    }

    async fn with(impatient: bool) -> Self {
        let server = MockServer::start().await;
        let clock = clock(impatient);
        let network = network(&server.uri(), clock.clone());
        Self { server, clock, network }
    }

    /// Answers every request of this kind so.
    pub async fn answers(&self, verb: &str, at: &str, answer: ResponseTemplate) {
        Mock::given(method(verb)).and(path(at)).respond_with(answer).mount(&self.server).await;
    }

    /// Answers the next `times` requests of this kind so, before any other answer.
    pub async fn answers_first(&self, times: u64, at: &str, answer: ResponseTemplate) {
        let mock = Mock::given(path(at)).respond_with(answer);
        mock.up_to_n_times(times).with_priority(1).mount(&self.server).await;
    }

    pub async fn requests(&self) -> Vec<wiremock::Request> {
        self.server.received_requests().await.unwrap()
    }
}

pub fn clock(impatient: bool) -> Arc<TestClock> {
    let now = "2026-03-01T10:00:05Z".parse().unwrap();
    Arc::new(TestClock { state: Mutex::new((now, Duration::ZERO)), impatient })
}

pub fn network(url: &str, clock: Arc<TestClock>) -> StellarNetwork {
    let url: url::Url = url.parse().unwrap();
    let seconds = u32::try_from(TIMEOUT.as_secs()).unwrap();
    let settings = Settings {
        answer_seconds_max: seconds,
        submit_seconds_max: seconds,
        ..Settings::new(url.clone(), PASSPHRASE.to_owned(), account("platform"))
    };
    let transport = Arc::new(HttpTransport::new(&url).unwrap());
    let signer = Arc::new(MemorySigner::new(seed("platform")));
    StellarNetwork::new(&settings, transport, signer, clock, Arc::new(Zeros))
}

/// The key of a role in our fixtures.
pub fn seed(role: &str) -> SecretSeed {
    use sha2::{Digest, Sha256};
    SecretSeed::from_bytes(&Sha256::digest(role).into())
}

pub fn account(role: &str) -> AccountId {
    seed(role).public_key()
}

pub fn fixture(name: &str) -> Value {
    let path = format!("{}/fixtures/horizon/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

pub fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// A problem of ours, with the status it names.
pub fn problem(name: &str) -> ResponseTemplate {
    let body = fixture(name);
    let status = u16::try_from(body["status"].as_u64().unwrap()).unwrap();
    ResponseTemplate::new(status).set_body_json(body)
}
