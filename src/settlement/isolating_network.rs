//! The network as the steps ask it: the trouble of one thing is that thing's.
//!
//! A question about one account, transaction, operation or claimable balance may get no answer for its own
//! sake: a history that Horizon cannot serve in time, a record that it breaks off at. Such a question is left
//! alone for a while, longer each time, and whoever asks is told [`NetworkError::OfOneThing`], which ends
//! nobody else's work. Only what several different questions meet in a row is the network's own trouble.
//!
//! Questions about no thing in particular (the latest ledger, the pages of a sweep), sending and building go
//! through as they are.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::address::AccountId;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::ports::clock::Clock;
use crate::ports::network::{
    AccountAnswer, AccountPage, BuildError, ClaimableEnd, ClaimablePage, EffectId, EffectRecord, Feed,
    Gateway, History, HistoryRecord, Ledger, Network, NetworkError, OperationRecord, Removed, Sent,
    SignedFeeBump, SignedTransaction, Spending, TransactionBuilder, TransactionPlan, TransactionRecord,
};
use crate::settlement::backoff::Backoff;
use crate::settlement::memory::Memory;

/// First pause before a question that was not answered is asked again, in seconds; it doubles up to
/// the largest.
const PAUSE_SECONDS_MIN: i64 = 1;
const PAUSE_SECONDS_MAX: i64 = 600;
/// So many different questions in a row without an answer: the network is away.
const IN_A_ROW: usize = 3;
/// Most questions that are remembered as unanswered: beyond them all are asked again.
const RESTING_MAX: usize = 10_000;

/// A question about one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    Account(AccountId),
    Payments(AccountId),
    Effects(AccountId),
    ClaimableBalances(AccountId),
    Sequence(AccountId, i64),
    Removal(AccountId, i64),
    Transaction(TxHash),
    Operation(OperationId),
    ClaimableEnd(ClaimableId),
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => write!(f, "account {account}"),
            Self::Payments(account) => write!(f, "the payments of {account}"),
            Self::Effects(account) => write!(f, "the effects on {account}"),
            Self::ClaimableBalances(account) => write!(f, "the claimable balances for {account}"),
            Self::Sequence(account, number) => write!(f, "what used sequence number {number} of {account}"),
            Self::Removal(account, number) => {
                write!(f, "what became of sequence number {number} of {account}")
            }
            Self::Transaction(hash) => write!(f, "transaction {hash}"),
            Self::Operation(operation) => write!(f, "operation {operation}"),
            Self::ClaimableEnd(id) => write!(f, "the end of claimable balance {id}"),
        }
    }
}

/// What is remembered of questions.
struct Unanswered {
    resting: Backoff<Question>,
    /// Different questions that got no answer since one did.
    in_a_row: BTreeSet<Question>,
}

/// The network, with the trouble of single things kept apart from its own.
pub(in crate::settlement) struct IsolatingNetwork {
    inner: Arc<dyn Network>,
    clock: Arc<dyn Clock>,
    unanswered: Memory<Unanswered>,
}

impl IsolatingNetwork {
    pub(in crate::settlement) fn new(inner: Arc<dyn Network>, clock: Arc<dyn Clock>) -> Self {
        let resting = Backoff::new(PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX);
        Self { inner, clock, unanswered: Memory::new(Unanswered { resting, in_a_row: BTreeSet::new() }) }
    }

    async fn ask<T>(
        &self,
        question: Question,
        asked: impl Future<Output = Result<T, NetworkError>> + Send,
    ) -> Result<T, NetworkError> {
        if self.unanswered.lock().resting.rests(&question, self.clock.now()) {
            let reason = "it was not answered lately, and is asked again later".to_owned();
            return Err(NetworkError::OfOneThing { what: question.to_string(), reason, asked: false });
        }
        match asked.await {
            Ok(answer) => {
                let mut unanswered = self.unanswered.lock();
                unanswered.in_a_row.clear();
                unanswered.resting.forget(&question);
                Ok(answer)
            }
            Err(error) => Err(self.not_answered(question, error)),
        }
    }

