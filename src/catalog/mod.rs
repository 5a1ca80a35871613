//! Farms, nodes and identities, as they are described, and changes of who is paid.
//!
//! What changes who is paid does not change at once: see [`crate::domain::payout_change`]. Until such a
//! change is in force the thing stands as it was; whatever else the same description says is so at once.

mod describing;
mod error;
mod farms;
mod identities;
mod known;
mod nodes;
mod payout_changes;

pub use describing::{Described, Describing};
pub use error::{ChangeError, Error};
pub use farms::describe_farm;
pub use identities::describe_identity;
pub use known::Known;
pub use nodes::describe_node;
pub use payout_changes::{call_off, put_in_force_if_due, sign};
