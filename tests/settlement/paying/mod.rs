//! Orders that are paid for, and the settlements that pay them out.

mod fee_bids;
mod orders;
mod payout_changes;
mod payout_checks;
mod play_money;
mod settlements;
mod strangers;
