//! The order book, ways through it, and trades.

use serde_json::json;

use super::*;
use stellar_types::asset::Asset;

const XLM: Asset = Asset::Native;

fn gold() -> Asset {
    issued("GOLD", "issuer")
}

fn silver() -> Asset {
    issued("SILVERBAR", "issuer")
}

/// Alice sells gold for XLM at two prices, and silver for gold; bob bids for gold.
fn town() -> Town {
    let town = Town::new();
    town.befriend(&["alice", "bob", "carol", "issuer"]);
    for name in ["alice", "bob"] {
        town.send(&draft(name, [trust(gold(), i64::MAX), trust(silver(), i64::MAX)]));
    }
    let gifts = [pay("alice", gold(), 10_000_000_000), pay("alice", silver(), 10_000_000_000)];
    town.send(&draft("issuer", gifts));
    town.send(&draft(
        "alice",
        [
            sell(gold(), XLM, 1_000_000_000, (3, 1), 0),
            sell(gold(), XLM, 500_000_000, (2, 1), 0),
            sell(gold(), XLM, 100_000_000, (2, 1), 0),
            sell(silver(), gold(), 2_000_000_000, (1, 2), 0),
        ],
    ));
    town.send(&draft("bob", [sell(XLM, gold(), 300_000_000, (2, 3), 0)]));
    town
}

fn typed(field: &str, asset: Asset) -> String {
    match asset {
        Asset::Native => format!("{field}_asset_type=native"),
        Asset::Credit { code, issuer } => {
            let kind = if code.is_short() { 4 } else { 12 };
            [
                ("type", format!("credit_alphanum{kind}")),
                ("code", code.to_string()),
                ("issuer", issuer.to_string()),
            ]
            .map(|(part, value)| format!("{field}_asset_{part}={value}"))
            .join("&")
        }
    }
}

fn book(selling: Asset, buying: Asset) -> String {
    format!("/order_book?{}&{}", typed("selling", selling), typed("buying", buying))
}

