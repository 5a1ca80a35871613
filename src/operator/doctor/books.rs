//! What the database tells: currencies, the engine's own report, and what waits for a person.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Check;
use super::horizon::seconds;
use crate::domain::address::AccountId;
use crate::domain::currency::Currency;
use crate::domain::escrow::ChannelRole;
use crate::domain::farm::Farm;
use crate::domain::transfer::Submission;
use crate::operator::account_inventory::AccountInventory;
use crate::ports::store::{ApiKey, EngineStatus, LIST_ROWS_MAX, Pages, Store, StoreError, Tx, UnreadableRow};

/// The engine is silent if it has not reported for so many ticks …
pub const ENGINE_TICKS_SILENT: u32 = 3;
/// … and for this long: a tick waits for Horizon.
pub const ENGINE_SECONDS_SILENT: i64 = 60;
/// How long after its `max_time` the outcome of a transaction may take to be recorded.
pub const TRANSACTION_SECONDS_LATE: i64 = 60;
/// From here on no engine will find it out by itself.
pub const TRANSACTION_SECONDS_STUCK: i64 = 3_600;
/// Quarantined records that are counted.
pub const QUARANTINED_COUNTED_MAX: u32 = 200;
/// Pages of farms that are read.
const FARM_PAGES_MAX: u32 = 1_000;
/// States in which a reservation has ended.
const ENDED: [&str; 5] = ["settled", "rejected", "cancelled", "expired", "refunded"];
const HELD: &str = "held";

/// What the checks need of the database, read at one moment.
#[derive(Debug, Clone, Default)]
pub struct Books {
    /// Channels that can be used.
    pub channels: Vec<AccountId>,
    /// All currencies.
    pub currencies: Vec<Currency>,
    /// All farms.
    pub farms: Vec<Farm>,
    /// How many reservations are in each state.
    pub reservations: Vec<(String, u64)>,
    /// Transactions without an outcome.
    pub live: Vec<Submission>,
    /// Records put aside, [`QUARANTINED_COUNTED_MAX`] of them at most.
    pub quarantined: usize,
    /// The engine's last report.
    pub engine: Option<EngineStatus>,
    /// Rows that cannot be read: table, column and key.
    pub unreadable: Vec<String>,
    /// Keys in use that may push rates beside what their role allows.
    pub rate_keys: Vec<ApiKey>,
    /// Changes of who is paid that wait.
    pub payout_changes: u64,
}

impl Books {
    /// Reads them.
    pub async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let mut tx = store.begin_read().await?;
        let noted = tx.unreadable_rows(None, LIST_ROWS_MAX).await?;
        let name = |table: &str, column: &str, key: &str| format!("{table}.{column} of {key}");
        let noted = noted.iter().map(|row| name(&row.table, &row.column, &row.key));
        let mut unreadable: BTreeSet<String> = noted.collect();
        let mut note = |row: UnreadableRow| {
            unreadable.insert(name(row.table, row.column, &row.key));
        };
        let mut channels = tx.channels().await?.readable(&mut note);
        channels.retain(|one| one.role == ChannelRole::Channel && one.opening.is_none());
        let mut books = Self {
            channels: channels.into_iter().map(|channel| channel.account).collect(),
            currencies: tx.currencies(None, LIST_ROWS_MAX).await?.readable(&mut note),
            farms: Vec::new(),
            reservations: tx.reservation_counts().await?,
            live: tx.live_submissions().await?.readable(&mut note),
            quarantined: tx.quarantined(QUARANTINED_COUNTED_MAX).await?.len(),
            engine: tx.engine_status().await?,
            unreadable: Vec::new(),
            rate_keys: rate_keys_of(&mut *tx).await?,
            payout_changes: tx.payout_changes_waiting().await?,
        };
        for tenant in tx.tenants(LIST_ROWS_MAX).await? {
            let mut pages = Pages::new();
            for _ in 0..FARM_PAGES_MAX {
                let Some(after) = pages.after() else { break };
                let page = tx.farms(&tenant, after, LIST_ROWS_MAX).await?;
                pages.turn(&page);
                books.farms.extend(page.readable(&mut note));
            }
        }
        books.unreadable = unreadable.into_iter().collect();
        Ok(books)
    }

    /// Reservations that have not ended.
    pub fn open_reservations(&self) -> u64 {
        let open = self.reservations.iter().filter(|(state, _)| !ENDED.contains(&state.as_str()));
        open.map(|(_, count)| count).sum()
    }

    fn count(&self, state: &str) -> u64 {
        self.reservations.iter().filter(|(name, _)| name == state).map(|(_, count)| count).sum()
    }
}

