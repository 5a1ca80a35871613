use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::refund::RefundAddressBody;
use super::reservation::Resolution;
use super::text::{AccountText, AmountText, AssetText, IdText, TimeText};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::dead_letter::{Kind, LetterId};
use crate::domain::ids::{
    ClaimableId, LedgerSeq, OperationId, ReservationId, SubmissionId, TransferId, TxHash,
};
use crate::domain::money::Stroops;
use crate::domain::payment::PaymentId;
use crate::domain::transfer::{Submission, SubmissionState};

/// Something that the engine cannot bring further by itself, or has tried in vain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetter {
    /// Names it for as long as it is one: `kind:key`.
    #[schema(example = "held_reservation:150837286785024")]
    pub id: String,
    /// `stopped_engine`, `unreadable_record`, `unreadable_row`, `held_reservation`, `undeliverable_return`,
    /// `unpaid_repayment`, `untakeable_balance`, `unexplained_account` or `unknown_transaction`.
    #[schema(value_type = String, example = "held_reservation")]
    pub kind: Kind,
    /// Since when.
    #[schema(value_type = TimeText)]
    pub since: Timestamp,
    /// What it is, in a sentence.
    pub summary: String,
    /// Why, for programs: a code of the ledger, `undecided`, or why it could not be delivered; left out where
    /// nothing tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "op_src_not_authorized")]
    pub reason: Option<String>,
    /// How many transactions were tried, and had no effect; left out where there is nothing to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries: Option<u32>,
    /// How often the engine tried or looked in vain, without a transaction or with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looks: Option<u32>,
    /// When an engine that runs tries again, at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TimeText>)]
    pub next_look_at: Option<Timestamp>,
    /// The reservation it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdText>)]
    pub reservation_id: Option<ReservationId>,
    /// The payment it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub payment_id: Option<PaymentId>,
    /// The claimable balance it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub claimable_balance_id: Option<ClaimableId>,
    /// The transfer it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<IdText>)]
    pub transfer_id: Option<TransferId>,
    /// The account of the service it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AccountText>)]
    pub account: Option<AccountId>,
    /// Whom the money is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub to: Option<Address>,
    /// The ledger's operation it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub operation_id: Option<OperationId>,
    /// In what.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AssetText>)]
    pub asset: Option<Asset>,
    /// How much.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AmountText>)]
    pub amount: Option<Stroops>,
    /// How much of it its account lacks, as far as is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AmountText>)]
    pub lacks: Option<Stroops>,
    /// The last transaction that was to do it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction: Option<TriedTransaction>,
    /// The record as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The row that cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<Row>,
    /// Who dismissed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dismissed: Option<Dismissed>,
    /// What may safely be done about it. None of it can pay twice or lose anything.
    pub actions: Vec<Action>,
}

/// Names a row of the database, and the column of it that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = DatabaseRow)]
pub struct Row {
    /// The table.
    #[schema(example = "reservations")]
    pub table: String,
    /// The column that cannot be read.
    #[schema(example = "state_facts")]
    pub column: String,
    /// The columns that name the row, with their values.
    #[schema(example = "id 150837286785024")]
    pub key: String,
}

impl DeadLetter {
    /// One with nothing known but what it is.
    pub fn new(id: &LetterId, since: Timestamp, summary: String) -> Self {
        Self {
            id: id.to_string(),
            kind: id.kind,
            since,
            summary,
            reason: None,
            tries: None,
            looks: None,
            next_look_at: None,
            reservation_id: None,
            payment_id: None,
            claimable_balance_id: None,
            transfer_id: None,
            account: None,
            to: None,
            operation_id: None,
            asset: None,
            amount: None,
            lacks: None,
            transaction: None,
            record: None,
            row: None,
            dismissed: None,
            actions: Vec::new(),
        }
    }
}

