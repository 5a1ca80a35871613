//! What no payment list tells of an account: merges into it, clawbacks, claims and trades, read from
//! its effects.
//!
//! Asked only about accounts whose balances their payments do not explain, or from which something left that
//! by their payments was not owed. Each operation is taken in by one database transaction under its own
//! identity, so that reading effects again changes nothing. What cannot be understood is put aside with its
//! JSON.

use super::attribution::{Ingested, take_in};
use super::ingest::Histories;
use super::quarantine::quarantine;
use super::watched_account::WatchedAccount;
use crate::domain::address::AccountId;
use crate::domain::asset::Asset;
use crate::domain::escrow::HistoryCursor;
use crate::domain::ids::OperationId;
use crate::domain::money::Stroops;
use crate::domain::payment::{Memo, Payment, PaymentId, PaymentKind};
use crate::ports::network::{
    EffectId, EffectKind, EffectRecord, NetworkError, OperationRecord, PAGE_RECORDS_MAX,
};
use crate::ports::store::{Applied, PaymentFilter};
use crate::settlement::books::accepted::{accept_loss, is_accepted};
use crate::settlement::books::clawbacks::claw_back;
use crate::settlement::books::entries::{AcceptedLoss, Clawback};
use crate::settlement::books::work::UnitOfWork;
use crate::settlement::recovery::recover::is_sent_by_us;
use crate::settlement::{EngineError, TickReport};

/// Most pages of one account's effects read at one look; the rest is for the next.
const EFFECT_PAGES_MAX: u32 = 20;
/// Most operations that are looked up for one account at one look.
const OPERATIONS_PER_LOOK_MAX: u32 = 50;
/// Past the last effect of an operation: Horizon takes 31 bits there.
const LAST_INDEX: u32 = i32::MAX as u32;

/// What is known of an operation's effects before it is looked up.
enum Known {
    /// It moved no balance, or what it moved is in the books.
    Told,
    /// It must be looked up.
    Untold,
}

/// How far a look at an account's effects came.
struct EffectsRead {
    /// True if something was taken in.
    taken: bool,
    /// Everything before this operation is taken in; `None` if nothing is told of it.
    before: Option<OperationId>,
}

impl Histories {
    /// Takes in what an account's effects tell beyond its payments; true if something was.
    pub(in crate::settlement) async fn take_in_effects(
        &self,
        account: AccountId,
        report: &mut TickReport,
    ) -> Result<bool, EngineError> {
        Ok(self.read_effects(account, report).await?.taken)
    }

    /// Takes in what an account's effects tell that came before an operation of its payments.
    ///
    /// # Errors
    /// If they do not tell as much yet: an instance that is behind proves nothing.
    pub(super) async fn take_in_effects_before(
        &self,
        account: AccountId,
        operation: OperationId,
        report: &mut TickReport,
    ) -> Result<(), EngineError> {
        if self.read_effects(account, report).await?.before >= Some(operation) {
            return Ok(());
        }
        let what = format!("operation {operation} of account {account}");
        let reason = "what effects tell before it is not there yet".to_owned();
        Err(NetworkError::OfOneThing { what, reason, asked: true }.into())
    }

    async fn read_effects(
        &self,
        account: AccountId,
        report: &mut TickReport,
    ) -> Result<EffectsRead, EngineError> {
        let (mut taken, mut looked_up) = (false, 0);
        let mut cursor = self.effects_cursor(account).await?;
        for _ in 0..EFFECT_PAGES_MAX {
            let page = self.ports.network.effects(account, cursor, PAGE_RECORDS_MAX).await?;
            let full = page.len() >= PAGE_RECORDS_MAX;
            let mut groups = by_operation(page);
            // The effects of the last operation may go on on the next page; an operation has far fewer
            // than a page.
            let cut_off = if full && groups.len() > 1 { groups.pop() } else { None };
            for (operation, effects) in groups {
                let stops = |taken| Ok(EffectsRead { taken, before: Some(operation) });
                if looked_up >= OPERATIONS_PER_LOOK_MAX {
                    return stops(taken);
                }
                let record = match self.known(account, operation, &effects).await? {
                    Known::Told => None,
                    Known::Untold => {
                        looked_up += 1;
                        // Not there on the instance that answered: it will be, later.
                        let Some(record) = self.ports.network.operation(operation).await? else {
                            return stops(taken);
                        };
                        if is_told_as_payment(&record.kind) && !self.is_read(account, operation).await? {
                            return stops(taken);
                        }
                        Some(record)
                    }
                };
                taken |= self.take_in_operation(account, operation, effects, record, report).await?;
                cursor = cursor.max(Some(EffectId { operation, index: LAST_INDEX }));
            }
            if cut_off.is_none() {
                break;
            }
        }
        Ok(EffectsRead { taken, before: cursor.map(|last| last.operation) })
    }

