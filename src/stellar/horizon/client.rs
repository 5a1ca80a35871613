//! Asks Horizon questions and gives typed answers.
//!
//! Keeps *unknown* apart from *failed*: a question that got no answer is a [`NetworkError`]; a submission
//! that got none is [`Sent::Unknown`]. Questions are asked again a bounded number of times while Horizon
//! is unavailable, with backoff and jitter; a submission is sent once. Every wait, answer and page count
//! is bounded. Never here: decisions about money.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures::future::{Either, select};
use http::HeaderMap;
use jiff::fmt::rfc2822;
use std::pin::pin;
use url::form_urlencoded;

use super::budget::{Budget, Urgency};
use super::json::{self, ReadError};
use super::resources::{self, Problem, Root, Transaction};
use super::{Settings, records};
use crate::domain::address::AccountId;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::domain::transfer::ResultCodes;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::network::{
    AccountAnswer, ClaimableEnd, ClaimablePage, ClaimableRecord, EffectId, EffectRecord, HistoryRecord,
    Ledger, NetworkError, OperationRecord, PAGE_RECORDS_MAX, Sent, Spending, TransactionRecord,
};
use crate::stellar::transport::{Request, Response, Transport, TransportError};

/// Largest answer read: 200 records, each with its transaction's envelope, result and metadata.
pub const RESPONSE_BYTES_MAX: usize = 32 << 20;
/// Pages of an account's transactions looked through for one sequence number.
pub const TRANSACTION_PAGES_MAX: usize = 5;
/// What an explanation of Horizon's is cut to.
const DETAIL_CHARS_MAX: usize = 300;
/// The pause when Horizon says 429 without saying for how long.
const RATE_LIMIT_PAUSE_SECONDS: u64 = 5;
/// The first backoff between attempts, and the longest.
const BACKOFF_MILLIS_MIN: u64 = 200;
const BACKOFF_MILLIS_MAX: u64 = 5_000;

/// Most ledgers charged to a stream at once: after a longer pause it was not open all the time.
const STREAM_LEDGERS_CHARGED_MAX: u32 = 20;

/// By what a page is made smaller that was too large to be read.
const PAGE_SHRINK: usize = 10;
const JSON: &str = "application/hal+json, application/json";

/// A Horizon.
pub struct HorizonClient {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    budget: Budget,
    attempts_max: u32,
    answer_time_max: Duration,
    submit_time_max: Duration,
    /// Streams that are open: each costs one request per ledger.
    streams: AtomicU32,
    /// The latest ledger that was asked for and came.
    tip: AtomicU32,
}

