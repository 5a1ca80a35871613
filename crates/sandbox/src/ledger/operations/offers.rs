//! Offers to sell and to buy: made, changed, withdrawn, and taken at once as far as the book allows.

use stellar_xdr::{
    Asset as XdrAsset, CreatePassiveSellOfferOp, ManageBuyOfferOp, ManageBuyOfferResult as Buy,
    ManageOfferSuccessResult, ManageOfferSuccessResultOffer, ManageSellOfferOp,
    ManageSellOfferResult as Sell, OperationResult, OperationResultTr, Price,
};

use super::running::{Applied, Running};
use crate::ledger::book::{Offer, OfferId, compare_prices};
use crate::ledger::exchange::{Exchange, Rounding, adjusted, promised, promised_for};
use crate::ledger::holdings::{Needs, can_buy, can_sell, credit, debit};
use crate::ledger::sponsorship::reserve_entry;
use crate::ledger::state::Authorization;
use crate::ledger::trade::{
    Claim, Conversion, Ended, OFFERS_TAKEN_MAX, Wish, convert, make_promise, release_promise, remove,
};
use crate::xdr;
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

/// A new offer until it enters the book: one that is taken whole never gets a number.
const UNNUMBERED: OfferId = 0;

/// Why an offer is refused, whichever operation makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Malformed,
    SellNoTrust,
    BuyNoTrust,
    SellNotAuthorized,
    BuyNotAuthorized,
    LineFull,
    Underfunded,
    CrossSelf,
    NotFound,
    LowReserve,
}

enum Failure {
    Refused(Refused),
    Other(OperationResult),
}

impl From<Refused> for Failure {
    fn from(reason: Refused) -> Self {
        Self::Refused(reason)
    }
}

/// Which of the three operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sell,
    Passive,
    Buy,
}

fn sell(reason: Refused) -> Sell {
    match reason {
        Refused::Malformed => Sell::Malformed,
        Refused::SellNoTrust => Sell::SellNoTrust,
        Refused::BuyNoTrust => Sell::BuyNoTrust,
        Refused::SellNotAuthorized => Sell::SellNotAuthorized,
        Refused::BuyNotAuthorized => Sell::BuyNotAuthorized,
        Refused::LineFull => Sell::LineFull,
        Refused::Underfunded => Sell::Underfunded,
        Refused::CrossSelf => Sell::CrossSelf,
        Refused::NotFound => Sell::NotFound,
        Refused::LowReserve => Sell::LowReserve,
    }
}

fn buy(reason: Refused) -> Buy {
    match reason {
        Refused::Malformed => Buy::Malformed,
        Refused::SellNoTrust => Buy::SellNoTrust,
        Refused::BuyNoTrust => Buy::BuyNoTrust,
        Refused::SellNotAuthorized => Buy::SellNotAuthorized,
        Refused::BuyNotAuthorized => Buy::BuyNotAuthorized,
        Refused::LineFull => Buy::LineFull,
        Refused::Underfunded => Buy::Underfunded,
        Refused::CrossSelf => Buy::CrossSelf,
        Refused::NotFound => Buy::NotFound,
        Refused::LowReserve => Buy::LowReserve,
    }
}

impl Kind {
    fn refuse(self, reason: Refused) -> OperationResult {
        OperationResult::OpInner(match self {
            Self::Sell => OperationResultTr::ManageSellOffer(sell(reason)),
            Self::Passive => OperationResultTr::CreatePassiveSellOffer(sell(reason)),
            Self::Buy => OperationResultTr::ManageBuyOffer(buy(reason)),
        })
    }

    fn succeed(self, success: ManageOfferSuccessResult) -> OperationResultTr {
        match self {
            Self::Sell => OperationResultTr::ManageSellOffer(Sell::Success(success)),
            Self::Passive => OperationResultTr::CreatePassiveSellOffer(Sell::Success(success)),
            Self::Buy => OperationResultTr::ManageBuyOffer(Buy::Success(success)),
        }
    }
}

/// What the offer is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    /// So much is for sale.
    Selling(i64),
    /// So much is wanted.
    Buying(i64),
}

/// What is asked of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asked {
    kind: Kind,
    selling: Asset,
    buying: Asset,
    amount: Amount,
    /// Of one unit sold, in units bought.
    price: Price,
    /// [`UNNUMBERED`] for a new offer.
    id: OfferId,
}

