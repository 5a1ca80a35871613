//! The accounts of ours: the platform, the channels, and what is opened ahead.

use super::books::Books;
use super::check::unanswered;
use super::{Check, Expectations};
use crate::domain::address::AccountId;
use crate::domain::money::Stroops;
use crate::domain::sealing::SealingKey;
use crate::operator::account_inventory::{AccountInventory, Targets, reserve, spendable};
use crate::ports::network::{AccountControl, AccountSnapshot, Network, TRANSACTION_OPERATIONS_MAX};

/// A channel with less XLM than so many full transactions cost needs more soon.
pub const CHANNEL_TRANSACTIONS_MIN: i64 = 10;

/// The lines on the platform account.
pub fn platform(
    platform: AccountId,
    found: Option<&AccountSnapshot>,
    inventory: Option<&AccountInventory>,
    expected: &Expectations,
) -> Vec<Check> {
    const CHECK: &str = "platform-account";
    let Some(account) = found else {
        let seen = format!("{platform} is not on the ledger");
        return vec![Check::fail(CHECK, seen, "create it: send it XLM; `farmgate setup` says how much")];
    };
    let mut checks = vec![Check::ok(CHECK, platform.to_string())];
    if let Some(signer) = expected.signer {
        checks.push(match &account.control {
            Some(control) => weight(platform, signer, control),
            None => Check::warn(
                "platform-signer",
                "Horizon does not say who signs for the platform account",
                "ask an up-to-date Horizon: set stellar.horizon_url",
            ),
        });
    }
    checks.push(balance(account, inventory, expected));
    checks
}

/// The platform account is a transaction's source (low threshold), creates and sponsors accounts (medium).
fn weight(platform: AccountId, signer: AccountId, control: &AccountControl) -> Check {
    const CHECK: &str = "platform-signer";
    let [low, medium, high] = control.thresholds;
    let weight = control.weight_of(signer);
    let seen = format!("{signer} weighs {weight}, the thresholds are {low}, {medium} and {high}");
    let needed = low.max(medium).max(1);
    if weight < needed {
        let advice = format!(
            "make it a signer of {platform} with a weight of at least {needed}, or give Farmgate the secret \
             of one that is"
        );
        return Check::fail(CHECK, seen, advice);
    }
    if weight < high {
        return Check::ok(CHECK, format!("{seen}; the high one is needed to change signers only"));
    }
    Check::ok(CHECK, seen)
}

fn balance(
    account: &AccountSnapshot,
    inventory: Option<&AccountInventory>,
    expected: &Expectations,
) -> Check {
    const CHECK: &str = "platform-balance";
    let targets = &expected.targets;
    let spendable = spendable(account);
    let lines = inventory.map_or(1, |inventory| inventory.assets.len().max(1));
    let each = reserve(lines, targets.recovery_signers);
    let more = spendable.get() / each.get().max(1);
    let seen = format!(
        "{spendable} XLM above its reserves, enough for {more} more escrow accounts of {lines} trust lines \
         at {each} XLM each"
    );
    let per_channel = reserve(0, targets.recovery_signers).checked_add(targets.channel_starting_balance);
    let per_channel = per_channel.unwrap_or(Stroops::MAX).get();
    let missing = inventory.map_or((0, 0), |inventory| {
        (inventory.channels_missing(targets), inventory.escrows_missing(targets))
    });
    let of = |count: u64, each: i64| i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(each);
    let needed = of(missing.0, per_channel).saturating_add(of(missing.1, each.get()));
    let advice = format!("send XLM to {}", account.account);
    if spendable.get() < needed {
        let missing = Stroops::new(needed - spendable.get()).unwrap_or(Stroops::MAX);
        let seen = format!("{seen}; what is to be opened takes {missing} XLM more");
        return Check::fail(CHECK, seen, advice);
    }
    match more {
        0 => Check::fail(CHECK, seen, advice),
        _ if more < i64::from(targets.warm_accounts) => Check::warn(CHECK, seen, advice),
        _ => Check::ok(CHECK, seen),
    }
}

