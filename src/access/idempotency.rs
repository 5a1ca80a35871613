use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::ports::store::{Constraint, IdempotencyKey, RetryOn, StoreError, StoredAnswer, Tx};

/// Longest idempotency key, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// Why a request under an idempotency key is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// The key is no key.
    #[error("an idempotency key is 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters")]
    Malformed,
    /// Another request was made under the key.
    #[error("another request was made under this idempotency key")]
    OtherRequest,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RetryOn for IdempotencyError {
    /// Losing a race for the key counts: the next run finds the winner's answer.
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(StoreError::Exists { constraint: Constraint::IdempotencyKey }) => true,
            Self::Store(error) => error.is_conflict(),
            Self::Malformed | Self::OtherRequest => false,
        }
    }
}

/// An answer that was given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Its HTTP status.
    pub status: u16,
    /// Its body.
    pub body: String,
}

/// Refuses what is no idempotency key.
pub fn check_key(key: &str) -> Result<(), IdempotencyError> {
    let visible = key.bytes().all(|byte| byte.is_ascii_graphic());
    if visible && (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) {
        Ok(())
    } else {
        Err(IdempotencyError::Malformed)
    }
}

/// SHA-256 over method, path and body, each with its length, so that no two requests run together.
pub fn request_hash(method: &str, path: &str, body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in [method.as_bytes(), path.as_bytes(), body] {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The first answer to this request, if it was made before.
///
/// # Errors
/// [`IdempotencyError::OtherRequest`] if the key was used for another.
pub async fn seen(
    tx: &mut dyn Tx,
    key: &IdempotencyKey,
    request_hash: [u8; 32],
) -> Result<Option<Replay>, IdempotencyError> {
    match tx.answer(key).await? {
        Some(answer) if answer.request_hash == request_hash => {
            Ok(Some(Replay { status: answer.status, body: answer.body }))
        }
        Some(_) => Err(IdempotencyError::OtherRequest),
        None => Ok(None),
    }
}

/// Keeps the first answer, in the transaction of its effects.
pub async fn keep(
    tx: &mut dyn Tx,
    key: &IdempotencyKey,
    request_hash: [u8; 32],
    answer: &Replay,
    now: Timestamp,
) -> Result<(), IdempotencyError> {
    let stored = StoredAnswer { request_hash, status: answer.status, body: answer.body.clone(), at: now };
    Ok(tx.keep_answer(key, &stored).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_request_do_not_run_together() {
        let one = request_hash("POST", "/v1/reservations", b"{}");
        assert_ne!(one, request_hash("POST", "/v1/reservations{", b"}"));
        assert_ne!(one, request_hash("PUT", "/v1/reservations", b"{}"));
        assert_eq!(one, request_hash("POST", "/v1/reservations", b"{}"));
    }

    #[test]
    fn keys_are_visible_ascii_of_bounded_length() {
        assert!(check_key("order-17").is_ok());
        assert!(check_key(&"k".repeat(IDEMPOTENCY_KEY_BYTES_MAX)).is_ok());
        for key in ["", "two words", "käse", "a\n"] {
            assert!(matches!(check_key(key), Err(IdempotencyError::Malformed)), "{key:?}");
        }
        assert!(check_key(&"k".repeat(IDEMPOTENCY_KEY_BYTES_MAX + 1)).is_err());
    }
}