    /// Where an account's effects were looked at last, or need not be looked at: an escrow account's are all
    /// ours to read, from its creation on.
    async fn effects_cursor(&self, account: AccountId) -> Result<Option<EffectId>, EngineError> {
        let own = self.ports.read().await?.history_cursor(account).await?.map(|watch| watch.effects);
        let seen = self.effects_seen.lock().get(&account).copied();
        Ok(own.max(seen).map(|operation| EffectId { operation, index: LAST_INDEX }))
    }

    /// True if an account's payments are taken in up to this operation, which they tell. Where they are
    /// behind, effects go no further: what came before a clawback and is not known yet may have to bear it.
    async fn is_read(&self, account: AccountId, operation: OperationId) -> Result<bool, EngineError> {
        let place = WatchedAccount::load(&mut *self.ports.read().await?, account).await?;
        Ok(place.is_none_or(|place| operation <= place.cursor()))
    }

    async fn known(
        &self,
        account: AccountId,
        operation: OperationId,
        effects: &[EffectRecord],
    ) -> Result<Known, EngineError> {
        if !effects.iter().any(|effect| moves(&effect.kind)) {
            return Ok(Known::Told);
        }
        let before = PaymentId { operation: OperationId(operation.0 - 1), change: u16::MAX };
        let mut tx = self.ports.read().await?;
        let stored = tx.payments(&PaymentFilter::default(), Some(before), 1).await?;
        let is_stored = stored
            .first()
            .is_some_and(|one| one.payment.id.operation == operation && one.payment.to == account);
        Ok(if is_stored { Known::Told } else { Known::Untold })
    }

    async fn take_in_operation(
        &self,
        account: AccountId,
        operation: OperationId,
        effects: Vec<EffectRecord>,
        record: Option<OperationRecord>,
        report: &mut TickReport,
    ) -> Result<bool, EngineError> {
        let funders = self.funders();
        let ingested = self
            .ports
            .transact(move |work| {
                let funders = funders.clone();
                let (effects, record) = (effects.clone(), record.clone());
                Box::pin(async move {
                    let Some(place) = WatchedAccount::load(work.tx(), account).await? else {
                        return Ok(Ingested::default());
                    };
                    if place.history_ends().is_some_and(|end| operation > end) {
                        return Ok(Ingested::default());
                    }
                    let mut ingested = Ingested::default();
                    for effect in &effects {
                        let taken = Untold { place: &place, funders: &funders, operation };
                        taken.take(work, effect, record.as_ref(), &mut ingested).await?;
                    }
                    if let WatchedAccount::System { watch, .. } = place {
                        let after = HistoryCursor { effects: watch.effects.max(operation), ..watch };
                        work.set_history_cursor(account, Some(watch), after).await?;
                    }
                    Ok::<_, EngineError>(ingested)
                })
            })
            .await?;
        ingested.note(report);
        let mut effects_seen = self.effects_seen.lock();
        let seen = effects_seen.entry(account).or_insert(operation);
        *seen = operation.max(*seen);
        drop(effects_seen);
        Ok(ingested.payments + ingested.clawbacks > 0)
    }
}

/// True if an effect changed a balance, or may have.
const fn moves(kind: &EffectKind) -> bool {
    match kind {
        EffectKind::Credited { .. } | EffectKind::Debited { .. } | EffectKind::Traded => true,
        EffectKind::Nothing | EffectKind::Unreadable { .. } => false,
    }
}

/// Effects by their operations, in order; one without a place belongs to the operation before it,
/// or to none (0).
fn by_operation(page: Vec<EffectRecord>) -> Vec<(OperationId, Vec<EffectRecord>)> {
    let mut groups: Vec<(OperationId, Vec<EffectRecord>)> = Vec::new();
    for effect in page {
        let operation = effect.id.map(|id| id.operation);
        match (operation, groups.last_mut()) {
            (None, Some((_, group))) => group.push(effect),
            (Some(operation), Some((last, group))) if *last == operation => group.push(effect),
            (operation, _) => groups.push((operation.unwrap_or(OperationId(0)), vec![effect])),
        }
    }
    groups
}

/// Operations that the payment list tells in full: what they moved is taken in from there.
fn is_told_as_payment(kind: &str) -> bool {
    matches!(
        kind,
        "create_account"
            | "payment"
            | "path_payment"
            | "path_payment_strict_receive"
            | "path_payment_strict_send"
            | "invoke_host_function"
    )
}

