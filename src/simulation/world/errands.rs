//! What people ask of the service, and what they do on the ledger.

use std::sync::Arc;

use super::World;
use crate::domain::address::{AccountId, Address};
use crate::domain::escrow::EscrowState;
use crate::domain::ids::ReservationId;
use crate::domain::money::Stroops;
use crate::domain::payment::{Memo, PaymentId};
use crate::domain::refund::RefundAddress;
use crate::domain::reservation::State;
use crate::domain::transfer::GivenBack;
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::store::{LIST_ROWS_MAX, transact};
use crate::reservations;
use crate::settlement::{self, Decision};
use crate::simulation::SimulationError;
use crate::simulation::people::{Case, Errand, PLATFORM, Wish, account};
use farmgate_sandbox as sandbox;
use farmgate_sandbox::ledger::state::AccountFilter;

impl World {
    /// People do what is due.
    pub(super) async fn errands(&mut self) -> Result<(), SimulationError> {
        for (errand, tries) in self.people.due(self.ledger) {
            match &errand {
                Errand::Open { habit, wish } => {
                    let (habit, wish) = (*habit, *wish);
                    match self.open(wish).await {
                        Ok(Some(reservation)) => {
                            let what = format!("{habit:?} orders {} ({wish:?})", reservation.id);
                            match wish {
                                Wish::Plain | Wish::PlayOnPaid => self.trail.note(&what),
                                Wish::Play => self.trail.happened("orders_for_play_money", &what),
                                Wish::Extension => self.trail.happened("orders_of_extensions", &what),
                            }
                            let opened = self.sandbox.with_ledger(|ledger| ledger.latest().ledger);
                            let case = Case {
                                reservation,
                                habit,
                                opened,
                                cancelled: false,
                                frozen: false,
                                given_up: false,
                            };
                            self.people.pay_for(self.ledger, &case);
                            self.cases.push(case);
                        }
                        Ok(None) => self.people.again(self.ledger, errand, tries),
                        Err(reservations::Error::NoEscrowReady) => {
                            self.people.again(self.ledger, errand, 0);
                        }
                        Err(error) if wish == Wish::PlayOnPaid => {
                            let what = format!("play money is refused: {error}");
                            self.trail.happened("play_money_refused", &what);
                        }
                        Err(error) => self.trail.note(&format!("no order: {error}")),
                    }
                }
                Errand::Cancel { reservation } => {
                    let reservation = *reservation;
                    let now = self.wall.now();
                    let asked = transact(&self.store, move |tx| {
                        Box::pin(async move { reservations::cancel(tx, reservation, now).await })
                    })
                    .await;
                    if asked.is_ok()
                        && let Some(case) = self.case(reservation)
                    {
                        case.cancelled = true;
                    }
                    self.trail.note(&format!("{reservation} is called off: {}", asked.is_ok()));
                }
                Errand::Stray => match self.account_of_nobody().await? {
                    Some(to) => {
                        let errand = self.people.stray(self.ledger, to);
                        self.people.again(self.ledger, errand, 0);
                    }
                    None => self.people.again(self.ledger, errand, tries),
                },
                Errand::FreezeEscrow { reservation, frozen, .. } => {
                    let (reservation, frozen) = (*reservation, *frozen);
                    let done = self.act(errand, tries);
                    if let Some(case) = self.case(reservation).filter(|_| done || frozen) {
                        case.frozen = frozen;
                    }
                }
                Errand::Pay { .. }
                | Errand::Through { .. }
                | Errand::Distrust { .. }
                | Errand::Trust { .. }
                | Errand::Leave { .. }
                | Errand::Freeze { .. }
                | Errand::Claim { .. }
                | Errand::TakeBack { .. }
                | Errand::MergeInto { .. } => {
                    self.act(errand, tries);
                }
                Errand::Fill { who, reservation, more } => {
                    let (who, more) = (who.clone(), *more);
                    if let Some(errand) = self.filling(who, *reservation, more) {
                        self.act(errand, tries);
                    }
                }
                Errand::Resolve { reservation, refund } => {
                    if !self.resolve(*reservation, *refund).await {
                        self.people.again(self.ledger, errand, tries);
                    }
                }
                Errand::Decide { account, back } => {
                    let (of, back) = (*account, back.clone());
                    if !self.decide(of, &back).await {
                        self.people.again(self.ledger, errand, tries);
                    }
                }
            }
        }
        Ok(())
    }

