//! How the service of the demo is set up: everything is quick, and everybody comes at once.

use std::net::{Ipv4Addr, SocketAddr};

use rust_decimal::Decimal;
use secrecy::SecretString;
use stellar_strkey::ed25519::PrivateKey;

use super::error::DemoError;
use super::grid::{self, Grid};
use crate::app::config::{Config, Escrow};
use crate::app::telemetry;
use crate::domain::pricing::UnitPrices;
use crate::{http, reservations, settlement, stellar, storage};
use farmgate_sandbox as sandbox;
use farmgate_sandbox::network::PASSPHRASE;

/// Milliseconds between two ledgers.
pub(super) const LEDGER_MILLIS: u64 = 1_000;
/// Milliseconds between two ticks of the engine.
const TICK_MILLIS: u64 = 250;
/// How long customers have to pay, in seconds; some let it pass.
const PAYMENT_WINDOW_SECONDS: u32 = 14;
/// After so many seconds escrow accounts are closed.
pub(super) const QUIET_PERIOD_SECONDS: i64 = 8;
/// Transactions that may be under way at once, and escrow accounts kept ready: everybody comes at once.
const CHANNELS: u16 = 24;
const WARM_ACCOUNTS: u16 = 64;
/// How long an order waits for an escrow account, in seconds.
const ESCROW_WAIT_SECONDS: u32 = 20;

pub(super) fn secret(grid: &Grid) -> SecretString {
    let seed = PrivateKey(grid.platform.key().to_bytes());
    seed.as_unredacted().to_string().as_str().to_owned().into()
}

pub(super) fn config(
    sandbox: &sandbox::Handle,
    folder: &std::path::Path,
    grid: &Grid,
) -> Result<Config, DemoError> {
    let platform = grid.platform.account();
    let mut stellar = stellar::Settings::new(sandbox.url().parse()?, PASSPHRASE.to_owned(), platform);
    stellar.requests_per_hour_max = None;
    let url = format!("sqlite://{}", folder.join("farmgate.db").display());
    Ok(Config {
        http: http::Settings {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ..http::Settings::default()
        },
        database: storage::Settings::for_url(url.parse()?),
        stellar,
        escrow: Escrow::default(),
        reservations: reservations::Settings {
            payment_window_seconds: PAYMENT_WINDOW_SECONDS,
            escrow_wait_seconds: ESCROW_WAIT_SECONDS,
            unit_prices: UnitPrices { ipv4u: Decimal::ZERO, ..UnitPrices::default() },
            payout: grid.payout(),
            ..reservations::Settings::default()
        },
        settlement: settlement::Settings {
            tick_millis: TICK_MILLIS,
            channels: CHANNELS,
            warm_accounts: WARM_ACCOUNTS,
            quiet_period_seconds: QUIET_PERIOD_SECONDS,
            funding_accounts: vec![grid::wallet(grid::OPERATOR)?.account()],
            ..settlement::Settings::default()
        },
        log: telemetry::Settings::default(),
    })
}
