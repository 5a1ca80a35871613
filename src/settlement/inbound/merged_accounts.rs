//! Accounts that were merged into the platform's: their histories are read up to the merge, and then
//! they are closed.

use std::sync::Arc;

use super::ingest::Histories;
use crate::domain::address::AccountId;
use crate::domain::escrow::EscrowState;
use crate::domain::journal::BookAccount;
use crate::ports::store::LIST_ROWS_MAX;
use crate::settlement::backoff::Backoff;
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// First pause before an account is looked at again whose history contradicts the books, in seconds;
/// it doubles up to the largest.
const RETRY_SECONDS_MIN: i64 = 300;
const RETRY_SECONDS_MAX: i64 = 86_400;

/// The step that brings merged accounts to their end.
pub(in crate::settlement) struct MergedAccounts {
    ports: Arc<Ports>,
    histories: Arc<Histories>,
    failed: Memory<Backoff<AccountId>>,
}

impl MergedAccounts {
    pub(in crate::settlement) fn new(ports: Arc<Ports>, histories: Arc<Histories>) -> Self {
        Self { ports, histories, failed: Memory::new(Backoff::new(RETRY_SECONDS_MIN, RETRY_SECONDS_MAX)) }
    }

    /// Reads the histories of merged accounts up to their merges; those that are in the books to the last
    /// stroop are closed.
    pub(in crate::settlement) async fn run(&self, report: &mut TickReport) -> Result<(), EngineError> {
        let merged = self.ports.read().await?.escrows_merged(LIST_ROWS_MAX).await?;
        for escrow in self.ports.readable(merged) {
            let account = escrow.account;
            let finished = self.finish(account, report).await;
            report.isolate(&format!("merged account {account}"), finished)?;
        }
        Ok(())
    }

    async fn finish(&self, account: AccountId, report: &mut TickReport) -> Result<(), EngineError> {
        if self.failed.lock().rests(&account, self.ports.now()) {
            return Ok(());
        }
        self.histories.ingest(account, report).await?;
        if self.is_unexplained(account).await? {
            self.histories.take_in_effects(account, report).await?;
        }
        let closed = self
            .ports
            .transact(move |work| {
                Box::pin(async move {
                    let Some(mut escrow) = work.escrow(account).await? else { return Ok(None) };
                    let EscrowState::Merged { reservation, operation } = escrow.state else {
                        return Ok(None);
                    };
                    if escrow.watch.cursor < operation {
                        return Ok(Some(false));
                    }
                    let left = work.balances_of(BookAccount::Stellar(account)).await?;
                    if let Some((asset, amount)) = left.first() {
                        return Err(EngineError::Contradiction(format!(
                            "account {account} was merged, but its history leaves {amount} stroops of {asset}"
                        )));
                    }
                    escrow.state = EscrowState::Closed { reservation, operation };
                    escrow.watch.dirty_since = None;
                    work.update_escrow(&escrow).await?;
                    Ok(Some(true))
                })
            })
            .await;
        let now = self.ports.now();
        let mut failed = self.failed.lock();
        match &closed {
            Ok(Some(true)) => {
                failed.forget(&account);
                report.closed += 1;
            }
            Ok(None) => {}
            // History may lag for a moment; it is asked again with the next tick. What contradicts itself
            // rests longer.
            Ok(Some(false)) => {}
            Err(_) => failed.lengthen(account, now),
        }
        closed.map(drop)
    }

    /// True if the books of an account that was merged do not come to nothing although its payments are read.
    async fn is_unexplained(&self, account: AccountId) -> Result<bool, EngineError> {
        let mut tx = self.ports.read().await?;
        let Some(escrow) = tx.escrow(account).await? else { return Ok(false) };
        let EscrowState::Merged { operation, .. } = escrow.state else { return Ok(false) };
        let left = tx.balances_of(BookAccount::Stellar(account)).await?;
        Ok(escrow.watch.cursor >= operation && !left.is_empty())
    }
}
