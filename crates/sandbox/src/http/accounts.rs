//! Accounts as Horizon shows them: one, or those that a filter finds.

use std::ops::Bound;
use std::sync::Arc;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use stellar_xdr::SignerKey;

use super::lists::{Fetch, account_in_path, events};
use super::page::{Item, Page, Query, document};
use super::problem::{BAD_ACCOUNT, BAD_ASSET, Problem};
use super::reply::{Base, Form, accepted, as_of, hal, json_only, link, put_asset, template, time};
use super::{App, Seen};
use crate::ledger::state::{Account, AccountFilter, Authorization, ByAddress, TrustLine};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;

const BAD_FILTER_ASSET: &str = "you can't filter by asset: native";

fn links(id: AccountId, base: &str) -> Value {
    let own = format!("{base}/accounts/{id}");
    let mut links = Map::new();
    links.insert("self".to_owned(), link(own.clone()));
    for list in ["transactions", "operations", "payments", "effects", "offers", "trades"] {
        links.insert(list.to_owned(), template(format!("{own}/{list}")));
    }
    links.insert("data".to_owned(), json!({ "href": format!("{own}/data/{{key}}"), "templated": true }));
    Value::Object(links)
}

fn balance(asset: &Asset, line: &TrustLine) -> Value {
    let full = line.authorization == Authorization::Full;
    let mut json = Map::new();
    for (field, value) in [
        ("balance", json!(line.balance.to_seven_decimals())),
        ("limit", json!(line.limit.to_seven_decimals())),
        ("buying_liabilities", json!(line.liabilities.buying.to_seven_decimals())),
        ("selling_liabilities", json!(line.liabilities.selling.to_seven_decimals())),
        ("last_modified_ledger", json!(line.last_modified)),
        ("is_authorized", json!(full)),
        ("is_authorized_to_maintain_liabilities", json!(line.authorization != Authorization::None)),
    ] {
        json.insert(field.to_owned(), value);
    }
    if line.clawback_enabled {
        json.insert("is_clawback_enabled".to_owned(), true.into());
    }
    if let Some(sponsor) = line.sponsor {
        json.insert("sponsor".to_owned(), sponsor.to_string().into());
    }
    put_asset(&mut json, "", asset);
    Value::Object(json)
}

fn balances(account: &Account) -> Vec<Value> {
    let mut lines: Vec<_> = account.lines.iter().collect();
    lines
        .sort_by_key(|(asset, _)| (asset.code().to_owned(), asset.issuer().map(|issuer| issuer.to_string())));
    let native = json!({
        "balance": account.balance.to_seven_decimals(),
        "buying_liabilities": account.liabilities.buying.to_seven_decimals(),
        "selling_liabilities": account.liabilities.selling.to_seven_decimals(),
        "asset_type": "native",
    });
    lines.into_iter().map(|(asset, line)| balance(asset, line)).chain([native]).collect()
}

fn signers(id: AccountId, account: &Account) -> Vec<Value> {
    let others = account.signers.iter().map(|(key, signer)| {
        let kind = match key {
            SignerKey::Ed25519(_) => "ed25519_public_key",
            SignerKey::PreAuthTx(_) => "preauth_tx",
            SignerKey::HashX(_) => "sha256_hash",
            SignerKey::Ed25519SignedPayload(_) => "ed25519_signed_payload",
        };
        let mut json = json!({ "weight": signer.weight, "key": key.to_string(), "type": kind });
        if let Some(sponsor) = signer.sponsor {
            json["sponsor"] = sponsor.to_string().into();
        }
        json
    });
    let own = json!({
        "weight": account.thresholds.master,
        "key": id.to_string(),
        "type": "ed25519_public_key",
    });
    others.chain([own]).collect()
}

fn json(id: AccountId, account: &Account, base: &str) -> Value {
    let data: Map<String, Value> = account
        .data
        .iter()
        .map(|(name, entry)| (name.clone(), STANDARD.encode(&entry.value).into()))
        .collect();
    let flags = account.flags;
    let mut json = json!({
        "_links": links(id, base),
        "id": id.to_string(),
        "account_id": id.to_string(),
        "sequence": account.sequence.to_string(),
        "subentry_count": account.subentries(),
        "last_modified_ledger": account.last_modified,
        "last_modified_time": time(account.last_modified_time),
        "thresholds": {
            "low_threshold": account.thresholds.low,
            "med_threshold": account.thresholds.medium,
            "high_threshold": account.thresholds.high,
        },
        "flags": {
            "auth_required": flags.required,
            "auth_revocable": flags.revocable,
            "auth_immutable": flags.immutable,
            "auth_clawback_enabled": flags.clawback_enabled,
        },
        "balances": balances(account),
        "signers": signers(id, account),
        "data": data,
        "num_sponsoring": account.sponsoring,
        "num_sponsored": account.sponsored,
        "paging_token": id.to_string(),
    });
    if let Some(age) = account.sequence_age {
        json["sequence_ledger"] = json!(age.ledger);
        json["sequence_time"] = age.time.to_string().into();
    }
    if let Some(destination) = account.inflation_destination {
        json["inflation_destination"] = destination.to_string().into();
    }
    if !account.home_domain.is_empty() {
        json["home_domain"] = account.home_domain.clone().into();
    }
    if let Some(sponsor) = account.sponsor {
        json["sponsor"] = sponsor.to_string().into();
    }
    json
}

