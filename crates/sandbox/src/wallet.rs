//! A wallet for trying things out: it gets money from the sandbox, trusts assets and pays.
//!
//! A wallet is a name, from which its key follows, or a secret (`S…`). Named wallets are anyone's: that is
//! why it talks to loopback only. It builds and signs its transactions by itself, and never retries one.

mod deeds;
mod received;

pub use deeds::Deed;
pub use received::Received;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use reqwest::{Client, RequestBuilder, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use stellar_strkey::ed25519::PrivateKey;
use stellar_xdr::{
    Hash, Memo as XdrMemo, Operation, Preconditions, SequenceNumber, Transaction, TransactionEnvelope,
    TransactionExt, TransactionV1Envelope,
};
use url::{Host, Url};

use super::ledger::BASE_FEE_STROOPS;
use super::network::account_of_key;
use super::xdr::{Tx, XdrError, muxed, network_id, sign};
use stellar_types::address::{AccountId, Address};
use stellar_types::asset::{Asset, AssetCode, AssetError};
use stellar_types::ids::TxHash;
use stellar_types::money::Stroops;

/// Longest wallet name, in characters.
pub const NAME_CHARS_MAX: usize = 32;
/// Longest text memo, in bytes.
pub const MEMO_TEXT_BYTES_MAX: usize = 28;
/// How long one request may take, in seconds; a submission waits up to thirty.
const REQUEST_SECONDS_MAX: u64 = 60;
/// Longest answer that is read, in bytes.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// Characters of a secret.
const SECRET_CHARS: usize = 56;

/// Why the wallet did not do it.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// It speaks to a sandbox on this machine only.
    #[error("`{url}` is not an http:// address of this machine, such as http://127.0.0.1:8000")]
    NotLoopback {
        /// What was given.
        url: String,
    },
    /// Neither a name nor a secret.
    #[error("a wallet is a name (1 to {NAME_CHARS_MAX} letters, digits, - and _) or a secret (S…)")]
    Name,
    /// Looks like a secret, and is none.
    #[error("the secret's characters or checksum are wrong")]
    Secret,
    /// No asset.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// No memo.
    #[error(
        "a memo is `text:…` (up to {MEMO_TEXT_BYTES_MAX} bytes), `id:…` (a number) or `hash:…` (64 hexadecimal digits)"
    )]
    Memo,
    /// The sandbox does not issue it.
    #[error("the network at {horizon} issues no {code}; write it as CODE:ISSUER")]
    UnknownAsset {
        /// Which network.
        horizon: Url,
        /// The asset's code.
        code: AssetCode,
    },
    /// Only the sandbox's own assets can be had for nothing.
    #[error("{asset} is not given away here")]
    NotGiven {
        /// The asset.
        asset: Asset,
    },
    /// The wallet has no account yet.
    #[error("{account} does not exist yet: fund it with native first")]
    NoAccount {
        /// The wallet's account.
        account: AccountId,
    },
    /// A transaction has one operation at least.
    #[error("there is nothing to do")]
    Nothing,
    /// A contract cannot be paid.
    #[error("{to} cannot receive a payment")]
    Unpayable {
        /// The address.
        to: Address,
    },
    /// The network refused the transaction, or it failed there.
    #[error("the network says {}", codes.join(", "))]
    Failed {
        /// The transaction's code, then those of its operations.
        codes: Vec<String>,
    },
    /// Horizon answered with a problem.
    #[error("{title} ({status}){}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
    Problem {
        /// HTTP status.
        status: u16,
        /// What it is called.
        title: String,
        /// What is wrong, if it said so.
        reason: Option<String>,
    },
    /// An answer that makes no sense.
    #[error("an answer of {horizon} cannot be read: {reason}")]
    Answer {
        /// Which network.
        horizon: Url,
        /// Why not.
        reason: String,
    },
    /// Nobody answered.
    #[error("{horizon} does not answer: {source}")]
    Unreachable {
        /// Which network.
        horizon: Url,
        /// What happened.
        source: reqwest::Error,
    },
    /// The client could not be set up.
    #[error("the HTTP client cannot be set up: {reason}")]
    Client {
        /// Why not.
        reason: String,
    },
    /// A transaction could not be written.
    #[error(transparent)]
    Xdr(#[from] XdrError),
}

/// The key of a named wallet, the same on every machine and network.
pub fn keypair(name: &str) -> SigningKey {
    let mut digest = Sha256::new();
    digest.update(b"farmgate sandbox wallet ");
    digest.update(name.as_bytes());
    SigningKey::from_bytes(&digest.finalize().into())
}

