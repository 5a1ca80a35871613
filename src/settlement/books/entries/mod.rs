//! Every kind of entry in the journal: one file a kind, with the accounts it debits and credits in its head.
//!
//! An amount is debited to the first account of a movement and credited to the second. What we hold has debit
//! balances, what we owe has credit balances. Nowhere else in the engine are postings written.

mod claimable_ended;
mod clawback;
mod loss;
mod opening;
mod paid_in;
mod paid_out;
mod reduction;
mod transaction;
mod unseen_fees;
mod withdrawal_before_adoption;

use jiff::Timestamp;

pub(in crate::settlement) use claimable_ended::{claimable_claimed, claimable_clawed_back};
pub(in crate::settlement) use clawback::{Clawback, clawback};
pub(in crate::settlement) use loss::loss;
pub(in crate::settlement) use opening::opening;
pub(in crate::settlement) use paid_in::paid_in;
pub(in crate::settlement) use paid_out::paid_out;
pub(in crate::settlement) use reduction::reduction;
pub(in crate::settlement) use transaction::TransactionEntry;
pub(in crate::settlement) use unseen_fees::unseen_fees;
pub(in crate::settlement) use withdrawal_before_adoption::withdrawal_before_adoption;

use crate::domain::ids::ReservationId;
use crate::domain::journal::{Cause, Postings};

/// An entry that is not numbered yet.
#[derive(Debug)]
pub(in crate::settlement) struct NewEntry {
    /// What it records: the journal has one entry of each cause.
    pub cause: Cause,
    /// The reservation it belongs to, if to one.
    pub reservation: Option<ReservationId>,
    /// When what it records happened: the close of its ledger, or now for what was decided.
    pub at: Timestamp,
    /// What it moves; nothing is posted if nothing moved.
    pub postings: Postings,
}
