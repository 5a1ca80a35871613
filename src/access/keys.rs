use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::audit::Decider;
use super::permission::{Permission, allows};
use crate::domain::audit::Act;
use crate::domain::farm::NAME_BYTES_MAX;
use crate::domain::ids::ApiKeyId;
use crate::domain::tenant::Tenant;
use crate::ports::store::{ApiKey, Applied, Constraint, LIST_ROWS_MAX, Pages, RetryOn, Role, StoreError, Tx};

/// What every secret begins with, so that leaked ones are found.
const SECRET_PREFIX: &str = "fg_";
const SECRET_BYTES: usize = 32;
/// A secret's length: the prefix and 64 hexadecimal digits.
const SECRET_TEXT_BYTES: usize = SECRET_PREFIX.len() + 2 * SECRET_BYTES;

/// Why there is no access.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// No key has this secret, or it was revoked.
    #[error("the API key is not known or has been revoked")]
    UnknownKey,
    /// A key's name is empty, too long, or has control characters.
    #[error("an API key's name is 1 to {NAME_BYTES_MAX} bytes without control characters")]
    Name,
    /// Another key that is in use has the name.
    #[error("an API key of this name exists")]
    NameTaken,
    /// Keys of this role are of no tenant.
    #[error("a key of role {} belongs to no tenant: it is for the things of all", .0.as_str())]
    OfNoTenant(Role),
    /// No key has this id.
    #[error("API key {0} is not known, or was revoked before")]
    NotRevocable(ApiKeyId),
    /// No key has this id, or it pushes rates by its role or not at all.
    #[error("API key {0} is not known, or has no right to push rates beside its role")]
    NoRates(ApiKeyId),
    /// The database.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for AccessError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists { constraint: Constraint::ApiKeyName } => Self::NameTaken,
            other => Self::Store(other),
        }
    }
}

impl RetryOn for AccessError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::UnknownKey
            | Self::Name
            | Self::NameTaken
            | Self::OfNoTenant(_)
            | Self::NotRevocable(_)
            | Self::NoRates(_) => false,
        }
    }
}

/// Whoever bears a key that is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The key.
    pub key: ApiKeyId,
    /// What it allows.
    pub role: Role,
    /// Whose things it allows that for; `None` for everybody's.
    pub tenant: Option<Tenant>,
    /// True if it may push rates whatever its role.
    pub pushes_rates: bool,
}

impl Caller {
    /// True if its key allows that.
    pub const fn may(&self, permission: Permission) -> bool {
        allows(self.role, permission) || (self.pushes_rates && matches!(permission, Permission::RatesPush))
    }
}

/// A key just made. The secret is shown now and never again.
#[derive(Debug)]
pub struct NewKey {
    /// What is stored.
    pub key: ApiKey,
    /// What the caller sends as `Authorization: Bearer …`.
    pub secret: SecretString,
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Makes a key of 256 random bits. One whose role is for the things of a tenant is `of` that one, or of the
/// tenant `default`.
pub async fn create_key(
    tx: &mut dyn Tx,
    decider: &Decider,
    name: &str,
    role: Role,
    of: Option<Tenant>,
) -> Result<NewKey, AccessError> {
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || name.chars().any(char::is_control) {
        return Err(AccessError::Name);
    }
    let tenant = match (role.is_of_a_tenant(), of) {
        (true, of) => Some(of.unwrap_or_default()),
        (false, None) => None,
        (false, Some(_)) => return Err(AccessError::OfNoTenant(role)),
    };
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    let (now, entropy) = (decider.now(), decider.entropy());
    entropy.fill(&mut *bytes);
    let hex = Zeroizing::new(hex::encode(*bytes));
    let secret = SecretString::from(format!("{SECRET_PREFIX}{}", *hex));
    let key = ApiKey {
        id: ApiKeyId::generate(now, entropy.u16()),
        name: name.to_owned(),
        role,
        tenant: tenant.clone(),
        pushes_rates: false,
        secret_hash: hash(secret.expose_secret()),
        created_at: now,
        revoked_at: None,
    };
    tx.insert_api_key(&key).await?;
    decider.record(tx, Act::KeyCreated { key: key.id, role: role.as_str().to_owned(), tenant }).await?;
    Ok(NewKey { key, secret })
}

/// True if this could be a secret: others are refused without asking the database.
pub fn is_well_formed(secret: &str) -> bool {
    secret.len() == SECRET_TEXT_BYTES && secret.starts_with(SECRET_PREFIX)
}

/// Who bears this secret.
///
/// The lookup is by hash: its time says nothing about a secret, whose 256 bits cannot be approached
/// by guessing.
pub async fn authenticate(tx: &mut dyn Tx, secret: &str) -> Result<Caller, AccessError> {
    if !is_well_formed(secret) {
        return Err(AccessError::UnknownKey);
    }
    match tx.api_key_by_hash(hash(secret)).await? {
        Some(key) if key.revoked_at.is_none() => {
            Ok(Caller { key: key.id, role: key.role, tenant: key.tenant, pushes_rates: key.pushes_rates })
        }
        Some(_) | None => Err(AccessError::UnknownKey),
    }
}

/// All keys in the order they were made, revoked ones too.
pub async fn list_keys(tx: &mut dyn Tx) -> Result<Vec<ApiKey>, AccessError> {
    let (mut keys, mut pages) = (Vec::new(), Pages::new());
    while let Some(after) = pages.after() {
        let page = tx.api_keys(after, LIST_ROWS_MAX).await?;
        pages.turn_after(&page, |key| key.id);
        keys.extend(page);
    }
    Ok(keys)
}

/// Revokes a key: whoever bears it is refused from now on.
pub async fn revoke_key(tx: &mut dyn Tx, decider: &Decider, id: ApiKeyId) -> Result<(), AccessError> {
    match tx.revoke_api_key(id, decider.now()).await? {
        Applied::Executed => Ok(decider.record(tx, Act::KeyRevoked { key: id }).await?),
        Applied::AlreadyApplied => Err(AccessError::NotRevocable(id)),
    }
}

/// Takes the right to push rates from a key that has it beside its role.
pub async fn take_rates_from(tx: &mut dyn Tx, decider: &Decider, id: ApiKeyId) -> Result<(), AccessError> {
    match tx.take_rates_from(id).await? {
        Applied::Executed => Ok(decider.record(tx, Act::RatesTaken { key: id }).await?),
        Applied::AlreadyApplied => Err(AccessError::NoRates(id)),
    }
}
