//! Horizon's rate limit, when it is turned on: so many requests an hour, after a burst.
//!
//! The generic cell rate algorithm: every request moves the time at which the bucket is whole
//! again. All clients are on this machine, so there is one bucket.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// How many requests are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// In an hour, evenly spread.
    pub requests_per_hour: u32,
    /// At once, besides one.
    pub burst_requests: u32,
}

/// The public servers' limit.
pub const PUBLIC_RATE_LIMIT: RateLimit = RateLimit { requests_per_hour: 3_600, burst_requests: 100 };

/// What is left in a bucket.
#[derive(Debug)]
pub struct TokenBucket {
    limit: RateLimit,
    whole_at: Mutex<Timestamp>,
}

/// The answer to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    allowed: bool,
    /// Most requests at once.
    pub limit: u32,
    /// So many more at once.
    pub remaining: u32,
    /// When the bucket is whole again.
    pub reset_seconds: u64,
    /// When to come back, if it was one too many.
    pub retry_seconds: u64,
}

fn seconds_up(duration: SignedDuration) -> u64 {
    let whole = u64::try_from(duration.as_secs()).unwrap_or(0);
    whole + u64::from(duration.subsec_nanos() > 0)
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(limit: RateLimit) -> Self {
        Self { limit, whole_at: Mutex::new(Timestamp::UNIX_EPOCH) }
    }

    /// Takes one request at `now`.
    pub fn take(&self, now: Timestamp) -> Taken {
        let interval = HOUR / i32::try_from(self.limit.requests_per_hour.max(1)).unwrap_or(i32::MAX);
        let limit = self.limit.burst_requests.saturating_add(1);
        let room = interval * i32::try_from(limit).unwrap_or(i32::MAX);
        let mut whole_at = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let used = |whole_at: Timestamp| whole_at.duration_since(now).max(SignedDuration::ZERO);
        let after = used(*whole_at) + interval;
        let allowed = after <= room;
        if allowed {
            *whole_at = now.checked_add(after).unwrap_or(now);
        }
        let used = used(*whole_at);
        let left = (room - used).as_nanos() / interval.as_nanos().max(1);
        Taken {
            allowed,
            limit,
            remaining: u32::try_from(left).unwrap_or(0),
            reset_seconds: seconds_up(used),
            retry_seconds: if allowed { 0 } else { seconds_up(after - room) },
        }
    }
}

impl Taken {
    /// False if the request was one too many.
    pub fn is_allowed(&self) -> bool {
        self.allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_burst_one_request_a_second_is_allowed() {
        let bucket = TokenBucket::new(PUBLIC_RATE_LIMIT);
        let mut now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let first = bucket.take(now);
        assert_eq!((first.limit, first.remaining, first.reset_seconds), (101, 100, 1));
        for _ in 0..100 {
            assert!(bucket.take(now).is_allowed());
        }
        let over = bucket.take(now);
        assert_eq!((over.allowed, over.remaining, over.retry_seconds), (false, 0, 1));
        now += SignedDuration::from_secs(1);
        assert!(bucket.take(now).is_allowed());
        assert!(!bucket.take(now).is_allowed());
        now += SignedDuration::from_hours(1);
        assert_eq!(bucket.take(now).remaining, 100);
    }
}
