//! One database transaction's work: the open transaction, the clock, and fresh ids.
//!
//! It is the one door to three writes that belong together with others: a reservation's new state is stored
//! with its event, an envelope with the secrets that were sealed for it, and postings as an entry that
//! is balanced and there once.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::future::BoxFuture;
use jiff::Timestamp;

use super::entries::NewEntry;
use crate::domain::event::EventKind;
use crate::domain::ids::{EntryId, IdError, SubmissionId, TransferId, new_id_number};
use crate::domain::journal::Entry;
use crate::domain::reservation::Reservation;
use crate::domain::transfer::{Purpose, Submission, SubmissionState};
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::network::{Ledger, Network, SignedTransaction, TransactionPlan};
use crate::ports::store::{Applied, Page, RetryOn, Store, StoreError, Tx, transact};
use crate::settlement::high_water_mark::HighWaterMark;
use crate::settlement::isolating_network::IsolatingNetwork;
use crate::settlement::unreadable::{UnknownAccounts, Unreadable};
use crate::settlement::{EngineError, Outside, Settings};

/// What every step works with: the ports, the settings, and the last id that was made.
pub(in crate::settlement) struct Ports {
    pub store: Arc<dyn Store>,
    pub network: Arc<dyn Network>,
    pub settings: Settings,
    pub entropy: Arc<dyn Entropy>,
    pub clock: Arc<dyn Clock>,
    pub mark: Arc<HighWaterMark>,
    pub unreadable: Arc<Unreadable>,
    pub unknown: UnknownAccounts,
    ids: Ids,
}

impl Ports {
    pub(in crate::settlement) fn new(outside: Outside, settings: Settings, mark: Arc<HighWaterMark>) -> Self {
        let Outside { store, network, clock, entropy } = outside;
        let ids = Ids::new(Arc::clone(&clock), Arc::clone(&entropy));
        let network = Arc::new(IsolatingNetwork::new(network, Arc::clone(&clock)));
        let (unreadable, unknown) = (Arc::default(), UnknownAccounts::default());
        Self { store, network, settings, entropy, clock, mark, unreadable, unknown, ids }
    }

    pub(in crate::settlement) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A transaction for reading a consistent state.
    pub(in crate::settlement) async fn read(&self) -> Result<Box<dyn Tx>, StoreError> {
        self.store.begin_read().await
    }

    /// What can be read of a page; the rest is noted, and is nobody else's trouble.
    pub(in crate::settlement) fn readable<T, K: Clone>(&self, page: Page<T, K>) -> Vec<T> {
        page.readable(|row| self.unreadable.add(row))
    }

    /// What was read; `None` if it cannot be, which is noted, and is nobody else's trouble.
    pub(in crate::settlement) fn unless_unreadable<T, E: Into<EngineError>>(
        &self,
        read: Result<T, E>,
    ) -> Result<Option<T>, EngineError> {
        let error: EngineError = match read {
            Ok(read) => return Ok(Some(read)),
            Err(error) => error.into(),
        };
        match error.unreadable_row() {
            Some(row) => {
                self.unreadable.add(row);
                Ok(None)
            }
            None => Err(error),
        }
    }

    /// Runs `work` in a transaction and commits it; runs it again after conflicts.
    ///
    /// # Errors
    /// As [`crate::ports::store::transact`].
    pub(in crate::settlement) async fn transact<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + RetryOn + Send + 'static,
        F: for<'a, 'tx> Fn(&'a mut UnitOfWork<'tx>) -> BoxFuture<'a, Result<T, E>> + Send + Sync + 'static,
    {
        let (ids, mark, work) = (self.ids.clone(), Arc::clone(&self.mark), Arc::new(work));
        let unreadable = Arc::clone(&self.unreadable);
        transact(&self.store, move |tx| {
            let (ids, mark, work) = (ids.clone(), Arc::clone(&mark), Arc::clone(&work));
            let unreadable = Arc::clone(&unreadable);
            Box::pin(async move { work(&mut UnitOfWork { tx, ids, mark, unreadable }).await })
        })
        .await
    }

    /// The `max_time` of a transaction built now: it counts from ledger time, in whole seconds.
    pub(in crate::settlement) fn max_time(&self, tip: Ledger) -> Result<Timestamp, EngineError> {
        Timestamp::from_second(tip.closed_at.as_second() + self.settings.transaction_lifetime_seconds)
            .map_err(|error| EngineError::Contradiction(format!("ledger time: {error}")))
    }
}

/// Makes ids. Those of one engine never repeat; another engine's may collide, and the work then runs again
/// with fresh ones.
#[derive(Clone)]
pub(in crate::settlement) struct Ids {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    last: Arc<AtomicI64>,
}

impl Ids {
    pub(in crate::settlement) fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, last: Arc::new(AtomicI64::new(0)) }
    }

    /// A number above all that were made before.
    fn number(&self) -> i64 {
        let drawn = new_id_number(self.clock.now(), self.entropy.u16());
        let last =
            self.last.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(drawn.max(last + 1)));
        drawn.max(last.unwrap_or_else(|last| last) + 1)
    }
}

