//! What customers order, and what it should cost by the price list.

use serde_json::{Value, json};

use super::error::DemoError;
use super::grid::{CURRENCIES, DAY_SECONDS};
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::money::Stroops;

/// USD for thirty days of one unit, as the service is set up by default; addresses cost nothing here.
const CU_USD: i128 = 10;
const SU_USD: i128 = 8;
const PRICED_DAYS: i128 = 30;
/// Stroops of one unit of any asset.
const STROOPS: i128 = 10_000_000;
const MILLI: i128 = 1_000;

/// A wish for capacity for one day.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) nodes: Vec<String>,
    pub(super) codes: Vec<&'static str>,
    /// Compute units, in thousandths; and whole storage units.
    pub(super) milli_cu: i128,
    pub(super) su: i128,
    pub(super) pool: Option<String>,
    /// More time for the pool; units otherwise.
    pub(super) prolongs: bool,
    pub(super) refund: Option<Value>,
}

impl Order {
    /// Compute units, in thousandths, and one storage unit on one node.
    pub(super) fn on(node: &str, code: &'static str, milli_cu: i128) -> Self {
        Self {
            nodes: vec![node.to_owned()],
            codes: vec![code],
            milli_cu,
            su: 1,
            pool: None,
            prolongs: false,
            refund: None,
        }
    }

    pub(super) fn body(&self, customer: i64) -> Value {
        let cu = format!("{}.{:03}", self.milli_cu / MILLI, self.milli_cu % MILLI);
        let mut body = json!({ "customer_id": customer.to_string(), "currencies": self.codes });
        if !self.prolongs {
            let ipv4u = if self.milli_cu + self.su == 0 { "1" } else { "0" };
            body["units"] = json!({ "cu": cu, "su": self.su.to_string(), "ipv4u": ipv4u });
        }
        if self.prolongs || self.pool.is_none() {
            body["duration_seconds"] = json!(DAY_SECONDS);
        }
        if !self.nodes.is_empty() {
            body["nodes"] = json!(self.nodes);
        }
        if let Some(pool) = &self.pool {
            body["pool_id"] = json!(pool);
        }
        if let Some(refund) = &self.refund {
            body["refund"] = refund.clone();
        }
        body
    }

    /// What a day of it costs by the price list, rounded up once. More units for a pool last until the pool
    /// ends, so of them nothing is said.
    pub(super) fn costs(&self, code: &str) -> Option<i64> {
        if self.pool.is_some() && !self.prolongs {
            return None;
        }
        let (_, cents, _) = CURRENCIES.into_iter().find(|(known, _, _)| *known == code)?;
        let usd_milli = self.milli_cu * CU_USD + self.su * SU_USD * MILLI;
        let (above, below) = (usd_milli * STROOPS * 100, MILLI * PRICED_DAYS * i128::from(cents));
        i64::try_from((above + below - 1) / below).ok()
    }
}

/// A reservation that was answered.
#[derive(Clone)]
pub(super) struct Ordered {
    pub(super) id: String,
    pub(super) escrow: AccountId,
    pub(super) options: Vec<(Asset, Stroops)>,
    pub(super) node: String,
}

impl Ordered {
    pub(super) fn read(made: &Value, node: &str) -> Result<Self, DemoError> {
        let options = made["payment_options"].as_array().ok_or_else(|| unclear("payment_options"))?;
        let option = |option: &Value| Ok((read(&option["asset"])?, read(&option["amount"])?));
        Ok(Self {
            id: read(&made["id"])?,
            escrow: read(&made["escrow"]["address"])?,
            options: options.iter().map(option).collect::<Result<_, DemoError>>()?,
            node: node.to_owned(),
        })
    }

    /// The asset and the amount that is asked for first.
    pub(super) fn option(&self) -> Result<(Asset, Stroops), DemoError> {
        self.options.first().copied().ok_or_else(|| unclear("payment_options"))
    }
}

fn unclear(field: &str) -> DemoError {
    DemoError::Api { what: "a reservation".to_owned(), reason: format!("{field} is missing") }
}

fn read<T: std::str::FromStr>(value: &Value) -> Result<T, DemoError> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| unclear(&format!("{value}")))
}
