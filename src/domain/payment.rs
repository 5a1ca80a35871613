//! Money that came in.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::address::{AccountId, Address};
use super::asset::Asset;
use super::ids::{IdError, LedgerSeq, OperationId, TxHash};
use super::money::Stroops;

/// What identifies a payment for ever: the operation, and which of its movements (a contract call may
/// move several).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PaymentId {
    /// The operation.
    pub operation: OperationId,
    /// The movement within it, from 0; classic operations have just that one.
    pub change: u16,
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.operation, self.change)
    }
}

impl FromStr for PaymentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (operation, change) = text.split_once('-').ok_or(IdError)?;
        Ok(Self { operation: operation.parse()?, change: change.parse().map_err(|_| IdError)? })
    }
}

super::address::serde_as_text!(PaymentId);

/// A transaction's memo.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum Memo {
    /// No memo.
    #[default]
    None,
    /// At most 28 bytes; what is not UTF-8 has been replaced.
    Text(String),
    /// A number.
    Id(u64),
    /// 32 bytes.
    Hash(TxHash),
    /// 32 bytes: the hash of the transaction whose money is returned.
    Return(TxHash),
}

/// How money came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentKind {
    /// A plain payment.
    Payment,
    /// A path payment; the amount is what arrived.
    PathPayment,
    /// The starting balance of an account that was created.
    CreateAccount,
    /// A contract moved a Stellar asset.
    ContractTransfer,
    /// An account was merged into ours with all its XLM; whoever sent it no longer exists.
    Merge,
    /// A claimable balance was claimed for our account.
    Claim,
}

impl PaymentKind {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::PathPayment => "path_payment",
            Self::CreateAccount => "create_account",
            Self::ContractTransfer => "contract_transfer",
            Self::Merge => "account_merge",
            Self::Claim => "claim_claimable_balance",
        }
    }
}

/// One movement of money into an account of ours, as the ledger recorded it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// Its identity.
    pub id: PaymentId,
    /// How it came.
    pub kind: PaymentKind,
    /// Our account that was credited.
    pub to: AccountId,
    /// The sub-account of ours that was named, if any.
    pub to_muxed_id: Option<u64>,
    /// Who paid, as precisely as the ledger says: a muxed address where it was one, a
    /// contract, or `None` for an asset minted by a contract without a sender.
    pub from: Option<Address>,
    /// What arrived.
    pub asset: Asset,
    /// How much arrived, in stroops.
    pub amount: Stroops,
    /// The transaction that carried it.
    pub transaction: TxHash,
    /// The ledger it is in.
    pub ledger: LedgerSeq,
    /// When that ledger closed: the time that decides whether the payment was in time.
    pub closed_at: Timestamp,
    /// The transaction's memo.
    pub memo: Memo,
}

/// What a payment was taken for when it was ingested; never changed afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribution {
    /// Counted towards its reservation.
    Counted,
    /// For a reservation that no longer takes money: to be sent back.
    Late,
    /// In an asset that does not pay its reservation: to be sent back.
    OtherAsset,
    /// Money that belongs to no reservation: it came to an account that none has, or in a way that
    /// pays nothing.
    Unassigned,
    /// From a funding account of the operator, to the platform or a channel.
    TopUp,
}

impl Attribution {
    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Late => "late",
            Self::OtherAsset => "other_asset",
            Self::Unassigned => "unassigned",
            Self::TopUp => "top_up",
        }
    }
}
