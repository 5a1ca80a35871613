//! The sandbox, asked by a Horizon client that nobody here wrote: the crate stellar-horizon, with its own
//! transactions.
//!
//! Only with the feature `conformance`: the client needs OpenSSL's headers, and carries no money
//! (docs/adr/0002).

use std::sync::Arc;
use std::time::Duration;

use farmgate::app::clock::SystemClock;
use farmgate_sandbox::{Handle, Sandbox, Settings};
use futures::StreamExt;
use stellar_base::account::DataValue;
use stellar_base::amount::{Amount, Price, Stroops};
use stellar_base::asset::{Asset, CreditAsset};
use stellar_base::claim::{ClaimPredicate, ClaimableBalanceId, Claimant};
use stellar_base::crypto::{DalekKeyPair, MuxedEd25519PublicKey, PublicKey};
use stellar_base::memo::Memo;
use stellar_base::network::Network;
use stellar_base::operations::Operation;
use stellar_base::transaction::{MIN_BASE_FEE, Transaction, TransactionEnvelope};
use stellar_horizon::api;
use stellar_horizon::client::{HorizonClient, HorizonHttpClient};
use stellar_horizon::error::Error;
use stellar_horizon::horizon_error::HorizonError;
use stellar_horizon::request::{Order, PageRequest, Request};
use stellar_horizon::resources;

const LEDGER_MS: u64 = 20;
/// A guard against a stream that never tells, not a measure.
const STREAM_SECONDS_MAX: u64 = 60;

struct World {
    sandbox: Handle,
    client: HorizonHttpClient,
    network: Network,
    alice: DalekKeyPair,
    bob: DalekKeyPair,
    usd: CreditAsset,
}

fn amount(text: &str) -> Amount {
    text.parse().unwrap()
}

fn key() -> DalekKeyPair {
    DalekKeyPair::random().unwrap()
}

fn pay(to: PublicKey, asset: Asset, units: &str) -> Operation {
    let payment = Operation::new_payment().with_destination(to).with_asset(asset);
    payment.with_amount(amount(units)).unwrap().build().unwrap()
}

fn xlm() -> Asset {
    Asset::new_native()
}

impl World {
    /// Alice issues USD, and bob trusts it.
    async fn begin() -> Self {
        let settings = Settings { ledger_ms: LEDGER_MS, ..Settings::default() };
        let network = Network::new(settings.passphrase.clone());
        let address = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(settings, Arc::new(SystemClock), address).await.unwrap();
        let client = HorizonHttpClient::new_from_str(&sandbox.url()).unwrap();
        let (alice, bob) = (key(), key());
        let usd = Asset::new_credit("USD", alice.public_key()).unwrap();
        let Asset::Credit(usd) = usd else { panic!("a credit") };
        let world = Self { sandbox, client, network, alice, bob, usd };
        for who in [&world.alice, &world.bob] {
            world.befriend(who.public_key()).await;
        }
        let asset = Asset::Credit(world.usd.clone());
        let trust = Operation::new_change_trust().with_asset(asset.into()).with_limit(Some(Stroops::max()));
        world.send(&world.bob, [trust.unwrap().build().unwrap()]).await;
        world
    }

    async fn befriend(&self, who: PublicKey) {
        let url = format!("{}/friendbot?addr={}", self.sandbox.url(), who.account_id());
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        http.get(url).send().await.unwrap().error_for_status().unwrap();
    }

    fn usd(&self) -> Asset {
        Asset::Credit(self.usd.clone())
    }

    async fn ask<R: Request>(&self, request: R) -> R::Response {
        self.client.request(request).await.unwrap().1
    }

    async fn refused<R: Request>(&self, request: R) -> HorizonError {
        match self.client.request(request).await {
            Err(Error::HorizonRequestError(error)) => error,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it was accepted"),
        }
    }

