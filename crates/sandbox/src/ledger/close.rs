//! The next ledger: which of the waiting transactions, in which order, and what is kept of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sha2::{Digest, Sha256};
use stellar_xdr::{
    Hash, LedgerHeader, LedgerHeaderExt, Limits, StellarValue, StellarValueExt, TimePoint, VecM, WriteXdr,
};

use super::apply::{self, Applied, participants};
use super::limits::{BASE_FEE_STROOPS, QUEUE_LEDGERS_MAX, SECOND_MS};
use super::outcome::Outcome;
use super::queue::Queued;
use super::signatures::Verified;
use super::state::BASE_RESERVE_STROOPS;
use super::validity::{Window, check_submitted};
use super::view::{Now, View};
use super::{Ledger, operations, unix_seconds};
use crate::ledger::history::{LedgerRecord, NewOperation, OpRecord, TxRecord};
use crate::network::TOTAL_COINS_STROOPS;
use crate::xdr::Tx;
use stellar_types::address::AccountId;
use stellar_types::ids::{LedgerSeq, OperationId};

/// The protocol whose rules these are.
pub const PROTOCOL_VERSION: u32 = 23;

/// What is special about a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// The smallest bid for one operation that it takes, in stroops: more than [`BASE_FEE_STROOPS`] while
    /// strangers, whom this ledger does not have, fill it up.
    pub fee_floor: i64,
}

impl Default for Weather {
    fn default() -> Self {
        Self { fee_floor: i64::from(BASE_FEE_STROOPS) }
    }
}

impl Ledger {
    /// Closes the next ledger, in fair weather.
    pub fn close(&mut self, at: Timestamp) -> LedgerSeq {
        self.close_in(Weather::default(), at)
    }

    /// When the next ledger closes that would close at `at`: ledger time never goes back. Ledgers of a second
    /// and more close in different seconds, as on the public network; shorter ones, and those closed by
    /// hand, may share one, or their time would run away from the clock's.
    fn closing_time(&self, at: Timestamp) -> u64 {
        let latest = self.latest().time;
        let earliest = if self.genesis.ledger_ms >= SECOND_MS { latest.saturating_add(1) } else { latest };
        unix_seconds(at).max(earliest)
    }

    /// Closes the next ledger at `at`, or as soon after the last one as a ledger can.
    pub fn close_in(&mut self, weather: Weather, at: Timestamp) -> LedgerSeq {
        let now = Now { ledger: self.next_number(), time: self.closing_time(at) };
        let (chosen, base_fee) = self.choose(weather.fee_floor, now);
        self.make(now, chosen, base_fee);
        now.ledger
    }

    /// Makes again a ledger that was made before, from what was in it. Nothing is checked that was checked
    /// then; who replays compares the hashes.
    pub fn replay(&mut self, time: u64, base_fee: i64, transactions: Vec<Tx>) -> LedgerSeq {
        let now = Now { ledger: self.next_number(), time };
        let queued = |tx| Queued { tx, verified: Verified::new(), ledgers_waited: 0 };
        self.make(now, transactions.into_iter().map(queued).collect(), base_fee);
        now.ledger
    }

    /// Applies transactions in their order: the fees of all are taken first.
    fn make(&mut self, now: Now, chosen: Vec<Queued>, base_fee: i64) {
        self.remember();
        let charged: Vec<i64> = chosen
            .iter()
            .map(|queued| {
                let fee = base_fee.saturating_mul(i64::from(queued.tx.fee_operations()));
                apply::charge(&mut self.state, &queued.tx, fee.min(queued.tx.bid()), now)
            })
            .collect();
        let mut records = Vec::with_capacity(chosen.len());
        for (place, (mut queued, fee)) in (1_u32..).zip(chosen.into_iter().zip(charged)) {
            self.fee_pool = self.fee_pool.saturating_add(fee);
            let applied = apply::apply(&mut self.state, &queued.tx, now, &mut queued.verified);
            records.push(self.file(queued, fee, applied, place, now));
        }
        self.seal(now, &records, base_fee);
    }

