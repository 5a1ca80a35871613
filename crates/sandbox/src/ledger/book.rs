//! Offers that wait in the order book, the best price first.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stellar_xdr::{OfferEntry, OfferEntryExt, Price};

use crate::xdr::{xdr_account, xdr_asset};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::ids::LedgerSeq;

/// Bit of an offer that does not take another at its own price.
const PASSIVE: u32 = 1;

/// An offer's number.
pub type OfferId = i64;

/// An offer to sell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its number.
    pub id: OfferId,
    /// Who sells.
    pub seller: AccountId,
    /// What.
    pub selling: Asset,
    /// For what.
    pub buying: Asset,
    /// How much is for sale, in stroops.
    pub amount: i64,
    /// What one unit costs, in units of what is bought.
    pub price: Price,
    /// It does not take another offer at the same price.
    pub passive: bool,
    /// Who pays its reserve, if not the seller.
    pub sponsor: Option<AccountId>,
    /// The last ledger that changed it.
    pub last_modified: LedgerSeq,
    /// When that ledger closed, in unix seconds.
    pub last_modified_time: u64,
}

impl Offer {
    /// What it sells and what for.
    pub fn pair(&self) -> Pair {
        (self.selling, self.buying)
    }

    /// Its place in its book.
    pub fn rank(&self) -> Rank {
        Rank { price: self.price.clone(), id: self.id }
    }

    /// As the network writes it.
    pub fn to_xdr(&self) -> OfferEntry {
        OfferEntry {
            seller_id: xdr_account(self.seller),
            offer_id: self.id,
            selling: xdr_asset(self.selling),
            buying: xdr_asset(self.buying),
            amount: self.amount,
            price: self.price.clone(),
            flags: if self.passive { PASSIVE } else { 0 },
            ext: OfferEntryExt::V0,
        }
    }
}

/// What is sold, and for what.
pub type Pair = (Asset, Asset);

/// Compares two prices, each a fraction of positive numbers.
pub fn compare_prices(a: &Price, b: &Price) -> Ordering {
    let (a, b) = ((i64::from(a.n), i64::from(a.d)), (i64::from(b.n), i64::from(b.d)));
    (a.0 * b.1).cmp(&(b.0 * a.1))
}

/// An offer's place in its book: cheap before dear, then old before new.
#[derive(Debug, Clone)]
pub struct Rank {
    price: Price,
    /// The offer's number.
    pub id: OfferId,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_prices(&self.price, &other.price).then(self.id.cmp(&other.id))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Rank {}

/// All offers, and each pair's in order.
#[derive(Debug, Clone, Default)]
pub struct Book {
    offers: BTreeMap<OfferId, Arc<Offer>>,
    pairs: BTreeMap<Pair, Arc<BTreeSet<Rank>>>,
}

impl Book {
    /// An offer that waits.
    pub fn get(&self, id: OfferId) -> Option<&Offer> {
        self.offers.get(&id).map(Arc::as_ref)
    }

    /// All offers, by number.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Offer> {
        self.offers.values().map(Arc::as_ref)
    }

    /// The pairs that are offered.
    pub fn pairs(&self) -> impl Iterator<Item = Pair> {
        self.pairs.keys().copied()
    }

    /// The offers of a pair, the best first.
    pub fn of_pair(&self, pair: Pair) -> impl Iterator<Item = &Offer> {
        self.pairs.get(&pair).into_iter().flat_map(|ranks| ranks.iter()).filter_map(|rank| self.get(rank.id))
    }

    /// Writes an offer, or removes it.
    pub(super) fn put(&mut self, id: OfferId, offer: Option<Offer>) {
        if let Some(old) = self.offers.remove(&id)
            && let Some(ranks) = self.pairs.get_mut(&old.pair())
        {
            let ranks = Arc::make_mut(ranks);
            ranks.remove(&old.rank());
            if ranks.is_empty() {
                self.pairs.remove(&old.pair());
            }
        }
        if let Some(new) = offer {
            Arc::make_mut(self.pairs.entry(new.pair()).or_default()).insert(new.rank());
            self.offers.insert(id, Arc::new(new));
        }
    }
}
