//! A wallet for trying things out: it gets money from the sandbox, trusts assets and pays.
//!
//! A wallet is a name, from which its key follows, or a secret (`S…`). Named wallets are anyone's: that is
//! why it talks to loopback only. It builds and signs its transactions by itself, and never retries one.

mod client;
mod error;
mod holdings;
mod key;
mod limits;
mod memo;
mod named;
mod payments;

pub use client::{Funded, Horizon, Receipt};
pub use error::WalletError;
pub use holdings::Holdings;
pub use key::{Wallet, keypair};
pub use limits::{MEMO_TEXT_BYTES_MAX, NAME_CHARS_MAX};
pub use memo::Memo;
pub use named::{Named, NamedAddress};
pub use payments::{Received, Said};
