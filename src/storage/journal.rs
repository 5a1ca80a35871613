//! The journal with its balances, and the engine's report.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;

use super::rows::{Row, Table, legible, to_json};
use super::session::{Session, rows_max};
use super::sql::{args, statements};
use crate::domain::asset::Asset;
use crate::domain::ids::{EntryId, ReservationId};
use crate::domain::journal::{BookAccount, Cause, Entry, Posting};
use crate::ports::store::{Applied, EngineStatus, JournalTx, StoreError};

const ENTRIES: Table = Table { name: "journal_entries", key: &["id"] };
const POSTINGS: Table = Table { name: "journal_postings", key: &["entry", "ordinal"] };
const BALANCES: Table = Table { name: "journal_balances", key: &["account", "asset"] };
const SUMS: Table = Table { name: "journal_postings", key: &["asset"] };
const ENGINE_STATUS: Table = Table { name: "engine_status", key: &["id"] };

statements! {
    INSERT_ENTRY = "INSERT INTO journal_entries (id, cause, reservation, happened_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (cause) DO NOTHING";
    INSERT_POSTINGS = "INSERT INTO journal_postings (entry, ordinal, account, asset, amount)
            SELECT $1, json_extract(value, '$.ordinal'), json_extract(value, '$.account'),
                json_extract(value, '$.asset'), json_extract(value, '$.amount')
            FROM json_each($2)",
        on_postgres "INSERT INTO journal_postings (entry, ordinal, account, asset, amount)
            SELECT $1, ordinal, account, asset, amount FROM jsonb_to_recordset(CAST($2 AS JSONB))
                AS posting (ordinal BIGINT, account TEXT, asset TEXT, amount BIGINT)";
    ADD_TO_BALANCES = "INSERT INTO journal_balances (account, asset, amount, kind)
            SELECT json_extract(value, '$.account'), json_extract(value, '$.asset'),
            json_extract(value, '$.amount'), json_extract(value, '$.kind')
            FROM json_each($1) WHERE true
            ON CONFLICT (account, asset) DO UPDATE SET amount = journal_balances.amount + excluded.amount",
        on_postgres "INSERT INTO journal_balances (account, asset, amount, kind)
            SELECT account, asset, amount, kind FROM jsonb_to_recordset(CAST($1 AS JSONB))
                AS change (account TEXT, asset TEXT, amount BIGINT, kind TEXT)
            ON CONFLICT (account, asset) DO UPDATE SET amount = journal_balances.amount + excluded.amount";
    BALANCE = "SELECT account, asset, amount FROM journal_balances WHERE account = $1 AND asset = $2";
    BALANCES_OF = "SELECT account, asset, amount FROM journal_balances
        WHERE account = $1 AND amount <> 0 ORDER BY asset";
    BALANCES_AFTER = "SELECT account, asset, amount FROM journal_balances
        WHERE amount <> 0 AND account >= $1 AND (account > $1 OR asset > $2)
        ORDER BY account, asset LIMIT $3";
    OWED_AFTER = "SELECT account, asset, amount FROM journal_balances
        WHERE amount <> 0 AND kind IN ('deposits', 'unattributed', 'claimants', 'clawed_back')
            AND account >= $1 AND (account > $1 OR asset > $2) ORDER BY account, asset LIMIT $3";
    /// The last entry of the next so many postings.
    NEXT_POSTINGS = "SELECT MAX(entry) AS last FROM (
            SELECT entry FROM journal_postings WHERE entry > $1 ORDER BY entry LIMIT 10000
        ) AS page";
    SUM_POSTINGS = "SELECT asset, CAST(SUM(amount) AS BIGINT) AS total FROM journal_postings
        WHERE entry > $1 AND entry <= $2 GROUP BY asset ORDER BY asset";
    ENTRIES_AFTER = "SELECT id, cause, reservation, happened_at FROM journal_entries
        WHERE id > $1 ORDER BY id LIMIT $2";
    ENTRIES_OF = "SELECT id, cause, reservation, happened_at FROM journal_entries
        WHERE reservation = $3 AND id > $1 ORDER BY id LIMIT $2";
    POSTINGS_OF = "SELECT entry, ordinal, account, asset, amount FROM journal_postings
            WHERE entry IN (SELECT CAST(value AS INTEGER) FROM json_each($1)) ORDER BY entry, ordinal",
        on_postgres "SELECT entry, ordinal, account, asset, amount FROM journal_postings
            WHERE entry = ANY (ARRAY(SELECT CAST(jsonb_array_elements_text(CAST($1 AS JSONB)) AS BIGINT)))
            ORDER BY entry, ordinal";

    REPORT = "INSERT INTO engine_status (id, ticked_at, ledger, ledger_closed_at, swept_at, trouble,
        stream_away_since, builds_nothing_before, stopped_facts, server_system, server_timeline,
            left_alone)
        VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (id) DO UPDATE SET ticked_at = excluded.ticked_at, ledger = excluded.ledger,
            ledger_closed_at = excluded.ledger_closed_at, swept_at = excluded.swept_at,
            trouble = excluded.trouble, stream_away_since = excluded.stream_away_since,
            builds_nothing_before = excluded.builds_nothing_before, stopped_facts = excluded.stopped_facts,
            server_system = excluded.server_system, server_timeline = excluded.server_timeline,
            left_alone = excluded.left_alone";
    LAST_REPORT = "SELECT id, ticked_at, ledger, ledger_closed_at, swept_at, trouble, stream_away_since,
            builds_nothing_before, stopped_facts, server_system, server_timeline, left_alone
        FROM engine_status WHERE id = 1";
}

