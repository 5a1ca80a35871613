use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::audit::Decider;
use crate::domain::audit::Act;
use crate::domain::farm::NAME_BYTES_MAX;
use crate::domain::ids::ApiKeyId;
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
    /// No key has this id.
    #[error("API key {0} is not known, or was revoked before")]
    NotRevocable(ApiKeyId),
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
            Self::UnknownKey | Self::Name | Self::NameTaken | Self::NotRevocable(_) => false,
        }
    }
}

/// Whoever bears a key that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The key.
    pub key: ApiKeyId,
    /// What it allows.
    pub role: Role,
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

/// Makes a key of 256 random bits.
pub async fn create_key(
    tx: &mut dyn Tx,
    decider: &Decider,
    name: &str,
    role: Role,
) -> Result<NewKey, AccessError> {
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || name.chars().any(char::is_control) {
        return Err(AccessError::Name);
    }
    let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
    let (now, entropy) = (decider.now(), decider.entropy());
    entropy.fill(&mut *bytes);
    let hex = Zeroizing::new(hex::encode(*bytes));
    let secret = SecretString::from(format!("{SECRET_PREFIX}{}", *hex));
    let key = ApiKey {
        id: ApiKeyId::generate(now, entropy.u16()),
        name: name.to_owned(),
        role,
        secret_hash: hash(secret.expose_secret()),
        created_at: now,
        revoked_at: None,
    };
    tx.insert_api_key(&key).await?;
    decider.record(tx, Act::KeyCreated { key: key.id, role: role.as_str().to_owned() }).await?;
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
        Some(key) if key.revoked_at.is_none() => Ok(Caller { key: key.id, role: key.role }),
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
