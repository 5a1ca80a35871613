//! What actors ask of the service, and what they do on the ledger.

use std::sync::Arc;

use super::World;
use crate::access::Decider;
use crate::domain::address::{AccountId, Address};
use crate::domain::audit::Actor;
use crate::domain::escrow::EscrowState;
use crate::domain::ids::ReservationId;
use crate::domain::money::Stroops;
use crate::domain::payment::{Memo, PaymentId};
use crate::domain::refund::RefundAddress;
use crate::domain::reservation::State;
use crate::domain::transfer::GivenBack;
use crate::ports::store::{LIST_ROWS_MAX, transact};
use crate::reservations;
use crate::settlement::{self, Decision};
use crate::simulation::actors::{Action, Behavior, Case, PLATFORM, Wish, account};
use crate::simulation::error::SimulationError;
use farmgate_sandbox::ledger::state::AccountFilter;

/// What became of an order.
enum Ordered {
    /// It was taken, or refused for good.
    Done,
    /// There is no pool yet that it could extend.
    NothingToExtend,
    /// No escrow account is ready.
    NoAccountYet,
}

impl World {
    /// Actors do what is due.
    pub(super) async fn act_on_what_is_due(&mut self) -> Result<(), SimulationError> {
        for (action, tries) in self.actors.due(self.ledger) {
            self.perform(action, tries).await?;
        }
        Ok(())
    }

    async fn perform(&mut self, action: Action, tries: u8) -> Result<(), SimulationError> {
        match &action {
            Action::Open { behavior, wish } => {
                let (behavior, wish) = (*behavior, *wish);
                match self.order(behavior, wish).await {
                    Ordered::Done => {}
                    Ordered::NothingToExtend => self.actors.retry(self.ledger, action, tries),
                    Ordered::NoAccountYet => self.actors.retry(self.ledger, action, 0),
                }
            }
            Action::Cancel { reservation } => self.cancel(*reservation).await,
            Action::Stray => match self.account_of_nobody().await? {
                Some(to) => {
                    let action = self.actors.stray(self.ledger, to);
                    self.actors.retry(self.ledger, action, 0);
                }
                None => self.actors.retry(self.ledger, action, tries),
            },
            Action::FreezeEscrow { reservation, frozen, .. } => {
                let (reservation, frozen) = (*reservation, *frozen);
                let done = self.act(action, tries);
                if let Some(case) = self.case(reservation).filter(|_| done || frozen) {
                    case.frozen = frozen;
                }
            }
            Action::Pay { .. }
            | Action::Through { .. }
            | Action::Distrust { .. }
            | Action::Trust { .. }
            | Action::Leave { .. }
            | Action::Freeze { .. }
            | Action::Claim { .. }
            | Action::ClawBack { .. }
            | Action::MergeInto { .. } => {
                self.act(action, tries);
            }
            Action::Fill { who, reservation, more } => {
                let (who, more) = (who.clone(), *more);
                if let Some(action) = self.filling(who, *reservation, more) {
                    self.act(action, tries);
                }
            }
            Action::Resolve { reservation, refund } => {
                if !self.resolve(*reservation, *refund).await {
                    self.actors.retry(self.ledger, action, tries);
                }
            }
            Action::Decide { account, back } => {
                let (of, back) = (*account, back.clone());
                if !self.decide(of, &back).await {
                    self.actors.retry(self.ledger, action, tries);
                }
            }
        }
        Ok(())
    }

    /// A customer orders.
    async fn order(&mut self, behavior: Behavior, wish: Wish) -> Ordered {
        match self.open(wish).await {
            Ok(Some(reservation)) => {
                let what = format!("{behavior:?} orders {} ({wish:?})", reservation.id);
                match wish {
                    Wish::Plain | Wish::PlayOnPaid => self.trace.note(&what),
                    Wish::Play => self.trace.happened("orders_for_play_money", &what),
                    Wish::Extension => self.trace.happened("orders_of_extensions", &what),
                }
                let opened = self.sandbox.with_ledger(|ledger| ledger.latest().ledger);
                let case =
                    Case { reservation, behavior, opened, cancelled: false, frozen: false, given_up: false };
                self.actors.pay_for(self.ledger, &case);
                self.cases.push(case);
            }
            Ok(None) => return Ordered::NothingToExtend,
            Err(reservations::Error::NoEscrowReady) => return Ordered::NoAccountYet,
            Err(error) if wish == Wish::PlayOnPaid => {
                self.trace.happened("play_money_refused", &format!("play money is refused: {error}"));
            }
            Err(error) => self.trace.note(&format!("no order: {error}")),
        }
        Ordered::Done
    }

