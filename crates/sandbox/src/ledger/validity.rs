//! Whether a transaction may be queued, and whether it may still run: preconditions, fees, sequence
//! numbers, signatures, in the network's order. The first failure is the answer.

use std::collections::BTreeSet;

use stellar_xdr::{
    LedgerBounds, OperationResult, Preconditions, PreconditionsV2, SignerKey, TimeBounds, TransactionExt,
};

use crate::xdr::Tx;
use stellar_types::ids::LedgerSeq;

use super::limits::BASE_FEE_STROOPS;
use super::operations;
use super::outcome::{Outcome, Refusal, Verdict};
use super::signatures::{Level, SignatureCheck, Verified};
use super::state::first_sequence;
use super::view::View;

/// Times at which the next ledger may close, in unix seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// At the earliest.
    pub earliest: u64,
    /// At the latest.
    pub latest: u64,
}

/// How far a transaction got before it was refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Refused {
    /// Its sequence number is not consumed.
    Early(Refusal),
    /// Its sequence number is consumed.
    Late(Refusal),
}

impl Refused {
    fn reason(self) -> Refusal {
        match self {
            Self::Early(reason) | Self::Late(reason) => reason,
        }
    }
}

struct Conditions {
    time: TimeBounds,
    ledgers: Option<LedgerBounds>,
    sequence_min: Option<i64>,
    sequence_age_seconds_min: u64,
    sequence_ledgers_min: u32,
    extra_signers: Vec<SignerKey>,
}

fn conditions(tx: &Tx) -> Conditions {
    let none = || TimeBounds { min_time: 0.into(), max_time: 0.into() };
    let all = match &tx.inner().tx.cond {
        Preconditions::V2(all) => all.clone(),
        Preconditions::Time(bounds) => {
            PreconditionsV2 { time_bounds: Some(bounds.clone()), ..PreconditionsV2::default() }
        }
        Preconditions::None => PreconditionsV2::default(),
    };
    Conditions {
        time: all.time_bounds.unwrap_or_else(none),
        ledgers: all.ledger_bounds,
        sequence_min: all.min_seq_num.map(|sequence| sequence.0),
        sequence_age_seconds_min: all.min_seq_age.0,
        sequence_ledgers_min: all.min_seq_ledger_gap,
        extra_signers: all.extra_signers.into_vec(),
    }
}

/// The checks up to the sequence number, which the network makes when it queues and again when it applies.
fn check_preconditions(tx: &Tx, view: &View<'_>, window: Window, pays_fee: bool) -> Result<(), Refused> {
    use Refused::{Early, Late};
    let conditions = conditions(tx);
    let now = view.now();
    if tx.inner().tx.ext != TransactionExt::V0 {
        return Err(Early(Refusal::NotSupported));
    }
    let distinct: BTreeSet<_> = conditions.extra_signers.iter().collect();
    if distinct.len() != conditions.extra_signers.len() {
        return Err(Early(Refusal::Malformed));
    }
    if tx.operation_count() == 0 {
        return Err(Early(Refusal::MissingOperation));
    }
    let bounds = conditions.ledgers.unwrap_or(LedgerBounds { min_ledger: 0, max_ledger: 0 });
    if conditions.time.min_time.0 > window.earliest || bounds.min_ledger > now.ledger.0 {
        return Err(Early(Refusal::TooEarly));
    }
    let max_time = conditions.time.max_time.0;
    if (max_time != 0 && max_time < window.latest)
        || (bounds.max_ledger != 0 && bounds.max_ledger <= now.ledger.0)
    {
        return Err(Early(Refusal::TooLate));
    }
    if pays_fee && tx.bid() < fee_minimum(tx) {
        return Err(Early(Refusal::InsufficientFee));
    }
    let account = view.get(tx.source()).ok_or(Early(Refusal::NoAccount))?;
    let follows = match conditions.sequence_min {
        Some(minimum) => minimum <= account.sequence && account.sequence < tx.sequence(),
        None => account.sequence.checked_add(1) == Some(tx.sequence()),
    };
    if !follows || tx.sequence() < 0 || tx.sequence() == first_sequence(now.ledger) {
        return Err(Early(Refusal::BadSequence));
    }
    let (age_ledger, age_time) = account.sequence_age.map_or((LedgerSeq(0), 0), |age| (age.ledger, age.time));
    if window.earliest.saturating_sub(age_time) < conditions.sequence_age_seconds_min
        || now.ledger.0.saturating_sub(age_ledger.0) < conditions.sequence_ledgers_min
    {
        return Err(Late(Refusal::BadMinSequenceAgeOrGap));
    }
    Ok(())
}

/// The source's own signatures and those the transaction asks for besides.
fn check_source(tx: &Tx, view: &View<'_>, check: &mut SignatureCheck<'_>) -> Result<(), Refused> {
    let source = tx.source();
    let account = view.get(source).ok_or(Refused::Early(Refusal::NoAccount))?;
    let extra: Vec<_> = conditions(tx).extra_signers.into_iter().map(|key| (key, 1)).collect();
    let extra_needed = u8::try_from(extra.len()).unwrap_or(u8::MAX);
    let signed = check.check_account(source, account, Level::Low)
        && (extra.is_empty() || check.check(extra, extra_needed));
    if signed { Ok(()) } else { Err(Refused::Late(Refusal::BadAuth)) }
}

