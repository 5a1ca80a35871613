//! What the end of a transaction means for the steps of the engine: a value that the tick hands to those
//! it concerns.

use jiff::Timestamp;

use crate::domain::address::AccountId;
use crate::domain::ids::{ClaimableId, ReservationId};
use crate::domain::transfer::Route;

/// What the end of a transaction did to reservations.
#[derive(Debug, Clone, Default)]
pub(in crate::settlement) struct Effects {
    /// When that was written.
    pub written_at: Timestamp,
    pub settled: u32,
    pub held: u32,
    pub failed_opening: bool,
    pub opened: bool,
    /// Channels that got XLM for their fees.
    pub topped_up: Vec<AccountId>,
    /// Channels could not be given XLM.
    pub failed_top_up: bool,
    /// Returns that are in the ledger.
    pub returned: Vec<Route>,
    /// Returns that were refused.
    pub undelivered: Vec<Route>,
    /// A return waits because returns stand in too many claimable balances.
    pub too_many_returns: bool,
    /// Reservations whose money goes back, since their farms leave too many claimable balances unclaimed.
    pub called_off: Vec<ReservationId>,
    /// The channel had not enough XLM for the fee.
    pub poor: bool,
    /// The channel's sequence number on the ledger, where that was asked for.
    pub on_ledger: Option<(AccountId, i64)>,
    /// The platform had no reserve to spare: claimable balances could not be made.
    pub no_reserve: bool,
    /// Claimable balances that were reclaimed.
    pub reclaimed: Vec<ClaimableId>,
    /// Claimable balances that could not be reclaimed.
    pub not_reclaimed: Vec<ClaimableId>,
    /// Claimable balances of which one could not be reclaimed, and nobody knows which.
    pub reclaim_alone: Vec<ClaimableId>,
    /// Accounts that were merged into the platform's.
    pub merged: Vec<AccountId>,
    /// Accounts that could not be closed.
    pub not_closed: Vec<AccountId>,
    /// Reservations that go again one by one, since it is not known whose fault it was.
    pub alone: Vec<ReservationId>,
}
