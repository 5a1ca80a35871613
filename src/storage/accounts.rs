//! Escrow accounts and channel accounts.

use async_trait::async_trait;
use jiff::Timestamp;

use serde::Serialize;

use super::rows::{Facts, Row, Table, legible, to_json};
use super::session::{Session, rows_max};
use super::sql::{args, statements};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::{Channel, ChannelRole, EscrowAccount, EscrowState, HistoryCursor, Watch};
use crate::domain::ids::{OperationId, ReservationId, SubmissionId};
use crate::domain::sealing::SealedSecret;
use crate::ports::store::{AccountsTx, ForeignClaimable, LIST_ROWS_MAX, Page, StoreError};

const ESCROWS: Table = Table { name: "escrows", key: &["account"] };
const CHANNELS: Table = Table { name: "channels", key: &["account"] };
const SEALED_SECRETS: Table = Table { name: "sealed_secrets", key: &["account"] };
const HISTORY_CURSORS: Table = Table { name: "history_cursors", key: &["account"] };
const FOREIGN_CLAIMABLES: Table = Table { name: "foreign_claimables", key: &["claimant", "id"] };

/// How many accounts are looked at for one to give away: further ones only if the first cannot be read.
const TO_TAKE: [i64; 2] = [1, 20];

macro_rules! escrow_columns {
    () => {
        "account, version, asset_facts, state, submission, reservation, merged_by, watch_cursor,
            watch_explained, dirty_since, created_at"
    };
}
pub(super) use escrow_columns;

macro_rules! select_escrows {
    ($rest:literal) => {
        concat!("SELECT ", $crate::storage::accounts::escrow_columns!(), " FROM escrows ", $rest)
    };
}
pub(super) use select_escrows;

