//! What an account still holds when it is to be closed, and that is owed to somebody whom
//! it cannot be sent to.
//!
//! A stroop that cannot go back must not keep an account open for ever. XLM goes home with the merge; tokens,
//! after a long while, are paid to the platform's account in the transaction that closes theirs. Both stay
//! owed as before, and from then on go from the platform's account.

use std::collections::BTreeMap;

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::journal::BookAccount;
use crate::domain::money::Stroops;
use crate::domain::transfer::Transfer;
use crate::ports::store::{LIST_ROWS_MAX, Pages, Tx};
use crate::settlement::EngineError;

/// Most pages of returns owed from one account that are read; one that owes more stays open.
const OWED_PAGES_MAX: u32 = 20;

/// What an account has left, by the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::settlement) enum Left {
    /// It holds nothing and owes nothing.
    Nothing,
    /// All it holds is owed as returns that wait: these tokens, and XLM or not.
    Waiting(Vec<(Asset, Stroops)>),
    /// It holds or owes something else, or something is on its way.
    More,
}

/// What an account has left; `waits` tells of a pending return whether it cannot be sent.
pub(in crate::settlement) async fn left_on(
    tx: &mut dyn Tx,
    account: AccountId,
    waits: &(dyn Fn(&Transfer) -> bool + Send + Sync),
) -> Result<Left, EngineError> {
    let held = tx.balances_of(BookAccount::Stellar(account)).await?;
    if held.is_empty() {
        return Ok(if tx.money_is_owed_from(account).await? { Left::More } else { Left::Nothing });
    }
    if tx.money_leaves(account).await? {
        return Ok(Left::More);
    }
    let Some(owed) = owed_and_waiting(tx, account, waits).await? else { return Ok(Left::More) };
    let held: BTreeMap<Asset, i128> =
        held.into_iter().map(|(asset, amount)| (asset, i128::from(amount))).collect();
    if owed != held {
        return Ok(Left::More);
    }
    let tokens = held.into_iter().filter(|(asset, _)| *asset != Asset::Native);
    let tokens = tokens.map(|(asset, amount)| {
        let stroops = i64::try_from(amount).unwrap_or(i64::MAX);
        Ok((asset, Stroops::new(stroops)?))
    });
    Ok(Left::Waiting(tokens.collect::<Result<_, EngineError>>()?))
}

/// The sums of the returns that are owed from an account; `None` if one of them does not wait.
async fn owed_and_waiting(
    tx: &mut dyn Tx,
    account: AccountId,
    waits: &(dyn Fn(&Transfer) -> bool + Send + Sync),
) -> Result<Option<BTreeMap<Asset, i128>>, EngineError> {
    let (mut owed, mut pages) = (BTreeMap::<Asset, i128>::new(), Pages::new());
    for _ in 0..OWED_PAGES_MAX {
        let Some(after) = pages.after() else { break };
        let page = tx.pending_refunds_from(account, after, LIST_ROWS_MAX).await?;
        pages.turn_after(&page, |transfer| transfer.id);
        if !page.iter().all(waits) {
            return Ok(None);
        }
        for transfer in &page {
            *owed.entry(transfer.asset).or_default() += i128::from(transfer.amount.get());
        }
    }
    Ok(pages.after().is_none().then_some(owed))
}
