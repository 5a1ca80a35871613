//! Stellar: the network as the engine needs it, spoken to through a Horizon.
//!
//! `keys` holds secrets, and `sealing` seals those of new accounts; `plan`, `tx`, `envelope`, `builder`
//! and `fee_bump` make transactions; `transport` carries requests; `horizon` asks and reads; `watcher`
//! finds our accounts; `stream` follows events, and `feed` hears of payments in them. Never here:
//! a decision about money, a database, the machine's clock or randomness. Everything fails with the errors
//! of [`crate::ports::network`], which keep what is unknown apart from what is known; nothing is remembered
//! across calls but the request budget.

pub mod builder;
pub mod envelope;
mod fee_bump;
mod feed;
pub mod horizon;
pub mod keys;
pub mod plan;
pub mod sealing;
mod settings;
pub mod stream;
#[cfg(test)]
pub(crate) mod testing;
pub mod transport;
mod tx;
pub mod watcher;

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::address::AccountId;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::network::{
    AccountAnswer, AccountPage, BuildError, ClaimableEnd, ClaimablePage, EffectId, EffectRecord, Feed,
    Gateway, History, HistoryRecord, Ledger, NetworkError, OperationRecord, Removed, Sent, SignedFeeBump,
    SignedTransaction, Spending, TransactionBuilder, TransactionPlan, TransactionRecord,
};
use crate::ports::signer::Signer;
use builder::TransactionFactory;
use horizon::client::HorizonClient;
use horizon::resources::Root;
pub use settings::{Settings, SettingsError};
use transport::Transport;

/// Why a Horizon cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CheckError {
    /// It did not say which network it serves.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// It serves another network: nothing signed for ours would be valid there.
    #[error("Horizon serves the network `{theirs}`, but `{ours}` is configured")]
    OtherNetwork {
        /// What is configured.
        ours: String,
        /// What Horizon says.
        theirs: String,
    },
}

/// The network behind one Horizon, for one platform.
pub struct StellarNetwork {
    passphrase: String,
    horizon: Arc<HorizonClient>,
    factory: TransactionFactory,
}

impl StellarNetwork {
    /// The network that `settings` name, reached through `transport`, signed for by `signer`.
    pub fn new(
        settings: &Settings,
        transport: Arc<dyn Transport>,
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let factory = TransactionFactory::new(
            &settings.network_passphrase,
            settings.platform,
            settings.recovery_signers.clone(),
            signer,
            entropy.clone(),
        )
        .sealing_to(settings.recovery_sealing_key);
        let horizon = Arc::new(HorizonClient::new(settings, transport, clock, entropy));
        Self { passphrase: settings.network_passphrase.clone(), horizon, factory }
    }

    /// The client it asks with, for what the port does not ask (streams, the root).
    pub const fn horizon(&self) -> &Arc<HorizonClient> {
        &self.horizon
    }

    /// Checks that Horizon serves our network; tells what it says of itself.
    pub async fn check_passphrase(&self) -> Result<Root, CheckError> {
        let root = self.horizon.root().await?;
        if root.network_passphrase == self.passphrase {
            Ok(root)
        } else {
            let (ours, theirs) = (self.passphrase.clone(), root.network_passphrase);
            Err(CheckError::OtherNetwork { ours, theirs })
        }
    }
}

#[async_trait]
impl Gateway for StellarNetwork {
    async fn tip(&self) -> Result<Ledger, NetworkError> {
        self.horizon.tip().await
    }

    async fn ledger(&self, sequence: LedgerSeq) -> Result<Option<Ledger>, NetworkError> {
        self.horizon.ledger(sequence).await
    }

    async fn account(&self, account: AccountId) -> Result<AccountAnswer, NetworkError> {
        self.horizon.account(account).await
    }

    async fn transaction(&self, hash: TxHash) -> Result<Option<TransactionRecord>, NetworkError> {
        self.horizon.transaction(hash).await
    }

    async fn send(&self, envelope: &str) -> Sent {
        self.horizon.submit(envelope, self.factory.hash(envelope)).await
    }

    fn feed(&self, after: Option<OperationId>) -> Option<Box<dyn Feed>> {
        Some(Box::new(feed::PaymentFeed::new(Arc::clone(&self.horizon), after)))
    }

    fn spending(&self) -> Spending {
        self.horizon.spending()
    }
}

#[async_trait]
impl History for StellarNetwork {
    async fn watched_accounts(&self, after: Option<AccountId>) -> Result<AccountPage, NetworkError> {
        watcher::accounts_of(&self.horizon, self.factory.owners().signer, after).await
    }

    async fn payments(
        &self,
        account: AccountId,
        after: OperationId,
        limit: usize,
    ) -> Result<Vec<HistoryRecord>, NetworkError> {
        self.horizon.payments(account, after, limit).await
    }

    async fn effects(
        &self,
        account: AccountId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<EffectRecord>, NetworkError> {
        self.horizon.effects(account, after, limit).await
    }

    async fn operation(&self, operation: OperationId) -> Result<Option<OperationRecord>, NetworkError> {
        self.horizon.operation(operation).await
    }

    async fn claimable_balances(
        &self,
        claimant: AccountId,
        after: Option<String>,
    ) -> Result<ClaimablePage, NetworkError> {
        self.horizon.claimable_balances(claimant, after).await
    }

    async fn transaction_using(
        &self,
        account: AccountId,
        sequence: i64,
    ) -> Result<Option<TransactionRecord>, NetworkError> {
        self.horizon.transaction_using(account, sequence).await
    }

    async fn removed(&self, account: AccountId, sequence: i64) -> Result<Option<Removed>, NetworkError> {
        self.horizon.removed(account, sequence).await
    }

    async fn claimable_end(&self, id: ClaimableId) -> Result<Option<ClaimableEnd>, NetworkError> {
        self.horizon.claimable_end(id).await
    }
}

#[async_trait]
impl TransactionBuilder for StellarNetwork {
    fn platform(&self) -> AccountId {
        self.factory.owners().platform
    }

    fn escrows_per_transaction(&self, assets: usize) -> u16 {
        self.factory.owners().accounts_per_transaction(assets)
    }

    fn channels_per_transaction(&self) -> u16 {
        self.factory.owners().accounts_per_transaction(0)
    }

    async fn build(&self, plan: &TransactionPlan) -> Result<SignedTransaction, BuildError> {
        self.factory.build(plan).await
    }

    async fn bump_fee(&self, envelope: &str, fee_per_operation: u32) -> Result<SignedFeeBump, BuildError> {
        self.factory.bump_fee(envelope, fee_per_operation).await
    }
}
