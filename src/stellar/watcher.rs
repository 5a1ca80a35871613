//! Finds our accounts and what changed: pages of the accounts that the platform's key signs for.
//!
//! Its cost is one request per 200 accounts, however many reservations are open. A payment of a credit
//! touches only the balance line, so an account's last change is the latest of its own and all its lines'.
//! Never here: what a change means. One account that cannot be read is left out of its page, loudly; a page
//! of nothing else fails.

use std::collections::BTreeSet;

use crate::domain::address::AccountId;
use crate::domain::ids::LedgerSeq;
use crate::ports::network::{AccountPage, AccountSnapshot, NetworkError, PAGE_RECORDS_MAX};
use crate::stellar::horizon::budget::Urgency;
use crate::stellar::horizon::client::{HorizonClient, found, unreadable};
use crate::stellar::horizon::{json, resources};

/// What is logged of an account that cannot be read.
const RECORD_LOG_CHARS_MAX: usize = 1_000;

const WHAT: &str = "/accounts?signer=";

/// One page of the accounts that `signer` signs for, after `after`, in address order.
///
/// Without a `Latest-Ledger` header the page's ledger is the latest change on it: an answer cannot be older
/// than what it shows, while any other guess could be too late.
pub async fn accounts_of(
    horizon: &HorizonClient,
    signer: AccountId,
    after: Option<AccountId>,
) -> Result<AccountPage, NetworkError> {
    let cursor = after.map(|account| account.to_string()).unwrap_or_default();
    let target = format!("/accounts?cursor={cursor}&limit={PAGE_RECORDS_MAX}&order=asc&signer={signer}");
    let answer = horizon.get_as(Urgency::Patient, WHAT, target).await?;
    let records = json::page(found(WHAT, &answer)?).map_err(|error| unreadable(WHAT, &error))?;
    let full = records.len() >= PAGE_RECORDS_MAX;
    let mut accounts: Vec<AccountSnapshot> = Vec::with_capacity(records.len());
    let mut failure = None;
    for record in records {
        match resources::account(record) {
            Ok(account) => accounts.push(account),
            Err(error) => {
                metrics::counter!("farmgate_horizon_unreadable_accounts_total").increment(1);
                let record: String = record.chars().take(RECORD_LOG_CHARS_MAX).collect();
                tracing::error!(%error, record, "an account of ours cannot be read and is not watched");
                failure = Some(error);
            }
        }
    }
    if let (true, Some(error)) = (accounts.is_empty(), failure) {
        return Err(unreadable(WHAT, &error));
    }
    let distinct: BTreeSet<AccountId> = accounts.iter().map(|account| account.account).collect();
    if distinct.len() < accounts.len() || after.is_some_and(|after| distinct.contains(&after)) {
        let reason = "the page repeats accounts".to_owned();
        return Err(NetworkError::Unreadable { what: WHAT, reason });
    }
    let ledger = answer.latest_ledger.unwrap_or_else(|| {
        tracing::warn!("Horizon sends no Latest-Ledger header: something between us takes it away");
        accounts.iter().map(|account| account.last_modified).max().unwrap_or(LedgerSeq(0))
    });
    let next = if full { accounts.last().map(|account| account.account) } else { None };
    Ok(AccountPage { ledger, accounts, next })
}
