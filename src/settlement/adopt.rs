//! Accounts that are ours and that we do not know: a database restored from a backup is behind the ledger.
//!
//! An account on the ledger whose reserves the platform sponsors was opened by a transaction that was stored before it was sent. If
//! it is not stored, the store was taken back to an earlier state. Escrow accounts are adopted: their history is read from its
//! beginning, what is left of what came goes back to who paid it, and they are closed. Channels are taken up again with what
//! they have. Other accounts that name our signer are none of ours.
//!
//! What is stored may be behind, too: an account that seems to wait for a reservation may have been given to one that is lost, and its
//! address told. Such accounts are adopted as well, so that none is given out twice: all of them once something proves that the
//! store was taken back, and one that changed while nobody looked in any case.

use super::close::trusted;
use super::own::history_after;
use super::{Engine, EngineError, Ids};
use jiff::Timestamp;

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, ChannelRole, EscrowAccount, EscrowState, Watch};
use crate::domain::ids::{LedgerSeq, OperationId};
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::ports::network::{AccountPage, AccountSnapshot, Ledger};
use crate::ports::store::{Tx, transact};

impl Engine {
    /// Adopts those accounts of a page that the platform sponsors and that are not stored; true if there were any.
    pub(super) async fn adopt(
        &self,
        page: &AccountPage,
        known: &[EscrowAccount],
        tip: Ledger,
    ) -> Result<bool, EngineError> {
        let platform = self.network.platform();
        let channels = self.store.begin_read().await?.channels().await?;
        let unknown = page.accounts.iter().filter(|snapshot| {
            snapshot.sponsor == Some(platform)
                && !known.iter().any(|escrow| escrow.account == snapshot.account)
                && !channels.iter().any(|channel| channel.account == snapshot.account)
        });
        let unknown: Vec<AccountSnapshot> = unknown.cloned().collect();
        let changed = self.changed_unseen(page, known);
        if unknown.is_empty() && changed.is_empty() {
            return Ok(false);
        }
        if !unknown.is_empty() {
            self.distrust();
        }
        let ids = Ids::of(self);
        transact(&self.store, move |tx| {
            let (ids, unknown, changed) = (ids.clone(), unknown.clone(), changed.clone());
            Box::pin(async move {
                for snapshot in &unknown {
                    adopt_one(tx, &ids, snapshot, tip).await?;
                }
                if !unknown.is_empty() {
                    retire(tx, tip.closed_at).await?;
                }
                for mut escrow in tx.escrows(&changed).await? {
                    if escrow.state == EscrowState::Ready {
                        (escrow.state, escrow.created_at) = (EscrowState::Adopted, tip.closed_at);
                        tx.update_escrow(&escrow).await?;
                    }
                }
                Ok::<_, EngineError>(true)
            })
        })
        .await
    }

    /// Accounts that wait for a reservation by what is stored, and that changed between the last ledger that was seen before this engine
    /// began and the first that it saw.
    fn changed_unseen(&self, page: &AccountPage, known: &[EscrowAccount]) -> Vec<AccountId> {
        let Some((last, first)) = self.memory().unseen else { return Vec::new() };
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

/// Something is on the ledger that the store does not know: no account that is stored as waiting is given out.
pub(super) async fn retire(tx: &mut dyn Tx, at: Timestamp) -> Result<(), EngineError> {
    let retired = tx.retire_ready(at).await?;
    if retired > 0 {
        tracing::error!(retired, "accounts that were kept ready may have been given out, and are not used");
    }
    Ok(())
}

/// Escrow accounts trust something; channels do not.
async fn adopt_one(
    tx: &mut dyn Tx,
    ids: &Ids,
    snapshot: &AccountSnapshot,
    tip: Ledger,
) -> Result<(), EngineError> {
    let (account, mut assets) = (snapshot.account, trusted(snapshot));
    assets.sort();
    if assets.is_empty() {
        tracing::error!(%account, "a channel that is not stored is taken up again: was the database restored?");
        let role = ChannelRole::Channel;
        tx.insert_channel(&Channel { account, role, opening: None, sequence: snapshot.sequence }).await?;
        tx.set_history_cursor(account, None, history_after(snapshot)).await?;
        let mut postings = Postings::new();
        for balance in snapshot.balances.iter().filter(|balance| balance.asset == Asset::Native) {
            let book = BookAccount::Stellar(account);
            postings.movement(balance.asset, balance.amount, book, BookAccount::Capital);
        }
        return ids.post(tx, Cause::Opening(account), None, ids.now(), postings).await;
    }
    tracing::error!(%account, "an escrow account that is not stored is adopted: was the database restored?");
    let watch = Watch { cursor: OperationId(0), explained: LedgerSeq(0), dirty_since: None };
    let state = EscrowState::Adopted;
    let adopted = EscrowAccount { account, version: 0, assets, state, watch, created_at: tip.closed_at };
    Ok(tx.insert_escrow(&adopted).await?)
}
