//! Accounts that are ours and that we do not know: a database restored from a backup is behind the ledger.
//!
//! An account on the ledger whose reserves the platform sponsors was opened by a transaction that was stored
//! before it was sent. If it is not stored, the database went back to an earlier state. Escrow accounts are
//! adopted: their history is read from its beginning, what is left of what came goes back to who paid it, and
//! they are closed. Channels are taken up again with what they have. Other accounts that name our signer are
//! none of ours.
//!
//! What is stored may be behind, too: an account that seems to wait for a reservation may have been given
//! to one that is lost, and its address told. Such accounts are adopted as well, so that none is given out
//! twice: all of them once something proves that the database went back, and one that changed while nobody
//! looked in any case.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::build_gate::BuildGate;
use super::retire::retire;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, ChannelRole, EscrowAccount, EscrowState, Watch};
use crate::domain::ids::{LedgerSeq, OperationId};
use crate::ports::network::{AccountPage, AccountSnapshot, Ledger};
use crate::ports::store::Page;
use crate::settlement::EngineError;
use crate::settlement::books::accounts::{history_after, trusted};
use crate::settlement::books::entries::opening;
use crate::settlement::books::work::{Ports, UnitOfWork};

/// The step that adopts accounts of ours that are not stored.
pub(in crate::settlement) struct Adopt {
    ports: Arc<Ports>,
    gate: Arc<BuildGate>,
}

impl Adopt {
    pub(in crate::settlement) const fn new(ports: Arc<Ports>, gate: Arc<BuildGate>) -> Self {
        Self { ports, gate }
    }

    /// Adopts those accounts of a page that the platform sponsors and that are not stored;
    /// true if there were any.
    pub(in crate::settlement) async fn adopt(
        &self,
        page: &AccountPage,
        known: &Page<EscrowAccount, AccountId>,
        tip: Ledger,
    ) -> Result<bool, EngineError> {
        let platform = self.ports.network.platform();
        let channels = self.ports.read().await?.channels().await?;
        // What is stored and cannot be read is known, too.
        let stored: BTreeSet<AccountId> = known.keys().chain(channels.keys()).copied().collect();
        let unknown = page
            .accounts
            .iter()
            .filter(|snapshot| snapshot.sponsor == Some(platform) && !stored.contains(&snapshot.account));
        let unknown: Vec<AccountSnapshot> = unknown.cloned().collect();
        let changed = self.changed_unseen(page, &known.clone().readable(|_| {}));
        if unknown.is_empty() && changed.is_empty() {
            return Ok(false);
        }
        if !unknown.is_empty() {
            self.gate.close();
        }
        self.ports
            .transact(move |work| {
                let (unknown, changed) = (unknown.clone(), changed.clone());
                Box::pin(async move {
                    for snapshot in &unknown {
                        adopt_one(work, snapshot, tip).await?;
                    }
                    if !unknown.is_empty() {
                        work.renew_event_incarnation().await?;
                        retire(work.tx(), tip.closed_at).await?;
                    }
                    let changed = work.escrows(&changed).await?;
                    for mut escrow in work.readable(changed) {
                        if escrow.state == EscrowState::Ready {
                            (escrow.state, escrow.created_at) = (EscrowState::Adopted, tip.closed_at);
                            work.update_escrow(&escrow).await?;
                        }
                    }
                    Ok::<_, EngineError>(true)
                })
            })
            .await
    }

    /// Accounts that wait for a reservation by what is stored, and that changed between the last ledger that
    /// was seen before this engine began and the first that it saw.
    fn changed_unseen(&self, page: &AccountPage, known: &[EscrowAccount]) -> Vec<AccountId> {
        let Some((last, first)) = self.gate.unseen() else { return Vec::new() };
        let waits = known.iter().filter(|escrow| escrow.state == EscrowState::Ready);
        let changed = waits.filter(|escrow| {
            let snapshot = page.accounts.iter().find(|snapshot| snapshot.account == escrow.account);
            snapshot.is_some_and(|found| {
                let at = found.last_modified;
                let explained = escrow.watch.explained;
                at > last && at <= first && at > explained && explained > LedgerSeq(0)
            })
        });
        changed.map(|escrow| escrow.account).collect()
    }
}

/// Escrow accounts trust something; channels do not.
async fn adopt_one(
    work: &mut UnitOfWork<'_>,
    snapshot: &AccountSnapshot,
    tip: Ledger,
) -> Result<(), EngineError> {
    let (account, mut assets) = (snapshot.account, trusted(snapshot));
    assets.sort();
    if assets.is_empty() {
        tracing::error!(%account, "a channel that is not stored is taken up again: was the database \
                                   restored?");
        let role = ChannelRole::Channel;
        work.insert_channel(&Channel { account, role, opening: None, sequence: snapshot.sequence }).await?;
        work.set_history_cursor(account, None, history_after(snapshot)).await?;
        let now = work.now();
        return work.post(opening(snapshot, |asset| asset == Asset::Native, now)).await;
    }
    tracing::error!(%account, "an escrow account that is not stored is adopted: was the database restored?");
    let watch = Watch { cursor: OperationId(0), explained: LedgerSeq(0), dirty_since: None };
    let state = EscrowState::Adopted;
    let adopted = EscrowAccount { account, version: 0, assets, state, watch, created_at: tip.closed_at };
    Ok(work.insert_escrow(&adopted).await?)
}