    async fn signed(
        &self,
        source: &DalekKeyPair,
        operations: impl IntoIterator<Item = Operation>,
    ) -> TransactionEnvelope {
        let account = self.ask(api::accounts::single(&source.public_key())).await;
        let sequence = account.sequence.parse::<i64>().unwrap() + 1;
        let memo = Memo::new_text("asked by another").unwrap();
        let mut builder = Transaction::builder(source.public_key(), sequence, MIN_BASE_FEE).with_memo(memo);
        for operation in operations {
            builder = builder.add_operation(operation);
        }
        let mut transaction = builder.into_transaction().unwrap();
        transaction.sign(source.as_ref(), &self.network).unwrap();
        transaction.into_envelope()
    }

    async fn send(
        &self,
        source: &DalekKeyPair,
        operations: impl IntoIterator<Item = Operation>,
    ) -> resources::Transaction {
        let envelope = self.signed(source, operations).await;
        self.ask(api::transactions::submit(&envelope).unwrap()).await
    }

    async fn codes(&self, envelope: &TransactionEnvelope) -> (String, Vec<String>) {
        match self.refused(api::transactions::submit(envelope).unwrap()).await {
            HorizonError::TransactionFailed(failed) => {
                let codes = failed.extras.result_codes;
                (codes.transaction, codes.operations)
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_root_and_the_fees_are_read() {
    let world = World::begin().await;
    let root = world.ask(api::root::root()).await;
    assert_eq!(root.network_passphrase, Settings::default().passphrase);
    assert!(root.core_latest_ledger >= root.history_latest_ledger);
    let fees = world.ask(api::aggregations::fee_stats()).await;
    assert_eq!(fees.last_ledger_base_fee, 100);
}

#[tokio::test]
async fn an_account_is_read_with_all_that_it_holds() {
    let world = World::begin().await;
    let bob = world.bob.public_key();
    let name = Operation::new_manage_data().with_data_name("greeting".to_owned());
    world
        .send(
            &world.bob,
            [name.with_data_value(Some(DataValue::from_slice(b"hello").unwrap())).build().unwrap()],
        )
        .await;
    world.send(&world.alice, [pay(bob, world.usd(), "12.5")]).await;
    let account = world.ask(api::accounts::single(&bob)).await;
    assert_eq!((account.subentry_count, account.signers.len()), (2, 1));
    assert_eq!(
        (account.balances[0].balance.as_str(), account.balances[0].is_authorized),
        ("12.5000000", Some(true))
    );
    assert_eq!(account.data["greeting"], "aGVsbG8=");
    assert_eq!(world.ask(api::data::for_account(&bob, "greeting")).await.value, "aGVsbG8=");
    for request in
        [api::accounts::all().with_signer(&bob), api::accounts::all().with_trusted_asset(world.usd.clone())]
    {
        let page = world.ask(request).await;
        assert_eq!(page.records.iter().map(|one| &one.account_id).collect::<Vec<_>>(), [&bob.account_id()]);
    }
    match world.refused(api::accounts::single(&key().public_key())).await {
        HorizonError::Other(base) => assert_eq!(base.status, 404),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_payment_is_found_as_transaction_operation_payment_and_effects() {
    let world = World::begin().await;
    let to = MuxedEd25519PublicKey::new(world.bob.public_key(), 7);
    let payment = Operation::new_payment().with_destination(to).with_asset(world.usd());
    let sent = world.send(&world.alice, [payment.with_amount(amount("3")).unwrap().build().unwrap()]).await;
    let found = world.ask(api::transactions::single(sent.hash.clone())).await;
    assert_eq!(
        (found.successful, found.fee_charged, found.memo.as_deref()),
        (true, 100, Some("asked by another"))
    );
    let operations = world.ask(api::operations::for_transaction(sent.hash.clone())).await;
    let [resources::Operation::Payment(payment)] = operations.records.as_slice() else {
        panic!("{operations:?}");
    };
    assert_eq!((payment.amount.as_str(), payment.to_muxed_id.as_deref()), ("3.0000000", Some("7")));
    let payments = world.ask(api::payments::for_transaction(sent.hash.clone())).await;
    assert_eq!(payments.records.len(), 1);
    let effects = world.ask(api::effects::for_transaction(sent.hash)).await;
    assert_eq!(effects.records.len(), 2);
}

#[tokio::test]
async fn what_the_ledger_refuses_comes_with_its_codes() {
    let world = World::begin().await;
    let (alice, nobody) = (world.alice.public_key(), key());
    let to_nobody = pay(nobody.public_key(), xlm(), "1");
    for (operations, codes) in [
        (vec![to_nobody.clone()], vec!["op_no_destination"]),
        (
            vec![pay(alice, world.usd(), "1"), pay(alice, xlm(), "1000000")],
            vec!["op_underfunded", "op_underfunded"],
        ),
        (vec![pay(alice, xlm(), "1"), to_nobody.clone()], vec!["op_success", "op_no_destination"]),
    ] {
        let seen = world.codes(&world.signed(&world.bob, operations).await).await;
        assert_eq!(seen, ("tx_failed".to_owned(), codes.into_iter().map(str::to_owned).collect()));
    }
    let sent = world.signed(&world.bob, [pay(alice, xlm(), "1")]).await;
    let late = world.signed(&world.bob, [pay(alice, xlm(), "2")]).await;
    world.ask(api::transactions::submit(&sent).unwrap()).await;
    assert_eq!(world.codes(&late).await.0, "tx_bad_seq");
    let sequence = world.ask(api::accounts::single(&alice)).await.sequence.parse::<i64>().unwrap() + 1;
    let forged = Transaction::builder(alice, sequence, MIN_BASE_FEE).add_operation(pay(alice, xlm(), "1"));
    let mut forged = forged.into_transaction().unwrap();
    forged.sign(world.bob.as_ref(), &world.network).unwrap();
    assert_eq!(world.codes(&forged.into_envelope()).await.0, "tx_bad_auth");
}

#[tokio::test]
async fn a_claimable_balance_is_found_and_claimed() {
    let world = World::begin().await;
    let (alice, bob) = (world.alice.public_key(), world.bob.public_key());
    let late = ClaimPredicate::new_not(ClaimPredicate::new_unconditional());
    let claimants = vec![Claimant::new(bob, ClaimPredicate::new_unconditional()), Claimant::new(alice, late)];
    let create = Operation::new_create_claimable_balance().with_asset(world.usd()).with_claimants(claimants);
    world.send(&world.alice, [create.with_amount(amount("2.5")).unwrap().build().unwrap()]).await;
    let page = world.ask(api::claimable_balances::all().with_claimant(&bob)).await;
    let [balance] = page.records.as_slice() else { panic!("{page:?}") };
    assert_eq!((balance.amount.as_str(), balance.claimants.len()), ("2.5000000", 2));
    let id = hex::decode(&balance.id[8..]).unwrap();
    let claim = Operation::new_claim_claimable_balance();
    let claim = claim.with_claimable_balance_id(ClaimableBalanceId::new(id).unwrap()).build().unwrap();
    world.send(&world.bob, [claim]).await;
    assert!(world.ask(api::claimable_balances::all().with_claimant(&bob)).await.records.is_empty());
}

#[tokio::test]
async fn a_market_is_read_and_a_path_through_it_paid() {
    let world = World::begin().await;
    let sell = Operation::new_manage_sell_offer().with_selling_asset(world.usd()).with_buying_asset(xlm());
    let sell = sell.with_amount(amount("50")).unwrap().with_price(Price::new(2, 1));
    world.send(&world.alice, [sell.build().unwrap()]).await;
    let book = world.ask(api::aggregations::order_book(world.usd(), xlm())).await;
    assert_eq!((book.asks[0].price.as_str(), book.asks[0].amount.as_str()), ("2.0000000", "50.0000000"));
    let offers = world.ask(api::offers::for_account(&world.alice.public_key())).await;
    assert_eq!(offers.records.len(), 1);
    let ways = api::aggregations::paths_strict_send(xlm(), vec![world.usd.clone()], amount("4")).unwrap();
    let ways = world.ask(ways).await;
    assert_eq!(ways.records[0].destination_amount, "2.0000000");

    let path =
        Operation::new_path_payment_strict_send().with_send_asset(xlm()).with_destination_asset(world.usd());
    let path = path.with_send_amount(amount("4")).unwrap().with_destination_min(amount("2")).unwrap();
    let sent = world.send(&world.bob, [path.with_destination(world.bob.public_key()).build().unwrap()]).await;
    let payments = world.ask(api::payments::for_transaction(sent.hash)).await;
    let [resources::operation::Payment::PathPaymentStrictSend(payment)] = payments.records.as_slice() else {
        panic!("{payments:?}");
    };
    assert_eq!((payment.amount.as_str(), payment.destination_min.as_str()), ("2.0000000", "2.0000000"));
    for request in [
        world.ask(api::trades::for_account(&world.bob.public_key())).await,
        world.ask(api::trades::for_offer(offers.records[0].id)).await,
    ] {
        let [trade] = request.records.as_slice() else { panic!("{request:?}") };
        assert_eq!((trade.base_amount.as_str(), trade.counter_amount.as_str()), ("4.0000000", "2.0000000"));
    }
}

#[tokio::test]
async fn every_record_of_history_is_of_a_kind_that_is_known() {
    let world = World::begin().await;
    let (bob, new) = (world.bob.public_key(), key());
    let create = Operation::new_create_account().with_destination(new.public_key());
    let create = create.with_starting_balance(amount("10")).unwrap().build().unwrap();
    world.send(&world.alice, [create, pay(bob, world.usd(), "5")]).await;
    let options = Operation::new_set_options().with_low_threshold(Some(1));
    world.send(&world.bob, [options.build().unwrap()]).await;
    world.send(&new, [Operation::new_account_merge().with_destination(bob.into()).build().unwrap()]).await;
    let operations = world.ask(api::operations::all().with_limit(200)).await.records;
    assert!(operations.len() >= 7);
    assert!(!operations.iter().any(|one| matches!(one, resources::Operation::Other(_))), "{operations:?}");
    let effects = world.ask(api::effects::all().with_limit(200)).await.records;
    assert!(effects.len() > operations.len());
    let transactions = world.ask(api::transactions::all().with_limit(200)).await.records;
    assert!(transactions.iter().all(|one| one.successful));
}

#[tokio::test]
async fn pages_go_on_where_the_last_ended_in_both_orders() {
    let world = World::begin().await;
    for _ in 0..4 {
        world.send(&world.alice, [pay(world.bob.public_key(), xlm(), "1")]).await;
    }
    for order in [Order::Ascending, Order::Descending] {
        let request = || api::transactions::all().with_order(&order);
        let whole = world.ask(request().with_limit(6)).await.records;
        let first = world.ask(request().with_limit(3)).await.records;
        let cursor = first[2].paging_token.clone();
        let second = world.ask(request().with_limit(3).with_cursor(&cursor)).await.records;
        let hashes: Vec<_> = first.iter().chain(&second).map(|one| &one.hash).collect();
        assert_eq!(hashes, whole.iter().map(|one| &one.hash).collect::<Vec<_>>());
    }
    let latest = world.ask(api::ledgers::all().with_order(&Order::Descending).with_limit(2)).await.records;
    assert_eq!(latest[0].previous_hash.as_ref(), Some(&latest[1].hash));
    assert_eq!(world.ask(api::ledgers::single(latest[0].sequence)).await.hash, latest[0].hash);
    match world.refused(api::transactions::all().with_limit(201)).await {
        HorizonError::BadRequest(bad) => assert_eq!(bad.extras.invalid_field, "limit"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn payments_are_streamed_from_a_cursor_on() {
    let world = World::begin().await;
    let bob = world.bob.public_key();
    let from = world.ask(api::payments::for_account(&bob).with_order(&Order::Descending).with_limit(1)).await;
    let resources::operation::Payment::CreateAccount(created) = &from.records[0] else { panic!("{from:?}") };
    for units in ["1", "2", "3"] {
        world.send(&world.alice, [pay(bob, xlm(), units)]).await;
    }
    let stream =
        world.client.stream(api::payments::for_account(&bob).with_cursor(&created.base.paging_token));
    let told = tokio::time::timeout(
        Duration::from_secs(STREAM_SECONDS_MAX),
        stream.unwrap().take(3).map(Result::unwrap).collect::<Vec<_>>(),
    );
    let amounts: Vec<String> = told
        .await
        .unwrap()
        .into_iter()
        .map(|payment| match payment {
            resources::operation::Payment::Payment(payment) => payment.amount,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(amounts, ["1.0000000", "2.0000000", "3.0000000"]);
}