/// Keys in use that may push rates beside what their role allows.
async fn rate_keys_of(tx: &mut dyn Tx) -> Result<Vec<ApiKey>, StoreError> {
    let (mut keys, mut pages) = (Vec::new(), Pages::new());
    while let Some(after) = pages.after() {
        let page = tx.api_keys(after, LIST_ROWS_MAX).await?;
        pages.turn_after(&page, |key| key.id);
        keys.extend(page.into_iter().filter(|key| key.pushes_rates && key.revoked_at.is_none()));
    }
    Ok(keys)
}

/// The line on keys that may push rates beside their role, if there are any.
pub fn rate_keys(books: &Books) -> Option<Check> {
    let names: Vec<String> = books.rate_keys.iter().map(|key| format!("{} ({})", key.name, key.id)).collect();
    let seen =
        format!("may push rates beside their role, as before there were tenants: {}", names.join(", "));
    let advice =
        "make a key of role rates for the feed, then take the right from each: farmgate keys take-rates ID";
    (!names.is_empty()).then(|| Check::warn("keys", seen, advice))
}

/// The line on changes of who is paid, if any wait.
pub fn payout_changes(books: &Books) -> Option<Check> {
    let count = books.payout_changes;
    let seen = format!("{count} changes of who is paid wait, and are in force when they are due");
    let advice = "look at each: GET /v1/payout-changes?waiting=true; call off what nobody meant: \
                  POST /v1/payout-changes/ID/call-off";
    (count > 0).then(|| Check::warn("payout changes", seen, advice))
}

/// A line per currency.
pub fn currencies(books: &Books, inventory: Option<&AccountInventory>, now: Timestamp) -> Vec<Check> {
    const CHECK: &str = "currency";
    if books.currencies.is_empty() {
        let advice = "make one: PUT /v1/currencies/{code}";
        return vec![Check::warn(CHECK, "there is none, so nothing can be paid for", advice)];
    }
    let missing: BTreeSet<_> =
        inventory.map(|inventory| inventory.issuers_missing.iter().copied().collect()).unwrap_or_default();
    let line = |currency: &Currency| {
        let code = currency.code;
        let age = seconds(now.duration_since(currency.rate_at));
        let seen =
            format!("{code} at {} USD, {age} old of {} s", currency.usd_rate, currency.rate_valid_seconds);
        if missing.contains(&code) {
            let seen = format!("{seen}; the issuer of {} is not on the ledger", currency.asset);
            Check::fail(CHECK, seen, format!("correct its asset: PUT /v1/currencies/{code}"))
        } else if currency.rate_is_fresh(now) {
            Check::ok(CHECK, seen)
        } else {
            let seen = format!("{seen}: too old, nobody is offered it");
            Check::fail(CHECK, seen, format!("set its rate: PUT /v1/currencies/{code}"))
        }
    };
    books.currencies.iter().map(line).collect()
}

/// The line on the engine.
pub fn engine(books: &Books, now: Timestamp, tick: Duration) -> Check {
    const CHECK: &str = "engine";
    let start = "start `farmgate serve`, and look at its log if it runs";
    let Some(status) = &books.engine else {
        return Check::warn(CHECK, "has never run on this database", start);
    };
    let age = now.duration_since(status.ticked_at);
    let seen = format!("looked at ledger {} {} ago", status.ledger, seconds(age));
    let said = [status.trouble.as_deref(), status.left_alone.as_deref()];
    let said: Vec<&str> = said.into_iter().flatten().collect();
    let seen = if said.is_empty() { seen } else { format!("{seen}, and says: {}", said.join("; ")) };
    let open = books.open_reservations();
    match (is_silent(status, now, tick), !said.is_empty()) {
        (false, false) => Check::ok(CHECK, seen),
        (false, true) => Check::warn(CHECK, seen, "see to what it says; it tries again by itself"),
        (true, false) if open == 0 => Check::warn(CHECK, seen, start),
        (true, _) => Check::fail(CHECK, format!("{seen}; {open} reservations are open"), start),
    }
}

