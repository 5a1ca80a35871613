//! Escrow accounts that are no longer needed.

use std::sync::atomic::Ordering;

use farmgate::app::clock::SystemEntropy;
use farmgate::domain::address::{AccountId, Address};
use farmgate::domain::asset::Asset;
use farmgate::domain::escrow::EscrowState;
use farmgate::domain::money::Stroops;
use farmgate::domain::reservation::Reservation;
use farmgate::settlement::{Settings, WAITING_SECONDS_MAX};
use farmgate::stellar::sealing::SealingSecret;
use farmgate_sandbox::wallet::Named;
use farmgate_sandbox::wallet::{Memo, Wallet};

use crate::support::on_both_databases;
use crate::world::faulty_network::{Faults, faulty};
use crate::world::{World, amount, engine_settings, price, wallet};

/// Accounts are closed so soon after their end.
const QUIET_SECONDS: i64 = 3_600;

fn settings() -> Settings {
    Settings { quiet_period_seconds: QUIET_SECONDS, ..engine_settings() }
}

/// A settled reservation whose account may be closed once the quiet period is over.
async fn settled(world: &World) -> Reservation {
    world.restart_with(world.store.clone(), world.network.clone(), settings());
    world.customer("alice").await;
    world.fund("stranger").await;
    let reservation = world.reserve().await;
    world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
    let reservation = world.until(reservation.id, "settled").await;
    world.rest().await;
    reservation
}

async fn is_there(world: &World, account: AccountId) -> bool {
    world.plain.account(account).await.unwrap().account.is_some()
}

/// A settled reservation, and the transaction that closes its account stored but lost on the way.
async fn closing(world: &World, faults: &Faults) -> Reservation {
    let reservation = settled(world).await;
    faults.lost.store(usize::MAX, Ordering::SeqCst);
    world.clock.move_on(QUIET_SECONDS + 60);
    for _ in 0..100 {
        world.tick().await.unwrap();
        world.next_ledger().await;
        if matches!(world.escrow(reservation.escrow).await.state, EscrowState::Closing { .. }) {
            return reservation;
        }
    }
    panic!("nothing was closed");
}

