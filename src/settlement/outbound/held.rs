//! Held reservations: funded, but the settlement cannot be made now.
//!
//! One leaves by itself as soon as its account is whole: there, with a line that its issuer allows
//! to be used, and with what it was funded with. Each try that fails costs a fee, so the pauses between them
//! double; they are stored with the reservation, and go on over restarts and over tries that fail again.
//! Or an operator decides.

use std::sync::Arc;

use crate::access::Decider;
use crate::domain::audit::Act;
use crate::domain::ids::ReservationId;
use crate::domain::money::Stroops;
use crate::domain::reservation::{Funding, Lack, RefundReason, Reservation, State};
use crate::ports::network::AccountSnapshot;
use crate::ports::store::{
    LIST_ROWS_MAX, Pages, ReservationFilter, RetryOn, Store, StoreError, Tx, UnreadableRow,
};
use crate::settlement::books::holds::store_lack;
use crate::settlement::books::refunds::start_refunding;
use crate::settlement::books::work::{Ids, Ports, UnitOfWork};
use crate::settlement::{EngineError, TickReport};

/// Most accounts of held reservations that are looked up in one tick.
const HELD_LOOKED_UP_MAX: usize = 20;

/// What an operator decides about a held reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is settled: tried again at once, whatever its account looks like.
    Settle,
    /// What remains goes back; the latest payment bears what is missing.
    Refund,
}

impl Decision {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settle => "settle",
            Self::Refund => "refund",
        }
    }
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
    decider: &Decider,
    id: ReservationId,
    decision: Decision,
) -> Result<Option<Reservation>, ResolveError> {
    let Some(reservation) = tx.reservation(id).await? else { return Ok(None) };
    if let State::Held { .. } = reservation.state {
        let decision = decision.as_str().to_owned();
        decider.record(tx, Act::ReservationResolved { reservation: id, decision }).await?;
    }
    let mut work = UnitOfWork::new(tx, Ids::new(decider.clock(), decider.entropy()));
    match (&reservation.state, decision) {
        (State::Held { .. }, Decision::Settle) => {
            let whole = reservation.whole_again().map_err(EngineError::from)?;
            Ok(Some(work.save_reservation(&whole).await?))
        }
        (State::Held { .. }, Decision::Refund) => {
            start_refunding(&mut work, reservation, RefundReason::SettlementImpossible).await?;
            Ok(work.reservation(id).await?)
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

/// All reservations that are held, in the order of their ids.
///
/// # Errors
/// If the database did not do what was asked.
pub async fn held(store: &Arc<dyn Store>) -> Result<Vec<Reservation>, StoreError> {
    let mut all = Vec::new();
    each_held(store, |reservation| {
        all.push(reservation?);
        Ok(())
    })
    .await?;
    Ok(all)
}

/// Goes through the reservations that are held, and those of them that cannot be read.
async fn each_held(
    store: &Arc<dyn Store>,
    mut each: impl FnMut(Result<Reservation, UnreadableRow>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let filter = ReservationFilter { state: Some("held"), ..ReservationFilter::default() };
    let mut pages = Pages::new();
    while let Some(after) = pages.after() {
        let page = store.begin_read().await?.reservations(&filter, after, LIST_ROWS_MAX).await?;
        pages.turn(&page);
        for (_, reservation) in page.into_rows() {
            each(reservation)?;
        }
    }
    Ok(())
}

/// True if the account has what the reservation was funded with, and may spend it.
fn is_whole(account: &AccountSnapshot, funding: &Funding) -> bool {
    account.balances.iter().any(|balance| {
        balance.asset == funding.asset && balance.authorized && balance.amount >= funding.amount
    })
}

/// What the account holds of the asset that the reservation was funded with.
fn holds(account: &AccountSnapshot, funding: &Funding) -> Stroops {
    let balance = account.balances.iter().find(|balance| balance.asset == funding.asset);
    balance.map_or(Stroops::ZERO, |balance| balance.amount)
}

/// The step that takes up held reservations whose accounts are whole again.
pub(in crate::settlement) struct Held {
    ports: Arc<Ports>,
}

impl Held {
    pub(in crate::settlement) const fn new(ports: Arc<Ports>) -> Self {
        Self { ports }
    }

    /// Takes up held reservations whose accounts are whole, those whose pause is over.
    pub(in crate::settlement) async fn run(&self, report: &mut TickReport) -> Result<(), EngineError> {
        let now = self.ports.now();
        let mut held = Vec::new();
        each_held(&self.ports.store, |reservation| {
            match reservation {
                Ok(reservation) => held.push(reservation),
                Err(row) => self.ports.unreadable.add(row),
            }
            Ok(())
        })
        .await?;
        let due = held.into_iter().filter(|one| one.state.next_look().is_some_and(|at| now >= at));
        for reservation in due.take(HELD_LOOKED_UP_MAX) {
            let what = format!("held reservation {}", reservation.id);
            let looked = self.look_at_one_held(reservation).await;
            report.isolate(&what, looked)?;
        }
        Ok(())
    }

    async fn look_at_one_held(&self, reservation: Reservation) -> Result<(), EngineError> {
        let State::Held { funding, .. } = &reservation.state else { return Ok(()) };
        let id = reservation.id;
        let asked = self.ports.network.account(reservation.escrow).await.map_err(EngineError::from);
        let (whole, lacks) = match &asked {
            Ok(answer) => {
                let account = answer.account.as_ref();
                let whole = account.is_some_and(|account| is_whole(account, funding));
                (whole, Lack::of(funding, account.map_or(Stroops::ZERO, |account| holds(account, funding))))
            }
            Err(error) if error.ends_the_tick() => return asked.map(drop),
            Err(_) => (false, reservation.state.lacks()),
        };
        self.ports
            .transact(move |work| {
                let reservation = reservation.clone();
                Box::pin(async move {
                    let current = work.reservation(id).await?;
                    if current.as_ref() != Some(&reservation) {
                        return Ok(());
                    }
                    if whole {
                        return work.save_reservation(&reservation.whole_again()?).await.map(drop);
                    }
                    let looked_at = reservation.looked_at(work.now())?;
                    store_lack(work, looked_at, lacks).await
                })
            })
            .await?;
        asked.map(drop)
    }
}
