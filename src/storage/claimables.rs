//! Claimable balances of ours.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Row, Table, to_json};
use super::session::{Session, rows_max};
use super::sql::{args, statements};
use crate::domain::claimable::{Claimable, ClaimableState};
use crate::domain::ids::{ClaimableId, ReservationId, TransferId};
use crate::ports::store::{ClaimablesTx, StoreError};

const CLAIMABLES: Table = Table { name: "claimables", key: &["id"] };

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, transfer, reservation, recipient, asset, amount, created_at, reclaim_from, state, state_facts
            FROM claimables ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO claimables (id, transfer, reservation, recipient, asset, amount, created_at, reclaim_from, state,
            state_facts)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    UPDATE = "UPDATE claimables SET state = $2, state_facts = $3 WHERE id = $1 AND state_facts = $4";
    ONE = select!("WHERE id = $1");
    OPEN = select!("WHERE state IN ('outstanding', 'taking_back') AND id > $1 ORDER BY id LIMIT $2"),
        on_postgres select!("WHERE state IN ('outstanding', 'taking_back') AND id COLLATE \"C\" > $1
            ORDER BY id COLLATE \"C\" LIMIT $2");
    RECLAIMABLE = select!("WHERE state = 'outstanding' AND reclaim_from <= $1 ORDER BY reclaim_from, id LIMIT $2");
}

fn claimable(row: &Row) -> Result<Claimable, StoreError> {
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
        self.execute(INSERT, args).await.map(drop)
    }

    async fn update_claimable(&mut self, before: &Claimable, after: &Claimable) -> Result<(), StoreError> {
        if (Claimable { state: after.state, ..before.clone() }) != *after {
            return Err(
                self.refuse(format!("claimable balance {} may change nothing but its state", before.id))
            );
        }
        let args =
            args![after.id.to_string(), after.state.name(), to_json(&after.state)?, to_json(&before.state)?,];
        self.guarded(UPDATE, args, || format!("claimable balance {}", after.id)).await
    }

    async fn claimable(&mut self, id: ClaimableId) -> Result<Option<Claimable>, StoreError> {
        self.row(ONE, args![id.to_string()]).await?.as_ref().map(claimable).transpose()
    }

    async fn claimables_open(
        &mut self,
        after: Option<ClaimableId>,
        limit: u32,
    ) -> Result<Vec<Claimable>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        self.rows(OPEN, args![after, rows_max(limit)]).await?.iter().map(claimable).collect()
    }

    async fn claimables_reclaimable(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Claimable>, StoreError> {
        self.rows(RECLAIMABLE, args![now, rows_max(limit)]).await?.iter().map(claimable).collect()
    }
}
