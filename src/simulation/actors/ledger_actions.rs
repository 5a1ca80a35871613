//! What actors do on the ledger, by transactions of their own.

use super::cast::{FOUNDATION, account, key};
use super::{Action, Actors};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::TxHash;
use crate::domain::money::Stroops;
use crate::sandbox::acts::{Act, ActError};

impl Actors {
    /// Does what only the ledger needs to know of; `None` if there was nothing to do.
    pub(in crate::simulation) fn run(&self, action: &Action) -> Result<Option<TxHash>, ActError> {
        let done = match action {
            Action::Pay { who, id, to, asset, amount } => {
                let act = Act::Pay { to: Address::Account(*to), asset: *asset, amount: *amount };
                self.by(who, *id, &[act])
            }
            Action::Through { who, to, amount } => {
                let most = Stroops::new(amount.get().saturating_mul(2)).unwrap_or(*amount);
                let (spent, arrives) = ((self.tfta, most), (self.tft, *amount));
                self.by(who, None, &[Act::PayThrough { to: Address::Account(*to), spent, arrives }])
            }
            Action::Distrust { who } => self.by(who, None, &self.closing(account(who), &[self.tft])),
            Action::Trust { who } => {
                self.by(who, None, &[Act::Trust { asset: self.tft, limit: Stroops::MAX }])
            }
            Action::Leave { who } => self.merge(who, account(FOUNDATION)),
            Action::Freeze { who, frozen } => self.freeze(account(who), *frozen),
            Action::FreezeEscrow { account, frozen, .. } => self.freeze(*account, *frozen),
            Action::Claim { who } => {
                let balances = self.sandbox.claimable_by(account(who));
                let acts: Vec<Act> = balances.into_iter().map(|balance| Act::Claim { balance }).collect();
                if acts.is_empty() {
                    return Ok(None);
                }
                self.by(who, None, &acts)
            }
            Action::TakeBack { from, per_mille } => {
                let held = self.sandbox.balance(*from, &self.tft).unwrap_or(Stroops::ZERO).get();
                let taken = i128::from(held) * i128::from(*per_mille) / 1_000;
                let taken = i64::try_from(taken).ok().and_then(|taken| Stroops::new(taken).ok());
                let Some(amount) = taken.filter(|taken| !taken.is_zero()) else { return Ok(None) };
                self.sandbox.act(&self.issuer, &[Act::TakeBack { holder: *from, asset: self.tft, amount }])
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

    fn by(&self, who: &str, id: Option<u64>, acts: &[Act]) -> Result<TxHash, ActError> {
        let key = key(who).ok_or(ActError::NoAccount { account: AccountId([0; 32]) })?;
        self.sandbox.act_as(&key, id, acts)
    }

    fn freeze(&self, holder: AccountId, frozen: bool) -> Result<TxHash, ActError> {
        self.sandbox.act(&self.issuer, &[Act::Freeze { holder, asset: self.tft, frozen }])
    }

    /// Closes all trust lines and merges the account into another.
    fn merge(&self, who: &str, into: AccountId) -> Result<TxHash, ActError> {
        let mut acts = self.closing(account(who), &[self.tft, self.tfta, self.play]);
        acts.push(Act::Merge { into });
        self.by(who, None, &acts)
    }

    /// What it takes to be rid of these assets.
    fn closing(&self, who: AccountId, assets: &[Asset]) -> Vec<Act> {
        let mut acts = Vec::new();
        for asset in assets {
            let (Some(held), Some(issuer)) = (self.sandbox.balance(who, asset), asset.issuer()) else {
                continue;
            };
            if !held.is_zero() {
                acts.push(Act::Pay { to: Address::Account(issuer), asset: *asset, amount: held });
            }
            acts.push(Act::Trust { asset: *asset, limit: Stroops::ZERO });
        }
        acts
    }
}
