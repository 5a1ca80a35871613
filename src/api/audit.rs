use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::distribution::Distribution;
use super::text::{IdText, TimeText};
use crate::domain::audit::{self, Act, CurrencyTerms, Destination};
use crate::domain::farm::FarmTerms;
use crate::domain::ids::{ApiKeyId, AuditId, ChangeId};
use crate::domain::node::NodeTerms;
use crate::domain::payout_change::ChangedTerms;

/// A decision of somebody outside the engine. Entries are added, and neither changed nor removed; they hold
/// no names of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its id. Ids rise with the time of the decision; what commits later may have a smaller one.
    #[schema(value_type = IdText)]
    pub id: AuditId,
    /// When.
    #[schema(value_type = TimeText)]
    pub at: Timestamp,
    /// Who decided: `api_key`, `signer` (the holder of an identity's key, by a request of somebody who passed
    /// the signature on), `command_line` (a command on a machine that reaches the database) or `engine` (what
    /// had been asked for was due).
    #[schema(example = "api_key")]
    pub actor: &'static str,
    /// The identity that signed: a kind and an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<String>,
    /// The API key by which it was decided, if by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdText>)]
    pub api_key_id: Option<ApiKeyId>,
    /// The request, as its answer's `X-Request-Id` and the log name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// `farm.described`, `node.described`, `identity.described`, `currency.described`, `payout_change.asked`,
    /// `payout_change.in_force`, `payout_change.called_off`, `reservation.opened`,
    /// `reservation.cancel_requested`, `reservation.resolved`, `return.redirected`, `repayment.redirected`,
    /// `operation.accepted`, `dead_letter.dismissed`, `api_key.created`, `api_key.rates_taken` or
    /// `api_key.revoked`.
    #[schema(example = "farm.described")]
    pub r#type: &'static str,
    /// What it is about: a kind and an id.
    #[schema(example = "farm:17")]
    pub subject: String,
    /// The change of who is paid that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdText>)]
    pub payout_change_id: Option<ChangeId>,
    /// As it was; absent if it was not known, or there is no before.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// As it is since.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
    /// Why, where reasons are given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

fn farm(terms: &FarmTerms) -> Value {
    json!({
        "owner_id": terms.owner,
        "payout_addresses": terms.payout_addresses,
        "distribution": Distribution::from(&terms.distribution),
    })
}

fn node(terms: &NodeTerms) -> Value {
    json!({ "farm_id": terms.farm, "capacity": terms.capacity, "free_to_use": terms.free_to_use })
}

fn currency(terms: &CurrencyTerms) -> Value {
    json!({
        "asset": terms.asset,
        "usd_rate": terms.usd_rate,
        "rate_at": terms.rate_at,
        "rate_valid_seconds": terms.rate_valid_seconds,
        "distribution": terms.distribution.as_ref().map(Distribution::from),
        "free_only": terms.free_only,
    })
}

/// What a change of who is paid replaces, and by what.
pub(super) fn changed(terms: &ChangedTerms) -> (Value, Value) {
    match terms {
        ChangedTerms::Farm { before, after, .. } => (farm(before), farm(after)),
        ChangedTerms::Node { before, after, .. } => {
            (json!({ "farm_id": before }), json!({ "farm_id": after }))
        }
        ChangedTerms::Identity { before, after, .. } => {
            (json!({ "public_key": before }), json!({ "public_key": after }))
        }
    }
}

fn destination(destination: &Destination) -> Value {
    json!({ "address": destination.address, "memo": destination.memo })
}

/// Its name, and what was before and is since.
fn told(act: &Act) -> (&'static str, Option<Value>, Option<Value>) {
    let change = |r#type, terms| {
        let (before, after) = changed(terms);
        (r#type, Some(before), Some(after))
    };
    match act {
        Act::FarmDescribed { before, after, .. } => {
            ("farm.described", before.as_ref().map(farm), Some(farm(after)))
        }
        Act::NodeDescribed { before, after, .. } => {
            ("node.described", before.as_ref().map(node), Some(node(after)))
        }
        Act::IdentityDescribed { before, after, .. } => {
            let key = |key| json!({ "public_key": key });
            ("identity.described", before.map(key), Some(json!({ "public_key": after })))
        }
        Act::CurrencyDescribed { before, after, .. } => {
            ("currency.described", before.as_ref().map(currency), Some(currency(after)))
        }
        Act::PayoutChangeAsked { terms, .. } => change("payout_change.asked", terms),
        Act::PayoutChangeInForce { terms, .. } => change("payout_change.in_force", terms),
        Act::PayoutChangeCalledOff { terms, .. } => change("payout_change.called_off", terms),
        Act::ReservationOpened { .. } => ("reservation.opened", None, None),
        Act::CancelRequested { .. } => ("reservation.cancel_requested", None, None),
        Act::ReservationResolved { decision, .. } => {
            ("reservation.resolved", None, Some(json!({ "decision": decision })))
        }
        Act::ReturnRedirected { before, after, .. } => {
            ("return.redirected", Some(destination(before)), Some(destination(after)))
        }
        Act::RepaymentRedirected { before, after, .. } => {
            ("repayment.redirected", Some(destination(before)), Some(destination(after)))
        }
        Act::OperationAccepted { account, .. } => {
            ("operation.accepted", None, Some(json!({ "account": account })))
        }
        Act::LetterDismissed { .. } => ("dead_letter.dismissed", None, None),
        Act::KeyCreated { role, tenant, .. } => {
            ("api_key.created", None, Some(json!({ "role": role, "tenant": tenant })))
        }
        Act::RatesTaken { .. } => ("api_key.rates_taken", None, None),
        Act::KeyRevoked { .. } => ("api_key.revoked", None, None),
    }
}

impl From<audit::AuditEntry> for AuditEntry {
    fn from(entry: audit::AuditEntry) -> Self {
        let (r#type, before, after) = told(&entry.act);
        let (api_key_id, request_id) = entry.actor.request().unzip();
        Self {
            id: entry.id,
            at: entry.at,
            actor: entry.actor.kind(),
            signer: entry.actor.signer().map(|signer| signer.to_string()),
            api_key_id,
            request_id: request_id.map(ToOwned::to_owned),
            r#type,
            subject: entry.act.subject().to_string(),
            payout_change_id: entry.act.payout_change(),
            before,
            after,
            reason: entry.reason,
        }
    }
}
