//! Escrow accounts that changed: their histories are taken in until these explain every balance.
//!
//! An account is clean at a page's ledger if nothing changed it after what ingested operations explain;
//! only then may a deadline be decided. What stays unexplained is looked at again and again, ever less often,
//! and says so.

use std::sync::Arc;

use jiff::Timestamp;

use super::expiry::Expiry;
use super::foreign_claimables::ForeignClaimables;
use super::ingest::{Histories, Read};
use super::unexplained::{Explanation, Unexplained};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::EscrowAccount;
use crate::domain::ids::LedgerSeq;
use crate::domain::reservation::Reservation;
use crate::ports::network::{AccountSnapshot, Ledger};
use crate::ports::store::{StoreError, Tx};
use crate::settlement::books::accounts::differing_assets;
use crate::settlement::books::work::Ports;
use crate::settlement::{EngineError, TickReport};

/// An account as a page shows it.
pub(in crate::settlement) struct Sight<'p> {
    pub snapshot: &'p AccountSnapshot,
    /// The ledger of the page.
    pub ledger: LedgerSeq,
    /// The latest ledger that is known.
    pub tip: Ledger,
    /// Its history is read whatever explains its balances.
    pub search: bool,
}

impl Sight<'_> {
    /// True if the page's ledger is known to have closed after `time`.
    ///
    /// A page from an instance ahead of the tip is later than the tip; one from an instance behind it is not
    /// looked into further, the next sweep will tell.
    fn is_after(&self, time: Timestamp) -> bool {
        self.ledger >= self.tip.sequence && self.tip.closed_at > time
    }
}

/// The step that takes in what happens to escrow accounts.
pub(in crate::settlement) struct EscrowAccounts {
    ports: Arc<Ports>,
    histories: Arc<Histories>,
    unexplained: Arc<Unexplained>,
    foreign: Arc<ForeignClaimables>,
    expiry: Expiry,
}

impl EscrowAccounts {
    pub(in crate::settlement) fn new(
        ports: Arc<Ports>,
        histories: Arc<Histories>,
        unexplained: Arc<Unexplained>,
        foreign: Arc<ForeignClaimables>,
    ) -> Self {
        let expiry = Expiry::new(Arc::clone(&ports));
        Self { ports, histories, unexplained, foreign, expiry }
    }

    /// Takes in what happened to an escrow account, and ends its reservation if that is `due` and
    /// may be decided; whether there is nothing left to read of it now.
    pub(in crate::settlement) async fn look_at(
        &self,
        escrow: &EscrowAccount,
        sight: &Sight<'_>,
        due: Option<&Reservation>,
        report: &mut TickReport,
    ) -> Result<Read, EngineError> {
        let Sight { snapshot, ledger, search, .. } = *sight;
        let unchanged = snapshot.last_modified <= escrow.watch.explained;
        let (read, explanation) = if unchanged && escrow.watch.dirty_since.is_none() && !search {
            (Read::ToItsEnd, Explanation::Clean)
        } else if self.unexplained.rests(snapshot, due.is_some()) && !search {
            return Ok(Read::InPart);
        } else {
            let (read, explanation) = self.read(escrow.account, snapshot, ledger, report).await?;
            self.remember(snapshot, explanation, due.is_some(), report);
            // What could not be read leaves the account unexplained, and listed as such.
            (read?, explanation)
        };
        match (explanation, due) {
            (Explanation::Clean | Explanation::DirtyElsewhere(_), Some(reservation))
                if sight.is_after(reservation.decided_after()) =>
            {
                self.decide(reservation, sight, report).await?;
            }
            (Explanation::Clean | Explanation::DirtyElsewhere(_) | Explanation::Dirty(_), _) => {}
        }
        Ok(read)
    }

    /// Reads the history of an account, its effects where payments do not explain it; whether that could
    /// be read, and what is explained now.
    async fn read(
        &self,
        account: AccountId,
        snapshot: &AccountSnapshot,
        ledger: LedgerSeq,
        report: &mut TickReport,
    ) -> Result<(Result<Read, EngineError>, Explanation), EngineError> {
        let mut read = self.histories.ingest(account, report).await;
        if let Err(error) = read {
            return match error.ends_the_tick() {
                true => Err(error),
                false => Ok((Err(error), self.explain(account, snapshot, ledger).await?)),
            };
        }
        let mut explanation = self.explain(account, snapshot, ledger).await?;
        if explanation != Explanation::Clean && self.effects_may_tell(account, ledger).await? {
            if let Err(error) = self.histories.take_in_effects(account, report).await {
                read = Err(error);
            }
            explanation = self.explain(account, snapshot, ledger).await?;
        }
        match read {
            Err(error) if error.ends_the_tick() => Err(error),
            read => Ok((read, explanation)),
        }
    }

