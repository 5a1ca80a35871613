//! What an engine finds when its term begins, said in one statement.

use std::collections::BTreeMap;

use super::tick::Engine;
use crate::domain::escrow::ChannelRole;
use crate::ports::store::{LIST_ROWS_MAX, Lease, StoreError};

impl Engine {
    /// Logs whose lease it was, what is under way, what waits, and since when.
    pub(super) async fn say_what_is_found(&self, token: i64, before: &Lease) {
        let from = before.holder.as_deref().unwrap_or("nobody");
        if let Err(error) = self.find(token, from).await {
            tracing::warn!(token, lease_from = from, %error, "engine starts without its database");
        }
    }

    async fn find(&self, token: i64, from: &str) -> Result<(), StoreError> {
        let now = self.ports.now();
        let age = |since: jiff::Timestamp| now.duration_since(since).as_secs();
        let mut tx = self.ports.read().await?;
        let status = tx.engine_status().await?;
        let reservations = tx.reservation_counts().await?;
        let funded = tx.oldest_funded().await?;
        let live = self.ports.readable(tx.live_submissions().await?);
        let unknown = tx.oldest_unknown().await?;
        let (pending, oldest_pending) = tx.pending_transfers().await?;
        let channels = self.ports.readable(tx.channels().await?);
        let channels = channels.iter();
        let channels =
            channels.filter(|one| one.role == ChannelRole::Channel && one.opening.is_none()).count();
        let mut warm = 0;
        for assets in tx.escrow_asset_lists(LIST_ROWS_MAX).await? {
            warm += tx.escrows_available(&assets).await?;
        }
        let letters = tx.dead_letter_counts(now).await?;
        let letters: BTreeMap<&str, u64> = letters
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(|(kind, count)| (kind.as_str(), *count))
            .collect();
        tx.rollback().await?;
        tracing::info!(
            token,
            lease_from = from,
            last_tick_seconds_ago = status.as_ref().map(|status| age(status.ticked_at)),
            last_ledger = status.as_ref().map(|status| status.ledger.0),
            ?reservations,
            oldest_funded = funded.map(|(id, _)| id.get()),
            oldest_funded_seconds = funded.map(|(_, since)| age(since)),
            live_transactions = live.len(),
            oldest_live_seconds = live.iter().map(|one| age(one.created_at)).max(),
            oldest_unknown = unknown.map(|(id, _)| id.get()),
            oldest_unknown_seconds = unknown.map(|(_, since)| age(since)),
            pending_transfers = pending,
            oldest_pending_transfer = oldest_pending.map(|id| id.get()),
            channels,
            warm_accounts = warm,
            dead_letters = ?letters,
            "engine starts"
        );
        Ok(())
    }
}
