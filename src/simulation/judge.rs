//! Whether every promise was kept, by the sandbox's own history and by what customers were told.
//!
//! What should have gone where is computed from the ledger alone; our tables are only asked what they say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::people::{Case, at};
use super::store::Base;
use super::trail::{Trail, Wrong};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{LedgerSeq, OperationId, TxHash};
use crate::domain::journal::BookAccount;
use crate::domain::money::Stroops;
use crate::domain::payment::{Attribution, Memo, PaymentId};
use crate::domain::reservation::State;
use crate::domain::transfer::{Transfer, TransferState};
use crate::ports::store::{LIST_ROWS_MAX, PaymentFilter, PoolFilter, Store, StoreError, StoredPayment, Tx};
use crate::sandbox::Sandbox;
use crate::sandbox::acts::{Movement, Way};
use crate::sandbox::ledger::state::{AccountFilter, Authorization};

/// Money that came to an account of ours, as the ledger has it.
struct Inflow {
    operation: OperationId,
    transaction: TxHash,
    closed_at: u64,
    from: Address,
    to: AccountId,
    asset: Asset,
    amount: i64,
}

/// What the ledger says of a reservation.
#[derive(Default)]
struct Due {
    /// The asset and the price that it was funded with in time, if it was.
    funded: Option<(Asset, i64)>,
    /// How much of each payment a settlement keeps.
    kept: BTreeMap<OperationId, i64>,
}

/// What goes back: of which transaction, to whom, in what.
type ReturnKey = (TxHash, Address, Asset);

/// What is wrong at present, and how.
pub(super) type Findings = Vec<(Wrong, String)>;

pub(super) struct Judge {
    sandbox: Sandbox,
    base: Base,
    trail: Arc<Trail>,
    platform: AccountId,
    claimable_min: Stroops,
    next: LedgerSeq,
    ours: BTreeSet<AccountId>,
    inflows: Vec<Inflow>,
    /// What came before its account had a reservation and was sent back as nobody's. If it was read only afterwards, it counts.
    uncounted: BTreeSet<OperationId>,
    /// What our tables count towards a reservation.
    counted: BTreeSet<OperationId>,
    returned: BTreeMap<ReturnKey, i64>,
    legs: BTreeMap<AccountId, BTreeMap<(AccountId, Asset, i64), u32>>,
}

/// How many reservations ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) settled: u64,
    pub(super) refunded: u64,
    pub(super) held: u64,
    /// Returns that are owed and cannot be delivered.
    pub(super) owed: u64,
}

impl Judge {
    pub(super) fn new(
        sandbox: Sandbox,
        base: Base,
        trail: Arc<Trail>,
        platform: AccountId,
        claimable_min: Stroops,
    ) -> Self {
        Self {
            sandbox,
            base,
            trail,
            platform,
            claimable_min,
            next: LedgerSeq(0),
            ours: BTreeSet::from([platform]),
            inflows: Vec::new(),
            uncounted: BTreeSet::new(),
            counted: BTreeSet::new(),
            returned: BTreeMap::new(),
            legs: BTreeMap::new(),
        }
    }

    /// What came before is the platform's own.
    pub(super) fn begin(&mut self) {
        self.next = self.sandbox.with_ledger(|ledger| LedgerSeq(ledger.latest().ledger.0 + 1));
    }

    /// Reads the ledgers that closed since, and checks what is cheap.
    pub(super) async fn look(&mut self, cases: &[Case]) {
        let signed = self.sandbox.with_ledger(|ledger| {
            let found = ledger.state().find(AccountFilter::Signer(self.platform));
            found.map(|accounts| accounts.iter().map(|account| account.0).collect::<Vec<_>>())
        });
        self.ours.extend(signed.unwrap_or_default());
        let movements = self.sandbox.movements(self.next);
        self.next = self.sandbox.with_ledger(|ledger| LedgerSeq(ledger.latest().ledger.0 + 1));
        let mut touched = false;
        for movement in movements {
            touched |= self.take(movement);
        }
        if touched {
            for wrong in self.paid_too_much(cases) {
                self.trail.wrong(wrong.0, wrong.1);
            }
        }
        match self.sums().await {
            Ok(unbalanced) => {
                for (asset, sum) in unbalanced {
                    let what = format!("the journal's postings in {} sum to {sum}", asset.code());
                    self.trail.wrong(Wrong::Unbalanced, what);
                }
            }
            Err(error) => self.trail.wrong(Wrong::Broken, format!("the journal cannot be read: {error}")),
        }
    }

