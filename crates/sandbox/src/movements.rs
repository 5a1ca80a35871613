//! What moved on the ledger, read from its history: for those who judge by the ledger alone.

use stellar_types::address::{AccountId, Address};
use stellar_types::asset::Asset;
use stellar_types::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use stellar_types::money::Stroops;
use stellar_xdr::{
    AccountMergeResult, Memo, OperationBody, OperationResult, OperationResultTr, Preconditions,
    TransactionResultResult,
};

use crate::ledger::Ledger;
use crate::ledger::balances::{BalanceId, Claimant};
use crate::node::Sandbox;
use crate::xdr::{Tx, XdrError, account, account_of, address_of, asset as asset_of};

/// How money moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It was paid.
    Paid(Address),
    /// It was set aside as a claimable balance for these.
    SetAside(Vec<AccountId>),
    /// All the XLM of an account that was merged.
    Merged(Address),
    /// Its issuer clawed it back.
    ClawedBack,
}

/// Money that moved, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The operation.
    pub operation: OperationId,
    /// Its transaction; of a fee bump the inner one.
    pub transaction: TxHash,
    /// When its ledger closed, in unix seconds.
    pub closed_at: u64,
    /// From whom.
    pub from: Address,
    /// To whom.
    pub way: Way,
    /// What arrived.
    pub asset: Asset,
    /// How much arrived.
    pub amount: Stroops,
    /// The transaction whose money it gives back, if its memo says so.
    pub returns: Option<TxHash>,
}

fn merged(result: &TransactionResultResult, at: usize) -> Option<Stroops> {
    let TransactionResultResult::TxSuccess(results) = result else { return None };
    match results.get(at)? {
        OperationResult::OpInner(OperationResultTr::AccountMerge(AccountMergeResult::Success(amount))) => {
            Stroops::new(*amount).ok()
        }
        _ => None,
    }
}

/// All money that operations moved in the ledgers from `since` on, in the order of history; without trades
/// and claims.
pub fn movements(ledger: &Ledger, since: LedgerSeq) -> Vec<Movement> {
    let mut movements = Vec::new();
    for record in ledger.history().whole().transactions_since(since) {
        if !record.successful {
            continue;
        }
        let transaction = &record.tx.inner().tx;
        for (at, operation) in transaction.operations.iter().enumerate() {
            let mut source = operation.source_account.as_ref().unwrap_or(&transaction.source_account);
            let told = match &operation.body {
                OperationBody::CreateAccount(create) => {
                    let to = Address::Account(account(&create.destination));
                    Some((Way::Paid(to), Some(Asset::Native), create.starting_balance))
                }
                OperationBody::Payment(payment) => Some((
                    Way::Paid(address_of(&payment.destination)),
                    asset_of(&payment.asset),
                    payment.amount,
                )),
                OperationBody::PathPaymentStrictReceive(path) => Some((
                    Way::Paid(address_of(&path.destination)),
                    asset_of(&path.dest_asset),
                    path.dest_amount,
                )),
                OperationBody::CreateClaimableBalance(create) => {
                    let claimants = create
                        .claimants
                        .iter()
                        .map(|claimant| {
                            let stellar_xdr::Claimant::ClaimantTypeV0(claimant) = claimant;
                            account(&claimant.destination)
                        })
                        .collect();
                    Some((Way::SetAside(claimants), asset_of(&create.asset), create.amount))
                }
                OperationBody::AccountMerge(into) => merged(&record.result.result, at)
                    .map(|amount| (Way::Merged(address_of(into)), Some(Asset::Native), amount.get())),
                OperationBody::Clawback(clawback) => {
                    source = &clawback.from;
                    Some((Way::ClawedBack, asset_of(&clawback.asset), clawback.amount))
                }
                _ => None,
            };
            let Some((way, Some(asset), Ok(amount))) =
                told.map(|(way, asset, amount)| (way, asset, Stroops::new(amount)))
            else {
                continue;
            };
            let place = i64::try_from(at).unwrap_or(i64::MAX);
            movements.push(Movement {
                operation: OperationId(record.id.0 + 1 + place),
                transaction: record.tx.signed_hash(),
                closed_at: record.closed_at,
                from: address_of(source),
                way,
                asset,
                amount,
                returns: match &transaction.memo {
                    Memo::Return(hash) => Some(TxHash(hash.0)),
                    Memo::None | Memo::Text(_) | Memo::Id(_) | Memo::Hash(_) => None,
                },
            });
        }
    }
    movements
}