    fn case(&mut self, id: ReservationId) -> Option<&mut Case> {
        self.cases.iter_mut().find(|case| case.reservation.id == id)
    }

    /// Does an errand, or tries it again in the next ledger; true if the ledger took it.
    fn act(&mut self, errand: Errand, tries: u8) -> bool {
        let done = self.people.run(&errand);
        match &done {
            Ok(Some(hash)) => self.trail.note(&format!("{errand:?}: {hash}")),
            Ok(None) => self.trail.note(&format!("{errand:?}: nothing to do")),
            Err(sandbox::submission::SubmitError::Busy) => self.people.again(self.ledger, errand, tries),
            Err(error) => self.trail.note(&format!("{errand:?}: {error}")),
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
        let escrows = self.store.begin_read().await?.escrows(&first).await?;
        Ok(escrows.iter().filter(|escrow| escrow.state == EscrowState::Ready).map(|one| one.account).min())
    }

    /// The payment that makes a reservation's account whole, and something more.
    fn filling(&self, who: String, id: ReservationId, more: Stroops) -> Option<Errand> {
        let case = self.cases.iter().find(|case| case.reservation.id == id)?;
        let option = case.reservation.quote.options.first()?;
        let (to, asset) = (case.reservation.escrow, option.asset);
        let held = self.sandbox.balance(to, &asset)?;
        let missing = option.amount.checked_sub(held.min(option.amount)).ok()?;
        let amount = missing.checked_add(more).ok().filter(|amount| !amount.is_zero())?;
        Some(Errand::Pay { who, id: None, to, asset, amount })
    }

    /// An operator decides about a held reservation; false if it is not held.
    async fn resolve(&mut self, id: ReservationId, refund: bool) -> bool {
        let clock: Arc<dyn Clock> = Arc::new(self.wall.clone());
        let entropy: Arc<dyn Entropy> = Arc::clone(&self.entropy) as Arc<dyn Entropy>;
        let decision = if refund { Decision::Refund } else { Decision::Settle };
        let resolved = transact(&self.store, move |tx| {
            let (clock, entropy) = (Arc::clone(&clock), Arc::clone(&entropy));
            Box::pin(async move { settlement::resolve(tx, clock, entropy, id, decision).await })
        })
        .await;
        let resolved = match resolved {
            Ok(Some(resolved)) => resolved,
            Ok(None) | Err(_) => return false,
        };
        self.trail.happened("decisions_about_held", &format!("an operator decides about {id}: {decision:?}"));
        let gives_up = matches!(resolved.state, State::Refunding { .. } | State::Refunded { .. });
        if let Some(case) = self.case(id) {
            case.given_up |= gives_up;
        }
        true
    }

    /// An operator says to whom the money goes that merges brought to an account; false if there is none to decide about.
    async fn decide(&mut self, of: AccountId, back: &str) -> bool {
        let to = Address::Account(account(back));
        let Ok(address) = RefundAddress::new(to, Memo::None) else { return false };
        let mut decided = false;
        for operation in self.judge.undecided(of) {
            let (payment, address) = (PaymentId { operation, change: 0 }, address.clone());
            let returned = transact(&self.store, move |tx| {
                let address = address.clone();
                Box::pin(
                    async move { settlement::return_to(tx, GivenBack::Payment(payment), &address).await },
                )
            })
            .await;
            if let Ok(Some(_)) = returned {
                self.trail.happened("decisions_about_merges", &format!("{payment} goes to {back}"));
                self.judge.decide(operation, to);
                decided = true;
            }
        }
        decided
    }
}
