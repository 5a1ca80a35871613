//! Randomness as an argument.

/// A source of random bytes.
///
/// In production it is the operating system's; keys are made from it, so it must be unpredictable
/// there. In tests and simulations it is a seeded generator.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);

    /// Sixteen random bits, as ids need them.
    fn u16(&self) -> u16 {
        let mut bytes = [0; 2];
        self.fill(&mut bytes);
        u16::from_le_bytes(bytes)
    }

    /// Sixty-four random bits.
    fn u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