/// Someone who pays.
#[derive(Clone)]
pub struct Wallet {
    key: SigningKey,
    sub_account: Option<u64>,
}

impl Wallet {
    /// The wallet's account.
    pub fn account(&self) -> AccountId {
        account_of_key(&self.key)
    }

    /// The same wallet, paying as one of its sub-accounts: as an exchange pays for a customer.
    pub fn as_sub_account(&self, id: u64) -> Self {
        Self { sub_account: Some(id), ..self.clone() }
    }

    /// Where its payments come from.
    pub fn address(&self) -> Address {
        let account = self.account();
        self.sub_account.map_or(Address::Account(account), |id| Address::Muxed { account, id })
    }

    /// The wallet's key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }
}

impl From<SigningKey> for Wallet {
    fn from(key: SigningKey) -> Self {
        Self { key, sub_account: None }
    }
}

impl FromStr for Wallet {
    type Err = WalletError;

    fn from_str(text: &str) -> Result<Self, WalletError> {
        if text.len() == SECRET_CHARS && text.starts_with('S') {
            let seed = PrivateKey::from_string(text).map_err(|_| WalletError::Secret)?;
            return Ok(Self { key: SigningKey::from_bytes(&seed.0), sub_account: None });
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.is_empty() || text.len() > NAME_CHARS_MAX || !text.chars().all(plain) {
            return Err(WalletError::Name);
        }
        Ok(Self { key: keypair(text), sub_account: None })
    }
}

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wallet").field(&self.account()).finish()
    }
}

/// An asset as people write it: `native` or `XLM`, the code of one that the sandbox issues, or `CODE:ISSUER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// All said.
    Asset(Asset),
    /// The network's asset of this code.
    Code(AssetCode),
}

impl FromStr for Named {
    type Err = WalletError;

    fn from_str(text: &str) -> Result<Self, WalletError> {
        match text {
            "native" | "XLM" => Ok(Self::Asset(Asset::Native)),
            full if full.contains(':') => Ok(Self::Asset(full.parse()?)),
            code => Ok(Self::Code(code.parse()?)),
        }
    }
}

/// What a payment says besides its amount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Memo {
    /// Nothing.
    #[default]
    None,
    /// Up to [`MEMO_TEXT_BYTES_MAX`] bytes.
    Text(String),
    /// A number.
    Id(u64),
    /// A hash.
    Hash([u8; 32]),
}

impl FromStr for Memo {
    type Err = WalletError;

    fn from_str(text: &str) -> Result<Self, WalletError> {
        match text.split_once(':') {
            None if text.is_empty() || text == "none" => Ok(Self::None),
            Some(("text", value)) if value.len() <= MEMO_TEXT_BYTES_MAX => Ok(Self::Text(value.to_owned())),
            Some(("id", value)) => value.parse().map(Self::Id).map_err(|_| WalletError::Memo),
            Some(("hash", value)) => {
                let mut hash = [0; 32];
                hex::decode_to_slice(value, &mut hash).map_err(|_| WalletError::Memo)?;
                Ok(Self::Hash(hash))
            }
            None | Some(_) => Err(WalletError::Memo),
        }
    }
}

impl Memo {
    fn to_xdr(&self) -> Result<XdrMemo, WalletError> {
        Ok(match self {
            Self::None => XdrMemo::None,
            Self::Text(text) => XdrMemo::Text(text.as_str().try_into().map_err(|_| WalletError::Memo)?),
            Self::Id(id) => XdrMemo::Id(*id),
            Self::Hash(hash) => XdrMemo::Hash(Hash(*hash)),
        })
    }
}

/// A transaction that is in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// Its hash.
    pub hash: TxHash,
    /// The ledger it is in.
    pub ledger: u32,
}

/// A sandbox's Horizon on this machine.
#[derive(Debug, Clone)]
pub struct Horizon {
    url: Url,
    http: Client,
}

#[derive(Debug, Deserialize)]
struct Root {
    network_passphrase: String,
    #[serde(default)]
    farmgate_sandbox: Option<Own>,
}

#[derive(Debug, Deserialize)]
struct Own {
    issuers: std::collections::BTreeMap<AssetCode, AccountId>,
}

#[derive(Debug, Deserialize)]
struct AccountView {
    sequence: String,
}

#[derive(Debug, Default, Deserialize)]
struct ProblemView {
    #[serde(default)]
    title: String,
    #[serde(default)]
    extras: Extras,
}

