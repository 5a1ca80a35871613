//! Whether the service is alive, ready, and what it counts. Needs no key.

pub(super) mod healthz;
pub(super) mod metrics;
pub(super) mod readyz;
mod watchdog;