/// An operation on an account of ours that no payment list tells.
struct Untold<'a> {
    place: &'a WatchedAccount,
    funders: &'a [AccountId],
    operation: OperationId,
}

impl Untold<'_> {
    async fn take(
        &self,
        work: &mut UnitOfWork<'_>,
        effect: &EffectRecord,
        record: Option<&OperationRecord>,
        ingested: &mut Ingested,
    ) -> Result<(), EngineError> {
        if let EffectKind::Unreadable { json, reason } = &effect.kind {
            let account = self.place.account();
            return quarantine(work, account, Some(self.operation), json.clone(), reason.clone()).await;
        }
        let Some(record) = record else { return Ok(()) };
        let is_ours = is_sent_by_us(work.tx(), record.envelope_hash()).await?;
        if is_ours || !moves(&effect.kind) {
            return Ok(());
        }
        let by_our_key = record.source.account() == Some(self.place.account());
        match (record.kind.as_str(), &effect.kind) {
            (kind, EffectKind::Credited { .. } | EffectKind::Debited { .. }) if is_told_as_payment(kind) => {
                Ok(())
            }
            ("account_merge", EffectKind::Credited { asset, amount }) => {
                self.arrive(work, record, PaymentKind::Merge, (*asset, *amount), ingested).await
            }
            ("claim_claimable_balance", EffectKind::Credited { asset, amount }) => {
                self.arrive(work, record, PaymentKind::Claim, (*asset, *amount), ingested).await
            }
            ("clawback", EffectKind::Debited { asset, amount }) => {
                let id = PaymentId { operation: self.operation, change: 0 };
                let account = self.place.account();
                let clawback = Clawback { id, asset: *asset, amount: *amount, at: record.closed_at };
                let booked = claw_back(work, account, self.place.reservation(), &clawback).await?;
                ingested.clawbacks += u32::from(booked == Applied::Executed);
                Ok(())
            }
            (_, EffectKind::Debited { asset, amount }) if by_our_key => {
                let change = effect.id.map_or(0, |id| u16::try_from(id.index).unwrap_or(u16::MAX));
                let id = PaymentId { operation: self.operation, change };
                let loss = AcceptedLoss { id, asset: *asset, amount: *amount, at: record.closed_at };
                let (account, reservation) = (self.place.account(), self.place.reservation());
                match accept_loss(work, account, reservation, &loss).await? {
                    true => Ok(()),
                    false => Err(self.foreign(record)),
                }
            }
            (_, EffectKind::Traded)
                if by_our_key && !is_accepted(work.tx(), self.place.account(), self.operation).await? =>
            {
                Err(self.foreign(record))
            }
            (kind, _) => {
                let json = serde_json::json!({
                    "type": kind, "id": self.operation, "transaction_hash": record.transaction,
                    "effect": format!("{:?}", effect.kind),
                });
                let reason = format!("{kind} changed a balance in a way that is not known");
                quarantine(work, self.place.account(), Some(self.operation), json.to_string(), reason).await
            }
        }
    }

    fn foreign(&self, record: &OperationRecord) -> EngineError {
        EngineError::ForeignOutgoing {
            account: self.place.account(),
            operation: self.operation,
            transaction: record.transaction,
        }
    }

    async fn arrive(
        &self,
        work: &mut UnitOfWork<'_>,
        record: &OperationRecord,
        kind: PaymentKind,
        (asset, amount): (Asset, Stroops),
        ingested: &mut Ingested,
    ) -> Result<(), EngineError> {
        if amount.is_zero() {
            return Ok(());
        }
        let payment = Payment {
            id: PaymentId { operation: self.operation, change: 0 },
            kind,
            to: self.place.account(),
            to_muxed_id: None,
            // A claim is our own operation: who made the balance is not in it.
            from: (kind == PaymentKind::Merge).then_some(record.source),
            asset,
            amount,
            transaction: record.transaction,
            ledger: self.operation.ledger(),
            closed_at: record.closed_at,
            memo: record.memo.clone().unwrap_or(Memo::None),
        };
        take_in(work, self.place, self.funders, payment, ingested).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_of_an_operation_stay_together_and_lost_ones_go_with_their_neighbour() {
        let effect = |id: Option<(i64, u32)>| EffectRecord {
            id: id.map(|(operation, index)| EffectId { operation: OperationId(operation), index }),
            kind: EffectKind::Nothing,
        };
        let page = [None, Some((7, 1)), Some((7, 2)), None, Some((9, 1))].map(effect).to_vec();
        let groups: Vec<_> = by_operation(page).iter().map(|(id, group)| (id.0, group.len())).collect();
        assert_eq!(groups, [(0, 1), (7, 3), (9, 1)]);
        assert!(by_operation(vec![]).is_empty());
    }
}
