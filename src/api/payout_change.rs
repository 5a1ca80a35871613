use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::audit::changed;
use super::dead_letter::Note;
use super::text::{IdText, TenantText, TimeText};
use crate::domain::identity::Signature;
use crate::domain::ids::{ChangeId, IdentityId};
use crate::domain::payout_change::{self, ChangeState};
use crate::domain::tenant::Tenant;

/// A change of who is paid: it waits until it is due, unless it is signed or called off before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PayoutChange {
    /// Its id.
    #[schema(value_type = IdText)]
    pub id: ChangeId,
    /// The tenant whose thing it changes.
    #[schema(value_type = TenantText)]
    pub tenant: Tenant,
    /// What it changes: a kind and an id.
    #[schema(example = "farm:17")]
    pub subject: String,
    /// `waiting`, `in_force` or `called_off`.
    #[schema(example = "waiting")]
    pub state: &'static str,
    /// When it was asked for.
    #[schema(value_type = TimeText)]
    pub asked_at: Timestamp,
    /// From when on it is in force without a signature.
    #[schema(value_type = TimeText)]
    pub due_at: Timestamp,
    /// Since when it is in force, or was called off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TimeText>)]
    pub ended_at: Option<Timestamp>,
    /// The identity that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdText>)]
    pub signed_by_id: Option<IdentityId>,
    /// What it replaces.
    #[schema(value_type = Object)]
    pub before: Value,
    /// What it says instead.
    #[schema(value_type = Object)]
    pub after: Value,
    /// While it waits, the text whose exact bytes in UTF-8 put it in force at once when they are signed: by
    /// the owner of the farm (for a node, of the farm that it belongs to), or for an identity's key with the
    /// key that it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_sign: Option<String>,
}

impl PayoutChange {
    /// As it is shown by a service on this network.
    pub fn new(change: &payout_change::PayoutChange, network_passphrase: &str) -> Self {
        let (before, after) = changed(&change.terms);
        let waits = change.state == ChangeState::Waiting;
        Self {
            id: change.id,
            tenant: change.tenant.clone(),
            subject: change.subject().to_string(),
            state: change.state.name(),
            asked_at: change.asked_at,
            due_at: change.due_at,
            ended_at: change.state.ended_at(),
            signed_by_id: change.state.signed_by(),
            before,
            after,
            to_sign: waits.then(|| change.text_to_sign(network_passphrase)),
        }
    }
}

/// The signature of a change of who is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignatureBody {
    /// ed25519 (RFC 8032) over the bytes of `to_sign`, in hexadecimal digits.
    #[schema(value_type = String, pattern = "^[0-9a-fA-F]{128}$")]
    pub signature: Signature,
}

/// Why a change of who is paid is called off.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallOffBody {
    /// Why, for whoever asks later: 1 to 1,000 bytes.
    #[schema(min_length = 1, example = "nobody here asked for it")]
    pub reason: Note,
}
