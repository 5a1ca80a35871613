//! Accounts as Horizon shows them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use stellar_types::address::AccountId;
use stellar_types::asset::Asset;
use stellar_xdr::SignerKey;

use super::fields::{link, put_asset, template, time};
use crate::ledger::state::{Account, Authorization, TrustLine};

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

/// An account.
pub fn json(id: AccountId, account: &Account, base: &str) -> Value {
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
