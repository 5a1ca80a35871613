//! What the network says of itself: `/` and `/fee_stats`.

use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Map, Value, json};
use stellar_types::ids::LedgerSeq;

use super::status_page;
use crate::horizon::json::fields::{link, time};
use crate::horizon::request::headers::{Base, json_only, wants_page};
use crate::horizon::request::snapshot::App;
use crate::horizon::response::{Problem, hal};
use crate::ledger::close::PROTOCOL_VERSION;
use crate::ledger::history::GENESIS;
use crate::network::account_of_key;

/// Ledgers that the fee statistics look back on.
const FEE_STATS_LEDGERS: u32 = 5;
const PERCENTILES: [u32; 12] = [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100];
const PAGED: &str = "cursor,limit,order";
const BOOK: &str = "selling_asset_type,selling_asset_code,selling_asset_issuer,buying_asset_type,\
                    buying_asset_code,buying_asset_issuer,limit";
const ARRIVING: &str = "source_assets,source_account,destination_account,destination_asset_type,\
                        destination_asset_issuer,destination_asset_code,destination_amount";
const AGGREGATED: &str = "base_asset_type,base_asset_code,base_asset_issuer,counter_asset_type,\
                          counter_asset_code,counter_asset_issuer,start_time,end_time,resolution,offset,\
                          order,limit";
const LEAVING: &str = "destination_account,destination_assets,source_asset_type,source_asset_issuer,\
                       source_asset_code,source_amount";
const TRADES: &str = "base_asset_type,base_asset_code,base_asset_issuer,counter_asset_type,\
                      counter_asset_code,counter_asset_issuer,offer_id,account_id,trade_type,cursor,\
                      limit,order";

fn templated(base: &str, path: &str) -> Value {
    json!({ "href": format!("{base}{path}"), "templated": true })
}

/// The document at `/`. Its links are Horizon's, those to the few endpoints that are not here among them:
/// clients read them as one shape.
pub async fn root(app: App, base: Base, headers: HeaderMap) -> Result<Response, Problem> {
    if wants_page(&headers) {
        return status_page::page(&app);
    }
    json_only(&headers)?;
    let base = base.0;
    let ledger = app.ledger();
    let latest = ledger.latest();
    let issuers: Map<String, Value> = ledger
        .core()
        .keys()
        .issuers
        .iter()
        .map(|(code, key)| (code.to_string(), account_of_key(key).to_string().into()))
        .collect();
    Ok(hal(&json!({
        "_links": {
            "self": link(format!("{base}/")),
            "account": templated(&base, "/accounts/{account_id}"),
            "accounts": templated(
                &base,
                &format!("/accounts{{?signer,sponsor,asset,liquidity_pool,{PAGED}}}")
            ),
            "account_transactions": templated(
                &base,
                &format!("/accounts/{{account_id}}/transactions{{?{PAGED}}}")
            ),
            "assets": templated(&base, &format!("/assets{{?asset_code,asset_issuer,{PAGED}}}")),
            "claimable_balances": templated(
                &base,
                &format!("/claimable_balances{{?asset,sponsor,claimant,{PAGED}}}")
            ),
            "effects": templated(&base, &format!("/effects{{?{PAGED}}}")),
            "fee_stats": link(format!("{base}/fee_stats")),
            "friendbot": templated(&base, "/friendbot{?addr}"),
            "ledger": templated(&base, "/ledgers/{sequence}"),
            "ledgers": templated(&base, &format!("/ledgers{{?{PAGED}}}")),
            "liquidity_pools": templated(&base, &format!("/liquidity_pools{{?reserves,{PAGED}}}")),
            "offer": templated(&base, "/offers/{offer_id}"),
            "offers": templated(&base, &format!("/offers{{?selling,buying,seller,sponsor,{PAGED}}}")),
            "operation": templated(&base, "/operations/{id}"),
            "operations": templated(&base, &format!("/operations{{?{PAGED},include_failed}}")),
            "order_book": templated(&base, &format!("/order_book{{?{BOOK}}}")),
            "payments": templated(&base, &format!("/payments{{?{PAGED},include_failed}}")),
            "strict_receive_paths": templated(&base, &format!("/paths/strict-receive{{?{ARRIVING}}}")),
            "strict_send_paths": templated(&base, &format!("/paths/strict-send{{?{LEAVING}}}")),
            "trade_aggregations": templated(&base, &format!("/trade_aggregations{{?{AGGREGATED}}}")),
            "trades": templated(&base, &format!("/trades{{?{TRADES}}}")),
            "transaction": templated(&base, "/transactions/{hash}"),
            "transactions": templated(&base, &format!("/transactions{{?{PAGED}}}")),
        },
        "horizon_version": concat!(env!("CARGO_PKG_VERSION"), "-farmgate-sandbox"),
        "core_version": concat!("farmgate-sandbox ", env!("CARGO_PKG_VERSION")),
        "ingest_latest_ledger": latest.ledger,
        "history_latest_ledger": latest.ledger,
        "history_latest_ledger_closed_at": time(latest.time),
        "history_elder_ledger": GENESIS,
        "core_latest_ledger": ledger.core().latest().ledger,
        "network_passphrase": ledger.core().genesis().passphrase,
        "current_protocol_version": PROTOCOL_VERSION,
        "supported_protocol_version": PROTOCOL_VERSION,
        "core_supported_protocol_version": PROTOCOL_VERSION,
        "farmgate_sandbox": { "issuers": issuers, "friendbot": format!("{base}/friendbot") },
    })))
}

