//! A transaction while its operations run: what they see, and what they leave behind.

use std::collections::BTreeSet;

use stellar_types::address::AccountId;
use stellar_xdr::{OperationResult, OperationResultTr};

use crate::ledger::balances::BalanceId;
use crate::ledger::effects::{Change, Effect, Sponsored};
use crate::ledger::sponsorship::Sandwiches;
use crate::ledger::view::View;
use crate::xdr::Tx;

/// Which operation of which transaction runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    source: AccountId,
    sequence: i64,
    /// From 0.
    pub operation: u32,
}

impl Place {
    /// The id of a claimable balance that the operation makes.
    pub fn balance_id(self) -> BalanceId {
        BalanceId::of_operation(self.source, self.sequence, self.operation)
    }
}

/// A transaction while its operations run.
#[derive(Debug)]
pub struct Running<'a> {
    /// What the ledger holds.
    pub view: View<'a>,
    /// Where the running operation stands.
    pub place: Place,
    /// Sponsorships begun and not ended.
    pub sandwiches: Sandwiches,
    /// What the running operation did.
    pub effects: Vec<Effect>,
    /// Who pays the reserve of the entry that the running operation made, if another account does.
    pub entry_sponsor: Option<AccountId>,
    /// Claimable balances that the running operation made or changed.
    pub balances: BTreeSet<BalanceId>,
}

/// What an operation answers when applied: its success, or its failure.
pub type Applied = Result<OperationResultTr, OperationResult>;

impl<'a> Running<'a> {
    /// Over a view that nothing has changed yet.
    pub fn new(view: View<'a>, tx: &Tx) -> Self {
        Self {
            view,
            place: Place { source: tx.source(), sequence: tx.sequence(), operation: 0 },
            sandwiches: Sandwiches::default(),
            effects: Vec::new(),
            entry_sponsor: None,
            balances: BTreeSet::new(),
        }
    }

    /// Notes an effect of the running operation.
    pub fn effect(&mut self, account: AccountId, change: Change) {
        self.effects.push(Effect { account, change });
    }

    /// Notes that the running operation made an entry, and who pays its reserve.
    pub fn sponsored(&mut self, account: AccountId, entry: Sponsored, sponsor: Option<AccountId>) {
        self.entry_sponsor = sponsor;
        if let Some(sponsor) = sponsor {
            self.effect(account, Change::SponsorshipCreated { entry, sponsor });
        }
    }
}