on_both_databases! {
    async fn an_account_is_closed_after_a_quiet_period_and_its_reserve_comes_home(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = settled(&world).await;
        world.clock.move_on(QUIET_SECONDS - 600);
        world.rest().await;
        assert!(is_there(&world, reservation.escrow).await, "somebody may still pay");
        let sponsoring = world.sponsoring().await;
        let trust_lines = u32::try_from(world.escrow(reservation.escrow).await.assets.len()).unwrap();
        world.clock.move_on(1_200);
        world.until_closed(reservation.escrow).await;
        assert!(!is_there(&world, reservation.escrow).await);
        assert_eq!(
            sponsoring - world.sponsoring().await,
            2 + 1 + trust_lines,
            "account, signer, trust lines"
        );
        world.assert_reconciled().await;
    }

    async fn a_late_payment_after_closing_is_refused_by_the_network_itself(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = settled(&world).await;
        world.clock.move_on(QUIET_SECONDS + 60);
        world.until_closed(reservation.escrow).await;
        let before = world.holds("alice", "TFT");
        let to = Address::Account(reservation.escrow);
        let refused = world.try_pay("alice", to, amount("1"), "TFT").await.unwrap_err();
        assert!(refused.to_string().contains("op_no_destination"), "{refused}");
        assert_eq!(world.holds("alice", "TFT"), before);
    }

    async fn the_unsealed_secret_signs_for_an_account_that_a_stranger_made_again(store: &TestStore) {
        let secret = SealingSecret::generate(&SystemEntropy);
        let world = World::sealing_to(store.store.clone(), secret.public_key()).await;
        let reservation = settled(&world).await;
        let sealed = world.sealed_secret(reservation.escrow).await.unwrap();
        let master: Wallet = secret.open(&sealed).unwrap().reveal().parse().unwrap();
        assert_eq!(master.account(), reservation.escrow);
        let to_stranger = |much: &str| {
            let (to, much) = (wallet("stranger").address(), amount(much));
            world.horizon.pay(&master, to, World::named("XLM"), much, &Memo::None)
        };
        let refused = to_stranger("0").await.unwrap_err();
        assert!(
            refused.to_string().contains("tx_bad_auth"),
            "while the account is ours, it signs nothing: {refused}"
        );
        world.clock.move_on(QUIET_SECONDS + 60);
        world.until_closed(reservation.escrow).await;
        assert_eq!(world.sealed_secret(reservation.escrow).await, Some(sealed), "it is kept");
        let native = World::named("XLM");
        world.horizon.fund(reservation.escrow, native, Stroops::ZERO).await.unwrap();
        let before = world.holds("stranger", "XLM");
        to_stranger("7").await.unwrap();
        assert_eq!(world.holds("stranger", "XLM"), before.checked_add(amount("7")).unwrap());
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn without_a_sealing_key_no_secret_is_stored(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = world.reserve().await;
        world.rest().await;
        let mut tx = world.store.begin_read().await.unwrap();
        let channels = tx.channels().await.unwrap().all().unwrap().into_iter().map(|channel| channel.account);
        let accounts: Vec<AccountId> = channels.chain([reservation.escrow]).collect();
        assert!(accounts.len() > 2, "channels were opened too");
        assert_eq!(tx.sealed_secrets(&accounts).await.unwrap(), []);
    }

    async fn xlm_that_comes_at_the_very_last_goes_back_from_the_platforms_account(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = closing(&world, &faults).await;
        // Seen by nobody: history stands still until the account is merged.
        faults.no_history.store(usize::MAX, Ordering::SeqCst);
        let before = world.holds("stranger", "XLM");
        world.pay("stranger", reservation.escrow, amount("3"), "XLM").await;
        faults.lost.store(0, Ordering::SeqCst);
        world.clock.move_on(2);
        for _ in 0..100 {
            world.tick().await.unwrap();
            world.next_ledger().await;
            if !is_there(&world, reservation.escrow).await {
                break;
            }
        }
        assert!(!is_there(&world, reservation.escrow).await, "dust does not keep it open");
        world.rest().await;
        assert!(matches!(world.escrow(reservation.escrow).await.state, EscrowState::Merged { .. }));
        faults.no_history.store(0, Ordering::SeqCst);
        world.until_closed(reservation.escrow).await;
        let fee = amount("0.00001");
        world.until_holds("stranger", "XLM", before.checked_sub(fee).unwrap()).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn what_is_paid_to_an_address_after_its_account_was_merged_is_none_of_ours(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = closing(&world, &faults).await;
        faults.no_history.store(usize::MAX, Ordering::SeqCst);
        faults.lost.store(0, Ordering::SeqCst);
        world.clock.move_on(2);
        while is_there(&world, reservation.escrow).await {
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        // Anybody may make an account of that address anew, and pay it.
        world.horizon.fund(reservation.escrow, Named::Asset(Asset::Native), Stroops::ZERO).await.unwrap();
        world.pay("stranger", reservation.escrow, amount("3"), "XLM").await;
        let (stranger, platform) = (world.holds("stranger", "XLM"), world.holds("platform", "XLM"));
        faults.no_history.store(0, Ordering::SeqCst);
        world.until_closed(reservation.escrow).await;
        world.rest().await;
        assert_eq!(world.holds("stranger", "XLM"), stranger, "we have nothing of it to give back");
        assert_eq!(world.holds("platform", "XLM"), platform);
        world.assert_reconciled().await;
    }

    async fn tokens_that_come_at_the_very_last_keep_the_account_open_until_they_went_back(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = closing(&world, &faults).await;
        let before = world.holds("alice", "TFT");
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        faults.lost.store(0, Ordering::SeqCst);
        world.clock.move_on(2);
        world.rest().await;
        assert!(is_there(&world, reservation.escrow).await, "its trust line is not empty");
        world.until_holds("alice", "TFT", before).await;
        // It is tried again, ever less often.
        for _ in 0..20 {
            world.clock.move_on(86_400);
            world.rest().await;
            if !is_there(&world, reservation.escrow).await {
                break;
            }
        }
        world.until_closed(reservation.escrow).await;
        assert_eq!(world.fees_of_failures().await.len(), 1);
        world.assert_reconciled().await;
    }

    async fn a_return_that_is_owed_when_its_account_is_merged_goes_from_the_platforms(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = closing(&world, &faults).await;
        let before = world.holds("stranger", "XLM");
        world.pay("stranger", reservation.escrow, amount("3"), "XLM").await;
        world.rest().await;
        let mut tx = world.store.begin_read().await.unwrap();
        assert!(
            tx.money_is_owed_from(reservation.escrow).await.unwrap(),
            "seen, and not sent while it closes"
        );
        drop(tx);
        faults.lost.store(0, Ordering::SeqCst);
        world.clock.move_on(2);
        world.until_closed(reservation.escrow).await;
        let fee = amount("0.00001");
        world.until_holds("stranger", "XLM", before.checked_sub(fee).unwrap()).await;
        world.rest().await;
        world.assert_reconciled().await;
    }

    async fn a_closing_that_never_landed_leaves_the_account_as_it_was(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        let reservation = closing(&world, &faults).await;
        world.pay("alice", reservation.escrow, amount("1"), "TFT").await;
        world.clock.move_on(400);
        for _ in 0..10 {
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        faults.lost.store(0, Ordering::SeqCst);
        let held = |world: &World| world.balance(reservation.escrow, "TFT").is_zero();
        for _ in 0..100 {
            if held(&world) {
                break;
            }
            world.clock.move_on(10);
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        assert!(held(&world), "late money went back");
        assert!(is_there(&world, reservation.escrow).await);
        world.clock.move_on(86_400);
        world.until_closed(reservation.escrow).await;
        world.assert_reconciled().await;
    }

    async fn an_account_that_owes_or_holds_anything_stays_open(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = settled(&world).await;
        let muxed_payer = 77;
        world.pay_as_sub_account("alice", muxed_payer, reservation.escrow, amount("1"), "TFT").await;
        let issuer = world.asset("TFT").issuer().unwrap();
        world.try_pay("alice", Address::Account(issuer), world.holds("alice", "TFT"), "TFT").await.unwrap();
        world.distrust("alice", "TFT").await;
        world.clock.move_on(QUIET_SECONDS + 60);
        for _ in 0..10 {
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        assert!(is_there(&world, reservation.escrow).await);
        assert_eq!(world.balance(reservation.escrow, "TFT"), amount("1"));
        world.trust("alice", "TFT").await;
        world.clock.move_on(86_400);
        world.until_closed(reservation.escrow).await;
        assert_eq!(world.holds("alice", "TFT"), amount("1"));
        world.assert_reconciled().await;
    }

    async fn claimable_balances_for_an_account_are_looked_for_before_it_is_closed(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = settled(&world).await;
        world.put_aside_for("stranger", reservation.escrow, amount("0.9999999"), "XLM").await;
        world.put_aside_for("alice", reservation.escrow, amount("19.9999999"), "TFT").await;
        world.rest().await;
        let listed = world.store.begin_read().await.unwrap().foreign_claimables(None, 10).await.unwrap();
        assert_eq!(listed, [], "nobody looks for them all the time");
        world.clock.move_on(QUIET_SECONDS + 60);
        world.until_closed(reservation.escrow).await;
        let listed = world.store.begin_read().await.unwrap().foreign_claimables(None, 10).await.unwrap();
        assert_eq!(listed.len(), 2, "dust keeps no account open");
        assert!(listed.iter().all(|balance| balance.claimant == reservation.escrow));
        assert!(listed.iter().all(|balance| balance.out_of_reach_at.is_some()));
        world.assert_reconciled().await;
    }

    async fn a_strangers_balance_keeps_its_account_open_for_a_bounded_time(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = settled(&world).await;
        world.put_aside_for("stranger", reservation.escrow, amount("1"), "XLM").await;
        world.clock.move_on(QUIET_SECONDS + 60);
        for _ in 0..10 {
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        assert!(is_there(&world, reservation.escrow).await);
        let listed = world.store.begin_read().await.unwrap().foreign_claimables(None, 10).await.unwrap();
        assert_eq!((listed.len(), listed[0].out_of_reach_at), (1, None), "somebody can decide");
        let sponsoring = world.sponsoring().await;
        world.clock.move_on(WAITING_SECONDS_MAX - 3_600);
        // Another one does not make it longer.
        world.put_aside_for("stranger", reservation.escrow, amount("100"), "XLM").await;
        world.rest().await;
        assert!(is_there(&world, reservation.escrow).await);
        world.clock.move_on(2 * 3_600);
        world.until_closed(reservation.escrow).await;
        assert!(world.sponsoring().await < sponsoring, "the reserves came home");
        let listed = world.store.begin_read().await.unwrap().foreign_claimables(None, 10).await.unwrap();
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().all(|balance| balance.out_of_reach_at.is_some()), "and it stays listed");
        world.assert_reconciled().await;
    }

    async fn an_account_is_closed_once_a_strangers_balance_is_gone(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        let reservation = settled(&world).await;
        world.put_aside_for("alice", reservation.escrow, amount("20"), "TFT").await;
        world.clock.move_on(QUIET_SECONDS + 60);
        for _ in 0..10 {
            world.tick().await.unwrap();
            world.next_ledger().await;
        }
        assert!(is_there(&world, reservation.escrow).await, "it is worth a dollar");
        let listed = world.store.begin_read().await.unwrap().foreign_claimables(None, 10).await.unwrap();
        world.take_aside_back("alice", &listed[0].id).await;
        world.clock.move_on(86_400 + 60);
        world.until_closed(reservation.escrow).await;
        assert_eq!(world.store.begin_read().await.unwrap().foreign_claimables(None, 10).await.unwrap(), []);
        world.assert_reconciled().await;
    }

    async fn several_accounts_are_closed_together(store: &TestStore) {
        let world = World::new(store.store.clone()).await;
        world.restart_with(world.store.clone(), world.network.clone(), settings());
        world.customer("alice").await;
        let mut reservations = Vec::new();
        for _ in 0..4 {
            let reservation = world.reserve().await;
            world.cancel(reservation.id).await.unwrap();
            reservations.push(reservation);
        }
        for reservation in &reservations {
            world.until(reservation.id, "cancelled").await;
        }
        world.rest().await;
        let xlm = world.balance(wallet("platform").account(), "XLM");
        world.clock.move_on(QUIET_SECONDS + 60);
        for reservation in &reservations {
            world.until_closed(reservation.escrow).await;
        }
        assert_eq!(world.balance(wallet("platform").account(), "XLM"), xlm, "channels pay the fees");
        let mut tx = world.store.begin_read().await.unwrap();
        for reservation in &reservations {
            let account = farmgate::domain::journal::BookAccount::Stellar(reservation.escrow);
            assert_eq!(tx.balance(account, Asset::Native).await.unwrap(), 0);
        }
        drop(tx);
        world.assert_reconciled().await;
    }
}
