//! Path payments: what arrives, or what leaves, is exact, and offers in the book convert it on the way.

use stellar_xdr::{
    Asset as XdrAsset, MuxedAccount, OperationResult, OperationResultTr, PathPaymentStrictReceiveOp,
    PathPaymentStrictReceiveResult as Receive, PathPaymentStrictReceiveResultSuccess,
    PathPaymentStrictSendOp, PathPaymentStrictSendResult as Send, PathPaymentStrictSendResultSuccess,
    SimplePaymentResult,
};

use super::running::{Applied, Running};
use crate::ledger::effects::Change;
use crate::ledger::exchange::Rounding;
use crate::ledger::holdings::{Needs, Ungiven, Untaken, credit, debit};
use crate::ledger::trade::{Claim, Conversion, Ended, OFFERS_TAKEN_MAX, Wish, convert};
use crate::ledger::view::View;
use crate::xdr::{self, account_of, xdr_account, xdr_asset};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_types::money::Stroops;

/// Why a path payment is refused, whichever end is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It makes no sense.
    Malformed,
    /// The sender has too little.
    Underfunded,
    /// The sender has no trust line.
    SrcNoTrust,
    /// The sender may not send.
    SrcNotAuthorized,
    /// The receiver is not there.
    NoDestination,
    /// The receiver has no trust line.
    NoTrust,
    /// The receiver may not receive.
    NotAuthorized,
    /// The receiver has no room.
    LineFull,
    /// The book has not enough.
    TooFewOffers,
    /// The next offer is the sender's own.
    CrossSelf,
    /// It would cost more, or bring less, than its sender allows.
    BeyondLimit,
}

/// Why a path payment fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// As its own result says.
    Refused(Refused),
    /// It would take more offers than an operation may.
    TooManyOffers,
}

impl From<Refused> for Failure {
    fn from(reason: Refused) -> Self {
        Self::Refused(reason)
    }
}

impl From<Untaken> for Failure {
    fn from(why: Untaken) -> Self {
        Self::Refused(match why {
            Untaken::NoAccount => Refused::NoDestination,
            Untaken::NoTrust => Refused::NoTrust,
            Untaken::NotAuthorized => Refused::NotAuthorized,
            Untaken::Full => Refused::LineFull,
        })
    }
}

impl From<Ungiven> for Failure {
    fn from(why: Ungiven) -> Self {
        Self::Refused(match why {
            Ungiven::NoAccount | Ungiven::Underfunded => Refused::Underfunded,
            Ungiven::NoTrust => Refused::SrcNoTrust,
            Ungiven::NotAuthorized => Refused::SrcNotAuthorized,
        })
    }
}

fn receive(reason: Refused) -> Receive {
    match reason {
        Refused::Malformed => Receive::Malformed,
        Refused::Underfunded => Receive::Underfunded,
        Refused::SrcNoTrust => Receive::SrcNoTrust,
        Refused::SrcNotAuthorized => Receive::SrcNotAuthorized,
        Refused::NoDestination => Receive::NoDestination,
        Refused::NoTrust => Receive::NoTrust,
        Refused::NotAuthorized => Receive::NotAuthorized,
        Refused::LineFull => Receive::LineFull,
        Refused::TooFewOffers => Receive::TooFewOffers,
        Refused::CrossSelf => Receive::OfferCrossSelf,
        Refused::BeyondLimit => Receive::OverSendmax,
    }
}

fn send(reason: Refused) -> Send {
    match reason {
        Refused::Malformed => Send::Malformed,
        Refused::Underfunded => Send::Underfunded,
        Refused::SrcNoTrust => Send::SrcNoTrust,
        Refused::SrcNotAuthorized => Send::SrcNotAuthorized,
        Refused::NoDestination => Send::NoDestination,
        Refused::NoTrust => Send::NoTrust,
        Refused::NotAuthorized => Send::NotAuthorized,
        Refused::LineFull => Send::LineFull,
        Refused::TooFewOffers => Send::TooFewOffers,
        Refused::CrossSelf => Send::OfferCrossSelf,
        Refused::BeyondLimit => Send::UnderDestmin,
    }
}

fn refuse_receive(reason: Refused) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::PathPaymentStrictReceive(receive(reason)))
}

fn refuse_send(reason: Refused) -> OperationResult {
    OperationResult::OpInner(OperationResultTr::PathPaymentStrictSend(send(reason)))
}

