//! Builds and signs transactions.
//!
//! Talks to the signer, never to Horizon. New accounts' own keys live only while they sign here, are sealed
//! to the recovery key if there is one, and are overwritten then: nobody can sign for those accounts but the
//! platform's signer and the recovery signers. A sealed key signs only for an address that was merged and
//! is there again. Each key that is needed signs once, since the ledger refuses surplus signatures. Fails
//! with [`BuildError`]; nothing was sent then.

use std::sync::Arc;

use super::envelope;
use super::fee_bump::FeeBump;
use super::keys::SecretSeed;
use super::plan::{self, Owners};
use super::sealing;
use super::tx::{self, Signature};
use crate::domain::address::AccountId;
use crate::domain::ids::TxHash;
use crate::domain::sealing::{SealedSecret, SealingKey};
use crate::ports::entropy::Entropy;
use crate::ports::network::{
    BuildError, SignedFeeBump, SignedTransaction, TRANSACTION_SIGNATURES_MAX, TransactionPlan,
};
use crate::ports::signer::Signer;

/// Builds transactions for one network and one platform.
pub struct TransactionFactory {
    network_id: [u8; 32],
    owners: Owners,
    sealing_key: Option<SealingKey>,
    signer: Arc<dyn Signer>,
    entropy: Arc<dyn Entropy>,
}

impl TransactionFactory {
    /// A factory for the network with this passphrase. `platform` sponsors, `signer` signs, `recovery`
    /// can recover.
    pub fn new(
        passphrase: &str,
        platform: AccountId,
        recovery: Vec<AccountId>,
        signer: Arc<dyn Signer>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let owners = Owners { platform, signer: signer.public_key(), recovery };
        Self { network_id: envelope::network_id(passphrase), owners, sealing_key: None, signer, entropy }
    }

    /// The same factory, which seals the secrets of the accounts it opens to this key; `None` drops them.
    #[must_use]
    pub fn sealing_to(self, sealing_key: Option<SealingKey>) -> Self {
        Self { sealing_key, ..self }
    }

    /// Who stands behind the accounts it opens.
    pub const fn owners(&self) -> &Owners {
        &self.owners
    }

    /// The hash by which the network knows an envelope of ours.
    pub fn hash(&self, envelope: &str) -> Option<TxHash> {
        envelope::hash(envelope, &self.network_id).ok()
    }

    /// Builds and signs `plan`.
    pub async fn build(&self, plan: &TransactionPlan) -> Result<SignedTransaction, BuildError> {
        let created = plan::accounts_created(&plan.body);
        if created >= TRANSACTION_SIGNATURES_MAX {
            let reason = format!("{created} accounts need more signatures than fit");
            return Err(BuildError::Invalid { reason });
        }
        let seeds: Vec<SecretSeed> =
            (0..created).map(|_| SecretSeed::generate(self.entropy.as_ref())).collect();
        let accounts: Vec<AccountId> = seeds.iter().map(SecretSeed::public_key).collect();
        let outline = plan::outline(plan, &self.owners, &accounts)?;
        let unsigned = tx::encode(&outline, &[])?;
        let hash = envelope::check(&unsigned, &outline, &[], &self.network_id)?;
        let sealed = self.seal(&seeds)?;
        let mut signatures =
            vec![Signature { key: self.owners.signer, bytes: self.signer.sign(hash).await? }];
        signatures
            .extend(seeds.iter().map(|seed| Signature { key: seed.public_key(), bytes: seed.sign(hash) }));
        drop(seeds);
        let envelope = tx::encode(&outline, &signatures)?;
        let signers: Vec<AccountId> = signatures.iter().map(|signature| signature.key).collect();
        if envelope::check(&envelope, &outline, &signers, &self.network_id)? != hash {
            return Err(BuildError::Invalid { reason: "signing changed the transaction".to_owned() });
        }
        let claimables = envelope::claimables(&outline)?;
        Ok(SignedTransaction { hash, envelope, accounts, sealed, claimables })
    }

    /// Wraps an envelope of ours in a fee bump that the platform pays, and signs it.
    pub async fn bump_fee(
        &self,
        envelope: &str,
        fee_per_operation: u32,
    ) -> Result<SignedFeeBump, BuildError> {
        let platform = self.owners.platform;
        let bump = FeeBump::around(envelope, platform, fee_per_operation, &self.network_id)?;
        let (key, bytes) = (self.owners.signer, self.signer.sign(bump.hash()).await?);
        let fee_per_operation = bump.fee_per_operation();
        let (hash, envelope) = (bump.hash(), bump.signed(key, bytes)?);
        Ok(SignedFeeBump { hash, envelope, fee_per_operation })
    }

    fn seal(&self, seeds: &[SecretSeed]) -> Result<Vec<SealedSecret>, BuildError> {
        let Some(key) = self.sealing_key else { return Ok(Vec::new()) };
        let sealed = seeds.iter().map(|seed| sealing::seal(key, seed, self.entropy.as_ref()));
        sealed.collect::<Result<_, _>>().map_err(|error| BuildError::Invalid { reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests;
