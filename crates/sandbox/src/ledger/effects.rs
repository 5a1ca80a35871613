//! What operations did to accounts, as Horizon tells it.

use stellar_xdr::{ClaimPredicate, Price, SignerKey};

use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

use super::balances::BalanceId;
use super::book::OfferId;
use super::state::{AccountFlags, Authorization, Thresholds};

/// One effect on one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The account that was changed.
    pub account: AccountId,
    /// How.
    pub change: Change,
}

/// Which side of a trade an account was on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// Its offer was taken, at the offer's price.
    Maker(Price),
    /// It took the offer.
    Taker,
}

/// A change of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was created with this balance.
    AccountCreated { starting_balance: Stroops },
    /// It was merged into another.
    AccountRemoved,
    /// It received.
    Credited { asset: Asset, amount: Stroops },
    /// It gave.
    Debited { asset: Asset, amount: Stroops },
    /// Its thresholds were set.
    ThresholdsUpdated { thresholds: Thresholds },
    /// Its home domain was set.
    HomeDomainUpdated { home_domain: String },
    /// Its flags were set.
    FlagsUpdated { before: AccountFlags, after: AccountFlags },
    /// Its inflation destination was set.
    InflationDestinationUpdated,
    /// A key got a weight.
    SignerCreated { key: SignerKey, weight: u8 },
    /// A key lost its weight.
    SignerRemoved { key: SignerKey },
    /// A key got another weight.
    SignerUpdated { key: SignerKey, weight: u8 },
    /// A trust line was opened.
    LineCreated { asset: Asset, limit: Stroops },
    /// A trust line was closed.
    LineRemoved { asset: Asset },
    /// A trust line got another limit.
    LineUpdated { asset: Asset, limit: Stroops },
    /// The issuer said what a line may do, in the older way; told of the issuer's account.
    LineAllowed { trustor: AccountId, asset: Asset, authorization: Authorization },
    /// The issuer set and cleared flags of a line; told of the issuer's account.
    LineFlagsUpdated { trustor: AccountId, asset: Asset, set: u32, clear: u32 },
    /// It took an offer, or had one taken.
    Traded { offer: OfferId, with: AccountId, sold: (Asset, Stroops), bought: (Asset, Stroops), side: Side },
    /// It set money aside.
    BalanceCreated { id: BalanceId, asset: Asset, amount: Stroops, clawback_enabled: bool },
    /// It may claim money, if the predicate allows.
    BalanceClaimantCreated { id: BalanceId, asset: Asset, amount: Stroops, predicate: ClaimPredicate },
    /// It claimed money.
    BalanceClaimed { id: BalanceId, asset: Asset, amount: Stroops, clawback_enabled: bool },
    /// It took money back that was set aside; told of the issuer's account.
    BalanceClawedBack { id: BalanceId },
    /// A data entry was written for the first time.
    DataCreated { name: String, value: Vec<u8> },
    /// A data entry was removed.
    DataRemoved { name: String },
    /// A data entry got another value.
    DataUpdated { name: String, value: Vec<u8> },
    /// The sequence number was raised.
    SequenceBumped { sequence: i64 },
    /// Someone else pays the reserve of this entry now.
    SponsorshipCreated { entry: Sponsored, sponsor: AccountId },
    /// A third account pays the reserve of this entry now.
    SponsorshipUpdated { entry: Sponsored, former_sponsor: AccountId, new_sponsor: AccountId },
    /// An entry whose reserve someone else paid is gone, or pays for itself.
    SponsorshipRemoved { entry: Sponsored, former_sponsor: AccountId },
}

/// An entry whose reserve another account can pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sponsored {
    /// The account's own two reserves.
    Account,
    /// A trust line's.
    Line(Asset),
    /// A data entry's.
    Data(String),
    /// A signer's.
    Signer(SignerKey),
    /// A claimable balance's.
    Balance(BalanceId),
}