#[derive(Debug, Default, Deserialize)]
struct Extras {
    reason: Option<String>,
    result_codes: Option<Codes>,
}

#[derive(Debug, Deserialize)]
struct Codes {
    transaction: String,
    inner_transaction: Option<String>,
    #[serde(default)]
    operations: Vec<String>,
}

fn is_loopback(url: &Url) -> bool {
    let host = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    host && url.scheme() == "http"
}

/// A client without proxies or redirects, which could lead away from this machine. It knows no
/// certificates: the sandbox speaks plain HTTP.
fn client() -> Result<Client, WalletError> {
    let failed = |reason: String| WalletError::Client { reason };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(REQUEST_SECONDS_MAX))
        .build()
        .map_err(|error| failed(error.to_string()))
}

impl Horizon {
    /// The Horizon at a loopback address, such as `http://127.0.0.1:8000`.
    pub fn at(url: &str) -> Result<Self, WalletError> {
        let parsed = Url::parse(url).ok().filter(is_loopback);
        let url = parsed.ok_or_else(|| WalletError::NotLoopback { url: url.to_owned() })?;
        Ok(Self { url, http: client()? })
    }

    fn path(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, WalletError> {
        let unreachable = |source| WalletError::Unreachable { horizon: self.url.clone(), source };
        let unreadable = |reason: String| WalletError::Answer { horizon: self.url.clone(), reason };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > RESPONSE_BYTES_MAX {
                return Err(unreadable(format!("it is longer than {RESPONSE_BYTES_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()));
        }
        let problem: ProblemView = serde_json::from_slice(&body).unwrap_or_default();
        Err(match problem.extras.result_codes {
            Some(codes) => WalletError::Failed {
                codes: std::iter::once(codes.transaction)
                    .chain(codes.inner_transaction)
                    .chain(codes.operations)
                    .collect(),
            },
            None => WalletError::Problem {
                status: status.as_u16(),
                title: problem.title,
                reason: problem.extras.reason,
            },
        })
    }

    async fn root(&self) -> Result<Root, WalletError> {
        self.ask(self.http.get(self.path("/"))).await
    }

    /// The asset that a name means on this network.
    pub async fn asset(&self, named: Named) -> Result<Asset, WalletError> {
        let code = match named {
            Named::Asset(asset) => return Ok(asset),
            Named::Code(code) => code,
        };
        let own = self.root().await?.farmgate_sandbox;
        let issuer = own.and_then(|own| own.issuers.get(&code).copied());
        let unknown = || WalletError::UnknownAsset { horizon: self.url.clone(), code };
        issuer.map(|issuer| Asset::credit(code, issuer)).ok_or_else(unknown)
    }

    /// Gets money for an account: a new account with 10,000 XLM from friendbot, whatever the `amount`,
    /// or `amount` tokens from the sandbox's issuer.
    pub async fn fund(
        &self,
        account: AccountId,
        named: Named,
        amount: Stroops,
    ) -> Result<Receipt, WalletError> {
        match self.asset(named).await? {
            Asset::Native => {
                let mut url = self.path("/friendbot");
                url.query_pairs_mut().append_pair("addr", &account.to_string());
                self.ask(self.http.get(url)).await
            }
            asset @ Asset::Credit { code, .. } => {
                if self.asset(Named::Code(code)).await.ok() != Some(asset) {
                    return Err(WalletError::NotGiven { asset });
                }
                let body = serde_json::json!({ "to": account, "code": code, "amount": amount });
                self.ask(self.http.post(self.path("/sandbox/issue")).json(&body)).await
            }
        }
    }

    /// Opens a trust line without a limit.
    pub async fn trust(&self, wallet: &Wallet, named: Named) -> Result<Receipt, WalletError> {
        self.limit_trust(wallet, named, Stroops::MAX).await
    }

    /// Gives a trust line up; it must be empty.
    pub async fn distrust(&self, wallet: &Wallet, named: Named) -> Result<Receipt, WalletError> {
        self.limit_trust(wallet, named, Stroops::ZERO).await
    }

    async fn limit_trust(
        &self,
        wallet: &Wallet,
        named: Named,
        limit: Stroops,
    ) -> Result<Receipt, WalletError> {
        let asset = self.asset(named).await?;
        self.act(&[(wallet, Deed::Trust { asset, limit })], &Memo::None).await
    }

    /// Pays an account or a sub-account.
    pub async fn pay(
        &self,
        wallet: &Wallet,
        to: Address,
        named: Named,
        amount: Stroops,
        memo: &Memo,
    ) -> Result<Receipt, WalletError> {
        let asset = self.asset(named).await?;
        self.act(&[(wallet, Deed::Pay { to, asset, amount })], memo).await
    }

    async fn next_sequence(&self, account: AccountId) -> Result<i64, WalletError> {
        let view: AccountView =
            match self.ask(self.http.get(self.path(&format!("/accounts/{account}")))).await {
                Err(WalletError::Problem { status: 404, .. }) => {
                    return Err(WalletError::NoAccount { account });
                }
                answer => answer?,
            };
        view.sequence.parse::<i64>().ok().and_then(|sequence| sequence.checked_add(1)).ok_or_else(|| {
            WalletError::Answer { horizon: self.url.clone(), reason: "no sequence number".to_owned() }
        })
    }

    async fn send(
        &self,
        source: &Wallet,
        operations: Vec<Operation>,
        signers: &[&Wallet],
        memo: &Memo,
    ) -> Result<Receipt, WalletError> {
        let network = network_id(&self.root().await?.network_passphrase);
        let from = source.address();
        let transaction = Transaction {
            source_account: muxed(from).ok_or(WalletError::Unpayable { to: from })?,
            fee: BASE_FEE_STROOPS * u32::try_from(operations.len()).unwrap_or(u32::MAX),
            seq_num: SequenceNumber(self.next_sequence(source.account()).await?),
            cond: Preconditions::None,
            memo: memo.to_xdr()?,
            operations: operations.try_into().map_err(XdrError::from)?,
            ext: TransactionExt::V0,
        };
        let hash = TxHash(transaction.hash(network).map_err(XdrError::from)?);
        let signatures: Vec<_> = signers.iter().map(|signer| sign(&signer.key, hash)).collect();
        let signatures = signatures.try_into().map_err(XdrError::from)?;
        let envelope = TransactionEnvelope::Tx(TransactionV1Envelope { tx: transaction, signatures });
        let tx = Tx::new(envelope, network)?;
        self.ask(self.http.post(self.path("/transactions")).form(&[("tx", tx.to_base64())])).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_is_a_name_or_a_secret() {
        let alice: Wallet = "alice".parse().unwrap();
        assert_eq!(alice.account(), "alice".parse::<Wallet>().unwrap().account());
        assert_ne!(alice.account(), "Alice".parse::<Wallet>().unwrap().account());
        let secret = PrivateKey(keypair("alice").to_bytes());
        let text = secret.as_unredacted().to_string();
        assert_eq!(text.as_str().parse::<Wallet>().unwrap().account(), alice.account());
        let mistyped = text.as_str().replacen(text.as_str().chars().nth(20).unwrap(), "A", 1);
        assert!(matches!(mistyped.parse::<Wallet>(), Err(WalletError::Secret)));
        for text in ["", "two words", "a/b", &"x".repeat(33)] {
            assert!(matches!(text.parse::<Wallet>(), Err(WalletError::Name)), "{text}");
        }
    }

    #[test]
    fn a_horizon_elsewhere_is_refused_before_anything_is_sent() {
        for url in [
            "https://horizon.stellar.org",
            "http://192.168.1.1:8000",
            "http://127.0.0.1.example.com",
            "https://127.0.0.1:8000",
            "ftp://localhost",
            "127.0.0.1:8000",
            "",
        ] {
            assert!(matches!(Horizon::at(url), Err(WalletError::NotLoopback { .. })), "{url}");
        }
        for url in ["http://127.0.0.1:8000", "http://localhost:8000/", "http://[::1]:8000"] {
            assert!(Horizon::at(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn memos_are_read_by_kind() {
        assert_eq!("".parse::<Memo>().unwrap(), Memo::None);
        assert_eq!("text:p-5: hello".parse::<Memo>().unwrap(), Memo::Text("p-5: hello".to_owned()));
        assert_eq!("id:18446744073709551615".parse::<Memo>().unwrap(), Memo::Id(u64::MAX));
        assert_eq!(format!("hash:{}", "ab".repeat(32)).parse::<Memo>().unwrap(), Memo::Hash([0xab; 32]));
        for text in ["hello", "id:-1", "hash:ab", &format!("text:{}", "x".repeat(29))] {
            assert!(matches!(text.parse::<Memo>(), Err(WalletError::Memo)), "{text}");
        }
    }
}
