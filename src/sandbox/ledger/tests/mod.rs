//! What the ledger takes, refuses and keeps, by subject.

mod conservation;
mod control;
mod money;
mod queue;
mod sponsorship;
mod validity;
