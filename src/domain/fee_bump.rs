//! Fee bumps: a stored transaction sent again within another that bids more for it (CAP-15).
//!
//! The inner envelope stays as it was signed, so that however many are sent, one of them takes effect
//! at most. Validators take a bump in the place of what they have only if it bids ten times as much
//! per operation.

use jiff::Timestamp;

use super::ids::{SubmissionId, TxHash};

/// By how much a bump must outbid what it replaces (Stellar's transaction queue).
pub const FEE_BUMP_FACTOR: u32 = 10;

/// A transaction of ours in a fee bump of ours, stored before it is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FeeBump {
    /// The transaction within.
    pub submission: SubmissionId,
    /// The hash of the whole; the transaction within keeps its own.
    pub hash: TxHash,
    /// The signed envelope, base64 XDR.
    pub envelope: String,
    /// What it bids per operation, in stroops of XLM; the bump itself counts as one operation more.
    pub fee_per_operation: u32,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// The next bid after `bid`, in stroops per operation: ten times as much, or the ceiling.
/// `None` if that is reached.
pub const fn next_bid(bid: u32, ceiling: u32) -> Option<u32> {
    if bid >= ceiling {
        return None;
    }
    let next = bid.saturating_mul(FEE_BUMP_FACTOR);
    Some(if next < ceiling { next } else { ceiling })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bids_rise_tenfold_and_stop_at_the_ceiling() {
        assert_eq!(next_bid(100, 10_000), Some(1_000));
        assert_eq!(next_bid(1_000, 5_000), Some(5_000));
        assert_eq!(next_bid(5_000, 5_000), None);
        assert_eq!(next_bid(9_000, 5_000), None);
        assert_eq!(next_bid(u32::MAX - 1, u32::MAX), Some(u32::MAX));
    }
}
