//! Reservations. Order, quote, memo and state are kept as JSON facts; what is searched by stands beside them.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Row, Table, to_json};
use super::session::{Session, rows_max};
use super::sql::{Arg, args, statements};
use crate::domain::address::AccountId;
use crate::domain::ids::{IdentityId, PoolId, ReservationId};
use crate::domain::reservation::{Order, Quote, Reservation, STATE_NAMES, State};
use crate::ports::store::{ReservationFilter, ReservationsTx, StoreError};

const RESERVATIONS: Table = Table { name: "reservations", key: &["id"] };
const COUNTS: Table = Table { name: "reservations", key: &["state"] };

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, version, customer, extends, order_facts, quote_facts, deadline, escrow, memo_facts,
                created_at, cancel_requested_at, state, state_facts, play_money
            FROM reservations ",
            $rest
        )
    };
}

statements! {
    INSERT = "INSERT INTO reservations (id, version, state, state_facts, play_money, cancel_requested_at,
        customer, extends, order_facts, quote_facts, deadline, escrow, memo_facts, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    INSERT_NODES = "INSERT INTO reservation_nodes (reservation, node)
            SELECT $1, CAST(value AS INTEGER) FROM json_each($2)",
        on_postgres "INSERT INTO reservation_nodes (reservation, node)
            SELECT $1, CAST(node AS BIGINT) FROM jsonb_array_elements_text(CAST($2 AS JSONB)) AS node";
    /// Order and creation never change, so they are no part of it.
    UPDATE = "UPDATE reservations SET version = version + 1, state = $3, state_facts = $4, play_money = $5,
            cancel_requested_at = $6
        WHERE id = $1 AND version = $2";
    ONE = select!("WHERE id = $1");
    BY_ESCROW = select!("WHERE escrow = $1");
    LIST = select!("WHERE id > $1 ORDER BY id LIMIT $2");
    LIST_IN_STATE = select!("WHERE state = $3 AND id > $1 ORDER BY id LIMIT $2");
    LIST_OF_CUSTOMER = select!("WHERE customer = $3 AND id > $1 ORDER BY id LIMIT $2");
    LIST_OF_CUSTOMER_IN_STATE = select!("WHERE customer = $3 AND state = $4 AND id > $1
        ORDER BY id LIMIT $2");
    OVERDUE = select!("WHERE state IN ('awaiting_signatures', 'awaiting_farmer', 'awaiting_payment')
        AND (deadline < $1 OR cancel_requested_at < $1) AND (deadline > $3
            OR (deadline = $3 AND id > $4)) ORDER BY deadline, id LIMIT $2");
    COUNT_BY_STATE = "SELECT state, COUNT(*) AS reservations FROM reservations GROUP BY state ORDER BY state";
}

/// True while its capacity may come to be bought with play money: an option allows it, or it funded it.
fn may_credit_play_money(reservation: &Reservation) -> bool {
    match &reservation.state {
        State::AwaitingSignatures | State::AwaitingFarmer { .. } | State::AwaitingPayment { .. } => {
            reservation.quote.options.iter().any(|option| option.free_only)
        }
        State::Funded { funding } | State::Settling { funding, .. } | State::Held { funding, .. } => {
            reservation.quote.option(&funding.asset).is_some_and(|option| option.free_only)
        }
        State::Settled { .. }
        | State::Rejected { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Refunding { .. }
        | State::Refunded { .. } => false,
    }
}

fn reservation(row: &Row) -> Result<Reservation, StoreError> {
    let facts = row.of(&RESERVATIONS);
    let (order, quote, state): (Order, Quote, State) =
        (facts.json("order_facts")?, facts.json("quote_facts")?, facts.json("state_facts")?);
    facts.agrees("customer", facts.int("customer")?, order.customer.get())?;
    let extends = order.extends.as_ref().map(|extension| extension.pool());
    if facts.number_or_none("extends", PoolId::new)? != extends {
        return Err(facts.corrupt("extends", "it is not the pool in the order beside it"));
    }
    facts.agrees("deadline", facts.int("deadline")?, quote.deadline.as_microsecond())?;
    facts.agrees("state", facts.text("state")?.as_str(), state.name())?;
    let reservation = Reservation {
        id: facts.number("id", ReservationId::new)?,
        version: facts.version()?,
        order,
        quote,
        escrow: facts.parsed("escrow")?,
        memo: facts.json("memo_facts")?,
        created_at: facts.time("created_at")?,
        cancel_requested_at: facts.time_or_none("cancel_requested_at")?,
        state,
    };
    facts.agrees("play_money", facts.flag("play_money")?, may_credit_play_money(&reservation))?;
    Ok(reservation)
}

/// The six arguments of what changes.
fn change(reservation: &Reservation) -> Result<Vec<Arg>, StoreError> {
    Ok(args![
        reservation.id.get(),
        reservation.version,
        reservation.state.name(),
        to_json(&reservation.state)?,
        may_credit_play_money(reservation),
        reservation.cancel_requested_at,
    ])
}

#[async_trait]
impl ReservationsTx for Session {
    async fn insert_reservation(&mut self, reservation: &Reservation) -> Result<(), StoreError> {
        if reservation.version != 0 {
            return Err(self.refuse(format!("a new reservation of version {}", reservation.version)));
        }
        let order = &reservation.order;
        let mut args = change(reservation)?;
        args.extend(args![
            order.customer.get(),
            order.extends.as_ref().map(|extension| extension.pool().get()),
            to_json(order)?,
            to_json(&reservation.quote)?,
            reservation.quote.deadline,
            reservation.escrow.to_string(),
            to_json(&reservation.memo)?,
            reservation.created_at,
        ]);
        self.execute(INSERT, args).await?;
        self.execute(INSERT_NODES, args![reservation.id.get(), to_json(&order.nodes)?]).await.map(drop)
    }

    async fn update_reservation(&mut self, reservation: &Reservation) -> Result<Reservation, StoreError> {
        let what = || format!("reservation {}", reservation.id);
        self.guarded(UPDATE, change(reservation)?, what).await?;
        Ok(Reservation { version: reservation.version + 1, ..reservation.clone() })
    }

    async fn reservation(&mut self, id: ReservationId) -> Result<Option<Reservation>, StoreError> {
        self.row(ONE, args![id.get()]).await?.as_ref().map(reservation).transpose()
    }

    async fn reservation_by_escrow(&mut self, escrow: AccountId) -> Result<Option<Reservation>, StoreError> {
        self.row(BY_ESCROW, args![escrow.to_string()]).await?.as_ref().map(reservation).transpose()
    }

    async fn reservations(
        &mut self,
        filter: &ReservationFilter,
        after: Option<ReservationId>,
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        let mut args = args![after.map_or(-1, ReservationId::get), rows_max(limit)];
        let sql = match (filter.customer, filter.state) {
            (None, None) => LIST,
            (None, Some(_)) => LIST_IN_STATE,
            (Some(_), None) => LIST_OF_CUSTOMER,
            (Some(_), Some(_)) => LIST_OF_CUSTOMER_IN_STATE,
        };
        args.extend(filter.customer.map(IdentityId::get).map(Arg::from));
        args.extend(filter.state.map(Arg::from));
        self.rows(sql, args).await?.iter().map(reservation).collect()
    }

    async fn reservations_overdue(
        &mut self,
        now: Timestamp,
        after: Option<(Timestamp, ReservationId)>,
        limit: u32,
    ) -> Result<Vec<Reservation>, StoreError> {
        let (deadline, id) =
            after.map_or((i64::MIN, 0), |(deadline, id)| (deadline.as_microsecond(), id.get()));
        let rows = self.rows(OVERDUE, args![now, rows_max(limit), deadline, id]).await?;
        rows.iter().map(reservation).collect()
    }

    async fn reservation_counts(&mut self) -> Result<Vec<(String, u64)>, StoreError> {
        let count = |row: &Row| {
            let facts = row.of(&COUNTS);
            let state = facts.one_of("state", &STATE_NAMES, |name| name)?;
            Ok((state.to_owned(), facts.number("reservations", u64::try_from)?))
        };
        self.rows(COUNT_BY_STATE, args![]).await?.iter().map(count).collect()
    }
}
