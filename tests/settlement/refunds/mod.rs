//! Money that goes back to its payers, and returns that cannot be delivered.

mod returns;
mod undeliverable;
