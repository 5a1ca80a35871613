//! What actors do on the ledger, by transactions of their own.

use super::cast::{FOUNDATION, account, key};
use super::{Action, Actors};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::TxHash;
use crate::domain::money::Stroops;
use farmgate_sandbox::operations::Operation;
use farmgate_sandbox::submission::SubmitError;

impl Actors {
    /// Does what only the ledger needs to know of; `None` if there was nothing to do.
    pub(in crate::simulation) fn run(&self, action: &Action) -> Result<Option<TxHash>, SubmitError> {
        let done = match action {
            Action::Pay { who, id, to, asset, amount } => {
                let act = Operation::Pay { to: Address::Account(*to), asset: *asset, amount: *amount };
                self.by(who, *id, &[act])
            }
            Action::Through { who, to, amount } => {
                let most = Stroops::new(amount.get().saturating_mul(2)).unwrap_or(*amount);
                let pay = Operation::PathPayment {
                    to: Address::Account(*to),
                    send: self.tfta,
                    send_max: most,
                    asset: self.tft,
                    amount: *amount,
                };
                self.by(who, None, &[pay])
            }
            Action::Distrust { who } => self.by(who, None, &self.closing(account(who), &[self.tft])),
            Action::Trust { who } => {
                self.by(who, None, &[Operation::Trust { asset: self.tft, limit: Stroops::MAX }])
            }
            Action::Leave { who } => self.merge(who, account(FOUNDATION)),
            Action::Freeze { who, frozen } => self.freeze(account(who), *frozen),
            Action::FreezeEscrow { account, frozen, .. } => self.freeze(*account, *frozen),
            Action::Claim { who } => {
                let balances = self.sandbox.claimable_by(account(who));
                let acts: Vec<Operation> =
                    balances.into_iter().map(|balance| Operation::Claim(balance.into())).collect();
                if acts.is_empty() {
                    return Ok(None);
                }
                self.by(who, None, &acts)
            }
            Action::ClawBack { from, per_mille } => {
                let held = self.sandbox.balance(*from, &self.tft).unwrap_or(Stroops::ZERO).get();
                let taken = i128::from(held) * i128::from(*per_mille) / 1_000;
                let taken = i64::try_from(taken).ok().and_then(|taken| Stroops::new(taken).ok());
                let Some(amount) = taken.filter(|taken| !taken.is_zero()) else { return Ok(None) };
                self.sandbox
                    .act(&self.issuer, &[Operation::Clawback { from: *from, asset: self.tft, amount }])
            }
            Action::MergeInto { who, to } => self.merge(who, *to),
            Action::Open { .. }
            | Action::Cancel { .. }
            | Action::Stray
            | Action::Fill { .. }
            | Action::Resolve { .. }
            | Action::Decide { .. } => return Ok(None),
        };
        done.map(Some)
    }

    fn by(&self, who: &str, id: Option<u64>, acts: &[Operation]) -> Result<TxHash, SubmitError> {
        let key = key(who).ok_or(SubmitError::NoAccount { account: AccountId([0; 32]) })?;
        self.sandbox.act_as(&key, id, acts)
    }

    fn freeze(&self, holder: AccountId, frozen: bool) -> Result<TxHash, SubmitError> {
        self.sandbox.act(&self.issuer, &[Operation::Freeze { account: holder, asset: self.tft, frozen }])
    }

    /// Closes all trust lines and merges the account into another.
    fn merge(&self, who: &str, into: AccountId) -> Result<TxHash, SubmitError> {
        let mut acts = self.closing(account(who), &[self.tft, self.tfta, self.play]);
        acts.push(Operation::Merge { into });
        self.by(who, None, &acts)
    }

    /// What it takes to be rid of these assets.
    fn closing(&self, who: AccountId, assets: &[Asset]) -> Vec<Operation> {
        let mut acts = Vec::new();
        for asset in assets {
            let (Some(held), Some(issuer)) = (self.sandbox.balance(who, asset), asset.issuer()) else {
                continue;
            };
            if !held.is_zero() {
                acts.push(Operation::Pay { to: Address::Account(issuer), asset: *asset, amount: held });
            }
            acts.push(Operation::Trust { asset: *asset, limit: Stroops::ZERO });
        }
        acts
    }
}
