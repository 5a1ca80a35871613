//! One transaction takes effect, or leaves nothing but its fee and its consumed sequence number.

use std::collections::BTreeSet;

use stellar_xdr::{
    Claimant, LedgerKey, OperationBody, OperationResult, RevokeSponsorshipOp, SignerKey, Uint256,
};

use crate::xdr::{Tx, account, account_of};
use stellar_types::address::AccountId;
use stellar_types::money::Stroops;

use super::balances::BalanceId;
use super::effects::Effect;
use super::operations;
use super::operations::running::Running;
use super::outcome::{Refusal, Verdict};
use super::signatures::Verified;
use super::state::{SequenceAge, State};
use super::validity::{Refused, check_applied, check_applied_signatures};
use super::view::{Changes, Now, View};

/// What one operation left for history.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// What it did; nothing if the transaction failed.
    pub effects: Vec<Effect>,
    /// Who pays the reserve of the entry it made.
    pub entry_sponsor: Option<AccountId>,
    /// Who had begun the sponsorship that it ended.
    pub ended_sponsor: Option<AccountId>,
    /// Claimable balances that it made or changed.
    pub balances: BTreeSet<BalanceId>,
}

/// What a transaction left for history.
#[derive(Debug)]
pub struct Applied {
    /// What became of it.
    pub verdict: Verdict,
    /// One for each operation.
    pub traces: Vec<Trace>,
    /// Accounts it changed.
    pub touched: BTreeSet<AccountId>,
}

/// Takes the fee, as much of it as is there, and says how much that was, in stroops.
pub fn charge(state: &mut State, tx: &Tx, fee: i64, now: Now) -> i64 {
    let payer = tx.fee_source();
    let mut view = View::new(state, now);
    let Some(account) = view.edit(payer) else { return 0 };
    let taken = fee.clamp(0, account.balance.get());
    if let Some(rest) = Stroops::new(taken).ok().and_then(|taken| account.balance.checked_sub(taken).ok()) {
        account.balance = rest;
    }
    view.keep();
    let changes = view.into_changes();
    changes.write(state, &mut BTreeSet::new());
    taken
}

/// Runs a transaction whose fee has been taken.
pub fn apply(state: &mut State, tx: &Tx, now: Now, verified: &mut Verified) -> Applied {
    let mut touched = BTreeSet::from([tx.source(), tx.fee_source()]);
    let count = tx.inner().tx.operations.len();
    let done = |verdict, touched| Applied { verdict, traces: vec![Trace::default(); count], touched };

    let mut view = View::new(state, now);
    let refused = check_applied(tx, &view).err();
    if let Some(Refused::Early(reason)) = refused {
        return done(Verdict::Refused(reason), touched);
    }
    if let Some(source) = view.edit(tx.source()) {
        source.sequence = tx.sequence();
        source.sequence_age = Some(SequenceAge { ledger: now.ledger, time: now.time });
    }
    let unsigned = match refused {
        Some(Refused::Early(reason) | Refused::Late(reason)) => Some(Verdict::Refused(reason)),
        None => check_applied_signatures(tx, &view, verified).err(),
    };
    if !matches!(unsigned, Some(Verdict::Refused(Refusal::BadAuth | Refusal::BadMinSequenceAgeOrGap))) {
        spend_one_time_signers(&mut view, tx);
    }
    view.keep();
    let changes = view.into_changes();
    changes.write(state, &mut touched);
    if let Some(verdict) = unsigned {
        return done(verdict, touched);
    }

    let (verdict, traces, changes) = run(state, tx, now);
    changes.write(state, &mut touched);
    Applied { verdict, traces, touched }
}

/// Signers that are this very transaction vanish, whatever becomes of it.
fn spend_one_time_signers(view: &mut View<'_>, tx: &Tx) {
    let key = SignerKey::PreAuthTx(Uint256(tx.signed_hash().0));
    let operations = &tx.inner().tx.operations;
    let sources: BTreeSet<_> = operations
        .iter()
        .map(|operation| operations::source_of(operation, tx.source()))
        .chain([tx.source()])
        .collect();
    for source in sources {
        let has = view.get(source).is_some_and(|account| account.signers.contains_key(&key));
        if has {
            operations::remove_signer(view, source, &key);
        }
    }
}