/// A transaction that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TriedTransaction {
    /// Its id.
    #[schema(value_type = IdText)]
    pub id: SubmissionId,
    /// Its hash.
    #[schema(value_type = String)]
    pub hash: TxHash,
    /// `live` (no outcome is known), `failed` (in a ledger, without effect), `dead` (it can never land)
    /// or `confirmed`.
    #[schema(example = "failed")]
    pub state: &'static str,
    /// The ledger it failed in, or that proves it dead.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>)]
    pub ledger: Option<LedgerSeq>,
    /// The ledger's code for the whole, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "tx_failed")]
    pub code: Option<String>,
    /// The ledger's code for each operation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operation_codes: Vec<String>,
    /// How often it was sent.
    pub sent: u32,
    /// What the network last answered to it, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_answer: Option<String>,
    /// It cannot be in a ledger that closes after this.
    #[schema(value_type = TimeText)]
    pub max_time: Timestamp,
    /// The signed envelope, base64 XDR.
    pub envelope: String,
    /// The fee bumps that were sent around it, while it is live.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fee_bumps: Vec<Bump>,
}

/// A fee bump that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Bump {
    /// Its own hash.
    #[schema(value_type = String)]
    pub hash: TxHash,
    /// What it bids per operation, in stroops of XLM.
    pub fee_per_operation: u32,
    /// The signed envelope, base64 XDR.
    pub envelope: String,
}

impl From<Submission> for TriedTransaction {
    fn from(submission: Submission) -> Self {
        let state = submission.state.name();
        let (ledger, code, operation_codes) = match submission.state {
            SubmissionState::Live => (None, None, Vec::new()),
            SubmissionState::Confirmed { ledger, .. } => (Some(ledger), None, Vec::new()),
            SubmissionState::Failed { ledger, codes, .. } => {
                (Some(ledger), Some(codes.transaction), codes.operations)
            }
            SubmissionState::Dead { proved_at } => (Some(proved_at), None, Vec::new()),
        };
        Self {
            id: submission.id,
            hash: submission.hash,
            state,
            ledger,
            code,
            operation_codes,
            sent: submission.attempts,
            last_answer: submission.last_answer,
            max_time: submission.max_time,
            envelope: submission.envelope,
            fee_bumps: Vec::new(),
        }
    }
}

/// Somebody's word that nothing more is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Dismissed {
    /// When.
    #[schema(value_type = TimeText)]
    pub at: Timestamp,
    /// By whom: an API key, or the command line.
    #[schema(example = "API key 41")]
    pub by: String,
    /// Why.
    pub note: String,
}

/// What may be done about a dead letter: by a request, by a command, or by neither, where it is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Action {
    /// `wait`, `settle`, `refund`, `return`, `dismiss` or `look`.
    #[schema(example = "refund")]
    pub name: &'static str,
    /// What it does.
    pub summary: String,
    /// The request's method.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "POST")]
    pub method: Option<&'static str>,
    /// The request's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The request's body, as an example.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ActionBody>)]
    pub body: Option<serde_json::Value>,
    /// The same on the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// The body of an action's request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum ActionBody {
    /// A decision about a held reservation.
    Resolution(Resolution),
    /// Where money goes.
    Return(RefundAddressBody),
    /// Why a record needs nothing more.
    Dismissal(DismissalBody),
}

/// That a record needs nothing more.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DismissalBody {
    /// Why, for whoever asks later: 1 to 1,000 bytes.
    #[schema(min_length = 1, example = "a payment of another asset, sent back by hand")]
    pub note: Note,
}

/// A note of 1 to 1,000 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(try_from = "String")]
#[schema(value_type = String)]
pub struct Note(String);

/// Longest note, in bytes.
const NOTE_BYTES_MAX: usize = 1_000;

/// A note that is empty or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a note has 1 to {NOTE_BYTES_MAX} bytes")]
pub struct NoteError;

impl TryFrom<String> for Note {
    type Error = NoteError;

    fn try_from(text: String) -> Result<Self, NoteError> {
        if text.trim().is_empty() || text.len() > NOTE_BYTES_MAX { Err(NoteError) } else { Ok(Self(text)) }
    }
}

impl std::str::FromStr for Note {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        Self::try_from(text.to_owned())
    }
}

impl From<Note> for String {
    fn from(Note(text): Note) -> Self {
        text
    }
}
