use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::text::{AccountText, AmountText, AssetText, IdText, TimeText};
use crate::domain::address::{AccountId, Address};
use crate::domain::asset::Asset;
use crate::domain::ids::{LedgerSeq, ReservationId, TxHash};
use crate::domain::money::Stroops;
use crate::domain::payment::{self, Attribution, PaymentId};

/// A transaction's memo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Memo {
    /// `none`, `text`, `id`, `hash` or `return`.
    #[schema(example = "text")]
    pub r#type: &'static str,
    /// Its value; hashes in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "p-5629499534213120")]
    pub value: Option<String>,
}

impl From<&payment::Memo> for Memo {
    fn from(memo: &payment::Memo) -> Self {
        let (r#type, value) = match memo {
            payment::Memo::None => ("none", None),
            payment::Memo::Text(text) => ("text", Some(text.clone())),
            payment::Memo::Id(id) => ("id", Some(id.to_string())),
            payment::Memo::Hash(hash) => ("hash", Some(hash.to_string())),
            payment::Memo::Return(hash) => ("return", Some(hash.to_string())),
        };
        Self { r#type, value }
    }
}

/// Money that came in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Payment {
    /// Operation id and change index: its identity for ever.
    #[schema(value_type = String, example = "9108135936987137-0")]
    pub id: PaymentId,
    /// `payment`, `path_payment`, `create_account` or `contract_transfer`.
    #[schema(example = "payment")]
    pub kind: &'static str,
    /// `counted`, `late`, `other_asset` or `unassigned`.
    #[schema(example = "counted")]
    pub attribution: &'static str,
    /// The reservation of the account it came to.
    #[schema(value_type = Option<IdText>)]
    pub reservation_id: Option<ReservationId>,
    /// Who paid: an account, a muxed account or a contract.
    #[schema(value_type = Option<String>)]
    pub from: Option<Address>,
    /// The account that was credited.
    #[schema(value_type = AccountText)]
    pub to: AccountId,
    /// In what.
    #[schema(value_type = AssetText)]
    pub asset: Asset,
    /// How much arrived.
    #[schema(value_type = AmountText)]
    pub amount: Stroops,
    /// The transaction that carried it.
    #[schema(value_type = String)]
    pub transaction: TxHash,
    /// The ledger it is in.
    #[schema(value_type = u32)]
    pub ledger: LedgerSeq,
    /// When that ledger closed: what decides whether it was in time.
    #[schema(value_type = TimeText)]
    pub closed_at: Timestamp,
    /// The transaction's memo.
    pub memo: Memo,
}

impl Payment {
    /// A payment with what it was taken for.
    pub fn new(
        payment: &payment::Payment,
        reservation_id: Option<ReservationId>,
        attribution: Attribution,
    ) -> Self {
        Self {
            id: payment.id,
            kind: payment.kind.as_str(),
            attribution: attribution.as_str(),
            reservation_id,
            from: payment.from,
            to: payment.to,
            asset: payment.asset,
            amount: payment.amount,
            transaction: payment.transaction,
            ledger: payment.ledger,
            closed_at: payment.closed_at,
            memo: (&payment.memo).into(),
        }
    }
}
