//! What the people of a scenario can do. Whatever they do is noted in its expectation.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::error::{DemoError, wallet_error};
use super::expectation::{Claim, Expectation, Money, Place};
use super::fixture::Fixture;
use super::grid::{self, Grid, OPERATOR};
use super::order::{Order, Ordered};
use crate::app::clock::SystemClock;
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;
use crate::ports::clock::Clock;
use farmgate_sandbox::Sandbox;
use farmgate_sandbox::faucet::FRIENDBOT_STROOPS;
use farmgate_sandbox::ledger::BASE_FEE_STROOPS;
use farmgate_sandbox::operations::Operation;
use farmgate_sandbox::wallet::{Memo, Named, Received, Wallet, WalletError};

/// What everybody has of each currency to begin with, in units.
pub(super) const PURSE_UNITS: u32 = 1_000;
/// The state of somebody with a wallet who has ordered nothing.
const READY: &str = "ready";
/// How often the ledger is looked at while something is waited for, and how often at most.
const LOOK: Duration = Duration::from_millis(250);
const LOOKS_MAX: u32 = 120;

/// Somebody with a wallet.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) wallet: Wallet,
}

impl Person {
    pub(super) fn account(&self) -> AccountId {
        self.wallet.account()
    }

    /// The same, paying as a sub-account.
    pub(super) fn as_sub_account(&self, id: u64) -> Self {
        Self { name: format!("{} for {id}", self.name), wallet: self.wallet.as_sub_account(id) }
    }
}

/// How a scenario goes.
pub(super) type Steps = for<'run> fn(&'run Scenario) -> BoxFuture<'run, Result<(), DemoError>>;

/// A scenario: whose, what it is about, and how it goes.
#[derive(Clone, Copy)]
pub(super) struct Script {
    pub(super) name: &'static str,
    pub(super) does: &'static str,
    pub(super) steps: Steps,
}

pub(super) const fn script(name: &'static str, does: &'static str, steps: Steps) -> Script {
    Script { name, does, steps }
}

/// What is shown of a scenario while it goes on.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) asks: String,
    pub(super) state: String,
}

/// One scenario while it is played.
pub(super) struct Scenario {
    pub(super) fixture: Arc<Fixture>,
    pub(super) name: &'static str,
    /// The customer's identity.
    pub(super) number: i64,
    expectation: Mutex<Expectation>,
    seen: Mutex<Seen>,
}

impl Scenario {
    pub(super) fn new(fixture: Arc<Fixture>, name: &'static str, number: i64) -> Self {
        Self { fixture, name, number, expectation: Mutex::default(), seen: Mutex::default() }
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn see(&self, state: &str) {
        state.clone_into(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner).state);
    }

