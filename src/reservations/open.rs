use std::time::Duration;

use jiff::Timestamp;

use crate::access::Decider;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::audit::Act;
use crate::domain::event::EventKind;
use crate::domain::ids::ReservationId;
use crate::domain::payment::Memo;
use crate::domain::reservation::{PaymentOption, Reservation, State};
use crate::domain::split::Recipient;
use crate::ports::clock::Clock;
use crate::ports::store::Tx;

use super::facts::{OrderRequest, load};
use super::quote::{Priced, quote};
use super::{Error, Settings};

/// How often an order asks again for an escrow account, in milliseconds.
const ESCROW_POLL_MILLIS: u64 = 250;

/// Most different lists of trusted assets that are looked at.
const ASSET_LISTS_MAX: u32 = 16;

/// After how long a silence of the engine no account is given out, in seconds. The database may have been
/// restored from a backup, and what it has as ready been given out already: the engine looks first.
const ENGINE_SILENT_SECONDS_MAX: i64 = 600;

/// What opening needs besides the order.
#[derive(Clone, Debug)]
pub struct Opening<'settings> {
    /// The module's settings.
    pub settings: &'settings Settings,
    /// The platform account: never a payout address.
    pub platform: AccountId,
    /// Who orders.
    pub decider: &'settings Decider,
    /// The time.
    pub now: Timestamp,
    /// A fresh id, drawn anew for every attempt.
    pub id: ReservationId,
}

/// Makes a reservation: prices the order, takes an escrow account that trusts every asset offered, and stores
/// both with their events.
///
/// The customer's and the farmer's side agree at once: farmer mode `auto`.
///
/// # Errors
/// [`Error::NoEscrowReady`] if no account is ready, or the engine has not looked at them for ten minutes
/// or waits for what it may not know of: the caller rolls back and may come again, see [`wait_for_escrow`].
/// [`Error::Diverged`] while the network contradicts what was seen of it.
pub async fn open(
    tx: &mut dyn Tx,
    opening: &Opening<'_>,
    request: &OrderRequest,
) -> Result<Reservation, Error> {
    if let Some(divergence) = tx.deployment().await?.divergence {
        return Err(Error::Diverged(divergence));
    }
    let facts = load(tx, request, &opening.settings.payout, opening.platform).await?;
    let Priced { order, mut quote } = quote(request, &facts, opening.settings, opening.now)?;
    if request.currencies.is_none() {
        let lists = tx.escrow_asset_lists(ASSET_LISTS_MAX).await?;
        leave_out_untrusted(&mut quote.options, &lists);
    }
    let unwatched: Vec<AccountId> = quote
        .options
        .iter()
        .flat_map(|option| option.legs.iter().filter(|leg| leg.recipient != Recipient::Burn))
        .map(|leg| leg.to)
        .filter(|account| !facts.payouts.watched.contains(account))
        .collect();
    if !unwatched.is_empty() {
        tx.watch_payouts(&unwatched).await?;
    }
    let mut trusted: Vec<Asset> =
        quote.options.iter().map(|option| option.asset).filter(|asset| asset.issuer().is_some()).collect();
    trusted.sort();
    if let Some(status) = tx.engine_status().await?
        && (status.builds_nothing_before.is_some()
            || opening.now.duration_since(status.ticked_at).as_secs() > ENGINE_SILENT_SECONDS_MAX)
    {
        return Err(Error::NoEscrowReady);
    }
    let escrow = tx.take_escrow(&trusted, opening.id).await?.ok_or(Error::NoEscrowReady)?;
    let reservation = Reservation {
        id: opening.id,
        version: 0,
        tenant: request.tenant.clone(),
        order,
        quote,
        escrow,
        memo: Memo::Text(format!("p-{}", opening.id)),
        created_at: opening.now,
        cancel_requested_at: None,
        state: State::AwaitingSignatures,
    };
    let agreed = reservation.signed(opening.now)?.accepted(opening.now)?;
    tx.insert_reservation(&agreed).await?;
    let created = EventKind::ReservationCreated { reservation: agreed.id };
    tx.append_event(opening.now, agreed.version, &created).await?;
    tx.append_event(opening.now, agreed.version, &EventKind::changed(&agreed)).await?;
    opening.decider.record(tx, Act::ReservationOpened { reservation: agreed.id }).await?;
    Ok(agreed)
}

/// Leaves out offers that nobody asked for by name and that no escrow account could take: a currency that
/// is new, or whose issuer does not exist, must not keep the others waiting. The list of assets that covers
/// most offers decides.
fn leave_out_untrusted(options: &mut Vec<PaymentOption>, lists: &[Vec<Asset>]) {
    let is_covered = |option: &PaymentOption, list: &[Asset]| {
        option.asset.issuer().is_none() || list.contains(&option.asset)
    };
    let covered = |list: &&Vec<Asset>| options.iter().filter(|option| is_covered(option, list)).count();
    let Some(best) = lists.iter().max_by_key(covered).filter(|list| covered(list) > 0) else { return };
    options.retain(|option| is_covered(option, best));
}

/// Runs `attempt` again, outside any transaction, while it ends in want of an escrow account and the time
/// that settings allow for it has not passed.
pub async fn wait_for_escrow<T, E, A>(
    clock: &dyn Clock,
    settings: &Settings,
    is_not_ready: impl Fn(&E) -> bool,
    attempt: impl Fn() -> A,
) -> Result<T, E>
where
    A: Future<Output = Result<T, E>>,
{
    let polls = u64::from(settings.escrow_wait_seconds) * 1_000 / ESCROW_POLL_MILLIS;
    for _ in 0..polls {
        match attempt().await {
            Err(error) if is_not_ready(&error) => {
                clock.sleep(Duration::from_millis(ESCROW_POLL_MILLIS)).await
            }
            outcome => return outcome,
        }
    }
    attempt().await
}
