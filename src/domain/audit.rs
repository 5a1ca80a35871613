//! Who decided what. One entry for each decision that came from outside the engine, or that somebody had
//! asked for and the engine carried out: what was before, and what is since.
//!
//! Entries hold ids, addresses and numbers, and no names of people: they are never erased.

use std::fmt;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::address::{AccountId, Address};
use super::asset::{Asset, AssetCode};
use super::currency::Currency;
use super::dead_letter::LetterId;
use super::farm::FarmTerms;
use super::identity::PublicKey;
use super::ids::{
    ApiKeyId, AuditId, ChangeId, ClaimableId, FarmId, IdentityId, NodeId, OperationId, ReservationId,
};
use super::node::NodeTerms;
use super::payment::{Memo, PaymentId};
use super::payout_change::ChangedTerms;
use super::split::Distribution;
use super::subject::Subject;
use super::tenant::Tenant;
use super::transfer::{GivenBack, Transfer};

/// Longest id of a request that is taken over from a client, in bytes.
pub const REQUEST_ID_BYTES_MAX: usize = 64;

/// Who decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// Whoever bears an API key.
    ApiKey {
        /// The key.
        key: ApiKeyId,
        /// The request by which it was asked for, as the answer's `X-Request-Id` and the log name it.
        request: String,
    },
    /// Whoever holds the key of an identity and signed, by the API key of somebody who passed that on.
    Signer {
        /// Whose identity.
        tenant: Tenant,
        /// Which.
        identity: IdentityId,
        /// The API key.
        key: ApiKeyId,
        /// The request.
        request: String,
    },
    /// Whoever can run commands on a machine that reaches the database.
    CommandLine,
    /// The engine: what somebody had asked for is due.
    Engine,
}

impl Actor {
    /// The kinds of actors.
    pub const KINDS: [&'static str; 4] = ["api_key", "signer", "command_line", "engine"];

    /// Its kind, as written in the API and the database.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ApiKey { .. } => "api_key",
            Self::Signer { .. } => "signer",
            Self::CommandLine => "command_line",
            Self::Engine => "engine",
        }
    }

    /// The API key that was used, and the request.
    pub fn request(&self) -> Option<(ApiKeyId, &str)> {
        match self {
            Self::ApiKey { key, request } | Self::Signer { key, request, .. } => Some((*key, request)),
            Self::CommandLine | Self::Engine => None,
        }
    }

    /// The identity that signed.
    pub fn signer(&self) -> Option<Subject> {
        match self {
            Self::Signer { tenant, identity, .. } => Some(Subject::Identity(tenant.clone(), *identity)),
            Self::ApiKey { .. } | Self::CommandLine | Self::Engine => None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey { key, .. } => write!(f, "API key {key}"),
            Self::Signer { tenant, identity, key, .. } => {
                let signer = Subject::Identity(tenant.clone(), *identity);
                write!(f, "{signer} by its signature, with API key {key}")
            }
            Self::CommandLine => f.write_str("the command line"),
            Self::Engine => f.write_str("the engine"),
        }
    }
}

/// What of a currency says what it is worth, and who gets it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CurrencyTerms {
    /// The asset on the ledger.
    pub asset: Asset,
    /// USD for one unit.
    pub usd_rate: Decimal,
    /// When the rate was true.
    pub rate_at: Timestamp,
    /// For how many seconds after that it may be used.
    pub rate_valid_seconds: i64,
    /// Distribution used instead of the farm's, if any.
    pub distribution: Option<Distribution>,
    /// True for play money.
    pub free_only: bool,
}

impl From<&Currency> for CurrencyTerms {
    fn from(currency: &Currency) -> Self {
        Self {
            asset: currency.asset,
            usd_rate: currency.usd_rate,
            rate_at: currency.rate_at,
            rate_valid_seconds: currency.rate_valid_seconds,
            distribution: currency.distribution.clone(),
            free_only: currency.free_only,
        }
    }
}

/// Where money goes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Destination {
    /// The address.
    pub address: Address,
    /// The memo that goes with it.
    pub memo: Memo,
}

impl From<&Transfer> for Destination {
    fn from(transfer: &Transfer) -> Self {
        Self { address: transfer.to, memo: transfer.memo.clone() }
    }
}