/// The line on what becomes of the secrets that new accounts' addresses are made of.
pub fn master_secrets(sealing_key: Option<SealingKey>) -> Check {
    let seen = match sealing_key {
        Some(key) => format!("those of new accounts are sealed to {key}"),
        None => "those of new accounts are dropped: stellar.recovery_sealing_key is not set".to_owned(),
    };
    Check::ok("master-secrets", seen)
}

/// The line on how many channels there are.
pub fn channels(inventory: &AccountInventory, targets: &Targets) -> Check {
    const CHECK: &str = "channels";
    let seen = format!(
        "{} of {} are ready, {} being opened",
        inventory.channels_ready, targets.channels, inventory.channels_opening
    );
    let advice = "run `farmgate setup`, or leave it to `farmgate serve`";
    if inventory.channels_ready >= u64::from(targets.channels) {
        Check::ok(CHECK, seen)
    } else if inventory.channels_ready == 0 {
        Check::fail(CHECK, format!("{seen}: nothing can be sent"), advice)
    } else {
        Check::warn(CHECK, seen, advice)
    }
}

/// The line on the escrow accounts that are kept ready.
pub fn warm_accounts(inventory: &AccountInventory, targets: &Targets) -> Check {
    const CHECK: &str = "warm-accounts";
    if inventory.assets.is_empty() {
        let seen = "none can be opened: there is no currency with an issuer on the ledger";
        return Check::warn(CHECK, seen, "make a currency: PUT /v1/currencies/{code}");
    }
    let seen = format!(
        "{} of {} are ready, {} being opened",
        inventory.escrows_ready, targets.warm_accounts, inventory.escrows_opening
    );
    let advice = "run `farmgate setup`, or leave it to `farmgate serve`";
    if inventory.escrows_ready >= u64::from(targets.warm_accounts) {
        Check::ok(CHECK, seen)
    } else if inventory.escrows_ready == 0 {
        Check::fail(CHECK, format!("{seen}: the next reservation has to wait for one"), advice)
    } else {
        Check::warn(CHECK, seen, advice)
    }
}

/// The lines on the channels' XLM.
pub(super) async fn channel_balances(
    books: &Books,
    network: &dyn Network,
    expected: &Expectations,
) -> Vec<Check> {
    const CHECK: &str = "channel-balances";
    let mut channels = Vec::new();
    for channel in &books.channels {
        match network.account(*channel).await {
            Ok(answer) => channels.push((*channel, answer.account.as_ref().map(spendable))),
            Err(error) => return vec![unanswered(CHECK, &error)],
        }
    }
    channel_lines(&channels, expected.fee_per_operation_stroops)
}