    /// Whoever decides anything, by the service's clock.
    pub(super) fn decider(&self) -> Decider {
        let entropy = Arc::clone(&self.decisions);
        Decider::new(Actor::CommandLine, Arc::new(self.wall.clone()), entropy)
    }

    /// A customer calls a reservation off.
    async fn cancel(&mut self, reservation: ReservationId) {
        let decider = self.decider();
        let asked = transact(&self.store, move |tx| {
            let decider = decider.clone();
            Box::pin(async move { reservations::cancel(tx, &decider, None, reservation).await })
        })
        .await;
        if asked.is_ok()
            && let Some(case) = self.case(reservation)
        {
            case.cancelled = true;
        }
        self.trace.note(&format!("{reservation} is called off: {}", asked.is_ok()));
    }

    fn case(&mut self, id: ReservationId) -> Option<&mut Case> {
        self.cases.iter_mut().find(|case| case.reservation.id == id)
    }

    /// Does an action, or tries it again in the next ledger; true if the ledger took it.
    fn act(&mut self, action: Action, tries: u8) -> bool {
        let done = self.actors.run(&action);
        match &done {
            Ok(Some(hash)) => self.trace.note(&format!("{action:?}: {hash}")),
            Ok(None) => self.trace.note(&format!("{action:?}: nothing to do")),
            Err(farmgate_sandbox::submission::SubmitError::Busy) => {
                self.actors.retry(self.ledger, action, tries)
            }
            Err(error) => self.trace.note(&format!("{action:?}: {error}")),
        }
        done.is_ok()
    }

    /// An escrow account that no reservation has yet.
    async fn account_of_nobody(&self) -> Result<Option<AccountId>, SimulationError> {
        let signed: Vec<AccountId> = self.sandbox.with_ledger(|ledger| {
            let found = ledger.state().find(AccountFilter::Signer(account(PLATFORM)));
            let accounts = found.map(|accounts| accounts.iter().map(|account| account.0).collect());
            accounts.unwrap_or_default()
        });
        let first: Vec<AccountId> = signed.into_iter().take(LIST_ROWS_MAX as usize).collect();
        let escrows = self.store.begin_read().await?.escrows(&first).await?.readable(|_| {});
        Ok(escrows.iter().filter(|escrow| escrow.state == EscrowState::Ready).map(|one| one.account).min())
    }

    /// The payment that makes a reservation's account whole, and something more.
    fn filling(&self, who: String, id: ReservationId, more: Stroops) -> Option<Action> {
        let case = self.cases.iter().find(|case| case.reservation.id == id)?;
        let option = case.reservation.quote.options.first()?;
        let (to, asset) = (case.reservation.escrow, option.asset);
        let held = self.sandbox.balance(to, &asset)?;
        let missing = option.amount.checked_sub(held.min(option.amount)).ok()?;
        let amount = missing.checked_add(more).ok().filter(|amount| !amount.is_zero())?;
        Some(Action::Pay { who, id: None, to, asset, amount })
    }

    /// An operator decides about a held reservation; false if it is not held.
    async fn resolve(&mut self, id: ReservationId, refund: bool) -> bool {
        let decider = self.decider();
        let decision = if refund { Decision::Refund } else { Decision::Settle };
        let resolved = transact(&self.store, move |tx| {
            let decider = decider.clone();
            Box::pin(async move { settlement::resolve(tx, &decider, id, decision).await })
        })
        .await;
        let resolved = match resolved {
            Ok(Some(resolved)) => resolved,
            Ok(None) | Err(_) => return false,
        };
        self.trace.happened("decisions_about_held", &format!("an operator decides about {id}: {decision:?}"));
        let gives_up = matches!(resolved.state, State::Refunding { .. } | State::Refunded { .. });
        if let Some(case) = self.case(id) {
            case.given_up |= gives_up;
        }
        true
    }

    /// An operator says to whom the money goes that merges brought to an account; false if there is none to
    /// decide about.
    async fn decide(&mut self, of: AccountId, back: &str) -> bool {
        let to = Address::Account(account(back));
        let Ok(address) = RefundAddress::new(to, Memo::None) else { return false };
        let mut decided = false;
        for operation in self.oracle.undecided(of) {
            let (payment, address) = (PaymentId { operation, change: 0 }, address.clone());
            let decider = self.decider();
            let returned = transact(&self.store, move |tx| {
                let (address, decider) = (address.clone(), decider.clone());
                Box::pin(async move {
                    settlement::return_to(tx, &decider, GivenBack::Payment(payment), &address).await
                })
            })
            .await;
            if let Ok(Some(_)) = returned {
                self.trace.happened("decisions_about_merges", &format!("{payment} goes to {back}"));
                self.oracle.decide(operation, to);
                decided = true;
            }
        }
        decided
    }
}