/// What was decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Act {
    /// A farm was described, or described otherwise.
    #[serde(rename = "farm.described")]
    FarmDescribed {
        /// Whose.
        #[serde(default, skip_serializing_if = "Tenant::is_default")]
        tenant: Tenant,
        /// Which.
        farm: FarmId,
        /// As it was, if it was known.
        before: Option<FarmTerms>,
        /// As it is.
        after: FarmTerms,
    },
    /// A node was described, or described otherwise.
    #[serde(rename = "node.described")]
    NodeDescribed {
        /// Whose.
        #[serde(default, skip_serializing_if = "Tenant::is_default")]
        tenant: Tenant,
        /// Which.
        node: NodeId,
        /// As it was, if it was known.
        before: Option<NodeTerms>,
        /// As it is.
        after: NodeTerms,
    },
    /// An identity got a public key, or another one.
    #[serde(rename = "identity.described")]
    IdentityDescribed {
        /// Whose.
        #[serde(default, skip_serializing_if = "Tenant::is_default")]
        tenant: Tenant,
        /// Which.
        identity: IdentityId,
        /// Its key before, if it was known.
        before: Option<PublicKey>,
        /// Its key.
        after: PublicKey,
    },
    /// A currency was described, or got another rate.
    #[serde(rename = "currency.described")]
    CurrencyDescribed {
        /// Which.
        currency: AssetCode,
        /// As it was, if it was known.
        before: Option<CurrencyTerms>,
        /// As it is.
        after: CurrencyTerms,
    },
    /// Somebody else is to be paid.
    #[serde(rename = "payout_change.asked")]
    PayoutChangeAsked {
        /// Whose thing it is about.
        #[serde(default, skip_serializing_if = "Tenant::is_default")]
        tenant: Tenant,
        /// The change.
        change: ChangeId,
        /// What is to be otherwise.
        terms: ChangedTerms,
    },
    /// A change of who is paid is in force.
    #[serde(rename = "payout_change.in_force")]
    PayoutChangeInForce {
        /// Whose thing it is about.
        #[serde(default, skip_serializing_if = "Tenant::is_default")]
        tenant: Tenant,
        /// The change.
        change: ChangeId,
        /// What is to be otherwise.
        terms: ChangedTerms,
    },
    /// A change of who is paid was called off.
    #[serde(rename = "payout_change.called_off")]
    PayoutChangeCalledOff {
        /// Whose thing it is about.
        #[serde(default, skip_serializing_if = "Tenant::is_default")]
        tenant: Tenant,
        /// The change.
        change: ChangeId,
        /// What is to be otherwise.
        terms: ChangedTerms,
    },
    /// A reservation was opened.
    #[serde(rename = "reservation.opened")]
    ReservationOpened {
        /// Which.
        reservation: ReservationId,
    },
    /// A reservation was asked to be called off.
    #[serde(rename = "reservation.cancel_requested")]
    CancelRequested {
        /// Which.
        reservation: ReservationId,
    },
    /// It was decided what becomes of a held reservation.
    #[serde(rename = "reservation.resolved")]
    ReservationResolved {
        /// Which.
        reservation: ReservationId,
        /// What was decided: `settle` or `refund`.
        decision: String,
    },
    /// A payment's return goes elsewhere.
    #[serde(rename = "return.redirected")]
    ReturnRedirected {
        /// The payment whose money it is.
        payment: PaymentId,
        /// Where it would have gone.
        before: Destination,
        /// Where it goes.
        after: Destination,
    },
    /// What was reclaimed of a claimable balance goes elsewhere.
    #[serde(rename = "repayment.redirected")]
    RepaymentRedirected {
        /// The balance.
        claimable_balance: ClaimableId,
        /// Where it would have gone.
        before: Destination,
        /// Where it goes.
        after: Destination,
    },
    /// The operation for which the engine stopped was accepted.
    #[serde(rename = "operation.accepted")]
    OperationAccepted {
        /// The account of ours that it took money from.
        account: AccountId,
        /// Which.
        operation: OperationId,
    },
    /// A dead letter was dismissed.
    #[serde(rename = "dead_letter.dismissed")]
    LetterDismissed {
        /// Which.
        letter: LetterId,
    },
    /// An API key was made.
    #[serde(rename = "api_key.created")]
    KeyCreated {
        /// Which.
        key: ApiKeyId,
        /// What it allows.
        role: String,
        /// Whose things it allows that for; `None` for everybody's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tenant: Option<Tenant>,
    },
    /// The right to push rates was taken from a key that had it beside its role.
    #[serde(rename = "api_key.rates_taken")]
    RatesTaken {
        /// Which.
        key: ApiKeyId,
    },
    /// An API key was revoked.
    #[serde(rename = "api_key.revoked")]
    KeyRevoked {
        /// Which.
        key: ApiKeyId,
    },
}