    /// Ends a reservation whose time is over, unless its history has something new.
    ///
    /// Histories may have been behind when the balances were explained: what came and was clawed back leaves
    /// them as they were.
    async fn decide(
        &self,
        reservation: &Reservation,
        sight: &Sight<'_>,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        let (account, known) = (reservation.escrow, report.payments);
        self.histories.ingest(account, report).await?;
        if report.payments > known {
            let explanation = self.explain(account, sight.snapshot, sight.ledger).await?;
            self.remember(sight.snapshot, explanation, true, report);
            return Ok(());
        }
        if let Err(error) = self.foreign.look_for(account).await {
            tracing::warn!(%error, %account, "claimable balances were not looked for");
        }
        self.expiry.expire(reservation.id, sight.ledger, report).await
    }

    fn remember(
        &self,
        snapshot: &AccountSnapshot,
        explanation: Explanation,
        due: bool,
        report: &mut TickReport,
    ) {
        if explanation == Explanation::Clean {
            self.histories.forget_effects(&snapshot.account);
        }
        self.unexplained.remember(snapshot, explanation, due, report);
    }

    /// True if an account's effects may tell what its payments do not: not while money is on its
    /// way out of it.
    async fn effects_may_tell(&self, account: AccountId, ledger: LedgerSeq) -> Result<bool, EngineError> {
        let mut tx = self.ports.read().await?;
        let Some(escrow) = tx.escrow(account).await? else { return Ok(false) };
        Ok(comparable(&mut *tx, &escrow, ledger).await?)
    }

    /// Compares the journal with a snapshot of `ledger`, and keeps what follows.
    async fn explain(
        &self,
        account: AccountId,
        snapshot: &AccountSnapshot,
        ledger: LedgerSeq,
    ) -> Result<Explanation, EngineError> {
        let snapshot = snapshot.clone();
        let now = self.ports.now();
        self.ports
            .transact(move |work| {
                let snapshot = snapshot.clone();
                Box::pin(async move {
                    let Some(mut escrow) = work.escrow(account).await? else {
                        return Ok(Explanation::Dirty(now));
                    };
                    let before = escrow.watch;
                    let comparable = comparable(work.tx(), &escrow, ledger).await?;
                    let differing = differing_assets(work.tx(), &snapshot).await?;
                    if comparable && differing.is_empty() {
                        escrow.watch.explained = escrow.watch.explained.max(snapshot.last_modified);
                        escrow.watch.dirty_since = None;
                    } else {
                        escrow.watch.dirty_since = Some(before.dirty_since.unwrap_or(now));
                    }
                    if escrow.watch != before {
                        escrow = work.update_escrow(&escrow).await?;
                    }
                    let Some(since) = escrow.watch.dirty_since else { return Ok(Explanation::Clean) };
                    let asked_for = asked_for(work.tx(), &escrow).await?;
                    let elsewhere = comparable && differing.iter().all(|asset| !asked_for.contains(asset));
                    Ok::<_, EngineError>(if elsewhere {
                        Explanation::DirtyElsewhere(since)
                    } else {
                        Explanation::Dirty(since)
                    })
                })
            })
            .await
    }
}

/// True if the journal and a snapshot of `ledger` speak of the same moment.
///
/// Ingested history may be newer than the snapshot; and while money is on its way out the snapshot may or may
/// not have it: a payout that landed unseen and a payment that was not read yet could cancel each other out.
async fn comparable(tx: &mut dyn Tx, escrow: &EscrowAccount, ledger: LedgerSeq) -> Result<bool, StoreError> {
    if escrow.watch.cursor.ledger() > ledger {
        return Ok(false);
    }
    Ok(!tx.money_leaves(escrow.account).await?)
}

/// The assets that the account's reservation may be paid in.
async fn asked_for(tx: &mut dyn Tx, escrow: &EscrowAccount) -> Result<Vec<Asset>, StoreError> {
    let Some(reservation) = escrow.state.reservation() else { return Ok(Vec::new()) };
    let reservation = tx.reservation(reservation).await?;
    let options = reservation.map(|reservation| reservation.quote.options).unwrap_or_default();
    Ok(options.into_iter().map(|option| option.asset).collect())
}
