//! The end of the demo: does everybody have what the scenarios say, by the ledger?

use std::collections::BTreeMap;

use farmgate_sandbox::Sandbox;
use farmgate_sandbox::ledger::balances::BalanceFilter;

use super::expectation::{Claim, Expectation, Money, Place, Sums};
use super::fixture::Fixture;
use super::scenario::Script;
use super::text::{cell, cut, wrapped};
use super::view::View;
use crate::app::output::{signed, table};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::operator::Reconciliation;

/// Columns of the mark at the right of a scenario's title.
const MARK_COLUMNS: usize = 8;
/// Characters of an address that has no name.
const SHORT_CHARS: usize = 12;
/// Columns of what is said of an asset whose postings do not balance.
const UNBALANCED_COLUMNS: usize = 40;

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

/// What is said at the end, and to whom.
pub(super) struct Report<'a> {
    pub(super) view: &'a View,
    pub(super) fixture: &'a Fixture,
    pub(super) scripts: &'a [Script],
    /// What each of the scripts has led to.
    pub(super) expectations: Vec<Expectation>,
}

impl Report<'_> {
    /// Tells every scenario, and how it ended; true if all of them add up.
    pub(super) fn tell(&self) -> Result<bool, std::io::Error> {
        let mut good = true;
        for (number, (script, expectation)) in (1..).zip(self.scripts.iter().zip(&self.expectations)) {
            let adds_up = expectation.adds_up(&self.fixture.sandbox);
            good &= adds_up;
            self.view.line("")?;
            self.title(number, script, mark(adds_up))?;
            let said = |claim: &Claim| format!("{}{}", if claim.holds { "" } else { "NOT " }, claim.text);
            let claims: Vec<String> = expectation.claims.iter().map(said).collect();
            let told = [
                ("sent", once(&expectation.sent)),
                ("due", once(&expectation.due)),
                ("has", expectation.has(&self.fixture.sandbox)),
                ("", claims),
            ];
            for (head, items) in told.into_iter().filter(|(_, items)| !items.is_empty()) {
                self.view.text(&format!("    {head:<5} "), &items.join("; "))?;
            }
        }
        Ok(good)
    }

    /// Who does what, with the mark at the right.
    fn title(&self, number: usize, script: &Script, mark: &str) -> Result<(), std::io::Error> {
        let columns = self.view.columns().saturating_sub(MARK_COLUMNS);
        let title = wrapped(&format!("{number:>2}  "), &format!("{} {}", script.name, script.does), columns);
        for (index, line) in title.iter().enumerate() {
            match index {
                0 => self.view.line(&format!("{}{mark:>MARK_COLUMNS$}", cell(line, columns)))?,
                _ => self.view.line(line)?,
            }
        }
        Ok(())
    }

    /// Everybody whom many scenarios pay has the sum of it.
    pub(super) fn payees(&self) -> Result<bool, std::io::Error> {
        self.view.line("\nwho was paid by many")?;
        let grid = &self.fixture.grid;
        let mut due: Sums = BTreeMap::new();
        for (at, stroops) in self.expectations.iter().flat_map(|expectation| &expectation.shared) {
            *due.entry(*at).or_default() += stroops;
        }
        let (asset, amount) = grid.market;
        if let Some(market) = grid.account("market") {
            *due.entry((Place::Account(market), asset)).or_default() += amount.get();
        }
        let mut good = true;
        let mut shown = table(["who", "asset", "due", "has", ""]);
        for asset in &grid.assets {
            for (name, wallet) in &grid.payees {
                let place = Place::Account(wallet.account());
                let due = due.get(&(place, *asset)).copied().unwrap_or_default();
                let has = holds(&self.fixture.sandbox, place, asset);
                if due != 0 || has != 0 {
                    good &= due == has;
                    shown.add_row([*name, asset.code(), &signed(due), &signed(has), mark(due == has)]);
                }
            }
        }
        self.view.line(&shown.to_string())?;
        Ok(good)
    }

    /// Of every token there is what was given out, less what was burned and clawed back.
    pub(super) fn conserved(&self) -> Result<bool, std::io::Error> {
        let mut good = true;
        let grid = &self.fixture.grid;
        for asset in &grid.assets {
            let made =
                self.expectations.iter().filter_map(|expectation| expectation.made.get(asset)).sum::<i64>();
            let (market_asset, market) = grid.market;
            let due = if *asset == market_asset { made + market.get() } else { made };
            let exists = exists(&self.fixture.sandbox, asset);
            good &= exists == due;
            let (code, due, exists, mark) = (asset.code(), signed(due), signed(exists), mark(exists == due));
            self.view.text(
                "",
                &format!(
                    "{code}: {due} given out, less burned and clawed back; {exists} in existence: {mark}"
                ),
            )?;
        }
        Ok(good)
    }

    /// The journal beside the ledger. Channels that agree are many of the same, and one line.
    pub(super) fn journal(&self, reconciliation: &Reconciliation) -> Result<(), std::io::Error> {
        self.view.line("\nthe journal beside the ledger")?;
        let mut shown = table(["whose account", "asset", "journal", "ledger", ""]);
        let mut channels = Channels::default();
        for line in &reconciliation.lines {
            let name = match self.name(line.account) {
                Some(name) => name,
                None if line.agrees() && line.asset == Asset::Native => {
                    channels.add(line.journal);
                    continue;
                }
                None => short(line.account),
            };
            let (journal, ledger) = (signed(line.journal), signed(line.ledger));
            shown.add_row([&name, line.asset.code(), &journal, &ledger, mark(line.agrees())]);
        }
        if channels.count > 0 {
            let (name, sum) = (format!("{} channels", channels.count), signed(channels.stroops));
            shown.add_row([&name, Asset::Native.code(), &sum, &sum, mark(true)]);
        }
        for line in &reconciliation.books {
            let name = line.account.to_string().replace('_', " ");
            let (journal, stored) = (signed(line.journal), signed(line.stored));
            shown.add_row([&name, line.asset.code(), &journal, &stored, mark(line.agrees())]);
        }
        for (asset, sum) in &reconciliation.unbalanced {
            let text = format!("postings in {asset} sum to {}", signed(*sum));
            shown.add_row([&cut(&text, UNBALANCED_COLUMNS), "", "", "", "UNBALANCED"]);
        }
        for count in &reconciliation.miscounted {
            let text = format!("{} are {}, {} counted", count.counted, count.state, count.kept);
            shown.add_row([&cut(&text, UNBALANCED_COLUMNS), "", "", "", "DIFFERS"]);
        }
        self.view.line(&shown.to_string())?;
        self.view.text("", &explained(reconciliation))
    }

    /// Whose account it is, if it is the platform's or a customer's escrow account.
    fn name(&self, account: AccountId) -> Option<String> {
        if account == self.fixture.grid.platform.account() {
            return Some("platform".to_owned());
        }
        let mut all = self.scripts.iter().zip(&self.expectations);
        let (script, _) = all.find(|(_, expectation)| expectation.escrows.contains(&account))?;
        Some(format!("escrow of {}", script.name))
    }
}