/// True if an engine that reported so does not run any more.
fn is_silent(status: &EngineStatus, now: Timestamp, tick: Duration) -> bool {
    let ticks =
        SignedDuration::try_from(tick.saturating_mul(ENGINE_TICKS_SILENT)).unwrap_or(SignedDuration::MAX);
    let silent_after = ticks.max(SignedDuration::from_secs(ENGINE_SECONDS_SILENT));
    now.duration_since(status.ticked_at) > silent_after
}

/// The line on transactions without an outcome, at this ledger time.
pub fn transactions(books: &Books, ledger_time: Timestamp) -> Check {
    const CHECK: &str = "transactions";
    let late = |submission: &&Submission| {
        ledger_time.duration_since(submission.max_time) > SignedDuration::from_secs(TRANSACTION_SECONDS_LATE)
    };
    let seen = format!("{} without an outcome", books.live.len());
    let Some(oldest) = books.live.iter().filter(late).min_by_key(|submission| submission.max_time) else {
        return Check::ok(CHECK, seen);
    };
    let age = ledger_time.duration_since(oldest.max_time);
    let late = books.live.iter().filter(late).count();
    let seen = format!("{seen}, {late} past their time; {} for {}", oldest.hash, seconds(age));
    if age.as_secs() < TRANSACTION_SECONDS_STUCK {
        return Check::warn(CHECK, seen, "a running engine finds the outcome out: start `farmgate serve`");
    }
    let advice = "start `farmgate serve`; if it runs, set stellar.horizon_url to a Horizon whose history \
                  goes back that far";
    Check::fail(CHECK, seen, advice)
}

/// The line on held reservations.
pub fn held(books: &Books) -> Check {
    const CHECK: &str = "held";
    match books.count(HELD) {
        0 => Check::ok(CHECK, "no reservation is held"),
        count => Check::warn(
            CHECK,
            format!("{count} funded reservations are held"),
            "see why: GET /v1/reservations?state=held; decide: farmgate resolve ID --settle or --refund",
        ),
    }
}

/// The line on records that could not be understood.
pub fn quarantined(books: &Books) -> Check {
    const CHECK: &str = "quarantine";
    match books.quarantined {
        0 => Check::ok(CHECK, "every record of our accounts' history was understood"),
        count => {
            let more = if count >= QUARANTINED_COUNTED_MAX as usize { " or more" } else { "" };
            let seen = format!("{count}{more} records of our accounts' history were not understood");
            Check::warn(CHECK, seen, "look at their JSON: money may have moved that is not in the books")
        }
    }
}

