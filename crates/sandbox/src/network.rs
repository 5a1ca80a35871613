//! What a sandbox network is made of before its first transaction: its passphrase and the keys that
//! follow from its seed.

use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};

use stellar_types::address::AccountId;
use stellar_types::asset::{Asset, AssetCode};

/// The passphrase of a sandbox unless another is set. Nothing signed for it is valid elsewhere.
pub const PASSPHRASE: &str = "Farmgate Sandbox Network ; 2026";
/// The seed of a sandbox unless another is set.
pub const SEED: u64 = 1;
/// All the XLM there is, in stroops: 100 billion, as on the public network at its start.
pub const TOTAL_COINS_STROOPS: i64 = 100_000_000_000 * 10_000_000;
/// XLM of each issuer and each of the sandbox's own channels, in stroops.
pub const SERVICE_BALANCE_STROOPS: i64 = 100_000 * 10_000_000;
/// Accounts that friendbot and the issuers send from: so many gifts fit in one ledger.
pub const SERVICE_CHANNELS: u32 = 100;
/// Asset codes that the sandbox issues.
pub const ISSUED_CODES: [&str; 3] = ["TFT", "TFTA", "FreeTFT"];

/// The keys of the network's own accounts.
#[derive(Clone)]
pub struct Keys {
    /// Holds the XLM that nobody has yet; friendbot pays from it.
    pub root: SigningKey,
    /// Issuers, by asset code.
    pub issuers: Vec<(AssetCode, SigningKey)>,
    /// Sources of friendbot's and the issuers' transactions, so that one ledger takes many.
    pub channels: Vec<SigningKey>,
}

/// The account of a key.
pub fn account_of_key(key: &SigningKey) -> AccountId {
    AccountId(key.verifying_key().to_bytes())
}

fn derive(seed: u64, role: &str) -> SigningKey {
    let mut digest = Sha256::new();
    digest.update(b"farmgate sandbox network ");
    digest.update(seed.to_be_bytes());
    digest.update(role.as_bytes());
    SigningKey::from_bytes(&digest.finalize().into())
}

impl Keys {
    /// The keys of the network with this seed.
    pub fn from_seed(seed: u64) -> Self {
        let issuer = |code: &str| Some((code.parse().ok()?, derive(seed, &format!("issuer {code}"))));
        Self {
            root: derive(seed, "root"),
            issuers: ISSUED_CODES.into_iter().filter_map(issuer).collect(),
            channels: (0..SERVICE_CHANNELS).map(|n| derive(seed, &format!("channel {n}"))).collect(),
        }
    }

    /// The issuer's key for an asset code, if the sandbox issues it.
    pub fn issuer(&self, code: &str) -> Option<&SigningKey> {
        self.issuers.iter().find(|(issued, _)| issued.as_str() == code).map(|(_, key)| key)
    }

    /// The assets that the sandbox issues.
    pub fn assets(&self) -> Vec<Asset> {
        self.issuers.iter().map(|(code, key)| Asset::credit(*code, account_of_key(key))).collect()
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("root", &account_of_key(&self.root)).finish_non_exhaustive()
    }
}
