//! An entry before it has its number.

use jiff::Timestamp;

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