/// A payment along a path, read and well formed.
struct Journey {
    destination: AccountId,
    /// From what is sent to what arrives.
    assets: Vec<Asset>,
}

impl Journey {
    fn read(
        destination: &MuxedAccount,
        (from, to): (&XdrAsset, &XdrAsset),
        path: &[XdrAsset],
        amounts: [i64; 2],
    ) -> Result<Self, Refused> {
        let all = std::iter::once(from).chain(path).chain([to]);
        let assets: Option<Vec<Asset>> = all.map(xdr::asset).collect();
        let positive = amounts.into_iter().all(|amount| amount > 0);
        match assets {
            Some(assets) if positive => Ok(Self { destination: account_of(destination), assets }),
            Some(_) | None => Err(Refused::Malformed),
        }
    }

    fn ends(&self) -> (Asset, Asset) {
        let first = self.assets.first().copied().unwrap_or(Asset::Native);
        (first, self.assets.last().copied().unwrap_or(first))
    }

    fn check_destination(&self, running: &Running<'_>) -> Result<(), Refused> {
        let (from, to) = self.ends();
        // Nothing is converted and the money goes back to its issuer: that is possible even if it is gone.
        let burns = self.assets.len() == 2 && from == to && to.issuer() == Some(self.destination);
        if burns || running.view.get(self.destination).is_some() {
            Ok(())
        } else {
            Err(Refused::NoDestination)
        }
    }
}

fn read_receive(op: &PathPaymentStrictReceiveOp) -> Result<Journey, Refused> {
    let ends = (&op.send_asset, &op.dest_asset);
    Journey::read(&op.destination, ends, &op.path, [op.send_max, op.dest_amount])
}

fn read_send(op: &PathPaymentStrictSendOp) -> Result<Journey, Refused> {
    let ends = (&op.send_asset, &op.dest_asset);
    Journey::read(&op.destination, ends, &op.path, [op.send_amount, op.dest_min])
}

pub fn check_receive(op: &PathPaymentStrictReceiveOp) -> Result<(), OperationResult> {
    read_receive(op).map(|_| ()).map_err(refuse_receive)
}

pub fn check_send(op: &PathPaymentStrictSendOp) -> Result<(), OperationResult> {
    read_send(op).map(|_| ()).map_err(refuse_send)
}

fn stroops(amount: i64) -> Result<Stroops, Refused> {
    Stroops::new(amount).map_err(|_| Refused::Malformed)
}

/// One conversion of the way, whole or not at all.
fn hop(view: &mut View<'_>, wish: Wish) -> Result<Conversion, Failure> {
    let done = convert(view, wish, |_| false);
    let exact = match wish.rounding {
        Rounding::StrictSend => done.sent == wish.send_max,
        Rounding::StrictReceive | Rounding::Offer => done.received == wish.receive_max,
    };
    match done.ended {
        Ended::Whole if exact => Ok(done),
        Ended::Whole | Ended::Short | Ended::TooDear => Err(Refused::TooFewOffers.into()),
        Ended::CrossesSelf => Err(Refused::CrossSelf.into()),
        Ended::TooMany => Err(Failure::TooManyOffers),
    }
}

/// Converts along `assets` so that exactly `amount` of the last arrives. Gives what that takes of the first,
/// and the offers taken.
pub fn convert_to(
    view: &mut View<'_>,
    assets: &[Asset],
    taker: AccountId,
    amount: i64,
) -> Result<(i64, Vec<Claim>), Failure> {
    let (mut wanted, mut claims) = (amount, Vec::new());
    for pair in assets.windows(2).rev() {
        let &[give, get] = pair else { continue };
        if give == get {
            continue;
        }
        let wish = Wish {
            taker,
            send: give,
            send_max: i64::MAX,
            receive: get,
            receive_max: wanted,
            rounding: Rounding::StrictReceive,
            offers_max: OFFERS_TAKEN_MAX.saturating_sub(claims.len()),
        };
        let mut done = hop(view, wish)?;
        wanted = done.sent;
        done.claims.append(&mut claims);
        claims = done.claims;
    }
    Ok((wanted, claims))
}