statements! {
    INSERT_ESCROW = concat!(
        "INSERT INTO escrows (",
        escrow_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $11, $7, $8, $9, $10)"
    );
    UPDATE_ESCROW = "UPDATE escrows SET version = version + 1, asset_facts = $3, state = $4, submission = $5,
            reservation = $6, watch_cursor = $7, watch_explained = $8, dirty_since = $9, created_at = $10,
            merged_by = $11
        WHERE account = $1 AND version = $2";
    ESCROWS_NAMED = select_escrows!("WHERE account IN (SELECT value FROM json_each($1))"),
        on_postgres select_escrows!(
            "WHERE account = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST($1 AS JSONB))))"
        );
    RETIRE_READY = "UPDATE escrows SET state = 'adopted', version = version + 1, created_at = $1
        WHERE state = 'ready'";
    ESCROWS_OPENED_BY = select_escrows!("WHERE submission = $1 ORDER BY account");
    ESCROWS_AT_REST = "SELECT escrows.account AS account, reservations.id AS reservation
            FROM escrows JOIN reservations ON reservations.id = escrows.reservation
            WHERE escrows.account IN (SELECT value FROM json_each($1)) AND escrows.state = 'assigned'
                AND reservations.state IN ('settled', 'rejected', 'cancelled', 'expired', 'refunding',
                'refunded')",
        on_postgres "SELECT escrows.account AS account, reservations.id AS reservation
            FROM escrows JOIN reservations ON reservations.id = escrows.reservation
            WHERE escrows.account = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST($1 AS JSONB))))
                AND escrows.state = 'assigned'
                AND reservations.state IN ('settled', 'rejected', 'cancelled', 'expired', 'refunding',
                'refunded')";
    ESCROWS_MERGED = select_escrows!("WHERE state = 'merged' ORDER BY account LIMIT $1");
    ESCROWS_DIRTY = select_escrows!("WHERE dirty_since IS NOT NULL ORDER BY dirty_since, account LIMIT $1");
    ESCROWS_AVAILABLE = "SELECT COUNT(*) AS available FROM escrows
        WHERE asset_facts = $1 AND state IN ('preparing', 'ready')";
    ESCROW_ASSET_LISTS = "SELECT MIN(account) AS account, asset_facts FROM escrows
        WHERE state IN ('preparing', 'ready') GROUP BY asset_facts ORDER BY asset_facts LIMIT $1";
    /// The oldest that trusts all; on PostgreSQL, of those that nobody else is about to take.
    ESCROWS_TO_TAKE = select_escrows!("WHERE state = 'ready' AND NOT EXISTS (
                SELECT 1 FROM json_each($1) AS wanted
                WHERE wanted.value NOT IN (SELECT trusted.value
                FROM json_each(escrows.asset_facts) AS trusted)
            )
            ORDER BY created_at, account LIMIT $2"),
        on_postgres select_escrows!("WHERE state = 'ready'
                AND CAST(asset_facts AS JSONB) @> CAST($1 AS JSONB)
            ORDER BY created_at, account LIMIT $2 FOR UPDATE SKIP LOCKED");

    INSERT_SEALED_SECRET = "INSERT INTO sealed_secrets (account, sealing_key, sealed_seed)
        VALUES ($1, $2, $3)";
    SEALED_SECRETS_NAMED = "SELECT account, sealing_key, sealed_seed FROM sealed_secrets
            WHERE account IN (SELECT value FROM json_each($1))",
        on_postgres "SELECT account, sealing_key, sealed_seed FROM sealed_secrets
            WHERE account = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST($1 AS JSONB))))";

    INSERT_CHANNEL = "INSERT INTO channels (account, role, opening, sequence) VALUES ($1, $2, $3, $4)";
    UPDATE_CHANNEL = "UPDATE channels SET role = $2, opening = $3, sequence = $4
        WHERE account = $1 AND sequence = $5 AND opening IS NOT DISTINCT FROM CAST($6 AS BIGINT)";
    REMOVE_CHANNEL = "DELETE FROM channels WHERE account = $1 AND sequence = $2 AND opening = $3";
    HISTORY_CURSOR = "SELECT account, watch_cursor, effects_cursor FROM history_cursors WHERE account = $1";
    INSERT_HISTORY_CURSOR = "INSERT INTO history_cursors (account, watch_cursor, effects_cursor)
        VALUES ($1, $2, $3)";
    UPDATE_HISTORY_CURSOR = "UPDATE history_cursors SET watch_cursor = $2, effects_cursor = $3
        WHERE account = $1 AND watch_cursor = $4 AND effects_cursor = $5";
    FORGET_FOREIGN_CLAIMABLES = "DELETE FROM foreign_claimables
            WHERE claimant = $1 AND id NOT IN (SELECT value FROM json_each($2))",
        on_postgres "DELETE FROM foreign_claimables
            WHERE claimant = $1 AND id <> ALL (ARRAY(SELECT jsonb_array_elements_text(CAST($2 AS JSONB))))";
    ADD_FOREIGN_CLAIMABLES = "INSERT INTO foreign_claimables (claimant, id, asset, amount, sponsor, seen_at)
            SELECT $1, json_extract(value, '$.id'), json_extract(value, '$.asset'),
            json_extract(value, '$.amount'),
                json_extract(value, '$.sponsor'), json_extract(value, '$.seen_at')
            FROM json_each($2) WHERE true ON CONFLICT (claimant, id) DO NOTHING",
        on_postgres "INSERT INTO foreign_claimables (claimant, id, asset, amount, sponsor, seen_at)
            SELECT $1, id, asset, amount, sponsor, seen_at FROM jsonb_to_recordset(CAST($2 AS JSONB))
                AS listed (id TEXT, asset TEXT, amount BIGINT, sponsor TEXT, seen_at BIGINT)
            ON CONFLICT (claimant, id) DO NOTHING";
    FOREIGN_CLAIMABLES_OUT_OF_REACH = "UPDATE foreign_claimables SET out_of_reach_at = $2
        WHERE claimant = $1";
    FOREIGN_CLAIMABLES_AFTER = "SELECT claimant, id, asset, amount, sponsor, seen_at, out_of_reach_at
        FROM foreign_claimables
            WHERE claimant >= $1 AND (claimant > $1 OR id > $2) ORDER BY claimant, id LIMIT $3",
        on_postgres "SELECT claimant, id, asset, amount, sponsor, seen_at, out_of_reach_at
            FROM foreign_claimables
            WHERE claimant COLLATE \"C\" >= $1 AND (claimant COLLATE \"C\" > $1 OR id COLLATE \"C\" > $2)
            ORDER BY claimant COLLATE \"C\", id COLLATE \"C\" LIMIT $3";
    CHANNELS_ALL = "SELECT account, role, opening, sequence FROM channels ORDER BY account",
        on_postgres "SELECT account, role, opening, sequence FROM channels ORDER BY account COLLATE \"C\"";
}

