//! Claimable balances that strangers made for accounts of ours.
//!
//! They are listed for a person, with who pays their reserve, and never claimed by the engine: claiming takes a trust line,
//! and would invite dust. Those whose reserve the platform pays are of our own making, and nothing new.

use jiff::SignedDuration;

use super::{Engine, EngineError};
use crate::domain::address::AccountId;
use crate::domain::escrow::ChannelRole;
use crate::ports::store::{WaitingBalance, transact};

/// Pause between two looks for the platform's, with which one channel's are looked for too.
const LOOK_PAUSE: SignedDuration = SignedDuration::from_mins(10);
/// Most pages read for one account: more than a stranger will pay reserves for.
const WAITING_PAGES_MAX: u32 = 5;

impl Engine {
    /// Looks for claimable balances for the platform and, in turn, for a channel.
    pub(super) async fn look_for_waiting_balances(&self) -> Result<(), EngineError> {
        let now = self.clock.now();
        let turn = match self.memory().waiting_looked {
            Some((not_before, _)) if now < not_before => return Ok(()),
            looked => looked.map_or(0, |(_, turn)| turn),
        };
        let channels = self.store.begin_read().await?.channels().await?;
        let (platform, channels): (Vec<_>, Vec<_>) = channels
            .into_iter()
            .filter(|channel| channel.opening.is_none())
            .partition(|channel| channel.role == ChannelRole::Platform);
        let next = channels.get(turn % channels.len().max(1));
        for channel in platform.iter().chain(next) {
            self.look_for_waiting(channel.account).await?;
        }
        let not_before = now.checked_add(LOOK_PAUSE).unwrap_or(now);
        self.memory().waiting_looked = Some((not_before, turn.wrapping_add(1)));
        Ok(())
    }

    /// Stores which claimable balances strangers have made for an account of ours.
    pub(super) async fn look_for_waiting(&self, claimant: AccountId) -> Result<(), EngineError> {
        let (platform, seen_at) = (self.network.platform(), self.clock.now());
        let (mut waiting, mut after) = (Vec::new(), None);
        for _ in 0..WAITING_PAGES_MAX {
            let page = self.network.claimable_balances(claimant, after).await?;
            let strangers = page.balances.into_iter().filter(|balance| balance.sponsor != Some(platform));
            waiting.extend(strangers.map(|balance| WaitingBalance {
                id: balance.id,
                claimant,
                asset: balance.asset,
                amount: balance.amount,
                sponsor: balance.sponsor,
                seen_at,
            }));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        transact(&self.store, move |tx| {
            let waiting = waiting.clone();
            Box::pin(async move { Ok(tx.set_waiting_balances(claimant, &waiting).await?) })
        })
        .await
    }
}
