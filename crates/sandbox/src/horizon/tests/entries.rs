//! Claimable balances, offers and what operations on them look like.

use super::*;

use stellar_xdr::ClaimPredicate;

use crate::ledger::balances::BalanceId;
use stellar_types::asset::Asset;

async fn types(town: &Town, path: &str) -> Vec<String> {
    let (status, page) = town.get(path).await;
    assert_eq!(status, 200, "{page}");
    let records = page["_embedded"]["records"].as_array().unwrap();
    records.iter().map(|record| record["type"].as_str().unwrap().to_owned()).collect()
}

async fn with_balance() -> (Town, BalanceId, TxHash) {
    let town = Town::new();
    town.befriend(&["alice", "bob"]);
    let later = ClaimPredicate::Not(Some(Box::new(ClaimPredicate::BeforeRelativeTime(600))));
    let claimants = [("bob", ClaimPredicate::Unconditional), ("alice", later)];
    let setting = draft("alice", [set_aside(Asset::Native, 12_345_000, &claimants)]);
    let tx = town.write(&setting);
    let balance = BalanceId::of_operation(tx.source(), tx.sequence(), 0);
    let hash = town.send(&setting);
    (town, balance, hash)
}

#[tokio::test]
async fn a_claimable_balance_has_horizons_fields() {
    let (town, balance, hash) = with_balance().await;
    let (status, json) = town.get(&format!("/claimable_balances/{balance}")).await;
    assert_eq!(status, 200);
    assert_eq!(json["id"], balance.to_string());
    assert_eq!((&json["asset"], &json["amount"]), (&"native".into(), &"1.2345000".into()));
    assert_eq!(json["sponsor"], id("alice").to_string());
    assert_eq!(
        (&json["last_modified_ledger"], &json["last_modified_time"]),
        (&3.into(), &"2026-01-01T00:00:10Z".into())
    );
    assert_eq!(json["claimants"][0]["predicate"], serde_json::json!({ "unconditional": true }));
    assert_eq!(json["claimants"][1]["predicate"]["not"]["abs_before"], "2026-01-01T00:10:10Z");
    assert_eq!(json["claimants"][1]["predicate"]["not"]["abs_before_epoch"], "1767226210");
    assert_eq!(json["flags"]["clawback_enabled"], false);
    assert_eq!(json["paging_token"], format!("3-{balance}"));
    for filter in [
        format!("claimant={}", id("bob")),
        format!("sponsor={}", id("alice")),
        "asset=native".to_owned(),
        format!("asset=native&claimant={}", id("alice")),
        String::new(),
    ] {
        let (_, page) = town.get(&format!("/claimable_balances?{filter}")).await;
        assert_eq!(page["_embedded"]["records"][0]["id"], json["id"], "{filter}");
        let next = page["_links"]["next"]["href"].as_str().unwrap();
        let (_, page) = town.get(next.strip_prefix("http://horizon.test").unwrap()).await;
        assert_eq!(page["_embedded"]["records"], Value::Array(Vec::new()));
    }
    let (_, page) = town.get(&format!("/claimable_balances?claimant={}", id("carol"))).await;
    assert_eq!(page["_embedded"]["records"], Value::Array(Vec::new()));
    is_problem(&town.get("/claimable_balances/abc").await, 400, "bad_request");
    is_problem(&town.get("/claimable_balances?claimant=abc").await, 400, "bad_request");
    let operations = format!("/transactions/{hash}/operations");
    let (_, page) = town.get(&operations).await;
    let operation = &page["_embedded"]["records"][0];
    assert_eq!(operation["type_i"], 14);
    assert_eq!(operation["sponsor"], id("alice").to_string());
    assert_eq!(operation["claimants"][1]["predicate"]["not"]["rel_before"], "600");
}

