//! What operations did to accounts, as Horizon tells it.

use stellar_xdr::SignerKey;

use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;

use super::state::{AccountFlags, Authorization, Thresholds};

/// One effect on one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The account that was changed.
    pub account: AccountId,
    /// How.
    pub change: Change,
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
    /// The issuer changed what a line may do; told of the issuer's account.
    LineFlagsUpdated { trustor: AccountId, asset: Asset, authorization: Authorization },
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
    /// An entry whose reserve someone else paid is gone.
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
}