fn channel_lines(channels: &[(AccountId, Option<Stroops>)], fee_per_operation_stroops: u32) -> Vec<Check> {
    const CHECK: &str = "channel-balances";
    let operations = i64::try_from(TRANSACTION_OPERATIONS_MAX).unwrap_or(i64::MAX);
    let transaction = operations.saturating_mul(fee_per_operation_stroops.into());
    let floor = transaction.saturating_mul(CHANNEL_TRANSACTIONS_MIN);
    let shown = |stroops| Stroops::new(stroops).unwrap_or_default();
    let mut checks = Vec::new();
    for (channel, spendable) in channels {
        let Some(spendable) = spendable else {
            let seen = format!("channel {channel} is not on the ledger");
            let advice = "look at this account's history; the database may not be the one of this network";
            checks.push(Check::fail(CHECK, seen, advice));
            continue;
        };
        let seen = format!("channel {channel} has {spendable} XLM for fees");
        if spendable.get() < transaction {
            let seen = format!("{seen}, a full transaction may cost {}", shown(transaction));
            checks.push(Check::fail(CHECK, seen, format!("send at least {} XLM to it", shown(floor))));
        } else if spendable.get() < floor {
            let seen =
                format!("{seen}, {CHANNEL_TRANSACTIONS_MIN} full transactions may cost {}", shown(floor));
            checks.push(Check::warn(CHECK, seen, "send XLM to it"));
        }
    }
    if checks.is_empty()
        && let Some(least) = channels.iter().filter_map(|(_, spendable)| *spendable).min()
    {
        let floor = shown(floor);
        checks.push(Check::ok(CHECK, format!("each has at least {least} XLM, the floor is {floor}")));
    }
    checks
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::domain::asset::Asset;
    use crate::domain::ids::LedgerSeq;
    use crate::ports::network::Balance;
    use std::collections::BTreeMap;
    use std::time::Duration;

    const PLATFORM: AccountId = AccountId([1; 32]);
    const SIGNER: AccountId = AccountId([2; 32]);

    pub fn expected() -> Expectations {
        let targets = Targets {
            channels: 4,
            channel_starting_balance: Stroops::from_units(10),
            warm_accounts: 20,
            recovery_signers: 0,
        };
        Expectations {
            network_passphrase: "Test".to_owned(),
            platform: Some(PLATFORM),
            signer: Some(SIGNER),
            targets,
            fee_per_operation_stroops: 10_000,
            requests_per_hour_max: None,
            tick: Duration::from_secs(5),
            follow_accounts_min: 801,
            payout: BTreeMap::new(),
        }
    }

    fn account(xlm: u32, weight: u32) -> AccountSnapshot {
        AccountSnapshot {
            account: PLATFORM,
            sequence: 1,
            balances: vec![Balance {
                asset: Asset::Native,
                amount: Stroops::from_units(xlm),
                limit: None,
                authorized: true,
            }],
            last_modified: LedgerSeq(1),
            sponsor: None,
            memo_required: false,
            control: Some(AccountControl {
                signers: vec![(PLATFORM, 0), (SIGNER, weight)],
                thresholds: [1, 2, 3],
                subentries: 1,
                sponsoring: 60,
                sponsored: 0,
            }),
        }
    }

    fn verdicts(account: &AccountSnapshot, inventory: &AccountInventory) -> Vec<(&'static str, Verdict)> {
        let lines = platform(PLATFORM, Some(account), Some(inventory), &expected());
        lines.iter().map(|check| (check.check, check.verdict)).collect()
    }

    fn complete() -> AccountInventory {
        let assets = vec![Asset::credit("TFT".parse().unwrap(), AccountId([9; 32]))];
        AccountInventory {
            platform_in_books: true,
            channels_ready: 4,
            assets,
            escrows_ready: 20,
            ..AccountInventory::default()
        }
    }

    #[test]
    fn an_account_that_is_not_there_says_how_to_make_it() {
        let lines = platform(PLATFORM, None, None, &expected());
        assert_eq!((lines.len(), lines[0].verdict), (1, Verdict::Fail));
    }

    #[test]
    fn a_signer_must_reach_what_opening_accounts_takes() {
        for (weight, verdict) in [(0, Verdict::Fail), (1, Verdict::Fail), (2, Verdict::Ok), (3, Verdict::Ok)]
        {
            let verdicts = verdicts(&account(1_000, weight), &complete());
            assert_eq!(verdicts[1], ("platform-signer", verdict), "weight {weight}");
        }
    }

    #[test]
    fn xlm_is_counted_above_the_reserves() {
        // 63 reserves are 31.5 XLM; an escrow account with a line takes 2.
        for (xlm, verdict) in
            [(33, Verdict::Fail), (34, Verdict::Warn), (71, Verdict::Warn), (72, Verdict::Ok)]
        {
            assert_eq!(
                verdicts(&account(xlm, 3), &complete())[2],
                ("platform-balance", verdict),
                "{xlm} XLM"
            );
        }
        let empty = AccountInventory { channels_ready: 0, escrows_ready: 0, ..complete() };
        assert_eq!(verdicts(&account(72, 3), &empty)[2].1, Verdict::Fail, "channels and escrows take 86 XLM");
    }

    #[test]
    fn a_channel_that_cannot_pay_for_a_transaction_is_named() {
        let channel = |byte, stroops| (AccountId([byte; 32]), Some(Stroops::new(stroops).unwrap()));
        let rich = channel(1, 100_000_000);
        assert_eq!(channel_lines(&[rich], 10_000)[0].verdict, Verdict::Ok);
        let lines =
            channel_lines(&[rich, channel(2, 9_999_999), channel(3, 999_999), (SIGNER, None)], 10_000);
        let verdicts: Vec<_> = lines.iter().map(|check| check.verdict).collect();
        assert_eq!(verdicts, [Verdict::Warn, Verdict::Fail, Verdict::Fail]);
        assert!(lines[1].seen.contains(&AccountId([3; 32]).to_string()));
    }
}
