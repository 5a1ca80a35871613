//! Decisions that end a reservation or hold it, and what waits for a person.

mod clawbacks;
mod dead_letters;
mod deadlines;
mod forgetting;
mod hard_cases;
mod silence;
mod unreadable_rows;
