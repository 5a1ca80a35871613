//! Follows one of Horizon's event streams: records as they come, from a cursor on.
//!
//! Resumes after whatever ended the connection (Horizon itself says goodbye every minute), from the last
//! record handed out. Notices a silent stream by the clock. An event is bounded in bytes before it is parsed.
//! Never here: what a record means, or a second attempt on its own: an error is handed out, and the next call
//! connects again. A stream is a hint that something happened; history pages remain the truth.

use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use eventsource_stream::{Event, EventStreamError, Eventsource};
use futures::future::{Either, select};
use futures::{Stream, StreamExt};
use jiff::Timestamp;

use super::horizon::client::{HorizonClient, OpenStream};
use super::transport::{ByteStream, EVENT_STREAM, Request, TransportError};
use crate::ports::network::NetworkError;

/// Largest event read: a record with its transaction embedded.
pub const EVENT_BYTES_MAX: usize = 1 << 20;
/// A stream that says nothing for this long is broken: Horizon says goodbye after 55 seconds at the latest.
pub const SILENCE_SECONDS_MAX: u64 = 90;
/// Bounds of the pause that Horizon may ask for before connecting again.
const RETRY_MILLIS_MAX: u64 = 30_000;
const RETRY_MILLIS_DEFAULT: u64 = 1_000;
/// A connection that ends before this without a record was of no use.
const USELESS_SECONDS_MAX: i64 = 5;
/// After so many of those in a row the pause doubles no further.
const USELESS_DOUBLINGS_MAX: u32 = 5;
/// Most records of one connection (Horizon's largest `limit`).
const STREAM_RECORDS_MAX: usize = 200;

/// A recorded stream is read in pieces of this size, as if it came from a socket.
const RECORDED_CHUNK_BYTES: usize = 4 << 10;

const WHAT: &str = "stream";

/// Why a stream ended other than by a goodbye.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// It could not be opened.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// It broke off, or its bytes are no event stream.
    #[error("the stream broke: {reason}")]
    Broken {
        /// Why, for people.
        reason: String,
    },
    /// Nothing came for [`SILENCE_SECONDS_MAX`].
    #[error("the stream has been silent for {SILENCE_SECONDS_MAX} seconds")]
    Silent,
    /// Horizon reported an error within the stream.
    #[error("Horizon ended the stream: {detail}")]
    Reported {
        /// What it said.
        detail: String,
    },
}

/// A record that came through a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamRecord {
    /// Its place in history: where the stream goes on after it.
    pub cursor: String,
    /// Its JSON.
    pub json: String,
}

/// What one event of a stream says.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Said {
    /// `hello`.
    Open,
    /// `byebye`.
    Close,
    Record(StreamRecord),
    Error(String),
}

type Events = Pin<Box<dyn Stream<Item = Result<Event, EventStreamError<TransportError>>> + Send>>;

/// Reads a connection's bytes as events, each of at most [`EVENT_BYTES_MAX`].
fn events(body: ByteStream) -> Events {
    Box::pin(bounded(body, EVENT_BYTES_MAX).eventsource())
}

/// Breaks a stream off when more than `bytes_max` come without the empty line that ends an event.
fn bounded(body: ByteStream, bytes_max: usize) -> impl Stream<Item = Result<Vec<u8>, TransportError>> + Send {
    let state = (body, 0_usize, false, false);
    futures::stream::unfold(state, move |(mut body, mut since, mut at_line_start, done)| async move {
        if done {
            return None;
        }
        let chunk = match body.next().await? {
            Ok(chunk) => chunk,
            Err(error) => return Some((Err(error), (body, since, at_line_start, true))),
        };
        for byte in &chunk {
            since += 1;
            match byte {
                b'\n' if at_line_start => since = 0,
                b'\n' => at_line_start = true,
                b'\r' => {}
                _ => at_line_start = false,
            }
            if since > bytes_max {
                return Some((
                    Err(TransportError::TooLarge { bytes_max }),
                    (body, since, at_line_start, true),
                ));
            }
        }
        Some((Ok(chunk), (body, since, at_line_start, false)))
    })
}

fn said(event: Event) -> Said {
    match event.event.as_str() {
        "open" => Said::Open,
        "close" => Said::Close,
        "error" => Said::Error(event.data),
        _ => Said::Record(StreamRecord { cursor: event.id, json: event.data }),
    }
}

/// One connection of a stream.
struct Connection {
    events: Events,
    opened_at: Timestamp,
    /// True once a record came through it.
    told: bool,
    _open: OpenStream,
}

