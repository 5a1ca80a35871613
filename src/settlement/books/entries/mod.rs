//! Every kind of entry in the journal: one file a kind, with the accounts it debits and credits in its head.
//!
//! An amount is debited to the first account of a movement and credited to the second. What we hold has debit
//! balances, what we owe has credit balances. Nowhere else in the engine are postings written.

mod accepted_loss;
mod claimable_ended;
mod clawback;
mod loss;
mod new_entry;
mod opening;
mod paid_in;
mod paid_out;
mod reduction;
mod restoration;
mod transaction;
mod unseen_fees;
mod withdrawal_before_adoption;

pub(in crate::settlement) use accepted_loss::{AcceptedLoss, accepted_loss};
pub(in crate::settlement) use claimable_ended::{claimable_claimed, claimable_clawed_back};
pub(in crate::settlement) use clawback::{Clawback, clawback};
pub(in crate::settlement) use loss::loss;
pub(in crate::settlement) use new_entry::NewEntry;
pub(in crate::settlement) use opening::opening;
pub(in crate::settlement) use paid_in::paid_in;
pub(in crate::settlement) use paid_out::paid_out;
pub(in crate::settlement) use reduction::reduction;
pub(in crate::settlement) use restoration::restoration;
pub(in crate::settlement) use transaction::TransactionEntry;
pub(in crate::settlement) use unseen_fees::unseen_fees;
pub(in crate::settlement) use withdrawal_before_adoption::withdrawal_before_adoption;
