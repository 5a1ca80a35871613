//! What actors do.

use super::behavior::Behavior;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::ids::ReservationId;
use crate::domain::money::Stroops;

/// What a customer wants to order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::simulation) enum Wish {
    /// Capacity on a node that costs something.
    Plain,
    /// Capacity on a free node, for play money.
    Play,
    /// Capacity on a node that costs something, for play money.
    PlayOnPaid,
    /// More of a pool, or the same for longer.
    Extension,
}

/// Something to do in some ledger.
#[derive(Debug, Clone)]
pub(in crate::simulation) enum Action {
    /// A customer orders.
    Open {
        behavior: Behavior,
        wish: Wish,
    },
    /// A customer calls it off.
    Cancel {
        reservation: ReservationId,
    },
    /// A line of an escrow account is frozen, or thawed.
    FreezeEscrow {
        reservation: ReservationId,
        account: AccountId,
        frozen: bool,
    },
    /// Pays to the escrow account of nobody yet.
    Stray,
    Pay {
        who: String,
        id: Option<u64>,
        to: AccountId,
        asset: Asset,
        amount: Stroops,
    },
    Through {
        who: String,
        to: AccountId,
        amount: Stroops,
    },
    /// Gives all tokens back and closes the trust line.
    Distrust {
        who: String,
    },
    Trust {
        who: String,
    },
    /// Closes everything and merges the account.
    Leave {
        who: String,
    },
    Freeze {
        who: String,
        frozen: bool,
    },
    /// Claims all that waits.
    Claim {
        who: String,
    },
    /// An issuer takes back so many thousandths of what an account has.
    ClawBack {
        from: AccountId,
        per_mille: u64,
    },
    /// Pays what a reservation's account lacks, and something more.
    Fill {
        who: String,
        reservation: ReservationId,
        more: Stroops,
    },
    /// An operator decides about a reservation that is held: its money goes back, or it is settled.
    Resolve {
        reservation: ReservationId,
        refund: bool,
    },
    /// Merges an account into an escrow account.
    MergeInto {
        who: String,
        to: AccountId,
    },
    /// An operator says to whom the money goes that a merge brought to an account.
    Decide {
        account: AccountId,
        back: String,
    },
}
