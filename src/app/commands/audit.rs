//! `farmgate audit`: who decided what.

use std::process::ExitCode;

use clap::Args;

use crate::api::AuditEntry;
use crate::app::config::{self, ConfigArgs};
use crate::app::database;
use crate::app::error::CommandError;
use crate::app::output::{note, say, say_json, table};
use crate::app::wire::ServiceError;
use crate::domain::ids::ApiKeyId;
use crate::domain::subject::Subject;
use crate::ports::store::{AuditFilter, LIST_ROWS_MAX, Pages};

/// `farmgate audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Only decisions about this: a kind and an id, such as farm:17.
    #[arg(long, value_name = "KIND:ID", conflicts_with = "api_key")]
    pub subject: Option<Subject>,
    /// Only decisions by the API key with this id.
    #[arg(long, value_name = "ID")]
    pub api_key: Option<ApiKeyId>,
    /// Print JSON for programs.
    #[arg(long)]
    pub json: bool,
}

/// Lists them, oldest first.
pub(super) async fn run(args: AuditArgs) -> Result<ExitCode, CommandError> {
    let settings =
        config::load_database(args.config.config.as_deref(), std::env::vars(), &args.config.overrides())?;
    let store = database::existing(&settings).await?;
    let filter = match (args.subject, args.api_key) {
        (Some(subject), _) => AuditFilter::About(subject),
        (None, Some(key)) => AuditFilter::By(key),
        (None, None) => AuditFilter::All,
    };
    let (mut entries, mut pages) = (Vec::new(), Pages::new());
    while let Some(after) = pages.after() {
        let mut tx = store.begin_read().await.map_err(ServiceError::from)?;
        let page = tx.audit_entries(&filter, after, LIST_ROWS_MAX).await.map_err(ServiceError::from)?;
        pages.turn(&page);
        entries.extend(page.readable(|row| note(&row.to_string())).into_iter().map(AuditEntry::from));
    }
    if args.json {
        say_json(&entries)?;
    } else {
        say(&listed(&entries))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A line for each, for people.
fn listed(entries: &[AuditEntry]) -> String {
    let mut table = table(["when", "by", "what", "about", "before and since", "why"]);
    for entry in entries {
        let mut by: Vec<String> =
            entry.signer.iter().map(|signer| format!("{signer} by its signature")).collect();
        match (&entry.api_key_id, &entry.request_id) {
            (Some(key), Some(request)) => by.extend([format!("API key {key}"), format!("request {request}")]),
            _ => by.push(if entry.actor == "engine" { "the engine" } else { "the command line" }.to_owned()),
        }
        let terms = [&entry.before, &entry.after].into_iter().flatten().map(ToString::to_string);
        let why = entry.reason.clone().unwrap_or_default();
        let (what, about) = (entry.r#type.to_owned(), entry.subject.clone());
        table.add_row([
            entry.at.to_string(),
            by.join("\n"),
            what,
            about,
            terms.collect::<Vec<_>>().join("\n"),
            why,
        ]);
    }
    format!("{table}\n{} decisions", entries.len())
}
