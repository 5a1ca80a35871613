//! Limits of what people write.

/// Longest wallet name, in characters.
pub const NAME_CHARS_MAX: usize = 32;
/// Longest text memo, in bytes.
pub const MEMO_TEXT_BYTES_MAX: usize = 28;
