//! Held reservations: funded, but the settlement cannot be made now.
//!
//! One leaves by itself as soon as its account is whole: there, with a line that its issuer allows to be used, and with what it
//! was funded with. Each try that fails costs a fee, so the pauses between them double. Or an operator decides.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use jiff::{SignedDuration, Timestamp};

use super::refund::start_refunding;
use super::settle::change;
use super::{Engine, EngineError, Ids, TickReport};
use crate::domain::ids::ReservationId;
use crate::domain::reservation::{Funding, RefundReason, Reservation, State};
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::network::AccountSnapshot;
use crate::ports::store::{LIST_ROWS_MAX, ReservationFilter, RetryOn, StoreError, Tx, transact};

/// First pause before a held reservation is looked at, in seconds; it doubles up to the largest.
const HELD_SECONDS_MIN: i64 = 60;
const HELD_SECONDS_MAX: i64 = 86_400;
/// Most accounts of held reservations that are looked up in one tick.
const HELD_LOOKED_UP_MAX: usize = 20;

/// When a held reservation is looked at again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Retry {
    not_before: Timestamp,
    pause_seconds: i64,
}

/// What an operator decides about a held reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is settled: tried again at once, whatever its account looks like.
    Settle,
    /// What remains goes back; the latest payment bears what is missing.
    Refund,
}

/// Why a decision was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The reservation is not held, and nothing like that was decided about it.
    #[error("reservation {reservation} is {state}, not held")]
    NotHeld {
        /// Which.
        reservation: ReservationId,
        /// Its state.
        state: &'static str,
    },
    /// The change could not be made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The database did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for ResolveError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::NotHeld { .. } => false,
            Self::Engine(error) => error.is_conflict(),
            Self::Store(error) => error.is_conflict(),
        }
    }
}

/// Carries out an operator's decision; the reservation as it then stands, `None` if there is none.
///
/// Deciding the same again changes nothing.
///
/// # Errors
/// [`ResolveError::NotHeld`] unless it is held, or stands where this decision leads.
pub async fn resolve(
    tx: &mut dyn Tx,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    id: ReservationId,
    decision: Decision,
) -> Result<Option<Reservation>, ResolveError> {
    let Some(reservation) = tx.reservation(id).await? else { return Ok(None) };
    let ids = Ids { clock, entropy, last: Arc::new(AtomicI64::new(0)) };
    match (&reservation.state, decision) {
        (State::Held { .. }, Decision::Settle) => {
            let whole = reservation.whole_again().map_err(EngineError::from)?;
            Ok(Some(change(tx, &ids, &whole).await?))
        }
        (State::Held { .. }, Decision::Refund) => {
            start_refunding(tx, &ids, reservation, RefundReason::SettlementImpossible).await?;
            Ok(tx.reservation(id).await?)
        }
        (
            State::Refunding { why: RefundReason::SettlementImpossible, .. }
            | State::Refunded { why: RefundReason::SettlementImpossible, .. },
            Decision::Refund,
        )
        | (State::Funded { .. } | State::Settling { .. } | State::Settled { .. }, Decision::Settle) => {
            Ok(Some(reservation))
        }
        (state, _) => Err(ResolveError::NotHeld { reservation: id, state: state.name() }),
    }
}

/// True if the account has what the reservation was funded with, and may spend it.
fn is_whole(account: &AccountSnapshot, funding: &Funding) -> bool {
    account.balances.iter().any(|balance| {
        balance.asset == funding.asset && balance.authorized && balance.amount >= funding.amount
    })
}

impl Engine {
    /// Takes up held reservations whose accounts are whole, those whose pause is over.
    pub(super) async fn look_at_held(&self, report: &mut TickReport) -> Result<(), EngineError> {
        let held = self.held().await?;
        self.memory().held.retain(|id, _| held.iter().any(|reservation| reservation.id == *id));
        let due = held.into_iter().filter(|reservation| self.is_due(reservation.id));
        for reservation in due.take(HELD_LOOKED_UP_MAX).collect::<Vec<_>>() {
            let what = format!("held reservation {}", reservation.id);
            let looked = self.look_at_one_held(reservation).await;
            report.isolate(&what, looked)?;
        }
        Ok(())
    }

    async fn held(&self) -> Result<Vec<Reservation>, StoreError> {
        let filter = ReservationFilter { state: Some("held"), customer: None };
        let mut held: Vec<Reservation> = Vec::new();
        loop {
            let after = held.last().map(|last| last.id);
            let page = self.store.begin_read().await?.reservations(&filter, after, LIST_ROWS_MAX).await?;
            let last = page.len() < LIST_ROWS_MAX as usize;
            held.extend(page);
            if last {
                return Ok(held);
            }
        }
    }

    /// True if its pause is over; the first begins when it is first seen.
    fn is_due(&self, id: ReservationId) -> bool {
        let now = self.clock.now();
        let mut memory = self.memory();
        let first = Retry { not_before: after(now, HELD_SECONDS_MIN), pause_seconds: HELD_SECONDS_MIN };
        now >= memory.held.entry(id).or_insert(first).not_before
    }

    /// Money came for it: it need not wait.
    pub(super) fn look_again_at_once(&self, id: ReservationId) {
        let retry = Retry { not_before: self.clock.now(), pause_seconds: HELD_SECONDS_MIN };
        self.memory().held.insert(id, retry);
    }

    async fn look_at_one_held(&self, reservation: Reservation) -> Result<(), EngineError> {
        let State::Held { funding, .. } = &reservation.state else { return Ok(()) };
        let id = reservation.id;
        let now = self.clock.now();
        {
            let mut memory = self.memory();
            let last = memory.held.get(&id).map_or(HELD_SECONDS_MIN, |retry| retry.pause_seconds);
            let pause_seconds = (last * 2).min(HELD_SECONDS_MAX);
            memory.held.insert(id, Retry { not_before: after(now, pause_seconds), pause_seconds });
        }
        let account = self.network.account(reservation.escrow).await?.account;
        if !account.is_some_and(|account| is_whole(&account, funding)) {
            return Ok(());
        }
        let ids = Ids::of(self);
        transact(&self.store, move |tx| {
            let (ids, reservation) = (ids.clone(), reservation.clone());
            Box::pin(async move {
                let current = tx.reservation(id).await?;
                if current.as_ref() == Some(&reservation) {
                    change(tx, &ids, &reservation.whole_again()?).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

fn after(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now)
}
