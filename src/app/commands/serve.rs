//! `farmgate serve`: the service, until it is asked to stop.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::app::config::{self, ConfigArgs, Overrides};
use crate::app::error::CommandError;
use crate::app::telemetry;
use crate::app::wire::{self, Service};

/// `farmgate serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The address the API listens on [default: 127.0.0.1:8480].
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Horizon's URL [default: the sandbox on this machine].
    #[arg(long, value_name = "URL")]
    pub horizon: Option<Url>,
}

impl ServeArgs {
    /// The overrides these flags mean.
    pub fn overrides(&self) -> Overrides {
        let mut overrides = self.config.overrides();
        overrides.values.extend(self.listen.map(|listen| ("http.listen", listen.to_string())));
        overrides.values.extend(self.horizon.iter().map(|url| ("stellar.horizon_url", url.to_string())));
        overrides
    }
}

/// Runs the service.
pub(super) async fn run(args: &ServeArgs) -> Result<ExitCode, CommandError> {
    let secret = config::platform_secret(|name| std::env::var(name).ok())?;
    let config = config::load_with_key(&args.config, args.overrides(), &secret)?;
    telemetry::start(&config.log);
    let service = Service::open(&config, &secret).await?;
    let (found, now) = service.schema;
    tracing::info!(
        address = %service.address,
        schema_found = %found,
        schema = %now,
        database = %config.database.url,
        horizon = %config.stellar.horizon_url,
        platform = %config.stellar.platform,
        "farmgate serves"
    );
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        wire::asked_to_stop().await;
        tracing::info!("stopping");
        asked.cancel();
    });
    service.run(stop).await?;
    Ok(ExitCode::SUCCESS)
}