/// An open stream, as long as it is held.
pub(crate) struct OpenStream(Arc<HorizonClient>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An answer that is there, or the word that there is nothing at that address.
pub(crate) struct Answer {
    pub(crate) found: bool,
    /// A ledger that the answer is of (`Latest-Ledger`), if it says.
    pub(crate) latest_ledger: Option<LedgerSeq>,
    pub(crate) body: String,
}

/// A status, headers and whole body.
struct Raw {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl HorizonClient {
    /// A client of the Horizon behind `transport`.
    pub fn new(
        settings: &Settings,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let seconds = |number: u32| Duration::from_secs(u64::from(number));
        let budget = Budget::new(
            clock.clone(),
            settings.requests_per_hour_max,
            settings.requests_burst_max,
            seconds(settings.wait_seconds_max),
        );
        Self {
            transport,
            clock,
            entropy,
            budget,
            attempts_max: settings.attempts_max.max(1),
            answer_time_max: seconds(settings.answer_seconds_max),
            submit_time_max: seconds(settings.submit_seconds_max),
            streams: AtomicU32::new(0),
            tip: AtomicU32::new(0),
        }
    }

    /// What may be spent, and what has been lately.
    pub fn spending(&self) -> Spending {
        self.budget.spending()
    }

    /// Counts a stream as open until the answer is dropped.
    pub(crate) fn stream(self: &Arc<Self>) -> OpenStream {
        self.streams.fetch_add(1, Ordering::SeqCst);
        OpenStream(Arc::clone(self))
    }

    /// Horizon counts a stream's every look at a new ledger; nobody but the ledgers' numbers tells how
    /// many those were.
    fn charge_streams(&self, tip: LedgerSeq) {
        let before = self.tip.fetch_max(tip.0, Ordering::SeqCst);
        let ledgers =
            if before == 0 { 0 } else { tip.0.saturating_sub(before).min(STREAM_LEDGERS_CHARGED_MAX) };
        let looks = ledgers.saturating_mul(self.streams.load(Ordering::SeqCst));
        if looks > 0 {
            self.budget.charge(looks);
        }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A pause of this length and up to a quarter more.
    pub(crate) fn jittered(&self, pause: Duration) -> Duration {
        pause.saturating_add(pause / 4 * u32::from(self.entropy.u16()) / u32::from(u16::MAX))
    }

    /// What Horizon says of itself.
    pub async fn root(&self) -> Result<Root, NetworkError> {
        let answer = self.get("/", "/".to_owned()).await?;
        resources::root(found("/", &answer)?).map_err(|error| unreadable("/", &error))
    }

    /// The latest closed ledger that Horizon has.
    pub async fn tip(&self) -> Result<Ledger, NetworkError> {
        const WHAT: &str = "/ledgers";
        let answer = self.get(WHAT, "/ledgers?limit=1&order=desc".to_owned()).await?;
        let records = json::page(found(WHAT, &answer)?).map_err(|error| unreadable(WHAT, &error))?;
        let Some(record) = records.first() else {
            return Err(NetworkError::Unreadable { what: WHAT, reason: "it has no ledger".to_owned() });
        };
        let tip = resources::ledger(record).map_err(|error| unreadable(WHAT, &error))?;
        self.charge_streams(tip.sequence);
        Ok(tip)
    }

    /// A closed ledger; `None` if the instance that answered does not have it.
    pub async fn ledger(&self, sequence: LedgerSeq) -> Result<Option<Ledger>, NetworkError> {
        const WHAT: &str = "/ledgers/{sequence}";
        let answer = self.get(WHAT, format!("/ledgers/{sequence}")).await?;
        if !answer.found {
            return Ok(None);
        }
        let ledger = resources::ledger(&answer.body).map_err(|error| unreadable(WHAT, &error))?;
        if ledger.sequence == sequence { Ok(Some(ledger)) } else { Err(mixed_up(WHAT)) }
    }

    /// One account. Without a `Latest-Ledger` header the ledger is the account's last change: it can
    /// only be later.
    pub async fn account(&self, account: AccountId) -> Result<AccountAnswer, NetworkError> {
        const WHAT: &str = "/accounts/{id}";
        let answer = self.get(WHAT, format!("/accounts/{account}")).await?;
        if !answer.found {
            let ledger = answer.latest_ledger.unwrap_or_default();
            return Ok(AccountAnswer { ledger, account: None });
        }
        let snapshot = resources::account(&answer.body).map_err(|error| unreadable(WHAT, &error))?;
        if snapshot.account != account {
            return Err(mixed_up(WHAT));
        }
        let ledger = answer.latest_ledger.unwrap_or(snapshot.last_modified);
        Ok(AccountAnswer { ledger, account: Some(snapshot) })
    }

    /// Records of an account's payments after `after`, ascending.
    pub async fn payments(
        &self,
        account: AccountId,
        after: OperationId,
        limit: usize,
    ) -> Result<Vec<HistoryRecord>, NetworkError> {
        const WHAT: &str = "/accounts/{id}/payments";
        let mut limit = limit.clamp(1, PAGE_RECORDS_MAX);
        let answer = loop {
            let target = format!(
                "/accounts/{account}/payments?cursor={after}&join=transactions&limit={limit}&order=asc"
            );
            match self.get(WHAT, target).await {
                // Large envelopes make large pages, and anybody may send them: fewer at a time do fit.
                Err(NetworkError::TooLarge { .. }) if limit > 1 => limit /= PAGE_SHRINK,
                answer => break answer?,
            }
        };
        if !answer.found {
            return Ok(vec![]);
        }
        let page = json::page(&answer.body).map_err(|error| unreadable(WHAT, &error))?;
        let records: Vec<_> = page.into_iter().map(records::operation).collect();
        // A cursor that is not honoured would go backwards, or skip.
        let mut last = after;
        for operation in records.iter().filter_map(place) {
            if operation <= last {
                return Err(mixed_up(WHAT));
            }
            last = operation;
        }
        Ok(records)
    }

    /// Effects on an account after `after`, ascending.
    pub async fn effects(
        &self,
        account: AccountId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<EffectRecord>, NetworkError> {
        const WHAT: &str = "/accounts/{id}/effects";
        let limit = limit.clamp(1, PAGE_RECORDS_MAX);
        let cursor = after.map(|after| format!("{}-{}", after.operation, after.index)).unwrap_or_default();
        let target = format!("/accounts/{account}/effects?cursor={cursor}&limit={limit}&order=asc");
        let answer = self.get(WHAT, target).await?;
        if !answer.found {
            return Ok(vec![]);
        }
        let page = json::page(&answer.body).map_err(|error| unreadable(WHAT, &error))?;
        let records: Vec<_> = page.into_iter().map(|json| records::effect(json, account)).collect();
        let mut last = after;
        for id in records.iter().filter_map(|record| record.id) {
            if last.is_some_and(|last| id <= last) {
                return Err(mixed_up(WHAT));
            }
            last = Some(id);
        }
        Ok(records)
    }

    /// One operation of whatever type; `None` if the instance that answered does not have it.
    pub async fn operation(&self, operation: OperationId) -> Result<Option<OperationRecord>, NetworkError> {
        const WHAT: &str = "/operations/{id}";
        let answer = self.get(WHAT, format!("/operations/{operation}?join=transactions")).await?;
        if !answer.found {
            return Ok(None);
        }
        let record = records::any_operation(&answer.body).map_err(|error| unreadable(WHAT, &error))?;
        if record.operation == operation { Ok(Some(record)) } else { Err(mixed_up(WHAT)) }
    }

    /// A page of claimable balances that name `claimant`.
    pub async fn claimable_balances(
        &self,
        claimant: AccountId,
        after: Option<String>,
    ) -> Result<ClaimablePage, NetworkError> {
        const WHAT: &str = "/claimable_balances?claimant=";
        let cursor: String = form_urlencoded::byte_serialize(after.unwrap_or_default().as_bytes()).collect();
        let target = format!(
            "/claimable_balances?claimant={claimant}&cursor={cursor}&limit={PAGE_RECORDS_MAX}&order=asc"
        );
        let answer = self.get(WHAT, target).await?;
        let page = json::page(found(WHAT, &answer)?).map_err(|error| unreadable(WHAT, &error))?;
        let full = page.len() >= PAGE_RECORDS_MAX;
        let mut balances = Vec::with_capacity(page.len());
        let mut last = None;
        for record in page {
            match resources::claimable_balance(record) {
                Ok(one) => {
                    last = Some(format!("{}-{}", one.last_modified, one.id));
                    let (id, asset, amount, sponsor) = (one.id, one.asset, one.amount, one.sponsor);
                    balances.push(ClaimableRecord { id, asset, amount, sponsor });
                }
                Err(error) => {
                    let record = cut(record);
                    tracing::error!(%error, record, "a claimable balance cannot be read and is not listed");
                }
            }
        }
        Ok(ClaimablePage { balances, next: if full { last } else { None } })
    }

    /// A transaction by its hash, or by either hash of a fee bump; `None` proves nothing.
    pub async fn transaction(&self, hash: TxHash) -> Result<Option<TransactionRecord>, NetworkError> {
        const WHAT: &str = "/transactions/{hash}";
        let answer = self.get(WHAT, format!("/transactions/{hash}")).await?;
        if !answer.found {
            return Ok(None);
        }
        let transaction = resources::transaction(&answer.body).map_err(|error| unreadable(WHAT, &error))?;
        if !transaction.hashes.contains(&hash) {
            return Err(mixed_up(WHAT));
        }
        Ok(Some(transaction.record))
    }

    /// The transaction that used up `sequence` of `account`; `None` proves nothing.
    pub async fn transaction_using(
        &self,
        account: AccountId,
        sequence: i64,
    ) -> Result<Option<TransactionRecord>, NetworkError> {
        const WHAT: &str = "/accounts/{id}/transactions";
        let mut cursor = String::new();
        for _ in 0..TRANSACTION_PAGES_MAX {
            let target = format!(
                "/accounts/{account}/transactions?cursor={cursor}&include_failed=true\
                 &limit={PAGE_RECORDS_MAX}&order=desc"
            );
            let answer = self.get(WHAT, target).await?;
            if !answer.found {
                return Ok(None);
            }
            let page = json::page(&answer.body).map_err(|error| unreadable(WHAT, &error))?;
            let count = page.len();
            let mut last = None;
            for record in page {
                // One that cannot be read is not the one looked for, as far as anybody knows.
                let Ok(Transaction { record, .. }) = resources::transaction(record) else { continue };
                last = Some(record.position);
                if record.source == account && record.sequence == sequence {
                    return Ok(Some(record));
                }
                if record.source == account && record.sequence < sequence {
                    return Ok(None);
                }
            }
            match last {
                Some(position) if count >= PAGE_RECORDS_MAX => cursor = position.to_string(),
                Some(_) | None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// How a claimable balance ended, by the latest operations of its history; `None` proves nothing.
    pub async fn claimable_end(&self, id: ClaimableId) -> Result<Option<ClaimableEnd>, NetworkError> {
        const WHAT: &str = "/claimable_balances/{id}/operations";
        let target = format!("/claimable_balances/{id}/operations?limit={PAGE_RECORDS_MAX}&order=desc");
        let answer = self.get(WHAT, target).await?;
        if !answer.found {
            return Ok(None);
        }
        for record in json::page(&answer.body).map_err(|error| unreadable(WHAT, &error))? {
            let end = resources::claimable_end(record).map_err(|error| unreadable(WHAT, &error))?;
            if end.is_some() {
                return Ok(end);
            }
        }
        Ok(None)
    }

    /// Sends an envelope, once. If `hash` is given, only an inclusion of that hash is believed.
    pub async fn submit(&self, envelope: &str, hash: Option<TxHash>) -> Sent {
        let form: String =
            ["tx=", &form_urlencoded::byte_serialize(envelope.as_bytes()).collect::<String>()].concat();
        let request = Request {
            target: "/transactions".to_owned(),
            form: Some(form),
            accept: JSON,
            last_event_id: None,
        };
        let unknown = |reason: String, retry_after| Sent::Unknown { reason, retry_after };
        if let Err(error) = self.budget.turn(Urgency::Now).await {
            let retry_after = match error {
                NetworkError::RateLimited { retry_after } => Some(retry_after),
                _ => None,
            };
            return unknown("not sent: the request budget is used up".to_owned(), retry_after);
        }
        let raw = match self.exchange("POST /transactions", request, self.submit_time_max).await {
            Ok(raw) => raw,
            Err(error) => return unknown(error.to_string(), None),
        };
        let retry_after = self.heed(&raw);
        let Ok(body) = std::str::from_utf8(&raw.body) else {
            return unknown(format!("{} with a body that is no text", raw.status), retry_after);
        };
        match raw.status {
            200 => match resources::transaction(body) {
                Ok(one) if hash.is_none_or(|hash| one.hashes.contains(&hash)) => {
                    Sent::Included(Box::new(one.record))
                }
                Ok(_) => unknown("200 for another transaction".to_owned(), retry_after),
                Err(error) => unknown(format!("200 with an unreadable body: {error}"), retry_after),
            },
            400 => match resources::problem(body) {
                Ok(Problem { codes: Some(codes), .. }) => Sent::Refused { codes },
                Ok(Problem { name, .. }) if name == "transaction_malformed" => {
                    Sent::Refused { codes: ResultCodes { transaction: name, operations: vec![] } }
                }
                Ok(problem) => unknown(format!("400 {}", cut(&problem.detail)), retry_after),
                Err(error) => unknown(format!("400 with an unreadable body: {error}"), retry_after),
            },
            status => unknown(format!("{status} {}", explanation(body)), retry_after),
        }
    }

    /// Asks a question until it is answered, at most `attempts_max` times.
    pub(crate) async fn get(&self, what: &'static str, target: String) -> Result<Answer, NetworkError> {
        self.get_as(Urgency::Now, what, target).await
    }

    /// The same, for a question of this urgency.
    pub(crate) async fn get_as(
        &self,
        urgency: Urgency,
        what: &'static str,
        target: String,
    ) -> Result<Answer, NetworkError> {
        let mut delays = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(BACKOFF_MILLIS_MIN))
            .with_max_delay(Duration::from_millis(BACKOFF_MILLIS_MAX))
            .with_max_times(usize::try_from(self.attempts_max - 1).unwrap_or(usize::MAX))
            .with_jitter()
            .with_jitter_seed(self.entropy.u64())
            .build();
        loop {
            match self.ask(urgency, what, &target).await {
                Err(NetworkError::Unavailable { reason, retry_after }) => match delays.next() {
                    Some(delay) => {
                        tracing::debug!(what, reason, "Horizon is unavailable: asking again");
                        self.clock.sleep(delay).await;
                    }
                    None => return Err(NetworkError::Unavailable { reason, retry_after }),
                },
                answer => return answer,
            }
        }
    }

    async fn ask(&self, urgency: Urgency, what: &'static str, target: &str) -> Result<Answer, NetworkError> {
        self.budget.turn(urgency).await?;
        let request = Request { target: target.to_owned(), form: None, accept: JSON, last_event_id: None };
        let raw = self.exchange(what, request, self.answer_time_max).await.map_err(|error| match error {
            TransportError::TooLarge { bytes_max } => NetworkError::TooLarge { what, bytes_max },
            TransportError::Setup { .. }
            | TransportError::Unreachable { .. }
            | TransportError::BrokenOff { .. } => {
                NetworkError::Unavailable { reason: error.to_string(), retry_after: None }
            }
        })?;
        self.judge(what, raw)
    }

    /// An answer from a status and body, or what they mean instead.
    fn judge(&self, what: &'static str, raw: Raw) -> Result<Answer, NetworkError> {
        let retry_after = self.heed(&raw);
        let body = String::from_utf8(raw.body);
        let text = body.as_deref().unwrap_or_default();
        match raw.status {
            200..=299 | 404 => {
                let latest_ledger = header(&raw.headers, "latest-ledger").and_then(|text| text.parse().ok());
                let body = body.map_err(|_| NetworkError::Unreadable {
                    what,
                    reason: "the body is no text".to_owned(),
                })?;
                Ok(Answer { found: raw.status != 404, latest_ledger: latest_ledger.map(LedgerSeq), body })
            }
            429 => Err(NetworkError::RateLimited { retry_after: retry_after.unwrap_or_default() }),
            503 if resources::problem(text).is_ok_and(|problem| problem.name == "stale_history") => {
                Err(NetworkError::StaleHistory)
            }
            500..=599 => {
                let reason = format!("{} {}", raw.status, explanation(text));
                Err(NetworkError::Unavailable { reason, retry_after })
            }
            status => Err(NetworkError::Refused { what, status, detail: explanation(text) }),
        }
    }

    /// Closes the gate for as long as an answer asks; tells how long that is.
    fn heed(&self, raw: &Raw) -> Option<Duration> {
        let pause = match raw.status {
            429 => retry_after(&raw.headers, &*self.clock)
                .or_else(|| seconds(header(&raw.headers, "x-ratelimit-reset")?))
                .unwrap_or(Duration::from_secs(RATE_LIMIT_PAUSE_SECONDS)),
            500..=599 => retry_after(&raw.headers, &*self.clock)?,
            _ => return None,
        };
        self.budget.pause(pause);
        Some(pause)
    }

    /// One request and its whole answer, within `time_max` of our clock.
    async fn exchange(
        &self,
        what: &'static str,
        request: Request,
        time_max: Duration,
    ) -> Result<Raw, TransportError> {
        let whole = async {
            let response = self.transport.send(request).await?;
            let (status, headers) = (response.status, response.headers.clone());
            Ok(Raw { status, headers, body: response.collect(RESPONSE_BYTES_MAX).await? })
        };
        let result = self.within(time_max, whole).await;
        let outcome = match &result {
            Ok(raw) => raw.status.to_string(),
            Err(_) => "none".to_owned(),
        };
        metrics::counter!("farmgate_horizon_requests_total", "endpoint" => what, "status" => outcome)
            .increment(1);
        result
    }

    /// Opens a stream: the head of the answer, within the time of an ordinary answer.
    pub(crate) async fn open(&self, what: &'static str, request: Request) -> Result<Response, NetworkError> {
        self.budget.turn(Urgency::Patient).await?;
        let unavailable = |error: TransportError| NetworkError::Unavailable {
            reason: error.to_string(),
            retry_after: None,
        };
        let response =
            self.within(self.answer_time_max, self.transport.send(request)).await.map_err(unavailable)?;
        let labels = [("endpoint", what.to_owned()), ("status", response.status.to_string())];
        metrics::counter!("farmgate_horizon_requests_total", &labels).increment(1);
        if response.is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status, response.headers.clone());
        let body = self
            .within(self.answer_time_max, response.collect(RESPONSE_BYTES_MAX))
            .await
            .map_err(unavailable)?;
        match self.judge(what, Raw { status, headers, body }) {
            Ok(_) => Err(NetworkError::Refused { what, status, detail: "there is no such thing".to_owned() }),
            Err(error) => Err(error),
        }
    }

    async fn within<T>(
        &self,
        time_max: Duration,
        work: impl Future<Output = Result<T, TransportError>>,
    ) -> Result<T, TransportError> {
        match select(pin!(work), self.clock.sleep(time_max)).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => {
                Err(TransportError::Unreachable { reason: format!("no answer within {time_max:?}") })
            }
        }
    }
}

fn place(record: &HistoryRecord) -> Option<OperationId> {
    match record {
        HistoryRecord::Payment(payment) => Some(payment.operation),
        HistoryRecord::NotAPayment { operation, .. } => Some(*operation),
        HistoryRecord::Unreadable { operation, .. } => *operation,
    }
}

/// The body of an answer that must be there.
pub(crate) fn found<'a>(what: &'static str, answer: &'a Answer) -> Result<&'a str, NetworkError> {
    if answer.found {
        Ok(&answer.body)
    } else {
        Err(NetworkError::Refused { what, status: 404, detail: explanation(&answer.body) })
    }
}

pub(crate) fn unreadable(what: &'static str, error: &ReadError) -> NetworkError {
    NetworkError::Unreadable { what, reason: error.to_string() }
}

fn mixed_up(what: &'static str) -> NetworkError {
    NetworkError::Unreadable { what, reason: "it answers another question".to_owned() }
}

/// What a body says, for people: a problem's title, or its beginning.
fn explanation(body: &str) -> String {
    match resources::problem(body) {
        Ok(problem) => cut(&format!("{}: {}", problem.name, problem.detail)),
        Err(_) => cut(body),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(DETAIL_CHARS_MAX).collect()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse().ok().map(Duration::from_secs)
}

/// `Retry-After`, in seconds or as a date.
fn retry_after(headers: &HeaderMap, clock: &dyn Clock) -> Option<Duration> {
    let text = header(headers, "retry-after")?;
    seconds(text).or_else(|| {
        let until = rfc2822::parse(text).ok()?.timestamp();
        Some(Duration::try_from(until.duration_since(clock.now())).unwrap_or(Duration::ZERO))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stellar::testing::TestClock;

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let clock = TestClock::new();
        let later = clock.now() + jiff::SignedDuration::from_secs(90);
        let date = rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&later).unwrap();
        for (text, pause) in [
            ("7", Some(Duration::from_secs(7))),
            (" 7 ", Some(Duration::from_secs(7))),
            (date.as_str(), Some(Duration::from_secs(90))),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(Duration::ZERO)),
            ("soon", None),
            ("-1", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().unwrap());
            assert_eq!(retry_after(&headers, &*clock), pause, "{text}");
        }
    }
}