fn read(
    kind: Kind,
    (selling, buying): (&XdrAsset, &XdrAsset),
    amount: Amount,
    price: &Price,
    id: OfferId,
) -> Result<Asked, OperationResult> {
    let malformed = || kind.refuse(Refused::Malformed);
    let selling = xdr::asset(selling).ok_or_else(malformed)?;
    let buying = xdr::asset(buying).ok_or_else(malformed)?;
    let (Amount::Selling(size) | Amount::Buying(size)) = amount;
    let is_new_nothing = id == 0 && size == 0;
    if selling == buying || size < 0 || price.n <= 0 || price.d <= 0 || id < 0 || is_new_nothing {
        return Err(malformed());
    }
    let price = match kind {
        Kind::Sell | Kind::Passive => price.clone(),
        Kind::Buy => Price { n: price.d, d: price.n },
    };
    Ok(Asked { kind, selling, buying, amount, price, id })
}

fn read_sell(op: &ManageSellOfferOp) -> Result<Asked, OperationResult> {
    read(Kind::Sell, (&op.selling, &op.buying), Amount::Selling(op.amount), &op.price, op.offer_id)
}

fn read_buy(op: &ManageBuyOfferOp) -> Result<Asked, OperationResult> {
    read(Kind::Buy, (&op.selling, &op.buying), Amount::Buying(op.buy_amount), &op.price, op.offer_id)
}

fn read_passive(op: &CreatePassiveSellOfferOp) -> Result<Asked, OperationResult> {
    read(Kind::Passive, (&op.selling, &op.buying), Amount::Selling(op.amount), &op.price, 0)
}

pub fn check_sell(op: &ManageSellOfferOp) -> Result<(), OperationResult> {
    read_sell(op).map(|_| ())
}

pub fn check_buy(op: &ManageBuyOfferOp) -> Result<(), OperationResult> {
    read_buy(op).map(|_| ())
}

pub fn check_passive(op: &CreatePassiveSellOfferOp) -> Result<(), OperationResult> {
    read_passive(op).map(|_| ())
}

pub fn manage_sell(running: &mut Running<'_>, op: &ManageSellOfferOp, source: AccountId) -> Applied {
    manage(running, &read_sell(op)?, source)
}

pub fn manage_buy(running: &mut Running<'_>, op: &ManageBuyOfferOp, source: AccountId) -> Applied {
    manage(running, &read_buy(op)?, source)
}

pub fn create_passive(
    running: &mut Running<'_>,
    op: &CreatePassiveSellOfferOp,
    source: AccountId,
) -> Applied {
    manage(running, &read_passive(op)?, source)
}

fn manage(running: &mut Running<'_>, asked: &Asked, source: AccountId) -> Applied {
    match place(running, asked, source) {
        Ok(success) => Ok(asked.kind.succeed(success)),
        Err(Failure::Refused(reason)) => Err(asked.kind.refuse(reason)),
        Err(Failure::Other(result)) => Err(result),
    }
}

impl Asked {
    fn is_withdrawal(&self) -> bool {
        self.amount == Amount::Selling(0) || self.amount == Amount::Buying(0)
    }

    /// What the whole offer would promise.
    fn promised(&self) -> Exchange {
        match self.amount {
            Amount::Selling(amount) => promised(&self.price, amount),
            Amount::Buying(amount) => promised_for(&self.price, amount),
        }
    }

    /// The most to send and receive within the offer's size, once some of it is done.
    fn within(&self, (send, sent): (i64, i64), (receive, received): (i64, i64)) -> (i64, i64) {
        match self.amount {
            Amount::Selling(amount) => (send.min(amount - sent), receive),
            Amount::Buying(amount) => (send, receive.min(amount - received)),
        }
    }
}

/// Whether the source may hold what it sells and what it buys.
fn check_lines(running: &Running<'_>, asked: &Asked, source: AccountId) -> Result<(), Refused> {
    if asked.selling != Asset::Native && asked.selling.issuer() != Some(source) {
        let line = running.view.line(source, &asked.selling).ok_or(Refused::SellNoTrust)?;
        if line.balance.is_zero() {
            return Err(Refused::Underfunded);
        }
        if line.authorization != Authorization::Full {
            return Err(Refused::SellNotAuthorized);
        }
    }
    if asked.buying != Asset::Native && asked.buying.issuer() != Some(source) {
        let line = running.view.line(source, &asked.buying).ok_or(Refused::BuyNoTrust)?;
        if line.authorization != Authorization::Full {
            return Err(Refused::BuyNotAuthorized);
        }
    }
    Ok(())
}

/// The offer as it will stand, before anything is taken: its number, reserve and kind are settled.
struct Draft {
    id: OfferId,
    passive: bool,
    sponsor: Option<AccountId>,
    is_new: bool,
}

