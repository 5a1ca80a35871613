//! The settlement engine: watches escrow accounts, takes in payments, pays out, and recovers.
//!
//! One [`Engine::tick`] looks at the ledger once and brings every reservation as far as it can go. It is made
//! of steps, each with its own memory: `inbound` takes in, `outbound` builds and sends, `outcome` learns what
//! became of it, `recovery` finds what a restored database does not know, and all of them write by `books`.
//! `engine` composes them.
//!
//! Never here: HTTP, SQL, XDR, or a transaction rebuilt while its predecessor could still land. Failure of
//! the network or the database ends a tick early and loses nothing; the next one starts from storage again.

mod backoff;
mod books;
mod engine;
mod error;
mod high_water_mark;
mod inbound;
mod isolating_network;
mod memory;
mod outbound;
mod outcome;
mod outside;
mod recovery;
mod report;
mod settings;
mod unreadable;

pub use engine::leadership::{Candidate, Leadership, Look, Watched};
pub use engine::tick::Engine;
pub use error::EngineError;
pub use inbound::foreign_claimables::WAITING_SECONDS_MAX;
pub use outbound::held::{Decision, ResolveError, held, resolve};
pub use outbound::redirect::{ReturnError, return_to};
pub use outside::Outside;
pub use report::TickReport;
pub use settings::{QUIET_PERIOD_SECONDS_MAX, Settings};