async fn records(town: &Town, path: &str) -> Vec<Value> {
    let (status, page) = town.get(path).await;
    assert_eq!(status, 200, "{page}");
    page["_embedded"]["records"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_order_book_adds_up_the_offers_of_a_price_and_turns_bids_round() {
    let town = town();
    let (_, seen) = town.get(&book(gold(), XLM)).await;
    assert_eq!(
        seen["asks"],
        json!([
            { "price_r": { "n": 2, "d": 1 }, "price": "2.0000000", "amount": "60.0000000" },
            { "price_r": { "n": 3, "d": 1 }, "price": "3.0000000", "amount": "100.0000000" },
        ])
    );
    let bid = json!([{ "price_r": { "n": 3, "d": 2 }, "price": "1.5000000", "amount": "30.0000000" }]);
    assert_eq!(seen["bids"], bid);
    assert_eq!(
        (&seen["base"]["asset_code"], &seen["counter"]),
        (&"GOLD".into(), &json!({ "asset_type": "native" }))
    );
    let (_, turned) = town.get(&book(XLM, gold())).await;
    assert_eq!(turned["asks"][0]["price"], "0.6666667");
    assert_eq!(
        turned["bids"][0],
        json!({ "price_r": { "n": 1, "d": 2 }, "price": "0.5000000", "amount": "60.0000000" })
    );
    let (_, short) = town.get(&format!("{}&limit=1", book(gold(), XLM))).await;
    assert_eq!(short["asks"].as_array().unwrap().len(), 1);
    is_problem(&town.get("/order_book?selling_asset_type=native").await, 400, "invalid_order_book");
    is_problem(&town.get(&format!("{}&limit=0", book(gold(), XLM))).await, 400, "bad_request");
}

#[tokio::test]
async fn a_way_that_is_found_costs_what_the_payment_costs() {
    let town = town();
    let question = format!(
        "/paths/strict-receive?source_assets=native&{}&destination_amount=10",
        typed("destination", silver())
    );
    let ways = records(&town, &question).await;
    let [way] = ways.as_slice() else { panic!("{ways:?}") };
    assert_eq!((&way["source_asset_type"], &way["source_amount"]), (&"native".into(), &"10.0000000".into()));
    assert_eq!(
        (&way["destination_asset_code"], &way["destination_amount"]),
        (&"SILVERBAR".into(), &"10.0000000".into())
    );
    assert_eq!((&way["path"][0]["asset_code"], way["path"].as_array().unwrap().len()), (&"GOLD".into(), 1));

    let before = town.sandbox.balance(id("bob"), &XLM).unwrap().get();
    let (cost, fee) = (100_000_000, 100);
    town.send(&draft("bob", [pay_through("bob", (XLM, cost), &[gold()], (silver(), 100_000_000))]));
    assert_eq!(town.sandbox.balance(id("bob"), &XLM).unwrap().get(), before - cost - fee);

    let question = format!(
        "/paths/strict-send?{}&source_amount=10&destination_account={}",
        typed("source", XLM),
        id("bob")
    );
    let ways = records(&town, &question).await;
    let told: Vec<_> =
        ways.iter().map(|way| [&way["destination_asset_type"], &way["destination_amount"]]).collect();
    let expected =
        [["credit_alphanum12", "10.0000000"], ["credit_alphanum4", "5.0000000"], ["native", "10.0000000"]];
    assert_eq!(json!(told), json!(expected));
}

#[tokio::test]
async fn an_account_is_told_only_what_it_can_pay_and_nobody_more_than_there_is() {
    let town = town();
    let of = |id, sum| {
        format!(
            "/paths/strict-receive?source_account={id}&{}&destination_amount={sum}",
            typed("destination", gold())
        )
    };
    let kinds = |ways: Vec<Value>| -> Vec<String> {
        ways.iter().map(|way| way["source_asset_type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(records(&town, &of(id("carol"), "160")).await), ["native"]);
    assert!(records(&town, &of(id("carol"), "160.0000001")).await.is_empty(), "the book has no more");
    let poor = records(&town, &of(id("bob"), "60")).await;
    assert_eq!(kinds(poor), ["native"], "bob trusts gold and has none");
    assert!(records(&town, &of(id("nobody"), "1")).await.is_empty());
    let (to_gold, from_gold) = (typed("destination", gold()), typed("source", gold()));
    let (receive, send) = ("/paths/strict-receive?", "/paths/strict-send?");
    let (bob, too_many) = (id("bob"), ["native"; 16].join(","));
    let untyped = "source_asset_type=credit_alphanum12&source_asset_code=GOLD";
    for question in [
        format!("{receive}{to_gold}&destination_amount=1"),
        format!("{receive}source_assets=native&source_account={bob}&{to_gold}&destination_amount=1"),
        format!("{receive}source_assets=native&{to_gold}&destination_amount=0"),
        format!("{receive}source_assets=native&destination_amount=1"),
        format!("{send}{from_gold}&source_amount=1"),
        format!("{send}{from_gold}&source_amount=1&destination_assets={too_many}"),
        format!("{send}source_asset_type=gold&source_amount=1&destination_assets=native"),
        format!("{send}{untyped}&source_amount=1&destination_assets=native"),
    ] {
        is_problem(&town.get(&question).await, 400, "bad_request");
    }
}

#[tokio::test]
async fn a_trade_is_told_once_in_the_terms_that_are_asked_for() {
    let town = town();
    town.send(&draft("bob", [pay_through("bob", (XLM, i64::MAX), &[], (gold(), 600_000_000))]));
    let all = records(&town, "/trades").await;
    let fields = ["offer_id", "base_amount", "counter_amount"];
    let told: Vec<_> = all.iter().map(|trade| fields.map(|field| &trade[field])).collect();
    assert_eq!(json!(told), json!([["2", "100.0000000", "50.0000000"], ["3", "20.0000000", "10.0000000"]]));

    let trade = &all[0];
    let operation = trade["id"].as_str().unwrap().strip_suffix("-0").unwrap();
    assert_eq!(all[1]["paging_token"], format!("{operation}-1"));
    assert_eq!((&trade["base_asset_type"], &trade["counter_asset_code"]), (&"native".into(), &"GOLD".into()));
    assert_eq!((&trade["base_is_seller"], &trade["trade_type"]), (&false.into(), &"orderbook".into()));
    assert_eq!(trade["price"], json!({ "n": "1", "d": "2" }));
    assert_eq!(
        (&trade["base_account"], &trade["counter_account"]),
        (&id("bob").to_string().into(), &id("alice").to_string().into())
    );
    let stand_in = (1_i64 << 62) | operation.parse::<i64>().unwrap();
    assert_eq!(
        (&trade["base_offer_id"], &trade["counter_offer_id"]),
        (&stand_in.to_string().into(), &"2".into())
    );
    assert_eq!(trade["_links"]["operation"]["href"], format!("http://horizon.test/operations/{operation}"));

    let pair = format!("/trades?{}&{}", typed("base", gold()), typed("counter", XLM));
    let turned = &records(&town, &pair).await[0];
    assert_eq!((&turned["base_is_seller"], &turned["price"]), (&true.into(), &json!({ "n": "2", "d": "1" })));
    assert_eq!((&turned["base_amount"], &turned["base_offer_id"]), (&"50.0000000".into(), &"2".into()));

    for (path, count) in [
        (format!("/accounts/{}/trades", id("alice")), 2),
        (format!("/trades?account_id={}", id("bob")), 2),
        (format!("/accounts/{}/trades", id("carol")), 0),
        ("/trades?offer_id=3".to_owned(), 1),
        ("/offers/3/trades".to_owned(), 1),
        ("/trades?trade_type=liquidity_pool".to_owned(), 0),
        (format!("/trades?{}&{}", typed("base", silver()), typed("counter", XLM)), 0),
        (format!("/trades?cursor={operation}-0"), 1),
        ("/trades?order=desc&limit=1".to_owned(), 1),
    ] {
        assert_eq!(records(&town, &path).await.len(), count, "{path}");
    }
    for path in [
        "/trades?base_asset_type=native",
        "/trades?trade_type=any",
        "/trades?offer_id=0",
        "/trades?account_id=x",
    ] {
        is_problem(&town.get(path).await, 400, "bad_request");
    }
    for path in [format!("/transactions/{}/trades", "0".repeat(64)), "/ledgers/1/trades".to_owned()] {
        is_problem(&town.get(&path).await, 404, "not_found");
    }
}

#[tokio::test]
async fn who_takes_and_is_left_with_an_offer_is_named_by_it() {
    let town = town();
    town.send(&draft("carol", [trust(gold(), i64::MAX), buy(XLM, gold(), 700_000_000, (2, 1), 0)]));
    let taken = records(&town, &format!("/accounts/{}/trades", id("carol"))).await;
    assert_eq!(taken.len(), 2);
    let (_, left) = town.get(&format!("/accounts/{}/offers", id("carol"))).await;
    assert_eq!(taken[1]["base_offer_id"], left["_embedded"]["records"][0]["id"]);
}
