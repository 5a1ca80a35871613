//! Dead letters: what was given up on or waits for a person, each with what may safely be done about it.
//!
//! They are read from what is stored, kind by kind, in the order of their ids: a page goes on after an id,
//! whether that letter is still there or not. What only an engine's memory holds is no part of it: accounts
//! of the platform's own that its history does not explain, and the codes of a transaction that was refused
//! and never landed (what the network last answered is there).

mod actions;
mod money;
mod rows;

use std::fmt::Display;
use std::str::FromStr;

use jiff::Timestamp;

use rows::{earlier, letters_of};

use crate::access::Decider;
use crate::api::{Bump, DeadLetter, Dismissed, Row, TriedTransaction};
use crate::domain::audit::Act;
use crate::domain::dead_letter::{Kind, LetterId, UNEXPLAINED_AFTER, UNKNOWN_AFTER};
use crate::domain::transfer::{Purpose, Submission};
use crate::ports::store::{Applied, Dismissal, NotedRow, Page, QuarantinedRecord, RecordId, StoreError, Tx};

/// Which dead letters to list.
#[derive(Debug, Clone, Default)]
pub struct LetterFilter {
    /// Only those of this kind.
    pub kind: Option<Kind>,
    /// Those that were dismissed, instead of those that are open.
    pub dismissed: bool,
}

/// Why dead letters are not read.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// A key that none of this kind has.
    #[error("{0} is no dead letter's id")]
    NoSuchId(LetterId),
    /// It is of a kind that goes away by itself, once what it is about goes on.
    #[error("a dead letter of kind {0} cannot be dismissed")]
    NotDismissable(Kind),
    /// The database did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Dead letters at `now`, by kind and id, after `after`; at most `limit`.
///
/// # Errors
/// [`DeadLetterError::NoSuchId`] for an `after` that cannot be.
pub async fn dead_letters(
    tx: &mut dyn Tx,
    filter: &LetterFilter,
    now: Timestamp,
    after: Option<&LetterId>,
    limit: u32,
) -> Result<Vec<DeadLetter>, DeadLetterError> {
    let mut letters: Vec<DeadLetter> = Vec::new();
    for &kind in Kind::ALL {
        let left = limit.saturating_sub(u32::try_from(letters.len()).unwrap_or(u32::MAX));
        let wanted = filter.kind.is_none_or(|wanted| wanted == kind);
        let before = after.is_some_and(|after| kind < after.kind);
        let has_none = filter.dismissed && kind != Kind::UnreadableRecord;
        if left == 0 || !wanted || before || has_none {
            continue;
        }
        let after = after.filter(|after| after.kind == kind);
        let part = Part { kind, dismissed: filter.dismissed, after, limit: left };
        letters.extend(part.read(tx, now).await?);
    }
    Ok(letters)
}

/// Letters of one kind, from a place in its list on.
struct Part<'a> {
    kind: Kind,
    dismissed: bool,
    after: Option<&'a LetterId>,
    limit: u32,
}

impl Part<'_> {
    async fn read(self, tx: &mut dyn Tx, now: Timestamp) -> Result<Vec<DeadLetter>, DeadLetterError> {
        let Self { kind, dismissed, after, limit } = self;
        match kind {
            Kind::StoppedEngine => match after {
                Some(_) => Ok(Vec::new()),
                None => Ok(stopped(tx).await?),
            },
            Kind::UnreadableRecord => {
                let after = after.map(record_id).transpose()?;
                let records = tx.quarantined_records(dismissed, after, limit).await?;
                let name = |(account, digest): RecordId| format!("{account}-{digest}");
                Ok(letters_of((kind, now), records, name, unreadable))
            }
            Kind::UnreadableRow => {
                let after = after.map(|after| after.key.clone());
                Ok(tx.unreadable_rows(after, limit).await?.into_iter().map(unreadable_row).collect())
            }
            Kind::HeldReservation => Ok(money::held(tx, now, key(after)?, limit).await?),
            Kind::UndeliverableReturn => Ok(money::given_back(tx, kind, now, (key(after)?, limit)).await?),
            Kind::UnpaidRepayment => Ok(money::given_back(tx, kind, now, (key(after)?, limit)).await?),
            Kind::UntakeableBalance => Ok(money::balances(tx, now, key(after)?, limit).await?),
            Kind::UnexplainedAccount => Ok(unexplained(tx, now, key(after)?, limit).await?),
            Kind::UnknownTransaction => Ok(unknown(tx, now, key(after)?, limit).await?),
        }
    }
}

