//! A network that does not say what happened, or says what was true before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use farmgate::domain::payment::PaymentKind;
use farmgate::domain::transfer::ResultCodes;
use farmgate::ports::network::{
    AccountAnswer, AccountPage, Body, BuildError, ClaimableEnd, ClaimablePage, EffectId, EffectRecord,
    Gateway, History, HistoryRecord, Ledger, Network, NetworkError, OperationRecord, Removed, Sent,
    SignedFeeBump, SignedTransaction, TransactionBuilder, TransactionPlan, TransactionRecord,
};

use super::World;
use super::gate::Gate;

/// What becomes of the next envelopes and questions.
#[derive(Default)]
pub struct Faults {
    /// So many are sent, and their sender is told that nobody knows.
    pub land_unseen: AtomicUsize,
    /// So many are lost on the way.
    pub lost: AtomicUsize,
    /// So many look-ups of a transaction find nothing, whatever is in the ledger.
    pub blind: AtomicUsize,
    /// So many looks at an account's history find nothing new, whatever is in the ledger.
    pub no_history: AtomicUsize,
    /// So many looks at an account's effects find nothing, whatever is in the ledger.
    pub no_effects: AtomicUsize,
    /// So many looks at how a claimable balance ended find nothing, whatever is in the ledger.
    pub no_ends: AtomicUsize,
    /// So many records of history come as nobody can read them.
    pub garbled: AtomicUsize,
    /// So many payments come as operations that failed.
    pub failed: AtomicUsize,
    /// So many payments come as money that their issuer took back.
    pub clawed_back: AtomicUsize,
    /// True while payments come as a contract's.
    pub by_contract: AtomicBool,
    /// True while the platform can pay no claimable balance's reserve.
    pub no_reserve: AtomicBool,
    /// The envelopes that would make claimable balances.
    pub claimables: Mutex<BTreeSet<String>>,
    /// An account that the network refuses to hear of: no code tells which operation it does not like.
    pub poison: Mutex<Option<AccountId>>,
    /// The envelopes that move money of that account.
    pub poisoned: Mutex<BTreeSet<String>>,
    /// True while results of transactions come without the codes of their operations.
    pub codeless: AtomicBool,
    /// Accounts that are not answered for: whatever is asked about them times out.
    pub silent: Mutex<BTreeSet<AccountId>>,
    /// True while no claimable balance's end is answered for.
    pub silent_ends: AtomicBool,
    /// Looks at accounts' histories and effects.
    pub histories: AtomicUsize,
    /// The accounts that were asked about.
    pub accounts_asked: Mutex<Vec<AccountId>>,
    /// Where the looks at each account's effects began.
    pub effects_after: Mutex<Vec<(AccountId, Option<EffectId>)>>,
    /// Where the looks at each account's payments began.
    pub payments_after: Mutex<Vec<(AccountId, OperationId)>>,
    /// Envelopes that reached the network.
    pub sent: AtomicUsize,
    /// Envelopes that were built.
    pub built: AtomicUsize,
    /// The least bid per operation that the network takes, in stroops.
    pub bid_min: AtomicU32,
    /// True while the platform cannot pay a fee bump.
    pub no_bumps: AtomicBool,
    /// What envelopes bid per operation, and which of them are fee bumps.
    pub bids: Mutex<BTreeMap<String, (u32, bool)>>,
    /// What the sender of an envelope is told, whatever becomes of it.
    pub refusal: Mutex<Option<ResultCodes>>,
    /// Accounts as an instance that is behind has them.
    pub accounts_before: Mutex<BTreeMap<AccountId, AccountAnswer>>,
    /// The page of all accounts as an instance that is behind has it.
    pub page_before: Mutex<Option<AccountPage>>,
    /// True while sweeps are over the request budget.
    pub no_sweeps: AtomicBool,
    /// The network that is asked for ledgers in place of the real one.
    pub other_ledgers: Mutex<Option<Arc<dyn Network>>>,
    /// The latest ledger as an instance that is behind has it.
    pub tip_before: Mutex<Option<Ledger>>,
    /// Holds up the next look at an account's history, after it was answered.
    pub gate: Mutex<Option<Arc<Gate>>>,
    /// Holds up the next look for claimable balances, after it was answered.
    pub waiting_gate: Mutex<Option<Arc<Gate>>>,
    /// Holds up the next envelope, after it was built.
    pub build_gate: Mutex<Option<Arc<Gate>>>,
    /// Holds up the next answer to a look-up of a transaction that is in the ledger.
    pub look_up_gate: Mutex<Option<Arc<Gate>>>,
}