    /// Takes transactions from the queue, the highest fee rate first, and puts them in their order. What
    /// is no longer valid, or has waited too long, is dropped and never appears.
    fn choose(&mut self, fee_floor: i64, now: Now) -> (Vec<Queued>, i64) {
        // Drawn anew for each ledger, so that a sandbox that was stopped goes on as if it had not been.
        let mut order = ChaCha12Rng::seed_from_u64(self.genesis.seed);
        order.set_stream(u64::from(now.ledger.0));
        let mut waiting: Vec<_> = self.queue.take().map(|queued| (order.next_u64(), queued)).collect();
        // Rates compare as fractions: bid / operations.
        waiting.sort_by(|(a_draw, a), (b_draw, b)| {
            let rate = |x: &Queued, y: &Queued| i128::from(x.tx.bid()) * i128::from(y.tx.fee_operations());
            rate(b, a).cmp(&rate(a, b)).then(a_draw.cmp(b_draw))
        });
        let window = Window { earliest: now.time, latest: now.time };
        let mut owed: BTreeMap<AccountId, i64> = BTreeMap::new();
        let (mut operations, mut full) = (0_u32, false);
        let mut chosen: Vec<(u64, Queued)> = Vec::new();
        for (draw, mut queued) in waiting {
            let payer = queued.tx.fee_source();
            let owes = owed.get(&payer).copied().unwrap_or(0);
            let view = View::new(&self.state, now);
            if check_submitted(&queued.tx, &view, window, owes, &mut queued.verified).is_err() {
                continue;
            }
            let sum = operations.saturating_add(queued.tx.fee_operations());
            let bids_enough =
                queued.tx.bid() >= fee_floor.saturating_mul(i64::from(queued.tx.fee_operations()));
            if bids_enough && sum <= self.genesis.ledger_operations_max {
                operations = sum;
                owed.insert(payer, owes.saturating_add(queued.tx.bid()));
                chosen.push((draw, queued));
                continue;
            }
            full |= bids_enough;
            queued.ledgers_waited += 1;
            if queued.ledgers_waited < QUEUE_LEDGERS_MAX {
                self.queue.insert(queued);
            }
        }
        let lowest = chosen.last().map(|(_, queued)| queued.tx.bid() / i64::from(queued.tx.fee_operations()));
        let base = i64::from(BASE_FEE_STROOPS).max(fee_floor);
        let base_fee = if full { lowest.unwrap_or(base).max(base) } else { base };
        chosen.sort_by_key(|(draw, queued)| (*draw, Reverse(queued.tx.hash)));
        (chosen.into_iter().map(|(_, queued)| queued).collect(), base_fee)
    }

    fn file(&mut self, queued: Queued, fee: i64, applied: Applied, place: u32, now: Now) -> Arc<TxRecord> {
        let outcome = Outcome::of(&queued.tx, fee, applied.verdict);
        let record = Arc::new(TxRecord {
            id: OperationId::from_parts(now.ledger, place, 0),
            closed_at: now.time,
            result: outcome.to_xdr(),
            successful: outcome.is_success(),
            fee_charged: fee,
            tx: queued.tx,
        });
        let new_operation = |(at, trace): (usize, apply::Trace)| {
            let operation = &record.tx.inner().tx.operations[at];
            let source = operations::source_of(operation, record.tx.source());
            let number = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
            NewOperation {
                participants: participants(&operation.body, source, &trace),
                record: OpRecord {
                    id: OperationId::from_parts(now.ledger, place, number),
                    tx: Arc::clone(&record),
                    at,
                    source,
                    entry_sponsor: trace.entry_sponsor,
                    ended_sponsor: trace.ended_sponsor,
                },
                balances: trace.balances,
                effects: trace.effects,
            }
        };
        let new: Vec<_> = applied.traces.into_iter().enumerate().map(new_operation).collect();
        self.history.add_transaction(Arc::clone(&record), applied.touched, new);
        record
    }

    /// Writes the header of a ledger. Its bucket list hash stands for all that led to the state: the
    /// previous header's and every transaction and result of this one.
    pub(super) fn seal(&mut self, now: Now, records: &[Arc<TxRecord>], base_fee: i64) {
        let previous = self
            .history
            .latest()
            .map_or(([0; 32], Hash([0; 32])), |ledger| (ledger.hash, ledger.header.bucket_list_hash.clone()));
        let (mut sets, mut results) = (Sha256::new(), Sha256::new());
        sets.update(previous.0);
        results.update(previous.1.0);
        for record in records {
            sets.update(record.tx.hash.0);
            results.update(record.result.to_xdr(Limits::none()).unwrap_or_default());
        }
        let (sets, results) = (Hash(sets.finalize().into()), Hash(results.finalize().into()));
        let header = LedgerHeader {
            ledger_version: PROTOCOL_VERSION,
            previous_ledger_hash: Hash(previous.0),
            scp_value: StellarValue {
                tx_set_hash: sets,
                close_time: TimePoint(now.time),
                upgrades: VecM::default(),
                ext: StellarValueExt::Basic,
            },
            tx_set_result_hash: results.clone(),
            bucket_list_hash: results,
            ledger_seq: now.ledger.0,
            total_coins: TOTAL_COINS_STROOPS,
            fee_pool: self.fee_pool,
            inflation_seq: 0,
            id_pool: 0,
            base_fee: BASE_FEE_STROOPS,
            base_reserve: BASE_RESERVE_STROOPS,
            max_tx_set_size: self.genesis.ledger_operations_max,
            skip_list: [Hash([0; 32]), Hash([0; 32]), Hash([0; 32]), Hash([0; 32])],
            ext: LedgerHeaderExt::V0,
        };
        let count = |successful: bool| records.iter().filter(move |record| record.successful == successful);
        let operations = |record: &Arc<TxRecord>| record.tx.operation_count();
        self.history.add_ledger(LedgerRecord {
            sequence: now.ledger,
            hash: Sha256::digest(header.to_xdr(Limits::none()).unwrap_or_default()).into(),
            header,
            closed_at: now.time,
            successful: u32::try_from(count(true).count()).unwrap_or(u32::MAX),
            failed: u32::try_from(count(false).count()).unwrap_or(u32::MAX),
            operations: count(true).map(operations).sum(),
            operations_all: records.iter().map(operations).sum(),
            base_fee,
        });
    }
}
