//! Accounts that are no more: what their histories still prove.
//!
//! An account that is gone has no sequence number to compare with. But a list of its transactions that
//! holds the one that removed it is from an instance that has read that far, so that what is not in this
//! list before it never landed. Nor will it: an account that is made again begins with a sequence
//! number far above.

use super::client::{HorizonClient, unreadable};
use super::{json, records, resources};
use crate::domain::address::AccountId;
use crate::domain::ids::TxHash;
use crate::ports::network::{NetworkError, PAGE_RECORDS_MAX, Removed};

/// Most pages that are read of one history.
const PAGES_MAX: usize = 10;
const MERGE: &str = "account_merge";

impl HorizonClient {
    /// What became of `sequence` of an account that is no more; `None` proves nothing.
    pub async fn removed(&self, account: AccountId, sequence: i64) -> Result<Option<Removed>, NetworkError> {
        match self.removal(account).await? {
            Some(removal) => self.used_before(account, sequence, removal).await,
            None => Ok(None),
        }
    }

    /// The transaction that merged the account into another, if that is among the latest of its history.
    async fn removal(&self, account: AccountId) -> Result<Option<TxHash>, NetworkError> {
        const WHAT: &str = "/accounts/{id}/operations";
        let target = format!("/accounts/{account}/operations?limit={PAGE_RECORDS_MAX}&order=desc");
        let answer = self.get(WHAT, target).await?;
        if !answer.found {
            return Ok(None);
        }
        for record in json::page(&answer.body).map_err(|error| unreadable(WHAT, &error))? {
            let Ok(operation) = records::any_operation(record) else { continue };
            if operation.kind == MERGE && operation.source.account() == Some(account) {
                return Ok(Some(operation.transaction));
            }
        }
        Ok(None)
    }

    async fn used_before(
        &self,
        account: AccountId,
        sequence: i64,
        removal: TxHash,
    ) -> Result<Option<Removed>, NetworkError> {
        const WHAT: &str = "/accounts/{id}/transactions";
        let (mut cursor, mut removed_at) = (String::new(), None);
        for _ in 0..PAGES_MAX {
            let target = format!(
                "/accounts/{account}/transactions?cursor={cursor}&include_failed=true\
                 &limit={PAGE_RECORDS_MAX}&order=desc"
            );
            let answer = self.get(WHAT, target).await?;
            if !answer.found {
                return Ok(None);
            }
            let page = json::page(&answer.body).map_err(|error| unreadable(WHAT, &error))?;
            let unused = |removed_at: Option<_>| removed_at.map(|removed_at| Removed::Unused { removed_at });
            let full = page.len() >= PAGE_RECORDS_MAX;
            for record in page {
                // One that cannot be read may be the one that is looked for.
                let one = resources::transaction(record).map_err(|error| unreadable(WHAT, &error))?;
                if one.hashes.contains(&removal) {
                    removed_at = Some(one.record.ledger);
                }
                if one.record.source == account && one.record.sequence == sequence {
                    return Ok(Some(Removed::Used(Box::new(one.record))));
                }
                if one.record.source == account && one.record.sequence < sequence {
                    return Ok(unused(removed_at));
                }
                cursor = one.record.position.to_string();
            }
            if !full {
                return Ok(unused(removed_at));
            }
        }
        Ok(None)
    }
}