fn draft(running: &mut Running<'_>, asked: &Asked, source: AccountId) -> Result<Draft, Failure> {
    if asked.id != UNNUMBERED {
        let old = running.view.offer(asked.id).filter(|offer| offer.seller == source).cloned();
        let old = old.ok_or(Refused::NotFound)?;
        release_promise(&mut running.view, &old);
        // Out of the book while it is compared with the book; its reserve stays set aside.
        running.view.remove_offer(old.id);
        return Ok(Draft { id: old.id, passive: old.passive, sponsor: old.sponsor, is_new: false });
    }
    let low = asked.kind.refuse(Refused::LowReserve);
    let sponsor = reserve_entry(&mut running.view, &running.sandwiches, source)
        .map_err(|reason| Failure::Other(reason.result(low)))?;
    if let Some(account) = running.view.edit(source) {
        account.offers.insert(UNNUMBERED);
    }
    Ok(Draft { id: UNNUMBERED, passive: asked.kind == Kind::Passive, sponsor, is_new: true })
}

/// Takes from the book what it offers at the asked price or better, and says how much is left to offer.
fn trade(
    running: &mut Running<'_>,
    asked: &Asked,
    source: AccountId,
    passive: bool,
) -> Result<(Vec<Claim>, i64), Failure> {
    let (selling, buying) = (&asked.selling, &asked.buying);
    let (can_send, can_receive) =
        (can_sell(&running.view, source, selling), can_buy(&running.view, source, buying));
    let all = asked.promised();
    if can_receive < all.coin {
        return Err(Refused::LineFull.into());
    }
    if can_send < all.goods {
        return Err(Refused::Underfunded.into());
    }
    let (send_max, receive_max) = asked.within((can_send, 0), (can_receive, 0));
    if receive_max == 0 {
        return Err(Refused::LineFull.into());
    }
    let worst = Price { n: asked.price.d, d: asked.price.n };
    let wish = Wish {
        taker: source,
        send: *selling,
        send_max,
        receive: *buying,
        receive_max,
        rounding: Rounding::Offer,
        offers_max: OFFERS_TAKEN_MAX,
    };
    let Conversion { ended, sent, received, claims } = convert(&mut running.view, wish, |offer| {
        let compared = compare_prices(&offer.price, &worst);
        compared.is_gt() || (passive && compared.is_eq())
    });
    let stays = match ended {
        Ended::Whole => false,
        Ended::Short | Ended::TooDear => true,
        Ended::CrossesSelf => return Err(Refused::CrossSelf.into()),
        Ended::TooMany => return Err(Failure::Other(OperationResult::OpExceededWorkLimit)),
    };
    let stroops = |amount: i64| Stroops::new(amount).unwrap_or(Stroops::ZERO);
    // What was taken is within what the source can receive and send: neither can fail.
    credit(&mut running.view, source, buying, stroops(received), Needs::Full)
        .map_err(|_| Failure::from(Refused::LineFull))?;
    debit(&mut running.view, source, selling, stroops(sent), Needs::Full)
        .map_err(|_| Failure::from(Refused::Underfunded))?;
    if !stays {
        return Ok((claims, 0));
    }
    let can_send = can_sell(&running.view, source, selling);
    let can_receive = can_buy(&running.view, source, buying);
    let (send, receive) = asked.within((can_send, sent), (can_receive, received));
    Ok((claims, adjusted(&asked.price, send, receive)))
}

fn place(
    running: &mut Running<'_>,
    asked: &Asked,
    source: AccountId,
) -> Result<ManageOfferSuccessResult, Failure> {
    if !asked.is_withdrawal() {
        check_lines(running, asked, source)?;
    }
    let Draft { id, passive, sponsor, is_new } = draft(running, asked, source)?;
    let (claims, amount) =
        if asked.is_withdrawal() { (Vec::new(), 0) } else { trade(running, asked, source, passive)? };
    let now = running.view.now();
    let mut offer = Offer {
        id,
        seller: source,
        selling: asked.selling,
        buying: asked.buying,
        amount,
        price: asked.price.clone(),
        passive,
        sponsor,
        last_modified: now.ledger,
        last_modified_time: now.time,
    };
    for claim in &claims {
        running.effects.extend(claim.effects(source));
    }
    let stands = if amount > 0 {
        if is_new {
            offer.id = running.view.next_offer_id();
            if let Some(account) = running.view.edit(source) {
                account.offers.remove(&UNNUMBERED);
                account.offers.insert(offer.id);
            }
        }
        make_promise(&mut running.view, &offer);
        let written = offer.to_xdr();
        running.entry_sponsor = sponsor.filter(|_| is_new);
        running.view.put_offer(offer);
        if is_new {
            ManageOfferSuccessResultOffer::Created(written)
        } else {
            ManageOfferSuccessResultOffer::Updated(written)
        }
    } else {
        remove(&mut running.view, &offer);
        ManageOfferSuccessResultOffer::Deleted
    };
    let offers_claimed: Vec<_> = claims.iter().map(Claim::to_xdr).collect();
    Ok(ManageOfferSuccessResult {
        offers_claimed: offers_claimed.try_into().unwrap_or_default(),
        offer: stands,
    })
}
