//! Claimable balances of ours.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Row, Table, to_json};
use super::session::{Session, rows_max};
use super::sql::{args, statements};
use crate::domain::asset::Asset;
use crate::domain::claimable::{Claimable, ClaimableState};
use crate::domain::ids::{ClaimableId, FarmId, ReservationId, TransferId};
use crate::domain::tenant::Tenant;
use crate::ports::store::{ClaimableSums, ClaimablesTx, Page, StoreError};

const CLAIMABLES: Table = Table { name: "claimables", key: &["id"] };
/// Counts have no key of their own.
const COUNTS: Table = Table { name: "claimables", key: &[] };

macro_rules! claimable_columns {
    () => {
        "id, transfer, reservation, recipient, asset, amount, created_at, reclaim_from, state, state_facts"
    };
}
pub(super) use claimable_columns;

macro_rules! select_claimables {
    ($rest:literal) => {
        concat!("SELECT ", $crate::storage::claimables::claimable_columns!(), " FROM claimables ", $rest)
    };
}
pub(super) use select_claimables;

macro_rules! gives_back {
    () => {
        "CASE WHEN returns_operation IS NOT NULL OR repays_claimable IS NOT NULL THEN 1 ELSE 0 END"
    };
}

statements! {
    /// With what its transfer is for, so that they are counted without it.
    INSERT = concat!(
            "INSERT INTO claimables (",
            claimable_columns!(),
            ", farm, is_return) SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10, farm, ",
            gives_back!(),
            " FROM transfers WHERE id = $2"
        ),
        on_postgres concat!(
            "INSERT INTO claimables (",
            claimable_columns!(),
            ", farm, is_return) SELECT CAST($1 AS TEXT), id, CAST($3 AS BIGINT), CAST($4 AS TEXT),
                CAST($5 AS TEXT), CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT),
                CAST($9 AS TEXT), CAST($10 AS TEXT), farm, ",
            gives_back!(),
            " FROM transfers WHERE id = $2"
        );
    UPDATE = "UPDATE claimables SET state = $2, state_facts = $3 WHERE id = $1 AND state_facts = $4";
    INSERT_ATTEMPT = "INSERT INTO reclaim_attempts (claimable, submission) VALUES ($1, $2)
        ON CONFLICT (claimable, submission) DO NOTHING";
    ONE = select_claimables!("WHERE id = $1");
    OPEN = select_claimables!("WHERE state IN ('outstanding', 'taking_back') AND id > $1
        ORDER BY id LIMIT $2"),
        on_postgres select_claimables!("WHERE state IN ('outstanding', 'taking_back')
            AND id COLLATE \"C\" > $1
            ORDER BY id COLLATE \"C\" LIMIT $2");
    RECLAIMABLE = select_claimables!("WHERE state = 'outstanding' AND reclaim_from <= $1
            AND reclaim_from >= $2 AND (reclaim_from > $2 OR id > $3) ORDER BY reclaim_from, id LIMIT $4"),
        on_postgres select_claimables!("WHERE state = 'outstanding' AND reclaim_from <= $1
            AND reclaim_from >= $2 AND (reclaim_from > $2 OR id COLLATE \"C\" > $3)
            ORDER BY reclaim_from, id COLLATE \"C\" LIMIT $4");
    NOT_REPAID = select_claimables!("WHERE state = 'taken_back' AND repaid = 0 AND id > $1 AND NOT EXISTS (
                SELECT 1 FROM transfers WHERE transfers.repays_claimable = claimables.id
                    AND transfers.state <> 'cancelled'
            ) ORDER BY id LIMIT $2"),
        on_postgres select_claimables!("WHERE state = 'taken_back' AND repaid = 0 AND id COLLATE \"C\" > $1
            AND NOT EXISTS (
                SELECT 1 FROM transfers WHERE transfers.repays_claimable = claimables.id
                    AND transfers.state <> 'cancelled'
            ) ORDER BY id COLLATE \"C\" LIMIT $2");
    SUMS_OWED = "SELECT asset, CAST(SUM(CASE WHEN state = 'taken_back' THEN 0 ELSE amount END) AS BIGINT)
        AS standing,
            CAST(SUM(amount) AS BIGINT) AS owed
        FROM claimables WHERE state IN ('outstanding', 'taking_back', 'taken_back') AND repaid = 0
        GROUP BY asset ORDER BY asset";
    /// What is on its way has no row of its own yet.
    RETURNS = "SELECT
            (SELECT COUNT(*) FROM claimables WHERE is_return = 1 AND state IN ('outstanding', 'taking_back'))
            + (SELECT COUNT(*) FROM transfers
            WHERE delivery = 'claimable_balance' AND state IN ('pending', 'in_flight')
                AND (returns_operation IS NOT NULL OR repays_claimable IS NOT NULL)) AS claimables";
    OF_FARM = "SELECT
            (SELECT COUNT(*) FROM claimables JOIN reservations ON reservations.id = claimables.reservation
                WHERE claimables.state IN ('outstanding', 'taking_back') AND claimables.farm = $2
                    AND claimables.asset = $3 AND reservations.tenant = $1)
            + (SELECT COUNT(*) FROM transfers JOIN reservations ON reservations.id = transfers.reservation
            WHERE transfers.delivery = 'claimable_balance' AND transfers.state IN ('pending', 'in_flight')
                AND transfers.farm = $2 AND transfers.asset = $3 AND reservations.tenant = $1) AS claimables";
    FARMS = "SELECT claimables.farm, claimables.asset
        FROM claimables JOIN reservations ON reservations.id = claimables.reservation
        WHERE claimables.state IN ('outstanding', 'taking_back') AND claimables.farm IS NOT NULL
            AND reservations.tenant = $1
        GROUP BY claimables.farm, claimables.asset HAVING COUNT(*) >= $2 LIMIT $3";
}

pub(super) fn claimable_id(row: &Row) -> Result<ClaimableId, StoreError> {
    row.of(&CLAIMABLES).parsed("id")
}

pub(super) fn claimable(row: &Row) -> Result<Claimable, StoreError> {
    let facts = row.of(&CLAIMABLES);
    let state: ClaimableState = facts.json("state_facts")?;
    facts.agrees("state", facts.text("state")?.as_str(), state.name())?;
    Ok(Claimable {
        id: facts.parsed("id")?,
        transfer: facts.number("transfer", TransferId::new)?,
        reservation: facts.number_or_none("reservation", ReservationId::new)?,
        recipient: facts.parsed("recipient")?,
        asset: facts.parsed("asset")?,
        amount: facts.stroops("amount")?,
        created_at: facts.time("created_at")?,
        reclaim_from: facts.time("reclaim_from")?,
        state,
    })
}

#[async_trait]
impl ClaimablesTx for Session {
    async fn insert_claimable(&mut self, claimable: &Claimable) -> Result<(), StoreError> {
        if claimable.state != ClaimableState::Outstanding {
            return Err(self.refuse(format!("new claimable balance {} is not outstanding", claimable.id)));
        }
        let args = args![
            claimable.id.to_string(),
            claimable.transfer.get(),
            claimable.reservation.map(ReservationId::get),
            claimable.recipient.to_string(),
            claimable.asset.to_string(),
            claimable.amount.get(),
            claimable.created_at,
            claimable.reclaim_from,
            claimable.state.name(),
            to_json(&claimable.state)?,
        ];
        self.guarded(INSERT, args, || format!("transfer {}", claimable.transfer)).await
    }

    async fn update_claimable(&mut self, before: &Claimable, after: &Claimable) -> Result<(), StoreError> {
        if (Claimable { state: after.state, ..before.clone() }) != *after {
            return Err(
                self.refuse(format!("claimable balance {} may change nothing but its state", before.id))
            );
        }
        let args =
            args![after.id.to_string(), after.state.name(), to_json(&after.state)?, to_json(&before.state)?,];
        self.guarded(UPDATE, args, || format!("claimable balance {}", after.id)).await?;
        match after.state {
            ClaimableState::Reclaiming { submission } => {
                self.execute(INSERT_ATTEMPT, args![after.id.to_string(), submission.get()]).await.map(drop)
            }
            ClaimableState::Outstanding
            | ClaimableState::Claimed { .. }
            | ClaimableState::ClawedBack { .. }
            | ClaimableState::Reclaimed { .. } => Ok(()),
        }
    }

    async fn claimable(&mut self, id: ClaimableId) -> Result<Option<Claimable>, StoreError> {
        self.row(ONE, args![id.to_string()]).await?.as_ref().map(claimable).transpose()
    }

    async fn claimables_open(
        &mut self,
        after: Option<ClaimableId>,
        limit: u32,
    ) -> Result<Page<Claimable, ClaimableId>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        self.page((OPEN, args![after, rows_max(limit)]), claimable, claimable_id).await
    }

    async fn claimables_reclaimable(
        &mut self,
        now: Timestamp,
        after: Option<(Timestamp, ClaimableId)>,
        limit: u32,
    ) -> Result<Page<Claimable, (Timestamp, ClaimableId)>, StoreError> {
        let (from, id) =
            after.map_or((Timestamp::UNIX_EPOCH, String::new()), |(from, id)| (from, id.to_string()));
        let args = args![now, from, id, rows_max(limit)];
        let key = |row: &Row| Ok((row.of(&CLAIMABLES).time("reclaim_from")?, claimable_id(row)?));
        self.page((RECLAIMABLE, args), claimable, key).await
    }

    async fn claimables_not_repaid(
        &mut self,
        after: Option<ClaimableId>,
        limit: u32,
    ) -> Result<Page<Claimable, ClaimableId>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        self.page((NOT_REPAID, args![after, rows_max(limit)]), claimable, claimable_id).await
    }

    async fn claimable_sums(&mut self) -> Result<Vec<ClaimableSums>, StoreError> {
        let sums = |row: &Row| {
            let facts = row.of(&COUNTS);
            let (standing, owed) = (facts.int("standing")?, facts.int("owed")?);
            Ok(ClaimableSums { asset: facts.parsed("asset")?, standing, owed })
        };
        self.rows(SUMS_OWED, args![]).await?.iter().map(sums).collect()
    }

    async fn returns_by_claimable(&mut self) -> Result<u64, StoreError> {
        let row = self.row(RETURNS, args![]).await?;
        row.as_ref().map_or(Ok(0), |row| row.of(&COUNTS).number("claimables", u64::try_from))
    }

    async fn claimables_of_farm(
        &mut self,
        tenant: &Tenant,
        farm: FarmId,
        asset: Asset,
    ) -> Result<u64, StoreError> {
        let row = self.row(OF_FARM, args![tenant.as_str(), farm.get(), asset.to_string()]).await?;
        row.as_ref().map_or(Ok(0), |row| row.of(&COUNTS).number("claimables", u64::try_from))
    }

    async fn farms_with_claimables(
        &mut self,
        tenant: &Tenant,
        at_least: u32,
        limit: u32,
    ) -> Result<Vec<(FarmId, Asset)>, StoreError> {
        let rows = self.rows(FARMS, args![tenant.as_str(), at_least, rows_max(limit)]).await?;
        let farm = |row: &Row| {
            let facts = row.of(&COUNTS);
            Ok((facts.number("farm", FarmId::new)?, facts.parsed("asset")?))
        };
        rows.iter().map(farm).collect()
    }
}
