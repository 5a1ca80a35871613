//! The end of the demo: does everybody have what the scenarios say, by the ledger?

use std::collections::BTreeMap;

use comfy_table::{Table, presets};

use super::expectation::{Claim, Expectation, Money, Place, Sums, signed};
use super::grid::Grid;
use super::scenario::{Scenario, Script};
use super::view::{View, wrapped};
use crate::domain::asset::Asset;
use crate::operator::Reconciliation;
use farmgate_sandbox::Sandbox;
use farmgate_sandbox::ledger::balances::BalanceFilter;

/// What a place holds by the ledger, in stroops.
fn holds(sandbox: &Sandbox, place: Place, asset: &Asset) -> i64 {
    match place {
        Place::Account(account) => sandbox.balance(account, asset).unwrap_or_default().get(),
        Place::Claimable(account) => sandbox.with_ledger(|ledger| {
            let balances = ledger.state().balances();
            let ids = balances.find(BalanceFilter::Claimant(account)).into_iter().flatten();
            let of_asset = ids.filter_map(|(_, id)| balances.get(*id)).filter(|one| one.asset == *asset);
            of_asset.map(|one| one.amount.get()).sum()
        }),
    }
}

fn mark(good: bool) -> &'static str {
    if good { "ok" } else { "DIFFERS" }
}

impl Expectation {
    /// True if every account of the scenario has what it should have, and all else that was claimed holds.
    pub(super) fn adds_up(&self, sandbox: &Sandbox) -> bool {
        let agrees = |(place, asset): &(Place, Asset), due: &i64| holds(sandbox, *place, asset) == *due;
        self.ends.iter().all(|(at, due)| agrees(at, due)) && self.claims.iter().all(|claim| claim.holds)
    }

    /// True if all escrow accounts that should be empty in the end are closed.
    pub(super) fn is_closed(&self, sandbox: &Sandbox) -> bool {
        let owes = |at: Place| self.ends.iter().any(|((place, _), due)| *place == at && *due != 0);
        let is_open = |account| sandbox.account_exists(account) && !owes(Place::Account(account));
        !self.escrows.iter().any(|account| is_open(*account))
    }

    /// What everybody has, in words: nothing is said of what never moved, if it agrees.
    fn has(&self, sandbox: &Sandbox) -> Vec<String> {
        let mut told = Vec::new();
        for ((place, asset), due) in &self.ends {
            let has = holds(sandbox, *place, asset);
            let began = self.began.get(&(*place, *asset)).copied().unwrap_or_default();
            if has == *due && (!self.moved.contains(&(*place, *asset)) || (has == 0 && began == 0)) {
                continue;
            }
            let name = self.names.get(place).map_or("somebody", String::as_str);
            let wrong = if has == *due { String::new() } else { format!(" DIFFERS from {}", signed(*due)) };
            let before = if began == 0 { String::new() } else { format!(" (of {})", signed(began)) };
            told.push(format!("{name} {}{before}{wrong}", Money(has, *asset)));
        }
        let closed = self.escrows.iter().filter(|account| !sandbox.account_exists(**account)).count();
        if !self.escrows.is_empty() {
            let what = if closed == self.escrows.len() { "escrow closed" } else { "escrow open" };
            told.push(what.to_owned());
        }
        told
    }
}

/// What happened several times in a row is said once.
fn once(lines: &[String]) -> Vec<String> {
    let runs = lines.chunk_by(|one, next| one == next);
    runs.map(|run| if run.len() == 1 { run[0].clone() } else { format!("{}, {} times", run[0], run.len()) })
        .collect()
}

/// Tells every scenario, and how it ended; true if all of them add up.
pub(super) fn tell(
    view: View,
    sandbox: &Sandbox,
    scripts: &[Script],
    scenarios: &[Scenario],
) -> Result<bool, std::io::Error> {
    let mut good = true;
    for (number, (script, scenario)) in (1..).zip(scripts.iter().zip(scenarios)) {
        let expectation = scenario.expectation();
        let adds_up = expectation.adds_up(sandbox);
        good &= adds_up;
        let title = format!("{} {}", script.name, script.does);
        view.line(&format!("\n{number:>2}  {title:<84} {:>9}", mark(adds_up)))?;
        let said = |claim: &Claim| format!("{}{}", if claim.holds { "" } else { "NOT " }, claim.text);
        let claims: Vec<String> = expectation.claims.iter().map(said).collect();
        let told = [
            ("sent", once(&expectation.sent)),
            ("due", once(&expectation.due)),
            ("has", expectation.has(sandbox)),
            ("", claims),
        ];
        for (head, items) in told.into_iter().filter(|(_, items)| !items.is_empty()) {
            view.line(&wrapped(&format!("    {head:<5} "), &items.join("; ")))?;
        }
    }
    Ok(good)
}

