//! Claimable balances that strangers made for accounts of ours.
//!
//! They are listed for a person, with who pays their reserve, and never claimed by the engine: claiming takes
//! a trust line, and would invite dust. Those whose reserve the platform pays are of our own making, and
//! nothing new.
//!
//! One that is worth something keeps its escrow account open, so that a person can decide, but for a while
//! only: nobody may lock our reserves for ever. Then it is out of reach, and stays listed.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::currency::{Currency, least_worth};
use crate::domain::escrow::{ChannelRole, EscrowState};
use crate::domain::money::Stroops;
use crate::ports::network::Ledger;
use crate::ports::store::{ForeignClaimable, LIST_ROWS_MAX};
use crate::settlement::books::work::Ports;
use crate::settlement::memory::Memory;
use crate::settlement::{EngineError, TickReport};

/// For how long an escrow account stays open at most for what strangers put aside for it, after it could have
/// been closed: 30 days, in seconds of ledger time.
pub const WAITING_SECONDS_MAX: i64 = 30 * 86_400;
/// The least XLM that an account stays open for: the reserve of one claimable balance.
const WAITING_XLM_MIN: Stroops = Stroops::from_units(1);
/// Pause between two looks at an account that stays open.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// Pause between two looks for the platform's, with which one channel's are looked for too.
const LOOK_PAUSE: SignedDuration = SignedDuration::from_mins(10);
/// Most pages read for one account: more than a stranger will pay reserves for.
const WAITING_PAGES_MAX: u32 = 5;

/// The step that looks for claimable balances that strangers made for accounts of ours.
pub(in crate::settlement) struct ForeignClaimables {
    ports: Arc<Ports>,
    /// When they are looked for again, and how often they were.
    looked: Memory<Option<(Timestamp, usize)>>,
}

impl ForeignClaimables {
    pub(in crate::settlement) fn new(ports: Arc<Ports>) -> Self {
        Self { ports, looked: Memory::default() }
    }

    /// Looks for claimable balances for the platform and, in turn, for a channel.
    pub(in crate::settlement) async fn run(&self, report: &mut TickReport) -> Result<(), EngineError> {
        let now = self.ports.now();
        let looked = *self.looked.lock();
        let turn = match looked {
            Some((not_before, _)) if now < not_before => return Ok(()),
            looked => looked.map_or(0, |(_, turn)| turn),
        };
        let channels = self.ports.readable(self.ports.read().await?.channels().await?);
        let (platform, channels): (Vec<_>, Vec<_>) = channels
            .into_iter()
            .filter(|channel| channel.opening.is_none())
            .partition(|channel| channel.role == ChannelRole::Platform);
        let next = channels.get(turn % channels.len().max(1));
        for channel in platform.iter().chain(next) {
            let looked = self.look_for(channel.account).await;
            report.isolate(&format!("claimable balances for {}", channel.account), looked.map(drop))?;
        }
        let not_before = now.checked_add(LOOK_PAUSE).unwrap_or(now);
        *self.looked.lock() = Some((not_before, turn.wrapping_add(1)));
        Ok(())
    }

    /// Stores, and gives, which claimable balances strangers have made for an account of ours.
    pub(in crate::settlement) async fn look_for(
        &self,
        claimant: AccountId,
    ) -> Result<Vec<ForeignClaimable>, EngineError> {
        let (platform, seen_at) = (self.ports.network.platform(), self.ports.now());
        let (mut waiting, mut after) = (Vec::new(), None);
        for _ in 0..WAITING_PAGES_MAX {
            let page = self.ports.network.claimable_balances(claimant, after).await?;
            let strangers = page.balances.into_iter().filter(|balance| balance.sponsor != Some(platform));
            waiting.extend(strangers.map(|balance| ForeignClaimable {
                id: balance.id,
                claimant,
                asset: balance.asset,
                amount: balance.amount,
                sponsor: balance.sponsor,
                seen_at,
                out_of_reach_at: None,
            }));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.ports
            .transact(move |work| {
                let waiting = waiting.clone();
                Box::pin(async move {
                    work.set_foreign_claimables(claimant, &waiting).await?;
                    Ok(waiting)
                })
            })
            .await
    }

    /// Until when an escrow account stays open for what strangers put aside for it; `None` if it may
    /// be closed now.
    pub(in crate::settlement) async fn stays_open_until(
        &self,
        claimant: AccountId,
        tip: Ledger,
    ) -> Result<Option<Timestamp>, EngineError> {
        let waiting = self.look_for(claimant).await?;
        if waiting.is_empty() {
            return Ok(None);
        }
        let mut tx = self.ports.read().await?;
        // What a balance is worth must be known: nobody could claim it once the account is gone.
        let currencies = tx.currencies(None, LIST_ROWS_MAX).await?.all()?;
        let (usd, now) = (self.ports.settings.refund_claimable_min_usd, self.ports.now());
        let Some(balance) = waiting.iter().find(|balance| is_worth_waiting(balance, &currencies, usd, now))
        else {
            return Ok(None);
        };
        let escrow = tx.escrow(claimant).await?;
        let Some(EscrowState::Assigned { reservation }) = escrow.map(|escrow| escrow.state) else {
            return Ok(None);
        };
        let ended = tx.reservation(reservation).await?.and_then(|reservation| reservation.state.ended_at());
        let open_seconds = self.ports.settings.quiet_period_seconds + WAITING_SECONDS_MAX;
        let bound = ended.and_then(|ended| ended.checked_add(SignedDuration::from_secs(open_seconds)).ok());
        let Some(bound) = bound.filter(|bound| tip.closed_at < *bound) else { return Ok(None) };
        tracing::warn!(
            account = %claimant, balance = %balance.id, until = %bound,
            "stays open for a stranger's claimable balance");
        let again = tip.closed_at.checked_add(LOOK_AGAIN).unwrap_or(bound);
        Ok(Some(bound.min(again)))
    }
}

/// True unless a balance is known to be worth less than a claimable balance of ours would have to be.
fn is_worth_waiting(
    balance: &ForeignClaimable,
    currencies: &[Currency],
    usd: Decimal,
    now: Timestamp,
) -> bool {
    if balance.asset == Asset::Native {
        return balance.amount >= WAITING_XLM_MIN;
    }
    let mut of_asset = currencies.iter().filter(|currency| currency.asset == balance.asset).peekable();
    if of_asset.peek().is_none() || of_asset.any(|currency| currency.free_only) {
        return false;
    }
    least_worth(currencies, balance.asset, usd, now).is_none_or(|least| balance.amount >= least)
}
