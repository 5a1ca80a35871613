//! Reservations. Order, quote, memo and state are kept as JSON facts; what is searched by stands beside them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::Timestamp;

use super::rows::{Row, Table, to_json};
use super::session::{Session, rows_max};
use super::sql::{Arg, Sql, args, statements};
use crate::domain::address::AccountId;
use crate::domain::ids::{IdentityId, PoolId, ReservationId};
use crate::domain::reservation::{Order, Quote, Reservation, STATE_NAMES, State};
use crate::ports::store::{Page, ReservationFilter, ReservationsTx, StoreError};

const RESERVATIONS: Table = Table { name: "reservations", key: &["id"] };
const COUNTED: Table = Table { name: "reservation_counts", key: &["state"] };

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT id, version, tenant, customer, extends, order_facts, quote_facts, deadline, escrow,
                memo_facts, created_at, cancel_requested_at, state, state_facts, play_money, decide_after,
                funded_at
            FROM reservations ",
            $rest
        )
    };
}

/// The state stands in the text: PostgreSQL then knows whether few or nearly all reservations are in it.
macro_rules! list_in {
    ($state:literal) => {
        select!(concat!("WHERE state = '", $state, "' AND id > $1 ORDER BY id LIMIT $2"))
    };
}

statements! {
    INSERT = "INSERT INTO reservations (id, version, state, state_facts, play_money, cancel_requested_at,
        decide_after, funded_at, customer, extends, order_facts, quote_facts, deadline, escrow, memo_facts,
        created_at, tenant)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    INSERT_NODES = "INSERT INTO reservation_nodes (reservation, node, tenant)
            SELECT $1, CAST(value AS INTEGER), $3 FROM json_each($2)",
        on_postgres "INSERT INTO reservation_nodes (reservation, node, tenant)
            SELECT $1, CAST(value AS BIGINT), $3 FROM jsonb_array_elements_text(CAST($2 AS JSONB)) AS value";
    /// Order and creation never change, so they are no part of it.
    UPDATE = "UPDATE reservations SET version = version + 1, previous_state = state, state = $3,
            state_facts = $4, play_money = $5, cancel_requested_at = $6, decide_after = $7, funded_at = $8
        WHERE id = $1 AND version = $2 RETURNING id, previous_state";
    ONE = select!("WHERE id = $1");
    BY_ESCROW = select!("WHERE escrow = $1");
    LIST = select!("WHERE id > $1 ORDER BY id LIMIT $2");
    LIST_AWAITING_SIGNATURES = list_in!("awaiting_signatures");
    LIST_AWAITING_FARMER = list_in!("awaiting_farmer");
    LIST_AWAITING_PAYMENT = list_in!("awaiting_payment");
    LIST_FUNDED = list_in!("funded");
    LIST_SETTLING = list_in!("settling");
    LIST_SETTLED = list_in!("settled");
    LIST_REJECTED = list_in!("rejected");
    LIST_CANCELLED = list_in!("cancelled");
    LIST_EXPIRED = list_in!("expired");
    LIST_REFUNDING = list_in!("refunding");
    LIST_REFUNDED = list_in!("refunded");
    LIST_HELD = list_in!("held");
    /// Where it knows of one tenant only, PostgreSQL would walk all of them: the order asks for the index.
    LIST_OF_TENANT = select!("WHERE tenant = $3 AND id > $1 ORDER BY id LIMIT $2"),
        on_postgres select!("WHERE (tenant, id) > ($3, $1) AND tenant <= $3 ORDER BY tenant, id LIMIT $2");
    LIST_OF_TENANT_IN_STATE = select!("WHERE tenant = $3 AND state = $4 AND id > $1
        ORDER BY id LIMIT $2"),
        on_postgres select!("WHERE (tenant, state, id) > ($3, $4, $1) AND (tenant, state) <= ($3, $4)
            ORDER BY tenant, state, id LIMIT $2");
    LIST_OF_CUSTOMER = select!("WHERE tenant = $3 AND customer = $4 AND id > $1 ORDER BY id LIMIT $2");
    LIST_OF_CUSTOMER_IN_STATE = select!("WHERE tenant = $3 AND customer = $4 AND state = $5 AND id > $1
        ORDER BY id LIMIT $2");
    OVERDUE = select!("WHERE decide_after < $1 AND decide_after >= $3 AND (decide_after > $3 OR id > $4)
        ORDER BY decide_after, id LIMIT $2");

    COUNTS = "SELECT state, reservations FROM reservation_counts ORDER BY state";
    ADD_TO_COUNT = "UPDATE reservation_counts SET reservations = reservations + $2 WHERE state = $1";
    /// The last of the next so many.
    NEXT_PAGE = "SELECT MAX(id) AS last FROM (
            SELECT id FROM reservations WHERE id > $1 ORDER BY id LIMIT 10000
        ) AS page";
    COUNT_PAGE = "SELECT state, COUNT(*) AS reservations FROM reservations WHERE id > $1 AND id <= $2
        GROUP BY state ORDER BY state";
}

/// The list of each state's reservations.
const LISTS_IN_STATE: [(&str, Sql); 12] = [
    ("awaiting_signatures", LIST_AWAITING_SIGNATURES),
    ("awaiting_farmer", LIST_AWAITING_FARMER),
    ("awaiting_payment", LIST_AWAITING_PAYMENT),
    ("funded", LIST_FUNDED),
    ("settling", LIST_SETTLING),
    ("settled", LIST_SETTLED),
    ("rejected", LIST_REJECTED),
    ("cancelled", LIST_CANCELLED),
    ("expired", LIST_EXPIRED),
    ("refunding", LIST_REFUNDING),
    ("refunded", LIST_REFUNDED),
    ("held", LIST_HELD),
];

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

fn reservation_id(row: &Row) -> Result<ReservationId, StoreError> {
    row.of(&RESERVATIONS).number("id", ReservationId::new)
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
        id: reservation_id(row)?,
        version: facts.version()?,
        tenant: facts.parsed("tenant")?,
        order,
        quote,
        escrow: facts.parsed("escrow")?,
        memo: facts.json("memo_facts")?,
        created_at: facts.time("created_at")?,
        cancel_requested_at: facts.time_or_none("cancel_requested_at")?,
        state,
    };
    facts.agrees("play_money", facts.flag("play_money")?, may_credit_play_money(&reservation))?;
    for (column, expected) in
        [("decide_after", decide_after(&reservation)), ("funded_at", funded_at(&reservation.state))]
    {
        let stored = facts.int_or_none(column)?;
        if stored != expected.map(Timestamp::as_microsecond) {
            return Err(facts.corrupt(column, format!("it is {stored:?}, but the facts say {expected:?}")));
        }
    }
    Ok(reservation)
}

/// When its end is to be decided, while it takes payments.
fn decide_after(reservation: &Reservation) -> Option<Timestamp> {
    reservation.state.takes_payments().then(|| reservation.decided_after())
}

/// When it was funded, until it is settled. One that is held waits for its account or a person.
const fn funded_at(state: &State) -> Option<Timestamp> {
    match state {
        State::Funded { funding } | State::Settling { funding, .. } => Some(funding.at),
        State::AwaitingSignatures
        | State::AwaitingFarmer { .. }
        | State::AwaitingPayment { .. }
        | State::Settled { .. }
        | State::Rejected { .. }
        | State::Cancelled { .. }
        | State::Expired { .. }
        | State::Refunding { .. }
        | State::Refunded { .. }
        | State::Held { .. } => None,
    }
}

fn count(row: &Row) -> Result<(&'static str, i64), StoreError> {
    let facts = row.of(&COUNTED);
    Ok((facts.one_of("state", &STATE_NAMES, |name| name)?, facts.int("reservations")?))
}

/// Counts as they are given: by the states' names, without those of which there are none.
fn counts(counted: BTreeMap<&'static str, i64>) -> Vec<(String, u64)> {
    let some = counted.into_iter().filter(|(_, number)| *number > 0);
    some.map(|(state, number)| (state.to_owned(), number.unsigned_abs())).collect()
}

/// The eight arguments of what changes.
fn change(reservation: &Reservation) -> Result<Vec<Arg>, StoreError> {
    Ok(args![
        reservation.id.get(),
        reservation.version,
        reservation.state.name(),
        to_json(&reservation.state)?,
        may_credit_play_money(reservation),
        reservation.cancel_requested_at,
        decide_after(reservation),
        funded_at(&reservation.state),
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
            reservation.tenant.as_str(),
        ]);
        self.execute(INSERT, args).await?;
        self.add_at_commit(ADD_TO_COUNT, reservation.state.name(), 1);
        self.execute(
            INSERT_NODES,
            args![reservation.id.get(), to_json(&order.nodes)?, reservation.tenant.as_str()],
        )
        .await
        .map(drop)
    }

    async fn update_reservation(&mut self, reservation: &Reservation) -> Result<Reservation, StoreError> {
        let Some(changed) = self.row(UPDATE, change(reservation)?).await? else {
            return Err(self.over(StoreError::Conflict { what: format!("reservation {}", reservation.id) }));
        };
        let before = changed.of(&RESERVATIONS).one_of("previous_state", &STATE_NAMES, |name| name)?;
        drop(changed);
        self.add_at_commit(ADD_TO_COUNT, before, -1);
        self.add_at_commit(ADD_TO_COUNT, reservation.state.name(), 1);
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
    ) -> Result<Page<Reservation, ReservationId>, StoreError> {
        let mut args = args![after.map_or(-1, ReservationId::get), rows_max(limit)];
        args.extend(filter.tenant.as_ref().map(|tenant| Arg::from(tenant.as_str())));
        args.extend(filter.customer.map(IdentityId::get).map(Arg::from));
        let sql = match (&filter.tenant, filter.customer, filter.state) {
            (None, None, None) => LIST,
            (None, None, Some(state)) => {
                let Some((_, sql)) = LISTS_IN_STATE.iter().find(|(name, _)| *name == state) else {
                    return Err(self.refuse(format!("{state:?} is no state of a reservation")));
                };
                *sql
            }
            (None, Some(_), _) => {
                return Err(self.refuse("a customer is one of a tenant".to_owned()));
            }
            (Some(_), None, None) => LIST_OF_TENANT,
            (Some(_), Some(_), None) => LIST_OF_CUSTOMER,
            (Some(_), customer, Some(state)) => {
                args.push(state.into());
                if customer.is_some() { LIST_OF_CUSTOMER_IN_STATE } else { LIST_OF_TENANT_IN_STATE }
            }
        };
        self.page((sql, args), reservation, reservation_id).await
    }

    async fn reservations_overdue(
        &mut self,
        now: Timestamp,
        after: Option<(Timestamp, ReservationId)>,
        limit: u32,
    ) -> Result<Page<Reservation, (Timestamp, ReservationId)>, StoreError> {
        let (decided_after, id) =
            after.map_or((i64::MIN, 0), |(decided_after, id)| (decided_after.as_microsecond(), id.get()));
        let args = args![now, rows_max(limit), decided_after, id];
        let key = |row: &Row| Ok((row.of(&RESERVATIONS).time("decide_after")?, reservation_id(row)?));
        self.page((OVERDUE, args), reservation, key).await
    }

    async fn reservation_counts(&mut self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut kept = BTreeMap::new();
        for row in self.rows(COUNTS, args![]).await? {
            let (state, number) = count(&row)?;
            kept.insert(state, number + self.added(ADD_TO_COUNT, state));
        }
        Ok(counts(kept))
    }

    async fn reservations_recounted(&mut self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut counted: BTreeMap<&'static str, i64> = BTreeMap::new();
        let mut after = -1;
        loop {
            let page = self.row(NEXT_PAGE, args![after]).await?;
            let last = page.as_ref().map_or(Ok(None), |row| row.of(&COUNTED).int_or_none("last"))?;
            drop(page);
            let Some(last) = last else { return Ok(counts(counted)) };
            for row in self.rows(COUNT_PAGE, args![after, last]).await? {
                let (state, number) = count(&row)?;
                *counted.entry(state).or_default() += number;
            }
            after = last;
        }
    }
}
