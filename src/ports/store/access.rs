use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::{Applied, StoreError};
use super::forward::store_trait;
use crate::domain::ids::ApiKeyId;
use crate::domain::tenant::Tenant;

/// What the bearer of an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The marketplace: describes farms and nodes, opens reservations.
    Explorer,
    /// A node: asks until when pools are paid.
    Node,
    /// A farmer: decides on reservations.
    Farmer,
    /// A rate feed: pushes currencies' rates, and nothing else.
    Rates,
    /// Finance and operations: everything.
    Operator,
    /// Reads everything, changes nothing.
    Auditor,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] =
        [Self::Explorer, Self::Node, Self::Farmer, Self::Rates, Self::Operator, Self::Auditor];

    /// As written in the API, the CLI and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Explorer => "explorer",
            Self::Node => "node",
            Self::Farmer => "farmer",
            Self::Rates => "rates",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }

    /// True if a key of it belongs to a tenant, and sees and changes that tenant's things only; false if it
    /// belongs to the installation.
    pub const fn is_of_a_tenant(self) -> bool {
        match self {
            Self::Explorer | Self::Node | Self::Farmer => true,
            Self::Rates | Self::Operator | Self::Auditor => false,
        }
    }
}

/// An API key. Its secret is not kept, only its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Its name, for people; unique among keys that are not revoked.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Whose things it allows that for: one tenant's, or everybody's.
    pub tenant: Option<Tenant>,
    /// True if it may push currencies' rates whatever its role: a key of an explorer that was made before
    /// there were tenants keeps that right until an operator takes it.
    pub pushes_rates: bool,
    /// SHA-256 of the secret: 256 random bits need no slow hash.
    pub secret_hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

/// Names one request among all of a caller's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    /// The caller.
    pub api_key: ApiKeyId,
    /// The caller's own key.
    pub key: String,
}

/// The first answer to a request, to be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// SHA-256 over method, path and body of the request: another request under the same key is refused.
    pub request_hash: [u8; 32],
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's body.
    pub body: String,
    /// When it was first given.
    pub at: Timestamp,
}

store_trait! {
    /// API keys and idempotency.
    pub trait AccessTx, forwarded by ForwardAccess {
        /// Stores a new API key; its tenant is known from then on.
        async fn insert_api_key(&mut self, key: &ApiKey) -> Result<(), StoreError>;

        /// The key whose secret has this SHA-256, revoked or not.
        async fn api_key_by_hash(&mut self, secret_hash: [u8; 32]) -> Result<Option<ApiKey>, StoreError>;

        /// All keys in the order they were made.
        async fn api_keys(&mut self, after: Option<ApiKeyId>, limit: u32) -> Result<Vec<ApiKey>, StoreError>;

        /// Revokes a key that is not.
        async fn revoke_api_key(&mut self, id: ApiKeyId, at: Timestamp) -> Result<Applied, StoreError>;

        /// Takes the right to push rates from a key that has it beside its role.
        async fn take_rates_from(&mut self, id: ApiKeyId) -> Result<Applied, StoreError>;

        /// The tenants for which keys were ever made, and the default one, by name; at most `limit`.
        async fn tenants(&mut self, limit: u32) -> Result<Vec<Tenant>, StoreError>;

        /// The first answer under this key, if there was one.
        async fn answer(&mut self, key: &IdempotencyKey) -> Result<Option<StoredAnswer>, StoreError>;

        /// Keeps the first answer, in the transaction of its effects.
        ///
        /// # Errors
        /// [`StoreError::Exists`] with `IdempotencyKey` if the same request is answered by another right now.
        async fn keep_answer(
            &mut self,
            key: &IdempotencyKey,
            answer: &StoredAnswer,
        ) -> Result<(), StoreError>;

        /// Forgets the oldest answers given before `before`, at most `limit` (and those of the same
        /// microsecond); gives the number forgotten. Their keys are then new ones.
        async fn forget_answers(&mut self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;
    }
}
