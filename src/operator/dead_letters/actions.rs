//! What may safely be done about a dead letter: what goes through the engine's own guarded ways, and
//! nothing else.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::Action;
use crate::domain::dead_letter::LetterId;
use crate::domain::ids::{OperationId, ReservationId};
use crate::domain::transfer::GivenBack;

/// Stands for an address that a person names, in examples of bodies.
const ADDRESS: &str = "GBLDUINEFYTF7XEE7YNWA3JQS4K2VD37YU7I2YAE7R5AHZDKQXSS2J6R";

fn request(
    name: &'static str,
    summary: impl Into<String>,
    path: String,
    body: Value,
    command: String,
) -> Action {
    let (method, path) = (Some("POST"), Some(path));
    Action { name, summary: summary.into(), method, path, body: Some(body), command: Some(command) }
}

fn neither(name: &'static str, summary: String, command: Option<String>) -> Action {
    Action { name, summary, method: None, path: None, body: None, command }
}

pub(super) fn wait(what: &str, next: Option<Timestamp>) -> Action {
    let when = next.map_or_else(|| "by itself".to_owned(), |at| format!("by itself, at {at} at the latest"));
    neither("wait", format!("Nothing needs to be done: {what} {when}, while an engine runs."), None)
}

pub(super) fn wait_for_history() -> Action {
    wait("its history is read again", None)
}

pub(super) fn wait_for_an_outcome() -> Action {
    wait("it is looked for again", None)
}

pub(super) fn look_at_the_books() -> Action {
    let summary = "Compare the journal with the ledger, account by account. It changes nothing.".to_owned();
    neither("look", summary, Some("farmgate reconcile".to_owned()))
}

pub(super) fn mend_the_row() -> Action {
    let summary = "Mend the row, with the service stopped and a backup at hand, or start the version of the \
                   program that wrote it. Nothing that it is about was lost: it goes on once the row can be \
                   read.";
    neither("mend", summary.to_owned(), None)
}

pub(super) fn accept(operation: OperationId) -> Action {
    let summary = "Accept what it took as a loss, and why; then start the service again. Only once it is \
                   known how it came about: if somebody else has the platform's key, more will go.";
    let command = format!("farmgate accept {operation} --reason WHY");
    neither("accept", summary.to_owned(), Some(command))
}

pub(super) fn settle(id: ReservationId) -> Action {
    let path = format!("/v1/reservations/{id}/resolution");
    let command = format!("farmgate resolve {id} --settle");
    request("settle", "Try its settlement again at once.", path, json!({ "decision": "settle" }), command)
}

pub(super) fn refund(id: ReservationId) -> Action {
    let path = format!("/v1/reservations/{id}/resolution");
    let summary = "Send back what remains of its money; the latest payment bears what its issuer took back.";
    let command = format!("farmgate resolve {id} --refund");
    request("refund", summary, path, json!({ "decision": "refund" }), command)
}

pub(super) fn return_elsewhere(what: GivenBack) -> Action {
    let (path, id) = match what {
        GivenBack::Payment(payment) => (format!("/v1/payments/{payment}/return"), payment.to_string()),
        GivenBack::Claimable(claimable) => {
            (format!("/v1/claimable-balances/{claimable}/return"), claimable.to_string())
        }
    };
    let summary = "Say where it goes instead, with a memo if that address needs one. It is paid once.";
    let body = json!({ "address": ADDRESS, "memo": { "type": "id", "value": "1047" } });
    request("return", summary, path, body, format!("farmgate return {id} --to G… --memo-id N"))
}

pub(super) fn dismiss(id: &LetterId) -> Action {
    let summary = "Say that it needs nothing more, and why. It stays stored, and is no longer listed.";
    let path = format!("/v1/dead-letters/{id}/dismissal");
    let command = format!("farmgate dead-letters dismiss {id} --note WHY");
    request("dismiss", summary, path, json!({ "note": "looked at by hand" }), command)
}
