//! Offers are taken: by other offers and by path payments.

use stellar_xdr::{ClaimAtom, ClaimOfferAtom, Price};

use crate::xdr::{xdr_account, xdr_asset};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

use super::book::{Offer, OfferId};
use super::effects::{Change, Effect, Side};
use super::exchange::{Limits, Rounding, adjusted, exchange, promised};
use super::holdings::{Needs, can_buy, can_sell, credit, debit};
use super::sponsorship::release;
use super::state::Liabilities;
use super::view::View;

/// Most offers that one operation takes.
pub const OFFERS_TAKEN_MAX: usize = 1_000;

/// What one taken offer exchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The offer.
    pub offer: OfferId,
    /// Whose it was.
    pub seller: AccountId,
    /// What the seller gave.
    pub sold: (Asset, Stroops),
    /// What the seller got.
    pub bought: (Asset, Stroops),
    /// The offer's price.
    pub price: Price,
}

impl Claim {
    /// As the network writes it.
    pub fn to_xdr(&self) -> ClaimAtom {
        ClaimAtom::OrderBook(ClaimOfferAtom {
            seller_id: xdr_account(self.seller),
            offer_id: self.offer,
            asset_sold: xdr_asset(self.sold.0),
            amount_sold: self.sold.1.get(),
            asset_bought: xdr_asset(self.bought.0),
            amount_bought: self.bought.1.get(),
        })
    }

    /// The effects on both sides; none if nothing changed hands.
    pub fn effects(&self, taker: AccountId) -> Vec<Effect> {
        let Self { offer, seller, sold, bought, ref price } = *self;
        if sold.1.is_zero() && bought.1.is_zero() {
            return Vec::new();
        }
        vec![
            Effect {
                account: taker,
                change: Change::Traded { offer, with: seller, sold: bought, bought: sold, side: Side::Taker },
            },
            Effect {
                account: seller,
                change: Change::Traded { offer, with: taker, sold, bought, side: Side::Maker(price.clone()) },
            },
        ]
    }
}

/// How a conversion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All that was wanted was had.
    Whole,
    /// The book has no more.
    Short,
    /// The next offer was too dear.
    TooDear,
    /// The next offer was the taker's own.
    CrossesSelf,
    /// More than [`OFFERS_TAKEN_MAX`] offers would be taken.
    TooMany,
}

/// What a conversion did.
#[derive(Debug)]
pub struct Conversion {
    /// How it ended.
    pub ended: Ended,
    /// What the taker gave, in stroops. The taker's own balances are the caller's to change.
    pub sent: i64,
    /// What the taker got, in stroops.
    pub received: i64,
    /// The offers taken.
    pub claims: Vec<Claim>,
}

/// What a taker wants.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Who takes.
    pub taker: AccountId,
    /// What is given.
    pub send: Asset,
    /// The most that is given, in stroops.
    pub send_max: i64,
    /// What is wanted.
    pub receive: Asset,
    /// The most that is wanted, in stroops.
    pub receive_max: i64,
    /// For whom amounts are rounded.
    pub rounding: Rounding,
    /// Most offers taken.
    pub offers_max: usize,
}

fn stroops(amount: i64) -> Stroops {
    Stroops::new(amount).unwrap_or(Stroops::ZERO)
}

enum Promise {
    Made,
    Released,
}

fn change_promise(view: &mut View<'_>, id: AccountId, asset: &Asset, change: impl Fn(&mut Liabilities)) {
    match asset {
        Asset::Native => {
            if let Some(account) = view.edit(id) {
                change(&mut account.liabilities);
            }
        }
        // An issuer's offers of its own credit promise nothing: it makes what it gives.
        Asset::Credit { issuer, .. } if *issuer == id => {}
        Asset::Credit { .. } => {
            if let Some(line) = view.edit_line(id, asset) {
                change(&mut line.liabilities);
            }
        }
    }
}

fn promise(view: &mut View<'_>, offer: &Offer, promise: &Promise) {
    let all = promised(&offer.price, offer.amount);
    let apply = |sum: &mut Stroops, amount: i64| {
        *sum = match promise {
            Promise::Made => sum.checked_add(stroops(amount)).unwrap_or(*sum),
            Promise::Released => sum.checked_sub(stroops(amount)).unwrap_or(Stroops::ZERO),
        };
    };
    change_promise(view, offer.seller, &offer.selling, |sums| apply(&mut sums.selling, all.goods));
    change_promise(view, offer.seller, &offer.buying, |sums| apply(&mut sums.buying, all.coin));
}

