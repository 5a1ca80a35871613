//! Operations of people and issuers, to be put into transactions: by the wallet over HTTP, or in process
//! ([`submission`](crate::submission)).

use stellar_xdr::{
    AccountFlags, ChangeTrustOp, ClaimClaimableBalanceOp, ClawbackOp, DataValue, ManageDataOp,
    ManageSellOfferOp, MuxedAccount, OperationBody, PathPaymentStrictReceiveOp, PaymentOp, Price,
    SetOptionsOp, SetTrustLineFlagsOp, String64, TrustLineFlags, Uint256,
};

use stellar_types::address::{AccountId, Address};
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

use crate::ledger::balances::BalanceId;
use crate::xdr::{XdrError, muxed, xdr_account, xdr_asset, xdr_trusted};

/// The data entry by which an account demands a memo of whoever pays it (SEP-29), and its value.
const MEMO_REQUIRED: (&str, &[u8]) = ("config.memo_required", b"1");

/// One operation of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Pays.
    Pay {
        /// Whom.
        to: Address,
        /// In what.
        asset: Asset,
        /// How much.
        amount: Stroops,
    },
    /// Pays in one asset so that an exact amount of another arrives, through the order book.
    PathPayment {
        /// Whom.
        to: Address,
        /// What leaves.
        send: Asset,
        /// How much of it at most.
        send_max: Stroops,
        /// What arrives.
        asset: Asset,
        /// How much of it.
        amount: Stroops,
    },
    /// Offers to sell one asset for another.
    SellOffer {
        /// What is sold.
        selling: Asset,
        /// How much of it.
        amount: Stroops,
        /// For what.
        buying: Asset,
        /// How many units of that for each unit.
        price: i32,
    },
    /// Opens a trust line, or sets its limit; a limit of zero closes it.
    Trust {
        /// For what.
        asset: Asset,
        /// The most that is held.
        limit: Stroops,
    },
    /// Claims a claimable balance.
    Claim(BalanceId),
    /// Demands a memo of whoever pays from now on (SEP-29).
    RequireMemo,
    /// Merges the account into another, which gets its XLM.
    Merge {
        /// Into which.
        into: AccountId,
    },
    /// As an issuer: may from now on freeze lines, and claw back what is on lines opened from now on.
    EnableClawback,
    /// As an issuer: freezes a line, or lets it be used again.
    Freeze {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: Asset,
        /// Frozen, or usable.
        frozen: bool,
    },
    /// As an issuer: claws tokens back.
    Clawback {
        /// From whom.
        from: AccountId,
        /// Which.
        asset: Asset,
        /// How many.
        amount: Stroops,
    },
}

/// Why an operation cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// A contract cannot be paid.
    #[error("{to} cannot receive a payment")]
    Unpayable {
        /// The address.
        to: Address,
    },
    /// A value that does not fit the network's form.
    #[error(transparent)]
    Xdr(#[from] XdrError),
}

fn plain(account: AccountId) -> MuxedAccount {
    MuxedAccount::Ed25519(Uint256(account.0))
}

/// An address that a payment can go to, or a transaction can come from.
pub fn payable(to: Address) -> Result<MuxedAccount, OperationError> {
    muxed(to).ok_or(OperationError::Unpayable { to })
}

fn require_memo() -> Result<OperationBody, OperationError> {
    let (name, value) = MEMO_REQUIRED;
    Ok(OperationBody::ManageData(ManageDataOp {
        data_name: String64(name.try_into().map_err(XdrError::from)?),
        data_value: Some(DataValue(value.to_vec().try_into().map_err(XdrError::from)?)),
    }))
}

fn enable_clawback() -> OperationBody {
    OperationBody::SetOptions(SetOptionsOp {
        inflation_dest: None,
        clear_flags: None,
        set_flags: Some(AccountFlags::RevocableFlag as u32 | AccountFlags::ClawbackEnabledFlag as u32),
        master_weight: None,
        low_threshold: None,
        med_threshold: None,
        high_threshold: None,
        home_domain: None,
        signer: None,
    })
}

fn freeze(account: AccountId, asset: Asset, frozen: bool) -> OperationBody {
    let flag = TrustLineFlags::AuthorizedFlag as u32;
    let (set_flags, clear_flags) = if frozen { (0, flag) } else { (flag, 0) };
    let (trustor, asset) = (xdr_account(account), xdr_asset(asset));
    OperationBody::SetTrustLineFlags(SetTrustLineFlagsOp { trustor, asset, clear_flags, set_flags })
}

impl Operation {
    /// In the network's form.
    pub fn to_xdr(&self) -> Result<OperationBody, OperationError> {
        Ok(match *self {
            Self::Pay { to, asset, amount } => OperationBody::Payment(PaymentOp {
                destination: payable(to)?,
                asset: xdr_asset(asset),
                amount: amount.get(),
            }),
            Self::PathPayment { to, send, send_max, asset, amount } => {
                OperationBody::PathPaymentStrictReceive(PathPaymentStrictReceiveOp {
                    send_asset: xdr_asset(send),
                    send_max: send_max.get(),
                    destination: payable(to)?,
                    dest_asset: xdr_asset(asset),
                    dest_amount: amount.get(),
                    path: Vec::new().try_into().map_err(XdrError::from)?,
                })
            }
            Self::SellOffer { selling, amount, buying, price } => {
                OperationBody::ManageSellOffer(ManageSellOfferOp {
                    selling: xdr_asset(selling),
                    buying: xdr_asset(buying),
                    amount: amount.get(),
                    price: Price { n: price, d: 1 },
                    offer_id: 0,
                })
            }
            Self::Trust { asset, limit } => {
                OperationBody::ChangeTrust(ChangeTrustOp { line: xdr_trusted(asset), limit: limit.get() })
            }
            Self::Claim(id) => {
                OperationBody::ClaimClaimableBalance(ClaimClaimableBalanceOp { balance_id: id.to_xdr() })
            }
            Self::RequireMemo => require_memo()?,
            Self::Merge { into } => OperationBody::AccountMerge(plain(into)),
            Self::EnableClawback => enable_clawback(),
            Self::Freeze { account, asset, frozen } => freeze(account, asset, frozen),
            Self::Clawback { from, asset, amount } => OperationBody::Clawback(ClawbackOp {
                asset: xdr_asset(asset),
                from: plain(from),
                amount: amount.get(),
            }),
        })
    }
}
