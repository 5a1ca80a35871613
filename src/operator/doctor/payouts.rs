//! The accounts that are paid: there, trusting what they are paid in, and able to take it without a memo.
//!
//! What cannot reach the foundation, the sales channel or the wisdom council fails: every settlement would
//! meet it. What cannot reach one farmer is a warning that names the farm.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use super::books::Books;
use super::check::unanswered;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::split::Recipient;
use crate::ports::network::{AccountSnapshot, Network};

/// Payout accounts that are looked at; each takes a request of the engine's budget.
pub const ACCOUNTS_MAX: usize = 200;

const CHECK: &str = "payout";

/// An account that is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Payee {
    account: AccountId,
    /// `foundation`, or `farm 1 (North)`.
    name: String,
    /// Whose settlements all meet it.
    everybodys: bool,
    /// What it is paid in.
    assets: BTreeSet<Asset>,
}

/// The lines on all payout accounts.
pub(super) async fn examine(
    books: &Books,
    network: &dyn Network,
    configured: &BTreeMap<Recipient, AccountId>,
) -> Vec<Check> {
    let (payees, mut checks) = payees(books, configured);
    let mut known: BTreeMap<AccountId, Option<AccountSnapshot>> = BTreeMap::new();
    let mut skipped = 0_usize;
    for payee in &payees {
        if !known.contains_key(&payee.account) {
            if known.len() >= ACCOUNTS_MAX {
                skipped += 1;
                continue;
            }
            match network.account(payee.account).await {
                Ok(answer) => known.insert(payee.account, answer.account),
                Err(error) => {
                    checks.push(unanswered(CHECK, &error));
                    return checks;
                }
            };
        }
        let found = known.get(&payee.account).and_then(Option::as_ref);
        checks.extend(lines(payee, found));
    }
    if checks.is_empty() {
        let left_out =
            if skipped > 0 { format!("; {skipped} farms' were not looked at") } else { String::new() };
        let seen = format!("{} accounts can take all they are paid in{left_out}", known.len());
        checks.push(Check::ok(CHECK, seen));
    } else if skipped > 0 {
        let seen = format!("the payout accounts of {skipped} farms were not looked at");
        checks.push(Check::warn(CHECK, seen, "mend the others first; no more are looked at in one run"));
    }
    checks
}

/// Who is paid in what, by the distributions in use; and a line for each recipient that is needed
/// and not set.
fn payees(books: &Books, configured: &BTreeMap<Recipient, AccountId>) -> (Vec<Payee>, Vec<Check>) {
    let mut shared: BTreeMap<Recipient, (BTreeSet<Asset>, String)> = BTreeMap::new();
    for recipient in configured.keys() {
        shared.entry(*recipient).or_default();
    }
    let mut farmers = Vec::new();
    for farm in &books.farms {
        let mut paid: BTreeMap<AccountId, BTreeSet<Asset>> = BTreeMap::new();
        for (asset, account) in &farm.payout_addresses {
            let Some(currency) = books.currencies.iter().find(|currency| currency.asset == *asset) else {
                continue;
            };
            let distribution = currency.distribution.as_ref().unwrap_or(&farm.distribution);
            for share in distribution.shares() {
                match share.recipient {
                    Recipient::Burn => {}
                    Recipient::Farmer => {
                        paid.entry(*account).or_default().insert(*asset);
                    }
                    recipient @ (Recipient::Foundation | Recipient::Sales | Recipient::Wisdom) => {
                        let (assets, why) = shared.entry(recipient).or_default();
                        assets.insert(*asset);
                        *why = format!("distribution {} of farm {}", distribution.name(), farm.id);
                    }
                }
            }
        }
        let name = format!("farm {} ({})", farm.id, farm.name);
        let everybodys = false;
        farmers.extend(paid.into_iter().map(|(account, assets)| Payee {
            account,
            name: name.clone(),
            everybodys,
            assets,
        }));
    }
    let (mut payees, mut checks) = (Vec::new(), Vec::new());
    for (recipient, (assets, why)) in shared {
        let name = recipient.as_str().to_owned();
        match configured.get(&recipient) {
            Some(account) => payees.push(Payee { account: *account, name, everybodys: true, assets }),
            None => checks.push(Check::fail(
                CHECK,
                format!("reservations.payout.{name} is not set, and {why} pays it"),
                format!("set reservations.payout.{name} to its account"),
            )),
        }
    }
    payees.extend(farmers);
    (payees, checks)
}

