use std::time::Duration;

use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::domain::address::AccountId;
use crate::domain::money::Stroops;
use crate::domain::request_budget::FOLLOW_ACCOUNTS_MIN;

/// How the engine works. Every field has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Milliseconds between two looks at the ledger. Each costs a request, and more when something happens.
    pub tick_millis: u64,
    /// How many channel accounts to keep: as many transactions can be under way at once.
    pub channels: u16,
    /// XLM that a new channel gets for its fees; with less than half of it, it is topped up to it.
    pub channel_starting_balance: Stroops,
    /// How many escrow accounts to keep ready, so that a reservation is answered at once.
    pub warm_accounts: u16,
    /// The most a transaction pays per operation, in stroops of XLM; the network takes less when
    /// it is not full.
    pub fee_per_operation_stroops: u32,
    /// The most that a fee bump bids per operation, in stroops of XLM, when a transaction is stuck; the
    /// network takes less when it is not full. Not above what it pays without one turns bumps off.
    pub fee_ceiling_stroops: u32,
    /// After how many seconds of ledger time without an outcome a transaction bids ten times as much.
    pub fee_bump_seconds: i64,
    /// For how many seconds of ledger time a transaction may land: at least 20 ledgers.
    pub transaction_lifetime_seconds: i64,
    /// After how many seconds an envelope without an outcome is sent again.
    pub resend_seconds: i64,
    /// What a return must be worth in USD, by its currency's rate, to go as a claimable balance when its
    /// payer cannot receive it. What is worth less, or nobody knows what, stays owed and is tried again. Each
    /// balance locks 1 XLM of the platform's until it is claimed.
    pub refund_claimable_min_usd: Decimal,
    /// Most claimable balances that returns may stand in at once; further ones stay owed and are tried again.
    pub refund_claimables_max: u32,
    /// For how many seconds after its reservation has ended an escrow account stays open for latecomers.
    pub quiet_period_seconds: i64,
    /// After how many seconds tokens that are owed and cannot be sent are carried home to the platform's
    /// account, if it trusts them, so that theirs can be closed. XLM goes home with the account after the
    /// quiet period.
    pub carry_home_seconds: i64,
    /// For how many seconds a change of who is paid waits that is not signed: a payout address, an owner, a
    /// distribution, an identity's key, a node's farm. 0 puts each in force at once.
    pub payout_change_delay_seconds: i64,
    /// For how many seconds the answer to a request with an `Idempotency-Key` is kept; the same key makes
    /// another request afterwards.
    pub answers_kept_seconds: i64,
    /// For how many seconds an event is kept, whoever has read it.
    pub events_kept_seconds: i64,
    /// After how many seconds without a renewal another process takes the engine's lease over.
    pub lease_seconds: u32,
    /// From how many accounts on the network's payment stream is followed beside the sweeps; a public Horizon
    /// counts it as some 800 requests an hour.
    pub follow_accounts_min: u64,
    /// Accounts of the operator: what they pay to the platform or to a channel is capital. What others pay
    /// there goes back.
    pub funding_accounts: Vec<AccountId>,
}

/// Shortest lifetime of a transaction, in seconds: 20 ledgers of five seconds.
pub const TRANSACTION_LIFETIME_SECONDS_MIN: i64 = 100;
/// Longest lifetime of a transaction, in seconds.
pub const TRANSACTION_LIFETIME_SECONDS_MAX: i64 = 3_600;
/// Longest time an escrow account stays open after its end: ten years, in seconds.
pub const QUIET_PERIOD_SECONDS_MAX: i64 = 10 * 365 * 86_400;
/// Longest time that a change of who is paid may be made to wait: ninety days, in seconds.
pub const PAYOUT_CHANGE_DELAY_SECONDS_MAX: i64 = 90 * 86_400;
/// Most channel accounts.
pub const CHANNELS_MAX: u16 = 100;
/// Most escrow accounts kept ready.
pub const WARM_ACCOUNTS_MAX: u16 = 10_000;
/// Most claimable balances that returns may be allowed to stand in: 10,000 XLM of reserves.
pub const REFUND_CLAIMABLES_MAX: u32 = 10_000;
/// The most that a return may have to be worth, in USD.
pub const REFUND_CLAIMABLE_MIN_USD_MAX: i64 = 1_000_000;
/// Shortest time for which answers and events are kept: a day, in seconds.
pub const KEPT_SECONDS_MIN: i64 = 86_400;
/// Longest time for which answers and events are kept: ten years, in seconds.
pub const KEPT_SECONDS_MAX: i64 = 10 * 365 * 86_400;
/// Longest pause between ticks, in milliseconds.
pub const TICK_MILLIS_MAX: u64 = 60_000;
/// Longest time until a lease that is not renewed is taken over, in seconds.
pub const LEASE_SECONDS_MAX: u32 = 600;
/// The network's own minimum fee per operation, in stroops.
pub const FEE_PER_OPERATION_STROOPS_MIN: u32 = 100;
/// The most that may be configured per operation: 1 XLM.
pub const FEE_PER_OPERATION_STROOPS_MAX: u32 = 10_000_000;

