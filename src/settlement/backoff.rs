//! Things that did not work: each is left alone for a while, longer each time. Forgotten at a restart, which
//! costs a few requests.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// What is left alone, and until when.
pub(in crate::settlement) struct Backoff<K> {
    seconds_min: i64,
    seconds_max: i64,
    until: BTreeMap<K, Pause>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    not_before: Timestamp,
    seconds: i64,
}

impl<K: Ord> Backoff<K> {
    /// Pauses that begin with `seconds_min` and double up to `seconds_max`.
    pub const fn new(seconds_min: i64, seconds_max: i64) -> Self {
        Self { seconds_min, seconds_max, until: BTreeMap::new() }
    }

    /// True while `key` is to be left alone.
    pub fn rests(&self, key: &K, now: Timestamp) -> bool {
        self.until.get(key).is_some_and(|pause| now < pause.not_before)
    }

    /// It did not work: left alone from `now` on, twice as long as the last time.
    pub fn lengthen(&mut self, key: K, now: Timestamp) {
        let seconds =
            self.until.get(&key).map_or(self.seconds_min, |pause| (pause.seconds * 2).min(self.seconds_max));
        let not_before = now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
        self.until.insert(key, Pause { not_before, seconds });
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.until.len()
    }

    /// Nothing is left alone any more.
    pub fn forget_all(&mut self) {
        self.until.clear();
    }

    /// It has ended, or worked.
    pub fn forget(&mut self, key: &K) {
        self.until.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_largest_and_is_forgotten() {
        let mut backoff = Backoff::new(10, 35);
        let mut now = Timestamp::UNIX_EPOCH;
        assert!(!backoff.rests(&1, now));
        for seconds in [10, 20, 35, 35] {
            backoff.lengthen(1, now);
            now += SignedDuration::from_secs(seconds - 1);
            assert!(backoff.rests(&1, now), "{seconds}");
            now += SignedDuration::from_secs(1);
            assert!(!backoff.rests(&1, now), "{seconds}");
        }
        backoff.forget(&1);
        backoff.lengthen(1, now);
        assert!(!backoff.rests(&1, now + SignedDuration::from_secs(10)));
    }
}