/// One followed stream.
pub struct EventReader {
    horizon: Arc<HorizonClient>,
    path: String,
    cursor: String,
    retry: Duration,
    connected_before: bool,
    /// Connections in a row that were of no use.
    useless: u32,
    connection: Option<Connection>,
}

impl EventReader {
    /// Follows `path` (such as `/payments`) from after `cursor`; `now` begins with what comes next.
    pub fn new(horizon: Arc<HorizonClient>, path: impl Into<String>, cursor: impl Into<String>) -> Self {
        Self {
            horizon,
            path: path.into(),
            cursor: cursor.into(),
            retry: Duration::from_millis(RETRY_MILLIS_DEFAULT),
            connected_before: false,
            useless: 0,
            connection: None,
        }
    }

    /// After which record the stream goes on.
    pub fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The next record, however long it takes while Horizon keeps talking.
    ///
    /// # Errors
    /// [`StreamError`]; no record was lost by it, and the next call connects again.
    pub async fn next(&mut self) -> Result<StreamRecord, StreamError> {
        loop {
            if let Some(record) = self.next_or_goodbye().await? {
                return Ok(record);
            }
        }
    }

    /// The next record, or `None` when a connection has come to its end, which Horizon's do every minute.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn next_or_goodbye(&mut self) -> Result<Option<StreamRecord>, StreamError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        loop {
            let clock = self.horizon.clock().clone();
            let silence = clock.sleep(Duration::from_secs(SILENCE_SECONDS_MAX));
            let event = match select(connection.events.next(), pin!(silence)).await {
                Either::Left((event, _)) => event,
                Either::Right(_) => return Err(StreamError::Silent),
            };
            let Some(event) = event else {
                self.ended(&connection);
                return Ok(None);
            };
            let event = event.map_err(|error| StreamError::Broken { reason: error.to_string() })?;
            if let Some(retry) = event.retry {
                self.retry = retry.min(Duration::from_millis(RETRY_MILLIS_MAX));
            }
            match said(event) {
                Said::Open => {}
                Said::Close => {
                    self.ended(&connection);
                    return Ok(None);
                }
                Said::Error(detail) => return Err(StreamError::Reported { detail }),
                Said::Record(record) => {
                    connection.told = true;
                    self.connection = Some(connection);
                    if !record.cursor.is_empty() {
                        self.cursor.clone_from(&record.cursor);
                    }
                    return Ok(Some(record));
                }
            }
        }
    }

    fn ended(&mut self, connection: &Connection) {
        let lasted = self.horizon.clock().now().duration_since(connection.opened_at);
        let useless = !connection.told && lasted.as_secs() < USELESS_SECONDS_MAX;
        self.useless = if useless { self.useless.saturating_add(1) } else { 0 };
    }

    /// The pause before connecting again: what Horizon asks for, and longer each time that was of no use,
    /// with jitter.
    fn pause(&self) -> Duration {
        let Some(doublings) = self.useless.checked_sub(1) else { return self.retry };
        let base =
            Duration::from_millis(RETRY_MILLIS_DEFAULT) * 2_u32.pow(doublings.min(USELESS_DOUBLINGS_MAX));
        self.retry.max(self.horizon.jittered(base))
    }

    async fn connect(&mut self) -> Result<Connection, StreamError> {
        if self.connected_before {
            self.horizon.clock().sleep(self.pause()).await;
        }
        self.connected_before = true;
        let join = if self.path.contains('?') { '&' } else { '?' };
        let request = Request {
            target: format!("{}{join}cursor={}&limit={STREAM_RECORDS_MAX}", self.path, self.cursor),
            form: None,
            accept: EVENT_STREAM,
            last_event_id: (self.cursor != "now").then(|| self.cursor.clone()),
        };
        let events = events(self.horizon.open(WHAT, request).await?.body);
        let opened_at = self.horizon.clock().now();
        Ok(Connection { events, opened_at, told: false, _open: self.horizon.stream() })
    }
}