/// An open transaction with what is needed to write in it. All that [`Tx`] can do is done through it.
pub(in crate::settlement) struct UnitOfWork<'tx> {
    tx: &'tx mut dyn Tx,
    ids: Ids,
    mark: Arc<HighWaterMark>,
    unreadable: Arc<Unreadable>,
}

impl<'tx> UnitOfWork<'tx> {
    /// Work outside of any engine.
    pub(in crate::settlement) fn new(tx: &'tx mut dyn Tx, ids: Ids) -> Self {
        Self { tx, ids, mark: Arc::default(), unreadable: Arc::default() }
    }

    /// What can be read of a page; the rest is noted, and is nobody else's trouble.
    pub(in crate::settlement) fn readable<T, K: Clone>(&self, page: Page<T, K>) -> Vec<T> {
        page.readable(|row| self.unreadable.add(row))
    }

    /// The transaction itself, for what only reads.
    pub(in crate::settlement) fn tx(&mut self) -> &mut dyn Tx {
        self.tx
    }

    pub(in crate::settlement) fn now(&self) -> Timestamp {
        self.ids.clock.now()
    }

    pub(in crate::settlement) fn new_transfer_id(&self) -> Result<TransferId, EngineError> {
        TransferId::new(self.ids.number()).map_err(not_an_id)
    }

    pub(in crate::settlement) fn new_submission_id(&self) -> Result<SubmissionId, EngineError> {
        SubmissionId::new(self.ids.number()).map_err(not_an_id)
    }

    /// Stores a reservation's new state, and tells it; the reservation as it is stored.
    pub(in crate::settlement) async fn save_reservation(
        &mut self,
        reservation: &Reservation,
    ) -> Result<Reservation, EngineError> {
        let stored = self.tx.update_reservation(reservation).await?;
        let now = self.now();
        self.tx.append_event(now, stored.version, &EventKind::changed(&stored)).await?;
        Ok(stored)
    }

    /// Stores what a reservation's state carries, without telling it: no one outside can see the difference.
    pub(in crate::settlement) async fn save_reservation_untold(
        &mut self,
        reservation: &Reservation,
    ) -> Result<Reservation, EngineError> {
        Ok(self.tx.update_reservation(reservation).await?)
    }

    /// Stores a transaction before it is sent. What this process sent before must still be stored, or it
    /// would be sent twice.
    ///
    /// # Errors
    /// [`StoreError::WentBack`] if it is not.
    pub(in crate::settlement) async fn store_submission(
        &mut self,
        id: SubmissionId,
        plan: &TransactionPlan,
        signed: &SignedTransaction,
        purpose: Purpose,
    ) -> Result<(), EngineError> {
        for sent in self.mark.sent() {
            if !self.tx.has_submission(sent).await? {
                let what = format!("transaction {sent} was stored and sent, and is not stored any more");
                return Err(self.mark.went_back(what).into());
            }
        }
        let submission = Submission {
            id,
            channel: plan.channel,
            sequence: plan.sequence,
            hash: signed.hash,
            envelope: signed.envelope.clone(),
            max_time: plan.max_time,
            purpose,
            state: SubmissionState::Live,
            attempts: 0,
            last_answer: None,
            created_at: self.now(),
        };
        self.tx.insert_submission(&submission).await?;
        for sealed in &signed.sealed {
            self.tx.insert_sealed_secret(sealed).await?;
        }
        Ok(())
    }

    /// Posts an entry; nothing if nothing moved.
    ///
    /// # Errors
    /// [`EngineError::Contradiction`] if its cause is in the journal already.
    pub(in crate::settlement) async fn post(&mut self, entry: NewEntry) -> Result<(), EngineError> {
        if entry.postings.is_empty() {
            return Ok(());
        }
        let text = entry.cause.to_string();
        match self.post_once(entry).await? {
            Applied::Executed => Ok(()),
            Applied::AlreadyApplied => {
                Err(EngineError::Contradiction(format!("{text} is in the journal already")))
            }
        }
    }

    /// Posts an entry that moves something, unless its cause is in the journal already.
    pub(in crate::settlement) async fn post_once(&mut self, entry: NewEntry) -> Result<Applied, EngineError> {
        let id = EntryId::new(self.ids.number()).map_err(not_an_id)?;
        let NewEntry { cause, reservation, at, postings } = entry;
        let entry = Entry::new(id, cause, reservation, at, postings.into_vec())?;
        Ok(self.tx.post(&entry).await?)
    }
}

fn not_an_id(error: IdError) -> EngineError {
    EngineError::Contradiction(error.to_string())
}

impl<'tx> Deref for UnitOfWork<'tx> {
    type Target = dyn Tx + 'tx;

    fn deref(&self) -> &Self::Target {
        &*self.tx
    }
}

impl DerefMut for UnitOfWork<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.tx
    }
}