/// Everybody whom many scenarios pay has the sum of it.
pub(super) fn payees(
    view: View,
    sandbox: &Sandbox,
    grid: &Grid,
    expectations: &[Expectation],
) -> Result<bool, std::io::Error> {
    let mut due: Sums = BTreeMap::new();
    for (at, stroops) in expectations.iter().flat_map(|expectation| &expectation.shared) {
        *due.entry(*at).or_default() += stroops;
    }
    let (asset, amount) = grid.market;
    if let Some(market) = grid.account("market") {
        *due.entry((Place::Account(market), asset)).or_default() += amount.get();
    }
    let mut good = true;
    let mut shown = Table::new();
    shown.load_preset(presets::UTF8_BORDERS_ONLY).set_header(["who", "asset", "due", "has", ""]);
    for asset in &grid.assets {
        for (name, wallet) in &grid.payees {
            let place = Place::Account(wallet.account());
            let (due, has) =
                (due.get(&(place, *asset)).copied().unwrap_or_default(), holds(sandbox, place, asset));
            if due != 0 || has != 0 {
                good &= due == has;
                shown.add_row([*name, asset.code(), &signed(due), &signed(has), mark(due == has)]);
            }
        }
    }
    view.line(&shown.to_string())?;
    Ok(good)
}

/// Of every token there is what was given out, less what was burned and taken back.
pub(super) fn conserved(
    view: View,
    sandbox: &Sandbox,
    grid: &Grid,
    expectations: &[Expectation],
) -> Result<bool, std::io::Error> {
    let mut good = true;
    for asset in &grid.assets {
        let made: i64 = expectations.iter().filter_map(|expectation| expectation.made.get(asset)).sum();
        let (market_asset, market) = grid.market;
        let due = if *asset == market_asset { made + market.get() } else { made };
        let exists: i64 = sandbox.with_ledger(|ledger| {
            let on_lines = ledger.state().accounts().filter(|(id, _)| asset.issuer() != Some(*id));
            let lines: i64 = on_lines.filter_map(|(_, one)| one.balance_of(asset)).map(|one| one.get()).sum();
            let waiting = ledger.state().balances().iter().filter(|one| one.asset == *asset);
            lines + waiting.map(|one| one.amount.get()).sum::<i64>()
        });
        good &= exists == due;
        view.line(&format!(
            "of {} given, less burned and taken back: {}; in existence: {}: {}",
            asset.code(),
            signed(due),
            signed(exists),
            mark(exists == due)
        ))?;
    }
    Ok(good)
}

/// The lines of a reconciliation for people.
pub(super) fn reconciliation(reconciliation: &Reconciliation) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["account", "asset", "journal", "ledger", ""]);
    for line in &reconciliation.lines {
        table.add_row([
            line.account.to_string(),
            line.asset.code().to_owned(),
            signed(line.journal),
            signed(line.ledger),
            mark(line.agrees()).to_owned(),
        ]);
    }
    for line in &reconciliation.books {
        table.add_row([
            line.account.to_string(),
            line.asset.code().to_owned(),
            signed(line.journal),
            signed(line.stored),
            mark(line.agrees()).to_owned(),
        ]);
    }
    for (asset, sum) in &reconciliation.unbalanced {
        let text = format!("postings in {asset} sum to {}", signed(*sum));
        table.add_row([text.as_str(), "", "", "", "UNBALANCED"]);
    }
    let wrong = reconciliation.lines.iter().filter(|line| !line.agrees()).count()
        + reconciliation.books.iter().filter(|line| !line.agrees()).count();
    format!(
        "{table}\n{} accounts, {} balances, {wrong} differences",
        reconciliation.accounts,
        reconciliation.lines.len()
    )
}