/// The place in a kind's list that an id names.
fn key<T: FromStr>(after: Option<&LetterId>) -> Result<Option<T>, DeadLetterError> {
    let parse = |id: &LetterId| id.key.parse().map_err(|_| DeadLetterError::NoSuchId(id.clone()));
    after.map(parse).transpose()
}

fn record_id(id: &LetterId) -> Result<RecordId, DeadLetterError> {
    let no_such = || DeadLetterError::NoSuchId(id.clone());
    let (account, digest) = id.key.split_once('-').ok_or_else(no_such)?;
    Ok((account.parse().map_err(|_| no_such())?, digest.to_owned()))
}

/// Dismisses an unreadable record: it stays stored, and is listed only when asked for. The letter as it then
/// is; `None` if there is no such record. One that was dismissed keeps its first note. The note of an
/// unreadable row is removed: it is made again if somebody comes to the row and cannot read it.
///
/// # Errors
/// [`DeadLetterError::NotDismissable`] for any other kind: what is about money is listed until it is
/// where it belongs.
pub async fn dismiss(
    tx: &mut dyn Tx,
    decider: &Decider,
    id: &LetterId,
    note: &str,
) -> Result<Option<DeadLetter>, DeadLetterError> {
    let act = Act::LetterDismissed { letter: id.clone() };
    let dismissal = Dismissal { at: decider.now(), by: decider.actor().to_string(), note: note.to_owned() };
    if id.kind == Kind::UnreadableRow {
        let Some(noted) = tx.unreadable_row(&id.key).await? else { return Ok(None) };
        match tx.forget_unreadable(&id.key).await? {
            Applied::Executed => decider.record_with(tx, act, Some(note)).await?,
            Applied::AlreadyApplied => {}
        }
        let Dismissal { at, by, note } = dismissal;
        let (actions, dismissed) = (Vec::new(), Some(Dismissed { at, by, note }));
        return Ok(Some(DeadLetter { actions, dismissed, ..unreadable_row(noted) }));
    }
    if id.kind != Kind::UnreadableRecord {
        return Err(DeadLetterError::NotDismissable(id.kind));
    }
    let record = record_id(id)?;
    match tx.dismiss_record(&record, &dismissal).await? {
        Applied::Executed => decider.record_with(tx, act, Some(note)).await?,
        Applied::AlreadyApplied => {}
    }
    Ok(tx.quarantined_record(&record).await?.map(unreadable))
}

async fn stopped(tx: &mut dyn Tx) -> Result<Vec<DeadLetter>, StoreError> {
    let Some(stopped) = tx.engine_status().await?.and_then(|status| status.stopped) else {
        return Ok(Vec::new());
    };
    let (account, operation, transaction) = (stopped.account, stopped.operation, stopped.transaction);
    let summary = format!(
        "The engine stopped: operation {operation} took money from {account}, and its transaction \
         {transaction} is not ours. Somebody else has the platform's key, or this is another key's database."
    );
    let mut letter = DeadLetter::new(&LetterId::new(Kind::StoppedEngine, operation), stopped.since, summary);
    letter.reason = Some("foreign_transaction".to_owned());
    letter.account = Some(account);
    letter.operation_id = Some(operation);
    letter.actions = vec![actions::look_at_the_books(), actions::accept(operation)];
    Ok(vec![letter])
}

fn unreadable(QuarantinedRecord { id, record, dismissed }: QuarantinedRecord) -> DeadLetter {
    let id = LetterId::new(Kind::UnreadableRecord, format_args!("{}-{}", id.0, id.1));
    let summary = format!(
        "A record in the history of {} could not be understood, and was put aside: {}.",
        record.account, record.reason
    );
    let mut letter = DeadLetter::new(&id, record.at, summary);
    letter.reason = Some(record.reason);
    letter.account = Some(record.account);
    letter.operation_id = record.operation;
    letter.record = Some(record.json);
    if dismissed.is_none() {
        letter.actions = vec![actions::dismiss(&id)];
    }
    letter.dismissed = dismissed.map(|Dismissal { at, by, note }| Dismissed { at, by, note });
    letter
}