/// What keeps an account from being paid.
fn lines(payee: &Payee, found: Option<&AccountSnapshot>) -> Vec<Check> {
    let Payee { account, name, everybodys, assets } = payee;
    let line = |seen: String, advice: String| {
        if *everybodys { Check::fail(CHECK, seen, advice) } else { Check::warn(CHECK, seen, advice) }
    };
    let Some(snapshot) = found else {
        let seen = format!("{name}: {account} is not on the ledger");
        return vec![line(seen, "its owner must create it, or another be named".to_owned())];
    };
    let mut checks = Vec::new();
    if snapshot.memo_required {
        let seen = format!("{name}: {account} takes payments with a memo only (SEP-29)");
        checks.push(line(seen, "name an account of its own, not one at an exchange".to_owned()));
    }
    for asset in assets {
        if asset.issuer() == Some(*account) {
            let seen =
                format!("{name}: {account} is the issuer of {asset}: what is paid to it exists no more");
            checks.push(line(seen, "name another account".to_owned()));
            continue;
        }
        let Some(balance) = snapshot.balances.iter().find(|balance| balance.asset == *asset) else {
            let seen = format!("{name}: {account} has no trust line for {asset}");
            checks.push(line(
                seen,
                format!("its owner must trust {asset}; until then it cannot be paid in it"),
            ));
            continue;
        };
        if !balance.authorized {
            let seen = format!("{name}: {account} is not authorised to hold {asset}");
            checks.push(line(seen, "its owner must ask the issuer".to_owned()));
        } else if balance.limit.is_some_and(|limit| balance.amount >= limit) {
            let seen = format!("{name}: the trust line of {account} for {asset} is full");
            checks.push(line(seen, "its owner must raise the limit, or spend".to_owned()));
        }
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::domain::currency::Currency;
    use crate::domain::farm::Farm;
    use crate::domain::ids::{FarmId, IdentityId, LedgerSeq};
    use crate::domain::money::Stroops;
    use crate::domain::split::Distribution;
    use crate::domain::tenant::Tenant;
    use crate::ports::network::Balance;
    use jiff::Timestamp;

    const FARMER: AccountId = AccountId([3; 32]);
    const FOUNDATION: AccountId = AccountId([4; 32]);
    const ISSUER: AccountId = AccountId([9; 32]);

    fn asset(code: &str) -> Asset {
        Asset::credit(code.parse().unwrap(), ISSUER)
    }

    fn books() -> Books {
        let currency = |code: &str, distribution: Option<&str>| Currency {
            code: code.parse().unwrap(),
            asset: asset(code),
            usd_rate: "0.05".parse().unwrap(),
            rate_at: Timestamp::UNIX_EPOCH,
            rate_valid_seconds: 60,
            distribution: distribution.map(|name| Distribution::known(name).unwrap()),
            free_only: distribution.is_some(),
        };
        let farm = Farm {
            tenant: Tenant::default(),
            id: FarmId::new(1).unwrap(),
            name: "North".to_owned(),
            owner: IdentityId::new(1).unwrap(),
            payout_addresses: [(asset("TFT"), FARMER), (asset("FreeTFT"), FARMER), (asset("Old"), FARMER)]
                .into(),
            distribution: Distribution::known("grid2").unwrap(),
        };
        let currencies = vec![currency("TFT", None), currency("FreeTFT", Some("free"))];
        Books { currencies, farms: vec![farm], ..Books::default() }
    }

    fn snapshot(change: impl FnOnce(&mut AccountSnapshot)) -> AccountSnapshot {
        let line = Balance {
            asset: asset("TFT"),
            amount: Stroops::ZERO,
            limit: Some(Stroops::MAX),
            authorized: true,
        };
        let mut snapshot = AccountSnapshot {
            account: FARMER,
            sequence: 1,
            balances: vec![line],
            last_modified: LedgerSeq(1),
            sponsor: None,
            memo_required: false,
            control: None,
        };
        change(&mut snapshot);
        snapshot
    }

    #[test]
    fn only_what_a_distribution_in_use_pays_is_asked_for() {
        let (payees, checks) = payees(&books(), &[(Recipient::Foundation, FOUNDATION)].into());
        assert!(checks.is_empty());
        let paid: Vec<_> = payees.iter().map(|payee| (payee.name.as_str(), payee.assets.clone())).collect();
        // FreeTFT is burned whole, and the third asset is no currency.
        let tft: BTreeSet<_> = [asset("TFT")].into();
        assert_eq!(paid, [("foundation", tft.clone()), ("farm 1 (North)", tft)]);
    }

    #[test]
    fn a_recipient_that_is_needed_and_not_set_is_named() {
        let (_, checks) = payees(&books(), &BTreeMap::new());
        assert_eq!(checks[0].verdict, Verdict::Fail);
        assert!(checks[0].seen.contains("reservations.payout.foundation"), "{checks:?}");
        assert!(checks[0].seen.contains("grid2"), "{checks:?}");
    }

    #[test]
    fn what_keeps_an_account_from_being_paid_is_named_with_farm_and_asset() {
        let (payees, _) = payees(&books(), &BTreeMap::new());
        let farmer = payees.iter().find(|payee| payee.account == FARMER).unwrap();
        assert!(lines(farmer, Some(&snapshot(|_| {}))).is_empty());
        let said = |found: Option<&AccountSnapshot>| {
            let lines = lines(farmer, found);
            assert_eq!((lines.len(), lines[0].verdict), (1, Verdict::Warn), "{lines:?}");
            assert!(lines[0].seen.contains("farm 1 (North)"), "{lines:?}");
            lines[0].seen.clone()
        };
        assert!(said(None).contains("not on the ledger"));
        let no_line = said(Some(&snapshot(|account| account.balances.clear())));
        assert!(no_line.contains(&format!("no trust line for {}", asset("TFT"))));
        assert!(said(Some(&snapshot(|account| account.memo_required = true))).contains("memo"));
        let frozen = snapshot(|account| account.balances[0].authorized = false);
        assert!(said(Some(&frozen)).contains("not authorised"));
        let full = snapshot(|account| account.balances[0].limit = Some(Stroops::ZERO));
        assert!(said(Some(&full)).contains("full"));
        let everybodys = Payee { everybodys: true, ..farmer.clone() };
        assert_eq!(lines(&everybodys, None)[0].verdict, Verdict::Fail);
        let issuer = Payee { account: ISSUER, ..farmer.clone() };
        assert!(lines(&issuer, Some(&snapshot(|_| {})))[0].seen.contains("issuer"));
    }
}
