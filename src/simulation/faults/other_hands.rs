//! What other hands do to the database of a run: rows become unreadable for a while, and the database goes
//! back by some commits under a running engine, as when a standby is promoted that does not have them.

use crate::domain::transfer::Submission;
use crate::ports::store::StoreError;
use crate::simulation::rng::{Rng, Stream};
use crate::simulation::store::Base;
use crate::storage::hands::{Hands, SpoiledRow};

/// In so many of a thousand ledgers a row becomes unreadable.
const SPOILED_PER_MILLE: u64 = 40;
/// For how many ledgers it stays so: the least and the most.
const SPOILED_LEDGERS: (u64, u64) = (1, 12);
/// In so many of a thousand ledgers the database is copied, to go back to it after the ledger.
const COPIED_PER_MILLE: u64 = 300;
/// In so many of a thousand of these it goes back although no transaction is lost by it.
const BACK_WITHOUT_LOSS_PER_MILLE: u64 = 50;

/// The other hands, and what they have done.
pub(in crate::simulation) struct OtherHands {
    hands: Hands,
    base: Base,
    rng: Rng,
    /// A row that cannot be read, and the ledger in which it is mended.
    spoiled: Option<(SpoiledRow, u64)>,
}

impl OtherHands {
    pub(in crate::simulation) fn new(seed: u64, hands: Hands, base: Base) -> Self {
        let rng = Rng::new(seed, Stream::OtherHands);
        Self { hands, base, rng, spoiled: None }
    }

    pub(in crate::simulation) const fn has_spoiled(&self) -> bool {
        self.spoiled.is_some()
    }

    /// Makes a row unreadable from now on, in some ledgers and if nothing is `at_stake`; which one, and for
    /// how many ledgers.
    pub(in crate::simulation) fn spoil(
        &mut self,
        ledger: u64,
        at_stake: bool,
    ) -> Result<Option<(SpoiledRow, u64)>, StoreError> {
        let (kind, which) = (self.rng.below(1 << 32), self.rng.below(1 << 32));
        let spoils = self.rng.chance(SPOILED_PER_MILLE);
        let ledgers = self.rng.between(SPOILED_LEDGERS.0, SPOILED_LEDGERS.1);
        if !spoils || at_stake || self.has_spoiled() {
            return Ok(None);
        }
        let Some(row) = self.base.at_once(self.hands.spoil(kind, which))? else { return Ok(None) };
        self.spoiled = Some((row.clone(), ledger + ledgers));
        Ok(Some((row, ledgers)))
    }

    /// Mends the row that was spoiled, if its time is over by this ledger.
    pub(in crate::simulation) fn mend(&mut self, ledger: u64) -> Result<Option<SpoiledRow>, StoreError> {
        let Some((row, _)) = self.spoiled.take_if(|(_, until)| *until <= ledger) else { return Ok(None) };
        self.base.at_once(self.hands.mend(&row))?;
        Ok(Some(row))
    }

    /// Copies the database, in some ledgers and if it `may` be; true if it did.
    pub(in crate::simulation) fn copy(&mut self, may: bool) -> Result<bool, StoreError> {
        if !self.rng.chance(COPIED_PER_MILLE) || !may {
            return Ok(false);
        }
        self.base.at_once(self.hands.copy())?;
        Ok(true)
    }

    /// The transactions that are lost if the database goes back to its copy.
    pub(in crate::simulation) fn would_lose(&mut self) -> Result<Vec<Submission>, StoreError> {
        self.base.at_once(self.hands.submissions_since())
    }

    /// Brings the copy back, but for the tables `kept`, if a transaction is lost by it, and sometimes
    /// without; true if it did.
    pub(in crate::simulation) fn go_back(&mut self, loses: bool, kept: &[&str]) -> Result<bool, StoreError> {
        let without = self.rng.chance(BACK_WITHOUT_LOSS_PER_MILLE);
        if loses || without {
            self.base.at_once(self.hands.go_back(kept))?;
        }
        Ok(loses || without)
    }
}