impl Faults {
    pub fn built(&self) -> usize {
        self.built.load(Ordering::SeqCst)
    }
}

pub struct FaultyNetwork {
    pub inner: Arc<dyn Network>,
    pub faults: Arc<Faults>,
}

/// A world whose engine sees the network through [`FaultyNetwork`].
pub async fn faulty(store: Arc<dyn farmgate::ports::store::Store>) -> (World, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let wrapped = Arc::clone(&faults);
    let world = World::with(store, |inner| Arc::new(FaultyNetwork { inner, faults: wrapped })).await;
    (world, faults)
}

fn timed_out() -> NetworkError {
    NetworkError::Unavailable { reason: "504".to_owned(), retry_after: None }
}

fn take(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

fn unreadable(record: &HistoryRecord) -> HistoryRecord {
    let operation = match record {
        HistoryRecord::Payment(payment) => Some(payment.operation),
        HistoryRecord::NotAPayment { operation, .. } => Some(*operation),
        HistoryRecord::Unreadable { operation, .. } => *operation,
    };
    let (json, reason) = (r#"{"type":"something new"}"#.to_owned(), "made unreadable".to_owned());
    HistoryRecord::Unreadable { operation, json, reason }
}

/// Turns money that came into money that was clawed back.
fn claw_back(record: &mut HistoryRecord) {
    let HistoryRecord::Payment(payment) = record else { return };
    for movement in &mut payment.movements {
        std::mem::swap(&mut movement.from, &mut movement.to);
        movement.clawback = true;
    }
}

/// Turns a payment into one that was tried.
fn fail(record: &mut HistoryRecord) {
    if let HistoryRecord::Payment(payment) = record {
        payment.successful = false;
    }
}

/// Turns payments into what a contract moved.
fn move_by_contract(record: &mut HistoryRecord) {
    let HistoryRecord::Payment(payment) = record else { return };
    if payment.kind == PaymentKind::Payment {
        payment.kind = PaymentKind::ContractTransfer;
        for movement in &mut payment.movements {
            movement.from = Some(Address::Contract([7; 32]));
        }
    }
}

impl FaultyNetwork {
    fn answers_for(&self, account: AccountId) -> Result<(), NetworkError> {
        match self.faults.silent.lock().unwrap().contains(&account) {
            true => Err(timed_out()),
            false => Ok(()),
        }
    }

    fn ledgers(&self) -> Arc<dyn Network> {
        let other = self.faults.other_ledgers.lock().unwrap();
        Arc::clone(other.as_ref().unwrap_or(&self.inner))
    }

    fn told(&self, mut record: TransactionRecord) -> TransactionRecord {
        if self.faults.codeless.load(Ordering::SeqCst) {
            record.codes.operations.clear();
        }
        record
    }
}

#[async_trait]
impl Gateway for FaultyNetwork {
    async fn tip(&self) -> Result<Ledger, NetworkError> {
        if let Some(before) = *self.faults.tip_before.lock().unwrap() {
            return Ok(before);
        }
        self.ledgers().tip().await
    }

    async fn ledger(&self, sequence: LedgerSeq) -> Result<Option<Ledger>, NetworkError> {
        self.ledgers().ledger(sequence).await
    }

    async fn account(&self, account: AccountId) -> Result<AccountAnswer, NetworkError> {
        self.faults.accounts_asked.lock().unwrap().push(account);
        self.answers_for(account)?;
        if let Some(before) = self.faults.accounts_before.lock().unwrap().get(&account) {
            return Ok(before.clone());
        }
        self.inner.account(account).await
    }

    async fn transaction(&self, hash: TxHash) -> Result<Option<TransactionRecord>, NetworkError> {
        if take(&self.faults.blind) {
            return Ok(None);
        }
        let record = self.inner.transaction(hash).await?.map(|record| self.told(record));
        let gate = record.as_ref().and_then(|_| self.faults.look_up_gate.lock().unwrap().take());
        if let Some(gate) = gate {
            gate.pass().await;
        }
        Ok(record)
    }

    async fn send(&self, envelope: &str) -> Sent {
        if self.faults.poisoned.lock().unwrap().contains(envelope) {
            let codes = ResultCodes { transaction: "tx_internal_error".to_owned(), operations: vec![] };
            return Sent::Refused { codes };
        }
        let claimable = self.faults.claimables.lock().unwrap().contains(envelope);
        if claimable && self.faults.no_reserve.load(Ordering::SeqCst) {
            // A payment, and a balance between the two operations that sponsor it.
            let operations = ["op_success", "op_success", "op_low_reserve", "op_success"];
            let operations = operations.map(str::to_owned).to_vec();
            return Sent::Refused { codes: ResultCodes { transaction: "tx_failed".to_owned(), operations } };
        }
        let bid = self.faults.bids.lock().unwrap().get(envelope).copied();
        let code = match bid {
            Some((bid, _)) if bid < self.faults.bid_min.load(Ordering::SeqCst) => Some("tx_insufficient_fee"),
            Some((_, true)) if self.faults.no_bumps.load(Ordering::SeqCst) => Some("tx_insufficient_balance"),
            Some(_) | None => None,
        };
        if let Some(code) = code {
            let codes = ResultCodes { transaction: code.to_owned(), operations: vec![] };
            return Sent::Refused { codes };
        }
        let unknown = || Sent::Unknown { reason: "504".to_owned(), retry_after: None };
        let refused = self.faults.refusal.lock().unwrap().clone().map(|codes| Sent::Refused { codes });
        if take(&self.faults.lost) {
            return refused.unwrap_or_else(unknown);
        }
        self.faults.sent.fetch_add(1, Ordering::SeqCst);
        if take(&self.faults.land_unseen) {
            drop(self.inner.send(envelope).await);
            return refused.unwrap_or_else(unknown);
        }
        match self.inner.send(envelope).await {
            Sent::Included(record) => Sent::Included(Box::new(self.told(*record))),
            Sent::Refused { mut codes } => {
                if self.faults.codeless.load(Ordering::SeqCst) {
                    codes.operations.clear();
                }
                Sent::Refused { codes }
            }
            unknown @ Sent::Unknown { .. } => unknown,
        }
    }
}

#[async_trait]
impl History for FaultyNetwork {
    async fn watched_accounts(&self, after: Option<AccountId>) -> Result<AccountPage, NetworkError> {
        if let Some(before) = self.faults.page_before.lock().unwrap().clone() {
            return Ok(before);
        }
        if self.faults.no_sweeps.load(Ordering::SeqCst) {
            return Err(NetworkError::RateLimited { retry_after: std::time::Duration::from_secs(60) });
        }
        self.inner.watched_accounts(after).await
    }

    async fn payments(
        &self,
        account: AccountId,
        after: OperationId,
        limit: usize,
    ) -> Result<Vec<HistoryRecord>, NetworkError> {
        self.faults.histories.fetch_add(1, Ordering::SeqCst);
        self.faults.payments_after.lock().unwrap().push((account, after));
        self.answers_for(account)?;
        if take(&self.faults.no_history) {
            return Ok(Vec::new());
        }
        let mut records = self.inner.payments(account, after, limit).await?;
        for record in &mut records {
            if take(&self.faults.garbled) {
                *record = unreadable(record);
            } else if matches!(record, HistoryRecord::Payment(_)) && take(&self.faults.clawed_back) {
                claw_back(record);
            } else if matches!(record, HistoryRecord::Payment(_)) && take(&self.faults.failed) {
                fail(record);
            } else if self.faults.by_contract.load(Ordering::SeqCst) {
                move_by_contract(record);
            }
        }
        let gate = self.faults.gate.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.pass().await;
        }
        Ok(records)
    }

    async fn effects(
        &self,
        account: AccountId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<EffectRecord>, NetworkError> {
        self.faults.histories.fetch_add(1, Ordering::SeqCst);
        self.faults.effects_after.lock().unwrap().push((account, after));
        self.answers_for(account)?;
        if take(&self.faults.no_effects) {
            return Ok(Vec::new());
        }
        self.inner.effects(account, after, limit).await
    }

    async fn operation(&self, operation: OperationId) -> Result<Option<OperationRecord>, NetworkError> {
        self.inner.operation(operation).await
    }

    async fn claimable_balances(
        &self,
        claimant: AccountId,
        after: Option<String>,
    ) -> Result<ClaimablePage, NetworkError> {
        let page = self.inner.claimable_balances(claimant, after).await?;
        let gate = self.faults.waiting_gate.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.pass().await;
        }
        Ok(page)
    }

    async fn transaction_using(
        &self,
        account: AccountId,
        sequence: i64,
    ) -> Result<Option<TransactionRecord>, NetworkError> {
        let record = self.inner.transaction_using(account, sequence).await?;
        Ok(record.map(|record| self.told(record)))
    }

    async fn removed(&self, account: AccountId, sequence: i64) -> Result<Option<Removed>, NetworkError> {
        self.inner.removed(account, sequence).await
    }

    async fn claimable_end(&self, id: ClaimableId) -> Result<Option<ClaimableEnd>, NetworkError> {
        if self.faults.silent_ends.load(Ordering::SeqCst) {
            return Err(timed_out());
        }
        if take(&self.faults.no_ends) {
            return Ok(None);
        }
        self.inner.claimable_end(id).await
    }
}

#[async_trait]
impl TransactionBuilder for FaultyNetwork {
    fn platform(&self) -> AccountId {
        self.inner.platform()
    }

    fn escrows_per_transaction(&self, assets: usize) -> u16 {
        self.inner.escrows_per_transaction(assets)
    }

    fn channels_per_transaction(&self) -> u16 {
        self.inner.channels_per_transaction()
    }

    async fn build(&self, plan: &TransactionPlan) -> Result<SignedTransaction, BuildError> {
        self.faults.built.fetch_add(1, Ordering::SeqCst);
        let signed = self.inner.build(plan).await?;
        if let (Body::Pay(payments), Some(poison)) = (&plan.body, *self.faults.poison.lock().unwrap())
            && payments.iter().any(|payment| payment.from == poison)
        {
            self.faults.poisoned.lock().unwrap().insert(signed.envelope.clone());
        }
        let bid = (plan.fee_per_operation, false);
        self.faults.bids.lock().unwrap().insert(signed.envelope.clone(), bid);
        if !signed.claimables.is_empty() {
            self.faults.claimables.lock().unwrap().insert(signed.envelope.clone());
        }
        let gate = self.faults.build_gate.lock().unwrap().take();
        if let Some(gate) = gate {
            gate.pass().await;
        }
        Ok(signed)
    }

    async fn bump_fee(&self, envelope: &str, fee_per_operation: u32) -> Result<SignedFeeBump, BuildError> {
        let bump = self.inner.bump_fee(envelope, fee_per_operation).await?;
        for marked in [&self.faults.poisoned, &self.faults.claimables] {
            let mut marked = marked.lock().unwrap();
            if marked.contains(envelope) {
                marked.insert(bump.envelope.clone());
            }
        }
        self.faults.bids.lock().unwrap().insert(bump.envelope.clone(), (bump.fee_per_operation, true));
        Ok(bump)
    }
}
