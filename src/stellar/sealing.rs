//! Seals the seeds of new accounts to a recovery key, and opens them where its secret half is.
//!
//! Sealed boxes are those of libsodium's `crypto_box_seal` (X25519, XSalsa20-Poly1305): whoever seals keeps
//! nothing that opens. Never here: a secret in `Debug`, in an error or in a log. Key bytes and opened seeds
//! are overwritten when dropped. What does not open to the seed of the account it stands for is an error, and
//! nothing of it is shown.

use std::fmt;
use std::str::FromStr;

use crypto_box::aead::rand_core::{self, CryptoRng, RngCore};
use crypto_box::aead::{Aead, generic_array::GenericArray};
use crypto_box::{PublicKey, SalsaBox, SecretKey};
use zeroize::Zeroizing;

use super::keys::SecretSeed;
use crate::domain::address::AccountId;
use crate::domain::sealing::{SealedSecret, SealedSeed, SealingKey};
use crate::ports::entropy::Entropy;

/// What every sealing secret begins with: it is not taken for the public half, whose digits look the same.
const SECRET_PREFIX: &str = "sealing-secret-";

/// Why nothing was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// One of the few keys with which everybody shares the same secret.
    #[error("{0} is a weak sealing key: anybody could open what is sealed to it")]
    WeakKey(SealingKey),
    /// The cipher refused; it has no reason to.
    #[error("a secret could not be sealed")]
    Cipher,
}

/// Why a sealed secret was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// It was sealed to another key.
    #[error("the secret of {account} is sealed to {sealed_to}, and this is the secret half of {given}")]
    OtherKey {
        /// The account.
        account: AccountId,
        /// The key it is sealed to.
        sealed_to: SealingKey,
        /// The public half of the key that was given.
        given: SealingKey,
    },
    /// It was changed, or is not what it says it is.
    #[error("the sealed secret of {account} is damaged: it does not open with the key it is sealed to")]
    Damaged {
        /// The account.
        account: AccountId,
    },
    /// It opens to the seed of another account.
    #[error("what is sealed as the secret of {account} is that of {holds}")]
    OtherAccount {
        /// The account it stands for.
        account: AccountId,
        /// The account whose seed it holds.
        holds: AccountId,
    },
}

/// A text that is no sealing secret. Says nothing of the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a sealing secret: that is `{SECRET_PREFIX}` and 64 hexadecimal digits")]
pub struct SealingSecretError;

/// The secret half of a recovery sealing key.
pub struct SealingSecret(SecretKey);

impl SealingSecret {
    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(SecretKey::generate(&mut Drawn(entropy)))
    }

    /// Its public half.
    pub fn public_key(&self) -> SealingKey {
        SealingKey(self.0.public_key().to_bytes())
    }

    /// The key as text, for storing it where secrets are kept; overwritten when dropped.
    pub fn reveal(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(hex::encode(Zeroizing::new(self.0.to_bytes())));
        Zeroizing::new([SECRET_PREFIX, &digits].concat())
    }

    /// Opens the sealed secret of an account: the seed with which this account, and no other, signs.
    ///
    /// # Errors
    /// [`UnsealError`] if it is for another key, damaged, or holds the seed of another account.
    pub fn open(&self, sealed: &SealedSecret) -> Result<SecretSeed, UnsealError> {
        let account = sealed.account;
        let given = self.public_key();
        if sealed.key != given {
            return Err(UnsealError::OtherKey { account, sealed_to: sealed.key, given });
        }
        let damaged = UnsealError::Damaged { account };
        let opened = Zeroizing::new(self.0.unseal(&sealed.seed.0).map_err(|_| damaged)?);
        let bytes: &[u8; 32] = opened.as_slice().try_into().map_err(|_| damaged)?;
        let seed = SecretSeed::from_bytes(bytes);
        let holds = seed.public_key();
        if holds == account { Ok(seed) } else { Err(UnsealError::OtherAccount { account, holds }) }
    }
}

impl FromStr for SealingSecret {
    type Err = SealingSecretError;

    fn from_str(text: &str) -> Result<Self, SealingSecretError> {
        let digits = text.strip_prefix(SECRET_PREFIX).ok_or(SealingSecretError)?;
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, bytes.as_mut_slice()).map_err(|_| SealingSecretError)?;
        Ok(Self(SecretKey::from_bytes(*bytes)))
    }
}

impl fmt::Debug for SealingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingSecret(of {})", self.public_key())
    }
}

/// Refuses the keys of small order: two strangers share a secret with those, and so does everybody.
pub fn check(key: SealingKey) -> Result<(), SealError> {
    let public = PublicKey::from_bytes(key.0);
    let strangers = [1, 2].map(|byte| SalsaBox::new(&public, &SecretKey::from_bytes([byte; 32])));
    let nonce = GenericArray::default();
    let sealed = strangers[0].encrypt(&nonce, &[][..]).map_err(|_| SealError::Cipher)?;
    match strangers[1].decrypt(&nonce, sealed.as_slice()) {
        Ok(_) => Err(SealError::WeakKey(key)),
        Err(_) => Ok(()),
    }
}