fn run(state: &State, tx: &Tx, now: Now) -> (Verdict, Vec<Trace>, Changes) {
    let operations = &tx.inner().tx.operations;
    let mut running = Running::new(View::new(state, now), tx);
    let mut failed = false;
    let mut results = Vec::with_capacity(operations.len());
    let mut traces = Vec::with_capacity(operations.len());
    for (at, operation) in (0_u32..).zip(operations.iter()) {
        let source = operations::source_of(operation, tx.source());
        let ended_sponsor = match operation.body {
            OperationBody::EndSponsoringFutureReserves => running.sandwiches.sponsor_of(source),
            _ => None,
        };
        results.push(match operations::apply(&mut running, at, &operation.body, source) {
            Ok(done) => OperationResult::OpInner(done),
            Err(failure) => {
                failed = true;
                failure
            }
        });
        let effects = std::mem::take(&mut running.effects);
        let (entry_sponsor, balances) = (running.entry_sponsor, std::mem::take(&mut running.balances));
        traces.push(Trace { effects, entry_sponsor, ended_sponsor, balances });
    }
    let verdict = if failed {
        Verdict::Failed(results)
    } else if !running.sandwiches.all_ended() {
        Verdict::Refused(Refusal::BadSponsorship)
    } else {
        return (Verdict::Success(results), traces, running.view.into_changes());
    };
    for trace in &mut traces {
        trace.effects.clear();
    }
    (verdict, traces, Changes::default())
}

/// Accounts that an operation concerns, besides those it changes.
pub fn participants(body: &OperationBody, source: AccountId, trace: &Trace) -> BTreeSet<AccountId> {
    let other = match body {
        OperationBody::CreateAccount(op) => Some(account(&op.destination)),
        OperationBody::Payment(op) => Some(account_of(&op.destination)),
        OperationBody::PathPaymentStrictReceive(op) => Some(account_of(&op.destination)),
        OperationBody::PathPaymentStrictSend(op) => Some(account_of(&op.destination)),
        OperationBody::AccountMerge(into) => Some(account_of(into)),
        OperationBody::BeginSponsoringFutureReserves(op) => Some(account(&op.sponsored_id)),
        OperationBody::SetTrustLineFlags(op) => Some(account(&op.trustor)),
        OperationBody::AllowTrust(op) => Some(account(&op.trustor)),
        OperationBody::Clawback(op) => Some(account_of(&op.from)),
        OperationBody::RevokeSponsorship(op) => sponsored(op),
        _ => None,
    };
    let claimants = match body {
        OperationBody::CreateClaimableBalance(op) => op.claimants.to_vec(),
        _ => Vec::new(),
    };
    let claimants = claimants.iter().map(|Claimant::ClaimantTypeV0(claimant)| account(&claimant.destination));
    let others = [Some(source), other, trace.entry_sponsor, trace.ended_sponsor].into_iter().flatten();
    others.chain(claimants).collect()
}

/// Whose entry a `revoke_sponsorship` is about.
fn sponsored(op: &RevokeSponsorshipOp) -> Option<AccountId> {
    match op {
        RevokeSponsorshipOp::Signer(signer) => Some(account(&signer.account_id)),
        RevokeSponsorshipOp::LedgerEntry(LedgerKey::Account(key)) => Some(account(&key.account_id)),
        RevokeSponsorshipOp::LedgerEntry(LedgerKey::Trustline(key)) => Some(account(&key.account_id)),
        RevokeSponsorshipOp::LedgerEntry(LedgerKey::Offer(key)) => Some(account(&key.seller_id)),
        RevokeSponsorshipOp::LedgerEntry(LedgerKey::Data(key)) => Some(account(&key.account_id)),
        RevokeSponsorshipOp::LedgerEntry(_) => None,
    }
}
