//! Who decided what. One entry for each decision that came from outside the engine: what was before, and what
//! is since.
//!
//! Entries hold ids, addresses and numbers, and no names of people: they are never erased.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::address::{AccountId, Address};
use super::asset::{Asset, AssetCode};
use super::currency::Currency;
use super::dead_letter::LetterId;
use super::farm::Farm;
use super::identity::PublicKey;
use super::ids::{ApiKeyId, AuditId, ClaimableId, FarmId, IdentityId, NodeId, OperationId, ReservationId};
use super::node::Node;
use super::payment::{Memo, PaymentId};
use super::split::Distribution;
use super::tenant::Tenant;
use super::transfer::{GivenBack, Transfer};
use super::units::CloudUnits;

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
    /// Whoever can run commands on a machine that reaches the database.
    CommandLine,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey { key, .. } => write!(f, "API key {key}"),
            Self::CommandLine => f.write_str("the command line"),
        }
    }
}

/// What of a farm says who is paid.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FarmTerms {
    /// The identity that owns it.
    pub owner: IdentityId,
    /// Where it is paid, per asset.
    pub payout_addresses: BTreeMap<Asset, AccountId>,
    /// How its reservations are distributed.
    pub distribution: Distribution,
}

impl From<&Farm> for FarmTerms {
    fn from(farm: &Farm) -> Self {
        Self {
            owner: farm.owner,
            payout_addresses: farm.payout_addresses.clone(),
            distribution: farm.distribution.clone(),
        }
    }
}

/// What of a node says who is paid for what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeTerms {
    /// The farm it belongs to.
    pub farm: FarmId,
    /// What it has.
    pub capacity: CloudUnits,
    /// True if FreeTFT may pay for it.
    pub free_to_use: bool,
}

impl From<&Node> for NodeTerms {
    fn from(node: &Node) -> Self {
        Self { farm: node.farm, capacity: node.capacity, free_to_use: node.free_to_use }
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
    /// What was taken back of a claimable balance goes elsewhere.
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

    /// True if nothing is otherwise than before.
    pub fn changes_nothing(&self) -> bool {
        match self {
            Self::FarmDescribed { before, after, .. } => before.as_ref() == Some(after),
            Self::NodeDescribed { before, after, .. } => before.as_ref() == Some(after),
            Self::IdentityDescribed { before, after, .. } => before.as_ref() == Some(after),
            Self::CurrencyDescribed { before, after, .. } => before.as_ref() == Some(after),
            Self::ReturnRedirected { before, after, .. }
            | Self::RepaymentRedirected { before, after, .. } => before == after,
            Self::ReservationOpened { .. }
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

/// What an entry is about; as text its kind and its id: `farm:17`, or `farm:acme/17` for the farm of another
/// tenant than `default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A farm.
    Farm(Tenant, FarmId),
    /// A node.
    Node(Tenant, NodeId),
    /// An identity.
    Identity(Tenant, IdentityId),
    /// A currency.
    Currency(AssetCode),
    /// A reservation.
    Reservation(ReservationId),
    /// A payment, whose money goes back.
    Payment(PaymentId),
    /// A claimable balance, whose money was taken back.
    ClaimableBalance(ClaimableId),
    /// An operation of the ledger.
    Operation(OperationId),
    /// A dead letter.
    DeadLetter(LetterId),
    /// An API key.
    ApiKey(ApiKeyId),
}

/// A text that names no subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a subject is a kind and an id, such as farm:17, or farm:acme/17 of another tenant; the kinds are farm, \
     node, identity, currency, reservation, payment, claimable_balance, operation, dead_letter and api_key"
)]
pub struct SubjectError;

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Farm(tenant, id) => write!(f, "farm:{}", Of(tenant, id)),
            Self::Node(tenant, id) => write!(f, "node:{}", Of(tenant, id)),
            Self::Identity(tenant, id) => write!(f, "identity:{}", Of(tenant, id)),
            Self::Currency(code) => write!(f, "currency:{code}"),
            Self::Reservation(id) => write!(f, "reservation:{id}"),
            Self::Payment(id) => write!(f, "payment:{id}"),
            Self::ClaimableBalance(id) => write!(f, "claimable_balance:{id}"),
            Self::Operation(id) => write!(f, "operation:{id}"),
            Self::DeadLetter(id) => write!(f, "dead_letter:{id}"),
            Self::ApiKey(id) => write!(f, "api_key:{id}"),
        }
    }
}

/// A thing of a tenant, as it is written: only its id, if the tenant is `default`.
struct Of<'a, T>(&'a Tenant, &'a T);

impl<T: fmt::Display> fmt::Display for Of<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(tenant, id) = self;
        if tenant.is_default() { write!(f, "{id}") } else { write!(f, "{tenant}/{id}") }
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        fn id<T: FromStr>(text: &str) -> Result<T, SubjectError> {
            text.parse().map_err(|_| SubjectError)
        }
        /// The tenant and its thing; the tenant `default` is not written.
        fn of<T: FromStr>(text: &str) -> Result<(Tenant, T), SubjectError> {
            let Some((tenant, key)) = text.split_once('/') else { return Ok((Tenant::default(), id(text)?)) };
            let tenant: Tenant = id(tenant)?;
            if tenant.is_default() { Err(SubjectError) } else { Ok((tenant, id(key)?)) }
        }
        let (kind, key) = text.split_once(':').ok_or(SubjectError)?;
        Ok(match kind {
            "farm" => of(key).map(|(tenant, farm)| Self::Farm(tenant, farm))?,
            "node" => of(key).map(|(tenant, node)| Self::Node(tenant, node))?,
            "identity" => of(key).map(|(tenant, identity)| Self::Identity(tenant, identity))?,
            "currency" => Self::Currency(id(key)?),
            "reservation" => Self::Reservation(id(key)?),
            "payment" => Self::Payment(id(key)?),
            "claimable_balance" => Self::ClaimableBalance(id(key)?),
            "operation" => Self::Operation(id(key)?),
            "dead_letter" => Self::DeadLetter(id(key)?),
            "api_key" => Self::ApiKey(id(key)?),
            _ => return Err(SubjectError),
        })
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
    fn subjects_are_written_as_they_are_read() {
        let payment = "4294967297-0";
        let balance = "0".repeat(72);
        for text in [
            "farm:17".to_owned(),
            "node:1".to_owned(),
            "identity:0".to_owned(),
            "farm:acme/17".to_owned(),
            "identity:acme/0".to_owned(),
            "currency:TFT".to_owned(),
            "reservation:8".to_owned(),
            format!("payment:{payment}"),
            format!("claimable_balance:{balance}"),
            "operation:4294967297".to_owned(),
            "dead_letter:unreadable_row:ab".to_owned(),
            "api_key:3".to_owned(),
        ] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        for text in
            ["", "farm", "farm:", "farm:x", "farms:1", "dead_letter:1", ":1", "farm:default/1", "farm:/1"]
        {
            assert_eq!(text.parse::<Subject>(), Err(SubjectError), "{text}");
        }
    }

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