/// Seals the seed of a new account.
pub fn seal(key: SealingKey, seed: &SecretSeed, entropy: &dyn Entropy) -> Result<SealedSecret, SealError> {
    check(key)?;
    let sealed = PublicKey::from_bytes(key.0)
        .seal(&mut Drawn(entropy), seed.bytes())
        .map_err(|_| SealError::Cipher)?;
    let bytes = sealed.try_into().map_err(|_| SealError::Cipher)?;
    Ok(SealedSecret { account: seed.public_key(), key, seed: SealedSeed(bytes) })
}

/// Our randomness, as the cipher's crate asks for it.
struct Drawn<'e>(&'e dyn Entropy);

impl RngCore for Drawn<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        self.0.u64()
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl CryptoRng for Drawn<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stellar::testing::Counting;

    const LIBSODIUM: &str = "0425a8162bb65b957590dd1f20c0bd646a7aec974aa424f7753230d626e3c6629699ac758d27e435\
        b30a608947c944f4f97bb65d86680ed1f659887171ad035a5708d14302214be5ebec3ebc33440f3a";

    fn seed() -> SecretSeed {
        SecretSeed::from_bytes(&[7; 32])
    }

    #[test]
    fn only_the_secret_half_opens_what_was_sealed() {
        let entropy = Counting::new();
        let secret = SealingSecret::generate(&*entropy);
        let other = SealingSecret::generate(&*entropy);
        let sealed = seal(secret.public_key(), &seed(), &*entropy).unwrap();
        assert_eq!(sealed.account, seed().public_key());
        assert_eq!(*secret.open(&sealed).unwrap().reveal(), *seed().reveal());
        let (sealed_to, given) = (secret.public_key(), other.public_key());
        let refused = UnsealError::OtherKey { account: sealed.account, sealed_to, given };
        assert_eq!(other.open(&sealed).unwrap_err(), refused);
        let mislabelled = SealedSecret { key: other.public_key(), ..sealed };
        assert_eq!(other.open(&mislabelled).unwrap_err(), UnsealError::Damaged { account: sealed.account });
    }

    #[test]
    fn a_box_that_was_changed_or_stands_for_another_account_is_refused() {
        let entropy = Counting::new();
        let secret = SealingSecret::generate(&*entropy);
        let sealed = seal(secret.public_key(), &seed(), &*entropy).unwrap();
        for place in [0, 40, 79] {
            let mut changed = sealed;
            changed.seed.0[place] ^= 1;
            assert_eq!(secret.open(&changed).unwrap_err(), UnsealError::Damaged { account: sealed.account });
        }
        let account = AccountId([9; 32]);
        let refused = UnsealError::OtherAccount { account, holds: sealed.account };
        assert_eq!(secret.open(&SealedSecret { account, ..sealed }).unwrap_err(), refused);
    }

    #[test]
    fn the_same_seed_is_sealed_differently_each_time() {
        let entropy = Counting::new();
        let key = SealingSecret::generate(&*entropy).public_key();
        let sealed = || seal(key, &seed(), &*entropy).unwrap();
        assert_ne!(sealed().seed, sealed().seed);
    }

    /// Made by libsodium 1.0.18: `crypto_box_seal` of thirty-two bytes of 7 to the key of the secret
    /// of thirty-two of 1.
    #[test]
    fn libsodiums_boxes_are_opened() {
        let secret = SealingSecret(SecretKey::from_bytes([1; 32]));
        let account = seed().public_key();
        let seed = LIBSODIUM.parse().unwrap();
        secret.open(&SealedSecret { account, key: secret.public_key(), seed }).unwrap();
    }

    #[test]
    fn a_key_that_seals_nothing_is_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        let order_eight = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800";
        for key in [SealingKey([0; 32]), SealingKey(one), order_eight.parse().unwrap()] {
            assert_eq!(check(key), Err(SealError::WeakKey(key)));
            assert!(seal(key, &seed(), &*Counting::new()).is_err());
        }
    }

    #[test]
    fn a_sealing_secret_survives_its_text_and_never_shows_it() {
        let secret = SealingSecret::generate(&*Counting::new());
        let again: SealingSecret = secret.reveal().parse().unwrap();
        assert_eq!(again.public_key(), secret.public_key());
        assert!(!format!("{secret:?}").contains(secret.reveal().trim_start_matches(SECRET_PREFIX)));
        let digits = secret.public_key().to_string();
        for text in ["", SECRET_PREFIX, digits.as_str()] {
            assert_eq!(text.parse::<SealingSecret>().unwrap_err(), SealingSecretError);
        }
    }
}
