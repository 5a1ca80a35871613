//! Puts the parts together: a service is a database, a network, an engine and an API over them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, PrometheusHandle};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::app::clock::{SystemClock, SystemEntropy};
use crate::app::config::Config;
use crate::app::{connections, telemetry};
use crate::delivery::keep_numbering;
use crate::domain::ledger::Divergence;
use crate::http::{self, AppState};
use crate::operator::deployment::{self, DeploymentError};
use crate::ports::clock::Clock;
use crate::ports::network::{Network, NetworkError, TransactionBuilder};
use crate::ports::signer::Signer;
use crate::ports::store::{Store, StoreError};
use crate::settlement::{Candidate, EngineError, Outside};
use crate::stellar::keys::{KeyError, MemorySigner, SecretSeed};
use crate::stellar::transport::{HttpTransport, TransportError};
use crate::stellar::{CheckError, StellarNetwork};
use crate::storage::{self, SchemaState};

/// How long to wait before Horizon is asked again which network it serves.
const PASSPHRASE_RETRY: Duration = Duration::from_secs(5);
/// How long requests under way may take when the service stops, and after them the numbering of events, and
/// the engine.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(15);

/// Longest authorization, in bytes: anything longer is a wrong file.
const AUTHORIZATION_BYTES_MAX: usize = 4_096;

