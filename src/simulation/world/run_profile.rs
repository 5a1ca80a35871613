//! What is unusual about a run as a whole.

use std::ops::Range;

use crate::domain::money::Stroops;
use crate::settlement;
use crate::simulation::rng::{Rng, Stream};

/// Ledgers in which actors act and things go wrong.
pub(super) const FAULTY_LEDGERS: u64 = 110;
/// The bids of a run that means to save: usual and at most, in stroops per operation. The highest surges are
/// above them.
const LOW_BIDS: (u32, u32) = (500, 20_000);
/// What a poor platform begins with, in XLM: the least and the most.
const POOR_XLM: (u64, u64) = (14, 80);

/// What is unusual about a run as a whole.
pub(super) struct RunProfile {
    /// What the platform begins with if it is poor, and in which ledger it is funded.
    pub(super) poor: Option<(Stroops, u64)>,
    /// What is bid per operation, usually and at most.
    pub(super) bids: (u32, u32),
    /// When every ledger takes high bids only.
    surges: Vec<Range<u64>>,
    /// True if the payment stream is followed.
    pub(super) stream: bool,
    /// True if the run lasts until claimable balances may be reclaimed.
    pub(super) half_a_year: bool,
}

impl RunProfile {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, Stream::RunProfile);
        let xlm = u32::try_from(rng.between(POOR_XLM.0, POOR_XLM.1)).unwrap_or(0);
        let funded_at = rng.between(5, FAULTY_LEDGERS * 3 / 4);
        let poor = rng.chance(150).then_some((Stroops::from_units(xlm), funded_at));
        let usual = settlement::Settings::default();
        let usual = (usual.fee_per_operation_stroops, usual.fee_ceiling_stroops);
        let bids = if rng.chance(300) { LOW_BIDS } else { usual };
        let spells = if rng.chance(400) { rng.between(1, 2) } else { 0 };
        let surges = (0..spells)
            .map(|_| {
                let from = rng.below(FAULTY_LEDGERS);
                from..from + rng.between(3, 40)
            })
            .collect();
        Self { poor, bids, surges, stream: rng.chance(250), half_a_year: rng.chance(150) }
    }

    /// Whether every ledger takes high bids only when this one closes.
    pub(super) fn surges_in(&self, ledger: u64) -> bool {
        self.surges.iter().any(|surge| surge.contains(&ledger))
    }
}
