//! The JSON shapes, shared by HTTP, webhooks, exports and `--json`.
//!
//! Amounts are strings with up to seven decimals, assets `CODE:ISSUER` or `native`, times RFC 3339 in UTC,
//! ids decimal strings. What comes in is refused by name where it has fields that are not known; every shape
//! brings an example, which the API's document shows. Nothing here decides anything.

mod audit;
mod catalog;
mod dead_letter;
mod distribution;
mod event;
pub mod examples;
mod page;
mod payment;
mod payout_change;
mod pool;
mod problem;
mod refund;
mod reservation;
mod sep7;
mod text;

pub use audit::AuditEntry;
pub use catalog::{
    Currency, CurrencyBody, Farm, FarmBody, Identity, IdentityBody, Node, NodeBody, Resources,
};
pub use dead_letter::{
    Action, ActionBody, Bump, DeadLetter, DismissalBody, Dismissed, Note, NoteError, Row, TriedTransaction,
};
pub use distribution::{Distribution, DistributionChoice, Share};
pub use event::Event;
pub use page::{LIST_ITEMS_DEFAULT, LIST_ITEMS_MAX, Page};
pub use payment::{ClaimableBalance, Liability, Memo, Payment, Returned};
pub use payout_change::{CallOffBody, PayoutChange, SignatureBody};
pub use pool::{Grant, Pool};
pub use problem::{ProblemBody, ProblemCode};
pub use refund::{MemoBody, MemoKind, RefundAddress, RefundAddressBody};
pub use reservation::{
    Breakdown, Escrow, Extends, Funding, Leg, PaymentOption, Reservation, ReservationOrder, Resolution,
    ResolutionDecision, Settlement, UnitPrices,
};
pub use sep7::pay_uri;
pub use text::{
    AccountText, AmountText, AssetText, IdText, Name, Rate, TenantText, TimeText, Units, UnitsText,
};
