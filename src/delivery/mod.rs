//! What the outside is told: events get their numbers here.

mod numbering;

pub use numbering::{keep_numbering, number_events};
