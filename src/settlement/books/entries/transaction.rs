//! A transaction of ours is in a ledger: its fee, and what it moved between accounts of ours.
//!
//! | debit | credit | when |
//! | --- | --- | --- |
//! | `network_fees` | `stellar:CHANNEL` | its fee, if an account of ours paid it |
//! | `stellar:CHANNEL` | `stellar:PLATFORM` | it opened channels, or topped them up |
//! | `stellar:PLATFORM` | `claimable_balances` | it reclaimed balances, which stay owed |
//! | `stellar:PLATFORM` | `stellar:ESCROW` | it merged escrow accounts, with what they still held |

use super::new_entry::NewEntry;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::claimable::Claimable;
use crate::domain::ids::SubmissionId;
use crate::domain::journal::{BookAccount, Cause, Postings};
use crate::domain::money::Stroops;
use crate::ports::network::TransactionRecord;

/// What a transaction in a ledger moved, so far as it is known yet.
#[derive(Debug, Default)]
pub(in crate::settlement) struct TransactionEntry(Postings);

impl TransactionEntry {
    /// The network took its fee from an account of ours.
    pub(in crate::settlement) fn fee(&mut self, record: &TransactionRecord) {
        let payer = BookAccount::Stellar(record.fee_account);
        self.0.movement(Asset::Native, record.fee_charged, BookAccount::NetworkFees, payer);
    }

    /// XLM went from one account of ours to another.
    pub(in crate::settlement) fn xlm(&mut self, amount: Stroops, to: AccountId, from: AccountId) {
        self.swept(Asset::Native, amount, to, from);
    }

    /// A balance was reclaimed by the platform.
    pub(in crate::settlement) fn reclaimed(&mut self, claimable: &Claimable, platform: AccountId) {
        let (to, from) = (BookAccount::Stellar(platform), BookAccount::ClaimableBalances);
        self.0.movement(claimable.asset, claimable.amount, to, from);
    }

    /// What an account still held went to another account of ours.
    pub(in crate::settlement) fn swept(
        &mut self,
        asset: Asset,
        amount: Stroops,
        to: AccountId,
        from: AccountId,
    ) {
        self.0.movement(asset, amount, BookAccount::Stellar(to), BookAccount::Stellar(from));
    }

    /// The entry of a transaction that took effect.
    pub(in crate::settlement) fn confirmed(self, id: SubmissionId, record: &TransactionRecord) -> NewEntry {
        NewEntry { cause: Cause::Confirmed(id), reservation: None, at: record.closed_at, postings: self.0 }
    }

    /// The entry of a transaction without effect.
    pub(in crate::settlement) fn failed(self, id: SubmissionId, record: &TransactionRecord) -> NewEntry {
        NewEntry { cause: Cause::Failed(id), reservation: None, at: record.closed_at, postings: self.0 }
    }
}
