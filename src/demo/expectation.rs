//! What a scenario expects: who sent what, what is due to whom, and what every account of it has in the end.
//!
//! Nothing here is read from the engine. The report compares it with the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::app::output::signed;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;

/// Where money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// On an account.
    Account(AccountId),
    /// In claimable balances for an account.
    Claimable(AccountId),
}

/// Stroops by place and asset.
pub(super) type Sums = BTreeMap<(Place, Asset), i64>;

/// An amount of an asset, for people.
pub(super) struct Money(pub(super) i64, pub(super) Asset);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", signed(self.0), self.1.code())
    }
}

/// Something that must hold besides the balances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) text: String,
    pub(super) holds: bool,
}

/// One scenario, as it tells itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Expectation {
    /// People and escrow accounts of this scenario only, by name.
    pub(super) names: BTreeMap<Place, String>,
    /// What they began with.
    pub(super) began: Sums,
    /// What they have in the end.
    pub(super) ends: Sums,
    /// What moved meanwhile.
    pub(super) moved: BTreeSet<(Place, Asset)>,
    /// What it adds to those who are paid by many scenarios.
    pub(super) shared: Sums,
    /// What came into the world by this scenario: tokens given, less those burned and clawed back.
    pub(super) made: BTreeMap<Asset, i64>,
    /// What happened, in words.
    pub(super) sent: Vec<String>,
    /// What is due, in words.
    pub(super) due: Vec<String>,
    pub(super) claims: Vec<Claim>,
    /// Escrow accounts.
    pub(super) escrows: Vec<AccountId>,
}

impl Expectation {
    pub(super) fn name(&mut self, place: Place, name: &str) {
        self.names.insert(place, name.to_owned());
    }

    /// Someone of this scenario has so much more, or less, in the end.
    pub(super) fn gains(&mut self, place: Place, asset: Asset, stroops: i64) {
        *self.ends.entry((place, asset)).or_default() += stroops;
        if stroops != 0 {
            self.moved.insert((place, asset));
        }
    }

    /// Somebody of this scenario pays a fee to the network.
    pub(super) fn pays_fee(&mut self, account: AccountId, stroops: i64) {
        let place = Place::Account(account);
        if self.names.contains_key(&place) {
            *self.ends.entry((place, Asset::Native)).or_default() -= stroops;
        }
    }

    /// Someone begins with this.
    pub(super) fn begins(&mut self, account: AccountId, asset: Asset, much: Stroops) {
        *self.began.entry((Place::Account(account), asset)).or_default() += much.get();
        *self.ends.entry((Place::Account(account), asset)).or_default() += much.get();
        if asset != Asset::Native {
            self.makes(asset, much.get());
        }
    }

    /// Tokens come into the world, or leave it.
    pub(super) fn makes(&mut self, asset: Asset, stroops: i64) {
        *self.made.entry(asset).or_default() += stroops;
    }

    /// Someone whom other scenarios pay too gets this.
    pub(super) fn pays(&mut self, account: AccountId, asset: Asset, stroops: i64) {
        *self.shared.entry((Place::Account(account), asset)).or_default() += stroops;
    }
}