    pub(super) fn expectation(&self) -> Expectation {
        self.expectation.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note<T>(&self, note: impl FnOnce(&mut Expectation) -> T) -> T {
        note(&mut self.expectation.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something that must hold besides the balances.
    pub(super) fn claim(&self, text: impl Into<String>, holds: bool) {
        let claim = Claim { text: text.into(), holds };
        self.note(|expectation| expectation.claims.push(claim));
    }

    pub(super) fn asset(&self, code: &str) -> Result<Asset, DemoError> {
        self.fixture.grid.asset(code)
    }

    /// The customer, with an identity, a wallet, and a purse of each of these.
    pub(super) async fn me(&self, codes: &[&str]) -> Result<Person, DemoError> {
        self.me_with(codes, Stroops::from_units(PURSE_UNITS)).await
    }

    /// The customer, with so much of each of these.
    pub(super) async fn me_with(&self, codes: &[&str], purse: Stroops) -> Result<Person, DemoError> {
        let me = self.person_with(self.name, codes, purse).await?;
        let path = format!("/v1/identities/{}", self.number);
        self.fixture.explorer.put(&path, &grid::identity(self.name, &me.wallet)).await?;
        Ok(me)
    }

    /// Somebody with XLM, trust lines, and a purse of each of these.
    pub(super) async fn person(&self, name: &str, codes: &[&str]) -> Result<Person, DemoError> {
        self.person_with(name, codes, Stroops::from_units(PURSE_UNITS)).await
    }

    /// Somebody with XLM, trust lines, and so much of each of these.
    async fn person_with(&self, name: &str, codes: &[&str], purse: Stroops) -> Result<Person, DemoError> {
        let known = if name == OPERATOR { OPERATOR.to_owned() } else { format!("{name}-{}", self.number) };
        let assets = codes.iter().map(|code| self.asset(code)).collect::<Result<Vec<_>, _>>()?;
        let wallet = grid::open_wallet(&self.fixture.horizon, &known, &assets).await?;
        let account = wallet.account();
        let trusts = i64::try_from(assets.len()).unwrap_or(i64::MAX);
        self.note(|expectation| {
            expectation.name(Place::Account(account), name);
            expectation.begins(account, Asset::Native, Stroops::new(FRIENDBOT_STROOPS).unwrap_or_default());
            expectation.pays_fee(account, trusts * i64::from(BASE_FEE_STROOPS));
        });
        let give = |asset: Asset| self.fixture.horizon.fund(account, Named::Asset(asset), purse);
        let gifts = assets.iter().filter(|_| !purse.is_zero()).map(|asset| give(*asset));
        futures::future::try_join_all(gifts).await.map_err(|source| wallet_error(name, source))?;
        self.note(|expectation| assets.iter().for_each(|asset| expectation.begins(account, *asset, purse)));
        self.see(READY);
        Ok(Person { name: name.to_owned(), wallet })
    }

    /// Orders; a notable part of the answer is noted.
    pub(super) async fn order(&self, order: &Order) -> Result<Ordered, DemoError> {
        let made = self.fixture.explorer.post("/v1/reservations", &order.body(self.number)).await?;
        let node = order.nodes.first().map_or(grid::NORTH, String::as_str);
        let ordered = Ordered::read(&made, node)?;
        let asks: Vec<String> =
            ordered.options.iter().map(|(asset, amount)| Money(amount.get(), *asset).to_string()).collect();
        let by_the_list = ordered
            .options
            .iter()
            .all(|(asset, amount)| order.costs(asset.code()).is_none_or(|costs| costs == amount.get()));
        let escrow = Place::Account(ordered.escrow);
        self.note(|expectation| {
            expectation.escrows.push(ordered.escrow);
            expectation.name(escrow, "escrow");
            for asset in self.fixture.grid.assets.iter().copied().chain([Asset::Native]) {
                expectation.gains(escrow, asset, 0);
            }
            if !by_the_list {
                expectation
                    .claims
                    .push(Claim { text: format!("{} by the price list", asks.join(", ")), holds: false });
            }
        });
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).asks = asks.join(" or ");
        Ok(ordered)
    }

    /// Something the API must refuse with this code; its answer is noted.
    pub(super) fn refused<T>(&self, answer: Result<T, DemoError>, expected: &str) -> Result<(), DemoError> {
        match answer {
            Err(DemoError::Refused { status, code, detail, .. }) => {
                self.claim(format!("refused with {status} {code}: {detail}"), code == expected);
                if self.seen().state == READY {
                    self.see("refused");
                }
            }
            Err(error) => return Err(error),
            Ok(_) => self.claim(format!("refused with {expected}"), false),
        }
        Ok(())
    }

    /// People do things in one transaction; the first pays its fee.
    pub(super) async fn act(
        &self,
        deeds: &[(&Person, Operation)],
        memo: &Memo,
    ) -> Result<Result<(), Vec<String>>, DemoError> {
        let plain: Vec<(&Wallet, Operation)> =
            deeds.iter().map(|(person, deed)| (&person.wallet, *deed)).collect();
        let Some((first, _)) = deeds.first() else { return Ok(Ok(())) };
        let fee = i64::from(BASE_FEE_STROOPS) * i64::try_from(deeds.len()).unwrap_or(i64::MAX);
        let result = match self.fixture.horizon.act(&plain, memo).await {
            Ok(_) => Ok(()),
            Err(WalletError::Failed { codes }) => Err(codes),
            Err(source) => return Err(wallet_error(&first.name, source)),
        };
        self.note(|expectation| {
            expectation.pays_fee(first.account(), fee);
            if result.is_ok() {
                deeds.iter().for_each(|(person, deed)| told(expectation, person, deed));
            }
        });
        Ok(result)
    }

    /// The same, and it must succeed.
    pub(super) async fn do_it(&self, deeds: &[(&Person, Operation)]) -> Result<(), DemoError> {
        self.act(deeds, &Memo::None).await?.map_err(|codes| {
            let who = deeds.first().map_or("nobody", |(person, _)| person.name.as_str());
            wallet_error(who, WalletError::Failed { codes })
        })
    }

    /// Pays a reservation.
    pub(super) async fn pay(
        &self,
        who: &Person,
        ordered: &Ordered,
        asset: Asset,
        amount: Stroops,
    ) -> Result<(), DemoError> {
        let deed = Operation::Pay { to: Address::Account(ordered.escrow), asset, amount };
        let memo = Memo::Text(format!("p-{}", ordered.id));
        self.act(&[(who, deed)], &memo)
            .await?
            .map_err(|codes| wallet_error(&who.name, WalletError::Failed { codes }))
    }

    /// Pays exactly what is asked for first.
    pub(super) async fn pay_exactly(&self, who: &Person, ordered: &Ordered) -> Result<(), DemoError> {
        let (asset, amount) = ordered.option()?;
        self.pay(who, ordered, asset, amount).await
    }

    /// Money that comes back to its payer.
    pub(super) fn back(&self, who: &Person, asset: Asset, amount: Stroops) {
        self.note(|expectation| {
            expectation.gains(Place::Account(who.account()), asset, amount.get());
            expectation.due.push(format!("{} back to {}", Money(amount.get(), asset), who.name));
        });
    }

    /// Money that waits for its payer in a claimable balance.
    pub(super) fn back_to_claim(&self, who: &Person, asset: Asset, amount: Stroops) {
        let place = Place::Claimable(who.account());
        self.note(|expectation| {
            expectation.name(place, &format!("{}, to claim,", who.name));
            expectation.gains(place, asset, amount.get());
            expectation.due.push(format!(
                "{} to {} as a claimable balance",
                Money(amount.get(), asset),
                who.name
            ));
        });
    }

    /// Money that stays where it is, and is owed.
    pub(super) async fn stays_owed(
        &self,
        to: &Person,
        ordered: &Ordered,
        asset: Asset,
        amount: Stroops,
    ) -> Result<(), DemoError> {
        self.note(|expectation| {
            expectation.gains(Place::Account(ordered.escrow), asset, amount.get());
            expectation.due.push(format!("{} owed to {}", Money(amount.get(), asset), to.name));
        });
        let expected = json!(amount);
        let mut listed = false;
        for _ in 0..LOOKS_MAX {
            let page = self.fixture.operator.get("/v1/liabilities?limit=100").await?;
            let items = page["items"].as_array().cloned().unwrap_or_default();
            listed = items.iter().any(|one| {
                one["reservation_id"] == json!(ordered.id)
                    && one["amount"] == expected
                    && one["kind"] == "deposits"
            });
            if listed {
                break;
            }
            SystemClock.sleep(LOOK).await;
        }
        self.claim("listed among what is owed", listed);
        Ok(())
    }

    /// Waits until the reservation is in this state.
    pub(super) async fn until(&self, ordered: &Ordered, state: &str) -> Result<Value, DemoError> {
        let see = |state: &str| self.see(state);
        let wanted = [state, "settled", "expired", "refunded", "cancelled"];
        let found = self.fixture.explorer.until(&ordered.id, &wanted, see).await?;
        let is = found["state"].as_str().unwrap_or_default();
        self.claim(format!("is {is}"), is == state);
        Ok(found)
    }

    /// Waits until the reservation is settled; what was asked for in `asset` goes to those it is for.
    pub(super) async fn settles(&self, ordered: &Ordered) -> Result<Value, DemoError> {
        let (asset, amount) = ordered.option()?;
        let settled = self.until(ordered, "settled").await?;
        for (who, part) in grid::legs(&ordered.node, asset.code(), amount) {
            self.leg(if who.is_empty() { Grid::farmer(&ordered.node) } else { who }, asset, part);
        }
        Ok(settled)
    }

    /// A part of a settlement, for somebody whom many pay.
    pub(super) fn leg(&self, who: &str, asset: Asset, part: i64) {
        let account = self.fixture.grid.account(who);
        self.note(|expectation| {
            match account {
                Some(account) => expectation.pays(account, asset, part),
                None => expectation.makes(asset, -part),
            }
            let verb = if account.is_some() { who } else { "burned" };
            expectation.due.push(format!("{verb} {}", Money(part, asset)));
        });
    }

    pub(super) async fn cancel(&self, ordered: &Ordered) -> Result<Value, DemoError> {
        self.fixture.explorer.post(&format!("/v1/reservations/{}/cancel", ordered.id), &Value::Null).await
    }

    /// An operator decides about a held reservation.
    pub(super) async fn resolve(&self, ordered: &Ordered, decision: &str) -> Result<(), DemoError> {
        let path = format!("/v1/reservations/{}/resolution", ordered.id);
        self.note(|expectation| expectation.sent.push(format!("an operator decides: {decision}")));
        self.fixture.operator.post(&path, &json!({ "decision": decision })).await.map(drop)
    }

    /// Waits, not for ever, until the ledger looks so.
    pub(super) async fn until_ledger<T>(&self, look: impl Fn(&Sandbox) -> Option<T>) -> Option<T> {
        for _ in 0..LOOKS_MAX {
            if let Some(found) = look(&self.fixture.sandbox) {
                return Some(found);
            }
            SystemClock.sleep(LOOK).await;
        }
        None
    }

    /// Waits, not for ever, until such a payment came to somebody, and notes whether it did.
    pub(super) async fn receives(
        &self,
        who: &Person,
        text: &str,
        is_it: impl Fn(&Received) -> bool,
    ) -> Result<(), DemoError> {
        let mut came = false;
        for _ in 0..LOOKS_MAX {
            let all = self.fixture.horizon.received(who.account()).await;
            came = all.map_err(|source| wallet_error(&who.name, source))?.iter().any(&is_it);
            if came {
                break;
            }
            SystemClock.sleep(LOOK).await;
        }
        self.claim(text, came);
        Ok(())
    }
}

/// What one deed changes, and how it reads.
fn told(expectation: &mut Expectation, who: &Person, deed: &Operation) {
    let place = Place::Account(who.account());
    let name = &who.name;
    let line = match *deed {
        Operation::Pay { asset, amount, .. } => {
            expectation.gains(place, asset, -amount.get());
            format!("{name} pays {}", Money(amount.get(), asset))
        }
        Operation::PathPayment { send: with, send_max: at_most, asset, amount, .. } => {
            expectation.gains(place, with, -at_most.get());
            format!("{name} pays {} for {}", Money(at_most.get(), with), Money(amount.get(), asset))
        }
        Operation::Clawback { asset, amount, .. } => {
            expectation.makes(asset, -amount.get());
            format!("the issuer takes {} back", Money(amount.get(), asset))
        }
        Operation::Trust { asset, limit } if limit.is_zero() => {
            format!("{name} drops the {} trust line", asset.code())
        }
        Operation::Trust { asset, .. } => format!("{name} trusts {}", asset.code()),
        Operation::Claim(_) => format!("{name} claims it"),
        Operation::Freeze { frozen: true, .. } => "the issuer freezes the account".to_owned(),
        Operation::Freeze { frozen: false, .. } => "the issuer lets it go".to_owned(),
        Operation::RequireMemo => format!("{name} demands memos"),
        Operation::Merge { .. } => format!("{name} closes the account"),
        Operation::SellOffer { .. } | Operation::EnableClawback => return,
    };
    expectation.sent.push(line);
}
