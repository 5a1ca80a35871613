//! Whether every promise was kept, by the sandbox's own history and by what customers were told.
//!
//! What should have gone where is computed from the ledger alone; our tables are only asked what they say of it.

mod losses;
mod pools;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use losses::{Loss, Share};
use rust_decimal::Decimal;
use waiting::SetAside;

use super::network::Lookout;
use super::people::{Case, PLATFORM, TREASURY, account, at};
use super::store::Base;
use super::trail::{Trail, Wrong};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId, TxHash};
use crate::domain::journal::BookAccount;
use crate::domain::money::Stroops;
use crate::domain::payment::{Attribution, Memo, PaymentId};
use crate::domain::reservation::State;
use crate::domain::transfer::{Delivery, Transfer, TransferState};
use crate::ports::store::{LIST_ROWS_MAX, Pages, PaymentFilter, Store, StoreError, StoredPayment, Tx};
use crate::sandbox::Sandbox;
use crate::sandbox::acts::{Movement, Way};
use crate::sandbox::ledger::state::{AccountFilter, Authorization};

/// The code of the currency that pays for free nodes only.
const PLAY_MONEY: &str = "FreeTFT";
/// The least that becomes a claimable balance, and what it is worth: every currency is worth 5 cents.
pub(super) const CLAIMABLE_MIN: Stroops = Stroops::from_units(2);
pub(super) const CLAIMABLE_MIN_USD: Decimal = Decimal::from_parts(10, 0, 0, false, 2);

/// How money came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It was paid.
    Paid,
    /// An account was merged into ours: there is nobody any more to whom it could go back.
    Merged,
    /// The treasury gave it to the platform: it is ours.
    Capital,
}

