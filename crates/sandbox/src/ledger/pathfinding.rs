//! Ways from one asset to another through the order book, and what each would exchange.
//!
//! Every way is tried on a copy of the ledger with the arithmetic of path payments: what is found here is what a path
//! payment would do in the same ledger. Bounded in length and number, and nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use super::operations::paths::{convert_from, convert_to};
use super::state::State;
use super::view::{Now, View};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;

/// Most assets between the first and the last of a way.
pub const BETWEEN_MAX: usize = 3;
/// Most ways told for one asset at the open end.
pub const WAYS_PER_ASSET_MAX: usize = 5;
/// Most ways tried for one question.
const WAYS_TRIED_MAX: usize = 1_000;
/// Takes offers where nobody is named: no key belongs to it.
const NOBODY: AccountId = AccountId([0; 32]);

/// A way, and what it exchanges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// From what is sent to what arrives.
    pub assets: Vec<Asset>,
    /// What leaves, in stroops.
    pub sent: i64,
    /// What arrives, in stroops.
    pub received: i64,
}

/// A ledger to look for ways in.
#[derive(Debug, Clone, Copy)]
pub struct Finder<'a> {
    state: &'a State,
    now: Now,
}

type Next = BTreeMap<Asset, BTreeSet<Asset>>;

/// All ways without a circle from `start` along `next` to one of `ends`, the shortest first.
fn ways(start: Asset, ends: &BTreeSet<Asset>, next: &Next) -> Vec<Vec<Asset>> {
    let mut found = Vec::new();
    let mut reached = vec![vec![start]];
    for _ in 0..=BETWEEN_MAX + 1 {
        let mut further = Vec::new();
        for way in reached {
            let last = way.last().copied().unwrap_or(start);
            let steps = next.get(&last).into_iter().flatten().filter(|asset| !way.contains(asset));
            further.extend(steps.map(|asset| way.iter().copied().chain([*asset]).collect::<Vec<_>>()));
            if ends.contains(&last) {
                found.push(way);
            }
        }
        further.truncate(WAYS_TRIED_MAX);
        reached = further;
    }
    found.truncate(WAYS_TRIED_MAX);
    found
}

/// The best few for each asset at the open end, in the order of those assets.
fn best(mut ways: Vec<Way>, open_end: impl Fn(&Way) -> Asset, better: impl Fn(&Way) -> i64) -> Vec<Way> {
    ways.sort_by_cached_key(|way| (named(&open_end(way)), better(way), way.assets.len()));
    let of_one = ways.chunk_by(|a, b| open_end(a) == open_end(b));
    of_one.flat_map(|ways| ways.iter().take(WAYS_PER_ASSET_MAX)).cloned().collect()
}

/// The network's text for an asset, which orders the ways.
fn named(asset: &Asset) -> String {
    match asset {
        Asset::Native => "native".to_owned(),
        Asset::Credit { code, issuer } => {
            let digits = if code.is_short() { "4" } else { "12" };
            format!("credit_alphanum{digits}/{}/{issuer}", code.as_str())
        }
    }
}

impl<'a> Finder<'a> {
    /// A finder in this state.
    pub fn new(state: &'a State, now: Now) -> Self {
        Self { state, now }
    }

    /// Ways from one of `sources` by which exactly `amount` of `to` arrives; the cheapest first.
    pub fn arriving(
        &self,
        sources: &BTreeSet<Asset>,
        to: Asset,
        amount: i64,
        taker: Option<AccountId>,
    ) -> Vec<Way> {
        let mut before = Next::new();
        for (goods, coin) in self.state.book().pairs() {
            before.entry(goods).or_default().insert(coin);
        }
        let tried = ways(to, sources, &before).into_iter().filter_map(|mut assets| {
            assets.reverse();
            let mut view = View::new(self.state, self.now);
            let (sent, _) = convert_to(&mut view, &assets, taker.unwrap_or(NOBODY), amount).ok()?;
            Some(Way { assets, sent, received: amount })
        });
        best(tried.collect(), |way| way.assets.first().copied().unwrap_or(to), |way| way.sent)
    }

    /// Ways by which exactly `amount` of `from` becomes one of `targets`; those that bring most first.
    pub fn leaving(
        &self,
        from: Asset,
        amount: i64,
        targets: &BTreeSet<Asset>,
        taker: Option<AccountId>,
    ) -> Vec<Way> {
        let mut after = Next::new();
        for (goods, coin) in self.state.book().pairs() {
            after.entry(coin).or_default().insert(goods);
        }
        let tried = ways(from, targets, &after).into_iter().filter_map(|assets| {
            let mut view = View::new(self.state, self.now);
            let (received, _) = convert_from(&mut view, &assets, taker.unwrap_or(NOBODY), amount).ok()?;
            (received > 0).then_some(Way { assets, sent: amount, received })
        });
        best(tried.collect(), |way| way.assets.last().copied().unwrap_or(from), |way| -way.received)
    }
}
