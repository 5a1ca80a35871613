//! Forgets what is kept for a while only, a few rows at a time: answers to requests with an idempotency key,
//! and events. What is money, or says where money went, is kept for ever.
//!
//! Failure: the tick goes on without it. Recovery: what is old enough is forgotten the next time.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::settlement::EngineError;
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;

/// Most rows of one kind that one transaction forgets: nobody waits long for it.
const FORGOTTEN_AT_ONCE_MAX: u32 = 500;
/// Most transactions of one kind in one tick.
const STEPS_PER_TICK_MAX: u32 = 10;
/// How long a row stays noted that nobody has found unreadable since: it was mended, or nobody needs it.
const UNREADABLE_ROWS_KEPT_SECONDS: i64 = 86_400;
/// Pause after which it is looked again whether anything is old enough.
const PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// What is kept for a while.
#[derive(Debug, Clone, Copy)]
enum Kept {
    Answers,
    Events,
    /// Notes of rows that nobody has found unreadable for a while.
    UnreadableRows,
}

/// The step that forgets.
pub(in crate::settlement) struct Forget {
    ports: Arc<Ports>,
    /// When it is looked again, if nothing was left.
    not_before: Memory<Option<Timestamp>>,
}

impl Forget {
    pub(in crate::settlement) fn new(ports: Arc<Ports>) -> Self {
        Self { ports, not_before: Memory::default() }
    }

    /// Forgets some of what was kept for long enough.
    pub(in crate::settlement) async fn run(&self) -> Result<(), EngineError> {
        let now = self.ports.now();
        if self.not_before.lock().is_some_and(|not_before| now < not_before) {
            return Ok(());
        }
        let settings = &self.ports.settings;
        let answers = self.some(Kept::Answers, now, settings.answers_kept_seconds).await?;
        let events = self.some(Kept::Events, now, settings.events_kept_seconds).await?;
        let rows = self.some(Kept::UnreadableRows, now, UNREADABLE_ROWS_KEPT_SECONDS).await?;
        *self.not_before.lock() = if answers && events && rows { now.checked_add(PAUSE).ok() } else { None };
        Ok(())
    }

    /// Forgets what was kept for so many seconds; true if nothing of it is left.
    async fn some(&self, kept: Kept, now: Timestamp, seconds: i64) -> Result<bool, EngineError> {
        let before = now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN);
        for _ in 0..STEPS_PER_TICK_MAX {
            let forgotten = self
                .ports
                .transact(move |work| {
                    Box::pin(async move {
                        Ok::<_, EngineError>(match kept {
                            Kept::Answers => work.forget_answers(before, FORGOTTEN_AT_ONCE_MAX).await?,
                            Kept::Events => work.forget_events(before, FORGOTTEN_AT_ONCE_MAX).await?,
                            Kept::UnreadableRows => {
                                work.forget_unreadable_before(before, FORGOTTEN_AT_ONCE_MAX).await?
                            }
                        })
                    })
                })
                .await?;
            if forgotten < u64::from(FORGOTTEN_AT_ONCE_MAX) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
