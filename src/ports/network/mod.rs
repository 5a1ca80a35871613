//! The Stellar network as the engine needs it: what the ledger says, and transactions built and sent.
//!
//! The port is in three parts, because not every server has all of it:
//!
//! - [`Gateway`]: the ledger as it is, which the engine needs with every tick, and sending. Any node's API
//!   has this.
//! - [`History`]: what only an index over all ledgers can tell, as Horizon has it: the accounts of a signer,
//!   one account's history, the claimable balances of a claimant.
//! - [`TransactionBuilder`]: envelopes built and signed, which asks no server.
//!
//! [`Network`] is all three. Answers come from a Horizon that may lag, lie down, or be two machines at
//! different ledgers behind one address. The types keep apart what is known from what is not: an absent
//! record and a refused submission prove nothing (`docs/adr/0004-how-dead-is-proved.md`).

mod account;
mod claimable;
mod error;
mod history;
mod stream;
mod transaction;

use async_trait::async_trait;

pub use account::{AccountAnswer, AccountControl, AccountPage, AccountSnapshot, Balance};
pub use claimable::{ClaimableEnd, ClaimablePage, ClaimableRecord};
pub use error::{BuildError, NetworkError};
pub use history::{
    EffectId, EffectKind, EffectRecord, HistoryRecord, Ledger, Movement, OperationRecord, PAGE_RECORDS_MAX,
    PaymentRecord,
};
pub use stream::{Feed, Heard, Spending};
pub use transaction::{
    Body, Closing, PaymentOperation, Removed, Sent, SignedFeeBump, SignedTransaction,
    TRANSACTION_OPERATIONS_MAX, TRANSACTION_SIGNATURES_MAX, TransactionPlan, TransactionRecord,
    payment_places,
};

use crate::domain::address::AccountId;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::domain::ledger::Divergence;

/// The ledger as it is: the latest one, balances of known accounts, outcomes by hash, and sending.
///
/// # Errors
/// Every question may end in any [`NetworkError`]; then nothing is known, and it may be asked again.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// The latest closed ledger that Horizon has.
    async fn tip(&self) -> Result<Ledger, NetworkError>;

    /// A closed ledger; `None` if the instance that answered does not have it (yet).
    async fn ledger(&self, sequence: LedgerSeq) -> Result<Option<Ledger>, NetworkError>;

    /// What the network, whose latest ledger is `tip`, says against a ledger that was `seen` before. It is
    /// asked for that ledger, too, where it should have it; one that it does not keep any more proves
    /// nothing.
    async fn divergence(&self, seen: Ledger, tip: Ledger) -> Result<Option<Divergence>, NetworkError> {
        if let Some(divergence) = Divergence::between(seen, tip) {
            return Ok(Some(divergence));
        }
        if tip.sequence <= seen.sequence {
            return Ok(None);
        }
        let kept = self.ledger(seen.sequence).await?;
        Ok(kept.and_then(|kept| Divergence::between(seen, kept)))
    }

    /// An account with its balances, as of one ledger.
    async fn account(&self, account: AccountId) -> Result<AccountAnswer, NetworkError>;

    /// A transaction by its hash, also a failed one; `None` proves nothing.
    async fn transaction(&self, hash: TxHash) -> Result<Option<TransactionRecord>, NetworkError>;

    /// Sends an envelope. Sending the same one again is always safe.
    async fn send(&self, envelope: &str) -> Sent;

    /// Follows all payments of the network after `after`; `None` begins with what comes next. There may be no
    /// such feed.
    fn feed(&self, after: Option<OperationId>) -> Option<Box<dyn Feed>> {
        let _ = after;
        None
    }

    /// The request budget; without a limit, unless the client has one.
    fn spending(&self) -> Spending {
        Spending::default()
    }
}

/// What an index over all ledgers tells, as Horizon keeps it.
///
/// # Errors
/// Those of [`Gateway`].
#[async_trait]
pub trait History: Send + Sync {
    /// One page, of at most [`PAGE_RECORDS_MAX`], of the accounts the platform's key signs for, after
    /// `after`.
    async fn watched_accounts(&self, after: Option<AccountId>) -> Result<AccountPage, NetworkError>;

    /// The records of an account's payment history after `after`, ascending, at most `limit` of them,
    /// with their transactions' memos. Empty if there are none (yet), also for an account without history.
    async fn payments(
        &self,
        account: AccountId,
        after: OperationId,
        limit: usize,
    ) -> Result<Vec<HistoryRecord>, NetworkError>;

    /// The effects on an account after `after` (from the beginning without), ascending, at most `limit` of
    /// them. Every change of a balance but a fee is among them, also what no payment list tells: merges,
    /// clawbacks, claims and trades.
    async fn effects(
        &self,
        account: AccountId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<EffectRecord>, NetworkError>;

    /// One operation of whatever type; `None` proves nothing.
    async fn operation(&self, operation: OperationId) -> Result<Option<OperationRecord>, NetworkError>;

    /// One page of the claimable balances that name `claimant`, after `after` (a page's `next`).
    async fn claimable_balances(
        &self,
        claimant: AccountId,
        after: Option<String>,
    ) -> Result<ClaimablePage, NetworkError>;

    /// The transaction that used up `sequence` of `account`; `None` proves nothing.
    async fn transaction_using(
        &self,
        account: AccountId,
        sequence: i64,
    ) -> Result<Option<TransactionRecord>, NetworkError>;

    /// What became of `sequence` of an account that was merged into another; `None` proves nothing.
    async fn removed(&self, account: AccountId, sequence: i64) -> Result<Option<Removed>, NetworkError>;

    /// How a claimable balance ended, from its history; `None` proves nothing.
    async fn claimable_end(&self, id: ClaimableId) -> Result<Option<ClaimableEnd>, NetworkError>;
}

/// Transactions of the platform, built and signed. Asks the signer, and no server.
///
/// # Errors
/// [`BuildError`], and nothing was sent.
#[async_trait]
pub trait TransactionBuilder: Send + Sync {
    /// The platform's account, which sponsors every account of ours.
    fn platform(&self) -> AccountId;

    /// How many escrow accounts that trust `assets` credits each one transaction can open; a larger
    /// [`Body::OpenEscrows`] cannot be built.
    fn escrows_per_transaction(&self, assets: usize) -> u16;

    /// How many channel accounts one transaction can open; a larger [`Body::OpenChannels`] cannot be built.
    fn channels_per_transaction(&self) -> u16;

    /// Builds and signs a transaction.
    async fn build(&self, plan: &TransactionPlan) -> Result<SignedTransaction, BuildError>;

    /// Wraps an envelope of ours in a fee bump that the platform pays, and signs it. It bids this per
    /// operation, or what the envelope bids if that is more.
    async fn bump_fee(&self, envelope: &str, fee_per_operation: u32) -> Result<SignedFeeBump, BuildError>;
}

/// The network. Implemented by `stellar` only; the simulator and tests stand before it.
pub trait Network: Gateway + History + TransactionBuilder {}

impl<T: Gateway + History + TransactionBuilder> Network for T {}
