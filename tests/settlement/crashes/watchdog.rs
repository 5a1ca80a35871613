//! What hangs is said by `/readyz`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use farmgate::app::clock::SystemEntropy;
use farmgate::http::{AppState, Settings, router};
use serde_json::Value;
use tokio::sync::Notify;
use tower::ServiceExt;

use crate::support::on_both_databases;
use crate::world::faulty_network::faulty;
use crate::world::{World, price, wallet};

/// Beyond every bound of the settings.
const TOO_LONG_SECONDS: i64 = 1_000;
const ALWAYS: usize = 1_000;
/// Ledgers after which a story has gone wrong.
const LOOKS_MAX: usize = 1_000;

async fn readyz(world: &World) -> (u16, Value) {
    let router = router(AppState {
        store: world.store.clone(),
        clock: world.clock.clone(),
        entropy: Arc::new(SystemEntropy),
        settings: Settings::default(),
        reservations: world.settings.clone(),
        platform: wallet("platform").account(),
        network_passphrase: farmgate::domain::deployment::PUBLIC_PASSPHRASE.to_owned(),
        payout_change_delay_seconds: 0,
        holder: "serve-story".to_owned(),
        metrics: Arc::new(String::new),
    });
    let answer = router.oneshot(Request::get("/readyz").body(Body::empty()).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

async fn until_ready(world: &World) -> Value {
    let mut last = Value::Null;
    for _ in 0..LOOKS_MAX {
        let (status, body) = readyz(world).await;
        if status == 200 {
            return body;
        }
        last = body;
        world.next_ledger().await;
    }
    panic!("it does not become ready: {last}");
}

on_both_databases! {
    async fn a_funded_reservation_that_is_not_settled_makes_the_service_not_ready(store: &TestStore) {
        let (world, faults) = faulty(store.store.clone()).await;
        world.customer("alice").await;
        let stop = Arc::new(Notify::new());
        let reservation = world.reserve().await;
        world.rest().await;
        faults.lost.store(ALWAYS, Ordering::SeqCst);
        world.pay("alice", reservation.escrow, price(&reservation), "TFT").await;
        world.until(reservation.id, "settling").await;
        // The loop of a process stores the engine's reports; a bare tick does not.
        let candidate = world.candidate("serve");
        let told = Arc::clone(&stop);
        let running = tokio::spawn(async move { candidate.run(told.notified()).await });
        let body = until_ready(&world).await;
        assert!(body["oldest_funded_seconds"].is_number(), "{body}");
        world.clock.move_on(TOO_LONG_SECONDS);
        let named = |body: &Value| {
            let reasons = body["reasons"].as_array().cloned().unwrap_or_default();
            reasons.iter().any(|reason| {
                reason.as_str().is_some_and(|text| {
                    text.starts_with("funded_waits") && text.contains(&reservation.id.to_string())
                })
            })
        };
        let (status, body) = readyz(&world).await;
        assert!(status == 503 && named(&body), "{body}");
        faults.lost.store(0, Ordering::SeqCst);
        until_ready(&world).await;
        assert_eq!(world.state(reservation.id).await, "settled");
        stop.notify_one();
        running.await.unwrap().unwrap();
        world.assert_reconciled().await;
    }
}