impl Act {
    /// That the money of a payment or balance goes elsewhere.
    pub fn redirected(what: GivenBack, before: &Transfer, after: &Transfer) -> Self {
        let (before, after) = (before.into(), after.into());
        match what {
            GivenBack::Payment(payment) => Self::ReturnRedirected { payment, before, after },
            GivenBack::Claimable(claimable_balance) => {
                Self::RepaymentRedirected { claimable_balance, before, after }
            }
        }
    }

    /// What it is about.
    pub fn subject(&self) -> Subject {
        match self {
            Self::FarmDescribed { tenant, farm, .. } => Subject::Farm(tenant.clone(), *farm),
            Self::NodeDescribed { tenant, node, .. } => Subject::Node(tenant.clone(), *node),
            Self::IdentityDescribed { tenant, identity, .. } => Subject::Identity(tenant.clone(), *identity),
            Self::CurrencyDescribed { currency, .. } => Subject::Currency(*currency),
            Self::PayoutChangeAsked { tenant, terms, .. }
            | Self::PayoutChangeInForce { tenant, terms, .. }
            | Self::PayoutChangeCalledOff { tenant, terms, .. } => terms.subject(tenant),
            Self::ReservationOpened { reservation }
            | Self::CancelRequested { reservation }
            | Self::ReservationResolved { reservation, .. } => Subject::Reservation(*reservation),
            Self::ReturnRedirected { payment, .. } => Subject::Payment(*payment),
            Self::RepaymentRedirected { claimable_balance, .. } => {
                Subject::ClaimableBalance(*claimable_balance)
            }
            Self::OperationAccepted { operation, .. } => Subject::Operation(*operation),
            Self::LetterDismissed { letter } => Subject::DeadLetter(letter.clone()),
            Self::KeyCreated { key, .. } | Self::KeyRevoked { key } | Self::RatesTaken { key } => {
                Subject::ApiKey(*key)
            }
        }
    }

    /// The change of who is paid that it is about.
    pub const fn payout_change(&self) -> Option<ChangeId> {
        match self {
            Self::PayoutChangeAsked { change, .. }
            | Self::PayoutChangeInForce { change, .. }
            | Self::PayoutChangeCalledOff { change, .. } => Some(*change),
            _ => None,
        }
    }

    /// True if nothing is otherwise than before.
    pub fn changes_nothing(&self) -> bool {
        match self {
            Self::FarmDescribed { before, after, .. } => before.as_ref() == Some(after),
            Self::NodeDescribed { before, after, .. } => before.as_ref() == Some(after),
            Self::IdentityDescribed { before, after, .. } => before.as_ref() == Some(after),
            Self::CurrencyDescribed { before, after, .. } => before.as_ref() == Some(after),
            Self::ReturnRedirected { before, after, .. }
            | Self::RepaymentRedirected { before, after, .. } => before == after,
            Self::PayoutChangeAsked { .. }
            | Self::PayoutChangeInForce { .. }
            | Self::PayoutChangeCalledOff { .. }
            | Self::ReservationOpened { .. }
            | Self::CancelRequested { .. }
            | Self::ReservationResolved { .. }
            | Self::OperationAccepted { .. }
            | Self::LetterDismissed { .. }
            | Self::KeyCreated { .. }
            | Self::KeyRevoked { .. }
            | Self::RatesTaken { .. } => false,
        }
    }
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id: ids rise with the time of the decision.
    pub id: AuditId,
    /// When, by our clock.
    pub at: Timestamp,
    /// By whom.
    pub actor: Actor,
    /// What.
    pub act: Act,
    /// Why, in the words of whoever decided, where reasons are given.
    pub reason: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_changes_nothing() {
        let key = |text: &str| text.parse::<PublicKey>().unwrap();
        let one = key("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let other = key("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let described = |before| Act::IdentityDescribed {
            tenant: Tenant::default(),
            identity: IdentityId::new(1).unwrap(),
            before,
            after: one,
        };
        assert!(described(Some(one)).changes_nothing());
        assert!(!described(Some(other)).changes_nothing());
        assert!(!described(None).changes_nothing());
    }
}
