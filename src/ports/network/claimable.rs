//! Claimable balances on the ledger, and how they ended.

use jiff::Timestamp;

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::{OperationId, TxHash};
use crate::domain::money::Stroops;

/// A claimable balance on the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimableRecord {
    /// Its id as Horizon writes it.
    pub id: String,
    /// Its asset.
    pub asset: Asset,
    /// What it holds, in stroops.
    pub amount: Stroops,
    /// Who pays its reserve: as a rule who made it.
    pub sponsor: Option<AccountId>,
}

/// One page of claimable balances.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimablePage {
    /// The balances. One that cannot be read is left out (and logged).
    pub balances: Vec<ClaimableRecord>,
    /// Where the next page goes on; `None` if this was the last.
    pub next: Option<String>,
}

/// How a claimable balance ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimableEnd {
    /// The operation that ended it.
    pub operation: OperationId,
    /// Its transaction.
    pub transaction: TxHash,
    /// When its ledger closed.
    pub at: Timestamp,
    /// Who claimed it; `None` if the issuer took it back.
    pub claimed_by: Option<AccountId>,
}