/// Reads a whole event stream's text: its records, and whether it said goodbye. For streams that
/// were recorded.
///
/// # Errors
/// [`StreamError`] if it holds an error event or is no event stream.
pub async fn read_recorded(text: &str) -> Result<(Vec<StreamRecord>, bool), StreamError> {
    let chunks: Vec<_> =
        text.as_bytes().chunks(RECORDED_CHUNK_BYTES).map(|chunk| Ok(chunk.to_vec())).collect();
    let body: ByteStream = Box::pin(futures::stream::iter(chunks));
    let (mut events, mut records, mut goodbye) = (events(body), Vec::new(), false);
    while let Some(event) = events.next().await {
        match said(event.map_err(|error| StreamError::Broken { reason: error.to_string() })?) {
            Said::Open => {}
            Said::Close => goodbye = true,
            Said::Record(record) => records.push(record),
            Said::Error(detail) => return Err(StreamError::Reported { detail }),
        }
    }
    Ok((records, goodbye))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stellar::testing::{Script, TestClock, client};

    const HELLO: &str = "retry: 1000\nevent: open\ndata: \"hello\"\n\n";
    const BYE: &str = "retry: 10\nevent: close\ndata: \"byebye\"\n\n";

    fn record(id: u32) -> String {
        format!("id: {id}\ndata: {{\"id\":\"{id}\"}}\n\n")
    }

    fn reader(script: &Arc<Script>, clock: &Arc<TestClock>) -> EventReader {
        EventReader::new(Arc::new(client(script, clock)), "/payments", "7")
    }

    #[tokio::test]
    async fn a_stream_goes_on_after_a_goodbye_from_the_last_record() {
        let (script, clock) = (Script::new(), TestClock::new());
        script.answer(200, &[HELLO, &record(8), &record(9), BYE].concat());
        script.answer(200, &[HELLO, &record(10)].concat());
        let mut reader = reader(&script, &clock);
        for id in [8, 9, 10] {
            let record = reader.next().await.unwrap();
            assert_eq!((record.cursor, record.json), (id.to_string(), format!("{{\"id\":\"{id}\"}}")));
        }
        let asked = script.asked();
        assert_eq!(asked[0].target, "/payments?cursor=7&limit=200");
        assert_eq!(asked[1].target, "/payments?cursor=9&limit=200");
        assert_eq!(asked[1].last_event_id.as_deref(), Some("9"));
        assert_eq!(clock.slept(), Duration::from_millis(10));
    }

    #[tokio::test]
    async fn a_stream_that_breaks_off_says_so_and_goes_on() {
        let (script, clock) = (Script::new(), TestClock::new());
        script.answer(200, "event: error\ndata: Unexpected stream error\n\n");
        script.answer(503, "{}");
        script.answer(200, &record(8));
        let mut reader = reader(&script, &clock);
        assert!(matches!(reader.next().await, Err(StreamError::Reported { .. })));
        assert!(matches!(reader.next().await, Err(StreamError::Network(NetworkError::Unavailable { .. }))));
        assert_eq!(reader.next().await.unwrap().cursor, "8");
        assert_eq!(reader.cursor(), "8");
    }

    #[tokio::test]
    async fn a_horizon_that_says_goodbye_at_once_is_asked_ever_less_often() {
        let (script, clock) = (Script::new(), TestClock::new());
        for _ in 0..5 {
            script.answer(200, &[HELLO, BYE].concat());
        }
        script.answer(200, &[HELLO, &record(8), BYE].concat());
        script.answer(200, &record(9));
        let mut reader = reader(&script, &clock);
        assert_eq!(reader.next().await.unwrap().cursor, "8");
        let slept = clock.slept();
        assert!(slept >= Duration::from_secs(1 + 2 + 4 + 8 + 16), "{slept:?}");
        assert_eq!(reader.next().await.unwrap().cursor, "9");
        assert_eq!(clock.slept(), slept + Duration::from_millis(10), "once it was of use, it is again");
    }

    #[tokio::test]
    async fn a_silent_stream_is_noticed_by_the_clock() {
        let (script, clock) = (Script::new(), TestClock::new());
        script.hang(HELLO);
        let mut reader = reader(&script, &clock);
        clock.jump_when_idle();
        assert!(matches!(reader.next().await, Err(StreamError::Silent)));
    }

    #[tokio::test]
    async fn an_event_without_end_is_cut_off_however_it_is_cut_into_chunks() {
        for chunk_bytes in [1_000, 100_000] {
            let chunks = (0..2 * EVENT_BYTES_MAX / chunk_bytes).map(move |_| Ok(vec![b'x'; chunk_bytes]));
            let body: ByteStream = Box::pin(futures::stream::iter(chunks));
            let all: Vec<_> = bounded(body, EVENT_BYTES_MAX).collect().await;
            let read: usize = all.iter().flatten().map(Vec::len).sum();
            assert!(read <= EVENT_BYTES_MAX);
            assert!(matches!(all.last(), Some(Err(TransportError::TooLarge { .. }))));
        }
        let many = record(8).repeat(EVENT_BYTES_MAX / 10);
        let (records, _) = read_recorded(&many).await.unwrap();
        assert_eq!(records.len(), EVENT_BYTES_MAX / 10);
    }
}