/// A posting on its way into the database.
#[derive(Serialize)]
struct PostingRow {
    ordinal: usize,
    account: BookAccount,
    asset: Asset,
    amount: i64,
}

/// What an entry adds to a balance.
#[derive(Serialize)]
struct BalanceChange {
    account: String,
    asset: String,
    amount: i64,
    kind: &'static str,
}

fn balance(row: &Row) -> Result<(BookAccount, Asset, i64), StoreError> {
    let facts = row.of(&BALANCES);
    Ok((facts.parsed("account")?, facts.parsed("asset")?, facts.int("amount")?))
}

fn engine_status(row: &Row) -> Result<EngineStatus, StoreError> {
    let facts = row.of(&ENGINE_STATUS);
    Ok(EngineStatus {
        ticked_at: facts.time("ticked_at")?,
        ledger: facts.ledger("ledger")?,
        ledger_closed_at: facts.time("ledger_closed_at")?,
        swept_at: facts.time_or_none("swept_at")?,
        trouble: facts.text_or_none("trouble")?,
        stream_away_since: facts.time_or_none("stream_away_since")?,
        builds_nothing_before: facts.time_or_none("builds_nothing_before")?,
        stopped: facts.json_or_none("stopped_facts")?,
        server: facts.server()?,
        left_alone: facts.text_or_none("left_alone")?,
    })
}

impl Session {
    /// Keeps the balances with the postings. In the order of their texts, so that no two writers wait for
    /// each other.
    async fn add_to_balances(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let mut sums: BTreeMap<(String, String, &'static str), i128> = BTreeMap::new();
        for posting in entry.postings() {
            let key = (posting.account.to_string(), posting.asset.to_string(), posting.account.kind());
            *sums.entry(key).or_default() += i128::from(posting.amount);
        }
        let mut changes = Vec::with_capacity(sums.len());
        for ((account, asset, kind), sum) in sums {
            let Ok(amount) = i64::try_from(sum) else {
                return Err(self.refuse(format!("entry {} moves {sum} stroops on {account}", entry.id())));
            };
            if amount != 0 {
                changes.push(BalanceChange { account, asset, amount, kind });
            }
        }
        self.execute(ADD_TO_BALANCES, args![to_json(&changes)?]).await.map(drop)
    }

    /// The postings of these entries, and which entries' there are.
    async fn postings(&mut self, entries: &[EntryId]) -> Result<BTreeMap<EntryId, Vec<Posting>>, StoreError> {
        let mut postings: BTreeMap<EntryId, Vec<Posting>> = BTreeMap::new();
        for row in self.rows(POSTINGS_OF, args![to_json(entries)?]).await? {
            let facts = row.of(&POSTINGS);
            let of_entry = postings.entry(facts.number("entry", EntryId::new)?).or_default();
            if facts.number("ordinal", usize::try_from)? != of_entry.len() {
                return Err(facts.corrupt("ordinal", "a posting before it is missing"));
            }
            of_entry.push(Posting {
                account: facts.parsed("account")?,
                asset: facts.parsed("asset")?,
                amount: facts.int("amount")?,
            });
        }
        Ok(postings)
    }
}

#[async_trait]
impl JournalTx for Session {
    async fn post(&mut self, entry: &Entry) -> Result<Applied, StoreError> {
        let args = args![
            entry.id().get(),
            entry.cause().to_string(),
            entry.reservation().map(ReservationId::get),
            entry.at()
        ];
        if self.execute(INSERT_ENTRY, args).await? == 0 {
            return Ok(Applied::AlreadyApplied);
        }
        let rows: Vec<PostingRow> = entry
            .postings()
            .iter()
            .enumerate()
            .map(|(ordinal, posting)| PostingRow {
                ordinal,
                account: posting.account,
                asset: posting.asset,
                amount: posting.amount,
            })
            .collect();
        self.execute(INSERT_POSTINGS, args![entry.id().get(), to_json(&rows)?]).await?;
        self.add_to_balances(entry).await?;
        Ok(Applied::Executed)
    }