impl Default for Settings {
    fn default() -> Self {
        Self {
            tick_millis: 5_000,
            channels: 4,
            channel_starting_balance: Stroops::from_units(10),
            warm_accounts: 20,
            fee_per_operation_stroops: 10_000,
            fee_ceiling_stroops: 1_000_000,
            fee_bump_seconds: 30,
            transaction_lifetime_seconds: 180,
            resend_seconds: 10,
            refund_claimable_min_usd: Decimal::ONE,
            refund_claimables_max: 200,
            quiet_period_seconds: 7 * 86_400,
            carry_home_seconds: 30 * 86_400,
            payout_change_delay_seconds: 2 * 86_400,
            answers_kept_seconds: 30 * 86_400,
            events_kept_seconds: 90 * 86_400,
            lease_seconds: 15,
            follow_accounts_min: FOLLOW_ACCOUNTS_MIN,
            funding_accounts: Vec::new(),
        }
    }
}

/// A setting outside its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("settlement.{field} must be from {min} to {max}")]
pub struct SettingsError {
    /// The field.
    pub field: &'static str,
    /// The least.
    pub min: i64,
    /// The most.
    pub max: i64,
}

impl Settings {
    /// Refuses values outside their bounds, by name.
    pub fn check(&self) -> Result<(), SettingsError> {
        let channels = i64::from(CHANNELS_MAX);
        for (field, value, min, max) in [
            ("tick_millis", to_i64(self.tick_millis), 10, to_i64(TICK_MILLIS_MAX)),
            ("channels", self.channels.into(), 1, channels),
            ("channel_starting_balance", self.channel_starting_balance.get(), 10_000_000, i64::MAX),
            ("warm_accounts", self.warm_accounts.into(), 1, WARM_ACCOUNTS_MAX.into()),
            (
                "fee_per_operation_stroops",
                self.fee_per_operation_stroops.into(),
                FEE_PER_OPERATION_STROOPS_MIN.into(),
                FEE_PER_OPERATION_STROOPS_MAX.into(),
            ),
            (
                "fee_ceiling_stroops",
                self.fee_ceiling_stroops.into(),
                FEE_PER_OPERATION_STROOPS_MIN.into(),
                FEE_PER_OPERATION_STROOPS_MAX.into(),
            ),
            ("fee_bump_seconds", self.fee_bump_seconds, 1, TRANSACTION_LIFETIME_SECONDS_MAX),
            (
                "transaction_lifetime_seconds",
                self.transaction_lifetime_seconds,
                TRANSACTION_LIFETIME_SECONDS_MIN,
                TRANSACTION_LIFETIME_SECONDS_MAX,
            ),
            ("resend_seconds", self.resend_seconds, 1, TRANSACTION_LIFETIME_SECONDS_MAX),
            ("refund_claimables_max", self.refund_claimables_max.into(), 0, REFUND_CLAIMABLES_MAX.into()),
            ("quiet_period_seconds", self.quiet_period_seconds, 0, QUIET_PERIOD_SECONDS_MAX),
            ("carry_home_seconds", self.carry_home_seconds, 0, QUIET_PERIOD_SECONDS_MAX),
            (
                "payout_change_delay_seconds",
                self.payout_change_delay_seconds,
                0,
                PAYOUT_CHANGE_DELAY_SECONDS_MAX,
            ),
            ("answers_kept_seconds", self.answers_kept_seconds, KEPT_SECONDS_MIN, KEPT_SECONDS_MAX),
            ("events_kept_seconds", self.events_kept_seconds, KEPT_SECONDS_MIN, KEPT_SECONDS_MAX),
            ("lease_seconds", self.lease_seconds.into(), 1, LEASE_SECONDS_MAX.into()),
            ("follow_accounts_min", to_i64(self.follow_accounts_min), 0, i64::MAX),
        ] {
            if value < min || value > max {
                return Err(SettingsError { field, min, max });
            }
        }
        let (min, max) = (0, REFUND_CLAIMABLE_MIN_USD_MAX);
        if !(Decimal::from(min)..=Decimal::from(max)).contains(&self.refund_claimable_min_usd) {
            return Err(SettingsError { field: "refund_claimable_min_usd", min, max });
        }
        Ok(())
    }

    pub(in crate::settlement) const fn tick(&self) -> Duration {
        Duration::from_millis(self.tick_millis)
    }

    pub(in crate::settlement) const fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds as u64)
    }

    pub(in crate::settlement) const fn resend(&self) -> SignedDuration {
        SignedDuration::from_secs(self.resend_seconds)
    }
}

fn to_i64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_their_bounds() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn a_minimum_below_nothing_is_refused_by_name() {
        let below = Settings { refund_claimable_min_usd: "-0.01".parse().unwrap(), ..Settings::default() };
        assert_eq!(below.check().unwrap_err().field, "refund_claimable_min_usd");
    }

    #[test]
    fn a_lifetime_under_twenty_ledgers_is_refused_by_name() {
        let short = Settings { transaction_lifetime_seconds: 99, ..Settings::default() };
        assert_eq!(short.check().unwrap_err().field, "transaction_lifetime_seconds");
        let typo = serde_json::from_str::<Settings>(r#"{"chanels": 4}"#).unwrap_err();
        assert!(typo.to_string().contains("chanels"));
    }
}