fn escrow_state(facts: Facts<'_>) -> Result<EscrowState, StoreError> {
    let submission = facts.number_or_none("submission", SubmissionId::new)?;
    let reservation = facts.number_or_none("reservation", ReservationId::new)?;
    let merged_by = facts.int_or_none("merged_by")?.map(OperationId);
    match (facts.text("state")?.as_str(), submission, reservation, merged_by) {
        ("preparing", Some(submission), None, None) => Ok(EscrowState::Preparing { submission }),
        ("ready", None, None, None) => Ok(EscrowState::Ready),
        ("assigned", None, Some(reservation), None) => Ok(EscrowState::Assigned { reservation }),
        ("abandoned", None, None, None) => Ok(EscrowState::Abandoned),
        ("adopted", None, None, None) => Ok(EscrowState::Adopted),
        ("closing", Some(submission), reservation, None) => {
            Ok(EscrowState::Closing { reservation, submission })
        }
        ("merged", None, reservation, Some(operation)) => Ok(EscrowState::Merged { reservation, operation }),
        ("closed", None, reservation, Some(operation)) => Ok(EscrowState::Closed { reservation, operation }),
        (state, _, _, _) => {
            let reason = format!(
                "it is {state:?} with submission {submission:?}, reservation {reservation:?}, merged by \
                 {merged_by:?}"
            );
            Err(facts.corrupt("state", reason))
        }
    }
}

fn operation(number: i64) -> Result<OperationId, &'static str> {
    if number < 0 { Err("it is negative") } else { Ok(OperationId(number)) }
}

pub(super) fn escrow_account(row: &Row) -> Result<AccountId, StoreError> {
    row.of(&ESCROWS).parsed("account")
}

pub(super) fn escrow(row: &Row) -> Result<EscrowAccount, StoreError> {
    let facts = row.of(&ESCROWS);
    let assets: Vec<Asset> = facts.json("asset_facts")?;
    if !assets.is_sorted_by(|one, next| one < next) {
        return Err(facts.corrupt("asset_facts", "the assets are not sorted"));
    }
    Ok(EscrowAccount {
        account: facts.parsed("account")?,
        version: facts.version()?,
        assets,
        state: escrow_state(facts)?,
        watch: Watch {
            cursor: facts.number("watch_cursor", operation)?,
            explained: facts.ledger("watch_explained")?,
            dirty_since: facts.time_or_none("dirty_since")?,
        },
        created_at: facts.time("created_at")?,
    })
}

fn channel(row: &Row) -> Result<Channel, StoreError> {
    let facts = row.of(&CHANNELS);
    Ok(Channel {
        account: facts.parsed("account")?,
        role: facts.one_of("role", &[ChannelRole::Platform, ChannelRole::Channel], ChannelRole::as_str)?,
        opening: facts.number_or_none("opening", SubmissionId::new)?,
        sequence: facts.int("sequence")?,
    })
}

fn sealed_secret(row: &Row) -> Result<SealedSecret, StoreError> {
    let facts = row.of(&SEALED_SECRETS);
    Ok(SealedSecret {
        account: facts.parsed("account")?,
        key: facts.parsed("sealing_key")?,
        seed: facts.parsed("sealed_seed")?,
    })
}