fn unreadable_row(noted: NotedRow) -> DeadLetter {
    let NotedRow { id, table, column, key, reason, since, .. } = noted;
    let id = LetterId::new(Kind::UnreadableRow, id);
    let summary = format!(
        "A row of the database cannot be read: {table}.{column} of {key} cannot be: {reason}. What it is \
         about stands still; everything else goes on."
    );
    let mut letter = DeadLetter::new(&id, since, summary);
    letter.reason = Some(reason);
    letter.row = Some(Row { table, column, key });
    letter.actions = vec![actions::mend_the_row(), actions::dismiss(&id)];
    letter
}

async fn unexplained(
    tx: &mut dyn Tx,
    now: Timestamp,
    after: Option<crate::domain::address::AccountId>,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let escrows = tx.escrows_unexplained(earlier(now, UNEXPLAINED_AFTER), after, limit).await?;
    let letter = |escrow: crate::domain::escrow::EscrowAccount| {
        let since = escrow.watch.dirty_since.unwrap_or(now);
        let account = escrow.account;
        let summary = format!(
            "The balances of {account} are not what its history explains: something came or left that was \
             not understood, or Horizon does not tell it yet. Deadlines of its reservation are not decided \
             meanwhile."
        );
        let mut letter = DeadLetter::new(&LetterId::new(Kind::UnexplainedAccount, account), since, summary);
        letter.account = Some(account);
        letter.reservation_id = escrow.state.reservation();
        letter.actions = vec![actions::wait_for_history(), actions::look_at_the_books()];
        letter
    };
    let name = |account: crate::domain::address::AccountId| account.to_string();
    Ok(letters_of((Kind::UnexplainedAccount, now), escrows, name, letter))
}

async fn unknown(
    tx: &mut dyn Tx,
    now: Timestamp,
    after: Option<crate::domain::ids::SubmissionId>,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let over_since = earlier(now, UNKNOWN_AFTER);
    let mut live = tx.live_submissions().await?.into_rows();
    live.retain(|(id, row)| {
        let is_over = row.as_ref().map_or(true, |one| one.max_time <= over_since);
        is_over && id.is_some_and(|id| after.is_none_or(|after| id > after))
    });
    live.sort_by_key(|(id, _)| *id);
    live.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    if live.is_empty() {
        return Ok(Vec::new());
    }
    let bumps = tx.live_fee_bumps().await?.readable(|_| {});
    let letter = |submission: Submission| {
        let summary = format!(
            "What became of transaction {}, which {}, is not known, although it can no longer land: \
             Horizon's history may have a gap, or it is behind. What it moves is not tried again before that \
             is known.",
            submission.hash,
            purpose(&submission.purpose)
        );
        let id = LetterId::new(Kind::UnknownTransaction, submission.id);
        let mut letter = DeadLetter::new(&id, submission.max_time, summary);
        letter.account = Some(submission.channel);
        letter.tries = Some(1);
        let bumps = bumps.iter().filter(|bump| bump.submission == submission.id).map(|bump| Bump {
            hash: bump.hash,
            fee_per_operation: bump.fee_per_operation,
            envelope: bump.envelope.clone(),
        });
        let bumps = bumps.collect();
        letter.transaction = Some(TriedTransaction { fee_bumps: bumps, ..submission.into() });
        letter.actions = vec![actions::wait_for_an_outcome()];
        letter
    };
    let name = |id: crate::domain::ids::SubmissionId| id.to_string();
    Ok(letters_of((Kind::UnknownTransaction, now), Page::new(live), name, letter))
}

fn purpose(purpose: &Purpose) -> impl Display {
    match purpose {
        Purpose::OpenChannels { .. } => "opens channels",
        Purpose::TopUpChannels { .. } => "tops channels up",
        Purpose::OpenEscrows { .. } => "opens escrow accounts",
        Purpose::PayTransfers { .. } => "pays",
        Purpose::Reclaim { .. } => "reclaims claimable balances",
        Purpose::CloseEscrows { .. } => "closes escrow accounts",
        Purpose::Recovered => "was found on the ledger",
    }
}
