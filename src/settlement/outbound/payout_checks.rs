//! Looks at the accounts that are paid out to: a plain account that demands a memo (SEP-29) cannot be paid,
//! and no order may promise it money.
//!
//! Quotes are made without asking the network; what is seen here is stored for them. Accounts that are new
//! are looked at soon, the others once a day, at most one a minute.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::address::AccountId;
use crate::ports::store::{LIST_ROWS_MAX, PayoutCheck};
use crate::settlement::backoff::Backoff;
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// After how long an account is looked at again.
const CHECK_AGE: SignedDuration = SignedDuration::from_hours(24);
/// Pause between two accounts that are looked at again.
const RECHECK_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// Most new accounts that are looked at in one tick.
const NEW_PER_TICK_MAX: usize = 5;
/// First pause before an account is asked about again that gave no answer, in seconds; it doubles
/// up to the largest.
const RETRY_SECONDS_MIN: i64 = 60;
const RETRY_SECONDS_MAX: i64 = 86_400;

/// What the step remembers.
struct Checked {
    /// Accounts that gave no answer.
    failed: Backoff<AccountId>,
    /// When one that is known is looked at again.
    recheck_not_before: Option<Timestamp>,
}

/// The step that looks at the accounts that are paid out to.
pub(in crate::settlement) struct PayoutChecks {
    ports: Arc<Ports>,
    progress: Memory<Checked>,
}

impl PayoutChecks {
    pub(in crate::settlement) fn new(ports: Arc<Ports>) -> Self {
        let failed = Backoff::new(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX);
        Self { ports, progress: Memory::new(Checked { failed, recheck_not_before: None }) }
    }

    /// Looks at accounts that are paid out to and whose turn it is.
    pub(in crate::settlement) async fn run(&self, report: &mut TickReport) -> Result<(), EngineError> {
        let now = self.ports.now();
        let before = now.checked_sub(CHECK_AGE).unwrap_or(Timestamp::MIN);
        let due =
            self.ports.readable(self.ports.read().await?.payouts_to_check(before, LIST_ROWS_MAX).await?);
        let resting = |check: &PayoutCheck| self.progress.lock().failed.rests(&check.account, now);
        let due: Vec<PayoutCheck> = due.into_iter().filter(|check| !resting(check)).collect();
        let mut looked_at: Vec<PayoutCheck> =
            due.iter().filter(|check| check.checked_at.is_none()).take(NEW_PER_TICK_MAX).copied().collect();
        if looked_at.is_empty()
            && let Some(oldest) = due.first()
            && self.progress.lock().recheck_not_before.is_none_or(|not_before| now >= not_before)
        {
            self.progress.lock().recheck_not_before = now.checked_add(RECHECK_PAUSE).ok();
            looked_at.push(*oldest);
        }
        for check in looked_at {
            let checked = self.check_payout(check).await;
            if checked.is_err() {
                self.progress.lock().failed.lengthen(check.account, now);
            }
            report.isolate(&format!("payout account {}", check.account), checked)?;
        }
        Ok(())
    }

    async fn check_payout(&self, check: PayoutCheck) -> Result<(), EngineError> {
        let answer = self.ports.network.account(check.account).await?;
        let memo_required = answer.account.is_some_and(|account| account.memo_required);
        let checked = PayoutCheck { memo_required, checked_at: Some(self.ports.now()), ..check };
        if memo_required && !check.memo_required {
            tracing::warn!(account = %check.account, "a payout account demands a memo: orders that pay it \
                                                      are refused");
        }
        self.ports
            .transact(move |work| Box::pin(async move { Ok(work.set_payout_check(&checked).await?) }))
            .await
    }
}