/// A claim of money that was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// What was claimed.
    pub balance: ClaimableId,
    /// By whom.
    pub by: AccountId,
    /// By which transaction; of a fee bump the one within.
    pub transaction: TxHash,
}

/// All claims in the ledgers from `since` on, in the order of history.
pub fn claims(ledger: &Ledger, since: LedgerSeq) -> Vec<Claim> {
    let mut claims = Vec::new();
    for record in ledger.history().whole().transactions_since(since) {
        let transaction = &record.tx.inner().tx;
        for operation in transaction.operations.iter().filter(|_| record.successful) {
            let OperationBody::ClaimClaimableBalance(claim) = &operation.body else { continue };
            let source = operation.source_account.as_ref().unwrap_or(&transaction.source_account);
            let balance = ClaimableId(BalanceId::from(&claim.balance_id).0);
            let transaction = record.tx.signed_hash();
            claims.push(Claim { balance, by: account_of(source), transaction });
        }
    }
    claims
}

/// What an envelope would do if it landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its hash; of a fee bump that of the transaction within.
    pub hash: TxHash,
    /// The hash of what is sent: of a fee bump its own.
    pub outer: TxHash,
    /// The account whose sequence number it uses.
    pub source: AccountId,
    /// That number.
    pub sequence: i64,
    /// It cannot be in a ledger that closes after this, in unix seconds; 0 if it may for ever.
    pub max_time: u64,
    /// The money it moves; without the times of its ledger.
    pub movements: Vec<(Address, Way, Asset, i64, Option<TxHash>)>,
}

impl Sandbox {
    /// All money that moved in the ledgers from `since` on.
    pub fn movements(&self, since: LedgerSeq) -> Vec<Movement> {
        self.with_ledger(|ledger| movements(ledger, since))
    }

    /// All claims in the ledgers from `since` on.
    pub fn claims(&self, since: LedgerSeq) -> Vec<Claim> {
        self.with_ledger(|ledger| claims(ledger, since))
    }

    /// The balances that an account may claim, as the first of their claimants.
    pub fn claimable_by(&self, account: AccountId) -> Vec<ClaimableId> {
        self.with_ledger(|ledger| {
            let claims =
                |claimants: &[Claimant]| claimants.first().is_some_and(|first| first.destination == account);
            let balances = ledger.state().balances().iter().filter(|balance| claims(&balance.claimants));
            balances.map(|balance| ClaimableId(balance.id.0)).collect()
        })
    }

    /// What an envelope would do.
    pub fn intent(&self, envelope: &str) -> Result<Intent, XdrError> {
        let tx = Tx::from_base64(envelope, self.with_ledger(Ledger::network_id))?;
        let inner = &tx.inner().tx;
        let returns = match &inner.memo {
            Memo::Return(hash) => Some(TxHash(hash.0)),
            Memo::None | Memo::Text(_) | Memo::Id(_) | Memo::Hash(_) => None,
        };
        let movements = inner.operations.iter().filter_map(|operation| {
            let from = address_of(operation.source_account.as_ref().unwrap_or(&inner.source_account));
            let (way, asset, amount) = match &operation.body {
                OperationBody::Payment(payment) => {
                    (Way::Paid(address_of(&payment.destination)), &payment.asset, payment.amount)
                }
                OperationBody::CreateClaimableBalance(create) => {
                    let stellar_xdr::Claimant::ClaimantTypeV0(first) = create.claimants.first()?;
                    // The first claimant is who is owed it.
                    let owed = account(&first.destination);
                    (Way::Paid(Address::Account(owed)), &create.asset, create.amount)
                }
                _ => return None,
            };
            Some((from, way, asset_of(asset)?, amount, returns))
        });
        let max_time = match &inner.cond {
            Preconditions::None => 0,
            Preconditions::Time(bounds) => bounds.max_time.0,
            Preconditions::V2(conditions) => {
                conditions.time_bounds.as_ref().map_or(0, |bounds| bounds.max_time.0)
            }
        };
        Ok(Intent {
            hash: tx.signed_hash(),
            outer: tx.hash,
            source: account_of(&inner.source_account),
            sequence: inner.seq_num.0,
            max_time,
            movements: movements.collect(),
        })
    }
}
