//! The sandbox's own endpoints: faults are turned on and off, ledgers closed by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{Fault, FaultControl, FaultParameters};
use crate::horizon::json::fields::time;
use crate::horizon::response::{Problem, hal};
use crate::state::{Shared, StepError};

/// Most ledgers that one request closes.
pub const CLOSE_LEDGERS_MAX: u32 = 1_000;

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::bad_request("body", &error.to_string()))
}

fn told(faults: &FaultControl) -> Response {
    hal(&json!({
        "per_mille": faults.rates(),
        "next": faults.pending(),
        "parameters": faults.parameters(),
        "injected": faults.counts(),
        "kinds": Fault::ALL,
    }))
}

/// `GET /sandbox/faults`: what is on, and how often each was injected.
pub async fn faults(State(app): State<Arc<Shared>>) -> Response {
    told(&app.faults)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    per_mille: BTreeMap<Fault, u16>,
    #[serde(default)]
    next: BTreeMap<Fault, u32>,
    parameters: Option<FaultParameters>,
}

/// `POST /sandbox/faults`: turns on what the body names, and leaves the rest as it is.
pub async fn set_faults(State(app): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let wanted: Wanted = read(&body)?;
    for (fault, per_mille) in wanted.per_mille {
        app.faults.set_rate(fault, per_mille);
    }
    for (fault, n) in wanted.next {
        app.faults.inject_next(fault, n);
    }
    if let Some(parameters) = wanted.parameters {
        app.faults.set_parameters(parameters);
    }
    Ok(told(&app.faults))
}

/// `DELETE /sandbox/faults`: turns all off.
pub async fn clear_faults(State(app): State<Arc<Shared>>) -> Response {
    app.faults.clear();
    told(&app.faults)
}

fn one() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    #[serde(default = "one")]
    count: u32,
    at: Option<jiff::Timestamp>,
}

/// `POST /sandbox/close`: closes `count` ledgers now, or `at` a time.
pub async fn close(State(app): State<Arc<Shared>>, body: Bytes) -> Result<Response, Problem> {
    let step: Step = if body.is_empty() { Step { count: 1, at: None } } else { read(&body)? };
    if step.count == 0 || step.count > CLOSE_LEDGERS_MAX {
        let reason = format!("one to {CLOSE_LEDGERS_MAX} ledgers are closed at once");
        return Err(Problem::bad_request("count", &reason));
    }
    for _ in 0..step.count {
        match step.at {
            None => {
                app.close_now();
            }
            Some(at) => {
                let early = |error: StepError| Problem::bad_request("at", &error.to_string());
                app.close_at(at).map_err(early)?;
            }
        }
    }
    let latest = app.ledger().latest();
    let document: Value = json!({ "ledger": latest.ledger, "closed_at": time(latest.time) });
    Ok(hal(&document))
}