/// Percentiles of fees, with the network's minimum if there were none.
fn distribution(mut fees: Vec<i64>, base_fee: i64) -> Value {
    fees.sort_unstable();
    if fees.is_empty() {
        fees.push(base_fee);
    }
    let at = |percent: u32| {
        let rank = (fees.len() * usize::try_from(percent).unwrap_or(100)).div_ceil(100).max(1);
        fees.get(rank - 1).copied().unwrap_or(base_fee).to_string()
    };
    let mut json = Map::new();
    for percent in PERCENTILES {
        json.insert(format!("p{percent}"), at(percent).into());
    }
    json.remove("p100");
    json.insert("min".to_owned(), fees.first().copied().unwrap_or(base_fee).to_string().into());
    json.insert("max".to_owned(), at(100).into());
    let runs = fees.chunk_by(|a, b| a == b).map(|run| (run.len(), std::cmp::Reverse(run.first().copied())));
    let mode = runs.max().and_then(|(_, fee)| fee.0).unwrap_or(base_fee);
    json.insert("mode".to_owned(), mode.to_string().into());
    Value::Object(json)
}

pub async fn fee_stats(app: App, headers: HeaderMap) -> Result<Response, Problem> {
    json_only(&headers)?;
    let ledger = app.ledger();
    let Some(latest) = ledger.history().latest() else { return Err(Problem::internal()) };
    let since = LedgerSeq(latest.sequence.0.saturating_sub(FEE_STATS_LEDGERS - 1));
    let recent = ledger.history().transactions_since(since);
    let per_operation = |fee: i64, operations: u32| fee / i64::from(operations);
    let charged = recent.iter().map(|tx| per_operation(tx.fee_charged, tx.tx.fee_operations())).collect();
    let bid = recent.iter().map(|tx| per_operation(tx.tx.bid(), tx.tx.fee_operations())).collect();
    let ledgers = latest.sequence.0 - since.0 + 1;
    let used: u32 = (since.0..=latest.sequence.0)
        .filter_map(|sequence| ledger.history().ledger(LedgerSeq(sequence)))
        .map(|record| record.operations_all)
        .sum();
    let capacity = u64::from(ledger.core().genesis().ledger_operations_max.max(1)) * u64::from(ledgers);
    let hundredths = u64::from(used) * 100 / capacity;
    Ok(hal(&json!({
        "last_ledger": latest.sequence.to_string(),
        "last_ledger_base_fee": latest.base_fee.to_string(),
        "ledger_capacity_usage": format!("{}.{:02}", hundredths / 100, hundredths % 100),
        "fee_charged": distribution(charged, latest.base_fee),
        "max_fee": distribution(bid, latest.base_fee),
    })))
}