/// A claimable balance on its way into the database.
#[derive(Serialize)]
struct WaitingRow<'b> {
    id: &'b str,
    asset: Asset,
    amount: i64,
    sponsor: Option<AccountId>,
    seen_at: i64,
}

fn history_cursor(row: &Row) -> Result<HistoryCursor, StoreError> {
    let facts = row.of(&HISTORY_CURSORS);
    Ok(HistoryCursor {
        cursor: facts.number("watch_cursor", operation)?,
        effects: facts.number("effects_cursor", operation)?,
    })
}

fn foreign_claimable(row: &Row) -> Result<ForeignClaimable, StoreError> {
    let facts = row.of(&FOREIGN_CLAIMABLES);
    Ok(ForeignClaimable {
        id: facts.text("id")?,
        claimant: facts.parsed("claimant")?,
        asset: facts.parsed("asset")?,
        amount: facts.stroops("amount")?,
        sponsor: facts.parsed_or_none("sponsor")?,
        seen_at: facts.time("seen_at")?,
        out_of_reach_at: facts.time_or_none("out_of_reach_at")?,
    })
}

/// The submission and the operation that a state names.
const fn named(state: EscrowState) -> (Option<i64>, Option<i64>) {
    match state {
        EscrowState::Preparing { submission } | EscrowState::Closing { submission, .. } => {
            (Some(submission.get()), None)
        }
        EscrowState::Merged { operation, .. } | EscrowState::Closed { operation, .. } => {
            (None, Some(operation.0))
        }
        EscrowState::Assigned { .. } | EscrowState::Ready | EscrowState::Abandoned | EscrowState::Adopted => {
            (None, None)
        }
    }
}

fn sorted(assets: &[Asset]) -> Vec<Asset> {
    let mut assets = assets.to_vec();
    assets.sort();
    assets.dedup();
    assets
}

fn escrow_args(escrow: &EscrowAccount) -> Result<Vec<super::sql::Arg>, StoreError> {
    let (submission, merged_by) = named(escrow.state);
    Ok(args![
        escrow.account.to_string(),
        escrow.version,
        to_json(&sorted(&escrow.assets))?,
        escrow.state.name(),
        submission,
        escrow.state.reservation().map(ReservationId::get),
        escrow.watch.cursor.0,
        escrow.watch.explained.0,
        escrow.watch.dirty_since,
        escrow.created_at,
        merged_by,
    ])
}

#[async_trait]
impl AccountsTx for Session {
    async fn insert_escrow(&mut self, escrow: &EscrowAccount) -> Result<(), StoreError> {
        if escrow.version != 0 {
            return Err(self.refuse(format!("a new escrow account of version {}", escrow.version)));
        }
        self.execute(INSERT_ESCROW, escrow_args(escrow)?).await.map(drop)
    }

    async fn update_escrow(&mut self, escrow: &EscrowAccount) -> Result<EscrowAccount, StoreError> {
        self.guarded(UPDATE_ESCROW, escrow_args(escrow)?, || format!("escrow account {}", escrow.account))
            .await?;
        Ok(EscrowAccount { version: escrow.version + 1, ..escrow.clone() })
    }

    async fn retire_ready(&mut self, at: Timestamp) -> Result<u64, StoreError> {
        self.execute(RETIRE_READY, args![at]).await
    }

    async fn escrows(
        &mut self,
        accounts: &[AccountId],
    ) -> Result<Page<EscrowAccount, AccountId>, StoreError> {
        if accounts.len() > LIST_ROWS_MAX as usize {
            return Err(self.refuse(format!("{} escrow accounts asked for at once", accounts.len())));
        }
        self.page((ESCROWS_NAMED, args![to_json(accounts)?]), escrow, escrow_account).await
    }

    async fn escrow(&mut self, account: AccountId) -> Result<Option<EscrowAccount>, StoreError> {
        self.row(ESCROWS_NAMED, args![to_json(&[account])?]).await?.as_ref().map(escrow).transpose()
    }