#[tokio::test]
async fn setting_aside_and_claiming_have_their_effects_and_are_no_payments() {
    let (town, balance, hash) = with_balance().await;
    let effects = |hash: TxHash| format!("/transactions/{hash}/effects");
    assert_eq!(
        types(&town, &effects(hash)).await,
        [
            "claimable_balance_created",
            "claimable_balance_claimant_created",
            "claimable_balance_claimant_created",
            "account_debited",
            "claimable_balance_sponsorship_created",
        ]
    );
    let claimed = town.send(&draft("bob", [claim(balance)]));
    assert_eq!(
        types(&town, &effects(claimed)).await,
        ["claimable_balance_claimed", "account_credited", "claimable_balance_sponsorship_removed"]
    );
    is_problem(&town.get(&format!("/claimable_balances/{balance}")).await, 404, "not_found");
    assert_eq!(
        types(&town, &format!("/claimable_balances/{balance}/operations")).await,
        ["create_claimable_balance", "claim_claimable_balance"]
    );
    assert_eq!(types(&town, &format!("/accounts/{}/payments", id("bob"))).await, ["create_account"]);
    assert_eq!(
        types(&town, &format!("/accounts/{}/operations?order=desc", id("bob"))).await[0],
        "claim_claimable_balance"
    );
}

#[tokio::test]
async fn an_offer_and_a_path_payment_have_horizons_fields() {
    let town = Town::new();
    town.befriend(&["alice", "bob", "issuer"]);
    let gold = issued("GOLD", "issuer");
    town.send(&draft("alice", [trust(gold, i64::MAX)]));
    town.send(&draft("bob", [trust(gold, i64::MAX)]));
    town.send(&draft("issuer", [pay("alice", gold, 1_000)]));
    town.send(&draft("alice", [sell(gold, Asset::Native, 600, (1, 3), 0)]));
    let (_, page) = town.get(&format!("/accounts/{}/offers", id("alice"))).await;
    let offer = &page["_embedded"]["records"][0];
    assert_eq!((&offer["id"], &offer["price"]), (&"1".into(), &"0.3333333".into()));
    assert_eq!(offer["price_r"], serde_json::json!({ "n": 1, "d": 3 }));
    assert_eq!(offer["selling"]["asset_code"], "GOLD");
    assert_eq!(offer["buying"]["asset_type"], "native");
    let issuer = id("issuer");
    for (filter, count) in [
        (format!("seller={}&buying=native", id("alice")), 1),
        (format!("selling=GOLD:{issuer}"), 1),
        (
            format!(
                "selling_asset_type=credit_alphanum4&selling_asset_code=GOLD&selling_asset_issuer={issuer}"
            ),
            1,
        ),
        ("selling_asset_type=native".to_owned(), 0),
        (format!("sponsor={issuer}"), 0),
    ] {
        let (_, page) = town.get(&format!("/offers?{filter}")).await;
        assert_eq!(page["_embedded"]["records"].as_array().unwrap().len(), count, "{filter}");
    }
    assert_eq!(town.get("/offers/1").await.1["id"], "1");
    is_problem(&town.get("/offers/2").await, 404, "not_found");
    let (_, account) = town.get(&format!("/accounts/{}", id("alice"))).await;
    assert_eq!(account["balances"][0]["selling_liabilities"], "0.0000600");
    assert_eq!(account["balances"][1]["buying_liabilities"], "0.0000200");
    let hash = town.send(&draft("bob", [pay_through("bob", (Asset::Native, 50), &[], (gold, 90))]));
    let (_, page) = town.get(&format!("/transactions/{hash}/payments")).await;
    let payment = &page["_embedded"]["records"][0];
    assert_eq!((&payment["type"], &payment["type_i"]), (&"path_payment_strict_receive".into(), &2.into()));
    assert_eq!((&payment["amount"], &payment["source_amount"]), (&"0.0000090".into(), &"0.0000030".into()));
    assert_eq!(
        (&payment["source_max"], &payment["source_asset_type"]),
        (&"0.0000050".into(), &"native".into())
    );
    let effects = types(&town, &format!("/transactions/{hash}/effects")).await;
    assert_eq!(effects, ["account_credited", "account_debited", "trade", "trade"]);
    let hash = town.send(&draft("bob", [send_through("bob", (Asset::Native, 10), &[], (gold, 1))]));
    let (_, page) = town.get(&format!("/transactions/{hash}/payments")).await;
    let payment = &page["_embedded"]["records"][0];
    assert_eq!((&payment["amount"], &payment["destination_min"]), (&"0.0000030".into(), &"0.0000001".into()));
}
