//! Everything that happens by chance, drawn from the seed.

use std::sync::{Mutex, PoisonError};

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::ports::entropy::Entropy;

/// What a stream of draws decides. Each has its own, so that more draws in one change nothing in the others.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stream {
    /// What actors do.
    Actors = 1,
    /// When processes die, databases fail and clocks jump.
    Faults = 2,
    /// How often each fault of the network happens.
    FaultSchedule = 3,
    /// The engine's own randomness.
    Engine = 4,
    /// What is unusual about the run as a whole.
    RunProfile = 5,
    /// What other hands do to the database.
    OtherHands = 6,
    /// The ids of what people decide.
    Decisions = 7,
}

/// The first of our streams; those before it are the sandbox's.
const FIRST_STREAM: u64 = 1 << 50;

/// Draws of one stream.
pub(super) struct Rng {
    draws: ChaCha12Rng,
}

impl Rng {
    pub(super) fn new(seed: u64, stream: Stream) -> Self {
        let mut draws = ChaCha12Rng::seed_from_u64(seed);
        draws.set_stream(FIRST_STREAM + stream as u64);
        Self { draws }
    }

    /// A number below `end`; 0 if that is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.draws.next_u64() % end.max(1)
    }

    /// A number from `from` to `to`, both included.
    pub(super) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// True in so many of a thousand cases.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of several.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let place = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        of.get(place)
    }
}

/// The seed as the engine's source of randomness.
pub(super) struct SeededEntropy {
    draws: Mutex<ChaCha12Rng>,
}

impl SeededEntropy {
    pub(super) fn new(seed: u64, stream: Stream) -> Self {
        Self { draws: Mutex::new(Rng::new(seed, stream).draws) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        self.draws.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}