    async fn sums(&self) -> Result<Vec<(Asset, i64)>, StoreError> {
        let mut tx = Store::begin_read(&self.base).await?;
        Ok(tx.journal_sums().await?.into_iter().filter(|(_, sum)| *sum != 0).collect())
    }

    /// Files a movement; true if it was ours.
    fn take(&mut self, movement: Movement) -> bool {
        let to = match &movement.way {
            Way::Paid(to) | Way::Merged(to) => *to,
            Way::SetAside(claimants) => match claimants.first() {
                Some(first) => Address::Account(*first),
                None => return false,
            },
        };
        let (Some(from), Some(account)) = (movement.from.account(), to.account()) else { return false };
        let amount = movement.amount.get();
        match (self.ours.contains(&from), self.ours.contains(&account)) {
            (true, false) => match movement.returns {
                Some(returned) => {
                    self.trail.note(&format!("{amount} {} go back to {to}", movement.asset.code()));
                    *self.returned.entry((returned, to, movement.asset)).or_default() += amount;
                }
                None => {
                    self.trail.note(&format!("{amount} {} are paid out to {to}", movement.asset.code()));
                    let legs = self.legs.entry(from).or_default();
                    *legs.entry((account, movement.asset, amount)).or_default() += 1;
                }
            },
            (false, true) => {
                self.trail.note(&format!("{amount} {} come from {}", movement.asset.code(), movement.from));
                self.inflows.push(Inflow {
                    operation: movement.operation,
                    transaction: movement.transaction,
                    closed_at: movement.closed_at,
                    from: movement.from,
                    to: account,
                    asset: movement.asset,
                    amount,
                });
            }
            (true, true) | (false, false) => return false,
        }
        true
    }