/// Money that came to an account of ours, as the ledger has it.
struct Inflow {
    operation: OperationId,
    transaction: TxHash,
    closed_at: u64,
    from: Address,
    to: AccountId,
    asset: Asset,
    amount: i64,
    manner: Manner,
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
    lookout: Arc<Lookout>,
    platform: AccountId,
    treasury: AccountId,
    next: LedgerSeq,
    ours: BTreeSet<AccountId>,
    inflows: Vec<Inflow>,
    /// To whom operators decided that what came by a merge goes.
    decided: BTreeMap<OperationId, Address>,
    /// What issuers took back from accounts of ours.
    losses: Vec<Loss>,
    /// Claimable balances that the platform pays for, and how they ended.
    set_aside: BTreeMap<ClaimableId, SetAside>,
    /// What the platform took back of them, and owes.
    taken_back: BTreeMap<ReturnKey, i64>,
    /// What came before its account had a reservation and was sent back as nobody's. If it was read only afterwards, it counts.
    uncounted: BTreeSet<OperationId>,
    /// What our tables count towards a reservation.
    counted: BTreeSet<OperationId>,
    returned: BTreeMap<ReturnKey, i64>,
    /// When what returned it was sent for the first time.
    returned_by: BTreeMap<ReturnKey, LedgerSeq>,
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
    pub(super) fn new(sandbox: Sandbox, base: Base, trail: Arc<Trail>, lookout: Arc<Lookout>) -> Self {
        Self {
            sandbox,
            base,
            trail,
            lookout,
            platform: account(PLATFORM),
            treasury: account(TREASURY),
            next: LedgerSeq(0),
            ours: BTreeSet::from([account(PLATFORM)]),
            inflows: Vec::new(),
            decided: BTreeMap::new(),
            losses: Vec::new(),
            set_aside: BTreeMap::new(),
            taken_back: BTreeMap::new(),
            uncounted: BTreeSet::new(),
            counted: BTreeSet::new(),
            returned: BTreeMap::new(),
            returned_by: BTreeMap::new(),
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
        self.look_at_balances();
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
            Way::TakenBack => return self.take_loss(&movement),
        };
        let (Some(from), Some(account)) = (movement.from.account(), to.account()) else { return false };
        let amount = movement.amount.get();
        match (self.ours.contains(&from), self.ours.contains(&account)) {
            (true, false) => match movement.returns {
                Some(returned) => {
                    self.trail.note(&format!("{amount} {} go back to {to}", movement.asset.code()));
                    let key = (returned, to, movement.asset);
                    *self.returned.entry(key).or_default() += amount;
                    if let Some(sent) = self.lookout.first_sent(movement.transaction) {
                        let last = self.returned_by.entry(key).or_insert(sent);
                        *last = sent.max(*last);
                    }
                }
                None => {
                    self.trail.note(&format!("{amount} {} are paid out to {to}", movement.asset.code()));
                    let legs = self.legs.entry(from).or_default();
                    *legs.entry((account, movement.asset, amount)).or_default() += 1;
                }
            },
            (false, true) => {
                let what = format!("{amount} {} come from {}", movement.asset.code(), movement.from);
                let merged = matches!(movement.way, Way::Merged(_));
                let manner = if from == self.treasury {
                    self.trail.happened("platform_fundings", &what);
                    Manner::Capital
                } else if merged {
                    self.trail.happened("merges_into_ours", &what);
                    Manner::Merged
                } else {
                    self.trail.note(&what);
                    Manner::Paid
                };
                self.inflows.push(Inflow {
                    operation: movement.operation,
                    transaction: movement.transaction,
                    closed_at: movement.closed_at,
                    from: movement.from,
                    to: account,
                    asset: movement.asset,
                    amount,
                    manner,
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
        for inflow in self.inflows.iter().filter(|inflow| inflow.manner != Manner::Capital) {
            *came.entry(self.key(inflow)).or_default() += inflow.amount;
        }
        came
    }

    /// How what came goes back: to whoever sent it, unless an operator decided otherwise.
    fn key(&self, inflow: &Inflow) -> ReturnKey {
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

    /// An operator decided to whom the money of a merge goes.
    pub(super) fn decide(&mut self, operation: OperationId, to: Address) {
        self.decided.insert(operation, to);
    }

    /// What went out that should not have, whatever is still to come.
    fn paid_too_much(&self, cases: &[Case]) -> Findings {
        let mut findings = Findings::new();
        let came = self.came();
        for (key, amount) in &self.returned {
            let most = came.get(key).or_else(|| self.taken_back.get(key)).copied().unwrap_or(0);
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

    /// What is wrong if nothing more were to come; `after_months` if claimable balances should have been taken back by now.
    pub(super) async fn verdict(
        &mut self,
        cases: &[Case],
        after_months: bool,
    ) -> Result<(Findings, Ends), StoreError> {
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
        let owed = self.owed(tx).await?;
        for submission in tx.live_submissions().await? {
            findings.push((Wrong::Broken, format!("transaction {} is still under way", submission.hash)));
        }
        let mut expected = self.came();
        for case in cases {
            self.judge(tx, case, &mut expected, &owed, &mut findings, &mut ends).await?;
        }
        let shares = self.judge_returns(expected, &owed, cases, &mut findings, &mut ends);
        self.judge_losses(tx, cases, &shares, &mut findings).await?;
        self.judge_homes(tx, cases, &owed, &mut findings).await?;
        self.judge_attribution(stored, &mut findings);
        self.judge_pools(tx, cases, &mut findings).await?;
        if after_months {
            self.judge_waiting(tx, &mut findings).await?;
        }
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
        owed: &[Transfer],
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
                if !case.frozen && !self.is_short(case, &due) {
                    broken(format!("is held although nothing is frozen or short: {:?}", stored.state));
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
                let refunding = matches!(stored.state, State::Refunding { .. });
                if !refunding || !self.waits_for_its_payer(case, owed) {
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
        if due.funded.is_some() && !honoured && !case.cancelled && !case.given_up {
            broken(format!("({:?}) was paid for in time, but is {name}", case.habit));
        }
        if honoured {
            for inflow in self.inflows.iter().filter(|inflow| inflow.to == case.reservation.escrow) {
                // What is too much of a held reservation goes back once that is decided.
                let waits = is_held && self.counted.contains(&inflow.operation);
                let kept = due.kept.get(&inflow.operation).copied().unwrap_or(0);
                let kept = if waits { inflow.amount } else { kept };
                *expected.entry(self.key(inflow)).or_default() -= kept;
            }
        }
        Ok(())
    }

    /// True if money of the reservation goes back to somebody who cannot receive it.
    fn waits_for_its_payer(&self, case: &Case, owed: &[Transfer]) -> bool {
        let mut mine = owed.iter().filter(|transfer| transfer.reservation == Some(case.reservation.id));
        mine.any(|transfer| !self.is_deliverable(transfer.to, transfer.asset, transfer.amount))
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
        // Neither XLM nor play money is ever set aside.
        let worth_something = asset != Asset::Native && asset.code() != PLAY_MONEY;
        let claimable = worth_something && matches!(to, Address::Account(_));
        takes || (claimable && amount >= CLAIMABLE_MIN)
    }

    /// Everybody got back exactly what was theirs, or it is listed as owed and cannot be delivered.
    fn judge_returns(
        &self,
        expected: BTreeMap<ReturnKey, i64>,
        owed: &[Transfer],
        cases: &[Case],
        findings: &mut Findings,
        ends: &mut Ends,
    ) -> BTreeMap<OperationId, Share> {
        let mut shares = BTreeMap::new();
        let by_key: BTreeMap<ReturnKey, &Inflow> =
            self.inflows.iter().map(|inflow| (self.key(inflow), inflow)).collect();
        for (key, amount) in expected {
            let (transaction, to, asset) = key;
            let went = self.returned.get(&key).copied().unwrap_or(0);
            if went > amount {
                let what =
                    format!("{went} {} went back to {to} for {transaction}, not {amount}", asset.code());
                findings.push((Wrong::DoublePayment, what));
            }
            let inflow = by_key.get(&key).copied();
            let bears = inflow.filter(|inflow| self.lost(inflow.to, asset) > 0);
            if let Some(inflow) = bears {
                shares.insert(inflow.operation, Share { short: amount - went, listed: 0 });
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
            if let Some(inflow) = bears
                && sum <= amount - went
            {
                shares.insert(inflow.operation, Share { short: amount - went - sum, listed: sum });
            } else if sum != amount - went {
                let what = format!(
                    "{} {} of {transaction} should go back to {to}, but {sum} are listed as owed",
                    amount - went,
                    asset.code()
                );
                findings.push((Wrong::Lost, what));
            }
            for transfer in listed {
                ends.owed += 1;
                if transfer.delivery == Delivery::Undecided {
                    // Whose account was merged into ours has none any more.
                    if inflow.is_none_or(|inflow| inflow.manner != Manner::Merged) {
                        let what =
                            format!("{} to {to} wait for a decision that nobody needs", transfer.amount);
                        findings.push((Wrong::Lost, what));
                    }
                    continue;
                }
                let frozen = cases.iter().any(|case| case.frozen && case.reservation.escrow == transfer.from);
                if !frozen && self.is_deliverable(to, asset, transfer.amount) {
                    let what =
                        format!("{} {} to {to} could go back, and do not", transfer.amount, asset.code());
                    findings.push((Wrong::Lost, what));
                }
            }
        }
        shares
    }

    /// Returns that are owed and on no way; those that wait for a decision, too.
    async fn owed(&self, tx: &mut dyn Tx) -> Result<Vec<Transfer>, StoreError> {
        let mut owed = deliverable(tx).await?;
        for inflow in self.inflows.iter().filter(|inflow| inflow.manner == Manner::Merged) {
            let id = PaymentId { operation: inflow.operation, change: 0 };
            let undecided = tx.refund_of(id).await?.filter(|transfer| {
                transfer.delivery == Delivery::Undecided && transfer.state == TransferState::Pending
            });
            owed.extend(undecided);
        }
        Ok(owed)
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
    let (mut stored, mut pages) = (BTreeMap::new(), Pages::new());
    while let Some(after) = pages.after() {
        let page = tx.payments(&PaymentFilter::default(), after, LIST_ROWS_MAX).await?;
        pages.turn(&page, |payment| payment.payment.id);
        stored.extend(page.into_iter().map(|payment| (payment.payment.id, payment)));
    }
    Ok(stored)
}

/// Returns that are owed, on no way, and known where to.
async fn deliverable(tx: &mut dyn Tx) -> Result<Vec<Transfer>, StoreError> {
    let (mut owed, mut pages) = (Vec::new(), Pages::new());
    while let Some(after) = pages.after() {
        let page = tx.pending_refunds(after, LIST_ROWS_MAX).await?;
        pages.turn(&page, |transfer| transfer.id);
        owed.extend(page.into_iter().filter(|transfer| transfer.state == TransferState::Pending));
    }
    Ok(owed)
}