    async fn escrows_opened_by(
        &mut self,
        submission: SubmissionId,
    ) -> Result<Vec<EscrowAccount>, StoreError> {
        self.rows(ESCROWS_OPENED_BY, args![submission.get()]).await?.iter().map(escrow).collect()
    }

    async fn escrows_at_rest(
        &mut self,
        accounts: &[AccountId],
    ) -> Result<Vec<(AccountId, ReservationId)>, StoreError> {
        if accounts.len() > LIST_ROWS_MAX as usize {
            return Err(self.refuse(format!("{} escrow accounts asked for at once", accounts.len())));
        }
        let ended = |row: &Row| {
            let facts = row.of(&ESCROWS);
            Ok((facts.parsed("account")?, facts.number("reservation", ReservationId::new)?))
        };
        self.rows(ESCROWS_AT_REST, args![to_json(accounts)?]).await?.iter().map(ended).collect()
    }

    async fn escrows_merged(&mut self, limit: u32) -> Result<Page<EscrowAccount, AccountId>, StoreError> {
        self.page((ESCROWS_MERGED, args![rows_max(limit)]), escrow, escrow_account).await
    }

    async fn escrows_dirty(&mut self, limit: u32) -> Result<Vec<EscrowAccount>, StoreError> {
        self.rows(ESCROWS_DIRTY, args![rows_max(limit)]).await?.iter().map(escrow).collect()
    }

    async fn escrows_available(&mut self, assets: &[Asset]) -> Result<u64, StoreError> {
        let row = self.row(ESCROWS_AVAILABLE, args![to_json(&sorted(assets))?]).await?;
        row.map_or(Ok(0), |row| row.of(&ESCROWS).number("available", u64::try_from))
    }

    async fn escrow_asset_lists(&mut self, limit: u32) -> Result<Vec<Vec<Asset>>, StoreError> {
        let rows = self.rows(ESCROW_ASSET_LISTS, args![rows_max(limit)]).await?;
        // An account whose list cannot be read is given to nobody.
        Ok(rows.iter().filter_map(|row| row.of(&ESCROWS).json("asset_facts").ok()).collect())
    }

    async fn take_escrow(
        &mut self,
        assets: &[Asset],
        reservation: ReservationId,
    ) -> Result<Option<AccountId>, StoreError> {
        let mut readable = None;
        // One that cannot be read waits for somebody to mend it, and no order waits for it: then more are
        // locked, and others find none of them for a moment.
        for limit in TO_TAKE {
            let rows = self.rows(ESCROWS_TO_TAKE, args![to_json(&sorted(assets))?, limit]).await?;
            readable = rows.iter().find_map(|row| escrow(row).ok());
            if readable.is_some() || rows.is_empty() {
                break;
            }
        }
        let Some(ready) = readable else { return Ok(None) };
        let taken = self
            .update_escrow(&EscrowAccount { state: EscrowState::Assigned { reservation }, ..ready })
            .await?;
        Ok(Some(taken.account))
    }

    async fn insert_sealed_secret(&mut self, sealed: &SealedSecret) -> Result<(), StoreError> {
        let args = args![sealed.account.to_string(), sealed.key.to_string(), sealed.seed.to_string()];
        self.execute(INSERT_SEALED_SECRET, args).await.map(drop)
    }

    async fn sealed_secrets(&mut self, accounts: &[AccountId]) -> Result<Vec<SealedSecret>, StoreError> {
        if accounts.len() > LIST_ROWS_MAX as usize {
            return Err(self.refuse(format!("{} sealed secrets asked for at once", accounts.len())));
        }
        let rows = self.rows(SEALED_SECRETS_NAMED, args![to_json(accounts)?]).await?;
        rows.iter().map(sealed_secret).collect()
    }

    async fn insert_channel(&mut self, channel: &Channel) -> Result<(), StoreError> {
        let args = args![
            channel.account.to_string(),
            channel.role.as_str(),
            channel.opening.map(SubmissionId::get),
            channel.sequence,
        ];
        self.execute(INSERT_CHANNEL, args).await.map(drop)
    }