/// `/accounts/{id}`; streamed, it is sent once.
pub async fn one(
    app: App,
    Path(id): Path<String>,
    base: Base,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let form = accepted(&headers)?;
    let id = account_in_path(&id)?;
    let ledger = app.ledger();
    let document = json(id, ledger.state().get(id).ok_or_else(Problem::not_found)?, &base.0);
    match form {
        Form::Json => Ok(as_of(ledger.latest().ledger, &document)),
        Form::Stream => {
            drop(ledger);
            // The stream compares records by their id alone, which never changes: one event, then silence.
            let fetch: Fetch = Arc::new(move |_, page| {
                let token = id.to_string();
                let sent = page.cursor == token;
                Ok(if sent { Vec::new() } else { vec![Item { token, json: document.clone() }] })
            });
            let page = Page { cursor: String::new(), limit: usize::MAX, descending: false };
            Ok(events(app.clone(), page, fetch))
        }
    }
}

fn filter(query: &Query) -> Result<AccountFilter, Problem> {
    let account = |field: &str, text: &str| {
        text.parse::<AccountId>().map_err(|_| Problem::bad_request(field, BAD_ACCOUNT))
    };
    match (query.get("signer"), query.get("sponsor"), query.get("asset"), query.get("liquidity_pool")) {
        (Some(signer), None, None, None) => Ok(AccountFilter::Signer(account("signer", signer)?)),
        (None, Some(sponsor), None, None) => Ok(AccountFilter::Sponsor(account("sponsor", sponsor)?)),
        (None, None, Some(asset), None) => {
            match asset.parse::<Asset>().map_err(|_| Problem::bad_request("asset", BAD_ASSET))? {
                Asset::Native => Err(Problem::bad_request("asset", BAD_FILTER_ASSET)),
                credit @ Asset::Credit { .. } => Ok(AccountFilter::Asset(credit)),
            }
        }
        _ => Err(Problem::invalid_accounts_params()),
    }
}

fn page(ledger: &Seen<'_>, filter: AccountFilter, page: &Page, base: &str) -> Result<Vec<Item>, Problem> {
    let cursor = match page.cursor.as_str() {
        "" => None,
        text => {
            let id = text.parse().map_err(|_| Problem::bad_request("cursor", BAD_ACCOUNT))?;
            Some(ByAddress(id))
        }
    };
    let Some(found) = ledger.state().find(filter) else { return Ok(Vec::new()) };
    let beyond = cursor.map_or(Bound::Unbounded, Bound::Excluded);
    let ids: Vec<AccountId> = if page.descending {
        found.range((Bound::Unbounded, beyond)).rev().take(page.limit).map(|id| id.0).collect()
    } else {
        found.range((beyond, Bound::Unbounded)).take(page.limit).map(|id| id.0).collect()
    };
    let item = |id: AccountId| {
        let account = ledger.state().get(id)?;
        Some(Item { token: id.to_string(), json: json(id, account, base) })
    };
    Ok(ids.into_iter().filter_map(item).collect())
}

/// `/accounts` with exactly one filter.
pub async fn list(app: App, base: Base, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    json_only(&headers)?;
    let ledger = app.ledger();
    let latest = ledger.latest().ledger;
    let asked = Page::read(&query, &headers, latest)?;
    let items = page(&ledger, filter(&query)?, &asked, &base.0)?;
    Ok(as_of(latest, &document(&base.0, &query, &asked, items)))
}

/// One data entry of an account.
pub async fn data(
    app: App,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    json_only(&headers)?;
    let id = account_in_path(&id)?;
    let ledger = app.ledger();
    let entry = ledger.state().get(id).and_then(|account| account.data.get(&name));
    let entry = entry.ok_or_else(Problem::not_found)?;
    let mut json = json!({ "value": STANDARD.encode(&entry.value) });
    if let Some(sponsor) = entry.sponsor {
        json["sponsor"] = sponsor.to_string().into();
    }
    Ok(hal(&json))
}