/// Accounts that send the service's transactions, and the XLM on them.
#[derive(Default)]
struct Channels {
    count: usize,
    stroops: i64,
}

impl Channels {
    const fn add(&mut self, stroops: i64) {
        self.count += 1;
        self.stroops += stroops;
    }
}

/// An account's address in few columns.
fn short(account: AccountId) -> String {
    let text = account.to_string();
    text.get(..SHORT_CHARS).map_or(text.clone(), |start| format!("{start}…"))
}

/// How much of an asset there is, with everybody but its issuer and in claimable balances.
fn exists(sandbox: &Sandbox, asset: &Asset) -> i64 {
    sandbox.with_ledger(|ledger| {
        let on_lines = ledger.state().accounts().filter(|(id, _)| asset.issuer() != Some(*id));
        let lines: i64 = on_lines.filter_map(|(_, one)| one.balance_of(asset)).map(|one| one.get()).sum();
        let waiting = ledger.state().balances().iter().filter(|one| one.asset == *asset);
        lines + waiting.map(|one| one.amount.get()).sum::<i64>()
    })
}

/// What a reconciliation compared, in words.
fn explained(reconciliation: &Reconciliation) -> String {
    let wrong = reconciliation.lines.iter().filter(|line| !line.agrees()).count()
        + reconciliation.books.iter().filter(|line| !line.agrees()).count();
    format!(
        "{} accounts on the ledger are the service's: the platform's, channels, which send its \
         transactions, and escrow accounts, most of them kept ready for orders to come. {} balances on them \
         are not 0, {wrong} differences.",
        reconciliation.accounts,
        reconciliation.lines.len()
    )
}