    fn not_answered(&self, question: Question, error: NetworkError) -> NetworkError {
        let mut unanswered = self.unanswered.lock();
        match error {
            NetworkError::Unavailable { .. } => {
                unanswered.in_a_row.insert(question.clone());
                if unanswered.in_a_row.len() >= IN_A_ROW {
                    // It is none of these things' fault: they are asked again as soon as there is a network.
                    for one in std::mem::take(&mut unanswered.in_a_row) {
                        unanswered.resting.forget(&one);
                    }
                    return error;
                }
            }
            NetworkError::Unreadable { .. }
            | NetworkError::TooLarge { .. }
            | NetworkError::Refused { .. } => {}
            NetworkError::RateLimited { .. }
            | NetworkError::StaleHistory
            | NetworkError::OfOneThing { .. } => return error,
        }
        if unanswered.resting.len() >= RESTING_MAX {
            unanswered.resting.forget_all();
        }
        let (what, reason) = (question.to_string(), error.to_string());
        unanswered.resting.lengthen(question, self.clock.now());
        NetworkError::OfOneThing { what, reason, asked: true }
    }
}

#[async_trait]
impl Gateway for IsolatingNetwork {
    async fn tip(&self) -> Result<Ledger, NetworkError> {
        self.inner.tip().await
    }

    async fn ledger(&self, sequence: LedgerSeq) -> Result<Option<Ledger>, NetworkError> {
        self.inner.ledger(sequence).await
    }

    async fn account(&self, account: AccountId) -> Result<AccountAnswer, NetworkError> {
        self.ask(Question::Account(account), self.inner.account(account)).await
    }

    async fn transaction(&self, hash: TxHash) -> Result<Option<TransactionRecord>, NetworkError> {
        self.ask(Question::Transaction(hash), self.inner.transaction(hash)).await
    }

    async fn send(&self, envelope: &str) -> Sent {
        self.inner.send(envelope).await
    }

    fn feed(&self, after: Option<OperationId>) -> Option<Box<dyn Feed>> {
        self.inner.feed(after)
    }

    fn spending(&self) -> Spending {
        self.inner.spending()
    }
}

#[async_trait]
impl History for IsolatingNetwork {
    async fn watched_accounts(&self, after: Option<AccountId>) -> Result<AccountPage, NetworkError> {
        self.inner.watched_accounts(after).await
    }

    async fn payments(
        &self,
        account: AccountId,
        after: OperationId,
        limit: usize,
    ) -> Result<Vec<HistoryRecord>, NetworkError> {
        self.ask(Question::Payments(account), self.inner.payments(account, after, limit)).await
    }

    async fn effects(
        &self,
        account: AccountId,
        after: Option<EffectId>,
        limit: usize,
    ) -> Result<Vec<EffectRecord>, NetworkError> {
        self.ask(Question::Effects(account), self.inner.effects(account, after, limit)).await
    }

    async fn operation(&self, operation: OperationId) -> Result<Option<OperationRecord>, NetworkError> {
        self.ask(Question::Operation(operation), self.inner.operation(operation)).await
    }

    async fn claimable_balances(
        &self,
        claimant: AccountId,
        after: Option<String>,
    ) -> Result<ClaimablePage, NetworkError> {
        let asked = self.inner.claimable_balances(claimant, after);
        self.ask(Question::ClaimableBalances(claimant), asked).await
    }

    async fn transaction_using(
        &self,
        account: AccountId,
        sequence: i64,
    ) -> Result<Option<TransactionRecord>, NetworkError> {
        let asked = self.inner.transaction_using(account, sequence);
        self.ask(Question::Sequence(account, sequence), asked).await
    }

    async fn removed(&self, account: AccountId, sequence: i64) -> Result<Option<Removed>, NetworkError> {
        self.ask(Question::Removal(account, sequence), self.inner.removed(account, sequence)).await
    }

    async fn claimable_end(&self, id: ClaimableId) -> Result<Option<ClaimableEnd>, NetworkError> {
        self.ask(Question::ClaimableEnd(id), self.inner.claimable_end(id)).await
    }
}

#[async_trait]
impl TransactionBuilder for IsolatingNetwork {
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
        self.inner.build(plan).await
    }

    async fn bump_fee(&self, envelope: &str, fee_per_operation: u32) -> Result<SignedFeeBump, BuildError> {
        self.inner.bump_fee(envelope, fee_per_operation).await
    }
}
