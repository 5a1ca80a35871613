//! What the oracle has seen on the ledger, and what follows from that alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::submission_probe::SubmissionProbe;
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::domain::money::Stroops;
use crate::simulation::actors::{Case, PLATFORM, TREASURY, account, at};
use crate::simulation::trace::Trace;
use farmgate_sandbox::Sandbox;
use farmgate_sandbox::ledger::state::Authorization;

/// The code of the currency that pays for free nodes only.
const PLAY_MONEY: &str = "FreeTFT";
/// The least that becomes a claimable balance.
const CLAIMABLE_MIN: Stroops = Stroops::from_units(2);

/// How money came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It was paid.
    Paid,
    /// An account was merged into ours: there is nobody any more to whom it could go back.
    Merged,
    /// The treasury gave it to the platform: it is ours.
    Capital,
}

/// Money that came to an account of ours, as the ledger has it.
pub(super) struct Inflow {
    pub(super) operation: OperationId,
    pub(super) transaction: TxHash,
    pub(super) closed_at: u64,
    pub(super) from: Address,
    pub(super) to: AccountId,
    pub(super) asset: Asset,
    pub(super) amount: i64,
    pub(super) manner: Manner,
}

/// What the ledger says of a reservation.
#[derive(Default)]
pub(super) struct Due {
    /// The asset and the price that it was funded with in time, if it was.
    pub(super) funded: Option<(Asset, i64)>,
    /// How much of each payment a settlement keeps.
    pub(super) kept: BTreeMap<OperationId, i64>,
}

/// What goes back: of which transaction, to whom, in what.
pub(super) type ReturnKey = (TxHash, Address, Asset);

/// Money that an issuer took back from an account of ours.
pub(super) struct Clawback {
    pub(super) ledger: LedgerSeq,
    pub(super) account: AccountId,
    pub(super) asset: Asset,
    pub(super) amount: i64,
}

/// A claimable balance that the platform pays for.
pub(super) struct ClaimableBalance {
    pub(super) asset: Asset,
    pub(super) amount: i64,
    /// To whom it is owed; `None` if it has no claimant.
    pub(super) recipient: Option<AccountId>,
    pub(super) end: Option<End>,
}

/// How one ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Claimed,
    Reclaimed,
}

/// What the oracle has seen on the ledger.
pub(super) struct LedgerView {
    pub(super) sandbox: Sandbox,
    pub(super) trace: Arc<Trace>,
    pub(super) probe: Arc<SubmissionProbe>,
    pub(super) platform: AccountId,
    pub(super) treasury: AccountId,
    /// What came to the platform up to this ledger is in the balance that its books began with.
    pub(super) books_begun: Option<LedgerSeq>,
    /// The first ledger that was not read yet.
    pub(super) next: LedgerSeq,
    /// The accounts that the platform signs for.
    pub(super) ours: BTreeSet<AccountId>,
    pub(super) inflows: Vec<Inflow>,
    /// To whom operators decided that what came by a merge goes.
    pub(super) decided: BTreeMap<OperationId, Address>,
    /// What issuers took back from accounts of ours.
    pub(super) clawbacks: Vec<Clawback>,
    /// Claimable balances that the platform pays for, and how they ended.
    pub(super) claimables: BTreeMap<ClaimableId, ClaimableBalance>,
    /// What the platform took back of them, and owes.
    pub(super) reclaimed: BTreeMap<ReturnKey, i64>,
    /// What came before its account had a reservation and was sent back as nobody's. If it was read only
    /// afterwards, it counts.
    pub(super) uncounted: BTreeSet<OperationId>,
    /// What our tables count towards a reservation.
    pub(super) counted: BTreeSet<OperationId>,
    /// What went back.
    pub(super) returned: BTreeMap<ReturnKey, i64>,
    /// When what returned it was sent for the first time.
    pub(super) returned_by: BTreeMap<ReturnKey, LedgerSeq>,
    /// What escrow accounts paid out.
    pub(super) legs: BTreeMap<AccountId, BTreeMap<(AccountId, Asset, i64), u32>>,
}

