//! What a step remembers between ticks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A step's memory. Losing it costs a few requests, never money; so what a panicking holder left is still
/// good to use.
#[derive(Debug, Default)]
pub(super) struct Memory<T>(Mutex<T>);

impl<T> Memory<T> {
    pub(super) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
