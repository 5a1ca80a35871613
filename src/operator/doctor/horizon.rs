//! Horizon: of our network, up to date, and at one time with us.

use jiff::{SignedDuration, Timestamp};

use super::Check;
use crate::domain::ids::LedgerSeq;
use crate::ports::network::Ledger;

/// Ledgers that Horizon's history may be behind its core, before it is worth a look.
pub const HISTORY_LAG_LEDGERS_WARN: u32 = 3;
/// Ledgers behind from which nothing can be decided in time: a minute.
pub const HISTORY_LAG_LEDGERS_FAIL: u32 = 12;
/// How far our clock may be behind the ledger's, in seconds. Validators agree on close times to a
/// few seconds.
pub const CLOCK_BEHIND_SECONDS_WARN: i64 = 3;
/// From here on `max_time` and rate times are plainly wrong.
pub const CLOCK_BEHIND_SECONDS_FAIL: i64 = 30;
/// How old the latest ledger may be by our clock, in seconds: three ledgers and some.
pub const LEDGER_AGE_SECONDS_WARN: i64 = 20;
/// From here on our clock is ahead, or the network or Horizon stands still.
pub const LEDGER_AGE_SECONDS_FAIL: i64 = 60;

/// What a Horizon says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its version, if it says.
    pub version: Option<String>,
    /// Which network it serves.
    pub passphrase: String,
    /// The latest ledger of its history.
    pub history: LedgerSeq,
    /// The latest ledger its core knows.
    pub core: LedgerSeq,
    /// The network's protocol, if it says.
    pub protocol: Option<u32>,
    /// The latest protocol its core can follow, if it says.
    pub core_protocol_max: Option<u32>,
}

/// The lines on what a Horizon says of itself.
pub fn root(root: &Root, url: &str, passphrase: &str) -> Vec<Check> {
    let version = root.version.as_deref().unwrap_or("unknown");
    let mut checks = vec![Check::ok("horizon", format!("{url} answers, version {version}"))];
    checks.push(if root.passphrase == passphrase {
        Check::ok("passphrase", format!("`{passphrase}`, as configured"))
    } else {
        Check::fail(
            "passphrase",
            format!("Horizon serves `{}`, but `{passphrase}` is configured", root.passphrase),
            "set stellar.network_passphrase, or stellar.horizon_url, so that both are of one network",
        )
    });
    checks.push(history(root));
    checks.push(protocol(root));
    checks
}

fn history(root: &Root) -> Check {
    const CHECK: &str = "history";
    let lag = root.core.0.saturating_sub(root.history.0);
    let seen = format!("at ledger {}, {lag} behind its core", root.history);
    let advice = "wait until Horizon has caught up, or set stellar.horizon_url to another one";
    match lag {
        ..=HISTORY_LAG_LEDGERS_WARN => Check::ok(CHECK, seen),
        HISTORY_LAG_LEDGERS_FAIL.. => Check::fail(CHECK, seen, advice),
        _ => Check::warn(CHECK, seen, advice),
    }
}

fn protocol(root: &Root) -> Check {
    const CHECK: &str = "protocol";
    match (root.protocol, root.core_protocol_max) {
        (Some(network), Some(core)) if core < network => Check::fail(
            CHECK,
            format!("the network is at protocol {network}, Horizon's core follows up to {core}"),
            "upgrade that Horizon and its core, or set stellar.horizon_url to another one",
        ),
        (Some(network), _) => Check::ok(CHECK, format!("{network}")),
        (None, _) => Check::warn(
            CHECK,
            "Horizon does not say which protocol its network is at",
            "ask an up-to-date Horizon: set stellar.horizon_url",
        ),
    }
}

/// Our clock against the latest ledger's.
pub fn clock(now: Timestamp, tip: Ledger) -> Check {
    const CHECK: &str = "clock";
    let age = now.duration_since(tip.closed_at);
    if age.is_negative() {
        let behind = age.abs();
        let seen = format!("our clock is {} behind ledger {}", seconds(behind), tip.sequence);
        let advice = "set this machine's clock (NTP)";
        return match behind.as_secs() {
            ..CLOCK_BEHIND_SECONDS_WARN => Check::ok(CHECK, seen),
            CLOCK_BEHIND_SECONDS_FAIL.. => Check::fail(CHECK, seen, advice),
            _ => Check::warn(CHECK, seen, advice),
        };
    }
    let seen = format!("ledger {} closed {} ago by our clock", tip.sequence, seconds(age));
    let advice = "set this machine's clock (NTP); if it is right, Horizon or the network stands still";
    match age.as_secs() {
        ..LEDGER_AGE_SECONDS_WARN => Check::ok(CHECK, seen),
        LEDGER_AGE_SECONDS_FAIL.. => Check::fail(CHECK, seen, advice),
        _ => Check::warn(CHECK, seen, advice),
    }
}

/// A time for people: `2.5 s`.
pub(super) fn seconds(time: SignedDuration) -> String {
    let tenths = time.as_millis() / 100;
    match tenths % 10 {
        0 => format!("{} s", tenths / 10),
        rest => format!("{}.{rest} s", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::domain::ids::LedgerHash;

    fn said() -> Root {
        Root {
            version: Some("23.0.0".to_owned()),
            passphrase: "Test".to_owned(),
            history: LedgerSeq(100),
            core: LedgerSeq(101),
            protocol: Some(23),
            core_protocol_max: Some(23),
        }
    }

    fn verdicts(said: &Root) -> Vec<Verdict> {
        root(said, "http://localhost", "Test").iter().map(|check| check.verdict).collect()
    }

    #[test]
    fn a_horizon_of_our_network_that_keeps_up_is_in_order() {
        assert_eq!(verdicts(&said()), [Verdict::Ok; 4]);
    }

    #[test]
    fn another_network_a_stale_history_and_an_old_core_are_told_apart() {
        use Verdict::{Fail, Ok, Warn};
        assert_eq!(verdicts(&Root { passphrase: "Public".to_owned(), ..said() }), [Ok, Fail, Ok, Ok]);
        assert_eq!(verdicts(&Root { core: LedgerSeq(104), ..said() }), [Ok, Ok, Warn, Ok]);
        assert_eq!(verdicts(&Root { core: LedgerSeq(112), ..said() }), [Ok, Ok, Fail, Ok]);
        assert_eq!(verdicts(&Root { core_protocol_max: Some(22), ..said() }), [Ok, Ok, Ok, Fail]);
        assert_eq!(verdicts(&Root { protocol: None, ..said() }), [Ok, Ok, Ok, Warn]);
    }

    #[test]
    fn a_clock_is_judged_by_the_latest_ledger() {
        let closed_at = Timestamp::from_second(1_800_000_000).unwrap();
        let tip = Ledger { sequence: LedgerSeq(7), hash: LedgerHash([7; 32]), closed_at };
        for (ahead, verdict) in [
            (0, Verdict::Ok),
            (LEDGER_AGE_SECONDS_WARN - 1, Verdict::Ok),
            (LEDGER_AGE_SECONDS_WARN, Verdict::Warn),
            (LEDGER_AGE_SECONDS_FAIL, Verdict::Fail),
            (1 - CLOCK_BEHIND_SECONDS_WARN, Verdict::Ok),
            (-CLOCK_BEHIND_SECONDS_WARN, Verdict::Warn),
            (-CLOCK_BEHIND_SECONDS_FAIL, Verdict::Fail),
        ] {
            let now = closed_at + SignedDuration::from_secs(ahead);
            let check = clock(now, tip);
            assert_eq!(check.verdict, verdict, "{ahead}: {check:?}");
        }
    }
}