/// Sets aside what an offer that enters the book promises.
pub fn make_promise(view: &mut View<'_>, offer: &Offer) {
    promise(view, offer, &Promise::Made);
}

/// Frees what an offer that leaves the book has promised.
pub fn release_promise(view: &mut View<'_>, offer: &Offer) {
    promise(view, offer, &Promise::Released);
}

/// Removes an offer whose promise has been released, and gives its reserve back.
pub fn remove(view: &mut View<'_>, offer: &Offer) {
    view.remove_offer(offer.id);
    if let Some(seller) = view.edit(offer.seller) {
        seller.offers.remove(&offer.id);
    }
    if let Some(sponsor) = offer.sponsor {
        release(view, sponsor, Some(offer.seller), 1);
    }
}

/// Removes every offer of an account that sells or buys an asset it may no longer hold.
pub fn cancel_offers(view: &mut View<'_>, seller: AccountId, asset: &Asset) {
    let ids = view.get(seller).map(|account| account.offers.clone()).unwrap_or_default();
    for id in ids {
        let Some(offer) = view.offer(id).cloned() else { continue };
        if offer.selling == *asset || offer.buying == *asset {
            release_promise(view, &offer);
            remove(view, &offer);
        }
    }
}

/// Takes one offer as far as the limits go.
fn take(view: &mut View<'_>, offer: Offer, wish: &Wish) -> (Claim, bool, bool) {
    let (seller, goods, coin) = (offer.seller, offer.selling, offer.buying);
    release_promise(view, &offer);
    let coin_taken = can_buy(view, seller, &coin);
    let given = offer.amount.min(can_sell(view, seller, &goods));
    let goods_given = adjusted(&offer.price, given, coin_taken);
    let limits = Limits { goods_given, goods_taken: wish.receive_max, coin_given: wish.send_max, coin_taken };
    let done = exchange(&offer.price, limits, wish.rounding);
    let (sold, bought) = (stroops(done.goods), stroops(done.coin));
    // The limits are what the seller can take and give: neither can fail.
    let moved = credit(view, seller, &coin, bought, Needs::Offers).is_ok()
        && debit(view, seller, &goods, sold, Needs::Offers).is_ok();
    debug_assert!(moved, "an offer was taken beyond what its seller has");
    let left = if done.book_stays {
        let given = (goods_given - done.goods).min(can_sell(view, seller, &goods));
        adjusted(&offer.price, given, can_buy(view, seller, &coin))
    } else {
        0
    };
    let claim = Claim {
        offer: offer.id,
        seller,
        sold: (goods, sold),
        bought: (coin, bought),
        price: offer.price.clone(),
    };
    if left == 0 {
        remove(view, &offer);
    } else {
        let rest = Offer { amount: left, ..offer };
        make_promise(view, &rest);
        view.put_offer(rest);
    }
    (claim, done.book_stays, left > 0)
}

/// Takes offers, the best first, until the wish is met, `too_dear` stops it or the book has no more.
pub fn convert(view: &mut View<'_>, wish: Wish, too_dear: impl Fn(&Offer) -> bool) -> Conversion {
    let mut done = Conversion { ended: Ended::Whole, sent: 0, received: 0, claims: Vec::new() };
    let mut wish = wish;
    while wish.receive_max > 0 && wish.send_max > 0 {
        let Some(offer) = view.best_offer((wish.receive, wish.send)).cloned() else {
            return Conversion { ended: Ended::Short, ..done };
        };
        if too_dear(&offer) {
            return Conversion { ended: Ended::TooDear, ..done };
        }
        if offer.seller == wish.taker {
            return Conversion { ended: Ended::CrossesSelf, ..done };
        }
        if done.claims.len() >= wish.offers_max {
            return Conversion { ended: Ended::TooMany, ..done };
        }
        let (claim, book_stays, is_left) = take(view, offer, &wish);
        let (sold, bought) = (claim.sold.1.get(), claim.bought.1.get());
        done.sent += bought;
        done.received += sold;
        done.claims.push(claim);
        wish.send_max -= bought;
        wish.receive_max -= sold;
        if book_stays {
            break;
        }
        if is_left {
            return Conversion { ended: Ended::Short, ..done };
        }
    }
    done
}
