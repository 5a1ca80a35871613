//! How the oracle reads the ledgers that closed.

use super::ledger_view::{ClaimableBalance, Clawback, End, Inflow, LedgerView, Manner};
use crate::domain::address::Address;
use crate::domain::ids::{ClaimableId, LedgerSeq, OperationId};
use crate::simulation::actors::Case;
use farmgate_sandbox::ledger::state::AccountFilter;
use farmgate_sandbox::movements::{Movement, Way};

impl LedgerView {
    /// What came before is the platform's own.
    pub(super) fn begin(&mut self) {
        self.next = self.sandbox.with_ledger(|ledger| LedgerSeq(ledger.latest().ledger.0 + 1));
    }

    /// Reads the ledgers that closed since; true if money of ours moved.
    pub(super) fn read(&mut self) -> bool {
        let signed = self.sandbox.with_ledger(|ledger| {
            let found = ledger.state().find(AccountFilter::Signer(self.platform));
            found.map(|accounts| accounts.iter().map(|account| account.0).collect::<Vec<_>>())
        });
        self.ours.extend(signed.unwrap_or_default());
        self.look_at_claimables();
        let movements = self.sandbox.movements(self.next);
        self.begin();
        let mut touched = false;
        for movement in movements {
            touched |= self.take(movement);
        }
        touched
    }

    /// Notes what our tables count towards reservations, and what came too early for its reservation and was
    /// sent back.
    pub(super) fn note_what_counts(&mut self, cases: &[Case], counts: impl Fn(OperationId) -> bool) {
        for inflow in &self.inflows {
            let case = cases.iter().find(|case| case.reservation.escrow == inflow.to);
            let early = case.is_some_and(|case| inflow.operation.ledger() <= case.opened);
            if counts(inflow.operation) {
                self.counted.insert(inflow.operation);
            } else if early {
                self.uncounted.insert(inflow.operation);
            }
        }
    }

    /// Files a movement; true if it was ours.
    fn take(&mut self, movement: Movement) -> bool {
        let to = match &movement.way {
            Way::Paid(to) | Way::Merged(to) => *to,
            Way::SetAside(claimants) => match claimants.first() {
                Some(first) => Address::Account(*first),
                None => return false,
            },
            Way::ClawedBack => return self.take_clawback(&movement),
        };
        let (Some(from), Some(account)) = (movement.from.account(), to.account()) else { return false };
        let amount = movement.amount.get();
        match (self.ours.contains(&from), self.ours.contains(&account)) {
            (true, false) => match movement.returns {
                Some(returned) => {
                    self.trace.note(&format!("{amount} {} go back to {to}", movement.asset.code()));
                    let key = (returned, to, movement.asset);
                    *self.returned.entry(key).or_default() += amount;
                    if let Some(sent) = self.probe.first_sent(movement.transaction) {
                        let last = self.returned_by.entry(key).or_insert(sent);
                        *last = sent.max(*last);
                    }
                }
                None => {
                    self.trace.note(&format!("{amount} {} are paid out to {to}", movement.asset.code()));
                    let legs = self.legs.entry(from).or_default();
                    *legs.entry((account, movement.asset, amount)).or_default() += 1;
                }
            },
            (false, true) => {
                let what = format!("{amount} {} come from {}", movement.asset.code(), movement.from);
                let merged = matches!(movement.way, Way::Merged(_));
                let manner = if from == self.treasury {
                    self.trace.happened("platform_fundings", &what);
                    Manner::Capital
                } else if merged {
                    self.trace.happened("merges_into_ours", &what);
                    Manner::Merged
                } else {
                    self.trace.note(&what);
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

    /// Files what an issuer took back; true if it was ours.
    fn take_clawback(&mut self, movement: &Movement) -> bool {
        let Some(account) = movement.from.account().filter(|account| self.ours.contains(account)) else {
            return false;
        };
        let (asset, amount) = (movement.asset, movement.amount.get());
        let what = format!("{amount} {} are clawed back from {account}", asset.code());
        self.trace.happened("clawbacks", &what);
        self.clawbacks.push(Clawback { ledger: movement.operation.ledger(), account, asset, amount });
        true
    }

    /// Notes the platform's claimable balances, and what became of those that are gone.
    fn look_at_claimables(&mut self) {
        for claim in self.sandbox.claims(self.next) {
            let Some(known) = self.claimables.get_mut(&claim.balance) else { continue };
            let (end, kind) = if claim.by == self.platform {
                (End::Reclaimed, "balances_reclaimed")
            } else {
                (End::Claimed, "balances_claimed")
            };
            known.end = Some(end);
            if let (End::Reclaimed, Some(recipient)) = (end, known.recipient) {
                let key = (claim.transaction, Address::Account(recipient), known.asset);
                *self.reclaimed.entry(key).or_default() += known.amount;
            }
            let what = format!("{} {} are claimed by {}", known.amount, known.asset.code(), claim.by);
            self.trace.happened(kind, &what);
        }
        let platform = self.platform;
        let known = &mut self.claimables;
        self.sandbox.with_ledger(|ledger| {
            for balance in ledger.state().balances().iter().filter(|balance| balance.sponsor == platform) {
                known.entry(ClaimableId(balance.id.0)).or_insert_with(|| {
                    self.trace.happened("balances_created", "a claimable balance is created");
                    let recipient = balance.claimants.first().map(|first| first.destination);
                    ClaimableBalance {
                        asset: balance.asset,
                        amount: balance.amount.get(),
                        recipient,
                        end: None,
                    }
                });
            }
        });
    }
}