/// Why a service does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The secret seed is none.
    #[error("the platform's secret: {0}")]
    Secret(#[from] KeyError),
    /// Horizon's address.
    #[error("stellar.horizon_url: {0}")]
    Transport(#[from] TransportError),
    /// What goes to Horizon as its authorization cannot be read.
    #[error("stellar.horizon_authorization_file {}: {reason}", file.display())]
    Authorization {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The database.
    #[error("the database: {0}")]
    Store(#[from] StoreError),
    /// Metrics.
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
    /// The address to listen on.
    #[error("http.listen {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// No Horizon, or none that answers.
    #[error("{advice} ({source})")]
    NoHorizon {
        /// Where it should be.
        url: Box<Url>,
        /// What to do.
        advice: String,
        /// What was found instead.
        source: Box<NetworkError>,
    },
    /// Horizon is of another network.
    #[error(transparent)]
    Network(#[from] CheckError),
    /// The database belongs to another network or account.
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
    /// The engine stopped for a person to look.
    #[error("the engine stopped: {0}")]
    Engine(#[from] EngineError),
    /// The engine's task panicked.
    #[error("the engine's task failed: {0}")]
    EngineTask(#[from] tokio::task::JoinError),
}

/// The network of this configuration, signed for by this secret.
pub fn network(config: &Config, secret: &SecretString) -> Result<Arc<StellarNetwork>, ServiceError> {
    network_of(config, secret.expose_secret().parse()?)
}

/// The network of this configuration, signed for by this key.
pub fn network_of(config: &Config, seed: SecretSeed) -> Result<Arc<StellarNetwork>, ServiceError> {
    let signer: Arc<dyn Signer> = Arc::new(MemorySigner::new(seed));
    let transport = HttpTransport::new(&config.stellar.horizon_url)?;
    let transport = Arc::new(match &config.stellar.horizon_authorization_file {
        Some(file) => transport.authorized(&authorization(file)?)?,
        None => transport,
    });
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    Ok(Arc::new(StellarNetwork::new(&config.stellar, transport, signer, clock, entropy)))
}

/// Reads what goes to Horizon as the header `Authorization`.
fn authorization(file: &Path) -> Result<SecretString, ServiceError> {
    let refused = |reason: String| ServiceError::Authorization { file: file.to_owned(), reason };
    let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    let value = text.trim();
    if value.is_empty() || value.len() > AUTHORIZATION_BYTES_MAX || value.contains(['\r', '\n']) {
        return Err(refused(format!("it must hold one line of 1 to {AUTHORIZATION_BYTES_MAX} bytes")));
    }
    Ok(SecretString::from(value))
}

/// Asks Horizon which network it serves, and refuses another than the configured one.
pub async fn reach(network: &StellarNetwork, url: &Url) -> Result<(), ServiceError> {
    match network.check_passphrase().await {
        Ok(_root) => Ok(()),
        Err(CheckError::Network(source)) => Err(unreached(url, source)),
        Err(error @ CheckError::OtherNetwork { .. }) => Err(error.into()),
    }
}

/// Asks Horizon which network it serves, and whether that is the one of which the database noted ledgers. A
/// server that is merely behind is the engine's to tell.
async fn recognise(store: &dyn Store, network: &StellarNetwork, url: &Url) -> Result<(), ServiceError> {
    reach(network, url).await?;
    match deployment::recognise(store, network).await {
        Ok(()) => Ok(()),
        Err(DeploymentError::Diverged(found)) if matches!(*found, Divergence::LedgerFellBack { .. }) => {
            Ok(())
        }
        Err(DeploymentError::Network(source)) => Err(unreached(url, source)),
        Err(DeploymentError::Store(error)) => Err(error.into()),
        Err(error) => Err(error.into()),
    }
}

fn unreached(url: &Url, source: NetworkError) -> ServiceError {
    let advice = horizon_advice(url);
    ServiceError::NoHorizon { url: Box::new(without_userinfo(url)), advice, source: Box::new(source) }
}

/// What to do about a Horizon of which there is no good answer.
pub fn horizon_advice(url: &Url) -> String {
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let url = without_userinfo(url);
    match loopback {
        true => format!("no Horizon answers at {url}: start `farmgate sandbox`, or set stellar.horizon_url"),
        false => format!("see that {url} can be reached from here, or set stellar.horizon_url"),
    }
}

/// A URL as it may be shown: somebody may have put a password into it.
pub fn without_userinfo(url: &Url) -> Url {
    let mut url = url.clone();
    // Only a URL that cannot have them refuses to lose them.
    let _nothing_to_hide = url.set_username("").and_then(|()| url.set_password(None));
    url
}

/// A service whose API listens and whose engine has not started.
pub struct Service {
    /// The database.
    pub store: Arc<dyn Store>,
    /// The network.
    pub network: Arc<StellarNetwork>,
    /// Where the API listens.
    pub address: SocketAddr,
    /// How far the database's schema was, and how far it is now.
    pub schema: (SchemaState, SchemaState),
    listener: TcpListener,
    router: axum::Router,
    candidate: Candidate,
    horizon_url: Url,
    request_head_max: Duration,
}

impl Service {
    /// Opens the database, bringing its tables up to date, and begins to listen.
    pub async fn open(config: &Config, secret: &SecretString) -> Result<Self, ServiceError> {
        let metrics: PrometheusHandle = telemetry::metrics()?;
        let network = network(config, secret)?;
        let before = storage::schema(&config.database).await?;
        let store = storage::connect(&config.database).await?;
        let schema = (before, storage::schema(&config.database).await?);
        deployment::claim(&store, config.deployment()).await?;
        let outside = Outside {
            store: Arc::clone(&store),
            network: Arc::clone(&network) as Arc<dyn Network>,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let candidate = Candidate::new(outside, config.settlement.clone(), "serve");
        let router = http::router(AppState {
            store: Arc::clone(&store),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            settings: config.http.clone(),
            reservations: config.reservations.clone(),
            platform: network.platform(),
            network_passphrase: config.stellar.network_passphrase.clone(),
            payout_change_delay_seconds: config.settlement.payout_change_delay_seconds,
            holder: candidate.holder().to_owned(),
            metrics: Arc::new(move || telemetry::rendered(&metrics)),
        });
        let horizon_url = config.stellar.horizon_url.clone();
        let address = config.http.listen;
        let failed = |source| ServiceError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let request_head_max = Duration::from_secs(config.http.request_head_seconds.into());
        Ok(Self {
            store,
            network,
            address,
            schema,
            listener,
            router,
            candidate,
            horizon_url,
            request_head_max,
        })
    }

    /// Runs until `stop`: the step in hand and requests under way are finished first.
    ///
    /// The API answers from the first moment, also while Horizon is away. If the engine must stop for a
    /// person to look, the API goes on, and `/readyz` says why.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ServiceError> {
        let Self { store, network, listener, router, candidate, horizon_url, request_head_max, .. } = self;
        let serving = connections::serve(listener, router, request_head_max, stop.clone());
        let (numbers, stopped) = (Arc::clone(&store), stop.clone());
        let numbering = async move {
            keep_numbering(numbers, &SystemClock, async move { stopped.cancelled().await }).await;
        };
        let mut engine = tokio::spawn(run_engine(store, network, horizon_url, candidate, stop.clone()));
        let mut serving = std::pin::pin!(serving);
        let mut numbering = tokio::spawn(numbering);
        let mut engine_ended = None;
        tokio::select! {
            () = &mut serving => {}
            // It ends by itself only if it must not go on: without it there is no service.
            ended = &mut engine => engine_ended = Some(ended),
            () = stop.cancelled() => {
                tokio::select! {
                    () = &mut serving => {}
                    () = SystemClock.sleep(SHUTDOWN_GRACE) => tracing::warn!("requests were cut off"),
                }
            }
        }
        stop.cancel();
        tokio::select! {
            ended = &mut numbering => ended?,
            // Harmless: the next pass, of whatever process, goes on.
            () = SystemClock.sleep(SHUTDOWN_GRACE) => {
                tracing::warn!("the numbering of events was cut off");
                numbering.abort();
            }
        }
        match engine_ended {
            Some(ended) => ended?,
            None => tokio::select! {
                ended = &mut engine => ended?,
                // Harmless: it goes on from storage, and its lease runs out.
                () = SystemClock.sleep(SHUTDOWN_GRACE) => {
                    tracing::warn!("the engine was cut off");
                    Ok(())
                }
            },
        }
    }
}

async fn run_engine(
    store: Arc<dyn Store>,
    network: Arc<StellarNetwork>,
    horizon_url: Url,
    candidate: Candidate,
    stop: CancellationToken,
) -> Result<(), ServiceError> {
    while !stop.is_cancelled() {
        let answer = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            answer = recognise(&*store, &network, &horizon_url) => answer,
        };
        match answer {
            Ok(()) => break,
            Err(error @ (ServiceError::Network(_) | ServiceError::Deployment(_))) => {
                tracing::error!(%error, "the engine does not start");
                stop.cancel();
                return Err(error);
            }
            Err(error) => {
                tracing::warn!(%error, "waiting for Horizon");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = SystemClock.sleep(PASSPHRASE_RETRY) => {}
                }
            }
        }
    }
    let stopped = stop.clone();
    if let Err(error) = candidate.run(async move { stopped.cancelled().await }).await {
        tracing::error!(%error, "the engine has stopped for a person to look");
        stop.cancelled().await;
        return Err(error.into());
    }
    Ok(())
}

/// Resolves when the process is asked to stop: Ctrl-C or SIGTERM.
pub async fn asked_to_stop() {
    let interrupt = async {
        if let Err(error) = tokio::signal::ctrl_c().await {
            tracing::warn!(%error, "Ctrl-C is not heard");
            std::future::pending::<()>().await;
        }
    };
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(error) => {
                tracing::warn!(%error, "SIGTERM is not heard");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_not_shown() {
        let url = "http://me:hunter2@horizon.example/path".parse().unwrap();
        assert_eq!(without_userinfo(&url).as_str(), "http://horizon.example/path");
    }
}