impl LedgerView {
    pub(super) fn new(sandbox: Sandbox, trace: Arc<Trace>, probe: Arc<SubmissionProbe>) -> Self {
        Self {
            sandbox,
            trace,
            probe,
            platform: account(PLATFORM),
            treasury: account(TREASURY),
            books_begun: None,
            next: LedgerSeq(0),
            ours: BTreeSet::from([account(PLATFORM)]),
            inflows: Vec::new(),
            decided: BTreeMap::new(),
            clawbacks: Vec::new(),
            claimables: BTreeMap::new(),
            reclaimed: BTreeMap::new(),
            uncounted: BTreeSet::new(),
            counted: BTreeSet::new(),
            returned: BTreeMap::new(),
            returned_by: BTreeMap::new(),
            legs: BTreeMap::new(),
        }
    }

    pub(super) fn due(&self, case: &Case) -> Due {
        let mut due = Due::default();
        let quote = &case.reservation.quote;
        let mut sums: BTreeMap<Asset, i64> = BTreeMap::new();
        let mut inflows: Vec<&Inflow> =
            self.inflows.iter().filter(|inflow| inflow.to == case.reservation.escrow).collect();
        inflows.retain(|inflow| !self.uncounted.contains(&inflow.operation));
        inflows.sort_by_key(|inflow| inflow.operation);
        for inflow in &inflows {
            let Some(option) = quote.option(&inflow.asset) else { continue };
            if at(inflow.closed_at) > quote.deadline {
                continue;
            }
            let sum = sums.entry(inflow.asset).or_default();
            *sum += inflow.amount;
            if *sum >= option.amount.get() {
                due.funded = Some((inflow.asset, option.amount.get()));
                break;
            }
        }
        if let Some((asset, mut missing)) = due.funded {
            for inflow in inflows.iter().filter(|inflow| inflow.asset == asset) {
                let kept = inflow.amount.min(missing);
                missing -= kept;
                due.kept.insert(inflow.operation, kept);
            }
        }
        due
    }

    pub(super) fn came(&self) -> BTreeMap<ReturnKey, i64> {
        let mut came = BTreeMap::new();
        for inflow in self.inflows.iter().filter(|inflow| inflow.manner != Manner::Capital) {
            *came.entry(self.key(inflow)).or_default() += inflow.amount;
        }
        came
    }

    /// How what came goes back: to whoever sent it, unless an operator decided otherwise.
    pub(super) fn key(&self, inflow: &Inflow) -> ReturnKey {
        let to = self.decided.get(&inflow.operation).copied().unwrap_or(inflow.from);
        (inflow.transaction, to, inflow.asset)
    }

    /// Merges into an account about whose money nobody has decided.
    pub(super) fn undecided(&self, to: AccountId) -> Vec<OperationId> {
        let open = |inflow: &&Inflow| {
            inflow.to == to
                && inflow.manner == Manner::Merged
                && !self.decided.contains_key(&inflow.operation)
        };
        self.inflows.iter().filter(open).map(|inflow| inflow.operation).collect()
    }

    /// How much was clawed back from an account.
    pub(super) fn clawed_back(&self, account: AccountId, asset: Asset) -> i64 {
        self.clawbacks_of(account, asset).map(|clawback| clawback.amount).sum()
    }

    pub(super) fn clawbacks_of(&self, account: AccountId, asset: Asset) -> impl Iterator<Item = &Clawback> {
        self.clawbacks.iter().filter(move |clawback| clawback.account == account && clawback.asset == asset)
    }

    /// True if a reservation's account holds less than it was funded with.
    pub(super) fn is_short(&self, case: &Case, due: &Due) -> bool {
        let Some((asset, price)) = due.funded else { return false };
        self.sandbox.balance(case.reservation.escrow, &asset).is_none_or(|held| held.get() < price)
    }

    /// Whether somebody can be given money now, by the ledger.
    pub(super) fn is_deliverable(&self, to: Address, asset: Asset, amount: Stroops) -> bool {
        let Some(account) = to.account() else { return false };
        let takes = self.sandbox.with_ledger(|ledger| {
            let Some(account) = ledger.state().get(account) else { return false };
            match account.lines.get(&asset) {
                _ if asset == Asset::Native => true,
                Some(line) => line.authorization == Authorization::Full && line.room() >= amount,
                None => false,
            }
        });
        // Neither XLM nor play money is ever set aside.
        let worth_something = asset != Asset::Native && asset.code() != PLAY_MONEY;
        let claimable = worth_something && matches!(to, Address::Account(_));
        takes || (claimable && amount >= CLAIMABLE_MIN)
    }
}
