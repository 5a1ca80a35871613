//! What a decision is about.

use std::fmt;
use std::str::FromStr;

use super::asset::AssetCode;
use super::dead_letter::LetterId;
use super::ids::{ApiKeyId, ClaimableId, FarmId, IdentityId, NodeId, OperationId, ReservationId};
use super::payment::PaymentId;
use super::tenant::Tenant;

/// A thing; as text its kind and its id: `farm:17`, or `farm:acme/17` for the farm of another
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
    /// A claimable balance, whose money was reclaimed.
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
}