    async fn balance(&mut self, account: BookAccount, asset: Asset) -> Result<i64, StoreError> {
        let row = self.row(BALANCE, args![account.to_string(), asset.to_string()]).await?;
        row.map_or(Ok(0), |row| row.of(&BALANCES).int("amount"))
    }

    async fn balances_of(&mut self, account: BookAccount) -> Result<Vec<(Asset, i64)>, StoreError> {
        let rows = self.rows(BALANCES_OF, args![account.to_string()]).await?;
        rows.iter().map(|row| balance(row).map(|(_, asset, amount)| (asset, amount))).collect()
    }

    async fn balances(
        &mut self,
        after: Option<(BookAccount, Asset)>,
        limit: u32,
    ) -> Result<Vec<(BookAccount, Asset, i64)>, StoreError> {
        let (account, asset) =
            after.map_or_else(Default::default, |(account, asset)| (account.to_string(), asset.to_string()));
        let rows = self.rows(BALANCES_AFTER, args![account, asset, rows_max(limit)]).await?;
        rows.iter().map(balance).collect()
    }

    async fn balances_owed(
        &mut self,
        after: Option<(BookAccount, Asset)>,
        limit: u32,
    ) -> Result<Vec<(BookAccount, Asset, i64)>, StoreError> {
        let (account, asset) =
            after.map_or_else(Default::default, |(account, asset)| (account.to_string(), asset.to_string()));
        let rows = self.rows(OWED_AFTER, args![account, asset, rows_max(limit)]).await?;
        rows.iter().map(balance).collect()
    }

    async fn journal_sums(&mut self) -> Result<Vec<(Asset, i64)>, StoreError> {
        let mut sums: BTreeMap<Asset, i64> = BTreeMap::new();
        let mut after = -1;
        loop {
            let page = self.row(NEXT_POSTINGS, args![after]).await?;
            let last = page.as_ref().map_or(Ok(None), |row| row.of(&SUMS).int_or_none("last"))?;
            drop(page);
            let Some(last) = last else { return Ok(sums.into_iter().collect()) };
            for row in self.rows(SUM_POSTINGS, args![after, last]).await? {
                let facts = row.of(&SUMS);
                let sum = sums.entry(facts.parsed("asset")?).or_default();
                *sum = sum
                    .checked_add(facts.int("total")?)
                    .ok_or_else(|| facts.corrupt("amount", "the sum of all is no 64 bits"))?;
            }
            after = last;
        }
    }

    async fn entries(
        &mut self,
        reservation: Option<ReservationId>,
        after: Option<EntryId>,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut args = args![after.map_or(-1, EntryId::get), rows_max(limit)];
        let sql = match reservation {
            None => ENTRIES_AFTER,
            Some(reservation) => {
                args.push(reservation.get().into());
                ENTRIES_OF
            }
        };
        let rows = self.rows(sql, args).await?;
        let ids = rows.iter().map(|row| row.of(&ENTRIES).number("id", EntryId::new));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let mut postings = self.postings(&ids).await?;
        let mut entries = Vec::with_capacity(rows.len());
        for (row, id) in rows.iter().zip(ids) {
            let facts = row.of(&ENTRIES);
            let cause: Cause = facts.parsed("cause")?;
            let reservation = facts.number_or_none("reservation", ReservationId::new)?;
            let lines = postings.remove(&id).unwrap_or_default();
            let entry = Entry::new(id, cause, reservation, facts.time("happened_at")?, lines);
            entries.push(entry.map_err(|error| facts.corrupt("id", error))?);
        }
        Ok(entries)
    }

    async fn report(&mut self, status: &EngineStatus) -> Result<(), StoreError> {
        let args = args![
            status.ticked_at,
            status.ledger.0,
            status.ledger_closed_at,
            status.swept_at,
            status.trouble.as_deref().map(legible),
            status.stream_away_since,
            status.builds_nothing_before,
            status.stopped.as_ref().map(to_json).transpose()?,
            status.server.as_ref().map(|server| server.system),
            status.server.as_ref().and_then(|server| server.timeline.clone()),
            status.left_alone.as_deref().map(legible),
        ];
        self.execute(REPORT, args).await.map(drop)
    }

    async fn engine_status(&mut self) -> Result<Option<EngineStatus>, StoreError> {
        self.row(LAST_REPORT, args![]).await?.as_ref().map(engine_status).transpose()
    }
}
