//! Paths from one asset to another through the order book, and what each would exchange.
//!
//! Every path is tried on a copy of the ledger with the arithmetic of path payments: what is found here is
//! what a path payment would do in the same ledger. Bounded in length and number, and nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use super::operations::paths::{convert_from, convert_to};
use super::state::State;
use super::view::{Now, View};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;

/// Most assets between the first and the last of a path.
pub const BETWEEN_MAX: usize = 3;
/// Most paths told for one asset at the open end.
pub const PATHS_PER_ASSET_MAX: usize = 5;
/// Most paths tried for one question.
const PATHS_TRIED_MAX: usize = 1_000;
/// Takes offers where nobody is named: no key belongs to it.
const NOBODY: AccountId = AccountId([0; 32]);

/// A path, and what it exchanges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentPath {
    /// From what is sent to what arrives.
    pub assets: Vec<Asset>,
    /// What leaves, in stroops.
    pub sent: i64,
    /// What arrives, in stroops.
    pub received: i64,
}

/// A ledger to look for paths in.
#[derive(Debug, Clone, Copy)]
pub struct Finder<'a> {
    state: &'a State,
    now: Now,
}

type Next = BTreeMap<Asset, BTreeSet<Asset>>;

/// All paths without a circle from `start` along `next` to one of `ends`, the shortest first.
fn paths(start: Asset, ends: &BTreeSet<Asset>, next: &Next) -> Vec<Vec<Asset>> {
    let mut found = Vec::new();
    let mut reached = vec![vec![start]];
    for _ in 0..=BETWEEN_MAX + 1 {
        let mut further = Vec::new();
        for path in reached {
            let last = path.last().copied().unwrap_or(start);
            let steps = next.get(&last).into_iter().flatten().filter(|asset| !path.contains(asset));
            further.extend(steps.map(|asset| path.iter().copied().chain([*asset]).collect::<Vec<_>>()));
            if ends.contains(&last) {
                found.push(path);
            }
        }
        further.truncate(PATHS_TRIED_MAX);
        reached = further;
    }
    found.truncate(PATHS_TRIED_MAX);
    found
}

/// The best few for each asset at the open end, in the order of those assets.
fn best(
    mut paths: Vec<PaymentPath>,
    open_end: impl Fn(&PaymentPath) -> Asset,
    better: impl Fn(&PaymentPath) -> i64,
) -> Vec<PaymentPath> {
    paths.sort_by_cached_key(|path| (named(&open_end(path)), better(path), path.assets.len()));
    let of_one = paths.chunk_by(|a, b| open_end(a) == open_end(b));
    of_one.flat_map(|paths| paths.iter().take(PATHS_PER_ASSET_MAX)).cloned().collect()
}

/// The network's text for an asset, which orders the paths.
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

    /// Paths from one of `sources` by which exactly `amount` of `to` arrives; the cheapest first.
    pub fn arriving(
        &self,
        sources: &BTreeSet<Asset>,
        to: Asset,
        amount: i64,
        taker: Option<AccountId>,
    ) -> Vec<PaymentPath> {
        let mut before = Next::new();
        for (goods, coin) in self.state.book().pairs() {
            before.entry(goods).or_default().insert(coin);
        }
        let tried = paths(to, sources, &before).into_iter().filter_map(|mut assets| {
            assets.reverse();
            let mut view = View::new(self.state, self.now);
            let (sent, _) = convert_to(&mut view, &assets, taker.unwrap_or(NOBODY), amount).ok()?;
            Some(PaymentPath { assets, sent, received: amount })
        });
        best(tried.collect(), |path| path.assets.first().copied().unwrap_or(to), |path| path.sent)
    }

    /// Paths by which exactly `amount` of `from` becomes one of `targets`; those that bring most first.
    pub fn leaving(
        &self,
        from: Asset,
        amount: i64,
        targets: &BTreeSet<Asset>,
        taker: Option<AccountId>,
    ) -> Vec<PaymentPath> {
        let mut after = Next::new();
        for (goods, coin) in self.state.book().pairs() {
            after.entry(coin).or_default().insert(goods);
        }
        let tried = paths(from, targets, &after).into_iter().filter_map(|assets| {
            let mut view = View::new(self.state, self.now);
            let (received, _) = convert_from(&mut view, &assets, taker.unwrap_or(NOBODY), amount).ok()?;
            (received > 0).then_some(PaymentPath { assets, sent: amount, received })
        });
        best(tried.collect(), |path| path.assets.last().copied().unwrap_or(from), |path| -path.received)
    }
}
