//! The client of a sandbox's Horizon on this machine.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stellar_types::address::{AccountId, Address};
use stellar_types::asset::{Asset, AssetCode};
use stellar_types::ids::TxHash;
use stellar_types::money::Stroops;
use stellar_xdr::{
    Operation as XdrOperation, Preconditions, SequenceNumber, Transaction, TransactionEnvelope,
    TransactionExt, TransactionV1Envelope,
};
use url::{Host, Url};

use super::error::WalletError;
use super::key::Wallet;
use super::memo::Memo;
use super::named::Named;
use crate::faucet::FRIENDBOT_STROOPS;
use crate::ledger::BASE_FEE_STROOPS;
use crate::operations::{Operation, payable};
use crate::xdr::{Tx, XdrError, network_id, sign};

/// How long one request may take, in seconds; a submission waits up to thirty.
const REQUEST_SECONDS_MAX: u64 = 60;
/// Longest answer that is read, in bytes.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;

/// What Horizon calls it that friendbot cannot create an account twice.
const ACCOUNT_EXISTS: &str = "op_already_exists";

/// A transaction that is in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Receipt {
    /// Its hash.
    pub hash: TxHash,
    /// The ledger it is in.
    pub ledger: u32,
}

/// What came of funding an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Funded {
    /// Friendbot created it.
    Created(Receipt),
    /// It existed, and was paid.
    Paid(Receipt),
}

impl Funded {
    /// The transaction, either way.
    pub fn receipt(&self) -> &Receipt {
        match self {
            Self::Created(receipt) | Self::Paid(receipt) => receipt,
        }
    }
}

/// A sandbox's Horizon on this machine.
#[derive(Debug, Clone)]
pub struct Horizon {
    pub(super) url: Url,
    pub(super) http: Client,
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

    pub(super) fn path(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url
    }

    pub(super) async fn ask<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, WalletError> {
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

    /// The assets that the sandbox issues.
    pub(super) async fn issued(&self) -> Result<Vec<Asset>, WalletError> {
        let own = self.root().await?.farmgate_sandbox;
        let issuers = own.map(|own| own.issuers).unwrap_or_default();
        Ok(issuers.into_iter().map(|(code, issuer)| Asset::credit(code, issuer)).collect())
    }

    /// The asset that a name means on this network.
    pub async fn asset(&self, named: Named) -> Result<Asset, WalletError> {
        let code = match named {
            Named::Asset(asset) => return Ok(asset),
            Named::Code(code) => code,
        };
        let issued = self.issued().await?.into_iter().find(|asset| asset.code() == code.as_str());
        issued.ok_or_else(|| WalletError::UnknownAsset { horizon: self.url.clone(), code })
    }

    /// Gets money for an account: 10,000 XLM, whatever the `amount`, with a new account from friendbot if
    /// there is none yet; or `amount` tokens from the sandbox's issuer.
    pub async fn fund(
        &self,
        account: AccountId,
        named: Named,
        amount: Stroops,
    ) -> Result<Funded, WalletError> {
        match self.asset(named).await? {
            Asset::Native => self.fund_xlm(account).await,
            asset @ Asset::Credit { code, .. } => {
                if self.asset(Named::Code(code)).await.ok() != Some(asset) {
                    return Err(WalletError::NotGiven { asset });
                }
                self.issue(account, code.as_str(), amount).await.map(Funded::Paid)
            }
        }
    }

    async fn fund_xlm(&self, account: AccountId) -> Result<Funded, WalletError> {
        let mut url = self.path("/friendbot");
        url.query_pairs_mut().append_pair("addr", &account.to_string());
        match self.ask(self.http.get(url)).await {
            Err(WalletError::Failed { codes }) if codes.iter().any(|code| code == ACCOUNT_EXISTS) => {
                let amount = Stroops::new(FRIENDBOT_STROOPS).unwrap_or_default();
                self.issue(account, Asset::Native.code(), amount).await.map(Funded::Paid)
            }
            answer => answer.map(Funded::Created),
        }
    }

    async fn issue(&self, to: AccountId, code: &str, amount: Stroops) -> Result<Receipt, WalletError> {
        let body = serde_json::json!({ "to": to, "code": code, "amount": amount });
        self.ask(self.http.post(self.path("/sandbox/issue")).json(&body)).await
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
        self.act(&[(wallet, Operation::Trust { asset, limit })], &Memo::None).await
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
        self.act(&[(wallet, Operation::Pay { to, asset, amount })], memo).await
    }

    /// Does it all in one transaction, or nothing of it. The first wallet is the transaction's source and
    /// pays its fee.
    pub async fn act(
        &self,
        operations: &[(&Wallet, Operation)],
        memo: &Memo,
    ) -> Result<Receipt, WalletError> {
        let Some((first, _)) = operations.first() else { return Err(WalletError::Nothing) };
        let mut written = Vec::new();
        let mut signers: Vec<&Wallet> = Vec::new();
        for (wallet, operation) in operations {
            let source = (wallet.address() != first.address()).then(|| payable(wallet.address()));
            written.push(XdrOperation { source_account: source.transpose()?, body: operation.to_xdr()? });
            if signers.iter().all(|known| known.account() != wallet.account()) {
                signers.push(*wallet);
            }
        }
        self.send(first, written, &signers, memo).await
    }

    /// An account as Horizon shows it.
    pub(super) async fn account<T: DeserializeOwned>(&self, account: AccountId) -> Result<T, WalletError> {
        match self.ask(self.http.get(self.path(&format!("/accounts/{account}")))).await {
            Err(WalletError::Problem { status: 404, .. }) => Err(WalletError::NoAccount { account }),
            answer => answer,
        }
    }

    async fn next_sequence(&self, account: AccountId) -> Result<i64, WalletError> {
        let view: AccountView = self.account(account).await?;
        view.sequence.parse::<i64>().ok().and_then(|sequence| sequence.checked_add(1)).ok_or_else(|| {
            WalletError::Answer { horizon: self.url.clone(), reason: "no sequence number".to_owned() }
        })
    }

    async fn send(
        &self,
        source: &Wallet,
        operations: Vec<XdrOperation>,
        signers: &[&Wallet],
        memo: &Memo,
    ) -> Result<Receipt, WalletError> {
        let network = network_id(&self.root().await?.network_passphrase);
        let from = source.address();
        let transaction = Transaction {
            source_account: payable(from)?,
            fee: BASE_FEE_STROOPS * u32::try_from(operations.len()).unwrap_or(u32::MAX),
            seq_num: SequenceNumber(self.next_sequence(source.account()).await?),
            cond: Preconditions::None,
            memo: memo.to_xdr()?,
            operations: operations.try_into().map_err(XdrError::from)?,
            ext: TransactionExt::V0,
        };
        let hash = TxHash(transaction.hash(network).map_err(XdrError::from)?);
        let signatures: Vec<_> = signers.iter().map(|signer| sign(signer.key(), hash)).collect();
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
}
