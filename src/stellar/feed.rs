//! The network's payments as they happen, as the engine hears of them: which operation, and whose
//! accounts it names.
//!
//! It reads no amounts and no memos: a hint says where to look, and the account's own history says what came.
//! So it asks for records without their transactions, and a record that cannot be read is one hint less.
//! Never here: whose accounts are ours. Fails with [`NetworkError`] and goes on after the last record;
//! a place that Horizon does not take is given up for the present.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::horizon::client::HorizonClient;
use super::stream::{EventReader, StreamError, StreamRecord};
use crate::domain::address::AccountId;
use crate::domain::ids::OperationId;
use crate::ports::network::{Feed, Heard, NetworkError};

const PATH: &str = "/payments";
/// Where a stream begins that has no place to begin from.
const NOW: &str = "now";
/// Fields of a record that name a party.
const PARTIES: [&str; 6] = ["source_account", "from", "to", "funder", "account", "into"];
/// Fields of one movement of a contract call that name a party.
const MOVERS: [&str; 2] = ["from", "to"];

/// The stream of `/payments`.
pub(super) struct PaymentFeed {
    horizon: Arc<HorizonClient>,
    events: EventReader,
}

impl PaymentFeed {
    pub(super) fn new(horizon: Arc<HorizonClient>, after: Option<OperationId>) -> Self {
        let cursor = after.map_or_else(|| NOW.to_owned(), |after| after.to_string());
        let events = EventReader::new(Arc::clone(&horizon), PATH, cursor);
        Self { horizon, events }
    }
}

#[async_trait]
impl Feed for PaymentFeed {
    async fn next(&mut self) -> Result<Option<Heard>, NetworkError> {
        match self.events.next_or_goodbye().await {
            Ok(None) => Ok(None),
            Ok(Some(record)) => Ok(heard(&record)),
            Err(StreamError::Network(error)) => {
                if matches!(error, NetworkError::Refused { .. }) {
                    tracing::warn!(%error, cursor = self.events.cursor(), "the payment stream begins anew");
                    self.events = EventReader::new(Arc::clone(&self.horizon), PATH, NOW);
                }
                Err(error)
            }
            Err(
                error @ (StreamError::Broken { .. } | StreamError::Silent | StreamError::Reported { .. }),
            ) => {
                let cause = if matches!(error, StreamError::Silent) { "silent" } else { "broken" };
                metrics::counter!("farmgate_payment_streams_replaced_total", "cause" => cause).increment(1);
                Err(NetworkError::Unavailable { reason: error.to_string(), retry_after: None })
            }
        }
    }
}

/// What a record hints at; `None` if it has no place in history or is no record at all.
fn heard(record: &StreamRecord) -> Option<Heard> {
    let read = serde_json::from_str::<Value>(&record.json).ok();
    let place = read.as_ref().and_then(|value| place(value, &record.cursor));
    let (Some(value), Some(operation)) = (read, place) else {
        metrics::counter!("farmgate_horizon_unreadable_hints_total").increment(1);
        tracing::warn!(cursor = record.cursor, "a record of the payment stream cannot be read");
        return None;
    };
    let changes = value.get("asset_balance_changes").and_then(Value::as_array).into_iter().flatten();
    let accounts: BTreeSet<AccountId> =
        named(&value, &PARTIES).chain(changes.flat_map(|change| named(change, &MOVERS))).collect();
    Some(Heard { operation, accounts: accounts.into_iter().collect() })
}

fn place(value: &Value, cursor: &str) -> Option<OperationId> {
    value.get("id").and_then(Value::as_str).unwrap_or(cursor).parse().ok()
}