/// Converts exactly `amount` of the first of `assets` along them. Gives what arrives of the last, and the
/// offers taken.
pub fn convert_from(
    view: &mut View<'_>,
    assets: &[Asset],
    taker: AccountId,
    amount: i64,
) -> Result<(i64, Vec<Claim>), Failure> {
    let (mut had, mut claims) = (amount, Vec::new());
    for pair in assets.windows(2) {
        let &[give, get] = pair else { continue };
        if give == get {
            continue;
        }
        let wish = Wish {
            taker,
            send: give,
            send_max: had,
            receive: get,
            receive_max: i64::MAX,
            rounding: Rounding::StrictSend,
            offers_max: OFFERS_TAKEN_MAX.saturating_sub(claims.len()),
        };
        let mut done = hop(view, wish)?;
        had = done.received;
        claims.append(&mut done.claims);
    }
    Ok((had, claims))
}

/// What was paid: sent by the source, received by the destination, and the offers taken between.
struct Paid {
    sent: Stroops,
    received: Stroops,
    claims: Vec<Claim>,
}

fn effects(running: &mut Running<'_>, journey: &Journey, source: AccountId, paid: &Paid) {
    let (from, to) = journey.ends();
    running.effect(journey.destination, Change::Credited { asset: to, amount: paid.received });
    running.effect(source, Change::Debited { asset: from, amount: paid.sent });
    for claim in &paid.claims {
        running.effects.extend(claim.effects(source));
    }
}

fn arrive_exactly(
    running: &mut Running<'_>,
    journey: &Journey,
    op: &PathPaymentStrictReceiveOp,
    source: AccountId,
) -> Result<Paid, Failure> {
    journey.check_destination(running)?;
    let (from, to) = journey.ends();
    let received = stroops(op.dest_amount)?;
    credit(&mut running.view, journey.destination, &to, received, Needs::Full)?;
    let (wanted, claims) = convert_to(&mut running.view, &journey.assets, source, op.dest_amount)?;
    if wanted > op.send_max {
        return Err(Refused::BeyondLimit.into());
    }
    let sent = stroops(wanted)?;
    debit(&mut running.view, source, &from, sent, Needs::Full)?;
    Ok(Paid { sent, received, claims })
}

fn leave_exactly(
    running: &mut Running<'_>,
    journey: &Journey,
    op: &PathPaymentStrictSendOp,
    source: AccountId,
) -> Result<Paid, Failure> {
    journey.check_destination(running)?;
    let (from, to) = journey.ends();
    let sent = stroops(op.send_amount)?;
    debit(&mut running.view, source, &from, sent, Needs::Full)?;
    let (had, claims) = convert_from(&mut running.view, &journey.assets, source, op.send_amount)?;
    if had < op.dest_min {
        return Err(Refused::BeyondLimit.into());
    }
    let received = stroops(had)?;
    credit(&mut running.view, journey.destination, &to, received, Needs::Full)?;
    Ok(Paid { sent, received, claims })
}

fn last(journey: &Journey, paid: &Paid) -> SimplePaymentResult {
    SimplePaymentResult {
        destination: xdr_account(journey.destination),
        asset: xdr_asset(journey.ends().1),
        amount: paid.received.get(),
    }
}

fn failed(failure: Failure, refuse: impl Fn(Refused) -> OperationResult) -> OperationResult {
    match failure {
        Failure::Refused(reason) => refuse(reason),
        Failure::TooManyOffers => OperationResult::OpExceededWorkLimit,
    }
}

pub fn strict_receive(
    running: &mut Running<'_>,
    op: &PathPaymentStrictReceiveOp,
    source: AccountId,
) -> Applied {
    let journey = read_receive(op).map_err(refuse_receive)?;
    let paid = arrive_exactly(running, &journey, op, source).map_err(|why| failed(why, refuse_receive))?;
    effects(running, &journey, source, &paid);
    let offers: Vec<_> = paid.claims.iter().map(Claim::to_xdr).collect();
    Ok(OperationResultTr::PathPaymentStrictReceive(Receive::Success(PathPaymentStrictReceiveResultSuccess {
        offers: offers.try_into().unwrap_or_default(),
        last: last(&journey, &paid),
    })))
}

pub fn strict_send(running: &mut Running<'_>, op: &PathPaymentStrictSendOp, source: AccountId) -> Applied {
    let journey = read_send(op).map_err(refuse_send)?;
    let paid = leave_exactly(running, &journey, op, source).map_err(|why| failed(why, refuse_send))?;
    effects(running, &journey, source, &paid);
    let offers: Vec<_> = paid.claims.iter().map(Claim::to_xdr).collect();
    Ok(OperationResultTr::PathPaymentStrictSend(Send::Success(PathPaymentStrictSendResultSuccess {
        offers: offers.try_into().unwrap_or_default(),
        last: last(&journey, &paid),
    })))
}