/// The line on rows that cannot be read.
pub fn rows(books: &Books) -> Check {
    const CHECK: &str = "rows";
    let Some(first) = books.unreadable.first() else {
        return Check::ok(CHECK, "every row that somebody came to can be read");
    };
    let count = books.unreadable.len();
    let more = if count >= LIST_ROWS_MAX as usize { " or more" } else { "" };
    let seen = format!("{count}{more} rows cannot be read, the first is {first}");
    Check::fail(CHECK, seen, "mend what GET /v1/dead-letters?kind=unreadable_row lists; the others go on")
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::domain::asset::Asset;
    use crate::domain::ids::{LedgerSeq, SubmissionId, TxHash};
    use crate::domain::transfer::{Purpose, SubmissionState};

    const TICK: Duration = Duration::from_secs(5);

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn reported(seconds_ago: i64, trouble: Option<&str>) -> Option<EngineStatus> {
        Some(EngineStatus {
            ticked_at: now() - SignedDuration::from_secs(seconds_ago),
            ledger: LedgerSeq(7),
            ledger_closed_at: now(),
            swept_at: None,
            trouble: trouble.map(str::to_owned),
            stream_away_since: None,
            builds_nothing_before: None,
            stopped: None,
            server: None,
            left_alone: None,
        })
    }

    #[test]
    fn an_engine_that_is_silent_fails_only_where_somebody_waits_for_it() {
        let open = || vec![("settled".to_owned(), 9), ("awaiting_payment".to_owned(), 1)];
        let ended = || vec![("settled".to_owned(), 9)];
        for (engine_status, reservations, verdict) in [
            (None, ended(), Verdict::Warn),
            (reported(5, None), open(), Verdict::Ok),
            (reported(5, Some("Horizon is unavailable")), open(), Verdict::Warn),
            (reported(61, None), ended(), Verdict::Warn),
            (reported(61, None), open(), Verdict::Fail),
            (reported(61, Some("somebody else has our key")), ended(), Verdict::Fail),
        ] {
            let books = Books { engine: engine_status, reservations, ..Books::default() };
            let check = engine(&books, now(), TICK);
            assert_eq!(check.verdict, verdict, "{check:?}");
        }
    }

    #[test]
    fn a_transaction_past_its_time_is_named() {
        let live = |late_seconds| Submission {
            id: SubmissionId::new(1).unwrap(),
            channel: AccountId([1; 32]),
            sequence: 1,
            hash: TxHash([0xab; 32]),
            envelope: String::new(),
            max_time: now() - SignedDuration::from_secs(late_seconds),
            purpose: Purpose::Reclaim { claimables: vec![] },
            state: SubmissionState::Live,
            attempts: 1,
            last_answer: None,
            created_at: now(),
        };
        for (late, verdict) in
            [(-10, Verdict::Ok), (60, Verdict::Ok), (61, Verdict::Warn), (3_600, Verdict::Fail)]
        {
            let books = Books { live: vec![live(-100), live(late)], ..Books::default() };
            let check = transactions(&books, now());
            assert_eq!(check.verdict, verdict, "{check:?}");
            assert_eq!(check.seen.contains("abab"), verdict != Verdict::Ok);
        }
    }

    #[test]
    fn a_currency_is_in_order_with_a_fresh_rate_and_an_issuer() {
        let currency = |age| Currency {
            code: "TFT".parse().unwrap(),
            asset: Asset::credit("TFT".parse().unwrap(), AccountId([9; 32])),
            usd_rate: "0.05".parse().unwrap(),
            rate_at: now() - SignedDuration::from_secs(age),
            rate_valid_seconds: 60,
            distribution: None,
            free_only: false,
        };
        let verdict = |age, inventory: &AccountInventory| {
            let books = Books { currencies: vec![currency(age)], ..Books::default() };
            currencies(&books, Some(inventory), now())[0].verdict
        };
        assert_eq!(verdict(60, &AccountInventory::default()), Verdict::Ok);
        assert_eq!(verdict(61, &AccountInventory::default()), Verdict::Fail);
        let no_issuer =
            AccountInventory { issuers_missing: vec!["TFT".parse().unwrap()], ..AccountInventory::default() };
        assert_eq!(verdict(1, &no_issuer), Verdict::Fail);
        assert_eq!(currencies(&Books::default(), None, now())[0].verdict, Verdict::Warn);
    }

    #[test]
    fn changes_of_who_is_paid_are_named_while_they_wait() {
        assert!(payout_changes(&Books::default()).is_none());
        let check = payout_changes(&Books { payout_changes: 2, ..Books::default() }).unwrap();
        assert_eq!(check.verdict, Verdict::Warn);
        assert!(check.seen.starts_with("2 changes"), "{}", check.seen);
    }

    #[test]
    fn what_waits_for_a_person_is_counted() {
        assert_eq!(held(&Books::default()).verdict, Verdict::Ok);
        assert_eq!(quarantined(&Books::default()).verdict, Verdict::Ok);
        let books = Books { reservations: vec![(HELD.to_owned(), 2)], quarantined: 200, ..Books::default() };
        assert!(held(&books).seen.starts_with("2 funded"));
        assert!(quarantined(&books).seen.starts_with("200 or more"));
        assert_eq!(books.open_reservations(), 2);
    }

    #[test]
    fn every_state_is_known_to_have_ended_or_not() {
        for state in ENDED.into_iter().chain([HELD]) {
            assert!(crate::domain::reservation::STATE_NAMES.contains(&state), "{state}");
        }
    }
}
