//! What people do on a ledger besides a plain payment, several of them in one transaction if they like: for stories.

use stellar_xdr::{
    AccountFlags, ChangeTrustOp, ClaimClaimableBalanceOp, ClawbackOp, DataValue, ManageDataOp,
    ManageSellOfferOp, MuxedAccount, Operation, OperationBody, PathPaymentStrictReceiveOp, PaymentOp, Price,
    SetOptionsOp, SetTrustLineFlagsOp, String64, TrustLineFlags, Uint256,
};

use super::{Horizon, Memo, Receipt, Wallet, WalletError};
use crate::ledger::balances::BalanceId;
use crate::xdr::{XdrError, muxed, xdr_account, xdr_asset, xdr_trusted};
use stellar_types::address::{AccountId, Address};
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

/// The data entry by which an account demands a memo of whoever pays it (SEP-29), and its value.
const MEMO_REQUIRED: (&str, &[u8]) = ("config.memo_required", b"1");

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Pays.
    Pay {
        /// Whom.
        to: Address,
        /// In what.
        asset: Asset,
        /// How much.
        amount: Stroops,
    },
    /// Pays in one asset what arrives in another, through the order book.
    PayThrough {
        /// Whom.
        to: Address,
        /// What leaves.
        with: Asset,
        /// How much of it at most.
        at_most: Stroops,
        /// What arrives.
        asset: Asset,
        /// How much of it.
        amount: Stroops,
    },
    /// Offers one asset for another.
    Sell {
        /// What.
        asset: Asset,
        /// How much of it.
        amount: Stroops,
        /// For what.
        against: Asset,
        /// How many units of that for each unit.
        price: i32,
    },
    /// Sets the limit of a trust line; zero gives it up.
    Trust {
        /// For what.
        asset: Asset,
        /// Up to how much.
        limit: Stroops,
    },
    /// Claims a balance.
    Claim(BalanceId),
    /// Demands a memo of whoever pays from now on (SEP-29).
    DemandMemos,
    /// Ends the account; its XLM goes to another.
    Merge {
        /// To whom.
        into: AccountId,
    },
    /// As an issuer: may from now on freeze lines, and take back what is on lines opened from now on.
    MayTakeBack,
    /// As an issuer: freezes a line, or lets it be used again.
    Freeze {
        /// Whose.
        account: AccountId,
        /// Of what.
        asset: Asset,
        /// Frozen, or usable.
        frozen: bool,
    },
    /// As an issuer: takes tokens back.
    TakeBack {
        /// From whom.
        from: AccountId,
        /// Which.
        asset: Asset,
        /// How many.
        amount: Stroops,
    },
}

fn plain(account: AccountId) -> MuxedAccount {
    MuxedAccount::Ed25519(Uint256(account.0))
}

fn payable(to: Address) -> Result<MuxedAccount, WalletError> {
    muxed(to).ok_or(WalletError::Unpayable { to })
}

fn demand_memos() -> Result<OperationBody, WalletError> {
    let (name, value) = MEMO_REQUIRED;
    Ok(OperationBody::ManageData(ManageDataOp {
        data_name: String64(name.try_into().map_err(XdrError::from)?),
        data_value: Some(DataValue(value.to_vec().try_into().map_err(XdrError::from)?)),
    }))
}

fn may_take_back() -> OperationBody {
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

impl Deed {
    pub(super) fn to_xdr(&self) -> Result<OperationBody, WalletError> {
        Ok(match *self {
            Self::Pay { to, asset, amount } => OperationBody::Payment(PaymentOp {
                destination: payable(to)?,
                asset: xdr_asset(asset),
                amount: amount.get(),
            }),
            Self::PayThrough { to, with, at_most, asset, amount } => {
                OperationBody::PathPaymentStrictReceive(PathPaymentStrictReceiveOp {
                    send_asset: xdr_asset(with),
                    send_max: at_most.get(),
                    destination: payable(to)?,
                    dest_asset: xdr_asset(asset),
                    dest_amount: amount.get(),
                    path: Vec::new().try_into().map_err(XdrError::from)?,
                })
            }
            Self::Sell { asset, amount, against, price } => {
                OperationBody::ManageSellOffer(ManageSellOfferOp {
                    selling: xdr_asset(asset),
                    buying: xdr_asset(against),
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
            Self::DemandMemos => demand_memos()?,
            Self::Merge { into } => OperationBody::AccountMerge(plain(into)),
            Self::MayTakeBack => may_take_back(),
            Self::Freeze { account, asset, frozen } => freeze(account, asset, frozen),
            Self::TakeBack { from, asset, amount } => OperationBody::Clawback(ClawbackOp {
                asset: xdr_asset(asset),
                from: plain(from),
                amount: amount.get(),
            }),
        })
    }
}

impl Horizon {
    /// Does it all in one transaction, or nothing of it. The first wallet is the transaction's source and pays its fee.
    pub async fn act(&self, deeds: &[(&Wallet, Deed)], memo: &Memo) -> Result<Receipt, WalletError> {
        let Some((first, _)) = deeds.first() else { return Err(WalletError::Nothing) };
        let mut operations = Vec::new();
        let mut signers: Vec<&Wallet> = Vec::new();
        for (wallet, deed) in deeds {
            let source = (wallet.address() != first.address()).then(|| payable(wallet.address()));
            operations.push(Operation { source_account: source.transpose()?, body: deed.to_xdr()? });
            if signers.iter().all(|known| known.account() != wallet.account()) {
                signers.push(*wallet);
            }
        }
        self.send(first, operations, &signers, memo).await
    }
}
