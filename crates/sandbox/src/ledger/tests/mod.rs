//! What the ledger takes, refuses and keeps, by subject.

mod claimable;
mod conservation;
mod control;
mod issuers;
mod money;
mod offers;
mod queue;
mod revoking;
mod sponsorship;
mod validity;
