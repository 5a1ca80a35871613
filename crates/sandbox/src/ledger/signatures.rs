//! Whose signatures an envelope carries, and whether their weight is enough.
//!
//! Counting stops once a threshold is met, so that a surplus signature stays unused and makes the
//! transaction fail; a threshold of 0 still needs one valid signature.

use std::collections::HashMap;

use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use sha2::{Digest, Sha256};
use stellar_xdr::{DecoratedSignature, SignerKey, SignerKeyEd25519SignedPayload, Uint256};

use stellar_types::address::AccountId;
use stellar_types::ids::TxHash;

use super::state::Account;

/// How much weight an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Sequence numbers and authorizing trust lines.
    Low,
    /// Money.
    Medium,
    /// Control over the account.
    High,
}

/// What signatures turned out to be, so that a signature is verified once in an envelope's life.
pub type Verified = HashMap<(usize, [u8; 32], Vec<u8>), bool>;

/// The signatures of one envelope, and which were needed.
#[derive(Debug)]
pub struct SignatureCheck<'a> {
    hash: TxHash,
    signatures: &'a [DecoratedSignature],
    used: Vec<bool>,
    verified: &'a mut Verified,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    HashX,
    Ed25519,
    SignedPayload,
}

fn kind_of(key: &SignerKey) -> Option<Kind> {
    match key {
        SignerKey::PreAuthTx(_) => None,
        SignerKey::HashX(_) => Some(Kind::HashX),
        SignerKey::Ed25519(_) => Some(Kind::Ed25519),
        SignerKey::Ed25519SignedPayload(_) => Some(Kind::SignedPayload),
    }
}

fn hint(bytes: &[u8]) -> [u8; 4] {
    let mut hint = [0; 4];
    let tail = bytes.get(bytes.len().saturating_sub(4)..).unwrap_or_default();
    hint[..tail.len()].copy_from_slice(tail);
    hint
}

fn payload_hint(signer: &SignerKeyEd25519SignedPayload) -> [u8; 4] {
    let (mut of_key, of_payload) = (hint(&signer.ed25519.0), hint(&signer.payload));
    of_key.iter_mut().zip(of_payload).for_each(|(byte, other)| *byte ^= other);
    of_key
}

/// The keys with weight over an account, its own among them.
pub fn signers_of(id: AccountId, account: &Account) -> Vec<(SignerKey, u8)> {
    let own = (account.thresholds.master > 0)
        .then_some((SignerKey::Ed25519(Uint256(id.0)), account.thresholds.master));
    let others = account.signers.iter().map(|(key, signer)| (key.clone(), signer.weight));
    own.into_iter().chain(others).collect()
}

/// The weight that an account demands for a level.
pub fn threshold(account: &Account, level: Level) -> u8 {
    match level {
        Level::Low => account.thresholds.low,
        Level::Medium => account.thresholds.medium,
        Level::High => account.thresholds.high,
    }
}

impl<'a> SignatureCheck<'a> {
    /// The signatures over a transaction with this hash.
    pub fn new(hash: TxHash, signatures: &'a [DecoratedSignature], verified: &'a mut Verified) -> Self {
        Self { hash, signatures, used: vec![false; signatures.len()], verified }
    }

    fn ed25519(&mut self, at: usize, key: &[u8; 32], message: &[u8]) -> bool {
        let signatures = self.signatures;
        *self.verified.entry((at, *key, message.to_vec())).or_insert_with(|| {
            let (Ok(key), Ok(signature)) =
                (VerifyingKey::from_bytes(key), Signature::from_slice(&signatures[at].signature.0))
            else {
                return false;
            };
            key.verify(message, &signature).is_ok()
        })
    }

    fn matches(&mut self, at: usize, key: &SignerKey) -> bool {
        let signature = &self.signatures[at];
        let hinted = signature.hint.0;
        match key {
            SignerKey::PreAuthTx(_) => false,
            SignerKey::HashX(hash) => {
                let digest: [u8; 32] = Sha256::digest(signature.signature.0.as_slice()).into();
                hinted == hint(&hash.0) && digest == hash.0
            }
            SignerKey::Ed25519(key) => {
                let hash = self.hash;
                hinted == hint(&key.0) && self.ed25519(at, &key.0, &hash.0)
            }
            SignerKey::Ed25519SignedPayload(signer) => {
                hinted == payload_hint(signer) && self.ed25519(at, &signer.ed25519.0, &signer.payload)
            }
        }
    }

    /// Whether the signatures of `signers` weigh `needed`; those counted are marked as used.
    pub fn check(&mut self, mut signers: Vec<(SignerKey, u8)>, needed: u8) -> bool {
        let mut weight = 0_u32;
        for (key, own) in &signers {
            if matches!(key, SignerKey::PreAuthTx(hash) if hash.0 == self.hash.0) {
                weight += u32::from(*own);
                if weight >= u32::from(needed) {
                    return true;
                }
            }
        }
        for kind in [Kind::HashX, Kind::Ed25519, Kind::SignedPayload] {
            for at in 0..self.signatures.len() {
                let found =
                    signers.iter().position(|(key, _)| kind_of(key) == Some(kind) && self.matches(at, key));
                let Some(found) = found else { continue };
                let (_, own) = signers.swap_remove(found);
                self.used[at] = true;
                weight += u32::from(own);
                if weight >= u32::from(needed) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether the account's signers meet its threshold for `level`.
    pub fn check_account(&mut self, id: AccountId, account: &Account, level: Level) -> bool {
        self.check(signers_of(id, account), threshold(account, level))
    }

    /// Whether the key of an account that does not exist has signed.
    pub fn check_key(&mut self, id: AccountId) -> bool {
        self.check(vec![(SignerKey::Ed25519(Uint256(id.0)), 1)], 0)
    }

    /// False if a signature was not needed for anything.
    pub fn all_used(&self) -> bool {
        self.used.iter().all(|used| *used)
    }
}