    async fn update_channel(&mut self, before: &Channel, after: &Channel) -> Result<(), StoreError> {
        if before.account != after.account {
            return Err(self.refuse("a channel cannot become another account"));
        }
        let args = args![
            after.account.to_string(),
            after.role.as_str(),
            after.opening.map(SubmissionId::get),
            after.sequence,
            before.sequence,
            before.opening.map(SubmissionId::get),
        ];
        self.guarded(UPDATE_CHANNEL, args, || format!("channel {}", after.account)).await
    }

    async fn remove_channel(&mut self, channel: &Channel) -> Result<(), StoreError> {
        let Some(opening) = channel.opening else {
            return Err(self.refuse(format!("channel {} is open and stays", channel.account)));
        };
        let args = args![channel.account.to_string(), channel.sequence, opening.get()];
        self.guarded(REMOVE_CHANNEL, args, || format!("channel {}", channel.account)).await
    }

    async fn history_cursor(&mut self, account: AccountId) -> Result<Option<HistoryCursor>, StoreError> {
        let row = self.row(HISTORY_CURSOR, args![account.to_string()]).await?;
        row.as_ref().map(history_cursor).transpose()
    }

    async fn set_history_cursor(
        &mut self,
        account: AccountId,
        before: Option<HistoryCursor>,
        after: HistoryCursor,
    ) -> Result<(), StoreError> {
        let name = account.to_string();
        match before {
            None => {
                let args = args![name, after.cursor.0, after.effects.0];
                self.execute(INSERT_HISTORY_CURSOR, args).await.map(drop)
            }
            Some(before) => {
                let args = args![name, after.cursor.0, after.effects.0, before.cursor.0, before.effects.0];
                self.guarded(UPDATE_HISTORY_CURSOR, args, || format!("the watch over {account}")).await
            }
        }
    }

    async fn set_foreign_claimables(
        &mut self,
        claimant: AccountId,
        balances: &[ForeignClaimable],
    ) -> Result<(), StoreError> {
        if balances.iter().any(|balance| balance.claimant != claimant) {
            return Err(self.refuse(format!("claimable balances that are not for {claimant}")));
        }
        let ids: Vec<String> = balances.iter().map(|balance| legible(&balance.id)).collect();
        let rows: Vec<WaitingRow<'_>> = balances
            .iter()
            .zip(&ids)
            .map(|(balance, id)| WaitingRow {
                id,
                asset: balance.asset,
                amount: balance.amount.get(),
                sponsor: balance.sponsor,
                seen_at: balance.seen_at.as_microsecond(),
            })
            .collect();
        self.execute(FORGET_FOREIGN_CLAIMABLES, args![claimant.to_string(), to_json(&ids)?]).await?;
        self.execute(ADD_FOREIGN_CLAIMABLES, args![claimant.to_string(), to_json(&rows)?]).await.map(drop)
    }

    async fn foreign_claimables_out_of_reach(
        &mut self,
        claimant: AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(FOREIGN_CLAIMABLES_OUT_OF_REACH, args![claimant.to_string(), at]).await.map(drop)
    }

    async fn foreign_claimables(
        &mut self,
        after: Option<(AccountId, String)>,
        limit: u32,
    ) -> Result<Vec<ForeignClaimable>, StoreError> {
        let (claimant, id) = after.map_or_else(Default::default, |(claimant, id)| (claimant.to_string(), id));
        self.rows(FOREIGN_CLAIMABLES_AFTER, args![claimant, id, rows_max(limit)])
            .await?
            .iter()
            .map(foreign_claimable)
            .collect()
    }

    async fn channels(&mut self) -> Result<Page<Channel, AccountId>, StoreError> {
        self.page((CHANNELS_ALL, args![]), channel, |row| row.of(&CHANNELS).parsed("account")).await
    }
}
