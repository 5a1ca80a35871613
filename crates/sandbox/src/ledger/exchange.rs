//! How much changes hands when an offer in the book is taken: the network's arithmetic since protocol 10.
//!
//! The book's offer sells `goods` for `coin` at `price` coins for one of the goods. Of the two sides, the
//! smaller is used up whole, and rounding favours the one that stays. Where it would favour that one by more
//! than a hundredth nothing is exchanged, unless a path payment accepts it.

use stellar_xdr::Price;

/// An effective price may differ from the agreed one by one part in so many.
const PRICE_ERROR_PARTS: i128 = 100;

/// For whom amounts are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// For an offer that takes another.
    Offer,
    /// For a path payment that must arrive exactly.
    StrictReceive,
    /// For a path payment that must leave exactly.
    StrictSend,
}

/// The most that each side can give and take, in stroops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Goods that the book's side can give.
    pub goods_given: i64,
    /// Goods that the other can take.
    pub goods_taken: i64,
    /// Coins that the other can give.
    pub coin_given: i64,
    /// Coins that the book's side can take.
    pub coin_taken: i64,
}

/// What changes hands, in stroops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exchange {
    /// Goods.
    pub goods: i64,
    /// Coins.
    pub coin: i64,
    /// The book's side has more to give.
    pub book_stays: bool,
}

fn floor(value: i128, by: i128) -> i128 {
    value.div_euclid(by)
}

fn ceiling(value: i128, by: i128) -> i128 {
    -(-value).div_euclid(by)
}

/// The exchange before anyone looks at what rounding did to the price.
fn exact(price: &Price, limits: Limits, rounding: Rounding) -> Exchange {
    let (n, d) = (i128::from(price.n).max(1), i128::from(price.d).max(1));
    let wide = |amount: i64| i128::from(amount.max(0));
    let book = (wide(limits.goods_given) * n).min(wide(limits.coin_taken) * d);
    let other = (wide(limits.coin_given) * d).min(wide(limits.goods_taken) * n);
    let book_stays = book > other;
    let (goods, coin) = if book_stays {
        match rounding {
            Rounding::StrictSend => (floor(other, n), wide(limits.coin_given.min(limits.coin_taken))),
            Rounding::StrictReceive => {
                let goods = floor(other, n);
                (goods, ceiling(goods * n, d))
            }
            Rounding::Offer if n > d => {
                let goods = floor(other, n);
                (goods, ceiling(goods * n, d))
            }
            Rounding::Offer => {
                let coin = floor(other, d);
                (floor(coin * d, n), coin)
            }
        }
    } else if n > d {
        let goods = floor(book, n);
        (goods, floor(goods * n, d))
    } else {
        let coin = floor(book, d);
        (ceiling(coin * d, n), coin)
    };
    // The limits bound both; the network proves it, and so do the tests below.
    let goods = goods.min(wide(limits.goods_given.min(limits.goods_taken)));
    let coin = coin.min(wide(limits.coin_given.min(limits.coin_taken)));
    let narrow = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
    Exchange { goods: narrow(goods), coin: narrow(coin), book_stays }
}

fn price_is_fair(price: &Price, goods: i64, coin: i64) -> bool {
    let agreed = i128::from(price.n) * i128::from(goods);
    let paid = i128::from(price.d) * i128::from(coin);
    (agreed - paid).abs() * PRICE_ERROR_PARTS <= agreed
}

/// What changes hands.
pub fn exchange(price: &Price, limits: Limits, rounding: Rounding) -> Exchange {
    let mut exchange = exact(price, limits, rounding);
    let nothing = match rounding {
        Rounding::Offer => {
            exchange.goods == 0 || exchange.coin == 0 || !price_is_fair(price, exchange.goods, exchange.coin)
        }
        Rounding::StrictReceive => exchange.goods == 0 || exchange.coin == 0,
        // It may have to give coins for nothing, to send exactly what it was told to.
        Rounding::StrictSend => exchange.coin == 0,
    };
    if nothing {
        (exchange.goods, exchange.coin) = (0, 0);
    }
    exchange
}

/// The part of an offer that could be taken by someone without limits: what an offer in the book is cut to.
pub fn adjusted(price: &Price, goods_given: i64, coin_taken: i64) -> i64 {
    let limits = Limits { goods_given, goods_taken: i64::MAX, coin_given: i64::MAX, coin_taken };
    exchange(price, limits, Rounding::Offer).goods
}

/// What an offer of so many goods promises: goods that it sells and coins that it makes room for.
pub fn promised(price: &Price, amount: i64) -> Exchange {
    let limits =
        Limits { goods_given: amount, goods_taken: i64::MAX, coin_given: i64::MAX, coin_taken: i64::MAX };
    exact(price, limits, Rounding::Offer)
}

/// What an offer promises that wants so many coins.
pub fn promised_for(price: &Price, coin: i64) -> Exchange {
    let limits =
        Limits { goods_given: i64::MAX, goods_taken: i64::MAX, coin_given: i64::MAX, coin_taken: coin };
    exact(price, limits, Rounding::Offer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn amounts() -> impl Strategy<Value = i64> {
        prop_oneof![0..20_i64, 0..1_000_000_i64, Just(i64::MAX), 0..i64::MAX]
    }

    fn terms() -> impl Strategy<Value = i32> {
        prop_oneof![1..10_i32, 1..i32::MAX]
    }

    proptest! {
        #[test]
        fn nobody_gives_or_takes_beyond_a_limit_and_the_one_who_stays_is_not_cheated(
            (n, d) in (terms(), terms()),
            (goods_given, goods_taken) in (amounts(), amounts()),
            (coin_given, coin_taken) in (amounts(), amounts()),
        ) {
            let price = Price { n, d };
            let limits = Limits { goods_given, goods_taken, coin_given, coin_taken };
            for rounding in [Rounding::Offer, Rounding::StrictReceive] {
                let done = exchange(&price, limits, rounding);
                prop_assert!((0..=goods_given.min(goods_taken)).contains(&done.goods));
                prop_assert!((0..=coin_given.min(coin_taken)).contains(&done.coin));
                let (paid, agreed) =
                    (i128::from(done.coin) * i128::from(d), i128::from(done.goods) * i128::from(n));
                if done.book_stays {
                    prop_assert!(paid >= agreed);
                } else if rounding == Rounding::Offer {
                    prop_assert!(paid <= agreed);
                }
            }
        }

        #[test]
        fn an_adjusted_offer_stays_as_it_is(
            (n, d) in (terms(), terms()),
            (goods, coin) in (amounts(), amounts()),
        ) {
            let price = Price { n, d };
            let once = adjusted(&price, goods, coin);
            prop_assert!(once <= goods);
            prop_assert_eq!(adjusted(&price, once, coin), once);
        }
    }

    #[test]
    fn one_for_two_is_exact() {
        let limits = Limits { goods_given: 100, goods_taken: 10, coin_given: i64::MAX, coin_taken: i64::MAX };
        let done = exchange(&Price { n: 2, d: 1 }, limits, Rounding::StrictReceive);
        assert_eq!(done, Exchange { goods: 10, coin: 20, book_stays: true });
    }
}