/// Whether an operation's source has signed with the weight that the operation needs.
fn check_operation(
    tx: &Tx,
    at: usize,
    view: &View<'_>,
    check: &mut SignatureCheck<'_>,
) -> Result<(), OperationResult> {
    let operation = &tx.inner().tx.operations[at];
    let source = operations::source_of(operation, tx.source());
    let signed = match view.get(source) {
        Some(account) => check.check_account(source, account, operations::level(&operation.body)),
        None if operation.source_account.is_none() => return Err(OperationResult::OpNoAccount),
        None => check.check_key(source),
    };
    if signed { Ok(()) } else { Err(OperationResult::OpBadAuth) }
}

/// The smallest fee a transaction may bid, in stroops.
pub fn fee_minimum(tx: &Tx) -> i64 {
    i64::from(BASE_FEE_STROOPS) * i64::from(tx.fee_operations())
}

/// Whether the fee source can pay the full bid, besides `owed` for others of its queued transactions.
fn can_pay(tx: &Tx, view: &View<'_>, owed: i64) -> bool {
    let available = view.get(tx.fee_source()).map_or(0, |account| account.available().get());
    available >= tx.bid().saturating_add(owed)
}

/// Whether a transaction may wait for, or be put into, the next ledger. Nothing is charged.
///
/// `owed` is what its fee source has bid for other transactions that wait.
pub fn check_submitted(
    tx: &Tx,
    view: &View<'_>,
    window: Window,
    owed: i64,
    verified: &mut Verified,
) -> Result<(), Outcome> {
    let fee_bump = tx.inner_hash.is_some();
    if fee_bump {
        check_fee_bump(tx, view, owed).map_err(|reason| Outcome::refused_outside(fee_minimum(tx), reason))?;
    }
    let fee = if fee_bump { 0 } else { fee_minimum(tx) };
    let outcome = |verdict| Outcome::of(tx, fee, verdict);
    check_inner(tx, view, window, owed, verified).map_err(outcome)
}

fn check_inner(
    tx: &Tx,
    view: &View<'_>,
    window: Window,
    owed: i64,
    verified: &mut Verified,
) -> Result<(), Verdict> {
    let pays_fee = tx.inner_hash.is_none();
    let refused = |refused: Refused| Verdict::Refused(refused.reason());
    check_preconditions(tx, view, window, pays_fee).map_err(refused)?;
    let inner = tx.inner();
    let mut check = SignatureCheck::new(tx.signed_hash(), &inner.signatures, verified);
    check_source(tx, view, &mut check).map_err(refused)?;
    if pays_fee && !can_pay(tx, view, owed) {
        return Err(Verdict::Refused(Refusal::InsufficientBalance));
    }
    for (at, operation) in inner.tx.operations.iter().enumerate() {
        let source = operations::source_of(operation, tx.source());
        let valid = operations::check_supported(&operation.body)
            .and_then(|()| check_operation(tx, at, view, &mut check))
            .and_then(|()| operations::check(&operation.body, source));
        if let Err(failed) = valid {
            let unreached = |body| operations::success(body);
            let mut results: Vec<_> =
                inner.tx.operations.iter().map(|operation| unreached(&operation.body)).collect();
            results[at] = failed;
            return Err(Verdict::Failed(results));
        }
    }
    if check.all_used() { Ok(()) } else { Err(Verdict::Refused(Refusal::BadAuthExtra)) }
}

fn check_fee_bump(tx: &Tx, view: &View<'_>, owed: i64) -> Result<(), Refusal> {
    let Some(bump) = tx.fee_bump() else { return Ok(()) };
    let inner_minimum = i128::from(BASE_FEE_STROOPS) * i128::from(tx.operation_count().max(1));
    let (bid, inner_bid) = (i128::from(tx.bid()), i128::from(tx.inner().tx.fee));
    if tx.bid() < fee_minimum(tx) || bid * inner_minimum < inner_bid * i128::from(fee_minimum(tx)) {
        return Err(Refusal::InsufficientFee);
    }
    let payer = tx.fee_source();
    let account = view.get(payer).ok_or(Refusal::NoAccount)?;
    // The cache is of the inner signatures, whose places in their list mean something else here.
    let mut of_outer = Verified::new();
    let mut check = SignatureCheck::new(tx.hash, &bump.signatures, &mut of_outer);
    if !check.check_account(payer, account, Level::Low) {
        return Err(Refusal::BadAuth);
    }
    if !can_pay(tx, view, owed) {
        return Err(Refusal::InsufficientBalance);
    }
    if check.all_used() { Ok(()) } else { Err(Refusal::BadAuthExtra) }
}

/// The checks before a transaction's operations run in a ledger that closes at the view's time.
pub fn check_applied(tx: &Tx, view: &View<'_>) -> Result<(), Refused> {
    let time = view.now().time;
    check_preconditions(tx, view, Window { earliest: time, latest: time }, false)
}

/// The signatures of a transaction that is being applied.
///
/// The view may have the sequence number consumed already.
pub fn check_applied_signatures(tx: &Tx, view: &View<'_>, verified: &mut Verified) -> Result<(), Verdict> {
    let inner = tx.inner();
    let mut check = SignatureCheck::new(tx.signed_hash(), &inner.signatures, verified);
    check_source(tx, view, &mut check).map_err(|refused| Verdict::Refused(refused.reason()))?;
    let mut results = Vec::with_capacity(inner.tx.operations.len());
    for (at, operation) in inner.tx.operations.iter().enumerate() {
        results.push(match check_operation(tx, at, view, &mut check) {
            Ok(()) => operations::success(&operation.body),
            Err(failed) => failed,
        });
    }
    if results.iter().any(|result| !matches!(result, OperationResult::OpInner(_))) {
        return Err(Verdict::Failed(results));
    }
    if check.all_used() { Ok(()) } else { Err(Verdict::Refused(Refusal::BadAuthExtra)) }
}