fn named<'a>(value: &'a Value, fields: &'a [&str]) -> impl Iterator<Item = AccountId> + 'a {
    fields.iter().filter_map(|field| value.get(field)?.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stellar::testing::{Script, TestClock, client};

    fn id(byte: u8) -> AccountId {
        AccountId([byte; 32])
    }

    fn event(id: u32, json: &str) -> String {
        format!("id: {id}\ndata: {json}\n\n")
    }

    fn feed(script: &Arc<Script>, clock: &Arc<TestClock>) -> PaymentFeed {
        PaymentFeed::new(Arc::new(client(script, clock)), Some(OperationId(7)))
    }

    #[test]
    fn every_account_of_a_record_is_heard_once_also_of_merges_and_contracts() {
        let say = |json: serde_json::Value| {
            let record = StreamRecord { cursor: "9".to_owned(), json: json.to_string() };
            heard(&record).map(|heard| (heard.operation.0, heard.accounts))
        };
        let payment = serde_json::json!({ "id": "8", "from": id(1), "to": id(2), "source_account": id(1) });
        assert_eq!(say(payment), Some((8, vec![id(1), id(2)])));
        let merge = serde_json::json!({ "type": "account_merge", "account": id(3), "into": id(4) });
        assert_eq!(say(merge), Some((9, vec![id(3), id(4)])), "without an id, where the stream says");
        let changes = serde_json::json!([{ "from": "CCONTRACT", "to": id(5) }, { "to": 7 }, null]);
        let call = serde_json::json!({ "id": "8", "asset_balance_changes": changes, "to": ["strange"] });
        assert_eq!(say(call), Some((8, vec![id(5)])));
        assert_eq!(say(serde_json::json!({ "id": "no number", "to": id(1) })), None);
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_is_one_hint_less_and_no_more() {
        let (script, clock) = (Script::new(), TestClock::new());
        let good = serde_json::json!({ "id": "9", "to": id(1) }).to_string();
        script.answer(200, &[event(8, "{\"id\":"), event(9, &good)].concat());
        let mut feed = feed(&script, &clock);
        assert_eq!(feed.next().await.unwrap(), None);
        let heard = feed.next().await.unwrap().unwrap();
        assert_eq!((heard.operation, heard.accounts), (OperationId(9), vec![id(1)]));
        assert_eq!(script.asked()[0].target, "/payments?cursor=7&limit=200");
    }

    #[tokio::test]
    async fn a_stream_that_falls_silent_is_replaced_and_counted() {
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        let _counting = metrics::set_default_local_recorder(&recorder);
        let (script, clock) = (Script::new(), TestClock::new());
        let one = |operation: u32| event(operation, &serde_json::json!({ "to": id(1) }).to_string());
        script.hang(&one(8));
        script.answer(200, &one(9));
        let mut feed = feed(&script, &clock);
        assert_eq!(feed.next().await.unwrap().unwrap().operation, OperationId(8));
        clock.jump_when_idle();
        assert!(matches!(feed.next().await, Err(NetworkError::Unavailable { .. })));
        assert_eq!(feed.next().await.unwrap().unwrap().operation, OperationId(9), "another one goes on");
        let asked: Vec<_> = script.asked().into_iter().map(|request| request.target).collect();
        assert_eq!(asked, ["/payments?cursor=7&limit=200", "/payments?cursor=8&limit=200"]);
        let counted = recorder.handle().render();
        assert!(counted.contains("farmgate_payment_streams_replaced_total{cause=\"silent\"} 1"), "{counted}");
    }

    #[tokio::test]
    async fn a_place_that_horizon_does_not_take_is_given_up_for_the_present() {
        let (script, clock) = (Script::new(), TestClock::new());
        script.answer(400, "{}");
        script.answer(503, "{}");
        let mut feed = feed(&script, &clock);
        assert!(matches!(feed.next().await, Err(NetworkError::Refused { .. })));
        assert!(matches!(feed.next().await, Err(NetworkError::Unavailable { .. })));
        let asked: Vec<_> = script.asked().into_iter().map(|request| request.target).collect();
        assert_eq!(asked, ["/payments?cursor=7&limit=200", "/payments?cursor=now&limit=200"]);
    }
}
