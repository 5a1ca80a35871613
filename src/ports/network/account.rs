//! Accounts as of one ledger: balances, signers, reserves.

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::LedgerSeq;
use crate::domain::money::Stroops;

/// One balance of an account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Balance {
    /// The asset: XLM, or a trust line's.
    pub asset: Asset,
    /// The whole balance, in stroops; what offers or reserves bind is part of it.
    pub amount: Stroops,
    /// The most that the trust line may hold, in stroops; `None` for XLM.
    pub limit: Option<Stroops>,
    /// False if the issuer has not authorized the line, or no longer: it can neither receive nor send.
    pub authorized: bool,
}

/// Who signs for an account, and what its reserves are counted from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountControl {
    /// Its ed25519 signers with their weights, its own key among them; those of weight 0 may be left out.
    pub signers: Vec<(AccountId, u32)>,
    /// Low, medium and high threshold.
    pub thresholds: [u32; 3],
    /// Its trust lines, offers, signers and data entries.
    pub subentries: u32,
    /// How many reserves it pays for others.
    pub sponsoring: u32,
    /// How many reserves others pay for it.
    pub sponsored: u32,
}

impl AccountControl {
    /// How much `key` weighs; 0 if it is no signer. Horizon has been seen to list a key twice: the larger
    /// counts.
    pub fn weight_of(&self, key: AccountId) -> u32 {
        let of_key = self.signers.iter().filter(|(signer, _)| *signer == key);
        of_key.map(|(_, weight)| *weight).max().unwrap_or(0)
    }
}

/// An account as of one ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountSnapshot {
    /// The account.
    pub account: AccountId,
    /// The last sequence number used up.
    pub sequence: i64,
    /// Its balances; XLM is always among them. Pool shares are left out.
    pub balances: Vec<Balance>,
    /// The latest ledger that changed the account **or any of its balance lines**: a payment of a credit does
    /// not touch the account's own entry.
    pub last_modified: LedgerSeq,
    /// Who sponsors it, if anybody.
    pub sponsor: Option<AccountId>,
    /// True if a payment to it must carry a memo (SEP-29).
    pub memo_required: bool,
    /// Who signs for it and what its reserves are counted from; `None` if the answer left part of it out.
    pub control: Option<AccountControl>,
}

impl AccountSnapshot {
    /// True if there is anything that could be paid from it.
    pub fn holds_anything(&self) -> bool {
        self.balances.iter().any(|balance| !balance.amount.is_zero())
    }
}

/// The answer to a question about one account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountAnswer {
    /// A ledger that the answer is not older than: its `Latest-Ledger`. Without that header the account's
    /// last change; 0 if there is no account either, so that nothing can be concluded.
    pub ledger: LedgerSeq,
    /// The account; `None` if it was not there **on the instance that answered**.
    pub account: Option<AccountSnapshot>,
}

/// One page of the accounts that the platform's key signs for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountPage {
    /// A ledger that the answer is not older than: its `Latest-Ledger`; without that header the latest change
    /// on the page.
    pub ledger: LedgerSeq,
    /// The accounts, in address order. One that cannot be read is left out (and logged): absence proves
    /// nothing.
    pub accounts: Vec<AccountSnapshot>,
    /// Where the next page goes on; `None` if this was the last.
    pub next: Option<AccountId>,
}
