//! What the database belongs to, and by which ledgers its network is recognised.

use async_trait::async_trait;

use super::rows::{Facts, Row, Table, to_json};
use super::session::Session;
use super::sql::{args, statements};
use crate::domain::deployment::{Deployment, DeploymentFacts};
use crate::domain::ledger::{Divergence, Ledger};
use crate::ports::store::{DeploymentTx, StoreError};

const DEPLOYMENT: Table = Table { name: "deployment", key: &["id"] };

statements! {
    KNOWN = "SELECT id, network_passphrase, platform, first_facts, latest_ledger, latest_facts,
            divergence_facts FROM deployment WHERE id = 1";
    CLAIM = "UPDATE deployment SET network_passphrase = $1, platform = $2
        WHERE id = 1 AND network_passphrase IS NULL";
    NOTE = "UPDATE deployment SET first_facts = COALESCE(first_facts, $2), latest_ledger = $1,
            latest_facts = $2 WHERE id = 1 AND (latest_ledger IS NULL OR latest_ledger <= $1)";
    CONVERGE = "UPDATE deployment SET divergence_facts = NULL WHERE id = 1 AND divergence_facts IS NOT NULL";
    DIVERGE = "UPDATE deployment SET divergence_facts = $1 WHERE id = 1";
}

fn of(facts: &Facts<'_>) -> Result<Option<Deployment>, StoreError> {
    let Some(network_passphrase) = facts.text_or_none("network_passphrase")? else { return Ok(None) };
    Ok(Some(Deployment { network_passphrase, platform: facts.parsed("platform")? }))
}

fn known(row: &Row) -> Result<DeploymentFacts, StoreError> {
    let facts = row.of(&DEPLOYMENT);
    let latest: Option<Ledger> = facts.json_or_none("latest_facts")?;
    if let Some(latest) = latest {
        facts.agrees("latest_ledger", facts.ledger("latest_ledger")?, latest.sequence)?;
    }
    Ok(DeploymentFacts {
        deployment: of(&facts)?,
        first: facts.json_or_none("first_facts")?,
        latest,
        divergence: facts.json_or_none("divergence_facts")?,
    })
}

#[async_trait]
impl DeploymentTx for Session {
    async fn deployment(&mut self) -> Result<DeploymentFacts, StoreError> {
        match self.row(KNOWN, args![]).await? {
            Some(row) => known(&row),
            None => Err(self.over(StoreError::Corrupt {
                table: DEPLOYMENT.name,
                column: "id",
                key: "id 1".to_owned(),
                reason: "the row is missing".to_owned(),
            })),
        }
    }

    async fn claim_deployment(&mut self, deployment: &Deployment) -> Result<bool, StoreError> {
        let args = args![deployment.network_passphrase.as_str(), deployment.platform.to_string()];
        Ok(self.execute(CLAIM, args).await? > 0)
    }

    async fn note_ledger(&mut self, ledger: Ledger) -> Result<(), StoreError> {
        self.execute(NOTE, args![ledger.sequence.0, to_json(&ledger)?]).await?;
        self.execute(CONVERGE, args![]).await?;
        Ok(())
    }

    async fn note_divergence(&mut self, divergence: Divergence) -> Result<(), StoreError> {
        self.execute(DIVERGE, args![to_json(&divergence)?]).await?;
        Ok(())
    }
}