    fn due(&self, case: &Case) -> Due {
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

    fn came(&self) -> BTreeMap<ReturnKey, i64> {
        let mut came = BTreeMap::new();
        for inflow in &self.inflows {
            *came.entry((inflow.transaction, inflow.from, inflow.asset)).or_default() += inflow.amount;
        }
        came
    }

    /// What went out that should not have, whatever is still to come.
    fn paid_too_much(&self, cases: &[Case]) -> Findings {
        let mut findings = Findings::new();
        let came = self.came();
        for (key, amount) in &self.returned {
            let most = came.get(key).copied().unwrap_or(0);
            if *amount > most {
                let (transaction, to, asset) = key;
                let what = format!(
                    "{amount} {} went back to {to} for {transaction}, which brought {most} from there",
                    asset.code()
                );
                findings.push((Wrong::DoublePayment, what));
            }
        }
        for (escrow, legs) in &self.legs {
            let case = cases.iter().find(|case| case.reservation.escrow == *escrow);
            let Some(case) = case else {
                findings.push((Wrong::DoublePayment, format!("{escrow}, of nobody, paid somebody")));
                continue;
            };
            if !self.is_one_settlement(case, legs) {
                let id = case.reservation.id;
                findings.push((
                    Wrong::DoublePayment,
                    format!("reservation {id} paid what is not its legs, once"),
                ));
            }
        }
        findings
    }

    fn is_one_settlement(&self, case: &Case, legs: &BTreeMap<(AccountId, Asset, i64), u32>) -> bool {
        let Some((asset, _)) = self.due(case).funded else { return false };
        let Some(option) = case.reservation.quote.option(&asset) else { return false };
        let mut quoted: BTreeMap<(AccountId, Asset, i64), u32> = BTreeMap::new();
        for leg in &option.legs {
            *quoted.entry((leg.to, asset, leg.amount.get())).or_default() += 1;
        }
        quoted == *legs
    }

    /// What is wrong if nothing more were to come.
    pub(super) async fn verdict(&mut self, cases: &[Case]) -> Result<(Findings, Ends), StoreError> {
        let mut tx = Store::begin_read(&self.base).await?;
        let tx = &mut *tx;
        let stored = stored_payments(tx).await?;
        for inflow in &self.inflows {
            let case = cases.iter().find(|case| case.reservation.escrow == inflow.to);
            let early = case.is_some_and(|case| inflow.operation.ledger() <= case.opened);
            let id = PaymentId { operation: inflow.operation, change: 0 };
            let counted = stored.get(&id).is_some_and(|known| known.attribution == Attribution::Counted);
            if counted {
                self.counted.insert(inflow.operation);
            } else if early {
                self.uncounted.insert(inflow.operation);
            }
        }
        let mut findings = self.paid_too_much(cases);
        let mut ends = Ends::default();
        let owed = owed(tx).await?;
        for submission in tx.live_submissions().await? {
            findings.push((Wrong::Broken, format!("transaction {} is still under way", submission.hash)));
        }
        let mut expected = self.came();
        for case in cases {
            self.judge(tx, case, &mut expected, &mut findings, &mut ends).await?;
        }
        self.judge_returns(expected, &owed, cases, &mut findings, &mut ends);
        self.judge_homes(tx, cases, &owed, &mut findings).await?;
        self.judge_attribution(stored, &mut findings);
        judge_pools(tx, cases, &mut findings).await?;
        self.judge_books(tx, &mut findings).await?;
        for record in tx.quarantined(LIST_ROWS_MAX).await? {
            findings.push((Wrong::Lost, format!("a record was put aside: {}", record.reason)));
        }
        Ok((findings, ends))
    }

    /// Whether a reservation ended as the ledger says that it must.
    async fn judge(
        &self,
        tx: &mut dyn Tx,
        case: &Case,
        expected: &mut BTreeMap<ReturnKey, i64>,
        findings: &mut Findings,
        ends: &mut Ends,
    ) -> Result<(), StoreError> {
        let id = case.reservation.id;
        let Some(stored) = tx.reservation(id).await? else {
            findings.push((Wrong::Lost, format!("reservation {id} is not stored")));
            return Ok(());
        };
        let (due, paid) = (self.due(case), self.legs.contains_key(&case.reservation.escrow));
        let name = stored.state.name();
        let mut broken = |what: String| findings.push((Wrong::Broken, format!("reservation {id} {what}")));
        match &stored.state {
            State::Settled { .. } => {
                ends.settled += 1;
                if !paid {
                    broken("is settled, but its legs are not paid".to_owned());
                }
            }
            State::Refunded { .. } => ends.refunded += 1,
            State::Held { .. } => {
                ends.held += 1;
                if !case.frozen {
                    broken(format!("is held although nothing was frozen: {:?}", stored.state));
                }
            }
            State::Expired { .. } | State::Cancelled { .. } | State::Rejected { .. } => {}
            State::Refunding { .. } if case.frozen => {}
            State::AwaitingSignatures
            | State::AwaitingFarmer { .. }
            | State::AwaitingPayment { .. }
            | State::Funded { .. }
            | State::Settling { .. }
            | State::Refunding { .. } => {
                if !self.waits_for_its_payer(case) {
                    broken(format!("({:?}) is still {name}", case.habit));
                }
            }
        }
        let is_held = matches!(stored.state, State::Held { .. });
        let honoured = is_held || matches!(stored.state, State::Settled { .. });
        if paid && !honoured {
            broken(format!("is {name}, but its legs are paid"));
        }
        if honoured && due.funded.is_none() {
            broken(format!("is {name}, but nobody paid for it in time"));
        }
        if due.funded.is_some() && !honoured && !case.cancelled {
            broken(format!("({:?}) was paid for in time, but is {name}", case.habit));
        }
        if honoured {
            for inflow in self.inflows.iter().filter(|inflow| inflow.to == case.reservation.escrow) {
                // What is too much of a held reservation goes back once that is decided.
                let waits = is_held && self.counted.contains(&inflow.operation);
                let kept = due.kept.get(&inflow.operation).copied().unwrap_or(0);
                let kept = if waits { inflow.amount } else { kept };
                *expected.entry((inflow.transaction, inflow.from, inflow.asset)).or_default() -= kept;
            }
        }
        Ok(())
    }

    /// True if money of the reservation goes back to somebody who cannot receive it.
    fn waits_for_its_payer(&self, case: &Case) -> bool {
        self.inflows.iter().filter(|inflow| inflow.to == case.reservation.escrow).any(|inflow| {
            let amount = Stroops::new(inflow.amount).unwrap_or(Stroops::ZERO);
            !self.is_deliverable(inflow.from, inflow.asset, amount)
        })
    }

    /// Whether somebody can be given money now, by the ledger.
    fn is_deliverable(&self, to: Address, asset: Asset, amount: Stroops) -> bool {
        let Some(account) = to.account() else { return false };
        let takes = self.sandbox.with_ledger(|ledger| {
            let Some(account) = ledger.state().get(account) else { return false };
            match account.lines.get(&asset) {
                _ if asset == Asset::Native => true,
                Some(line) => line.authorization == Authorization::Full && line.room() >= amount,
                None => false,
            }
        });
        let claimable = asset != Asset::Native && matches!(to, Address::Account(_));
        takes || (claimable && amount >= self.claimable_min)
    }

    /// Everybody got back exactly what was theirs, or it is listed as owed and cannot be delivered.
    fn judge_returns(
        &self,
        expected: BTreeMap<ReturnKey, i64>,
        owed: &[Transfer],
        cases: &[Case],
        findings: &mut Findings,
        ends: &mut Ends,
    ) {
        for (key, amount) in expected {
            let (transaction, to, asset) = key;
            let went = self.returned.get(&key).copied().unwrap_or(0);
            if went > amount {
                let what =
                    format!("{went} {} went back to {to} for {transaction}, not {amount}", asset.code());
                findings.push((Wrong::DoublePayment, what));
            }
            if went >= amount {
                continue;
            }
            let listed: Vec<&Transfer> = owed
                .iter()
                .filter(|transfer| transfer.to == to && transfer.asset == asset)
                .filter(|transfer| transfer.memo == Memo::Return(transaction))
                .collect();
            let sum: i64 = listed.iter().map(|transfer| transfer.amount.get()).sum();
            if sum != amount - went {
                let what = format!(
                    "{} {} of {transaction} should go back to {to}, but {sum} are listed as owed",
                    amount - went,
                    asset.code()
                );
                findings.push((Wrong::Lost, what));
            }
            for transfer in listed {
                ends.owed += 1;
                let frozen = cases.iter().any(|case| case.frozen && case.reservation.escrow == transfer.from);
                if !frozen && self.is_deliverable(to, asset, transfer.amount) {
                    let what =
                        format!("{} {} to {to} could go back, and do not", transfer.amount, asset.code());
                    findings.push((Wrong::Lost, what));
                }
            }
        }
    }

    /// Escrow accounts of reservations that have ended are merged.
    async fn judge_homes(
        &self,
        tx: &mut dyn Tx,
        cases: &[Case],
        owed: &[Transfer],
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        for case in cases.iter().filter(|case| !case.frozen) {
            let (id, escrow) = (case.reservation.id, case.reservation.escrow);
            let ended = tx.reservation(id).await?.is_some_and(|stored| stored.state.is_final());
            let owes = owed.iter().any(|transfer| transfer.from == escrow);
            if ended && !owes && self.sandbox.account_exists(escrow) {
                let what = format!("reservation {id} has ended, but its account {escrow} is not closed");
                findings.push((Wrong::Broken, what));
            }
        }
        Ok(())
    }

    /// Every payment in the ledger stands in our tables once, as it was.
    fn judge_attribution(&self, mut stored: BTreeMap<PaymentId, StoredPayment>, findings: &mut Findings) {
        for inflow in &self.inflows {
            let id = PaymentId { operation: inflow.operation, change: 0 };
            let known = stored.remove(&id).is_some_and(|known| {
                let payment = known.payment;
                (payment.to, payment.from, payment.asset, payment.amount.get(), payment.transaction)
                    == (inflow.to, Some(inflow.from), inflow.asset, inflow.amount, inflow.transaction)
            });
            if !known {
                let what = format!("payment {id} of {} {} is not known", inflow.amount, inflow.asset.code());
                findings.push((Wrong::Lost, what));
            }
        }
        for id in stored.keys() {
            findings.push((Wrong::Broken, format!("payment {id} is stored, but the ledger has none")));
        }
    }

    /// What the journal says of each account of ours is what the ledger says.
    async fn judge_books(&self, tx: &mut dyn Tx, findings: &mut Findings) -> Result<(), StoreError> {
        for account in &self.ours {
            let mut difference: BTreeMap<Asset, i64> = BTreeMap::new();
            for (asset, journal) in tx.balances_of(BookAccount::Stellar(*account)).await? {
                *difference.entry(asset).or_default() += journal;
            }
            self.sandbox.with_ledger(|ledger| {
                let Some(held) = ledger.state().get(*account) else { return };
                *difference.entry(Asset::Native).or_default() -= held.balance.get();
                for (asset, line) in &held.lines {
                    *difference.entry(*asset).or_default() -= line.balance.get();
                }
            });
            for (asset, difference) in difference.into_iter().filter(|(_, difference)| *difference != 0) {
                let what = format!(
                    "the journal says {difference} stroops of {} more than the ledger of {account}",
                    asset.code()
                );
                findings.push((Wrong::Unbalanced, what));
            }
        }
        for (asset, sum) in tx.journal_sums().await?.into_iter().filter(|(_, sum)| *sum != 0) {
            let what = format!("the journal's postings in {} sum to {sum}", asset.code());
            findings.push((Wrong::Unbalanced, what));
        }
        Ok(())
    }
}

/// All payments that our tables know.
async fn stored_payments(tx: &mut dyn Tx) -> Result<BTreeMap<PaymentId, StoredPayment>, StoreError> {
    let mut stored: BTreeMap<PaymentId, StoredPayment> = BTreeMap::new();
    loop {
        let after = stored.last_key_value().map(|(id, _)| *id);
        let page = tx.payments(&PaymentFilter::default(), after, LIST_ROWS_MAX).await?;
        let last = page.len() < LIST_ROWS_MAX as usize;
        stored.extend(page.into_iter().map(|payment| (payment.payment.id, payment)));
        if last {
            return Ok(stored);
        }
    }
}

/// Returns that are owed and on no way.
async fn owed(tx: &mut dyn Tx) -> Result<Vec<Transfer>, StoreError> {
    let mut owed: Vec<Transfer> = Vec::new();
    loop {
        let after = owed.last().map(|transfer| transfer.id);
        let page = tx.pending_refunds(after, LIST_ROWS_MAX).await?;
        let last = page.len() < LIST_ROWS_MAX as usize;
        owed.extend(page.into_iter().filter(|transfer| transfer.state == TransferState::Pending));
        if last {
            return Ok(owed);
        }
    }
}

/// Every settled reservation has one grant of what was paid for, and nobody else has any.
async fn judge_pools(tx: &mut dyn Tx, cases: &[Case], findings: &mut Findings) -> Result<(), StoreError> {
    let mut grants = BTreeMap::new();
    let mut after = None;
    loop {
        let page = tx.pools(&PoolFilter::default(), after, LIST_ROWS_MAX).await?;
        after = page.last().map(|pool| pool.id);
        let last = page.len() < LIST_ROWS_MAX as usize;
        for grant in page.into_iter().flat_map(|pool| pool.grants) {
            if grants.insert(grant.reservation, grant.clone()).is_some() {
                findings.push((Wrong::Broken, format!("reservation {} has two grants", grant.reservation)));
            }
        }
        if last {
            break;
        }
    }
    for case in cases {
        let id = case.reservation.id;
        let settled =
            tx.reservation(id).await?.is_some_and(|stored| matches!(stored.state, State::Settled { .. }));
        let order = &case.reservation.order;
        let exact = grants.remove(&id).map(|grant| {
            let seconds = grant.until.as_second() - grant.from.as_second();
            grant.units == order.units && seconds == order.seconds
        });
        if exact != settled.then_some(true) {
            let what = format!("reservation {id} (settled: {settled}) has not the capacity it paid for");
            findings.push((Wrong::Broken, what));
        }
    }
    for id in grants.keys() {
        findings.push((Wrong::Broken, format!("a pool has a grant of {id}, which is nobody's")));
    }
    Ok(())
}
