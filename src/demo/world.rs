//! What the demo runs: a sandbox, the service, and the folder of its database. Whatever happens, nothing of
//! it stays.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use farmgate_sandbox::Sandbox;
use farmgate_sandbox::wallet::Horizon;
use secrecy::ExposeSecret;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::error::{DemoError, wallet_error};
use super::fixture::Fixture;
use super::grid::Grid;
use super::settings::{self, LEDGER_MILLIS};
use super::view::View;
use crate::access;
use crate::app::clock::{SystemClock, at_the_command_line};
use crate::app::wire::{self, Service, ServiceError};
use crate::ports::store::{Role, Store, transact};
use crate::stellar::StellarNetwork;

/// What the database's folder is called.
const FOLDER_PREFIX: &str = "farmgate-demo-";

/// Whether somebody has asked the process to stop.
#[derive(Clone)]
pub(super) struct Stop(CancellationToken);

impl Stop {
    /// Listens from now on: to whatever stops the service, and to the terminal's end.
    pub(super) fn listen() -> Self {
        let asked = CancellationToken::new();
        let listener = asked.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = wire::asked_to_stop() => {}
                () = hung_up() => {}
            }
            listener.cancel();
        });
        Self(asked)
    }

    pub(super) async fn asked(&self) {
        self.0.cancelled().await;
    }

    /// What `work` gives, or nothing if somebody asks to stop before.
    pub(super) async fn unless_asked<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.asked() => None,
            done = work => Some(done),
        }
    }
}

/// Resolves when the terminal is closed.
async fn hung_up() {
    match signal(SignalKind::hangup()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(error) => {
            tracing::warn!(%error, "SIGHUP is not heard");
            std::future::pending::<()>().await;
        }
    }
}

/// Everything that runs.
pub(super) struct World {
    pub(super) fixture: Arc<Fixture>,
    pub(super) store: Arc<dyn Store>,
    pub(super) network: Arc<StellarNetwork>,
    /// Where the API listens.
    pub(super) address: SocketAddr,
    pub(super) explorer_key: String,
    sandbox: farmgate_sandbox::Handle,
    folder: TempDir,
    stop: CancellationToken,
    serving: JoinHandle<Result<(), ServiceError>>,
}

impl World {
    /// Starts all of it; nothing if somebody asks to stop meanwhile.
    pub(super) async fn start(view: &View, asked: &Stop) -> Result<Option<Self>, DemoError> {
        let settings =
            farmgate_sandbox::Settings { ledger_ms: LEDGER_MILLIS, ..farmgate_sandbox::Settings::default() };
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let sandbox = Sandbox::start(settings, Arc::new(SystemClock), any_port).await?;
        view.line(&format!("sandbox network at {}, a ledger every {LEDGER_MILLIS} ms", sandbox.url()))?;
        let horizon = Horizon::at(&sandbox.url()).map_err(|source| wallet_error("sandbox", source))?;
        let Some(grid) = asked.unless_asked(Grid::new(&horizon, &sandbox.sandbox)).await else {
            return Ok(None);
        };
        let grid = grid?;

        // From here on there are files: whoever asks to stop waits until they can be removed.
        let folder = tempfile::Builder::new().prefix(FOLDER_PREFIX).tempdir().map_err(DemoError::Folder)?;
        let config = settings::config(&sandbox, folder.path(), &grid)?;
        let service = Service::open(&config, &settings::secret(&grid)).await?;
        let (store, network) = (Arc::clone(&service.store), Arc::clone(&service.network));
        let address = service.address;
        let explorer_key = key(&store, "explorer", Role::Explorer).await?;
        let explorer = Client::new(address, explorer_key.clone())?;
        let operator = Client::new(address, key(&store, "operator", Role::Operator).await?)?;
        let fixture =
            Arc::new(Fixture { horizon, sandbox: sandbox.sandbox.clone(), grid, explorer, operator });
        let stop = CancellationToken::new();
        let serving = tokio::spawn(service.run(stop.clone()));
        view.line(&format!("service at http://{address}, its API documented at http://{address}/docs"))?;
        Ok(Some(Self { fixture, store, network, address, explorer_key, sandbox, folder, stop, serving }))
    }

    pub(super) fn sandbox_url(&self) -> String {
        self.sandbox.url()
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Stops all of it and removes the folder.
    pub(super) async fn stop(self) -> Result<(), DemoError> {
        self.stop.cancel();
        let served = match self.serving.await {
            Ok(served) => served,
            Err(error) => Err(ServiceError::EngineTask(error)),
        };
        self.sandbox.stop().await;
        // The database stays open until here, so that nothing is written to the folder while it goes.
        self.folder.close().map_err(DemoError::Folder)?;
        Ok(served?)
    }
}

async fn key(store: &Arc<dyn Store>, name: &'static str, role: Role) -> Result<String, DemoError> {
    let made = transact(store, move |tx| {
        Box::pin(async move { access::create_key(tx, &at_the_command_line(), name, role, None).await })
    });
    Ok(made.await?.secret.expose_secret().to_owned())
}
